"""The tokens of a key server: what a bearer is made of, how long it is good, and which text is the bearer."""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping

from bearerproof.contract.decisions import Decision
from bearerproof.contract.messages import Outcome
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.keyserver.driver import Grant, KeyServerDriver
from bearerproof_fuzz.keyserver.scenarios.presented import MALFORMED, another_bearer
from bearerproof_fuzz.keyserver.setting import DEFAULT, rule
from bearerproof_fuzz.machines.tokens import walk
from bearerproof_fuzz.needs import CLOCK, CONFIGURE, REAP
from bearerproof_fuzz.oracles import randomness
from bearerproof_fuzz.oracles.tokens import Aspect


def _issue_many(server: KeyServerDriver, number: int, per_identity: int = 4) -> list[Grant]:
    """Have many tokens issued, few to each identity, so that no cap is met."""
    return [server.issue(f"user-{n // per_identity}") for n in range(number)]


# --- what a bearer is made of

_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")


@check("TOK-1")
def test_bearer_is_the_prefix_and_random_text(mark: CheckId, trial: Trial) -> None:
    """A bearer is the declared prefix and at least 43 characters of base64url without padding."""
    server = KeyServerDriver(trial)
    prefix = trial.declaration.key_server.prefix
    for grant in _issue_many(server, 8):
        if not grant.bearer.startswith(prefix):
            server.fail("a bearer does not begin with the declared prefix", prefix, "another beginning")
        rest = grant.bearer.removeprefix(prefix)
        if _BASE64URL.fullmatch(rest) is None:
            server.fail("a bearer is not base64url without padding", "A-Z a-z 0-9 - _ after the prefix", "more")
        if len(rest) < 43:
            server.fail("a bearer is too short for 256 bits", "43 characters or more", f"{len(rest)} characters")


@check("TOK-1")
def test_bearers_of_a_sample_vary_in_256_bits(mark: CheckId, trial: Trial) -> None:
    """The bearers of a sample are not all in a space of less than 256 bits: none is constant, repeated or a mixture."""
    server = KeyServerDriver(trial)
    prefix = trial.declaration.key_server.prefix
    sample = [grant.bearer.removeprefix(prefix) for grant in _issue_many(server, randomness.SAMPLE)]
    if len(set(sample)) != len(sample):
        server.fail("a bearer is issued twice", "bearers that are all different", "one of them twice")
    dimensions = randomness.dimensions(sample)
    if dimensions < randomness.BITS:
        what = f"{len(sample)} bearers vary in {dimensions} independent bits"
        server.fail(what, f"{randomness.BITS} bits", f"{dimensions} bits")


@check("TOK-1", needs=(CONFIGURE,))
def test_bearers_do_not_repeat_from_one_start_to_the_next(mark: CheckId, trial: Trial) -> None:
    """A server that is started again, at the same instant and with the same configuration, issues other bearers."""
    sample = [grant.bearer for _ in range(3) for grant in _issue_many(KeyServerDriver(trial), 6)]
    server = KeyServerDriver(trial)
    if trial.declaration.key_server.restart:
        for _ in range(2):
            sample += [grant.bearer for grant in _issue_many(server, 3)]
            server.restart()
    if len(set(sample)) != len(sample):
        server.fail("a bearer of one start is issued again after another", "bearers that are all different", "a repeat")


@check("TOK-2")
def test_token_ids_are_unique(mark: CheckId, trial: Trial) -> None:
    """No two tokens have the same id, whoever they are for."""
    server = KeyServerDriver(trial)
    jtis = [grant.jti for grant in _issue_many(server, 60)]
    if len(set(jtis)) != len(jtis):
        server.fail("two tokens have the same id", "ids that are all different", "one of them twice")


@check("TOK-2")
def test_token_id_tells_nothing_of_the_bearer(mark: CheckId, trial: Trial) -> None:
    """A token id and its bearer share no part, and neither holds a part of a plain digest of the other."""
    server = KeyServerDriver(trial)
    for grant in _issue_many(server, 12):
        for what, text, other in _derivations(grant, trial.declaration.key_server.prefix):
            if randomness.share_a_part(text, other):
                server.fail(f"{what} share a part", "none in common", "characters in common")


def _derivations(grant: Grant, prefix: str) -> list[tuple[str, str, str]]:
    rest = grant.bearer.removeprefix(prefix)
    found = [("token id and bearer", grant.jti, rest)]
    for text, other, what in (
        (grant.bearer, grant.jti, "bearer"),
        (rest, grant.jti, "bearer"),
        (grant.jti, rest, "id"),
    ):
        found += [(f"a digest of the {what} and the other", digest, other) for digest in randomness.digests(text)]
    return [*found, *(("token id and bearer", grant.jti, spelt) for spelt in randomness.spellings(rest))]


