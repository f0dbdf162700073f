"""What a verify-failure event may look like and hold, read from its schema and from the token it is about."""

import base64
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from bearerproof.contract.messages import Presentation

IDENTITY_FAILURES: Mapping[str, frozenset[str]] = {
    "authorized-party": frozenset({"AzpMissing", "AzpMismatch"}),
    "nonce": frozenset({"NonceMissing", "NonceMismatch"}),
    "token-hash": frozenset({"AtHashMissing", "AtHashMismatch", "CHashMissing", "CHashMismatch"}),
    "auth-time": frozenset({"AuthTimeMissing", "AuthTimeStale"}),
    "acr": frozenset({"AcrMissing", "AcrNotAllowed"}),
}
"""By reason: what may stand inside the kind `IdToken`."""

CLASSES: Mapping[str, frozenset[str]] = {
    reason: frozenset(classes.split())
    for reason, classes in {
        "malformed": "InvalidFormat",
        "too-large": "InvalidFormat",
        "algorithm": "AlgorithmInvalid Other",
        "header": "HeaderInvalid Other",
        "critical": "HeaderInvalid Other",
        "key-unknown": "KeyUnknown",
        "key-unusable": "KeyUnusable Other",
        "keys-unavailable": "KeysetUnavailable",
        "signature": "SignatureInvalid",
        "type": "TypeInvalid IdTokenAsBearer Other",
        "claim-missing": "MissingClaim",
        "claim-malformed": "MissingClaim InvalidFormat",
        "expired": "Expired",
        "not-yet-valid": "NotYetValid Other",
        "issued-in-future": "IssuedInFuture Other",
        "issuer": "IssuerInvalid",
        "audience": "AudienceInvalid",
        "replay": "Replayed",
        "session": "SessionVersionStale SessionRevoked",
        "unavailable": ("SessionVersionLookupUnavailable SessionLivenessLookupUnavailable ReplayLookupUnavailable"),
        "other": "Other",
        **dict.fromkeys(IDENTITY_FAILURES, "IdToken"),
    }.items()
}
"""By reason: the classes of kinds that agree with it."""


def agrees(reason: str, kind: object) -> bool:
    """Say whether an event of this kind may report a rejection for this reason."""
    if kind_class(kind) not in CLASSES[reason]:
        return False
    return reason not in IDENTITY_FAILURES or _carried(kind) in IDENTITY_FAILURES[reason]


def kind_class(kind: object) -> str:
    """Return the outermost name of a kind, by which it is grouped; empty when it has none."""
    if isinstance(kind, dict) and len(kind) == 1:
        return str(next(iter(kind)))
    return kind if isinstance(kind, str) else ""


def _carried(kind: object) -> str:
    value = next(iter(kind.values())) if isinstance(kind, dict) else None
    return value if isinstance(value, str) else ""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(now: float) -> str:
    """Return an instant as RFC 3339 in UTC with six decimals; ``now`` is whole microseconds, in seconds."""
    microseconds = Fraction(now) * 1_000_000
    if microseconds.denominator != 1:
        raise ValueError(f"{now!r} is not a whole number of microseconds")
    moment = _EPOCH + timedelta(microseconds=int(microseconds))
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


SECRET_LENGTH = 16
"""Characters from which on a segment or a key is no word that might stand in an event by accident."""


def leak(texts: tuple[str, ...], presented: Presentation) -> str | None:
    """Return which secret of a request stands in what it left behind, or None."""
    for what, secret in _secrets(presented):
        if len(secret) >= SECRET_LENGTH and any(secret in text for text in texts):
            return what
    return None


def _secrets(presented: Presentation) -> Iterator[tuple[str, str]]:
    token = presented.token if isinstance(presented.token, str) else presented.token.decode("latin-1")
    yield "the token", token
    segments = token.split(".")
    for number, segment in enumerate(segments, 1):
        yield f"segment {number} of the token", segment
    if len(segments) == 3:
        yield from (("the signature", spelling) for spelling in _respelled(segments[2]))
    yield from _key_material(presented.policy.id, presented.policy.members.get("keys"))


def _respelled(signature: str) -> Iterator[str]:
    try:
        octets = base64.b64decode(signature + "==", altchars=b"-_")
    except ValueError:
        return
    yield octets.hex()
    yield base64.b64encode(octets).decode().rstrip("=")


_KEY_MEMBERS = ("k", "x", "y", "n", "d")
_MATERIAL: dict[str, list[tuple[str, str]]] = {}


def _key_material(policy_id: str, jwks: Any) -> list[tuple[str, str]]:
    """Return the secrets and numbers of the policy's keys; computed once, since a policy never changes."""
    if policy_id not in _MATERIAL:
        held = [key for key in (jwks or {}).get("keys", ()) if isinstance(key, dict)]
        _MATERIAL[policy_id] = [
            (f"the member {member} of key {key.get('kid')!r}", key[member])
            for key in held for member in _KEY_MEMBERS if isinstance(key.get(member), str)
        ]  # fmt: skip
    return _MATERIAL[policy_id]


UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control, C1, bidirectional and line-separator characters: in a line they have to be escaped."""

LONGEST_TEXT = 512
"""Characters that any string of an event may have, unless a smaller bound is given."""

LONGEST = {
    "client_id_hint": 108,
    "kid_hint": 108,
    "aud_hint": 108,
    "kind": 128,
    "source_id": 712,
    "occurred_at": 27,
}
"""Characters that a string under this name may have."""


def overlong(value: object, name: str = "event") -> str | None:
    """Return where an event holds a string, a name or a list without bounds, or None."""
    if isinstance(value, str):
        return f"{name} has {len(value):,} characters" if len(value) > LONGEST.get(name, LONGEST_TEXT) else None
    if not isinstance(value, dict | list):
        return None
    if len(value) > 32:
        return f"{name} has {len(value):,} members"
    if isinstance(value, list):
        found = (overlong(held, name) for held in value)
    else:
        found = (
            overlong(held, name if name == "kind" else member) or _long_name(member) for member, held in value.items()
        )
    return next((problem for problem in found if problem), None)


def _long_name(member: str) -> str | None:
    return f"a member's name has {len(member):,} characters" if len(member) > 64 else None
