"""The messages of contract level 3: what a key server is asked, and how its decisions are read.

The answers are hostile input, as at the levels below: whatever breaks the contract is an ``AdapterFault``.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bearerproof import members
from bearerproof.contract.messages import Outcome, read_undone
from bearerproof.exceptions import AdapterFault
from bearerproof.members import Json

EXCHANGE_CODES = frozenset(
    {
        "invalid_request",
        "invalid_scope",
        "invalid_target",
        "unsupported_grant_type",
        "too_many_tokens",
        "temporarily_unavailable",
        "rate_limited",
    }
)
"""How an exchange may be refused (RFC 6749 §5.2, RFC 8693 §2.2.2, and three for load and outages)."""

REVOKE_CODES = frozenset({"unauthorized", "not-active", "invalid_request", "rate_limited", "temporarily_unavailable"})

BEARER_REASONS = frozenset({"invalid-token", "insufficient-scope", "rate-limited", "unavailable"})
"""Why a bearer may be refused; one that is malformed, unknown, expired or revoked is ``invalid-token``."""


@dataclass(frozen=True)
class Decision:
    """The answer to one operation of level 3.

    ``outcome`` is ``accepted`` for what was granted, admitted or done, ``rejected`` for what was refused;
    ``code`` says why it was refused, ``members`` holds what the operation answers with besides.
    """

    outcome: Outcome
    code: str | None = None
    members: Mapping[str, object] = field(default_factory=dict)
    events: tuple[Json, ...] = ()
    lines: tuple[str, ...] | None = None
    retry_after: float | None = None
    detail: str | None = None

    @property
    def good(self) -> bool:
        """Whether it was granted, admitted or done."""
        return self.outcome is Outcome.ACCEPTED

    @property
    def jti(self) -> str:
        """The ``jti`` of the token that was issued or admitted."""
        return str(self.members["jti"])

    @property
    def scopes(self) -> Json:
        """What an admitted bearer is good for: ``backends``, ``tools`` and ``rate_limit``."""
        found: Any = self.members["scopes"]
        return dict(found)

    @property
    def expires_in(self) -> int | None:
        """How long an issued token lives, in seconds, where that is told."""
        found = self.members.get("expires_in")
        return found if isinstance(found, int) else None

    @property
    def revoked(self) -> int:
        """How many tokens were revoked; none where that was refused."""
        return int(str(self.members.get("revoked", 0)))

    @property
    def answers(self) -> tuple[Json, ...]:
        """What a race was answered with, one answer a request."""
        found: Any = self.members.get("answers", ())
        return tuple(map(dict, found))

    def describe(self) -> str:
        """Say the outcome in a few words, as it stands in failure texts."""
        return f"{self.outcome} ({self.code or self.detail})" if self.code or self.detail else str(self.outcome)


def read_decision(raw: Json, op: str) -> Decision:
    """Read the answer to an operation of level 3.

    Raises:
        AdapterFault: the answer is none that the contract knows.
    """
    undone = read_undone(raw, op)
    if undone is not None:
        return Decision(undone[0], detail=undone[1])
    reader = _READERS.get(op, _done)
    return reader(raw, op)


def _exchange(raw: Json, op: str) -> Decision:
    if "refused" in raw:
        return _refused(raw, op, EXCHANGE_CODES)
    members.refuse_unknown(raw, {"granted"} | _COMMON, op)
    granted = members.get(raw, "granted", dict, op)
    members.refuse_unknown(granted, set(_GRANT), f"{op}: granted")
    for name, kind in _GRANT.items():
        members.get(granted, name, kind, f"{op}: granted", optional=name not in ("access_token", "jti"))
    return Decision(Outcome.ACCEPTED, members=granted, **_common(raw, op))


_GRANT = {
    "access_token": str,
    "issued_token_type": str,
    "token_type": str,
    "expires_in": int,
    "scope": str,
    "jti": str,
}


def _authenticate(raw: Json, op: str) -> Decision:
    verdict = raw.get("verdict")
    if verdict == "rejected":
        members.refuse_unknown(raw, {"verdict", "reason", "retry_after"} | _COMMON, op)
        reason = members.get(raw, "reason", str, op)
        if reason not in BEARER_REASONS:
            raise AdapterFault(f"{op}: reason {members.brief(reason)} is none of {', '.join(sorted(BEARER_REASONS))}")
        return Decision(Outcome.REJECTED, reason, retry_after=_retry_after(raw, op), **_common(raw, op))
    if verdict != "accepted":
        raise AdapterFault(f"{op}: answered {members.brief(raw)}; due is a verdict (accepted or rejected), or skipped")
    members.refuse_unknown(raw, {"verdict", "jti", "identity", "scopes"} | _COMMON, op)
    found = {
        "jti": members.get(raw, "jti", str, op),
        "identity": _identity(members.get(raw, "identity", dict, op), f"{op}: identity"),
        "scopes": _scopes(members.get(raw, "scopes", dict, op), f"{op}: scopes"),
    }
    return Decision(Outcome.ACCEPTED, members=found, **_common(raw, op))


def _identity(raw: Json, where: str) -> Json:
    return {name: members.get(raw, name, str, where) for name in ("issuer", "subject")}


def _scopes(raw: Json, where: str) -> Json:
    for name in ("backends", "tools"):
        members.strings(raw.get(name), f"{where}: {name}")
    members.get(raw, "rate_limit", int, where)
    return raw


def _revoke(raw: Json, op: str) -> Decision:
    if "refused" in raw:
        return _refused(raw, op, REVOKE_CODES)
    return _number(raw, op, "revoked")


def _number(raw: Json, op: str, name: str) -> Decision:
    members.refuse_unknown(raw, {name} | _COMMON, op)
    number = members.get(raw, name, int, op)
    if number < 0:
        raise AdapterFault(f"{op}: {name} is negative: {number}")
    return Decision(Outcome.ACCEPTED, members={name: number}, **_common(raw, op))


def _done(raw: Json, op: str) -> Decision:
    """Read the answer to ``configure``, ``rotate`` or ``restart``: true when done, false when refused."""
    name = {"configure": "configured", "rotate": "rotated", "restart": "restarted"}[op]
    members.refuse_unknown(raw, {name} | _COMMON, op)
    done = members.get(raw, name, bool, op)
    return Decision(Outcome.ACCEPTED if done else Outcome.REJECTED, **_common(raw, op))


def _http(raw: Json, op: str) -> Decision:
    members.refuse_unknown(raw, {"status", "headers", "body_b64"} | _COMMON, op)
    status, headers = members.get(raw, "status", int, op), members.get(raw, "headers", list, op)
    if not 100 <= status <= 599:
        raise AdapterFault(f"{op}: status {status} is none of HTTP")
    if any(len(members.strings(pair, f"{op}: each of headers")) != 2 for pair in headers):
        raise AdapterFault(f"{op}: each of headers must be a name and a value")
    body = members.get(raw, "body_b64", str, op)
    try:
        base64.b64decode(body, validate=True)
    except ValueError:
        raise AdapterFault(f"{op}: body_b64 is not base64: {members.brief(body)}") from None
    found = {"status": status, "headers": headers, "body_b64": body}
    return Decision(Outcome.ACCEPTED, members=found, **_common(raw, op))


def _race(raw: Json, op: str) -> Decision:
    members.refuse_unknown(raw, {"id", "answers"}, op)
    members.get(raw, "answers", list, op)
    return Decision(Outcome.ACCEPTED, members={"answers": members.many(raw, "answers", dict, op)})


def _refused(raw: Json, op: str, codes: frozenset[str]) -> Decision:
    members.refuse_unknown(raw, {"refused", "retry_after"} | _COMMON, op)
    code = members.get(raw, "refused", str, op)
    if code not in codes:
        raise AdapterFault(f"{op}: refused {members.brief(code)} is none of {', '.join(sorted(codes))}")
    return Decision(Outcome.REJECTED, code, retry_after=_retry_after(raw, op), **_common(raw, op))


_COMMON = {"id", "events", "lines"}


def _common(raw: Json, op: str) -> Json:
    return {
        "events": members.many(raw, "events", dict, op) or (),
        "lines": members.many(raw, "lines", str, op),
    }


def _retry_after(raw: Json, op: str) -> float | None:
    value = raw.get("retry_after")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise AdapterFault(f"{op}: retry_after must be a number of seconds, not {members.brief(value)}")
    return float(value)


_READERS = {
    "exchange": _exchange,
    "authenticate": _authenticate,
    "revoke": _revoke,
    "reap": lambda raw, op: _number(raw, op, "reaped"),
    "count": lambda raw, op: _number(raw, op, "count"),
    "http": _http,
    "race": _race,
}
