"""How a test of the suite becomes a check: bound to a requirement, once for each profile it holds in."""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, TypeVar

import hypothesis
import pytest

from bearerproof.catalogue import Profile, requirement
from bearerproof.harness import Mark
from bearerproof.messages import Declaration
from bearerproof_fuzz.edits.registry import EITHER, Case

Test = TypeVar("Test", bound=Callable[..., Any])


def check(
    requirement_id: str, *, needs: tuple[str, ...] = (), profiles: Collection[Profile] = ()
) -> Callable[[Test], Test]:
    """Make a test the requirement's check in each profile; its name, without ``test_``, names the check."""

    def decorate(test: Test) -> Test:
        name = test.__name__.removeprefix("test_").replace("_", "-")
        rows = requirement(requirement_id)
        marks = [Mark(rows.id, profile, name, needs) for profile in profiles or rows.profiles]
        test.bearerproof_marks = marks  # type: ignore[attr-defined]  # read by the inventory
        decorated: Test = pytest.mark.parametrize("mark", [_param(mark) for mark in marks])(test)
        return decorated

    return decorate


def case_params(cases: Iterable[Case]) -> list[Any]:
    """Return one parameter a case: its check is the requirement's, named by edit and algorithm."""
    return [_case_param(case) for case in cases]


def applicable(chosen: Iterable[Case], declaration: Declaration) -> Iterator[Case]:
    """Yield the cases whose needs the implementation declares; for checks that go over many."""
    for case in chosen:
        if not any(declaration.lacks(need) for need in needs_of(case)):
            yield case


def needs_of(case: Case) -> tuple[str, ...]:
    """Return the capabilities without which the case is not applicable."""
    return case.edit.needs + ((f"algorithm:{case.algorithm}",) if case.algorithm else ())


def fewer_examples(times: int) -> int:
    """Return a fraction of the run's examples, for a property that is one of very many; at least two."""
    return max(2, hypothesis.settings().max_examples // times)


def _case_param(case: Case) -> Any:
    edit = case.edit
    mark = Mark(
        edit.requirement_id, case.profile, case.name, needs_of(case),
        primary=len(edit.algorithms) > 1, strict=edit.base == EITHER,
    )  # fmt: skip
    return pytest.param(case, id=mark.id, marks=pytest.mark.bearerproof(mark))


def _param(mark: Mark) -> Any:
    return pytest.param(mark, id=mark.id, marks=pytest.mark.bearerproof(mark))
