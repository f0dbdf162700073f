"""Reading what a key server answers: each kind as it is, and everything else as a fault that says what was due."""

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearerproof.contract.decisions import BEARER_REASONS, EXCHANGE_CODES, REVOKE_CODES, Decision, read_decision
from bearerproof.contract.declaration import FixedConfig, KeyServer, Need, read_declaration
from bearerproof.contract.messages import Outcome
from bearerproof.exceptions import AdapterFault
from bearerproof.members import Json
from bearerproof_reference.adapter.adapter import HELLO
from bearerproof_reference.adapter.keyserver import CAPABILITIES

GRANT: Json = {
    "access_token": "bprf_x",
    "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
    "token_type": "Bearer",
    "expires_in": 600,
    "scope": "backends:a tools:x",
    "jti": "j-1",
}
IDENTITY = {"issuer": "https://idp.example", "subject": "alice"}
SCOPES: Json = {"backends": ["a"], "tools": ["x"], "rate_limit": 0}
LEFT: Json = {"events": [{"event": "token.used"}], "lines": ['{"event":"token.used"}']}

GOOD: dict[str, list[tuple[Json, Json]]] = {
    "configure": [({"configured": True}, {})],
    "exchange": [({"granted": GRANT, **LEFT}, GRANT), ({"granted": {"access_token": "b", "jti": "j"}}, {})],
    "authenticate": [
        (
            {"verdict": "accepted", "jti": "j-1", "identity": IDENTITY, "scopes": SCOPES, **LEFT},
            {"jti": "j-1", "identity": IDENTITY, "scopes": SCOPES},
        )
    ],
    "revoke": [({"revoked": 2, **LEFT}, {"revoked": 2}), ({"revoked": 0, "events": []}, {"revoked": 0})],
    "reap": [({"reaped": 3, **LEFT}, {"reaped": 3})],
    "count": [({"count": 0}, {"count": 0})],
    "rotate": [({"rotated": True}, {})],
    "restart": [({"restarted": True}, {})],
    "http": [
        (
            {"status": 204, "headers": [["a", "b"]], "body_b64": "", **LEFT},
            {"status": 204, "headers": [["a", "b"]], "body_b64": ""},
        )
    ],
    "race": [({"answers": [{"revoked": 1}, {"skipped": "s"}]}, {"answers": ({"revoked": 1}, {"skipped": "s"})})],
}
"""By operation: answers to what was done, and members that have to come of them."""

REFUSALS: dict[str, list[tuple[Json, str | None]]] = {
    "configure": [({"configured": False}, None)],
    "exchange": [({"refused": code}, code) for code in sorted(EXCHANGE_CODES)],
    "authenticate": [({"verdict": "rejected", "reason": reason}, reason) for reason in sorted(BEARER_REASONS)],
    "revoke": [({"refused": code}, code) for code in sorted(REVOKE_CODES)],
    "rotate": [({"rotated": False}, None)],
    "restart": [({"restarted": False}, None)],
}


def read(op: str, raw: Json) -> Decision:
    return read_decision({"id": 1, **raw}, op)


@pytest.mark.parametrize(("op", "raw", "expected"), [(op, *pair) for op, them in GOOD.items() for pair in them])
def test_what_was_done_is_read_with_what_it_came_with(op: str, raw: Json, expected: Json) -> None:
    decision = read(op, raw)
    assert (decision.good, decision.code, decision.describe()) == (True, None, "accepted")
    assert {name: decision.members[name] for name in expected} == expected
    assert list(decision.events) == raw.get("events", [])
    assert decision.lines == (tuple(raw["lines"]) if "lines" in raw else None)


@pytest.mark.parametrize(("op", "raw", "code"), [(op, *pair) for op, them in REFUSALS.items() for pair in them])
def test_what_was_refused_is_read_with_its_code(op: str, raw: Json, code: str | None) -> None:
    decision = read(op, raw)
    assert (decision.outcome, decision.good, decision.code) == (Outcome.REJECTED, False, code)
    assert decision.describe() == ("rejected" if code is None else f"rejected ({code})")
    assert decision.retry_after is None


