"""Where a campaign's folder lies: on a disk, or in an object store that machines share without sharing a disk.

What is kept goes by names with slashes, such as ``findings/x.json``. A text is there whole or not at all, whatever
happens to who writes it; ``put_new`` tells one of any number of writers that it was first.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from stat import S_ISDIR
from typing import Protocol
from urllib.parse import urlsplit

from bearerproof.exceptions import BadInput


class Store(Protocol):
    """A campaign's folder. ``pace`` is how many seconds lie between two looks at what others do there."""

    @property
    def place(self) -> str:
        """Where it is, as commands take it."""

    @property
    def pace(self) -> float:
        """Seconds between two notes or looks: what they cost here."""

    def prepare(self, *folders: str) -> None:
        """Make the folder and those in it.

        Raises:
            BadInput: nothing can be written there.
        """

    def names(self, folder: str) -> dict[str, str]:
        """Return the names that stand in a folder, each with what is another one when the text is another one."""

    def read(self, name: str) -> bytes | None:
        """Return a text; None where there is none, or it cannot be read now."""

    def put(self, name: str, text: str) -> None:
        """Write a text, in place of what was there.

        Raises:
            OSError: it cannot be written; then all is as it was.
        """

    def put_new(self, name: str, text: str) -> bool:
        """Write a text where there is none yet, and say whether that was so.

        Raises:
            OSError: it cannot be written.
        """

    def note(self, name: str, line: str) -> None:
        """Write down a line of which the last one counts.

        Raises:
            OSError: it cannot be written.
        """

    def remove(self, name: str) -> None:
        """Remove a text, if it is there."""

    def lock(self, name: str) -> AbstractContextManager[bool]:
        """Hold a name as long as the context lasts; False where somebody else does.

        Raises:
            OSError: it cannot be asked for.
        """


def stored(place: str | Path) -> Store:
    """Return the store at a path or URL.

    Raises:
        BadInput: there is no such kind of store, or its package is not installed.
    """
    return _stored(str(place))


@lru_cache(64)
def _stored(place: str) -> Store:
    scheme, separator, rest = place.partition("://")
    if not separator:
        return Directory(Path(place).absolute())
    if scheme in ("file", "local"):
        return Directory(Path(rest).absolute())
    if "@" in urlsplit(place).netloc:
        raise BadInput("a folder's URL holds no password: give what it needs by the environment or a configuration")
    from bearerproof_fuzz.campaign.objects import ObjectStore  # noqa: PLC0415 - of an extra

    return ObjectStore.at(place)


def is_url(place: str) -> bool:
    """Say whether a place is a URL, not a path."""
    return "://" in place


def read_text(place: str) -> bytes | None:
    """Return the text at a path or URL; None where there is none.

    Raises:
        BadInput: there is no such kind of store.
    """
    folder, _, name = place.rpartition("/")
    return stored(folder).read(name) if is_url(place) else _read(Path(place))


def around(place: str) -> Iterator[Store]:
    """Yield the folders of a campaign in which a finding may lie: two or three steps above it."""
    parts = place.split("/") if is_url(place) else str(Path(place).absolute()).split("/")
    for above in (2, 3):
        if len(parts) > above:
            yield stored("/".join(parts[:-above]) or "/")


class Directory:
    """A folder on a disk, also one that machines share."""

    pace = 1.0

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def place(self) -> str:
        """Where it is, as commands take it."""
        return str(self.path)

    def prepare(self, *folders: str) -> None:
        """Make the folder and those in it, and clear away what writers left that have died.

        Raises:
            BadInput: nothing can be written there.
        """
        for folder in folders:
            made(self.path / folder)
            for path in (self.path / folder).glob("*.partial"):
                if _is_over(path):
                    path.unlink(missing_ok=True)

    def names(self, folder: str) -> dict[str, str]:
        """Return the names that stand in a folder, each with time and size of its file."""
        found: dict[str, str] = {}
        with suppress(OSError):
            for path in sorted((self.path / folder).iterdir()):
                with suppress(OSError):
                    stat = path.stat()
                    if not S_ISDIR(stat.st_mode):
                        found[f"{folder}/{path.name}"] = f"{stat.st_mtime_ns} {stat.st_size}"
        return found

    def read(self, name: str) -> bytes | None:
        """Return a text; None where there is none, or it cannot be read now."""
        return _read(self.path / name)

    def put(self, name: str, text: str) -> None:
        """Write a text beside its place, flush it, and rename it."""
        replaced(self.path / name, text)

    def put_new(self, name: str, text: str) -> bool:
        """Write a text where there is none yet, and say whether that was so."""
        return created(self.path / name, text)

    def note(self, name: str, line: str) -> None:
        """Append a line."""
        with (self.path / name).open("a", encoding="utf-8") as file:
            file.write(line)

    def remove(self, name: str) -> None:
        """Remove a text, if it is there."""
        (self.path / name).unlink(missing_ok=True)

    @contextmanager
    def lock(self, name: str) -> Iterator[bool]:
        """Hold a file; it ends with the process."""
        with lock(self.path / name) as mine:
            yield mine


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.is_file() else None  # a pipe of that name would be waited for
    except OSError:
        return None


def _is_over(path: Path) -> bool:
    """Say whether whoever wrote this is gone: his number stands in the name."""
    try:
        os.kill(int(path.suffixes[-2].lstrip(".")), 0)
    except (ValueError, IndexError, ProcessLookupError):
        return True
    except PermissionError:
        return False
    return False


def replaced(path: Path, text: str) -> None:
    """Write a file so that it is there whole, as it was or as it is to be, whatever happens meanwhile.

    Raises:
        OSError: it cannot be written; then it is as it was.
    """
    with _drafted(path, text) as draft:
        draft.replace(path)


def created(path: Path, text: str) -> bool:
    """Write a file where there is none, whole or not at all; return whether there was none.

    Raises:
        OSError: it cannot be written.
    """
    with _drafted(path, text) as draft:
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK):
                raise
            if path.exists():  # a file system without links: two who look at once may both be first
                return False
            draft.replace(path)
    return True


@contextmanager
def _drafted(path: Path, text: str) -> Iterator[Path]:
    """Write and flush a text beside its place; what is not taken from there is removed."""
    draft = path.with_suffix(f".{os.getpid()}.partial")
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    _flush(path.parent)


def _flush(directory: Path) -> None:
    """Have the name on the disk too; some file systems cannot, and lose nothing by it."""
    try:
        handle = os.open(directory, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        return
    finally:
        os.close(handle)


@contextmanager
def lock(path: Path) -> Iterator[bool]:
    """Hold a file for as long as the context lasts; False where another process holds it. It ends with the process.

    Raises:
        OSError: it cannot be opened.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        yield _locked(handle)
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: nobody can hold it
        return True
    return True


def made(directory: Path) -> Path:
    """Make a directory.

    Raises:
        BadInput: it cannot be made, or nothing can be written there.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe = directory / f".{os.getpid()}.probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise BadInput(f"cannot write in {directory}: {error.strerror}") from None
    return directory
