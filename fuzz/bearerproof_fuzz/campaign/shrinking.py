"""Makes a drawn candidate smaller: Hypothesis starts from the choices that showed a fault, and keeps it failing."""

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st
from hypothesis.database import InMemoryExampleDatabase, choices_to_bytes
from hypothesis.errors import NoSuchExample
from hypothesis.strategies import DrawFn

from bearerproof_fuzz.campaign.candidate import Candidate
from bearerproof_fuzz.campaign.candidates import World, candidate

TRIES = 400
"""Candidates tried to make one smaller."""

_KEY = b"campaign"

Drawn = tuple[tuple[int, ...], Candidate]
"""Choices, and what is drawn from them."""


def shrunk(choices: Sequence[int], world: World, fails: Callable[[Candidate], bool]) -> Drawn | None:
    """Return the smallest candidate found that still fails and its choices, or None when it does so no more."""

    @st.composite
    def candidates(draw: DrawFn) -> Drawn | None:
        taken: list[int] = []

        def noted(strategy: Any) -> Any:
            taken.append(draw(strategy))
            return taken[-1]

        made = candidate(noted, world)  # type: ignore[arg-type]  # it draws as Hypothesis does
        return None if made is None else (tuple(taken), made)

    tried = 0

    def condition(drawn: Drawn | None) -> bool:
        nonlocal tried
        tried += 1
        return drawn is not None and tried <= TRIES and fails(drawn[1])

    database = InMemoryExampleDatabase()
    database.save(_KEY, choices_to_bytes(tuple(choices)))
    shrinking = settings(
        database=database,
        phases=(Phase.reuse, Phase.shrink),
        deadline=None,
        max_examples=TRIES,
        suppress_health_check=list(HealthCheck),
    )
    try:
        return find(candidates(), condition, settings=shrinking, database_key=_KEY)
    except NoSuchExample:
        return None
