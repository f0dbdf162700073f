"""Fixtures of the suite, loaded as a plugin beside the harness."""

import pytest

from bearerproof.judging.trial import Trial
from bearerproof_fuzz.forge import Forge


@pytest.fixture
def forge(trial: Trial) -> Forge:
    """Make base tokens that the implementation has to accept, at an instant it can be told or that is now."""
    return Forge.at_present(trial.declaration)
