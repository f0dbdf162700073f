"""Lifecycle events and their trail: the wire form, the order, and what a failing sink changes (nothing)."""

import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bearerproof_reference.audit.events import one_line
from bearerproof_reference.keyserver.lifecycle import DenialReason, LifecycleEvent, RequestContext, Trail
from bearerproof_reference.keyserver.tokens import Identity, Scopes, TokenRecord
from tests.keyserver.environment import SCHEMA, Lines

WHO = Identity("https://idp.example", "anna", "anna@example.com", True, "Anna", ("staff",))
RECORD = TokenRecord("jti-1", bytes(32), WHO, Scopes(("*",), ("search",), 60), 1_800_000_000, 1_800_000_600.5)
AT = RequestContext(1_800_000_000.25, "192.0.2.7")
IDENTITY = {
    "subject": "anna",
    "email": "anna@example.com",
    "name": "Anna",
    "groups": ["staff"],
    "issuer": "https://idp.example",
}
WHEN = {"occurred_at": "2027-01-15T08:00:00.250000Z", "seq": 7}


@pytest.mark.parametrize(
    ("event", "wire"),
    [
        (
            AT.issued(RECORD),
            {
                "event": "token.issued",
                "identity": IDENTITY,
                "token_jti": "jti-1",
                "backends": ["*"],
                "tools": ["search"],
                "rate_limit": 60,
                "client_ip": "192.0.2.7",
                **WHEN,
                "expires_at": "2027-01-15T08:10:00.500000Z",
            },
        ),
        (
            AT.used(RECORD),
            {"event": "token.used", "identity": IDENTITY, "token_jti": "jti-1", "client_ip": "192.0.2.7", **WHEN},
        ),
        (
            RequestContext(AT.now).expired(RECORD),
            {"event": "token.expired", "identity": IDENTITY, "token_jti": "jti-1", **WHEN},
        ),
        (
            RequestContext(AT.now).revoked(RECORD),
            {"event": "token.revoked", "identity": IDENTITY, "token_jti": "jti-1", **WHEN},
        ),
        (
            RequestContext(AT.now).refused(DenialReason.REVOKED, RECORD),
            {"event": "token.denied", "identity": IDENTITY, "token_jti": "jti-1", "reason": "revoked", **WHEN},
        ),
        (
            AT.denied(DenialReason.NO_POLICY, Identity("https://idp.example", "anna")),
            {
                "event": "token.denied",
                "identity": {"subject": "anna", "email": "", "groups": [], "issuer": "https://idp.example"},
                "client_ip": "192.0.2.7",
                "reason": "no-policy",
                **WHEN,
            },
        ),
        (
            AT.invalid(DenialReason.UNKNOWN_BEARER),
            {"event": "token.invalid", "client_ip": "192.0.2.7", "reason": "unknown-bearer", **WHEN},
        ),
    ],
)
def test_wire_form(event: LifecycleEvent, wire: dict[str, Any]) -> None:
    members = event.as_dict(7)
    assert members == wire
    assert list(members) == list(wire)  # the order too
    SCHEMA.validate(members)


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
