"""Edits on top of edits: a fault is found though another change stands beside it."""

from collections.abc import Mapping
from weakref import WeakKeyDictionary

import pytest

from bearerproof.contract.implementation import Implementation
from bearerproof.contract.messages import Outcome
from bearerproof.judging.harness import CheckId
from bearerproof.judging.judgement import wrong_verdict
from bearerproof.judging.trial import REJECTED, Trial
from bearerproof.specification.catalogue import Measure, Profile
from bearerproof_fuzz import edits as edits  # importing it fills the registry
from bearerproof_fuzz.checks import applicable, check_groups, controlled, explore, grouped
from bearerproof_fuzz.draws import batch, pick
from bearerproof_fuzz.edits.composition import beside, composable
from bearerproof_fuzz.edits.registry import EITHER, Case, Edit
from bearerproof_fuzz.forge import Draft, Forge

BATCH = 8


def _composition_mark(case: Case) -> CheckId:
    return CheckId(case.edit.requirement_id, case.profile, "composed-with-other-edits", primary=True)


@check_groups(grouped(composable(), _composition_mark))
def test_composed_with_other_edits(cases: list[Case], trial: Trial, forge: Forge) -> None:
    """A refused edit stays refused on top of another change of the token's members.

    Each part has to be judged rightly by itself: what a verifier makes of one that it wrongly accepts, another
    requirement finds.
    """
    judged = [case for case in applicable(cases, trial.declaration) if case.edit.rejects(trial.measure)]
    if not judged:
        pytest.skip("no edit of this requirement is applicable")
    bases = {case: forge.base(case.profile, case.algorithm) for case in judged}
    honest = {case: base.presentation() for case, base in bases.items()}
    first = judged[0]
    honest[first] = controlled(trial, first, bases[first], trial.ask(honest[first]))
    refused_alone = _refused_alone(trial, bases)
    others = _right_alone(trial, bases[first], first)

    def refused(drawn: list[tuple[Case, Edit]]) -> None:
        presented = [case.edit.apply(other.apply(bases[case])).presentation() for case, other in drawn]
        for answer, presentation, (case, other) in zip(trial.ask_all(presented), presented, drawn, strict=True):
            how = f"{other.id} then {case.edit.id}"
            trial.expect(answer, REJECTED, f"one change hides another: {how}", presentation, honest[case], how)

    explore(refused, batch(lambda draw: (pick(draw, refused_alone), pick(draw, others)), BATCH), share=8)


def _right_alone(trial: Trial, base: Draft, case: Case) -> list[Edit]:
    """Return the edits that can be beneath and are by themselves refused, or must be accepted and are.

    They are the same for all requirements, and each implementation is asked once, for it takes as long as all the rest.
    """
    known = _RIGHT.setdefault(trial.implementation, {})
    place = (case.profile, case.algorithm, trial.measure)
    if place not in known:
        answers = trial.ask_each({other: other.apply(base).presentation() for other in beside(base)})
        known[place] = [
            other
            for other, answer in answers.items()
            if not wrong_verdict(answer, _settled(other, trial), trial.measure)
        ]
    if not known[place]:
        pytest.skip("no other edit is judged rightly by itself, which is their own checks' finding")
    return known[place]


_RIGHT: WeakKeyDictionary[Implementation, dict[tuple[Profile, str | None, Measure], list[Edit]]] = WeakKeyDictionary()


def _settled(other: Edit, trial: Trial) -> frozenset[Outcome]:
    """Return the one outcome that says nothing else is at work: where either is right, the refusal."""
    allowed = other.allowed(trial.measure)
    return REJECTED if allowed == EITHER else allowed


def _refused_alone(trial: Trial, bases: Mapping[Case, Draft]) -> list[Case]:
    """Return the edits that are refused by themselves; what is accepted even so is its own check's finding."""
    judged = trial.ask_each({case: case.edit.apply(base).presentation() for case, base in bases.items()})
    refused = [case for case, answer in judged.items() if not wrong_verdict(answer, REJECTED, trial.measure)]
    if not refused:
        pytest.skip("no edit of this requirement is refused by itself, which is their own checks' finding")
    return refused
