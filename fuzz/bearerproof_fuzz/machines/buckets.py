"""A walk through the life of a limiter: floods, honest failures, time that passes, clocks that jump."""

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bearerproof_fuzz.checks import examples, explore_machine
from bearerproof_fuzz.machines.limiter_driver import FAULTS, KNOWN, STRANGERS, LimiterDriver, Step
from bearerproof_fuzz.oracles.buckets import BucketLimits

GAPS = (0.25, 1, 7.5, 19, 20, 21, 59, 60, 61, 180)
"""Seconds between events: within a window, at its edge, beyond it."""

LIMITS = tuple(
    BucketLimits(capacity, window, names, together)
    for capacity in (1, 3)
    for window in (10, 60)
    for names in (1, 4)
    for together in (2, 8)
)


class BucketMachine(RuleBasedStateMachine):
    """Random steps on a bench; after each one a law has to hold."""

    def __init__(self, bench: LimiterDriver, law: Callable[[LimiterDriver], None]) -> None:
        super().__init__()
        self._bench = bench
        self._law = law
        self._gap = 0.0
        self._wall = 0.0

    @initialize(limits=st.sampled_from(LIMITS))
    def configure(self, limits: BucketLimits) -> None:
        """Start with a fresh limiter of some size."""
        self._bench.begin(limits)

    @rule(first=st.integers(0, 100), names=st.integers(1, 8), fault=st.sampled_from(tuple(FAULTS)))
    def flood(self, first: int, names: int, fault: str) -> None:
        """Forge under names of which many are new."""
        self._play([Step(f"forged-{number}", fault) for number in range(first, first + names)])

    @rule(source=st.sampled_from(STRANGERS), fault=st.sampled_from(tuple(FAULTS)), times=st.integers(1, 4))
    def insist(self, source: str, fault: str, times: int) -> None:
        """Forge under one name again and again."""
        self._play([Step(source, fault, times=times)])

    @rule(source=st.sampled_from(KNOWN), fault=st.sampled_from(tuple(FAULTS)), times=st.integers(1, 4))
    def fail_honestly(self, source: str, fault: str, times: int) -> None:
        """Reject tokens of a registered source."""
        self._play([Step(source, fault, times=times)])

    @rule(seconds=st.sampled_from(GAPS))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self._gap += seconds

    @rule(seconds=st.sampled_from((-86_400.0, -1.0, 0.0, 3600.0, 1e8)))
    def set_the_wall_clock(self, seconds: float) -> None:
        """Put the wall clock off the true time."""
        self._wall = seconds

    @invariant()
    def law_holds(self) -> None:
        """Judge what has been seen so far."""
        self._law(self._bench)

    def _play(self, steps: list[Step]) -> None:
        gap, self._gap = self._gap, 0.0
        delayed = [
            Step(step.source, step.fault, gap if not number else 0, step.times, self._wall)
            for number, step in enumerate(steps)
        ]
        self._bench.play(delayed)


def walk(bench: LimiterDriver, law: Callable[[LimiterDriver], None], *, share: int = 10, steps: int = 20) -> None:
    """Take random walks on a bench: one ``share``-th of the examples that the depth of the run asks for."""
    explore_machine("buckets", lambda: BucketMachine(bench, law), number=max(5, examples(share)), steps=steps)
