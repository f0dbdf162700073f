"""All that belongs to one requirement, with file and line: row, properties, edits, vectors, faults."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from bearerproof import data
from bearerproof.judging.vectors import by_file
from bearerproof.members import Json
from bearerproof.specification.catalogue import Requirement, requirement
from bearerproof.specification.coverage import answered_by
from bearerproof_fuzz import edits as edits_package
from bearerproof_fuzz import faults as faults_package
from bearerproof_fuzz.edits import registry
from bearerproof_fuzz.inventory import properties


@dataclass(frozen=True)
class Place:
    """A line of a file; ``file`` is told from where the caller stands, if it lies below."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Part:
    """One thing that belongs to a requirement: its name, what it says of itself, and where it stands."""

    name: str
    says: str
    place: Place


@dataclass(frozen=True)
class VectorFile:
    """A file of frozen vectors, and how many of them are of the requirement."""

    file: str
    count: int


@dataclass(frozen=True)
class Explanation:
    """One requirement with all that belongs to it."""

    requirement: Requirement
    answers: tuple[str, ...]
    row: Place
    properties: tuple[Part, ...]
    edits: tuple[Part, ...]
    vectors: tuple[VectorFile, ...]
    faults: tuple[Part, ...]

    def as_dict(self) -> Json:
        """Return it as ``spec/schemas/explanation.schema.json`` describes it."""
        row = self.requirement
        parts = {name: [_as_dict(part) for part in getattr(self, name)] for name in ("properties", "edits", "faults")}
        return {
            "id": row.id,
            "title": row.title,
            "text": row.text,
            "rationale": row.rationale,
            "level": str(row.level),
            "origin": str(row.origin),
            "profiles": [str(profile) for profile in row.profiles],
            "contract": row.contract,
            "sources": list(row.sources),
            "answers": list(self.answers),
            "row": asdict(self.row),
            **parts,
            "vectors": [asdict(file) for file in self.vectors],
        }


def explanation(requirement_id: str) -> Explanation:
    """Gather what belongs to a requirement.

    Raises:
        BadInput: there is none with this id.
    """
    row = requirement(requirement_id)
    attacks = [edit for edit in registry.edits().values() if edit.requirement_id == row.id]
    return Explanation(
        row,
        tuple(f"{source.document} {source.row}" for source in answered_by(row.id)),
        _row(row),
        tuple(
            Part(found.name, found.docstring, Place(_shown_path(found.file), found.line))
            for found in properties(row.id)
        ),
        tuple(Part(edit.id, f"{edit.description} [{edit.clause}]", place_of(edit.id, _EDITS)) for edit in attacks),
        tuple(_vectors(row)),
        tuple(Part(fault.id, fault.story, place_of(fault.id, _FAULTS)) for fault in faults_package.of(row.id)),
    )


def _as_dict(part: Part) -> Json:
    return {"name": part.name, "says": part.says, **asdict(part.place)}


def _row(row: Requirement) -> Place:
    file = data.root() / "requirements" / f"{row.family.lower()}.toml"
    lines = file.read_text(encoding="utf-8").splitlines()
    return Place(_shown_path(file), lines.index(f'id = "{row.id}"') + 1)


def _vectors(row: Requirement) -> list[VectorFile]:
    counts = {file: sum(held["requirement"] == row.id for held in rows) for file, rows in by_file().items()}
    return [VectorFile(_shown_path(file), count) for file, count in counts.items() if count]


_EDITS, _FAULTS = (Path(package.__path__[0]) for package in (edits_package, faults_package))


def place_of(name: str, folder: Path) -> Place:
    """Return where an edit or a fault of this name stands: its function, its row in a table, or who makes its kind.

    Raises:
        LookupError: nothing below the folder makes one of this name.
    """
    functions, rows = _definitions(folder)
    makers = [maker for maker in functions if name.startswith(f"{maker}-")]
    found = functions.get(name) or rows.get(name) or (functions[max(makers, key=len)] if makers else None)
    if found is None:
        raise LookupError(f"nothing in {folder} makes {name}")
    file, line = found
    return Place(_shown_path(file), line)


Definition = tuple[Path, int]


@cache
def _definitions(folder: Path) -> tuple[Mapping[str, Definition], Mapping[str, Definition]]:
    """Return the functions of modules below a folder by name, and the rows of tables by what stands first in them."""
    functions: dict[str, Definition] = {}
    rows: dict[str, Definition] = {}
    for file in sorted(folder.rglob("*.py")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if matched := re.match(r"def ([a-z0-9_]+)\(", line):
                functions.setdefault(matched[1].replace("_", "-"), (file, number))
            elif matched := re.match(r'\s+\(?"([a-z0-9-]+)"[:,]', line):
                rows.setdefault(matched[1], (file, number))
    return functions, rows


def _shown_path(file: Path) -> str:
    return str(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file)
