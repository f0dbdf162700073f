"""The kill matrix: what counts as a kill, and when nothing counts."""

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from bearerproof.specification.catalogue import requirements
from bearerproof_fuzz.commands import faultrun, matrix
from bearerproof_fuzz.commands.faultrun import Attempt, Fate, Proof
from bearerproof_fuzz.faults import faults, find
from bearerproof_fuzz.faults.registry import seeded
from bearerproof_reference.adapter import keyserver

from ..conftest import CommandLine

KILLED = tuple(Attempt(f"fault-of-{name.lower()}", name, Fate.KILLED, (name,)) for name in requirements())
COMPLETE = Proof(KILLED, reference_passes=True, control_dies=True)


def test_a_fault_dies_by_its_own_requirement_and_leaves_the_reference_as_it_was() -> None:
    tried = faultrun.attempt("crit-ignored", None)
    assert (tried.fate, tried.seen_by) == (Fate.KILLED, ("VER-17",))
    assert tried.tokens > 0
    assert faultrun.attempt("size-compared-after-decoding", None).fate is Fate.EQUIVALENT
    assert faultrun.attempt("crit-ignored", 7).fate is Fate.KILLED


def test_the_control_of_a_named_fault_asks_what_is_to_kill_it() -> None:
    assert faultrun._reference_passes(("VER-17", "VER-2"))
    with seeded(find("crit-ignored")):
        assert not faultrun._reference_passes(("VER-17",)), "a reference that fails them makes no death a fault's own"
        assert faultrun._reference_passes(("VER-2",)), "what else it fails has no part in that"


def test_a_kill_before_anything_is_drawn_stands_for_every_seed() -> None:
    tried = faultrun.attempts("crit-ignored", 5)
    assert len(tried) == 5
    assert not any(attempt.drawn for attempt in tried)
    assert len(set(tried)) == 1


def test_a_kill_by_a_generated_example_is_tried_under_each_seed() -> None:
    tried = faultrun.attempts("jku-followed", 2)
    assert all(attempt.fate is Fate.KILLED for attempt in tried)
    assert all(attempt.drawn for attempt in tried)


def test_the_table_of_seeds_tells_median_and_misses() -> None:
    row = [
        Attempt("one", "VER-1", Fate.KILLED, tokens=3),
        Attempt("one", "VER-1", Fate.KILLED, tokens=5),
        Attempt("one", "VER-1", Fate.SURVIVED, tokens=900),
    ]
    other = [Attempt("two", "VER-2", Fate.KILLED, tokens=2, drawn=False)] * 3
    equivalent = [Attempt("three", "VER-2", Fate.EQUIVALENT)] * 3
    lines = matrix.render_seeds([row, other, equivalent]).splitlines()
    assert lines[1].split() == ["one", "VER-1", "4", "5", "1"]
    assert lines[2].split() == ["two", "VER-2", "2", "2", "0"]
    assert lines[-1] == "2 faults under 3 seeds each: 1 misses. 1 of them die before anything is drawn from the seed."


def test_a_proof_with_every_requirement_falsified_is_complete() -> None:
    assert COMPLETE.complete
    assert "The proof is complete." in matrix.render(COMPLETE)


def test_faults_that_need_an_extra_keep_the_proof_open_and_say_what_brings_it() -> None:
    rest = tuple(attempt for attempt in KILLED if not attempt.requirement.startswith("HTTP-"))
    partial = replace(COMPLETE, attempts=rest, untried=158)
    assert (partial.complete, partial.exit_code) == (False, 3)
    report = matrix.render(partial)
    assert f"158 of {len(rest) + 158} faults not tried: python -m pip install 'bearerproof[server]'" in report
    assert "The proof is NOT complete." in report
    survivor = Attempt("another", "VER-1", Fate.SURVIVED)
    assert replace(partial, attempts=(*rest, survivor)).exit_code == 1


def test_without_the_binding_its_faults_are_not_tried(
    monkeypatch: pytest.MonkeyPatch, bearerproof: CommandLine
) -> None:
    monkeypatch.setitem(keyserver.CAPABILITIES, "http", False)
    tried, untried = faultrun.chosen([])
    assert len(tried) + untried == len(faults())
    assert {find(name).requirement_id.partition("-")[0] for name in set(faults()) - set(tried)} == {
        "HTTP",
        "LIFE",
        "EXC",
    }
    ended = bearerproof("prove", "query-told-with-the-token-id")
    assert (ended.code, ended.out) == (3, "")
    assert "query-told-with-the-token-id cannot be tried without the HTTP binding: python -m pip" in ended.err


@pytest.mark.parametrize(("passes", "dies"), [(False, True), (True, False)])
def test_a_failed_control_voids_everything(passes: bool, dies: bool) -> None:
    void = Proof(KILLED, reference_passes=passes, control_dies=dies)
    assert void.void
    assert not void.complete
    assert "VOID" in matrix.render(void)


@pytest.mark.parametrize("fate", [Fate.SURVIVED, Fate.COLLATERAL, Fate.BROKEN])
def test_one_fault_that_does_not_die_as_it_should_makes_the_proof_incomplete(fate: Fate) -> None:
    spoilt = replace(COMPLETE, attempts=(*KILLED, Attempt("another", "VER-1", fate, detail="why")))
    assert not spoilt.complete
    assert f"another (VER-1): {fate}" in matrix.render(spoilt)


def test_a_requirement_without_a_killed_fault_is_named() -> None:
    assert replace(COMPLETE, attempts=KILLED[1:]).unfalsified == ["VER-1"]


def test_the_picture_has_a_row_for_each_fault() -> None:
    labels = [element.text for element in ET.fromstring(matrix.as_svg(COMPLETE)).iter() if element.text]  # noqa: S314 - our own picture
    assert set(labels) >= {attempt.fault for attempt in KILLED}


def test_every_requirement_has_a_seeded_fault() -> None:
    assert set(requirements()) == {fault.requirement_id for fault in faults().values()}


def test_an_unknown_fault_is_told(bearerproof: CommandLine) -> None:
    ended = bearerproof("prove", "no-such-fault")
    assert ended.code == 3
    assert "no seeded fault is called 'no-such-fault'" in ended.err
