"""A campaign's folder in an object store: S3 and its like, Google's, Azure's, whatever fsspec reaches."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from bearerproof.exceptions import BadInput

T = TypeVar("T")

LEASE = 60.0
"""Seconds after which who holds a name is taken for dead: nobody can ask an object store whether he lives."""


class ObjectStore:
    """A place in a file system of fsspec. Nothing is appended there: a text is put as a whole, which is atomic."""

    pace = 5.0

    def __init__(self, filesystem: Any, root: str, place: str) -> None:
        self._files = filesystem
        self._root = root.rstrip("/")
        self._place = place.rstrip("/")
        self._held: dict[str, tuple[bytes | None, float]] = {}

    @classmethod
    def at(cls, place: str) -> "ObjectStore":
        """Return the store at a URL.

        Raises:
            BadInput: there is no such kind, or its package is not installed.
        """
        try:
            from fsspec.core import url_to_fs  # noqa: PLC0415 - of an extra
        except ImportError:
            raise BadInput(f"{place} needs packages: python -m pip install 'bearerproof[objects]'") from None
        try:
            filesystem, root = url_to_fs(place)
        except ImportError as error:
            raise BadInput(f"{place} needs packages: python -m pip install 'bearerproof[objects]' ({error})") from None
        except Exception as error:  # noqa: BLE001 - each kind of store has its own
            raise BadInput(f"{place} cannot be used: {_text(error)}") from None
        return cls(filesystem, root, place)

    @property
    def place(self) -> str:
        """Where it is, as commands take it."""
        return self._place

    def prepare(self, *folders: str) -> None:
        """See that something can be written: there are no folders.

        Raises:
            BadInput: nothing can be written there.
        """
        for folder in folders:
            try:
                self.put(f"{folder}/.probe", "")
                self.remove(f"{folder}/.probe")
            except OSError as error:
                raise BadInput(f"cannot write in {self._place}: {error}") from None

    def names(self, folder: str) -> dict[str, str]:
        """Return the names that stand in a folder, each with what the store says of its text."""
        try:
            self._files.invalidate_cache()
            found = _tried(lambda: self._files.ls(self._path(folder), detail=True))
        except OSError:
            return {}
        names = ((str(each["name"]).rstrip("/").rpartition("/")[2], each) for each in found if each["type"] == "file")
        return {f"{folder}/{name}": _version(each) for name, each in sorted(names, key=lambda pair: pair[0])}

    def read(self, name: str) -> bytes | None:
        """Return a text; None where there is none, or it cannot be read now."""
        try:
            text = _tried(lambda: self._files.cat_file(self._path(name)))
        except OSError:
            return None
        return bytes(text)

    def put(self, name: str, text: str) -> None:
        """Write a text, in place of what was there."""
        _tried(lambda: self._files.pipe_file(self._path(name), text.encode()))

    def put_new(self, name: str, text: str) -> bool:
        """Write a text where there is none yet, and say whether that was so."""
        try:
            _tried(lambda: self._files.pipe_file(self._path(name), text.encode(), mode="create"))
        except FileExistsError:
            return False
        return True

    def note(self, name: str, line: str) -> None:
        """Put a line in place of the one before."""
        self.put(name, line)

    def remove(self, name: str) -> None:
        """Remove a text, if it is there."""
        with suppress(OSError):
            _tried(lambda: self._files.rm_file(self._path(name)))

    @contextmanager
    def lock(self, name: str) -> Iterator[bool]:
        """Hold a name; who is seen to hold it for longer than ``LEASE`` is taken for dead, and two may then hold it."""
        mine = self.put_new(name, f"{time.time_ns()}\n") or self._is_dead(name)
        try:
            yield mine
        finally:
            if mine:
                self.remove(name)

    def _is_dead(self, name: str) -> bool:
        held, now = self.read(name), time.monotonic()
        before, since = self._held.get(name, (None, now))
        self._held[name] = (held, since if held == before else now)
        return held is not None and held == before and now - since > LEASE

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"


def _version(entry: dict[str, Any]) -> str:
    told = (entry.get(name) for name in ("ETag", "etag", "md5Hash", "LastModified", "mtime", "created", "size"))
    return " ".join(str(each) for each in told if each is not None)


def _tried(act: Callable[[], T]) -> T:
    """Do something with the store.

    Raises:
        OSError: it cannot be done, for whichever reason of its own the store has.
    """
    try:
        return act()
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - each kind of store has its own
        raise OSError(_text(error)) from None


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
