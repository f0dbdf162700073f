"""What each format's publisher says of a record."""

import json
from collections.abc import Callable
from functools import cache

import pytest
from google.protobuf.json_format import MessageToDict, Parse
from hypothesis import settings
from jsonschema import Draft202012Validator, FormatChecker
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema  # type: ignore[import-untyped]
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from bearerproof import data
from bearerproof.exports.ocsf import OCSF_VERSION
from bearerproof.members import Json

from . import ecs_schema
from .ecs_schema import FACTS, Table

Complaints = Callable[[Json], list[str]]
"""Returns what is wrong with a record, in the words of the validator."""

THOROUGH = settings(max_examples=50, deadline=None)
"""For properties of all events, of which there are many kinds.

Where this folder alone is asked for, this file is loaded before the profile that takes the deadline away.
"""

ADDRESSES = FormatChecker(["ipv4", "ipv6"])
"""The formats that are judged: times have patterns, and only a package that may be absent knows which days exist."""


def complaints_of(schema: Json) -> Complaints:
    validator = Draft202012Validator(schema, format_checker=ADDRESSES)
    return lambda record: [error.message for error in validator.iter_errors(record)]


@pytest.fixture(scope="session")
def refused_event() -> Complaints:
    """The two schemas of this project: a lifecycle event has an `event`, and no verify-failure event does."""
    folder = data.root() / "schemas"
    failure, decision = (
        complaints_of(json.loads((folder / f"{name}-event.schema.json").read_text("utf-8")))
        for name in ("verify-failure", "lifecycle")
    )
    return lambda event: decision(event) if "event" in event else failure(event)


@pytest.fixture(scope="session")
def refused_by_ocsf() -> Complaints:
    """The JSON Schema of the record's class, made from the published schema; it knows no attribute beyond the class."""
    published = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=OCSF_VERSION))

    @cache
    def of_class(uid: int) -> Complaints:
        return complaints_of(published.get_class_schema(published.lookup_class_name_from_uid(uid)))

    return lambda record: of_class(record["class_uid"])(record)


@pytest.fixture(scope="session")
def published_fields() -> Table:
    table = ecs_schema.published()
    if table is None:
        pytest.skip("@elastic/ecs is not installed; the docstring of ecs_schema.py tells how")
    return table


@pytest.fixture(scope="session", params=["facts", "published"])
def refused_by_ecs(request: pytest.FixtureRequest) -> Complaints:
    table = FACTS if request.param == "facts" else request.getfixturevalue("published_fields")
    return complaints_of(ecs_schema.schema(table))


@pytest.fixture(scope="session")
def as_protobuf() -> Callable[[Json], Json]:
    """Through OpenTelemetry's own message, on the wire, and back: raises on a member or value that it does not know."""

    def there_and_back(record: Json) -> Json:
        sent = Parse(json.dumps(record), LogRecord()).SerializeToString()
        return MessageToDict(LogRecord.FromString(sent), use_integers_for_enums=True)

    return there_and_back
