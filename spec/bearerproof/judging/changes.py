"""What was changed, made visible: a header or payload member, a respelled segment with a caret, a key, a policy.

The change leads from the token that was accepted in the same check to the one that was presented; what both have in
common is left out. A signature over other bytes differs anyway and is named only where it is the change.
"""

import base64
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence

from bearerproof.judging.page import Page, Style
from bearerproof.judging.tokens import NAMES, as_text, cut, decoded, differing, json_lines, token_of
from bearerproof.members import Json
from bearerproof.visible import visible

_LABEL = 11


def show_change(finding: Json, page: Page, *, indent: int = 4, most: int | None = None) -> None:
    """Add to a page what leads from a finding's base to what was presented, in at most so many lines."""
    lines = list(change_lines(finding, page.width - indent))
    for line in lines if most is None or len(lines) <= most else lines[: most - 1]:
        page.clip(line, _style(line), indent=indent)
    if most is not None and len(lines) > most:
        page.clip(f"… {len(lines) - most + 1} lines more: -v", Style.FAINT, indent=indent)


def change_lines(finding: Json, width: int) -> Iterator[str]:
    """Yield what leads from a finding's base to what was presented; without a base, what was presented."""
    presented, base = finding.get("presented"), finding.get("base")
    if presented is None:
        for number, step in enumerate(finding.get("steps", ()), 1):
            yield f"{f'step {number}':<{_LABEL}}{step_text(step)}"
        yield from (f"{'event':<{_LABEL}}{json.dumps(event)}" for event in finding.get("events", ()))
    elif base is None:
        yield from _whole(presented)
    else:
        yield from _changed(base, presented, width)


def step_text(step: Json) -> str:
    """Word one request of many: the operation, then its members, the long ones cut."""
    text = " ".join(f"{name}={cut(json.dumps(value))}" for name, value in step.items() if name != "op")
    return f"{step['op']} {text}"


def policy_text(policy: Json) -> str:
    """Word a policy without its keys, which are too long to read and are in the result stream."""
    shown = {name: value for name, value in policy.items() if name != "keys" and value is not None}
    return json.dumps({**shown, "keys": [key.get("kid") for key in _keys(policy)]})


def _whole(presented: Json) -> Iterator[str]:
    segments = as_text(token_of(presented)).split(".")
    for name, segment in zip(NAMES[:2], segments, strict=False):
        octets = decoded(segment)
        lines = None if octets is None else json_lines(octets)
        yield f"{name:<{_LABEL}}{', '.join(lines) if lines is not None else cut(segment)}"
    yield f"{'policy':<{_LABEL}}{policy_text(presented['policy'])}"
    yield f"{'now':<{_LABEL}}{presented['now']}"


def _changed(base: Json, presented: Json, width: int) -> Iterator[str]:
    old, new = (as_text(token_of(each)) for each in (base, presented))
    found = [*_of_token(old, new, width), *_of_policy(base["policy"], presented["policy"], width)]
    for name in ("now", "tick"):
        if base.get(name, 0) != presented.get(name, 0):
            found += [f"{name:<{_LABEL}}≠ {base.get(name, 0)} → {presented.get(name, 0)}"]
    if "token_b64" in presented and "token_b64" not in base:
        found.append(f"{'token':<{_LABEL}}octets, of which some are no text")
    if not found:
        found = list(_of_signature(old, new)) or ["nothing: the same token under the same policy"]
    yield from found


def _of_token(old: str, new: str, width: int) -> Iterator[str]:
    before, after = old.split("."), new.split(".")
    if len(before) != len(after):
        yield f"{'segments':<{_LABEL}}≠ {len(before)} → {len(after)}"
        if len(after) > len(before):
            yield f"{'':<{_LABEL}}… {'.'.join(cut(text)[:24] or '(empty)' for text in after[len(before) :])}"
    for number, (was, now) in enumerate(zip(before, after, strict=False), 1):
        if was != now:
            yield from _of_segment(number, was, now, width)


