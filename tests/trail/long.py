"""The long run over generated trails, outside the gate: nothing stops who judges, nobody honest is accused.

python -m tests.trail.long                                  100,000 hostile trails, 10,000 honest ones, 20,000 lies
python -m tests.trail.long --hostile 500 --honest 50 --lies 50 --seed 3
"""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable

from . import honest, hostile, lies

STEP = 1000
"""Trails after which is told how far the run has come; each step has a seed of its own."""


def main() -> None:
    """Judge them all; an assertion tells the first trail that breaks a rule, by its number and seed."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--hostile", type=int, default=100_000)
    parser.add_argument("--honest", type=int, default=10_000)
    parser.add_argument("--lies", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    title = "honest trails, 0 accusations; events, and times that a rule could not tell"
    _run(title, honest.run, options.honest, options.seed)
    _run("lies, none believed; found and undecided", lies.run, options.lies, options.seed)
    _run("hostile trails, each with a report in time; findings", _found, options.hostile, options.seed)


def _run(title: str, run: Callable[[int, int], tuple[int, ...]], number: int, seed: int) -> None:
    totals: tuple[int, ...] = (0, 0)
    started, done = time.process_time(), 0
    for start in range(0, number, STEP):
        some = min(STEP, number - start)
        counts = run(some, seed + start // STEP)
        totals, done = tuple(map(sum, zip(totals, counts, strict=False))), done + some
        took = time.process_time() - started
        told = " and ".join(f"{total:,}" for total in totals)
        sys.stdout.write(f"{done:,} {title}: {told}; {took:,.0f} CPU seconds\n")
        sys.stdout.flush()


def _found(number: int, seed: int) -> tuple[int, ...]:
    return (hostile.run(number, seed),)


if __name__ == "__main__":
    main()
