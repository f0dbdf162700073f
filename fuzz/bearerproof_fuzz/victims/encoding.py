"""From text to octets and from octets to JSON: RFC 7515 §2 and §5.2, RFC 4648 §5, RFC 8259."""

import base64
import json
import math
import re
from collections.abc import Iterator
from typing import Any

from bearerproof_fuzz.victims.refusal import Json, Refused

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")

MAX_DIGITS = 100
"""Digits that a number may have: ten times as many as any time or identifier needs."""

MAX_DEPTH = 32
"""Levels to which arrays and objects may nest."""


def split(token: str) -> tuple[str, str, str]:
    """Take a compact JWS apart (RFC 7515 §7.1): header, payload, signature, as they were transmitted."""
    parts = token.split(".")
    if len(parts) != 3 or not parts[0] or not parts[2]:
        raise Refused("malformed")
    return parts[0], parts[1], parts[2]


def decode(segment: str) -> bytes:
    """Decode base64url without padding, in its one canonical spelling (RFC 7515 §2, RFC 4648 §3.3 and §3.5)."""
    if not _BASE64URL.fullmatch(segment) or len(segment) % 4 == 1:
        raise Refused("malformed")
    decoded = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    if encode(decoded) != segment:
        raise Refused("malformed")
    return decoded


def encode(octets: bytes) -> str:
    """Encode as base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def parse(octets: bytes) -> Json:
    """Read one JSON object in UTF-8 without BOM: unique names, finite numbers, bounded, whole characters."""
    try:
        text = octets.decode("utf-8")
        value = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_no_json, parse_int=_integer, parse_float=_fraction
        )
    except (ValueError, RecursionError):
        raise Refused("malformed") from None
    if not isinstance(value, dict):
        raise Refused("malformed")
    for part, depth in _parts(value, 1):
        if depth > MAX_DEPTH or (isinstance(part, str) and not _is_whole(part)):
            raise Refused("malformed")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _no_json(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError("an integer of too many digits")
    return int(text)


def _fraction(text: str) -> float:
    value = float(text)
    if len(text) > MAX_DIGITS or not math.isfinite(value):
        raise ValueError("a number beyond what is computed with")
    return value


def _parts(value: object, depth: int) -> Iterator[tuple[object, int]]:
    """Yield every name and value within a value, with its depth; one level too deep is the last that is looked at."""
    yield value, depth
    if depth > MAX_DEPTH:
        return
    if isinstance(value, dict):
        for name, member in value.items():
            yield name, depth
            yield from _parts(member, depth + isinstance(member, dict | list))
    elif isinstance(value, list):
        for member in value:
            yield from _parts(member, depth + isinstance(member, dict | list))


def _is_whole(text: str) -> bool:
    """Say whether a text is Unicode: no half of a surrogate pair stands alone (RFC 8259 §8.2)."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
