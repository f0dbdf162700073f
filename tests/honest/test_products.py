"""A product with rules of its own for its tokens is judged by all that its rules leave to be judged."""

from collections import Counter
from dataclasses import replace

import pytest

from bearerproof.judging.results import RED, State
from bearerproof.judging.settings import QUICK, RunConfig

from .products import PRODUCT
from .shapes import Shape, judged, red
from .test_single_faults import FAULTS

CONFIG = RunConfig(target="product", depth=QUICK)


def test_a_product_is_judged_under_its_own_rules() -> None:
    plain, product = (judged(shapes, CONFIG) for shapes in ([], [PRODUCT]))
    assert red(product) == {}
    assert (product.fault, product.troubles) == (None, [])
    states = Counter(record.state for record in product.records)
    whole = sum(record.judged for record in plain.records)
    assert states[State.PASSED] > whole * 9 // 10


@pytest.mark.parametrize("name", FAULTS)
def test_a_weak_product_is_found(name: str) -> None:
    fault, requirements = FAULTS[name]
    weak = judged([PRODUCT, Shape(fault)], replace(CONFIG, requirements=tuple(requirements)))
    assert requirements <= {record.requirement for record in weak.records if record.state in RED}
