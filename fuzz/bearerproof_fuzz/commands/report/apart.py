"""A presented token taken apart, beside the accepted one it was made from: what changed, in which member or character.

Nothing here verifies anything, and nothing raises: what cannot be decoded is shown as the text or the octets it is.
"""

import base64
import binascii
import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bearerproof.judging.tokens import decoded, member_lines
from bearerproof.members import Json

CLIPPED = 360
"""Characters of one member that are shown; the stream has it whole."""

AROUND = 24
"""Characters shown on both sides of a change in a spelling."""

TOKEN = 1_000
"""Characters shown of a whole token."""

LINES = 60
"""Members shown of one segment or policy."""


@dataclass(frozen=True)
class Row:
    """One member: in the base, in what was presented, and whether the two differ. None: it has none there."""

    before: str | None
    after: str | None
    changed: bool


@dataclass(frozen=True)
class Spelling:
    """A change in the text of a segment: what stands around it, what stood there, and what stands there now."""

    position: int
    lead: str
    before: str
    after: str
    tail: str


@dataclass(frozen=True)
class Part:
    """One segment of a token, or what else the verifier was told: ``same`` says that nothing in it changed."""

    name: str
    rows: tuple[Row, ...]
    spelling: Spelling | None = None
    same: bool = False


@dataclass(frozen=True)
class Apart:
    """A token taken apart; ``compared`` says whether there was a base to compare it with."""

    parts: tuple[Part, ...]
    token: str
    length: int
    compared: bool


def apart(presented: Json, base: Json | None = None) -> Apart:
    """Take a presentation of a result stream apart, and name what differs from its base."""
    token, beside = _token(presented), None if base is None else _token(base)
    segments, others = token.split(".", 3), None if beside is None else beside.split(".", 3)
    names = ("header", "payload", "signature", "further segments")
    parts = [
        _segment(name, _at(segments, place), None if others is None else _at(others, place))
        for place, name in enumerate(names)
        if place < max(3, len(segments), len(others or ()))
    ]
    parts.append(_lines_part("policy and clock", _policy(presented), None if base is None else _policy(base)))
    return Apart(tuple(parts), clipped(token, TOKEN), len(token), base is not None)


def clipped(text: str, most: int = CLIPPED) -> str:
    """Return the text, or its beginning with how long it is."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"


def _token(presented: Json) -> str:
    if isinstance(presented.get("token"), str):
        return str(presented["token"])
    try:
        return base64.b64decode(str(presented.get("token_b64", ""))).decode("latin-1")
    except (binascii.Error, ValueError):
        return ""


def _at(segments: Sequence[str], place: int) -> str | None:
    return segments[place] if place < len(segments) else None


def _segment(name: str, segment: str | None, beside: str | None) -> Part:
    here, there = _lines_of(name, segment), _lines_of(name, beside)
    if beside is None or segment is None:
        return Part(name, _rows(there, here) if beside is not None else tuple(Row(None, line, False) for line in here))
    if segment == beside:
        return Part(name, (), same=True)
    if here == there:
        return Part(name, (), _spelling(beside, segment))
    if name != "signature" and len(here) == len(there) == 1:
        return Part(name, _rows(there, here), _spelling(beside, segment))
    return Part(name, _rows(there, here))


def _lines_part(name: str, here: list[str], there: list[str] | None) -> Part:
    if there is None:
        return Part(name, tuple(Row(None, line, False) for line in here))
    return Part(name, (), same=True) if here == there else Part(name, _rows(there, here))


def _lines_of(name: str, segment: str | None) -> list[str]:
    if segment is None:
        return []
    octets = decoded(segment)
    if octets is None:
        return [f"not base64url: {clipped(segment)}" if segment else "(empty)"]
    if name == "signature":
        return [
            f"{len(octets)} octets",
            *([octets.hex()[:64] + ("…" if len(octets) > 32 else "")] if octets else []),
        ]
    return _json_lines(octets) if octets else ["(empty)"]


def _json_lines(octets: bytes) -> list[str]:
    lines = member_lines(octets)
    return [clipped(repr(octets)[1:])] if lines is None else [clipped(line) for line in lines or ["{}"]]


def _rows(before: Sequence[str], after: Sequence[str]) -> tuple[Row, ...]:
    """Align two lists of members, the differing ones side by side; of what is alike, only the ends are kept."""
    rows: list[Row] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        old, new = before[a:b], after[c:d]
        rows += [
            Row(_or_none(old, place), _or_none(new, place), tag != "equal") for place in range(max(len(old), len(new)))
        ]
    return tuple(rows[:LINES])


def _or_none(lines: Sequence[str], place: int) -> str | None:
    return lines[place] if place < len(lines) else None


def _spelling(before: str, after: str) -> Spelling:
    """Find the one stretch in which two spellings differ."""
    shorter = min(len(before), len(after))
    start = next((place for place in range(shorter) if before[place] != after[place]), shorter)
    end = next((n for n in range(shorter - start) if before[-1 - n] != after[-1 - n]), shorter - start)
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    lead = after[max(0, start - AROUND) : start]
    tail = after[len(after) - end :][:AROUND]
    return Spelling(
        start + 1,
        ("…" if start > AROUND else "") + lead,
        clipped(old, 80),
        clipped(new, 80),
        tail + ("…" if end > AROUND else ""),
    )


def _policy(presented: Json) -> list[str]:
    """Return what the verifier was told, a line a member, keys one by one."""
    policy = presented.get("policy")
    members: Mapping[str, Any] = policy if isinstance(policy, dict) else {}
    lines = [f"{name}: {_brief(value)}" for name, value in members.items() if name not in ("keys", "key_texts")]
    held = members.get("keys")
    keys = held.get("keys") if isinstance(held, dict) else None
    lines += [f"key {number}: {_brief(key)}" for number, key in enumerate(keys if isinstance(keys, list) else (), 1)]
    told = {name: presented.get(name) for name in ("profile", "now", "tick")}
    return lines + [f"{name}: {_brief(value)}" for name, value in told.items() if value not in (None, 0)]


def _brief(value: object) -> str:
    return clipped(json.dumps(value), 160)
