"""The reasons of rejections: each must be one that the fault really causes (contract level 1)."""

import pytest

from bearerproof.catalogue import Profile, requirement
from bearerproof.harness import Mark
from bearerproof.trial import Trial
from bearerproof_fuzz import edits as edits  # importing it fills the registry
from bearerproof_fuzz import keys
from bearerproof_fuzz.checks import applicable, check
from bearerproof_fuzz.edits.registry import REJECTED, Case, cases
from bearerproof_fuzz.forge import Forge

_BEFORE_CLAIMS = "signature key-unknown key-unusable algorithm malformed header critical too-large"

SIGNATURE_REASONS = frozenset(_BEFORE_CLAIMS.split())
"""What may be said of a token that nobody trusted signed: nothing about its claims."""


def _groups() -> list[object]:
    """Return one parameter a requirement and profile: all its edits that have to be refused and name reasons."""
    row = requirement("VER-45")
    groups: dict[Mark, list[Case]] = {}
    for case in cases():
        if case.profile in row.profiles and case.edit.strict == REJECTED and case.edit.reasons:
            mark = Mark(row.id, case.profile, f"reasons-of-{case.edit.requirement_id}")
            groups.setdefault(mark, []).append(case)
    return [pytest.param(group, id=mark.id, marks=pytest.mark.bearerproof(mark)) for mark, group in groups.items()]


@pytest.mark.parametrize("group", _groups())
def test_reasons(group: list[Case], trial: Trial, forge: Forge) -> None:
    """Every edit is rejected for a reason that it causes."""
    for case in applicable(group, trial.declaration):
        base = case.edit.given(forge.base(case.profile, case.algorithm))
        honest, edited = base.presentation(), case.edit.apply(base).presentation()
        accepted, answer = trial.ask_all([honest, edited])
        trial.require_control(accepted, honest)
        summary = f"{case.edit.id}: {case.edit.description}"
        trial.expect_reason(answer, case.edit.reasons, summary, edited, honest, case.edit.id)


@check("VER-46")
def test_unverified_claims_give_no_reason(mark: Mark, trial: Trial, forge: Forge) -> None:
    """A token that an attacker signed is never refused for its claims, whatever they are."""
    for case in applicable(_claim_edits(mark.profile), trial.declaration):
        base = case.edit.given(forge.base(case.profile))
        edited = case.edit.apply(base)
        forged = edited.signed_by(keys.key(edited.key.algorithm, "attacker").sign)
        honest, presented = base.presentation(), forged.presentation()
        accepted, answer = trial.ask_all([honest, presented])
        trial.require_control(accepted, honest)
        trial.expect(answer, REJECTED, f"{case.edit.id}, signed by an attacker", presented, honest, case.edit.id)
        summary = f"{case.edit.id}, signed by an attacker: a reason about claims says that they were believed"
        trial.expect_reason(answer, SIGNATURE_REASONS, summary, presented, honest, case.edit.id)


_CLAIM_REQUIREMENTS = {"VER-29", "VER-30", "VER-31", "VER-33", "VER-34", "VER-35", "VER-36", "VER-38", "IDT-1", "IDT-4"}


def _claim_edits(profile: Profile) -> list[Case]:
    return [
        case for case in cases()
        if case.profile is profile and case.edit.requirement_id in _CLAIM_REQUIREMENTS and case.edit.strict == REJECTED
    ]  # fmt: skip
