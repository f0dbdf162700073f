"""Reading parts of a trail apart, by whoever it may be, and judging what they yield in the order of the trail.

A part of a file is some hundred lines. Reading lines is most of the work and needs nothing that stands before them, so
parts are read anywhere: what that yields can be sent as octets. Whoever judges gives all events, in the order of their
lines, to the very rules that judge a trail which is read in one piece, whatever they ask for: the life of a token,
numbers and times of a writer, the count of source ids, the bound of memory. So the report is the same to the byte,
whoever has read which part. What events come down to comes with them, so that they seldom have to be unpacked.

Two things make a line depend on the one before: a collector may have cut it into pieces, and it may hold what cannot
be sent. Whoever judges reads such a part himself, and those behind it until no line is under way.

Where many read the same files, each reads a slice of them, ``read_slice``, and ``join`` judges what these yield.
"""

import pickle
from collections.abc import Iterable, Iterator, Sequence
from functools import partial, reduce
from itertools import cycle
from operator import or_
from pathlib import Path
from typing import Any, cast

from msgspec import MsgspecError, Struct, defstruct
from msgspec.msgpack import Decoder, Encoder
from msgspec.structs import fields

from bearerproof.trail import reading
from bearerproof.trail.events import KINDS, Failure, Invalid, LifecycleEvent, Used, name_of
from bearerproof.trail.facts import Batch, Few, SummaryText, Tally
from bearerproof.trail.findings import Recorder
from bearerproof.trail.gists import Gist, Gisted, Single, gist_of
from bearerproof.trail.judge import Judgement, PartRead, Progress
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


class PartReader:
    """Reads parts of a trail, each by itself."""

    def __init__(self, options: Options) -> None:
        self._findings = Recorder(options.findings)
        self._reader = LineReader(options, self._findings)

    def read(self, part: Part) -> PartRead | None:
        """Read a part; None where only he can who knows what stands before it."""
        reader, line = self._reader, 1
        reader.tally, reader.pieces = Tally(), Pieces()
        line += reader.read_whole(part.octets, line)
        for block in () if line > 1 else reading.decoded(part):
            if isinstance(block, OddLine):
                reader.read_odd(block, line)
                line += 1
            else:
                reader.read(block.lines, line)
                line += len(block.lines)
        parts, reports = reader.drain().parts, self._findings.drain()
        return None if reader.pieces else PartRead(line - 1, part.consumed, reader.tally, reports, parts)


def packed(read: PartRead | Content | None, *, in_short: bool = False) -> Yield:
    """Return as octets what was read of a part, or what is no part; None is what cannot be read apart.

    ``in_short``: of a batch without reports what it comes down to is enough. What cannot be sent is packed as None.
    """
    if not isinstance(read, PartRead):
        return _encode(_Rare(pickle.dumps(read)))
    alone = in_short and not read.reports and len(read.parts) == 1
    try:
        events = [
            _SentBatch.of(part, in_short=alone) if isinstance(part, Batch) else _SentFew.of(cast("Few", part))
            for part in read.parts
        ]
        return _encode(_Read(read.lines, read.consumed, pickle.dumps((read.tally, read.reports)), events))
    except (UnicodeEncodeError, OverflowError):
        return packed(None)


def unpacked(yielded: Yield) -> PartRead | Content | None:
    """Return what was ``packed``; None also where that is nothing that can be read here."""
    try:
        read: _Read | _Rare = _decode(yielded)
        if isinstance(read, _Read):
            return read.received()
    except MsgspecError:
        return None
    content: Content | None = pickle.loads(read.pickled)  # noqa: S301 - our own process wrote it
    return content


def read_slice(paths: Sequence[str], k: int, slices: int, options: Options) -> Iterator[Yield]:
    """Read slice ``k`` of so many: parts by turns; pure, but for the files, which must not change meanwhile.

    The files are read in the order of their first events, as ``prove`` reads them.
    """
    reader = PartReader(options)
    for number, content in enumerate(contents(paths)):
        if number % slices == k:
            yield packed(reader.read(content) if isinstance(content, Part) else content)


def join(
    paths: Sequence[str],
    slices: Sequence[Iterable[Yield]],
    options: Options,
    progress: Progress | None = None,
) -> TrailReport:
    """Judge a trail by what all its slices yielded, in the order of ``k``; each is asked for its next part in turn.

    A slice that breaks off costs time alone: what it does not yield is read here.
    """
    judgement, own = Judgement(options, progress=progress), enumerate(contents(paths))
    for number, yields in enumerate(cycle([iter(each) for each in slices])):
        yielded = next(yields, None)
        read = None if yielded is None else unpacked(yielded)
        if isinstance(read, PartRead):
            if judgement.take(read):
                continue
            read = None
        content = read or next((content for place, content in own if place == number), None)
        if content is None:
            break
        judgement.feed(content)
    return judgement.report()


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
    """A batch as it is sent: in short where that can be, and whole for whom that is not enough.

    ``lines`` are the first alone where each follows the one before it. ``singles`` are the events of which the columns
    do not say all.
    """

    length: int
    lines: list[int] | int
    gist: Gist | None
    singles: list[Single]
    columns: bytes | None
    beside: _SentFew | None

    @classmethod
    def of(cls, batch: Batch, *, in_short: bool) -> "_SentBatch":
        gist = gist_of(batch)
        is_enough = in_short and gist is not None
        singles = [place for place, kind in enumerate(batch.kinds) if kind not in _PLAIN] if not is_enough else []
        return cls(
            len(batch),
            _short(batch.lines),
            gist,
            [Single.at(batch, place) for place in singles],
            None if is_enough else _encode(_columns(batch)),
            None if batch.beside is None else _SentFew.of(batch.beside),
        )

    def received(self) -> Batch | Gisted:
        whole = None if self.columns is None else partial(self._whole, self.columns)
        if self.gist is not None:
            beside = None if self.beside is None else self.beside.received()
            return Gisted(self.gist, _long(self.lines, self.length), whole, beside)
        if whole is None:
            raise MsgspecError
        return whole()

    def _whole(self, packed: bytes) -> Batch:
        columns: _Columns = _decode_columns(packed)
        events: list[LifecycleEvent | None] = [None] * self.length
        numbers, origins = _long(columns.numbers, self.length), columns.origins
        for single in self.singles:
            events[single.place] = single
            single.seq = numbers[single.place]
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


def _columns(batch: Batch) -> _Columns:
    return _Columns(
        bytes(map(KINDS.index, batch.kinds)),
        batch.jtis,
        batch.identities,
        batch.instants,
        _short(batch.numbers),
        batch.origins[0] if batch.is_of_one else batch.origins,
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

    def received(self) -> PartRead:
        tally, reports = pickle.loads(self.told)  # noqa: S301 - our own process wrote it
        return PartRead(self.lines, self.consumed, tally, reports, [sent.received() for sent in self.events])


class _Rare(Struct, array_like=True, tag="rare"):
    """What is no part of a file; None stands for a part that cannot be read apart."""

    pickled: bytes


_encode = Encoder().encode
_decode = Decoder(_Read | _Rare).decode
_decode_columns = Decoder(_Columns).decode
