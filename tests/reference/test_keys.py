"""Which key may decide: by purpose, type, strength and name."""

from math import prod
from typing import Any

import pytest

from bearerproof_reference.verifier.algorithms import ALGORITHMS
from bearerproof_reference.verifier.keys import KeySet
from bearerproof_reference.verifier.verdicts import Refusal

from .minting import Json, b64, signer

ALL = frozenset(ALGORITHMS)

_PRIMES = prod((11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157))
FINGERPRINTED = 65537 + 2 * _PRIMES * (2**2047 // (2 * _PRIMES) + 1)
"""A modulus that is a power of 65537 modulo each of these primes, as CVE-2017-15361 makes them."""


def found(*jwks: Any, kid: str | None = "k1", alg: str = "EdDSA", allowed: frozenset[str] = ALL) -> str:
    """Return the kid of the key found, or the reason there is none."""
    try:
        return str(KeySet({"keys": list(jwks)}, allowed).find(kid, alg).kid)
    except Refusal as refusal:
        return str(refusal.rejected.reason)


@pytest.mark.parametrize("alg", sorted(ALL))
def test_a_good_key_verifies_its_algorithm(alg: str) -> None:
    made = signer(alg)
    key = KeySet({"keys": [made.jwk]}, ALL).find("k1", alg)
    signature = made.sign(b"data")
    assert key.verify(signature, b"data")
    assert not key.verify(signature, b"date")
    assert not key.verify(signature[:-1], b"data")
    assert not key.verify(signature + b"\0", b"data")
    assert not key.verify(bytes(len(signature)), b"data")


def test_the_other_ecdsa_signature_is_right_too() -> None:
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    made = signer("ES256")
    signature = made.sign(b"data")
    half = len(signature) // 2
    mirrored = order - int.from_bytes(signature[half:])
    key = KeySet({"keys": [made.jwk]}, ALL).find("k1", "ES256")
    assert key.verify(signature[:half] + mirrored.to_bytes(half), b"data")
    assert not key.verify(signature[:half] + order.to_bytes(half), b"data")


@pytest.mark.parametrize(
    ("members", "outcome"),
    [
        ({}, "k1"),
        ({"use": None}, "k1"),
        ({"key_ops": ["verify"]}, "k1"),
        ({"x-extra": 1}, "k1"),
        ({"alg": None}, "key-unusable"),  # EdDSA or Ed25519? One key serves one algorithm.
        ({"use": "enc"}, "key-unusable"),
        ({"key_ops": ["sign"]}, "key-unusable"),
        ({"key_ops": "verify"}, "key-unusable"),
        ({"alg": "ES256"}, "key-unusable"),
        ({"alg": ["EdDSA"]}, "key-unusable"),
        ({"alg": "Ed25519"}, "algorithm"),
        ({"crv": "X25519"}, "key-unusable"),
        ({"x": "AA"}, "key-unusable"),
        ({"kid": "K1"}, "key-unknown"),
        ({"kid": 1}, "key-unknown"),
        ({"kty": "AKP"}, "key-unknown"),
        ({"kty": ["OKP"]}, "key-unknown"),
    ],
)
def test_members_of_a_key(members: Json, outcome: str) -> None:
    assert found(signer().but(**members)) == outcome


def test_a_key_without_alg_takes_the_only_one_allowed() -> None:
    assert found(signer().but(alg=None), allowed=frozenset({"EdDSA"})) == "k1"


@pytest.mark.parametrize("size", [0, 16, 31])
def test_a_short_secret_verifies_nothing(size: int) -> None:
    assert found(signer("HS256").jwk, alg="HS256") == "k1"
    assert found(signer("HS256").but(k=b64(bytes(size))), alg="HS256") == "key-unusable"


@pytest.mark.parametrize(
    "members",
    [
        {"e": "AQ"},
        {"e": "Ag"},
        {"e": ""},
        {"n": b64(b"\xff" * 128)},
        {"n": b64(FINGERPRINTED.to_bytes(256))},
        {"n": 5},
    ],
)
def test_a_weak_rsa_key_verifies_nothing(members: Json) -> None:
    assert found(signer("RS256").jwk, alg="RS256") == "k1"
    assert found(signer("RS256").but(**members), alg="RS256") == "key-unusable"


def test_a_point_off_the_curve_verifies_nothing() -> None:
    assert found(signer("ES256").but(y=signer("ES256").jwk["x"]), alg="ES256") == "key-unusable"


def test_two_keys_of_one_kid_are_both_unusable() -> None:
    other = signer("EdDSA", "k2")
    assert found(signer().jwk, other.jwk) == "k1"
    assert found(signer().jwk, other.but(kid="k1")) == "key-unusable"
    assert found(other.but(kid="k1", use="enc"), signer().jwk) == "key-unusable"


def test_what_is_not_understood_leaves_the_others_alone() -> None:
    assert found({"kty": "AKP", "kid": "k1"}, 5, None, {}, signer().jwk) == "k1"


def test_without_a_kid_only_an_unambiguous_key_is_found() -> None:
    assert found(signer().jwk, signer("HS256", "k2").jwk, kid=None) == "k1"
    assert found(signer().jwk, signer("EdDSA", "k2").jwk, kid=None) == "key-unknown"


def test_families_stay_apart() -> None:
    assert found(signer("RS256").jwk, signer("HS256", "k2").jwk, alg="HS256") == "algorithm"


@pytest.mark.parametrize("jwks", [None, [], {}, {"keys": {}}])
def test_what_is_not_a_key_set(jwks: object) -> None:
    with pytest.raises(ValueError, match="JWK set"):
        KeySet(jwks, ALL)
