"""Lifecycle events and their trail: the wire form, the order, and what a failing sink changes (nothing)."""

import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from syrupy.assertion import SnapshotAssertion

from bearerproof_reference.audit.events import one_line
from bearerproof_reference.keyserver.lifecycle import DenialReason, RequestContext, Trail
from bearerproof_reference.keyserver.tokens import Identity, Scopes, TokenRecord
from tests.keyserver.environment import SCHEMA, Lines

WHO = Identity("https://idp.example", "anna", "anna@example.com", True, "Anna", ("staff",))
RECORD = TokenRecord("jti-1", bytes(32), WHO, Scopes(("*",), ("search",), 60), 1_800_000_000, 1_800_000_600.5)
AT = RequestContext(1_800_000_000.25, "192.0.2.7")
NOBODY = Identity("https://idp.example", "anna")
UNKNOWN_PEER = RequestContext(AT.now)
EVENTS = {
    "issued": AT.issued(RECORD),
    "used": AT.used(RECORD),
    "expired": UNKNOWN_PEER.expired(RECORD),
    "revoked": UNKNOWN_PEER.revoked(RECORD),
    "refused": UNKNOWN_PEER.refused(DenialReason.REVOKED, RECORD),
    "denied": AT.denied(DenialReason.NO_POLICY, NOBODY),
    "invalid": AT.invalid(DenialReason.UNKNOWN_BEARER),
}


@pytest.mark.parametrize("name", EVENTS)
def test_wire_form(name: str, snapshot: SnapshotAssertion) -> None:
    """With the order of the members."""
    members = EVENTS[name].as_dict(7)
    SCHEMA.validate(members)
    assert one_line(members) == snapshot


@pytest.mark.parametrize("why", DenialReason)
def test_every_reason_is_a_word(why: DenialReason) -> None:
    SCHEMA.validate(AT.denied(why).as_dict(0))
    assert why.value.replace("-", "").isalpha()


def test_one_line_whatever_the_provider_calls_people() -> None:
    odd = Identity("https://idp.example", "a\r\nb", "\u2028\x85@x", False, "\u202eAnna\x1b[31m\x7f", ("\x00",))
    line = one_line(AT.denied(DenialReason.NO_POLICY, odd).as_dict(0))
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["identity"] == {
        "subject": "a\r\nb",
        "email": "\ufffd\ufffd@x",
        "name": "\ufffdAnna\ufffd[31m\ufffd",
        "groups": ["\ufffd"],
        "issuer": "https://idp.example",
    }


class SlowLines(Lines):
    """A sink that other threads overtake if they can."""

    def write(self, line: str) -> None:
        time.sleep(0.0001)
        super().write(line)


def test_the_order_of_the_lines_is_that_of_their_numbers() -> None:
    sink = SlowLines()
    trail = Trail(sink)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: trail.record([AT.used(RECORD)] * 3), range(50)))
    assert [json.loads(line)["seq"] for line in sink.lines] == list(range(150))
    assert trail.lost == 0


def test_a_lost_event_is_counted_leaves_a_gap_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    sink = Lines()
    trail = Trail(sink)
    trail.record([AT.used(RECORD)])
    sink.broken = True
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            trail.record([AT.used(RECORD)])
    assert (trail.lost, trail.failing) == (3, True)
    assert [record.getMessage() for record in caplog.records] == ["audit events are being lost: OSError"]
    sink.broken = False
    trail.record([AT.used(RECORD)])
    assert (trail.lost, trail.failing) == (3, False)
    assert [json.loads(line)["seq"] for line in sink.lines] == [0, 4]
