"""Which checks run what a fault replaces: the others need not be asked about it."""

from bearerproof.judging.settings import QUICK, RunConfig
from bearerproof_fuzz.commands.reach import reach
from bearerproof_fuzz.faults.registry import Patch
from bearerproof_reference.audit import sources
from bearerproof_reference.verifier import jose, policy


def test_a_check_is_told_by_the_functions_that_it_runs() -> None:
    found = reach(RunConfig(requirements=("VER-1", "EXC-1"), depth=QUICK))
    verifying = found.of(frozenset({jose.split_compact.__code__}))
    composing = found.of(frozenset({sources.compose.__code__}))
    assert verifying is not None
    assert composing is not None
    assert {check.partition(".")[0] for check in verifying} >= {"VER-1"}
    assert composing < verifying, "the control: not every check composes a source id"
    assert found.of(frozenset({test_a_check_is_told_by_the_functions_that_it_runs.__code__})) == frozenset()


def test_what_is_no_function_may_be_seen_by_every_check() -> None:
    found = reach(RunConfig(requirements=("VER-1",), depth=QUICK))
    assert found.of(None) is None
    patch = Patch()
    patch(policy, "MAX_TOKEN", 1)
    constant = patch.replaced
    patch.restore()
    assert constant is None
    patch.wrap(jose, "split_compact", lambda split, token: split(token))
    function = patch.replaced
    patch.restore()
    assert function == frozenset({jose.split_compact.__code__})
