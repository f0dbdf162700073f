"""Ratios that mean something on a busy machine: interleaved rounds, and the median over the rounds."""

import gc
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from statistics import median

Call = Callable[[], object]


def arguments(description: str | None) -> Namespace:
    """Return the command line of a benchmark of rounds."""
    parser = ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a rough answer in a few seconds")
    parser.add_argument("--rounds", type=int, help="rounds per table row (default 60; 12 with --quick)")
    options = parser.parse_args()
    options.rounds = options.rounds or (12 if options.quick else 60)
    return options


def rounds(calls: Mapping[str, Call], count: int, repeats: int = 100) -> dict[str, list[float]]:
    """Return seconds per call, for each name one figure a round; in each round every call has its turn."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    gc.disable()
    for _ in range(count):
        for name, call in calls.items():
            seconds[name].append(_time(call, repeats))
    gc.enable()
    return seconds


def ratio(seconds: dict[str, list[float]], over: str, under: str) -> float:
    """Return the median of ``over / under``, compared round by round."""
    return median(a / b for a, b in zip(seconds[over], seconds[under], strict=True))


def _time(call: Call, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats
