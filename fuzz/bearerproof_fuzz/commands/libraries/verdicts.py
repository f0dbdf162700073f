"""What became of each library, and what all of them come to."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from bearerproof.judging.results import RED, Record, State
from bearerproof.members import Json


class Verdict(StrEnum):
    """How a library ended; in the order of the table's legend."""

    CONFORMS = "conforms"
    AS_EXPECTED = "as expected"
    DOES_NOT_CONFORM = "does NOT conform"
    STALE = "expectations are stale"
    NOT_JUDGED = "not judged"
    BUILD_FAILED = "build failed"
    NOT_RUN = "not run"


EXIT_CODES = {
    Verdict.CONFORMS: 0,
    Verdict.AS_EXPECTED: 0,
    Verdict.DOES_NOT_CONFORM: 1,
    Verdict.STALE: 2,
    Verdict.NOT_JUDGED: 3,
    Verdict.BUILD_FAILED: 3,
}
"""What each costs. One that was not run costs nothing beside others, and is never a pass by itself."""


@dataclass(frozen=True)
class LibraryResult:
    """One row of the table: the library, its verdict and why, how many red checks were foreseen, and how many not."""

    name: str
    library: str
    version: str
    language: str
    verdict: Verdict
    reason: str | None = None
    expected: int = 0
    unexpected: int = 0
    seconds: float = 0.0

    def as_dict(self) -> Json:
        """Return the row as ``libraries.schema.json`` describes it."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def exit_code(results: Sequence[LibraryResult]) -> int:
    """Return the worst of those that were run; 3 when none was."""
    codes = [EXIT_CODES[result.verdict] for result in results if result.verdict in EXIT_CODES]
    return max(codes, default=3)


def as_json(results: Sequence[LibraryResult], measure: str) -> Json:
    """Return the table for a program: ``libraries.schema.json``."""
    return {
        "format": 1,
        "measure": measure,
        "exit_code": exit_code(results),
        "libraries": [result.as_dict() for result in results],
    }


@dataclass(frozen=True)
class Stream:
    """What is read of a result stream: who was judged, and how each check ended."""

    version: str
    records: tuple[Record, ...]

    @classmethod
    def read(cls, path: Path) -> "Stream":
        """Read the stream that a finished run left."""
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        records = tuple(Record.from_dict(row) for row in rows if row["type"] == "check")
        return cls(rows[0]["implementation"]["version"], records)

    def count(self, states: Iterable[State]) -> int:
        """Return how many checks ended in one of these states."""
        wanted = frozenset(states)
        return sum(record.state in wanted for record in self.records)

    @property
    def expected(self) -> int:
        """Red checks that the expectations foresee."""
        return self.count({State.EXPECTED})

    @property
    def unexpected(self) -> int:
        """Red checks that nobody foresaw."""
        return self.count(RED)
