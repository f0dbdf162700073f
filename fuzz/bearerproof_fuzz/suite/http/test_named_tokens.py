"""Tokens that are named in a form: revocation (RFC 7009) and introspection (RFC 7662)."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof.specification.catalogue import Measure
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.keyserver import wire
from bearerproof_fuzz.keyserver.driver import Grant, KeyServerDriver
from bearerproof_fuzz.keyserver.http_asserts import UNKNOWN, answered, refused
from bearerproof_fuzz.keyserver.revocation_asserts import dead, live
from bearerproof_fuzz.keyserver.setting import DEFAULT
from bearerproof_fuzz.keyserver.wire import ADMINISTRATOR, FORM, INTROSPECTION, REVOCATION, Reply
from bearerproof_fuzz.needs import CLOCK, CONFIGURE, REVOCATION_SECRET, THROTTLE
from bearerproof_fuzz.needs import INTROSPECTION as INTROSPECTED
from bearerproof_fuzz.needs import TOKEN_REVOCATION as REVOKED


def _revoke(server: KeyServerDriver, token: str, *, hint: str | None = None) -> Reply:
    return wire.name_token(server, REVOCATION, token, ADMINISTRATOR, hint=hint)


def _introspect(server: KeyServerDriver, token: str, *, hint: str | None = None) -> Reply:
    return wire.name_token(server, INTROSPECTION, token, ADMINISTRATOR, hint=hint)


def _foreign(server: KeyServerDriver) -> Mapping[str, str]:
    """Return texts that are none of the server's tokens."""
    return {
        "a token of nobody": UNKNOWN,
        "a subject token": server.subject_token(),
        "a word": "x",
        "an asterisk": "*",
        "a text beyond ASCII": "\u00e9\u4e2d",
        "a long text": "a" * 4000,
    }


# --- revocation


@check("HTTP-18", needs=REVOKED)
def test_named_token_is_revoked(mark: CheckId, trial: Trial) -> None:
    """A live token whose bearer is named is revoked by the time of the answer 200, and no other token is."""
    server = KeyServerDriver(trial)
    grant, second, other = server.issue(), server.issue(), server.issue("bob")
    answered(server, _revoke(server, grant.bearer), 200, "a live token is named for revocation")
    dead(server, grant, summary="the token was revoked by its bearer")
    live(server, second, other, summary="another token was revoked by its bearer")


@check("HTTP-18", needs=(*REVOKED, CONFIGURE))
def test_named_token_leaves_the_cap(mark: CheckId, trial: Trial) -> None:
    """A token that was revoked by its bearer is none of the live ones of its identity any more."""
    server = KeyServerDriver(trial, DEFAULT.but(cap=1))
    grant = server.issue()
    server.refused(server.exchange(server.subject_token()), "too_many_tokens", "the cap is reached")
    answered(server, _revoke(server, grant.bearer), 200, "a live token is named for revocation")
    server.good(server.exchange(server.subject_token()), "the one token of the identity was revoked by its bearer")


@check("HTTP-19", needs=REVOKED)
def test_nothing_to_revoke_is_success(mark: CheckId, trial: Trial) -> None:
    """A revocation that names a token which is revoked or unknown is answered with 200, and ends no other."""
    server = KeyServerDriver(trial)
    grant, other = server.issue(), server.issue()
    for summary in ("a live token is named for revocation", "a token that was revoked before is named for revocation"):
        answered(server, _revoke(server, grant.bearer), 200, summary)
    for name, token in _foreign(server).items():
        reply = _revoke(server, token)
        unsupported = (reply.status, reply.error) == (400, "unsupported_token_type")  # RFC 7009 §2.2.1
        if name == "a token of nobody" or not unsupported:
            answered(server, reply, 200, f"{name} is named for revocation")
    live(server, other, summary="unknown tokens were named for revocation")


