"""Coverage: every clause, attack and weakness the specification comes from, and what became of it."""

import tomllib
from dataclasses import dataclass
from functools import cache

from bearerproof import data


@dataclass(frozen=True)
class SourceRow:
    """One row of a source document: answered by requirements, or excluded for a stated reason."""

    document: str
    row: str
    says: str
    requirements: tuple[str, ...] = ()
    excluded: str | None = None


@cache
def source_rows() -> tuple[SourceRow, ...]:
    """Return every source row, in the order of ``spec/coverage.toml``; an unknown key raises."""
    with (data.root() / "coverage.toml").open("rb") as file:
        entries = tomllib.load(file)["source"]
    return tuple(SourceRow(**{**entry, "requirements": tuple(entry.get("requirements", ()))}) for entry in entries)


def answered_by(requirement_id: str) -> list[SourceRow]:
    """Return the source rows that a requirement answers."""
    return [row for row in source_rows() if requirement_id in row.requirements]


def counts() -> dict[str, int]:
    """Return how many source rows are checked, and how many are excluded."""
    excluded = sum(row.excluded is not None for row in source_rows())
    return {"checked": len(source_rows()) - excluded, "excluded": excluded}
