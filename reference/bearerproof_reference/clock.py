"""The two clocks, always handed in, so that time is data."""

import time
from dataclasses import dataclass
from pathlib import Path
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


class FileClock:
    """Clocks that a file tells, for tests of a server as a process: wall-clock seconds and, behind a blank, monotonic.

    Whoever writes it puts a new file in its place, so that what is read is whole. It is read each time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def now(self) -> float:
        """Return the wall clock that the file tells."""
        return float(self._read()[0])

    def tick(self) -> float:
        """Return the monotonic seconds that the file tells, or those of this machine."""
        told = self._read()
        return float(told[1]) if len(told) > 1 else time.monotonic()

    def _read(self) -> list[str]:
        return self._path.read_text("ascii").split()


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