@check("HTTP-19", needs=(*REVOKED, CLOCK))
def test_expired_token_is_revoked_with_success(mark: CheckId, trial: Trial) -> None:
    """A revocation that names an expired token is answered with 200, whether it is still on record or not."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    for seconds in (server.lifetime(grant), server.setting.retention + 1):
        server.wait(seconds)
        answered(server, _revoke(server, grant.bearer), 200, "an expired token is named for revocation")


# --- either


_HINTS = ("access_token", "refresh_token", "urn:ietf:params:oauth:token-type:id_token", "pairing-code", "")


@check("HTTP-20", needs=REVOKED)
def test_hint_hides_no_token_from_revocation(mark: CheckId, trial: Trial) -> None:
    """A revocation ends a token whatever the hint says of its type."""
    server = KeyServerDriver(trial)
    for number, hint in enumerate(_HINTS):
        grant = server.issue(f"alice{number}")
        answered(server, _revoke(server, grant.bearer, hint=hint), 200, f"a revocation with the hint {hint!r}")
        dead(server, grant, summary=f"the token was revoked with the hint {hint!r}")


@check("HTTP-20", needs=INTROSPECTED)
def test_hint_hides_no_token_from_introspection(mark: CheckId, trial: Trial) -> None:
    """An introspection finds a token whatever the hint says of its type."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    for hint in _HINTS:
        _active(server, _introspect(server, grant.bearer, hint=hint), f"a live token with the hint {hint!r}")


_NOT_NAMED: Mapping[str, Callable[[str], bytes]] = {
    "nothing": lambda _: b"",
    "an empty token": lambda _: b"token=",
    "a token under another name": lambda bearer: f"access-token={bearer}".encode(),
    "a hint alone": lambda _: b"token_type_hint=access_token",
}


def _require_token(server: KeyServerDriver, endpoint: str) -> None:
    grant = server.issue()
    for name, body in _NOT_NAMED.items():
        fields = [("Authorization", ADMINISTRATOR), ("Content-Type", FORM)]
        reply = wire.send(server, "POST", endpoint, fields, body(grant.bearer))
        answered(server, reply, 400, f"a form with {name}")
        if reply.error != "invalid_request":
            server.fail(f"a form with {name}", "400 invalid_request", reply.describe())
    fields = [("Authorization", ADMINISTRATOR), ("Content-Type", "application/json")]
    reply = wire.send(server, "POST", endpoint, fields, f'{{"token":"{grant.bearer}"}}'.encode())
    refused(server, reply, "JSON in place of a form", (400, 415))
    live(server, grant, summary="no token was named")


@check("HTTP-21", needs=REVOKED)
def test_revocation_without_a_token(mark: CheckId, trial: Trial) -> None:
    """A revocation that names no token is no success: 400 and invalid_request."""
    server = KeyServerDriver(trial)
    answered(server, _revoke(server, server.issue().bearer), 200, "a live token is named for revocation")
    _require_token(server, REVOCATION)


@check("HTTP-21", needs=INTROSPECTED)
def test_introspection_without_a_token(mark: CheckId, trial: Trial) -> None:
    """An introspection that names no token is answered with 400 and invalid_request."""
    server = KeyServerDriver(trial)
    _active(server, _introspect(server, server.issue().bearer), _CONTROL)
    _require_token(server, INTROSPECTION)


def _strangers(trial: Trial, grant: Grant) -> Mapping[str, str | None]:
    """Return credentials that are not the secret; a bearer of the server may authorise, as base has it."""
    own = {"the bearer itself": wire.bearer(grant)} if trial.measure is Measure.STRICT else {}
    return {"no credentials": None, "a wrong secret": "Bearer wrong", "another scheme": "Basic YTpi", **own}


def _refused_to_strangers(server: KeyServerDriver, endpoint: str, grant: Grant) -> None:
    statuses = (401, 429) if server.trial.measure is Measure.STRICT else (400, 401, 403, 429)  # a few are guesses
    for name, credentials in _strangers(server.trial, grant).items():
        reply = wire.name_token(server, endpoint, grant.bearer, credentials)
        refused(server, reply, f"a live token is named with {name}", statuses)
        if "active" in (reply.json or {}):
            server.fail(f"a live token is named with {name}", "nothing about it", "whether it is active")


