"""Lifecycle events: the one record that each decision of the key server leaves, its wire form, and the trail.

An event is made of what the server knows and nothing that a request merely says: no bearer, no subject token, no
secret, and no text that was presented.
"""

import logging
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from enum import StrEnum
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar

from bearerproof_reference.audit.events import one_line, rfc3339
from bearerproof_reference.keyserver.ordering import Place
from bearerproof_reference.keyserver.store import Moment
from bearerproof_reference.keyserver.tokens import Identity, TokenRecord

T_co = TypeVar("T_co", covariant=True)

_log = logging.getLogger(__name__)


class EventName(StrEnum):
    """The six things that happen to tokens."""

    ISSUED = "token.issued"
    USED = "token.used"
    EXPIRED = "token.expired"
    REVOKED = "token.revoked"
    DENIED = "token.denied"
    INVALID = "token.invalid"


class DenialReason(StrEnum):
    """Why something was denied, or what made it invalid: the closed set of reasons."""

    REVOKED = "revoked"
    INSUFFICIENT_SCOPE = "insufficient-scope"
    RATE_LIMITED = "rate-limited"
    MALFORMED_BEARER = "malformed-bearer"
    UNKNOWN_BEARER = "unknown-bearer"
    MISSING_CREDENTIAL = "missing-credential"
    SEVERAL_CREDENTIALS = "several-credentials"
    STORE_UNAVAILABLE = "store-unavailable"
    MALFORMED_REQUEST = "malformed-request"
    UNSUPPORTED_GRANT_TYPE = "unsupported-grant-type"
    UNSUPPORTED_TOKEN_TYPE = "unsupported-token-type"  # noqa: S105 - the name of a reason, no secret
    INVALID_TARGET = "invalid-target"
    SUBJECT_TOKEN = "subject-token"  # noqa: S105 - likewise
    SUBJECT_TOKEN_USED = "subject-token-used"  # noqa: S105 - likewise
    SUBJECT_TOKEN_AGE = "subject-token-age"  # noqa: S105 - likewise
    SUBJECT_TOKEN_REVOKED = "subject-token-revoked"  # noqa: S105 - likewise
    KEYS_UNAVAILABLE = "keys-unavailable"
    NO_POLICY = "no-policy"
    INVALID_SCOPE = "invalid-scope"
    CAP_REACHED = "cap-reached"
    STORE_FULL = "store-full"
    THROTTLED = "throttled"
    ADMIN_CREDENTIALS = "admin-credentials"
    NOT_ACTIVE = "not-active"


@dataclass(frozen=True, slots=True)
class LifecycleEvent:
    """One event; members that do not apply are None. ``occurred_at`` is the wall clock in seconds.

    ``granted`` is the token's record, for token.issued alone: what a token grants is told once. ``origin`` is who
    wrote the event, as the trail knows.
    """

    event: EventName
    occurred_at: float
    client_ip: str | None
    identity: Identity | None = None
    token_jti: str | None = None
    reason: DenialReason | None = None
    granted: TokenRecord | None = None
    origin: str | None = None

    def as_dict(self, seq: int) -> dict[str, Any]:
        """Return the wire form as JSON data, with ``seq`` as its place in the trail; absent members are left out."""
        members = {
            "event": str(self.event),
            "identity": None if self.identity is None else _identity(self.identity),
            "token_jti": self.token_jti,
            **({} if self.granted is None else _grant(self.granted)),
            "client_ip": self.client_ip,
            "reason": None if self.reason is None else str(self.reason),
            "occurred_at": rfc3339(self.occurred_at),
            "seq": seq,
            "origin": self.origin,
            "expires_at": None if self.granted is None else rfc3339(self.granted.expires_at),
        }
        whole = {name: value for name, value in members.items() if value is not None}
        if self.identity is not None and sum(map(len, self.identity.groups)) > _FITS_ANYWHERE:
            whole["identity"]["groups"] = _fitting(whole)
        return whole


MAX_LINE = 16_000
"""Octets of a line: what collects logs cuts or drops those of 16 KiB. All but the groups takes less than that."""

_FITS_ANYWHERE = 256
"""Characters of groups that fit into every line."""


def _fitting(event: dict[str, Any]) -> list[str]:
    """Return as many of the groups, from the first on, as the line of the event has room for."""
    groups = event["identity"]["groups"]
    room, kept = MAX_LINE - len(one_line({**event, "identity": {**event["identity"], "groups": []}})), 0
    for group in groups:
        room -= len(one_line({"": group}))
        kept += room >= 0
    return list(groups[:kept])


