"""The files of a corpus: each worker adds lines to its own, and reads what is new in those of all others."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from bearerproof.exceptions import BadInput
from bearerproof_fuzz.campaign.store import Directory, Store, lock, replaced

CHUNK = 1 << 24
"""Bytes read of a file at a time; a line as long as that is passed over."""

Merge = Callable[[Sequence[bytes]], str]
"""Makes of all lines of a corpus those that are to stay."""

IsOurs = Callable[[bytes], bool]
"""Says whether a line is one of a corpus."""


class Shards(Protocol):
    """A corpus as files, and one worker's place in it."""

    def append(self, name: str, line: bytes) -> None:
        """Add a line to a worker's own file.

        Raises:
            OSError: it cannot be written.
        """

    def added(self, but: str) -> Iterator[bytes]:
        """Yield the whole lines that others than this one have added since the last look."""

    def of(self, group: str) -> "Shards":
        """Return the same files, of which none has been looked at, and those of a group alone will be."""

    def close(self) -> None:
        """Have on the disk what was added, and let go of the worker's own file.

        Raises:
            OSError: it cannot be written.
        """

    def distill(self, merge: Merge, is_ours: IsOurs) -> tuple[int, int]:
        """Merge all files that nobody writes into one; return how many these were, and how many are in use.

        Raises:
            BadInput: it cannot be written, or somebody else is at it.
        """


def shards(store: Store, folder: str) -> Shards:
    """Return the files of a corpus in a campaign's folder."""
    return FolderShards(store.path / folder) if isinstance(store, Directory) else ObjectShards(store, folder)


class FolderShards:
    """Files that lines are appended to."""

    def __init__(self, directory: Path, group: str = "") -> None:
        self.directory = directory
        self._group = group
        self._offsets: dict[Path, int] = {}
        self._own: int | None = None
        self._torn = False

    def append(self, name: str, line: bytes) -> None:
        """Write a line; where one was cut off before, the next begins on a line of its own."""
        if self._own is None:
            self._own = _opened(self.directory / f"{name}.jsonl")
        left = b"\n" + line if self._torn else line
        self._torn = True
        while left:
            left = left[os.write(self._own, left) :]
        self._torn = False

    def added(self, but: str) -> Iterator[bytes]:
        """Yield the whole lines that others than this one have added since the last look."""
        for path in sorted(self.directory.glob("*.jsonl")):
            if path.stem != but and path.stem.startswith(self._group):
                yield from self._lines(path)

    def of(self, group: str) -> "FolderShards":
        """Return the same files, of which none has been looked at, and those of a group alone will be."""
        return FolderShards(self.directory, f"{group}-")

    def _lines(self, path: Path) -> Iterator[bytes]:
        """Yield the whole lines that were added to a file; the last one may still be on its way."""
        if not path.is_file():  # a pipe of that name would be waited for
            return
        try:
            with path.open("rb") as file:
                while True:
                    file.seek(self._offsets.get(path, 0))
                    added = file.read(CHUNK)
                    whole, feed, _ = added.rpartition(b"\n")
                    if not feed and len(added) < CHUNK:
                        return
                    self._offsets[path] = file.tell() if not feed else self._offsets.get(path, 0) + len(whole) + 1
                    yield from whole.splitlines() if feed else [added]
        except OSError:
            return

    def close(self) -> None:
        """Let go of the worker's own file."""
        if self._own is not None:
            os.close(self._own)
            self._own = None

    def distill(self, merge: Merge, is_ours: IsOurs) -> tuple[int, int]:
        """Merge all files that nobody writes: they are removed when what is made of them is on the disk."""
        if not self.directory.is_dir():
            raise BadInput(f"there is no corpus in {self.directory}")
        try:
            with lock(self.directory / "distilling.lock") as mine:
                if not mine:
                    raise BadInput(f"{self.directory} is being distilled by somebody else")
                return self._merged(merge, is_ours)
        except OSError as error:
            raise BadInput(f"cannot write in {self.directory}: {error.strerror}") from None

    def _merged(self, merge: Merge, is_ours: IsOurs) -> tuple[int, int]:
        with ExitStack() as stack:
            paths = [path for path in sorted(self.directory.glob("*.jsonl")) if _begins(path, is_ours)]
            free = [path for path in paths if stack.enter_context(lock(path))]
            text = merge([line for path in sorted(self.directory.glob("*.jsonl")) for line in self._lines(path)])
            merged = self.directory / _merged_name(text)
            replaced(merged, text)
            for path in free:
                if path != merged:
                    path.unlink(missing_ok=True)
            return len(free), len(paths) - len(free)


