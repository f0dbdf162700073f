"""The file of expectations: read with every fault named by line, and written by merging with what stands there."""

import difflib
import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from bearerproof import __version__
from bearerproof.exceptions import BadInput, StaleExpectations
from bearerproof.judging.expectations import PINNED_STATES, Expectation, Expectations, pin_of, quoted, really
from bearerproof.judging.results import RED, Record
from bearerproof.judging.selection import Name
from bearerproof.specification.catalogue import Profile, digest, requirement, requirements

FORMAT = 2
"""What is written anew; 1 is still read, and added to where it stands."""

_KEYS = {
    1: ("requirement", "check", "profile", "finding", "reason", "issue"),
    2: ("requirement", "checks", "pins", "profile", "reason", "issue", "until"),
}
_LISTS = ("checks", "pins")
_HEAD = {1: {"format", "expectation"}, 2: {"format", "suite", "expectation"}}
_TODO = "say why this is accepted"
_ENTRY = re.compile(r"^[ \t]*\[\[[ \t]*expectation[ \t]*\]\][ \t]*(#.*)?$", re.MULTILINE)


def suite() -> str:
    """Say which specification a file is written under."""
    return f"{__version__}, spec {digest()[:8]}"


def text_of(path: Path) -> str:
    """Return what a file holds.

    Raises:
        BadInput: it cannot be read. StaleExpectations: it is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise StaleExpectations(f"{path} is not valid TOML: {error}") from None


def former(path: Path) -> str | None:
    """Return the text of a file that is to be merged with, or None where there is none yet; devices hold none.

    Raises:
        BadInput: it cannot be read. StaleExpectations: it is not valid, so that it is left as it is.
    """
    if not path.is_file():
        return None
    text = text_of(path)
    if not text.strip():
        return None
    parsed = parse(text, str(path), unfinished=True)
    if len(_blocks(text)) != len(parsed.entries):
        raise BadInput(f"cannot merge with {path}: write each entry as a table, [[expectation]]")
    return text


def parse(text: str, where: str, *, unfinished: bool = False) -> Expectations:
    """Read the text of a file; one that is ``unfinished`` may hold reasons that nobody gave yet.

    Raises:
        StaleExpectations: it is not valid; every fault is named.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StaleExpectations(f"{where} is not valid TOML: {error}") from None
    blocks = _blocks(text)
    problems = list(_file_problems(raw, blocks, unfinished=unfinished))
    if problems:
        raise StaleExpectations(f"{where} is not valid:\n  " + "\n  ".join(problems))
    entries = raw.get("expectation", [])
    lines = [block.line for block in blocks] if len(blocks) == len(entries) else [None] * len(entries)
    made = (_entry(entry, raw["format"], line) for entry, line in zip(entries, lines, strict=True))
    return Expectations(tuple(made), raw.get("suite"))


@dataclass(frozen=True)
class Block:
    """The text of one entry, and the line at which it begins."""

    text: str
    line: int

    def line_of(self, member: str) -> int:
        """Return the line of a member, or of the entry where it has none."""
        for number, line in enumerate(self.text.splitlines()):
            if re.match(rf"\s*{member}\s*=", line):
                return self.line + number
        return self.line


@dataclass(frozen=True)
class Merged:
    """What a file is to hold, and what there is to say of that."""

    text: str
    remarks: tuple[str, ...] = ()


def merged(
    before: str | None,
    records: Sequence[Record],
    unrun: Collection[str] = (),
    *,
    narrowed: bool = False,
    prune: bool = False,
) -> Merged:
    """Add today's deviations that nothing foresees to a file; what stands there stays, byte for byte.

    What was mended is told, and taken out with ``prune``; a run that was narrowed leaves alone what it did not look at.
    """
    held = Expectations() if before is None else parse(before, "the file", unfinished=True)
    new = [record for record in records if _deviates(record) and not held.covers(record)]
    new = [record for record in new if not _is_marked_by(record, held)]
    remarks: list[str] = []
    text = _head()
    if before is not None:
        text, remarks = _pruned(before, held, records, unrun, narrowed, prune)
    form = held.entries[0].format if held.entries else _format_of(before)
    blocks = list(_new_entries(new, records, unrun, form))
    if blocks:
        text = text.rstrip("\n") + "\n\n" + "\n\n".join(blocks) + "\n"
        several = len(blocks) > 1
        remarks.append(
            f"{len(blocks)} new {'entries' if several else 'entry'} in the expectations: "
            f"give {'each' if several else 'it'} a reason"
        )
    return Merged(text, tuple(remarks))


def _format_of(before: str | None) -> int:
    return FORMAT if before is None else int(tomllib.loads(before).get("format", FORMAT))


def _head() -> str:
    return (
        "# Deviations that are known and accepted for now. Each needs a reason; one whose checks pass is an error.\n"
        f"format = {FORMAT}\nsuite = {quoted(suite())}\n"
    )


