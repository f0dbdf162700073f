"""The forge: keys, base tokens, drafts, edits and draws, on which every check rests."""

import json
from dataclasses import replace

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.types import Options

from bearerproof.contract.connections import connect
from bearerproof.contract.implementation import Implementation
from bearerproof.contract.messages import Outcome
from bearerproof.specification.catalogue import Measure, Profile
from bearerproof_fuzz import draws, keys
from bearerproof_fuzz.edits import registry
from bearerproof_fuzz.edits.registry import ACCEPTED, EITHER, REJECTED, Case, Edit
from bearerproof_fuzz.forge import Draft, Forge
from bearerproof_fuzz.grammar import mangle_one

REFERENCE = Implementation(connect("reference"))
FORGE = Forge(REFERENCE.declaration)
ROLES = ("a", "b", "attacker")


UNKNOWN_TO_PYJWT = ("Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87")


@pytest.mark.parametrize("algorithm", [name for name in keys.MATERIAL if name not in UNKNOWN_TO_PYJWT])
def test_a_third_party_reads_the_keys_and_verifies_the_signatures(algorithm: str) -> None:
    """PyJWT has no part in the forge's signing."""
    base = FORGE.base(Profile.JWT, algorithm)
    signature_alone: Options = {
        "verify_signature": True,
        "verify_exp": False,
        "verify_nbf": False,
        "verify_iat": False,
        "verify_aud": False,
    }
    assert jwt.decode(base.token(), jwt.PyJWK(base.key.public_jwk), [algorithm], signature_alone) == base.claims


@pytest.mark.parametrize("algorithm", [name for name in keys.MATERIAL if not name.startswith("ML-DSA")])
def test_signing_twice_gives_the_same_octets(algorithm: str) -> None:
    key = keys.key(algorithm)
    first = key.sign(b"the same")
    keys._sign.cache_clear()
    assert key.sign(b"the same") == first
    assert key.sign(b"another") != first


def test_no_two_keys_are_the_same_and_no_secret_has_a_public_form() -> None:
    found = {(material, role): keys.key(name, role) for name, material in keys.MATERIAL.items() for role in ROLES}
    material = {json.dumps({**each.public_jwk, "kid": 0, "alg": 0}) for each in found.values()}
    assert len(material) == len(found)
    assert keys.public_forms(keys.key("HS256")) == {}
    assert len(set(keys.public_forms(keys.key("RS256")).values())) >= 12


@given(st.binary())
def test_base64url_is_reversible(raw: bytes) -> None:
    text = keys.b64(raw)
    assert keys.unb64(text) == raw
    assert "=" not in text


@given(st.text())
def test_lenient_decoding_is_total(text: str) -> None:
    decoded = keys.lenient_b64(text)
    assert decoded is None or isinstance(decoded, bytes)


def test_a_draft_changes_only_what_it_is_told_to() -> None:
    base = FORGE.base(Profile.JWT)
    token = base.token()
    assert base.with_claims(sub="x").claims == {**base.claims, "sub": "x"}
    assert "kid" not in base.without_header("kid").header
    assert base.unsigned().token() == token.rpartition(".")[0] + "."
    assert base.respelled(str.lower).respelled(lambda text: text + "!").token() == token.lower() + "!"
    assert base.token() == token


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> dict[str, Edit]:
    """A registry of its own, so that what is registered here is not judged elsewhere."""
    mine: dict[str, Edit] = {}
    monkeypatch.setattr(registry, "_EDITS", mine)
    return mine


def no_issuer(draft: Draft) -> Draft:
    """`iss` is missing."""
    return draft.without_claim("iss")


def test_an_edit_is_named_and_described_by_its_function(registered: dict[str, Edit]) -> None:
    registry.edit("VER-33", "RFC 7519 §4.1.1", "claim-missing issuer")(no_issuer)
    edit = registered["no-issuer"]
    assert (edit.description, edit.base, edit.strict) == ("`iss` is missing.", REJECTED, REJECTED)
    assert edit.reasons == {"claim-missing", "issuer"}
    assert [case.name for case in registry.cases()] == ["no-issuer"] * len(edit.requirement.profiles)


def test_base_holds_nobody_to_a_row_that_no_rfc_states(registered: dict[str, Edit]) -> None:
    registry.edit("VER-31", "decisions", "issued-in-future")(no_issuer)
    assert registered["no-issuer"].allowed(Measure.BASE) == EITHER
    assert registered["no-issuer"].rejects(Measure.STRICT)


def test_one_edit_is_made_for_each_named_value(registered: dict[str, Edit]) -> None:
    def issuer_is(draft: Draft, value: str) -> Draft:
        """`iss` is {name}."""
        return draft.with_claims(iss=value)

    registry.edits_for({"empty": "", "blank": " "}, "VER-33", "RFC 7519 §4.1.1")(issuer_is)
    applied = {name: edit.apply(FORGE.base(Profile.JWT)).claims["iss"] for name, edit in registered.items()}
    assert applied == {"issuer-is-empty": "", "issuer-is-blank": " "}
    assert [edit.description for edit in registered.values()] == ["`iss` is empty.", "`iss` is blank."]


def test_a_faulty_edit_cannot_be_registered(registered: dict[str, Edit]) -> None:
    register = registry.edit("VER-33", "RFC 7519 §4.1.1")
    register(no_issuer)
    with pytest.raises(ValueError, match="two edits are called no-issuer"):
        register(no_issuer)
    with pytest.raises(ValueError, match="has no docstring"):
        register(lambda draft: draft)
    registered.clear()
    with pytest.raises(ValueError, match="strict outcomes are not among those of base"):
        registry.edit("VER-33", "RFC 7519 §4.1.1", base=ACCEPTED, strict=REJECTED)(no_issuer)


def test_a_case_is_named_by_its_algorithm_where_there_are_several() -> None:
    edit = registry.edits()["alg-none-without-kid"]
    assert Case(edit, Profile.JWT).name == "alg-none-without-kid"
    assert Case(edit, Profile.JWT, "RS256").name == "alg-none-without-kid.RS256"


@pytest.mark.parametrize("limit", [1, 2, draws.NARROW, draws.NARROW + 1, 2_345])
def test_draws_stay_below_their_limit_and_reach_both_ends(limit: int) -> None:
    drawn: set[int] = set()

    @settings(max_examples=300, database=None, derandomize=True)
    @given(st.composite(draws.number_below)(limit))
    def draw(number: int) -> None:
        drawn.add(number)

    draw()
    assert (min(drawn), max(drawn) < limit) == (0, True)
    assert len(drawn) > min(limit, 100) // 2


def test_a_batch_holds_one_to_so_many() -> None:
    sizes: set[int] = set()

    @settings(max_examples=100, database=None, derandomize=True)
    @given(draws.batch(lambda draw: draws.pick(draw, "abc"), 4))
    def draw(drawn: list[str]) -> None:
        assert set(drawn) <= set("abc")
        sizes.add(len(drawn))

    draw()
    assert sizes == {1, 2, 3, 4}


BASE = FORGE.base(Profile.JWT)


@settings(max_examples=100)
@given(st.composite(mangle_one)(BASE.token()))
def test_a_mangled_token_comes_with_the_change_in_words(mangled: tuple[str, str]) -> None:
    token, how = mangled
    assert " at " in how
    presented = replace(BASE.presentation(), token=token)
    unchanged = token == BASE.token()
    assert (REFERENCE.verify(presented).outcome is Outcome.ACCEPTED) is unchanged, how
