"""The algorithms beside the usual seven: each tried with the edits of its nearest relative (RFC 7518 §3, RFC 9864)."""

from collections.abc import Iterator

from bearerproof.contract.declaration import Need
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz import keys
from bearerproof_fuzz.checks import check_groups, grouped
from bearerproof_fuzz.edits.registry import EVERY_ALGORITHM, Case, edits
from bearerproof_fuzz.edits.relatives import further_algorithms
from bearerproof_fuzz.forge import Forge
from bearerproof_fuzz.suite.test_edits import test_edit as judge_edit

_PROFILES = (Profile.JWT, Profile.ACCESS_TOKEN, Profile.ID_TOKEN, Profile.JWS)


def _cases() -> Iterator[Case]:
    """Yield, under each further algorithm, the edits that were written for more than one and for its relative."""
    further = {edit: further_algorithms(edit) for edit in edits().values()}
    for algorithm in [name for name in keys.MATERIAL if name not in EVERY_ALGORITHM]:
        for edit in [edit for edit, names in further.items() if algorithm in names]:
            for profile in _PROFILES:
                yield Case(edit, profile, algorithm)


def _group_mark(case: Case) -> CheckId:
    needs = (Need("algorithm", str(case.algorithm)), *case.edit.needs)
    suffix = "-allowing-hmac" if case.edit.needs else ""
    name = f"edits-under-{str(case.algorithm).lower()}{suffix}"
    return CheckId(case.edit.requirement_id, case.profile, name, needs, primary=True)


@check_groups(grouped(_cases(), _group_mark))
def test_edits_under_another_algorithm(cases: list[Case], trial: Trial, forge: Forge) -> None:
    """Under this algorithm, too, honest tokens are accepted and each change of one is judged as under the others."""
    for case in cases:
        judge_edit(case, trial, forge)
