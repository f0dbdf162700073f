"""Looking at the instants of many events at once; part of the fast path.

What is admitted here ``shapes`` admits one by one, and what it makes of them (``shapes.in_order``) is made here.
"""

from collections.abc import Sequence
from typing import Any

from bearerproof.trail import shapes
from bearerproof.trail.frames import Doubt
from bearerproof.trail.inspection import Inspector

KNOWN = 20_000
"""Identities, addresses, seconds or the like that are remembered at once, so that memory stays bounded."""

_MINUTE = len("2027-01-15T08:00:")
_SECOND = len("2027-01-15T08:00:00")
_MOST = len("2027-01-15T08:00:00.000000000Z")

IN_ORDER = len("2027-01-15T08:00:00.000000Z")
"""Characters of an instant that is in order as it is written."""


class Instants:
    """Knows which instants are in good form; remembers a bounded number of their seconds and minutes."""

    def __init__(self, inspector: Inspector) -> None:
        self._inspector = inspector
        self._seconds: set[str] = set()
        self._minutes: set[str] = set()

    def in_order(self, there: Sequence[str | None]) -> list[str | None]:
        """Return instants in order, None where there is none.

        Raises:
            Doubt: one is not in good form.
        """
        instants = [when for when in there if when is not None]
        if not instants:
            return list(there)
        size = len(instants[0])
        if self._inspector.looks_for_patterns or not self._are_alike(instants, size):
            return [None if when is None else self.one_in_order(when) for when in there]
        return list(there) if size == IN_ORDER else _alike_in_order(there, size)

    def one_in_order(self, when: str) -> str:
        """Return one instant in order. Of many that share a second the first alone is looked at as a whole.

        Raises:
            Doubt: it is not in good form.
        """
        if (known := self._known_in_order(when)) is not None:
            return known
        if not shapes.is_instant(when) or not self._is_clean(when):
            raise Doubt
        if not self._inspector.looks_for_patterns:
            make_room(self._seconds)
            self._seconds.add(when[:_SECOND])
        return shapes.in_order(when)

    def _known_in_order(self, when: str) -> str | None:
        """Return an instant of a second that is known, in order; None says nothing."""
        if when[:_SECOND] not in self._seconds or when[-1] != "Z" or not when.isascii():
            return None
        if len(when) > _SECOND + 1 and not (
            when[_SECOND] == "." and when[_SECOND + 1 : -1].isdecimal() and len(when) <= _MOST
        ):
            return None
        return when if len(when) == IN_ORDER else shapes.in_order(when)

    def _is_clean(self, when: str) -> bool:
        """Whether an instant holds nothing that a pattern of the caller's looks for: of itself it is no secret."""
        return not self._inspector.looks_for_patterns or self._inspector.is_clean(when)

    def _are_alike(self, instants: Sequence[str], size: int) -> bool:
        """Whether instants have this many characters each, and are in good form.

        Each minute is looked at by itself, and the form of all that follows together.
        """
        joined = "".join(instants)
        if not (joined.isascii() and {size}.issuperset(map(len, instants)) and _SECOND < size <= _MOST):
            return False
        ordered = sorted(instants)  # most are in order, and what is sorted between two texts begins as they do
        first, last = ordered[0][:_MINUTE], ordered[-1][:_MINUTE]
        minutes = {first} if first == last else {when[:_MINUTE] for when in instants}
        for minute in minutes - self._minutes:
            if not shapes.is_instant(f"{minute}00Z"):
                return False
            make_room(self._minutes)
            self._minutes.add(minute)
        octets, places = joined.encode(), (_MINUTE + 1, *range(_SECOND + 1, size - 1))
        return (
            all([octets[place::size].isdigit() for place in places])  # noqa: C419 - a generator takes longer
            and octets[_MINUTE::size].strip(b"012345") == b""
            and (size == _SECOND + 1 or (size > _SECOND + 2 and octets[_SECOND::size].strip(b".") == b""))
            and octets[size - 1 :: size].strip(b"Z") == b""
        )


def _alike_in_order(there: Sequence[str | None], size: int) -> list[str | None]:
    """Return instants of this many characters each in order."""
    if size > IN_ORDER:
        whole = IN_ORDER - 1
        return [None if when is None else f"{when[:whole]}Z{when[whole:-1].rstrip('0')}" for when in there]
    missing = IN_ORDER - max(size, _SECOND + 2)
    end = f"{'' if size > _SECOND + 1 else '.'}{'0' * missing}Z{'-' * missing}"
    return [None if when is None else when[:-1] + end for when in there]


def make_room(known: set[Any] | dict[Any, Any]) -> None:
    """Forget all that is remembered of one sort where it is as much as may be."""
    if len(known) >= KNOWN:
        known.clear()
