"""The command line: every mistake of the caller is one message and exit code 3, never a traceback."""

import json
from pathlib import Path

import pytest

from bearerproof.exceptions import BadInput
from bearerproof.judging import vectors
from bearerproof_fuzz.commands import cli

from ..conftest import CommandLine

# Some more stand among the snapshots, with all that is said.
WRONG = {
    "check --qqqq": "No such option: --qqqq (see: bearerproof check --help)",
    "check --measure lax": "Invalid value for '--measure': 'lax' is not one of 'base', 'strict'. (see: ",
    "check --profile jwtt": "'id-token', 'key-server'. Did you mean 'jwt'? (see: bearerproof check --help)",
    "trail --to ocfs x": "'ocfs' is not one of 'ocsf', 'ecs', 'otel'. Did you mean 'ocsf'?",
    "check pyjw": "or a command after --; did you mean pyjwt?",
    "check -n two": "-n is 'two': say how many worker processes, or auto",
    "check --report htm=x.html": "no report is of the kind 'htm'; did you mean html=x.html?",
    "museum --table no-such-table": "cannot read no-such-table",
    "check --profile jwt --profile": "requires an argument",
    "check --seed soon": "Invalid value for '--seed'",
    "check --timeout 0": "Invalid value for '--timeout'",
    "check reference extra": "unexpected extra argument",
    "check --all no-such-adapter": "'no-such-adapter' is no adapter",
    "check --all --expect x.toml": "--expect cannot be given with --all",
    "check --all -- ./adapter": "--all takes folders of adapters or their names, no command after --",
    "check --json": "--cache and --json go with --all",
    "check --wycheproof no-such-folder": "no-such-folder",
    "fuzz --for soon": "--for is 'soon': say a time such as 90s, 30m or 2h",
    "fuzz --since yesterday": "--since is 'yesterday': say an earlier summary's file, or a time",
    "fuzz --since README.md": "--since README.md: is no summary of a campaign",
    "fuzz --seeds no-such-file": "cannot read no-such-file: No such file or directory",
    "fuzz --seeds README.md": "README.md holds no token",
    "fuzz --corpus README.md/x": f"cannot write in {Path('README.md/x/findings').absolute()}: Not a directory",
    "fuzz --distill --corpus no-such-folder": f"there is no corpus in {Path('no-such-folder/corpus').absolute()}",
    "fuzz --url http://127.0.0.1:1 --workers 2": "with --url one worker works",
    "fuzz pyjwt joserfc --workers 2": "--workers cannot be given to compare implementations",
    "fuzz pyjwt joserfc --measure strict": "--measure cannot be given to compare implementations",
    "smoke --": "no command stands after --",
    "smoke -- ./docs": "cannot start './docs': it is a folder; name the program in it",
    "explain VER-912": "no requirement has the id 'VER-912'; did you mean",
    "vectors VER-912": "no vector, edit or requirement with vectors is called 'VER-912'",
    "vectors --write /dev/null": "cannot write to /dev/null",
}


@pytest.mark.parametrize("line", WRONG)
def test_a_mistake_is_one_message_and_exit_code_3(bearerproof: CommandLine, line: str) -> None:
    ended = bearerproof(*line.split())
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith("bearerproof: ")
    assert WRONG[line] in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("line", ["museum", "check --all"])
def test_what_stands_in_the_source_tree_is_not_looked_for_elsewhere(
    bearerproof: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = bearerproof(*line.split())
    assert (ended.code, ended.out) == (3, "")
    assert "is not here: run it in the source tree, or name" in ended.err


def test_a_name_is_suggested_once(bearerproof: CommandLine) -> None:
    ended = bearerproof("explain", "crit-unkown")
    assert ended.err.count("kid-unknown") == 1


def test_an_explanation_keeps_to_the_columns_that_there_are(
    bearerproof: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for columns in (60, 100):
        monkeypatch.setenv("COLUMNS", str(columns))
        ended = bearerproof("explain", "VER-32")
        sentences = [line for line in ended.out.splitlines() if " " in line.strip()]
        assert columns - 20 < max(map(len, sentences)) <= columns


def test_without_arguments_the_help_is_shown(bearerproof: CommandLine) -> None:
    ended = bearerproof()
    assert "Usage: bearerproof" in ended.out
    assert ended.err == ""


def test_an_interrupt_is_told_and_exit_code_3(bearerproof: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bearerproof_fuzz.commands.explain.index", interrupted)
    assert bearerproof("explain") == (3, "", "bearerproof: interrupted\n")


def test_a_fault_of_our_own_is_told_and_exit_code_3(bearerproof: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr("bearerproof_fuzz.commands.explain.index", broken)
    ended = bearerproof("explain")
    assert (ended.code, ended.out) == (3, "")
    assert "nobody thought of this" in ended.err


def test_vectors_are_listed_and_printed_one_by_one(bearerproof: CommandLine) -> None:
    known = vectors.vectors()
    listed = bearerproof("vectors").out.splitlines()
    assert listed[-1] == f"{len(known)} vectors"
    assert len(listed) == len(known) + 1
    printed = bearerproof("vectors", "VER-12.alg-none-without-kid").out
    assert json.loads(printed) == known["VER-12.alg-none-without-kid"].row
    assert bearerproof("vectors", "VER-12").out.count('"format": 1') > 5


def test_the_frozen_vectors_are_those_the_registry_makes(bearerproof: CommandLine) -> None:
    ended = bearerproof("vectors", "--compare")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.endswith(" vectors, all as frozen\n")


def test_vectors_written_elsewhere_are_read_back_and_a_change_is_seen(bearerproof: CommandLine, tmp_path: Path) -> None:
    assert bearerproof("vectors", "--write", tmp_path).code == 0
    made = {path.relative_to(tmp_path).as_posix(): path.read_text() for path in tmp_path.rglob("*.json")}
    assert set(vectors.vectors(tmp_path)) == set(vectors.vectors())
    (tmp_path / "ver-12.json").unlink()
    (tmp_path / "ver-13.json").write_text("{}")
    (tmp_path / "ver-99.json").write_text("{}")
    assert vectors.differences(made, tmp_path) == [
        "ver-12.json: is missing",
        "ver-99.json: belongs to no requirement with edits",
        "ver-13.json: differs",
    ]


@pytest.mark.parametrize("text", ["", "{}"])
def test_a_file_that_holds_no_vectors_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "ver-1.json").write_text(text)
    with pytest.raises(BadInput, match=r"ver-1\.json does not hold vectors"):
        vectors.vectors(tmp_path)


def test_all_after_two_dashes_is_the_adapters() -> None:
    assert cli._split(["check", "-x", "--", "./a", "--", "-k"]) == (["check", "-x"], ["./a", "--", "-k"])
    assert cli._split(["check"]) == (["check"], None)
