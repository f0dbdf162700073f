"""The file ``adapter.toml``: what an adapter's folder says about building and starting it."""

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from bearerproof.exceptions import BadInput
from bearerproof.members import Json

FILE = "adapter.toml"
EXPECTATIONS = "expectations.toml"

Command = tuple[str, ...]


@dataclass(frozen=True)
class Manifest:
    """One library's adapter: its folder, what it needs, how it is built there and how it is started.

    ``toolchain`` are programs, ``probes`` commands that succeed where all else that is needed is there; ``copies`` are
    files from elsewhere, by the name that they get. Commands run in a copy of the folder. Times are in seconds.
    """

    folder: Path
    library: str
    version: str
    language: str
    run: Command
    build: tuple[Command, ...] = ()
    toolchain: tuple[str, ...] = ()
    probes: tuple[Command, ...] = ()
    copies: dict[str, Path] = field(default_factory=dict)
    build_timeout: float = 900.0

    @property
    def name(self) -> str:
        """The name of the folder, by which the adapter is picked."""
        return self.folder.name

    @property
    def expectations(self) -> Path | None:
        """The file of its known deviations, if there is one."""
        path = self.folder / EXPECTATIONS
        return path if path.exists() else None

    @classmethod
    def load(cls, path: Path) -> "Manifest":
        """Read a manifest.

        Raises:
            BadInput: it cannot be read, or a member is missing, unknown or of the wrong type.
        """
        return cls.from_members(read_toml(path), path, path.parent)

    @classmethod
    def from_members(cls, raw: Json, path: Path, folder: Path) -> "Manifest":
        """Read what a file says of the adapter in a folder; names of files to copy are relative to that file.

        Raises:
            BadInput: a member is missing, unknown or of the wrong type.
        """
        values = read_members(raw, READERS, _REQUIRED, str(path))
        copies = {name: path.parent / source for name, source in values.pop("copies", {}).items()}
        return cls(folder=folder, copies=copies, **values)


Readers = Mapping[str, Callable[[object], Any]]
"""By the name of a member what reads it, or raises a TypeError that says what it must be."""


def read_toml(path: Path) -> Json:
    """Read a file.

    Raises:
        BadInput: it cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is not valid TOML: {error}") from None


def read_members(raw: Json, readers: Readers, required: Iterable[str], what: str) -> Json:
    """Return the values of a table by their names.

    Raises:
        BadInput: a member is missing, unknown or of the wrong type; ``what`` says of which table.
    """
    values: Json = {}
    problems = [f"{name} is required" for name in required if name not in raw]
    for name, value in raw.items():
        if name not in readers:
            problems.append(f"unknown key {name!r}; known are {', '.join(readers)}")
            continue
        try:
            values[name] = readers[name](value)
        except TypeError as error:
            problems.append(f"{name} must be {error}")
    if problems:
        raise BadInput(f"{what} is not valid:\n  " + "\n  ".join(problems))
    return values


def find(names: Sequence[str], default: Path) -> list[Manifest]:
    """Return the adapters that are named: folders, folders of them, or names in the default folder, with wildcards.

    Raises:
        BadInput: there is no such adapter, a manifest is not valid, or two have one name, by which each is built.
    """
    paths = [path for name in names or [str(default)] for path in _manifests(name, default)]
    found: dict[str, Manifest] = {}
    for path in dict.fromkeys(paths):
        manifest = Manifest.load(path)
        if (other := found.setdefault(manifest.name, manifest)) is not manifest:
            raise BadInput(f"{other.folder} and {manifest.folder} have one name: judge them one after the other")
    return list(found.values())


def _manifests(name: str, default: Path) -> list[Path]:
    folder = Path(name)
    if (folder / FILE).is_file():
        return [(folder / FILE).resolve()]
    inside = sorted(path.resolve() for path in folder.glob(f"*/{FILE}"))
    if inside:
        return inside
    if not default.is_dir() and not folder.exists():
        raise BadInput(f"{default} is not here: run it in the source tree, or name folders that hold {FILE}")
    named = [path for path in sorted(default.glob(f"*/{FILE}")) if fnmatchcase(path.parent.name, name)]
    if not named:
        raise BadInput(
            f"{name!r} is no adapter: neither a folder with {FILE}, nor one of such folders, nor in {default}"
        )
    return [path.resolve() for path in named]


def text(value: object) -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise TypeError("a text")
    return value


def words(value: object) -> Command:
    """Return a list of texts."""
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise TypeError("a list of texts")
    return tuple(value)


def _command(value: object) -> Command:
    command = words(value)
    if not command:
        raise TypeError("a program and its arguments")
    return command


def _commands(value: object) -> tuple[Command, ...]:
    if not isinstance(value, list):
        raise TypeError("a list of commands, each a list of texts")
    return tuple(_command(command) for command in value)


def texts(value: object) -> dict[str, str]:
    """Return texts by their names."""
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value.values()):
        raise TypeError("a table of texts")
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise TypeError("a number of seconds")
    return float(value)


READERS: Readers = {
    "library": text,
    "version": text,
    "language": text,
    "run": _command,
    "build": _commands,
    "toolchain": words,
    "probes": _commands,
    "copies": texts,
    "build_timeout": _seconds,
}
_REQUIRED = ("library", "version", "language", "run")
