"""The rules over verify-failure events and over the drop summaries of their limiter."""

from collections.abc import Mapping
from dataclasses import dataclass

from bearerproof.trail.events import Failure
from bearerproof.trail.findings import Findings, Loss
from bearerproof.trail.options import Options
from bearerproof.trail.rules import Rule, Want
from bearerproof.trail.rules.time_order import TimeOrder
from bearerproof.trail.sources import source_ids
from bearerproof.trail.texts import SecretScanner, shown


@dataclass(frozen=True)
class Summary:
    """What a limiter dropped, in all, by kind and by source."""

    tier: str
    dropped: int
    kinds: Mapping[str, int]
    sources: Mapping[str, int]


class Failures:
    """Judges the verify-failure events of one trail, in the order of its lines."""

    def __init__(self, options: Options, findings: Findings, scanner: SecretScanner) -> None:
        self._most_sources = options.max_sources
        self._findings = findings
        self._scanner = scanner
        self._sources: set[int] = set()
        self._suspicions = findings if options.single_writer else Findings(options.findings)
        self.course = TimeOrder(self._suspicions, options.tolerance)
        self._summed_up: dict[str, str] = {}
        self.events = 0
        self.summaries = 0

    @property
    def sources(self) -> int:
        """How many source ids were seen, as far as they are counted."""
        return len(self._sources)

    def has_counted(self, source: str) -> bool:
        """Whether a source id is among those that were counted."""
        return hash(source) in self._sources

    def judge(self, event: Failure, line: int) -> None:
        """Judge one event."""
        self.events += 1
        source, hints = event.source_id, event.hints
        if source is None:
            self._findings.skip(Want.UNREADABLE, Rule.SOURCES_BOUNDED)
        elif hash(source) not in self._sources:
            self._count_source(source, event, line)
        if source is None or hints is None:
            self._findings.skip(Want.UNREADABLE, Rule.SOURCE_OF_HINTS)
        elif source not in (expected := source_ids(*hints)):
            message = f"source_id is {self._shown(source)}, its hints compose {self._shown(min(expected))}"
            self._findings.report(Rule.SOURCE_OF_HINTS, line, message, event.occurred_at)
        if event.occurred_at is None:
            self._findings.skip(Want.UNREADABLE, Rule.TIME_MONOTONE)
        else:
            self.course.take(event.occurred_at, line)

    def judge_summary(self, summary: Summary | None, line: int) -> None:
        """Judge a drop summary, and take down what was dropped and when; None is one that cannot be read."""
        self.summaries += 1
        if summary is None:
            self._findings.skip(Want.UNREADABLE, Rule.SUMMARY_ADDS_UP)
            return
        when, tier, dropped = self.course.last, summary.tier, summary.dropped
        by_kind, by_source = sum(summary.kinds.values()), sum(summary.sources.values())
        if dropped != by_kind or by_source > dropped:
            message = f"drop summary: {dropped:,} dropped, {by_kind:,} by kind, {by_source:,} by source"
            self._findings.report(Rule.SUMMARY_ADDS_UP, line, message, when)
        first = list(summary.kinds.items())[:8]
        message = ", ".join(f"{self._shown(kind)[1:-1]} {number:,}" for kind, number in first)
        self._findings.add_loss(Loss("dropped", dropped, line, self._summed_up.get(tier), when, f"{tier}: {message}"))
        if when is not None:
            self._summed_up[tier] = when

    def close(self) -> None:
        """End the trail: verifiers have no names, so that where time steps back there may be several."""
        if self._suspicions is not self._findings:
            self._findings.absorb(self._suspicions, (), Want.WRITERS)

    def applied(self) -> dict[Rule, int]:
        """Return how many records each rule had before it, whether it could judge them or not."""
        return {
            Rule.TIME_MONOTONE: self.events,
            Rule.SOURCES_BOUNDED: self.events,
            Rule.SOURCE_OF_HINTS: self.events,
            Rule.SUMMARY_ADDS_UP: self.summaries,
        }

    def _count_source(self, source: str, event: Failure, line: int) -> None:
        if len(self._sources) < self._most_sources:
            self._sources.add(hash(source))
            return
        most = f"the {self._most_sources:,} that --max-sources allows"
        message = f"source id {self._shown(source)} is beyond {most}"
        self._findings.report(Rule.SOURCES_BOUNDED, line, message, event.occurred_at)

    def _shown(self, text: str) -> str:
        return shown(text, self._scanner)
