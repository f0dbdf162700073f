"""Logs that are followed, and the events found in them."""

import json
import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bearerproof.contract.http import following
from bearerproof.contract.http.following import CommandLog, FileLog, Log, follow
from bearerproof.contract.http.profile import AuditSource
from bearerproof.contract.http.trail import Claim, Event, Trail, find, shared_out
from bearerproof.exceptions import AdapterFault

ANY = AuditSource().pattern


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "trail.log"
    path.write_text("before\n")
    return path


@pytest.fixture
def log(path: Path) -> Iterator[Log]:
    log = FileLog(path)
    yield log
    log.close()


def add(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def eventually(log: Log, number: int) -> list[str]:
    lines: list[str] = []
    deadline = time.monotonic() + 5
    while len(lines) < number and time.monotonic() < deadline:
        lines += log.lines()
    return lines


def test_a_file_is_followed_from_its_end_by_whole_lines(path: Path, log: Log) -> None:
    assert log.lines() == []
    add(path, "one\ntw")
    assert log.lines() == ["one"]
    add(path, "o\nthree\n")
    assert log.lines() == ["two", "three"]


def test_a_file_that_was_renamed_is_read_to_its_end(path: Path, log: Log) -> None:
    add(path, "one\n")
    moved = path.rename(path.with_suffix(".1"))
    add(moved, "two\n")
    assert log.lines() == ["one", "two"]
    add(moved, "three\n")
    add(path, "four\n")
    assert log.lines() == ["three", "four"]
    add(path, "five\n")
    assert log.lines() == ["five"]


def test_a_file_that_was_copied_and_cut_is_read_from_its_beginning(path: Path, log: Log) -> None:
    add(path, "one and a half of")
    assert log.lines() == []
    shutil.copy(path, path.with_suffix(".1"))
    path.write_text("two\n")
    assert log.lines() == ["two"]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AdapterFault, match=r"cannot read the audit file .*start the server first"):
        follow(tmp_path / "none", ())


def test_a_line_without_end(path: Path, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "MAX_LINE", 100)
    add(path, "x" * 101)
    with pytest.raises(AdapterFault, match="a line of more than 100 bytes"):
        log.lines()


def test_octets_that_are_no_text_are_lines_too(path: Path, log: Log) -> None:
    with path.open("ab") as file:
        file.write(b"\xff\n")
    assert log.lines() == ["\ufffd"]


def test_a_command_is_followed_and_ended() -> None:
    log = follow(None, [sys.executable, "-c", "import time; print('one\\ntwo', flush=True); time.sleep(60)"])
    assert isinstance(log, CommandLog)
    try:
        assert eventually(log, 2) == ["one", "two"]
        assert log.lines() == []
    finally:
        log.close()
    assert log._process.returncode == -9


def test_a_command_that_ends_tells_why() -> None:
    log = follow(None, [sys.executable, "-c", "import sys; sys.exit('no such container')"])
    try:
        with pytest.raises(AdapterFault, match="ended") as raised:
            eventually(log, 1)
        assert "no such container" in raised.value.describe()
    finally:
        log.close()


def test_a_command_that_is_none() -> None:
    with pytest.raises(AdapterFault, match="cannot start the audit command '/no/such'"):
        follow(None, ["/no/such"])


USED = {"event": "token.used", "token_jti": "j"}


@pytest.mark.parametrize(
    "line",
    [json.dumps(USED), f"2026-01-01T00:00:00Z INFO audit {json.dumps(USED)}", f"INFO {json.dumps(USED)} \x1b[0m"],
)
def test_an_event_is_found_in_a_line(line: str) -> None:
    (event,) = find(None, line)
    assert (event.members, event.line) == (USED, json.dumps(USED))


COLOURED = f"\x1b[2m2026-01-01T00:00:00Z\x1b[0m \x1b[32m INFO\x1b[0m \x1b[3maudit\x1b[0m=\x1b[0m{json.dumps(USED)}"


@pytest.mark.parametrize("line", [COLOURED, f"  audit: {json.dumps(USED)}", COLOURED + " \x1b[0m"])
def test_an_event_in_a_coloured_or_a_pretty_log_is_found(line: str) -> None:
    assert [event.members for event in find(None, line)] == [USED]


@pytest.mark.parametrize(
    "line",
    [
        f"WARN no such tool: {json.dumps(USED)}",
        f"WARN no such tool tool={json.dumps(USED)}",
        f'WARN no such tool "{json.dumps(USED)}"',
        json.dumps({"level": "WARN", "fields": {"message": json.dumps(USED)}}),
        json.dumps({"level": "WARN", "tool": USED}),
    ],
)
def test_what_a_request_said_is_no_event(line: str) -> None:
    assert list(find(None, line)) == []


