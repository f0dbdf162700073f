"""The algorithms beside the usual seven: each tried with the edits of its nearest relative (RFC 7518 §3, RFC 9864)."""

from collections.abc import Iterator

from bearerproof.contract.declaration import Need
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz import keys
from bearerproof_fuzz.checks import check_groups, grouped
from bearerproof_fuzz.edits.registry import EVERY_ALGORITHM, Case, Edit, edits
from bearerproof_fuzz.forge import Forge
from bearerproof_fuzz.suite.test_edits import test_edit as judge_edit

_RELATIVES = {"ES": "ES256", "Ed": "EdDSA", "RS": "RS256", "PS": "PS256", "HS": "HS256", "ML": "EdDSA"}
_PROFILES = (Profile.JWT, Profile.ACCESS_TOKEN, Profile.ID_TOKEN, Profile.JWS)
_REQUIREMENTS = ("VER-16", "VER-24", "VER-25", "VER-26", "VER-27", "VER-28")


def _cases() -> Iterator[Case]:
    """Yield, under each further algorithm, the edits that were written for more than one and for its relative."""
    for algorithm in [name for name in keys.MATERIAL if name not in EVERY_ALGORITHM]:
        relative = _RELATIVES[algorithm[:2]]
        for edit in edits().values():
            if edit.requirement_id not in _REQUIREMENTS or len(edit.algorithms) < 2 or relative not in edit.algorithms:
                continue
            if not _possible(edit, algorithm):
                continue
            for profile in _PROFILES:
                yield Case(edit, profile, algorithm)


def _possible(edit: Edit, algorithm: str) -> bool:
    """Say whether the key has the text or the curve that the edit is about."""
    form = edit.id.partition("public-key-")[2]
    if edit.requirement_id != "VER-16" or form.startswith("HS"):
        return edit.requirement_id != "VER-27" or algorithm == "Ed448"
    return form in keys.public_forms(keys.key(algorithm))


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
