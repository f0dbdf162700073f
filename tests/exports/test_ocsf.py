"""The OCSF export, by the published schema of the class."""

import pytest
from hypothesis import given

from bearerproof import __version__
from bearerproof.exports import Unexportable
from bearerproof.exports.ocsf import ocsf_event
from bearerproof.members import Json

from .conftest import THOROUGH, Complaints
from .drawn import LEAP_SECONDS, NO_DAYS, events
from .examples import AT, DENIED, INVALID, ISSUED, MARKED, REJECTED, REVOKED, TIMELESS

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


def test_issue_is_a_session_with_privileges() -> None:
    assert ocsf_event(ISSUED) == {
        "category_uid": 3,
        "category_name": "Identity & Access Management",
        "class_uid": 3003,
        "class_name": "Authorize Session",
        "activity_id": 1,
        "activity_name": "Assign Privileges",
        "type_uid": 300301,
        "type_name": "Authorize Session: Assign Privileges",
        "severity_id": 1,
        "severity": "Informational",
        "status_id": 1,
        "status": "Success",
        "time": MILLISECONDS,
        "message": "token.issued",
        "metadata": {
            "version": "1.8.0",
            "product": {"name": "bearerproof", "version": __version__},
            "log_name": "lifecycle",
            "event_code": "token.issued",
            "original_time": AT,
            "sequence": 3,
        },
        "user": {
            "uid": "sub-1",
            "domain": "https://idp.example",
            "full_name": "Alice",
            "email_addr": "alice@example.com",
            "groups": [{"name": "staff"}],
        },
        "privileges": ["backends:*", "tools:search", "tools:brave_*"],
        "session": {"uid": "j1", "expiration_time": 1_800_000_600_000},
        "src_endpoint": {"ip": "192.0.2.1"},
        "unmapped": {"rate_limit": 60},
    }


@pytest.mark.parametrize(
    ("event", "activity", "status", "detail"),
    [
        (DENIED, "Token Denied", "Failure", "no-policy"),
        (INVALID, "Token Invalid", "Failure", "unknown-bearer"),
        (REVOKED, "Token Revoked", "Success", None),
        (TIMELESS | {"occurred_at": AT}, "Token Used", "Success", None),
        (TIMELESS | {"occurred_at": AT, "event": "token.expired"}, "Token Expired", "Failure", "expired"),
        (REJECTED, "Token Rejected", "Failure", "IdToken.CatMismatch"),
    ],
)
def test_anything_else_is_an_authentication(event: Json, activity: str, status: str, detail: str | None) -> None:
    record = ocsf_event(event)
    assert (record["class_uid"], record["type_uid"]) == (3002, 300299)
    assert (record["activity_name"], record["status"], record.get("status_detail")) == (activity, status, detail)


@pytest.mark.parametrize("event", [INVALID, REVOKED, REJECTED])
def test_user_is_unknown_where_nobody_is_named(event: Json) -> None:
    assert ocsf_event(event)["user"] == {"name": "Unknown", "type": "Unknown", "type_id": 0}


def test_hints_are_unmapped_and_untrusted() -> None:
    assert ocsf_event(REJECTED)["unmapped"] == {"untrusted": MARKED}


def test_event_without_a_time_has_no_record() -> None:
    with pytest.raises(Unexportable, match="does not say when it happened"):
        ocsf_event(TIMELESS)


def test_email_that_ocsf_takes_for_none_is_unmapped() -> None:
    record = ocsf_event({**DENIED, "identity": {**DENIED["identity"], "email": "alice@localhost"}})
    assert "email_addr" not in record["user"]
    assert record["unmapped"] == {"email": "alice@localhost"}


def test_leap_second_is_the_first_of_the_next_minute() -> None:
    assert ocsf_event({**DENIED, "occurred_at": LEAP_SECONDS[0]})["time"] == 1_483_228_800_999