# --- how long


@check("TOK-3", needs=(CLOCK, CONFIGURE))
def test_token_lives_exactly_as_long_as_answered(mark: CheckId, trial: Trial) -> None:
    """A token is good until just before issue plus lifetime, dead from that instant on, and expires_in says so."""
    for ttl in (1, 60, 600, 86_400):
        for fraction in (0.0, 0.25, 0.984_375):
            server = KeyServerDriver(trial, DEFAULT.but(ttl=ttl, now=DEFAULT.now + fraction))
            _judge_life(server, server.issue())


def _judge_life(server: KeyServerDriver, grant: Grant) -> None:
    """Present a bearer along the life that it is said to have, at the last moment of it and at the first one after."""
    begin, ttl = server.now, server.lifetime(grant)
    for age in (0.0, ttl / 2, ttl - 0.25, ttl - 0.015_625):
        server.wait(begin + age - server.now)
        server.good(server.authenticate(grant.bearer), f"a token that lives {ttl} s is refused {ttl - age:g} s before")
    for late in (0.0, 0.015_625, 0.5, 1.0):
        server.wait(begin + ttl + late - server.now)
        what = f"a token that lives {ttl} s is good {late:g} s after its end"
        server.refused(server.authenticate(grant.bearer), "invalid-token", what)


@check("TOK-3", needs=(CLOCK,))
def test_expires_in_is_the_lifetime(mark: CheckId, trial: Trial) -> None:
    """A token is good for as long as its expires_in says, and no longer."""
    for left in (30, 300, 7200):
        server = KeyServerDriver(trial)
        _judge_life(server, server.issue(exp=int(server.now) + left))


@check("TOK-3", needs=(CLOCK, CONFIGURE))
def test_leeway_lengthens_no_life(mark: CheckId, trial: Trial) -> None:
    """The leeway for other clocks, and the age and expiry of the subject token, do not move a token's told end."""
    for leeway, end in ((60, 300), (600, 300), (0, 7200), (0, 30)):
        server = KeyServerDriver(trial, DEFAULT.but(leeway=leeway))
        now = int(server.now)
        _judge_life(server, server.issue(iat=now - 20, exp=now + end))


@check("TOK-3", needs=(CLOCK, CONFIGURE))
def test_use_lengthens_no_life(mark: CheckId, trial: Trial) -> None:
    """However often a token is used, and however many are issued after it, it ends when it has to."""
    server = KeyServerDriver(trial, DEFAULT.but(ttl=60))
    grant = server.issue()
    for _ in range(5):
        server.wait(11)
        server.admitted(grant)
        server.issue(f"user-{server.now:.0f}")
    server.wait(5)
    server.refused(server.authenticate(grant.bearer), "invalid-token", "a token that was used outlives its end")


@check("TOK-3", needs=(CLOCK, CONFIGURE))
def test_live_token_stays_good_on_every_walk(mark: CheckId, trial: Trial) -> None:
    """Whatever happens around it, a token that has not ended is good, also while the clock is behind."""
    walk(trial, Aspect.LIVE)


_SEEN: Mapping[str, Callable[[KeyServerDriver, Grant], object]] = {
    "was presented": lambda server, grant: server.authenticate(grant.bearer),
    "saw another bearer admitted": lambda server, _: server.admitted(server.issue("bob")),
    "saw a token issued": lambda server, _: server.issue("bob"),
    "saw a bulk revocation": lambda server, _: server.revoke_all("bob"),
}
"""By what the server did in the meantime: requests that tell it the time."""


@check("TOK-4", needs=(CLOCK,))
def test_clock_step_revives_no_expired_token(mark: CheckId, trial: Trial) -> None:
    """A token that had expired by a time that the server has seen is not good when the wall clock steps back."""
    for what, see in _SEEN.items():
        for step in (0.25, 1, 300, 599, 600, 86_400):
            server = KeyServerDriver(trial)
            grant = server.issue()
            server.admitted(grant)
            server.wait(server.setting.ttl)
            see(server, grant)
            server.step_wall_clock(-step)
            again = f"an expired token, after the server {what}, is good when the clock steps back {step:g} s"
            server.refused(server.authenticate(grant.bearer), "invalid-token", again)


@check("TOK-4", needs=(CLOCK, REAP))
def test_clock_step_revives_no_reaped_token(mark: CheckId, trial: Trial) -> None:
    """A token that had expired at a sweep, or was removed by it, is not good when the wall clock steps back."""
    for late in (0, 300, 301):
        server = KeyServerDriver(trial)
        grant = server.issue()
        server.wait(server.setting.ttl + late)
        server.reap()
        server.step_wall_clock(-server.setting.ttl - late)
        again = f"a token swept {late} s after its end is good when the clock steps back"
        server.refused(server.authenticate(grant.bearer), "invalid-token", again)


