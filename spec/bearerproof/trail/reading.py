"""Reading a trail: files, gzip and a pipe, as lines of text, in bounded memory; trouble ends one file, not the run."""

import codecs
import re
import sys
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

from bearerproof.trail import presets

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
    """A line that cannot be read: what is wrong with it, how it begins, and whether it looks like an event later."""

    fault: str
    head: str
    consumed: int
    looks_ours: bool = False


@dataclass(frozen=True)
class Part:
    """Whole lines as octets, a line feed behind each. ``consumed`` is as in ``Block``."""

    octets: bytes
    consumed: int


def lines_of(octets: bytes) -> list[bytes]:
    """Return lines with the line feeds behind them: of all ways to find these by far the fastest."""
    return BytesIO(octets).readlines()


@dataclass(frozen=True)
class Begin:
    """The beginning of a file."""

    path: str


@dataclass(frozen=True)
class End:
    """The end of a file, or where it breaks off and why."""

    trouble: str | None = None


Content = Begin | Part | OddLine | End
"""What a trail consists of: for each file its beginning, its parts, its end."""


class UnreadableError(Exception):
    """A file cannot be read, or not further; says why."""


def read(name: str) -> Iterator[Block | OddLine]:
    """Return the lines of a file, of gzip (known by its first bytes, RFC 1952 §2.3.1) or of standard input.

    Raises:
        UnreadableError: the file cannot be opened, or breaks off; the lines before have been handed out.
    """
    for part in parts(name):
        yield from decoded(part)


def decoded(part: "Part | OddLine") -> Iterator[Block | OddLine]:
    """Return the lines of a part of a file."""
    return iter((part,)) if isinstance(part, OddLine) else _decoded(part.octets, part.consumed)


def parts(name: str) -> Iterator["Part | OddLine"]:
    """Return the parts of a file, of gzip or of standard input, of many lines each, as octets.

    Raises:
        UnreadableError: as ``read`` does.
    """
    try:
        if name == STDIN:
            yield from _lines(sys.stdin.buffer)
        else:
            with Path(name).open("rb") as file:
                yield from _lines(file)
    except OSError as error:
        raise UnreadableError(error.strerror or str(error)) from None


def contents(names: Sequence[str]) -> Iterator[Content]:
    """Return what the files of a trail consist of, in the order of their first events; trouble ends one file."""
    for name in oldest_first(names):
        yield Begin(name)
        trouble = None
        try:
            yield from parts(name)
        except UnreadableError as error:
            trouble = str(error)
        yield End(trouble)


def oldest_first(names: Sequence[str]) -> list[str]:
    """Return files in the order of their first events, if all can be read twice; else as they were given.

    A file that tells no time stays behind the one before it.
    """
    if not all(name != STDIN and Path(name).is_file() for name in names):
        return list(names)
    begun: list[tuple[str, str]] = []
    for name in names:
        begun.append((_first_instant(name) or (begun[-1][0] if begun else ""), name))
    return [name for _, name in sorted(begun, key=itemgetter(0))]


def _first_instant(name: str) -> str | None:
    """Return the first time that an event in a file tells, without the Z, so that decimals more or fewer sort."""
    try:
        with Path(name).open("rb") as file:
            chunk = next(filter(None, _Source(file).chunks()), b"")
    except (OSError, ValueError, UnreadableError):
        return None
    found = _FIRST_INSTANT.search(chunk[:BLOCK])
    return None if found is None else found[1].decode()


_FIRST_INSTANT = re.compile(
    rb'"occurred_at[\\ ]{0,16}"[\\ ]{0,8}:[\\ ]{0,16}"'
    rb"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:\.[0-9]{1,9})?)"
)


def _lines(file: BinaryIO) -> Iterator["Part | OddLine"]:
    source = _Source(file)
    rest = after = b""
    trouble: UnreadableError | None = None
    chunks = source.chunks()
    while True:
        try:
            chunk = after or next(chunks, None)
        except UnreadableError as error:
            trouble, chunk = error, None
        if chunk is None:
            break
        after = b""
        if len(rest) + first_line(chunk) > MAX_LINE:
            size, looks_ours, after = _skip_line(rest, chain((chunk,), chunks))
            head = (rest + chunk)[:_HEAD].decode("utf-8", "replace")
            yield OddLine(f"a line of {size:,} bytes", head, source.consumed, looks_ours)
            rest = b""
            continue
        end = chunk.rfind(b"\n")
        if end >= 0:
            yield Part(b"".join((rest, memoryview(chunk)[: end + 1])), source.consumed)
            rest = b""
        rest += chunk[end + 1 :]
    if trouble is not None:
        raise trouble  # nobody wrote the line that is cut off here
    if rest:
        yield Part(rest + b"\n", source.consumed)


