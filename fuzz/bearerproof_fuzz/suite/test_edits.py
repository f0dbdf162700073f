"""Every edit of an accepted token: the base accepted, the edit judged, and its cause pinned by a harmless change."""

import pytest

from bearerproof.contract.messages import Outcome, Presentation
from bearerproof.judging.judgement import Judged
from bearerproof.judging.trial import ACCEPTED, REJECTED, Trial
from bearerproof_fuzz import edits as edits  # importing it fills the registry
from bearerproof_fuzz.checks import case_params, controlled, inapplicable, why_not_judged
from bearerproof_fuzz.circumstances import confined, of_case
from bearerproof_fuzz.edits.harmless import another_jti
from bearerproof_fuzz.edits.registry import Case, cases
from bearerproof_fuzz.edits.signature import with_a_bit_flipped
from bearerproof_fuzz.forge import Forge


@pytest.mark.parametrize("case", case_params(cases()))
def test_edit(case: Case, trial: Trial, forge: Forge) -> None:
    """accept(base), judge(base + edit), accept(base + harmless), and the same again for edit + harmless."""
    lack = inapplicable(case, trial.declaration)
    if lack:
        pytest.skip(lack)
    base = case.edit.given(forge.base(case.profile, case.algorithm))
    drafts = [base, another_jti(base), case.edit.apply(base), case.edit.apply(another_jti(base))]
    if drafts[2].presentation() == base.presentation():
        pytest.skip("the edit changes nothing of what this implementation is given")
    parts = [case.edit.alone(base)] if case.edit.alone else []
    _, unharmed, edited, both, *_ = (draft.presentation() for draft in drafts)
    answers = trial.ask_all([draft.presentation() for draft in [*drafts, *parts]])

    if reason := why_not_judged(case.edit, answers[0], answers[4:]):
        pytest.skip(reason)
    honest = controlled(trial, case, base, answers[0])
    if answers[0].outcome is Outcome.ACCEPTED:
        trial.require_control(answers[1], unharmed, "the base token after a harmless change")
    if case.edit.reached is not None:
        trial.control(case.edit.reached(base).presentation(), "an honest token after the same change without its fault")
    summary = f"{case.edit.id}: {case.edit.description}"
    allowed = case.edit.allowed(trial.measure)
    try:
        trial.expect(answers[2], allowed, summary, edited, honest, case.edit.id)
    except Judged as judged:
        taken = trial.reported and answers[2].outcome is Outcome.ACCEPTED and allowed == REJECTED
        raise confined(judged, of_case(case, trial, forge) if taken else ()) from None
    trial.expect(answers[3], allowed, f"{summary} And a harmless change beside it.", both, unharmed, case.edit.id)
    if allowed == ACCEPTED:
        _require_negative_control(case, trial, with_a_bit_flipped(case.edit.apply(base)).presentation(), edited)


def _require_negative_control(case: Case, trial: Trial, altered: Presentation, edited: Presentation) -> None:
    """Acceptance proves nothing of an implementation that accepts everything."""
    summary = f"{case.edit.id} is accepted, but so it is with a bit of its signature flipped"
    trial.expect(trial.ask(altered), REJECTED, summary, altered, edited, case.edit.id)