@check("TOK-4", needs=(CLOCK, CONFIGURE))
def test_no_walk_revives_an_expired_token(mark: CheckId, trial: Trial) -> None:
    """However the clock steps between requests of every kind, no expired token is good again."""
    walk(trial, Aspect.DEAD)


# --- what is answered to a bearer that is no good


@check("TOK-5", needs=(CLOCK,))
def test_bad_bearers_are_answered_alike(mark: CheckId, trial: Trial) -> None:
    """Malformed, unknown, expired, revoked and reaped bearers get the same answer, whatever they are wanted for."""
    server = KeyServerDriver(trial)
    bad = _bad_bearers(server)
    for wants in ((None, None), ("a", "x"), ("b", "y")):
        answers = {what: _seen_by_client(server.authenticate(bearer, *wants)) for what, bearer in bad.items()}
        expected = answers["unknown"]
        if expected != _rejection("invalid-token"):
            server.fail("an unknown bearer is not answered as one", _rejection("invalid-token"), expected)
        for what, answer in answers.items():
            if answer != expected:
                server.fail(
                    f"the answer to a bearer that is {what} is another than to an unknown one", expected, answer
                )


def _bad_bearers(server: KeyServerDriver) -> dict[str, str]:
    """Return one bearer of each kind that is no good any more, or never was."""
    expired = server.issue("dora", "backends:a tools:x").bearer
    server.wait(server.setting.ttl - 10)
    revoked, bulk, live = (server.issue(who, "backends:a tools:x") for who in ("alice", "bob", "carol"))
    server.wait(10)
    server.revoke(revoked.jti)
    server.revoke_all("bob")
    malformed = {f"malformed, {what}": bearer for what, bearer in MALFORMED.items()}
    known = {"expired": expired, "revoked": revoked.bearer, "revoked with all others": bulk.bearer}
    return {"unknown": another_bearer(server, live), **known, **malformed}


def _seen_by_client(decision: Decision) -> str:
    """Return all of an answer that the client sees."""
    seen = {"outcome": decision.outcome, "reason": decision.code, "retry_after": decision.retry_after}
    return json.dumps({**seen, **decision.members})


def _rejection(code: str) -> str:
    return json.dumps({"outcome": Outcome.REJECTED, "reason": code, "retry_after": None})


@check("TOK-5", needs=(CLOCK, CONFIGURE))
def test_no_limit_tells_bad_bearers_apart(mark: CheckId, trial: Trial) -> None:
    """Also when the rate of its identity is used up, a bearer that is no good is answered as an unknown one."""
    server = KeyServerDriver(trial, DEFAULT.but(policies=(rule(rate_limit=2),)))
    ended, revoked = server.issue(), server.issue()
    server.wait(server.setting.ttl)
    live, revoked = server.issue(), server.issue()
    server.revoke(revoked.jti)
    for _ in range(2):
        server.admitted(live)
    server.refused(server.authenticate(live.bearer), "rate-limited", "a rate is not used up")
    for what, bearer in (
        ("expired", ended.bearer),
        ("revoked", revoked.bearer),
        ("unknown", another_bearer(server, live)),
    ):
        answer = _seen_by_client(server.authenticate(bearer))
        if answer != _rejection("invalid-token"):
            summary = f"a bearer that is {what} is answered by the rate of its identity"
            server.fail(summary, _rejection("invalid-token"), answer)


