"""Adapters whose process has manners of its own, as runtimes and frameworks have, are not red for them."""

import sys

import pytest

from bearerproof.judging.runner import RunOptions, run
from bearerproof.judging.settings import QUICK, RunConfig
from bearerproof_fuzz.suite import SUITE

from .process import MANNERS
from .shapes import red

FEW = {"answers-slowly": ("VER-12",)}
"""What is asked of an adapter for each of whose answers one waits."""

LONG_AND_SHORT = ("VER-1", "VER-11", "VER-12", "VER-30")


@pytest.mark.parametrize("manner", MANNERS)
def test_an_honest_process_is_not_red_for_its_manners(manner: str) -> None:
    command = (sys.executable, "-m", "tests.honest.process", manner)
    config = RunConfig(
        target="",
        command=command,
        depth=QUICK,
        requirements=FEW.get(manner, LONG_AND_SHORT),
        selection=("!composed-with*",),
    )
    finished = run(SUITE, config, RunOptions(report_findings=False))
    assert red(finished) == {}
    assert (finished.fault, finished.troubles) == (None, [])
    assert sum(record.judged for record in finished.records) > 10
