"""Generated audiences of ID tokens, well signed: none stands beside us whom nobody trusts."""

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.claimdraws import BESIDE_OURS
from bearerproof_fuzz.forge import Forge
from bearerproof_fuzz.suite.ver.test_claims import judged


@check("IDT-1")
def test_trusted_aud_as_the_oracle_says(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """`aud` as lists that hold our `client_id`, alone or with texts near it that nobody trusts."""
    judged(mark, trial, forge, BESIDE_OURS)
