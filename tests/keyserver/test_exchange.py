"""Exchange: what is granted, what is refused, and the one event of each."""

import threading
from typing import Any

import pytest

from bearerproof_reference.keyserver.exchange import ACCESS_TOKEN, GRANT_TYPE, ExchangeRefused, Granted
from bearerproof_reference.keyserver.store import StoreUnavailable
from bearerproof_reference.keyserver.tokens import is_bearer, is_jti
from tests.keyserver.stage import ISSUER, NOW, OTHER, PEER, Stage, form, id_token, provider, rule
from tests.reference.minting import Json, signer

ANNA = {
    "subject": "anna",
    "email": "anna@example.com",
    "name": "Anna",
    "groups": ["staff"],
    "issuer": ISSUER,
}


def refused(answer: Granted | ExchangeRefused) -> str:
    """Return the error, and after how many seconds to come again, if it says so."""
    assert isinstance(answer, ExchangeRefused), answer
    return str(answer.error) if answer.retry_after is None else f"{answer.error} {answer.retry_after}"


def test_granted() -> None:
    stage = Stage()
    answer = stage.exchange("backends:a tools:search,brave_x")
    assert isinstance(answer, Granted)
    told = answer.as_dict()
    assert is_bearer(str(told.pop("access_token")))
    assert is_jti(str(told.pop("jti")))
    assert told == {
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": 600,
        "scope": "backends:a tools:search,brave_x",
    }
    assert stage.events() == [
        {
            "event": "token.issued",
            "identity": ANNA,
            "token_jti": answer.record.jti,
            "backends": ["a"],
            "tools": ["search", "brave_x"],
            "rate_limit": 60,
            "client_ip": PEER,
            "occurred_at": "2027-01-15T08:00:00.000000Z",
            "seq": 0,
            "expires_at": "2027-01-15T08:10:00.000000Z",
        }
    ]


def test_all_that_is_allowed_where_nothing_is_asked() -> None:
    stage = Stage()
    for parameters in ({}, {"scope": ""}):  # RFC 6749 §3.2: without a value is as good as absent
        answer = stage.server.exchange(form(id_token(), **parameters), stage.caller)
        assert isinstance(answer, Granted)
        assert answer.as_dict()["scope"] == "backends:* tools:search,brave_*"


def test_unknown_parameters_are_ignored() -> None:
    answer = Stage().send(*form(id_token(), client_id="x", foo="bar", requested_token_type=ACCESS_TOKEN, resource=""))
    assert isinstance(answer, Granted)


def test_two_tokens_have_nothing_in_common() -> None:
    stage = Stage()
    one, other = stage.granted(), stage.granted()
    assert one.bearer != other.bearer
    assert one.record.jti != other.record.jti
    assert one.record.jti not in one.bearer


