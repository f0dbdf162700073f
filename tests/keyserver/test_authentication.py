"""Authentication of bearers: one verdict for all that are no good, one event for each."""

import math

import pytest

from bearerproof_reference.keyserver.authentication import AccessRefused, Admitted, Wants
from bearerproof_reference.keyserver.server import Caller
from tests.keyserver.stage import ISSUER, NOW, OTHER, Stage, rule
from tests.keyserver.test_exchange import ANNA, Down


def refused(answer: Admitted | AccessRefused) -> str:
    """Return the error, and after how many seconds to come again, if it says so."""
    assert isinstance(answer, AccessRefused), answer
    return str(answer.error) if answer.retry_after is None else f"{answer.error} {answer.retry_after}"


def test_admitted() -> None:
    stage = Stage()
    token = stage.granted()
    answer = stage.use(token.bearer, "any", "brave_web")
    assert isinstance(answer, Admitted)
    assert answer.record == token.record
    assert stage.event() == {"event": "token.used", "identity": ANNA, "token_jti": token.record.jti}


@pytest.mark.parametrize(
    "bearer",
    [
        "",
        "bprf_",
        "bprf_" + "A" * 42,
        "bprf_" + "A" * 44,
        "bprf_" + "A" * 42 + "B",  # a second spelling of the last byte
        "BPRF_" + "A" * 43,
        "bprf_" + "A" * 42 + "=",
        "bprf_" + "A" * 43 + "\n",
        " bprf_" + "A" * 43,
        "eyJhbGciOiJub25lIn0.e30.",
        "é" * 48,
        "\ud800" * 48,
        "x" * 100_000,
    ],
)
def test_malformed(bearer: str) -> None:
    stage = Stage()
    assert refused(stage.use(bearer)) == "invalid-token"
    assert stage.event() == {"event": "token.invalid", "reason": "malformed-bearer"}


def test_unknown() -> None:
    stage = Stage()
    bearer = stage.granted().bearer
    other = "bprf_" + bearer[5:][::-1][:42] + "A"
    assert refused(stage.use(other)) == "invalid-token"
    assert stage.event() == {"event": "token.invalid", "reason": "unknown-bearer"}


def test_expired_and_then_unknown() -> None:
    stage = Stage()
    token = stage.granted()
    stage.clock.wall = math.nextafter(NOW + 600, 0)
    assert isinstance(stage.use(token.bearer), Admitted)
    stage.events()
    for stage.clock.wall in (NOW + 600, NOW + 899, NOW + 1):
        assert refused(stage.use(token.bearer)) == "invalid-token"
        assert stage.event() == {"event": "token.expired", "identity": ANNA, "token_jti": token.record.jti}
    stage.clock.wall = NOW + 900
    assert refused(stage.use(token.bearer)) == "invalid-token"
    assert stage.event() == {"event": "token.invalid", "reason": "unknown-bearer"}


def test_revoked() -> None:
    stage = Stage()
    token = stage.granted()
    stage.revoke(token.record.jti)
    stage.events()
    assert refused(stage.use(token.bearer)) == "invalid-token"
    assert stage.event() == {
        "event": "token.denied",
        "identity": ANNA,
        "token_jti": token.record.jti,
        "reason": "revoked",
    }


@pytest.mark.parametrize(
    ("backend", "tool", "admitted"),
    [
        (None, None, True),
        ("a", None, True),
        (None, "x", True),
        ("a", "x", True),
        ("b", "x", False),
        ("a", "y", False),
        ("b", None, False),
        (None, "y", False),
        ("*", "x", False),
        ("a", "", False),
        ("A", "x", False),
        ("a", "x*", False),
    ],
)
def test_within_its_scopes(backend: str | None, tool: str | None, admitted: bool) -> None:
    stage = Stage({"policies": [rule(grant={"backends": ["a"], "tools": ["x"]})]})
    token = stage.granted()
    answer = stage.use(token.bearer, backend, tool)
    if admitted:
        assert isinstance(answer, Admitted)
    else:
        assert refused(answer) == "insufficient-scope"
        event = stage.event()
        assert (event["token_jti"], event["reason"]) == (token.record.jti, "insufficient-scope")


