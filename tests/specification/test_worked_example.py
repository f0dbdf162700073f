"""The worked example of CONTRIBUTING.md shows what stands in the files it names, to the letter."""

import re

import pytest

from bearerproof_fuzz.commands.explanation import explanation

from ..conftest import ROOT

BLOCKS = re.compile(r"^   ```\w+\n   # (\S+)\n(.*?)^   ```$", re.MULTILINE | re.DOTALL)
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
EXAMPLE = [(file, re.sub("^   ", "", shown, flags=re.MULTILINE)) for file, shown in BLOCKS.findall(TEXT)]

OF_MANY_ROWS = ("suite/test_composition", "suite/key/test_running_rich_sets")
"""Checks that ask many requirements at once, and came after each of them."""


@pytest.mark.parametrize(("file", "shown"), EXAMPLE, ids=[file for file, _ in EXAMPLE])
def test_what_is_shown_stands_there(file: str, shown: str) -> None:
    assert shown in (ROOT / file).read_text("utf-8") + "\n"


def test_it_shows_every_file_that_a_requirement_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    explained = explanation("KEY-14")
    places = {explained.row, *(part.place for part in (*explained.properties, *explained.edits, *explained.faults))}
    shown = {file for file, _ in EXAMPLE}
    written_for_it = {place.file for place in places if not any(each in place.file for each in OF_MANY_ROWS)}
    assert written_for_it <= shown
    assert shown - written_for_it == {"spec/coverage.toml", "reference/bearerproof_reference/verifier/algorithms.py"}
