"""Errors that nobody handles: whatever is presented, a verdict comes. At base they are shown and cost nothing."""

from dataclasses import replace

import pytest
from hypothesis.strategies import DrawFn

from bearerproof.contract.messages import Answer, Outcome, Presentation
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof.specification.catalogue import requirement
from bearerproof_fuzz import edits as edits  # importing it fills the registry
from bearerproof_fuzz.checks import applicable, check, check_groups, explore, grouped
from bearerproof_fuzz.draws import batch
from bearerproof_fuzz.edits.registry import EITHER, Case, cases
from bearerproof_fuzz.forge import Forge
from bearerproof_fuzz.grammar import forge_one, mangle_one

BATCH = 8


def _judged() -> list[Case]:
    profiles = requirement("VER-47").profiles
    return [case for case in cases() if case.profile in profiles and case.edit.requirement_id not in _CONFIGURED]


_CONFIGURED = {"KEY-1", "KEY-2", "KEY-3", "KEY-4", "KEY-5", "KEY-14", "KEY-15", "VER-14"}
"""Rows whose edits change the caller's keys or allow-list, every one of them: what no token can do."""


def _errors_mark(case: Case) -> CheckId:
    return CheckId("VER-47", case.profile, f"errors-of-{case.edit.requirement_id}", primary=True)


@check_groups(grouped(_judged(), _errors_mark))
def test_errors_of_edits(cases: list[Case], trial: Trial, forge: Forge) -> None:
    """Every edit of a token is answered with a verdict, whichever it is; what a caller configures is no token."""
    tried = False
    for case in applicable(cases, trial.declaration):
        base = case.edit.given(forge.base(case.profile, case.algorithm))
        honest, edited = base.presentation(), case.edit.apply(base).presentation()
        if edited.policy != honest.policy:
            continue
        accepted, answer = trial.ask_all([honest, edited])
        if accepted.outcome is Outcome.ACCEPTED:
            tried = True
            _verdict(trial, answer, edited, case.edit.id)
    if not tried:
        pytest.skip("no edit of this requirement changes a token that is accepted before, and is applicable")


@check("VER-47", primary=True)
def test_no_mangled_token_ends_in_an_error(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token's text, changed anywhere, is answered with a verdict, and so is one with forged members."""
    base = forge.base(mark.profile)
    honest = base.presentation()
    trial.control(honest)

    def draw_one(draw: DrawFn) -> tuple[Presentation, str]:
        forged = forge_one(draw, base)
        token, how = mangle_one(draw, str(forged.draft.token()))
        return replace(honest, token=token), f"{forged.steps[0]}, {how.partition(' at ')[0]}"

    def answered(drawn: list[tuple[Presentation, str]]) -> None:
        answers = trial.ask_all([presented for presented, _ in drawn])
        for answer, (presented, kind) in zip(answers, drawn, strict=True):
            _verdict(trial, answer, presented, kind)

    explore(answered, batch(draw_one, BATCH))


def _verdict(trial: Trial, answer: Answer, presented: Presentation, how: str) -> None:
    kind = None if answer.detail is None else f"{how}: {answer.detail.partition(':')[0]}"
    trial.expect(answer, EITHER, f"no verdict is given of {how}", presented, edit=how, kind=kind)
