"""The order of decisions: events stand in a trail as the store decided, however many decisions are made at once.

A decision is dated once, by the instant that decided it: the store's time where the store was asked, else the
clock's. Two threads come back from the store in another order than it served them, and one that waited for somebody
else's keys has an old reading of the clock; so each decision has a place from before it asks until its events are
written, and its turn comes when no other can still turn out to have been decided before.

Times never step back from one turn to the next: where the clock does, decisions bear the latest time that one was
dated by, as the store goes by the highest that it was told.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from math import inf
from operator import attrgetter
from threading import Lock
from typing import Self

from bearerproof_reference.clock import Clock
from bearerproof_reference.keyserver.store import Moment


class Place:
    """The place of one decision, for the thread that makes it; the end of its ``with`` block gives it up.

    ``now`` is the wall clock as it was read, to the microsecond that events can tell. ``key`` is the earliest that the
    decision can have been made, as time, the store's number and a number of its own, and in the end when it was.
    """

    __slots__ = ("_order", "key", "now", "waiter")

    def __init__(self, order: "DecisionOrder") -> None:
        self._order = order
        self.key = (-inf, 0, 0)
        self.now = -inf
        self.waiter: Lock | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._order.leave(self)

    @property
    def time(self) -> float:
        """The instant of the decision as far as it is known (wall-clock seconds); never earlier than ``now``."""
        return self.key[0]

    def move(self, moment: Moment) -> None:
        """Move to where the store decided; an earlier moment than the place's own says nothing."""
        self._order.move(self, (moment[0], moment[1], self.key[2]))

    @contextmanager
    def away(self) -> Iterator[None]:
        """Hold no place during the block, which waits for somebody else; then take one at what the clock says."""
        self._order.leave(self)
        try:
            yield
        finally:
            self._order.take(self)


class Turn:
    """The turn of a place, for the length of a block."""

    __slots__ = ("_order", "_place")

    def __init__(self, order: "DecisionOrder", place: Place) -> None:
        self._order = order
        self._place = place

    def __enter__(self) -> None:
        """It is its turn already."""

    def __exit__(self, *_: object) -> None:
        self._order.end(self._place)


class DecisionOrder:
    """Gives each decision its place.

        order = DecisionOrder(clock)
        with order.enter() as place:
            place.move((time, number))    # as the store decided
            with order.turn(place):
                ...                       # events dated ``place.time`` are written

    Whoever holds a place keeps the others' events back, so nothing is waited for then that has no bound.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._latest = -inf
        self._places: set[Place] = set()
        self._serials = count()
        self._waiting = 0
        self._taken = False
        self._lock = Lock()

    def enter(self) -> Place:
        """Return a place for a decision that is made from now on."""
        place = Place(self)
        self.take(place)
        return place

    def take(self, place: Place) -> None:
        """Read the clock, and take the place at that instant."""
        with self._lock:
            place.now = round(self._clock.now(), 6)
            place.key = (max(place.now, self._latest), 0, next(self._serials))
            self._places.add(place)

    def move(self, place: Place, key: tuple[float, int, int]) -> None:
        """Move a place to a later key; an earlier one says nothing new."""
        with self._lock:
            place.key = max(place.key, key)
            self._wake()

    def leave(self, place: Place) -> None:
        """Wait for this decision no more."""
        with self._lock:
            self._places.discard(place)
            self._wake()

    def turn(self, place: Place) -> "Turn":
        """Wait until no other decision can have been made before this one; during the block nobody else has a turn."""
        with self._lock:
            waiter = None
            if self._taken or (len(self._places) > 1 and place is not min(self._places, key=_key)):
                waiter = place.waiter = Lock()
                waiter.acquire()
                self._waiting += 1
            else:
                self._give(place)
        if waiter is not None:
            waiter.acquire()  # released by whoever hands the turn on
        return Turn(self, place)

    def end(self, place: Place) -> None:
        """Let the next one have its turn."""
        with self._lock:
            self._taken = False
            self._places.discard(place)
            self._wake()

    def _wake(self) -> None:
        """Hand the turn on to the place that is first, if it waits for it: to that alone."""
        if not self._waiting or self._taken:
            return
        first = min(self._places, key=_key)
        if first.waiter is not None:
            self._give(first)
            self._waiting -= 1
            first.waiter.release()
            first.waiter = None

    def _give(self, place: Place) -> None:
        """Give the turn to a place; nothing is dated before it from now on."""
        self._taken = True
        self._latest = max(self._latest, place.time)


_key = attrgetter("key")
