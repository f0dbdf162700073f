"""What any conforming limiter may do with a stream of events: judged by bounds, never by its state.

An entry notes what was seen of one event. Times and tokens are whole numbers of small units, so that no
bound is missed by rounding; where an implementation's own rounding could decide, both outcomes are taken.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bearerproof.members import Json
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz.oracles.events import kind_class
from bearerproof_fuzz.oracles.hints import stated

UNITS = 1024
"""Units of time in a second; every pause of a stream is a whole number of them."""


@dataclass(frozen=True)
class BucketLimits:
    """The numbers of a limiter: events, seconds, buckets of strangers, events of all strangers."""

    capacity: int
    window: int
    sources: int
    strangers: int

    def as_json(self) -> Json:
        """Return the member `limiter` of a configuration."""
        return {
            "capacity": self.capacity,
            "window": self.window,
            "sources": self.sources,
            "strangers": self.strangers,
        }


@dataclass(frozen=True)
class RegisteredSources:
    """Whom a configuration names."""

    clients: tuple[str, ...]
    audiences: tuple[str, ...]
    kids: tuple[str, ...]

    def as_json(self) -> Json:
        """Return the member `registered` of a configuration."""
        return {"clients": list(self.clients), "audiences": list(self.audiences), "kids": list(self.kids)}

    def includes(self, event: Json, profile: Profile) -> bool:
        """Say whether the source is registered: a configured client, and no hint that is not configured."""
        hints = stated(event)
        aud = hints.aud if profile is Profile.ID_TOKEN else None
        if (hints.client, aud, hints.kid) == (None, None, None):
            return True
        others = (aud in {None, *self.audiences}, hints.kid in {None, *self.kids})
        return hints.client in self.clients and all(others)

    def sources(self, profile: Profile) -> int:
        """Return how many registered sources there can be, the one without hints among them."""
        audiences = len(self.audiences) + 1 if profile is Profile.ID_TOKEN else 1
        return len(self.clients) * audiences * (len(self.kids) + 1) + 1


@dataclass(frozen=True)
class Entry:
    """One event as it was seen from outside; ``tick`` is in units."""

    tick: int
    source: str
    kind: str
    registered: bool
    admitted: bool

    @property
    def seconds(self) -> float:
        """The tick in seconds."""
        return self.tick / UNITS


def entry(event: Json, tick: float, profile: Profile, registered: RegisteredSources, *, admitted: bool) -> Entry:
    """Note an event that an answer reported, ``tick`` in seconds."""
    return Entry(
        round(tick * UNITS),
        str(event.get("source_id")),
        kind_class(event.get("kind")),
        registered.includes(event, profile),
        admitted,
    )


@dataclass(frozen=True)
class BucketExcess:
    """A span of a stream in which more was admitted than the contract allows."""

    who: str
    seconds: float
    admitted: int
    most: int
    kinds: int

    def describe(self) -> str:
        """Say it in a few words."""
        return f"{self.admitted} of {self.who} in {self.seconds:g} s ({self.kinds} kinds)"


def excess(entries: Sequence[Entry], who: str, capacity: int, window: int) -> BucketExcess | None:
    """Return a span in which these events, all of one bucket, exceed C + T·C/W + K·(⌊T/W⌋ + 1).

    Every span that begins and ends with an admission is looked at; no other can hold more.
    """
    found = (
        _excess_from(entries[begin:], who, capacity, window) for begin, entry in enumerate(entries) if entry.admitted
    )
    return next((span for span in found if span), None)


def _excess_from(entries: Sequence[Entry], who: str, capacity: int, window: int) -> BucketExcess | None:
    kinds: set[str] = set()
    admitted = 0
    for entry in entries:
        kinds.add(entry.kind)
        if entry.admitted:
            admitted += 1
            span = entry.tick - entries[0].tick
            refilled = span * capacity // (window * UNITS)
            most = capacity + refilled + len(kinds) * (span // (window * UNITS) + 1)
            if admitted > most:
                return BucketExcess(who, span / UNITS, admitted, most, len(kinds))
    return None


def by_source(entries: Iterable[Entry]) -> Mapping[str, list[Entry]]:
    """Sort a stream by source."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.source, []).append(entry)
    return found


