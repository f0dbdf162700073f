"""Verdicts that are kept: one on a token holds under the same policy and at the same instant, and no further.

An honest token is accepted, refused where it has to be, and accepted once more. The contract has it that a verdict
depends on token, policy and ``now`` alone.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import ACCEPTED, REJECTED, Trial
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz import keys
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.forge import Draft, Forge
from bearerproof_fuzz.needs import CLOCK, LEEWAY, REQUIRE, TYP

ELSEWHERE = "https://elsewhere.example"


@check("VER-33", "VER-34")
def test_verdict_holds_under_one_policy_alone(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token that was accepted is refused by a policy of another issuer, or of another audience."""
    changed = {"VER-33": {"issuer": ELSEWHERE}, "VER-34": {"audience": ELSEWHERE, **_us(mark.profile)}}
    judge_kept(trial, forge.base(mark.profile), lambda draft: draft.with_policy(**changed[mark.requirement]))


def _us(profile: Profile) -> dict[str, str]:
    return {"client_id": ELSEWHERE} if profile is Profile.ID_TOKEN else {}


@check("VER-14")
def test_verdict_holds_under_one_allow_list_alone(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token that was accepted is refused once its algorithm is allowed no more."""
    base = forge.base(mark.profile)
    others = [name for name in trial.declaration.algorithms if keys.MATERIAL.get(name) != base.key.material]
    if not others:
        pytest.skip("it declares no algorithm of another family")
    judge_kept(trial, base, lambda draft: draft.with_policy(algorithms=others[:1]))


@check("VER-29", "VER-30", needs=(CLOCK,))
def test_verdict_holds_at_one_instant_alone(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token that was accepted is refused after its `exp`, and before its `nbf` if the clock is put back.

    Both lie beyond a leeway that is built in, and the clock is not put back before `iat`.
    """
    base, leeway = forge.base(mark.profile), trial.declaration.rules(mark.profile).leeway
    start, end = int(base.now) - 60, int(base.now) + 60
    early, late = start - 60 - int(leeway.get("nbf", 0)), end + 60 + int(leeway.get("exp", 0))
    held = base.with_claims(nbf=start, exp=end, **({"iat": early} if mark.requirement == "VER-30" else {}))
    judge_kept(trial, held, lambda draft: replace(draft, now={"VER-29": late, "VER-30": early}[mark.requirement]))


@check("VER-29", needs=(CLOCK, LEEWAY))
def test_verdict_holds_with_one_leeway_alone(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token that was accepted thanks to the leeway is refused without it."""
    base = forge.base(mark.profile)
    expired = base.with_claims(exp=int(base.now) - 10).with_policy(leeway=30)
    judge_kept(trial, expired, lambda draft: draft.with_policy(leeway=0))


@check("VER-37", needs=(TYP,), profiles=(Profile.JWT, Profile.ID_TOKEN))
def test_verdict_holds_for_one_type_alone(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token that was accepted is refused where another type is demanded."""
    judge_kept(trial, forge.base(mark.profile), lambda draft: draft.with_policy(typ="x-unheard-of+jwt"))


@check("VER-35", needs=(REQUIRE,))
def test_verdict_holds_for_one_set_of_claims_alone(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token that was accepted is refused where a claim is required that it lacks."""
    base = forge.base(mark.profile).without_claim("nbf")
    judge_kept(trial, base, lambda draft: draft.with_policy(require=["exp", "nbf"]))


def judge_kept(trial: Trial, honest: Draft, change: Callable[[Draft], Draft]) -> None:
    """Have a token accepted, refused where the change has it refused, and accepted where it was."""
    accepted, refused = honest.presentation(), change(honest).presentation()
    trial.control(accepted)
    trial.expect(trial.ask(refused), REJECTED, "a verdict is kept beyond what it was given for", refused, accepted)
    trial.expect(trial.ask(accepted), ACCEPTED, "a token is refused since it was refused elsewhere", accepted, refused)
