"""An honest adapter with the manners of its process: ``python -m tests.honest.process MANNER``."""

import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from bearerproof.adapter import serve
from bearerproof.contract.connections import Handle

from .shapes import Shape, general, shaped
from .verifiers import declaring

START = 2.2
"""Seconds that a runtime takes until it answers, which is what the first answer's time-out is for."""


@dataclass(frozen=True)
class Writer:
    """Standard output, to which each answer is put in a manner of its own."""

    put: Callable[[bytes, BinaryIO], object]
    output: BinaryIO

    def write(self, line: bytes) -> None:
        """Write one line."""
        self.put(line, self.output)

    def flush(self) -> None:
        """Hand on what was written."""
        self.output.flush()


def _in_pieces(line: bytes, output: BinaryIO) -> None:
    for start in range(0, len(line), len(line) // 3 + 1):
        output.write(line[start : start + len(line) // 3 + 1])
        output.flush()
        time.sleep(0.002)


def _formatted(line: bytes, output: BinaryIO) -> None:
    """End lines with CR LF, write Unicode as such, with blanks between sorted members."""
    text = json.dumps(json.loads(line), ensure_ascii=False, sort_keys=True, separators=(" , ", " : "))
    output.write(text.encode("utf-8", "surrogatepass") + b"\r\n")


def _slowly(ask: Handle) -> Handle:
    def handle(request: dict[str, object]) -> dict[str, object]:
        time.sleep(random.uniform(0.02, 0.05))
        return ask(request)

    return handle


def _with_notes(ask: Handle) -> Handle:
    def handle(request: dict[str, object]) -> dict[str, object]:
        sys.stderr.write(f"DEBUG {request}\n" * 20)
        print("a note of a library that prints")  # noqa: T201 - the loop sends it where it belongs
        return ask(request)

    return handle


def _started_late(ask: Handle) -> Handle:
    time.sleep(START)
    return ask


def _of_64_kilobytes() -> Iterator[bytes]:
    while line := sys.stdin.buffer.readline(64 * 1024):
        if not line.endswith(b"\n"):
            sys.exit("bufio.Scanner: token too long")
        yield line


WRAPPED: Mapping[str, Callable[[Handle], Handle]] = {
    "answers-slowly": _slowly,
    "writes-notes": _with_notes,
    "starts-late": _started_late,
}
PUT: Mapping[str, Callable[[bytes, BinaryIO], object]] = {
    "writes-in-pieces": _in_pieces,
    "formats-its-lines": _formatted,
}
MANNERS = (*WRAPPED, *PUT, "reads-64-kilobytes")


def main(manner: str) -> None:
    """Answer until the input ends."""
    few = Shape(declares={"profiles": ["jwt"], **declaring(algorithms=["HS256"], mixed_algorithms=False)})
    factory = shaped([few], general)
    ask = WRAPPED[manner](factory()) if manner in WRAPPED else factory()
    lines = _of_64_kilobytes() if manner == "reads-64-kilobytes" else sys.stdin.buffer
    writer = Writer(PUT[manner], sys.stdout.buffer) if manner in PUT else None
    serve(ask, lines, writer)  # type: ignore[arg-type]  # only lines are read, written and flushed


if __name__ == "__main__":
    main(sys.argv[1])
