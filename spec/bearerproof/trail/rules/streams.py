"""The streams that make up a trail: of each writer numbers and time, and of writers without a name what is sure.

A writer that names itself (``origin``) is followed exactly. Where nothing says who wrote a line, there may be one
writer or many, and what looks like a repetition, a gap or a step back is one only if no number of writers explains it.
"""

from dataclasses import dataclass

from bearerproof.trail.findings import Findings, Loss
from bearerproof.trail.options import Options
from bearerproof.trail.rules import Rule, Want
from bearerproof.trail.rules.sequence import Sequence
from bearerproof.trail.rules.time_order import TimeOrder

_MOST = 10_000
"""Writers that are followed at once; beyond that those that came first are closed."""


_ALIKE = 4
"""How many times more faults one writer's lines may show than several writers', and still be told as his."""


class Stream:
    """What one writer left: its numbers, of which what is found is told to ``absences``, and its time."""

    def __init__(self, findings: Findings, absences: Findings, options: Options, *, from_middle: bool) -> None:
        self.sequence = Sequence(absences, options.tolerance, from_middle=from_middle)
        self.course = TimeOrder(findings, options.tolerance)


class Streams:
    """The streams of one trail, by origin. What follows from numbers that are not there is told to ``absences``."""

    def __init__(self, options: Options, findings: Findings, absences: Findings) -> None:
        self._options = options
        self._findings = findings
        self._absences = absences
        self.named: dict[str, Stream] = {}
        self._closed: list[Stream] = []
        self._are_known = options.single_writer
        self._suspicions = Findings(findings.most)
        told = (findings, absences) if self._are_known else (self._suspicions, self._suspicions)
        self.unnamed = Stream(*told, options, from_middle=options.from_middle)
        self.numbers = NumberCounts()
        self.are_counted = not self._are_known
        self.count = _counts_none if self._are_known else self.numbers.add

    def of(self, origin: str) -> Stream:
        """Return the stream of a writer that names itself."""
        stream = self.named.get(origin)
        if stream is None:
            if len(self.named) >= _MOST:
                oldest = self.named.pop(next(iter(self.named)))
                oldest.sequence.close()
                self._closed = [_sum_of([*self._closed, oldest])]
            begins = not self._closed and not self._options.from_middle
            stream = self.named[origin] = Stream(self._findings, self._absences, self._options, from_middle=not begins)
        return stream

    def all(self) -> list[Stream]:
        """Return every stream."""
        return [self.unnamed, *self._closed, *self.named.values()]

    def close(self) -> None:
        """End the trail: tell what is missing, and of writers without a name what is sure."""
        for stream in self.named.values():
            stream.sequence.close()
        self.unnamed.sequence.close()
        if not self._are_known:
            self._decide(self._suspicions)

    def _decide(self, suspicions: Findings) -> None:
        numbers = self.numbers.close()
        sure = not self._options.from_middle and not numbers.is_too_much
        one_writer = sure and numbers.writers == 1
        missing, repeated = numbers.faults() if sure else ([], [])
        by_lines = suspicions.lost["gap"] + suspicions.violated[Rule.EXACTLY_ONCE]
        told_by_lines = by_lines <= _ALIKE * sum(fault.events for fault in (*missing, *repeated))
        accepted = set[Rule]()
        if (missing or repeated) and told_by_lines:
            accepted |= {Rule.EXACTLY_ONCE, Rule.NOTHING_LOST}
        elif missing or repeated:
            self._tell(missing, repeated, numbers)
        if one_writer:
            accepted.add(Rule.TIME_MONOTONE)
        self._absences.absorb(suspicions, accepted, Want.WRITERS)

    def _tell(self, missing: "list[NumberFault]", repeated: "list[NumberFault]", numbers: "NumberCounts") -> None:
        for fault in missing:
            line, which = numbers.line_near(fault.span.start), _which(fault.span)
            self._absences.report(Rule.NOTHING_LOST, line, f"seq {which} is missing, however many writers there are")
            self._absences.add_loss(Loss("gap", fault.events, line, None, None, f"seq {which}"))
        for fault in repeated:
            line, which = numbers.line_near(fault.span.start), _which(fault.span)
            self._absences.report(Rule.EXACTLY_ONCE, line, f"seq {which} came more often than any writers explain it")


