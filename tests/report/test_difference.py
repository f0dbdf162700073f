"""What ``diff`` says of two streams: what broke, what was mended, and what is the suite's own doing."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from bearerproof.members import Json
from bearerproof_fuzz.commands.report import streams
from bearerproof_fuzz.commands.report.difference import Change, Difference, difference

from ..conftest import ROOT, CommandLine
from . import samples
from .samples import check, octets, stream

ID = "VER-17.crit-unknown.jwt"
OTHERS = (check("VER-12.alg-none.jwt"),)

FOUND = samples.finding()


def compared(
    old: Sequence[Json], new: Sequence[Json], *, revision: str = samples.REVISION, exit_code: int = 0
) -> Difference:
    return difference(stream([*OTHERS, *old]), stream([*OTHERS, *new], exit_code, revision=revision))


@pytest.mark.parametrize(
    ("old", "new", "change", "code"),
    [
        ("passed", "failed", Change.BROKE, 1),
        ("warned", "failed", Change.BROKE, 1),
        ("passed", "crashed", Change.BROKE, 1),
        ("passed", "untestable", Change.BROKE, 1),
        ("passed", "expected", Change.BROKE, 1),
        ("not-applicable", "failed", Change.NOW_DEVIATES, 1),
        ("errored", "hung", Change.NOW_DEVIATES, 1),
        (None, "failed", Change.ADDED_RED, 1),
        ("failed", "passed", Change.MENDED, 0),
        ("expected", "passed", Change.MENDED, 0),
        ("passed", "warned", Change.NOW_WARNED, 0),
        ("passed", "not-applicable", Change.NO_LONGER_JUDGED, 0),
        ("failed", "errored", Change.NO_LONGER_JUDGED, 0),
        ("passed", "what-is-this", Change.NO_LONGER_JUDGED, 0),
        ("errored", "passed", Change.NOW_JUDGED, 0),
        (None, "passed", Change.ADDED, 0),
        ("passed", None, Change.LEFT_OUT, 0),
        ("passed", "passed", None, 0),
        ("failed", "failed", None, 0),
        ("failed", "expected", None, 0),
        ("not-applicable", "not-run", None, 0),
    ],
)
def test_a_check_that_changes(old: str | None, new: str | None, change: Change | None, code: int) -> None:
    found = compared(*([] if outcome is None else [check(ID, outcome)] for outcome in (old, new)))
    assert [each.change for each in found.changes] == ([] if change is None else [change])
    assert found.exit_code == code
    assert found.same == 1 + (change is None)


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [(None, "failed", Change.NEW_RED), (None, "passed", Change.NEW), ("failed", None, Change.GONE)],
)
def test_what_another_suite_asks_is_not_the_doing_of_the_judged(
    old: str | None, new: str | None, change: Change
) -> None:
    pair = [[] if outcome is None else [check(ID, outcome)] for outcome in (old, new)]
    found = compared(*pair, revision="0.5.0+ba9876543210")
    assert ([each.change for each in found.changes], found.exit_code) == ([change], 0)
    assert "the suite is another" in found.remarks[0]


def test_another_suite_excuses_no_check_that_both_have() -> None:
    assert compared([check(ID)], [check(ID, "failed")], revision="0.5.0+ba9876543210").exit_code == 1


def drawn(*kinds: str) -> list[Json]:
    return [samples.finding(drawn=kind) for kind in kinds]


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        (check(ID, "failed", *drawn("a")), check(ID, "failed", *drawn("a", "b")), Change.MORE),
        (check(ID, "expected", *drawn("a")), check(ID, "failed", *drawn("b")), Change.MORE),
        (check(ID, "failed", *drawn("a")), check(ID, "failed", *drawn("b")), Change.OTHERWISE),
        (check(ID, "failed", *drawn("a")), check(ID, "failed", *drawn("a")), None),
        (check(ID, "failed", *drawn("a", "b")), check(ID, "failed", *drawn("a")), None),
    ],
)
def test_a_check_that_deviates_already_and_deviates_otherwise(old: Json, new: Json, change: Change | None) -> None:
    found = compared([old], [new])
    assert [each.change for each in found.changes] == ([] if change is None else [change])
    assert found.exit_code == int(change is Change.MORE)


@pytest.mark.parametrize("exit_code", [3, 130])
def test_a_new_run_that_was_not_judged_cannot_say_that_nothing_broke(exit_code: int) -> None:
    assert compared([check(ID)], [check(ID)], exit_code=exit_code).exit_code == 2
    assert compared([check(ID)], [check(ID, "failed")], exit_code=exit_code).exit_code == 1, "what it does say counts"


def test_a_new_run_that_was_cut_off_cannot_either() -> None:
    cut = streams.parse(octets([samples.header(), *OTHERS]), "cut.jsonl")
    assert difference(stream(OTHERS), cut).exit_code == 2
    assert difference(cut, stream(OTHERS)).exit_code == 0, "the old run's end is not what is asked about"


def test_what_else_differs_is_told() -> None:
    other = stream(OTHERS, seed=7, measure="strict", implementation={"name": "b"}, profiles=["jws"])
    remarks = "\n".join(difference(stream(OTHERS), other).remarks)
    for word in ("two implementations: acme-jwt and b", "another seed", "another measure", "another profiles"):
        assert word in remarks, word


def test_the_command_tells_it_to_people_and_to_programs(bearerproof: CommandLine, tmp_path: Path) -> None:
    old = samples.written(tmp_path / "old.jsonl", samples.HELD)
    new = samples.written(tmp_path / "new.jsonl", samples.RED, 1)
    ended = bearerproof("diff", old, new)
    assert ended.code == 1
    assert "broke (3 checks):" in ended.out
    assert "  VER-17.crit-null.jwt (passed, now failed), 1 more\n    `crit` is null\n" in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80
    row = json.loads(bearerproof("diff", old, new, "--json").out)
    schema = json.loads((ROOT / "spec" / "schemas" / "difference.schema.json").read_text())
    assert [error.message for error in Draft202012Validator(schema).iter_errors(row)] == []
    assert list(Draft202012Validator(schema).iter_errors({**row, "exit": 9})), "the control: it does refuse"
    assert bearerproof("diff", new, old).code == 0
    assert bearerproof("diff", old, old) == (0, "\nnothing broke; 6 checks are as they were\n", "")


@pytest.mark.parametrize("text", ["", "nonsense", '{"type": "footer"}'])
def test_an_input_that_is_no_stream_has_its_own_code(bearerproof: CommandLine, tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.jsonl").write_text(text)
    good = samples.written(tmp_path / "good.jsonl", samples.HELD)
    for pair in ((good, tmp_path / "bad.jsonl"), (tmp_path / "bad.jsonl", good), (tmp_path / "none.jsonl", good)):
        ended = bearerproof("diff", *pair)
        assert (ended.code, ended.out, ended.err.startswith("bearerproof: ")) == (2, "", True)


def test_what_is_hostile_in_a_stream_reaches_no_terminal(bearerproof: CommandLine, tmp_path: Path) -> None:
    old = samples.written(tmp_path / "old.jsonl", [check(ID)])
    new = samples.written(
        tmp_path / "new.jsonl",
        [check(ID, "failed", samples.finding(samples.HOSTILE))],
        implementation={"name": samples.HOSTILE},
        revision=samples.HOSTILE,
    )
    ended = bearerproof("diff", old, new)
    assert "\\x1b[2J" in ended.out
    assert [char for char in ended.out + ended.err if not char.isprintable() and char != "\n"] == []
