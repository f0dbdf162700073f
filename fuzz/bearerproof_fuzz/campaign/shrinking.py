"""Makes a drawn candidate smaller: Hypothesis starts from the choices that showed a fault, and keeps it failing."""

from collections.abc import Callable, Sequence

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.database import InMemoryExampleDatabase, choices_to_bytes
from hypothesis.errors import NoSuchExample
from hypothesis.strategies import DrawFn

from bearerproof_fuzz.campaign.candidates import Candidate, World, candidate

TRIES = 400
"""Candidates tried to make one smaller."""

_KEY = b"campaign"


def shrunk(choices: Sequence[int], world: World, fails: Callable[[Candidate], bool]) -> Candidate | None:
    """Return the smallest candidate found that still fails, or None when it does so no more."""

    @st.composite
    def candidates(draw: DrawFn) -> Candidate | None:
        return candidate(draw, world)

    tried = 0

    def condition(drawn: Candidate | None) -> bool:
        nonlocal tried
        tried += 1
        return drawn is not None and tried <= TRIES and fails(drawn)

    database = InMemoryExampleDatabase()
    database.save(_KEY, choices_to_bytes(tuple(choices)))
    shrinking = settings(
        database=database, phases=(Phase.reuse, Phase.shrink), deadline=None, max_examples=TRIES,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    try:
        return find(candidates(), condition, settings=shrinking, database_key=_KEY)
    except NoSuchExample:
        return None
