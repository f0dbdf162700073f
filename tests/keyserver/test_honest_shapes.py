"""Key servers that do what the specification leaves open in other ways than the reference: none may be red."""

from collections.abc import Callable, Mapping

import pytest

from bearerproof.contract.connections import InProcess
from bearerproof.contract.implementation import Implementation
from bearerproof.judging.results import RED
from bearerproof.judging.runner import RunOptions, run
from bearerproof.judging.settings import QUICK, RunConfig
from bearerproof.specification.catalogue import Measure, Profile
from bearerproof_fuzz.faults.registry import Patch
from bearerproof_fuzz.faults.tok.lifetimes import end_with_the_subject_token
from bearerproof_fuzz.suite import SUITE
from bearerproof_reference.adapter import create as reference


def life_ends_with_the_subject_token(patch: Patch) -> None:
    """RFC 8693 is silent on it, and the neighbouring draft for transaction tokens asks for it."""
    end_with_the_subject_token(patch, reported=True, enforced=True)


SHAPES: Mapping[str, Callable[[Patch], None]] = {
    shape.__name__.replace("_", "-"): shape for shape in (life_ends_with_the_subject_token,)
}


@pytest.mark.parametrize("measure", Measure)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_an_honest_key_server_is_never_red(shape: Callable[[Patch], None], measure: Measure) -> None:
    patch = Patch()
    shape(patch)
    try:
        config = RunConfig(target="honest", profiles=(Profile.KEY_SERVER,), depth=QUICK, measure=measure)
        started = Implementation(InProcess(lambda: reference().handle))
        finished = run(SUITE, config, RunOptions(report_findings=False), started=started)
    finally:
        patch.restore()
    assert len(finished.records) > 40
    red = [record for record in finished.records if record.state in RED]
    assert not red, [(record.id, record.reason, record.findings[:1]) for record in red]
    assert (finished.fault, finished.troubles) == (None, [])