@check("HTTP-22", needs=INTROSPECTED)
def test_introspection_without_the_secret(mark: CheckId, trial: Trial) -> None:
    """Nobody is told how it stands with a token who does not present the secret."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    _active(server, _introspect(server, grant.bearer), _CONTROL)
    _refused_to_strangers(server, INTROSPECTION, grant)


@check("HTTP-22", needs=(*REVOKED, REVOCATION_SECRET))
def test_revocation_by_bearer_without_the_secret(mark: CheckId, trial: Trial) -> None:
    """Where revocation by bearer asks for the secret, a token lives on that is named without it."""
    server = KeyServerDriver(trial)
    grant, control = server.issue(), server.issue()
    answered(server, _revoke(server, control.bearer), 200, "a live token is named for revocation")
    _refused_to_strangers(server, REVOCATION, grant)
    live(server, grant, summary="its revocation was asked for without the secret")


# --- introspection


def _active(server: KeyServerDriver, reply: Reply, summary: str) -> Mapping[str, Any]:
    """Require that a token is called active, and return what is told of it."""
    told, expected = reply.json or {}, '200 and "active": true'
    if reply.status != 200 or told.get("active") is not True:
        if server.trial.measure is Measure.BASE and summary == _CONTROL:
            server.require(False, f"introspection of {_CONTROL}, by whoever may ask for it,", expected, _seen(reply))
        server.fail(f"introspection of {summary}", expected, _seen(reply))
    return told


_CONTROL = "a live token"
"""What has to be active before anything else is concluded; who may not ask is told that it is not (RFC 7662 §2.2)."""


def _inactive(server: KeyServerDriver, reply: Reply, summary: str) -> Reply:
    """Require that a token is called inactive."""
    if reply.status != 200 or (reply.json or {}).get("active") is not False:
        server.fail(f"introspection of {summary}", '200 and "active": false', _seen(reply))
    return reply


def _seen(reply: Reply) -> str:
    told = reply.json or {}
    return f"{reply.describe()}, active {told['active']!r}" if "active" in told else reply.describe()


@check("HTTP-23", needs=INTROSPECTED)
def test_introspection_of_what_is_not_live(mark: CheckId, trial: Trial) -> None:
    """A token that was revoked, or that is none, is not active."""
    server = KeyServerDriver(trial)
    grant, second = server.issue(), server.issue()
    for each in (grant, second):
        _active(server, _introspect(server, each.bearer), _CONTROL)
    server.good(server.revoke(grant.jti), "a live token is revoked")
    _inactive(server, _introspect(server, grant.bearer), "a revoked token")
    _active(server, _introspect(server, second.bearer), "a live token beside a revoked one")
    for name, token in _foreign(server).items():
        _inactive(server, _introspect(server, token), name)


@check("HTTP-23", needs=INTROSPECTED)
def test_introspection_of_a_revoked_identity(mark: CheckId, trial: Trial) -> None:
    """A token that was revoked with all others of its identity is not active, and one of somebody else is."""
    server = KeyServerDriver(trial)
    grant, other = server.issue(), server.issue("bob")
    _active(server, _introspect(server, grant.bearer), _CONTROL)
    server.good(server.revoke_all("alice"), "an identity is revoked")
    _inactive(server, _introspect(server, grant.bearer), "a token of a revoked identity")
    _active(server, _introspect(server, other.bearer), "a live token of another identity")


@check("HTTP-23", needs=(*INTROSPECTED, CLOCK))
def test_introspection_after_the_end(mark: CheckId, trial: Trial) -> None:
    """A token is not active any more from the instant of its end on, whether it is still on record or not."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    _active(server, _introspect(server, grant.bearer), _CONTROL)
    for seconds in (server.lifetime(grant), 1, server.setting.retention):
        server.wait(seconds)
        _inactive(server, _introspect(server, grant.bearer), "an expired token")


