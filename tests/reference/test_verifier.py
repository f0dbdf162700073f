"""What of the verifier the suite cannot see: its memory, its own faults, its ports on their own, and its bounds.

What it decides about a token is judged by the suite, which runs on this reference.
"""

from typing import Any

import pytest

from bearerproof_reference.clock import ManualClock
from bearerproof_reference.verifier.algorithms import ALGORITHMS
from bearerproof_reference.verifier.jose import MalformedError, parse_object
from bearerproof_reference.verifier.keys import KeySet
from bearerproof_reference.verifier.ports import MemoryReplayGuard, Unavailable
from bearerproof_reference.verifier.verdicts import Accepted, Reason, Rejected

from .minting import CLAIMS, NOW, mint, policy, reason, signer, verifier


def test_text_and_bytes_are_the_same_token_and_the_key_is_named() -> None:
    assert verifier().verify(mint().encode()) == verifier().verify(mint()) == Accepted(CLAIMS, "k1")


def test_headers_are_remembered_under_a_good_signature_alone_and_not_without_end() -> None:
    made, stranger = verifier(), signer("EdDSA", "k2")
    for number in range(100):
        made.verify(mint(by=stranger, kid="k1", typ=f"t{number}"))
    assert made._headers == {}
    for _ in range(2):
        assert reason(made.verify(mint())) == "accepted"
        assert len(made._headers) == 1
    for number in range(100):
        made.verify(mint(typ=f"t{number}"))
    assert len(made._headers) == 64
    assert reason(made.verify(mint())) == "accepted"


def test_a_fault_inside_refuses_the_token() -> None:
    class Broken:
        def find(self, _kid: str | None, _alg: str) -> Any:
            raise RuntimeError

    made = verifier()
    assert reason(made.verify(mint())) == "accepted"
    made._keys = Broken()
    assert made.verify(mint()) == Rejected(Reason.OTHER, "RuntimeError")


def test_what_a_policy_leaves_out_it_does_not_allow() -> None:
    assert (policy().leeway, policy().trusted_audiences, policy().replay) == (0, frozenset(), False)


def test_policies_that_make_no_sense() -> None:
    for changes, cause in (({"leeway": float("nan")}, "leeway"), ({"typ": ""}, "media type"), ({"typ": "é"}, "media")):
        with pytest.raises(ValueError, match=cause):
            policy(**changes)
    with pytest.raises(ValueError, match="guard"):
        verifier(replay=True)


@pytest.mark.parametrize("jwks", [None, [], {}, {"keys": {}}])
def test_what_is_not_a_key_set(jwks: object) -> None:
    assert KeySet({"keys": [signer().jwk]}, frozenset(ALGORITHMS)).find("k1", "EdDSA").kid == "k1"
    with pytest.raises(ValueError, match="JWK set"):
        KeySet(jwks, frozenset(ALGORITHMS))


def test_json_nests_31_deep_within_an_object_and_no_deeper() -> None:
    assert parse_object(b'{"a":' + b"[" * 31 + b"]" * 31 + b"}")
    assert parse_object(b'{"a":"' + b"[{" * 100 + b'","b":[' + b"[]," * 40 + b"1]}")
    for text in (b'{"a":' + b"[" * 32 + b"]" * 32 + b"}", b"[" * 100_000):
        with pytest.raises(MalformedError):
            parse_object(text)


def test_a_guard_tells_issuers_apart() -> None:
    guard = MemoryReplayGuard(ManualClock(NOW))
    for issuer in ("https://as.example", "https://other.example"):
        ask = verifier(replay=True, issuer=issuer, ports={"replay": guard})
        assert [reason(ask.verify(mint({**CLAIMS, "iss": issuer}))) for _ in range(2)] == ["accepted", "replay"]


def test_a_full_guard_refuses_until_something_has_expired() -> None:
    clock = ManualClock(NOW)
    guard = MemoryReplayGuard(clock, capacity=2)
    assert guard.first_use("i", "a", NOW + 10)
    assert guard.first_use("i", "b", NOW + 20)
    with pytest.raises(Unavailable):
        guard.first_use("i", "c", NOW + 30)
    clock.wall = NOW + 10
    assert guard.first_use("i", "c", NOW + 30)
    assert not guard.first_use("i", "b", NOW + 20)


def test_what_the_guard_forgot_is_no_first_use_when_the_clock_steps_back() -> None:
    clock = ManualClock(NOW)
    guard = MemoryReplayGuard(clock)
    assert guard.first_use("issuer", "a", NOW + 300)
    clock.wall = NOW + 601
    assert guard.first_use("issuer", "b", NOW + 900)
    clock.wall = NOW
    assert not guard.first_use("issuer", "a", NOW + 300)
    assert not guard.first_use("issuer", "c", NOW + 300), "it may be one that was forgotten"
    assert guard.first_use("issuer", "c", NOW + 301)