def excess_of_a_source(entries: Sequence[Entry], limits: BucketLimits) -> BucketExcess | None:
    """Return where one source, registered or not, got more than a bucket and the free events give."""
    found = (excess(own, f"source {name}", limits.capacity, limits.window) for name, own in by_source(entries).items())
    return next((span for span in found if span), None)


def excess_of_strangers(entries: Sequence[Entry], limits: BucketLimits) -> BucketExcess | None:
    """Return where all strangers together got more than the bucket that they share gives."""
    together = [entry for entry in entries if not entry.registered]
    return excess(together, "all strangers", limits.strangers, limits.window)


@dataclass
class Bucket:
    """What is known of a bucket from outside: it holds between ``least`` and ``most``, in parts of a token.

    A token has as many parts as the window has units of time, so C parts come with each unit.
    """

    capacity: int
    window: int
    tick: int
    least: int = field(init=False)
    most: int = field(init=False)

    def __post_init__(self) -> None:
        """Begin with a full bucket."""
        self.least = self.most = self._full

    @property
    def _token(self) -> int:
        return self.window * UNITS

    @property
    def _full(self) -> int:
        return self.capacity * self._token

    def owes(self, entry: Entry) -> bool:
        """Take note of an event, and say whether a token was certainly there for it."""
        self._refill(entry.tick)
        if self.least >= self._token:
            self.least, self.most = self.least - self._token, self.most - self._token
            return True
        if self.most >= self._token:
            # Whether a token was there can't be told from outside: what was dropped found less than one, and what
            # was admitted took one or was free.
            if entry.admitted:
                self.least = max(0, self.least - self._token)
            else:
                self.most = min(self.most, self._token)
        return False

    def pays(self, tick: int) -> bool:
        """Take a token, if there may be one, and say whether one was certainly there."""
        self._refill(tick)
        certain = self.least >= self._token
        self.least = max(0, self.least - self._token)
        return certain

    def _refill(self, tick: int) -> None:
        """Add what came since, give or take one part for implementations that count in floating point."""
        gained, self.tick = (tick - self.tick) * self.capacity, tick
        if gained:
            self.least = min(self._full, self.least + gained - 1)
            self.most = min(self._full, self.most + gained + 1)


def starved(entries: Sequence[Entry], limits: BucketLimits) -> Entry | None:
    """Return an event that was dropped though its registered source had a token left for it."""
    for own in by_source(entry for entry in entries if entry.registered).values():
        bucket = Bucket(limits.capacity, limits.window, own[0].tick)
        for entry in own:
            if bucket.owes(entry) and not entry.admitted:
                return entry
    return None


def starved_stranger(entries: Sequence[Entry], limits: BucketLimits) -> Entry | None:
    """Return a stranger's event that was dropped though its bucket and the common one had a token for it.

    A bucket of its own is certain for the first strangers alone, as many as may have one. What was dropped counts as
    if it had taken a token all the same, and so does what was free: neither can be told from outside.
    """
    strangers = [entry for entry in entries if not entry.registered]
    own: dict[str, Bucket] = {}
    common = Bucket(limits.strangers, limits.window, strangers[0].tick if strangers else 0)
    for entry in strangers:
        bucket = own.setdefault(entry.source, Bucket(limits.capacity, limits.window, entry.tick))
        if len(own) > limits.sources:
            break
        if all([common.pays(entry.tick), bucket.pays(entry.tick)]) and not entry.admitted:
            return entry
    return None


def unheard(entries: Sequence[Entry], window: int) -> Entry | None:
    """Return an event that was dropped though none of its kind came from its tier in the window before it.

    The tier of a registered source is itself; all strangers are one tier. Two events a whole window apart are in
    different windows, wherever those begin.
    """
    last: dict[tuple[str, str], int] = {}
    for entry in entries:
        key = (entry.source if entry.registered else "strangers", entry.kind)
        before = last.get(key)
        if not entry.admitted and (before is None or entry.tick - before >= window * UNITS):
            return entry
        last[key] = entry.tick
    return None


def dropped(entries: Iterable[Entry], *, registered: bool) -> list[Entry]:
    """Return what was dropped in a tier."""
    return [entry for entry in entries if entry.registered is registered and not entry.admitted]