@check("HTTP-24", needs=INTROSPECTED)
def test_silence_about_what_is_not_live(mark: CheckId, trial: Trial) -> None:
    """Of a token that is revoked or none nothing is told but that it is not active."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    _active(server, _introspect(server, grant.bearer), _CONTROL)
    server.good(server.revoke(grant.jti), "a live token is revoked")
    _silent(server, {"a revoked token": grant.bearer, **_foreign(server)})


@check("HTTP-24", needs=(*INTROSPECTED, CLOCK))
def test_silence_about_what_has_expired(mark: CheckId, trial: Trial) -> None:
    """Of a token that has expired nothing is told but that it is not active."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    _active(server, _introspect(server, grant.bearer), _CONTROL)
    server.wait(server.lifetime(grant))
    _silent(server, {"an expired token": grant.bearer, "a token of nobody": UNKNOWN})


def _silent(server: KeyServerDriver, tokens: Mapping[str, str]) -> None:
    first: Reply | None = None
    for name, token in tokens.items():
        reply = _inactive(server, _introspect(server, token), name)
        more = sorted(set(reply.json or {}) - {"active"})
        if more:
            server.fail(f"introspection of {name}", '{"active": false} alone', ", ".join(more))
        first = first or reply
        if reply.fingerprint != first.fingerprint:
            server.fail(f"introspection of {name}", f"the same octets as for {next(iter(tokens))}", "others")


_SCOPE = re.compile(r"([!#-\[\]-~]+( [!#-\[\]-~]+)*)?")
"""A scope (RFC 6749 §3.3), or none."""

_TYPES: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("exp", "iat", "nbf"), lambda value: type(value) is int),
    **dict.fromkeys(("sub", "iss", "jti", "client_id", "username"), lambda value: isinstance(value, str)),
    "aud": lambda value: (
        isinstance(value, str) or (isinstance(value, list) and all(isinstance(name, str) for name in value))
    ),
    "scope": lambda value: isinstance(value, str) and _SCOPE.fullmatch(value) is not None,
    "token_type": lambda value: isinstance(value, str) and value.lower() == "bearer",
}
"""What the members of RFC 7662 §2.2 hold; ``token_type`` as RFC 6749 §5.1 has it of such a token."""


@check("HTTP-25", needs=INTROSPECTED)
def test_types_of_an_introspection(mark: CheckId, trial: Trial) -> None:
    """An introspection is a JSON object, and what stands in it has the types of RFC 7662."""
    server = KeyServerDriver(trial)
    for scope in (None, "backends:a tools:x"):
        reply = _introspect(server, server.issue(scope=scope).bearer)
        told = _active(server, reply, _CONTROL)
        if reply.media_type != "application/json":
            server.fail("introspection of a live token", "application/json", f"{reply.media_type}")
        for name, holds in _TYPES.items():
            if name in told and not holds(told[name]):
                server.fail(f"{name} of an introspection", "as RFC 7662 §2.2 has it", type(told[name]).__name__)


@check("HTTP-25", needs=INTROSPECTED)
def test_introspection_agrees_with_the_grant(mark: CheckId, trial: Trial) -> None:
    """What is told of a live token is what was granted: no wider scope, no later end, no other subject or id."""
    server = KeyServerDriver(trial)
    asked = (("alice", None), ("alice", _MORE), ("bob", "backends:a tools:x,y"), ("carol", _LESS))
    for subject, scope in asked:
        grant = server.issue(subject, scope)
        told = _active(server, _introspect(server, grant.bearer), _CONTROL)
        wrong = _untrue(server, grant, told)
        if wrong is not None:
            server.fail(f"{wrong} of an introspection", "as it was granted", "something else")


_LESS, _MORE = "backends:a tools:x", "backends:a,b tools:x"


