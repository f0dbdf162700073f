"""The trail as a file with a hash chain: checkpoints between the lines, a seal at the end, and one writer alone."""

import errno
import fcntl
import logging
import os
import secrets
import stat
from collections.abc import Sequence
from pathlib import Path

from bearerproof_reference.audit import chain
from bearerproof_reference.audit.chain import ChainError, Links, SigningKey, VerifyingKey
from bearerproof_reference.audit.events import rfc3339
from bearerproof_reference.clock import Clock
from bearerproof_reference.deployment.trailfile import ALWAYS, TrailFile

_log = logging.getLogger(__name__)


class ChainedTrailFile(TrailFile):
    """Appends lines to a file, chained and signed by ``key``; goes on with the chain that the file has.

    ``before`` are keys that signed in earlier runs. A file that is not as it was written is not gone on with, since
    whatever follows would vouch for it; records behind its last checkpoint are, and are told unproven for good.

    Raises:
        OSError: the file cannot be opened.
        ChainError: it is no plain file, another process writes it, or its chain is not intact.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        key: SigningKey,
        clock: Clock,
        before: Sequence[VerifyingKey] = (),
        sync_every: float = ALWAYS,
    ) -> None:
        self._key, self._clock = key, clock
        super().__init__(path, sync_every)
        try:
            self._links, found = self._resumed([key, *before])
            self._since, self._signed_at = 0, self._clock.tick()
            self._begun = True
            self._checkpoint("open", found)
        except BaseException:
            os.close(self._file)
            raise

    def close(self) -> None:
        """End the chain in good order, and close the file."""
        with self._lock:
            try:
                self._begin_file()
                self._checkpoint("close")
            except OSError as error:
                _log.error("the chain could not be ended: %s", errno.errorcode.get(error.errno or 0, "?"))
        super().close()

    def abandon(self) -> None:
        """Let the file go as a process does that is killed: nothing more is written."""
        with self._lock:
            os.close(self._file)
            self._file = -1

    def _resumed(self, keys: Sequence[VerifyingKey]) -> tuple[Links, int]:
        """Return where the chain of the file stands, and how many of its records nothing proves."""
        lines = chain.split(Path(self._path).read_bytes())
        if not lines:
            return Links(secrets.token_hex(16)), 0
        found = chain.verify([lines], keys, from_middle=True)
        if found.links is None:
            raise ChainError(f"its chain is not intact: {found.verdict}; move it away to begin another")
        return found.links, found.tail

    def _open(self) -> tuple[int, bool]:
        """Open a file that nobody else writes a chain to."""
        file, torn = super()._open()
        if (why := _refused(file)) is not None:
            os.close(file)
            raise ChainError(why)
        return file, torn

    def _reopen(self) -> None:
        super()._reopen()
        self._begun = False

    def _leave(self) -> None:
        """Repeat at the end of a file what the next begins with, so that it can be verified alone; it is no link."""
        if os.fstat(self._file).st_size == 0:
            return
        try:
            self._put(self._links.checkpoint("rotate", self._now(), self._key))
        except OSError as error:
            _log.error("a file of the chain was not ended: %s", errno.errorcode.get(error.errno or 0, "?"))

    def _append(self, line: bytes) -> None:
        self._begin_file()
        self._put(line.removesuffix(b"\n"))
        self._links.add(line.removesuffix(b"\n"))
        self._since += 1
        if self._since >= chain.EVERY or self._clock.tick() - self._signed_at >= chain.EVERY_SECONDS:
            try:
                self._checkpoint("checkpoint")
            except OSError:  # the record itself is there: the next one is followed by a checkpoint instead
                _log.error("a checkpoint could not be written")

    def _begin_file(self) -> None:
        """Begin a file that was rotated to, or emptied in place."""
        if not self._begun or os.fstat(self._file).st_size == 0:
            self._checkpoint("continue")
            self._begun = True

    def _checkpoint(self, kind: str, found: int = 0) -> None:
        line = self._links.checkpoint(kind, self._now(), self._key, found)
        self._put(line)
        self._links.add(line)
        self._since, self._signed_at = 0, self._clock.tick()

    def _put(self, line: bytes) -> None:
        """Write a line whole or not at all: a part of one would be a record that the chain does not know."""
        size, torn = os.fstat(self._file).st_size, self._torn
        try:
            super()._append(line + b"\n")
        except OSError:
            os.ftruncate(self._file, size)
            self._torn = torn
            raise

    def _now(self) -> str:
        return rfc3339(self._clock.now())


def _refused(file: int) -> str | None:
    """Return why a file can have no chain of ours, or None; from now on it is ours alone."""
    if not stat.S_ISREG(os.fstat(file).st_mode):
        return "a chain needs a plain file"
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return "another process writes it, and a chain has one writer"
    return None
