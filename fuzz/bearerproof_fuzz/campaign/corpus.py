"""The corpus: a directory that any number of workers share, each writing its own file and reading those of all others.

An input is a list of small numbers; what was new about it stands beside it, so that nobody has to present it again to
know. Lines that are cut, or none of ours, are passed over and counted.
"""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

MOST_CHOICES = 2000
"""Numbers of an input that are read: a longer list is none that a campaign has drawn."""


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
    whole: bool = False
    _offsets: dict[Path, int] = field(default_factory=dict)
    _own: IO[str] | None = None

    def new(self, features: Collection[str]) -> frozenset[str]:
        """Return those features that nobody has seen before."""
        return frozenset(feature for feature in features if feature not in self.features)

    def add(self, choices: Sequence[int], features: frozenset[str]) -> None:
        """Keep an input for what is new about it, and let all others read it.

        Raises:
            OSError: it cannot be written; it is kept in memory even so.
        """
        added = Input(tuple(choices), features)
        self._take(added)
        if self._own is None:
            self._own = (self.directory / f"{self.name}.jsonl").open("a", encoding="utf-8")
        self._own.write(added.as_line())
        self._own.flush()

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
        try:
            with path.open("rb") as file:
                file.seek(self._offsets.get(path, 0))
                added = file.read()
        except OSError:
            return
        whole, feed, _ = added.rpartition(b"\n")
        self._offsets[path] = self._offsets.get(path, 0) + len(whole) + len(feed)
        yield from whole.splitlines()

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
            self._own.close()


def _input(text: bytes) -> Input | None:
    try:
        row: Any = json.loads(text)
        choices, features = row["choices"], row["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    numbers = isinstance(choices, list) and all(type(each) is int and each >= 0 for each in choices[:MOST_CHOICES])
    texts = isinstance(features, list) and all(isinstance(each, str) for each in features)
    return Input(tuple(choices[:MOST_CHOICES]), frozenset(features)) if numbers and texts else None


def distilled(directory: Path) -> list[Input]:
    """Return a smallest-first choice of all inputs that together show every feature."""
    whole = Corpus(directory, "", whole=True)
    whole.read_others()
    chosen: list[Input] = []
    seen: set[str] = set()
    for each in sorted(whole.inputs, key=lambda each: (len(each.choices), each.choices)):
        if not each.features <= seen:
            seen |= each.features
            chosen.append(each)
    return chosen
