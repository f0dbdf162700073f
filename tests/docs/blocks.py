"""The code blocks of a page: files that it has its reader write, and calls with what they print."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"^```\{code-block\} (?P<language>\w+)\n(?P<options>(?::[^\n]*\n)*)\n?(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_OPTION = re.compile(r"^:(?P<name>[\w-]+): ?(?P<value>[^\n]*)$", re.MULTILINE)
ANYTHING = "..."


@dataclass(frozen=True)
class Block:
    """One block: ``caption`` names the file that it is, ``fails`` says that its calls end with another code than 0.

    ``needs`` are programs, and ``fetches`` says that a package registry is asked.
    """

    language: str
    text: str
    caption: str
    fails: bool
    needs: tuple[str, ...]
    fetches: bool

    def calls(self) -> Iterator[tuple[str, list[str]]]:
        """Yield each call of a console block and the lines that it is said to print, ``...`` being any lines."""
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            command, *printed = part.rstrip("\n").split("\n")
            yield command, printed


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page, in order."""
    return [_block(match) for match in _BLOCK.finditer(page.read_text("utf-8"))]


def _block(match: re.Match[str]) -> Block:
    options = {option["name"]: option["value"] for option in _OPTION.finditer(match["options"])}
    classes = options.get("class", "").split()
    needs = tuple(name.removeprefix("needs-") for name in classes if name.startswith("needs-"))
    return Block(
        match["language"], match["text"], options.get("caption", ""), "fails" in classes, needs, "fetches" in classes
    )


def is_printed(said: list[str], output: str) -> bool:
    """Say whether an output is what a page says: its lines, each part of one that is printed, with ``...`` for any."""
    lines, gap = iter(output.splitlines()), False
    for expected in said:
        if expected == ANYTHING:
            gap = True
        elif gap:
            if not any(_fits(expected, line) for line in lines):
                return False
            gap = False
        elif not _fits(expected, next(lines, "")):
            return False
    return True


def _fits(expected: str, line: str) -> bool:
    return re.search(".*".join(map(re.escape, expected.split(ANYTHING))), line) is not None
