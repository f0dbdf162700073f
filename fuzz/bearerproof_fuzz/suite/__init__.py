"""The suite: properties of a bearer-token implementation, as pytest modules, one for each family or subject.

Run it with ``bearerproof check``, or as ``pytest --pyargs bearerproof_fuzz.suite --implementation NAME``.
"""

from bearerproof.judging.runner import Suite

SUITE = Suite(__name__, plugins=("bearerproof_fuzz.fixtures",))
"""What the engine is given to run."""