def first_line(chunk: bytes) -> int:
    """Return how many octets stand before the first line feed, or all."""
    end = chunk.find(b"\n")
    return len(chunk) if end < 0 else end


def long_line(text: str, consumed: int) -> OddLine:
    """Return what is told of a line at hand that is too long to be read."""
    return OddLine(f"a line of {len(text):,} characters", text[:_HEAD], consumed, presets.seems_ours(text))


def _skip_line(start: bytes, chunks: Iterator[bytes]) -> tuple[int, bool, bytes]:
    """Read to the end of a line that is too long; return its size in bytes, its looks, and what stands after it."""
    size, looks_ours, end, after = len(start), _looks_ours(start), start[-_HEAD:], b""
    for chunk in chunks:
        head, feed, after = chunk.partition(b"\n")
        size += len(head)
        looks_ours = looks_ours or _looks_ours(end + head)
        end = (end + head)[-_HEAD:]
        if feed:
            break
        after = b""
    return size, looks_ours, after


def _looks_ours(octets: bytes) -> bool:
    return presets.seems_ours(octets.decode("utf-8", "replace"))


def _decoded(octets: bytes, consumed: int) -> Iterator[Block | OddLine]:
    """Decode many lines at once; only where that fails, line by line. Nothing but a line feed ends a line."""
    try:
        yield Block(octets[:-1].decode("utf-8").split("\n"), consumed)
    except UnicodeDecodeError:
        for line in octets[:-1].split(b"\n"):
            try:
                yield Block([line.decode("utf-8")], consumed)
            except UnicodeDecodeError as error:
                yield OddLine(f"not UTF-8 at byte {error.start + 1}", line.decode("utf-8", "replace"), consumed)


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
        if not start.startswith(_GZIP):
            return _as_utf8(raw)
        return _as_utf8(_inflated(raw))

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


def _as_utf8(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Return UTF-16, known by its mark or by its noughts, in UTF-8, and anything else as it is."""
    start = b""
    for chunk in chunks:
        start += chunk
        if len(start) >= len(codecs.BOM_UTF16_LE):
            break
    marked = start.startswith(tuple(_WIDE))
    encoding = _WIDE[start[:2]] if marked else _unmarked(start[:_HEAD])
    if encoding is None:
        yield start
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    for chunk in chain((start[2:] if marked else start,), chunks, (b"",)):
        try:
            yield decoder.decode(chunk, final=not chunk).encode("utf-8", "surrogatepass")
        except UnicodeError as error:
            raise UnreadableError(f"the UTF-16 data is broken ({error.__class__.__name__})") from None


def _unmarked(start: bytes) -> str | None:
    """Return the encoding of text of which nearly every second octet is nought."""
    low, high = start[::2].count(0), start[1::2].count(0)
    if max(low, high) * 4 <= len(start) or min(low, high):
        return None
    return "utf-16-le" if high else "utf-16-be"


WIDE_OR_PACKED = (_GZIP, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""How files begin that are no plain UTF-8."""

_WIDE = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def _inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Inflate gzip of one or several members, about a block at a time however far it expands, or however little."""
    inflater = zlib.decompressobj(wbits=31)
    for chunk in chunks:
        out: list[bytes] = []
        for start in range(0, len(chunk), _PART):  # what zlib leaves over of its input it copies, each time
            data = chunk[start : start + _PART]
            while data or not inflater.eof:
                if inflater.eof:
                    data = data.lstrip(b"\0")  # padding between members
                    if not data:
                        break
                    inflater = zlib.decompressobj(wbits=31)
                try:
                    out.append(inflater.decompress(data, BLOCK))
                except zlib.error as error:
                    yield b"".join(out)
                    raise UnreadableError(f"the gzip data is broken ({error})") from None
                data = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
                ended = not inflater.eof and not data and len(out[-1]) < BLOCK
                if len(out[-1]) > _PART or len(out) > _PART:
                    yield b"".join(out)
                    out.clear()
                if ended:
                    break
        yield b"".join(out)
    if not inflater.eof:
        raise UnreadableError("the gzip data ends too early: the file was cut off")


_PART = 1 << 13
"""Bytes that are inflated at once."""
