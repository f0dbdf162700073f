"""The limiter of the audit trail: bounded in state, and deaf to nobody for somebody else's noise.

A token bucket of capacity C that refills in W seconds is kept as one integer: the instant at which it will be
full again. Each admission puts that instant W/C later, and is granted while it stays within W of now. Time is
counted in nanoseconds times C, so all of it is exact.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, inf, isfinite
from threading import Lock
from typing import Any

from bearerproof_reference.audit.events import KindClass, VerifyFailureEvent
from bearerproof_reference.audit.hints import bound
from bearerproof_reference.clock import Clock

_LARGEST_SOURCES = 20


class _Overflow:
    """In the place of a source: all strangers that find no bucket of their own."""


@dataclass(frozen=True)
class Limits:
    """How much gets through: ``capacity`` events of one source per ``window`` seconds.

    Strangers have ``sources`` buckets at most, and all together ``strangers`` events per window.

    Raises:
        ValueError: something is not a positive number; a limiter of 0 would silence everything.
    """

    capacity: int
    window: float
    sources: int
    strangers: int

    def __post_init__(self) -> None:
        for name in ("capacity", "sources", "strangers"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ValueError(f"{name} is a whole number from 1 up, not {value!r}")
        if not (isfinite(self.window) and self.window > 0):
            raise ValueError(f"window is a number of seconds above 0, not {self.window!r}")


class Registered:
    """Who is known: finitely many sources.

    An event is a registered source's when its client is configured and its other hints are absent or
    configured, or when it has no hints at all.
    """

    def __init__(self, clients: Iterable[str] = (), audiences: Iterable[str] = (), kids: Iterable[str] = ()) -> None:
        self._clients = frozenset(map(bound, clients))
        self._audiences = frozenset(map(bound, audiences)) | {None}
        self._kids = frozenset(map(bound, kids)) | {None}

    def __contains__(self, event: VerifyFailureEvent) -> bool:
        """Whether the event's source is registered."""
        client, aud, kid = event.client_id_hint, event.metadata.get("aud_hint"), event.kid_hint
        if client is None:
            return aud is None and kid is None
        return client in self._clients and aud in self._audiences and kid in self._kids


@dataclass(frozen=True)
class Summary:
    """What the limiter dropped in one tier since its last summary; not an event, and not limited itself.

    ``sources`` holds the 20 largest registered sources; the names that strangers choose are not repeated.
    """

    tier: str
    kinds: Mapping[str, int]
    sources: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Return the wire form."""
        dropped = sum(self.kinds.values())
        return {"tier": self.tier, "dropped": dropped, "kinds": dict(self.kinds), "sources": dict(self.sources)}


class Limiter:
    """Decides which events get through; ``submitted == admitted + dropped`` at any time."""

    def __init__(self, limits: Limits, registered: Registered, clock: Clock) -> None:
        self._registered = registered
        self._clock = clock
        self._limits = limits
        self._window = ceil(Fraction(limits.window) * 10**9)
        self._now: int
        self._known: dict[object, int] = {}
        self._strangers: dict[object, int] = {}
        self._common: int | None = None
        self._evictable_at = inf
        self._free: dict[tuple[object, KindClass], int] = {}
        self._drops = {True: _Drops("registered"), False: _Drops("strangers")}
        self._lock = Lock()
        self.admitted = 0
        self.dropped = 0

    @property
    def buckets(self) -> int:
        """The buckets alive: those of registered sources and of strangers, and the overflow bucket."""
        return len(self._known) + len(self._strangers)

    def judge(self, event: VerifyFailureEvent) -> tuple[bool, list[Summary]]:
        """Return whether the event gets through now, and the summaries that are due before it."""
        with self._lock:
            self._now = round(self._clock.tick() * 10**9)
            summaries = self._take(self._now - self._window)
            known = event in self._registered
            if self._admit_known(event) if known else self._admit_stranger(event):
                self.admitted += 1
                return True, summaries
            self.dropped += 1
            self._drops[known].count(event, self._now, named=known)
            return False, summaries

    def flush(self) -> list[Summary]:
        """Take what is still to be reported, however recent: for the end of a run."""
        with self._lock:
            return self._take(inf)

    def _take(self, until: float) -> list[Summary]:
        """Take the summaries whose first drop was by ``until``: so there is at most one a window and tier."""
        due = [drops for drops in self._drops.values() if drops.kinds and drops.since <= until]
        return [drops.take() for drops in due]

    def _admit_known(self, event: VerifyFailureEvent) -> bool:
        """A registered source has a bucket of its own, so nobody else's events count against it."""
        key = event.rate_limit_key()
        full_at = self._spend(self._known.get(key), self._limits.capacity)
        if full_at is not None:
            self._known[key] = full_at
            return True
        return self._admit_free(key, event.kind.of)

    def _admit_stranger(self, event: VerifyFailureEvent) -> bool:
        """A stranger's event needs a token of its bucket and one of the bucket that all strangers share.

        The shared one is asked first: while it is empty, a flood of new names touches no state at all.
        """
        common = self._spend(self._common, self._limits.strangers)
        if common is not None:
            place = self._place(event.rate_limit_key())
            full_at = self._spend(self._strangers.get(place), self._limits.capacity)
            if full_at is not None:
                self._common = common
                self._strangers[place] = full_at
                self._evictable_at = min(self._evictable_at, full_at)
                return True
        return self._admit_free(None, event.kind.of)

    def _spend(self, full_at: int | None, capacity: int) -> int | None:
        """Return when the bucket is full again after giving a token now, or None when it has none to give.

        ``full_at`` is None for a bucket that has given none yet.
        """
        now = self._scaled(capacity)
        after = (now if full_at is None else max(now, full_at)) + self._window
        return after if after <= now + capacity * self._window else None

    def _scaled(self, capacity: int) -> int:
        """Return now in the unit of a bucket of this capacity."""
        return self._now * capacity

    def _place(self, key: object) -> object:
        """Return where this stranger's bucket is or may be made: in the end the one for overflow."""
        if key not in self._strangers and not self._has_room():
            self._evict()
            if not self._has_room():
                return _Overflow
        return key

    def _has_room(self) -> bool:
        return len(self._strangers) - (_Overflow in self._strangers) < self._limits.sources

    def _evict(self) -> None:
        """Forget the buckets that are full again: a new one would be the same. No other may go."""
        now = self._scaled(self._limits.capacity)
        if now >= self._evictable_at:
            self._strangers = {place: full_at for place, full_at in self._strangers.items() if full_at > now}
            self._evictable_at = min(self._strangers.values(), default=inf)

    def _admit_free(self, who: object, kind: KindClass) -> bool:
        """Let the first of a kind through in each window, so that no kind of noise hides another.

        ``who`` is None for all strangers together.
        """
        last = self._free.get((who, kind))
        if last is not None and self._now - last < self._window:
            return False
        self._free[who, kind] = self._now
        return True


class _Drops:
    """What was dropped in one tier since ``since``, in nanoseconds."""

    since: int

    def __init__(self, tier: str) -> None:
        self.tier = tier
        self.kinds = Counter[str]()
        self.sources = Counter[str]()

    def count(self, event: VerifyFailureEvent, now: int, *, named: bool) -> None:
        if not self.kinds:
            self.since = now
        self.kinds[event.kind.of.value] += 1
        if named:
            self.sources[event.source_id] += 1

    def take(self) -> Summary:
        summary = Summary(self.tier, dict(self.kinds), dict(self.sources.most_common(_LARGEST_SOURCES)))
        self.kinds.clear()
        self.sources.clear()
        return summary
