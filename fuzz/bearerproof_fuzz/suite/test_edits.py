"""Every edit of an accepted token: the base accepted, the edit judged, and its cause pinned by a harmless change."""

import pytest

from bearerproof.trial import ACCEPTED, Trial
from bearerproof_fuzz.checks import case_params
from bearerproof_fuzz.edits.harmless import another_jti
from bearerproof_fuzz import edits as edits  # fills the registry
from bearerproof_fuzz.edits.registry import Case, cases
from bearerproof_fuzz.forge import Forge


@pytest.mark.parametrize("case", case_params(cases()))
def test_edit(case: Case, trial: Trial, forge: Forge) -> None:
    """accept(base), judge(base + edit), accept(base + harmless), and the same again for edit + harmless."""
    base = case.edit.given(forge.base(case.profile, case.algorithm))
    drafts = [base, another_jti(base), case.edit.apply(base), case.edit.apply(another_jti(base))]
    honest, unharmed, edited, both = (draft.presentation() for draft in drafts)
    answers = trial.ask_all([honest, unharmed, edited, both])

    trial.require_control(answers[0], honest)
    trial.expect(answers[1], ACCEPTED, "a harmless change makes the base token refused", unharmed, honest)
    summary = f"{case.edit.id}: {case.edit.description}"
    allowed = case.edit.allowed(trial.measure)
    trial.expect(answers[2], allowed, summary, edited, honest, case.edit.id)
    trial.expect(answers[3], allowed, f"{summary} Together with a harmless change", both, unharmed, case.edit.id)
    for answer, presented in zip(answers[2:], (edited, both), strict=True):
        trial.expect_reason(answer, case.edit.reasons, summary, presented, honest, case.edit.id)
