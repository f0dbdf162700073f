"""Proving a trail with several processes of this machine: others read, and this one judges what they have read."""

import fcntl
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from bearerproof.trail.judge import Progress, prove
from bearerproof.trail.options import Options
from bearerproof.trail.report import TrailReport
from bearerproof.trail.slices import Yield, can_be_sliced, join, read_slice

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_IN_A_ROW = 8
"""Parts that one process reads in a row: tokens that were used just before need not be learned anew."""

_PIPE = 1 << 20
"""Octets that wait in a pipe, where the system allows it: what is read meanwhile, so that no reader waits."""


def prove_with(
    processes: int, paths: Sequence[str], options: Options | None = None, progress: Progress | None = None
) -> TrailReport:
    """Judge the trail that the files hold, by so many processes; the report is that of ``prove``, to the byte.

    Where a file can be read but once, or there is to be but one process, this one does all.
    """
    options = options or Options()
    if processes < 2 or not can_be_sliced(paths):
        return prove(paths, options, progress)
    from multiprocessing import get_context  # noqa: PLC0415 - keeps `bearerproof --help` quick

    context, turns = get_context("spawn"), _turns(processes)
    pipes = [context.Pipe(duplex=False) for _ in range(processes - 1)]
    readers = [
        context.Process(target=_send, args=(sender, list(paths), k, turns, options), daemon=True)
        for k, (_, sender) in enumerate(pipes)
    ]
    try:
        for reader, (_, sender) in zip(readers, pipes, strict=True):
            _widen(sender)
            reader.start()
            sender.close()
        return join(paths, [_received(receiver) for receiver, _ in pipes], turns, options, progress)
    finally:
        for receiver, _ in pipes:
            receiver.close()
        for reader in readers:
            reader.terminate()
            reader.join()


def _turns(processes: int) -> list[int]:
    """Return who reads which part; the last is the one that judges.

    To judge what was read takes it about a third of the time that reading does, so beside three it reads no more.
    """
    readers = processes - 1
    return [k for k in range(readers) for _ in range(_IN_A_ROW)] + [readers] * max(0, _IN_A_ROW - 2 - 2 * readers)


def _widen(sender: "Connection") -> None:
    with suppress(OSError, AttributeError):
        fcntl.fcntl(sender.fileno(), fcntl.F_SETPIPE_SZ, _PIPE)


def _send(sender: "Connection", paths: Sequence[str], k: int, turns: Sequence[int], options: Options) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this ends it
    with suppress(BrokenPipeError):
        for part in read_slice(paths, k, turns, options):
            sender.send_bytes(part)


def _received(receiver: "Connection") -> Iterator[Yield]:
    with suppress(EOFError):
        while True:
            yield receiver.recv_bytes()
