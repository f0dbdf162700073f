"""Each library's adapter accepts what it should, so that its rejections mean something, and says why."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import pytest

from bearerproof.contract.connections import connect
from bearerproof.contract.implementation import Implementation, Skipped
from bearerproof.contract.messages import Outcome, Policy, Presentation
from bearerproof.specification.catalogue import Profile
from bearerproof.subjects.cache import PolicyCache
from bearerproof_fuzz import keys
from bearerproof_fuzz.forge import Draft, Forge

SUBJECTS = ("pyjwt", "joserfc", "authlib")


@pytest.fixture(scope="module", params=SUBJECTS)
def implementation(request: pytest.FixtureRequest) -> Iterator[Implementation]:
    opened = Implementation(connect(request.param))
    yield opened
    opened.close()


@pytest.fixture
def forge(implementation: Implementation) -> Forge:
    return Forge.at_present(implementation.declaration)


def signable(implementation: Implementation) -> list[str]:
    return [name for name in keys.MATERIAL if name in implementation.declaration.algorithms]


@pytest.mark.parametrize("profile", [Profile.JWT, Profile.JWS])
def test_every_declared_algorithm_is_verified(implementation: Implementation, forge: Forge, profile: Profile) -> None:
    for algorithm in signable(implementation):
        base = forge.base(profile, algorithm)
        honest = implementation.verify(base.presentation())
        assert honest.outcome is Outcome.ACCEPTED, algorithm
        forged = implementation.verify(base.with_signature(flip_first_bit).presentation())
        assert (forged.outcome, forged.reason) == (Outcome.REJECTED, "signature"), algorithm


def test_no_algorithm_of_the_forge_is_left_undeclared(implementation: Implementation) -> None:
    left_out = set(keys.MATERIAL) - set(signable(implementation))
    assert left_out <= {"Ed25519", "ES256K", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"}


def test_what_was_signed_is_returned(implementation: Implementation, forge: Forge) -> None:
    jwt, jws = forge.base(Profile.JWT), forge.base(Profile.JWS)
    assert implementation.verify(jwt.presentation()).claims == jwt.claims
    payload = implementation.verify(jws.presentation()).payload_b64
    assert payload is not None
    assert base64.b64decode(payload) == jws.payload_bytes()


def test_a_token_may_be_bytes(implementation: Implementation, forge: Forge) -> None:
    presented = forge.base(Profile.JWT).presentation()
    assert isinstance(presented.token, str)
    as_bytes = replace(presented, token=presented.token.encode())
    assert implementation.verify(as_bytes).outcome is Outcome.ACCEPTED


FAULTS = {
    "expired": lambda draft: draft.with_claims(exp=draft.now - 120),
    "not-yet-valid": lambda draft: draft.with_claims(nbf=draft.now + 120),
    "issued-in-future": lambda draft: draft.with_claims(iat=draft.now + 120),
    "issuer": lambda draft: draft.with_claims(iss="https://other.example"),
    "audience": lambda draft: draft.with_claims(aud="api://other"),
    "claim-missing": lambda draft: draft.without_claim("exp"),
    "claim-malformed": lambda draft: draft.with_claims(exp="soon"),
    "algorithm": lambda draft: draft.with_header(alg="none").unsigned(),
    "critical": lambda draft: draft.with_header(crit=["never-heard-of"], **{"never-heard-of": 1}),
    "malformed": lambda draft: draft.respelled(lambda token: token.rpartition(".")[0]),
}


@pytest.mark.parametrize("reason", FAULTS)
def test_a_rejection_says_why(implementation: Implementation, forge: Forge, reason: str) -> None:
    draft: Draft = FAULTS[reason](forge.base(Profile.JWT))
    answer = implementation.verify(draft.presentation())
    assert (answer.outcome, answer.reason) == (Outcome.REJECTED, reason)


def test_an_issuer_or_audience_left_out_is_missing(implementation: Implementation, forge: Forge) -> None:
    for claim in ("iss", "aud"):
        answer = implementation.verify(forge.base(Profile.JWT).without_claim(claim).presentation())
        assert (answer.outcome, answer.reason) == (Outcome.REJECTED, "claim-missing"), claim


def test_the_leeway_of_the_policy_is_honoured(implementation: Implementation, forge: Forge) -> None:
    late = forge.base(Profile.JWT).with_claims(exp=int(forge.now) - 20)
    assert implementation.verify(late.presentation()).outcome is Outcome.REJECTED
    assert implementation.verify(late.with_policy(leeway=120).presentation()).outcome is Outcome.ACCEPTED


def test_an_unknown_key_is_never_replaced_by_another(implementation: Implementation, forge: Forge) -> None:
    """Authlib says it with a bare ValueError, outside the error type it documents: errored, not rejected."""
    answer = implementation.verify(forge.base(Profile.JWT).with_header(kid="unknown").presentation())
    if implementation.declaration.name == "Authlib":
        assert (answer.outcome, answer.detail) == (Outcome.ERRORED, "ValueError: Key not found")
    else:
        assert (answer.outcome, answer.reason) == (Outcome.REJECTED, "key-unknown")


def test_what_a_library_cannot_do_is_skipped_with_a_reason(implementation: Implementation, forge: Forge) -> None:
    base = forge.base(Profile.JWT)
    members = {name: value for name, value in base.policy.members.items() if name != "keys"}
    by_url = Presentation(base.token(), Policy({**members, "keys_url": "http://127.0.0.1/"}), base.profile, base.now)
    answer = implementation.verify(by_url)
    assert answer.outcome is Outcome.SKIPPED
    assert "URL" in (answer.detail or "")
    with pytest.raises(Skipped, match="stats"):
        implementation.stats()


def test_a_policy_cache_is_bounded_and_keeps_what_is_used() -> None:
    cache: PolicyCache[int] = PolicyCache(limit=2)
    made = count()
    found = [cache.get(policy_id, lambda: next(made)) for policy_id in ("a", "b", "a", "c", "a", "b")]
    assert found == [0, 1, 0, 2, 0, 3]
    assert cache.get(None, lambda: next(made)) != cache.get(None, lambda: next(made))


def flip_first_bit(signature: bytes) -> bytes:
    return bytes([signature[0] ^ 1]) + signature[1:]
