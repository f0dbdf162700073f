"""ID tokens: audience, authorized party, nonce, hashes, authentication."""

import hashlib

import pytest

from bearerproof_reference.verifier.idtoken import left_half_hash
from bearerproof_reference.verifier.policy import Profile
from bearerproof_reference.verifier.verdicts import Rejected

from .minting import NOW, Json, b64, claims, mint, verifier

HASH = b64(hashlib.sha512(b"the-artefact").digest()[:32])


def outcome(changes: Json, told: Json | None = None) -> str:
    """Return ``accepted``, or the reason and detail of the rejection, of an ID token with these claims."""
    base = {"profile": Profile.ID_TOKEN, "audience": "rp-1", "client_id": "rp-1", "typ": None}
    token = mint(claims(**{"aud": "rp-1", "jti": None, "client_id": None, **changes}), typ="JWT")
    verdict = verifier(**{**base, **(told or {})}).verify(token)
    return f"{verdict.reason} {verdict.detail}".strip() if isinstance(verdict, Rejected) else "accepted"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "accepted"),
        ({"azp": "rp-1"}, "accepted"),
        ({"aud": ["rp-1"]}, "accepted"),
        ({"nonce": "unasked", "at_hash": "x", "acr": 5}, "accepted"),
        ({"aud": "rp-2"}, "audience"),
        ({"aud": ["rp-1", "api"]}, "audience"),
        ({"azp": "rp-2"}, "authorized-party AzpMismatch"),
        ({"azp": ["rp-1"]}, "authorized-party AzpMismatch"),
        ({"sub": None}, "claim-missing sub"),
        ({"iat": None}, "claim-missing iat"),
        ({"exp": None}, "claim-missing exp"),
    ],
)
def test_whom_it_is_for(changes: Json, expected: str) -> None:
    assert outcome(changes) == expected


def test_trusted_audiences_need_an_authorized_party() -> None:
    told = {"trusted_audiences": frozenset({"api"})}
    assert outcome({"aud": ["rp-1", "api"], "azp": "rp-1"}, told) == "accepted"
    assert outcome({"aud": ["rp-1", "api"]}, told) == "authorized-party AzpMissing"


@pytest.mark.parametrize(
    ("told", "good", "bad", "missing", "mismatch"),
    [
        ({"nonce": "n-1"}, {"nonce": "n-1"}, {"nonce": "N-1"}, "nonce NonceMissing", "nonce NonceMismatch"),
        ({"nonce": "n-1"}, {"nonce": "n-1"}, {"nonce": 1}, "nonce NonceMissing", "nonce NonceMismatch"),
        (
            {"access_token": "the-artefact"},
            {"at_hash": HASH},
            {"at_hash": HASH[:-1]},
            "token-hash AtHashMissing",
            "token-hash AtHashMismatch",
        ),
        (
            {"code": "the-artefact"},
            {"c_hash": HASH},
            {"c_hash": HASH + "="},
            "token-hash CHashMissing",
            "token-hash CHashMismatch",
        ),
        (
            {"max_age": 60},
            {"auth_time": NOW - 60},
            {"auth_time": NOW - 61},
            "auth-time AuthTimeMissing",
            "auth-time AuthTimeStale",
        ),
        (
            {"acr_values": ("high",)},
            {"acr": "high"},
            {"acr": ["high"]},
            "acr AcrMissing",
            "acr AcrNotAllowed",
        ),
    ],
)
def test_what_was_asked_for(told: Json, good: Json, bad: Json, missing: str, mismatch: str) -> None:
    assert outcome(good, told) == "accepted"
    assert outcome({}, told) == missing
    assert outcome(bad, told) == mismatch


@pytest.mark.parametrize(("alg", "name"), [("RS256", "sha256"), ("ES384", "sha384"), ("Ed25519", "sha512")])
def test_the_hash_is_that_of_the_algorithm(alg: str, name: str) -> None:
    digest = hashlib.new(name, b"the-artefact").digest()
    assert left_half_hash("the-artefact", alg) == b64(digest[: len(digest) // 2])


def test_an_access_token_is_no_id_token_and_the_other_way_round() -> None:
    relying_party = verifier(profile=Profile.ID_TOKEN, audience="api://orders", typ=None)
    assert getattr(relying_party.verify(mint()), "reason", None) == "type"
    assert getattr(verifier().verify(mint(typ="JWT")), "reason", None) == "type"
