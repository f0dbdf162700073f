"""The frozen vectors of ``spec/vectors``: one token for each edit, for those who cannot run the suite."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bearerproof import data
from bearerproof.contract.messages import Outcome, Presentation
from bearerproof.exceptions import BadInput
from bearerproof.judging.results import presentation_from_dict
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure


@dataclass(frozen=True)
class Vector:
    """One frozen case: an edited token beside the accepted one it was made from, and what may happen to it."""

    row: Mapping[str, Any]

    @property
    def id(self) -> str:
        """The vector's name: requirement, edit and, where it matters, algorithm."""
        return str(self.row["id"])

    @property
    def presented(self) -> Presentation:
        """The edited token under its policy."""
        return presentation_from_dict(self.row)

    @property
    def base(self) -> Presentation:
        """The token that has to be accepted first, under the policy that accepts it."""
        policy = self.row.get("base_policy", self.row["policy"])
        return presentation_from_dict({**self.row, "policy": policy, "token": self.row["base_token"]})

    def allowed(self, measure: Measure) -> frozenset[Outcome]:
        """Return the acceptable outcomes."""
        return frozenset(Outcome(name) for name in self.row["measure"][measure])


@cache
def vectors(folder: Path | None = None) -> Mapping[str, Vector]:
    """Return every frozen vector by id.

    Raises:
        BadInput: a file is not readable as vectors.
    """
    rows = (row for path in sorted((folder or data.root() / "vectors").glob("*.json")) for row in _rows(path))
    return {row["id"]: Vector(row) for row in rows}


@cache
def by_file() -> Mapping[Path, tuple[Json, ...]]:
    """Return the rows of every file of vectors, those of hints too.

    Raises:
        BadInput: a file is not readable as vectors.
    """
    return {path: tuple(_rows(path)) for path in sorted((data.root() / "vectors").rglob("*.json"))}


HINTS = "events/hints.json"
"""The vectors of hints stand apart: what is due there is not a verdict but what an event says."""


def as_files(rows: list[Json], hint_rows: list[Json]) -> Mapping[str, str]:
    """Return the text of each file by name: one file a requirement, one vector a line, so that diffs can be read."""
    by_requirement: dict[str, list[Json]] = {}
    for row in rows:
        by_requirement.setdefault(row["requirement"], []).append(row)
    files = {f"{name.lower()}.json": _file(held, requirement=name) for name, held in by_requirement.items()}
    return {**files, HINTS: _file(hint_rows)}


def differences(made: Mapping[str, str], folder: Path | None = None) -> list[str]:
    """Compare freshly made files with the frozen ones; return what differs, one line each."""
    root = folder or data.root() / "vectors"
    frozen = {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in root.rglob("*.json")}
    lines = [f"{name}: is missing" for name in sorted(set(made) - set(frozen))]
    lines += [f"{name}: belongs to no requirement with edits" for name in sorted(set(frozen) - set(made))]
    lines += [f"{name}: differs" for name in sorted(set(made) & set(frozen)) if made[name] != frozen[name]]
    return lines


def _file(rows: list[Json], **members: str) -> str:
    opening = json.dumps({"format": 1, **members})[:-1]
    held = ",\n".join("  " + json.dumps(row, sort_keys=True) for row in rows)
    return f'{opening}, "vectors": [\n{held}\n]}}\n'


def _rows(path: Path) -> Iterator[Json]:
    try:
        yield from json.loads(path.read_text(encoding="utf-8"))["vectors"]
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(f"{path} does not hold vectors: {error}") from None
