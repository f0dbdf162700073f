"""Generated audiences of ID tokens, well signed: none stands beside us whom nobody trusts."""

from hypothesis.strategies import DrawFn

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.draws import number_below, pick
from bearerproof_fuzz.forge import Draft, Forge
from bearerproof_fuzz.oracles import claims as oracle
from bearerproof_fuzz.oracles.claims import Outcomes
from bearerproof_fuzz.suite.ver.test_claims import TOUCHES, judged


@check("IDT-1")
def test_trusted_aud_as_the_oracle_says(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """`aud` as lists that hold our `client_id`, alone or with texts near it that nobody trusts."""

    def judge(value: object, draft: Draft, trial: Trial) -> Outcomes:
        ours = draft.policy.members["audience"]
        return oracle.audience(value, ours, draft.policy.members["trusted_audiences"], trial.measure)

    def draw_beside_ours(draw: DrawFn, draft: Draft) -> object:
        ours = draft.policy.members["audience"]
        return [ours, *(pick(draw, TOUCHES)(ours) for _ in range(number_below(draw, 3)))]

    judged(mark, trial, forge, "aud", draw_beside_ours, judge)
