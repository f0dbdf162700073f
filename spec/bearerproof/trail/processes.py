"""Proving a trail with several processes of this machine: each reads parts of it, and this one judges as well."""

import fcntl
import signal
import struct
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from selectors import EVENT_READ, BaseSelector, DefaultSelector
from typing import TYPE_CHECKING, Any, Self

from bearerproof.trail.judge import Judgement, Progress, prove
from bearerproof.trail.options import Options
from bearerproof.trail.reading import Part, contents
from bearerproof.trail.report import TrailReport
from bearerproof.trail.sharing import Sharing
from bearerproof.trail.slices import PartReader, Yield, packed

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_PIPE = 1 << 20
"""Octets that are on their way to a process or from it, where the system allows that many, so that none waits."""

_SLACK = 1 << 16
"""Octets of a pipe that may go to waste, as it is filled page by page."""

_ABOUT = struct.Struct("=qq")
"""The first line of a part, and how much of its file has been read with it."""

_HERE = b""
"""What a process says once it can read."""


def prove_with(
    processes: int, paths: Sequence[str], options: Options | None = None, progress: Progress | None = None
) -> TrailReport:
    """Judge the trail that the files hold, by so many processes; the report is that of ``prove``, to the byte."""
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
        self._room = _widened(self._sender)
        _widened(outbox)
        self._under_way = deque[int]()
        self._selector = selector
        self._process = context.Process(target=_read_parts, args=(inbox, outbox, options), daemon=True)
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

    def takes(self, part: Part) -> bool:
        # What did not fit would have us wait for it to read, and perhaps it for us to receive.
        return not self._under_way or sum(self._under_way) + len(part.octets) <= self._room

    def send(self, part: Part, line: int) -> None:
        self._under_way.append(len(part.octets))
        with suppress(OSError):  # one that has ended has news
            self._sender.send_bytes(_ABOUT.pack(line, part.consumed))
            self._sender.send_bytes(part.octets)

    def receive(self) -> Yield | None:
        try:
            yielded: Yield = self._receiver.recv_bytes()
        except (EOFError, OSError):
            self._selector.unregister(self._receiver)
            self.is_there = False
            return None
        self._under_way.popleft()
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

    def news(self, wait: bool) -> list[_Other]:  # noqa: FBT001 - as sharing.News has it
        """Return those who have something to be received, or have ended."""
        heard = [key.data for key, _ in self._selector.select(None if wait else 0)]
        return [other for other in heard if other.is_there or not other.greet()]


def _widened(pipe: "Connection") -> int:
    """Widen a pipe as far as the system allows, and return how many octets it takes at least."""
    with suppress(OSError, AttributeError):
        return fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE) - _SLACK
    return 0


def _read_parts(inbox: "Connection", outbox: "Connection", options: Options) -> None:
    """Read what is sent, in a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this ends it
    reader = PartReader(options)
    with suppress(EOFError, OSError):
        outbox.send_bytes(_HERE)
        while True:
            line, consumed = _ABOUT.unpack(inbox.recv_bytes())
            outbox.send_bytes(packed(reader.read(Part(inbox.recv_bytes(), consumed), line)))
