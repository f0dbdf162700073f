"""The corpus: a directory that any number of workers share, each writing its own file and reading those of all others.

An input is a list of small numbers; what was new about it stands beside it, so that nobody has to present it again to
know. Lines that are cut, or none of ours, are passed over and counted.
"""

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bearerproof_fuzz.campaign.shards import FolderShards, Shards

MOST_CHOICES = 2000
"""Numbers of an input that are read: a longer list is none that a campaign has drawn."""

MOST_FEATURES = 200
"""Features of an input that are read."""


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
    """One worker's view of the files: ``inputs`` in the order in which they came, and all ``features`` seen.

    ``files`` are a folder's or an object store's. Of those of others it takes what shows something new; with ``whole``
    all.
    """

    files: Path | Shards
    name: str
    inputs: list[Input] = field(default_factory=list)
    features: set[str] = field(default_factory=set)
    unreadable: int = 0
    unwritten: int = 0
    whole: bool = False

    def __post_init__(self) -> None:
        """Take a path as the folder that it names."""
        self._shards: Shards = FolderShards(self.files) if isinstance(self.files, Path) else self.files

    def new(self, features: Collection[str]) -> frozenset[str]:
        """Return those features that nobody has seen before."""
        return frozenset(feature for feature in features if feature not in self.features)

    def add(self, choices: Sequence[int], features: frozenset[str]) -> None:
        """Keep an input for what is new about it, and let all others read it, where it can be written."""
        added = Input(tuple(choices), features)
        self._take(added)
        try:
            self._shards.append(self.name, added.as_line().encode())
        except OSError:
            self.unwritten += 1

    def begin_anew(self, group: str) -> None:
        """Begin again with nothing, and from then on have and read what is of one group alone.

        What was added before stays on the disk for all others, who read what is added from now on too.
        """
        self.close()
        self._shards = self._shards.of(group)
        self.name = f"{group}-{self.name}"
        self.inputs.clear()
        self.features.clear()

    def read_others(self) -> int:
        """Take what others have added since the last look; return how many inputs that were."""
        before = len(self.inputs)
        for text in self._shards.added(self.name):
            self.read(text)
        return len(self.inputs) - before

    def read(self, text: bytes) -> None:
        """Take a line, if it is an input that shows something new."""
        found = _input(text)
        if found is None:
            self.unreadable += 1
        elif self.whole or self.new(found.features):
            self._take(found)

    def _take(self, added: Input) -> None:
        self.inputs.append(added)
        self.features |= added.features

    def close(self) -> None:
        """Have on the disk what was added, where it can be written."""
        try:
            self._shards.close()
        except OSError:
            self.unwritten += 1


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


def distilled(files: Path | Shards) -> list[Input]:
    """Return a choice of all inputs that together show every feature, smallest first, and of which none can be spared.

    The fewest of all would take for ever to find; this takes what shows most, and then leaves out what others show too.
    """
    whole = Corpus(files, "", whole=True)
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


def distill(files: Path | Shards) -> Distilled:
    """Merge the files of a corpus into one with the smallest set that shows all features.

    The others are removed when that is on the disk. What a worker is writing stays, and so does what is none of ours.

    Raises:
        BadInput: it cannot be read or written, or somebody else is distilling it.
    """
    shards = FolderShards(files) if isinstance(files, Path) else files
    whole = Corpus(shards, "", whole=True)
    chosen: list[Input] = []

    def merge(lines: Sequence[bytes]) -> str:
        for line in lines:
            whole.read(line)
        chosen.extend(_chosen(whole.inputs))
        return "".join(each.as_line() for each in chosen)

    merged, in_use = shards.distill(merge, lambda line: _input(line) is not None)
    return Distilled(len(whole.inputs), len(chosen), len(whole.features), merged, in_use)
