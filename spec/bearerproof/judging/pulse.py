"""How long a busy machine keeps us waiting: what a check that looks at real time has to know before it accuses."""

import time
from threading import Event, Thread

_BEAT = 0.02
"""Seconds between two beats."""


class Pulse:
    """A thread that wants to wake every few milliseconds, and notes by how much it was woken too late at most.

    >>> pulse = Pulse()
    >>> pulse.begin(); 0 <= pulse.late < 60
    True
    >>> pulse.end()
    """

    def __init__(self) -> None:
        self._ended = Event()
        self._woken = time.monotonic()
        self._late = 0.0
        self._thread = Thread(target=self._beat, name="bearerproof pulse", daemon=True)
        self._thread.start()

    def begin(self) -> None:
        """Forget what was before."""
        self._late = 0.0

    @property
    def late(self) -> float:
        """Seconds by which it was woken too late at most since ``begin``, a beat that is still due included."""
        return max(self._late, time.monotonic() - self._woken - _BEAT, 0.0)

    def end(self) -> None:
        """Stop."""
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._ended.wait(_BEAT):
            now = time.monotonic()
            self._late = max(self._late, now - self._woken - _BEAT)
            self._woken = now
