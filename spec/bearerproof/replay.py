"""``bearerproof replay``: one vector or one finding again, with the token taken apart."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bearerproof.catalogue import Measure
from bearerproof.declaration import Declaration
from bearerproof.exceptions import BadInput
from bearerproof.implementation import Implementation
from bearerproof.members import Json
from bearerproof.messages import Outcome, Presentation
from bearerproof.reports import token_apart
from bearerproof.results import presentation_from_dict
from bearerproof.vectors import Vector, vectors


@dataclass(frozen=True)
class Replayed:
    """What is presented again: a title, the base accepted first if there is one, and what may happen."""

    title: str
    presented: Presentation
    base: Presentation | None
    allowed: frozenset[Outcome]


def find(what: str, declaration: Declaration, measure: Measure, check: str | None = None) -> list[Replayed]:
    """Find what to replay: a vector by id, or the findings of a result stream, all or those of one check.

    For an implementation that reads the real clock a vector is made anew at this very second.

    Raises:
        BadInput: there is no such vector, file or check.
    """
    path = Path(what)
    if path.is_file():
        found = list(_findings(path, check))
        if not found:
            raise BadInput(f"{what} holds no finding with a token" + (f" for check {check}" if check else ""))
        return found
    known = vectors() if declaration.injected_clock else _made_now()
    matching = [vector for name, vector in known.items() if what in (name, vector.row["edit"])]
    if not matching:
        raise BadInput(f"{what!r} is neither a result stream nor one of the {len(known)} vectors (bearerproof vectors)")
    return [_of_vector(vector, measure) for vector in matching]


def replay(one: Replayed, implementation: Implementation) -> tuple[bool, str]:
    """Present it again; return whether what happened is acceptable, and a text that shows it."""
    lines = [one.title, ""]
    conforms = True
    if one.base is not None:
        control = implementation.verify(one.base)
        lines.append(f"  base       {control.describe()} (due: accepted)")
        conforms = control.outcome is Outcome.ACCEPTED
    answer = implementation.verify(one.presented)
    conforms &= not one.allowed or answer.outcome in one.allowed
    due = f" (due: {' or '.join(sorted(one.allowed))})" if one.allowed else ""
    lines += [f"  presented  {answer.describe()}{due}", ""]
    beside = None if one.base is None else one.base.token
    lines += [f"  {line}" for line in token_apart(one.presented.token, beside)]
    return conforms, "\n".join(lines) + "\n"


def _made_now() -> Mapping[str, Vector]:
    from bearerproof_fuzz import vectormaker  # noqa: PLC0415 - the command line's lazy use of the other packages

    return {row["id"]: Vector(row) for row in vectormaker.rows(int(time.time()))}


def _of_vector(vector: Vector, measure: Measure) -> Replayed:
    title = f"{vector.id}: {vector.row['title']} [{vector.row['clause']}]"
    return Replayed(title, vector.presented, vector.base, vector.allowed(measure))


def _findings(path: Path, check: str | None) -> Iterator[Replayed]:
    for number, line in enumerate(_lines(path), 1):
        try:
            row = json.loads(line)
        except ValueError:
            raise BadInput(f"{path}:{number} is not a line of a result stream") from None
        if isinstance(row, dict) and row.get("type") == "check" and check in (None, row.get("id")):
            yield from _of_row(row, f"{path}:{number}")


def _of_row(row: Json, where: str) -> list[Replayed]:
    try:
        return [_of_finding(row, finding) for finding in row["findings"] if "presented" in finding]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadInput(f"{where} is not a line of a result stream") from None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read {path}: {error}") from None


def _of_finding(row: Json, finding: Json) -> Replayed:
    base = finding.get("base")
    named = finding["expected"].split(" or ")
    outcomes = frozenset(Outcome(name) for name in named) if set(named) <= set(Outcome) else frozenset()
    return Replayed(
        f"{row['id']}: {finding['summary']}",
        presentation_from_dict(finding["presented"]),
        None if base is None else presentation_from_dict(base),
        outcomes,
    )
