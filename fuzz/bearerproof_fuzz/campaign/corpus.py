"""The corpus: a directory that any number of workers share, each writing its own file and reading those of all others.

An input is a list of small numbers; what was new about it stands beside it, so that nobody has to present it again to
know. Lines that are cut, or none of ours, are passed over and counted.
"""

import fcntl
import json
import os
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from bearerproof.exceptions import BadInput
from bearerproof_fuzz.campaign import keeping

MOST_CHOICES = 2000
"""Numbers of an input that are read: a longer list is none that a campaign has drawn."""

MOST_FEATURES = 200
"""Features of an input that are read."""

CHUNK = 1 << 24
"""Bytes read of a file at a time; a line as long as that is passed over."""


@dataclass(frozen=True)
class Input:
    """The choices that a token is drawn from, and what was new about it."""

    choices: tuple[int, ...]
    features: frozenset[str]

    def as_line(self) -> str:
        """Return the line of a corpus file."""
        return json.dumps({"choices": list(self.choices), "features": sorted(self.features)}) + "\n"


@dataclass
class Corpus:
    """One worker's view of the directory: ``inputs`` in the order in which they came, and all ``features`` seen.

    Of those of others it takes what shows something new; with ``whole`` all.
    """

    directory: Path
    name: str
    inputs: list[Input] = field(default_factory=list)
    features: set[str] = field(default_factory=set)
    unreadable: int = 0
    unwritten: int = 0
    whole: bool = False
    _offsets: dict[Path, int] = field(default_factory=dict)
    _own: int | None = None
    _torn: bool = False

    def new(self, features: Collection[str]) -> frozenset[str]:
        """Return those features that nobody has seen before."""
        return frozenset(feature for feature in features if feature not in self.features)

    def add(self, choices: Sequence[int], features: frozenset[str]) -> None:
        """Keep an input for what is new about it, and let all others read it, where it can be written."""
        added = Input(tuple(choices), features)
        self._take(added)
        try:
            self._append(added.as_line().encode())
        except OSError:
            self.unwritten += 1

    def _append(self, line: bytes) -> None:
        """Write a line; where one was cut off before, the next begins on a line of its own."""
        if self._own is None:
            self._own = _opened(self.directory / f"{self.name}.jsonl")
        left = b"\n" + line if self._torn else line
        self._torn = True
        while left:
            left = left[os.write(self._own, left) :]
        self._torn = False

    def forget(self) -> None:
        """Begin again with nothing; what was added before stays on the disk for all others."""
        self.inputs.clear()
        self.features.clear()

    def read_others(self) -> int:
        """Take what others have added since the last look; return how many inputs that were."""
        before = len(self.inputs)
        for path in sorted(self.directory.glob("*.jsonl")):
            if path.stem != self.name:
                for text in self._lines(path):
                    self._read(text)
        return len(self.inputs) - before

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

    def _read(self, text: bytes) -> None:
        found = _input(text)
        if found is None:
            self.unreadable += 1
        elif self.whole or self.new(found.features):
            self._take(found)

    def _take(self, added: Input) -> None:
        self.inputs.append(added)
        self.features |= added.features

    def close(self) -> None:
        """Close the worker's own file."""
        if self._own is not None:
            os.close(self._own)
            self._own = None


def _opened(path: Path) -> int:
    """Open a worker's own file, held for as long as it lives: nobody removes what is being written."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # a file system without locks: then a running campaign must not be distilled
        return handle
    return handle


def _input(text: bytes) -> Input | None:
    try:
        row: Any = json.loads(text)
        choices, features = row["choices"], row["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    numbers = isinstance(choices, list) and all(type(each) is int and each >= 0 for each in choices[:MOST_CHOICES])
    texts = isinstance(features, list) and all(isinstance(each, str) for each in features[:MOST_FEATURES])
    if not (numbers and texts):
        return None
    return Input(tuple(choices[:MOST_CHOICES]), frozenset(features[:MOST_FEATURES]))


def distilled(directory: Path) -> list[Input]:
    """Return a choice of all inputs that together show every feature, smallest first, and of which none can be spared.

    The fewest of all would take for ever to find; this takes what shows most, and then leaves out what others show too.
    """
    whole = Corpus(directory, "", whole=True)
    whole.read_others()
    return _chosen(whole.inputs)


def _chosen(inputs: Sequence[Input]) -> list[Input]:
    order = sorted(set(inputs), key=lambda each: (-len(each.features), len(each.choices), each.choices))
    seen: set[str] = set()
    chosen: list[Input] = []
    for each in order:
        if not each.features <= seen:
            seen |= each.features
            chosen.append(each)
    shown = Counter(feature for each in chosen for feature in each.features)
    for each in sorted(chosen, key=lambda each: (-len(each.choices), each.choices)):
        if all(shown[feature] > 1 for feature in each.features):
            chosen.remove(each)
            shown.subtract(each.features)
    return sorted(chosen, key=lambda each: (len(each.choices), each.choices))


@dataclass(frozen=True)
class Distilled:
    """What a distillation did: inputs and features before and after, the files it merged, and those still in use."""

    before: int
    after: int
    features: int
    merged: int
    in_use: int


def distill(directory: Path) -> Distilled:
    """Merge the files of a corpus into one with the smallest set that shows all features.

    The others are removed when that is on the disk. What a worker is writing stays, and so does what is none of ours.

    Raises:
        BadInput: it cannot be read or written, or somebody else is distilling it.
    """
    if not directory.is_dir():
        raise BadInput(f"there is no corpus in {directory}")
    try:
        with keeping.lock(directory / "distilling.lock") as mine:
            if not mine:
                raise BadInput(f"{directory} is being distilled by somebody else")
            return _distill(directory)
    except OSError as error:
        raise BadInput(f"cannot write in {directory}: {error.strerror}") from None


def _is_ours(path: Path) -> bool:
    """Say whether a file begins with an input."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return _input(file.readline(CHUNK)) is not None


def _distill(directory: Path) -> Distilled:
    with ExitStack() as stack:
        paths = [path for path in sorted(directory.glob("*.jsonl")) if _is_ours(path)]
        free = [path for path in paths if stack.enter_context(keeping.lock(path))]
        whole = Corpus(directory, "", whole=True)
        whole.read_others()
        chosen = _chosen(whole.inputs)
        text = "".join(each.as_line() for each in chosen)
        merged = directory / f"distilled-{sha256(text.encode()).hexdigest()[:12]}.jsonl"
        keeping.replaced(merged, text)
        for path in free:
            if path != merged:
                path.unlink(missing_ok=True)
        in_use = len(paths) - len(free)
    return Distilled(len(whole.inputs), len(chosen), len(whole.features), len(free), in_use)