@check("HTTP-25", needs=INTROSPECTED)
def test_scope_that_nobody_asked_for_is_told(mark: CheckId, trial: Trial) -> None:
    """Where less was asked for than another time, and no less is in the token, one of the two answers tells a scope.

    A scope that is not told is the one that was asked for (RFC 6749 §5.1), and the two were not the same.
    """
    server = KeyServerDriver(trial)
    grants = [server.issue(subject, scope) for subject, scope in (("alice", _LESS), ("bob", _MORE))]
    found = [_active(server, _introspect(server, grant.bearer), _CONTROL).get("scope") for grant in grants]
    if found[0] and found[0] == found[1] and not any(grant.scope for grant in grants):
        server.fail(
            "a narrow scope was asked for, and a wide one, and the same was issued", "scope in an answer", "none"
        )


def _untrue(server: KeyServerDriver, grant: Grant, told: Mapping[str, Any]) -> str | None:
    """Return the name of a member that is not as it was granted; times may differ as far as clocks do.

    By which names a server calls a subject and a token here, the RFC leaves to it; base does not look at them.
    """
    off, now = 1 + server.setting.leeway, server.now
    ends = grant.issued_at + server.lifetime(grant)
    true: dict[str, Callable[[Any], bool]] = {
        "scope": lambda value: not grant.scope or _within(_sides(value), _sides(grant.scope)),
        "exp": lambda value: ends - off <= value <= now + server.lifetime(grant) + off,
        "iat": lambda value: grant.issued_at - off <= value <= now + off,
        "nbf": lambda value: value <= now + off,
    }
    if server.trial.measure is Measure.STRICT:
        true["jti"] = lambda value: value == grant.jti
        true["sub"] = lambda value: server.in_our_words(value) == grant.subject
    readable = {name: told[name] for name in true if name in told and _TYPES[name](told[name])}
    return next((name for name, value in readable.items() if not true[name](value)), None)


def _sides(scope: str) -> Mapping[str, frozenset[str]]:
    parted = (word.partition(":") for word in scope.split(" ") if word)
    return {side: frozenset(names.split(",")) for side, _, names in parted}


def _within(told: Mapping[str, frozenset[str]], granted: Mapping[str, frozenset[str]]) -> bool:
    """Say whether each pattern was granted: fewer may be told than there are (RFC 7662 §2.2)."""
    return all(names <= granted.get(side, frozenset()) for side, names in told.items())


# --- guesses


def _limited(server: KeyServerDriver, endpoint: str) -> None:
    """Require that guesses at an endpoint and at another revocation use up the same number."""
    most, grant = server.setting.admin_failures, server.issue()
    statuses = [wire.name_token(server, endpoint, grant.bearer, f"Bearer guess-{n}").status for n in range(most + 1)]
    if statuses[0] != 401 or statuses[-1] != 429:
        server.fail("the secret is guessed", f"401, and 429 after {most} guesses", f"{statuses[0]} to {statuses[-1]}")
    server.refused(server.revoke(grant.jti, admin="guess"), "rate_limited", "the secret was guessed at another door")
    for number in range(most + 1):
        server.revoke(grant.jti, admin=f"guess-{number}", peer=_ANOTHER)
    reply = wire.name_token(server, endpoint, grant.bearer, ADMINISTRATOR, peer=_ANOTHER)
    answered(server, reply, 429, "the secret was guessed at another door, and is right now")
    live(server, grant, summary="the secret was only guessed")


_ANOTHER = "198.51.100.41"


@check("HTTP-26", needs=(*INTROSPECTED, THROTTLE, CONFIGURE))
def test_guesses_at_introspection_count(mark: CheckId, trial: Trial) -> None:
    """Wrong secrets at introspection count with those of revocations, and are throttled with them."""
    _limited(KeyServerDriver(trial), INTROSPECTION)


@check("HTTP-26", needs=(*REVOKED, REVOCATION_SECRET, THROTTLE, CONFIGURE))
def test_guesses_at_revocation_by_bearer_count(mark: CheckId, trial: Trial) -> None:
    """Wrong secrets at revocation by bearer count with those of other revocations, and are throttled with them."""
    _limited(KeyServerDriver(trial), REVOCATION)
