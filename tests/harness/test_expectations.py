"""Expectations: strict both ways, so that the file always tells the truth about the implementation."""

import re
from pathlib import Path

import pytest

from bearerproof.exceptions import BadInput, StaleExpectations
from bearerproof.judging import expectations
from bearerproof.judging.expectations import Expectation, Expectations, Judged
from bearerproof.judging.results import Record, State

from ..conftest import CommandLine
from . import degenerate

ENTRY = '[[expectation]]\nrequirement = "VER-12"\nreason = "the gateway refuses it"\n'
HEAD = "format = 1\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "expectations.toml"


def test_a_valid_file_is_read(file: Path) -> None:
    file.write_text(HEAD + ENTRY + 'check = "alg-none"\nprofile = "jwt"\nissue = "https://tracker.example/1"\n')
    assert expectations.read(file).entries == (
        Expectation("VER-12", "the gateway refuses it", "alg-none", "jwt", "https://tracker.example/1"),
    )


def test_a_file_without_entries_is_valid(file: Path) -> None:
    file.write_text(HEAD)
    assert expectations.read(file).entries == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ENTRY, "format must be 1 or 2"),
        ("format = 3\n" + ENTRY, "format must be 1 or 2"),
        (HEAD + ENTRY + ENTRY, "line 5: VER-12: repeats an earlier entry"),
        (HEAD + ENTRY + "[[expectations]]\n", "unknown key 'expectations'; known are expectation, format"),
        (HEAD + 'expectation = "VER-12"\n', "expectation must be an array of tables"),
        (HEAD + "expectation = [1]\n", "entry 1: "),
        (HEAD + ENTRY + 'profil = "jwt"\n', "line 5: VER-12: unknown key 'profil'; did you mean 'profile'?"),
        (HEAD + ENTRY + 'zzz = "jwt"\n', "line 5: VER-12: unknown key 'zzz'; known are requirement, check"),
        (HEAD + ENTRY + 'profile = "jwtt"\n', "profile 'jwtt' is not one of jws, jwt"),
        (HEAD + ENTRY + 'check = ""\n', "check must be a text that is not empty"),
        (HEAD + ENTRY + "issue = 12\n", "issue must be a text that is not empty"),
        (
            HEAD + ENTRY.replace("VER-12", "VER-912"),
            "line 3: VER-912: no requirement has the id 'VER-912'; did",
        ),
        (HEAD + ENTRY.replace("VER-12", "ver-12"), "requirement is 'ver-12'; write it as 'VER-12'"),
        (HEAD + '[[expectation]]\nreason = "x"\n', "requirement is required"),
        (HEAD + '[[expectation]]\nreason = "x"\nrequirement = ["VER-12"]\n', "requirement must be a text"),
        (HEAD + '[[expectation]]\nrequirement = "VER-12"\n', "reason is required: say why"),
        (HEAD + ENTRY.replace("the gateway refuses it", " "), "reason must be a text that is not empty"),
        (HEAD + ENTRY.replace("the gateway refuses it", "say why this is accepted: failed"), "still the placeholder"),
        ("format = ", "is not valid TOML"),
        ("\xff", "is not valid TOML"),
    ],
)
def test_an_invalid_file_is_exit_2_and_says_what_to_correct(file: Path, text: str, message: str) -> None:
    file.write_text(text, encoding="latin-1")
    with pytest.raises(StaleExpectations) as raised:
        expectations.read(file)
    assert raised.value.exit_code == 2
    assert message in str(raised.value)
    assert str(file) in str(raised.value)


def test_every_fault_of_a_file_is_named_at_once(file: Path) -> None:
    file.write_text(ENTRY + 'profil = "jwt"\nprofile = "nowhere"\n')
    with pytest.raises(StaleExpectations) as raised:
        expectations.read(file)
    assert str(raised.value).count("\n") == 3


def test_a_file_that_is_not_there_is_a_mistake_of_the_call(file: Path) -> None:
    with pytest.raises(BadInput, match="No such file") as raised:
        expectations.read(file)
    assert raised.value.exit_code == 3


def judge(entries: list[Expectation], records: list[Record], *unrun: str, narrowed: bool = False) -> Judged:
    return Expectations(tuple(entries)).judge(records, unrun, narrowed=narrowed)


def record(check: str, profile: str, state: State) -> Record:
    return Record(f"VER-12.{check}.{profile}", "VER-12", "MUST", profile, state)


RED_ONE = record("alg-none", "jwt", State.FAILED)
OTHER = record("alg-none", "id-token", State.UNTESTABLE)
GREEN = record("alg-null", "jwt", State.PASSED)


