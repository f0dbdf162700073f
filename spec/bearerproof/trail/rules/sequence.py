"""Following the sequence numbers of one stream: what is missing, what came twice, where a server began anew."""

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass

from bearerproof.trail.findings import Findings, Loss
from bearerproof.trail.rules import Rule, Want
from bearerproof.trail.shapes import resolution, seconds_of

_OPEN_GAPS = 1000

_EARLY = 32
"""Lines by which a number may stand before the 0 that begins its run."""


@dataclass
class _Gap:
    """Numbers from ``start`` up to before ``stop`` that have not been seen yet."""

    start: int
    stop: int
    line: int
    after: str | None
    before: str | None


class Sequence:
    """Takes the numbers in the order of the lines. A late one fills its gap; 0 begins a new run of the server.

    What is missing is told once it can no longer come: at the next run, at the end, or when too many gaps are open.
    What seems to come twice is told once no new run begins that it belongs to: threads may write 1 before 0.
    """

    def __init__(self, findings: Findings, tolerance: float, *, from_middle: bool) -> None:
        self._findings = findings
        self._tolerance = tolerance
        self._from_middle = from_middle
        self._gaps: list[_Gap] = []
        self._early: deque[tuple[int, str | None, int]] = deque()
        self._floor = 0
        self.began = False
        self.next = 0
        self.last: str | None = None
        self.runs = 0
        self.late = 0

    def take(self, number: int, when: str | None, line: int) -> None:
        """Take the next number."""
        if number == self.next and self.began:
            self.next, self.last = number + 1, when or self.last
        elif not self.began or (number == 0 and not (self._gaps and self._gaps[0].start == 0)):
            self._begin(number, line)
            self._place(number, when, line)
        else:
            self._place(number, when, line)

    def close(self) -> None:
        """Tell what is still missing, and what came twice."""
        self._tell_early(0)
        for gap in self._gaps:
            self._tell(gap)
        self._gaps.clear()

    def _begin(self, number: int, line: int) -> None:
        """Begin a run; what seemed to come twice just before is of this one."""
        early = [taken for taken in self._early if taken[0] > 0 and line - taken[2] <= _EARLY]
        for taken in early:
            self._early.remove(taken)
        self.close()
        first_of_all = not self.began
        self.began, self._floor = True, 0
        self.runs += 1
        self.next = number if first_of_all and self._from_middle else 0
        self._floor = self.next
        for taken in early:
            self._place(*taken)

    def _place(self, number: int, when: str | None, line: int) -> None:
        if number >= self.next:
            if number > self.next:
                self._open(_Gap(self.next, number, line, self.last, when))
            self.next, self.last = number + 1, when or self.last
        elif number < self._floor:
            self._findings.skip(Want.LATE, Rule.EXACTLY_ONCE)
        elif not self._fill(number, when, line):
            self._early.append((number, when, line))
            self._tell_early(_EARLY)

    def _tell_early(self, most: int) -> None:
        while len(self._early) > most:
            number, when, line = self._early.popleft()
            self._findings.report(Rule.EXACTLY_ONCE, line, f"seq {number} stands a second time", when)

    def _open(self, gap: _Gap) -> None:
        self._gaps.append(gap)
        if len(self._gaps) > _OPEN_GAPS:
            oldest = self._gaps.pop(0)
            self._floor = oldest.stop
            self._tell(oldest)

    def _fill(self, number: int, when: str | None, line: int) -> bool:
        """Take a late number out of the gap it belongs to; say whether there was one."""
        place = bisect_right(self._gaps, number, key=lambda gap: gap.start) - 1
        if place < 0 or number >= self._gaps[place].stop:
            return False
        gap = self._gaps[place]
        if when is not None:
            self._judge_time(gap, number, when, line)
        parts = [
            _Gap(gap.start, number, gap.line, gap.after, gap.before),
            _Gap(number + 1, gap.stop, gap.line, gap.after, gap.before),
        ]
        self._gaps[place : place + 1] = [part for part in parts if part.start < part.stop]
        self.late += 1
        return True

    def _judge_time(self, gap: _Gap, number: int, when: str, line: int) -> None:
        """Tell where the time of a late number lies outside its gap: its place in the files does not excuse it."""
        slack = self._tolerance + resolution(when)
        early = 0.0 if gap.after is None else seconds_of(gap.after) - seconds_of(when)
        late = 0.0 if gap.before is None else seconds_of(when) - seconds_of(gap.before)
        if max(early, late) > slack:
            which = "earlier than the number before it" if early > late else "later than the number after it"
            summary = f"seq {number} is dated {max(early, late):,.6f} s {which}"
            self._findings.report(Rule.TIME_MONOTONE, line, summary, when)

    def _tell(self, gap: _Gap) -> None:
        events, last = gap.stop - gap.start, gap.stop - 1
        which = f"seq {gap.start} is" if events == 1 else f"seq {gap.start} to {last}, {events:,} events, are"
        start = "; if it is meant to begin here, say --from-middle" if gap.start == 0 and self.runs == 1 else ""
        self._findings.report(Rule.NOTHING_LOST, gap.line, f"{which} missing before this event{start}", gap.before)
        detail = f"seq {gap.start}" if events == 1 else f"seq {gap.start} to {last}"
        self._findings.add_loss(Loss("gap", events, gap.line, gap.after, gap.before, detail))
