"""The OCSF export, by the published schema of the class."""

import pytest
from hypothesis import given

from bearerproof.exports import Unexportable
from bearerproof.exports.ocsf import ocsf_event
from bearerproof.members import Json

from .conftest import THOROUGH, Complaints
from .drawn import LEAP_SECONDS, NO_DAYS, events
from .examples import DENIED, TIMELESS

MILLISECONDS = 1_800_000_000_123
"""AT, cut to milliseconds."""


@THOROUGH
@given(event=events())
def test_any_event_that_has_a_time_is_valid(event: Json, refused_by_ocsf: Complaints) -> None:
    try:
        record = ocsf_event(event)
    except Unexportable:
        assert event.get("occurred_at") in {None, LEAP_SECONDS[1], *NO_DAYS}
    else:
        assert refused_by_ocsf(record) == []


@pytest.mark.parametrize(
    "spoilt",
    [
        {"time": None},
        {"user": {}},
        {"type_uid": 300303},
        {"severity_id": "Low"},
        {"hint": "k1"},
        {"src_endpoint": {"ip": "x"}},
    ],
)
def test_validator_refuses(spoilt: Json, refused_by_ocsf: Complaints) -> None:
    assert refused_by_ocsf(ocsf_event(DENIED)) == []
    assert refused_by_ocsf({**ocsf_event(DENIED), **spoilt}) != []


def test_event_without_a_time_has_no_record() -> None:
    with pytest.raises(Unexportable, match="does not say when it happened"):
        ocsf_event(TIMELESS)


def test_email_that_ocsf_takes_for_none_is_unmapped() -> None:
    record = ocsf_event({**DENIED, "identity": {**DENIED["identity"], "email": "alice@localhost"}})
    assert "email_addr" not in record["user"]
    assert record["unmapped"] == {"email": "alice@localhost"}


def test_leap_second_is_the_first_of_the_next_minute() -> None:
    assert ocsf_event({**DENIED, "occurred_at": LEAP_SECONDS[0]})["time"] == 1_483_228_800_999
