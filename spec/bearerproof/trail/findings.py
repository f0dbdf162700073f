"""What a judgement found: counts without end, of findings the first few of each rule, and when they happened."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

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


class Findings:
    """Takes the findings down as they come; of each rule the first ``most`` are kept whole."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._by_time = _Histogram(1.0)
        self._by_line = _Histogram(1.0)
        self._losses_of: Counter[str] = Counter()
        self.undated = 0
        self.violated: Counter[Rule] = Counter()
        self._unjudged: Counter[tuple[Rule, Want]] = Counter()
        self.findings: list[TrailFinding] = []
        self.losses: list[Loss] = []
        self.lost: Counter[str] = Counter()

    def keeps(self, rule: Rule) -> bool:
        """Whether the next finding of a rule is still kept: only then is it worth its words."""
        return self.violated[rule] < self._most

    def report(self, rule: Rule, line: int, summary: str, occurred_at: str | None = None) -> None:
        """Take down one violation."""
        if self.keeps(rule):
            self.findings.append(TrailFinding(rule, line, summary, occurred_at and as_written(occurred_at)))
        self.violated[rule] += 1
        self._by_line.add(rule, line)
        if occurred_at is None:
            self.undated += 1
        else:
            self._by_time.add(rule, seconds_of(occurred_at))

    def skip(self, want: Want, *rules: Rule, times: int = 1) -> None:
        """Take down that rules could not judge an event, or so many, and why."""
        for rule in rules:
            self._unjudged[rule, want] += times

    def unjudged(self, rule: Rule) -> dict[Want, int]:
        """Return how many events a rule could not judge, by the reason."""
        return {want: number for want in Want if (number := self._unjudged[rule, want])}

    def add_loss(self, loss: Loss) -> None:
        """Take down that events are missing."""
        self.lost[loss.cause] += loss.events
        self._losses_of[loss.cause] += 1
        if self._losses_of[loss.cause] <= _LOSSES:
            self.losses.append(loss)

    @property
    def losses_left_out(self) -> int:
        """How many losses were counted but are not told."""
        return self._losses_of.total() - len(self.losses)

    def timeline(self) -> Timeline | None:
        """Return the findings over time; over lines where some bear no time; None without findings."""
        if not self.violated:
            return None
        return self._by_line.timeline("lines") if self.undated else self._by_time.timeline("seconds")


class _Histogram:
    """Counts in at most ``BINS`` equal spans that cover whatever comes: they double when it does not fit."""

    def __init__(self, span: float) -> None:
        self._span = span
        self._low = self._high = 0
        self._counts: Counter[tuple[Rule, int]] = Counter()

    def add(self, rule: Rule, place: float) -> None:
        at = int(place // self._span)
        if not self._counts:
            self._low = self._high = at
        while max(self._high, at) - min(self._low, at) >= BINS:
            self._double()
            at = int(place // self._span)
        self._low, self._high = min(self._low, at), max(self._high, at)
        self._counts[rule, at] += 1

    def _double(self) -> None:
        self._span *= 2
        self._low, self._high = self._low // 2, self._high // 2
        merged: Counter[tuple[Rule, int]] = Counter()
        for (rule, at), number in self._counts.items():
            merged[rule, at // 2] += number
        self._counts = merged

    def timeline(self, unit: str) -> Timeline:
        rules = sorted({rule for rule, _ in self._counts}, key=list(Rule).index)
        places = range(self._low, self._high + 1)
        counts = {rule: tuple(self._counts[rule, at] for at in places) for rule in rules}
        return Timeline(unit, self._low * self._span, self._span, counts)
