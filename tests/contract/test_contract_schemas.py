"""The schemas admit what they should and refuse what they should: a negative stands beside what it spoils."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bearerproof.contract.messages import REASONS
from bearerproof.members import Json
from bearerproof_fuzz.keyserver.setting import DEFAULT
from bearerproof_reference.keyserver.configuration import ConfigurationError, read

from .conftest import BASE, SPEC, Refusals

FAILURE: Json = {
    "kind": "Expired",
    "occurred_at": "2027-01-15T08:00:00.000000Z",
    "source_id": "app-1::k1",
    "client_id_hint": "app-1",
    "kid_hint": "k1",
    "metadata": {"engine_msg": "expired"},
}
ALICE: Json = {
    "subject": "sub123",
    "email": "alice@company.com",
    "name": "Alice",
    "groups": [],
    "issuer": "https://accounts.google.com",
}
ISSUED: Json = {
    "event": "token.issued",
    "identity": ALICE,
    "token_jti": "j1",
    "backends": ["tavily"],
    "tools": [],
    "rate_limit": 100,
}
SEED_EVENTS = [
    ISSUED,
    {"event": "token.used", "identity": ALICE, "token_jti": "j1"},
    {"event": "token.used", "identity": ALICE, "token_jti": "j1", "client_ip": "192.0.2.1"},
    {"event": "token.expired", "identity": ALICE, "token_jti": "j1"},
    {"event": "token.revoked", "identity": ALICE, "token_jti": "some-jti"},
    {"event": "token.revoked", "token_jti": "jti"},
    {"event": "token.denied", "reason": "Policy not matched"},
    {"event": "token.invalid", "reason": "bad token", "client_ip": "2001:db8::1"},
]
HELLO: Json = {
    "id": 1,
    "protocol": 1,
    "implementation": {"name": "v", "version": "1", "language": "go"},
    "level": 2,
    "profiles": ["jwt"],
    "measure": "base",
    "capabilities": {
        "algorithms": ["ES256"],
        "keys_url": {"ttl": 1, "stale": 2, "cooldown": 3},
        "audit": {"lines": True, "bound": 0.5},
    },
}
POLICY: Json = {"issuer": "i", "audience": "a", "algorithms": ["ES256"], "keys": {"keys": []}}
VERIFY: Json = {
    "id": 2,
    "op": "verify",
    "now": 1,
    "tick": 0,
    "profile": "jwt",
    "token": "a.b.c",
    "policy_id": "p",
    "policy": POLICY,
}
REJECTED: Json = {
    "id": 2,
    "verdict": "rejected",
    "reason": "expired",
    "summaries": [{"tier": "strangers", "dropped": 1, "kinds": {"Expired": 1}}],
}
KEYS: Json = {"keys": [{"kty": "EC"}]}
PROVIDER: Json = {"issuer": "https://idp.example", "audiences": ["key-server"], "algorithms": ["ES256"], "keys": KEYS}
GRANT: Json = {"backends": ["*"], "tools": ["search", "mail_*"], "rate_limit": 60}
RULE: Json = {"name": "staff", "match": {"issuer": "https://idp.example", "group": "staff"}, "grant": GRANT}
CONFIGURATION: Json = {
    "providers": [PROVIDER],
    "policies": [RULE],
    "ttl": 600,
    "retention": 300,
    "cap": 5,
    "capacity": 100,
    "max_age": 300,
    "leeway": 0,
    "subject_token_uses": 1,
    "admin_secret": "secret",
    "trusted_proxies": ["10.0.0.0/8"],
    "throttle": {"admin_failures": 5, "exchanges_per_minute": 0},
}
TIMES: Json = {"id": 3, "now": 1, "tick": 0}
CONFIGURE: Json = {**TIMES, "op": "configure", "key_server": CONFIGURATION}
EXCHANGE: Json = {
    **TIMES,
    "op": "exchange",
    "peer": "::1",
    "forwarded": "a, b",
    "form": [["scope", "x"], ["scope", ""]],
}
AUTHENTICATE: Json = {**TIMES, "op": "authenticate", "peer": "::1", "bearer": "", "wants": {"backend": "a"}}
REVOKE: Json = {**TIMES, "op": "revoke", "peer": "::1", "admin": None, "jti": ""}
REVOKE_ALL: Json = {**TIMES, "op": "revoke", "admin": "s", "issuer": "i", "subject": "s"}
REAP: Json = {**TIMES, "op": "reap"}
COUNT: Json = {**TIMES, "op": "count", "issuer": "i", "subject": "s"}
ROTATE: Json = {**TIMES, "op": "rotate", "issuer": "i", "keys": KEYS}
RESTART: Json = {**TIMES, "op": "restart"}
HTTP: Json = {**TIMES, "op": "http", "method": "GET", "path": "/?a", "headers": [["a", "b"]], "body_b64": "AA=="}
RACERS = [
    {name: value for name, value in request.items() if name != "id"}
    for request in (EXCHANGE, AUTHENTICATE, REVOKE, REVOKE_ALL, REAP, COUNT, ROTATE, HTTP)
]
RACE: Json = {**TIMES, "op": "race", "requests": RACERS}
LEFT: Json = {"events": [{"event": "token.used"}], "lines": ["{}"]}
GRANTED: Json = {
    "id": 3,
    "granted": {
        "access_token": "b",
        "issued_token_type": "u",
        "token_type": "Bearer",
        "expires_in": 600,
        "scope": "s",
        "jti": "j",
    },
    **LEFT,
}
REFUSED: Json = {"id": 3, "refused": "invalid_scope", "retry_after": 0.5, **LEFT}
ADMITTED: Json = {
    "id": 3,
    "verdict": "accepted",
    "jti": "j",
    "identity": {"issuer": "i", "subject": "s"},
    "scopes": GRANT,
    **LEFT,
}
KEPT_OUT: Json = {"id": 3, "verdict": "rejected", "reason": "rate-limited", "retry_after": 1, **LEFT}
REVOKED: Json = {"id": 3, "revoked": 0, **LEFT}
REAPED: Json = {"id": 3, "reaped": 2, **LEFT}
COUNTED: Json = {"id": 3, "count": 2}
ROTATED: Json = {"id": 3, "rotated": False}
ANSWERED: Json = {"id": 3, "status": 204, "headers": [["a", "b"]], "body_b64": "", **LEFT}
RACED: Json = {
    "id": 3,
    "answers": [
        {name: value for name, value in answer.items() if name != "id"}
        for answer in (GRANTED, REFUSED, ADMITTED, KEPT_OUT, REVOKED, REAPED, COUNTED, ROTATED, ANSWERED)
    ]
    + [{"skipped": "s"}, {"errored": {"message": "m"}}],
}
LEVEL_3: Json = {**HELLO, "level": 3, "profiles": ["key-server"]}
SETTING = "#/$defs/capabilities/properties/key_server/properties/setting"
TAKEN_AS_IT_IS: Json = {"issuers": ["https://a.example", "https://b.example"], "audience": "a", "admin_secret": "s"}
VECTOR: Json = {
    "format": 1,
    "id": "VER-1/two-segments/ES256",
    "requirement": "VER-1",
    "edit": "signature-segment-missing",
    "title": "no third segment",
    "clause": "RFC 7515 §5.2",
    "measure": {"base": ["rejected"], "strict": ["rejected"]},
    "profile": "jwt",
    "algorithm": "ES256",
    "now": 1,
    "tick": 0,
    "policy": POLICY,
    "token": "a.b",
    "base_token": "a.b.c",
    "reasons": ["malformed"],
}
EXPECTATIONS: Json = {
    "format": 1,
    "expectation": [
        {"requirement": "VER-2", "check": "c", "profile": "jwt", "reason": "known", "issue": "https://x.example/1"}
    ],
}
HEADER: Json = {
    "type": "header",
    "format": 1,
    "bearerproof": "0.1.0",
    "specification": {"requirements": 90, "digest": "0123456789abcdef"},
    "implementation": HELLO["implementation"],
    "measure": "base",
    "profiles": ["jwt"],
    "level": 0,
    "seed": None,
    "depth": "quick",
}
CHECK: Json = {
    "type": "check",
    "id": "VER-1",
    "requirement": "VER-1",
    "level": "MUST",
    "profile": "jwt",
    "outcome": "failed",
    "findings": [
        {
            "summary": "accepted without a signature",
            "expected": "rejected",
            "got": "accepted",
            "edit": "signature-segment-missing",
            "presented": {"token": "a.b", "profile": "jwt", "now": 1, "tick": 0, "policy": POLICY},
        }
    ],
}
FOOTER: Json = {"type": "footer", "complete": True, "exit": 1, "counts": {"passed": 3, "not-run": 1}}

SPOILT = [
    ("verify-failure-event", FAILURE, "kind", "TokenExpired"),
    ("verify-failure-event", FAILURE, "kind", "MissingClaim"),
    ("verify-failure-event", FAILURE, "kind", {"MissingClaim": ""}),
    ("verify-failure-event", FAILURE, "kind", {"Expired": "exp"}),
    ("verify-failure-event", FAILURE, "kind", {"MissingClaim": "aud", "IdToken": "NonceMissing"}),
    ("verify-failure-event", FAILURE, "kind", {"IdToken": "UnknownClaim"}),
    ("verify-failure-event", FAILURE, "kind", {"IdToken": {"UnknownClaim": "x" * 129}}),
    ("verify-failure-event", FAILURE, "occurred_at", "2027-01-15T08:00:00.1234567890Z"),
    ("verify-failure-event", FAILURE, "occurred_at", "2027-01-15T08:00:00.Z"),
    ("verify-failure-event", FAILURE, "occurred_at", "2027-01-15T08:00:00.000000+00:00"),
    ("verify-failure-event", FAILURE, "occurred_at", "2027-01-15T08:00:00.000000Z\n"),
    ("verify-failure-event", FAILURE, "source_id", "app-1"),
    ("verify-failure-event", FAILURE, "source_id", "app 1::k1"),
    ("verify-failure-event", FAILURE, "source_id", "café::k1"),
    ("verify-failure-event", FAILURE, "source_id", "a%3a::k1"),
    ("verify-failure-event", FAILURE, "source_id", "a::b::c::d"),
    ("verify-failure-event", FAILURE, "source_id", "app-1::k1\n"),
    ("verify-failure-event", FAILURE, "source_id", f"{'a' * 710}::k"),
    ("verify-failure-event", FAILURE, "client_id_hint", ""),
    ("verify-failure-event", FAILURE, "kid_hint", 7),
    ("verify-failure-event", FAILURE, "kid_hint", "k" * 109),
    ("verify-failure-event", FAILURE, "metadata", {"engine_msg": "x" * 513}),
    ("verify-failure-event", FAILURE, "metadata", {"deep": [{"er": "x" * 513}]}),
    ("verify-failure-event", FAILURE, "token", "a.b.c"),
    ("lifecycle-event", ISSUED, "event", "token.refreshed"),
    ("lifecycle-event", ISSUED, "event", "token.used"),
    ("lifecycle-event", ISSUED, "reason", None),
    ("lifecycle-event", ISSUED, "tenant", None),
    ("lifecycle-event", ISSUED, "rate_limit", -1),
    ("lifecycle-event", ISSUED, "client_ip", "proxy"),
    ("lifecycle-event", ISSUED, "identity", {"subject": "s", "issuer": "i"}),
    ("lifecycle-event", ISSUED, "identity", {**ALICE, "name": None}),
    ("lifecycle-event", ISSUED, "expires_at", "2027-01-15 08:00"),
    ("request", VERIFY, "op", "verfiy"),
    ("request", VERIFY, "profile", "jws"),
    ("request", VERIFY, "token_b64", "AA=="),
    ("request", VERIFY, "policy", {**POLICY, "laeway": 1}),
    ("request", VERIFY, "policy", {**POLICY, "keys_url": "http://127.0.0.1/"}),
    ("answer", HELLO, "protocol", 2),
    ("answer", HELLO, "profiles", []),
    ("answer", HELLO, "extra", 1),
    ("answer", HELLO, "implementation", {**HELLO["implementation"], "vendor": "x"}),
    ("answer", HELLO, "capabilities", {}),
    ("answer", HELLO, "capabilities", {"algorithms": ["ES256"], "key_sets": True}),
    ("answer", HELLO, "capabilities", {"algorithms": ["ES256"], "audit": {"line": True}}),
    ("answer", HELLO, "capabilities", {"algorithms": ["ES256"], "keys_url": {"ttl": 1}}),
    ("answer", REJECTED, "verdict", "refused"),
    ("answer", REJECTED, "reason", "bad"),
    ("answer", REJECTED, "reasom", "expired"),
    ("answer", REJECTED, "id", None),
    ("answer", REJECTED, "claims", {}),
    ("answer", REJECTED, "delivered", -1),
    ("answer", REJECTED, "summaries", [{"tier": "strangers", "dropped": 0, "kinds": {}}]),
    ("answer", REJECTED, "skipped", "also"),
    ("request", CONFIGURE, "audit", {}),
    ("request", CONFIGURE, "now", "1"),
    ("request", EXCHANGE, "form", {"scope": "x"}),
    ("request", EXCHANGE, "form", [["scope"]]),
    ("request", EXCHANGE, "form", [["scope", "x", "y"]]),
    ("request", EXCHANGE, "form", [["scope", None]]),
    ("request", EXCHANGE, "tick", -1),
    ("request", EXCHANGE, "peer", 1),
    ("request", AUTHENTICATE, "bearer", None),
    ("request", AUTHENTICATE, "wants", {"server": "a"}),
    ("request", AUTHENTICATE, "wants", {"tool": None}),
    ("request", REVOKE, "admin", 1),
    ("request", REVOKE, "subject", "s"),
    ("request", REVOKE_ALL, "jti", "j"),
    ("request", COUNT, "subject", None),
    ("request", ROTATE, "keys", []),
    ("request", HTTP, "body_b64", "A"),
    ("request", HTTP, "headers", {"a": "b"}),
    ("request", RACE, "requests", [{**RACERS[0], "id": 1}]),
    ("request", RACE, "requests", [{"op": "restart", "now": 1, "tick": 0}]),
    ("request", RACE, "requests", [{"op": "race", "now": 1, "tick": 0, "requests": []}]),
    ("request#/$defs/keyServer", CONFIGURATION, "time_to_live", 1),
    ("request#/$defs/keyServer", CONFIGURATION, "ttl", 0),
    ("request#/$defs/keyServer", CONFIGURATION, "ttl", 86_401),
    ("request#/$defs/keyServer", CONFIGURATION, "cap", 0.5),
    ("request#/$defs/keyServer", CONFIGURATION, "cap", True),
    ("request#/$defs/keyServer", CONFIGURATION, "retention", -1),
    ("request#/$defs/keyServer", CONFIGURATION, "admin_secret", " "),
    ("request#/$defs/keyServer", CONFIGURATION, "admin_secret", None),
    ("request#/$defs/keyServer", CONFIGURATION, "throttle", {"failures": 5}),
    ("request#/$defs/keyServer", CONFIGURATION, "trusted_proxies", "10.0.0.0/8"),
    ("request#/$defs/keyServer", CONFIGURATION, "providers", []),
    ("request#/$defs/provider", PROVIDER, "issuer", "idp.example"),
    ("request#/$defs/provider", PROVIDER, "issuer", "https://idp.example?a"),
    ("request#/$defs/provider", PROVIDER, "audiences", []),
    ("request#/$defs/provider", PROVIDER, "audiences", ["key-server", " "]),
    ("request#/$defs/provider", PROVIDER, "algorithms", ["HS256"]),
    ("request#/$defs/provider", PROVIDER, "keys_url", "https://idp.example/keys"),
    ("request#/$defs/provider", PROVIDER, "jwks", {}),
    ("request#/$defs/rule", RULE, "match", {"group": "staff"}),
    ("request#/$defs/rule", RULE, "match", {**RULE["match"], "email": ""}),
    ("request#/$defs/rule", RULE, "match", {**RULE["match"], "role": "x"}),
    ("request#/$defs/rule", RULE, "grant", {"backends": ["*"], "tools": []}),
    ("request#/$defs/rule", RULE, "grant", {"backends": ["*"]}),
    ("request#/$defs/rule", RULE, "grant", {**GRANT, "tools": ["a*b"]}),
    ("request#/$defs/rule", RULE, "grant", {**GRANT, "tools": ["a\n"]}),
    ("request#/$defs/rule", RULE, "grant", {**GRANT, "rate_limit": None}),
    ("answer", LEVEL_3, "capabilities", {"algorithms": ["ES256"], "key_server": {"configure": True, "racing": True}}),
    ("answer", LEVEL_3, "capabilities", {"algorithms": ["ES256"], "key_server": {"configure": True, "race": 1}}),
    ("answer", LEVEL_3, "capabilities", {"algorithms": ["ES256"], "key_server": {"configure": True, "prefix": None}}),
    (f"answer{SETTING}", TAKEN_AS_IT_IS, "issuers", ["https://idp.example"]),
    (f"answer{SETTING}", TAKEN_AS_IT_IS, "issuers", ["https://idp.example"] * 2),
    (f"answer{SETTING}", TAKEN_AS_IT_IS, "ttl", "600"),
    (f"answer{SETTING}", TAKEN_AS_IT_IS, "policies", []),
    ("answer", GRANTED, "granted", {"access_token": "b"}),
    ("answer", GRANTED, "granted", {**GRANTED["granted"], "expires_in": "600"}),
    ("answer", GRANTED, "granted", {**GRANTED["granted"], "refresh_token": "r"}),
    ("answer", GRANTED, "retry_after", 1),
    ("answer", REFUSED, "refused", "invalid_grant"),
    ("answer", REFUSED, "retry_after", -1),
    ("answer", REFUSED, "reason", "expired"),
    ("answer", REFUSED, "revoked", 0),
    ("answer", ADMITTED, "identity", {"issuer": "i"}),
    ("answer", ADMITTED, "identity", {"issuer": "i", "subject": "s", "email": "e"}),
    ("answer", ADMITTED, "scopes", {"backends": [], "tools": []}),
    ("answer", ADMITTED, "scopes", {**GRANT, "tools": "*"}),
    ("answer", ADMITTED, "claims", {}),
    ("answer", KEPT_OUT, "reason", "revoked"),
    ("answer", KEPT_OUT, "jti", "j"),
    ("answer", REVOKED, "revoked", -1),
    ("answer", REVOKED, "revoked", True),
    ("answer", REAPED, "reaped", 0.5),
    ("answer", COUNTED, "count", "2"),
    ("answer", ROTATED, "rotated", None),
    ("answer", ANSWERED, "status", 99),
    ("answer", ANSWERED, "headers", [["a"]]),
    ("answer", ANSWERED, "body_b64", "-_"),
    ("answer", RACED, "answers", [{"restarted": True}]),
    ("answer", RACED, "answers", [{}]),
    ("answer", RACED, "events", []),
    ("vector", VECTOR, "measure", {"base": ["rejected"], "strict": []}),
    ("vector", VECTOR, "measure", {"base": ["refused"], "strict": ["rejected"]}),
    ("vector", VECTOR, "reasons", ["bad"]),
    ("vector", VECTOR, "requirement", "ver-1"),
    ("vector", VECTOR, "policy", {**POLICY, "typo": "JWT"}),
    ("expectations", EXPECTATIONS, "expectations", []),
    ("expectations", EXPECTATIONS, "expectation", [{"requirement": "VER-2", "reason": " "}]),
    ("expectations", EXPECTATIONS, "expectation", [{"requirement": "VER-2", "reason": "r", "chek": "c"}]),
    ("expectations", EXPECTATIONS, "expectation", [{"requirement": "VER-2", "reason": "r", "issue": "x"}]),
    ("result", HEADER, "started", "2027-01-15T08:00:00Z"),
    ("result", HEADER, "specification", {"requirements": 90}),
    ("result", CHECK, "outcome", "skipped"),
    ("result", CHECK, "findings", [{"summary": "s", "expected": "e", "got": "g", "tokn": "a.b"}]),
    ("result", FOOTER, "counts", {"pased": 1}),
    ("result", FOOTER, "complete", "yes"),
]


def test_every_schema_is_valid_and_named_after_its_file(schemas: dict[str, Json]) -> None:
    assert sorted(schemas) == [
        "answer",
        "campaign",
        "chain-checkpoint",
        "chain-report",
        "comparison",
        "difference",
        "evidence",
        "expectations",
        "explanation",
        "fuzz-benchmark",
        "hint-vectors",
        "libraries",
        "lifecycle-event",
        "museum",
        "request",
        "result",
        "trail-report",
        "vector",
        "verify-failure-event",
    ]
    for name, schema in schemas.items():
        Draft202012Validator.check_schema(schema)
        assert schema["$id"] == f"{BASE}{name}.schema.json"
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert schema["title"]
        assert schema["description"]


def test_every_object_of_an_answer_is_closed(schemas: dict[str, Json]) -> None:
    spared = {"kinds", "sources"}  # maps from names to counts, closed by the type of their values
    for where, schema in _objects(schemas["answer"]["$defs"], ""):
        if where.rpartition("/")[2] not in spared and "properties" in schema:
            assert schema.get("additionalProperties") is False, where


@pytest.mark.parametrize("event", SEED_EVENTS, ids=lambda event: event["event"])
def test_the_seed_lifecycle_events_are_accepted(refusals: Refusals, event: Json) -> None:
    assert refusals("lifecycle-event", event) == []
    assert refusals("lifecycle-event", {**event, "tenant": "t"}) == []


@pytest.mark.parametrize("event", SEED_EVENTS, ids=lambda event: event["event"])
def test_each_lifecycle_event_needs_what_the_seed_gives_it(refusals: Refusals, event: Json) -> None:
    optional = {"client_ip"} | ({"identity"} if event["event"] == "token.revoked" else set())
    for name in event:
        without = {member: value for member, value in event.items() if member != name}
        assert bool(refusals("lifecycle-event", without)) is (name not in optional), name


@pytest.mark.parametrize(
    "kind",
    [
        "Other",
        "ReplayLookupUnavailable",
        {"MissingClaim": "aud"},
        {"IdToken": "AcrNotAllowed"},
        {"IdToken": {"UnknownClaim": "x"}},
        {"IdToken": {"CatMismatch": ""}},
    ],
    ids=str,
)
def test_kinds_of_every_shape_are_accepted(refusals: Refusals, kind: object) -> None:
    assert refusals("verify-failure-event", {**FAILURE, "kind": kind}) == []


def test_absent_hints_may_be_null_or_left_out(refusals: Refusals) -> None:
    bare = {**FAILURE, "source_id": "anon::nokid"}
    del bare["client_id_hint"], bare["kid_hint"]
    assert refusals("verify-failure-event", bare) == []
    assert refusals("verify-failure-event", {**bare, "client_id_hint": None, "kid_hint": None}) == []


@pytest.mark.parametrize(
    ("schema", "good", "member", "value"), SPOILT, ids=[f"{s}:{m}={v!s:.30}" for s, _, m, v in SPOILT]
)
def test_one_spoilt_member_is_refused(refusals: Refusals, schema: str, good: Json, member: str, value: object) -> None:
    assert refusals(schema, good) == []
    assert refusals(schema, {**copy.deepcopy(good), member: value})


def test_a_request_may_grow_members_but_a_policy_may_not(refusals: Refusals) -> None:
    assert refusals("request", {**VERIFY, "later": 1}) == []
    assert refusals("request", {**VERIFY, "policy": {**POLICY, "later": 1}})


@pytest.mark.parametrize(
    "request_",
    [EXCHANGE, AUTHENTICATE, REVOKE, REVOKE_ALL, REAP, COUNT, ROTATE, RESTART, HTTP, RACE],
    ids=lambda request: request["op"],
)
def test_a_request_to_a_key_server_needs_what_it_has_but_where_it_comes_from(
    refusals: Refusals, request_: Json
) -> None:
    optional = {"peer", "forwarded", "wants", "jti", "issuer", "subject"} - (
        set() if request_["op"] == "revoke" else {"issuer", "subject"}
    )
    for name in request_:
        without = {member: value for member, value in request_.items() if member != name}
        assert bool(refusals("request", without)) is (name not in optional), name


def test_members_of_a_configuration_may_be_left_out_and_anything_may_be_sent_to_be_refused(refusals: Refusals) -> None:
    for name in CONFIGURATION:
        without = {member: value for member, value in CONFIGURATION.items() if member != name}
        assert bool(refusals("request#/$defs/keyServer", without)) is (name in ("providers", "policies"))
    refused: list[object] = [{"ttl": "for ever"}, [], None]
    for anything in refused:
        assert refusals("request", {**CONFIGURE, "key_server": anything}) == []


def test_an_answer_of_a_key_server_may_leave_out_what_it_left(refusals: Refusals) -> None:
    for whole in (GRANTED, REFUSED, ADMITTED, KEPT_OUT, REVOKED, REAPED, ANSWERED):
        for name in whole:
            without = {member: value for member, value in whole.items() if member != name}
            assert bool(refusals("answer", without)) is (name not in {*LEFT, "retry_after"}), name
    assert refusals("answer", {"id": 3, "verdict": "rejected", "reason": "unavailable"}) == []
    assert refusals("answer", {"id": 3, "restarted": True}) == []
    assert refusals("answer", {"restarted": True})


def test_what_the_suite_configures_is_sound_by_the_schema(refusals: Refusals) -> None:
    assert refusals("request#/$defs/keyServer", DEFAULT.as_json()) == []
    assert refusals("request#/$defs/keyServer", DEFAULT.but(admin_secret=None).as_json()) == []


@given(st.data())
def test_what_the_schema_refuses_the_reference_refuses_at_load(refusals: Refusals, data: st.DataObject) -> None:
    whole = copy.deepcopy(DEFAULT.as_json())
    place, name = data.draw(st.sampled_from(list(_places(whole))))
    place[name] = data.draw(st.sampled_from([None, True, 0, -1, 0.5, 10**12, "", " ", "x", [], [""], {}, {"x": 1}]))
    try:
        read(whole)
    except ConfigurationError:
        return
    assert refusals("request#/$defs/keyServer", whole) == []


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every member and element of a configuration, keys apart."""
    for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield value, name
        if isinstance(inner, dict | list) and name != "keys":
            yield from _places(inner)


