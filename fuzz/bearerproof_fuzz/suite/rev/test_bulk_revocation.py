"""Revocation of all that an identity has: whose tokens end, how many they were, and what mints nothing any more."""

from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import strategies as st

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check, explore
from bearerproof_fuzz.keyserver.driver import Grant, KeyServerDriver
from bearerproof_fuzz.keyserver.revocation_asserts import WRONG, dead, live, revoked
from bearerproof_fuzz.keyserver.setting import DEFAULT, HOME, OTHER, OTHER_PEER, Provider, rule
from bearerproof_fuzz.needs import CLOCK, CONFIGURE, REAP


@check("REV-4")
def test_number_of_tokens(mark: CheckId, trial: Trial) -> None:
    """A bulk revocation ends every live token of the identity and answers how many they were, none included."""
    for number in (0, 1, 2, 5):
        server = KeyServerDriver(trial)
        grants = [server.issue() for _ in range(number)]
        revoked(server, server.revoke_all("alice"), number, f"all {number} live tokens are revoked")
        dead(server, *grants, summary="all tokens of the identity were revoked")
        revoked(server, server.revoke_all("alice"), 0, "there is nothing left to revoke")


@check("REV-4")
def test_revoked_ones_do_not_count(mark: CheckId, trial: Trial) -> None:
    """A token that was revoked before is not counted by a bulk revocation."""
    server = KeyServerDriver(trial)
    first, second, third = (server.issue() for _ in range(3))
    server.good(server.revoke(second.jti), "one live token is revoked")
    revoked(server, server.revoke_all("alice"), 2, "one of three tokens was revoked before")
    dead(server, first, second, third, summary="all tokens of the identity were revoked")


@check("REV-4", needs=(CLOCK, CONFIGURE))
def test_expired_ones_do_not_count(mark: CheckId, trial: Trial) -> None:
    """A token that has expired, be it this very instant, is not counted by a bulk revocation."""
    server = KeyServerDriver(trial)
    server.issue()
    server.wait(300)
    later = server.issue()
    server.wait(300)
    revoked(server, server.revoke_all("alice"), 1, "one of two tokens has just expired")
    dead(server, later, summary="all tokens of the identity were revoked")
    server.wait(1)
    revoked(server, server.revoke_all("alice"), 0, "there is nothing live to revoke")


_ELSEWHERE = {
    "the same subject of another provider": ("alice", OTHER),
    "another subject": ("bob", HOME),
    "a subject in another case": ("Alice", HOME),
    "a longer subject": ("alice2", HOME),
    "a shorter subject": ("alic", HOME),
    "a subject after a blank": (" alice", HOME),
    "a subject before a blank": ("alice ", HOME),
    "a subject with a domain": ("alice@example.com", HOME),
    "a subject of another composition": ("alice\u0301", HOME),
    "a subject before a separator": ("alice:", HOME),
    "a subject that names issuer and subject": (f"{HOME.issuer}|alice", HOME),
}


@check("REV-4")
def test_other_identities_live_on(mark: CheckId, trial: Trial) -> None:
    """A bulk revocation ends no token of another issuer or subject, however near the names are."""
    server = KeyServerDriver(trial)
    victim = server.issue(email="shared@example.com")
    others = {
        name: server.issue_if_known(subject, provider, email="shared@example.com")
        for name, (subject, provider) in _ELSEWHERE.items()
    }
    revoked(server, server.revoke_all("alice"), 1, "the identity has one live token")
    dead(server, victim, summary="all tokens of the identity were revoked")
    for name, grant in others.items():
        if grant is not None:
            live(server, grant, summary=f"the tokens of an identity were revoked, and this one is of {name}")


