"""One grammar for checks, wherever they are named: ids whole, families, patterns, words, and what was meant instead."""

import re

import pytest

from bearerproof.exceptions import BadInput
from bearerproof.judging.selection import Name, Selection
from bearerproof_fuzz.inventory import all_names

from ..conftest import ROOT, CommandLine

NAMES = [
    Name("VER-1", "no-segments", "jwt"),
    Name("VER-12", "alg-none", "jwt"),
    Name("VER-12", "alg-none-padded.ES256", "jws"),
    Name("KEY-5", "key-of-a-wrong-curve", "jwt"),
    Name("TOK-5", "bearer-is-long", "key-server"),
]


@pytest.mark.parametrize(
    ("texts", "taken"),
    [
        (["VER-1"], [0]),
        (["ver-1"], [0]),
        (["VER"], [0, 1, 2]),
        (["VER-12.alg-none"], [1]),
        (["VER-12.alg-none-padded"], [2]),
        (["VER-12.alg-none-padded.ES256.jws"], [2]),
        (["VER-12.alg-*"], [1, 2]),
        (["*.alg-none"], [1]),
        (["*.key-server"], [4]),
        (["alg-none"], [1, 2]),
        (["wrong"], [3]),
        (["lg-none"], []),
        (["VER-1,KEY-5"], [0, 3]),
        (["VER-1", "KEY-5"], [0, 3]),
        (["VER,!VER-12"], [0]),
        (["!VER", "!TOK-5"], [3]),
    ],
)
def test_a_selection_takes_what_it_names_and_no_more(texts: list[str], taken: list[int]) -> None:
    selection = Selection.parse(*texts)
    assert [number for number, name in enumerate(NAMES) if selection.takes(name)] == taken


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("VER-12 and not KEY-5", "'and' is no part of a selection: write VER-1,KEY-2"),
        ("(VER-1)", "is no part of a selection"),
        ("key", "did you mean the family KEY?"),
        (" , ", "names nothing"),
        ("!", "is no part of a selection"),
    ],
)
def test_what_is_no_selection_is_refused_with_what_would_be_one(text: str, message: str) -> None:
    with pytest.raises(BadInput, match=re.escape(message)):
        Selection.parse(text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("VER-2", "did you mean VER-1 or VER-12"),
        ("alg-nonne", "did you mean alg-none"),
        ("VER-12.alg-non", "did you mean VER-12.alg-non*?"),
        ("VER-1.no", "did you mean VER-1.no-segments?"),
        ("jwt", "profiles are chosen by --profile jwt"),
        ("zzzz", "bearerproof explain lists the requirements"),
    ],
)
def test_what_names_nothing_is_told_with_what_may_have_been_meant(text: str, hint: str) -> None:
    (problem,) = Selection.parse(text).unfound(NAMES)
    assert problem.startswith(f"no check is called '{text}'")
    assert hint in problem or text == "VER-2"


def test_each_id_of_each_snapshot_is_one_that_commands_take(bearerproof: CommandLine) -> None:
    """Whatever a report prints can be copied to ``check -k``, ``replay`` and ``explain``: they share what names it."""
    text = "\n".join(path.read_text() for path in (ROOT / "snapshots").glob("*.ambr"))
    found = set(re.findall(r"\b[A-Z]{2,8}-[1-9][0-9]*(?:\.[a-z][A-Za-z0-9.-]*[A-Za-z0-9])?\b(?!-?\*)", text))
    families = {name.requirement.partition("-")[0] for name in all_names()}
    ids = {each for each in found if each.partition("-")[0] in families and not each.startswith(_MADE_UP)}
    names = all_names()
    assert len(ids) > 100
    assert [each for each in ids if Selection.parse(each).unfound(names)] == []
    checks = [each for each in sorted(ids) if "." in each]
    assert checks
    for each in checks[:2]:
        assert bearerproof("explain", each).code == 0
        assert bearerproof("replay", each, "reference").code == 0


_MADE_UP = ("TRAIL-", "CHAIN-9", "VER-9.some", "ES-")


def test_a_drawn_check_has_no_vector_and_is_judged_anew(bearerproof: CommandLine) -> None:
    ended = bearerproof("replay", "POL-10.rule-that-is-not-met-refuses.key-server", "reference")
    assert ended.code in (0, 3)
    assert "Traceback" not in ended.out + ended.err