GRANT = {"backends": ["*"], "tools": ["*"], "rate_limit": 3}
THREE_A_MINUTE = {"policies": [rule(grant=GRANT), rule("others", issuer=OTHER, grant=GRANT)]}


class TestRate:
    def test_for_the_identity_and_not_the_token(self) -> None:
        stage = Stage(THREE_A_MINUTE)
        one, other = stage.granted(), stage.granted()
        for token in (one, other, one):
            assert isinstance(stage.use(token.bearer), Admitted)
        stage.events()
        for token in (one, other, stage.granted()):
            assert refused(stage.use(token.bearer)) == "rate-limited 20"
            event = stage.event()
            assert (event["event"], event["reason"]) == ("token.denied", "rate-limited")
            assert event["token_jti"] == token.record.jti
        for somebody in ({"sub": "ben"}, {"iss": OTHER}):
            assert isinstance(stage.use(stage.granted(**somebody).bearer), Admitted)

    def test_waiting_helps(self) -> None:
        stage = Stage(THREE_A_MINUTE)
        token = stage.granted()
        for _ in range(3):
            stage.use(token.bearer)
        stage.clock.monotonic += 20
        assert isinstance(stage.use(token.bearer), Admitted)
        stage.clock.wall += 300
        assert refused(stage.use(token.bearer)) == "rate-limited 20"

    def test_who_is_refused_spends_nothing(self) -> None:
        stage = Stage({"policies": [rule(grant={"backends": ["a"], "tools": ["*"], "rate_limit": 1})]})
        token = stage.granted()
        for _ in range(5):
            assert refused(stage.use(token.bearer, "b")) == "insufficient-scope"
        assert isinstance(stage.use(token.bearer, "a"), Admitted)

    def test_none(self) -> None:
        stage = Stage({"policies": [rule(grant={"backends": ["*"], "tools": ["*"], "rate_limit": 0})]})
        token = stage.granted()
        assert all(isinstance(stage.use(token.bearer), Admitted) for _ in range(1000))


def test_no_credential_and_two() -> None:
    stage = Stage()
    bearer = stage.granted().bearer
    assert refused(stage.server.authenticate([], Wants(), stage.caller)) == "missing-credential"
    assert stage.event() == {"event": "token.invalid", "reason": "missing-credential"}
    assert refused(stage.server.authenticate([bearer, bearer], Wants(), stage.caller)) == "several-credentials"
    assert stage.event() == {"event": "token.invalid", "reason": "several-credentials"}


def test_a_store_that_is_out_is_no_verdict() -> None:
    stage = Stage()
    bearer = stage.granted().bearer
    stage = Stage(store=Down(stage.store, "look_up"))
    assert refused(stage.use(bearer)) == "unavailable 5"
    assert stage.event() == {"event": "token.denied", "reason": "store-unavailable"}


def test_whose_address_an_event_tells() -> None:
    stage = Stage()
    for caller, told in (
        (Caller("192.0.2.9", "198.51.100.1"), "192.0.2.9"),
        (Caller("10.1.2.3", "203.0.113.1, 198.51.100.1"), "198.51.100.1"),
        (Caller(None), None),
    ):
        stage.server.authenticate([], Wants(), caller)
        assert stage.events()[0].get("client_ip") == told


def test_the_identity_is_issuer_and_subject() -> None:
    stage = Stage()
    stage.granted(iss=OTHER)
    token = stage.granted()
    stage.revoke_all("anna", OTHER)
    assert isinstance(stage.use(token.bearer), Admitted)
    assert stage.server.count(ISSUER, "anna") == 1
    assert stage.server.count(OTHER, "anna") == 0
