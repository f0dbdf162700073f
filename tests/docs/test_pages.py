"""Every code block of the documentation is run, in the order of its page, and prints what the page says.

BEARERPROOF_STARTERS=all python -m pytest tests/docs    # also what fetches libraries of other languages
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from .blocks import Block, blocks, is_printed

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(path.name for path in DOCS.glob("*.md"))
ALREADY_DONE = "python -m pip install "
"""What has brought the environment of these tests is not done again."""


def test_a_page_that_says_something_else_is_noticed() -> None:
    """The control: a text that is not printed, an order that is not kept, a line too many."""
    output = "one\ntwo\nthree\n"
    assert is_printed(["one", "..."], output)
    assert is_printed(["...", "three"], output)
    assert is_printed(["one", "two", "three"], output)
    assert is_printed(["...", "t...e", "..."], output)
    assert not is_printed(["four"], output)
    assert not is_printed(["...", "three", "...", "one"], output)
    assert not is_printed(["one", "three"], output)


@pytest.mark.parametrize("name", PAGES)
def test_every_block_of_a_page_does_what_it_says(name: str, tmp_path: Path) -> None:
    for held in blocks(DOCS / name):
        if missing := [need for need in held.needs if shutil.which(need) is None]:
            pytest.skip(f"{missing[0]} is not installed here: the rest of {name} was not run")
        if held.fetches and os.environ.get("BEARERPROOF_STARTERS") != "all":
            pytest.skip(f"BEARERPROOF_STARTERS=all fetches what the rest of {name} needs")
        if held.language == "console":
            run_console(held, tmp_path)
        else:
            take_file(held, tmp_path)


def take_file(block: Block, folder: Path) -> None:
    """Write the file that the reader is to write; what is data has to be readable."""
    assert block.caption, f"a block of {block.language} has no name: {block.text[:60]}"
    path = folder / block.caption
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text, "utf-8")
    if path.suffix == ".toml":
        tomllib.loads(block.text)
    if path.suffix == ".jsonl":
        assert [json.loads(line) for line in block.text.splitlines() if line]


def run_console(block: Block, folder: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "NO_COLOR": "1"}
    for command, said in block.calls():
        if command.startswith(ALREADY_DONE):
            continue
        ended = subprocess.run(
            ["/bin/bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        printed = ended.stdout + ended.stderr
        assert (ended.returncode != 0) == block.fails, f"$ {command}\n{printed}"
        assert is_printed(said, printed), f"$ {command}\n{printed}"