@pytest.mark.parametrize("seconds", [0, 1, 0.25, 10**9])
@pytest.mark.parametrize(
    ("op", "raw"),
    [
        ("exchange", {"refused": "rate_limited"}),
        ("authenticate", {"verdict": "rejected", "reason": "rate-limited"}),
        ("revoke", {"refused": "rate_limited"}),
    ],
)
def test_a_time_to_wait_is_read_in_seconds(op: str, raw: Json, seconds: float) -> None:
    assert read(op, {**raw, "retry_after": seconds}).retry_after == seconds


@pytest.mark.parametrize("op", GOOD)
def test_any_operation_may_be_skipped_or_errored(op: str) -> None:
    skipped, errored = read(op, {"skipped": "not\x1b[2J today"}), read(op, {"errored": {"message": "KeyError"}})
    assert (skipped.outcome, skipped.describe()) == (Outcome.SKIPPED, "skipped (not\\x1b[2J today)")
    assert (errored.outcome, errored.describe()) == (Outcome.ERRORED, "errored (KeyError)")
    assert not skipped.good
    assert not errored.good


@pytest.mark.parametrize(
    ("op", "raw", "message"),
    [
        ("exchange", {}, "'granted' must be an object; it is absent"),
        ("exchange", {"granted": []}, "'granted' must be an object; it is []"),
        ("exchange", {"granted": {**GRANT, "refresh_token": "r"}}, "granted: unknown member 'refresh_token'; known"),
        ("exchange", {"granted": {**GRANT, "expires_in": "600"}}, "'expires_in' must be an integer; it is '600'"),
        ("exchange", {"granted": {**GRANT, "expires_in": True}}, "'expires_in' must be an integer; it is True"),
        ("exchange", {"granted": {"access_token": "b"}}, "granted: member 'jti' must be a string; it is absent"),
        ("exchange", {"granted": {"jti": "j"}}, "granted: member 'access_token' must be a string; it is absent"),
        ("exchange", {"granted": GRANT, "refused": "invalid_scope"}, "unknown member 'granted'"),
        ("exchange", {"granted": GRANT, "retry_after": 1}, "unknown member 'retry_after'"),
        ("exchange", {"refused": "invalid_grant"}, "refused 'invalid_grant' is none of invalid_request, "),
        ("exchange", {"refused": "not-active"}, "refused 'not-active' is none of invalid_request, "),
        ("exchange", {"refused": None}, "'refused' must be a string; it is None"),
        ("exchange", {"refused": "rate_limited", "retry_after": -1}, "retry_after must be a number of seconds, not -1"),
        ("exchange", {"refused": "rate_limited", "retry_after": True}, "retry_after must be a number of seconds"),
        ("exchange", {"refused": "rate_limited", "retry_after": "1"}, "retry_after must be a number of seconds"),
        ("exchange", {"granted": GRANT, "events": {}}, "'events' must be a list"),
        ("exchange", {"granted": GRANT, "events": ["token.issued"]}, "every element of events must be an object"),
        ("exchange", {"granted": GRANT, "lines": [{}]}, "every element of lines must be a string"),
        ("exchange", {"granted": GRANT, "event": []}, "unknown member 'event'"),
        ("authenticate", {}, "due is a verdict (accepted or rejected), or skipped"),
        ("authenticate", {"verdict": "maybe"}, "due is a verdict (accepted or rejected), or skipped"),
        ("authenticate", {"verdict": ["accepted"]}, "due is a verdict (accepted or rejected), or skipped"),
        ("authenticate", {"verdict": "rejected"}, "'reason' must be a string; it is absent"),
        (
            "authenticate",
            {"verdict": "rejected", "reason": "revoked"},
            "reason 'revoked' is none of insufficient-scope",
        ),
        ("authenticate", {"verdict": "rejected", "reason": "invalid-token", "jti": "j"}, "unknown member 'jti'"),
        ("authenticate", {"verdict": "accepted", "jti": "j", "identity": {}}, "identity: member 'issuer' must be"),
        ("authenticate", {"verdict": "accepted", "jti": "j", "identity": IDENTITY}, "'scopes' must be an object"),
        (
            "authenticate",
            {"verdict": "accepted", "jti": "j", "identity": IDENTITY, "scopes": {"backends": 7}},
            "scopes: backends must be a list of strings",
        ),
        ("http", {"status": -1, "headers": [], "body_b64": ""}, "status -1 is none of HTTP"),
        ("http", {"status": 200, "headers": [["a"]], "body_b64": ""}, "a name and a value"),
        ("http", {"status": 200, "headers": [], "body_b64": "?"}, "body_b64 is not base64"),
        ("race", {}, "'answers' must be a list"),
        ("authenticate", {"verdict": "accepted", "jti": 1, "identity": {}, "scopes": {}}, "'jti' must be a string"),
        ("authenticate", {"verdict": "accepted", "claims": {}}, "unknown member 'claims'"),
        ("revoke", {"revoked": -1}, "revoked is negative: -1"),
        ("revoke", {"revoked": True}, "'revoked' must be an integer; it is True"),
        ("revoke", {"revoked": 1, "refused": "not-active"}, "unknown member 'revoked'"),
        ("revoke", {"refused": "invalid_scope"}, "refused 'invalid_scope' is none of invalid_request, "),
        ("reap", {"reaped": 0.5}, "'reaped' must be an integer; it is 0.5"),
        ("reap", {"revoked": 1}, "unknown member 'revoked'; known are"),
        ("count", {}, "'count' must be an integer; it is absent"),
        ("count", {"count": -1}, "count is negative: -1"),
        ("configure", {"configured": 1}, "'configured' must be true or false; it is 1"),
        ("configure", {"reset": True}, "unknown member 'reset'"),
        ("rotate", {"rotated": None}, "'rotated' must be true or false; it is None"),
        ("restart", {}, "'restarted' must be true or false; it is absent"),
        ("http", {"status": "200", "headers": [], "body_b64": ""}, "'status' must be an integer"),
        ("http", {"status": 200, "headers": {}, "body_b64": ""}, "'headers' must be a list"),
        ("http", {"status": 200, "headers": []}, "'body_b64' must be a string; it is absent"),
        ("http", {"status": 200, "headers": [], "body": ""}, "unknown member 'body'"),
        ("race", {"answers": {}}, "'answers' must be a list"),
        ("race", {"answers": [1]}, "every element of answers must be an object"),
        ("race", {"answers": [], "events": []}, "unknown member 'events'"),
        ("exchange", {"skipped": ""} | {"granted": GRANT}, "unknown member 'granted'"),
        ("count", {"skipped": True}, "'skipped' must be a string"),
        ("revoke", {"errored": "x"}, "'errored' must be an object"),
        ("revoke", {"errored": {}}, "errored: member 'message' must be a string; it is absent"),
    ],
    ids=str,
)
def test_a_wrong_answer_is_a_fault_that_says_what_was_due(op: str, raw: Json, message: str) -> None:
    with pytest.raises(AdapterFault, match=rf"^{op}: ") as raised:
        read(op, raw)
    assert message in str(raised.value)
    assert len(str(raised.value)) < 400


