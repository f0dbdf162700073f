"""Expected deviations: a file that foresees what an implementation fails, and goes stale loudly.

Strict both ways: an entry whose check passes, matches nothing, or names something unknown is an error, so that the
file always tells the truth about the implementation. Where a check draws what it presents, an entry has to name the
finding: it is then taken out of the draw, which goes on, so that a second fault of the same check stays red. What a
draw may have passed by is *unseen*, not stale: it is told, and costs nothing.
"""

import difflib
import json
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bearerproof.exceptions import BadInput, StaleExpectations
from bearerproof.judging.results import RED, Record, key_of
from bearerproof.judging.settings import KnownFinding
from bearerproof.members import Json
from bearerproof.specification.catalogue import Profile, requirement, requirements

_KEYS = ("requirement", "check", "profile", "finding", "reason", "issue")


@dataclass(frozen=True)
class Expectation:
    """One foreseen deviation: a requirement, or one check of it, in one profile or all; ``reason`` says why.

    ``finding`` narrows it to one way in which the check can fail: an edit, or a kind of value.
    """

    requirement: str
    reason: str
    check: str | None = None
    profile: str | None = None
    issue: str | None = None
    finding: str | None = None

    @property
    def known(self) -> KnownFinding | None:
        """What the check has to pass over to see what else there is, where the entry says it."""
        if self.finding is None:
            return None
        return KnownFinding(self.requirement, self.finding, self.check, self.profile)

    def covers(self, record: Record, finding: Json) -> bool:
        """Say whether this entry foresees one finding of a record: of a drawn one it has to name the kind."""
        if not self.matches(record):
            return False
        return finding.get("drawn") is None if self.finding is None else self.finding == key_of(finding)

    def matches(self, record: Record) -> bool:
        """Say whether the record is of a check that this entry names."""
        if record.requirement != self.requirement:
            return False
        if self.profile is not None and record.profile != self.profile:
            return False
        return self.check is None or record.id == f"{self.requirement}.{self.check}.{record.profile}"

    def describe(self) -> str:
        """Name the entry as a reader finds it in the file."""
        words = [self.requirement, self.check, self.profile, self.finding]
        return " ".join(word for word in words if word)


def load(path: Path) -> list[Expectation]:
    """Read an expectations file.

    Raises:
        BadInput: there is no such file. StaleExpectations: it is not valid; every fault is named.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StaleExpectations(f"{path} is not valid TOML: {error}") from None
    problems = list(_file_problems(raw))
    if problems:
        raise StaleExpectations(f"{path} is not valid:\n  " + "\n  ".join(problems))
    return [Expectation(**entry) for entry in raw.get("expectation", ())]


def apply(expectations: Sequence[Expectation], records: Sequence[Record]) -> list[Record]:
    """Mark the red records that are foreseen.

    Raises:
        StaleExpectations: an entry matches no check of this run, or all it matches pass, or it does not say which
            finding of a check that draws it foresees.
    """
    stale = [problem for entry in expectations if (problem := _stale(entry, records, expectations))]
    if stale:
        raise StaleExpectations("the expectations are stale:\n  " + "\n  ".join(stale))
    return [_foreseen(record, expectations) for record in records]


def write(records: Iterable[Record]) -> str:
    """Return an expectations file of today's red records; every reason is left for the reader to give."""
    lines = [
        "# Deviations that are known and accepted for now. Each needs a reason; one whose check passes is an error.",
        "format = 1",
    ]
    for record in sorted(records, key=lambda record: record.id):
        if record.state in RED:
            for drawn in [finding["drawn"] for finding in record.findings if "drawn" in finding] or [None]:
                lines += ["", *_entry(record, drawn)]
    return "\n".join(lines) + "\n"


def _entry(record: Record, finding: str | None) -> list[str]:
    check = record.id.removeprefix(f"{record.requirement}.").removesuffix(f".{record.profile}")
    return [
        "[[expectation]]",
        f'requirement = "{record.requirement}"',
        f'check = "{check}"',
        f'profile = "{record.profile}"',
        *([] if finding is None else [f"finding = {json.dumps(finding)}"]),
        f'reason = "{_TODO}: {record.state}"',
    ]


_TODO = "say why this is accepted"


