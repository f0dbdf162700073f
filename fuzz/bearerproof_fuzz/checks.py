"""How a test of the suite becomes a check: bound to a requirement, once for each profile it holds in."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache
from hashlib import sha256
from typing import Any, TypeVar

import pytest
from hypothesis import given, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from hypothesis.strategies import SearchStrategy

from bearerproof.contract import keyforms
from bearerproof.contract.declaration import Declaration, Need
from bearerproof.contract.messages import Answer, Outcome, Presentation
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof.specification.catalogue import Measure, Profile, requirement
from bearerproof_fuzz.edits.registry import EITHER, Case, Edit
from bearerproof_fuzz.forge import Draft, Forge

Test = TypeVar("Test", bound=Callable[..., Any])


def check(
    *requirement_ids: str, needs: tuple[Need, ...] = (), profiles: Collection[Profile] = (), primary: bool = False
) -> Callable[[Test], Test]:
    """Make a test each requirement's check in each profile, or in the run's primary one alone.

    The test's name, without ``test_``, names the check.
    """

    def decorate(test: Test) -> Test:
        name = test.__name__.removeprefix("test_").replace("_", "-")
        rows = map(requirement, requirement_ids)
        marks = [CheckId(row.id, profile, name, needs, primary) for row in rows for profile in profiles or row.profiles]
        return _parametrized(test, "mark", {mark: mark for mark in marks})

    return decorate


def check_groups(groups: Mapping[CheckId, list[Case]]) -> Callable[[Test], Test]:
    """Make a test a check of each group of cases, which it is given as ``cases``."""
    return lambda test: _parametrized(test, "cases", groups)


def grouped(chosen: Iterable[Case], mark_of: Callable[[Case], CheckId]) -> dict[CheckId, list[Case]]:
    """Gather the cases whose checks would have the same mark."""
    groups: dict[CheckId, list[Case]] = {}
    for case in chosen:
        groups.setdefault(mark_of(case), []).append(case)
    return groups


def case_params(cases: Iterable[Case]) -> list[Any]:
    """Return one parameter a case: its check is the requirement's, named by edit and algorithm."""
    return [_case_param(case) for case in cases]


def applicable(chosen: Iterable[Case], declaration: Declaration) -> Iterator[Case]:
    """Yield the cases whose needs the implementation declares; for checks that go over many."""
    return (case for case in chosen if inapplicable(case, declaration) is None)


@cache
def inapplicable(case: Case, declaration: Declaration) -> str | None:
    """Return why a case is not applicable: what is not declared, or a change of the keys that does not show."""
    lacks = filter(None, map(declaration.missing_capability, required_by(case)))
    return next(lacks, None) or _unrequirable(case, declaration) or _lost(case, declaration)


def _unrequirable(case: Case, declaration: Declaration) -> str | None:
    if declaration.required_names is None:
        return None
    base = case.edit.given(Forge(declaration).base(case.profile, case.algorithm))
    return declaration.unrequirable(base.policy.members.get("require") or ())


def _lost(case: Case, declaration: Declaration) -> str | None:
    """Return why the form in which keys are handed over does not carry the change, or None if it does."""
    if declaration.key_form == "jwks":
        return None
    base = case.edit.given(Forge(declaration).base(case.profile, case.algorithm))
    held, changed = (draft.policy.members["keys"] for draft in (base, case.edit.apply(base)))
    return keyforms.lost(held, changed, declaration.key_form, by_kid=declaration.key_set)


def controlled(trial: Trial, case: Case, base: Draft, answer: Answer) -> Presentation:
    """Return what was accepted before the edit means anything: the base, or what may stand in where it is not read.

    Raises:
        Untestable: nothing was accepted.
    """
    honest, stand_in = base.presentation(), case.edit.stand_in
    readable = answer.outcome is Outcome.ACCEPTED or trial.declaration.key_form not in keyforms.TEXTS
    if stand_in is None or readable or "HS256" not in trial.declaration.algorithms:
        trial.require_control(answer, honest)
        return honest
    honest = stand_in(base).presentation()
    trial.control(honest, "an honest token under an HMAC key, where the text of a public key is not read as a key,")
    return honest


def required_by(case: Case) -> tuple[Need, ...]:
    """Return the capabilities without which the case is not applicable."""
    return case.edit.needs + ((Need("algorithm", case.algorithm),) if case.algorithm else ())


def why_not_judged(edit: Edit, honest: Answer, alone: Iterable[Answer] = ()) -> str | None:
    """Return why an edit proves nothing here, by the answers to its base and to the part of it that stands alone."""
    if edit.base_may_be_refused and honest.outcome in (Outcome.REJECTED, Outcome.ERRORED):
        return "the base of this edit is refused, as it may be"
    if any(answer.outcome is Outcome.ACCEPTED for answer in alone):
        return "a part of what is combined here is accepted by itself, which another check finds"
    return None


def strict_alone(trial: Trial, why: str) -> None:
    """Pass over a check at base, where it asks for nothing: it has not passed there, it was not made."""
    if trial.measure is Measure.BASE:
        pytest.skip(why)


def explore(prop: Callable[..., None], *strategies: SearchStrategy[Any], share: int = 1) -> None:
    """Try a property on generated examples: one ``share``-th of what the depth of the run asks for."""
    test_name = prop.__qualname__.partition(".")[0]
    drawn = given(*strategies)(prop)
    if settings().database is not None:
        # Under a forced seed Hypothesis uses no database, unless the test names its key, as that of its find() does.
        vars(drawn)["_hypothesis_internal_database_key"] = test_name.encode()
    settings(max_examples=examples(share))(_drawing_by(test_name, drawn))()


def explore_machine(name: str, machine: Callable[[], RuleBasedStateMachine], *, number: int, steps: int) -> None:
    """Take so many random walks of so many steps each with a state machine, which draws by this name."""

    def made() -> RuleBasedStateMachine:
        return machine()

    run_state_machine_as_test(
        _drawing_by(name, made),  # type: ignore[arg-type]  # any callable that makes one will do
        settings=settings(max_examples=number, stateful_step_count=steps),
    )


def _drawing_by(name: str, runnable: Test) -> Test:
    """Have a run without a seed draw by a name that stays, of a check or a machine.

    Hypothesis would draw by the source text, so that to rename a variable of the suite would change what is tried.
    """
    if not settings().derandomize:
        return runnable
    return seed(int.from_bytes(sha256(name.encode()).digest()[:8]))(runnable)


def examples(share: int = 1) -> int:
    """Return one ``share``-th of the examples that the depth of the run asks for; at least two."""
    return max(2, settings().max_examples // share)


def _case_param(case: Case) -> Any:
    edit = case.edit
    mark = CheckId(
        edit.requirement_id,
        case.profile,
        case.name,
        required_by(case),
        primary=len(edit.algorithms) > 1,
        strict=edit.base == EITHER,
    )
    return pytest.param(case, id=mark.id, marks=pytest.mark.bearerproof(mark))


def _parametrized(test: Test, name: str, values: Mapping[CheckId, Any]) -> Test:
    test.bearerproof_marks = list(values)  # type: ignore[attr-defined]  # read by the inventory
    params = [pytest.param(value, id=mark.id, marks=pytest.mark.bearerproof(mark)) for mark, value in values.items()]
    decorated: Test = pytest.mark.parametrize(name, params)(test)
    return decorated
