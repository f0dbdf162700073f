"""Standard output and error as every command has them: whatever becomes of them, no traceback and no verdict lost.

A reader that goes away (``| head -1``) takes the rest of the text with it and nothing else. What cannot be written for
want of space is told at the end. What the encoding lacks is spelled in ASCII. Whoever writes data, not text about it,
asks ``loss_of`` whether all of it arrived.
"""

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from rich.console import Console
from rich.text import Text

from bearerproof.judging.page import NARROWEST, WIDEST, Page, Style

_STYLES = {
    Style.BAD: "bold red",
    Style.GOOD: "bold green",
    Style.WARN: "yellow",
    Style.HEAD: "bold",
    Style.FAINT: "dim",
    Style.PLAIN: "",
}

_ASCII = {"≠": "!=", "→": "->", "…": "...", "─": "-", "§": "sec. ", "×": "x", "■": "#", "□": "o"}  # noqa: RUF001 - meant


def width_of(console: Console) -> int:
    """Return the columns of a page on it."""
    return min(max(console.width, NARROWEST), WIDEST)


def show(page: Page, console: Console) -> None:
    """Print a page, coloured where the console has colours."""
    for line in page.lines:
        text = Text.assemble(*((piece, _STYLES[style]) for piece, style in line.spans), end="")
        text.rstrip()
        console.print(text, soft_wrap=True, highlight=False)


class Lost(io.RawIOBase):
    """A stream that never fails: it remembers why something could not be written, and lets it go."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self.loss: OSError | None = None
        self.is_told = False

    @property
    def failure(self) -> OSError | None:
        """Why something could not be written, unless nobody wants it any more or it is told already."""
        return None if self.is_told or isinstance(self.loss, BrokenPipeError) else self.loss

    def writable(self) -> bool:
        """Say yes."""
        return True

    def fileno(self) -> int:
        """Return the descriptor, by which a terminal is known."""
        return self._descriptor

    def isatty(self) -> bool:
        """Say whether it is a terminal."""
        with suppress(OSError):
            return os.isatty(self._descriptor)
        return False

    def write(self, octets: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]  # of what io calls it with
        """Write all of it, or note why that cannot be."""
        left = memoryview(octets)
        number = len(left)
        while left and self.loss is None:
            try:
                left = left[os.write(self._descriptor, left) :]
            except OSError as error:
                self.loss = error
        return number


def loss_of(stream: "IO[str]") -> OSError | None:
    """Return why something written to such a stream was lost, to whoever tells it: data may not be lost in silence."""
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    if not isinstance(raw, Lost) or raw.loss is None:
        return None
    raw.is_told = True
    return raw.loss


@contextmanager
def unfailing() -> Iterator[list[Lost]]:
    """Put such streams in the place of standard output and error, and give them to whoever asks what became of them."""
    codecs.register_error(_ERRORS, _spelled)
    before, lost = (sys.stdout, sys.stderr), [Lost(1), Lost(2)]
    sys.stdout, sys.stderr = (_text(raw, stream) for raw, stream in zip(lost, before, strict=True))
    try:
        yield lost
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        made, (sys.stdout, sys.stderr) = (sys.stdout, sys.stderr), before
        for stream in made:
            with suppress(OSError, ValueError):
                stream.detach()  # else it closes the descriptor when it is collected


def _text(raw: Lost, stream: "IO[str] | None") -> io.TextIOWrapper:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    buffered = io.BufferedWriter(raw)  # type: ignore[type-var]  # typeshed knows streams by what it calls of them
    return io.TextIOWrapper(buffered, encoding=encoding, errors=_ERRORS, line_buffering=True)


_ERRORS = "bearerproof"


def _spelled(error: UnicodeError) -> tuple[str, int]:
    """Spell what an encoding lacks: signs of ours in ASCII, anything else by its number."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_ASCII.get(char, ascii(char)[1:-1]) for char in lacking), error.end


def _is_closed(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return True
    return False


def open_what_is_closed() -> None:
    """Open standard streams that the caller closed (``>&-``) on nothing, or files would get their numbers."""
    for descriptor in (0, 1, 2):
        if _is_closed(descriptor):
            os.open(os.devnull, os.O_RDWR)
