"""Judging: pure functions from what was presented and answered to findings; nothing here asks or prints."""

from collections.abc import Collection
from dataclasses import dataclass

from bearerproof.contract.messages import Answer, Outcome, Presentation
from bearerproof.members import Json
from bearerproof.specification.catalogue import Level, Measure, Requirement


@dataclass(frozen=True)
class Finding:
    """One way in which an implementation does not do what a requirement says, with all that shows it.

    ``edit`` names the change that leads from ``base`` (a token accepted in the same check) to ``presented``.
    ``steps`` are the requests that lead a key server there, with stand-ins for what it made up itself.
    """

    summary: str
    expected: str
    got: str
    presented: Presentation | None = None
    base: Presentation | None = None
    edit: str | None = None
    events: tuple[Json, ...] = ()
    outcome: Outcome | None = None
    steps: tuple[Json, ...] = ()


class Judged(AssertionError):
    """Base of what ends a check early: it carries the finding."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(f"{finding.summary}: expected {finding.expected}, got {finding.got}")
        self.finding = finding


class Nonconforming(Judged):
    """A check found that the implementation does not conform."""


class Untestable(Judged):
    """The positive control failed: what should be accepted was not, so a rejection would prove nothing."""


class Warned(Judged):
    """A deviation that does not cost conformity: a SHOULD row, or an error type of its own at base."""


def wrong_verdict(answer: Answer, allowed: Collection[Outcome], measure: Measure) -> bool:
    """Say whether the outcome is none of the allowed ones.

    ``errored`` is not a rejection: in strict it is wrong; at base it stands where a rejection would (and is
    warned of), since the RFCs do not say how a library reports. A crash, hang or skip is always wrong.
    """
    if answer.outcome is Outcome.ERRORED and measure is Measure.BASE:
        return Outcome.REJECTED not in allowed
    return answer.outcome not in allowed


def wrong_reason(answer: Answer, causes: Collection[str], measure: Measure) -> bool:
    """Say whether a rejection names no reason, or one that the fault does not cause; base tolerates ``other``."""
    return answer.reason not in causes and not (answer.reason == "other" and measure is Measure.BASE)


def severity(requirement: Requirement, measure: Measure, finding: Finding) -> Nonconforming | Warned:
    """Return the exception that a finding raises: a SHOULD row warns at base and fails in strict."""
    if requirement.level is Level.SHOULD and measure is Measure.BASE:
        return Warned(finding)
    return Nonconforming(finding)


def either(outcomes: Collection[Outcome]) -> str:
    """Word a set of acceptable outcomes."""
    return " or ".join(sorted(outcomes))
