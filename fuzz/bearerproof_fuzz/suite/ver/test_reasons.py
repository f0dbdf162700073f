"""The reasons of rejections: each must be one that the fault really causes (contract level 1)."""

import pytest

from bearerproof.contract.messages import Outcome
from bearerproof.judging.harness import CheckId
from bearerproof.judging.judgement import Finding, Untestable
from bearerproof.judging.trial import Trial
from bearerproof.specification.catalogue import Profile, requirement
from bearerproof_fuzz import edits as edits  # importing it fills the registry
from bearerproof_fuzz import keys
from bearerproof_fuzz.checks import applicable, check, check_groups, controlled, grouped, why_not_judged
from bearerproof_fuzz.edits.registry import REJECTED, Case, cases
from bearerproof_fuzz.forge import Forge
from bearerproof_fuzz.needs import REASONS, SESSIONS

_BEFORE_CLAIMS = "signature key-unknown key-unusable algorithm malformed header critical too-large"

SIGNATURE_REASONS = frozenset(_BEFORE_CLAIMS.split())
"""What may be said of a token that nobody trusted signed: nothing about its claims."""


def _judged() -> list[Case]:
    """Return every case that has to be refused and names reasons."""
    profiles = requirement("VER-45").profiles
    return [case for case in cases() if case.profile in profiles and case.edit.strict == REJECTED and case.edit.reasons]


def _reasons_mark(case: Case) -> CheckId:
    return CheckId("VER-45", case.profile, f"reasons-of-{case.edit.requirement_id}", (REASONS,))


@check_groups(grouped(_judged(), _reasons_mark))
def test_reasons(cases: list[Case], trial: Trial, forge: Forge) -> None:
    """Every rejection of an edit names a reason that the edit causes."""
    judged = list(applicable(cases, trial.declaration))
    if not judged:
        pytest.skip("no edit of this requirement is applicable")
    bases = {case: case.edit.given(forge.base(case.profile, case.algorithm)) for case in judged}
    edited_tokens = {case: case.edit.apply(base).presentation() for case, base in bases.items()}
    fitting = {case: edited for case, edited in edited_tokens.items() if trial.implementation.fits(edited)}
    rejections = 0
    for case, edited in (fitting or edited_tokens).items():
        base = bases[case]
        honest = base.presentation()
        accepted, answer = trial.ask_all([honest, edited])
        if why_not_judged(case.edit, accepted):
            continue
        controlled(trial, case, base, accepted)
        summary = f"{case.edit.id}: {case.edit.description}"
        trial.expect_reason(answer, case.edit.reasons, summary, edited, honest, case.edit.id)
        rejections += answer.outcome is Outcome.REJECTED
    if not rejections:
        raise Untestable(Finding("nothing is rejected, so there is no reason to judge", "rejected", "no rejection"))


@check("VER-46", needs=(REASONS,))
def test_unverified_claims_give_no_reason(mark: CheckId, trial: Trial, forge: Forge) -> None:
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


@check("VER-46", needs=(REASONS, SESSIONS), profiles=(Profile.ACCESS_TOKEN,))
def test_look_ups_give_no_reason_for_a_forged_token(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token that an attacker signed is never refused for the session that it names: nobody looked it up."""
    known = forge.base(mark.profile).with_claims(sid="sid-1")
    honest = known.with_policy(ports={"sessions": {"sid-1": "live"}}).presentation()
    trial.control(honest)
    forged = known.signed_by(keys.key(known.key.algorithm, "attacker").sign)
    for ports in ({"sessions": {"sid-1": "revoked"}}, {"sessions": {}, "unavailable": ["sessions"]}):
        presented = forged.with_policy(ports=ports).presentation()
        answer = trial.ask(presented)
        trial.expect(answer, REJECTED, "a forged token is accepted", presented, honest)
        summary = "a look-up was made for a token that nobody trusted signed"
        trial.expect_reason(answer, SIGNATURE_REASONS, summary, presented, honest)


_CLAIM_REQUIREMENTS = {"VER-29", "VER-30", "VER-31", "VER-33", "VER-34", "VER-35", "VER-36", "VER-38", "IDT-1", "IDT-4"}


def _claim_edits(profile: Profile) -> list[Case]:
    return [
        case
        for case in cases()
        if case.profile is profile and case.edit.requirement_id in _CLAIM_REQUIREMENTS and case.edit.strict == REJECTED
    ]
