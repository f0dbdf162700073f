"""Proving a trail with several processes of this machine: each reads parts of it, and this one judges as well."""

import signal
import struct
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from selectors import EVENT_READ, BaseSelector, DefaultSelector
from typing import TYPE_CHECKING, Any, Self

from bearerproof.trail.judge import Judgement, Progress, prove
from bearerproof.trail.options import Options
from bearerproof.trail.reading import BLOCK, Part, contents
from bearerproof.trail.report import TrailReport
from bearerproof.trail.sharing import Sharing
from bearerproof.trail.slices import PartReader, Yield, packed

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_PLACES, _ROOM = 4, 2 * BLOCK
"""Parts that one process has before it, in memory that it shares with this one, and octets of each at most."""

_PIPE = 1 << 20
"""Octets of what a process has read that wait to be judged, where the system allows it, so that it need not."""

_ABOUT = struct.Struct("=qqq?")
"""What is sent of a part: place, size, octets of its file up to its end, whether to tell in short."""

_HERE = b""
"""What a process says once it can read."""


def prove_with(
    processes: int, paths: Sequence[str], options: Options | None = None, progress: Progress | None = None
) -> TrailReport:
    """Judge the trail that files or a pipe hold, by so many processes; the report is that of ``prove``, to the byte."""
    options = options or Options()
    if processes < 2:
        return prove(paths, options, progress)
    judgement = Judgement(options, progress=progress)
    with _Team(processes - 1, options) as team:
        Sharing(contents(paths), judgement, PartReader(options), team.others, team.news).judge()
    return judgement.report()


class _Other:
    """Another process that reads, as ``sharing.Reader`` has it."""

    def __init__(self, context: Any, options: Options, selector: BaseSelector) -> None:
        inbox, self._sender = context.Pipe(duplex=False)
        self._receiver, outbox = context.Pipe(duplex=False)
        _widen(outbox)
        places = context.RawArray("B", _PLACES * _ROOM)
        self._places = memoryview(places).cast("B")
        self._free = deque(range(_PLACES))
        self._taken = deque[int]()
        self._selector = selector
        self._process = context.Process(target=_read_parts, args=(inbox, outbox, places, options), daemon=True)
        self._process.start()
        inbox.close()
        outbox.close()
        selector.register(self._receiver, EVENT_READ, self)
        self.is_there = False

    def greet(self) -> bool:
        """Receive that it can read from now on; say whether that came."""
        with suppress(EOFError, OSError):
            self.is_there = self._receiver.recv_bytes() == _HERE
        return self.is_there

    def takes(self) -> bool:
        return bool(self._free)

    def send(self, part: Part, *, in_short: bool) -> bool:
        size = len(part.octets)
        if size > _ROOM:
            return False
        place = self._free.popleft()
        self._taken.append(place)
        self._places[place * _ROOM : place * _ROOM + size] = part.octets
        with suppress(OSError):  # one that has ended has news
            self._sender.send_bytes(_ABOUT.pack(place, size, part.consumed, in_short))
        return True

    def receive(self) -> Yield | None:
        try:
            yielded: Yield = self._receiver.recv_bytes()
        except (EOFError, OSError):
            self._selector.unregister(self._receiver)
            self.is_there = False
            return None
        self._free.append(self._taken.popleft())
        return yielded

    def end(self) -> None:
        """End it, whatever it does."""
        self._process.terminate()
        self._process.join()
        self._sender.close()
        self._receiver.close()


class _Team:
    """Other processes, as many as can be started of so many; they end with the block that they are for."""

    def __init__(self, number: int, options: Options) -> None:
        from multiprocessing import get_context  # noqa: PLC0415 - keeps `bearerproof --help` quick

        self._selector = DefaultSelector()
        self.others = list[_Other]()
        with suppress(OSError):
            for _ in range(number):
                self.others.append(_Other(get_context("spawn"), options, self._selector))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        for other in self.others:
            other.end()

    def news(self, wait: bool) -> list[_Other]:
        """Return those who have something to be received, or have ended."""
        heard = [key.data for key, _ in self._selector.select(None if wait else 0)]
        return [other for other in heard if other.is_there or not other.greet()]


def _widen(pipe: "Connection") -> None:
    with suppress(ImportError, AttributeError, OSError):
        import fcntl  # noqa: PLC0415 - not every system has it

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE)


def _read_parts(inbox: "Connection", outbox: "Connection", places: Any, options: Options) -> None:
    """Read what is sent, in a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this ends it
    reader, view = PartReader(options), memoryview(places).cast("B")
    with suppress(EOFError, OSError):
        outbox.send_bytes(_HERE)
        while True:
            place, size, consumed, in_short = _ABOUT.unpack(inbox.recv_bytes())
            part = Part(bytes(view[place * _ROOM : place * _ROOM + size]), consumed)
            outbox.send_bytes(packed(reader.read(part), in_short=in_short))
