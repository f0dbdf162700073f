"""Every group of requirements turns red for an implementation that decides nothing."""

import json
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from bearerproof.contract.connections import Handle, InProcess
from bearerproof.contract.implementation import Implementation
from bearerproof.judging.baselines import STAND_INS, stand_in
from bearerproof.judging.results import RED, State
from bearerproof.judging.runner import RunOptions, run
from bearerproof.judging.settings import QUICK, RunConfig
from bearerproof.specification.catalogue import Profile, requirement
from bearerproof_fuzz.commands import faultrun
from bearerproof_fuzz.faults.degenerate import DEGENERATES
from bearerproof_fuzz.suite import SUITE
from bearerproof_reference.adapter import create as reference

from ..conftest import CommandLine, Ended
from . import degenerate


def judge(
    run: CommandLine, subject: Callable[[], Handle], report: Path, *options: str
) -> tuple[Ended, dict[str, set[State]]]:
    """Run the suite on a subject; return how it ended, and the states of each requirement's checks."""
    target = f"python:{degenerate.__name__}:{subject.__name__}"
    ended = run("check", target, "--quick", "--no-baselines", "--report", report, *options)
    states: dict[str, set[State]] = defaultdict(set)
    for row in map(json.loads, report.read_text().splitlines()):
        if row["type"] == "check":
            states[row["requirement"]].add(State(row["outcome"]))
    return ended, states


VERDICTS = [degenerate.accept_all, degenerate.reject_all, degenerate.error_all]


@pytest.mark.parametrize("subject", VERDICTS, ids=lambda subject: subject.__name__)
def test_no_requirement_lets_a_constant_pass(subject: Callable[[], Handle]) -> None:
    """The suite itself is run: ``check`` judges nobody who refuses all that is honest, and says so."""
    config = RunConfig(target=subject.__name__, depth=QUICK)
    finished = run(SUITE, config, RunOptions(report_findings=False), started=Implementation(InProcess(subject)))
    states: dict[str, set[State]] = defaultdict(set)
    for record in finished.records:
        states[record.requirement].add(record.state)
    assert (finished.exit_code(), finished.fault) == (1, None)
    assert finished.facts().verdict.startswith("degenerate does NOT conform to base in jwt")
    assert len(states) > 25
    binding = {name: found for name, found in states.items() if not requirement(name).observed}
    # Where a part is accepted by itself, what is combined with it is not judged.
    assert [name for name, found in binding.items() if not found & {*RED, State.NOT_APPLICABLE}] == []
    assert len([name for name, found in binding.items() if found & RED]) > 25
    assert not any(State.PASSED in found for found in binding.values())


@pytest.mark.parametrize(
    ("subject", "code", "told"),
    [
        (degenerate.accept_all, 1, "degenerate does NOT conform to base in jwt"),
        (degenerate.reject_all, 3, "nothing was judged. It refused 7 of 7 honest tokens."),
        (degenerate.error_all, 3, "nothing was judged. It "),
    ],
    ids=["accept_all", "reject_all", "error_all"],
)
def test_a_constant_is_no_conformity_to_the_command(
    bearerproof: CommandLine, tmp_path: Path, subject: Callable[[], Handle], code: int, told: str
) -> None:
    ended, states = judge(bearerproof, subject, tmp_path / "results.jsonl", "-k", "VER-12.")
    assert ended.code == code
    assert told in " ".join(ended.out.split())
    assert "conforms" not in ended.out
    assert State.PASSED not in set().union(*states.values())


def test_what_is_always_skipped_is_never_red_and_proves_nothing(bearerproof: CommandLine, tmp_path: Path) -> None:
    ended, states = judge(bearerproof, degenerate.skip_all, tmp_path / "results.jsonl")
    assert ended.code == 3
    assert set().union(*states.values()) == {State.NOT_APPLICABLE}
    assert "degenerate was NOT judged by base in jwt (a quick look" in ended.out
    assert re.search(r"skipped by the adapter in \d+ checks, in its words:\n +\d+  verify: not today\n", ended.out)


def test_the_same_declaration_with_honest_verdicts_conforms(bearerproof: CommandLine, tmp_path: Path) -> None:
    ended, states = judge(bearerproof, degenerate.honest, tmp_path / "results.jsonl")
    assert ended.code == 0
    silent = [name for name, found in states.items() if State.PASSED not in found]
    assert [name for name in silent if not name.startswith("RS-")] == []  # it is no resource server


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


# --- key servers

KEY_SERVER = (Profile.KEY_SERVER,)

RIGHTLY_PASSED = {
    "reject-all": [],
    "accept-all": [
        "EXC-17.no-throttle-is-none.key-server",
        "HTTP-19.nothing-to-revoke-is-success.key-server",
        "LIM-12.zero-is-no-limit.key-server",
    ],
}
"""Checks that a server passes by deciding nothing, since what they require is that nothing is refused."""


@pytest.mark.parametrize("name", STAND_INS)
def test_no_check_of_a_key_server_passes_because_nothing_happened(name: str) -> None:
    hello = Implementation(InProcess(lambda: reference().handle)).hello
    started = Implementation(InProcess(lambda: stand_in(hello, STAND_INS[name])))
    config = RunConfig(target=name, profiles=KEY_SERVER, depth=QUICK)
    finished = run(SUITE, config, RunOptions(report_findings=False), started=started)
    passed = sorted(record.id for record in finished.records if record.state is State.PASSED)
    assert len(finished.records) > 300
    assert passed == RIGHTLY_PASSED[name]
    assert finished.fault is None
    assert [trouble for trouble in finished.troubles if "this busy machine" not in trouble] == []


def test_a_degenerate_key_server_is_caught_in_every_family_that_can_see_it() -> None:
    """The quickest to judge of all that ``bearerproof prove`` judges."""
    judged = faultrun.judge_degenerate("reject-all", KEY_SERVER)
    expected = DEGENERATES["reject-all"].seen_by & {"LIFE", "TOK", "EXC", "POL", "REV", "HTTP"}
    assert expected
    assert expected <= set(judged.failed_in)
    assert judged.exit_code == 1