ODDITIES: st.SearchStrategy[object] = st.sampled_from(
    [None, True, -1, 0.5, 2**80, "", "\x1b[2J", "x" * 10_000, [], [None], [[]], {}, {"a": {}}]
).map(deepcopy)  # what is put into an answer may be mutated in its turn
NAMES = st.sampled_from(["granted", "refused", "verdict", "reason", "events", "lines", "answers", "retry_after", "x"])
ANSWERS = [(op, json.dumps(raw)) for found in (GOOD, REFUSALS) for op, them in found.items() for raw, _ in them]


@given(st.sampled_from(ANSWERS), st.data())
def test_a_mutated_answer_is_read_or_a_fault_and_nothing_else(answer: tuple[str, str], data: st.DataObject) -> None:
    op, raw = answer[0], json.loads(answer[1])
    for _ in range(data.draw(st.integers(1, 3))):
        mutate(raw, data)
    asked = data.draw(st.sampled_from([op, *GOOD]))
    try:
        decision = read(asked, raw)
    except AdapterFault as fault:
        text = str(fault)
    else:
        text = decision.describe()
        assert all(isinstance(event, dict) for event in decision.events)
    assert text.isprintable()
    assert len(text) < 1_200


def mutate(raw: Json, data: st.DataObject) -> None:
    """Put something else in one place of an answer, take it away, or add to it."""
    inside: Any = raw
    while isinstance(inner := inside.get(data.draw(st.sampled_from([*inside, ""]))), dict) and inner:
        inside = inner
    name = data.draw(st.sampled_from([*inside]) | NAMES if inside else NAMES)
    if data.draw(st.booleans()):
        inside[name] = data.draw(ODDITIES)
    else:
        inside.pop(name, None)


