"""The difference of two streams: what broke, what was mended, and what the suite changed between them.

Only what was judged in both can break or mend. A check that one of the two did not have, or could not judge, is told
apart, so that neither a new suite nor a smaller run looks like the work of whoever is judged.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum

from bearerproof.judging.results import State
from bearerproof.members import Json
from bearerproof.visible import visible
from bearerproof_fuzz.commands.report.streams import Check, Header, Stream


class Sight(StrEnum):
    """What a check says in one stream."""

    HOLDS = "holds"
    WARNED = "holds, with a warning"
    DEVIATES = "deviates"
    SILENT = "not judged"
    ABSENT = "absent"


class Change(StrEnum):
    """What became of a check, in the order of a report; the first four cost the exit code."""

    BROKE = "broke"
    MORE = "deviates in more ways than before"
    NOW_DEVIATES = "deviates, and was not judged before"
    ADDED_RED = "deviates, and the old run did not make it"
    NEW_RED = "new in the suite, and deviates"
    OTHERWISE = "deviates in another way, which may have been hidden before"
    NOW_WARNED = "warned of now"
    NO_LONGER_JUDGED = "no longer judged"
    LEFT_OUT = "not made in the new run"
    GONE = "gone from the suite"
    MENDED = "mended"
    NOW_JUDGED = "judged now, and holds"
    ADDED = "made in the new run alone"
    NEW = "new in the suite"


WORSE = frozenset({Change.BROKE, Change.MORE, Change.NOW_DEVIATES, Change.ADDED_RED})
"""Of the implementation's own doing. What a new suite newly asks is told, and costs nothing: ``check`` judges that."""


@dataclass(frozen=True)
class Changed:
    """One check whose outcome is another now; an outcome is None where the stream has no such check."""

    change: Change
    id: str
    requirement: str
    old: str | None
    new: str | None
    detail: str = ""


@dataclass(frozen=True)
class Difference:
    """What differs between two streams; ``remarks`` is what limits the comparison.

    ``told`` is false of a new run that was cut off or not judged whole: that nothing broke is then not known.
    """

    old: Header
    new: Header
    changes: tuple[Changed, ...]
    remarks: tuple[str, ...]
    same: int
    told: bool = True

    @property
    def exit_code(self) -> int:
        """Return 1 where something broke, 2 where the new run cannot tell, else 0."""
        if any(changed.change in WORSE for changed in self.changes):
            return 1
        return 0 if self.told else 2

    def of(self, change: Change) -> list[Changed]:
        """Return what changed so."""
        return [changed for changed in self.changes if changed.change is change]

    def as_dict(self) -> Json:
        """Return it as ``spec/schemas/difference.schema.json`` describes it."""
        return {
            "format": 1,
            "exit": self.exit_code,
            "old": _who(self.old),
            "new": _who(self.new),
            "remarks": list(self.remarks),
            "unchanged": self.same,
            "changes": [
                {
                    **asdict(changed),
                    "change": changed.change.name.lower().replace("_", "-"),
                    "worse": changed.change in WORSE,
                }
                for changed in self.changes
            ],
        }


def difference(old: Stream, new: Stream) -> Difference:
    """Compare two runs, check by check."""
    before, after = ({check.id: check for check in stream.checks} for stream in (old, new))
    suite_is_same = _suite_of(old.header) == _suite_of(new.header)
    changes = []
    for name in {*before, *after}:
        changed = _changed(before.get(name), after.get(name), suite_is_same=suite_is_same)
        if changed is not None:
            changes.append(changed)
    order = list(Change)
    changes.sort(key=lambda changed: (order.index(changed.change), changed.id))
    same = len({*before, *after}) - len(changes)
    return Difference(old.header, new.header, tuple(changes), tuple(_remarks(old, new)), same, told=_is_told(new))


def _suite_of(header: Header) -> tuple[str, str]:
    return _revision(header), header.specification.digest


def _is_told(new: Stream) -> bool:
    """Whether the run came to an end and to verdicts, so that what it does not say to be broken is not."""
    footer = new.footer
    return footer is not None and not footer.interrupted and footer.exit < 3 and any(map(_judged, new.checks))


def _judged(check: Check) -> bool:
    return _sight(check) in (Sight.HOLDS, Sight.WARNED, Sight.DEVIATES)


def _changed(old: Check | None, new: Check | None, *, suite_is_same: bool) -> Changed | None:
    sights = _sight(old), _sight(new)
    change = _CHANGES.get(sights)
    if sights == (Sight.DEVIATES, Sight.DEVIATES) and old is not None and new is not None:
        change = _further(old, new)
    if change is None:
        return None
    if suite_is_same:
        change = _WITHOUT_A_NEW_SUITE.get(change, change)
    told = new or old
    assert told is not None  # noqa: S101 - of one that is in neither stream nothing changed
    then, now = (None if each is None else visible(each.outcome) for each in (old, new))
    detail = "" if new is None else visible(_ending(new))[:300]
    return Changed(change, visible(told.id), visible(told.requirement), then, now, detail)


