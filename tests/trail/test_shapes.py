"""The compiled checks and the JSON Schemas give the same verdict on any record."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bearerproof.members import Json
from bearerproof.trail import shapes

from .trails import at, failure, lived

CHECKS: dict[str, Callable[[Json], bool]] = {
    shapes.LIFECYCLE: shapes.conforms_lifecycle,
    shapes.FAILURE: shapes.conforms_failure,
    shapes.SUMMARY: shapes.conforms_summary,
}
SUMMARY: Json = {"tier": "registered", "dropped": 3, "kinds": {"Expired": 3}, "sources": {"a::b": 3}}
BASES = {
    shapes.LIFECYCLE: lived().events[:12],
    shapes.FAILURE: [
        failure(),
        failure(kind={"MissingClaim": "aud"}),
        failure(kind={"IdToken": "NonceMissing"}),
        failure(kind={"IdToken": {"CatMismatch": ""}}),
        failure(metadata={"aud_hint": "api", "engine_msg": "m", "x": [1, {}]}),
    ],
    shapes.SUMMARY: [SUMMARY],
}

ODD: list[Any] = [
    *(None, True, False, 0, 1, -1, 1.0, 0.5, 1e400, 2**32, 4294967295, 4294967296.0, "\ud800", "é" * 64),
    *("a" * length for length in (0, 1, 108, 109, 128, 129, 256, 257, 320, 321, 512, 513)),
    *([], ["a"], ["a" * 257], [None], ["a"] * 1024, ["a"] * 1025, ["a"] * 33),
    *({}, {"a": 1}, {"a": None}, {"a" * 65: 1}, {"a": {"b": ["c" * 513]}}),
    *({str(n): n for n in range(33)}, {str(n): n for n in range(1, 22)}),
    *({"MissingClaim": ""}, {"MissingClaim": "a" * 129}, {"IdToken": "None"}, {"Expired": 1}),
    *({"IdToken": {"UnknownClaim": "x"}}, {"IdToken": {"UnknownClaim": "x", "y": 1}}),
    *(at(0), at(0) + "\n", at(0).replace("Z", "+00:00"), at(0).replace(".000000", "")),
    *("2027-02-29T08:00:00.000000Z", "2028-02-29T08:00:00.000000Z", "2027-01-15T08:00:60.000000Z"),
    *("2027-W03-5T08:00:00.000000Z", "0000-01-01T00:00:00.000000Z", "2027-01-15T08:00:00.00000٣Z"),
    *("192.0.2.1", "192.0.2.1\n", "192.0.2.01", "2001:db8::1", "::ffff:192.0.2.1", "1:2", "fe80::1%eth0"),
    *("a::b", "a::b::c", "a::b::c::d", "a:b", "a::", "%41::b", "%4a::b", "%4G::b", "a::b\n", "é::b"),
    *("a" * 708 + "::bc", "a" * 709 + "::bc", "token.used", "token.issued", "token.renewed"),
    *("strangers", "Expired", "AzpMissing"),
]
NAMES = [
    "event",
    "identity",
    "token_jti",
    "backends",
    "tools",
    "rate_limit",
    "client_ip",
    "reason",
    "occurred_at",
    "seq",
    "expires_at",
    "kind",
    "source_id",
    "client_id_hint",
    "kid_hint",
    "metadata",
    "aud_hint",
    "engine_msg",
    "subject",
    "email",
    "name",
    "groups",
    "issuer",
    "tier",
    "dropped",
    "kinds",
    "sources",
    "more",
    "x" * 65,
]


@st.composite
def records(draw: st.DrawFn, schema: str) -> Json:
    """A valid record with up to three members of it, or of an object in it, set or taken away."""
    record: Json = copy.deepcopy(draw(st.sampled_from(BASES[schema])))
    for _ in range(draw(st.integers(0, 3))):
        places = [record, *(value for value in record.values() if isinstance(value, dict))]
        place: Json = draw(st.sampled_from(places))
        name = draw(st.sampled_from([*place, *NAMES]))
        if draw(st.booleans()):
            place[name] = copy.deepcopy(draw(st.sampled_from(ODD)))
        else:
            place.pop(name, None)
    return record


@pytest.mark.parametrize("schema", CHECKS)
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_the_compiled_check_agrees_with_the_schema(schema: str, data: st.DataObject) -> None:
    record = data.draw(records(schema))
    complaint = shapes.complaint(schema, record)
    assert CHECKS[schema](record) == (complaint == ""), complaint


@pytest.mark.parametrize("schema", CHECKS)
def test_each_member_with_each_odd_value_is_judged_alike(schema: str) -> None:
    wrong = []
    for base in BASES[schema][:3]:
        for name in [*base, "more"]:
            for value in ODD:
                record = {**base, name: value}
                if CHECKS[schema](record) != (shapes.complaint(schema, record) == ""):
                    wrong.append((name, value))
    assert wrong == []


@given(st.text())
@example("2027-02-30T08:00:00.000000Z")
def test_an_instant_is_what_can_be_counted_in_seconds(text: str) -> None:
    assert shapes.is_instant(text) == (
        shapes.complaint(shapes.LIFECYCLE, {"event": "token.invalid", "reason": "r", "occurred_at": text}) == ""
    )


def test_a_leap_second_is_an_instant() -> None:
    assert shapes.is_instant("2016-12-31T23:59:60.500000Z")
    assert shapes.seconds_of("2016-12-31T23:59:60.500000Z") == shapes.seconds_of("2016-12-31T23:59:59.500000Z")


def test_the_bases_are_what_both_accept() -> None:
    for schema, bases in BASES.items():
        for base in bases:
            assert CHECKS[schema](base)
            assert shapes.complaint(schema, json.loads(json.dumps(base))) == ""


def test_a_complaint_names_the_member_and_repeats_no_value() -> None:
    record: dict[str, Any] = {**lived().events[1], "client_ip": "\x1b[2J secret"}
    assert shapes.complaint(shapes.LIFECYCLE, record).startswith("client_ip breaks pattern")
