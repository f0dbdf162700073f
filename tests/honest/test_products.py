"""A product with rules of its own for its tokens is judged by all that its rules leave to be judged."""

from dataclasses import replace

import pytest

from bearerproof.judging.results import RED
from bearerproof.judging.settings import QUICK, RunConfig

from .products import PRODUCT
from .shapes import Shape, judged, red
from .test_single_faults import FAULTS
from .verifiers import declaring

OURS = "the implementation declares a"
"""How the reason begins why a check is not applicable under a product's own rules."""

CONFIG = RunConfig(target="product", depth=QUICK)


def test_a_product_is_judged_under_its_own_rules() -> None:
    few = Shape(declares=declaring(algorithms=["ES256", "HS256"]))
    product = judged([PRODUCT, few], CONFIG)
    assert red(product) == {}
    assert (product.fault, product.troubles) == (None, [])
    by_its_rules = [record.id for record in product.records if OURS in (record.reason or "")]
    assert len(by_its_rules) < sum(record.judged for record in product.records) // 50


@pytest.mark.parametrize("name", FAULTS)
def test_a_weak_product_is_found(name: str) -> None:
    fault, requirements = FAULTS[name]
    weak = judged([PRODUCT, Shape(fault)], replace(CONFIG, requirements=tuple(requirements)))
    assert requirements <= {record.requirement for record in weak.records if record.state in RED}