def test_lines_of_another_kind_are_no_events(path: Path) -> None:
    trail = Trail(AuditSource(path, wait=0.05, quiet=0.02))
    try:
        add(path, COLOURED + "\n")
        assert len(trail.gather(1)) == 1
        add(path, f"WARN no such tool a\n{json.dumps(USED)}\n")
        assert trail.gather(0) == [], "a line feed in a request wrote a line that looks like an event"
    finally:
        trail.close()


def test_an_event_is_unwrapped() -> None:
    line = json.dumps({"level": "INFO", "fields": {"message": json.dumps(USED)}})
    pattern = re.compile(r'"message": (?P<event>"(?:[^"\\]|\\.)*")')
    assert [(event.members, event.line) for event in find(pattern, line)] == [(USED, json.dumps(USED))]


@pytest.mark.parametrize(
    "line", ["", "no event", "{", "{]}", '{"level": "INFO"}', '{"event": 1}', "[" * 100_000, '{"a": ' * 50_000 + "}"]
)
def test_lines_of_others_are_passed_over(line: str) -> None:
    assert list(find(re.compile("(?P<event>.*)"), line)) == []


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({"log": json.dumps(USED) + "\n", "stream": "stdout"}),
        json.dumps({"message": json.dumps({"fields": {"audit": json.dumps(USED)}})}),
        json.dumps(json.dumps(json.dumps(USED))),
    ],
    ids=["docker", "tracing-in-cloudwatch", "string-in-string"],
)
def test_what_the_trail_knows_as_wrappings_is_unwrapped(line: str) -> None:
    assert [event.members for event in find(re.compile("(?P<event>.*)"), line)] == [USED]


def test_a_pattern_that_never_found_anything_is_a_fault_and_shows_the_lines(path: Path) -> None:
    trail = Trail(AuditSource(path, pattern=re.compile("AUDIT (?P<event>.*)"), wait=0.05, quiet=0.02))
    try:
        assert trail.gather(1) == [], "a log that does not grow says nothing about the pattern"
        add(path, json.dumps(USED) + "\n")
        assert trail.gather(0) == [], "nothing was due"
        with pytest.raises(AdapterFault, match=r"no event was ever read: .* lines such as \{.event.: .token.used."):
            trail.gather(1)
        add(path, f"AUDIT {json.dumps(USED)}\n")
        assert len(trail.gather(1)) == 1
        add(path, "GET /\n")
        assert trail.gather(1) == [], "the channel carries events: that one is missing is for the check to tell"
    finally:
        trail.close()


def test_an_event_that_is_due_is_waited_for_and_no_longer(path: Path) -> None:
    trail = Trail(AuditSource(path, wait=0.2, quiet=0.05))
    try:
        add(path, json.dumps({"event": "of before"}) + "\n")
        trail.forget()
        began = time.monotonic()
        assert trail.gather(1) == []
        assert 0.2 <= time.monotonic() - began < 2
        add(path, json.dumps(USED) + "\n")
        began = time.monotonic()
        assert [event.members for event in trail.gather(1)] == [USED]
        assert time.monotonic() - began >= 0.05
        assert trail.gather(0) == []
    finally:
        trail.close()


def test_one_too_many_is_seen_in_the_quiet_time(path: Path) -> None:
    trail = Trail(AuditSource(path, wait=1, quiet=0.05))
    try:
        add(path, (json.dumps(USED) + "\n") * 2)
        assert len(trail.gather(1)) == 2
        add(path, json.dumps(USED) + "\n")
        assert len(trail.gather(0)) == 1
    finally:
        trail.close()


def event(kind: str, **members: object) -> Event:
    return Event({"event": kind, **members}, "")


def test_events_of_a_race_go_to_whom_they_fit() -> None:
    issued = frozenset({"token.issued"})
    refused = frozenset({"token.denied", "token.invalid", "token.expired"})
    claims = [Claim(1, issued, "a"), Claim(1, refused), Claim(1, issued, "b"), Claim(2, frozenset({"token.revoked"}))]
    came = [
        event("token.revoked", token_jti="x"),
        event("token.issued", token_jti="b"),
        event("token.denied"),
        event("token.revoked", token_jti="y"),
        event("token.issued", token_jti="a"),
    ]
    assert shared_out(came, claims) == [[came[4]], [came[2]], [came[1]], [came[0], came[3]]]


def test_an_event_that_fits_nobody_is_not_lost() -> None:
    claims = [Claim(1, frozenset({"token.used"}), "a"), Claim(1, frozenset({"token.used"}), "b")]
    came = [event("token.used", token_jti="b"), event("token.used", token_jti="b"), event("token.used", token_jti="a")]
    assert shared_out(came, claims) == [[came[1], came[2]], [came[0]]]


def test_events_of_bulk_revocations_go_by_their_subject() -> None:
    claims = [Claim(1, frozenset({"token.revoked"}), subject=name) for name in ("alice", "bob")]
    came = [event("token.revoked", identity={"subject": name}) for name in ("bob", "alice")]
    assert shared_out(came, claims) == [[came[1]], [came[0]]]
