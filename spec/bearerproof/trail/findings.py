"""What a judgement found: counts without end, of findings the first few of each rule, and when they happened."""

from bisect import insort
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import NamedTuple

from bearerproof.trail.rules import Rule, Want
from bearerproof.trail.shapes import as_written, seconds_of

BINS = 60
"""Spans of time or lines into which a timeline is divided, at most."""

_LOSSES = 20
"""How many losses of each cause are told; all are counted."""


@dataclass(frozen=True)
class TrailFinding:
    """One violation: its rule, the line counted over all files, what is wrong, and when by the event's own account."""

    rule: Rule
    line: int
    summary: str
    occurred_at: str | None


@dataclass(frozen=True)
class Loss:
    """Events that are not in the trail: found by a gap in ``seq``, or announced by a limiter's drop summary.

    They happened between the instants ``after`` and ``before``, as far as events around them bear a time.
    """

    cause: str
    events: int
    line: int
    after: str | None
    before: str | None
    detail: str


@dataclass(frozen=True)
class Timeline:
    """Findings over ``unit`` (seconds since 1970, or lines): for each rule so many in each span from ``start`` on."""

    unit: str
    start: float
    span: float
    counts: Mapping[Rule, tuple[int, ...]]

    @property
    def end(self) -> float:
        """Where the last span ends."""
        return self.start + self.span * max(map(len, self.counts.values()), default=0)


class Report(NamedTuple):
    """What ``Findings.report`` was told of a line."""

    rule: Rule
    line: int
    summary: str
    occurred_at: str | None


class Findings:
    """Takes the findings down as they come, and ``tell``s each; of each rule the first ``most`` are kept whole."""

    def __init__(self, most: int, tell: Callable[[TrailFinding], None] | None = None) -> None:
        self.most = most
        self._tell = tell
        self.by_time = _Histogram(1.0)
        self.by_line = _Histogram(1.0)
        self.losses_by_cause: Counter[str] = Counter()
        self.undated = 0
        self.violated: Counter[Rule] = Counter()
        self.open: Counter[tuple[Rule, Want]] = Counter()
        self.kept: dict[Rule, list[TrailFinding]] = {rule: [] for rule in Rule}
        self.losses: list[Loss] = []
        self.lost: Counter[str] = Counter()

    @property
    def findings(self) -> list[TrailFinding]:
        """The first few of each rule, in the order of their lines."""
        return sorted((kept for of_rule in self.kept.values() for kept in of_rule), key=_line_of)

    def keeps(self, rule: Rule, line: int) -> bool:
        """Whether a finding on a line is among the first of its rule: only then is it worth its words."""
        kept = self.kept[rule]
        return len(kept) < self.most or bool(kept and line < kept[-1].line) or self._tell is not None

    def report(self, rule: Rule, line: int, summary: str, occurred_at: str | None = None) -> None:
        """Take down one violation."""
        if self.keeps(rule, line):
            self._keep(TrailFinding(rule, line, summary, occurred_at and as_written(occurred_at)))
        self.violated[rule] += 1
        self.by_line.add(rule, line)
        if occurred_at is None:
            self.undated += 1
        else:
            self.by_time.add(rule, seconds_of(occurred_at))

    def skip(self, want: Want, *rules: Rule, times: int = 1) -> None:
        """Take down that rules could not judge an event, or so many, and why."""
        for rule in rules:
            self.open[rule, want] += times

    def unjudged(self, rule: Rule) -> dict[Want, int]:
        """Return how many events a rule could not judge, by the reason."""
        return {want: number for want in Want if (number := self.open[rule, want])}

    def absorb(self, suspicions: "Findings", accepted: Collection[Rule], want: Want) -> None:
        """Take over what was suspected against the rules that are accepted; of the others say that nobody can tell."""
        for rule, number in suspicions.violated.items():
            if rule not in accepted:
                self.skip(want, rule, times=number)
                continue
            for finding in suspicions.kept[rule]:
                self._keep(finding)
            self.violated[rule] += number
        self.by_time.add_all(suspicions.by_time, accepted)
        self.by_line.add_all(suspicions.by_line, accepted)
        self.undated += suspicions.undated if accepted else 0
        for rule, reason in suspicions.open:
            self.skip(reason, rule, times=suspicions.open[rule, reason])
        if Rule.NOTHING_LOST in accepted:
            self.lost.update(suspicions.lost)
            self.losses_by_cause.update(suspicions.losses_by_cause)
            self.losses += suspicions.losses

    def add_loss(self, loss: Loss) -> None:
        """Take down that events are missing."""
        self.lost[loss.cause] += loss.events
        self.losses_by_cause[loss.cause] += 1
        if self.losses_by_cause[loss.cause] <= _LOSSES:
            after, before = (when and as_written(when) for when in (loss.after, loss.before))
            self.losses.append(replace(loss, after=after, before=before))

    def _keep(self, finding: TrailFinding) -> None:
        if self._tell is not None:
            self._tell(finding)
        kept = self.kept[finding.rule]
        insort(kept, finding, key=_line_of)
        del kept[self.most :]

    @property
    def losses_left_out(self) -> int:
        """How many losses were counted but are not told."""
        return self.losses_by_cause.total() - len(self.losses)

    def timeline(self) -> Timeline | None:
        """Return the findings over time; over lines where some bear no time; None without findings."""
        if not self.violated:
            return None
        return self.by_line.timeline("lines") if self.undated else self.by_time.timeline("seconds")


_line_of = attrgetter("line")


class Recorder(Findings):
    """Keeps all that it is told of lines, so that it can be told to others."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self._reports: list[Report] = []

    def report(self, rule: Rule, line: int, summary: str, occurred_at: str | None = None) -> None:
        """Take down one violation."""
        self._reports.append(Report(rule, line, summary, occurred_at))
        self.violated[rule] += 1

    def drain(self) -> list[Report]:
        """Return what was told since the last time; of each rule the first few with their words."""
        reports, self._reports = self._reports, []
        told, before = [], Counter[Rule]()
        for report in reports:
            told.append(report if before[report.rule] < self.most else report._replace(summary=""))
            before[report.rule] += 1
        return told


class _Histogram:
    """Counts in at most ``BINS`` equal spans that cover whatever comes: they double when it does not fit."""

    def __init__(self, span: float) -> None:
        self.span = span
        self._low = self._high = 0
        self.counts: Counter[tuple[Rule, int]] = Counter()

    def add(self, rule: Rule, place: float, times: int = 1) -> None:
        at = int(place // self.span)
        if not self.counts:
            self._low = self._high = at
        while max(self._high, at) - min(self._low, at) >= BINS:
            self._double()
            at = int(place // self.span)
        self._low, self._high = min(self._low, at), max(self._high, at)
        self.counts[rule, at] += times

    def add_all(self, other: "_Histogram", rules: Collection[Rule]) -> None:
        """Count what another counted of some rules."""
        for (rule, at), number in other.counts.items():
            if rule in rules:
                self.add(rule, at * other.span, number)

    def _double(self) -> None:
        self.span *= 2
        self._low, self._high = self._low // 2, self._high // 2
        merged: Counter[tuple[Rule, int]] = Counter()
        for (rule, at), number in self.counts.items():
            merged[rule, at // 2] += number
        self.counts = merged

    def timeline(self, unit: str) -> Timeline:
        rules = sorted({rule for rule, _ in self.counts}, key=list(Rule).index)
        places = range(self._low, self._high + 1)
        counts = {rule: tuple(self.counts[rule, at] for at in places) for rule in rules}
        return Timeline(unit, self._low * self.span, self.span, counts)