@pytest.mark.parametrize(
    ("changes", "error", "event"),
    [
        ({"grant_type": None}, "invalid_request", "token.invalid malformed-request"),
        ({"grant_type": ""}, "invalid_request", "token.invalid malformed-request"),
        ({"grant_type": "password"}, "unsupported_grant_type", "token.invalid unsupported-grant-type"),
        ({"grant_type": GRANT_TYPE.upper()}, "unsupported_grant_type", "token.invalid unsupported-grant-type"),
        (
            {"grant_type": "client_credentials", "subject_token": None, "subject_token_type": None},
            "unsupported_grant_type",
            "token.invalid unsupported-grant-type",
        ),
        ({"subject_token": None}, "invalid_request", "token.invalid malformed-request"),
        ({"subject_token": ""}, "invalid_request", "token.invalid malformed-request"),
        ({"subject_token_type": None}, "invalid_request", "token.invalid malformed-request"),
        ({"subject_token_type": ACCESS_TOKEN}, "invalid_request", "token.invalid unsupported-token-type"),
        ({"resource": "https://a.example"}, "invalid_target", "token.denied invalid-target"),
        ({"audience": "a"}, "invalid_target", "token.denied invalid-target"),
        ({"actor_token": "x"}, "invalid_request", "token.denied malformed-request"),
        ({"actor_token_type": "x"}, "invalid_request", "token.denied malformed-request"),
        (
            {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
            "invalid_request",
            "token.denied malformed-request",
        ),
        ({"subject_token": "a.b.c"}, "invalid_request", "token.denied subject-token"),
        ({"subject_token": id_token(by=signer("EdDSA", "k2"))}, "invalid_request", "token.denied subject-token"),
        ({"subject_token": id_token(at=NOW + 1)}, "invalid_request", "token.denied subject-token"),
    ],
)
def test_refused_before_anybody_is_known(changes: Json, error: str, event: str) -> None:
    stage = Stage()
    assert refused(stage.send(*form(**{"subject_token": id_token(), **changes}))) == error
    assert stage.reason() == event


@pytest.mark.parametrize("name", ["grant_type", "subject_token", "subject_token_type", "scope", "client_id"])
def test_no_parameter_comes_twice(name: str) -> None:
    stage = Stage()
    parameters = form(id_token(), scope="backends:a", client_id="x")
    twice = [pair for pair in parameters if pair[0] == name]
    for request in (parameters + twice, twice + parameters, [*parameters, (name, "")]):
        assert refused(stage.send(*request)) == "invalid_request"
        assert stage.reason() == "token.invalid malformed-request"


def test_several_targets_are_targets() -> None:
    stage = Stage()
    assert refused(stage.send(*form(id_token()), ("resource", "a"), ("resource", "b"))) == "invalid_target"


def test_a_form_that_cannot_be_read() -> None:
    stage = Stage()
    assert refused(stage.server.exchange(None, stage.caller)) == "invalid_request"
    assert stage.reason() == "token.invalid malformed-request"
    assert refused(stage.server.exchange([], stage.caller)) == "invalid_request"
    assert stage.reason() == "token.invalid malformed-request"


@pytest.mark.parametrize(
    ("changes", "claims", "scope", "error", "reason"),
    [
        ({}, {"iat": NOW - 300.001}, None, "invalid_request", "subject-token-age"),
        ({"policies": []}, {}, None, "invalid_request", "no-policy"),
        ({"policies": [rule(issuer=OTHER)]}, {}, None, "invalid_request", "no-policy"),
        ({"policies": [rule(domain="example.com")]}, {"email_verified": "true"}, None, "invalid_request", "no-policy"),
        ({}, {}, "openid", "invalid_scope", "invalid-scope"),
        ({}, {}, "tools:nope", "invalid_scope", "invalid-scope"),
        ({}, {}, "backends:a tools:nope", "invalid_scope", "invalid-scope"),
        ({"capacity": 1, "cap": 1}, {}, "full", "temporarily_unavailable 5", "store-full"),
    ],
)
def test_refused_to_somebody(changes: Json, claims: Json, scope: str | None, error: str, reason: str) -> None:
    stage = Stage(changes)
    if scope == "full":
        stage.granted(sub="ben")
        scope = None
    assert refused(stage.exchange(scope, **claims)) == error
    event = stage.event()
    assert event.pop("identity")["subject"] == "anna"
    assert event == {"event": "token.denied", "reason": reason}


def test_an_age_of_exactly_the_maximum() -> None:
    stage = Stage()
    assert isinstance(stage.exchange(iat=NOW - 300), Granted)


def test_clocks_may_differ_by_the_leeway() -> None:
    assert isinstance(Stage({"leeway": 10}).exchange(iat=NOW + 10), Granted)
    assert isinstance(Stage({"leeway": 10}).exchange(iat=NOW + 10.1), ExchangeRefused)


class TestUses:
    def test_one(self) -> None:
        stage = Stage()
        token = id_token()
        assert isinstance(stage.send(*form(token)), Granted)
        stage.events()
        assert refused(stage.send(*form(token))) == "invalid_request"
        assert stage.event() == {"event": "token.denied", "identity": ANNA, "reason": "subject-token-used"}

    def test_as_many_as_configured(self) -> None:
        stage = Stage({"subject_token_uses": 3})
        token = id_token()
        assert [isinstance(stage.send(*form(token)), Granted) for _ in range(5)] == [True] * 3 + [False] * 2

    def test_a_refusal_that_leaves_no_trace_uses_nothing(self) -> None:
        stage = Stage()
        token = id_token()
        assert refused(stage.send(*form(token, scope="tools:nope"))) == "invalid_scope"
        assert isinstance(stage.send(*form(token)), Granted)

    def test_to_the_last_moment_and_after_a_step_back(self) -> None:
        stage = Stage({"max_age": 300})
        token, unused = id_token(exp=NOW + 10_000), id_token(exp=NOW + 10_000)
        assert isinstance(stage.send(*form(token)), Granted)
        stage.clock.wall = NOW + 300
        stage.server.reap()
        assert isinstance(stage.send(*form(unused)), Granted)
        stage.events()
        stage.send(*form(token))
        assert stage.reason() == "token.denied subject-token-used"
        stage.clock.wall = NOW + 5000
        stage.server.reap()
        stage.clock.wall = NOW + 1
        assert isinstance(stage.send(*form(token)), ExchangeRefused)

    def test_at_the_same_instant(self) -> None:
        stage = Stage()
        token, start = id_token(), threading.Barrier(8)
        answers: list[Granted | ExchangeRefused] = []

        def run() -> None:
            start.wait()
            answers.append(stage.send(*form(token)))

        threads = [threading.Thread(target=run) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(isinstance(answer, Granted) for answer in answers) == 1
        assert sorted(event["event"] for event in stage.events()) == ["token.denied"] * 7 + ["token.issued"]


class TestCap:
    def test_of_the_identity(self) -> None:
        stage = Stage({"cap": 2})
        stage.granted()
        stage.granted()
        assert refused(stage.exchange()) == "too_many_tokens 600"
        assert stage.event() == {"event": "token.denied", "identity": ANNA, "reason": "cap-reached"}
        stage.granted(iss=OTHER)
        stage.granted(sub="ben")
        assert stage.server.count(ISSUER, "anna") == 2

    def test_expired_and_revoked_ones_do_not_count(self) -> None:
        stage = Stage({"cap": 1})
        stage.granted()
        stage.passing(600)
        stage.revoke(stage.granted().record.jti)
        stage.events()
        stage.granted()


def test_bulk_revocation_ends_the_subject_tokens_up_to_it() -> None:
    stage = Stage()
    stage.revoke_all()
    stage.passing(10)
    stage.events()
    for issued_at in (NOW - 1, NOW):
        assert refused(stage.exchange(iat=issued_at)) == "invalid_request"
        assert stage.event() == {"event": "token.denied", "identity": ANNA, "reason": "subject-token-revoked"}
    stage.granted(iat=NOW + 0.001)
    stage.granted(iat=NOW, sub="ben")
    stage.granted(iat=NOW, iss=OTHER)


TWO_A_MINUTE: Json = {"throttle": {"exchanges_per_minute": 2}}


class TestThrottle:
    def test_before_anything_is_looked_at(self) -> None:
        stage = Stage(TWO_A_MINUTE)
        assert refused(stage.send(("scope", "a"), ("scope", "b"))) == "invalid_request"
        stage.granted()
        for request in (form(id_token()), form("a.b.c"), []):
            assert refused(stage.send(*request)) == "rate_limited 30"
            assert stage.event() == {"event": "token.denied", "reason": "throttled"}
        stage.passing(30)
        stage.granted()

    def test_for_each_client(self) -> None:
        stage = Stage(TWO_A_MINUTE)
        for _ in range(3):
            stage.exchange()
        stage.caller = type(stage.caller)("10.0.0.1", "198.51.100.1")
        assert isinstance(stage.exchange(), Granted)


class Down:
    """A store that is out of order in one operation."""

    def __init__(self, inner: Any, operation: str) -> None:
        self._inner = inner
        self._operation = operation

    def __getattr__(self, name: str) -> Any:
        if name == self._operation:
            raise StoreUnavailable
        return getattr(self._inner, name)


@pytest.mark.parametrize("operation", ["claim", "issue"])
def test_a_store_that_is_out(operation: str) -> None:
    stage = Stage()
    stage = Stage(store=Down(stage.store, operation))
    assert refused(stage.exchange()) == "temporarily_unavailable 5"
    assert stage.event() == {"event": "token.denied", "identity": ANNA, "reason": "store-unavailable"}


def test_keys_that_cannot_be_had() -> None:
    # Port 9 of this machine: nobody listens there.
    stage = Stage({"providers": [provider(keys=None, keys_url="http://127.0.0.1:9/keys")], "policies": [rule()]})
    assert refused(stage.exchange()) == "temporarily_unavailable 5"
    assert stage.event() == {"event": "token.denied", "reason": "keys-unavailable"}
