"""A key server in its world: what is asked of it, and findings that are the same in every run."""

import json
import sys
from pathlib import Path

import pytest

from bearerproof.contract.connections import Handle, InProcess
from bearerproof.contract.decisions import Decision
from bearerproof.contract.implementation import Implementation, Skipped
from bearerproof.contract.messages import Outcome
from bearerproof.judging.judgement import Finding, Nonconforming, Untestable
from bearerproof.judging.results import finding_as_dict, line
from bearerproof.judging.trial import Trial
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure, Profile, requirement
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.race_requests import authenticate
from bearerproof_fuzz.keyserver.race_requests import exchange as racing
from bearerproof_fuzz.keyserver.setting import DEFAULT
from bearerproof_reference.adapter import create

from ..conftest import CommandLine

ADAPTER = Path(__file__).parents[1] / "adapters" / "keyserver_adapter.py"


def answering(op: str, raw: Json) -> Handle:
    """The reference, but for its answer to one operation."""
    handle = create().handle
    return lambda request: {"id": request["id"], **raw} if request["op"] == op else handle(request)


def server(handle: Handle | None = None) -> KeyServerDriver:
    implementation = Implementation(InProcess(lambda: create().handle if handle is None else handle))
    return KeyServerDriver(Trial(implementation, requirement("TOK-6"), Profile.KEY_SERVER, Measure.STRICT, 3))


def finding_of(play: KeyServerDriver) -> Finding:
    """The finding of a course in which everything that a server makes up occurs."""
    first, second = play.issue(), play.issue("bob", "tools:x")
    play.admitted(first, "a", "x")
    raced = play.race([racing(play.subject_token("carol")), authenticate(first.bearer)])
    play.revoke(first.jti)
    play.authenticate(str(raced[0].members["access_token"]))
    play.http("GET", "/resource/a/x", [("Authorization", f"Bearer {second.bearer}")])
    with pytest.raises(Nonconforming) as ended:
        play.left(play.revoke_all("bob"), {"token_jti": second.jti, "reason": second.jti}, summary=second.bearer)
    return ended.value.finding


def test_two_runs_find_the_same_to_the_byte_though_the_server_makes_up_other_names() -> None:
    first, second = (line(finding_as_dict(finding_of(server()))) for _ in range(2))
    assert first == second
    assert "bprf_" not in first


def test_a_finding_names_what_was_made_up_by_the_step_that_made_it() -> None:
    finding = finding_of(server())
    assert [step["op"] for step in finding.steps] == [
        "configure",
        "exchange",
        "exchange",
        "authenticate",
        "race",
        "revoke",
        "authenticate",
        "http",
        "revoke",
    ]
    assert finding.summary == "<access_token of step 3>"
    assert finding.expected == 'events [{"token_jti": "<jti of step 3>", "reason": "<jti of step 3>"}]'
    assert finding.steps[3]["bearer"] == "<access_token of step 2>"
    assert finding.steps[4]["requests"][1]["bearer"] == "<access_token of step 2>"
    assert finding.steps[5]["jti"] == "<jti of step 2>"
    assert finding.steps[6]["bearer"] == "<access_token of racer 1 of step 5>"
    assert finding.steps[7]["headers"] == [["Authorization", "Bearer <access_token of step 3>"]]
    assert finding.events[0]["token_jti"] == "<jti of step 3>"


def test_a_short_made_up_name_stays_as_it_is_since_it_may_be_any_word() -> None:
    play = server(answering("exchange", {"granted": {"access_token": "exchange", "jti": "1"}}))
    play.issue()
    assert play.shown({"op": "exchange", "n": "1"}) == {"op": "exchange", "n": "1"}


def test_what_is_different_in_every_run_of_ours_has_a_stand_in_too() -> None:
    implementation = Implementation(InProcess(lambda: create().handle))
    trial = Trial(implementation, requirement("TOK-6"), Profile.KEY_SERVER, Measure.STRICT, 3)
    play = KeyServerDriver(trial, stand_ins={"http://127.0.0.1:40123/keys": "<our URL>"})
    assert play.shown(["http://127.0.0.1:40123/keys"]) == ["<our URL>"]


