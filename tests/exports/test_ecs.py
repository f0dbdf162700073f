"""The ECS export, by a schema derived from the published fields."""

import pytest
from hypothesis import given

from bearerproof.exports.ecs import ECS_VERSION, ecs_document
from bearerproof.members import Json

from .conftest import THOROUGH, Complaints
from .drawn import LEAP_SECONDS, NO_DAYS, events
from .ecs_schema import FACTS, PUBLISHED, Table
from .examples import AT


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
