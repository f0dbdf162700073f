"""What an audit event says, read once for every export; and apart from it, what nobody vouches for."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from bearerproof.exceptions import BearerproofError
from bearerproof.members import Json

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_SURROGATE = re.compile("[\ud800-\udfff]")


class Unexportable(BearerproofError):
    """The format asked for has no honest record of this event."""


class Action(StrEnum):
    """What happened: the six decisions of a key server, and a verifier's rejection."""

    ISSUED = "token.issued"
    USED = "token.used"
    EXPIRED = "token.expired"
    REVOKED = "token.revoked"
    DENIED = "token.denied"
    INVALID = "token.invalid"
    REJECTED = "token.rejected"


@dataclass(frozen=True)
class Identity:
    """Who a temporary token speaks for; issuer and subject together, nothing else, identify somebody."""

    issuer: str
    subject: str
    email: str | None
    name: str | None
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Grant:
    """What an issued token opens, at how many requests a minute, and until when."""

    backends: tuple[str, ...]
    tools: tuple[str, ...]
    rate_limit: int
    expires_at: datetime | None


@dataclass(frozen=True)
class Facts:
    """One event. ``untrusted`` holds what the rejected token may have had a hand in, by the event's own names.

    ``written`` is ``occurred_at`` as it stands in the event; ``instant`` is the time that it means, if it means one.
    """

    action: Action
    reason: str | None = None
    written: str | None = None
    instant: datetime | None = None
    sequence: int | None = None
    client_ip: str | None = None
    token_jti: str | None = None
    identity: Identity | None = None
    grant: Grant | None = None
    untrusted: Mapping[str, str] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """Whether what was asked for was done."""
        return self.action in {Action.ISSUED, Action.USED, Action.REVOKED}

    @property
    def refused(self) -> bool:
        """Whether somebody was turned away for another cause than the token's natural end."""
        return self.action in {Action.DENIED, Action.INVALID, Action.REJECTED}

    @property
    def trail(self) -> str:
        """Which of the two kinds of audit trail the event is from."""
        return "verify-failure" if self.action is Action.REJECTED else "lifecycle"

    @property
    def message(self) -> str:
        """One line for a person."""
        return f"{self.action}: {self.reason}" if self.reason else str(self.action)


def read(event: Mapping[str, Any]) -> Facts:
    """Read an event that is valid by one of the two schemas.

    Raises:
        Unexportable: it has neither a `kind` nor an `event`, so it is neither of the two.
    """
    if "event" in event:  # first, since a lifecycle event may add a `kind`, and the other kind of event adds nothing
        return _decision(event)
    if "kind" in event:
        return _rejection(event)
    raise Unexportable("this is no audit event: it has neither `kind` (verify-failure) nor `event` (lifecycle)")


def present(members: Mapping[str, Any]) -> Json:
    """Return the members that have a value."""
    return {name: value for name, value in members.items() if value is not None}


def rfc3339(instant: datetime) -> str:
    """Return a time as RFC 3339 in UTC, spelt Z, with six decimals."""
    return instant.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _rejection(event: Mapping[str, Any]) -> Facts:
    reason, detail = _kind(event["kind"])
    metadata = event["metadata"]
    untrusted = {
        "source_id": _text(event["source_id"]),
        "client_id_hint": _maybe(event.get("client_id_hint")),
        "kid_hint": _maybe(event.get("kid_hint")),
        "aud_hint": _maybe(metadata.get("aud_hint")),
        "kind_detail": detail,
        "engine_msg": _maybe(metadata.get("engine_msg")),
    }
    return Facts(Action.REJECTED, reason, **_time(event), untrusted=present(untrusted))


def _kind(kind: str | Mapping[str, Any]) -> tuple[str, str | None]:
    """Split a kind into the names of its variants, a closed set, and the text at its end, which may be the token's."""
    if isinstance(kind, str):
        return kind, None
    ((variant, value),) = kind.items()
    if variant != "IdToken":
        return variant, _maybe(value)
    inner, detail = _kind(value)
    return f"{variant}.{inner}", detail


def _decision(event: Mapping[str, Any]) -> Facts:
    action = Action(event["event"])
    reason = "expired" if action is Action.EXPIRED else None
    return Facts(
        action,
        reason=_maybe(event.get("reason")) or reason,
        **_time(event),
        sequence=_sequence(event),
        client_ip=_address(event.get("client_ip")),
        token_jti=_maybe(event.get("token_jti")),
        identity=_identity(event["identity"]) if "identity" in event else None,
        grant=_grant(event) if action is Action.ISSUED else None,
    )


def _identity(member: Mapping[str, Any]) -> Identity:
    return Identity(
        issuer=_text(member["issuer"]),
        subject=_text(member["subject"]),
        email=_maybe(member["email"]) or None,
        name=_maybe(member.get("name")) or None,
        groups=_texts(member.get("groups", ())),
    )


def _grant(event: Mapping[str, Any]) -> Grant:
    expires_at = _instant(event.get("expires_at"))
    return Grant(_texts(event["backends"]), _texts(event["tools"]), int(event["rate_limit"]), expires_at)


def _sequence(event: Mapping[str, Any]) -> int | None:
    number = int(event.get("seq", -1))
    return number if 0 <= number < 2**63 else None


def _time(event: Mapping[str, Any]) -> Json:
    written = event.get("occurred_at")
    return {"written": written, "instant": _instant(written)}


def _instant(written: str | None) -> datetime | None:
    """Return the time that is written; None for none, and for a day or year that the calendar lacks.

    A leap second is the first second of the next minute, as in POSIX time: no format exported to can tell them apart.
    """
    if written is None:
        return None
    try:
        return datetime.fromisoformat(written.replace(":60.", ":59.")) + timedelta(seconds=":60." in written)
    except (ValueError, OverflowError):
        return None


def _address(written: str | None) -> str | None:
    """Return an IP address in its shortest spelling; None for what is none."""
    try:
        return None if written is None else str(ipaddress.ip_address(written))
    except ValueError:
        return None


def _maybe(value: str | None) -> str | None:
    return None if value is None else _text(value)


def _texts(values: list[str]) -> tuple[str, ...]:
    return tuple(_text(value) for value in values)


def _text(text: str) -> str:
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)