@pytest.mark.parametrize(
    ("entry", "foreseen"),
    [
        (Expectation("VER-12", "why"), [RED_ONE, OTHER]),
        (Expectation("VER-12", "why", profile="jwt"), [RED_ONE]),
        (Expectation("VER-12", "why", check="alg-none"), [RED_ONE, OTHER]),
        (Expectation("VER-12", "why", check="alg-none", profile="id-token"), [OTHER]),
    ],
    ids=["requirement", "profile", "check", "check-and-profile"],
)
def test_an_entry_foresees_what_it_names_and_no_more(entry: Expectation, foreseen: list[Record]) -> None:
    records = [RED_ONE, OTHER, GREEN]
    marked = judge([entry], records).records
    assert [old for old, new in zip(records, marked, strict=True) if new.state is State.EXPECTED] == foreseen
    assert [new for new in marked if new.state is not State.EXPECTED] == [
        each for each in records if each not in foreseen
    ]
    assert {new.reason for new in marked if new.state is State.EXPECTED} == {"why"}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (Expectation("VER-13", "why"), "VER-13: matches no check of this run"),
        (Expectation("VER-12", "why", check="alg-non"), "VER-12 alg-non: matches no check of this run"),
        (Expectation("VER-12", "why", check="alg-null"), "VER-12 alg-null: is not red any more .passed.; remove it"),
        (Expectation("VER-12", "why", profile="jws"), "VER-12 jws: matches no check of this run"),
    ],
)
def test_an_entry_that_foresees_nothing_is_stale(entry: Expectation, message: str) -> None:
    (stale,) = judge([entry], [RED_ONE, GREEN]).stale
    assert re.search(message, stale)


@pytest.mark.parametrize("state", [State.PASSED, State.WARNED, State.NOT_APPLICABLE])
def test_only_what_is_red_can_be_foreseen(state: State) -> None:
    (stale,) = judge([Expectation("VER-12", "why")], [record("alg-none", "jwt", state)]).stale
    assert f"is not red any more ({state})" in stale


def drawn(state: State, *findings: str, unseen: tuple[str, ...] = ()) -> Record:
    shown = tuple({"summary": "s", "expected": "rejected", "got": "accepted", "drawn": name} for name in findings)
    return Record("VER-2.mangled.jwt", "VER-2", "MUST", "jwt", state, findings=shown, unseen=unseen)


APPEND, INSERT = (Expectation("VER-2", f"known: {name}", "mangled", finding=name) for name in ("append", "insert"))


@pytest.mark.parametrize(
    ("found", "state", "unseen"),
    [
        (drawn(State.FAILED, "append", unseen=("insert",)), State.EXPECTED, ["VER-2 mangled insert"]),
        (drawn(State.FAILED, "append", "insert"), State.EXPECTED, []),
        (drawn(State.FAILED, "truncate", unseen=("append", "insert")), State.FAILED, 2),
        (drawn(State.PASSED, unseen=("append", "insert")), State.PASSED, 2),
    ],
    ids=["one", "both", "another", "none, by another draw than the fixed one"],
)
def test_what_a_draw_passed_by_is_told_and_not_stale(found: Record, state: State, unseen: list[str] | int) -> None:
    (marked,) = judge([APPEND, INSERT], [found]).records
    assert marked.state is state
    passed_by = expectations.unseen([APPEND, INSERT], [found])
    assert passed_by == unseen or len(passed_by) == unseen


def test_a_finding_that_the_fixed_draw_finds_no_more_is_stale() -> None:
    (stale,) = judge([APPEND], [drawn(State.PASSED)]).stale
    assert stale == "VER-2 mangled append: is not red any more (passed); remove it"


SUBJECT = f"python:{degenerate.__name__}:accept_all"
CHECK = ("check", SUBJECT, "--quick", "-k", "VER-12,!composed,!combinations")


def test_todays_deviations_are_written_and_with_reasons_foreseen(bearerproof: CommandLine, file: Path) -> None:
    assert bearerproof(*CHECK, "--write-expect", file).code == 1
    unfinished = bearerproof(*CHECK, "--expect", file)
    assert unfinished.code == 2
    assert "reason is still the placeholder" in unfinished.err
    file.write_text(file.read_text().replace("say why this is accepted: ", "the gateway refuses it: "))
    foreseen = bearerproof(*CHECK, "--expect", file)
    assert foreseen.code == 0
    assert re.search(r"checks +\d+ expected\n", foreseen.out)
    assert re.search(
        r"BUT FOR \d+ expected deviations in 1 requirement, all as foreseen\.\n$", " ".join(foreseen.out.split()) + "\n"
    )


def test_an_unforeseen_deviation_is_still_red(bearerproof: CommandLine, file: Path) -> None:
    file.write_text(HEAD + ENTRY + 'check = "alg-none-without-kid"\n')
    ended = bearerproof(*CHECK, "--expect", file)
    assert ended.code == 1
    assert re.search(r"checks +\d+ failed, 1 expected\n", ended.out)


def test_a_partial_run_does_not_ask_what_it_did_not_judge(bearerproof: CommandLine, file: Path) -> None:
    file.write_text(HEAD + ENTRY + ENTRY.replace("VER-12", "VER-13"))
    ended = bearerproof(*CHECK, "--expect", file)
    assert (ended.code, ended.err) == (0, "")