# --- which text is the bearer


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _url64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _last_bit_changed(bearer: str) -> str:
    """Return the text whose last character differs in bits that a lenient decoder throws away."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return bearer[:-1] + alphabet[alphabet.index(bearer[-1]) ^ 1]


_RESPELT: Mapping[str, Callable[[str, str], str]] = {
    "in small letters": lambda bearer, _: bearer.lower(),
    "in capitals": lambda bearer, _: bearer.upper(),
    "with its case swapped": lambda bearer, _: bearer.swapcase(),
    "with its prefix in capitals": lambda bearer, prefix: prefix.upper() + bearer.removeprefix(prefix),
    "with one letter of the other case": lambda bearer, prefix: _one_letter_swapped(bearer, len(prefix)),
    "with padding": lambda bearer, _: f"{bearer}=",
    "with more padding": lambda bearer, _: f"{bearer}==",
    "with another last bit": lambda bearer, _: _last_bit_changed(bearer),
    "with a space before it": lambda bearer, _: f" {bearer}",
    "with a space after it": lambda bearer, _: f"{bearer} ",
    "with a tab after it": lambda bearer, _: f"{bearer}\t",
    "with a line feed after it": lambda bearer, _: f"{bearer}\n",
    "with a line end after it": lambda bearer, _: f"{bearer}\r\n",
    "with a NUL after it": lambda bearer, _: f"{bearer}\0",
    "with a no-break space after it": lambda bearer, _: f"{bearer}\u00a0",
    "with a byte order mark before it": lambda bearer, _: f"\ufeff{bearer}",
    "with a space in it": lambda bearer, _: f"{bearer[:20]} {bearer[20:]}",
    "with a soft hyphen in it": lambda bearer, _: f"{bearer[:20]}\u00ad{bearer[20:]}",
    "with its scheme": lambda bearer, _: f"Bearer {bearer}",
    "with a comma after it": lambda bearer, _: f"{bearer},",
    "twice": lambda bearer, _: f"{bearer}{bearer}",
    "with a character more": lambda bearer, _: f"{bearer}A",
    "with four characters more": lambda bearer, _: f"{bearer}AAAA",
    "without its last character": lambda bearer, _: bearer[:-1],
    "cut by half": lambda bearer, _: bearer[: len(bearer) // 2],
    "its beginning": lambda bearer, prefix: bearer[: len(prefix) + 16],
    "without its first random character": lambda bearer, prefix: prefix + bearer[len(prefix) + 1 :],
    "without its prefix": lambda bearer, prefix: bearer.removeprefix(prefix) if prefix else bearer[1:],
    "with its prefix twice": lambda bearer, prefix: (prefix or "bprf_") + bearer,
    "under another prefix": lambda bearer, prefix: "other_" + bearer.removeprefix(prefix),
    "percent-encoded": lambda bearer, _: bearer[:-1] + f"%{ord(bearer[-1]):02X}",
    "in wide letters": lambda bearer, prefix: prefix + "".join(map(_widened, bearer.removeprefix(prefix))),
    "quoted": lambda bearer, _: f'"{bearer}"',
    "with a wildcard for its end": lambda bearer, _: f"{bearer[:-1]}*",
    "reversed": lambda bearer, prefix: prefix + bearer.removeprefix(prefix)[::-1],
    "as its digest in hex": lambda bearer, _: _sha256(bearer).hex(),
    "as its digest in base64url": lambda bearer, _: _url64(_sha256(bearer)),
    "as its digest under the prefix": lambda bearer, prefix: prefix + _url64(_sha256(bearer)),
    "as the digest of its text": lambda bearer, prefix: prefix + _url64(_sha256(bearer.removeprefix(prefix))),
    "as the digest of its octets": lambda bearer, prefix: (
        prefix + _url64(hashlib.sha256(base64.urlsafe_b64decode(bearer.removeprefix(prefix) + "===")).digest())
    ),
    "as its digest in hex under the prefix": lambda bearer, prefix: prefix + _sha256(bearer).hex(),
}
"""By how it is told: texts that are nearly a bearer, or can be had from what a store or a trail keeps of it."""


def _one_letter_swapped(bearer: str, begin: int) -> str:
    place = next(place for place in range(begin, len(bearer)) if bearer[place].isalpha())
    return bearer[:place] + bearer[place].swapcase() + bearer[place + 1 :]


def _widened(char: str) -> str:
    """Return the fullwidth form, which compatibility normalisation folds into the letter."""
    return chr(ord(char) + 0xFEE0)


@check("TOK-6")
def test_no_other_spelling_is_the_bearer(mark: CheckId, trial: Trial) -> None:
    """No text that is nearly a bearer is taken for it, and neither is its id or a digest of it."""
    server = KeyServerDriver(trial)
    prefix = trial.declaration.key_server.prefix
    for number in range(3):
        grant = server.issue(f"user-{number}")
        server.admitted(grant)
        near = {what: respell(grant.bearer, prefix) for what, respell in _RESPELT.items()}
        near |= {"as its token id": grant.jti, "as its token id under the prefix": prefix + grant.jti}
        for what, text in sorted(near.items(), key=lambda item: -len(item[1])):  # the longest first: it may hold others
            server.hide(json.dumps(text)[1:-1], f"<the bearer of {grant.subject} {what}>")
        for what, text in near.items():
            if text != grant.bearer:
                server.refused(server.authenticate(text), "invalid-token", f"a bearer {what} is taken for it")
        server.good(server.authenticate(grant.bearer), "a bearer is refused after texts that are nearly it")


@check("TOK-6")
def test_every_character_of_the_bearer_counts(mark: CheckId, trial: Trial) -> None:
    """A bearer with any one of its characters changed is refused."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    server.admitted(grant)
    for place, char in enumerate(grant.bearer):
        changed = grant.bearer[:place] + ("B" if char == "A" else "A") + grant.bearer[place + 1 :]
        what = f"a bearer with another character at {place} is taken for it"
        server.hide(changed, f"<the bearer with another character at {place}>")
        server.refused(server.authenticate(changed), "invalid-token", what)
