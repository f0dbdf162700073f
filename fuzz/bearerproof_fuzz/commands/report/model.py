"""What a report says, as data: requirements against implementations, findings, threats, evidence. Nothing here renders.

``model`` is a pure function of the streams. It trusts no footer: a verdict follows from the checks, and where the
exit code of a stream does not go with them, that is said.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bearerproof.specification import catalogue
from bearerproof.specification.errata import Erratum
from bearerproof.specification.threats import Threat
from bearerproof_fuzz.commands.report.apart import clipped
from bearerproof_fuzz.commands.report.evidence import Evidence
from bearerproof_fuzz.commands.report.findings import Issue, issues
from bearerproof_fuzz.commands.report.standing import (
    UNJUDGED,
    Standing,
    Threatened,
    ThreatState,
    Verdict,
    shows_a_way,
    standing,
    threatened,
    verdict,
)
from bearerproof_fuzz.commands.report.streams import Check, Stream


@dataclass(frozen=True)
class Cell:
    """One requirement of one implementation: how it stands, of how many checks, what was found, what was not judged."""

    standing: Standing
    outcomes: Mapping[str, int] = field(default_factory=dict)
    issues: tuple[Issue, ...] = ()
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def failing(self) -> int:
        """How many checks deviate, foreseen or not."""
        return sum(self.outcomes.get(name, 0) for name in ("failed", "crashed", "hung", "untestable", "expected"))

    @property
    def applicable(self) -> int:
        """How many checks apply."""
        return sum(number for name, number in self.outcomes.items() if name != "not-applicable")


NOT_ASKED = Cell(Standing.NOT_ASKED)


@dataclass(frozen=True)
class Column:
    """One run of one implementation; ``key`` names it in links."""

    key: str
    stream: Stream
    cells: Mapping[str, Cell]
    verdict: Verdict
    threats: Mapping[str, Threatened]
    rescored: tuple[tuple[str, Erratum], ...] = ()

    @property
    def name(self) -> str:
        """Name and version, as the implementation declares them."""
        who = self.stream.header.implementation
        return f"{who.name} {who.version}".strip()

    @property
    def revision(self) -> str:
        """The revision of the suite, or the release where an older stream says no more."""
        return self.stream.header.revision or self.stream.header.bearerproof

    @property
    def unjudged(self) -> list[str]:
        """The requirements that were asked for and came to no verdict."""
        return [name for name, cell in self.cells.items() if cell.standing in UNJUDGED]

    @property
    def unjudged_by_reason(self) -> dict[str, list[str]]:
        """The same by the reason that most of their checks give."""
        reasons: dict[str, list[str]] = {}
        for name in self.unjudged:
            held = self.cells[name].reasons
            reason = max(held, key=lambda each: held[each], default="only errors came in place of verdicts")
            reasons.setdefault(clipped(reason), []).append(name)
        return reasons

    def threats_in(self, state: ThreatState) -> list[str]:
        """Return the titles of the threats that are in this state for it."""
        return [threatened.title for threatened in self.threats.values() if threatened.state is state]

    def count(self, wanted: Standing) -> int:
        """Count its requirements that stand so."""
        return sum(cell.standing is wanted for cell in self.cells.values())


@dataclass(frozen=True)
class Line:
    """One requirement: its row, or None where this release does not know it, and a cell for each column."""

    id: str
    row: catalogue.Requirement | None
    cells: tuple[Cell, ...]

    @property
    def family(self) -> str:
        """The letters before the number."""
        return self.id.partition("-")[0]

    @property
    def asked(self) -> bool:
        """Whether any run looked at it."""
        return any(cell.standing is not Standing.NOT_ASKED for cell in self.cells)


@dataclass(frozen=True)
class ThreatLine:
    """A threat and its state for each column."""

    threat: Threat
    states: tuple[Threatened, ...]


@dataclass(frozen=True)
class Exercise:
    """What shows that a check can tell: in how many of the runs that judged it a token was accepted, and one refused.

    ``untold`` are those whose stream does not say; ``dies`` names faults and victims that died by it.
    """

    requirement: str
    check: str
    judged: int
    accepted: int
    refused: int
    untold: int
    dies: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """Everything that a report says."""

    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    threats: tuple[ThreatLine, ...]
    exercises: tuple[Exercise, ...]
    evidence: Evidence | None
    missing: tuple[str, ...] = ()

    @property
    def found(self) -> list[tuple[Line, Column, Cell]]:
        """Every cell in which something was found, the worst first."""
        cells = [
            (line, column, cell)
            for line in self.lines
            for column, cell in zip(self.columns, line.cells, strict=True)
            if cell.issues
        ]
        return sorted(cells, key=lambda found: (list(Standing).index(found[2].standing), found[2].issues[0].severity))

    @property
    def families(self) -> list[str]:
        """The families of the requirements that were asked for, in order."""
        return list(dict.fromkeys(line.family for line in self.lines if line.asked))


def model(
    streams: Sequence[Stream],
    *,
    threats: Sequence[Threat],
    errata: Sequence[Erratum] = (),
    evidence: Evidence | None = None,
    missing: Sequence[str] = (),
) -> Report:
    """Make a report of one or more streams; ``missing`` says which could not be had, and why."""
    keys = _keys(streams)
    columns = tuple(_column(stream, key, threats, errata) for stream, key in zip(streams, keys, strict=True))
    named = dict.fromkeys([*catalogue.requirements(), *(name for column in columns for name in column.cells)])
    lines = tuple(
        Line(name, catalogue.requirements().get(name), tuple(column.cells.get(name, NOT_ASKED) for column in columns))
        for name in named
    )
    states = tuple(ThreatLine(threat, tuple(column.threats[threat.id] for column in columns)) for threat in threats)
    return Report(columns, lines, states, tuple(_exercises(streams, evidence)), evidence, tuple(missing))


def _column(stream: Stream, key: str, threats: Sequence[Threat], errata: Sequence[Erratum]) -> Column:
    checks, rescored = _rescored(stream, errata)
    by_requirement: dict[str, list[Check]] = {}
    for check in checks:
        by_requirement.setdefault(check.requirement, []).append(check)
    cells = {name: _cell(held) for name, held in by_requirement.items()}
    standings = {name: cell.standing for name, cell in cells.items()}
    ways = {name for name, held in by_requirement.items() if any(map(shows_a_way, held))}
    states = {threat.id: threatened(threat, standings, ways, stream.header.profiles) for threat in threats}
    return Column(key, stream, cells, verdict(stream, checks, standings), states, tuple(rescored))


def _rescored(stream: Stream, errata: Sequence[Erratum]) -> tuple[list[Check], list[tuple[str, Erratum]]]:
    """Score the checks that are known to be wrong in this revision as their errata say."""
    revision = stream.header.revision or stream.header.bearerproof
    checks, rescored = [], []
    for check in stream.checks:
        found = next((each for each in errata if each.covers(revision, check.id, check.outcome)), None)
        if found is not None and check.outcome not in ("not-applicable", str(found.score_as)):
            rescored.append((check.id, found))
            reason = f"this check is known to be wrong: {found.wrong} ({found.source}); it was {check.outcome}"
            check = replace(check, outcome=str(found.score_as), reason=reason)  # noqa: PLW2901 - the same check, rescored
        checks.append(check)
    return checks, rescored


def _cell(checks: Sequence[Check]) -> Cell:
    outcomes = Counter(check.outcome for check in checks)
    told = ("not-applicable", "errored", "expected", "not-run", "warned")
    reasons = Counter(check.reason for check in checks if check.reason and check.outcome in told)
    return Cell(
        standing(checks), dict(outcomes), issues(checks), {str(reason): number for reason, number in reasons.items()}
    )


def _keys(streams: Sequence[Stream]) -> list[str]:
    """Return a short name for each stream that a link can hold, the same in every report of the same streams."""
    keys: list[str] = []
    for stream in streams:
        who = stream.header.implementation
        word = "".join(char if char.isascii() and char.isalnum() else "-" for char in who.name.lower()).strip("-")
        word = word[:40] or "unnamed"
        keys.append(next(each for each in (word, *(f"{word}-{n}" for n in range(2, 10_000))) if each not in keys))
    return keys


def _exercises(streams: Sequence[Stream], evidence: Evidence | None) -> Iterable[Exercise]:
    """Sum up by check what came in it; one that was made in several profiles of a run counts once for that run."""
    held: dict[tuple[str, str], list[set[str] | None]] = {}
    for stream in streams:
        merged: dict[tuple[str, str], set[str] | None] = {}
        for check in stream.checks:
            if check.outcome in _EXERCISED:
                place = (check.requirement, check.name)
                earlier = merged.get(place)
                told = earlier is not None or check.seen is not None
                merged[place] = {*(earlier or ()), *(check.seen or ())} if told else None
        for place, seen in merged.items():
            held.setdefault(place, []).append(seen)
    for (requirement, name), runs in held.items():
        told_runs = [seen for seen in runs if seen is not None]
        accepted, refused = (sum(word in seen for seen in told_runs) for word in ("accepted", "rejected"))
        dies = () if evidence is None else evidence.killed_by(requirement, name)
        yield Exercise(requirement, name, len(runs), accepted, refused, len(runs) - len(told_runs), dies)


_EXERCISED = frozenset({"passed", "failed", "warned", "expected", "crashed", "hung"})
"""Outcomes of a check that came to a verdict."""
