"""A trial: one check of one requirement, run against the implementation; what every test of the suite is given."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn, TypeVar

from bearerproof.contract.chains import ChainAnswer
from bearerproof.contract.decisions import Decision
from bearerproof.contract.declaration import Declaration
from bearerproof.contract.implementation import Implementation, Skipped
from bearerproof.contract.messages import Answer, Outcome, Presentation, Request
from bearerproof.judging import judgement
from bearerproof.judging.exercised import Combined, marks_of, marks_of_chain, marks_of_decision
from bearerproof.judging.judgement import Finding, Untestable
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure, Profile, Requirement

K = TypeVar("K")

ACCEPTED = frozenset({Outcome.ACCEPTED})
REJECTED = frozenset({Outcome.REJECTED})


@dataclass
class Trial:
    """The implementation, the requirement it is tried on, and what was gathered on the way.

    ``known`` are the deviations that the expectations foresee: they go to ``foreseen``, and the check goes on.
    ``refusals`` counts the tokens rightly refused, ``unproven`` those that only ended in an error where a refusal was
    due; ``errors`` counts all errors by their text, ``tried`` says what of the declaration was presented, ``combined``
    in which combinations, and ``drew`` that something of it was drawn. ``delayed`` are the seconds that an answer took
    at most for which nothing kept the implementation waiting but the machine, where the check says so. ``reported``
    says that somebody will read what is found, so that its cause is worth further requests.
    """

    implementation: Implementation
    requirement: Requirement
    profile: Profile
    measure: Measure
    level: int
    known: frozenset[str] = frozenset()
    warnings: list[Finding] = field(default_factory=list)
    foreseen: dict[str, Finding] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    tried: set[tuple[str, str]] = field(default_factory=set)
    combined: list[Combined] = field(default_factory=list)
    refusals: int = 0
    unproven: int = 0
    drew: bool = False
    delayed: float = 0.0
    reported: bool = True

    @property
    def declaration(self) -> Declaration:
        """What the implementation declares."""
        return self.implementation.declaration

    def begin_again(self) -> None:
        """Forget what was gathered, to run the same check once more."""
        self.implementation.begin_property()
        self.warnings, self.foreseen, self.errors, self.combined = [], {}, Counter(), []
        self.refusals = self.unproven = 0
        self.delayed = 0.0

    def ask(self, presentation: Presentation) -> Answer:
        """Ask for a verdict that is judged later.

        Raises:
            Skipped: the adapter says that it cannot give one.
        """
        return self.ask_all([presentation])[0]

    def ask_all(self, presentations: Sequence[Presentation]) -> list[Answer]:
        """Ask for several verdicts at once.

        Raises:
            Skipped: the adapter says that it cannot give one of them.
        """
        for presented in presentations:
            self._look_at_required(presented)
        answers = self.ask_what_it_can(presentations)
        for answer in answers:
            if answer.outcome is Outcome.SKIPPED:
                self.implementation.skip("verify", str(answer.detail))
        return answers

    def ask_what_it_can(self, presentations: Sequence[Presentation]) -> list[Answer]:
        """Ask for several verdicts at once, of which the adapter may skip some: what it skips proves nothing."""
        self.drew |= self.implementation.drawing()
        answers = self.implementation.verify_all(presentations)
        for presented, answer in zip(presentations, answers, strict=True):
            if answer.outcome is Outcome.ERRORED:
                self.errors[str(answer.detail)] += 1
            self.tried |= marks_of(presented, answer.outcome, self.declaration.key_form)
        return answers

    def _look_at_required(self, presented: Presentation) -> None:
        """Leave out what asks for claims that are not declared as those that can be required."""
        lack = self.declaration.unrequirable(presented.policy.members.get("require") or ())
        if lack is not None:
            self._pass_over(lack)

    def _excuse(self, answer: Answer, presented: Presentation, base: Presentation | None = None) -> None:
        """Pass over what a product's own rules for its tokens explain."""
        excuse = self.declaration.rules(presented.profile).excuse(answer, presented, base)
        if excuse is not None:
            self._pass_over(excuse)

    def _excuse_verdict(self, answer: Answer, presented: Presentation, base: Presentation | None = None) -> None:
        """Pass over a wrong verdict that the rules explain, or a refusal that the stated cap does."""
        cap, token = self.declaration.max_token, presented.token
        octets = token if isinstance(token, bytes) else token.encode(errors="replace")
        if cap is not None and answer.outcome is Outcome.REJECTED and len(octets) > cap:
            self._pass_over(f"a token of {len(octets)} octets is longer than the stated cap of {cap}")
        self._excuse(answer, presented, base)

    def _pass_over(self, why: str) -> NoReturn:
        if self.implementation.drawing():
            self.implementation.leave_out()
        raise Skipped(why)

    def ask_each(self, named: Mapping[K, Presentation]) -> dict[K, Answer]:
        """Ask for those verdicts whose requests are no longer than the implementation reads, and name them alike."""
        fitting = {name: presented for name, presented in named.items() if self.implementation.fits(presented)}
        return dict(zip(fitting, self.ask_all(list(fitting.values())), strict=True))

    def ask_fitting(self, presentations: Sequence[Presentation]) -> list[tuple[Presentation, Answer]]:
        """Ask as ``ask_each`` does, and return each token with its verdict, for a look at what it left behind.

        Of a server behind HTTP those are left out that do not get through, or were refused before any verifier.

        Raises:
            Skipped: none is left.
        """
        server = self.declaration.resource_server
        if server is None or not server.running:
            answers = self.ask_each(dict(enumerate(presentations)))
            return [(presentations[number], answer) for number, answer in answers.items()]
        asked = list(zip(presentations, self.ask_what_it_can(presentations), strict=True))
        told = [(presented, answer) for presented, answer in asked if answer.events is not None]
        if asked and not told:
            self.implementation.skip("verify", asked[0][1].detail or "of this refusal no event is due")
        return told

    def decide(self, request: Request) -> Decision:
        """Ask a key server for one decision.

        Raises:
            Skipped: the adapter says that it cannot give it.
        """
        self.drew |= self.implementation.drawing()
        decision = self.implementation.decide(request)
        if decision.outcome is Outcome.SKIPPED:
            self.implementation.skip(request["op"], str(decision.detail))
        self.tried |= marks_of_decision(request, decision.outcome)
        return decision

    def chain(self, request: Request) -> ChainAnswer:
        """Ask about a hash chain, or for one.

        Raises:
            Skipped: the adapter says that it cannot.
        """
        answer = self.implementation.chain(request)
        if answer.outcome is Outcome.SKIPPED:
            self.implementation.skip(request["op"], str(answer.detail))
        if answer.outcome is Outcome.ERRORED:
            self.errors[str(answer.detail)] += 1
        if request["op"] == "verify-chain" and answer.word is not None:
            self.tried |= marks_of_chain(request["keys"]["keys"], answer.outcome)
        return answer

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
            self._excuse_verdict(answer, base)
            raise Untestable(Finding(_without_control(answer, what), "accepted", answer.describe(), base))

    def expect(
        self,
        answer: Answer,
        allowed: Collection[Outcome],
        summary: str,
        presented: Presentation,
        base: Presentation | None = None,
        edit: str | None = None,
        kind: str | None = None,
    ) -> None:
        """Judge an answer's outcome; ``kind`` names the deviation, where a check that draws can find several.

        Raises:
            Nonconforming: the outcome is none of the allowed ones (or Warned, for a SHOULD row at base).
        """
        if judgement.wrong_verdict(answer, allowed, self.measure):
            finding = self._finding(summary, judgement.either(allowed), answer, presented, base, edit, kind)
            self._excuse_verdict(answer, presented, base)
            if not self._foresees(finding):
                raise judgement.severity(self.requirement, self.measure, finding)
        elif answer.outcome is Outcome.ERRORED:
            self.warnings.append(self._finding(summary, "rejected", answer, presented, base, edit, kind))
            self.unproven += Outcome.ACCEPTED not in allowed
        elif Outcome.ACCEPTED not in allowed:
            self.refusals += 1

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
        if self.level < 1 or not self.declaration.reasons or answer.outcome is not Outcome.REJECTED:
            return
        if judgement.wrong_reason(answer, causes, self.measure):
            self._excuse(answer, presented)
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
        kind: str | None = None,
    ) -> NoReturn:
        """End the check with a finding.

        Raises:
            Nonconforming: always (Warned, for a SHOULD row at base), unless a drawn example is left out for it.
        """
        if isinstance(got, Answer) and presented is not None:
            self._excuse(got, presented, base)
        self.end(replace(self._finding(summary, expected, got, presented, base, edit, kind), events=tuple(events)))

    def end(self, finding: Finding) -> NoReturn:
        """End the check with a finding; one that is foreseen of a drawn example is left out, and the draw goes on.

        Raises:
            Nonconforming: as ``fail`` does.
        """
        finding = replace(finding, drawn=self.implementation.drawing())
        if self._foresees(finding) and finding.drawn:
            self.implementation.leave_out()
        raise judgement.severity(self.requirement, self.measure, finding)

    def _foresees(self, finding: Finding) -> bool:
        if finding.key not in self.known:
            return False
        self.foreseen.setdefault(finding.key, finding)
        return True

    def _finding(
        self,
        summary: str,
        expected: str,
        got: Answer | str,
        presented: Presentation | None,
        base: Presentation | None,
        edit: str | None,
        kind: str | None,
    ) -> Finding:
        outcome, shown = (got.outcome, got.describe()) if isinstance(got, Answer) else (None, got)
        summary = judgement.summarised(summary, got) if isinstance(got, Answer) else summary
        drawn = self.implementation.drawing()
        return Finding(summary, expected, shown, presented, base, edit, outcome=outcome, kind=kind, drawn=drawn)


def _without_control(answer: Answer, what: str) -> str:
    """Say why nothing can be concluded: that a token is not accepted does not tell that it is refused."""
    happened = {
        Outcome.CRASHED: f"the adapter died of {what}",
        Outcome.ERRORED: f"{what} ended in an error that nobody handled",
    }.get(answer.outcome, f"{what} is not accepted")
    return f"{happened}, so nothing can be concluded"