_NOBODY = {
    "no subject of ours": ("carol", HOME.issuer),
    "all subjects": ("*", HOME.issuer),
    "a wildcard": ("%", HOME.issuer),
    "a part of the subject": ("alic", HOME.issuer),
    "the subject in another case": ("ALICE", HOME.issuer),
    "the e-mail": ("alice@example.com", HOME.issuer),
    "another provider": ("alice", OTHER.issuer),
    "a provider that is not configured": ("alice", "https://nobody.example"),
    "all providers": ("alice", "*"),
    "the issuer with a slash": ("alice", HOME.issuer + "/"),
    "the issuer in upper case": ("alice", HOME.issuer.upper()),
    "the issuer without its scheme": ("alice", HOME.issuer.removeprefix("https://")),
    "issuer and subject exchanged": (HOME.issuer, "alice"),
}


@check("REV-4")
def test_names_are_taken_as_they_are(mark: CheckId, trial: Trial) -> None:
    """A bulk revocation of names that nobody has exactly so revokes nothing, and says so."""
    server = KeyServerDriver(trial)
    grants = [server.issue(), server.issue("bob")]
    for name, (subject, issuer) in _NOBODY.items():
        decision = server.revoke_all(subject, issuer)
        if decision.code != "invalid_request":  # which a server may find with names that can't be
            revoked(server, decision, 0, f"a bulk revocation names {name}")
        live(server, *grants, summary=f"a bulk revocation named {name}")
    revoked(server, server.revoke_all("alice"), 1, "a bulk revocation names the identity")


_TAILS = ("/x", ":8443", ".t", "-t")
"""What makes one issuer the beginning of another: joined without or by its first letter, some pairs look alike."""


@check("REV-4", needs=(CONFIGURE,))
def test_joined_names_do_not_collide(mark: CheckId, trial: Trial) -> None:
    """Two identities whose issuer and subject read the same when joined are two, for bulk revocation too."""
    longer = {tail: Provider(HOME.issuer + tail, OTHER.key) for tail in _TAILS}
    everybody = (HOME, *longer.values())
    server = KeyServerDriver(trial, DEFAULT.but(providers=everybody, policies=tuple(map(rule, everybody))))
    for tail, provider in longer.items():
        theirs = server.issue(provider=provider)
        twins = [server.issue(f"{tail}alice"), server.issue(f"{tail[1:]}{tail[0]}alice")]
        revoked(server, server.revoke_all("alice", provider.issuer), 1, "the identity has one live token")
        dead(server, theirs, summary="all tokens of the identity were revoked")
        live(server, *twins, summary="the tokens were revoked of another identity, whose names joined are the same")


_SUBJECTS = (("alice", HOME), ("alice", OTHER), ("bob", HOME))


@dataclass
class _KnownToken:
    """What is known of a token: whose it is, and until when it lives."""

    grant: Grant
    identity: int
    ends: float


@check("REV-4", needs=(CLOCK, CONFIGURE))
def test_any_course_of_revocations(mark: CheckId, trial: Trial) -> None:
    """However issues, revocations, bulk revocations and time alternate, each ends just what it says."""

    def exact(steps: list[tuple[str, int]]) -> None:
        server = KeyServerDriver(trial, DEFAULT.but(ttl=60, cap=100))
        tokens: list[_KnownToken] = []
        for deed, number in steps:
            _COURSE[deed](server, tokens, number)
            live(
                server,
                *(token.grant for token in tokens if token.ends > server.now),
                summary="nothing has ended this token",
            )
            dead(server, *(token.grant for token in tokens if token.ends <= server.now), summary="the token has ended")

    deeds = st.sampled_from(("issue", "issue", "issue", "one", "all", "wait"))
    explore(exact, st.lists(st.tuples(deeds, st.integers(0, 5)), min_size=3, max_size=14), share=4)


def _issue(server: KeyServerDriver, tokens: list[_KnownToken], number: int) -> None:
    server.wait(1)  # whatever was revoked before, this identity has signed in since
    subject, provider = _SUBJECTS[number % 3]
    tokens.append(_KnownToken(server.issue(subject, provider=provider), number % 3, server.now + 60))


def _revoke_one(server: KeyServerDriver, tokens: list[_KnownToken], number: int) -> None:
    if not tokens:
        return
    token = tokens[number % len(tokens)]
    decision = server.revoke(token.grant.jti)
    if token.ends > server.now:
        revoked(server, decision, 1, "a live token is revoked")
    else:
        server.refused(decision, "not-active", "the token has ended before")
    token.ends = min(token.ends, server.now)


