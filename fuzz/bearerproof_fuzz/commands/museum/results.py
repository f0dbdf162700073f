"""What became of each exhibit, and what all of them come to."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from bearerproof.members import Json
from bearerproof_fuzz.commands.museum.exhibits import Exhibit


class Verdict(StrEnum):
    """How an exhibit ended."""

    CAUGHT = "caught"
    MISSED = "MISSED"
    NOT_RUN = "not run"
    NOT_JUDGED = "not judged"


class Fixed(StrEnum):
    """How the release that mended it stands to the same row."""

    GREEN = "green"
    REMAINS = "red, as known"
    RED = "RED"
    UNKNOWN = "-"


@dataclass(frozen=True)
class ExhibitResult:
    """One row of the table.

    ``tokens`` is how many had been presented when ``check``, the first red one of the naming requirement, was known to
    be red. ``red`` are the checks of that requirement that the fixed release fails too and the table does not foresee.
    """

    exhibit: Exhibit
    verdict: Verdict
    fixed: Fixed = Fixed.UNKNOWN
    tokens: int | None = None
    check: str | None = None
    red: tuple[str, ...] = ()
    reason: str | None = None

    def as_dict(self) -> Json:
        """Return the row for a program."""
        said = {name: getattr(self.exhibit, name) for name in ("name", "package", "vulnerable", "weakness")}
        judged = {
            "fixed": self.exhibit.fixed,
            "requirement": self.exhibit.requirement,
            "measure": str(self.exhibit.measure),
        }
        own = {name: value for name, value in asdict(self).items() if name != "exhibit" and value not in (None, ())}
        return {**said, **({} if self.verdict is Verdict.NOT_JUDGED else judged), **_renamed(own)}


def _renamed(row: Json) -> Json:
    return {{"fixed": "fixed_is", "red": "fixed_red"}.get(name, name): value for name, value in row.items()}


def exit_code(results: Sequence[ExhibitResult]) -> int:
    """Return 1 when one is missed or a fixed release is red, 3 when one was not run, or none at all, else 0."""
    if any(result.verdict is Verdict.MISSED or result.fixed is Fixed.RED for result in results):
        return 1
    verdicts = {result.verdict for result in results}
    return 3 if Verdict.NOT_RUN in verdicts or Verdict.CAUGHT not in verdicts else 0


def as_json(results: Sequence[ExhibitResult]) -> Json:
    """Return the table for a program: ``museum.schema.json``."""
    return {"format": 1, "exit_code": exit_code(results), "exhibits": [result.as_dict() for result in results]}


_TITLES = ("exhibit", "release", "weakness", "row", "verdict", "tokens", "fixed in", "is")


def lines(results: Sequence[ExhibitResult]) -> Iterable[str]:
    """Yield the table, what else there is to say of a row, and the sum."""
    rows = [_TITLES, *(_cells(result) for result in results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    for result in results:
        if result.red:
            yield f"{result.exhibit.name}: {result.exhibit.fixed} is red on {', '.join(result.red)}"
        if result.reason is not None:
            yield f"{result.exhibit.name}: {result.reason}"
    counts = [(verdict, sum(result.verdict is verdict for result in results)) for verdict in Verdict]
    yield ", ".join(f"{number} {verdict}" for verdict, number in counts if number)


def _cells(result: ExhibitResult) -> tuple[str, ...]:
    exhibit = result.exhibit
    release = f"{exhibit.package} {exhibit.vulnerable}"
    tokens = "-" if result.tokens is None else str(result.tokens)
    return (
        exhibit.name,
        release,
        exhibit.weakness,
        exhibit.requirement or "-",
        str(result.verdict),
        tokens,
        exhibit.fixed or "-",
        str(result.fixed),
    )
