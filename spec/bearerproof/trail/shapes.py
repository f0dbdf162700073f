"""The schemas of the records of a trail, as compiled checks: the same verdicts as JSON Schema, at a trail's speed.

``conforms_*`` decide; ``complaint`` asks the schema itself, slowly, to say what is wrong with the few that are shown.
A test shows on generated records that the two agree.
"""

import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from bearerproof import data

LIFECYCLE = "lifecycle-event"
FAILURE = "verify-failure-event"
SUMMARY = "answer"

_INSTANT = re.compile(
    r"([0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]):([0-5][0-9]|60)"
    r"(?:\.([0-9]{1,9}))?Z"
)
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{2,45}")
_SOURCE_ID = re.compile(r"(?:[A-Za-z0-9._~@/+=-]|%[0-9A-F]{2})+(?:::(?:[A-Za-z0-9._~@/+=-]|%[0-9A-F]{2})+){1,2}")

_SUMMARY_MEMBERS = frozenset({"tier", "dropped", "kinds", "sources"})

PLAIN_KINDS = frozenset(
    {
        "InvalidFormat",
        "AlgorithmInvalid",
        "HeaderInvalid",
        "KeyUnknown",
        "KeyUnusable",
        "KeysetUnavailable",
        "SignatureInvalid",
        "TypeInvalid",
        "IdTokenAsBearer",
        "Expired",
        "NotYetValid",
        "IssuedInFuture",
        "LifetimeInvalid",
        "IssuerInvalid",
        "AudienceInvalid",
        "Replayed",
        "ReplayLookupUnavailable",
        "SessionVersionStale",
        "SessionVersionLookupUnavailable",
        "SessionRevoked",
        "SessionLivenessLookupUnavailable",
        "Other",
    }
)
ID_TOKEN_KINDS = frozenset(
    {
        "NonceMissing",
        "NonceMismatch",
        "AtHashMissing",
        "AtHashMismatch",
        "CHashMissing",
        "CHashMismatch",
        "AzpMissing",
        "AzpMismatch",
        "AuthTimeMissing",
        "AuthTimeStale",
        "AcrMissing",
        "AcrNotAllowed",
    }
)

_GRANT = frozenset({"backends", "tools", "rate_limit", "expires_at"})
_MEMBERS = _GRANT | {"event", "identity", "token_jti", "client_ip", "reason", "occurred_at", "seq", "origin"}

REQUIRED = {
    "token.issued": frozenset({"event", "identity", "token_jti", "backends", "tools", "rate_limit"}),
    "token.used": frozenset({"event", "identity", "token_jti"}),
    "token.expired": frozenset({"event", "identity", "token_jti"}),
    "token.revoked": frozenset({"event", "token_jti"}),
    "token.denied": frozenset({"event", "reason"}),
    "token.invalid": frozenset({"event", "reason"}),
}
"""The members that a kind of lifecycle event must have."""

ALLOWED = {name: _MEMBERS if name == "token.issued" else _MEMBERS - _GRANT for name in REQUIRED}
"""The members that it may have, besides those that the schema does not know."""

MOST_RATE_LIMIT = 4294967295

MOST = 2**53 - 1
"""The largest number that every reader of JSON keeps exactly (RFC 7493 §2.2)."""


def conforms_lifecycle(event: Mapping[str, Any]) -> bool:
    """Whether a record is a lifecycle event by its schema."""
    name = event.get("event")
    return (
        type(name) is str
        and name in REQUIRED
        and REQUIRED[name] <= event.keys()
        and (name == "token.issued" or _GRANT.isdisjoint(event))
        and None not in event.values()
        and all(check(event[member]) for member, check in LIFECYCLE_CHECKS.items() if member in event)
    )


def conforms_failure(event: Mapping[str, Any]) -> bool:
    """Whether a record is a verify-failure event by its schema."""
    return (
        FAILURE_CHECKS.keys() >= event.keys()
        and all(name in event for name in ("kind", "occurred_at", "source_id", "metadata"))
        and all(FAILURE_CHECKS[name](value) for name, value in event.items())
    )


