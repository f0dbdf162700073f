"""The OpenTelemetry export, by OpenTelemetry's own messages."""

from collections.abc import Callable

import pytest
from google.protobuf.json_format import ParseError
from hypothesis import given

from bearerproof.exports.otel import log_record
from bearerproof.members import Json

from .conftest import THOROUGH
from .drawn import NO_DAYS, events
from .examples import AT, DENIED

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


@pytest.mark.parametrize("written", ["1969-12-31T23:59:59.999999Z", "2554-07-21T23:34:34.000000Z", *NO_DAYS])
def test_time_that_the_format_cannot_hold_is_left_out(written: str) -> None:
    assert "timeUnixNano" not in log_record({**DENIED, "occurred_at": written})
    assert log_record({**DENIED, "occurred_at": AT})["timeUnixNano"] == "1800000000123456000"
