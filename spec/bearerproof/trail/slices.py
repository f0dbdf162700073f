"""Reading a trail in slices, by whoever it may be, and judging what they yield in its order.

Slice k of n is every n-th part of the files, from the k-th on: a part is some hundred lines. Reading lines is most of
the work and needs nothing that stands before them, so slices are read apart: ``read_slice`` yields for each part what
``join`` takes, as octets that can be sent anywhere. ``join`` gives all events, in the order of their lines, to the very
rules that judge a trail which is read in one piece, whatever they ask for: the life of a token, numbers and times of
a writer, the count of source ids, the bound of memory. So the report is the same to the byte, however many slices.

Two things make a line depend on the one before: a collector may have cut it into pieces, and it may hold what cannot
be sent. ``join`` reads such a part itself, and those behind it until no line is under way.
"""

import pickle
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from itertools import count
from operator import or_
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import MsgspecError, Struct, defstruct
from msgspec.msgpack import Decoder, Encoder
from msgspec.structs import fields

from bearerproof.trail import reading
from bearerproof.trail.events import KINDS, Failure, Invalid, Used, name_of
from bearerproof.trail.facts import Batch, Facts, Few, SummaryText, Tally
from bearerproof.trail.findings import Findings
from bearerproof.trail.judge import Judgement, Progress
from bearerproof.trail.options import Options
from bearerproof.trail.pieces import Pieces
from bearerproof.trail.reader import LineReader
from bearerproof.trail.reading import Content, OddLine, Part, contents
from bearerproof.trail.report import TrailReport

Yield = bytes
"""What one part yields, for ``join`` alone to read."""


class _Reading(NamedTuple):
    """What reading one part yielded."""

    lines: int
    consumed: int
    facts: bytes
    tally: Tally
    findings: Findings | None


def can_be_sliced(paths: Sequence[str]) -> bool:
    """Whether the files can be read by several at once: a pipe cannot."""
    return all(path != reading.STDIN and Path(path).is_file() for path in paths)


def read_slice(paths: Sequence[str], k: int, n: int, options: Options) -> Iterator[Yield]:
    """Read slice ``k`` (from 0) of ``n`` of a trail; pure, but for the files, which must not change meanwhile.

    The files are read in the order of their first events, as ``prove`` reads them.
    """
    findings = Findings(options.findings)
    reader = LineReader(options, findings)
    line = 0
    for number, content in enumerate(contents(paths)):
        is_ours = number % n == k
        read = _read(content, line + 1, reader, findings) if is_ours and isinstance(content, Part) else None
        if is_ours:
            yield pickle.dumps(read if isinstance(content, Part) else content)
        line += _lines_of(content) if read is None else read.lines


def join(
    paths: Sequence[str], slices: Sequence[Iterable[Yield]], options: Options, progress: Progress | None = None
) -> TrailReport:
    """Judge a trail by what all its slices yielded, in the order of ``k``; each is asked for its next part in turn.

    A slice that breaks off costs time alone: what it does not yield is read here.
    """
    return _Join(paths, options, progress).judge([iter(yields) for yields in slices])


class _Join:
    """The parts of a trail in their order, each as somebody read it, or read here."""

    def __init__(self, paths: Sequence[str], options: Options, progress: Progress | None) -> None:
        self._judgement = Judgement(options, progress=progress)
        self._own = enumerate(contents(paths))

    def judge(self, slices: Sequence[Iterator[Yield]]) -> TrailReport:
        for number in count():
            yielded = next(slices[number % len(slices)], None)
            content = None if yielded is None else pickle.loads(yielded)  # noqa: S301 - our own process wrote it
            if isinstance(content, _Reading) and (self._judgement.is_cut or not self._take(content)):
                content = None
            if content is None:
                content = next((content for place, content in self._own if place == number), None)
                if content is None:
                    break
            if not isinstance(content, _Reading):
                self._judgement.feed(content)
        return self._judgement.report()

    def _take(self, part: _Reading) -> bool:
        """Judge what was read of a part, if its events came over whole."""
        facts = Facts()
        try:
            facts.parts = [sent.received() for sent in _decode(part.facts)]
        except MsgspecError:
            return False
        self._judgement.take(facts, part.tally, part.findings, part.lines, part.consumed)
        return True


