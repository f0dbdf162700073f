"""The reading order of the reference: every module stands in it once, and what is called an hour can be read in one."""

import re
from pathlib import Path

from ..conftest import ROOT

REFERENCE = ROOT / "reference"
TEXT = (REFERENCE / "README.md").read_text("utf-8")
LINKS = re.compile(r"\[`([^`]+)`\]\(([^)]+)\)")


def lines_of(part: str) -> int:
    return sum(len((REFERENCE / file).read_text("utf-8").splitlines()) for _, file in LINKS.findall(part))


def test_every_module_stands_in_it_once() -> None:
    modules = [file for file in (REFERENCE / "bearerproof_reference").rglob("*.py") if not file.name.startswith("__")]
    assert sorted(REFERENCE / file for _, file in LINKS.findall(TEXT)) == sorted(modules)


def test_a_module_is_named_as_it_is_linked() -> None:
    assert [name for name, file in LINKS.findall(TEXT) if Path(file) != Path(f"bearerproof_reference/{name}.py")] == []


def test_the_hour_is_short() -> None:
    verifier, audit = (TEXT.split("\n## ")[place] for place in (1, 2))
    assert LINKS.search(verifier)
    assert LINKS.search(audit)
    assert lines_of(verifier) + lines_of(audit) < 1_800
    assert lines_of(TEXT.split("\n## ")[3]) < 2_400
