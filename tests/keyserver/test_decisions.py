"""What of its decisions the suite cannot see: a store that is out of order, threads, and what is compared or fetched.

What it grants, refuses, admits and revokes, and the event of each, is judged by the suite, which runs on this server.
"""

import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest

from bearerproof_reference.clock import ManualClock
from bearerproof_reference.keyserver.authentication import AccessRefused, RequestedAccess
from bearerproof_reference.keyserver.configuration import read
from bearerproof_reference.keyserver.exchange import ExchangeRefused
from bearerproof_reference.keyserver.revocation import RevocationRefused, Revoked
from bearerproof_reference.keyserver.server import Caller
from bearerproof_reference.keyserver.subjects import (
    Subject,
    SubjectKeysUnavailable,
    SubjectTokenRejected,
    SubjectTokenVerifier,
)
from tests.keyserver.environment import (
    ADMIN,
    ANNA,
    ISSUER,
    NOW,
    OTHER,
    Down,
    Environment,
    configuration,
    form,
    id_token,
    provider,
)
from tests.reference.minting import Json, b64, signer

UNKNOWN = "01234567-89ab-4cde-8f01-23456789abcd"
BEARER = "bprf_" + "A" * 43
ODD = ["\ud800" * 48, "é" * 48, "x" * 100_000, BEARER + "\n", "\x00"]


def refused(answer: object) -> str:
    """Return the error, and after how many seconds to come again, if it says so."""
    assert isinstance(answer, ExchangeRefused | AccessRefused | RevocationRefused), answer
    return str(answer.error) if answer.retry_after is None else f"{answer.error} {answer.retry_after}"


@pytest.mark.parametrize(
    ("operation", "act", "error", "identity"),
    [
        ("claim", lambda environment: environment.exchange(), "temporarily_unavailable 5", {"identity": ANNA}),
        ("issue", lambda environment: environment.exchange(), "temporarily_unavailable 5", {"identity": ANNA}),
        ("look_up", lambda environment: environment.use(BEARER), "unavailable 5", {}),
        ("revoke", lambda environment: environment.revoke(UNKNOWN), "temporarily_unavailable 5", {}),
        ("revoke_all", lambda environment: environment.revoke_all(), "temporarily_unavailable 5", {}),
    ],
)
def test_a_store_that_is_out_is_no_verdict(
    operation: str, act: Callable[[Environment], object], error: str, identity: Json
) -> None:
    whole = Environment()
    act(whole)
    assert all(event.get("reason") != "store-unavailable" for event in whole.events())
    environment = Environment(store=Down(whole.store, operation))
    assert refused(act(environment)) == error
    assert environment.event() == {"event": "token.denied", **identity, "reason": "store-unavailable"}


@pytest.mark.parametrize("text", ODD)
def test_texts_that_no_client_sends_are_refused_like_others(text: str) -> None:
    environment = Environment()
    assert refused(environment.use(text)) == "invalid-token"
    assert environment.reason() == "token.invalid malformed-bearer"
    assert refused(environment.revoke(UNKNOWN, text)) == "unauthorized"
    assert environment.reason() == "token.denied admin-credentials"
    assert refused(environment.revoke(text)) == "not-active"
    assert environment.reason() == "token.denied not-active"
    assert refused(environment.send(*form(text))) == "invalid_request"
    assert environment.reason() == "token.denied subject-token"


@pytest.mark.parametrize(("bearers", "error"), [([], "missing-credential"), ([BEARER] * 2, "several-credentials")])
def test_no_credential_and_two(bearers: list[str], error: str) -> None:
    environment = Environment()
    assert refused(environment.server.authenticate(bearers, RequestedAccess(), environment.caller)) == error
    assert environment.event() == {"event": "token.invalid", "reason": error}


def test_the_event_of_a_revocation_that_does_nothing_names_a_token_by_a_jti_alone() -> None:
    environment = Environment()
    revoked = environment.granted().record.jti
    environment.revoke(revoked)
    environment.events()
    for jti in (UNKNOWN, revoked):
        assert refused(environment.revoke(jti)) == "not-active"
        assert environment.event() == {"event": "token.denied", "token_jti": jti, "reason": "not-active"}
    assert refused(environment.revoke(BEARER)) == "not-active"
    assert environment.event() == {"event": "token.denied", "reason": "not-active"}


def test_digests_of_one_length_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    compare = hmac.compare_digest

    def noted(ours: bytes, theirs: bytes) -> bool:
        compared.append((ours, theirs))
        return compare(ours, theirs)

    monkeypatch.setattr(hmac, "compare_digest", noted)
    environment = Environment()
    for admin in (ADMIN, "x", None):
        environment.revoke(UNKNOWN, admin)
    assert [(len(ours), len(theirs)) for ours, theirs in compared] == [(32, 32)] * 3
    assert all(ADMIN.encode() not in ours + theirs for ours, theirs in compared)


def test_the_address_in_an_event_is_that_of_the_client() -> None:
    environment = Environment()
    for caller, address in (
        (Caller("192.0.2.9", "198.51.100.1"), "192.0.2.9"),
        (Caller("10.1.2.3", "203.0.113.1, 198.51.100.1"), "198.51.100.1"),
        (Caller(None), None),
    ):
        environment.caller = caller
        environment.use(BEARER)
        assert environment.events()[0].get("client_ip") == address


