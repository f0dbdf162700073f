"""The algorithms beside the usual seven: each tried with the edits of its nearest relative (RFC 7518 §3, RFC 9864)."""

from collections.abc import Iterator
from dataclasses import replace

from bearerproof.contract.declaration import Need
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import REJECTED, Trial
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz import keys
from bearerproof_fuzz.checks import check, check_groups, grouped
from bearerproof_fuzz.edits.registry import EVERY_ALGORITHM, Case, edits
from bearerproof_fuzz.edits.relatives import further_algorithms
from bearerproof_fuzz.edits.signature import ALTERED, signature_of_another_token
from bearerproof_fuzz.forge import Forge
from bearerproof_fuzz.keys import Key
from bearerproof_fuzz.needs import ED448_AS_EDDSA
from bearerproof_fuzz.suite.test_edits import test_edit as judge_edit

_PROFILES = (Profile.JWT, Profile.ACCESS_TOKEN, Profile.ID_TOKEN, Profile.JWS)


_ON_ED448 = {role: Key(f"eddsa-448-{role}", "EdDSA", "ed448", role) for role in ("a", "attacker")}


@check("VER-24", needs=ED448_AS_EDDSA, primary=True)
def test_eddsa_with_ed448(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Under the name EdDSA a key on Ed448 verifies what it signed, and nothing else (RFC 8037 §3.1)."""
    ours, outsider = _ON_ED448.values()
    signed = replace(forge.base(mark.profile, "EdDSA"), key=ours, signer=ours.sign)
    base = signed.with_header(kid=ours.kid).with_keys(ours)
    honest = base.presentation()
    trial.control(honest, "an honest token under an Ed448 key of EdDSA")
    altered = {name: base.with_signature(change) for name, change in ALTERED.items()}
    foreign = {"another key's": base.signed_by(outsider.sign), "another token's": signature_of_another_token(base)}
    presented = {name: draft.presentation() for name, draft in (altered | foreign).items()}
    for name, answer in trial.ask_each(presented).items():
        summary = f"a token under an Ed448 key is accepted with a signature that is not right: {name}"
        trial.expect(answer, REJECTED, summary, presented[name], honest)


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