def _deviates(record: Record) -> bool:
    return really(record) in RED or record.unproven


def _is_marked_by(record: Record, held: Expectations) -> bool:
    """Whether a record that was marked as expected before is foreseen by these entries."""
    findings = record.findings or ({"summary": "", "expected": "", "got": ""},)
    return record.deviation is not None and all(
        any(entry.covers(record, finding) for entry in held.entries) for finding in findings
    )


# --- what is wrong with a file


def _file_problems(raw: dict[str, Any], blocks: Sequence[Block], *, unfinished: bool) -> Iterator[str]:
    form = raw.get("format")
    if form not in _KEYS:
        yield "format must be 1 or 2"
        form = FORMAT if "checks" in str(raw) else 1
    for key in sorted(set(raw) - _HEAD[form]):
        yield f"unknown key {key!r}; known are {', '.join(sorted(_HEAD[form]))}"
    if not isinstance(raw.get("suite", ""), str):
        yield "suite must be a text"
    entries = raw.get("expectation", [])
    if not isinstance(entries, list):
        yield "expectation must be an array of tables: [[expectation]]"
        return
    seen: list[object] = []
    for number, entry in enumerate(entries, 1):
        block = blocks[number - 1] if len(blocks) == len(entries) else None
        where = f"entry {number}" if block is None else f"line {block.line}"
        if not isinstance(entry, dict):
            yield f"{where}: must be a table: [[expectation]]"
            continue
        for member, problem in _entry_problems(entry, form, unfinished=unfinished):
            at = where if block is None else f"line {block.line_of(member)}"
            yield f"{at}: {_called(entry)}{problem}"
        identity = {name: value for name, value in entry.items() if name not in ("reason", "issue", "until")}
        if identity in seen:
            yield f"{where}: {_called(entry)}repeats an earlier entry"
        seen.append(identity)


def _called(entry: dict[str, Any]) -> str:
    """Name an entry by its requirement and checks, as far as it has them."""
    checks = entry.get("checks", [entry.get("check")])
    words = [entry.get("requirement"), *(checks if isinstance(checks, list) else [])]
    text = " ".join(word for word in words if isinstance(word, str) and word.strip())
    return f"{text}: " if text else ""


def _entry_problems(entry: dict[str, Any], form: int, *, unfinished: bool) -> Iterator[tuple[str, str]]:
    known = _KEYS[form]
    for key in sorted(set(entry) - set(known)):
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
        yield key, f"unknown key {key!r}{hint}"
    for key in [key for key in known if key in entry]:
        problem = _value_problem(key, entry[key])
        if problem is not None:
            yield key, problem
    if "reason" not in entry:
        yield "requirement", "reason is required: say why the deviation is accepted"
    elif str(entry["reason"]).startswith(_TODO) and not unfinished:
        yield "reason", "reason is still the placeholder: say why the deviation is accepted"
    if str(entry.get("requirement")) not in requirements():
        yield "requirement", _unknown_requirement(str(entry.get("requirement", "")))
    if entry.get("profile") not in (None, *Profile):
        yield "profile", f"profile {entry['profile']!r} is not one of {', '.join(Profile)}"


def _value_problem(key: str, value: object) -> str | None:
    if key in _LISTS:
        sound = isinstance(value, list) and value and all(isinstance(each, str) and each.strip() for each in value)
        return None if sound else f"{key} must be a list of texts that are not empty"
    if key == "until":
        return None if _date(value) is not None else "until must be a date, as 2027-06-30"
    return None if isinstance(value, str) and value.strip() else f"{key} must be a text that is not empty"


def _date(value: object) -> date | None:
    if type(value) is date:
        return value
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _unknown_requirement(name: str) -> str:
    if not name:
        return "requirement is required"
    try:
        return f"requirement is {name!r}; write it as {requirement(name).id!r}"
    except BadInput as error:
        return str(error)


def _entry(raw: dict[str, Any], form: int, line: int | None) -> Expectation:
    lists = {name: tuple(raw[name]) for name in _LISTS if name in raw}
    until = {"until": _date(raw["until"])} if "until" in raw else {}
    return Expectation(**{**raw, **lists, **until, "format": form, "line": line if form > 1 else None})


# --- merging


def _blocks(text: str) -> list[Block]:
    starts = [match.start() for match in _ENTRY.finditer(text)]
    ends = [*starts[1:], len(text)]
    return [Block(text[start:end], text.count("\n", 0, start) + 1) for start, end in zip(starts, ends, strict=False)]


