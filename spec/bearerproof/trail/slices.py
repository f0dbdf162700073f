"""Reading a trail in slices, by whoever it may be, and judging what they yield in its order.

A part of a file is some hundred lines. Whose turn it is to read a part, ``turns`` says, over and over: ``(0, 0, 1, 1)``
has the first two parts read by slice 0 and the next two by slice 1. What is no slice's turn is left to who joins them.

Reading lines is most of the work and needs nothing that stands before them, so slices are read apart: ``read_slice``
yields for each part what ``join`` takes, as octets that can be sent anywhere. ``join`` gives all events, in the order
of their lines, to the very rules that judge a trail which is read in one piece, whatever they ask for: the life of a
token, numbers and times of a writer, the count of source ids, the bound of memory. So the report is the same to the
byte, however many slices. What events come down to comes with them, so that they seldom have to be unpacked.

Two things make a line depend on the one before: a collector may have cut it into pieces, and it may hold what cannot
be sent. ``join`` reads such a part itself, and those behind it until no line is under way.
"""

import pickle
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from itertools import count
from operator import or_
from pathlib import Path
from typing import Any

from msgspec import MsgspecError, Raw, Struct, defstruct
from msgspec.msgpack import Decoder, Encoder
from msgspec.structs import fields

from bearerproof.trail import reading
from bearerproof.trail.events import KINDS, Failure, Invalid, LifecycleEvent, Used, name_of
from bearerproof.trail.facts import Batch, Few, SummaryText, Tally
from bearerproof.trail.findings import Findings
from bearerproof.trail.gists import Gist, Gisted, Single, gist_of
from bearerproof.trail.judge import Judgement, Progress
from bearerproof.trail.options import Options
from bearerproof.trail.pieces import Pieces
from bearerproof.trail.reader import LineReader
from bearerproof.trail.reading import Content, OddLine, Part, contents
from bearerproof.trail.report import TrailReport

Yield = bytes
"""What one part yields, for ``join`` alone to read."""


def can_be_sliced(paths: Sequence[str]) -> bool:
    """Whether the files can be read by several at once: a pipe cannot."""
    return all(path != reading.STDIN and Path(path).is_file() for path in paths)


def read_slice(paths: Sequence[str], k: int, turns: Sequence[int], options: Options) -> Iterator[Yield]:
    """Read slice ``k`` of a trail; pure, but for the files, which must not change meanwhile.

    The files are read in the order of their first events, as ``prove`` reads them.
    """
    findings = Findings(options.findings)
    reader = LineReader(options, findings)
    line = 0
    for number, content in enumerate(contents(paths)):
        is_ours = turns[number % len(turns)] == k
        if is_ours and isinstance(content, Part):
            yielded, lines = _read(content, line + 1, reader, findings)
            yield yielded
            line += lines
            continue
        if is_ours:
            yield _rare(content)
        line += _lines_of(content)


def join(
    paths: Sequence[str],
    slices: Sequence[Iterable[Yield]],
    turns: Sequence[int],
    options: Options,
    progress: Progress | None = None,
) -> TrailReport:
    """Judge a trail by what all its slices yielded, in the order of ``k``; each is asked for its next part in turn.

    A slice that breaks off costs time alone: what it does not yield is read here.
    """
    return _Join(paths, turns, options, progress).judge([iter(yields) for yields in slices])


class _Join:
    """The parts of a trail in their order, each as somebody read it, or read here."""

    def __init__(self, paths: Sequence[str], turns: Sequence[int], options: Options, progress: Progress | None) -> None:
        self._judgement = Judgement(options, progress=progress)
        self._turns = turns
        self._own = enumerate(contents(paths))

    def judge(self, slices: Sequence[Iterator[Yield]]) -> TrailReport:
        for number in count():
            turn = self._turns[number % len(self._turns)]
            content = _received(next(slices[turn], None) if turn < len(slices) else None)
            if isinstance(content, _Read) and self._judgement.is_cut:
                content = None
            if content is None:
                content = next((content for place, content in self._own if place == number), None)
            if content is None:
                break
            if isinstance(content, _Read):
                content.take_to(self._judgement)
            else:
                self._judgement.feed(content)
        return self._judgement.report()


def _lines_of(content: Content) -> int:
    if isinstance(content, Part):
        return content.lines
    return int(isinstance(content, OddLine))


