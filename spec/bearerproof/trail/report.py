"""What is told of a trail: the verdict, each rule with its counts, the findings and losses; as text and as JSON."""

import textwrap
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bearerproof import __version__
from bearerproof.trail.findings import Findings, Loss, Timeline, TrailFinding
from bearerproof.trail.picture import instant, strips
from bearerproof.trail.rules import TITLES, Rule
from bearerproof.trail.rules.failures import Failures
from bearerproof.trail.rules.lifecycle import Lifecycle
from bearerproof.trail.shapes import as_written
from bearerproof.visible import visible

WIDTH = 110


class Verdict(StrEnum):
    """What a trail turned out to be."""

    TRUTHFUL = "truthful"
    UNTRUTHFUL = "untruthful"
    NOT_JUDGED = "not judged"


class RuleStatus(StrEnum):
    """How a rule came out: it holds only where it judged something and found nothing against it."""

    HOLDS = "holds"
    VIOLATED = "violated"
    NOT_JUDGED = "not judged"
    NOTHING_TO_JUDGE = "nothing to judge"

    @property
    def mark(self) -> str:
        """The sign that stands for it in a table."""
        return _MARKS[self]


@dataclass(frozen=True)
class FileRead:
    """One file: the lines of the whole trail before it, its own, its octets, and why it could not be read further."""

    name: str
    before: int
    lines: int
    octets: int
    trouble: str | None


@dataclass(frozen=True)
class Lines:
    """What the lines were: events by name, and those that are none."""

    total: int
    events: Mapping[str, int]
    broken: int
    foreign: int
    unrecognised: int
    cut: int
    blank: int
    wrapped: Mapping[str, int]


@dataclass(frozen=True)
class JudgedRule:
    """One rule: events judged, violations among them, and events that it could not judge, by the reason."""

    rule: Rule
    judged: int
    violated: int
    unjudged: Mapping[str, int]

    @property
    def standing(self) -> RuleStatus:
        """How the rule came out."""
        if self.violated:
            return RuleStatus.VIOLATED
        if self.judged:
            return RuleStatus.HOLDS
        return RuleStatus.NOT_JUDGED if self.unjudged else RuleStatus.NOTHING_TO_JUDGE