def _pruned(
    before: str, held: Expectations, records: Sequence[Record], unrun: Collection[str], narrowed: bool, prune: bool
) -> tuple[str, list[str]]:
    """Tell what was mended, and with ``prune`` take it out: a whole entry, or single checks of one."""
    blocks, remarks = _blocks(before), []
    kept = before[: before.index(blocks[0].text)] if blocks else before
    for block, entry in zip(blocks, held.entries, strict=True):
        stale = Expectations((entry,)).judge(records, unrun, narrowed=narrowed).stale
        mended = [text for text in stale if " is not red any more" in text or " matches no check" in text]
        if mended:
            remarks += [f"mended: {text}" + ("" if prune else " (--prune does)") for text in mended]
        kept += _left(block, entry, mended) if prune and mended else block.text
    return kept, remarks


def _left(block: Block, entry: Expectation, mended: Sequence[str]) -> str:
    """Return what is left of an entry of which some checks are mended: nothing, when all are."""
    gone = [pattern for pattern in entry.checks if any(f": {pattern}: " in text for text in mended)]
    if entry.format == 1 or len(gone) == len(entry.checks) or not gone:
        return ""
    text = block.text
    for pattern in gone:
        text = re.sub(rf"[ \t]*{re.escape(quoted(pattern))}[ \t]*,?", "", text, count=1)
    return text


def _new_entries(new: Sequence[Record], records: Sequence[Record], unrun: Collection[str], form: int) -> Iterator[str]:
    if form == 1:
        for record in sorted(new, key=lambda record: record.id):
            for drawn in [finding["drawn"] for finding in record.findings if "drawn" in finding] or [None]:
                yield "\n".join(_entry_of_format_1(record, drawn))
        return
    others = {name for name in map(Name.of, (*unrun, *(r.id for r in records if not _deviates(r)))) if name is not None}
    for (requirement_id, profile), rows in sorted(_gathered(new, records).items(), key=lambda item: _order(*item[0])):
        names = sorted({_check(record) for record in rows})
        passing = {name.check for name in others if name.requirement == requirement_id}
        yield "\n".join(_entry_of_format_2(requirement_id, profile, _patterns(names, passing), rows))


def _order(requirement_id: str, profile: str | None) -> tuple[int, str]:
    return list(requirements()).index(requirement_id), profile or ""


def _gathered(new: Sequence[Record], records: Sequence[Record]) -> dict[tuple[str, str | None], list[Record]]:
    """Gather new deviations by requirement; those of some profiles only, by profile too."""
    judged: dict[tuple[str, str], set[str]] = {}
    red: dict[tuple[str, str], set[str]] = {}
    for record in records:
        if record.judged or _deviates(record):
            judged.setdefault((record.requirement, _check(record)), set()).add(record.profile)
    for record in new:
        red.setdefault((record.requirement, _check(record)), set()).add(record.profile)
    found: dict[tuple[str, str | None], list[Record]] = {}
    for record in new:
        name = record.requirement, _check(record)
        profile = None if red[name] == judged[name] else record.profile
        found.setdefault((record.requirement, profile), []).append(record)
    return found


_MANY = 4
"""Checks from which on a pattern is written in place of their names."""


def _patterns(names: Sequence[str], passing: Collection[str]) -> list[str]:
    """Write names, or a pattern where all checks whose names begin with one word deviate, and they are many."""
    by_word: dict[str, list[str]] = {}
    for name in names:
        by_word.setdefault(name.partition("-")[0], []).append(name)
    found: list[str] = []
    for word, held in by_word.items():
        whole = len(held) >= _MANY and not any(name.startswith(f"{word}-") for name in passing)
        found += [f"{word}-*"] if whole and all(name.startswith(f"{word}-") for name in held) else held
    return found


def _check(record: Record) -> str:
    return record.id.removeprefix(f"{record.requirement}.").removesuffix(f".{record.profile}")


def _entry_of_format_2(
    requirement_id: str, profile: str | None, patterns: Sequence[str], rows: Iterable[Record]
) -> Iterator[str]:
    held = list(rows)
    pins = {pin_of(finding) for record in held for finding in record.findings if "drawn" in finding}
    pins |= {str(really(record)) for record in held if really(record) in PINNED_STATES}
    yield "[[expectation]]"
    yield f'requirement = "{requirement_id}"'
    yield f"checks = {_list(patterns)}"
    if pins:
        yield f"pins = {_list(sorted(pins))}"
    if profile is not None:
        yield f'profile = "{profile}"'
    states = ", ".join(dict.fromkeys(str(really(record)) for record in held))
    yield f'reason = "{_TODO}: {states}"'


def _list(texts: Sequence[str]) -> str:
    line = f"[{', '.join(map(quoted, texts))}]"
    return line if len(line) <= 90 else "[\n" + "".join(f"  {quoted(text)},\n" for text in texts) + "]"


def _entry_of_format_1(record: Record, finding: str | None) -> Iterator[str]:
    yield "[[expectation]]"
    yield f'requirement = "{record.requirement}"'
    yield f'check = "{_check(record)}"'
    yield f'profile = "{record.profile}"'
    if finding is not None:
        yield f"finding = {quoted(finding)}"
    yield f'reason = "{_TODO}: {really(record)}"'
