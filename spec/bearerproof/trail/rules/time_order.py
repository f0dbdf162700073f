"""Following the time of one stream of events."""

from bearerproof.trail.findings import Findings
from bearerproof.trail.rules import Rule, Want
from bearerproof.trail.shapes import as_written, resolution, seconds_of


class TimeOrder:
    """Takes the instants in the order of the lines. A step back beyond ``tolerance`` seconds is told once and followed.

    Instants are compared as they are written: of the one form that conforms, the order of texts is that of time.
    """

    def __init__(self, findings: Findings, tolerance: float) -> None:
        self._findings = findings
        self._tolerance = tolerance
        self.file = 0
        self.first: str | None = None
        self.latest = ""

    @property
    def last(self) -> str | None:
        """The latest instant, as far as time ran forwards."""
        return self.latest or None

    def take(self, when: str, line: int, file: int = 0) -> bool:
        """Take the next instant; say whether time ran on from there, be it after a step back.

        Between two files a step back says no more than that they were given in another order.
        """
        if when >= self.latest:
            self.first = self.first or when
            self.latest, self.file = when, file
            return True
        back = seconds_of(self.latest) - seconds_of(when)
        if back <= self._tolerance + resolution(when):
            return False
        if file != self.file:
            self._findings.skip(Want.ORDER, Rule.TIME_MONOTONE)
            self.latest, self.file = when, file
            return True
        earlier = f"{as_written(when)} is {back:,.6f} s earlier than what stands before"
        summary = f"{earlier}; are rotated files given oldest first?"
        self._findings.report(Rule.TIME_MONOTONE, line, summary, when)
        self.latest = when
        return True
