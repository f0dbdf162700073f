"""What a person reads: help, explanations, failures, summaries, and the messages beside the exit codes."""

import re
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from bearerproof import __version__
from bearerproof.contract.connections import connect
from bearerproof.contract.implementation import Implementation
from bearerproof.judging.results import Record, State
from bearerproof.judging.settings import DEFAULT, EXAMPLES, Scope
from bearerproof.judging.summaries import Facts, summary
from bearerproof.judging.verdicts import Circumstances
from bearerproof.specification.catalogue import Measure, Profile

from ..conftest import ROOT, CommandLine, Ended
from ..harness import degenerate

ACCEPTING = f"python:{degenerate.__name__}:accept_all"
HONEST = f"python:{degenerate.__name__}:honest_in_little"


def shown(ended: Ended) -> str:
    """How a command ended, as one text without what differs from version to version or from line to line."""
    parts = [f"exit code {ended.code}", "--- stdout", ended.out, "--- stderr", ended.err]
    text = "\n".join(line.rstrip() for line in "\n".join(parts).splitlines())
    counted = re.sub(r"\b\d+ vectors\b|\d+(?= clauses, attacks)|\d+(?= excluded)", "N", text)
    named = re.sub(
        r"bearerproof-reference [\w.]+ \(", "bearerproof-reference VERSION (", counted
    )  # 0 where not installed
    return re.sub(r"spec\s+[0-9a-f]{8}", "spec DIGEST", named.replace(__version__, "VERSION"))


@pytest.mark.parametrize("command", ["", "check", "smoke", "explain", "replay", "prove", "vectors"])
def test_help(bearerproof: CommandLine, snapshot: SnapshotAssertion, command: str) -> None:
    assert shown(bearerproof(*command.split(), "--help")) == snapshot


@pytest.mark.parametrize("requirement_id", ["HINT-1", "VER-12"])
def test_explanation(
    bearerproof: CommandLine, snapshot: SnapshotAssertion, requirement_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    text = shown(bearerproof("explain", requirement_id))
    assert re.sub(r"(\.py|\.toml):[0-9]+$", r"\1:N", text, flags=re.MULTILINE) == snapshot


def test_index_of_requirements(bearerproof: CommandLine, snapshot: SnapshotAssertion) -> None:
    assert shown(bearerproof("explain")) == snapshot


def test_version(bearerproof: CommandLine, snapshot: SnapshotAssertion) -> None:
    assert shown(bearerproof("--version")) == snapshot


@pytest.mark.parametrize("subject", ["accept_all", "reject_all", "error_all"])
def test_failure(bearerproof: CommandLine, snapshot: SnapshotAssertion, subject: str) -> None:
    ended = bearerproof("check", ACCEPTING.replace("accept_all", subject), "-k", "alg-none-without-kid")
    assert shown(ended) == snapshot


def test_replayed_vector(bearerproof: CommandLine, snapshot: SnapshotAssertion) -> None:
    assert shown(bearerproof("replay", "VER-12.alg-none-without-kid", ACCEPTING)) == snapshot


@pytest.mark.parametrize("subject", ["honest", "accept_all", "reject_all", "skip_all", "error_all"])
def test_smoke(bearerproof: CommandLine, snapshot: SnapshotAssertion, subject: str) -> None:
    assert shown(bearerproof("smoke", ACCEPTING.replace("accept_all", subject))) == snapshot


MISTAKES = {
    "wrong-flag": "check --profiles jwt",
    "wrong-value": "check --level 4",
    "unknown-command": "chekc",
    "unknown-requirement": "explain VRE-12",
    "unknown-vector": "vectors alg-nonne",
    "unknown-implementation": "check refrence",
    "unknown-check": "check -k alg-nonne",
    "more-than-declared": "check pyjwt --level 2",
    "missing-command": "check --",
    "command-not-found": "check -- ./no-such-adapter",
    "name-and-command": "check pyjwt -- ./my-adapter",
    "missing-file": "check --expect no-such-file.toml",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake(bearerproof: CommandLine, snapshot: SnapshotAssertion, mistake: str) -> None:
    assert shown(bearerproof(*MISTAKES[mistake].split())) == snapshot


EXPECTATIONS = {
    "invalid": '[[expectation]]\nrequirment = "VER-12"\nprofile = "jwtt"\n',
    "placeholder": (
        'format = 2\n[[expectation]]\nrequirement = "VER-12"\nchecks = ["alg-*"]\n'
        'reason = "say why this is accepted: failed"\n'
    ),
    "stale": 'format = 1\n[[expectation]]\nrequirement = "VER-12"\nreason = "the gateway refuses it"\n',
}


@pytest.mark.parametrize("fault", EXPECTATIONS)
def test_expectations(
    bearerproof: CommandLine, snapshot: SnapshotAssertion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(EXAMPLES, DEFAULT, 1)  # only a whole run is asked what is stale
    Path("expectations.toml").write_text(EXPECTATIONS[fault])
    ended = bearerproof("check", HONEST, "--no-baselines", "--expect", "expectations.toml")
    told = [line for line in ended.out.splitlines() if line.startswith("stale")]
    err = re.sub(r"^\d+ of \d+ checks in .*\n", "", ended.err)
    assert shown(ended._replace(out="\n".join(told), err=err)) == snapshot


def record(name: str, state: State, reason: str | None = None) -> Record:
    requirement_id, _, profile = name.partition(" ")
    return Record(f"{requirement_id}.some-edit.{profile}", requirement_id, "MUST", profile, state, reason)


RECORDS = [
    *[record(f"VER-{number} jwt", State.PASSED) for number in range(1, 21)],
    record("VER-29 jwt", State.FAILED),
    record("VER-30 jwt", State.EXPECTED, "the gateway refuses it"),
    record("VER-34 jwt", State.UNTESTABLE),
    record("VER-37 jwt", State.NOT_APPLICABLE, "the implementation does not declare option:typ"),
    record("IDT-2 id-token", State.WARNED),
    record("IDT-4 id-token", State.CRASHED),
    record("KEY-2 jwt", State.HUNG),
    record("KEY-4 jwt", State.NOT_RUN),
]

RUNS = {
    "red": RECORDS,
    "green": [each for each in RECORDS if each.state is State.PASSED],
    "errored": [record("VER-1 jwt", State.PASSED), record("VER-2 jwt", State.ERRORED, "KeyError: 'alg'")],
    "none": [],
}


@pytest.mark.parametrize("run", RUNS)
def test_summary(snapshot: SnapshotAssertion, run: str) -> None:
    declaration = Implementation(connect("reference")).declaration
    scope = Scope(Measure.STRICT, (Profile.JWT, Profile.ID_TOKEN), 2)
    troubles = ["it died (exit code 9)"] * 2 if run == "errored" else ()
    partial = "only -k VER" if run == "green" else None
    facts = Facts(
        RUNS[run],
        declaration,
        scope,
        troubles=troubles,
        exit_code={"red": 1, "green": 0}.get(run, 3),
        circumstances=Circumstances(partial, judged=not troubles and run != "none"),
    )
    assert shown(Ended(0, str(summary(facts)), "")) == snapshot
