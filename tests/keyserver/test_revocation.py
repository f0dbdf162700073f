"""Revocation: for the admin alone, of exactly what was asked for, and each token told once."""

import hmac

import pytest

from bearerproof_reference.keyserver.authentication import AccessRefused
from bearerproof_reference.keyserver.revocation import RevocationRefused, Revoked
from bearerproof_reference.keyserver.server import Caller
from tests.keyserver.stage import ADMIN, ISSUER, OTHER, Stage
from tests.keyserver.test_exchange import ANNA, Down

UNKNOWN = "01234567-89ab-4cde-8f01-23456789abcd"


def refused(answer: Revoked | RevocationRefused) -> str:
    """Return the error, and after how many seconds to come again, if it says so."""
    assert isinstance(answer, RevocationRefused), answer
    return str(answer.error) if answer.retry_after is None else f"{answer.error} {answer.retry_after}"


def test_of_one_token_once() -> None:
    stage = Stage()
    token, other = stage.granted(), stage.granted()
    assert stage.revoke(token.record.jti) == Revoked(1)
    assert stage.event() == {"event": "token.revoked", "identity": ANNA, "token_jti": token.record.jti}
    assert refused(stage.revoke(token.record.jti)) == "not-active"
    assert stage.event() == {"event": "token.denied", "token_jti": token.record.jti, "reason": "not-active"}
    assert isinstance(stage.use(token.bearer), AccessRefused)
    assert not isinstance(stage.use(other.bearer), AccessRefused)


def test_of_an_expired_one_is_none() -> None:
    stage = Stage()
    jti = stage.granted().record.jti
    stage.passing(600)
    assert refused(stage.revoke(jti)) == "not-active"
    assert stage.event() == {"event": "token.denied", "token_jti": jti, "reason": "not-active"}


@pytest.mark.parametrize("jti", [UNKNOWN.upper(), UNKNOWN + "\n", "x", "bprf_" + "A" * 43, "bulk:anna", "é" * 1000])
def test_of_what_has_not_the_form_of_a_jti(jti: str) -> None:
    stage = Stage()
    assert refused(stage.revoke(jti)) == "not-active"
    assert stage.event() == {"event": "token.denied", "reason": "not-active"}


def test_of_an_unknown_one() -> None:
    stage = Stage()
    assert refused(stage.revoke(UNKNOWN)) == "not-active"
    assert stage.event() == {"event": "token.denied", "token_jti": UNKNOWN, "reason": "not-active"}


def test_of_all_that_somebody_has() -> None:
    stage = Stage()
    gone = stage.granted().record.jti
    stage.revoke(gone)
    live = [stage.granted().record.jti for _ in range(3)]
    others = [stage.granted(iss=OTHER), stage.granted(sub="ben"), stage.granted(sub="anna2")]
    stage.events()
    assert stage.revoke_all() == Revoked(3)
    events = stage.events()
    assert [event["event"] for event in events] == ["token.revoked"] * 3
    assert {event["token_jti"] for event in events} == set(live)
    assert {event["identity"]["subject"] for event in events} == {"anna"}
    assert all(not isinstance(stage.use(token.bearer), AccessRefused) for token in others)
    stage.events()
    assert stage.revoke_all() == Revoked(0)
    assert stage.events() == []


@pytest.mark.parametrize(("issuer", "subject"), [(None, "anna"), (ISSUER, None), ("", "anna"), (ISSUER, "")])
def test_of_nobody_in_particular(issuer: str | None, subject: str | None) -> None:
    stage = Stage()
    stage.granted()
    assert refused(stage.revoke_all(subject, issuer)) == "invalid_request"
    assert stage.event() == {"event": "token.invalid", "reason": "malformed-request"}


def test_of_no_token_in_particular() -> None:
    stage = Stage()
    for nothing in (None, ""):
        assert refused(stage.revoke(nothing)) == "invalid_request"
        assert stage.event() == {"event": "token.invalid", "reason": "malformed-request"}


@pytest.mark.parametrize("admin", [None, "", ADMIN + " ", ADMIN[:-1], ADMIN.upper(), "é", "\ud800", "x" * 100_000])
def test_only_for_the_admin_and_before_anything_else(admin: str | None) -> None:
    stage = Stage()
    jti = stage.granted().record.jti
    answers = [
        stage.revoke(jti, admin),
        stage.revoke(None, admin),
        stage.revoke_all(admin=admin),
        stage.revoke_all("", None, admin=admin),
    ]
    assert [refused(answer) for answer in answers] == ["unauthorized"] * 4
    assert [event["reason"] for event in stage.events()] == ["admin-credentials"] * 4
    assert stage.server.count(ISSUER, "anna") == 1


def test_not_for_whoever_holds_a_token() -> None:
    stage = Stage()
    token = stage.granted()
    assert refused(stage.revoke(token.record.jti, token.bearer)) == "unauthorized"


def test_not_at_all_without_a_secret() -> None:
    stage = Stage({"admin_secret": None})
    jti = stage.granted().record.jti
    for admin in (None, "", ADMIN):
        assert refused(stage.revoke(jti, admin)) == "unauthorized"


def test_digests_of_one_length_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    compare = hmac.compare_digest

    def noted(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", noted)
    stage = Stage()
    for admin in (ADMIN, "x", None):
        stage.revoke(UNKNOWN, admin)
    assert [(len(one), len(other)) for one, other in compared] == [(32, 32)] * 3
    assert all(ADMIN.encode() not in one + other for one, other in compared)


class TestThrottle:
    def test_after_too_many_failures_even_the_secret_waits(self) -> None:
        stage = Stage()
        jti = stage.granted().record.jti
        for _ in range(5):
            assert refused(stage.revoke(jti, "guess")) == "unauthorized"
        stage.events()
        for admin in ("guess", ADMIN):
            assert refused(stage.revoke(jti, admin)) == "rate_limited 12"
            assert stage.event() == {"event": "token.denied", "reason": "throttled"}
        stage.passing(12)
        assert stage.revoke(jti) == Revoked(1)

    def test_elsewhere_nobody_waits(self) -> None:
        stage = Stage()
        jti = stage.granted().record.jti
        for _ in range(10):
            stage.revoke(jti, "guess")
        stage.caller = Caller("192.0.2.8")
        assert stage.revoke(jti) == Revoked(1)

    def test_the_secret_itself_is_no_failure(self) -> None:
        stage = Stage({"throttle": {"admin_failures": 1}, "cap": 50})
        assert all(stage.revoke_all() == Revoked(0) for _ in range(50))
        assert refused(stage.revoke_all(admin="guess")) == "unauthorized"
        assert refused(stage.revoke_all()) == "rate_limited 60"

    def test_not_at_all(self) -> None:
        stage = Stage({"throttle": {"admin_failures": 0}})
        assert {refused(stage.revoke(UNKNOWN, "guess")) for _ in range(100)} == {"unauthorized"}


@pytest.mark.parametrize("operation", ["revoke", "revoke_all"])
def test_a_store_that_is_out(operation: str) -> None:
    stage = Stage(store=Down(Stage().store, operation))
    answer = stage.revoke(UNKNOWN) if operation == "revoke" else stage.revoke_all()
    assert refused(answer) == "temporarily_unavailable 5"
    assert stage.event() == {"event": "token.denied", "reason": "store-unavailable"}