def _revoke_all(server: KeyServerDriver, tokens: list[_KnownToken], number: int) -> None:
    subject, provider = _SUBJECTS[number % 3]
    live = [token for token in tokens if token.ends > server.now and token.identity == number % 3]
    decision = server.revoke_all(subject, provider.issuer)
    revoked(server, decision, len(live), f"an identity has {len(live)} live tokens")
    for token in live:
        token.ends = server.now


def _pass_time(server: KeyServerDriver, tokens: list[_KnownToken], number: int) -> None:
    server.wait((0.25, 1, 20, 59, 60, 400)[number])


_COURSE = {"issue": _issue, "one": _revoke_one, "all": _revoke_all, "wait": _pass_time}


_INCOMPLETE: Mapping[str, tuple[str | None, str | None]] = {
    "no subject": (None, HOME.issuer),
    "no issuer": ("alice", None),
    "neither": (None, None),
    "an empty subject": ("", HOME.issuer),
    "an empty issuer": ("alice", ""),
    "two empty names": ("", ""),
    "an empty subject and no issuer": ("", None),
    "an empty issuer and no subject": (None, ""),
}


@check("REV-5")
def test_incomplete_names(mark: CheckId, trial: Trial) -> None:
    """A bulk revocation in which a name is missing or empty is refused, and ends nothing."""
    server = KeyServerDriver(trial)
    grants = [server.issue(), server.issue("bob"), server.issue("alice", provider=OTHER)]
    for name, (subject, issuer) in _INCOMPLETE.items():
        decision = server.revoke_all(subject, issuer)
        server.refused(decision, "invalid_request", f"a bulk revocation with {name}")
        live(server, *grants, summary=f"a bulk revocation was asked for with {name}")
    revoked(server, server.revoke_all("alice"), 1, "a bulk revocation with both names")


# --- subject tokens from before


@check("REV-6")
def test_subject_token_from_before(mark: CheckId, trial: Trial) -> None:
    """A subject token that was issued before a bulk revocation of its identity mints nothing after it."""
    server = KeyServerDriver(trial)
    held = [server.subject_token(iat=int(server.now) - age) for age in (0, 1, 30)]
    server.issue()
    revoked(server, server.revoke_all("alice"), 1, "the identity has one live token")
    for token in (*held, server.subject_token(iat=int(server.now) - 2)):
        _mints_nothing(server, token)
    if trial.declaration.key_server.count and server.count("alice"):
        server.fail("everything was revoked, and nothing issued since", "0 live tokens", f"{server.count('alice')}")


@check("REV-6")
def test_blocked_without_a_live_token(mark: CheckId, trial: Trial) -> None:
    """A bulk revocation that finds no live token still stops the subject tokens from before."""
    server = KeyServerDriver(trial)
    server.issue("bob")
    held = server.subject_token()
    revoked(server, server.revoke_all("alice"), 0, "the identity has no token")
    _mints_nothing(server, held)


def _mints_nothing(server: KeyServerDriver, token: str) -> None:
    decision = server.exchange(token)
    server.refused(decision, "invalid_request", "the subject token is from before a bulk revocation of its identity")


@check("REV-6", needs=(CLOCK,))
def test_newer_subject_token_mints(mark: CheckId, trial: Trial) -> None:
    """A subject token issued after the bulk revocation mints a token that is good."""
    for wait in (1, 60, 400):
        server = KeyServerDriver(trial)
        server.issue()
        server.good(server.revoke_all("alice"), "the identity has one live token")
        _mints_nothing(server, server.subject_token())
        server.wait(wait)
        decision = server.exchange(server.subject_token())
        server.good(decision, f"the subject token was issued {wait} s after the bulk revocation")
        live(server, server.grant(decision), summary="a token was issued after the bulk revocation")


