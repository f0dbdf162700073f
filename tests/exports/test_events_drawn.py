"""The events that the properties are about: all of them are valid, and none is left out."""

import json

import pytest
from hypothesis import Phase, find, given, settings

from bearerproof import data

from . import examples
from .conftest import THOROUGH, Complaints
from .drawn import DECISIONS, ID_TOKEN_KINDS, KINDS, decisions, events, failures

UNSHRUNK = settings(max_examples=1000, database=None, phases=[Phase.generate])
"""For looking whether something is drawn at all."""


@THOROUGH
@given(event=events())
def test_is_valid_by_its_schema(event: dict[str, object], refused_event: Complaints) -> None:
    assert refused_event(event) == []


def test_vocabulary_is_that_of_the_schemas() -> None:
    schemas = [json.loads(path.read_text("utf-8")) for path in sorted((data.root() / "schemas").glob("*-event.*"))]
    lifecycle, failure = schemas
    assert set(DECISIONS) == set(lifecycle["properties"]["event"]["enum"])
    assert set(KINDS) == set(failure["$defs"]["plainKind"]["enum"])
    assert set(ID_TOKEN_KINDS) == set(failure["$defs"]["idTokenKind"]["oneOf"][0]["enum"])


@pytest.mark.parametrize("name", ["identity", "client_ip", "occurred_at", "seq", "token_jti"])
def test_optional_member_is_there_and_is_missing(name: str) -> None:
    find(decisions(), lambda event: name in event, settings=UNSHRUNK)
    find(decisions(), lambda event: name not in event, settings=UNSHRUNK)


@pytest.mark.parametrize("kind", ["MissingClaim", "IdToken"])
def test_kind_with_a_value_is_drawn(kind: str) -> None:
    find(failures(), lambda event: kind in event["kind"], settings=UNSHRUNK)


@pytest.mark.parametrize("name", ["ISSUED", "DENIED", "INVALID", "REVOKED", "TIMELESS", "REJECTED"])
def test_example_is_valid(name: str, refused_event: Complaints) -> None:
    assert refused_event(getattr(examples, name)) == []