def declaring(key_server: object) -> Json:
    capabilities = {"algorithms": ["ES256"], **({} if key_server is None else {"key_server": key_server})}
    return {"id": 1, **HELLO, "capabilities": capabilities}


def test_a_key_server_declares_what_it_can_be_asked_for() -> None:
    declaration = read_declaration(declaring(CAPABILITIES))
    assert declaration.key_server == KeyServer(**CAPABILITIES)
    flags = [name for name, value in CAPABILITIES.items() if value is True]
    assert len(flags) == 16
    assert [declaration.missing_capability(Need("key_server", name)) for name in flags] == [None] * len(flags)


@pytest.mark.parametrize(("said", "expected"), [(None, KeyServer()), ({"configure": True}, KeyServer(configure=True))])
def test_what_a_key_server_does_not_declare_it_lacks(said: object, expected: KeyServer) -> None:
    declaration = read_declaration(declaring(said))
    assert declaration.key_server == expected
    assert (
        declaration.missing_capability(Need("key_server", "race"))
        == "the implementation does not declare key_server:race"
    )


SETTING: Json = {"issuers": ["https://a.example", "https://b.example"], "audience": "a", "admin_secret": "s", "ttl": 7}


def test_a_server_that_cannot_be_configured_tells_its_setting() -> None:
    found = read_declaration(declaring({"setting": SETTING})).key_server
    assert found.setting == FixedConfig(("https://a.example", "https://b.example"), "a", "s", ttl=7)
    assert not found.configure
    assert "admin_secret" not in repr(found)


@pytest.mark.parametrize(
    ("key_server", "message"),
    [
        ([], "'key_server' must be an object"),
        ({"racing": True}, "hello: capabilities: key_server: unknown member 'racing'; known are "),
        ({}, "without configure, setting must say what the server is configured with"),
        ({"setting": []}, "'setting' must be an object"),
        ({"setting": {**SETTING, "policies": []}}, "setting: unknown member 'policies'"),
        ({"setting": {**SETTING, "issuers": ["https://a.example"]}}, "setting: issuers must be two that differ"),
        ({"setting": {**SETTING, "issuers": [1, 2]}}, "setting: issuers must be a list of strings"),
        ({"setting": {**SETTING, "ttl": "7"}}, "'ttl' must be an integer; it is '7'"),
        ({"setting": {**SETTING, "audience": None}}, "'audience' must be a string; it is None"),
        ({"race": 1}, "'race' must be true or false; it is 1"),
        ({"prefix": None}, "'prefix' must be a string; it is None"),
        ({"prefix": True}, "'prefix' must be a string; it is True"),
        ({"http": "yes"}, "'http' must be true or false; it is 'yes'"),
    ],
    ids=str,
)
def test_a_wrong_declaration_is_a_fault_that_says_where(key_server: object, message: str) -> None:
    with pytest.raises(AdapterFault, match=r"^hello: capabilities") as raised:
        read_declaration(declaring(key_server))
    assert message in str(raised.value)
