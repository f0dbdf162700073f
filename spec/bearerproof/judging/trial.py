"""A trial: one check of one requirement, run against the implementation; what every test of the suite is given."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from bearerproof.contract.decisions import Decision
from bearerproof.contract.declaration import Declaration
from bearerproof.contract.implementation import Implementation
from bearerproof.contract.messages import Answer, Outcome, Presentation, Request
from bearerproof.judging import judgement
from bearerproof.judging.judgement import Finding, Untestable
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure, Profile, Requirement

ACCEPTED = frozenset({Outcome.ACCEPTED})
REJECTED = frozenset({Outcome.REJECTED})


@dataclass
class Trial:
    """The implementation, the requirement it is tried on, and the warnings gathered on the way."""

    implementation: Implementation
    requirement: Requirement
    profile: Profile
    measure: Measure
    level: int
    warnings: list[Finding] = field(default_factory=list)

    @property
    def declaration(self) -> Declaration:
        """What the implementation declares."""
        return self.implementation.declaration

    def ask(self, presentation: Presentation) -> Answer:
        """Ask for a verdict that is judged later; a skip is no verdict, so it ends the check as untestable."""
        return self.ask_all([presentation])[0]

    def ask_all(self, presentations: Sequence[Presentation]) -> list[Answer]:
        """Ask for several verdicts at once."""
        answers = self.implementation.verify_all(presentations)
        for presented, answer in zip(presentations, answers, strict=True):
            if answer.outcome is Outcome.SKIPPED:
                raise Untestable(
                    Finding("the implementation skipped a token", "a verdict", answer.describe(), presented)
                )
        return answers

    def decide(self, request: Request) -> Decision:
        """Ask a key server for one decision."""
        return self.implementation.decide(request)

    def control(self, base: Presentation, what: str = "the honest base token") -> Answer:
        """Present a token that has to be accepted before any rejection means something.

        Raises:
            Untestable: it was not accepted.
        """
        answer = self.ask(base)
        self.require_control(answer, base, what)
        return answer

    def require_control(self, answer: Answer, base: Presentation, what: str = "the honest base token") -> None:
        """Judge an answer already given as a positive control.

        Raises:
            Untestable: it was not accepted.
        """
        if answer.outcome is not Outcome.ACCEPTED:
            raise Untestable(
                Finding(f"{what} is not accepted, so nothing can be concluded", "accepted", answer.describe(), base)
            )

    def expect(
        self,
        answer: Answer,
        allowed: Collection[Outcome],
        summary: str,
        presented: Presentation,
        base: Presentation | None = None,
        edit: str | None = None,
    ) -> None:
        """Judge an answer's outcome.

        Raises:
            Nonconforming: the outcome is none of the allowed ones (or Warned, for a SHOULD row at base).
        """
        if judgement.wrong_verdict(answer, allowed, self.measure):
            self.fail(summary, judgement.either(allowed), answer, presented, base, edit)
        if answer.outcome is Outcome.ERRORED:
            self.warnings.append(
                Finding(
                    f"{summary}; it errored instead of rejecting", "rejected", answer.describe(), presented, base, edit
                )
            )

    def expect_reason(
        self,
        answer: Answer,
        causes: Collection[str],
        summary: str,
        presented: Presentation,
        base: Presentation | None = None,
        edit: str | None = None,
    ) -> None:
        """Judge the reason of a rejection, where reasons are declared.

        Raises:
            Nonconforming: the reason is none that the fault causes, or there is none at all.
        """
        if self.level < 1 or answer.outcome is not Outcome.REJECTED:
            return
        if judgement.wrong_reason(answer, causes, self.measure):
            self.fail(summary, "reason " + " or ".join(sorted(causes)), answer, presented, base, edit)

    def fail(
        self,
        summary: str,
        expected: str,
        got: Answer | str,
        presented: Presentation | None = None,
        base: Presentation | None = None,
        edit: str | None = None,
        events: Sequence[Json] = (),
    ) -> None:
        """End the check with a finding.

        Raises:
            Nonconforming: always (Warned, for a SHOULD row at base).
        """
        outcome, shown = (got.outcome, got.describe()) if isinstance(got, Answer) else (None, got)
        finding = Finding(summary, expected, shown, presented, base, edit, tuple(events), outcome)
        raise judgement.severity(self.requirement, self.measure, finding)
