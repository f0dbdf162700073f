"""The ECS export, by a schema derived from the published fields."""

import pytest
from hypothesis import given

from bearerproof.exports.ecs import ECS_VERSION, ecs_document
from bearerproof.members import Json

from .conftest import THOROUGH, Complaints
from .drawn import LEAP_SECONDS, NO_DAYS, events
from .ecs_schema import FACTS, PUBLISHED, Table
from .examples import AT, DENIED, INVALID, ISSUED, MARKED, REJECTED, REVOKED, TIMELESS


@THOROUGH
@given(event=events())
def test_any_event_is_valid_but_for_a_time_that_it_does_not_have(event: Json, refused_by_ecs: Complaints) -> None:
    timeless = event.get("occurred_at") in {None, LEAP_SECONDS[1], *NO_DAYS}
    assert refused_by_ecs(ecs_document(event)) == (["'@timestamp' is a required property"] if timeless else [])


@pytest.mark.parametrize(
    "spoilt",
    [
        {"event": {"category": "session"}},
        {"event": {"category": ["session"], "type": ["change"]}},
        {"event": {"outcome": "denied"}},
        {"client": {"ip": "somewhere"}},
        {"labels": {"token": {"jti": "j1"}}},
        {"user": {"subject": "sub-1"}},
        {"@timestamp": "2016-12-31T23:59:60.000000Z"},
        {"ecs": {}},
    ],
)
def test_validator_refuses(spoilt: Json, refused_by_ecs: Complaints) -> None:
    least = {"@timestamp": AT, "ecs": {"version": ECS_VERSION}}
    assert refused_by_ecs(least) == []
    assert refused_by_ecs({**least, **spoilt}) != []


def test_facts_are_those_published(published_fields: Table) -> None:
    for name, fact in FACTS.items():
        field = published_fields[name]
        assert (fact.type, fact.array, fact.required) == (field.type, field.array, field.required)
        assert fact.values <= field.values
        assert set(fact.expects) <= set(field.expects)


def test_version_is_that_of_the_published_fields(published_fields: Table) -> None:
    assert f'"version": "{ECS_VERSION}"' in (PUBLISHED / "package.json").read_text("utf-8")


def test_issue_starts_a_session() -> None:
    assert ecs_document(ISSUED) == {
        "@timestamp": AT,
        "ecs": {"version": "9.4.0"},
        "message": "token.issued",
        "event": {
            "kind": "event",
            "category": ["session"],
            "type": ["start"],
            "outcome": "success",
            "action": "token.issued",
            "sequence": 3,
            "module": "bearerproof",
            "dataset": "bearerproof.lifecycle",
        },
        "user": {"id": "sub-1", "domain": "https://idp.example", "email": "alice@example.com", "full_name": "Alice"},
        "client": {"ip": "192.0.2.1"},
        "source": {"ip": "192.0.2.1"},
        "labels": {
            "token_jti": "j1",
            "groups": ["staff"],
            "backends": ["*"],
            "tools": ["search", "brave_*"],
            "rate_limit": "60",
            "expires_at": "2027-01-15T08:10:00.000000Z",
        },
    }


@pytest.mark.parametrize(
    ("event", "category", "kind", "outcome", "reason"),
    [
        (DENIED, "authentication", "start", "failure", "no-policy"),
        (INVALID, "authentication", "start", "failure", "unknown-bearer"),
        (REVOKED, "session", "end", "success", None),
        (TIMELESS, "authentication", "start", "success", None),
        (TIMELESS | {"event": "token.expired"}, "authentication", "start", "failure", "expired"),
        (REJECTED, "authentication", "start", "failure", "IdToken.CatMismatch"),
    ],
)
def test_categories(event: Json, category: str, kind: str, outcome: str, reason: str | None) -> None:
    document = ecs_document(event)["event"]
    assert (document["category"], document["type"]) == ([category], [kind])
    assert (document["outcome"], document.get("reason")) == (outcome, reason)


def test_hints_are_labelled_untrusted() -> None:
    document = ecs_document(REJECTED)
    assert document["labels"] == {f"untrusted_{name}": text for name, text in MARKED.items()}
    assert document["event"]["dataset"] == "bearerproof.verify_failure"
    assert "user" not in document


def test_event_without_a_time_gets_none() -> None:
    assert "@timestamp" not in ecs_document(TIMELESS)
