"""Who may revoke: whoever knows the admin secret, and nobody who guesses at it."""

import base64
import hashlib
import re
from collections.abc import Mapping

from bearerproof.contract.decisions import Decision
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof.members import Json
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.keyserver import race_requests
from bearerproof_fuzz.keyserver.driver import Grant, KeyServerDriver
from bearerproof_fuzz.keyserver.revocation_asserts import A_CROWD, NOBODYS_JTI, WRONG, crowd, dead, live, peers, revoked
from bearerproof_fuzz.keyserver.setting import ADMIN, DEFAULT, HOME, OTHER, OTHER_PEER, PEER, PROXY, KeyServerConfig
from bearerproof_fuzz.needs import CLOCK, CONFIGURE, FORWARDED, RACE, THROTTLE, TICK
from bearerproof_fuzz.oracles import rates

# --- who may ask


def _not_the_secret(grant: Grant, secret: str = ADMIN) -> dict[str, str | None]:
    digest = hashlib.sha256(secret.encode())
    return {
        "nothing": None,
        "an empty text": "",
        "a blank": " ",
        "a NUL": "\0",
        "null": "null",
        "another text": WRONG,
        "its first half": secret[: len(secret) // 2],
        "all but its last letter": secret[:-1],
        "all but its first letter": secret[1:],
        "its first letter": secret[0],
        "more than it": secret + "x",
        "it twice": secret * 2,
        "it in upper case": secret.upper(),
        "it in the other case": secret.swapcase(),
        "it with a capital letter": secret.capitalize(),
        "it after a blank": f" {secret}",
        "it before a blank": f"{secret} ",
        "it before a line feed": f"{secret}\n",
        "it before a NUL": f"{secret}\0",
        "it before a NUL and more": f"{secret}\0more",
        "it in quotes": f'"{secret}"',
        "it after Bearer": f"Bearer {secret}",
        "it backwards": secret[::-1],
        "a text of its length": "x" * len(secret),
        "a look-alike": secret.replace("a", "\u0430", 1),
        "a full-width letter": secret.replace("a", "\uff41", 1),
        "it in base64": base64.b64encode(secret.encode()).decode(),
        "its digest": digest.hexdigest(),
        "its digest in base64": base64.b64encode(digest.digest()).decode(),
        "a pattern": "*",
        "another pattern": ".*",
        "5,000 letters": "a" * 5000,
        "an issued bearer": grant.bearer,
        "the id of a token": grant.jti,
        "the name of the setting": "admin_secret",
    }


@check("REV-7")
def test_one_token_without_the_secret(mark: CheckId, trial: Trial) -> None:
    """Whatever is not exactly the admin secret revokes no token; the secret itself then does."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    places = peers()
    for name, admin in _not_the_secret(grant).items():
        decision = server.revoke(grant.jti, admin=admin, peer=next(places))
        server.refused(decision, "unauthorized", f"the admin credential is {name}")
        live(server, grant, summary=f"a revocation was asked for with {name} as the admin credential")
    revoked(server, server.revoke(grant.jti), 1, "the admin credential is the secret")


@check("REV-7")
def test_identity_without_the_secret(mark: CheckId, trial: Trial) -> None:
    """Whatever is not exactly the admin secret revokes no identity; the secret itself then does."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    places = peers()
    for name, admin in _not_the_secret(grant).items():
        decision = server.revoke_all("alice", admin=admin, peer=next(places))
        server.refused(decision, "unauthorized", f"the admin credential is {name}")
        live(server, grant, summary=f"a bulk revocation was asked for with {name} as the admin credential")
    revoked(server, server.revoke_all("alice"), 1, "the admin credential is the secret")


@check("REV-7")
def test_no_bearer_is_an_admin(mark: CheckId, trial: Trial) -> None:
    """No issued bearer or subject token is the admin secret, be it its holder's own or an administrator's."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    claims: Json = {"groups": ["admin", "administrators"], "email": "admin@example.com", "admin": True}
    admins = server.issue("admin", **claims)
    presented = {
        "the bearer of the token": grant.bearer,
        "the bearer of somebody called admin": admins.bearer,
        "a subject token": server.subject_token("admin", **claims),
    }
    places = peers()
    for name, credential in presented.items():
        decision = server.revoke(grant.jti, admin=credential, peer=next(places))
        server.refused(decision, "unauthorized", f"the admin credential is {name}")
        decision = server.revoke_all("alice", admin=credential, peer=next(places))
        server.refused(decision, "unauthorized", f"the admin credential is {name}")
    live(server, grant, admins, summary="a revocation was asked for with a token as the admin credential")


_SECRETS = (
    "s",
    "correct horse battery staple",
    "\u00e9\u00fc\u4e2d-secret",
    "trailing ",
    "0",
    "true",
    "a:b",
    'q"q',
    "long " * 30,
)
"""Secrets that a careless comparison takes for something else, or for nothing."""

_FIELD_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?")
"""What a header field carries as it is, in whatever language it is read (RFC 9110 §5.5)."""


@check("REV-7", needs=(CONFIGURE,))
def test_any_secret(mark: CheckId, trial: Trial) -> None:
    """A secret is compared as it is, whatever it consists of."""
    over_http = trial.declaration.key_server.runs_on
    for secret in filter(_FIELD_VALUE.fullmatch, _SECRETS) if over_http else _SECRETS:
        server = KeyServerDriver(trial, DEFAULT.but(admin_secret=secret))
        grant = server.issue()
        places = peers()
        for name, admin in _not_the_secret(grant, secret).items():
            if admin != secret:
                decision = server.revoke(grant.jti, admin=admin, peer=next(places))
                server.refused(decision, "unauthorized", f"the secret is {secret!r} and the credential {name}")
        revoked(server, server.revoke(grant.jti, admin=secret), 1, f"the admin credential is the secret {secret!r}")


# --- guessing


@check("REV-8", needs=(THROTTLE, CONFIGURE))
def test_failures_are_limited(mark: CheckId, trial: Trial) -> None:
    """Of a run of wrong secrets from one peer no more are judged than the configuration says; the rest is told so."""
    for most in (1, 5, 20):
        server = KeyServerDriver(trial, DEFAULT.but(admin_failures=most))
        grant = server.issue()
        codes = [_guess(server, grant, number).code for number in range(3 * most + 10)]
        if codes.count("unauthorized") > most or codes[0] != "unauthorized":
            expected = f"at most {most} judged, the first among them"
            server.fail("one peer guesses the admin secret", expected, f"{codes.count('unauthorized')} judged")


def _guess(server: KeyServerDriver, grant: Grant, number: int, **at: str) -> Decision:
    """Try a wrong secret, each time another one and for something else."""
    which, guess = number // 2 % 2, f"guess-{number}"
    if number % 2:
        decision = server.revoke_all("alice", (HOME.issuer, OTHER.issuer)[which], admin=guess, **at)
    else:
        decision = server.revoke((grant.jti, NOBODYS_JTI)[which], admin=guess, **at)
    server.refused(decision, ("unauthorized", "rate_limited"), "the admin secret is wrong")
    return decision


@check("REV-8", needs=(THROTTLE, CONFIGURE, RACE))
def test_guesses_at_once_are_limited(mark: CheckId, trial: Trial) -> None:
    """Of many wrong secrets that one peer presents at the same time no more are judged than one after another."""
    for most in (1, 5, 5, 5):
        server = KeyServerDriver(trial, DEFAULT.but(admin_failures=most))
        grant = server.issue()
        guesses = [race_requests.revoke(grant.jti, admin=f"guess-{number}") for number in range(40)]
        judged = 0
        for decision in server.race(guesses):
            server.refused(decision, ("unauthorized", "rate_limited"), "the admin secret is wrong")
            judged += decision.code == "unauthorized"
        if not 1 <= judged <= most:
            server.fail("one peer guesses the admin secret at once", f"from 1 to {most} of 40 judged", f"{judged}")


@check("REV-8", needs=(THROTTLE, CONFIGURE, TICK))
def test_crowd_frees_no_guesser(mark: CheckId, trial: Trial) -> None:
    """However many others guess, a peer that has guessed too often stays limited; a while later everybody is heard."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    _use_up(server, grant)
    for peer in crowd(A_CROWD):
        _guess(server, grant, 0, peer=peer)
    server.refused(
        _guess(server, grant, 0), "rate_limited", "many others have guessed since the peer used its guesses up"
    )
    server.refused(server.revoke(grant.jti), "rate_limited", "many others have guessed, and the peer guesses right")
    server.wait(120)
    revoked(server, server.revoke(grant.jti, peer=OTHER_PEER), 1, "two minutes after a crowd a newcomer asks")
    server.refused(server.revoke(grant.jti), "not-active", "two minutes after a crowd the peer asks with the secret")


@check("REV-8", needs=(THROTTLE, CONFIGURE, TICK))
def test_slow_guessing_is_limited(mark: CheckId, trial: Trial) -> None:
    """Over minutes, too, no more wrong secrets of one peer are judged than its rate allows."""
    for most, gap in ((5, 2.0), (1, 7.0), (6, 0.5)):
        server = KeyServerDriver(trial, DEFAULT.but(admin_failures=most))
        grant = server.issue()
        tries = []
        for number in range(100):
            server.wait(gap)
            decision = _guess(server, grant, number)
            tries.append(rates.RateRequest.at(server.tick, admitted=decision.code == "unauthorized"))
        found = rates.excess(tries, most)
        if found is not None:
            server.fail("one peer guesses the admin secret for minutes", f"at most {found.most}", found.describe())


@check("REV-8", needs=(THROTTLE, CONFIGURE))
def test_right_secret_is_limited_too(mark: CheckId, trial: Trial) -> None:
    """A peer that has used up its failures does not learn which secret is the right one."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    _use_up(server, grant)
    for decision in (server.revoke(grant.jti), server.revoke_all("alice")):
        server.refused(decision, "rate_limited", "the peer has guessed too often, and now guesses right")
    live(server, grant, summary="its revocation was refused for too many guesses")


def _use_up(server: KeyServerDriver, grant: Grant, **at: str) -> None:
    """Guess until no more guesses are judged."""
    for number in range(server.setting.admin_failures + 1):
        decision = _guess(server, grant, number, **at)
    server.refused(decision, "rate_limited", "the peer has guessed more often than it may")


@check("REV-8", needs=(THROTTLE,))
def test_other_peers_are_not_limited(mark: CheckId, trial: Trial) -> None:
    """Whatever one peer guesses, another one is judged as ever: refused if wrong, heard if right."""
    server = KeyServerDriver(trial)
    grant, second = server.issue(), server.issue("bob")
    for number in range(50):
        _guess(server, grant, number)
    decision = server.revoke(grant.jti, admin=WRONG, peer=OTHER_PEER)
    server.refused(decision, "unauthorized", "another peer has guessed too often")
    revoked(server, server.revoke(grant.jti, peer=OTHER_PEER), 1, "another peer has guessed too often")
    revoked(server, server.revoke_all("bob", peer="198.51.100.77"), 1, "another peer has guessed too often")
    dead(server, grant, second, summary="the token was revoked")


@check("REV-8", needs=(THROTTLE, CONFIGURE, TICK))
def test_limit_ends(mark: CheckId, trial: Trial) -> None:
    """After a minute without guesses the right secret of that peer is heard again."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    _use_up(server, grant)
    server.wait(60)
    revoked(server, server.revoke(grant.jti), 1, "a minute has passed since the peer guessed too often")


@check("REV-8", needs=(THROTTLE,))
def test_right_secrets_do_not_count(mark: CheckId, trial: Trial) -> None:
    """However many revocations a peer asks for with the right secret, none of them is throttled."""
    server = KeyServerDriver(trial)
    for _ in range(40):
        grant = server.issue()
        revoked(server, server.revoke(grant.jti), 1, "an administrator revokes one token after the other")
        server.refused(server.revoke(grant.jti), "not-active", "the token was revoked before")


@check("REV-8", needs=(THROTTLE, CONFIGURE, FORWARDED))
def test_clients_behind_a_proxy(mark: CheckId, trial: Trial) -> None:
    """Behind a trusted proxy the client counts, so one that guesses does not keep out another."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    _use_up(server, grant, peer=PROXY, forwarded="203.0.113.5")
    decision = server.revoke(grant.jti, peer=PROXY, forwarded="203.0.113.6")
    revoked(server, decision, 1, "another client of the same proxy has guessed too often")


@check("REV-8", needs=(THROTTLE, CONFIGURE, FORWARDED))
def test_made_up_addresses(mark: CheckId, trial: Trial) -> None:
    """A peer gets no further guesses by naming another forwarded address each time, itself or through a proxy."""
    for name, peer, forwarded in (
        ("of a stranger", PEER, "203.0.113.{}"),
        ("before the client's own", PROXY, "203.0.113.{}, 192.0.2.200"),
    ):
        server = KeyServerDriver(trial)
        grant = server.issue()
        codes = [_guess(server, grant, n, peer=peer, forwarded=forwarded.format(n)).code for n in range(30)]
        if codes.count("unauthorized") > server.setting.admin_failures:
            expected = f"at most {server.setting.admin_failures} judged"
            server.fail(
                f"the admin secret is guessed under addresses {name}", expected, f"{codes.count('unauthorized')}"
            )


# --- no secret at all


_BLANK = {"nothing": "", "a blank": " ", "blanks": "    ", "a tab": "\t", "line feeds": "\r\n\n"}


@check("REV-10", needs=(CONFIGURE,))
def test_blank_secret_is_refused_at_load(mark: CheckId, trial: Trial) -> None:
    """An admin secret that is empty, blank or no text at all is no configuration."""
    server = KeyServerDriver(trial)
    for name, secret in {**_BLANK, "a number": 0, "a list": [], "false": False}.items():
        decision = server.configure(DEFAULT.but(extra={"admin_secret": secret}).as_json())
        if decision.good:
            server.fail(f"the admin secret consists of {name}", "the configuration is refused", decision)
    server.good(server.configure(DEFAULT.as_json()), "a sound configuration after others that are not")


@check("REV-10", needs=(CONFIGURE,))
def test_nobody_may_revoke_without_a_secret(mark: CheckId, trial: Trial) -> None:
    """Where no admin secret is configured every revocation is refused, and everything else goes on."""
    server = KeyServerDriver(trial, _WITHOUT_SECRET)
    grant = server.issue()
    places = peers()
    for name, admin in {**_not_the_secret(grant), **_ADMINS}.items():
        decision = server.revoke(grant.jti, admin=admin, peer=next(places))
        server.refused(decision, "unauthorized", f"there is no admin secret, and the credential is {name}")
        decision = server.revoke_all("alice", admin=admin, peer=next(places))
        server.refused(decision, "unauthorized", f"there is no admin secret, and the credential is {name}")
    live(server, grant, summary="a revocation was asked for where nobody may revoke")


_WITHOUT_SECRET: KeyServerConfig = DEFAULT.but(admin_secret=None)

_ADMINS = {"the secret of another server": ADMIN, "None": "None", "undefined": "undefined", "admin": "admin"}


# --- credential first


_ASKED: Mapping[str, Mapping[str, str]] = {
    "a token of nobody": {"jti": NOBODYS_JTI},
    "an id that is none": {"jti": "x"},
    "an empty id": {"jti": ""},
    "an endless id": {"jti": "a" * 5000},
    "both names": {"issuer": HOME.issuer, "subject": "alice"},
    "names of nobody": {"issuer": "https://nobody.example", "subject": "nobody"},
    "no subject": {"issuer": HOME.issuer},
    "no issuer": {"subject": "alice"},
    "nothing": {},
    "empty names": {"issuer": "", "subject": ""},
}


def _ask(server: KeyServerDriver, members: Mapping[str, str], admin: str | None, peer: str) -> Decision:
    if "jti" in members:
        return server.revoke(members["jti"], admin=admin, peer=peer)
    return server.revoke_all(members.get("subject"), members.get("issuer"), admin=admin, peer=peer)


@check("REV-11")
def test_one_answer_without_the_secret(mark: CheckId, trial: Trial) -> None:
    """Whoever does not know the secret gets one answer, whatever is asked for and whether it exists."""
    server = KeyServerDriver(trial)
    live, ended = server.issue(), server.issue()
    server.good(server.revoke(ended.jti), "one live token is revoked")
    asked = {**_ASKED, "a live token": {"jti": live.jti}, "a revoked token": {"jti": ended.jti}}
    places = peers()
    for credential in (WRONG, "", None):
        for name, members in asked.items():
            decision = _ask(server, members, credential, next(places))
            server.refused(decision, "unauthorized", f"without the secret {name} is to be revoked")
            if decision.retry_after is not None:
                server.fail(f"without the secret {name} is to be revoked", "the same answer as ever", "a time to wait")


@check("REV-11", needs=(CLOCK, CONFIGURE))
def test_expired_token_without_the_secret(mark: CheckId, trial: Trial) -> None:
    """Whoever does not know the secret does not learn whether a token has expired or is forgotten."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    places = peers()
    for seconds in (0, 600, 600):
        server.wait(seconds)
        decision = server.revoke(grant.jti, admin=WRONG, peer=next(places))
        server.refused(decision, "unauthorized", "without the secret a token is to be revoked")


@check("REV-11", needs=(THROTTLE, CONFIGURE))
def test_throttled_answers_do_not_tell_either(mark: CheckId, trial: Trial) -> None:
    """Whoever is throttled gets one answer as well, whatever is asked for."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    _use_up(server, grant)
    for name, members in {**_ASKED, "a live token": {"jti": grant.jti}}.items():
        for credential in (WRONG, ADMIN):
            decision = _ask(server, members, credential, PEER)
            server.refused(decision, "rate_limited", f"after too many guesses {name} is to be revoked")
