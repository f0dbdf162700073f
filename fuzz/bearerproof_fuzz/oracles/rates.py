"""What a rate in requests a minute admits, as bounds: every sound limiter keeps them, whatever it is made of.

A bucket, a cell rate, a sliding log: they differ in between, and agree on the most that a span may hold and on what
is owed to somebody who asked little. All is counted in whole thousandths of a second, so nothing here is rounded.
"""

from collections.abc import Sequence
from dataclasses import dataclass

UNITS = 1000
"""Parts of a second."""
_MINUTE = 60 * UNITS


@dataclass(frozen=True)
class RateRequest:
    """One request, at an instant in units, and whether it was admitted."""

    tick: int
    admitted: bool

    @classmethod
    def at(cls, seconds: float, *, admitted: bool) -> "RateRequest":
        """Note a request at this many seconds."""
        return cls(round(seconds * UNITS), admitted)


@dataclass(frozen=True)
class RateExcess:
    """A span that holds more than its rate gives; ``seconds`` is its length."""

    seconds: float
    admitted: int
    most: int

    def describe(self) -> str:
        """Say it in a few words."""
        return f"{self.admitted} in {self.seconds:g} s"


def excess(requests: Sequence[RateRequest], rate: int) -> RateExcess | None:
    """Return a span in which more than N + N·T/60 were admitted: N at once, and then what comes with time.

    Every span from one admission to another is looked at; no other can hold more.
    """
    ticks = [request.tick for request in requests if request.admitted]
    for begin, first in enumerate(ticks):
        for number, last in enumerate(ticks[begin:], 1):
            most = rate + (last - first) * rate // _MINUTE
            if number > most:
                return RateExcess((last - first) / UNITS, number, most)
    return None


@dataclass(frozen=True)
class Denied:
    """A request that was refused though the minute before it holds fewer than its rate."""

    seconds: float
    before: int

    def describe(self) -> str:
        """Say it in a few words."""
        return f"refused at {self.seconds:g} s, after {self.before} in the minute before"


def denied(requests: Sequence[RateRequest], rate: int) -> Denied | None:
    """Return a request that was refused though fewer than N were admitted in the minute before it.

    Whatever was asked earlier: in a minute everything comes back that a limiter may have taken.
    """
    for place, request in enumerate(requests):
        before = sum(other.admitted and request.tick - other.tick <= _MINUTE for other in requests[:place])
        if not request.admitted and before < rate:
            return Denied(request.tick / UNITS, before)
    return None