def test_what_has_to_be_and_is_not_leaves_the_check_untestable() -> None:
    with pytest.raises(Untestable, match="a sound configuration is refused: expected configured, got rejected"):
        server(answering("configure", {"configured": False}))
    with pytest.raises(Untestable, match="an honest exchange is refused: expected granted, got rejected"):
        server(answering("exchange", {"refused": "invalid_request"})).issue()
    kept_out = server(answering("authenticate", {"verdict": "rejected", "reason": "unavailable"}))
    with pytest.raises(Untestable, match="an honest bearer is refused: expected accepted, got rejected"):
        kept_out.admitted(kept_out.issue())


def test_a_skip_is_not_applicable_and_an_error_is_a_finding() -> None:
    with pytest.raises(Skipped, match="the adapter skipped reap: not today"):
        server(answering("reap", {"skipped": "not today"})).reap()
    with pytest.raises(Nonconforming, match=r"reap errored: expected a decision, got errored \(KeyError\)"):
        server(answering("reap", {"errored": {"message": "KeyError"}})).reap()


@pytest.mark.parametrize(
    ("decision", "fits"),
    [
        (Decision(Outcome.REJECTED, "invalid_scope"), True),
        (Decision(Outcome.REJECTED, "invalid_target"), True),
        (Decision(Outcome.REJECTED, "invalid_request"), False),
        (Decision(Outcome.ACCEPTED), False),
    ],
)
def test_a_refusal_is_due_with_one_of_its_codes(decision: Decision, fits: bool) -> None:
    play = server()
    if fits:
        play.refused(decision, ["invalid_scope", "invalid_target"], "x")
        return
    with pytest.raises(Nonconforming, match="x: expected refused: invalid_scope or invalid_target, got "):
        play.refused(decision, ["invalid_scope", "invalid_target"], "x")


@pytest.mark.parametrize(
    ("expected", "fits"),
    [
        ([{"event": "a", "jti": "1"}, {"event": "b"}], True),
        ([{"event": "a", "reason": None}, {}], True),
        ([{"event": "b"}, {"event": "a"}], False),
        ([{"event": "a"}], False),
        ([{"event": "a"}, {"event": "b"}, {"event": "b"}], False),
        ([{"event": "a", "jti": None}, {}], False),
        ([], False),
    ],
)
def test_just_the_events_that_are_due_may_be_left(expected: list[Json], fits: bool) -> None:
    decision = Decision(Outcome.ACCEPTED, events=({"event": "a", "jti": "1"}, {"event": "b"}))
    if fits:
        server().left(decision, *expected, summary="x")
        return
    with pytest.raises(Nonconforming, match="x: expected events "):
        server().left(decision, *expected, summary="x")


def test_both_clocks_go_on_while_time_goes_by_and_one_when_it_is_set() -> None:
    play = server()
    play.wait(1.5)
    play.step_wall_clock(-3600)
    play.reap()
    assert (play.steps[-1]["now"], play.steps[-1]["tick"]) == (DEFAULT.now + 1.5 - 3600, 1.5)


def test_a_server_by_other_hands_conforms_to_base(bearerproof: CommandLine, tmp_path: Path) -> None:
    report = tmp_path / "results.jsonl"
    ended = bearerproof("check", "--quick", "--no-baselines", "--report", report, "--", sys.executable, ADAPTER)
    rows = [json.loads(row) for row in report.read_text("utf-8").splitlines()]
    verdict = (
        "keys over stdio conforms to base in key-server (a quick look: each requirement in one profile), "
        "as far as judged: 11 of 24 requirements."
    )
    assert (ended.code, rows[-1]["verdict"]) == (0, verdict)
    assert " ".join(ended.out.split()).endswith(verdict)
    checks = [row for row in rows if row["type"] == "check"]
    assert {row["outcome"] for row in checks} == {"passed", "not-applicable"}
    judged = {row["requirement"] for row in checks if row["outcome"] == "passed"}
    unjudged = {row["requirement"] for row in checks} - judged
    assert (len(judged), {name.partition("-")[0] for name in unjudged}) == (11, {"HTTP"})
