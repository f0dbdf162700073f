"""The trail as a file of JSON lines: it survives rotation, a full disk and a crash in the middle of a line."""

import errno
import logging
import math
import os
import stat
from pathlib import Path
from threading import Lock, Timer

ALWAYS = 0.0
"""Every line is on the disk before its decision is answered."""
NEVER = math.inf
"""The operating system writes the lines to the disk when it sees fit."""

_log = logging.getLogger(__name__)


class TrailFile:
    """Appends lines to the file at ``path``, made if need be and readable by its owner alone.

    ``sync_every`` is the fsync policy: ``ALWAYS``, ``NEVER``, or the seconds for which a line may stay off the disk.
    A line is one write to a file opened for appending, so several processes do not mix their lines. When the path
    names another file than before, because it was rotated, the next line goes there. A pipe (FIFO) must have a reader,
    and a line that it has no room for is lost.

    Raises:
        OSError: the file cannot be opened.
        ValueError: ``sync_every`` is negative or no number.
    """

    def __init__(self, path: str | os.PathLike[str], sync_every: float = ALWAYS) -> None:
        if not sync_every >= 0:
            raise ValueError(f"sync_every is a number of seconds from 0 up, not {sync_every}")
        self._path = Path(path)
        self._sync_every = sync_every
        self._timer: Timer | None = None
        self._lock = Lock()
        self._file, self._torn = self._open()
        self.sync_failures = 0

    def write(self, line: str) -> None:
        """Append the line, and a line feed.

        Raises:
            OSError: it could not be written whole, or not be made durable. A part that was written is closed by a
                line feed before the next line.
        """
        with self._lock:
            if self._is_rotated():
                self._reopen()
            self._append(line.encode("utf-8", "backslashreplace") + b"\n")
            if self._sync_every == ALWAYS:
                _sync(self._file)
            elif self._sync_every < NEVER and self._timer is None:
                self._timer = Timer(self._sync_every, self._sync_in_time)
                self._timer.daemon = True
                self._timer.start()

    def reopen(self) -> None:
        """Open the path anew, as programs that rotate files ask for by a signal.

        Raises:
            OSError: the file cannot be opened; the one before stays in use.
        """
        with self._lock:
            self._reopen()

    def close(self) -> None:
        """Make the lines durable, unless the policy is ``NEVER``, and close the file. Later lines are refused."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._retire(self._file)
            self._file = -1

    def _open(self) -> tuple[int, bool]:
        """Return the file, and whether its last line was cut short."""
        if self._path.is_fifo():  # one that nobody reads, or not fast enough, must hold up no decision
            return os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC), False
        file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        size = os.fstat(file).st_size
        return file, size > 0 and os.pread(file, 1, size - 1) != b"\n"

    def _is_rotated(self) -> bool:
        ours = os.fstat(self._file)
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return True
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino)

    def _reopen(self) -> None:
        opened = self._open()
        self._leave()
        before = self._file
        self._file, self._torn = opened
        self._retire(before)

    def _leave(self) -> None:
        """Do what is to be done at the end of a file, before another is written to."""

    def _append(self, line: bytes) -> None:
        octets = b"\n" + line if self._torn else line
        written = os.write(self._file, octets)
        self._torn = octets[:written][-1:] != b"\n"
        if written < len(octets):
            raise OSError(errno.ENOSPC, "the line was cut short")

    def _sync_in_time(self) -> None:
        """Sync on the timer's thread, and on a descriptor of its own, so that no decision waits for the disk."""
        with self._lock:
            self._timer = None
            if self._file < 0:
                return
            file = os.dup(self._file)
        self._retire(file)

    def _retire(self, file: int) -> None:
        """Make a file durable, unless the policy is ``NEVER``, and close it; a failure is counted and logged."""
        try:
            if self._sync_every < NEVER:
                _sync(file)
        except OSError as error:
            self.sync_failures += 1
            _log.error("the trail could not be made durable: %s", errno.errorcode.get(error.errno or 0, "?"))
        finally:
            os.close(file)


def _sync(file: int) -> None:
    """Have the disk take what was written; a pipe or a terminal has none, and nothing is lost for that."""
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP) or stat.S_ISREG(os.fstat(file).st_mode):
            raise
