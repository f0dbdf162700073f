"""What a verify-failure event may look like and hold, read from its schema and from the token it is about."""

import base64
import hashlib
import hmac
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from urllib.parse import quote

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
        "lifetime": "LifetimeInvalid Other",
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


def same_instant(value: object, now: float) -> bool:
    """Say whether a text is this instant as RFC 3339 in UTC, spelt Z, with up to nine decimals."""
    if not isinstance(value, str) or not _DECIMALS.search(value):
        return False
    whole, _, decimals = value.removesuffix("Z").partition(".")
    return len(decimals) <= 9 and decimals[6:].strip("0") == "" and f"{whole}.{decimals[:6]:0<6}Z" == instant(now)


def seconds_of(value: object) -> float:
    """Return the instant of a text in RFC 3339, in seconds since 1970; NaN: it is none, or says nothing of UTC."""
    try:
        return datetime.fromisoformat(value).timestamp() if isinstance(value, str) and value[-1:] == "Z" else math.nan
    except ValueError:
        return math.nan


_DECIMALS = re.compile(r"[0-9](?:\.[0-9]{1,9})?Z\Z")
SIX_DECIMALS = re.compile(r"[^.]*\.[0-9]{6}Z")
"""The one form of a time in which the order of texts is the order of time."""

SECRET_LENGTH = 16
"""Characters from which on a segment or a key is no word that might stand in an event by accident."""


def leak(texts: tuple[str, ...], presented: Presentation) -> str | None:
    """Return which secret of a request stands in what it left behind, or None.

    Blanks, line breaks and what else is not of base64 hide nothing: each text is looked through without them as well.
    """
    looked_through = {*texts, *(_NOT_BASE64.sub("", text) for text in texts)}
    for what, secret in _secrets(presented):
        if len(secret) >= SECRET_LENGTH and any(secret in text for text in looked_through):
            return what
    return None


_NOT_BASE64 = re.compile("[^A-Za-z0-9+/_-]")


def _secrets(presented: Presentation) -> Iterator[tuple[str, str]]:
    token = presented.token if isinstance(presented.token, str) else presented.token.decode("latin-1")
    yield "the token", token
    yield "the token, in base64 once more", _inner_base64(token.encode("utf-8", "surrogatepass")[:48])
    segments = token.split(".")
    for number, segment in enumerate(segments, 1):
        yield f"segment {number} of the token", segment
    if len(segments) == 3:
        yield from (("the signature", spelling) for spelling in _respelled(segments[2]))
    policy = presented.policy.members
    yield from _key_material(presented.policy.id, policy.get("keys"))
    yield from ((f"the {name}", str(policy[name])) for name in ("access_token", "code") if policy.get(name))
    yield from _computed(token, presented.policy.id, policy.get("keys"))


def _computed(token: str, policy_id: str, jwks: Any) -> Iterator[tuple[str, str]]:
    """Yield what nobody presented, and whoever reads it can forge with: what every secret of the policy makes of it."""
    for name, secret in _secret_octets(policy_id, jwks):
        for what, octets in (
            ("secret", secret),
            *(("digest of the secret", hashlib.new(bits, secret).digest()) for bits in _HASHES),
            *(
                ("signature that would have been right", hmac.digest(secret, signed.encode(), bits))
                for signed in dict.fromkeys((token.rpartition(".")[0], ".".join(token.split(".")[:2])))
                for bits in _HASHES
            ),
        ):
            for spelling in spellings(octets):
                yield f"the {what} of key {name!r}", spelling[:_TELLING]


_HASHES = ("sha256", "sha384", "sha512")
_TELLING = 24
"""Characters of something computed that give it away as well as the whole."""


def spellings(octets: bytes) -> Iterator[str]:
    """Yield octets as texts: hex in both cases, base64 and base64url without padding."""
    yield octets.hex()
    yield octets.hex().upper()
    yield base64.b64encode(octets).decode().rstrip("=")
    yield base64.urlsafe_b64encode(octets).decode().rstrip("=")


def _secret_octets(policy_id: str, jwks: Any) -> list[tuple[str, bytes]]:
    """Return the secrets of a policy's symmetric keys; read once, since a policy never changes."""
    if policy_id not in _SECRETS:
        held = [key for key in (jwks or {}).get("keys", ()) if isinstance(key, dict) and key.get("kty") == "oct"]
        texts = [(str(key.get("kid")), key["k"]) for key in held if isinstance(key.get("k"), str)]
        _SECRETS[policy_id] = [(name, found) for name, text in texts if (found := _decoded(text))]
    return _SECRETS[policy_id]


_SECRETS: dict[str, list[tuple[str, bytes]]] = {}


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "==", altchars=b"-_")
    except ValueError:
        return b""


CANARY = "canary7Q4x9ZkW@m2.example/8vT"
"""A text that stands in the claims of tokens and nowhere else, with characters that are percent-encoded."""


def shows_canary(texts: Iterable[str]) -> str | None:
    """Return in which spelling the canary stands in what a request left behind, or None."""
    octets = CANARY.encode()
    looked_for = {
        "as it is": CANARY,
        "in part": CANARY[:14],
        "percent-encoded": quote(CANARY, safe=""),
        "in hex": octets.hex(),
        "backwards": CANARY[::-1],
        **{f"in base64, {shift} octets into it": _inner_base64(octets[shift:]) for shift in range(3)},
    }
    for text in texts:
        folded = text.casefold().replace("+", "-").replace("/", "_")
        for how, spelling in looked_for.items():
            if spelling.casefold().replace("+", "-").replace("/", "_") in folded:
                return how
    return None


def _inner_base64(octets: bytes) -> str:
    """Return the base64 of all whole groups of three octets: what surrounds them does not change it."""
    return base64.b64encode(octets[: len(octets) // 3 * 3]).decode()


def _respelled(signature: str) -> Iterator[str]:
    try:
        octets = base64.b64decode(signature + "==", altchars=b"-_")
    except ValueError:
        return
    yield octets.hex()
    yield base64.b64encode(octets).decode().rstrip("=")


_KEY_MEMBERS = ("k", "x", "y", "n", "d", "p", "q", "dp", "dq", "qi")
_MATERIAL: dict[str, list[tuple[str, str]]] = {}


def _key_material(policy_id: str, jwks: Any) -> list[tuple[str, str]]:
    """Return the secrets and numbers of the policy's keys; computed once, since a policy never changes."""
    if policy_id not in _MATERIAL:
        held = [key for key in (jwks or {}).get("keys", ()) if isinstance(key, dict)]
        _MATERIAL[policy_id] = [
            (f"the member {member} of key {key.get('kid')!r}", key[member][: _TELLING if member == "k" else None])
            for key in held
            for member in _KEY_MEMBERS
            if isinstance(key.get(member), str)
        ]
    return _MATERIAL[policy_id]


UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control, C1, bidirectional and line-separator characters: in a line they have to be escaped."""

LONGEST_TEXT = 512
"""Characters that any string of an event may have, unless a smaller bound is given."""

LONGEST_LINE = 16_000
"""Octets of an event's line: log drivers cut at 16 KiB, with what they put around it."""


def line_octets(event: Mapping[str, Any], line: str | None) -> int:
    """Return how long the line of an event is: as it was written, or as JSON has it at least."""
    text = json.dumps(event, separators=(",", ":"), ensure_ascii=False) if line is None else line
    return len(text.encode("utf-8", "surrogatepass"))


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
