"""Hints: what a rejected token says about itself. They label a rejection and never authenticate anybody.

Reading is total: any bytes in, no exception out, in bounded time and memory. It uses the verifier's own
strict reader, so a hint is exact for a well-formed token, and absent where the verifier
could not read either.
"""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from bearerproof_reference.verifier.jose import MalformedError, decode_segment, parse_object, split_compact
from bearerproof_reference.verifier.policy import MAX_TOKEN

MAX_HINT = 64
"""Bytes of UTF-8 up to which a hint is kept as it is."""


@dataclass(frozen=True, slots=True)
class Hints:
    """Raw values out of an untrusted token: of any JSON type, None where there is none."""

    client_id: object = None
    azp: object = None
    aud: object = None
    kid: object = None


def read_hints(token: str | bytes) -> Hints:
    """Return what ``token`` says: nothing when it is too large to be decoded or has not three segments."""
    if len(token) > MAX_TOKEN:
        return Hints()
    try:
        head, body, _ = split_compact(token if isinstance(token, bytes) else token.encode())
    except ValueError:
        return Hints()
    header, claims = _read(head), _read(body)
    aud = claims.get("aud")
    first = (aud[0] if aud else None) if isinstance(aud, list) else aud
    return Hints(claims.get("client_id"), claims.get("azp"), first, header.get("kid"))


def bound(hint: object) -> str | None:
    """Return a hint of bounded length, or None when there is none to speak of.

    None for anything but a string, for an empty one and for one with an unpaired surrogate. Up to 64 bytes of
    UTF-8 it stays itself; a longer one becomes its first whole characters within 64 bytes, ``~`` and
    base64url(SHA-256 of the whole), which is over 64 bytes and so equals no short hint.
    """
    if not isinstance(hint, str) or not hint:
        return None
    try:
        octets = hint.encode()
    except UnicodeEncodeError:
        return None
    if len(octets) <= MAX_HINT:
        return hint
    digest = urlsafe_b64encode(sha256(octets).digest()).removesuffix(b"=").decode()
    return f"{octets[:MAX_HINT].decode(errors='ignore')}~{digest}"


def _read(segment: bytes) -> dict[str, Any]:
    try:
        return parse_object(decode_segment(segment))
    except MalformedError:
        return {}
