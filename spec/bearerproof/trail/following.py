"""Following a log that is being written: what it consists of as it grows, through rotations, to the end of patience.

A log is rotated by renaming it, and then the old file is read to its end before the new one; or by truncating it, and
then it is read from its beginning. A truncated log that has outgrown what was read of it before anybody looked again
cannot be told from one that grew: whoever rotates so loses lines with any reader.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bearerproof.exceptions import BadInput
from bearerproof.trail.presets import seems_ours
from bearerproof.trail.reading import BLOCK, MAX_LINE, WIDE_OR_PACKED, Begin, Content, End, OddLine, Part, first_line

Wait = Callable[[], bool]
"""Waits a while for more to be written; says whether to go on."""


@dataclass(frozen=True)
class Unfinished:
    """A line without its end: it is still being written, or was when the log was truncated."""

    text: str


def follow(path: str, wait: Wait) -> Iterator[Content | Unfinished]:
    """Return what a log consists of: each file that bears its name, one after the other, as they are written.

    Raises:
        BadInput: the log cannot be opened, or not be followed, since it is compressed or no file.
    """
    following = _Following(path)
    try:
        while True:
            yield from following.more()
            if not wait():
                break
            yield from following.rotated()
        yield from following.more()
        yield from following.end()
    finally:
        following.close()


class _Following:
    """One log under its name: the file that is open, how far it was read, and the beginning of its last line."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = _open(path)
        self._rest = b""
        self._position = 0
        self._skips = self._has_begun = False

    def close(self) -> None:
        self._file.close()

    def more(self) -> Iterator[Content]:
        """Read what there is by now, as whole lines: a writer that never rests is left alone now and then."""
        if not self._has_begun:
            self._has_begun = True
            yield Begin(self._path)
        until = os.fstat(self._file.fileno()).st_size
        while self._position < until and (chunk := self._file.read(BLOCK)):
            self._position += len(chunk)
            if self._skips:
                _, feed, chunk = chunk.partition(b"\n")
                self._skips = not feed
            if len(self._rest) + first_line(chunk) > MAX_LINE:
                line, feed, chunk = (self._rest + chunk).partition(b"\n")
                text, self._rest, self._skips = line.decode("utf-8", "replace"), b"", not feed
                yield OddLine(f"a line of more than {MAX_LINE:,} bytes", text[:4096], self._position, seems_ours(text))
            whole, feed, self._rest = (self._rest + chunk).rpartition(b"\n")
            if feed:
                yield Part(whole + feed, self._position)

    def rotated(self) -> Iterator[Content | Unfinished]:
        """Go over to the file that bears the name now, if that is another, or to the beginning if it was truncated."""
        try:
            now = Path(self._path).stat()
        except OSError:
            return  # it was renamed, and the new one is not there yet
        was = os.fstat(self._file.fileno())
        if (now.st_dev, now.st_ino) != (was.st_dev, was.st_ino):
            yield from self._go_over()
        elif now.st_size < self._position:
            if self._rest:
                yield Unfinished(self._rest.decode("utf-8", "replace"))
            yield End()
            self._file.seek(0)
            self._begin()

    def end(self) -> Iterator[Content | Unfinished]:
        """Leave the log; what stands behind the last line feed is not finished."""
        if self._rest:
            yield Unfinished(self._rest.decode("utf-8", "replace"))
        yield End()

    def _go_over(self) -> Iterator[Content]:
        try:
            file = _open(self._path)
        except BadInput:
            return  # it is gone again, or cannot be read yet
        yield from self.more()
        if self._rest:
            yield Part(self._rest + b"\n", self._position)
        yield End()
        self._file.close()
        self._file = file
        self._begin()

    def _begin(self) -> None:
        self._rest, self._position, self._skips, self._has_begun = b"", 0, False, False


def _open(path: str) -> BinaryIO:
    if not Path(path).is_file():
        raise BadInput(f"{path} is no file that can be followed")
    try:
        file = Path(path).open("rb", buffering=0)  # noqa: SIM115 - it is open as long as it is followed
    except OSError as error:
        raise BadInput(f"cannot follow {path}: {error.strerror}") from None
    start = file.read(2)
    if start.startswith(WIDE_OR_PACKED):
        file.close()
        raise BadInput(f"cannot follow {path}: it is gzip or UTF-16, and a log that grows is UTF-8")
    file.seek(0)
    return file
