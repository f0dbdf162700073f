"""A finding names the circumstances without which it vanishes, and no other."""

import json
from pathlib import Path

import pytest

from bearerproof.judging.judgement import Finding, Nonconforming
from bearerproof_fuzz.circumstances import confined, vanishes, worded

from ..conftest import CommandLine
from . import degenerate


@pytest.mark.parametrize(
    ("weakness", "only"),
    [
        ("ignores_crit", None),
        ("ignores_crit_of_a_key_that_is_named", ["kid present"]),
        ("ignores_crit_under_es256", ["algorithm ES256"]),
    ],
)
def test_a_finding_names_what_it_needs(
    bearerproof: CommandLine, tmp_path: Path, weakness: str, only: list[str] | None
) -> None:
    target = f"python:{degenerate.__name__}:{weakness}"
    ended = bearerproof("check", target, "--quick", "-k", "VER-17.crit-is-number", "--report", tmp_path / "run.jsonl")
    assert ended.code == 1
    rows = map(json.loads, (tmp_path / "run.jsonl").read_text().splitlines())
    (found,) = [finding for row in rows if row["type"] == "check" for finding in row["findings"]]
    assert found.get("only") == only
    told = f" Only with {only[0]}, not otherwise." if only else ""
    assert found["summary"].endswith(f"is not a list of names: number.{told}")
    assert ("not otherwise" in " ".join(ended.out.split())) is bool(only)


def test_nothing_vanishes_that_was_not_tried() -> None:
    assert vanishes([False, None, False])
    assert not vanishes([])
    assert not vanishes([None, None])
    assert not vanishes([False, True])


def test_circumstances_are_told_in_words_and_as_data() -> None:
    plain = Nonconforming(Finding("crit-null: `crit` is null.", "rejected", "accepted", edit="crit-null"))
    assert confined(plain, []) is plain
    words = [worded("kid", "present"), worded("policy", "plain"), worded("key_set", "alone")]
    found = confined(plain, words)
    assert isinstance(found, Nonconforming)
    assert found.finding.only == ("kid present", "a plain policy", "the key alone")
    assert str(found).startswith(
        "crit-null: `crit` is null. Only with kid present and a plain policy and the key alone, not otherwise."
    )
    assert found.finding.key == plain.finding.key, "an expectation names it as before"
