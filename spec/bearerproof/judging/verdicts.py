"""What a run comes to: where each requirement stands, and the one sentence that says it, for every form of report."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bearerproof.contract.declaration import Declaration
from bearerproof.judging.results import RED, Record, State
from bearerproof.judging.settings import Scope


class RequirementVerdict(StrEnum):
    """Where a requirement stands after a run; the worst of its checks decides."""

    FAIL = "fail"
    EXPECTED = "expected"
    CONFORM = "conform"
    UNJUDGED = "unjudged"


@dataclass(frozen=True)
class LeftOut:
    """A declared part of which the honest token was refused: nothing in it was judged. ``checks`` could not be."""

    part: str
    why: str
    checks: int = 0


@dataclass(frozen=True)
class Circumstances:
    """What a verdict has to say beside the records: what was selected, what could not be judged.

    ``judged`` is false where the run ended early or met with a fault; ``untried`` is declared and was not tried.
    """

    partial: str | None = None
    judged: bool = True
    untried: Sequence[str] = ()
    left_out: Sequence[LeftOut] = ()


PLAIN = Circumstances()


def standings(records: Iterable[Record]) -> Mapping[str, RequirementVerdict]:
    """Return where each requirement stands, in the order of the records."""
    states: dict[str, list[Record]] = {}
    for record in records:
        states.setdefault(record.requirement, []).append(record)
    return {name: _standing(rows) for name, rows in states.items()}


def counted(records: Iterable[Record]) -> Mapping[RequirementVerdict, int]:
    """Count the requirements by where they stand, in the order of ``RequirementVerdict``."""
    found = list(standings(records).values())
    return {standing: found.count(standing) for standing in RequirementVerdict}


def verdict(
    records: Sequence[Record], declaration: Declaration, scope: Scope, circumstances: Circumstances = PLAIN
) -> str:
    """Say in one sentence whether the implementation conforms, and to what; or that it was not judged whole."""
    partial = circumstances.partial
    what = f"{scope.measure} in {', '.join(scope.profiles)}" + (f" ({partial})" if partial else "")
    counts = counted(records)
    if any(record.state in RED for record in records):
        return f"{declaration.name} does NOT conform to {what}: {_red(records, counts[RequirementVerdict.FAIL])}."
    if circumstances.judged and not any(record.judged for record in records):
        return f"{declaration.name} was NOT judged by {what}: no check came to a verdict."
    lacking = [*unproven(records), *circumstances.untried, *(part.part for part in circumstances.left_out)]
    if not circumstances.judged or lacking:
        without = f": nothing is known of {', '.join(dict.fromkeys(lacking))}" if lacking else ""
        return f"{declaration.name} was NOT judged whole by {what}{without}; nothing is red so far."
    return f"{declaration.name} conforms to {what}{_but_for(records, counts)}{_as_far(counts)}."


def unproven(records: Iterable[Record]) -> list[str]:
    """Return the requirements of which nothing is known, since only errors came where they ask for a refusal."""
    judged, errored = set[str](), dict[str, None]()
    for record in records:
        if record.judged:
            judged.add(record.requirement)
        elif record.unproven and record.state is not State.EXPECTED:
            errored[record.requirement] = None
    return [name for name in errored if name not in judged]


def not_run(records: Iterable[Record]) -> list[str]:
    """Return the requirements of which a check was left out after too many hangs or crashes, and none is red."""
    left_out = dict.fromkeys(record.requirement for record in records if record.state is State.NOT_RUN)
    return [
        name
        for name, standing in standings(records).items()
        if name in left_out and standing is RequirementVerdict.UNJUDGED
    ]


def _standing(rows: Sequence[Record]) -> RequirementVerdict:
    """Return where a requirement stands: what was left out has not failed, and cannot conform."""
    states = {row.state for row in rows}
    if states & RED - {State.NOT_RUN}:
        return RequirementVerdict.FAIL
    if State.NOT_RUN in states:
        return RequirementVerdict.UNJUDGED
    if any(row.state is State.EXPECTED for row in rows):
        return RequirementVerdict.EXPECTED
    return RequirementVerdict.CONFORM if any(row.judged for row in rows) else RequirementVerdict.UNJUDGED


def _red(records: Sequence[Record], failing: int) -> str:
    left_out = len(not_run(records))
    fail = "1 requirement fails" if failing == 1 else f"{failing} requirements fail"
    return f"{fail}, {left_out} not judged to the end" if left_out else fail


def _but_for(records: Iterable[Record], counts: Mapping[RequirementVerdict, int]) -> str:
    number = sum(record.state is State.EXPECTED for record in records)
    if not number:
        return ""
    deviations = "1 expected deviation" if number == 1 else f"{number} expected deviations"
    rows = counts[RequirementVerdict.EXPECTED]
    return f" BUT FOR {deviations} in {rows} requirement{'' if rows == 1 else 's'}, all as foreseen"


def _as_far(counts: Mapping[RequirementVerdict, int]) -> str:
    """Say how much was judged, where it was not all: what nobody looked at is not conformity."""
    total = sum(counts.values())
    judged = total - counts[RequirementVerdict.UNJUDGED]
    return "" if judged == total else f", as far as judged: {judged} of {total} requirements"
