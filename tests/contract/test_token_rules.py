"""A product's own rules for its tokens: what they explain, and that they explain no more."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bearerproof.contract.declaration import Declaration
from bearerproof.contract.messages import Answer, Outcome
from bearerproof.contract.tokenrules import TokenRules, read_token_rules
from bearerproof.exceptions import AdapterFault
from bearerproof.specification.catalogue import Measure, Profile
from bearerproof_fuzz.edits import registry, signature
from bearerproof_fuzz.forge import NOW, Draft, Forge
from bearerproof_fuzz.material import escaped

RULES = TokenRules(claims={"cat": "access"}, leeway={"exp": 60, "iat": 60, "auth_time": 60})
BASE = Forge(
    Declaration("x", "1", "none", 0, (Profile.JWT,), Measure.BASE, ("RS256",), tokens={Profile.JWT: RULES})
).base(Profile.JWT)
SHORT = signature.rsa_signature_an_octet_short.__name__.replace("_", "-")
ACCEPTED = Answer(Outcome.ACCEPTED)


@pytest.mark.parametrize(
    "change",
    [
        lambda draft: draft.with_claims(iat=NOW + 30),
        lambda draft: draft.with_claims(exp=NOW - 30),
        lambda draft: draft.with_claims(exp=NOW - 60, iat=NOW + 0.5),
        lambda draft: draft.with_claims(iat=NOW + 60, exp=NOW + 660).with_policy(leeway=30),
        lambda draft: draft.with_claims(auth_time=NOW - 330).with_policy(max_age=300),
    ],
)
def test_a_built_in_leeway_explains_that_a_time_is_accepted(change: Callable[[Draft], Draft]) -> None:
    base = replace(BASE, policy=change(BASE).policy)
    assert RULES.excuse(ACCEPTED, change(BASE).presentation(), base.presentation()) is not None


@pytest.mark.parametrize(
    "change",
    [
        lambda draft: draft.with_claims(exp=NOW - 61),
        lambda draft: draft.with_claims(nbf=NOW + 30),
        lambda draft: draft.with_claims(exp=NOW - 30, nbf=NOW + 30),
        lambda draft: draft.with_claims(iat=NOW + 30, exp=True),
        lambda draft: draft.with_claims(exp="never"),
        lambda draft: draft.with_claims(iat=NOW + 30).without_claim("exp"),
        lambda draft: draft.with_claims(iat=NOW + 30, sub="admin"),
        lambda draft: draft.with_claims(iat=NOW + 30, aud="api://other"),
        lambda draft: draft.with_claims(iat=NOW + 30).with_header(alg="none").unsigned(),
        lambda draft: draft.with_claims(iat=NOW + 30).with_policy(issuer="https://other.example"),
        lambda draft: draft.with_signature(lambda signature: signature[1:]),
        lambda draft: draft.respelled(lambda token: f"{token}.{token}"),
    ],
)
def test_it_explains_nothing_else_that_is_wrong(change: Callable[[Draft], Draft]) -> None:
    assert RULES.excuse(ACCEPTED, change(BASE).presentation(), BASE.presentation()) is None
    assert RULES.excuse(ACCEPTED, BASE.with_claims(iat=NOW + 30).presentation()) is None, "without what was accepted"


def test_what_the_rules_fix_stands_in_tokens_of_escapes_too() -> None:
    bare = replace(BASE, claims={"iss": BASE.claims["iss"]})
    assert b'"cat": "access"' in escaped(bare).payload_bytes()


def test_a_closed_list_of_claims_takes_no_edit_of_the_signature_away() -> None:
    edit = registry.edits()[SHORT]
    assert edit.given(BASE).claims.keys() == BASE.claims.keys()


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"jws": {}}, "unknown member 'jws'; known are access-token, id-token, jwt"),
        ({"key-server": {}}, "unknown member 'key-server'"),
        ({"jwt": {"claims": {"jti": "1"}}}, "claims must leave jti to the checks"),
        ({"jwt": {"leeway": {"sub": 1}}}, "unknown member 'sub'"),
    ],
)
def test_rules_that_cannot_be_are_refused(raw: dict[str, dict[str, object]], message: str) -> None:
    with pytest.raises(AdapterFault) as refused:
        read_token_rules(raw, "hello: tokens")
    assert message in str(refused.value)
