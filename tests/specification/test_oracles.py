"""Edits and oracles say the same of one value: what is fixed and what is drawn cannot judge an implementation apart."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from bearerproof.contract.declaration import OPTIONS, Declaration
from bearerproof.specification.catalogue import Measure, Profile
from bearerproof_fuzz import keys
from bearerproof_fuzz.edits import registry
from bearerproof_fuzz.edits.registry import Case
from bearerproof_fuzz.forge import Draft, Forge
from bearerproof_fuzz.oracles import claims as oracle
from bearerproof_fuzz.oracles.claims import Outcomes

FORGE = Forge(
    Declaration(
        "x", "1", "none", 0, registry.JWTS, Measure.BASE, tuple(keys.MATERIAL), options=OPTIONS, mixed_algorithms=True
    )
)
TIMES = {"exp": oracle.expiry, "nbf": oracle.not_before, "iat": oracle.issued_at}
BOUNDS = "VER-11"
"""The requirement about the size of numbers, which the oracles of times do not look at."""


def said(edited: Draft, name: str, measure: Measure) -> Outcomes | None:
    """Return what an oracle says of the one claim that an edit sets, if there is one for such a value."""
    value, policy = edited.claims.get(name), edited.policy.members
    if name in TIMES and isinstance(value, int | float) and not isinstance(value, bool):
        return TIMES[name](value, edited.now, policy.get("leeway", 0), measure)
    if name == "iss" and name in edited.claims:
        return oracle.issuer(value, policy["issuer"])
    if name == "aud" and name in edited.claims:
        trusted = policy["trusted_audiences"] if edited.profile is Profile.ID_TOKEN else None
        return oracle.audience(value, policy["audience"], trusted, measure)
    return None


def changed(case: Case) -> tuple[Draft, list[str]]:
    """Return what an edit makes of its base, and which claims it sets if it does nothing else."""
    base = case.edit.given(FORGE.base(case.profile, case.algorithm))
    edited = case.edit.apply(base)
    names = [name for name in base.claims | edited.claims if base.claims.get(name) != edited.claims.get(name)]
    return edited, names if replace(edited, claims=base.claims) == base else []


@pytest.mark.parametrize("measure", Measure)
def test_edits_and_oracles_agree(measure: Measure) -> None:
    agreed, apart = 0, dict[str, Mapping[str, Outcomes]]()
    for case in registry.cases():
        if case.profile not in registry.JWTS or case.edit.requirement_id == BOUNDS:
            continue
        edited, names = changed(case)
        expected = said(edited, names[0], measure) if len(names) == 1 else None
        if expected not in (None, case.edit.allowed(measure)):
            apart[case.name] = {"edit": case.edit.allowed(measure), "oracle": expected or frozenset()}
        agreed += expected is not None
    assert apart == {}
    assert agreed > 150


@pytest.mark.parametrize("odd", [None, 1, True, {}, ["ours"], {"aud": "ours"}, "a: b", "\u0430:b"])
@pytest.mark.parametrize("trusted", [None, ()])
def test_an_odd_member_of_a_list_is_judged_alike_wherever_it_stands(
    odd: object, trusted: tuple[str, ...] | None
) -> None:
    for value in (["ours", odd], [odd, "ours"], ["ours", odd, "ours"]):
        base = oracle.audience(value, "ours", trusted, Measure.BASE)
        named_by_us_alone = trusted is None or not isinstance(odd, str)
        assert base == (oracle.EITHER if named_by_us_alone else oracle.REJECTED)
        assert oracle.audience(value, "ours", trusted, Measure.STRICT) <= base
    assert oracle.audience([odd], "ours", trusted, Measure.BASE) == oracle.REJECTED
