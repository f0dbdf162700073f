"""The table of exhibits: which release has which weakness, who mended it, and how both are built and asked."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from bearerproof.exceptions import BadInput
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure, Origin, requirement
from bearerproof_fuzz.commands.libraries.manifest import (
    Command,
    Manifest,
    Readers,
    read_members,
    read_toml,
    text,
    texts,
    words,
)


@dataclass(frozen=True)
class Exhibit:
    """One published weakness: the release that has it, the first that has not, and the requirement that names it.

    ``adapter`` is a folder beside the table, started with ``options`` as one argument of JSON. ``beside`` are other
    packages that both releases are installed with. ``measure`` is base unless given, or unless the requirement is none
    of the RFCs. ``remains`` has the ids, with wildcards, of checks of that requirement that the fixed release fails as
    well, each with the clause that it goes on to break. One that no adapter can show has the reason in ``not_judged``.
    """

    name: str
    package: str
    vulnerable: str
    weakness: str
    fixed: str = ""
    language: str = ""
    requirement: str = ""
    adapter: str = ""
    options: Json = field(default_factory=dict)
    beside: Command = ()
    measure: Measure = Measure.BASE
    remains: dict[str, str] = field(default_factory=dict)
    not_judged: str | None = None


@dataclass(frozen=True)
class Museum:
    """The table, read: its exhibits, and for each language how a release is installed and its adapter started.

    In a language's commands stand ``{package}`` and ``{version}``, and for what comes beside it the word ``{beside}``.
    """

    path: Path
    exhibits: tuple[Exhibit, ...]
    languages: dict[str, Json]

    @classmethod
    def load(cls, path: Path) -> "Museum":
        """Read the table.

        Raises:
            BadInput: it cannot be read, or something in it is missing, unknown or of the wrong type.
        """
        raw = read_members(read_toml(path), {"languages": _tables, "exhibit": _list_of_tables}, ["exhibit"], str(path))
        languages = raw.get("languages", {})
        exhibits = tuple(_exhibit(row, languages, path) for row in raw["exhibit"])
        return cls(path, exhibits, languages)

    def find(self, names: Sequence[str]) -> list[Exhibit]:
        """Return the exhibits of these names, with wildcards; without any, all.

        Raises:
            BadInput: there is none of that name.
        """
        for name in names:
            if not any(fnmatchcase(exhibit.name, name) for exhibit in self.exhibits):
                raise BadInput(f"no exhibit of {self.path} has the name {name!r}")
        wanted = names or ["*"]
        return [exhibit for exhibit in self.exhibits if any(fnmatchcase(exhibit.name, name) for name in wanted)]

    def manifest(self, exhibit: Exhibit, version: str) -> Manifest:
        """Say how one release is installed with its adapter, and started.

        Raises:
            BadInput: what the table says of the language is not valid.
        """
        recipe = self.languages[exhibit.language]
        names = {"package": exhibit.package, "version": version}
        build = [_filled(command, names, exhibit.beside) for command in recipe.get("build", [])]
        run = [*recipe.get("run", []), json.dumps(exhibit.options)]
        raw = {**recipe, "build": build, "run": run, "library": exhibit.package, "version": version}
        folder = self.path.parent / "adapters" / exhibit.adapter
        return Manifest.from_members({**raw, "language": exhibit.language}, self.path, folder)


def _filled(command: Sequence[str], names: dict[str, str], beside: Command) -> list[str]:
    return [filled for word in command for filled in (beside if word == "{beside}" else [_named(word, names)])]


def _named(word: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        word = word.replace("{" + name + "}", value)
    return word


def _exhibit(raw: Json, languages: dict[str, Json], path: Path) -> Exhibit:
    what = f"exhibit {raw.get('name', '?')!r} of {path}"
    required = _SHOWN if "not_judged" in raw else _JUDGED
    exhibit = Exhibit(**read_members(raw, _READERS, required, what))
    if exhibit.not_judged is not None:
        return exhibit
    if "measure" not in raw and requirement(exhibit.requirement).origin is not Origin.RFC:
        exhibit = replace(exhibit, measure=Measure.STRICT)
    if exhibit.language not in languages:
        raise BadInput(f"{what} is not valid:\n  language must be one of {', '.join(languages)}")
    if not (path.parent / "adapters" / exhibit.adapter).is_dir():
        raise BadInput(f"{what} is not valid:\n  adapter must be a folder in {path.parent / 'adapters'}")
    return exhibit


def _table(value: object) -> Json:
    if not isinstance(value, dict):
        raise TypeError("a table")
    return value


def _tables(value: object) -> dict[str, Json]:
    return {name: _table(inner) for name, inner in _table(value).items()}


def _list_of_tables(value: object) -> list[Json]:
    if not isinstance(value, list):
        raise TypeError("a list of tables")
    return [_table(inner) for inner in value]


def _measure(value: object) -> Measure:
    if value not in list(Measure):
        raise TypeError(f"one of {', '.join(Measure)}")
    return Measure(str(value))


_SHOWN = ("name", "package", "vulnerable", "weakness")
_JUDGED = (*_SHOWN, "fixed", "requirement", "adapter", "language")
_READERS: Readers = {
    **dict.fromkeys((*_JUDGED, "not_judged"), text),
    "options": _table,
    "beside": words,
    "measure": _measure,
    "remains": texts,
}
