"""Following the log of a server: the lines that are new in a file, rotated or not, or in the output of a command."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from bearerproof.exceptions import AdapterFault
from bearerproof.visible import visible

MAX_LINE = 1024 * 1024
"""Bytes from which on a line is no longer waited for."""

_CHUNK = 256 * 1024


class Log(Protocol):
    """A log that somebody else writes."""

    def lines(self) -> list[str]:
        """Return the lines that were completed since the last call, without their ends; never wait.

        Raises:
            AdapterFault: nothing more can come from there.
        """
        ...

    def close(self) -> None:
        """Follow it no longer."""
        ...


def follow(file: Path | None, command: Sequence[str]) -> Log:
    """Follow a file from its present end on, or what a command prints; with neither there is nothing to follow.

    Raises:
        AdapterFault: there is no such file, or the command cannot be started.
    """
    if file is not None:
        return FileLog(file)
    return CommandLog(command) if command else NoLog()


class NoLog:
    """The log of a server that shows none."""

    def lines(self) -> list[str]:
        """Return no lines."""
        return []

    def close(self) -> None:
        """Do nothing, as nothing was followed."""


class _Lines:
    """Bytes that come piecemeal, as lines."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._rest = b""

    def add(self, chunk: bytes) -> list[str]:
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > MAX_LINE:
            raise AdapterFault(f"{self._source}: a line of more than {MAX_LINE:,} bytes")
        return [line.decode("utf-8", "replace") for line in whole]

    def cut(self) -> None:
        """Forget a line that will not be completed."""
        self._rest = b""


class FileLog:
    """A file that grows, is renamed and begun anew, or is cut to nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._description = f"the audit file {path}"
        self._lines = _Lines(self._description)
        self._file = self._open()
        os.lseek(self._file, 0, os.SEEK_END)

    def lines(self) -> list[str]:
        """Return what was added; what still comes to a file that was renamed is read before the new one."""
        try:
            return self._added()
        except OSError as error:
            raise AdapterFault(f"cannot read {self._description}: {error.strerror}") from None

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _added(self) -> list[str]:
        found = self._read()
        if self._is_rotated():
            found += self._read()  # what was written between the look at the old file and the look at its name
            self._lines.cut()
            os.close(self._file)
            self._file = self._open()
            found += self._read()
        elif os.fstat(self._file).st_size < os.lseek(self._file, 0, os.SEEK_CUR):
            self._lines.cut()
            os.lseek(self._file, 0, os.SEEK_SET)
            found += self._read()
        return found

    def _read(self) -> list[str]:
        found: list[str] = []
        while chunk := os.read(self._file, _CHUNK):
            found += self._lines.add(chunk)
        return found

    def _open(self) -> int:
        try:
            return os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise AdapterFault(f"cannot read {self._description}: {error.strerror}; start the server first") from None

    def _is_rotated(self) -> bool:
        """Say whether another file has the name by now; while none has it, the old one is still written to."""
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        ours = os.fstat(self._file)
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino)


class CommandLog:
    """The standard output of a command that runs as long as we ask."""

    def __init__(self, command: Sequence[str]) -> None:
        self._description = f"the audit command {command[0]!r}"
        self._lines = _Lines(self._description)
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the log
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the command is the caller's own, and no shell reads it
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            self._stderr.close()
            raise AdapterFault(f"cannot start {self._description}: {error.strerror}") from None
        if self._process.stdout is None:  # it is a pipe, by construction
            raise AssertionError
        self._stdout = self._process.stdout
        os.set_blocking(self._stdout.fileno(), False)

    def lines(self) -> list[str]:
        """Return what was printed."""
        found: list[str] = []
        while (chunk := self._chunk()) is not None:
            if not chunk:
                raise AdapterFault(f"{self._description} ended", stderr=self._ending())
            found += self._lines.add(chunk)
        return found

    def close(self) -> None:
        """End the command and whatever it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._stdout.close()
        self._stderr.close()

    def _chunk(self) -> bytes | None:
        try:
            return os.read(self._stdout.fileno(), _CHUNK)
        except BlockingIOError:
            return None

    def _ending(self) -> str:
        self._stderr.seek(0)
        return visible(self._stderr.read()[-1000:].decode("utf-8", "replace"), spared="\n")
