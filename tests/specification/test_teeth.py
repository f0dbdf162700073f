"""Every edit breaks what it means to and nothing else, so that no other refusal hides the one that it names."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bearerproof.contract import keyforms
from bearerproof.contract.declaration import OPTIONS
from bearerproof.specification.catalogue import Measure, Profile
from bearerproof_fuzz import keys
from bearerproof_fuzz.combinations import space
from bearerproof_fuzz.edits import registry
from bearerproof_fuzz.edits.registry import ACCEPTED, Case
from bearerproof_fuzz.forge import Draft, Forge
from bearerproof_fuzz.vectormaker import EVERYTHING

from .gates import broken

FORGE = Forge(EVERYTHING)


def drafts(forge: Forge = FORGE) -> Iterator[tuple[Case, Draft, Draft]]:
    """Yield every case with its base and what is made of it."""
    for case in registry.cases():
        base = case.edit.given(forge.base(case.profile, case.algorithm))
        yield case, base, case.edit.apply(base)


def test_an_edit_breaks_no_gate_but_those_that_it_states() -> None:
    stray, seen = dict[str, object](), dict[str, set[object]]()
    for case, base, edited in drafts():
        found = broken(edited.presentation())
        seen.setdefault(case.edit.id, set()).update(found)
        unstated = found - (set() if case.edit.strict == ACCEPTED else case.edit.breaks)
        if unstated or broken(base.presentation()):
            stray[f"{case.name}.{case.profile}"] = unstated or "its base"
    # Where `kid` is left out there is nothing to name a key, and one fits.
    assert [name for name in stray if not name.startswith("kid-missing-and-one-key-fits")] == []
    unused = {name: registry.edits()[name].also_breaks - found for name, found in seen.items()}
    assert {name: gates for name, gates in unused.items() if gates} == {}


BEYOND_THE_GATES = ("typ", "crit", "rsa-key")
"""What edits are about that no gate looks at: the type, what is demanded, and how strong a key is."""


def test_what_has_to_be_refused_by_itself_is_no_honest_token() -> None:
    assert [
        case.name
        for case, base, _ in drafts()
        if case.edit.alone
        and not broken(case.edit.alone(base).presentation())
        and not any(matter in case.name for matter in BEYOND_THE_GATES)
    ] == []


def test_no_policy_holds_an_option_that_neither_the_edit_nor_the_declaration_has() -> None:
    deaf = replace(EVERYTHING, options=())
    for case, _, edited in drafts(Forge(deaf)):
        needed = {need.name for need in case.edit.needs if need.kind == "option"}
        own = {"typ"} if case.profile is Profile.ACCESS_TOKEN else set()
        assert not set(edited.policy.members) & set(OPTIONS) - needed - own, case.name


@pytest.mark.parametrize("requirement", ["VER-14", "VER-15"])
def test_a_key_of_a_combination_that_does_not_say_its_algorithm_is_good_for_the_only_one(requirement: str) -> None:
    found = space(requirement, EVERYTHING, Measure.STRICT).combinations
    policies = [each.base(FORGE).policy.members for each in found]
    told = [all("alg" in jwk for jwk in policy["keys"]["keys"]) for policy in policies]
    assert set(told) == {True, False}
    assert all(told or len(policy["algorithms"]) == 1 for told, policy in zip(told, policies, strict=True))


@pytest.mark.parametrize("form", ["pem", "certificate", "openssh", "pkcs1"])
def test_a_forger_signs_with_the_very_text_that_is_handed_over(form: str) -> None:
    for algorithm in ("RS256", "PS256") if form == "pkcs1" else registry.PUBLIC_KEY_ALGORITHMS:
        base = FORGE.base(Profile.JWT, algorithm)
        handed_over = keyforms.key_texts(base.policy.members["keys"], form)
        assert handed_over[base.key.kid][form].encode() == keys.public_forms(base.key)[form]


def test_every_jwe_decrypts_and_says_what_the_honest_token_does_not() -> None:
    jwe, jwk = pytest.importorskip("joserfc.jwe"), pytest.importorskip("joserfc.jwk")
    decrypted = 0
    for case, _, edited in drafts():
        token = edited.token()
        if case.edit.requirement_id != "VER-5" or token.count(".") != 4 or "password" in case.name:
            continue
        header = json.loads(keys.unb64(token.split(".")[0]))
        named = next(held for held in edited.policy.members["keys"]["keys"] if held["kid"] == header["kid"])
        key = jwk.import_key({name: value for name, value in named.items() if name not in ("use", "alg")})
        opened = jwe.decrypt_compact(token, key, algorithms=[header["alg"], header["enc"]]).plaintext.decode()
        claims = keys.unb64(opened.split(".")[1]).decode() if header.get("cty") == "JWT" else opened
        assert json.loads(claims)["sub"] == "admin"
        decrypted += 1
    assert decrypted > 25