def _lines_of(content: Content) -> int:
    if isinstance(content, Part):
        return content.lines
    return int(isinstance(content, OddLine))


def _read(part: Part, line: int, reader: LineReader, findings: Findings) -> _Reading | None:
    """Read a part whose first line is this one; None where only who knows what stands before can read it."""
    reader.tally, reader.pieces, start = Tally(), Pieces(), line
    line += reader.read_whole(part.octets, line)
    for block in () if line > start else reading.decoded(part):
        if isinstance(block, OddLine):
            reader.read_odd(block, line)
            line += 1
        else:
            reader.read(block.lines, line)
            line += len(block.lines)
    facts, found = reader.drain(), findings.drain()
    if reader.pieces:
        return None
    try:
        sent = _encode([_SentBatch.of(each) if isinstance(each, Batch) else _SentFew.of(each) for each in facts.parts])
    except (UnicodeEncodeError, OverflowError):
        return None
    told = found if found.violated else None
    return _Reading(line - start, part.consumed, sent, reader.tally, told)


def _sent(kind: Any) -> Any:
    """Return a kind of event as it is sent, with the digest of its identity."""
    required = any(field.name == "identity" and field.required for field in fields(kind))
    identity = ("identity", bytes | None) if required else ("identity", bytes | None, None)
    made: Any = defstruct(kind.__name__, [identity], bases=(kind,), tag=name_of(kind), gc=False, kw_only=True)
    made.kind = kind
    return made


_Sent = reduce(or_, (*map(_sent, KINDS), Failure, SummaryText))


class _SentFew(Struct, array_like=True, tag="few"):
    """Events as they are sent."""

    events: list[_Sent]  # type: ignore[valid-type]  # made here
    lines: list[int]
    texts: dict[int, str]

    @classmethod
    def of(cls, few: Few) -> "_SentFew":
        return cls(few.events, few.lines, few.texts)

    def received(self) -> Few:
        return Few(self.events, self.lines, self.texts)


class _SentBatch(Struct, array_like=True, tag="batch"):
    """A batch as it is sent: whole events only of those whose other members matter.

    ``lines`` and ``numbers`` are the first alone where each follows the one before, ``origins`` one where all are one.
    """

    lines: list[int] | int
    kinds: bytes
    jtis: list[str | None]
    identities: list[bytes | None]
    instants: list[str | None]
    numbers: list[int | None] | int
    origins: list[str | None] | str | None
    events: list[_Sent | None]  # type: ignore[valid-type]  # made here
    beside: _SentFew | None

    @classmethod
    def of(cls, batch: Batch) -> "_SentBatch":
        first = batch.origins[0]
        events: list[Any] = [None if kind in _PLAIN else batch.event(place) for place, kind in enumerate(batch.kinds)]
        return cls(
            _short(batch.lines),
            bytes(map(KINDS.index, batch.kinds)),
            batch.jtis,
            batch.identities,
            batch.instants,
            _short(batch.numbers),
            first if batch.origins.count(first) == len(batch) else batch.origins,
            events,
            None if batch.beside is None else _SentFew.of(batch.beside),
        )

    def received(self) -> Batch:
        length = len(self.kinds)
        return Batch(
            _long(self.lines, length),
            list(map(KINDS.__getitem__, self.kinds)),
            self.jtis,
            self.identities,
            self.instants,
            _long(self.numbers, length),
            self.origins if isinstance(self.origins, list) else [self.origins] * length,
            self.events,
            None if self.beside is None else self.beside.received(),
        )


def _short(values: Sequence[Any]) -> list[Any] | int:
    """Return the first of values alone, where each follows the one before it."""
    first = values[0]
    if first is not None and list(values) == list(range(first, first + len(values))):
        return int(first)
    return list(values)


def _long(values: list[Any] | int, length: int) -> Sequence[Any]:
    return range(values, values + length) if isinstance(values, int) else values


_PLAIN = (Used, Invalid)
"""Kinds of events of which the members of a batch say all that matters."""

_encode = Encoder().encode
_decode = Decoder(list[_SentBatch | _SentFew]).decode
