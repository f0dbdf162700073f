"""Products over real libraries are red where their library deviates, each with its clause, and nowhere else.

BEARERPROOF_HONEST=alone python -m pytest tests/honest     # each by the whole suite
"""

import pytest

from bearerproof.judging.results import RED, Record
from bearerproof.judging.settings import QUICK, RunConfig
from bearerproof.specification.catalogue import requirements

from .shapes import judged
from .test_verifiers import ALONE

for package in ("joserfc", "authlib"):
    pytest.importorskip(package, reason=f"{package} is of the extra subjects: pip install 'bearerproof[subjects]'")

from .libraries import PRODUCTS, adapter  # noqa: E402 - it needs the libraries


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_deviates_where_its_library_does(name: str) -> None:
    product, foreseen = PRODUCTS[name], PRODUCTS[name].foreseen()

    def is_foreseen(record: Record) -> bool:
        return bool(record.findings) and all(
            any(entry.covers(record, finding) for entry in foreseen) for finding in record.findings
        )

    known = tuple(known for entry in foreseen for known in entry.known)
    narrowed: dict[str, tuple[str, ...]] = {"requirements": share(name), "selection": ("!composed-with",)}
    config = RunConfig(target="product", depth=QUICK, known=known, **({} if ALONE else narrowed))
    finished = judged(product.worn(), config, adapter(name))
    unforeseen = [record for record in finished.records if record.state in RED and not is_foreseen(record)]
    assert unforeseen == []
    assert (finished.fault, finished.troubles) == (None, [])
    assert sum(record.judged for record in finished.records) > 60


def share(name: str) -> tuple[str, ...]:
    """Return every third requirement, so that three neighbours in the table share the suite."""
    return tuple([*requirements()][list(PRODUCTS).index(name) % 3 :: 3])