@dataclass(frozen=True, slots=True)
class RequestContext:
    """When (wall-clock seconds) and from where a decision is asked for; makes the events of that decision.

    ``now`` is what the clock said, and what a store is told. Events are dated by the instant that decided, which is
    known to the decision's place among the others; without one it is ``now``.
    """

    now: float
    client_ip: str | None = None
    place: Place | None = None

    @property
    def instant(self) -> float:
        """The instant of the decision, as far as it is known."""
        return self.now if self.place is None else self.place.time

    def decided(self, moment: Moment) -> None:
        """Go by the moment at which the store decided."""
        if self.place is not None:
            self.place.move(moment)

    def away(self) -> AbstractContextManager[None]:
        """Keep no other decision back during the block, which waits for somebody else."""
        return nullcontext() if self.place is None else self.place.away()

    def renewed(self) -> "RequestContext":
        """Return the same with what the clock said when the place was last taken."""
        return self if self.place is None else replace(self, now=self.place.now)

    def issued(self, record: TokenRecord) -> LifecycleEvent:
        """The token was granted and is stored."""
        return LifecycleEvent(
            EventName.ISSUED, self.instant, self.client_ip, record.identity, record.jti, granted=record
        )

    def used(self, record: TokenRecord) -> LifecycleEvent:
        """The bearer was admitted."""
        return self._about(EventName.USED, record)

    def expired(self, record: TokenRecord) -> LifecycleEvent:
        """The bearer was presented after its end."""
        return self._about(EventName.EXPIRED, record)

    def revoked(self, record: TokenRecord) -> LifecycleEvent:
        """The token was live, and is revoked now."""
        return self._about(EventName.REVOKED, record)

    def refused(self, why: DenialReason, record: TokenRecord) -> LifecycleEvent:
        """The bearer is known, but not good enough."""
        return self._about(EventName.DENIED, record, why)

    def denied(self, why: DenialReason, identity: Identity | None = None, jti: str | None = None) -> LifecycleEvent:
        """Something was refused: to this identity, where it is established."""
        return LifecycleEvent(EventName.DENIED, self.instant, self.client_ip, identity, jti, why)

    def invalid(self, why: DenialReason) -> LifecycleEvent:
        """What was presented is not what it should be, whoever presented it."""
        return LifecycleEvent(EventName.INVALID, self.instant, self.client_ip, reason=why)

    def _about(self, event: EventName, record: TokenRecord, why: DenialReason | None = None) -> LifecycleEvent:
        return LifecycleEvent(event, self.instant, self.client_ip, record.identity, record.jti, why)


@dataclass(frozen=True, slots=True)
class Decision(Generic[T_co]):
    """What was decided, and the events that it leaves: one, or for a bulk revocation one for each token."""

    answer: T_co
    events: tuple[LifecycleEvent, ...]


class LineSink(Protocol):
    """Takes the lines of a trail. One sink serves many threads, but gets one line at a time, in order."""

    def write(self, line: str) -> None:
        """Take one line, which has no line feed. May raise: the line is then lost, and counted as such."""


class Trail:
    """Numbers the events in the order of their lines, and hands them to the sink.

    Whatever the sink does, no decision is another for it: an event that it refuses by raising is counted in
    ``lost``, leaves a gap in ``seq``, and the first of a row of them is logged. ``origin`` names this writer in each
    event, where it is set: 1 to 128 characters that no other writer of the same trail uses.
    """

    origin: str | None = None

    def __init__(self, sink: LineSink) -> None:
        self._sink = sink
        self._next = 0
        self._failing = False
        self._lock = Lock()
        self.lost = 0

    @property
    def failing(self) -> bool:
        """Whether the last event was lost."""
        return self._failing

    def record(self, events: Sequence[LifecycleEvent]) -> None:
        """Hand on the events of one decision, next to each other; never raises."""
        with self._lock:
            for event in events:
                self._write(event, self._next)
                self._next += 1

    def _write(self, event: LifecycleEvent, seq: int) -> None:
        try:
            self._sink.write(one_line(replace(event, origin=self.origin).as_dict(seq)))
            self._failing = False
        except Exception as error:  # noqa: BLE001 - an audit trail that fails must not decide about tokens
            self.lost += 1
            if not self._failing:
                _log.error("audit events are being lost: %s", type(error).__name__)
            self._failing = True


CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that start a line, move a cursor or turn the reading order, and unpaired surrogates."""


def _identity(identity: Identity) -> dict[str, Any]:
    name = {} if identity.name is None else {"name": _told(identity.name)}
    return {
        "subject": identity.subject,
        "email": _told(identity.email),
        **name,
        "groups": [_told(group) for group in identity.groups],
        "issuer": identity.issuer,
    }


def _told(text: str) -> str:
    """Return a text of the provider's without what an escape would hide from the line alone, not from its viewer."""
    return CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def _grant(record: TokenRecord) -> dict[str, Any]:
    scopes = record.scopes
    return {"backends": list(scopes.backends), "tools": list(scopes.tools), "rate_limit": scopes.rate_limit}