@check("REV-6", needs=(CLOCK,))
def test_line_is_the_instant_of_the_revocation(mark: CheckId, trial: Trial) -> None:
    """A subject token whose iat is the instant of the revocation is from before; the next second is after it."""
    for fraction in (0.0, 0.5):
        server = KeyServerDriver(trial)
        server.issue()
        server.wait(10 + fraction)
        at = int(server.now)
        held = server.subject_token(iat=at)
        server.good(server.revoke_all("alice"), "the identity has one live token")
        _mints_nothing(server, held)
        server.wait(1 - fraction)
        _mints_nothing(server, server.subject_token(iat=at))
        server.good(server.exchange(server.subject_token(iat=at + 1)), "the subject token is of a second later")


@check("REV-6", needs=(CLOCK,))
def test_last_of_several_counts(mark: CheckId, trial: Trial) -> None:
    """Of several bulk revocations of an identity the last one draws the line."""
    server = KeyServerDriver(trial)
    server.issue()
    server.good(server.revoke_all("alice"), "the identity has one live token")
    server.wait(20)
    between = server.subject_token()
    server.wait(20)
    server.good(server.revoke_all("alice"), "the identity is revoked again")
    server.good(server.revoke_all("bob"), "another identity is revoked")
    _mints_nothing(server, between)
    server.wait(1)
    server.good(server.exchange(server.subject_token()), "the subject token is of after the last revocation")


@check("REV-6", needs=(CLOCK, CONFIGURE, REAP))
def test_remembered_as_long_as_it_matters(mark: CheckId, trial: Trial) -> None:
    """The line stands for as long as a subject token from before is young enough, also after cleaning up."""
    server = KeyServerDriver(trial, DEFAULT.but(max_age=3600, retention=0, ttl=10))
    held = {name: server.subject_token(name, exp=int(server.now) + 7200) for name in ("alice", "bob")}
    server.issue()
    server.good(server.revoke_all("alice"), "the identity has one live token")
    for seconds in (11, 600, 2989):
        server.wait(seconds)
        server.reap()
        _mints_nothing(server, server.subject_token(iat=int(server.setting.now), exp=int(server.now) + 60))
    _mints_nothing(server, held["alice"])
    server.good(server.exchange(held["bob"]), "a subject token as old as may be, of an identity that nobody revoked")


@check("REV-6", needs=(CLOCK, CONFIGURE))
def test_line_stands_when_the_clock_steps_back(mark: CheckId, trial: Trial) -> None:
    """A clock that is set back makes no subject token from before a newer one."""
    server = KeyServerDriver(trial)
    held = server.subject_token()
    server.wait(100)
    server.issue()
    server.good(server.revoke_all("alice"), "the identity has one live token")
    server.step_wall_clock(-100)
    _mints_nothing(server, held)
    _mints_nothing(server, server.subject_token())


@check("REV-6")
def test_others_mint_on(mark: CheckId, trial: Trial) -> None:
    """A bulk revocation stops no subject token of another subject, or of the same at another provider."""
    server = KeyServerDriver(trial)
    held = [
        (server.subject_token(subject, provider), name)
        for name, (subject, provider) in _ELSEWHERE.items()
        if server.issue_if_known(subject, provider) is not None
    ]
    server.issue()
    server.good(server.revoke_all("alice"), "the identity has one live token")
    _mints_nothing(server, server.subject_token())
    for token, name in held:
        server.good(server.exchange(token), f"an identity was revoked, and the subject token is of {name}")


@check("REV-6")
def test_refused_revocations_draw_no_line(mark: CheckId, trial: Trial) -> None:
    """A bulk revocation that was refused, or the revocation of one token, stops no subject token."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    server.refused(server.revoke_all("alice", admin=WRONG, peer=OTHER_PEER), "unauthorized", "the secret is wrong")
    server.good(server.exchange(server.subject_token()), "a stranger asked for a bulk revocation before")
    server.refused(server.revoke_all("alice", ""), "invalid_request", "the issuer is empty")
    server.good(server.exchange(server.subject_token()), "a bulk revocation without an issuer was asked for before")
    server.good(server.revoke(grant.jti), "one live token is revoked")
    server.good(server.exchange(server.subject_token()), "a single token was revoked before")
