"""Honest verifiers of unusual shape are not red, alone or in company.

BEARERPROOF_HONEST=alone python -m pytest tests/honest     # each shape by itself, and deeper: some minutes
"""

import os

import pytest

from bearerproof.judging.settings import DEFAULT, QUICK, RunConfig

from .shapes import judged, red
from .verifiers import COMPANIES, SHAPES

ALONE = os.environ.get("BEARERPROOF_HONEST") == "alone"
"""Whether each shape is judged by itself as well."""

MAY_PROVE_TOO_LITTLE = {
    "errors-on-malformed-tokens",
    "of-the-code-flow",
    "skips-now-and-then",
    "skips-long-tokens",
    "lines-of-5000-bytes",
    "skips-demands-of-typ",
}
"""Shapes of which some requirement, algorithm or option cannot be judged: the run ends with exit code 3."""


def test_every_shape_is_in_company() -> None:
    assert {name for names in COMPANIES.values() for name in names.split()} | {"ps384-alone"} == set(SHAPES)


@pytest.mark.parametrize("company", COMPANIES)
def test_honest_shapes_together_are_not_red(company: str) -> None:
    is_not_red(COMPANIES[company].split(), QUICK)


@pytest.mark.skipif(not ALONE, reason="BEARERPROOF_HONEST=alone judges each shape by itself")
@pytest.mark.parametrize("name", SHAPES)
def test_an_honest_shape_is_not_red(name: str) -> None:
    is_not_red([name], DEFAULT)


def is_not_red(names: list[str], depth: str) -> None:
    finished = judged([SHAPES[name] for name in names], RunConfig(target="honest", depth=depth))
    assert red(finished) == {}
    assert (finished.fault, finished.troubles) == (None, [])
    assert sum(record.judged for record in finished.records) > 150
    if depth == DEFAULT:
        assert finished.exit_code() in ((0, 3) if MAY_PROVE_TOO_LITTLE & set(names) else (0,))
