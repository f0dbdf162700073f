"""Claims that have to be refused whichever others a token has: a check of one must not hang on another being there."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import pytest

from bearerproof.contract.messages import Outcome
from bearerproof.judging.harness import CheckId
from bearerproof.judging.judgement import wrong_verdict
from bearerproof.judging.trial import REJECTED, Trial
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz.checks import applicable, check_groups, grouped
from bearerproof_fuzz.edits.composition import beside, composable
from bearerproof_fuzz.edits.registry import Case
from bearerproof_fuzz.forge import Draft, Forge

_REQUIREMENTS = ("VER-29", "VER-30", "VER-31", "VER-32", "VER-33", "VER-34")
"""Of those that are about one claim."""


def _cases() -> Iterator[Case]:
    return (case for case in composable() if case.edit.requirement_id in _REQUIREMENTS and case.profile is Profile.JWT)


def _mark(case: Case) -> CheckId:
    return CheckId(case.edit.requirement_id, case.profile, "refused-whatever-other-claims", primary=True)


@check_groups(grouped(_cases(), _mark))
def test_refused_whatever_other_claims(cases: list[Case], trial: Trial, forge: Forge) -> None:
    """A claim for which a token is refused has it refused without the others, too, and where the policy asks for none.

    So it is beside several audiences.
    """
    base = forge.base(Profile.JWT)
    chosen = [case for case in applicable(cases, trial.declaration) if case.edit.rejects(trial.measure)]
    edits = {case.edit for case in chosen} & set(beside(base))
    alone = trial.ask_each({edit: edit.apply(base).presentation() for edit in edits})
    refused = [edit for edit, answer in alone.items() if not wrong_verdict(answer, REJECTED, trial.measure)]
    shapes = {name: shape(base) for name, shape in _SHAPES.items()}
    honest = {name: draft for name, draft in shapes.items() if _is_accepted(trial, draft)}
    if not refused or not honest:
        pytest.skip("no edit is refused by itself, or no other shape accepted, which is their own checks' finding")
    for name, draft in honest.items():
        changed = {edit: edit.apply(draft) for edit in sorted(refused, key=lambda edit: edit.id)}
        presented = {edit: made.presentation() for edit, made in changed.items() if _has_what_is_refused(made)}
        for edit, answer in trial.ask_each(presented).items():
            what = f"refused in general, and not {name}: {edit.id}"
            trial.expect(answer, REJECTED, what, presented[edit], draft.presentation(), edit.id)


def _is_accepted(trial: Trial, draft: Draft) -> bool:
    return trial.ask(draft.presentation()).outcome is Outcome.ACCEPTED


def _has_what_is_refused(draft: Draft) -> bool:
    """Say whether an expiry is there where the policy requires none: without it there would be nothing to refuse."""
    return draft.policy.members.get("require") != [] or draft.claims.get("exp") is not None


def _asking_for_none(draft: Draft) -> Draft:
    return draft.with_policy(require=[]) if "require" in draft.policy.members else draft


def _bare(draft: Draft) -> Draft:
    required = draft.policy.members.get("require") or ()
    return replace(draft, claims={n: v for n, v in draft.claims.items() if n in ("iss", "aud", "exp", *required)})


_SHAPES: Mapping[str, Callable[[Draft], Draft]] = {
    "without the claims that nobody asks for": _bare,
    "where no claim is required": _asking_for_none,
    "beside several audiences": lambda draft: draft.with_claims(aud=[draft.policy.members["audience"], "api://other"]),
}