@dataclass(frozen=True)
class TrailReport:
    """All that is told of a trail."""

    files: tuple[FileRead, ...]
    lines: Lines
    rules: tuple[JudgedRule, ...]
    findings: tuple[TrailFinding, ...]
    losses: tuple[Loss, ...]
    lost: Mapping[str, int]
    losses_left_out: int
    timeline: Timeline | None
    first: str | None
    last: str | None
    runs: int
    late: int
    forgotten: int
    sources: int

    @property
    def violations(self) -> int:
        """All that was found, told or not."""
        return sum(row.violated for row in self.rules)

    @property
    def verdict(self) -> Verdict:
        """Whether the trail is truthful; a file that breaks off, or an event that was not read, leaves that open."""
        if self.violations:
            return Verdict.UNTRUTHFUL
        if not self.lines.events or self.lines.unrecognised or any(file.trouble for file in self.files):
            return Verdict.NOT_JUDGED
        return Verdict.TRUTHFUL

    @property
    def exit_code(self) -> int:
        """0 truthful, 1 findings, 3 nothing of ours was found or a file could not be read."""
        return {Verdict.TRUTHFUL: 0, Verdict.UNTRUTHFUL: 1, Verdict.NOT_JUDGED: 3}[self.verdict]

    def place(self, line: int) -> tuple[str, int]:
        """Return the file and the line in it of a line counted over all files."""
        file = self.files[bisect_right(self.files, line - 1, key=lambda file: file.before) - 1]
        return file.name, line - file.before

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON data: ``trail-report.schema.json``."""
        return {
            "type": "trail-report",
            "format": 1,
            "bearerproof": __version__,
            "verdict": str(self.verdict),
            "files": [_file(file) for file in self.files],
            "lines": {
                "total": self.lines.total,
                "events": dict(self.lines.events),
                "broken": self.lines.broken,
                "foreign": self.lines.foreign,
                "unrecognised": self.lines.unrecognised,
                "cut": self.lines.cut,
                "blank": self.lines.blank,
                "wrapped": dict(self.lines.wrapped),
            },
            "span": {"first": self.first, "last": self.last},
            "runs": self.runs,
            "late": self.late,
            "forgotten": self.forgotten,
            "sources": self.sources,
            "rules": [_rule(row) for row in self.rules],
            "findings": [self._finding(finding) for finding in self.findings],
            "findings_left_out": self.violations - len(self.findings),
            "losses": [self._loss(loss) for loss in self.losses],
            "losses_left_out": self.losses_left_out,
            "lost": {"gap": self.lost.get("gap", 0), "dropped": self.lost.get("dropped", 0)},
            "timeline": None if self.timeline is None else _timeline(self.timeline),
        }

    def as_text(self) -> str:
        """Return the report for a person."""
        parts = [self._head(), self._rules(), self._findings(), self._losses(), self._times(), [self._sentence()]]
        return "\n\n".join("\n".join(map(visible, lines)) for part in parts if (lines := list(part))) + "\n"

    def _finding(self, finding: TrailFinding) -> dict[str, Any]:
        file, line = self.place(finding.line)
        row = {"rule": str(finding.rule), "file": file, "line": line, "summary": finding.summary}
        return {**row, "occurred_at": finding.occurred_at}

    def _loss(self, loss: Loss) -> dict[str, Any]:
        file, line = self.place(loss.line)
        row = {"cause": loss.cause, "events": loss.events, "file": file, "line": line, "detail": loss.detail}
        return {**row, "after": loss.after, "before": loss.before}

    def _head(self) -> Iterator[str]:
        for file in self.files:
            end = "" if file.trouble is None else f", and then: {file.trouble}"
            yield f"{file.name}: {_count(file.lines, 'line')}{end}"
        counts = [f"{name} {number:,}" for name, number in self.lines.events.items()]
        yield from textwrap.wrap("events: " + (", ".join(counts) or "none"), WIDTH, subsequent_indent="        ")
        others = {
            "not ours": self.lines.foreign,
            "broken events": self.lines.broken,
            "that look like events and were not read": self.lines.unrecognised,
            "pieces of lines that a collector cut": self.lines.cut,
            "blank": self.lines.blank,
            **{f"unwrapped from {name}": number for name, number in self.lines.wrapped.items()},
        }
        if any(others.values()):
            yield "lines:  " + ", ".join(f"{name} {number:,}" for name, number in others.items() if number)
        if self.first is not None:
            yield f"time:   {self.first} to {self.last}"
        facts = [
            f"the numbers begin {self.runs:,} times (starts of the server)" if self.runs > 1 else "",
            f"{_count(self.late, 'number')} out of order" if self.late else "",
            f"{_count(self.forgotten, 'token')} forgotten early" if self.forgotten else "",
            f"{_count(self.sources, 'source id')}" if self.sources else "",
        ]
        if any(facts):
            yield "facts:  " + ", ".join(filter(None, facts))

    def _rules(self) -> Iterator[str]:
        if not self.lines.events and not self.violations:
            return
        yield f"{'  rule':<72}{'judged':>13}{'violated':>11}"
        for row in self.rules:
            yield f"{row.standing.mark} {row.rule:<10}{TITLES[row.rule]:<60}{row.judged:>13,}{row.violated:>11,}"
            for want, number in row.unjudged.items():
                yield f"            not judged {_times(number)}: {want}"

    def _findings(self) -> Iterator[str]:
        for finding in self.findings:
            file, line = self.place(finding.line)
            yield f"{file}:{line}: {finding.rule} {TITLES[finding.rule]}"
            yield from textwrap.wrap(finding.summary, WIDTH, initial_indent="    ", subsequent_indent="    ")
        left_out = self.violations - len(self.findings)
        if left_out:
            yield f"… and {_count(left_out, 'finding')} more (--findings N tells more of each rule)"

    def _losses(self) -> Iterator[str]:
        if not self.losses:
            return
        gaps, dropped = self.lost.get("gap", 0), self.lost.get("dropped", 0)
        yield f"events that are not in the trail: {gaps:,} missing, {dropped:,} dropped by the limiter and told so"
        for loss in self.losses:
            file, line = self.place(loss.line)
            between = f"between {loss.after or 'an unknown time'} and {loss.before or 'an unknown time'}"
            yield f"  {loss.events:>9,} {between} ({file}:{line}: {loss.detail})"
        if self.losses_left_out:
            yield f"  … and {_count(self.losses_left_out, 'window')} more"

    def _times(self) -> Iterator[str]:
        if self.timeline is not None:
            yield f"findings over {'time' if self.timeline.unit == 'seconds' else 'the lines of the trail'}:"
            yield from strips(self.timeline)

    def _sentence(self) -> str:
        if self.verdict is Verdict.UNTRUTHFUL:
            broken = [str(row.rule) for row in self.rules if row.violated]
            return f"The trail is NOT truthful: {_count(self.violations, 'finding')} against {', '.join(broken)}."
        if not self.lines.events:
            hint = " Some are, in a wrapping that is not known (--preset)." if self.lines.unrecognised else ""
            return f"NOT judged: no line is an event of a key server or a verifier.{hint}"
        if self.lines.unrecognised:
            unread = _count(self.lines.unrecognised, "line")
            return f"NOT judged whole: {unread} that look like events were not read. What was read breaks no rule."
        if self.verdict is Verdict.NOT_JUDGED:
            return "NOT judged whole: a file could not be read to its end. What was read breaks no rule."
        held = sum(row.standing is RuleStatus.HOLDS for row in self.rules)
        partly = [str(row.rule) for row in self.rules if row.unjudged]
        open_ = f"; {', '.join(partly)} could not tell everything" if partly else ""
        return f"The trail is truthful by {_count(held, 'rule')}{open_}."


_MARKS = {
    RuleStatus.HOLDS: "✓",
    RuleStatus.VIOLATED: "✗",
    RuleStatus.NOT_JUDGED: "?",
    RuleStatus.NOTHING_TO_JUDGE: "·",
}


def conclude(
    files: Sequence[FileRead],
    lines: Lines,
    applied: Mapping[Rule, int],
    findings: Findings,
    lifecycle: Lifecycle,
    failures: Failures,
) -> TrailReport:
    """Put together what is told at the end of a trail."""
    first, last = lifecycle.span
    firsts = [when for when in (first, failures.course.first) if when is not None]
    lasts = [when for when in (last, failures.course.last) if when is not None]
    return TrailReport(
        files=tuple(files),
        lines=lines,
        rules=tuple(_judged(rule, applied.get(rule, 0), findings) for rule in Rule),
        findings=tuple(findings.findings),
        losses=tuple(sorted(findings.losses, key=lambda loss: loss.line)),
        lost=dict(findings.lost),
        losses_left_out=findings.losses_left_out,
        timeline=findings.timeline(),
        first=as_written(min(firsts)) if firsts else None,
        last=as_written(max(lasts)) if lasts else None,
        runs=lifecycle.runs,
        late=lifecycle.late,
        forgotten=lifecycle.forgotten,
        sources=failures.sources,
    )


def _judged(rule: Rule, applied: int, findings: Findings) -> JudgedRule:
    unjudged = {str(want): number for want, number in findings.unjudged(rule).items()}
    return JudgedRule(rule, max(0, applied - sum(unjudged.values())), findings.violated[rule], unjudged)


def _file(file: FileRead) -> dict[str, Any]:
    return {"name": file.name, "lines": file.lines, "octets": file.octets, "trouble": file.trouble}


def _rule(row: JudgedRule) -> dict[str, Any]:
    return {
        "id": str(row.rule),
        "title": TITLES[row.rule],
        "standing": str(row.standing),
        "judged": row.judged,
        "violated": row.violated,
        "unjudged": dict(row.unjudged),
    }


def _timeline(timeline: Timeline) -> dict[str, Any]:
    start = instant(timeline.start) if timeline.unit == "seconds" else int(timeline.start)
    counts = {str(rule): list(numbers) for rule, numbers in timeline.counts.items()}
    return {"unit": timeline.unit, "start": start, "span": timeline.span, "counts": counts}


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
