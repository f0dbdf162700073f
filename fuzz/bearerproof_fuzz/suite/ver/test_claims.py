"""Generated claims, well signed: each is accepted or refused as an independent oracle computes from its value."""

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis.strategies import DrawFn

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check, explore
from bearerproof_fuzz.claimdraws import DRAWN, LEEWAYS, DrawnClaim, kind_of, leeway
from bearerproof_fuzz.draws import batch, pick
from bearerproof_fuzz.forge import Draft, Forge
from bearerproof_fuzz.needs import CLOCK

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
