"""Proving a trail on a Dask cluster: its machines read the files, a slice each, and this one judges what they read.

A slice is a process of its own, started where the command was given, so that names of files mean the same. One that is
lost, with its machine or with the scheduler, is read here: it costs time and nothing else.

``python -m bearerproof_fuzz.commands.trailcluster`` is such a process: a pickle of its slice in, one of its yield out.
"""

import hashlib
import pickle
import platform
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from socket import gethostname
from typing import Any

from bearerproof import __version__
from bearerproof.exceptions import BadInput
from bearerproof.trail.judge import Progress
from bearerproof.trail.options import Options
from bearerproof.trail.report import TrailReport
from bearerproof.trail.slices import Yield, can_be_sliced, join, read_slice

MOST = 64
"""Slices of a trail: whoever judges what they yield is one process."""

LOOK = 0.1
"""Seconds between two looks at a slice, and at whether the scheduler is still there."""

FETCH = 60
"""Seconds for what a slice yields to come from the machine that holds it."""


def reader() -> str:
    """Name what reads: all that where a trail is parted may hang on, which has to be the same everywhere."""
    return f"bearerproof {__version__}, Python {platform.python_version()}, zlib {zlib.ZLIB_RUNTIME_VERSION}"


@dataclass(frozen=True)
class TrailSlice:
    """Slice ``k`` of ``n`` of a trail whose files have these digests, named as they are in ``folder``."""

    paths: tuple[str, ...]
    digests: tuple[str | None, ...]
    k: int
    n: int
    options: Options
    reader: str = field(default_factory=reader)
    folder: str = field(default_factory=lambda: str(Path.cwd()))


def prove_on(address: str, paths: Sequence[str], options: Options, progress: Progress | None = None) -> TrailReport:
    """Judge the trail that the files hold, read by a cluster; the report is that of ``prove``, to the byte.

    Raises:
        BadInput: nobody answers at the address, no machine is there, a machine does not have these very files, or one
            of them can be read but once.
    """
    from bearerproof_fuzz.campaign.cluster import connected, width  # noqa: PLC0415 - slow to load; a slice needs none

    if not can_be_sliced(paths):
        raise BadInput("--cluster reads files: a pipe, or what is not there, no machine can")
    client = connected(address)
    try:
        n = min(MOST, width(client))
        if n == 0:
            raise BadInput(f"the cluster at {address} has no machine")
        digests = tuple(map(_digest, paths))
        slices = [TrailSlice(tuple(paths), digests, k, n, options) for k in range(n)]
        tasks = [client.submit(read, each, pure=False) for each in slices]
        return join(paths, [_yielded(client, task) for task in tasks], options, progress)
    finally:
        client.close(timeout=2)


def read(work: TrailSlice) -> list[Yield]:
    """Read a slice in a process of its own, and return what it yields; whatever is wrong with that is read elsewhere.

    Raises:
        BadInput: this machine has another version of what reads, or other files of these names.
        CalledProcessError: the process died.
    """
    if work.reader != reader():
        raise BadInput(f"{gethostname()} has {reader()}, and the trail is judged by {work.reader}")
    for path, digest in zip(work.paths, work.digests, strict=True):
        if _digest(Path(work.folder, path)) != digest:
            raise BadInput(f"{gethostname()} has another {path}, or none: all machines have to share the files")
    command = [sys.executable, "-P", "-m", __name__]
    ended = subprocess.run(  # noqa: S603 - our own
        command, input=pickle.dumps(work), stdout=subprocess.PIPE, cwd=work.folder, check=True
    )
    yields: list[Yield] = pickle.loads(ended.stdout)  # noqa: S301 - our own process wrote it
    return yields


def _yielded(client: Any, task: Any) -> Iterator[Yield]:
    """Yield what a slice yielded, once it is there; nothing of one that is lost."""
    while not task.done():
        if client.status != "running":
            return
        time.sleep(LOOK)
    try:
        yields: list[Yield] = task.result(timeout=FETCH)
    except BadInput:
        raise
    except Exception:  # noqa: BLE001 - lost in one of many ways: whoever joins reads it
        return
    yield from yields


def _digest(path: str | Path) -> str | None:
    """Return the SHA-256 of a file; None where it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def main() -> None:
    """Read one slice."""
    work: TrailSlice = pickle.load(sys.stdin.buffer)  # noqa: S301 - it comes from whoever started this process
    pickle.dump(list(read_slice(work.paths, work.k, work.n, work.options)), sys.stdout.buffer)


if __name__ == "__main__":
    main()
