"""The tokens of a run depend on nothing but the suite: not on the connection, nor on what else is loaded."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..conftest import ROOT

CONSTANTS = f"""
NUMBERS = {[number + 0.37 for number in range(100, 400)] + [*range(100, 400)]}
TEXTS = {[f"loaded-{number}" for number in range(300)]}
"""
"""A local module full of what Hypothesis mixes into wide draws."""

CHECK = (
    "import sys; from bearerproof_fuzz.commands.cli import run_command_line; sys.exit(run_command_line(sys.argv[1:]))"
)
ADAPTER = "from tests.specification.recorder import create, serve; serve(create())"
WIDE = """
from hypothesis import given, settings, strategies
drawn = []
@settings(derandomize=True, database=None, max_examples=300)
@given(strategies.floats())
def draw(number):
    drawn.append(number)
draw()
print(drawn)
"""


def run(folder: Path, program: str, *arguments: str, **environment: str) -> str:
    """Run a program in a process of its own, with a folder of modules to load."""
    path = [str(folder), str(ROOT), *(entry for entry in sys.path if entry)]
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path), **environment},
        check=True,
        capture_output=True,
        text=True,
        timeout=600,
    ).stdout


def tokens(folder: Path, imports: str, *subject: str) -> list[str]:
    """Judge two requirements whose properties draw tokens; return what was presented."""
    file = folder / "tokens"
    options = ("check", "-k", "VER-25,VER-24", "--quick")
    run(folder, imports + CHECK, *options, *subject, BEARERPROOF_TOKENS=str(file))
    return file.read_text("ascii").splitlines()


@pytest.fixture
def laden(tmp_path: Path) -> Path:
    folder = tmp_path / "laden"
    folder.mkdir()
    (folder / "full_of_constants.py").write_text(CONSTANTS)
    return folder


def test_the_same_tokens_are_presented_whatever_is_loaded_and_however_it_is_asked(tmp_path: Path, laden: Path) -> None:
    first = tokens(tmp_path, "", "python:tests.specification.recorder:create")
    second = tokens(laden, "import decimal, email, full_of_constants, xml.dom;", "--", sys.executable, "-c", ADAPTER)
    assert len(first) > 1_000
    assert second == first


def test_a_wide_draw_does_depend_on_what_is_loaded(laden: Path) -> None:
    """The control: the loaded module is one that Hypothesis takes constants from."""
    plain = run(laden, WIDE)
    assert run(laden, WIDE) == plain
    assert run(laden, "import full_of_constants\n" + WIDE) != plain
