"""Honest key servers of unusual shape are not red, by any measure that judges what they leave out."""

from functools import partial

import pytest

from bearerproof.judging.settings import DEFAULT, QUICK, RunConfig
from bearerproof.specification.catalogue import Measure, Profile
from bearerproof_fuzz.faults import find
from bearerproof_reference.adapter import create as reference

from .servers import SERVED, SERVERS, running
from .shapes import Shape, judged, red
from .test_verifiers import ALONE

BOTH = ("a server of many habits", "a server that runs")
"""Companies of which each is held to strict as well."""


BASE_ALONE = {
    "no-audit-trail": "strict asks for the events that it leaves out",
    "of-several-grants": "strict has one code for every other grant",
    "bearers-for-every-target": "strict has a target refused",
    "delegates": "strict has an actor token refused",
    "half-as-long-lives": "strict holds a token to the lifetime that is configured",
}
"""Shapes that are honest by base alone, each with the reason."""


@pytest.mark.parametrize(
    ("company", "measure"),
    [(name, measure) for name in SERVED for measure in Measure if measure == "base" or name in BOTH],
)
def test_honest_servers_are_not_red(company: str, measure: Measure) -> None:
    is_not_red(SERVED[company].split(), QUICK, measure)


@pytest.mark.skipif(not ALONE, reason="BEARERPROOF_HONEST=alone judges each shape by itself")
@pytest.mark.parametrize("measure", Measure)
@pytest.mark.parametrize("name", SERVERS)
def test_an_honest_server_is_not_red(name: str, measure: Measure) -> None:
    if measure is Measure.STRICT and name in BASE_ALONE:
        pytest.skip(BASE_ALONE[name])
    is_not_red([name], DEFAULT, measure)


NARROW = ("POL-3", "POL-5", "POL-13")


@pytest.mark.parametrize(
    ("fault", "narrow", "expected"),
    [
        (None, True, set()),
        (None, False, {"POL-3", "POL-5", "POL-13"}),
        ("request-copied", True, {"POL-3", "POL-5", "POL-13"}),
        ("nothing-left-is-the-rule", True, {"POL-5"}),
    ],
)
def test_asking_for_more_is_seen_where_nothing_can_be_configured(
    fault: str | None, narrow: bool, expected: set[str]
) -> None:
    config = RunConfig(target="narrow", profiles=(Profile.KEY_SERVER,), requirements=NARROW, measure=Measure.STRICT)
    shapes = [SERVERS["no-configure"], *([Shape(patches=find(fault).apply)] if fault else [])]
    finished = judged(shapes, config, partial(running, narrow=narrow))
    assert {check.split(".")[0] for check in red(finished)} == expected
    assert sum(record.judged for record in finished.records) == 3


def test_every_shape_is_in_company() -> None:
    assert {name for names in SERVED.values() for name in names.split()} == set(SERVERS)


def is_not_red(names: list[str], depth: str, measure: Measure) -> None:
    config = RunConfig(target="honest", profiles=(Profile.KEY_SERVER,), depth=depth, measure=measure)
    made = running if "no-configure" in names else lambda: reference().handle
    finished = judged([SERVERS[name] for name in names], config, made)
    assert red(finished) == {}
    assert (finished.fault, finished.troubles) == (None, [])
    assert sum(record.judged for record in finished.records) > 20
