"""The schemas admit what they should and refuse what they should: a negative stands beside what it spoils."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bearerproof.messages import REASONS

from .conftest import BASE, SPEC, Refusals

Json = dict[str, Any]

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
        {
            "requirement": "VER-2",
            "check": "c",
            "profile": "jwt",
            "reason": "known",
            "issue": "https://x.example/1",
        }
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
    ("verify-failure-event", FAILURE, "occurred_at", "2027-01-15T08:00:00Z"),
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
        "expectations",
        "hint-vectors",
        "lifecycle-event",
        "request",
        "result",
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