def _of_segment(number: int, was: str, now: str, width: int) -> Iterator[str]:
    spelled = _misspelt(now)
    name = NAMES[number - 1] if number <= len(NAMES) else f"segment {number}"
    if spelled is not None and _misspelt(was) is None:
        at, what = spelled
        yield f"{name:<{_LABEL}}segment {number}, character {at + 1}: {what}"
        yield from _pointed(now, at, width)
        if name == "signature":
            return
    if name == "signature":
        yield from _of_length(was, now)
        return
    before, after = (decoded(text) for text in (was, now))
    if before is None or after is None:
        if spelled is None or _misspelt(was) is not None:
            yield f"{name:<{_LABEL}}no base64url: {cut(now)}"
    elif before != after:
        yield from _of_json(name, before, after, width)
    elif spelled is None:
        at = _first_difference(was, now)
        yield f"{name:<{_LABEL}}segment {number}, character {at + 1}: the same octets, spelled otherwise"
        yield from _pointed(now, at, width)


def _of_json(name: str, before: bytes, after: bytes, width: int) -> Iterator[str]:
    old, new = json_lines(before), json_lines(after)
    if old is None or new is None or old == new:
        text, was = (octets.decode("utf-8", "backslashreplace") for octets in (after, before))
        at = _first_difference(was, text)
        what = "the same members, written otherwise" if old is not None and old == new else "no JSON object any more"
        yield f"{name:<{_LABEL}}{what}, from character {at + 1} on" if text else f"{name:<{_LABEL}}empty"
        if text:
            yield from _pointed(text, at, width)
        return
    for place, line in enumerate(differing(old, new, width - _LABEL, equal=False)):
        yield f"{name if not place else '':<{_LABEL}}{line}"


def _of_length(was: str, now: str) -> Iterator[str]:
    before, after = (decoded(text) for text in (was, now))
    if before is not None and after is not None and len(before) != len(after):
        yield f"{'signature':<{_LABEL}}≠ {len(before)} octets → {len(after) or 'no'} octets"


def _of_signature(old: str, new: str) -> Iterator[str]:
    """Tell how a signature differs where nothing else does."""
    before, after = (decoded(token.rpartition(".")[2]) for token in (old, new))
    if before is None or after is None or before == after:
        return
    places = [at for at, (was, now) in enumerate(zip(before, after, strict=False)) if was != now]
    if len(places) > 4 or not places:
        yield f"{'signature':<{_LABEL}}another one, over the same header and payload: {after.hex()[:24]}…"
        return
    changes = ", ".join(f"octet {at + 1} ≠ {before[at]:02x} → {after[at]:02x}" for at in places)
    yield f"{'signature':<{_LABEL}}{changes}"


def _of_policy(old: Json, new: Json, width: int) -> Iterator[str]:
    for name in dict.fromkeys([*old, *new]):
        if name != "keys" and old.get(name) != new.get(name):
            yield f"{'policy':<{_LABEL}}≠ {name}: {json.dumps(old.get(name))} → {json.dumps(new.get(name))}"
    if old.get("keys") != new.get("keys"):
        yield from _of_keys(_keys(old), _keys(new), width)


def _of_keys(old: Sequence[Json], new: Sequence[Json], width: int) -> Iterator[str]:
    gone, come = [key for key in old if key not in new], [key for key in new if key not in old]
    if not gone and not come:
        yield f"{'keys':<{_LABEL}}≠ in another order, or some twice: {[key.get('kid') for key in new]}"
    for was, now in zip(gone, come, strict=False):
        lead = json.dumps(now.get("kid")) if now.get("kid") == was.get("kid") else ""
        for place, line in enumerate(_members_changed(was, now, width - _LABEL)):
            yield f"{'key' if not place else '':<{_LABEL}}{line}" + (
                f"  (of the key {lead})" if lead and not place else ""
            )
    for key in come[len(gone) :]:
        yield f"{'key':<{_LABEL}}+ {_key_text(key)}"
    for key in gone[len(come) :]:
        yield f"{'key':<{_LABEL}}- {_key_text(key)}"


