"""Draws for Hypothesis that do not depend on what is loaded.

Hypothesis mixes constants of the loaded modules into wide integers, texts and large choices, so a run would draw
other tokens in a wheel than in a checkout. Ranges of at most 127 values are left alone; everything here is drawn from
such ranges out of prepared material. Drawing this way also costs a tenth of building text and JSON piece by piece.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

T = TypeVar("T")

NARROW = 100
"""Widest single draw; a larger choice is made in two."""


def below(limit: int) -> SearchStrategy[int]:
    """Draw an integer from 0 to ``limit`` - 1; it shrinks towards 0."""
    if limit <= NARROW:
        return st.integers(0, limit - 1)
    return st.tuples(below(-(-limit // NARROW)), st.integers(0, NARROW - 1)).map(
        lambda pair: min(pair[0] * NARROW + pair[1], limit - 1)
    )


def one_of(material: Sequence[T]) -> SearchStrategy[T]:
    """Draw one of the prepared values; it shrinks towards the first."""
    return below(len(material)).map(lambda index: material[index])


def some_of(material: Sequence[T], most: int) -> SearchStrategy[list[T]]:
    """Draw a short list of prepared values; it shrinks towards the empty one."""
    return st.lists(one_of(material), max_size=most)


def batch(make: Callable[[DrawFn], T], size: int) -> SearchStrategy[list[T]]:
    """Draw several things at once, since an example costs more than most tokens; it shrinks towards one."""

    @st.composite
    def several(draw: DrawFn) -> list[T]:
        return [make(draw) for _ in range(draw(st.integers(1, size)))]

    return several()