def subjects(*providers: Json, **fetching: Any) -> SubjectTokenVerifier:
    found = read(configuration(providers=list(providers) or [provider()], policies=[]))
    return SubjectTokenVerifier(found.providers, found.leeway, ManualClock(NOW), **fetching)


ALLOWED: list[Json] = [
    {"sub": "x" * 255, "name": "x" * 256, "groups": ["x" * 256]},
    {"groups": ["g"] * 1024},
    {"email": "x" * 320},
    {"email": None, "email_verified": None, "name": None, "groups": None},
    {"aud": ["key-server"]},
]
REFUSED: list[Json] = [
    *({"iss": value} for value in (OTHER, f"{ISSUER}/", ISSUER.upper(), None, [ISSUER])),
    *({"sub": value} for value in ("", None, 7, "x" * 256)),
    *({"aud": value} for value in ("other", None, [], ["key-server", "other"])),
    *({"exp": value} for value in (NOW, None)),
    *({"iat": value} for value in (NOW + 1, None)),
    *({"email": value} for value in (7, "x" * 321)),
    *({"name": value} for value in (["Anna"], "x" * 257)),
    *({"groups": value} for value in ("staff", ["staff", 7], ["x" * 257], {"staff": True}, ["g"] * 1025)),
    *({"by": by} for by in (signer("EdDSA", "k2"), signer("ES256", "k1"), signer("HS256", "k1"))),
    {"azp": "other"},
    {"nbf": NOW + 1},
    {"jti": 7},
    {"typ": "at+jwt"},
]


def rejected(made: SubjectTokenVerifier, token: str) -> bool:
    try:
        made.verify(token)
    except SubjectTokenRejected:
        return True
    return False


def test_claims_of_a_subject_token_up_to_their_bounds() -> None:
    made = subjects()
    assert [claims for claims in ALLOWED if rejected(made, id_token(**claims))] == []
    assert [claims for claims in REFUSED if not rejected(made, id_token(**claims))] == []


def test_the_key_of_a_subject_token_is_short_and_not_that_of_its_signature() -> None:
    """ECDSA has many signatures for one text, and everybody can make a second from the first."""
    by = signer("ES256")
    made = subjects(provider(algorithms=["ES256"], keys={"keys": [by.jwk]}))
    token = id_token(jti=None, by=by)
    signed = token.rpartition(".")[0]
    again = f"{signed}.{b64(by.sign(signed.encode()))}"
    assert token != again
    assert made.verify(token).key == made.verify(again).key
    assert made.verify(token).key != made.verify(id_token(at=NOW - 1, jti=None, by=by)).key
    assert len(made.verify(id_token(jti="j" * 3000, by=by)).key) < 80


def test_rotation_of_what_is_not_there_is_an_error() -> None:
    made = subjects()
    made.rotate(ISSUER, {"keys": [signer().jwk]})
    assert isinstance(made.verify(id_token()), Subject)
    with pytest.raises(KeyError):
        made.rotate("https://nobody.example", {"keys": []})
    with pytest.raises(ValueError, match="JWK set"):
        made.rotate(ISSUER, {})


def test_keys_are_fetched_once_and_for_nobody_who_cannot_have_signed() -> None:
    urls: list[str] = []

    def get(url: str) -> bytes:
        urls.append(url)
        return json.dumps({"keys": [signer().jwk]}).encode()

    made = subjects(provider(keys=None, keys_url="https://idp.example/keys"), get=get)
    for token in (id_token(iss=OTHER), id_token(by=signer("HS256")), "a.b.c"):
        with pytest.raises(SubjectTokenRejected):
            made.verify(token)
    assert urls == []
    assert all(isinstance(made.verify(id_token()), Subject) for _ in range(3))
    assert urls == ["https://idp.example/keys"]


def test_keys_that_cannot_be_had_reject_nobody() -> None:
    def get(_url: str) -> bytes:
        raise OSError("no route")

    with pytest.raises(SubjectKeysUnavailable):
        subjects(provider(keys=None, keys_url="https://idp.example/keys"), get=get).verify(id_token())


@pytest.mark.parametrize(
    ("secret", "heard"),
    [
        *(("k7Vb3_Jt0qXw9Lz-Rf2hYc8Ns5Dg1Em4Pu6Ao_TiHKQ", True), ("0123456789abcdef" * 4, True)),
        *(("k7Vb3_Jt0qXw9Lz-Rf2hYc8Ns5Dg1Em4Pu6Ao_TiHK", False), ("ab" * 32, False), (ADMIN, False)),
    ],
)
def test_who_guesses_keeps_no_generated_secret_out(secret: str, heard: bool) -> None:
    """Wrong ones are limited as ever; a secret that could be guessed is refused with them, where they come from."""
    environment = Environment({"admin_secret": secret})
    for _ in range(20):
        environment.revoke("x", "wrong")
    assert environment.events()[-1]["reason"] == "throttled"
    environment.revoke_all(admin=secret)
    assert [event["reason"] for event in environment.events()] == ([] if heard else ["throttled"])
    environment.caller = Caller("127.0.0.1")
    assert environment.revoke_all(admin=secret) == Revoked(0)
