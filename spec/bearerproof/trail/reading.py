"""Reading a trail: files, gzip and a pipe, as lines of text, in bounded memory; trouble ends one file, not the run."""

import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

STDIN = "-"
"""The name that stands for standard input."""

BLOCK = 1 << 18
MAX_LINE = 1 << 20
"""Bytes of the longest line that is read; a longer one is counted and its first bytes are looked at."""

_HEAD = 1 << 12
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Block:
    """Whole lines without their line feeds. ``consumed`` is how many bytes of the file have been read so far."""

    lines: list[str]
    consumed: int


@dataclass(frozen=True)
class OddLine:
    """A line that cannot be read: what is wrong with it, and how it begins."""

    fault: str
    head: str
    consumed: int


class UnreadableError(Exception):
    """A file cannot be read, or not further; says why."""


def read(name: str) -> Iterator[Block | OddLine]:
    """Return the lines of a file, of gzip (known by its first bytes, RFC 1952 §2.3.1) or of standard input.

    Raises:
        UnreadableError: the file cannot be opened, or breaks off; the lines before have been handed out.
    """
    try:
        if name == STDIN:
            yield from _lines(sys.stdin.buffer)
        else:
            with Path(name).open("rb") as file:
                yield from _lines(file)
    except OSError as error:
        raise UnreadableError(error.strerror or str(error)) from None


def _lines(file: BinaryIO) -> Iterator[Block | OddLine]:
    source = _Source(file)
    rest = b""
    trouble: UnreadableError | None = None
    chunks = source.chunks()
    while True:
        try:
            chunk = next(chunks, None)
        except UnreadableError as error:
            trouble, chunk = error, None
        if chunk is None:
            break
        whole, feed, rest = (rest + chunk).rpartition(b"\n")
        if feed:
            yield from _decoded(whole, source.consumed)
        if len(rest) > MAX_LINE:
            size, after = _skip_line(len(rest), chunks)
            yield OddLine(f"a line of {size:,} bytes", rest[:_HEAD].decode("utf-8", "replace"), source.consumed)
            rest = after
    if rest:
        yield from _decoded(rest, source.consumed)
    if trouble is not None:
        raise trouble


def _skip_line(size: int, chunks: Iterator[bytes]) -> tuple[int, bytes]:
    """Read to the end of a line that is too long; return its size in bytes and what stands after it."""
    for chunk in chunks:
        head, feed, after = chunk.partition(b"\n")
        size += len(head)
        if feed:
            return size, after
    return size, b""


def _decoded(octets: bytes, consumed: int) -> Iterator[Block | OddLine]:
    """Decode many lines at once; only where that fails, line by line. Nothing but a line feed ends a line."""
    try:
        yield Block(octets.decode("utf-8").split("\n"), consumed)
    except UnicodeDecodeError:
        for line in octets.split(b"\n"):
            try:
                yield Block([line.decode("utf-8")], consumed)
            except UnicodeDecodeError as error:
                head = line[:_HEAD].decode("utf-8", "replace")
                yield OddLine(f"not UTF-8 at byte {error.start + 1}", head, consumed)


class _Source:
    """Hands out the octets of a file, inflated where it is gzip, and counts those read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.consumed = 0

    def chunks(self) -> Iterator[bytes]:
        start = self._read()
        while len(start) < len(_GZIP) and (more := self._read()):
            start += more
        raw = self._raw(start)
        return _inflated(raw) if start.startswith(_GZIP) else raw

    def _raw(self, start: bytes) -> Iterator[bytes]:
        chunk = start
        while chunk:
            yield chunk
            chunk = self._read()

    def _read(self) -> bytes:
        # One system call, so that what stands in a pipe is judged when it comes.
        read = getattr(self._file, "read1", self._file.read)
        chunk: bytes = read(BLOCK)
        self.consumed += len(chunk)
        return chunk


def _inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Inflate gzip of one or several members, a block at a time however far it expands."""
    inflater = zlib.decompressobj(wbits=31)
    for chunk in chunks:
        data = chunk
        while data or not inflater.eof:
            if inflater.eof:
                data = data.lstrip(b"\0")  # padding between members
                if not data:
                    break
                inflater = zlib.decompressobj(wbits=31)
            try:
                out = inflater.decompress(data, BLOCK)
            except zlib.error as error:
                raise UnreadableError(f"the gzip data is broken ({error})") from None
            if out:
                yield out
            data = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
            if not inflater.eof and not data and len(out) < BLOCK:
                break
    if not inflater.eof:
        raise UnreadableError("the gzip data ends too early: the file was cut off")
