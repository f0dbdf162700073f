"""What the suite draws follows from the names of its checks and machines, not from how their source is spelled."""

from collections.abc import Callable, Iterator

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from bearerproof_fuzz.checks import explore, explore_machine

NUMBERS = st.integers(0, 10**9)


@pytest.fixture(autouse=True)
def derandomized() -> Iterator[None]:
    before = hypothesis.settings.get_current_profile_name()
    hypothesis.settings.register_profile("fixed", max_examples=20, derandomize=True, database=None)
    hypothesis.settings.load_profile("fixed")
    yield
    hypothesis.settings.load_profile(before)


def drawn(prop: Callable[[list[int]], Callable[[int], None]], name: str) -> list[int]:
    numbers: list[int] = []
    checked = prop(numbers)
    checked.__qualname__ = f"{name}.<locals>.{checked.__name__}"
    explore(checked, NUMBERS)
    return numbers


def one_spelling(numbers: list[int]) -> Callable[[int], None]:
    def judged(number: int) -> None:
        numbers.append(number)

    return judged


def another_spelling(numbers: list[int]) -> Callable[[int], None]:
    def kept(value: int) -> None:
        """The same, in other words."""
        numbers.extend([value])

    return kept


def test_a_property_draws_the_same_however_it_is_spelled() -> None:
    first = drawn(one_spelling, "test_audience")
    assert len(first) == 20
    assert drawn(another_spelling, "test_audience") == first


def test_a_property_of_another_name_draws_something_else() -> None:
    assert drawn(one_spelling, "test_audience") != drawn(one_spelling, "test_issuer")


def walked(name: str, machine: Callable[[list[int]], RuleBasedStateMachine]) -> list[int]:
    numbers: list[int] = []
    explore_machine(name, lambda: machine(numbers), number=5, steps=5)
    return numbers


class Keeping(RuleBasedStateMachine):
    def __init__(self, numbers: list[int]) -> None:
        super().__init__()
        self.numbers = numbers

    @rule(number=NUMBERS)
    def keep(self, number: int) -> None:
        self.numbers.append(number)


class KeepingInOtherWords(Keeping):
    """The same machine under another name."""


def test_a_machine_draws_by_the_name_that_it_is_given() -> None:
    first = walked("buckets", Keeping)
    assert first
    assert walked("buckets", KeepingInOtherWords) == first
    assert walked("rotation", Keeping) != first
