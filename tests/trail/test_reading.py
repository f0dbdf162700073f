"""Files as they are found: gzip, cut off, broken, unreadable, with lines of any size; nothing found before is lost."""

import gzip
import io
import json
import sys
from pathlib import Path

import pytest

from bearerproof.trail import Options, Rule, Verdict, prove, prove_lines, reading

from .trails import Server, judge, lived, text, violated

LINES = text(lived().events).encode()
BAD = text(Server().issue().issue().events).encode()


def test_gzip_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    report = judge(tmp_path, gzip.compress(LINES))
    assert (report.verdict, report.lines.total) == (Verdict.TRUTHFUL, len(lived().events))


def test_gzip_of_several_members_and_padding_is_one_text(tmp_path: Path) -> None:
    half = LINES[: len(LINES) // 2]
    octets = gzip.compress(half) + gzip.compress(LINES[len(half) :]) + bytes(512)
    assert judge(tmp_path, octets).lines.events == judge(tmp_path, LINES).lines.events


def test_gzip_that_expands_beyond_measure_is_read_in_blocks(tmp_path: Path) -> None:
    octets = gzip.compress(LINES + b" " * 50_000_000 + b"\n" + b"foreign\n")
    report = judge(tmp_path, octets)
    assert (report.verdict, report.lines.foreign) == (Verdict.TRUTHFUL, 2)


@pytest.mark.parametrize("cut", [12, 40, -20, -4, -1])
def test_gzip_cut_off_is_told_and_what_came_before_is_judged(tmp_path: Path, cut: int) -> None:
    report = judge(tmp_path, gzip.compress(BAD, mtime=0)[:cut])
    assert report.files[0].trouble == "the gzip data ends too early: the file was cut off"
    assert report.exit_code == (1 if report.violations else 3)
    if cut in (-4, -1):
        assert violated(report) == {Rule.ONE_ISSUE: 1}


def test_broken_gzip_is_told_and_what_came_before_is_judged(tmp_path: Path) -> None:
    octets = gzip.compress(BAD) + gzip.compress(b"foreign\n")[:-8] + bytes(8)  # its checksum is wrong
    report = judge(tmp_path, octets)
    assert (report.files[0].trouble or "").startswith("the gzip data is broken")
    assert violated(report)[Rule.ONE_ISSUE] == 1


def test_a_missing_file_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    good = tmp_path / "good.jsonl"
    good.write_bytes(LINES)
    report = prove([str(tmp_path / "none"), str(good), str(tmp_path)])
    assert [file.trouble for file in report.files] == ["No such file or directory", None, "Is a directory"]
    assert (report.verdict, report.exit_code, violated(report)) == (Verdict.NOT_JUDGED, 3, {})


def test_several_files_are_one_trail_and_findings_name_file_and_line(tmp_path: Path) -> None:
    lines = BAD.splitlines(keepends=True)
    names = [str(tmp_path / name) for name in ("1", "2")]
    for name, part in zip(names, ([b"foreign\n", lines[0]], [b"\n", lines[1]]), strict=True):
        Path(name).write_bytes(b"".join(part))
    report = prove(names)
    assert [report.place(finding.line) for finding in report.findings] == [(names[1], 2)]


def test_the_last_line_needs_no_line_feed(tmp_path: Path) -> None:
    report = judge(tmp_path, LINES[:-1])
    assert (report.verdict, report.lines.total) == (Verdict.TRUTHFUL, len(lived().events))


def test_carriage_returns_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    report = judge(tmp_path, b"\xef\xbb\xbf" + LINES.replace(b"\n", b"\r\n"))
    assert (report.verdict, report.lines.foreign) == (Verdict.TRUTHFUL, 0)


def test_only_a_line_feed_ends_a_line(tmp_path: Path) -> None:
    line = text(Server().invalid("X").events)
    for separator in ("\u2028", "\x85", "\u2029"):
        report = judge(tmp_path, line.replace("X", f"a{separator}b"))
        assert (report.lines.total, violated(report)) == (1, {Rule.NO_CONTROLS: 1})


def test_invalid_utf8_is_a_finding_in_an_event_and_nothing_elsewhere(tmp_path: Path) -> None:
    lines = LINES.splitlines(keepends=True)
    report = judge(tmp_path, b"caf\xe9\n" + LINES)
    assert (report.verdict, report.lines.foreign) == (Verdict.TRUTHFUL, 1)
    spoilt = lines[0] + lines[1].replace(b"Alice", b"Alic\xe9") + b"".join(lines[2:])
    report = judge(tmp_path, spoilt)
    assert violated(report) == {Rule.SCHEMA: 1, Rule.NOTHING_LOST: 1}
    assert "not UTF-8 at byte" in report.findings[0].summary


def test_a_line_of_ten_megabytes_is_passed_over(tmp_path: Path) -> None:
    report = judge(tmp_path, BAD + b"x" * 10_000_000 + b"\n" + LINES[-400:])
    assert report.lines.foreign >= 1
    assert violated(report)[Rule.ONE_ISSUE] == 1
    huge = b'{"event":"token.invalid","reason":"' + b"x" * 10_000_000 + b'"}\n'
    report = judge(tmp_path, huge + LINES + huge.rstrip(b"\n"))
    assert violated(report) == {Rule.SCHEMA: 2}
    assert report.findings[0].summary == "a line that begins like an event is a line of 10,000,037 bytes"
    assert report.lines.total == len(lived().events) + 2


@pytest.mark.parametrize("before", [0, 1, reading.BLOCK - 3, reading.BLOCK])
def test_how_long_a_line_may_be_hangs_on_no_border_of_blocks(tmp_path: Path, before: int) -> None:
    path = tmp_path / "lines"
    short, longest, longer = (b"x" * size + b"\n" for size in (before, reading.MAX_LINE, reading.MAX_LINE + 1))
    for octets in (short + longest + b"end\n", short + longer + b"end\n", short + longer + longer + longest):
        path.write_bytes(octets)
        read, odd = 0, 0
        for part in reading.parts(str(path)):
            odd += isinstance(part, reading.OddLine)
            read += 0 if isinstance(part, reading.OddLine) else part.octets.count(b"\n")
        assert (read + odd, odd) == (octets.count(b"\n"), octets.split(b"\n").count(longer[:-1]))


def test_lines_across_blocks_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = judge(tmp_path, LINES)
    for size in (1, 7, 100):
        monkeypatch.setattr(reading, "BLOCK", size)
        for octets in (LINES, gzip.compress(LINES)):
            report = judge(tmp_path, octets)
            assert (report.lines, report.rules) == (expected.lines, expected.rules)


def test_standard_input_is_read_gzip_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for octets in (LINES, gzip.compress(LINES)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(octets))))
        assert prove(["-"]).verdict is Verdict.TRUTHFUL


