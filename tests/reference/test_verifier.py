"""The verifier: what it takes, what it refuses, and for which reason."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearerproof_reference.verifier.policy import MAX_TOKEN, Profile
from bearerproof_reference.verifier.verdicts import Accepted
from bearerproof_reference.verifier.verifier import verify_jws

from .minting import AUDIENCE, CLAIMS, NOW, Json, b64, claims, mint, policy, reason, seal, signer, verifier


@pytest.mark.parametrize("alg", ["HS256", "RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"])
def test_an_honest_token_is_accepted(alg: str) -> None:
    made = signer(alg)
    verdict = verifier(made.jwk, algorithms=frozenset({alg})).verify(mint(by=made))
    assert verdict == Accepted(CLAIMS, "k1")


def test_text_and_bytes_are_the_same_token() -> None:
    assert verifier().verify(mint().encode()) == verifier().verify(mint())


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({}, "accepted"),
        ({"typ": "AT+JWT"}, "accepted"),
        ({"typ": "application/at+jwt"}, "accepted"),
        ({"kid": None}, "accepted"),
        ({"typ": None}, "type"),
        ({"typ": "JWT"}, "type"),
        ({"typ": ["at+jwt"]}, "type"),
        ({"typ": "x/at+jwt"}, "type"),
        ({"alg": None}, "algorithm"),
        ({"alg": "none"}, "algorithm"),
        ({"alg": "eddsa"}, "algorithm"),
        ({"alg": ["EdDSA"]}, "algorithm"),
        ({"alg": "Ed25519"}, "algorithm"),
        ({"kid": 1}, "header"),
        ({"kid": "k2"}, "key-unknown"),
        ({"kid": "K1"}, "key-unknown"),
        ({"kid": ""}, "key-unknown"),
        ({"crit": []}, "critical"),
        ({"crit": ["exp"]}, "critical"),
        ({"b64": False}, "header"),
        ({"jwk": {}}, "header"),
        ({"jku": "https://evil.example"}, "header"),
        ({"zip": "DEF"}, "header"),
        ({"enc": "A256GCM"}, "header"),
    ],
)
def test_the_header(header: Json, expected: str) -> None:
    assert reason(verifier().verify(mint(**header))) == expected


@pytest.mark.parametrize("members", [{"kid": None, "crit": None}, {"crit": None}])
def test_null_is_present(members: Json) -> None:
    header = json.dumps({"typ": "at+jwt", "alg": "EdDSA", **members}).encode()
    assert reason(verifier().verify(seal(header, b"{}", signer()))) in ("header", "critical")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"extra": [1, {"a": None}]}, "accepted"),
        ({"exp": NOW + 0.5}, "accepted"),
        ({"nbf": NOW}, "accepted"),
        ({"aud": ["other", AUDIENCE]}, "accepted"),
        ({"exp": NOW}, "expired"),
        ({"nbf": NOW + 1}, "not-yet-valid"),
        ({"iat": NOW + 1}, "issued-in-future"),
        ({"exp": str(NOW + 9)}, "claim-malformed"),
        ({"exp": True}, "claim-malformed"),
        ({"exp": [NOW + 9]}, "claim-malformed"),
        ({"exp": 10**400}, "claim-malformed"),
        ({"nbf": "0"}, "claim-malformed"),
        ({"iat": False}, "claim-malformed"),
        ({"iss": "https://as.example/"}, "issuer"),
        ({"iss": ["https://as.example"]}, "issuer"),
        ({"aud": AUDIENCE + "/"}, "audience"),
        ({"aud": [AUDIENCE.upper()]}, "audience"),
        ({"aud": []}, "audience"),
        ({"aud": [AUDIENCE, 5]}, "claim-malformed"),
        ({"aud": {AUDIENCE: 1}}, "claim-malformed"),
        ({"sub": 5}, "claim-malformed"),
        ({"jti": ["j1"]}, "claim-malformed"),
        ({"client_id": 5}, "claim-malformed"),
    ],
)
def test_the_claims(changes: Json, expected: str) -> None:
    assert reason(verifier().verify(mint(claims(**changes)))) == expected


@pytest.mark.parametrize("name", sorted(CLAIMS))
def test_every_claim_of_an_access_token_is_needed(name: str) -> None:
    verdict = verifier().verify(mint(claims(**{name: None})))
    assert (reason(verdict), getattr(verdict, "detail", "")) == ("claim-missing", name)


def test_claims_that_the_policy_asks_for() -> None:
    told: Json = {"profile": Profile.JWT, "typ": None, "require": ("tenant",)}
    assert reason(verifier(**told).verify(mint(claims(tenant="t", client_id=None)))) == "accepted"
    assert reason(verifier(**told).verify(mint(claims(client_id=None)))) == "claim-missing"


@pytest.mark.parametrize(("leeway", "offset", "expected"), [(5, 4.9, "accepted"), (5, 5, "expired"), (0, 0, "expired")])
def test_leeway(leeway: float, offset: float, expected: str) -> None:
    token = mint(claims(exp=NOW, iat=NOW - 9))
    assert reason(verifier(leeway=leeway, now=NOW + offset).verify(token)) == expected


@pytest.mark.parametrize("payload", [b"[]", b"{}x", b'{"exp":1,"exp":2}', b"\xff", b"", b'{"a":NaN}'])
def test_a_signed_payload_that_is_not_strict_json(payload: bytes) -> None:
    assert reason(verifier().verify(mint(payload))) == "malformed"


def test_the_signature_comes_before_the_claims() -> None:
    forged = mint(claims(exp=1, iss=5), by=signer("EdDSA", "k2"), kid="k1", typ="JWT")
    assert reason(verifier().verify(forged)) == "signature"


@given(st.data())
def test_any_altered_byte_is_refused(data: st.DataObject) -> None:
    token = mint().encode()
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda octet: octet != token[at]))
    altered = token[:at] + bytes([other]) + token[at + 1 :]
    assert reason(verifier().verify(altered)) != "accepted"


@given(st.text() | st.binary())
def test_nothing_escapes(token: str | bytes) -> None:
    assert reason(verifier().verify(token)) == "malformed"


@pytest.mark.parametrize("token", ["", ".", "..", "a.b", "\ud800", "{}", "é.é.é"])
def test_what_is_no_token(token: str) -> None:
    assert reason(verifier().verify(token)) == "malformed"


def test_other_serialisations_are_refused() -> None:
    head, body, tail = mint().split(".")
    assert reason(verifier().verify(json.dumps({"protected": head, "payload": body, "signature": tail}))) == "malformed"
    assert reason(verifier().verify(f"{head}.{body}.{tail}.{body}.{tail}")) == "malformed"
    assert reason(verifier().verify(f"{head}.{body}.")) == "malformed"


def test_the_size_is_capped_before_anything_is_decoded() -> None:
    spare = MAX_TOKEN - len(mint(claims(pad="")))
    longest = mint(claims(pad="x" * (spare * 3 // 4 - 1)))
    assert MAX_TOKEN - 4 < len(longest) <= MAX_TOKEN
    assert reason(verifier().verify(longest)) == "accepted"
    assert reason(verifier().verify(mint() + "A" * MAX_TOKEN)) == "too-large"


def test_a_public_key_is_no_secret() -> None:
    public = signer("RS256")
    both = frozenset({"RS256", "HS256"})
    assert reason(verifier(public.jwk, algorithms=both).verify(mint(by=public))) == "accepted"
    assert reason(verifier(public.jwk, algorithms=both).verify(mint(by=public, alg="HS256"))) == "algorithm"


def test_forged_headers_are_not_remembered() -> None:
    made = verifier()
    for number in range(100):
        made.verify(mint(by=signer("EdDSA", "k2"), kid="k1", typ=f"t{number}"))
    assert made._headers == {}
    made.verify(mint())
    assert len(made._headers) == 1


def test_a_fault_inside_refuses_the_token() -> None:
    class Broken:
        def find(self, _kid: str | None, _alg: str) -> Any:
            raise RuntimeError

    made = verifier()
    made._keys = Broken()
    assert (reason(made.verify(mint())), getattr(made.verify(mint()), "detail", "")) == (
        "other",
        "RuntimeError",
    )


def test_policies_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="leeway"):
        policy(leeway=float("nan"))
    with pytest.raises(ValueError, match="media type"):
        policy(typ="")
    with pytest.raises(ValueError, match="guard"):
        verifier(replay=True)


def test_a_bare_jws() -> None:
    made = signer("ES256")
    jwks = {"keys": [made.jwk]}
    token = seal(b'{"alg":"ES256","kid":"k1","cty":"x"}', b"any bytes", made)
    assert verify_jws(token, jwks, ["ES256"]) == b"any bytes"
    assert reason_of_jws(token, jwks, ["RS256"]) == "algorithm"
    altered = token[:-2] + ("AA" if token[-2:] != "AA" else "QA")
    assert reason_of_jws(altered, jwks, ["ES256"]) in ("signature", "malformed")
    assert reason_of_jws(seal(b'{"alg":"ES256","crit":["b64"],"b64":false}', b"", made), jwks, ["ES256"]) == "critical"
    assert reason_of_jws(b64(b'{"alg":"none"}') + "..", jwks, ["ES256"]) == "algorithm"


def reason_of_jws(token: str, jwks: Json, algorithms: list[str]) -> str:
    """Return why there is no payload."""
    verdict = verify_jws(token, jwks, algorithms)
    return "accepted" if isinstance(verdict, bytes) else str(verdict.reason)
