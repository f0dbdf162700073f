"""Tokens taken apart for a person: their segments as JSON members or octets, and what differs between two."""

import base64
import difflib
import json
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from bearerproof.members import Json

SHOWN = 400
"""Characters of one member that are shown."""

NAMES = ("header", "payload", "signature")
"""The segments of a compact JWS."""

CHANGED, BECOMES, ADDED, GONE = "≠", "→", "+", "-"
"""What stands before a line that is not the same on both sides."""

_MARKS = tuple(f"  {mark} " for mark in (CHANGED, BECOMES, ADDED, GONE))

SAME, RESPELLED = "the same", "the same, spelled otherwise"
"""What stands for a segment that says what the one beside it says; the second one is another text."""

_WIDTH = 74


def token_apart(token: str | bytes, beside: str | bytes | None = None) -> list[str]:
    """Take a token apart; beside another one, what differs from that is marked and what is equal is not repeated."""
    parts = _parts(token)
    other = None if beside is None else _parts(beside)
    respelled = {name for name, was, now in zip(NAMES, _split(beside), _split(token), strict=False) if was != now}
    lines: list[str] = []
    for name in NAMES:
        here, there = parts.get(name, ["(no such segment)"]), None if other is None else other.get(name)
        lines.append(name)
        if there is None:
            lines += [f"    {text}" for text in here]
        elif there == here:
            lines.append(f"    {RESPELLED if name in respelled else SAME}")
        else:
            lines += [f"  {line}" for line in differing(there, here)]
    if "rest" in parts:
        lines += ["further segments", *(f"    {text}" for text in parts["rest"])]
    return lines


def changed_lines(apart: Sequence[str]) -> list[str]:
    """Return what a token taken apart beside another one says of what was done to it: of a signature only if need be.

    A signature differs whenever anything does.
    """
    signed = apart.index(NAMES[-1])
    changed = [line for line in apart[:signed] if line.startswith(_MARKS) or line == f"    {RESPELLED}"]
    return [text for line in changed or apart[signed:] if (text := line.strip()) != SAME]


def differing(left: Sequence[str], right: Sequence[str], width: int = _WIDTH, *, equal: bool = True) -> Iterator[str]:
    """Yield lines that lead from one list to another: ``≠ old → new``, ``+ new``, ``- old``, and what is equal."""
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            yield from (f"  {text}" for text in left[a:b] if equal)
            continue
        old, new = list(left[a:b]), list(right[c:d])
        pairs = min(len(old), len(new))
        for was, now in zip(old[:pairs], new[:pairs], strict=True):
            yield from _changed(was, now, width)
        yield from (f"{GONE} {text}" for text in old[pairs:])
        yield from (f"{ADDED} {text}" for text in new[pairs:])


def _changed(was: str, now: str, width: int) -> list[str]:
    name, colon, value = now.partition(": ")
    short = value if colon and was.partition(": ")[0] == name else now
    whole = f"{CHANGED} {was}  {BECOMES}  {short}"
    return [whole] if len(whole) <= width else [f"{CHANGED} {was}", f"{BECOMES} {short}"]


def token_of(presented: Json) -> str | bytes:
    """Return the token of a presentation as it stands in a result stream."""
    return presented["token"] if "token" in presented else base64.b64decode(presented["token_b64"])


def as_text(token: str | bytes) -> str:
    """Return a token as text, an octet a character where it is none."""
    return token if isinstance(token, str) else token.decode("latin-1")


def token_text(presented: Json, most: int = 2_000) -> str:
    """Return the token of a presentation as one line that can be printed, a very long one cut."""
    token = token_of(presented)
    text = token if isinstance(token, str) and token.isascii() and token.isprintable() else ascii(token)
    return text if len(text) <= most else f"{text[:most]}… ({len(token):,} long; the result stream has it whole)"


def decoded(segment: str) -> bytes | None:
    """Return the octets of a segment, read as leniently as can be, or None."""
    try:
        return base64.b64decode(segment.encode("ascii") + b"==", altchars=b"-_")
    except ValueError:
        return None


def json_lines(raw: bytes) -> list[str] | None:
    """Return JSON a member a line, cut to what is shown, or None as ``member_lines`` does."""
    lines = member_lines(raw)
    return None if lines is None else list(map(cut, lines))


def member_lines(raw: bytes) -> list[str] | None:
    """Return JSON a member a line and whole, or None for anything else, and for what nests too deep to be shown."""
    try:
        return _members(
            json.loads(raw, object_pairs_hook=_Pairs, parse_int=_Raw, parse_float=_Raw, parse_constant=_Raw)
        )
    except (ValueError, RecursionError):
        return None


def cut(text: str) -> str:
    """Escape a text and cut it to what is shown of one member."""
    safe = text if text.isascii() and text.isprintable() else ascii(text)[1:-1]
    return safe if len(safe) <= SHOWN else f"{safe[:SHOWN]}… ({len(safe):,} characters)"


def _split(token: str | bytes | None) -> list[str]:
    return [] if token is None else as_text(token).split(".", len(NAMES))


def _parts(token: str | bytes) -> dict[str, list[str]]:
    segments = _split(token)
    parts = {name: _segment(name, segment) for name, segment in zip(NAMES, segments, strict=False)}
    if len(segments) > len(NAMES):
        parts["rest"] = [cut(segments[-1])]
    return parts


def _segment(name: str, segment: str) -> list[str]:
    octets = decoded(segment)
    if octets is None:
        return [f"not base64url: {cut(segment)}"]
    if name == "signature":
        return textwrap.wrap(f"{len(octets)} octets {octets.hex()[:SHOWN]}", 64) or ["0 octets"]
    lines = json_lines(octets)
    return [cut(repr(octets)[1:])] if lines is None else lines


def _members(value: object) -> list[str]:
    if not isinstance(value, _Pairs):
        return [_member(value)]
    return [f"{json.dumps(name)}: {_member(inner)}" for name, inner in value]


class _Pairs(list[tuple[str, Any]]):
    """An object's members in order, duplicates kept."""


class _Raw(str):
    """A number as it is spelled: 1e400 and NaN are what a reader has to see."""

    __slots__ = ()


def _member(value: object) -> str:
    if isinstance(value, _Pairs):
        return "{" + ", ".join(f"{json.dumps(name)}: {_member(inner)}" for name, inner in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_member(inner) for inner in value) + "]"
    return str(value) if isinstance(value, _Raw) else json.dumps(value)
