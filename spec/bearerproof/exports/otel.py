"""Events as OpenTelemetry log records, in the JSON of OTLP 1.10: 64-bit integers are text, enumerations numbers.

``timeUnixNano`` is left out where the event does not say when it happened (unset means unknown), and where 64 bits of
nanoseconds since 1970 do not reach. ``observedTimeUnixNano`` is for the collector to set. Attributes are those of the
semantic conventions where they have one, and of the namespace ``bearerproof`` elsewhere; what a rejected token may
have had a hand in is under ``bearerproof.untrusted``.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bearerproof.exports.facts import EPOCH, Facts, Grant, Identity, present, read, rfc3339
from bearerproof.members import Json

Value = str | int | Sequence[str] | None

INFO, WARN = 9, 13
"""Severity numbers of the log data model."""


def log_record(event: Mapping[str, Any]) -> Json:
    """Return the log record of an audit event, named for what happened.

    Raises:
        Unexportable: it is no audit event.
    """
    facts = read(event)
    return present(
        {
            "timeUnixNano": _nanoseconds(facts.instant) if facts.instant else None,
            "severityNumber": WARN if facts.refused else INFO,
            "body": {"stringValue": facts.message},
            "attributes": [{"key": name, "value": _value(value)} for name, value in _attributes(facts).items()],
            "eventName": f"bearerproof.{facts.action}",
        }
    )


def _nanoseconds(instant: datetime) -> str | None:
    number = (instant - EPOCH) // timedelta(microseconds=1) * 1000
    return str(number) if 0 < number < 2**64 else None


def _attributes(facts: Facts) -> Json:
    return present(
        {
            "error.type": None if facts.succeeded else facts.reason,
            "client.address": facts.client_ip,
            **(_user(facts.identity) if facts.identity else {}),
            "bearerproof.seq": facts.sequence,
            "bearerproof.token.jti": facts.token_jti,
            **(_granted(facts.grant) if facts.grant else {}),
            **{f"bearerproof.untrusted.{name}": value for name, value in facts.untrusted.items()},
        }
    )


def _user(identity: Identity) -> dict[str, Value]:
    return {
        "user.id": identity.subject,
        "user.email": identity.email,
        "user.full_name": identity.name,
        "bearerproof.identity.issuer": identity.issuer,
        "bearerproof.identity.groups": identity.groups or None,
    }


def _granted(grant: Grant) -> dict[str, Value]:
    return {
        "bearerproof.token.backends": grant.backends,
        "bearerproof.token.tools": grant.tools,
        "bearerproof.token.rate_limit": grant.rate_limit,
        "bearerproof.token.expires_at": rfc3339(grant.expires_at) if grant.expires_at else None,
    }


def _value(value: str | int | Sequence[str]) -> Json:
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"arrayValue": present({"values": [{"stringValue": item} for item in value] or None})}