@dataclass(frozen=True)
class NumberFault:
    """Numbers that each came so many times too seldom, or too often."""

    span: range
    times: int

    @property
    def events(self) -> int:
        """How many events are missing, or too many."""
        return len(self.span) * self.times


class NumberCounts:
    """How often each number came, kept as the places where that changes: few, since most writers count without gaps.

    Each run of a writer counts from 0, so of honest writers, however many and in whatever order their lines stand, a
    number never comes more often than the one below it.
    """

    def __init__(self) -> None:
        self._start = self.stop = 0
        self._line = 0
        self._changes: dict[int, int] = {}
        self._lines: dict[int, int] = {}
        self.writers = 0
        self.is_too_much = False

    def add(self, number: int, line: int) -> None:
        """Count one number, which stands in this line."""
        if number != self.stop:
            self._take(line)
            self._start = number
        self.stop = number + 1

    def close(self) -> "NumberCounts":
        """End the counting."""
        self._take(self._line)
        self._start = self.stop = 0
        self.writers = max((count for _, count in self._spans()), default=0)
        return self

    def faults(self) -> tuple[list[NumberFault], list[NumberFault]]:
        """Return which numbers are missing and which came too often: of the two what takes fewer events."""
        missing: list[NumberFault] = []
        repeated: list[NumberFault] = []
        lower: list[tuple[range, int]] = []
        for span, counted in self._spans():
            count = counted
            if lower and count > (before := lower[-1][1]):
                lacking = [NumberFault(had, count - times) for had, times in lower if times < count]
                beyond = NumberFault(span, count - before)
                first_is_there = lower[0][1] > 0 and lacking[0].span.start == 0
                if sum(fault.events for fault in lacking) + first_is_there > beyond.events:
                    repeated.append(beyond)
                    count = before
                else:
                    missing += lacking
                    lower = [(had, max(times, count)) for had, times in lower]
            lower.append((span, count))
        return missing, repeated

    def line_near(self, number: int) -> int:
        """Return a line near which a number stands, or should."""
        return self._lines.get(number, self._line) or 1

    def _take(self, line: int) -> None:
        if self._start < self.stop:
            for place, change in ((self._start, 1), (self.stop, -1)):
                self._change(place, change, line)
        self._line = line

    def _change(self, place: int, by: int, line: int) -> None:
        after = self._changes.get(place, 0) + by
        if after:
            self._changes[place], self._lines[place] = after, line
        else:
            self._changes.pop(place, None)
            self._lines.pop(place, None)
        if len(self._changes) > _MOST_CHANGES:
            self._changes.clear()
            self.is_too_much = True

    def _spans(self) -> list[tuple[range, int]]:
        """Return how often numbers came, from 0 on; where that does not change, together."""
        places, count = sorted({0, *self._changes}), 0
        spans: list[tuple[range, int]] = []
        for place, following in zip(places, [*places[1:], None], strict=True):
            count += self._changes.get(place, 0)
            if following is not None:
                spans.append((range(place, following), count))
        return spans


_MOST_CHANGES = 2_000


def _counts_none(number: int, line: int) -> None:
    """Count nothing: of one writer the lines say it all."""


def _which(span: range) -> str:
    return str(span.start) if len(span) == 1 else f"{span.start} to {span.stop - 1}"


def _sum_of(streams: list[Stream]) -> Stream:
    """Return a stream that stands for those that were closed: how often they began, what was late, and their time."""
    total = streams[0]
    for stream in streams[1:]:
        total.sequence.runs += stream.sequence.runs
        total.sequence.late += stream.sequence.late
        total.course.first = min(filter(None, (total.course.first, stream.course.first)), default=None)
        total.course.latest = max(total.course.latest, stream.course.latest)
    return total