def _members_changed(was: Json, now: Json, width: int) -> Iterator[str]:
    for name in dict.fromkeys([*was, *now]):
        if name not in was:
            yield f"+ {json.dumps(name)}: {_value(now[name])}{_size(name, now[name])}"
        elif name not in now:
            yield f"- {json.dumps(name)}: {_value(was[name])}"
        elif was[name] != now[name]:
            old, new = _value(was[name]), _value(now[name])
            one = f"≠ {json.dumps(name)}: {old} → {new}{_size(name, now[name])}"
            yield one if len(one) <= width else f"≠ {json.dumps(name)}: {new}{_size(name, now[name])}"


def _key_text(key: Json) -> str:
    return "{" + ", ".join(f"{json.dumps(name)}: {_value(value)}" for name, value in key.items()) + "}"


def _value(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 26 else f"{text[:22]}…{text[-1]}"


def _size(name: str, value: object) -> str:
    """Say how many octets a member of a key that is base64url holds."""
    if name not in ("k", "n", "e", "x", "y") or not isinstance(value, str):
        return ""
    octets = decoded(value)
    return "" if octets is None else f"  {len(octets)} octets"


def _keys(policy: Json) -> list[Json]:
    held = policy.get("keys")
    keys = held.get("keys") if isinstance(held, dict) else None
    return [key for key in keys if isinstance(key, dict)] if isinstance(keys, list) else []


def _misspelt(segment: str) -> tuple[int, str] | None:
    """Return the first place where a segment is not base64url as RFC 7515 §2 spells it, and what stands there."""
    foreign = re.search(r"[^A-Za-z0-9_-]", segment)
    if foreign is not None:
        return foreign.start(), named(foreign[0])
    if len(segment) % 4 == 1:
        return len(segment) - 1, "one character too many"
    octets = decoded(segment)
    if octets is not None and base64.urlsafe_b64encode(octets).rstrip(b"=").decode() != segment:
        return len(segment) - 1, "bits behind the last octet that are not zero"
    return None


_NAMED = {
    "\n": "a line feed",
    "\r": "a carriage return",
    "\t": "a tab",
    " ": "a blank",
    "=": "padding (=)",
    "+": "a plus, of plain base64",
    "/": "a slash, of plain base64",
    "\0": "a null character",
}


def named(char: str) -> str:
    """Name a character that does not belong where it stands."""
    known = _NAMED.get(char)
    return known or f"{unicodedata.name(char, 'a character').lower()} (U+{ord(char):04X})"


def _pointed(text: str, at: int, width: int) -> Iterator[str]:
    """Yield the surroundings of a place, and a line with a caret under it."""
    room = max(width - _LABEL - 2, 20)
    first = max(0, at - room // 3)
    shown, start, end = "…" if first else "", 0, 0
    for place in range(first, len(text)):
        piece = visible(text[place])
        if len(shown) + len(piece) > room:
            shown += "…"
            break
        if place == at:
            start, end = len(shown), len(shown) + len(piece)
        shown += piece
    if at >= len(text):
        start, end = len(shown), len(shown) + 1
    yield f"{'':<{_LABEL}}{shown}"
    yield f"{'':<{_LABEL}}{' ' * start}{'^' * max(end - start, 1)}"


def _first_difference(was: str, now: str) -> int:
    pairs = enumerate(zip(was, now, strict=False))
    return next((at for at, (old, new) in pairs if old != new), min(len(was), len(now)))


def _style(line: str) -> Style:
    mark = line[_LABEL : _LABEL + 1]
    if mark in ("≠", "+", "→") or set(line.strip()) == {"^"}:
        return Style.WARN
    return Style.FAINT if mark == "-" else Style.PLAIN
