"""Draws for Hypothesis that do not depend on what is loaded.

Hypothesis mixes constants of the loaded modules into wide integers, texts and large choices, so a run would draw
other tokens in a wheel than in a checkout. Ranges of at most 127 values are left alone; everything here is drawn from
such ranges out of prepared material. Drawing this way also costs a tenth of building text and JSON piece by piece.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from random import Random
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

T = TypeVar("T")

NARROW = 100
"""Widest single draw; a larger choice is made in two."""


class Choices:
    """Draws without an engine, for what has to be fast: numbers below a limit, as recorded before or at random.

    ``taken`` are those drawn so far. They are what Hypothesis would have drawn, choice for choice, so that it can begin
    with them and make them smaller. A recorded number beyond the limit is taken modulo it: any list of numbers draws
    something.
    """

    def __init__(self, random: Random, recorded: Sequence[int] = ()) -> None:
        self._random = random.random
        self._left = [*recorded[::-1]]
        self.taken: list[int] = []

    def below(self, limit: int) -> int:
        """Draw an integer from 0 to ``limit`` - 1."""
        value = self._left.pop() % limit if self._left else int(self._random() * limit)
        self.taken.append(value)
        return value

    def __call__(self, strategy: SearchStrategy[Any], label: object = None) -> Any:  # noqa: ARG002 - as Hypothesis has it
        """Stand where Hypothesis hands in a draw; nothing but ``number_below`` may be drawn.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"{strategy!r} is not drawn by number_below")


def pick(draw: DrawFn, material: Sequence[T]) -> T:
    """Draw one of the prepared values; it shrinks towards the first."""
    size = len(material)
    if isinstance(draw, Choices) and size <= NARROW:
        return material[draw.below(size)]
    return material[number_below(draw, size)]


def pick_some(draw: DrawFn, material: Sequence[T], most: int) -> list[T]:
    """Draw up to so many prepared values; it shrinks towards none."""
    return [pick(draw, material) for _ in range(number_below(draw, most + 1))]


def number_below(draw: DrawFn, limit: int) -> int:
    """Draw an integer from 0 to ``limit`` - 1, of at most ``NARROW`` squared; it shrinks towards 0."""
    below = draw.below if isinstance(draw, Choices) else partial(_drawn, draw)
    if limit <= NARROW:
        return below(limit)
    high = below(-(-limit // NARROW))
    return (high * NARROW + below(NARROW)) % limit


def _drawn(draw: DrawFn, limit: int) -> int:
    return draw(_range(limit))


def batch(make: Callable[[DrawFn], T], size: int) -> SearchStrategy[list[T]]:
    """Draw several things at once, since an example costs more than most tokens; it shrinks towards one."""

    @st.composite
    def several(draw: DrawFn) -> list[T]:
        return [make(draw) for _ in range(1 + number_below(draw, size))]

    return several()


@cache
def _range(limit: int) -> SearchStrategy[int]:
    return st.integers(0, limit - 1)
