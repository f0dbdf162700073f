"""Replay: a vector or a finding presented again, beside the accepted token it was made from."""

import re
from pathlib import Path

import pytest

from ..conftest import CommandLine
from . import degenerate

ACCEPTING = f"python:{degenerate.__name__}:accept_all"
VECTOR = "VER-12.alg-none-without-kid"


@pytest.mark.parametrize("name", [VECTOR, "alg-none-without-kid"])
@pytest.mark.parametrize("subject", ["reference", "pyjwt"])
def test_a_vector_is_presented_again_by_its_id_or_its_edit(bearerproof: CommandLine, name: str, subject: str) -> None:
    ended = bearerproof("replay", name, subject)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"{VECTOR}: `alg` is `none`")
    assert "base       accepted (due: accepted)" in ended.out
    assert re.search(r"  presented  rejected \([a-z-]+\) \(due: rejected\)\n", ended.out)


def test_what_is_not_due_is_exit_1(bearerproof: CommandLine) -> None:
    accepting = bearerproof("replay", VECTOR, ACCEPTING)
    assert accepting.code == 1
    assert "presented  accepted (due: rejected)" in accepting.out
    rejecting = bearerproof("replay", VECTOR, ACCEPTING.replace("accept", "reject"))
    assert rejecting.code == 1
    assert "base       rejected (due: accepted)" in rejecting.out


def test_a_finding_is_presented_again_from_the_stream_that_holds_it(bearerproof: CommandLine, tmp_path: Path) -> None:
    report = tmp_path / "results.jsonl"
    bearerproof("check", ACCEPTING, "-k", "alg-none-without-kid or alg-none-unsigned-exact", "--report", report)
    both = bearerproof("replay", report, ACCEPTING)
    assert both.code == 1
    assert both.out.count("presented  accepted (due: rejected)") == 2
    one = bearerproof("replay", report, "reference", "--check", f"{VECTOR}.jwt")
    assert one.code == 0
    assert one.out.count("presented  rejected (algorithm) (due: rejected)") == 1


def test_a_measure_says_what_is_due(bearerproof: CommandLine) -> None:
    vector = "VER-20.header-parameter-nonce"
    strict, base = (
        bearerproof("replay", vector, ACCEPTING),
        bearerproof("replay", vector, ACCEPTING, "--measure", "base"),
    )
    assert (strict.code, base.code) == (1, 0)
    assert "presented  accepted (due: accepted or rejected)" in base.out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no finding with a token"),
        ('{"type":"header"}\n', "holds no finding with a token"),
        ("not json\n", ":1 is not a line of a result stream"),
        ("\xff", "cannot read"),
        ('{"type":"check","id":"x"}\n', ":1 is not a line of a result stream"),
        ('{"type":"check","id":"x","findings":[{"presented":{}}]}\n', ":1 is not a line of a result stream"),
    ],
)
def test_a_file_that_is_no_stream_is_told(bearerproof: CommandLine, tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "results.jsonl"
    file.write_text(text, encoding="latin-1")
    ended = bearerproof("replay", file)
    assert (ended.code, ended.out) == (3, "")
    assert told in ended.err


def test_an_unknown_name_says_where_to_look(bearerproof: CommandLine) -> None:
    ended = bearerproof("replay", "alg-nonne")
    assert ended.code == 3
    assert "'alg-nonne' is neither a result stream nor one of the " in ended.err