_CHANGES = {
    (Sight.HOLDS, Sight.DEVIATES): Change.BROKE,
    (Sight.WARNED, Sight.DEVIATES): Change.BROKE,
    (Sight.SILENT, Sight.DEVIATES): Change.NOW_DEVIATES,
    (Sight.ABSENT, Sight.DEVIATES): Change.NEW_RED,
    (Sight.HOLDS, Sight.WARNED): Change.NOW_WARNED,
    (Sight.DEVIATES, Sight.HOLDS): Change.MENDED,
    (Sight.DEVIATES, Sight.WARNED): Change.MENDED,
    (Sight.WARNED, Sight.HOLDS): Change.MENDED,
    (Sight.SILENT, Sight.HOLDS): Change.NOW_JUDGED,
    (Sight.SILENT, Sight.WARNED): Change.NOW_WARNED,
    **{(sight, Sight.SILENT): Change.NO_LONGER_JUDGED for sight in (Sight.HOLDS, Sight.WARNED, Sight.DEVIATES)},
    **{(Sight.ABSENT, sight): Change.NEW for sight in (Sight.HOLDS, Sight.WARNED, Sight.SILENT)},
    **{(sight, Sight.ABSENT): Change.GONE for sight in Sight if sight is not Sight.ABSENT},
}

_WITHOUT_A_NEW_SUITE = {
    Change.NEW_RED: Change.ADDED_RED,
    Change.NEW: Change.ADDED,
    Change.GONE: Change.LEFT_OUT,
}
"""Where the suite is the same, the two runs asked for something else, or the implementation declared something else."""


def _further(old: Check, new: Check) -> Change | None:
    """Say whether a check that deviates in both deviates otherwise.

    A check ends at its first deviation, so that another one may have been there before, behind it. That is ruled out
    where the old ones are still found beside it, and where they were foreseen and the check went on past them.
    """
    before, now = _kinds(old), _kinds(new)
    if not now - before:
        return None
    past_them = old.outcome == State.EXPECTED and new.outcome != State.EXPECTED
    return Change.MORE if past_them or before < now else Change.OTHERWISE


def _sight(check: Check | None) -> Sight:
    """Return what a check says; a foreseen deviation deviates, and so does one whose honest token is refused."""
    if check is None:
        return Sight.ABSENT
    if check.outcome in (State.FAILED, State.CRASHED, State.HUNG, State.UNTESTABLE, State.EXPECTED):
        return Sight.DEVIATES
    if check.unproven:
        return Sight.SILENT
    return _SIGHTS.get(check.outcome, Sight.SILENT)


_SIGHTS: Mapping[str, Sight] = {State.PASSED: Sight.HOLDS, State.WARNED: Sight.WARNED}


def _kinds(check: Check) -> set[str]:
    """Return the ways in which a check deviates, by what names them in every run."""
    return {str(each.get("drawn") or each.get("kind") or each.get("edit") or "") for each in check.findings} - {""}


def _ending(check: Check) -> str:
    if check.findings:
        return str(check.findings[0].get("summary", ""))
    return check.reason or ""


def _who(header: Header) -> Json:
    who = header.implementation
    return {
        "name": visible(who.name),
        "version": visible(who.version),
        "revision": _revision(header),
        "specification": visible(header.specification.digest),
        "measure": visible(header.measure),
    }


def _revision(header: Header) -> str:
    return visible(header.revision or header.bearerproof)


def _remarks(old: Stream, new: Stream) -> Iterable[str]:
    """Say what else than the implementation differs, or is missing: it limits what the difference shows."""
    before, after = old.header, new.header
    if _suite_of(before) != _suite_of(after):
        then, now = (
            f"{_revision(each)} (requirements {visible(each.specification.digest)})" for each in (before, after)
        )
        yield f"the suite is another: {then} then, {now} now"
    elif before.revision is None:
        yield "the streams name no revision: whether the suite is the same is known of its requirements alone"
    if before.implementation.name != after.implementation.name:
        names = (visible(each.implementation.name) for each in (before, after))
        yield f"these are two implementations: {' and '.join(names)}"
    pairs: Sequence[tuple[str, object, object]] = (
        ("measure", before.measure, after.measure),
        ("profiles", before.profiles, after.profiles),
        ("contract level", before.level, after.level),
        ("seed", before.seed, after.seed),
        ("depth", before.depth, after.depth),
    )
    for name, earlier, later in pairs:
        if earlier != later:
            yield f"another {name}: {visible(str(earlier))} then, {visible(str(later))} now"
    for when, stream in (("old", old), ("new", new)):
        if stream.footer is None:
            yield f"the {when} stream was cut off"
        elif stream.footer.interrupted or stream.footer.exit >= 3:
            yield f"the {when} run was not judged whole"
        elif not stream.footer.complete:
            yield f"the {when} run is a selection or a quick look"
