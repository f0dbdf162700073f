"""What an event may say of a token: exact hints of a well-formed one, admissible ones of any other."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, NoReturn
from urllib.parse import unquote

from bearerproof.members import Json
from bearerproof.specification.catalogue import Profile

Bounded = str | None
Admissible = frozenset[Bounded]

ABSENT: Admissible = frozenset({None})

KEPT = 64
"""Octets of UTF-8 up to which a hint stays whole."""

SURELY_READ = 4096
"""Octets of a token that any cap lets through, where none is declared."""


@dataclass(frozen=True)
class Stated:
    """The hints that stand in an event; None is absent, however that is written."""

    client: Bounded
    aud: Bounded
    kid: Bounded


def stated(event: Json) -> Stated:
    """Read the hints of an event."""
    metadata = event.get("metadata")
    aud = metadata.get("aud_hint") if isinstance(metadata, dict) else None
    return Stated(_as_hint(event.get("client_id_hint")), _as_hint(aud), _as_hint(event.get("kid_hint")))


def _as_hint(value: object) -> Bounded:
    """Return what stands there as text: what is neither a string nor null equals no hint."""
    return value if value is None or isinstance(value, str) else f"not a string: {json.dumps(value)}"


Expected = Mapping[str, Admissible]
"""By hint (``client``, ``aud``, ``kid``): what it may be. An exact one has one admissible value."""


def contradiction(admissible_hints: Expected, said: Stated) -> tuple[str, Admissible, Bounded] | None:
    """Return the first hint that is not admissible: its name, what it may be, and what was said."""
    found = ((name, admissible, getattr(said, name)) for name, admissible in admissible_hints.items())
    return next((hint for hint in found if hint[2] not in hint[1]), None)


def expected(token: str | bytes, profile: Profile, cap: int | None) -> Expected:
    """Return what the event of this token may say; ``cap`` is the declared size in octets, if one is.

    Only an ID token's event says anything of its audience.
    """
    claims = {"client": "azp", "aud": "aud"} if profile is Profile.ID_TOKEN else {"client": "client_id"}
    text, size = _as_text(token)
    if cap is not None and size > cap:
        return dict.fromkeys((*claims, "kid"), ABSENT)
    segments = text.split(".")
    if len(segments) != 3:
        return _loosely(_chunks(text), {**claims, "kid": "kid"})
    header = _strict_segment(segments[0])
    compact = all(map(_canonical, segments)) and (cap is not None or size <= SURELY_READ)
    if not compact or not isinstance(header, dict) or not isinstance(header.get("alg"), str):
        return {**_loosely(segments[1:2], claims), **_loosely(segments[:1], {"kid": "kid"})}
    kid = frozenset({bounded(header.get("kid"))})
    payload = None if {"b64", "enc"} & header.keys() else _strict_segment(segments[1])
    if payload is None:
        return {**_loosely(segments[1:2], claims), "kid": kid}
    members = payload if isinstance(payload, dict) else {}
    exact = {hint: frozenset({bounded(_first(members.get(member), member))}) for hint, member in claims.items()}
    return {**exact, "kid": kid}


def bounded(hint: object) -> Bounded:
    """Cut a hint as the specification says, character by character."""
    if not isinstance(hint, str) or not hint or any("\ud800" <= character <= "\udfff" for character in hint):
        return None
    kept, size = "", 0
    for character in hint:
        size += 1 + sum(ord(character) > limit for limit in (0x7F, 0x7FF, 0xFFFF))
        if size > KEPT:
            digest = base64.b64encode(hashlib.sha256(hint.encode()).digest(), altchars=b"-_").decode()
            return f"{kept}~{digest.removesuffix('=')}"
        kept += character
    return hint


def _first(value: object, member: str) -> object:
    if member == "aud" and isinstance(value, list):
        return value[0] if value else None
    return value


def _as_text(token: str | bytes) -> tuple[str, int]:
    if isinstance(token, bytes):
        return token.decode("latin-1"), len(token)
    return token, len(token.encode("utf-8", "surrogatepass"))


_SEGMENT = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


def _canonical(segment: str) -> bool:
    """Say whether a segment is the one base64url spelling of its octets: encoding them gives it back."""
    if not _SEGMENT.fullmatch(segment) or len(segment) % 4 == 1:
        return False
    octets = base64.urlsafe_b64decode(segment + "==")
    return base64.urlsafe_b64encode(octets).decode().rstrip("=") == segment


class _DisputedError(ValueError):
    """Not JSON that every careful reader reads alike."""


def _strict_segment(segment: str) -> Any:
    """Return the JSON value of a segment, or None when readers may disagree about it."""
    if not _canonical(segment):
        return None
    try:
        return _strict_json(base64.urlsafe_b64decode(segment + "==").decode("utf-8"))
    except ValueError:
        return None


def _strict_json(text: str) -> Any:
    if text.count("[") + text.count("{") > 16:  # more than any honest token nests: a cap may apply
        raise _DisputedError("deep")
    value = json.loads(
        text,
        object_pairs_hook=_without_duplicates,
        parse_constant=_refuse,
        parse_int=_short,
        parse_float=_finite,
    )
    # An unpaired surrogate raises here: readers differ about those.
    json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _DisputedError("a duplicate name")
    return members


def _refuse(name: str) -> NoReturn:
    raise _DisputedError(name)


def _short(digits: str) -> int:
    if len(digits) > 18:
        raise _DisputedError("a long number")
    return int(digits)


def _finite(digits: str) -> float:
    if len(digits) > 18 or not isfinite(float(digits)):
        raise _DisputedError("a long number")
    return float(digits)


def _loosely(segments: Sequence[str], members: Mapping[str, str]) -> Expected:
    """Return for each hint every value that some reader may find under its member, bounded; and absence."""
    texts = [text for segment in segments for octets in _decodings(segment) for text in _texts(octets)]
    return {
        hint: ABSENT.union(bounded(value) for text in texts for value in _values(text, member))
        for hint, member in members.items()
    }


_CHUNK = re.compile(r"[A-Za-z0-9_+/=-]{2,}", re.ASCII)


def _chunks(text: str) -> list[str]:
    """Return all that may be a segment of something that has not three of them."""
    return [*text.split("."), *_CHUNK.findall(text)][:200]


_FOREIGN = re.compile(r"[^A-Za-z0-9_-]", re.ASCII)


def _decodings(segment: str) -> Iterator[bytes]:
    """Yield what lenient decoders make of a segment: skipping what is foreign, or stopping there."""
    standard = segment.replace("+", "-").replace("/", "_")
    spellings = {_FOREIGN.sub("", standard), _FOREIGN.split(standard)[0], _FOREIGN.sub("", unquote(standard))}
    for spelling in sorted(spellings):
        usable = spelling[: len(spelling) - (len(spelling) % 4 == 1)]
        try:
            yield base64.urlsafe_b64decode(usable + "==")
        except binascii.Error:
            continue


def _texts(octets: bytes) -> Iterator[str]:
    yield octets.decode("utf-8", "surrogateescape")
    if b"\0" in octets:
        for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"):
            yield octets.decode(encoding, "ignore")


_STRING = r'"((?:[^"\\]|\\.)*)"'
_MEMBER = re.compile(rf"(?={_STRING}\s*:\s*(\[\s*)?{_STRING})", re.DOTALL)


def _values(text: str, member: str) -> Iterator[object]:
    """Yield the strings that stand under this name at any depth, valid JSON around them or not."""
    for match in _MEMBER.finditer(text):
        if _unescaped(match[1]) == member and (member == "aud" or not match[2]):
            yield _unescaped(match[3])


def _unescaped(literal: str) -> object:
    try:
        return json.loads(f'"{literal}"', strict=False)
    except ValueError:
        return None
