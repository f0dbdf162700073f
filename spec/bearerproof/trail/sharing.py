"""Sharing the reading of a trail with others, and judging what they and we have read, in the order of the trail.

While there is nothing to be judged we read too, so shares balance by themselves, however busy anybody is. Who has read
which part makes no difference to the report.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from bearerproof.trail.judge import Judgement, PartRead
from bearerproof.trail.reading import Content, Part
from bearerproof.trail.slices import PartReader, Yield, unpacked

IN_A_ROW = 8
"""Parts that one reads in a row: tokens that were used just before need not be learned anew."""

_WHOLE = 64
"""Parts that are asked for as a whole after one of which it was not enough what it comes down to."""


class Reader(Protocol):
    """Reads parts of a trail elsewhere, in the order in which they are sent."""

    @property
    def is_there(self) -> bool:
        """Whether parts can be sent at all."""

    def takes(self) -> bool:
        """Whether a part can be sent now, without waiting; so it is where none is under way."""

    def send(self, part: Part, *, in_short: bool) -> bool:
        """Have a part read, unless it is too large; ``in_short`` as ``packed`` has it."""

    def receive(self) -> Yield | None:
        """Return what reading the next part yielded; None when nothing will come any more."""


News = Callable[[bool], Sequence[Reader]]
"""Returns those who have something to be received; when told to wait, once somebody has."""


@dataclass(slots=True)
class _Turn:
    """Something of a trail, and what reading it yielded; ``is_due``: it can be judged."""

    content: Content
    is_due: bool
    yielded: Yield | PartRead | None = None


@dataclass(slots=True)
class _Share:
    """Parts that somebody is to read, and those that he is reading."""

    waiting: deque[tuple[_Turn, Part]] = field(default_factory=deque)
    begun: deque[_Turn] = field(default_factory=deque)


class Sharing:
    """A trail of which ``readers`` read some parts, and ``own`` the others; what is not judged yet is kept."""

    def __init__(
        self, trail: Iterable[Content], judgement: Judgement, own: PartReader, readers: Sequence[Reader], news: News
    ) -> None:
        self._trail = iter(trail)
        self._judgement = judgement
        self._own = own
        self._news = news
        self._turns = deque[_Turn]()
        self._ours = _Share()
        self._theirs = {reader: _Share() for reader in readers}
        self._most = 2 * IN_A_ROW * (len(readers) + 1)
        self._whole = 0

    def judge(self) -> None:
        """Judge all of the trail."""
        while self._turns or self._begin(self._ours):
            self._receive(wait=False)
            for reader, share in self._theirs.items():
                self._send(reader, share)
            if self._turns[0].is_due:
                self._judge(self._turns.popleft())
            elif self._begin(self._ours) and self._ours.waiting:
                turn, part = self._ours.waiting.popleft()
                turn.yielded, turn.is_due = self._own.read(part), True
            else:
                self._receive(wait=True)

    def _begin(self, share: _Share) -> bool:
        """Have somebody read the next parts, where none wait for him and not too many are under way.

        Returns whether there is anything for him, or else more of the trail that is no part.
        """
        before = len(self._turns)
        for content in islice(self._trail, 0 if share.waiting or before >= self._most else IN_A_ROW):
            turn = _Turn(content, is_due=not isinstance(content, Part))
            self._turns.append(turn)
            if isinstance(content, Part):
                share.waiting.append((turn, content))
        return len(self._turns) > before or bool(share.waiting)

    def _send(self, reader: Reader, share: _Share) -> None:
        while reader.is_there and reader.takes() and self._begin(share) and share.waiting:
            turn, part = share.waiting.popleft()
            if reader.send(part, in_short=self._whole == 0):
                self._whole = max(0, self._whole - 1)
                share.begun.append(turn)
            else:
                turn.is_due = True

    def _receive(self, *, wait: bool) -> None:
        for reader in self._news(wait):
            share, yielded = self._theirs[reader], reader.receive()
            if yielded is not None:
                turn = share.begun.popleft()
                turn.yielded, turn.is_due = yielded, True
                continue
            # Who ends costs time alone: what he has not read is read when it is judged.
            for turn in (*share.begun, *(turn for turn, _ in share.waiting)):
                turn.is_due = True
            self._theirs[reader] = _Share()

    def _judge(self, turn: _Turn) -> None:
        read = unpacked(turn.yielded) if isinstance(turn.yielded, bytes) else turn.yielded
        if isinstance(read, PartRead):
            if self._judgement.take(read):
                return
            self._whole = _WHOLE
        self._judgement.feed(turn.content)