def _file_problems(raw: dict[str, Any]) -> Iterable[str]:
    for key in sorted(set(raw) - {"format", "expectation"}):
        yield f"unknown key {key!r}; known are format, expectation"
    if raw.get("format") != 1:
        yield "format must be 1"
    entries = raw.get("expectation", [])
    if not isinstance(entries, list):
        yield "expectation must be an array of tables: [[expectation]]"
        return
    seen: list[tuple[Any, ...]] = []
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            yield f"entry {number}: must be a table: [[expectation]]"
            continue
        for problem in _entry_problems(entry):
            yield f"entry {number}: {problem}"
        identity = tuple(entry.get(key) for key in _KEYS[:4])
        if identity in seen:
            yield f"entry {number}: repeats an earlier entry"
        seen.append(identity)


def _entry_problems(entry: dict[str, Any]) -> Iterable[str]:
    for key in sorted(set(entry) - set(_KEYS)):
        near = difflib.get_close_matches(key, _KEYS, n=1)
        yield f"unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(_KEYS)}")
    for key in set(entry) & set(_KEYS):
        if not isinstance(entry[key], str) or not entry[key].strip():
            yield f"{key} must be a text that is not empty"
    if "reason" not in entry:
        yield "reason is required: say why the deviation is accepted"
    elif str(entry["reason"]).startswith(_TODO):
        yield "reason is still the placeholder: say why the deviation is accepted"
    if str(entry.get("requirement")) not in requirements():
        yield _unknown_requirement(str(entry.get("requirement", "")))
    if entry.get("profile") not in (None, *Profile):
        yield f"profile {entry['profile']!r} is not one of {', '.join(Profile)}"


def _unknown_requirement(name: str) -> str:
    if not name:
        return "requirement is required"
    try:
        return f"requirement is {name!r}; write it as {requirement(name).id!r}"
    except BadInput as error:
        return str(error)


def _stale(entry: Expectation, records: Sequence[Record], expectations: Sequence[Expectation]) -> str | None:
    matched = [record for record in records if entry.matches(record)]
    if not matched:
        return f"{entry.describe()}: matches no check of this run; remove it or correct it"
    if _is_unseen(entry, matched):
        return None
    red = [record for record in matched if _is_deviation(record)]
    if not red:
        return f"{entry.describe()}: is not red any more ({matched[0].state}); remove it"
    drawn = [(record, each["drawn"]) for record in red for each in record.findings if "drawn" in each]
    if entry.finding is None and drawn:
        record, kind = drawn[0]
        return (
            f"{entry.describe()}: {record.id} draws what it presents, so another fault of it would go unseen; "
            f"name what is foreseen: finding = {json.dumps(kind)}"
        )
    others = [other for other in expectations if other is not entry]
    if entry.finding is not None and all(_foreseen(record, others) is not record for record in red):
        return f"{entry.describe()}: is not found any more; remove it"  # a check that ends early may not come to it
    return None


def unseen(expectations: Sequence[Expectation], records: Sequence[Record]) -> list[str]:
    """Name the entries whose finding no draw of this run came upon."""
    named = [(entry, [record for record in records if entry.matches(record)]) for entry in expectations]
    return [entry.describe() for entry, matched in named if _is_unseen(entry, matched)]


def _is_unseen(entry: Expectation, matched: Sequence[Record]) -> bool:
    seen = any(entry.covers(record, finding) for record in matched for finding in record.findings)
    return not seen and any(entry.finding in record.unseen for record in matched)


def _is_deviation(record: Record) -> bool:
    """Whether there is something to foresee: it is red, or nothing but errors came."""
    return record.state in RED or record.unproven


def _foreseen(record: Record, expectations: Sequence[Expectation]) -> Record:
    if not _is_deviation(record):
        return record
    whole = [entry for entry in expectations if entry.matches(record) and entry.finding is None]
    if not record.findings:
        return record.expected(whole[0].reason) if whole else record
    entries = [
        next((entry for entry in expectations if entry.covers(record, finding)), None) for finding in record.findings
    ]
    reasons = dict.fromkeys(entry.reason for entry in entries if entry is not None)
    return record if None in entries else record.expected("; ".join(reasons))
