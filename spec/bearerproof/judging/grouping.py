"""Findings gathered: by requirement, and in it by cause; what two profiles have in common once; the worst first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from bearerproof.judging.results import RED, Record, State
from bearerproof.judging.tokens import as_text, token_of
from bearerproof.members import Json
from bearerproof.specification.catalogue import Requirement, requirement


class Severity(IntEnum):
    """How bad a deviation is, the worst first."""

    FORGERY = 0
    DEATH = 1
    OTHER = 2
    REASON = 3
    OVERSTRICT = 4
    UNTESTABLE = 5


@dataclass(frozen=True)
class Cause:
    """Deviations of one requirement that are the same: what was answered in place of what, after a change where."""

    severity: Severity
    what: str
    records: tuple[Record, ...]

    @property
    def example(self) -> Record:
        """The smallest one: a fixed one before one that was drawn, the shortest token, then by name."""
        return min(self.records, key=_size)

    @property
    def names(self) -> list[str]:
        """The checks, each once whatever the profile, the example first."""
        first = name_of(self.example)
        return [first, *sorted({name_of(record) for record in self.records} - {first})]

    @property
    def profiles(self) -> list[str]:
        """The profiles in which it shows."""
        return sorted({record.profile for record in self.records})


@dataclass(frozen=True)
class Group:
    """What deviates of one requirement: its causes, the worst first, and how many checks of it were judged."""

    requirement: Requirement
    causes: tuple[Cause, ...]
    judged: int

    @property
    def severity(self) -> Severity:
        """That of its worst cause."""
        return self.causes[0].severity

    @property
    def failing(self) -> int:
        """How many of its checks are red."""
        return sum(len(cause.records) for cause in self.causes)


def groups(records: Iterable[Record], states: frozenset[State] = RED) -> list[Group]:
    """Gather what ended in one of these states, by default what is red, the worst requirement first."""
    by_requirement: dict[str, list[Record]] = {}
    judged: dict[str, int] = {}
    for record in records:
        if record.state in states and record.state is not State.NOT_RUN:
            by_requirement.setdefault(record.requirement, []).append(record)
        if record.judged or record.state in RED:
            judged[record.requirement] = judged.get(record.requirement, 0) + 1
    found = [
        Group(requirement(name), tuple(_causes(rows)), judged.get(name, 0)) for name, rows in by_requirement.items()
    ]
    return sorted(found, key=lambda group: (group.severity, -group.failing, _place(group.requirement.id)))


def name_of(record: Record) -> str:
    """Return a check's name without its requirement and profile: what it is called in all of them."""
    return record.id.removeprefix(f"{record.requirement}.").removesuffix(f".{record.profile}")


def _causes(records: Sequence[Record]) -> list[Cause]:
    found: dict[tuple[Severity, str], list[Record]] = {}
    for record in records:
        found.setdefault((_severity(record), _what(record)), []).append(record)
    causes = [Cause(severity, what, tuple(rows)) for (severity, what), rows in found.items()]
    return sorted(causes, key=lambda cause: (cause.severity, -len(cause.records), cause.what))


def _finding(record: Record) -> Json:
    return record.findings[0] if record.findings else {"summary": record.reason or "", "expected": "", "got": ""}


def _severity(record: Record) -> Severity:
    if record.state in (State.CRASHED, State.HUNG):
        return Severity.DEATH
    if record.state is State.UNTESTABLE:
        return Severity.UNTESTABLE
    expected, got = (str(_finding(record)[name]) for name in ("expected", "got"))
    if expected.startswith("reason"):
        return Severity.REASON
    if got.startswith("accepted") and expected.startswith("rejected"):
        return Severity.FORGERY
    return Severity.OVERSTRICT if expected == "accepted" else Severity.OTHER


def _what(record: Record) -> str:
    """Say what was answered in place of what; of equal words are equal causes."""
    if record.state is State.CRASHED:
        return "the implementation died of it"
    if record.state is State.HUNG:
        return "no answer came within the time allowed"
    if not record.findings:
        return f"{record.state}: {record.reason}" if record.reason else str(record.state)
    finding = _finding(record)
    expected, got = str(finding["expected"]), str(finding["got"]).partition(":")[0]
    if record.state is State.UNTESTABLE:
        return f"an honest token is {got}, so nothing can be concluded"
    if "presented" not in finding:
        return f"{finding['got']}, where {expected} was due"
    return f"{got}, where {expected} was due"


def _size(record: Record) -> tuple[bool, bool, int, str]:
    finding = _finding(record)
    presented = finding.get("presented")
    length = len(as_text(token_of(presented))) if presented else len(finding.get("steps", ()))
    return "drawn" in finding, " then " in str(finding.get("edit", "")), length, record.id


def _place(requirement_id: str) -> tuple[str, int]:
    family, _, number = requirement_id.partition("-")
    return family, int(number)


def by_requirement(records: Iterable[Record], state: State) -> Mapping[str, list[Record]]:
    """Return the records in one state, by requirement."""
    found: dict[str, list[Record]] = {}
    for record in records:
        if record.state is state:
            found.setdefault(record.requirement, []).append(record)
    return found
