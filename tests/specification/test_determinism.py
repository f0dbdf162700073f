"""The tokens of a run depend on nothing but the suite: not on the connection, nor on what else is loaded."""

import os
import subprocess
import sys
from pathlib import Path

from ..conftest import ROOT

CONSTANTS = "NUMBERS = [{}]\nTEXTS = [{}]\n".format(
    ", ".join(str(7**n) for n in range(300)), ", ".join(repr(f"from-a-local-module-{n}") for n in range(300))
)
"""A local module full of what Hypothesis would mix into wide draws."""

CHECK = "import sys; from bearerproof.cli import run_command_line; sys.exit(run_command_line(sys.argv[1:]))"
ADAPTER = "from tests.specification.recorder import create, serve; serve(create())"


def tokens(folder: Path, imports: str, *subject: str) -> list[str]:
    """Run two requirements whose properties draw tokens, in a process of its own; return what was presented."""
    file = folder / "tokens"
    path = [str(folder), str(ROOT), *(entry for entry in sys.path if entry)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path), "BEARERPROOF_TOKENS": str(file)}
    command = [sys.executable, "-c", imports + CHECK, "check", "-k", "VER-25 or VER-24", "--quick", *subject]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, timeout=60)
    return file.read_text("ascii").splitlines()


def test_the_same_tokens_are_presented_whatever_is_loaded_and_however_it_is_asked(tmp_path: Path) -> None:
    bare, laden = tmp_path / "bare", tmp_path / "laden"
    bare.mkdir()
    laden.mkdir()
    (laden / "full_of_constants.py").write_text(CONSTANTS)
    first = tokens(bare, "", "python:tests.specification.recorder:create")
    second = tokens(laden, "import decimal, email, full_of_constants, xml.dom;", "--", sys.executable, "-c", ADAPTER)
    assert len(first) > 1_000
    assert second == first