def conforms_summary(record: Mapping[str, Any]) -> bool:
    """Whether a record is a limiter's drop summary by its schema."""
    return (
        _SUMMARY_MEMBERS.issuperset(record)
        and all(name in record for name in ("tier", "dropped", "kinds"))
        and record["tier"] in ("registered", "strangers")
        and is_integer(record["dropped"], 1, MOST)
        and _is_counts(record["kinds"], 64)
        and ("sources" not in record or (_is_counts(record["sources"], 712) and len(record["sources"]) <= 20))
    )


def complaint(schema: str, record: Any) -> str:
    """Return what the JSON Schema says against a record: which member, and what is wrong with it.

    The value itself is not repeated: it may be long, hostile or secret.
    """
    from jsonschema.exceptions import best_match  # noqa: PLC0415 - slow to load, and a truthful trail needs none of it

    try:
        error = best_match(_errors(schema)(record))
    except RecursionError:
        return "the record is nested too deeply"
    if error is None:
        return ""
    where = ".".join(str(step) for step in error.absolute_path)
    known = isinstance(error.validator_value, str | int | float | list)
    what = f"{error.validator} {json.dumps(error.validator_value)}" if known else str(error.validator)
    return f"{where or 'the record'} breaks {what[:120]}"


def is_instant(value: object) -> bool:
    """Whether a value is an instant of RFC 3339: UTC, Z, up to nine decimals, a day that exists."""
    return type(value) is str and _instant(value) is not None


def in_order(instant: str) -> str:
    """Return a valid instant so that the order of texts is that of time.

    It has six decimals; behind the Z stand those beyond, or a hyphen for each that was not given.
    """
    whole, _, decimals = instant.removesuffix("Z").partition(".")
    return f"{whole}.{decimals[:6]:0<6}Z{decimals[6:].rstrip('0')}{'-' * (6 - len(decimals))}"


def as_written(ordered: str) -> str:
    """Return what ``in_order`` made of an instant as RFC 3339 has it."""
    instant, _, more = ordered.partition("Z")
    return f"{instant}{more.rstrip('-')}Z"


def resolution(ordered: str) -> float:
    """Return the seconds that an instant in order may be later than it says: of fewer than six decimals one unit."""
    missing = ordered.count("-", len("2027-01-15T08:00:00.000000Z"))
    return 10.0 ** (missing - 6) if missing else 0.0


MINUTE = len("2027-01-15T08:00")
"""Characters of an instant that say its minute."""


def seconds_of(instant: str) -> float:
    """Return the seconds since 1970 of a valid instant, as written or in order; a leap second is the one before it."""
    moment = _instant(as_written(instant))
    if moment is None:
        raise ValueError(instant)
    return moment.timestamp()


def is_address(value: object) -> bool:
    """Whether a value is an IPv4 or IPv6 address in text form."""
    if type(value) is not str or not _ADDRESS.fullmatch(value):
        return False
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def is_identity(value: object) -> bool:
    """Whether a value is an identity: issuer, subject, e-mail address, perhaps a name and groups."""
    return (
        type(value) is dict
        and None not in value.values()
        and _is_text(value.get("subject"), 1, 256)
        and _is_text(value.get("email"), 0, 320)
        and _is_text(value.get("issuer"), 1, 512)
        and ("name" not in value or _is_text(value["name"], 0, 256))
        and ("groups" not in value or is_names(value["groups"]))
    )


def is_names(value: object) -> bool:
    """Whether a value is a list of names of bounded length."""
    return type(value) is list and len(value) <= 1024 and all(_is_text(name, 0, 256) for name in value)


def is_integer(value: object, least: int, most: float = float("inf")) -> bool:
    """Whether a value is a whole number in a range; 1.0 is one in JSON Schema."""
    if type(value) is int:
        return least <= value <= most
    return type(value) is float and value.is_integer() and least <= value <= most


def is_jti(value: object) -> bool:
    """Whether a value can name a token."""
    return _is_text(value, 1, 256)


def is_kind(value: object) -> bool:
    """Whether a value is a failure kind: a string, or an object of one member where the kind carries a value."""
    if type(value) is str:
        return value in PLAIN_KINDS
    if type(value) is not dict or len(value) != 1:
        return False
    [(name, inner)] = value.items()
    if name == "MissingClaim":
        return _is_text(inner, 1, 128)
    return name == "IdToken" and _is_id_token_kind(inner)


