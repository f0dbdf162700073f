"""How long and how often a subject token mints: up to its age limit, and as many tokens as are stated."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bearerproof.contract.messages import Request
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof.members import Json
from bearerproof_fuzz import keys
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.forge import Draft
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.setting import DEFAULT, HOME, ID_TOKEN, OTHER, OTHER_PEER, PEER, TOKEN_EXCHANGE
from bearerproof_fuzz.needs import CLOCK, CONFIGURE, RACE, REAP, SINGLE_USE


@check("EXC-9", needs=(CLOCK,))
def test_age_limit_to_the_second(mark: CheckId, trial: Trial) -> None:
    """A subject token of exactly the maximum age is taken, and a moment later no more."""
    server = KeyServerDriver(trial)
    most = server.setting.max_age
    for age in (0.0, most - 1.0, float(most), most + 0.5, most + 1.0, most + 3300.0):
        token = server.subject_token(f"user-{age:g}", iat=int(server.now), exp=int(server.now) + 86_400)
        server.wait(age)
        _expect_age(server, token, f"its iat is {age:g} s ago and {most} s are allowed", fits=age <= most)


@check("EXC-9", needs=(CLOCK, CONFIGURE))
def test_age_limit_as_configured(mark: CheckId, trial: Trial) -> None:
    """The age limit is the one that is configured, and the leeway does not stretch it."""
    for max_age, leeway in ((1, 0), (60, 0), (86_400, 0), (60, 120)):
        server = KeyServerDriver(trial, DEFAULT.but(max_age=max_age, leeway=leeway))
        limits = f"{max_age} s are allowed, with a leeway of {leeway} s"
        for late, fits in ((0, True), (1, False)):
            token = server.subject_token(f"user-{late}", exp=int(server.now) + 10 * 86_400)
            server.wait(max_age + late)
            _expect_age(server, token, f"its iat is {max_age + late} s ago, {limits}", fits=fits)


@check("EXC-9")
def test_age_counts_from_issue(mark: CheckId, trial: Trial) -> None:
    """The age counts from `iat`, whatever the token says of its sign-in, of its beginning or of its end."""
    server = KeyServerDriver(trial)
    server.issue()
    now = int(server.now)
    stale: dict[str, Json] = {
        "a fresh auth_time": {"iat": now - 301, "auth_time": now},
        "a fresh nbf": {"iat": now - 301, "nbf": now},
        "a fresh updated_at": {"iat": now - 301, "updated_at": now},
        "an end far ahead": {"iat": now - 301, "exp": now + 86_400},
        "an iat at the epoch": {"iat": 0},
        "an iat before the epoch": {"iat": -1},
        "no iat at all": {"iat": None},
        "no iat but a fresh nbf": {"iat": None, "nbf": now, "auth_time": now},
    }
    for name, claims in stale.items():
        decision = server.exchange(server.subject_token(**claims))
        server.refused(decision, "invalid_request", f"a subject token that is too old, with {name}")
    old_sign_in = server.exchange(server.subject_token("bob", auth_time=now - 86_400))
    server.good(old_sign_in, "a subject token of now, from a sign-in of yesterday")


def _expect_age(server: KeyServerDriver, token: str, summary: str, *, fits: bool) -> None:
    decision = server.exchange(token)
    if fits:
        server.good(decision, f"a subject token is refused: {summary}")
    else:
        server.refused(decision, "invalid_request", f"a subject token is taken: {summary}")


_WITH_AND_WITHOUT_JTI: tuple[Json, ...] = ({}, {"jti": None})
_ONCE = "a subject token that was used up mints another token"
_NOT_AGAIN = ("invalid_request", "temporarily_unavailable")
"""How a used token may be refused once clocks have stepped back: a server may find that it cannot know the time."""


@check("EXC-10", needs=(SINGLE_USE,))
def test_second_use(mark: CheckId, trial: Trial) -> None:
    """A subject token mints once, with a `jti` and without, for another scope and from another peer."""
    for claims in _WITH_AND_WITHOUT_JTI:
        server = KeyServerDriver(trial)
        token = server.subject_token(**claims)
        server.use_up(token)
        server.refused(server.exchange(token), "invalid_request", _ONCE)
        server.refused(server.exchange(token, "backends:a tools:x"), "invalid_request", f"{_ONCE} of another scope")
        server.refused(server.exchange(token, peer=OTHER_PEER), "invalid_request", f"{_ONCE} from elsewhere")
        server.good(server.exchange(server.subject_token(**claims, nonce="n-2")), "another token of the same user")


@check("EXC-10", needs=(SINGLE_USE, CONFIGURE))
def test_stated_number_of_uses(mark: CheckId, trial: Trial) -> None:
    """A subject token mints as many tokens as are stated."""
    for uses in (1, 2, 7):
        server = KeyServerDriver(trial, DEFAULT.but(subject_token_uses=uses, cap=50))
        for claims in _WITH_AND_WITHOUT_JTI:
            token = server.subject_token(**claims)
            for number in range(uses):
                server.good(server.exchange(token), f"use {number + 1} of {uses}")
            for _ in range(2):
                server.refused(server.exchange(token), "invalid_request", _ONCE)


@check("EXC-10", needs=(SINGLE_USE,))
def test_other_spellings_of_a_used_token(mark: CheckId, trial: Trial) -> None:
    """A subject token in another spelling is the one that was used."""
    for claims in _WITH_AND_WITHOUT_JTI:
        server = KeyServerDriver(trial)
        draft = HOME.draft("alice", server.now, **{"jti": "id-1", **claims})
        server.use_up(draft.token())
        for name, spelled in _spellings(draft).items():
            server.refused(server.exchange(spelled), "invalid_request", f"{_ONCE}, spelled with {name}")


@check("EXC-10", needs=(SINGLE_USE,))
def test_used_jti_written_otherwise(mark: CheckId, trial: Trial) -> None:
    """A `jti` that was used counts however the JSON around it is written."""
    server = KeyServerDriver(trial)
    draft = HOME.draft("alice", server.now, jti="id-1")
    server.use_up(draft.token())
    raw = draft.payload_bytes()
    writings = {
        "an escape": raw.replace(b'"id-1"', b'"\\u0069d-1"'),
        "an escaped name": raw.replace(b'"jti"', b'"\\u006ati"'),
        "white space": raw.replace(b",", b" , "),
        "another end": draft.with_claims(exp=int(server.now) + 200).payload_bytes(),
    }
    for name, payload in writings.items():
        token = replace(draft, payload_json=payload).token()
        server.refused(server.exchange(token), "invalid_request", f"{_ONCE}, its jti written with {name}")


@check("EXC-10", needs=(SINGLE_USE,))
def test_uses_are_counted_by_issuer(mark: CheckId, trial: Trial) -> None:
    """The same `jti` of another provider is another subject token."""
    server = KeyServerDriver(trial)
    for provider in (HOME, OTHER):
        token = server.subject_token("alice", provider, jti="one-for-all")
        server.use_up(token, f"the first use at {provider.issuer}")
        server.refused(server.exchange(token), "invalid_request", _ONCE)


@check("EXC-10", needs=(SINGLE_USE, CLOCK))
def test_use_is_remembered_to_the_last(mark: CheckId, trial: Trial) -> None:
    """A use is remembered for as long as the subject token could be used, and after the wall clock stepped back."""
    server = KeyServerDriver(trial)
    token = server.subject_token(exp=int(server.now) + 86_400)
    server.use_up(token)
    for seconds in (1, 199, 99.5, 0.5):
        server.wait(seconds)
        server.refused(server.exchange(token), "invalid_request", f"{_ONCE}, {seconds:g} s after the last attempt")
    server.wait(1)
    server.issue("bob")
    server.step_wall_clock(-301)
    server.refused(server.exchange(token), _NOT_AGAIN, f"{_ONCE} after the wall clock stepped back")


@check("EXC-10", needs=(SINGLE_USE, CLOCK, REAP))
def test_reaping_forgets_no_use(mark: CheckId, trial: Trial) -> None:
    """Cleaning up makes no used subject token good again, at the last second of its age or after a step back."""
    server = KeyServerDriver(trial)
    token = server.subject_token(exp=int(server.now) + 86_400)
    server.use_up(token)
    for wait in (0, 300):
        server.wait(wait)
        server.reap()
        server.refused(server.exchange(token), "invalid_request", f"{_ONCE} after cleaning up")
    server.wait(1)
    server.reap()
    server.step_wall_clock(-301)
    server.refused(server.exchange(token), _NOT_AGAIN, f"{_ONCE} after cleaning up and a step back")


@check("EXC-10", needs=(SINGLE_USE, CLOCK, CONFIGURE))
def test_use_is_remembered_with_a_leeway(mark: CheckId, trial: Trial) -> None:
    """A subject token from a clock ahead is remembered for as long as it is young by that clock."""
    server = KeyServerDriver(trial, DEFAULT.but(leeway=120, max_age=60, ttl=5, retention=0))
    token = server.subject_token(iat=int(server.now) + 120, exp=int(server.now) + 86_400)
    server.use_up(token)
    for _ in range(9):
        server.wait(20)
        server.refused(server.exchange(token), "invalid_request", _ONCE)


@check("EXC-10", needs=(SINGLE_USE, CONFIGURE, RACE))
def test_uses_at_once(mark: CheckId, trial: Trial) -> None:
    """However many exchanges of one subject token run at once, no more than the stated number mint."""
    for uses in (1, 3):
        server = KeyServerDriver(trial, DEFAULT.but(subject_token_uses=uses, cap=100))
        for number in range(6):
            claims = {"jti": f"id-{number}"} if number % 2 else {"nonce": f"n-{number}"}
            draft = HOME.draft("alice", server.now, **claims)
            spelled = [draft.token(), *_good_spellings(draft).values()]
            _race(server, spelled * 4, uses)


def _race(server: KeyServerDriver, tokens: Sequence[str], uses: int) -> None:
    requests: list[Request] = [
        {
            "op": "exchange",
            "peer": PEER,
            "form": [["grant_type", TOKEN_EXCHANGE], ["subject_token", token], ["subject_token_type", ID_TOKEN]],
        }
        for token in tokens
    ]
    decisions = server.race(requests)
    minted = sum(decision.good for decision in decisions)
    if minted != uses:
        what = f"{len(tokens)} exchanges of one subject token at once mint {'more' if minted > uses else 'fewer'}"
        server.fail(f"{what} tokens than are stated", str(uses), f"{minted if minted < uses else 'more'}")
    for decision in decisions:
        if not decision.good:
            server.refused(decision, "invalid_request", "an exchange that came too late")


def _good_spellings(draft: Draft) -> Mapping[str, str]:
    """Return spellings that every verifier takes: of an ECDSA signature, n - s is as good as s (RFC 7518 §3.4)."""
    order = keys.GROUP_ORDER[draft.key.material]

    def negate(signature: bytes) -> bytes:
        size = len(signature) // 2
        return signature[:size] + (order - int.from_bytes(signature[size:], "big")).to_bytes(size, "big")

    return {"the other s of the signature": draft.with_signature(negate).token()}


def _spellings(draft: Draft) -> Mapping[str, str]:
    """Return spellings that some verifier takes."""
    token = draft.token()
    return {
        **_good_spellings(draft),
        "padding": token + "==",
        "a trailing newline": token + "\n",
        "a leading blank": " " + token,
        "the scheme before it": "Bearer " + token,
        "unused bits": token[:-1] + chr(ord(token[-1]) + 1),
    }
