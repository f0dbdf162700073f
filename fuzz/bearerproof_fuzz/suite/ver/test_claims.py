"""Generated claims, well signed: each is accepted or refused as an independent oracle computes from its value."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis.strategies import DrawFn

from bearerproof.contract.messages import Outcome
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import REJECTED, Trial
from bearerproof_fuzz.checks import check, explore
from bearerproof_fuzz.claimdraws import DRAWN, LEEWAYS, DrawnClaim, kind_of, leeway
from bearerproof_fuzz.draws import batch, pick
from bearerproof_fuzz.forge import Draft, Forge
from bearerproof_fuzz.needs import CLOCK, REQUIRE

BATCH = 8


@check("VER-29", needs=(CLOCK,))
def test_exp_as_the_oracle_says(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """`exp` at every offset around now and the leeway."""
    judged(mark, trial, forge, DRAWN["exp"])


@check("VER-30", needs=(CLOCK,))
def test_nbf_as_the_oracle_says(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """`nbf` at every offset around now and the leeway."""
    judged(mark, trial, forge, DRAWN["nbf"])


@check("VER-31", needs=(CLOCK,))
def test_iat_as_the_oracle_says(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """`iat` at every offset around now and the leeway."""
    judged(mark, trial, forge, DRAWN["iat"])


@check("VER-33")
def test_iss_as_the_oracle_says(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """`iss` as texts near ours and as any other JSON value."""
    judged(mark, trial, forge, DRAWN["iss"])


@check("VER-34")
def test_aud_as_the_oracle_says(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """`aud` as lists of texts near ours, in any order and number; of an ID token, whoever stands beside us."""
    judged(mark, trial, forge, DRAWN["aud"])


@check("VER-35", needs=(REQUIRE,))
def test_each_claim_that_can_be_required(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Where only some claims can be required, a token with each of them holds and one without it does not."""
    base, declared = forge.base(mark.profile), trial.declaration.required_names or ()
    exercised = 0
    for name in filter(base.rules.knows, declared):
        value = base.now - 60 if name in ("nbf", "iat", "auth_time") else "x"
        there = base.with_claims(**{name: base.claims.get(name, value)}).with_policy(require=[name])
        presented, lacking = there.presentation(), there.without_claim(name).presentation()
        if trial.ask(presented).outcome is not Outcome.ACCEPTED:
            continue  # what a claim has to be that we do not know is for its verifier to say
        summary = f"a token without {name} is accepted, which the policy requires"
        trial.expect(trial.ask(lacking), REJECTED, summary, lacking, presented)
        exercised += 1
    if not exercised:
        pytest.skip("any claim can be required, as the edits show, or none of which we know what it has to be")


@dataclass(frozen=True)
class Drawn:
    """A token whose one claim has a drawn value."""

    draft: Draft
    value: object


def judged(mark: CheckId, trial: Trial, forge: Forge, claim: DrawnClaim) -> None:
    """Present tokens of which one claim is drawn, and judge the answer to each by its value."""
    base = forge.base(mark.profile)
    honest = base.presentation()
    trial.control(honest)
    lenient_bases = [base, *(base.with_policy(leeway=seconds) for seconds in LEEWAYS)]
    bases = lenient_bases if "leeway" in trial.declaration.options else [base]

    def draw_one(draw: DrawFn) -> Drawn:
        lenient = pick(draw, bases)
        value = claim.draw(draw, lenient)
        return Drawn(lenient.with_claims(**{claim.name: value}), value)

    def as_the_oracle_says(drawn: Sequence[Drawn]) -> None:
        presented = [example.draft.presentation() for example in drawn]
        for answer, presentation, example in zip(trial.ask_all(presented), presented, drawn, strict=True):
            allowed = claim.allowed(example.value, example.draft, trial.measure)
            summary = f"{claim.name} = {example.value!r} under leeway {leeway(example.draft)} is judged wrongly"
            kind = f"{claim.name} is {kind_of(example.value)}: {answer.outcome}"
            trial.expect(answer, allowed, summary, presentation, honest, f"{claim.name} drawn", kind)

    explore(as_the_oracle_says, batch(draw_one, BATCH))
