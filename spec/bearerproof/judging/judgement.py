"""Judging: pure functions from what was presented and answered to findings; nothing here asks or prints."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from bearerproof.contract.messages import Answer, Outcome, Presentation
from bearerproof.members import Json
from bearerproof.specification.catalogue import Level, Measure, Requirement


@dataclass(frozen=True)
class Finding:
    """One way in which an implementation does not do what a requirement says, with all that shows it.

    ``edit`` names the change that leads from ``base`` (a token accepted in the same check) to ``presented``.
    ``steps`` are the requests that lead a key server there, with stand-ins for what it made up itself. ``kind`` says
    which deviation it is, where a check can find several; ``drawn`` that the check drew what shows it. ``only`` names
    the circumstances without which it is not so.
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
    kind: str | None = None
    drawn: bool = False
    only: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What an expectation names this deviation by, in every run: kind, edit, or what is fixed of the summary."""
        return self.kind or self.edit or _VALUES.sub("…", self.summary.partition("; ")[0])


_VALUES = re.compile(r"""[-+]?[0-9][0-9.e+]*|'[^']*'|"[^"]*"|[\[{].*[\]}]""")
"""What differs between two findings of the same kind: numbers, texts, lists."""


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


class Undecided(Exception):
    """What a check saw may be the machine's doing: a fault of the run, with its cause, and never a finding."""


def wrong_verdict(answer: Answer, allowed: Collection[Outcome], measure: Measure) -> bool:
    """Say whether the outcome is none of the allowed ones.

    ``errored`` is not a rejection: in strict it is wrong; at base it stands where a rejection would (and is
    warned of), since the RFCs do not say how a library reports. A crash, hang or skip is always wrong.
    """
    if answer.outcome is Outcome.ERRORED and measure is Measure.BASE:
        return Outcome.REJECTED not in allowed
    return answer.outcome not in allowed


def summarised(summary: str, answer: Answer) -> str:
    """Name what happened where no verdict came: a death or an error is not the opposite of what was to be."""
    if answer.outcome is Outcome.CRASHED:
        return f"the adapter died of the token; what was tried: {summary}"
    if answer.outcome is Outcome.ERRORED:
        return f"an error that nobody handled came in place of a verdict; what was tried: {summary}"
    return summary


def wrong_reason(answer: Answer, causes: Collection[str], measure: Measure) -> bool:
    """Say whether a rejection names no reason, or one that the fault does not cause; base tolerates ``other``."""
    return answer.reason not in causes and not (answer.reason == "other" and measure is Measure.BASE)


def severity(requirement: Requirement, measure: Measure, finding: Finding) -> Nonconforming | Warned:
    """Return the exception that a finding raises: a SHOULD row, and one that base only observes, warns at base.

    A death is none of the outcomes that base leaves open.
    """
    if is_lenient(requirement, measure) and finding.outcome is not Outcome.CRASHED:
        return Warned(finding)
    return Nonconforming(finding)


def is_lenient(requirement: Requirement, measure: Measure) -> bool:
    """Say whether who deviates from a row is warned of and nothing more."""
    return measure is Measure.BASE and (requirement.level is Level.SHOULD or requirement.observed)


def either(outcomes: Collection[Outcome]) -> str:
    """Word a set of acceptable outcomes."""
    return " or ".join(sorted(outcomes))