def _opened(path: Path) -> int:
    """Open a worker's own file, held for as long as it lives: nobody removes what is being written."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # a file system without locks: then a running campaign must not be distilled
        return handle
    return handle


def _begins(path: Path, is_ours: IsOurs) -> bool:
    """Say whether a file begins with a line of a corpus."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return is_ours(file.readline(CHUNK))


def _merged_name(text: str) -> str:
    return f"distilled-{sha256(text.encode()).hexdigest()[:12]}.jsonl"


class ObjectShards:
    """Objects of some lines each, that are never changed: a worker gathers lines, and puts them now and then.

    A worker that is killed loses what it gathered for ``Store.pace`` seconds; that is no finding.
    """

    def __init__(self, store: Store, folder: str, group: str = "") -> None:
        self._store = store
        self._folder = folder
        self._group = group
        self._read: set[str] = set()
        self._lines: list[bytes] = []
        self._name = ""
        self._segments = 0
        self._put_at = time.monotonic()

    def append(self, name: str, line: bytes) -> None:
        """Gather a line; what cannot be put now is put later."""
        self._name = name
        self._lines.append(line)
        if time.monotonic() - self._put_at > self._store.pace:
            with suppress(OSError):
                self._put()

    def added(self, but: str) -> Iterator[bytes]:
        """Yield the lines of all objects that others have put since the last look."""
        with suppress(OSError):
            self._put()
        for name in self._store.names(self._folder):
            worker = name.rpartition("/")[2].partition(".")[0]
            is_others = name.endswith(".jsonl") and worker != but and worker.startswith(self._group)
            if is_others and name not in self._read:
                text = self._store.read(name)
                if text is not None:
                    self._read.add(name)
                    yield from text.splitlines()

    def of(self, group: str) -> "ObjectShards":
        """Return the same objects, of which none has been looked at, and those of a group alone will be."""
        return ObjectShards(self._store, self._folder, f"{group}-")

    def _put(self) -> None:
        self._put_at = time.monotonic()
        if self._lines:
            text = b"".join(self._lines).decode()
            self._store.put(f"{self._folder}/{self._name}.{self._segments:06}.jsonl", text)
            self._segments += 1
            self._lines.clear()

    def close(self) -> None:
        """Put what was gathered."""
        self._put()

    def distill(self, merge: Merge, is_ours: IsOurs) -> tuple[int, int]:
        """Merge all objects: since none is ever changed, none is in use."""
        merged: list[str] = []
        lines: list[bytes] = []
        for name in self._store.names(self._folder):
            text = self._store.read(name) if name.endswith(".jsonl") else None
            if text is not None and is_ours(text.partition(b"\n")[0]):
                merged.append(name)
                lines += text.splitlines()
        if not merged:
            raise BadInput(f"there is no corpus in {self._store.place}")
        text_of_all = merge(lines)
        kept = f"{self._folder}/{_merged_name(text_of_all)}"
        try:
            self._store.put(kept, text_of_all)
        except OSError as error:
            raise BadInput(f"cannot write in {self._store.place}: {error}") from None
        for name in merged:
            if name != kept:
                self._store.remove(name)
        return len(merged), 0
