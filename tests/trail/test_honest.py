"""Nobody honest is accused: whatever replicas, threads, restarts, clocks and collectors make of a trail."""

import json
from pathlib import Path

import pytest

from bearerproof.trail import Options, Preset, Rule, Verdict, prove, prove_lines

from . import honest
from .trails import ALICE, Server, at, jti, lived, text, unjudged, violated


def test_honest_trails_are_not_accused() -> None:
    """The long form: ``python -m tests.trail.honest 10000``."""
    events, undecided = honest.run(300)
    assert events > 3000
    assert undecided < events


def named(events: list[dict[str, object]], origin: str) -> list[dict[str, object]]:
    return [{**event, "origin": origin} for event in events]


def two() -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Two servers at the same time, each with its own tokens."""
    first, second = Server().issue(1).use(1).use(1).use(1), Server()
    second.now = 0.5
    return first.events, second.issue(2).use(2).use(2).events


def merged(*trails: list[dict[str, object]]) -> list[str]:
    return text(
        sorted((event for trail in trails for event in trail), key=lambda event: str(event["occurred_at"]))
    ).splitlines()


def test_two_servers_in_one_file_are_two_servers() -> None:
    first, second = two()
    report = prove_lines(merged(first, second))
    assert (report.verdict, violated(report)) == (Verdict.TRUTHFUL, {})
    assert Rule.EXACTLY_ONCE in unjudged(report)
    report = prove_lines(merged(named(first, "a"), named(second, "b")))
    assert (report.verdict, violated(report), unjudged(report), report.runs) == (Verdict.TRUTHFUL, {}, {}, 2)


@pytest.mark.parametrize("names", [("a", "b"), ("", "")])
def test_a_gap_and_a_repetition_are_found_among_two_servers(names: tuple[str, str]) -> None:
    events = [named(trail, name) if name else trail for name, trail in zip(names, two(), strict=True)]
    lost = prove_lines(merged(events[0][:1] + events[0][2:], events[1]))
    assert violated(lost)
    assert set(violated(lost)) <= {Rule.NOTHING_LOST, Rule.EXACTLY_ONCE}
    assert violated(prove_lines(merged(events[0], events[1], [events[0][-1]] * 2)))[Rule.EXACTLY_ONCE]


def test_files_are_read_in_the_order_of_time(tmp_path: Path) -> None:
    """A shell's ``audit.jsonl*`` names the newest first."""
    lines = text(lived().events).splitlines(keepends=True)
    names = []
    for number, part in enumerate((lines[8:], lines[4:8], lines[:4])):
        names.append(str(tmp_path / f"audit.{number}"))
        Path(names[-1]).write_text("".join(part))
    report = prove(names)
    assert (report.verdict, violated(report), unjudged(report)) == (Verdict.TRUTHFUL, {}, {})
    assert [Path(file.name).name for file in report.files] == ["audit.2", "audit.1", "audit.0"]


def test_a_bulk_revocation_may_overtake_the_line_of_an_issue() -> None:
    """The two events are one instant apart at most; what is used later is used after its revocation all the same."""
    server = Server().revoke(1).issue(1, seconds=0)
    report = prove_lines(text(server.events).splitlines())
    assert (violated(report), list(unjudged(report))) == ({}, [Rule.REVOKED_WAS_LIVE])
    report = prove_lines(text(server.use(1, seconds=290).events).splitlines())
    assert violated(report) == {Rule.NO_USE_AFTER_REVOCATION: 1}


def docker(text: str) -> str:
    return json.dumps({"log": text, "stream": "stdout", "time": "2027-01-15T08:00:00.1Z"})


LONG = json.dumps({**Server().issue().events[0], "identity": {**ALICE, "groups": ["g" * 250] * 80}})
CUT = [docker(LONG[:16384]), docker(LONG[16384:] + "\n")]
CUT_BY_CRI = [f"2027-01-15T08:00:00.1Z stdout P {LONG[:16384]}", f"2027-01-15T08:00:00.1Z stdout F {LONG[16384:]}"]


@pytest.mark.parametrize("pieces", [CUT, CUT_BY_CRI], ids=["docker", "cri"])
def test_a_line_that_a_collector_cut_is_put_together(pieces: list[str]) -> None:
    report = prove_lines(pieces)
    assert (report.verdict, report.lines.events, report.lines.cut) == (Verdict.TRUTHFUL, {"token.issued": 1}, 1)
    other = docker("another stream\n").replace("stdout", "stderr")
    assert prove_lines([pieces[0], other, pieces[1]]).verdict is Verdict.TRUTHFUL
    damaged = prove_lines(pieces, Options(preset=Preset.PLAIN))
    assert damaged.verdict is Verdict.NOT_JUDGED


@pytest.mark.parametrize("pieces", [CUT, CUT_BY_CRI], ids=["docker", "cri"])
def test_a_piece_that_is_missing_is_the_collector_s_doing(pieces: list[str]) -> None:
    rest = [docker(line + "\n") for line in text(Server().invalid().invalid().events).splitlines()]
    for lines in (pieces[:1], [*pieces[:1], *rest], [*rest, *pieces[:1]]):
        report = prove_lines(lines)
        assert (report.verdict, violated(report), report.lines.unrecognised) == (Verdict.NOT_JUDGED, {}, 1)


@pytest.mark.parametrize("digits", range(10))
def test_an_instant_has_up_to_nine_decimals(digits: int) -> None:
    """Times that are cut say no more than they say: a use at the cut expiry may have been before it."""
    fraction = f".{'0' * digits}" if digits else ""
    line = text(Server().issue(ttl=60).use(seconds=60).events).replace(".000000Z", f"{fraction}Z")
    report = prove_lines(line.splitlines())
    assert violated(report) == ({} if digits < 6 else {Rule.NO_USE_AFTER_EXPIRY: 1})
    assert (report.first or "").startswith(at(1)[:-1])


def test_a_token_s_life_on_several_hosts_is_judged_by_time() -> None:
    """A use on one host and the revocation on another, in whichever order their lines are read."""
    first, second = Server().issue(), Server()
    second.now = 200.0
    use = named(second.use().events, "b")
    revoke = named(first.revoke(seconds=100).events, "a")
    for events in ((*revoke, *use), (*use, *revoke)):
        assert violated(prove_lines(text(list(events)).splitlines())) == {Rule.NO_USE_AFTER_REVOCATION: 1}
        loose = prove_lines(text(list(events)).splitlines(), Options(skew=200))
        assert violated(loose) == {}
        assert Rule.NO_USE_AFTER_REVOCATION in unjudged(loose)
    assert jti(1) in text(use)
