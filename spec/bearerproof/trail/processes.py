"""Proving a trail with several processes of this machine: one a slice, and this one to judge what they read."""

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


def prove_with(
    processes: int, paths: Sequence[str], options: Options | None = None, progress: Progress | None = None
) -> TrailReport:
    """Judge the trail that the files hold, read by so many processes; the report is that of ``prove``, to the byte.

    Where a file can be read but once, or there is to be but one process, this one reads.
    """
    options = options or Options()
    if processes < 2 or not can_be_sliced(paths):
        return prove(paths, options, progress)
    from multiprocessing import get_context  # noqa: PLC0415 - keeps `bearerproof --help` quick

    context = get_context("spawn")
    pipes = [context.Pipe(duplex=False) for _ in range(processes)]
    readers = [
        context.Process(target=_send, args=(sender, list(paths), k, processes, options), daemon=True)
        for k, (_, sender) in enumerate(pipes)
    ]
    try:
        for reader, (_, sender) in zip(readers, pipes, strict=True):
            reader.start()
            sender.close()
        return join(paths, [_received(receiver) for receiver, _ in pipes], options, progress)
    finally:
        for receiver, _ in pipes:
            receiver.close()
        for reader in readers:
            reader.terminate()
            reader.join()


def _send(sender: "Connection", paths: Sequence[str], k: int, n: int, options: Options) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this ends it
    with suppress(BrokenPipeError):
        for part in read_slice(paths, k, n, options):
            sender.send_bytes(part)


def _received(receiver: "Connection") -> Iterator[Yield]:
    with suppress(EOFError):
        while True:
            yield receiver.recv_bytes()
