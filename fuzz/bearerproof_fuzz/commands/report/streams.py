"""Result streams, read back: whole or cut off, of this release or another, and never trusted.

A stream may come from anybody. Its members have to be of the type that the schema gives them; members and outcomes
that this release does not know are kept or passed over, and an outcome that is not known counts as not judged.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bearerproof.exceptions import BadInput
from bearerproof.judging.results import FORMAT
from bearerproof.judging.verdicts import LeftOut
from bearerproof.members import Json, brief
from bearerproof.visible import visible

T = TypeVar("T")

MOST_OCTETS = 256 * 2**20
"""Of one stream; a whole strict run that finds much has some 20 MB."""


@dataclass(frozen=True)
class Implementation:
    """Who was judged, as it declares itself."""

    name: str
    version: str = ""
    language: str = ""


@dataclass(frozen=True)
class Specification:
    """Which requirements were asked for."""

    digest: str
    requirements: int = 0


@dataclass(frozen=True)
class Header:
    """The first line: what was judged, by what, and how. ``revision`` and ``command`` are absent in older streams."""

    format: int
    bearerproof: str
    specification: Specification
    implementation: Implementation
    measure: str
    profiles: tuple[str, ...]
    level: int
    seed: int | None = None
    depth: str | int = ""
    revision: str | None = None
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """One check of one requirement in one profile.

    Where the stream says so, ``seen`` are the verdicts that came in it, and ``deviation`` is what an expected one would
    be otherwise.
    """

    id: str
    requirement: str
    level: str
    profile: str
    outcome: str
    reason: str | None = None
    skipped: tuple[str, ...] = ()
    errors: Mapping[str, int] = field(default_factory=dict)
    unproven: bool = False
    seen: tuple[str, ...] | None = None
    deviation: str | None = None
    findings: tuple[dict[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """The check apart from requirement and profile, as an expectation names it."""
        return self.id.removeprefix(f"{self.requirement}.").removesuffix(f".{self.profile}")


@dataclass(frozen=True)
class Baseline:
    """What an implementation that decides nothing would score."""

    name: str
    passed: int
    applicable: int


@dataclass(frozen=True)
class Stopped:
    """Why a run ended before its checks did, and how many it did not make."""

    why: str
    not_run: int = 0


@dataclass(frozen=True)
class Footer:
    """The last line: how the run ended. Older streams have the first three alone; ``verdict`` is the run's own word."""

    complete: bool
    exit: int
    interrupted: bool = False
    baselines: tuple[Baseline, ...] = ()
    untried: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()
    verdict: str | None = None
    stopped: Stopped | None = None
    left_out: tuple[LeftOut, ...] = ()
    stale: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stream:
    """One run as its stream tells it; ``source`` is where it was read, ``digest`` that of its octets.

    A stream without a footer was cut off.
    """

    source: str
    digest: str
    header: Header
    checks: tuple[Check, ...]
    footer: Footer | None


def read(path: Path) -> Stream:
    """Read a result stream from a file.

    Raises:
        BadInput: it cannot be read, or is no result stream.
    """
    try:
        with path.open("rb") as file:
            octets = file.read(MOST_OCTETS + 1)
    except OSError as error:
        raise BadInput(f"cannot read {visible(str(path))}: {error.strerror}") from None
    return parse(octets, str(path))


def parse(octets: bytes, source: str) -> Stream:
    """Read a result stream.

    Raises:
        BadInput: it is none; the message names the line.
    """
    where = visible(source)
    if len(octets) > MOST_OCTETS:
        raise BadInput(f"{where} has more than {MOST_OCTETS:,} octets, so it is no result stream of one run")
    rows = _rows(octets, where)
    place, first = next(rows, (where, {}))
    if not first:
        raise BadInput(f"{where} is empty: a result stream is what bearerproof check --report FILE writes")
    header, footer, checks = _header(first, place), None, dict[str, Check]()
    for place, row in rows:
        if footer is not None:
            raise BadInput(f"{place} stands after the footer: one file is one run")
        kind = row.get("type")
        if kind == "header":
            raise BadInput(f"{place} is a second header: one file is one run")
        if kind == "check":
            check = _as(Check, row, place)
            if checks.setdefault(check.id, check) is not check:
                raise BadInput(f"{place} is a second line of the check {visible(check.id)}")
        elif kind == "footer":
            footer = _as(Footer, row, place)
    return Stream(source, hashlib.sha256(octets).hexdigest(), header, tuple(checks.values()), footer)


def _header(row: Json, place: str) -> Header:
    if row.get("type") != "header":
        raise BadInput(f"{place} is no header: a result stream is what bearerproof check --report FILE writes")
    if row.get("format") != FORMAT:
        raise BadInput(f"{place}: format {brief(row.get('format'))} is not known here, only {FORMAT} is")
    return _as(Header, row, place)


def _rows(octets: bytes, where: str) -> Iterator[tuple[str, Json]]:
    """Yield the lines; a last one without its line feed was cut off with the rest, and is left out if it is broken."""
    lines = octets.split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            if number == len(lines) and number > 1:
                return
            raise BadInput(f"{where}:{number} is not a line of a result stream") from None
        if not isinstance(row, dict):
            raise BadInput(f"{where}:{number} is not a line of a result stream")
        yield f"{where}:{number}", row


def _as(kind: type[T], row: Json, place: str) -> T:
    try:
        return msgspec.convert(row, kind)
    except msgspec.ValidationError as error:
        raise BadInput(f"{place} is not a line of a result stream: {visible(str(error))}") from None
