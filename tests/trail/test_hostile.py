"""Nothing that stands in a log stops who judges it, or costs more than time in proportion to its length."""

import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bearerproof.trail import Rule, Verdict, judge, prove
from bearerproof.trail.events import Revoked
from bearerproof.trail.rules.lifecycle import Lifecycle

from . import hostile
from .trails import Server, failure, lived, text, violated


def test_hostile_trails_end_with_a_report_in_every_form() -> None:
    """The long form: ``python -m tests.trail.hostile 100000``."""
    assert hostile.run(400) > 400


def test_each_member_of_each_record_may_be_anything() -> None:
    for base in hostile.BASES:
        trail = [hostile._dumped({**base, name: value}) for name in [*base, "more"] for value in hostile.VALUES]
        hostile.judged(trail)


BIG = 400_000
LONG: dict[str, str] = {
    "backslashes": "token." + "\\" * BIG,
    "backslashes-before-quotes": '{"event":"token.' + '\\"' * BIG,
    "escapes": '"source_id"' + "\\u0041" * (BIG // 6),
    "blanks": '"event"' + " " * BIG + "token.",
    "openings": '{"log":"' * (BIG // 8) + "token.",
    "combining-marks": "token." + "\u0315\u0300" * (BIG // 4),
    "fields": "token." + " audit={" * (BIG // 8),
    "structured-data": "<1>1 - token. a a a [" + "[" * BIG,
    "words": "2027-01-15T08:00:00Z " + "a " * (BIG // 2) + "token.",
    "nested-names": json.dumps({"event": "token.used", "x": [{"y" * 9: "\x9b" * 9}] * (BIG // 40)}),
    "private-members": json.dumps({"event": "token.invalid", "reason": "r", "x": '"d" : ' * (BIG // 8)}),
    "schemes": json.dumps({"event": "token.invalid", "reason": "r", "x": "bearer basic " * (BIG // 12)}),
    "segments": json.dumps({"event": "token.invalid", "reason": "r", "x": "eyJhbGciOiJub25lIn0." * (BIG // 20)}),
    "percent": json.dumps({"event": "token.invalid", "reason": "r", "x": "%25" * (BIG // 3)}),
}


def deep(inner: object) -> str:
    opening, closing = '{"event":"token.used","x":' + '{"yyyyyyyy":' * 400, "}" * 401
    return opening + json.dumps(inner) + closing


LONG["many-texts-far-below"] = deep([f"\x9b{n}" for n in range(BIG // 20)])
LONG["many-members-far-below"] = deep({f"a{n}": n for n in range(BIG // 12)})


@pytest.mark.parametrize("name", LONG)
def test_a_long_line_takes_time_in_proportion(name: str) -> None:
    """Twice the line takes about twice the time; what is quadratic takes minutes here."""
    started = time.process_time()
    hostile.judged([LONG[name], *text(lived().events).splitlines()])
    assert time.process_time() - started < 4


def test_gzip_of_nested_wrappings_is_read_at_the_speed_of_text(tmp_path: Path) -> None:
    file = tmp_path / "bomb.gz"
    file.write_bytes(gzip.compress((b"token." + b'{"log":"' * 1000 + b"\n") * 1000))
    started = time.process_time()
    assert prove([str(file)]).verdict is Verdict.NOT_JUDGED
    assert time.process_time() - started < 8


def test_gzip_of_tiny_members_is_read_at_the_speed_of_text(tmp_path: Path) -> None:
    file = tmp_path / "tiny.gz"
    file.write_bytes(gzip.compress(b"x") * 20_000)
    started = time.process_time()
    assert prove([str(file)]).lines.total == 1
    assert time.process_time() - started < 4


@pytest.mark.parametrize("fast", [True, False])
def test_what_nobody_foresaw_is_a_finding_on_its_line_alone(monkeypatch: pytest.MonkeyPatch, fast: bool) -> None:
    taken: Callable[..., Any] = Lifecycle.decide

    def fails(self: Lifecycle, event: Any, *more: Any, **others: Any) -> None:
        if event.kind is Revoked:
            raise KeyError("nobody foresaw this")
        taken(self, event, *more, **others)

    monkeypatch.setattr(Lifecycle, "decide", fails)
    events = lived().events
    revoked = [event for event in events if event["event"] == "token.revoked"]
    report = judge.prove_lines(text(events).splitlines(), fast=fast)
    assert revoked
    assert violated(report)[Rule.SCHEMA] == len(revoked)
    assert report.findings[0].summary == "the line could not be judged (KeyError)"
    assert sum(report.lines.events.values()) == len(events) - len(revoked)


def test_a_bad_line_costs_no_finding_in_the_others() -> None:
    real = text(Server().issue().revoke().use(seconds=30).events).splitlines()
    for bad in (
        json.dumps(failure(metadata="x")),
        '{"event":"token.used","seq":' + "9" * 4300 + "}",
        '{"event":"token.used","occurred_at":"9999-12-31T23:59:59.5Z"}',
        '{"event":"token.used","occurred_at":"0001-01-01T00:00:00Z"}',
        '{"tier":"strangers","dropped":' + "9" * 4300 + ',"kinds":{"Other":' + "9" * 4300 + "}}",
        '{"tier":"strangers","dropped":' + "9" * 300 + ',"kinds":{"Other":' + "9" * 300 + "}}",
    ):
        found = violated(hostile.judged([*real, bad]))
        assert found[Rule.NO_USE_AFTER_REVOCATION] == 1
        assert found[Rule.SCHEMA] == 1
