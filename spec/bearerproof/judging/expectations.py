"""Expected deviations: what an implementation is known to fail, each with a reason; what is not so any more is told.

Strict both ways: an entry whose checks pass, match nothing, or name something unknown is told and costs the run, so
that the file always tells the truth about the implementation; the other entries stay good. Where a check draws what it
presents, an entry has to name the finding (``pins``): it is then taken out of the draw, which goes on, so that a second
fault of the same check stays red. So it has to where a check crashed, hung or refused the honest: that is another
failure than the one that was excused. What a draw may have passed by is *unseen*, not stale: it costs nothing.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from bearerproof.judging.results import RED, Record, State, key_of
from bearerproof.judging.selection import Name
from bearerproof.judging.settings import KnownFinding
from bearerproof.members import Json
from bearerproof.visible import visible

PINNED_STATES = frozenset({State.CRASHED, State.HUNG, State.UNTESTABLE})
"""How a check can fail worse than by a wrong answer: only a pin of this name foresees it, from format 2 on."""


@dataclass(frozen=True)
class Expectation:
    """One foreseen deviation of a requirement, in one profile or all; ``reason`` says why.

    Format 1 names one ``check``, and with ``finding`` one way in which it can fail. Format 2 names ``checks`` by
    patterns and ``pins`` for the ways; with pins alone it foresees these and no others. ``line`` is where it stands.
    """

    requirement: str
    reason: str
    check: str | None = None
    profile: str | None = None
    issue: str | None = None
    finding: str | None = None
    checks: tuple[str, ...] = ()
    pins: tuple[str, ...] = ()
    until: date | None = None
    format: int = 1
    line: int | None = None

    def as_dict(self) -> Json:
        """Return it as JSON can carry it."""
        return {**asdict(self), "until": None if self.until is None else self.until.isoformat()}

    @classmethod
    def from_dict(cls, row: Json) -> "Expectation":
        """Read what ``as_dict`` wrote."""
        until = None if row["until"] is None else date.fromisoformat(row["until"])
        return cls(**{**row, "until": until, "checks": tuple(row["checks"]), "pins": tuple(row["pins"])})

    @property
    def patterns(self) -> tuple[str | None, ...]:
        """The patterns of its checks; None is all of the requirement."""
        if self.format == 1:
            return (self.check,)
        return self.checks or (None,)

    @property
    def all_pins(self) -> tuple[str, ...]:
        """The ways to fail that it names."""
        return self.pins if self.finding is None else (self.finding,)

    @property
    def known(self) -> tuple[KnownFinding, ...]:
        """What the checks have to pass over to see what else there is, where the entry says it."""
        return tuple(
            KnownFinding(self.requirement, pin, pattern, self.profile)
            for pin in self.all_pins
            for pattern in self.patterns
            if self.format == 1 or pin not in tuple(PINNED_STATES)
        )

    def names(self, name: Name, pattern: str | None) -> bool:
        """Say whether a check is of this requirement and profile, and called as the pattern says."""
        if name.requirement != self.requirement or self.profile not in (None, name.profile):
            return False
        return pattern is None or (fnmatchcase(name.check, pattern) if self.format > 1 else name.check == pattern)

    def matches(self, record: Record) -> bool:
        """Say whether the record is of a check that this entry names."""
        return any(self.names(_name(record), pattern) for pattern in self.patterns)

    def covers(self, record: Record, finding: Json) -> bool:
        """Say whether this entry foresees one finding of a record: of a drawn one it has to name the kind."""
        if not self.matches(record):
            return False
        if self.format == 1:
            return finding.get("drawn") is None if self.finding is None else self.finding == key_of(finding)
        if really(record) in PINNED_STATES:
            return really(record) in self.pins
        return pin_of(finding) in self.pins or (finding.get("drawn") is None and self.is_whole)

    @property
    def is_whole(self) -> bool:
        """Whether it foresees whatever fixed checks find, and not only what it pins."""
        return self.finding is None if self.format == 1 else bool(self.checks or not self.pins)

    def describe(self) -> str:
        """Name the entry as a reader finds it in the file."""
        more = f" and {len(self.checks) - 2} more" if len(self.checks) > 3 else ""
        checks = ", ".join(self.checks[:2] if more else self.checks) + more
        words = [self.requirement, self.check, checks, self.profile, *self.all_pins]
        return " ".join(word for word in words if word) + ("" if self.line is None else f" (line {self.line})")


@dataclass(frozen=True)
class Judged:
    """Records with what was foreseen marked, and what there is to say of the file."""

    records: tuple[Record, ...]
    stale: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Expectations:
    """A file of expectations; ``suite`` is the specification that it was written under."""

    entries: tuple[Expectation, ...] = ()
    suite: str | None = None

    @property
    def known(self) -> tuple[KnownFinding, ...]:
        """What all checks have to pass over."""
        return tuple(known for entry in self.entries for known in entry.known)

    def covers(self, record: Record) -> bool:
        """Say whether all that is wrong with a record is foreseen."""
        return _foreseen(record, self.entries) is not record

    def judge(
        self,
        records: Sequence[Record],
        unrun: Collection[str] = (),
        *,
        narrowed: bool = False,
        suite: str | None = None,
    ) -> Judged:
        """Mark the red records that are foreseen, and tell which entries are stale.

        ``unrun`` are the checks of the scope that have no record; ``narrowed`` says that somebody chose what is looked
        at, so that an entry which matches nothing is not to blame. ``suite`` is the specification of today.
        """
        names = [name for name in map(Name.of, unrun) if name is not None]
        stale = [problem for entry in self.entries for problem in self._stale(entry, records, names, narrowed)]
        marked = tuple(_foreseen(record, self.entries) for record in records)
        return Judged(marked, tuple(stale), tuple(unseen(self.entries, records)), tuple(self._remarks(marked, suite)))

    def _remarks(self, records: Iterable[Record], suite: str | None) -> Iterator[str]:
        if self.suite and suite and self.suite != suite and any(record.state in RED for record in records):
            yield f"the expectations were written under {self.suite}, this is {suite}: what is red may be new in it"

    def _stale(
        self, entry: Expectation, records: Sequence[Record], unrun: Sequence[Name], narrowed: bool
    ) -> Iterator[str]:
        if entry.until is not None and entry.until < datetime.now(UTC).date():
            yield f"{entry.describe()}: was to be mended by {entry.until}"
        matched = [record for record in records if entry.matches(record)]
        pending = any(entry.names(name, pattern) for name in unrun for pattern in entry.patterns)
        if not matched:
            if not (narrowed or pending):
                yield f"{entry.describe()}: matches no check of this run; remove it or correct it"
            return
        stale = list(_mended(entry, matched, unrun))
        if not stale:
            stale = [text for text in (_unnamed(entry, matched), self._superfluous(entry, matched)) if text][:1]
        yield from (f"{entry.describe()}{text}" for text in stale)

    def _superfluous(self, entry: Expectation, matched: Sequence[Record]) -> str | None:
        """Say so of an entry whose finding is not among those of its checks, all of which others foresee."""
        if not entry.all_pins or entry.is_whole or _is_unseen(entry, matched):
            return None
        red = [record for record in matched if _deviates(record)]
        others = [other for other in self.entries if other is not entry]
        if red and all(_foreseen(record, others) is not record for record in red):
            return ": is not found any more; remove it"  # a check that ends early may not come to it
        return None


def really(record: Record) -> State:
    """Return how a record ended before it was marked as expected."""
    return State(record.deviation) if record.deviation is not None else record.state


def pin_of(finding: Json) -> str:
    """Return what a pin names a finding by."""
    return visible(key_of(finding))


def read(path: Path) -> Expectations:
    """Read an expectations file.

    Raises:
        BadInput: there is no such file. StaleExpectations: it is not valid; every fault is named.
    """
    from bearerproof.judging.expectationsfile import parse, text_of  # noqa: PLC0415 - it needs the entries of this module

    return parse(text_of(path), str(path))


def unseen(entries: Sequence[Expectation], records: Sequence[Record]) -> list[str]:
    """Name the entries whose finding no draw of this run came upon."""
    named = [(entry, [record for record in records if entry.matches(record)]) for entry in entries]
    return [entry.describe() for entry, matched in named if _is_unseen(entry, matched)]


def _mended(entry: Expectation, matched: Sequence[Record], unrun: Sequence[Name]) -> Iterator[str]:
    """Yield what of an entry is not so any more; a pattern of which some checks were not run cannot be told."""
    if _is_unseen(entry, matched):
        return
    for pattern in entry.patterns:
        named = [record for record in matched if entry.names(_name(record), pattern)]
        if any(map(_deviates, named)) or any(entry.names(name, pattern) for name in unrun):
            continue
        which = f": {pattern}" if entry.format > 1 and len(entry.patterns) > 1 else ""
        if named:
            yield f"{which}: is not red any more ({named[0].state}); remove it"
        elif entry.format > 1 and not unrun:
            yield f"{which}: matches no check of this run; remove it or correct it"
    if any(entry.names(name, pattern) for name in unrun for pattern in entry.patterns):
        return
    for pin in entry.pins:
        if not _is_found(pin, matched) and not any(pin in record.unseen for record in matched):
            yield f": {pin} is not found any more; remove it"


def _is_found(pin: str, matched: Sequence[Record]) -> bool:
    return any(pin == really(record) or pin in map(pin_of, record.findings) for record in matched)


def _unnamed(entry: Expectation, matched: Sequence[Record]) -> str | None:
    """Ask for the finding where an entry foresees a drawn one without naming it."""
    if entry.all_pins:
        return None
    drawn = [(record, each) for record in matched if _deviates(record) for each in record.findings if "drawn" in each]
    for record, finding in drawn:
        pin = pin_of(finding)
        wanted = f"finding = {quoted(pin)}" if entry.format == 1 else f"pins = [{quoted(pin)}]"
        return (
            f": {record.id} draws what it presents, so another fault of it would go unseen; "
            f"name what is foreseen: {wanted}"
        )
    return None


def _is_unseen(entry: Expectation, matched: Sequence[Record]) -> bool:
    seen = any(entry.covers(record, finding) for record in matched for finding in record.findings)
    return not seen and any(pin in record.unseen for record in matched for pin in entry.all_pins)


def _deviates(record: Record) -> bool:
    """Whether there is something to foresee: it is red, or nothing but errors came."""
    return really(record) in RED or record.unproven


def _foreseen(record: Record, entries: Sequence[Expectation]) -> Record:
    if not _deviates(record) or record.state is State.EXPECTED:
        return record
    if not record.findings:
        whole = [entry for entry in entries if entry.matches(record) and _is_of_the_whole(entry, record)]
        return record.expected(whole[0].reason) if whole else record
    covering = [next((entry for entry in entries if entry.covers(record, each)), None) for each in record.findings]
    reasons = dict.fromkeys(entry.reason for entry in covering if entry is not None)
    return record if None in covering else record.expected("; ".join(reasons))


def _is_of_the_whole(entry: Expectation, record: Record) -> bool:
    if entry.format > 1 and record.state in PINNED_STATES:
        return record.state in entry.pins
    return entry.is_whole


def _name(record: Record) -> Name:
    check = record.id.removeprefix(f"{record.requirement}.").removesuffix(f".{record.profile}")
    return Name(record.requirement, check, record.profile)


def quoted(text: str) -> str:
    """Write a text as a basic string of TOML."""
    escaped = (f"\\{char}" if char in '"\\' else char if char.isprintable() else f"\\U{ord(char):08X}" for char in text)
    return f'"{"".join(escaped)}"'