def test_vectors_come_alone_or_in_a_file(refusals: Refusals) -> None:
    within = {name: value for name, value in VECTOR.items() if name != "format"}
    assert refusals("vector", {"format": 1, "requirement": "VER-1", "vectors": [within, VECTOR]}) == []
    assert refusals("vector", within)
    assert refusals("vector", {"format": 2, "requirement": "VER-1", "vectors": [VECTOR]})


def test_reasons_and_kinds_of_the_document_are_those_of_the_schemas(schemas: dict[str, Json]) -> None:
    document = (SPEC / "contract.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z-]+)` \| .* \| (.*) \|$", _section(document, "## Reasons"), re.MULTILINE)
    reasons = [reason for reason, _ in rows]
    assert reasons == schemas["answer"]["$defs"]["reason"]["enum"]
    assert set(reasons) == REASONS
    kinds = schemas["verify-failure-event"]["$defs"]
    plain, nested = set(kinds["plainKind"]["enum"]), set(kinds["idTokenKind"]["oneOf"][0]["enum"])
    mapped = [kind for _, cell in rows for kind in re.findall(r"`([^`]+)`", cell)]
    assert {kind for kind in mapped if not kind.startswith("{")} == plain
    assert {json.loads(kind)["IdToken"] for kind in mapped if kind.startswith('{"IdToken"')} == nested
    listed = set(re.findall(r"`(\w+)`", _section(document, "The plain kinds are", "`MissingClaim` carries")))
    assert listed == plain


def _section(document: str, start: str, end: str = "\n## ") -> str:
    return document.partition(start)[2].partition(end)[0]


def _objects(schema: object, where: str) -> Iterator[tuple[str, Json]]:
    """Yield every sub-schema that describes an object, with its place."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield where, schema
        for name, part in schema.items():
            yield from _objects(part, f"{where}/{name}")
    elif isinstance(schema, list):
        for part in schema:
            yield from _objects(part, where)
