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
from threading import Condition
from types import TracebackType
from typing import Self

from bearerproof_reference.clock import Clock
from bearerproof_reference.keyserver.store import Moment


class Place:
    """The place of one decision, for the thread that makes it; the end of its ``with`` block gives it up.

    ``now`` is the wall clock as it was read, to the microsecond that events can tell. ``key`` is the earliest that the
    decision can have been made, as time, the store's number and a number of its own, and in the end when it was.
    """

    __slots__ = ("_order", "key", "now")

    def __init__(self, order: "DecisionOrder") -> None:
        self._order = order
        self.key = (-inf, 0, 0)
        self.now = -inf

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._order.leave(self)

    @property
    def time(self) -> float:
        """The instant of the decision as far as it is known (wall-clock seconds); never earlier than ``now``."""
        return self.key[0]

    def move(self, moment: Moment) -> None:
        """Move to where the store decided."""
        self._order.move(self, (*moment, self.key[2]))

    @contextmanager
    def away(self) -> Iterator[None]:
        """Hold no place during the block, which waits for somebody else; then take one at what the clock says."""
        self._order.leave(self)
        try:
            yield
        finally:
            self._order.take(self)


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
        self._changed = Condition()

    def enter(self) -> Place:
        """Return a place for a decision that is made from now on."""
        place = Place(self)
        self.take(place)
        return place

    def take(self, place: Place) -> None:
        """Read the clock, and take the place at that instant."""
        with self._changed:
            place.now = round(self._clock.now(), 6)
            place.key = (max(place.now, self._latest), 0, next(self._serials))
            self._places.add(place)

    def move(self, place: Place, key: tuple[float, int, int]) -> None:
        """Move a place to a later key; an earlier one says nothing new."""
        with self._changed:
            place.key = max(place.key, key)
            self._wake()

    def leave(self, place: Place) -> None:
        """Wait for this decision no more."""
        with self._changed:
            self._places.discard(place)
            self._wake()

    @contextmanager
    def turn(self, place: Place) -> Iterator[None]:
        """Wait until no other decision can have been made before this one; during the block nobody else has a turn."""
        with self._changed:
            self._waiting += 1
            while self._taken or (len(self._places) > 1 and place is not min(self._places, key=_key)):
                self._changed.wait()
            self._waiting -= 1
            self._taken = True
            self._latest = max(self._latest, place.time)
            self._places.discard(place)
        try:
            yield
        finally:
            with self._changed:
                self._taken = False
                self._wake()

    def _wake(self) -> None:
        if self._waiting:
            self._changed.notify_all()


_key = attrgetter("key")
