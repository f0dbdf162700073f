"""The leeway as whole minutes show it, so that whoever reads a clock of his own is tried as well."""

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import ACCEPTED, REJECTED, Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.forge import Draft, Forge
from bearerproof_fuzz.needs import LEEWAY

MINUTE = 60
"""Seconds by which every instant here lies apart from the edge that it is held against."""


@check("VER-29", needs=(LEEWAY,))
def test_leeway_in_minutes(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token that expired two minutes ago holds with a leeway of five, and neither without one nor after ten."""
    base = forge.base(mark.profile)
    expired, long_ago = (_ended(base, int(base.now) - minutes * MINUTE) for minutes in (2, 10))
    lenient = expired.with_policy(leeway=5 * MINUTE).presentation()
    trial.control(base.presentation())
    trial.expect(trial.ask(lenient), ACCEPTED, "a leeway of five minutes is not given", lenient)
    for draft, summary in (
        (expired, "a token is accepted that expired two minutes ago, without any leeway"),
        (long_ago.with_policy(leeway=5 * MINUTE), "a leeway of five minutes lasts ten"),
    ):
        presented = draft.presentation()
        trial.expect(trial.ask(presented), REJECTED, summary, presented, lenient)


def _ended(base: Draft, end: int) -> Draft:
    """Have a token end then, having begun before: some refuse one that ends before it begins, whatever the leeway."""
    began = {name: end - 10 * MINUTE for name in ("iat", "nbf") if name in base.claims}
    return base.with_claims(**began, exp=end)
