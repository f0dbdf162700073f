"""Crashes and hangs: what recurs on a token is a finding, what does not is a fault, and neither ends a run."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from bearerproof.contract import implementation as implementations
from bearerproof.contract.connections import connect
from bearerproof.contract.implementation import MAX_RESTARTS, Implementation, PropertyEnded, Skipped
from bearerproof.contract.messages import Outcome, Request
from bearerproof.exceptions import AdapterCrashed, AdapterFault, AdapterHung
from bearerproof.judging.results import Record, State, tally
from bearerproof.judging.runner import RunOptions, run
from bearerproof.judging.settings import RunConfig
from bearerproof.judging.summaries import summary
from bearerproof.judging.verdicts import not_run, standings
from bearerproof.members import Json
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz.edits import registry
from bearerproof_fuzz.forge import Draft, Forge
from bearerproof_fuzz.suite import SUITE

from ..conftest import CommandLine
from .conftest import Misbehaving, Processes

Start = Callable[..., Implementation]

EDIT = "alg-none-unsigned-exact"


def drafts(implementation: Implementation) -> tuple[Draft, Draft]:
    """The honest base and the edited token that an adapter is made to fail on."""
    base = Forge(implementation.declaration).base(Profile.JWT)
    return base, registry.edits()[EDIT].apply(base)


@pytest.fixture
def mark() -> str:
    """What WHEN has to be for a fault at the edited token only: its header, which no honest token has."""
    honest, edited = drafts(Implementation(connect("reference")))
    header = edited.token().partition(".")[0]
    assert not honest.token().startswith(header)
    return f"@{header}"


def test_a_crash_that_recurs_on_a_token_is_a_finding(
    bearerproof: CommandLine, misbehaving: Misbehaving, processes: Processes, mark: str
) -> None:
    ended = bearerproof("check", "-v", "-k", EDIT, "--", *misbehaving("dies", mark))
    assert ended.code == 1
    assert f"VER-12.{EDIT}.jwt: crashed" in ended.out
    assert "crashed: ended with an answer due (exit code 7)" in ended.out
    assert "the implementation died of it" in ended.out
    assert "fault:" not in ended.out
    assert processes.left_over() == []


def test_a_hang_that_recurs_on_a_token_is_a_finding_with_its_token(
    bearerproof: CommandLine, misbehaving: Misbehaving, processes: Processes, mark: str
) -> None:
    ended = bearerproof("check", "-v", "-k", EDIT, "--timeout", 2, "--", *misbehaving("hangs", mark))
    assert ended.code == 1
    assert f"VER-12.{EDIT}.jwt: hung" in ended.out
    assert mark[1:] in ended.out
    assert "fault:" not in ended.out
    assert processes.left_over() == []


def test_a_crash_that_does_not_recur_is_a_fault_and_the_run_goes_on(
    bearerproof: CommandLine, misbehaving: Misbehaving, tmp_path: Path, mark: str
) -> None:
    ended = bearerproof("check", "-k", "alg-none-unsigned", "--", *misbehaving("flaky", mark, tmp_path / "marker"))
    assert ended.code == 3
    assert "checks        4 passed" in ended.out
    assert "fault: ended with an answer due (exit code 9), but answered when the same was" in ended.out
    assert "misbehaving was NOT judged whole" in ended.out


def test_after_three_hangs_the_rest_is_not_run(misbehaving: Misbehaving) -> None:
    config = RunConfig("", tuple(misbehaving("hangs", 1)), seconds=0.2, selection=("alg-none",))
    finished = run(SUITE, config, RunOptions())
    assert (finished.exit_code(), tally(finished.records)) == (1, {State.HUNG: 3, State.NOT_RUN: 7})
    told = str(summary(finished.facts()))
    assert "7 checks not run, left out after too many hangs or crashes" in told
    assert "does NOT conform to base in jwt (only -k alg-none): 1 requirement fails." in " ".join(told.split())


def test_what_was_left_out_has_not_failed() -> None:
    ended = {"VER-12": [State.HUNG, State.NOT_RUN], "VER-29": [State.PASSED, State.NOT_RUN], "VER-30": [State.PASSED]}
    records = [Record(name, name, "MUST", "jwt", state) for name, states in ended.items() for state in states]
    assert [str(standing) for standing in standings(records).values()] == ["fail", "unjudged", "conform"]
    assert not_run(records) == ["VER-29"]


def test_a_crash_among_many_loses_no_answer(started: Start, mark: str) -> None:
    implementation = started("dies", mark, seconds=5)
    honest, edited = (draft.presentation() for draft in drafts(implementation))
    answers = implementation.verify_all([honest, edited, honest, edited, honest])
    outcomes = [answer.outcome for answer in answers]
    accepted, crashed = Outcome.ACCEPTED, Outcome.CRASHED
    assert outcomes == [accepted, crashed, accepted, crashed, accepted]
    assert implementation.troubles == []


class Scripted:
    """A connection that answers as scripted: a message, or a failure to raise."""

    def __init__(self, script: Iterator[Json | Exception]) -> None:
        self.script = script
        self.restarts = 0
        self.asked: list[Request] = []

    def ask(self, requests: Sequence[Request], seconds: float) -> Iterator[Json]:  # noqa: ARG002 - never waits
        for request in requests:
            self.asked.append(request)
            answer = HELLO if request["op"] == "hello" else next(self.script)
            if isinstance(answer, Exception):
                raise answer
            yield {"id": 0, **answer}

    max_line: int | None = None

    def restart(self) -> None:
        self.restarts += 1

    def close(self) -> None:
        pass


HELLO: Json = {
    "protocol": 1,
    "level": 0,
    "profiles": ["jwt"],
    "capabilities": {"algorithms": ["HS256"]},
    "implementation": {"name": "scripted", "version": "1", "language": "none"},
}
ACCEPTED: Json = {"verdict": "accepted"}


def scripted(*script: Json | Exception) -> tuple[Scripted, Implementation]:
    connection = Scripted(iter(script))
    return connection, Implementation(connection)


def test_a_restart_says_hello_and_configures_again() -> None:
    connection, implementation = scripted({"configured": True}, AdapterCrashed("died"), {"configured": True}, ACCEPTED)
    implementation.configure({"sink": "memory"})
    implementation.verify(drafts(implementation)[0].presentation())
    assert [request["op"] for request in connection.asked[-5:]] == [
        "configure",
        "verify",
        "hello",
        "configure",
        "verify",
    ]
    assert connection.restarts == 1


@pytest.mark.parametrize("undone", [{"reset": False}, {"errored": {"message": "no"}}])
def test_a_reset_that_is_not_done_ends_the_run(undone: Json) -> None:
    scripted({"reset": True})[1].reset()  # the control
    with pytest.raises(AdapterFault, match="reset: "):
        scripted(undone)[1].reset()


@pytest.mark.parametrize("op", ["reset", "stats", "configure"])
def test_what_is_skipped_is_kept_in_the_adapters_words(op: str) -> None:
    _, implementation = scripted({"skipped": "none here"}, {"reset": True})
    with pytest.raises(Skipped, match=f"the adapter skipped {op}: none here"):
        getattr(implementation, op)(*([{}] if op == "configure" else []))
    assert implementation.skips == [f"{op}: none here"]
    implementation.begin_property()
    assert implementation.skips == []


def test_a_usual_configuration_that_cannot_be_set_up_again_ends_the_run() -> None:
    _, implementation = scripted({"skipped": "none here"}, {"configured": True}, {"skipped": "none here"})
    with pytest.raises(Skipped):
        implementation.configure({"sink": "raises"})
    implementation.restore({"sink": "memory"})  # nothing was set up, so there is nothing to bring back
    implementation.configure({"sink": "raises"})
    with pytest.raises(AdapterFault, match="the usual configuration cannot be set up again: none here"):
        implementation.restore({"sink": "memory"})


def test_a_hang_that_does_not_recur_is_a_trouble() -> None:
    _, implementation = scripted(AdapterHung("hung"), ACCEPTED)
    answer = implementation.verify(drafts(implementation)[0].presentation())
    assert answer.outcome is Outcome.ACCEPTED
    assert implementation.troubles == ["hung, but answered when the same was asked again"]
    assert implementation.hangs == 1


def test_a_property_is_ended_after_twenty_restarts_and_the_next_begins_anew() -> None:
    _, implementation = scripted(*[AdapterCrashed("died")] * (MAX_RESTARTS + 3))
    token = drafts(implementation)[0].presentation()
    for _ in range(MAX_RESTARTS // 2):  # each recurring crash costs two restarts
        assert implementation.verify(token).outcome is Outcome.CRASHED
    with pytest.raises(PropertyEnded, match="more than 20 restarts within one property"):
        implementation.verify(token)
    implementation.begin_property()
    assert implementation.verify(token).outcome is Outcome.CRASHED


def test_an_adapter_that_does_nothing_but_crash_is_given_up(
    misbehaving: Misbehaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(implementations, "MAX_RUN_RESTARTS", 3)
    finished = run(SUITE, RunConfig("", tuple(misbehaving("dies", 1)), selection=("alg-none",)), RunOptions())
    assert "checks not run, left out after too many hangs or crashes" in str(summary(finished.facts()))
    assert finished.exit_code() == 1
