"""Strict reading of what a compact JWS is made of: segments, base64url and JSON.

Everything here refuses with ``MalformedError`` and nothing else, whatever the bytes are. Two readers that
disagree about one token are a weakness, so verifier and hints share this one.
"""

import binascii
import json
import re
from math import isfinite
from typing import Any, NoReturn

MAX_DEPTH = 32
"""Arrays and objects within one another that a JSON text may have."""

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_NO_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"|[^][{}"]++|"')
"""A string as a whole, whatever is in it, or what is no bracket beside it."""


class MalformedError(ValueError):
    """The bytes are not what RFC 7515, RFC 4648 or RFC 8259 asks for."""


def split_compact(token: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the three segments of a JWS in compact serialisation (RFC 7515 §7.1); each may be empty.

    Raises:
        MalformedError: not exactly three segments, or a character outside the base64url alphabet.
    """
    if token.translate(None, _ALPHABET) != b"..":
        raise MalformedError("not three base64url segments")
    head, body, tail = token.split(b".")
    return head, body, tail


def decode_segment(segment: bytes) -> bytes:
    """Decode a segment whose alphabet ``split_compact`` has checked.

    Raises:
        MalformedError: an impossible length, or unused trailing bits that are not zero: a second spelling.
    """
    padded = segment.translate(_TO_STANDARD) + b"=" * (-len(segment) % 4)
    try:
        octets = binascii.a2b_base64(padded)
    except binascii.Error:
        raise MalformedError("no base64url has this length") from None
    if binascii.b2a_base64(octets) != padded + b"\n":
        raise MalformedError("base64url is not canonical")
    return octets


def decode_base64url(text: object) -> bytes:
    """Decode a base64url member of a JWK (RFC 7518 §6).

    Raises:
        MalformedError: not a string, or not canonical base64url without padding.
    """
    if not isinstance(text, str) or not text.isascii():
        raise MalformedError("not a base64url string")
    octets = text.encode()
    if octets.translate(None, _ALPHABET):
        raise MalformedError("not base64url")
    return decode_segment(octets)


def parse_object(octets: bytes) -> dict[str, Any]:
    """Read a JSON object (RFC 8259) in UTF-8, the whole of it and nothing beside it.

    Raises:
        MalformedError: not UTF-8, a byte order mark, not JSON, not an object, a duplicate member name at any
            depth, nesting or a number beyond the bounds, NaN or infinity, an unpaired surrogate.
    """
    try:
        text = octets.decode()
        if text.count("{") + text.count("[") > MAX_DEPTH:
            _check_depth(text)
        value = _DECODER.decode(text)
        if "\\u" in text:
            _check_characters(value)
    except MalformedError:
        raise
    except ValueError:
        raise MalformedError("not strict JSON in UTF-8") from None
    if type(value) is not dict:
        raise MalformedError("not a JSON object")
    return value


def _check_depth(text: str) -> None:
    """Refuse deep nesting before the recursive decoder sees it; brackets inside strings do not count."""
    depth = 0
    for bracket in _NO_BRACKETS.sub("", text):
        depth += 1 if bracket in "{[" else -1
        if depth > MAX_DEPTH:
            raise MalformedError("JSON is nested too deep")


def _check_characters(value: object) -> None:
    """Refuse unpaired surrogates, which can be escaped in JSON and written in no UTF-8 (RFC 8259 §8.2)."""
    json.dumps(value, ensure_ascii=False).encode()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedError("duplicate member name")
    return members


def _fraction(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise MalformedError("a JSON number is too large")
    return value


def _constant(name: str) -> NoReturn:
    raise MalformedError(f"{name} is not JSON")


# An integer of more than 4300 digits is refused by Python itself: reading it takes quadratic time.
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_fraction, parse_constant=_constant)