def _read(part: Part, line: int, reader: LineReader, findings: Findings) -> tuple[Yield, int]:
    """Read a part whose first line is this one; return what that yields, and how many lines it has."""
    reader.tally, reader.pieces, start = Tally(), Pieces(), line
    line += reader.read_whole(part.octets, line)
    for block in () if line > start else reading.decoded(part):
        if isinstance(block, OddLine):
            reader.read_odd(block, line)
            line += 1
        else:
            reader.read(block.lines, line)
            line += len(block.lines)
    facts, found, lines = reader.drain(), findings.drain(), line - start
    if reader.pieces:
        return _rare(None), lines
    told = pickle.dumps((reader.tally, found if found.violated else None))
    try:
        events = [_SentBatch.of(each) if isinstance(each, Batch) else _SentFew.of(each) for each in facts.parts]
        return _encode(_Read(lines, part.consumed, told, events)), lines
    except (UnicodeEncodeError, OverflowError):
        return _rare(None), lines


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


class _Columns(Struct, array_like=True):
    """A batch member by member. ``numbers`` are the first alone where each follows the one before it."""

    kinds: bytes
    jtis: list[str | None]
    identities: list[bytes | None]
    instants: list[str | None]
    numbers: list[int | None] | int
    origins: list[str | None] | str | None


class _SentBatch(Struct, array_like=True, tag="batch"):
    """A batch as it is sent: in short, and whole for whom that is not enough.

    ``lines`` are the first alone where each follows the one before it. ``singles`` are the events of which the columns
    do not say all, where there is no gist, which has them.
    """

    length: int
    lines: list[int] | int
    gist: Gist | None
    singles: list[Single]
    columns: Raw
    beside: _SentFew | None

    @classmethod
    def of(cls, batch: Batch) -> "_SentBatch":
        gist, origin = gist_of(batch), batch.origins[0]
        columns = _Columns(
            bytes(map(KINDS.index, batch.kinds)),
            batch.jtis,
            batch.identities,
            batch.instants,
            _short(batch.numbers),
            origin if batch.origins.count(origin) == len(batch) else batch.origins,
        )
        return cls(
            len(batch),
            _short(batch.lines),
            gist,
            [] if gist else [Single.of(batch, place) for place, kind in enumerate(batch.kinds) if kind not in _PLAIN],
            Raw(_encode(columns)),
            None if batch.beside is None else _SentFew.of(batch.beside),
        )

    def received(self) -> Batch | Gisted:
        if self.gist is None:
            return self._whole()
        beside = None if self.beside is None else self.beside.received()
        return Gisted(self.gist, _long(self.lines, self.length), self._whole, beside)

    def _whole(self) -> Batch:
        columns: _Columns = _decode_columns(self.columns)
        events: list[LifecycleEvent | None] = [None] * self.length
        numbers, origins = _long(columns.numbers, self.length), columns.origins
        for single in self.gist.singles if self.gist else self.singles:
            events[single.place] = event = single.event()
            event.seq = numbers[single.place]
        return Batch(
            _long(self.lines, self.length),
            [KINDS[kind] for kind in columns.kinds],
            columns.jtis,
            columns.identities,
            columns.instants,
            numbers,
            origins if isinstance(origins, list) else [origins] * self.length,
            events,
            None if self.beside is None else self.beside.received(),
        )


def _short(values: Sequence[Any]) -> list[Any] | int:
    """Return the first of values alone, where each follows the one before it."""
    first = values[0]
    if first is not None and (isinstance(values, range) or list(values) == list(range(first, first + len(values)))):
        return int(first)
    return list(values)


def _long(values: list[Any] | int, length: int) -> Sequence[Any]:
    return range(values, values + length) if isinstance(values, int) else values


_PLAIN = (Used, Invalid)
"""Kinds of events of which the members of a batch say all that matters."""


class _Read(Struct, array_like=True, tag="read"):
    """What reading one part yielded. ``told`` are what lines were that are no events, and what was found in them."""

    lines: int
    consumed: int
    told: bytes
    events: list[_SentBatch | _SentFew]

    def take_to(self, judgement: Judgement) -> None:
        """Give it to a judgement."""
        tally, findings = pickle.loads(self.told)  # noqa: S301 - our own process wrote it
        judgement.take([sent.received() for sent in self.events], tally, findings, self.lines, self.consumed)


class _Rare(Struct, array_like=True, tag="rare"):
    """What is no part of a file; None stands for a part that can be read only by who knows what stands before."""

    pickled: bytes


def _rare(content: Content | None) -> Yield:
    return _encode(_Rare(pickle.dumps(content)))


def _received(yielded: Yield | None) -> "Content | _Read | None":
    """Return what a slice yielded; None where that is nothing that can be read here."""
    if yielded is None:
        return None
    try:
        read: _Read | _Rare = _decode(yielded)
    except MsgspecError:
        return None
    if isinstance(read, _Read):
        return read
    content: Content | None = pickle.loads(read.pickled)  # noqa: S301 - our own process wrote it
    return content


_encode = Encoder().encode
_decode = Decoder(_Read | _Rare).decode
_decode_columns = Decoder(_Columns).decode
