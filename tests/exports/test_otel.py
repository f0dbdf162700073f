"""The OpenTelemetry export, by OpenTelemetry's own messages."""

from collections.abc import Callable

import pytest
from google.protobuf.json_format import ParseError
from hypothesis import given

from bearerproof.exports.otel import log_record
from bearerproof.members import Json

from .conftest import THOROUGH
from .drawn import NO_DAYS, events
from .examples import AT, DENIED, INVALID, ISSUED, MARKED, REJECTED, REVOKED, TIMELESS

AsProtobuf = Callable[[Json], Json]


@THOROUGH
@given(event=events())
def test_any_event_comes_back_from_protobuf_as_written_and_no_attribute_twice(
    event: Json, as_protobuf: AsProtobuf
) -> None:
    record = log_record(event)
    assert as_protobuf(record) == record
    names = [attribute["key"] for attribute in record["attributes"]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "spoilt",
    [{"level": 9}, {"severityNumber": "WARNING"}, {"timeUnixNano": "-1"}, {"body": "text"}, {"eventName": "\ud800"}],
)
def test_validator_refuses(spoilt: Json, as_protobuf: AsProtobuf) -> None:
    with pytest.raises((ParseError, UnicodeError)):
        as_protobuf({**log_record(DENIED), **spoilt})


def test_issue() -> None:
    record = log_record(ISSUED)
    attributes = {attribute["key"]: attribute["value"] for attribute in record.pop("attributes")}
    assert record == {
        "timeUnixNano": "1800000000123456000",
        "severityNumber": 9,
        "body": {"stringValue": "token.issued"},
        "eventName": "bearerproof.token.issued",
    }
    assert attributes == {
        "client.address": {"stringValue": "192.0.2.1"},
        "user.id": {"stringValue": "sub-1"},
        "user.email": {"stringValue": "alice@example.com"},
        "user.full_name": {"stringValue": "Alice"},
        "bearerproof.identity.issuer": {"stringValue": "https://idp.example"},
        "bearerproof.identity.groups": {"arrayValue": {"values": [{"stringValue": "staff"}]}},
        "bearerproof.seq": {"intValue": "3"},
        "bearerproof.token.jti": {"stringValue": "j1"},
        "bearerproof.token.backends": {"arrayValue": {"values": [{"stringValue": "*"}]}},
        "bearerproof.token.tools": {"arrayValue": {"values": [{"stringValue": "search"}, {"stringValue": "brave_*"}]}},
        "bearerproof.token.rate_limit": {"intValue": "60"},
        "bearerproof.token.expires_at": {"stringValue": "2027-01-15T08:10:00.000000Z"},
    }


@pytest.mark.parametrize(
    ("event", "name", "severity", "error"),
    [
        (DENIED, "bearerproof.token.denied", 13, "no-policy"),
        (INVALID, "bearerproof.token.invalid", 13, "unknown-bearer"),
        (REVOKED, "bearerproof.token.revoked", 9, None),
        (TIMELESS, "bearerproof.token.used", 9, None),
        (TIMELESS | {"event": "token.expired"}, "bearerproof.token.expired", 9, "expired"),
        (REJECTED, "bearerproof.token.rejected", 13, "IdToken.CatMismatch"),
    ],
)
def test_name_severity_and_error(event: Json, name: str, severity: int, error: str | None) -> None:
    record = log_record(event)
    errors = [
        attribute["value"]["stringValue"] for attribute in record["attributes"] if attribute["key"] == "error.type"
    ]
    assert (record["eventName"], record["severityNumber"]) == (name, severity)
    assert errors == ([] if error is None else [error])


def test_hints_are_under_a_name_that_says_untrusted() -> None:
    attributes = {
        attribute["key"]: attribute["value"]["stringValue"] for attribute in log_record(REJECTED)["attributes"]
    }
    assert attributes == {
        "error.type": "IdToken.CatMismatch",
        **{f"bearerproof.untrusted.{name}": text for name, text in MARKED.items()},
    }


@pytest.mark.parametrize("written", ["1969-12-31T23:59:59.999999Z", "2554-07-21T23:34:34.000000Z", *NO_DAYS])
def test_time_that_the_format_cannot_hold_is_left_out(written: str) -> None:
    assert "timeUnixNano" not in log_record({**DENIED, "occurred_at": written})
    assert log_record({**DENIED, "occurred_at": AT})["timeUnixNano"] == "1800000000123456000"


def test_event_without_a_time_gets_none() -> None:
    assert not [name for name in log_record(TIMELESS) if "time" in name.lower()]