def is_source_id(value: object) -> bool:
    """Whether a value has the form of a source id."""
    return type(value) is str and len(value) <= 712 and _SOURCE_ID.fullmatch(value) is not None


def is_hint(value: object) -> bool:
    """Whether a value is a bounded hint or null."""
    return value is None or _is_text(value, 1, 108)


def _is_text(value: object, least: int, most: int) -> bool:
    return type(value) is str and least <= len(value) <= most


def _is_id_token_kind(value: object) -> bool:
    if type(value) is str:
        return value in ID_TOKEN_KINDS
    if type(value) is not dict or len(value) != 1:
        return False
    [(name, inner)] = value.items()
    return name in ("UnknownClaim", "CatMismatch") and _is_text(inner, 0, 128)


def _is_metadata(value: object) -> bool:
    if type(value) is not dict or len(value) > 32:
        return False
    for name, inner in value.items():
        if len(name) > 64:
            return False
        if name == "engine_msg":
            fine = _is_text(inner, 0, 512)
        else:
            fine = is_hint(inner) if name == "aud_hint" else _is_bounded(inner)
        if not fine:
            return False
    return True


def _is_bounded(value: object) -> bool:
    if type(value) is str:
        return len(value) <= 512
    if type(value) is list:
        return len(value) <= 32 and all(map(_is_bounded, value))
    if type(value) is dict:
        return len(value) <= 32 and all(len(name) <= 64 and _is_bounded(inner) for name, inner in value.items())
    return True


def _is_counts(value: object, longest: int) -> bool:
    return type(value) is dict and all(
        len(name) <= longest and is_integer(count, 1, MOST) for name, count in value.items()
    )


def _is_event(value: object) -> bool:
    return type(value) is str and value in REQUIRED


def _is_reason(value: object) -> bool:
    return _is_text(value, 1, 512)


def _is_rate_limit(value: object) -> bool:
    return is_integer(value, 0, MOST_RATE_LIMIT)


def _is_seq(value: object) -> bool:
    """Whether a value is a sequence number."""
    return is_integer(value, 0, MOST)


def _is_origin(value: object) -> bool:
    return _is_text(value, 1, 128)


Checks = Mapping[str, Callable[[object], bool]]
"""What decides of each member whether its value is what the schema demands."""

LIFECYCLE_CHECKS: Checks = {
    "event": _is_event,
    "identity": is_identity,
    "token_jti": is_jti,
    "backends": is_names,
    "tools": is_names,
    "rate_limit": _is_rate_limit,
    "client_ip": is_address,
    "reason": _is_reason,
    "occurred_at": is_instant,
    "seq": _is_seq,
    "origin": _is_origin,
    "expires_at": is_instant,
}


FAILURE_CHECKS: Checks = {
    "kind": is_kind,
    "occurred_at": is_instant,
    "source_id": is_source_id,
    "client_id_hint": is_hint,
    "kid_hint": is_hint,
    "metadata": _is_metadata,
}


CONFORMS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    LIFECYCLE: conforms_lifecycle,
    FAILURE: conforms_failure,
    SUMMARY: conforms_summary,
}
"""What decides whether a record is one by its schema."""


def _instant(text: str) -> datetime | None:
    match = _INSTANT.fullmatch(text)
    if match is None:
        return None
    second = "59" if match[2] == "60" else match[2]  # a leap second, which the calendar here does not know
    try:
        return datetime.fromisoformat(f"{match[1]}:{second}.{(match[3] or '')[:6]:0<6}+00:00")
    except ValueError:
        return None


@cache
def _errors(schema: str) -> Callable[[Any], Iterator[Any]]:
    """Return what finds the errors by a schema; of formats it knows exactly those that the compiled checks know."""
    from jsonschema import Draft202012Validator, FormatChecker  # noqa: PLC0415 - as above

    text = (data.root() / "schemas" / f"{schema}.schema.json").read_text(encoding="utf-8")
    content = json.loads(text)
    formats = FormatChecker(formats=("ipv4", "ipv6"))
    formats.checks("date-time")(
        lambda value: not isinstance(value, str) or not _INSTANT.fullmatch(value) or is_instant(value)
    )  # of what breaks the pattern, that is told
    if schema == SUMMARY:
        content = {"$ref": "#/$defs/summary", "$defs": content["$defs"]}
    return Draft202012Validator(content, format_checker=formats).iter_errors
