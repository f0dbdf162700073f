"""Throttling: against a model that counts in fractions and knows nothing of generations or picoseconds."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from bearerproof_reference.clock import ManualClock
from bearerproof_reference.keyserver.throttling import MAX_RATE, Throttle


def throttle(capacity: int = 100) -> tuple[Throttle, ManualClock]:
    clock = ManualClock()
    return Throttle(clock, capacity), clock


def admitted(made: Throttle, rate: int, requests: int, name: object = "anna") -> int:
    return sum(made.spend(name, rate) is None for _ in range(requests))


def test_the_highest_rate_is_not_rounded() -> None:
    made, _ = throttle()
    assert admitted(made, MAX_RATE, MAX_RATE // 10) == MAX_RATE // 10


def test_waiting_so_long_helps_and_not_much_less_does() -> None:
    made, clock = throttle()
    admitted(made, 4, 4)
    clock.monotonic = 2.5
    assert made.spend("anna", 4) == 13  # at 15 s
    clock.monotonic = 14.9
    assert made.spend("anna", 4) == 1
    clock.monotonic = 2.5 + 13
    assert made.spend("anna", 4) is None


def test_looking_spends_nothing_and_no_limit_keeps_nothing() -> None:
    made, _ = throttle()
    assert admitted(made, 0, 1000) == 1000
    assert [made.wait("anna", 1) for _ in range(3)] == [None] * 3
    assert len(made) == 0
    made.spend("anna", 1)
    assert made.wait("anna", 1) == 60


def test_a_new_limit_applies_at_once_to_what_was_spent() -> None:
    made, _ = throttle()
    assert admitted(made, 10, 10) == 10
    assert made.spend("anna", 100) is not None
    made, _ = throttle()
    assert admitted(made, 10, 5) == 5
    assert admitted(made, 100, 100) == 50


def test_bounded_and_nobody_starts_afresh_by_it() -> None:
    made, clock = throttle(capacity=3)
    assert admitted(made, 2, 3, "victim") == 2
    for moment in range(59):
        clock.monotonic = moment
        for stranger in range(10):
            made.spend((moment, stranger), 2)
            assert len(made) <= 3
    assert admitted(made, 2, 3, "victim") == 1  # 58 s refill one request of two a minute, and not yet the second
    clock.monotonic = 200
    assert admitted(made, 2, 3, "newcomer") == 2


def test_one_bucket_for_each_name() -> None:
    made, clock = throttle()
    for clock.monotonic in (0, 30, 61, 90, 125):
        made.spend("anna", 60)
        assert len(made) == 1
    clock.monotonic = 300
    made.spend("ben", 60)
    assert len(made) == 1


def test_a_refused_newcomer_is_told_when_there_may_be_room() -> None:
    made, clock = throttle(capacity=1)
    made.spend("first", 1)
    wait = made.spend("second", 1)
    assert wait == 60
    clock.monotonic = 120
    assert made.spend("second", 1) is None


def test_a_tick_that_steps_back_is_not_believed() -> None:
    made, clock = throttle()
    clock.monotonic = 100
    admitted(made, 2, 2)
    clock.monotonic = 0
    assert made.spend("anna", 2) == 30


class Model:
    """What GCRA says, in exact numbers, remembering everybody for ever."""

    def __init__(self) -> None:
        self.full_at: dict[str, Fraction] = {}

    def spend(self, name: str, rate: int, at: Fraction) -> bool:
        if rate == 0:
            return True
        after = max(at, self.full_at.get(name, Fraction(0))) + Fraction(60, rate)
        if after > at + 60:
            return False
        self.full_at[name] = after
        return True


# Rates that divide a minute into whole picoseconds, and steps of whole milliseconds: so both count exactly.
gaps = st.one_of(st.integers(0, 1000), st.sampled_from([1_000, 20_000, 29_999, 30_000, 59_999, 60_000, 121_000]))
steps = st.tuples(gaps, st.sampled_from(["anna", "ben"]), st.sampled_from([0, 1, 2, 3, 5, 60]))


@given(st.lists(steps, min_size=5, max_size=60))
def test_as_the_model(requests: list[tuple[int, str, int]]) -> None:
    made, clock = throttle()
    model, at = Model(), Fraction(0)
    for milliseconds, name, rate in requests:
        at += Fraction(milliseconds, 1000)
        clock.monotonic = float(at)
        wait = made.wait(name, rate)
        assert (made.spend(name, rate) is None) == (wait is None) == model.spend(name, rate, at)
