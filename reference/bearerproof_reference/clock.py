"""The two clocks, always handed in, so that time is data."""

import time
from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    """Where a verifier and its audit trail read the time."""

    def now(self) -> float:
        """Return the wall clock: seconds since 1970-01-01T00:00:00Z. It may step either way."""

    def tick(self) -> float:
        """Return monotonic seconds from an arbitrary start: limits and ages are measured on these alone."""


class SystemClock:
    """The clocks of this machine."""

    def now(self) -> float:
        """Return the wall clock in seconds."""
        return time.time()

    def tick(self) -> float:
        """Return monotonic seconds."""
        return time.monotonic()


@dataclass(slots=True)
class ManualClock:
    """A clock that stands still until its times are set."""

    wall: float = 0
    monotonic: float = 0

    def now(self) -> float:
        """Return the wall clock as last set."""
        return self.wall

    def tick(self) -> float:
        """Return the monotonic seconds as last set."""
        return self.monotonic
