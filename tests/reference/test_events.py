"""The event: a kind for every rejection, and wire forms that cannot hurt."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearerproof_reference.audit.events import Kind, KindClass, VerifyFailureEvent, kind_of, one_line, rfc3339
from bearerproof_reference.audit.hints import Hints
from bearerproof_reference.verifier.verdicts import Reason, Rejected

from .minting import NOW

EXPIRED = Kind(KindClass.EXPIRED)
DETAILS = {
    Reason.CLAIM_MISSING: "exp",
    Reason.CLAIM_MALFORMED: "exp",
    Reason.SESSION: "SessionRevoked",
    Reason.UNAVAILABLE: "ReplayLookupUnavailable",
    Reason.NONCE: "NonceMissing",
}


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_kind(reason: Reason) -> None:
    assert isinstance(kind_of(Rejected(reason, DETAILS.get(reason, ""))).of, KindClass)


@pytest.mark.parametrize(
    ("rejected", "wire"),
    [
        (Rejected(Reason.EXPIRED), "Expired"),
        (Rejected(Reason.CLAIM_MISSING, "aud"), {"MissingClaim": "aud"}),
        (Rejected(Reason.NONCE, "NonceMismatch"), {"IdToken": "NonceMismatch"}),
        (Rejected(Reason.SESSION, "SessionVersionStale"), "SessionVersionStale"),
    ],
)
def test_wire_form_of_kinds(rejected: Rejected, wire: object) -> None:
    assert kind_of(rejected).as_json() == wire


def test_wire_form_of_an_access_token_event() -> None:
    event = VerifyFailureEvent.from_hints(EXPIRED, NOW + 0.25, Hints("app-1", kid=5), {"z": "1", "a": "x" * 500})
    assert event.as_dict() == {
        "kind": "Expired",
        "occurred_at": "2027-01-15T08:00:00.250000Z",
        "source_id": "app-1::nokid",
        "client_id_hint": "app-1",
        "kid_hint": None,
        "metadata": {"a": "x" * 128, "z": "1"},
    }
    assert list(event.as_dict()["metadata"]) == ["a", "z"]


def test_wire_form_of_an_id_token_event() -> None:
    event = VerifyFailureEvent.from_id_token_hints(EXPIRED, NOW, Hints("c", "rp-1", "api", "k1"), {})
    assert (event.source_id, event.client_id_hint, event.metadata) == (
        "rp-1::api::k1",
        "rp-1",
        {"aud_hint": "api"},
    )
    bare = VerifyFailureEvent.from_id_token_hints(EXPIRED, NOW, Hints(), {})
    assert (bare.source_id, bare.metadata) == ("anon::noaud::nokid", {})


def test_the_rate_limit_key_is_the_source() -> None:
    event = VerifyFailureEvent.from_hints(EXPIRED, NOW, Hints("app-1"), {})
    assert event.rate_limit_key() == event.source_id == "app-1::nokid"


@given(st.text(max_size=64), st.text(max_size=64))
def test_one_event_is_one_line_of_printable_ascii(client_id: str, kid: str) -> None:
    event = VerifyFailureEvent.from_hints(EXPIRED, NOW, Hints(client_id, kid=kid), {})
    line = one_line(event.as_dict())
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line) == event.as_dict()


@pytest.mark.parametrize("text", ["\n", "\x1b", "\x7f", "\x85", "\u2028", "\u202e", "\u2066"])
def test_what_could_hurt_a_log_is_escaped(text: str) -> None:
    line = one_line(VerifyFailureEvent.from_hints(EXPIRED, NOW, Hints(text), {}).as_dict())
    assert f"\\u{ord(text):04x}" in line or "\\n" in line


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (-1, "1969-12-31T23:59:59.000000Z"),
        (1.5, "1970-01-01T00:00:01.500000Z"),
    ],
)
def test_times(seconds: float, text: str) -> None:
    assert rfc3339(seconds) == text
