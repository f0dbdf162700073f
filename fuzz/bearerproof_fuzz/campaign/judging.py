"""What is wrong with an answer: pure, by the oracles of the suite."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from bearerproof.contract.declaration import Declaration
from bearerproof.contract.messages import Answer, Outcome
from bearerproof.judging.judgement import either, is_lenient, wrong_verdict
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure, requirement
from bearerproof_fuzz.campaign.candidate import Candidate
from bearerproof_fuzz.edits.registry import REJECTED
from bearerproof_fuzz.oracles import events
from bearerproof_fuzz.oracles.hints import contradiction, expected, stated
from bearerproof_fuzz.oracles.sameness import same_claims
from bearerproof_fuzz.oracles.schemas import schema_error
from bearerproof_fuzz.oracles.sources import compose, parts_of

NO_ANSWER = "no answer"
"""The kind of what is wrong with a token to which no answer comes."""


@dataclass(frozen=True)
class Violation:
    """One thing that is wrong with an answer: by which requirement, of which kind, and what was due instead."""

    requirement: str
    kind: str
    summary: str
    expected: str
    got: str
    events: tuple[Json, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Return what two violations of one cause have in common: never the token."""
        return self.requirement, self.kind


@dataclass(frozen=True)
class Judge:
    """Judges answers by what an implementation declares, at one measure."""

    declaration: Declaration
    measure: Measure

    def has_nothing_against(self, candidate: Candidate, answer: Answer) -> bool:
        """Say whether ``violations`` would yield nothing, where that can be seen at once; False says nothing.

        A refusal that may be one, and comes without events, can offend no requirement that is judged here.
        """
        refused = answer.outcome is Outcome.REJECTED and answer.events is None
        return refused and Outcome.REJECTED in candidate.allowed

    def violations(self, candidate: Candidate, answer: Answer) -> Iterator[Violation]:
        """Yield all that is wrong with an answer."""
        found = [*self._of_verdict(candidate, answer)]
        rules = self.declaration.rules(candidate.presented.profile)
        if found and rules.excuse(answer, candidate.presented, candidate.honest):
            return
        yield from found
        if not found and answer.events is not None and self.declaration.level >= 2:
            yield from (wrong for wrong in self._of_events(candidate, answer) if self._binds(wrong.requirement))

    def _of_verdict(self, candidate: Candidate, answer: Answer) -> Iterator[Violation]:
        if answer.outcome is Outcome.SKIPPED:
            return
        if answer.outcome is Outcome.HUNG:
            yield Violation("VER-47", NO_ANSWER, candidate.how, "a verdict", answer.describe())
        elif answer.outcome is Outcome.ERRORED and Outcome.REJECTED in candidate.allowed:
            if self._binds("VER-47"):
                kind = f"an error: {_type_of(answer.detail)}"
                yield Violation("VER-47", kind, candidate.how, "a verdict", answer.describe())
        elif wrong_verdict(answer, candidate.allowed, self.measure):
            if is_lenient(requirement(candidate.requirement), self.measure) and answer.outcome is not Outcome.CRASHED:
                return
            kind = f"{candidate.kind}: {answer.outcome}"
            due = either(candidate.allowed)
            yield Violation(candidate.requirement, kind, candidate.how, due, answer.describe())
        elif answer.outcome is Outcome.ACCEPTED and _are_others(answer.claims, candidate.claims):
            got = f"claims {answer.claims!r}"[:500]
            yield Violation("VER-24", "other claims", candidate.how, "the claims that were signed", got)

    def _binds(self, name: str) -> bool:
        """Say whether a requirement is more than observed at this measure."""
        row = requirement(name)
        return row.binds(self.measure) and not (row.observed and self.measure is Measure.BASE)

    def _of_events(self, candidate: Candidate, answer: Answer) -> Iterator[Violation]:
        due = {Outcome.REJECTED: 1, Outcome.ACCEPTED: 0}.get(answer.outcome)
        found = answer.events or ()
        if due is None:
            return
        if len(found) != due:
            kind = f"{answer.outcome}: {len(found)} events"
            yield Violation("FAIL-1", kind, candidate.how, f"{due} events", f"{len(found)} events", found)
        elif found:
            yield from self._of_event(candidate, answer, found[0])

    def _of_event(self, candidate: Candidate, answer: Answer, event: Json) -> Iterator[Violation]:
        presented = candidate.presented
        if error := schema_error("verify-failure-event", event):
            yield Violation("FAIL-2", "form", candidate.how, "an event of the schema", error, (event,))
            return
        if self.declaration.injected_clock and not events.same_instant(event.get("occurred_at"), presented.now):
            due, got = events.instant(presented.now), str(event.get("occurred_at"))
            yield Violation("FAIL-3", "time", candidate.how, due, got, (event,))
        if answer.reason is not None and not events.agrees(answer.reason, event.get("kind")):
            due = " or ".join(sorted(events.CLASSES[answer.reason]))
            yield Violation(
                "FAIL-4", answer.reason, candidate.how, f"a kind of {due}", str(event.get("kind")), (event,)
            )
        left = (json.dumps(event, ensure_ascii=False), *(answer.lines or ()))
        if what := events.leak(left, presented):
            yield Violation("FAIL-5", what.partition(" of ")[0], candidate.how, "no secret", what, (event,))
        said = stated(event)
        wrong = contradiction(expected(presented.token, presented.profile, self.declaration.max_token), said)
        if wrong is not None:
            name, admissible, hint = wrong
            due = " or ".join(sorted(map(repr, admissible)))[:300]
            yield Violation("HINT-5", f"hint {name}", candidate.how, due, repr(hint), (event,))
        elif event.get("source_id") != (due := compose(parts_of(said, presented.profile))):
            yield Violation("SRC-4", "source id", candidate.how, due, str(event.get("source_id")), (event,))


def _are_others(returned: object, signed: Json | None) -> bool:
    return returned is not None and signed is not None and not same_claims(returned, signed)


def is_forgery_accepted(candidate: Candidate, violation: Violation) -> bool:
    """Say whether what is wrong is that something was accepted: a part that is accepted alone explains that."""
    return candidate.allowed == REJECTED and violation.got.startswith(str(Outcome.ACCEPTED))


def _type_of(detail: str | None) -> str:
    """Return the type of an exception, by which errors of one cause are known."""
    return (detail or "").partition(":")[0][:80]
