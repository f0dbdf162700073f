"""How things stand: a requirement, a threat, a whole run. Each follows from the outcomes of checks alone."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bearerproof.judging.results import RED, State
from bearerproof.specification.catalogue import requirements
from bearerproof.specification.threats import Threat
from bearerproof_fuzz.commands.report.streams import Check, Stream


class Standing(StrEnum):
    """How a requirement stands, the worst first; a requirement stands as the worst of its checks."""

    FAILS = "fails"
    UNTESTABLE = "control refused"
    FAULT = "fault"
    EXPECTED = "expected"
    WARNED = "warned"
    CONFORMS = "conforms"
    NOT_JUDGED = "not judged"
    NOT_ASKED = "not asked"


def standing(checks: Sequence[Check]) -> Standing:
    """Return how a requirement stands by its checks: only a proven pass lets it conform."""
    found = {_standing_of(check) for check in checks}
    return next((each for each in Standing if each in found), Standing.NOT_JUDGED)


def _standing_of(check: Check) -> Standing:
    if check.unproven and check.outcome in _SAYS_NOTHING_UNPROVEN:
        return Standing.NOT_JUDGED
    return _STANDINGS.get(check.outcome, Standing.NOT_JUDGED)


_STANDINGS: Mapping[str, Standing] = {
    State.FAILED: Standing.FAILS,
    State.CRASHED: Standing.FAILS,
    State.HUNG: Standing.FAILS,
    State.UNTESTABLE: Standing.UNTESTABLE,
    State.NOT_RUN: Standing.FAULT,
    State.ERRORED: Standing.FAULT,
    State.EXPECTED: Standing.EXPECTED,
    State.WARNED: Standing.WARNED,
    State.PASSED: Standing.CONFORMS,
}

_SAYS_NOTHING_UNPROVEN = frozenset({State.PASSED, State.WARNED})
"""Outcomes that say nothing where only errors came in place of refusals."""


class ThreatState(StrEnum):
    """Whether a threat is met; ``in part``: nothing was found, and not all that stands against it was judged."""

    OPEN = "open"
    IN_PART = "in part"
    STOPPED = "stopped"
    NOT_JUDGED = "not judged"
    NOT_OURS = "does not apply"


@dataclass(frozen=True)
class Threatened:
    """How a threat stands: its state, by how many of its requirements, and those that show a way."""

    title: str
    state: ThreatState
    judged: int = 0
    concerned: int = 0
    ways: tuple[str, ...] = ()


def threatened(
    threat: Threat, standings: Mapping[str, Standing], open_ways: Collection[str], profiles: Collection[str]
) -> Threatened:
    """Return how a threat stands, by the requirements that the judged profiles have.

    ``standings`` are those of the requirements that were asked for, ``open_ways`` those that show a way.

    It is open as soon as one check shows a way; that an honest token is refused shows none.
    """
    rows = requirements()
    concerned = [name for name in threat.requirements if set(rows[name].profiles) & set(profiles) or name in standings]
    if not concerned:
        return Threatened(threat.title, ThreatState.NOT_OURS)
    found = [standings.get(name, Standing.NOT_JUDGED) for name in concerned]
    ways = tuple(name for name in concerned if name in open_ways)
    judged = sum(each not in UNJUDGED for each in found)
    conforms = found.count(Standing.CONFORMS)
    state = (
        ThreatState.OPEN
        if ways
        else ThreatState.STOPPED
        if conforms == len(concerned)
        else ThreatState.IN_PART
        if judged
        else ThreatState.NOT_JUDGED
    )
    return Threatened(threat.title, state, judged, len(concerned), ways)


UNJUDGED = frozenset({Standing.NOT_JUDGED, Standing.NOT_ASKED, Standing.FAULT, Standing.UNTESTABLE})
"""Standings from which nothing follows."""


def shows_a_way(check: Check) -> bool:
    """Whether a check shows that something passes, dies or hangs that must not; foreseen or not."""
    if (check.deviation or check.outcome) not in (State.FAILED, State.CRASHED, State.HUNG, State.EXPECTED):
        return False
    return not check.findings or any(not is_over_strict(finding) for finding in check.findings)


def is_over_strict(finding: Mapping[str, object]) -> bool:
    """Whether a finding is that something honest was refused."""
    return finding.get("expected") == "accepted" and str(finding.get("got", "")).startswith(("rejected", "errored"))


class Kind(StrEnum):
    """What a whole run comes to."""

    CONFORMS = "conforms"
    EXPECTED = "conforms but for expected deviations"
    FAILS = "does not conform"
    NOT_WHOLE = "not judged whole"
    NOTHING = "nothing was judged"


@dataclass(frozen=True)
class Verdict:
    """What a run comes to: the kind, a sentence, how much was judged, and what does not fit together in its stream."""

    kind: Kind
    sentence: str
    judged: int
    asked: int
    expected: int
    failing: int
    remarks: tuple[str, ...] = ()


def verdict(stream: Stream, checks: Sequence[Check], standings: Mapping[str, Standing]) -> Verdict:
    """Return the verdict on a run, from its checks; the footer can only make it worse."""
    failing = sum(each in (Standing.FAILS, Standing.UNTESTABLE) for each in standings.values())
    expected = [check for check in checks if check.outcome == State.EXPECTED]
    judged = sum(each not in UNJUDGED for each in standings.values())
    red = failing or any(check.outcome == State.NOT_RUN for check in checks)
    whole = _is_whole(stream, checks, standings)
    kind = (
        Kind.FAILS
        if red
        else Kind.NOTHING
        if not judged
        else Kind.NOT_WHOLE
        if not whole
        else Kind.EXPECTED
        if expected
        else Kind.CONFORMS
    )
    sentence = _sentence(kind, stream, failing, len(expected), len({check.requirement for check in expected}))
    remarks = tuple(_remarks(stream, checks))
    return Verdict(kind, sentence, judged, len(standings), len(expected), failing, remarks)


def _is_whole(stream: Stream, checks: Sequence[Check], standings: Mapping[str, Standing]) -> bool:
    footer = stream.footer
    if footer is None or footer.interrupted or footer.exit >= 3 or footer.left_out:
        return False
    known = set(State)
    return Standing.FAULT not in standings.values() and all(check.outcome in known for check in checks)


def _sentence(kind: Kind, stream: Stream, failing: int, expected: int, requirements_expected: int) -> str:
    header = stream.header
    what = f"{header.measure} in {', '.join(header.profiles)}"
    if stream.footer is not None and not stream.footer.complete:
        what += " (a selection, a quick look or a part)"
    if kind is Kind.FAILS:
        return f"does NOT conform to {what}: {_count(failing, 'requirement fails', 'requirements fail')}."
    if kind is Kind.NOTHING:
        return f"was NOT judged by {what}: no check came to a verdict."
    if kind is Kind.NOT_WHOLE:
        return f"was NOT judged whole by {what}; nothing is red so far."
    if kind is Kind.EXPECTED:
        deviations = _count(expected, "expected deviation", "expected deviations")
        where = _count(requirements_expected, "requirement", "requirements")
        return f"conforms to {what} BUT FOR {deviations} in {where}."
    return f"conforms to {what}."


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _remarks(stream: Stream, checks: Sequence[Check]) -> list[str]:
    footer = stream.footer
    if footer is None:
        return ["the stream has no footer: it was cut off, and what came after is not known"]
    red = any(check.outcome in RED for check in stream.checks)
    remarks = []
    if footer.exit == 0 and red:
        remarks.append("its footer says exit code 0, and checks are red: do not trust this stream")
    if footer.exit == 1 and not red:
        remarks.append("its footer says exit code 1, and no check is red: some of it is missing")
    if footer.exit == 2:
        remarks.append("the expectations file of this run was stale or invalid (exit code 2)")
    unknown = sorted({check.outcome for check in checks} - set(State))
    if unknown:
        remarks.append(f"outcomes that this release does not know count as not judged: {', '.join(unknown)}")
    if footer.interrupted:
        remarks.append("somebody stopped the run before its end")
    if footer.stopped is not None and footer.stopped.not_run:
        remarks.append(f"the run stopped early ({footer.stopped.why}): {footer.stopped.not_run} checks were not made")
    remarks += [f"not judged: {each.part}, {each.checks} checks ({each.why})" for each in footer.left_out]
    remarks += [f"stale expectation: {each}" for each in footer.stale]
    return remarks
