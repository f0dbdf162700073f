"""A finding once more: as it was, or made anew where the clock is a real one and its token has had its time."""

import time
from functools import lru_cache
from random import Random

from bearerproof.contract.declaration import Declaration
from bearerproof.contract.messages import Outcome
from bearerproof.exceptions import BearerproofError
from bearerproof.judging.results import presentation_from_dict
from bearerproof.judging.settings import RunConfig
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure
from bearerproof_fuzz.campaign import shapes
from bearerproof_fuzz.campaign.candidate import Candidate, Honest, Prepared, of_edit
from bearerproof_fuzz.campaign.candidates import World, candidate
from bearerproof_fuzz.campaign.frozen import algorithm_of
from bearerproof_fuzz.campaign.learning import Lesson, world
from bearerproof_fuzz.campaign.store import around
from bearerproof_fuzz.draws import Choices
from bearerproof_fuzz.edits.registry import Case, edits
from bearerproof_fuzz.forge import Forge

STALE = 300
"""Seconds after which a token for a real clock is made anew: it lives ten minutes."""


def measure_of(row: Json) -> Measure:
    """Return the measure by which a finding was one."""
    return Measure(row.get("measure", Measure.STRICT))


def again(row: Json, place: str, declaration: Declaration) -> Candidate:
    """Return the candidate that a finding shows.

    Raises:
        KeyError, TypeError, ValueError: the row is none that a campaign wrote.
    """
    recorded = _recorded(row)
    if declaration.injected_clock or time.time() - recorded.presented.now < STALE:
        return recorded
    made = _edited(recorded, row, declaration) or _drawn(row, place, declaration)
    is_same = made is not None and (made.requirement, made.kind) == (recorded.requirement, recorded.kind)
    return made if made is not None and is_same else recorded


def _recorded(row: Json) -> Candidate:
    drawn, shown = row["candidate"], row["findings"][0]
    return Candidate(
        drawn["requirement"],
        drawn["kind"],
        drawn["how"],
        presentation_from_dict(shown["presented"]),
        presentation_from_dict(shown["base"]),
        frozenset(Outcome(name) for name in drawn["allowed"]),
        drawn["claims"],
    )


def _edited(recorded: Candidate, row: Json, declaration: Declaration) -> Candidate | None:
    edit = edits().get(recorded.kind)
    if edit is None:
        return None
    algorithm = algorithm_of(str(recorded.honest.token), recorded.honest.policy.members)
    draft = edit.given(Forge.at_present(declaration).base(recorded.presented.profile, algorithm))
    prepared = Prepared(Case(edit, recorded.presented.profile, algorithm), Honest(draft))
    return of_edit(prepared, measure_of(row), prepared.edited)


def _drawn(row: Json, place: str, declaration: Declaration) -> Candidate | None:
    """Draw it again from its choices; None where the campaign's folder, or the generator, is another one now."""
    name = f"lessons/{row.get('lesson')}.json"
    found = ((store, Lesson.read(store.read(name))) for store in around(place))
    store, lesson = next(((store, lesson) for store, lesson in found if lesson is not None), (None, None))
    if store is None or lesson is None or not row["choices"]:
        return None
    try:
        seen = shapes.read(store.read(shapes.FILE))
        drawn = _world(lesson, declaration, measure_of(row), seen, int(time.time()) // STALE)
        return candidate(Choices(Random(0), row["choices"]), drawn)  # type: ignore[arg-type]  # noqa: S311
    except (BearerproofError, LookupError, ZeroDivisionError):
        return None


@lru_cache(1)
def _world(lesson: Lesson, declaration: Declaration, measure: Measure, seen: tuple[shapes.Shape, ...], _: int) -> World:
    """Return what to draw from; it is made anew as often as its tokens have to be."""
    return world(lesson, declaration, RunConfig(measure=measure).resolve(declaration), seen)
