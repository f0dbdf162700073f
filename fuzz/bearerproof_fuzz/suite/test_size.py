"""The size of a token: capped where the implementation says, and nowhere below."""

import pytest

from bearerproof.harness import Mark
from bearerproof.trial import REJECTED, Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.forge import Draft, Forge

SLACK = 64
"""Octets that a token may lie off the size that is wanted: base64url grows in steps."""


@check("VER-6", needs=("max_token",))
def test_cap_is_the_stated_one(mark: Mark, trial: Trial, forge: Forge) -> None:
    """An honest token just below the stated cap is accepted, one just above it is refused."""
    cap = trial.declaration.max_token or 0
    base = forge.base(mark.profile)
    below, above = (_of_size(base, size).presentation() for size in (cap - SLACK, cap + SLACK))
    if not trial.implementation.fits(above):
        pytest.skip("a token of the stated cap does not fit the stated line")
    trial.control(below, "an honest token just below the stated cap")
    trial.expect(trial.ask(above), REJECTED, "a token above the stated cap is accepted", above, below)


def _of_size(base: Draft, size: int) -> Draft:
    """Fill a claim until the token has about this size in octets."""
    lacking = size - len(base.with_claims(filler="").token())
    return base.with_claims(filler="x" * max(0, lacking * 3 // 4))
