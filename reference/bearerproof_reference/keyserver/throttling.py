"""Limits in requests a minute, by the generic cell rate algorithm: one number for each who is limited.

A bucket of N requests refills evenly within a minute and is kept as the instant at which it will be full again.
A request puts that instant 60/N seconds later, and is admitted while it stays within a minute from now.
"""

from threading import Lock

from bearerproof_reference.clock import Clock

MAX_RATE = 1_000_000
"""Requests a minute: the highest limit; 0 is none at all."""

OUTAGE = 5
"""Seconds after which to ask again where something is out of order, and nobody knows for how long."""

_SECOND = 10**12
"""Time is counted in picoseconds: with whole ones no rate up to the highest is rounded by a request."""
_MINUTE = 60 * _SECOND


class Throttle:
    """Buckets for at most ``capacity`` names, on the clock's monotonic seconds.

    A bucket is forgotten only once it is full again, when a new one would be the same. While all are in use a
    name without a bucket is refused: forgetting one would let its owner start afresh.
    """

    def __init__(self, clock: Clock, capacity: int) -> None:
        self._clock = clock
        self._capacity = capacity
        self._recent: dict[object, int] = {}
        self._older: dict[object, int] = {}
        self._turned_at = 0
        self._now = 0
        self._lock = Lock()

    def __len__(self) -> int:
        """Return how many buckets there are."""
        return len(self._recent) + len(self._older)

    def spend(self, name: object, rate: int) -> int | None:
        """Take a request of ``rate`` a minute from the name's bucket; 0 is unlimited.

        Return None when it was admitted, else the whole seconds to wait. A rate other than the last applies at
        once, to the same bucket: what was spent stays spent.
        """
        with self._lock:
            after, wait = self._after(name, rate)
            if wait is None and rate:
                self._older.pop(name, None)
                self._recent[name] = after
            return wait

    def wait(self, name: object, rate: int) -> int | None:
        """Return what ``spend`` would, and spend nothing."""
        with self._lock:
            return self._after(name, rate)[1]

    def _after(self, name: object, rate: int) -> tuple[int, int | None]:
        """Return when the bucket would be full after one more request, and the seconds to wait for that request."""
        now = self._turn()
        if rate == 0:
            return now, None
        full_at = self._recent.get(name, self._older.get(name))
        if full_at is None and len(self) >= self._capacity:
            return now, _seconds(self._turned_at + _MINUTE - now)
        after = max(now, full_at or 0) + _MINUTE // rate
        return after, _seconds(after - now - _MINUTE) if after > now + _MINUTE else None

    def _turn(self) -> int:
        """Return the present; every minute, forget the buckets that nobody used for one: they are full again."""
        self._now = now = max(self._now, round(self._clock.tick() * _SECOND))
        if now - self._turned_at >= _MINUTE:
            self._older = self._recent if now - self._turned_at < 2 * _MINUTE else {}
            self._recent = {}
            self._turned_at = now
        return now


def _seconds(picoseconds: int) -> int:
    return max(1, -(-picoseconds // _SECOND))
