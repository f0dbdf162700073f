"""Every group of requirements turns red for an implementation that decides nothing."""

import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from bearerproof.connections import Handle
from bearerproof.results import RED, State

from ..conftest import CommandLine, Ended
from . import degenerate


def judge(
    run: CommandLine, subject: Callable[[], Handle], report: Path, *options: str
) -> tuple[Ended, dict[str, set[State]]]:
    """Run the suite on a subject; return how it ended, and the states of each requirement's checks."""
    ended = run("check", f"python:{degenerate.__name__}:{subject.__name__}", "--quick", "--report", report, *options)
    states: dict[str, set[State]] = defaultdict(set)
    for row in map(json.loads, report.read_text().splitlines()):
        if row["type"] == "check":
            states[row["requirement"]].add(State(row["outcome"]))
    return ended, states


VERDICTS = [degenerate.accept_all, degenerate.reject_all, degenerate.skip_all, degenerate.error_all]


@pytest.mark.parametrize("subject", VERDICTS, ids=lambda subject: subject.__name__)
def test_no_requirement_lets_a_constant_pass(
    bearerproof: CommandLine, tmp_path: Path, subject: Callable[[], Handle]
) -> None:
    ended, states = judge(bearerproof, subject, tmp_path / "results.jsonl")
    assert ended.code == 1
    assert "degenerate does NOT conform to base in jwt" in ended.out
    assert len(states) > 25
    assert [name for name, found in states.items() if not found & RED] == []
    assert not any(State.PASSED in found for found in states.values())


def test_the_same_declaration_with_honest_verdicts_conforms(bearerproof: CommandLine, tmp_path: Path) -> None:
    ended, states = judge(bearerproof, degenerate.honest, tmp_path / "results.jsonl")
    assert ended.code == 0
    assert [name for name, found in states.items() if State.PASSED not in found] == []


EVENTS = [degenerate.without_events, degenerate.with_each_event_twice, degenerate.with_an_event_for_everything]


@pytest.mark.parametrize("subject", EVENTS, ids=lambda subject: subject.__name__)
def test_events_without_decisions_are_found(
    bearerproof: CommandLine, tmp_path: Path, subject: Callable[[], Handle]
) -> None:
    ended, states = judge(bearerproof, subject, tmp_path / "results.jsonl", "-k", "FAIL-1.")
    assert (ended.code, states["FAIL-1"]) == (1, {State.FAILED})


def test_true_events_are_not_complained_of(bearerproof: CommandLine, tmp_path: Path) -> None:
    ended, states = judge(bearerproof, degenerate.with_true_events, tmp_path / "results.jsonl", "-k", "FAIL-1.")
    assert (ended.code, states["FAIL-1"]) == (0, {State.PASSED})