def test_a_trail_of_nothing_is_not_judged(tmp_path: Path) -> None:
    for octets in (b"", b"\n", b"hello\n", b'{"event":"login"}\n', b"\x1f", b"\x1f\x8b"):
        report = judge(tmp_path, octets)
        assert (report.verdict, report.exit_code, report.violations) == (Verdict.NOT_JUDGED, 3, 0)


def test_memory_is_bounded_and_what_was_forgotten_is_not_accused(tmp_path: Path) -> None:
    server = Server()
    for number in range(5000):
        server.issue(number, seconds=0.001)
    events = server.use(4999).use(1).events
    report = prove([_written(tmp_path, events)], Options(max_tokens=2000))
    assert report.forgotten >= 3000
    assert violated(report) == {}
    reason = "the token was forgotten to bound memory (--max-tokens, --horizon)"
    assert next(row for row in report.rules if row.rule is Rule.ISSUED_FIRST).unjudged == {reason: 1}


def test_a_token_leaves_after_its_expiry_and_the_horizon(tmp_path: Path) -> None:
    late = Server().issue(ttl=60).invalid(seconds=100).expire(seconds=3000)
    assert violated(judge(tmp_path, late.events)) == {}
    left = late.invalid(seconds=3600).invalid(seconds=60).invalid(seconds=60).expire()
    assert violated(judge(tmp_path, left.events)) == {}
    assert violated(judge(tmp_path, left.events, horizon=86_400.0)) == {}
    left.use().revoke().use(2)
    found = {Rule.NO_USE_AFTER_EXPIRY: 1, Rule.REVOKED_WAS_LIVE: 1, Rule.ISSUED_FIRST: 1}
    assert violated(judge(tmp_path, left.events)) == found


def _written(folder: Path, events: list[dict[str, object]]) -> str:
    file = folder / "many.jsonl"
    file.write_text("".join(json.dumps(event) + "\n" for event in events))
    return str(file)


def test_a_line_at_hand_is_as_long_as_one_in_a_file() -> None:
    """Nobody is kept waiting by lines of 87 megabytes, which a mutated trail once had."""
    long = '{"event":"token.used","more":"' + "x" * reading.MAX_LINE + '"}'
    line = LINES.decode().splitlines()[0]
    report = prove_lines([line, long, line])
    assert (report.lines.total, report.lines.broken) == (3, 1)
    assert "a line of 1,0" in report.as_text()
