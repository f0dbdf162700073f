"""Adapters that break the contract: each ends as one message that says what was due, and an exit code of its own."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bearerproof.contract import implementation as implementations
from bearerproof.contract.implementation import Implementation
from bearerproof.contract.messages import Outcome
from bearerproof.exceptions import AdapterFault, AdapterHung
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz.forge import Forge

from ..conftest import CommandLine
from .conftest import Misbehaving, Processes

Start = Callable[..., Implementation]

# What else an answer may be is read in test_messages.py, without a process.
BROKEN_CONTRACT = {
    "banner": "banners and logs belong on stderr",
    "exits-before-hello": "exit code 1); its stderr ends: cannot find my configuration",
    "wrong-protocol": "speaks protocol 2; this harness speaks protocol 1",
    "twice": "answered id 2 when id 3 was due (op verify)",
    "huge-line": "more than 4,194,304 bytes without a line end; one answer is one line",
    "wrong-id": "answered id 999999 when id 2 was due (op verify): answers must repeat the id",
    "not-utf-8": "a line that is not UTF-8",
}

WRONG_ANSWERS = {
    "dies": "(exit code 7)",
    "dies-by-signal": "(killed by SIGKILL)",
    "half-a-line": "(exit code 0)",
    "out-of-order": "gave no answer within 0.5 s",
    "hangs": "gave no answer within 0.5 s",
    "hangs-and-ignores-sigterm": "gave no answer within 0.5 s",
    "hangs-with-child": "gave no answer within 0.5 s",
    "accept-all": "a token with an altered signature is accepted",
    "reject-all": "an honest token has to be accepted, and is rejected",
    "skip-all": "the adapter skipped verify: not today",
    "error-all": "an honest token has to be accepted, and is errored: KeyError",
}

HARMLESS = ("well-behaved", "shouts-on-stderr")


def test_a_fault_tells_the_error_and_not_the_frames_below_it() -> None:
    trace = "Exception in thread main java.lang.NoSuchMethodError: read\n" + "\tat Library.read(Library.java:7)\n" * 40
    assert AdapterFault("ended", stderr=trace).describe().endswith("ends: " + trace.partition("\n")[0])


@pytest.mark.parametrize("mode", BROKEN_CONTRACT)
def test_a_broken_contract_is_a_fault_told_in_one_line(
    bearerproof: CommandLine, misbehaving: Misbehaving, processes: Processes, mode: str
) -> None:
    ended = bearerproof("smoke", "--timeout", 5, "--", *misbehaving(mode))
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith("bearerproof: ")
    assert BROKEN_CONTRACT[mode] in ended.err
    assert ended.err.count("\n") == 1
    assert processes.left_over() == []


@pytest.mark.parametrize("mode", WRONG_ANSWERS)
def test_a_wrong_answer_is_told_in_one_line(
    bearerproof: CommandLine, misbehaving: Misbehaving, processes: Processes, mode: str
) -> None:
    ended = bearerproof("smoke", "--timeout", 0.5, "--", *misbehaving(mode))
    assert (ended.code, ended.err) == (1, "")
    assert ended.out.startswith("wrong: ")
    assert WRONG_ANSWERS[mode] in ended.out
    assert ended.out.count("\n") == 1
    assert processes.left_over() == []


@pytest.mark.parametrize("mode", HARMLESS)
def test_a_working_adapter_is_told_to_work(
    bearerproof: CommandLine, misbehaving: Misbehaving, processes: Processes, mode: str
) -> None:
    ended = bearerproof("smoke", "--", *misbehaving(mode))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("misbehaving 1 (python) speaks protocol 1 at contract level 0: accepts honest tokens")
    assert processes.left_over() == []


def test_every_way_to_misbehave_is_tried(misbehaving: Misbehaving) -> None:
    tried = {*BROKEN_CONTRACT, *WRONG_ANSWERS, *HARMLESS, "never-says-hello", "flaky"}
    usage = subprocess.run(misbehaving("no-such-mode"), capture_output=True, text=True, check=False).stderr
    known = usage.partition("MODE is one of: ")[2].strip().split(", ")
    assert tried == set(known)


def test_an_adapter_that_never_says_hello_is_a_fault(
    started: Start, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(implementations, "START_SECONDS", 0.5)
    with pytest.raises(AdapterHung, match=r"gave no answer within 0\.5 s"):
        started("never-says-hello")
    assert processes.left_over() == []


@pytest.mark.parametrize("mode", ["out-of-order", "twice", "wrong-id"])
def test_answers_out_of_turn_are_a_fault_among_many(started: Start, mode: str) -> None:
    implementation = started(mode, 3, seconds=5)
    presented = Forge(implementation.declaration).base(Profile.JWT).presentation()
    assert implementation.verify(presented).outcome is Outcome.ACCEPTED
    with pytest.raises(AdapterFault, match="answers must repeat the id and come in the order of the requests"):
        implementation.verify_all([presented] * 5)


def test_a_fault_in_the_middle_ends_the_run_and_keeps_what_was_judged(
    bearerproof: CommandLine, misbehaving: Misbehaving, tmp_path: Path
) -> None:
    report = tmp_path / "results.jsonl"
    command = misbehaving("wrong-id", 60)
    ended = bearerproof("check", "-k", "VER-12", "--quick", "--report", report, "--", *command)
    assert ended.code == 3
    assert "fault: answered id 999999" in ended.out
    assert "misbehaving was NOT judged whole" in ended.out
    rows = [json.loads(line) for line in report.read_text().splitlines()]
    outcomes = [row["outcome"] for row in rows if row["type"] == "check"]
    assert outcomes.count("errored") == 1
    assert outcomes.count("passed") >= 3
    assert (rows[-1]["complete"], rows[-1]["exit"]) == (False, 3)
