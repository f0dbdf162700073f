"""Our own errata: checks of published revisions that are known to be wrong, and how they are scored instead."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from bearerproof import data
from bearerproof.exceptions import BadInput


class ScoreAs(StrEnum):
    """What becomes of a check that is wrong: it says nothing, or no more than a warning."""

    NOT_APPLICABLE = "not-applicable"
    WARNED = "warned"


@dataclass(frozen=True)
class Erratum:
    """One entry: in which revisions, of which checks, which of their outcomes, what is wrong, and how it is scored.

    Without ``outcomes`` it is of every one: a check that lets pass what it must not proves nothing by passing.
    """

    revisions: tuple[str, ...]
    check: str
    wrong: str
    source: str
    score_as: ScoreAs
    outcomes: tuple[str, ...] = ()

    def covers(self, revision: str, check: str, outcome: str) -> bool:
        """Say whether it is of this outcome of this check in this revision.

        >>> Erratum(("0.1.0",), "VER-1.*", "", "", ScoreAs.WARNED).covers("0.1.0+12ab", "VER-1.two.jwt", "failed")
        True
        """
        return (
            any(revision == named or revision.startswith(f"{named}+") for named in self.revisions)
            and fnmatchcase(check, self.check)
            and (not self.outcomes or outcome in self.outcomes)
        )


@cache
def errata(path: Path | None = None) -> tuple[Erratum, ...]:
    """Return every erratum, of ``spec/errata/own.toml`` or another file.

    Raises:
        BadInput: the file is no such table; an unknown key counts.
    """
    file = path or data.root() / "errata" / "own.toml"
    try:
        entries: list[Mapping[str, Any]] = tomllib.loads(file.read_text(encoding="utf-8"))["erratum"]
        return tuple(_erratum(entry) for entry in entries)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{file} is no table of errata: {error}") from None


def _erratum(entry: Mapping[str, Any]) -> Erratum:
    lists = {name: tuple(entry.get(name, ())) for name in ("revisions", "outcomes")}
    return Erratum(**{**entry, **lists, "score_as": ScoreAs(entry["score_as"])})
