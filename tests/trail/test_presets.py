"""Events as they stand in other people's logs: unwrapped by name or by trial, and everything else passed over."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bearerproof import data
from bearerproof.trail import Options, Preset, Rule, TrailReport, Verdict, prove, prove_lines

from .trails import BOB, Server, failure, judge, lived, text, unjudged, violated

LINES = text([*lived().events, failure(200), {"tier": "strangers", "dropped": 1, "kinds": {"Other": 1}}]).splitlines()

Wrap = Callable[[str], str]


def tracing(line: str) -> str:
    fields = {"message": "key_server audit", "audit": line}
    return json.dumps(
        {"timestamp": "2027-01-15T08:00:00Z", "level": "INFO", "fields": fields, "target": "key_server::audit"}
    )


def docker(line: str) -> str:
    return json.dumps({"log": line + "\n", "stream": "stderr", "time": "2027-01-15T08:00:00.123456789Z"})


WRAPPINGS: dict[str, tuple[Preset, Wrap]] = {
    "plain": (Preset.PLAIN, lambda line: line),
    "tracing": (Preset.TRACING, tracing),
    "tracing-flattened": (Preset.TRACING, lambda line: json.dumps({"message": "key_server audit", "audit": line})),
    "tracing-as-text": (
        Preset.TRACING,
        lambda line: f"2027-01-15T08:00:00.1Z  INFO gw::audit: key_server audit audit={line} seq=1",
    ),
    "cloudwatch-export": (Preset.CLOUDWATCH, lambda line: f"2027-01-15T08:00:00.123Z {line}"),
    "cloudwatch-tail": (Preset.CLOUDWATCH, lambda line: f"2027-01-15T08:00:00.123000+00:00 gw/prod/1 {line}"),
    "cloudwatch-json": (Preset.CLOUDWATCH, lambda line: json.dumps({"timestamp": 1800000000000, "message": line})),
    "cloudwatch-insights": (Preset.CLOUDWATCH, lambda line: json.dumps({"@timestamp": "x", "@message": line})),
    "docker": (Preset.DOCKER, docker),
    "docker-compact": (
        Preset.DOCKER,
        lambda line: json.dumps(
            {"log": line + "\n", "stream": "stdout", "time": "2027-01-15T08:00:00.1Z"}, separators=(",", ":")
        ),
    ),
    "docker-tagged": (Preset.DOCKER, lambda line: json.dumps({"log": line + "\n", "attrs": {"tag": "gw"}})),
    "syslog-5424": (Preset.SYSLOG, lambda line: f"<134>1 2027-01-15T08:00:00.123Z host gateway 812 audit - {line}"),
    "syslog-5424-with-data": (
        Preset.SYSLOG,
        lambda line: f'<134>1 2027-01-15T08:00:00+01:00 host gateway 812 - [a@1 x="y\\]"][b z="1"] \ufeff{line}',
    ),
    "syslog-3164": (Preset.SYSLOG, lambda line: f"<134>Jan  5 08:00:00 host gateway[812]: {line}"),
    "syslog-in-a-file": (Preset.SYSLOG, lambda line: f"Jan 15 08:00:00 host gateway: {line}"),
}


@pytest.mark.parametrize("name", WRAPPINGS)
@pytest.mark.parametrize("chosen", ["auto", "named"])
def test_a_wrapping_is_taken_off(tmp_path: Path, name: str, chosen: str) -> None:
    preset, wrap = WRAPPINGS[name]
    report = judge(tmp_path, "\n".join(map(wrap, LINES)) + "\n", preset=Preset.AUTO if chosen == "auto" else preset)
    assert (report.verdict, violated(report)) == (Verdict.TRUTHFUL, {})
    assert report.lines.wrapped == ({} if preset is Preset.PLAIN else {str(preset): len(LINES)})
    assert sum(report.lines.events.values()) == len(LINES)


@pytest.mark.parametrize("name", WRAPPINGS)
def test_another_preset_does_not_take_it_off(tmp_path: Path, name: str) -> None:
    preset, wrap = WRAPPINGS[name]
    other = Preset.DOCKER if preset is not Preset.DOCKER else Preset.TRACING
    report = judge(tmp_path, "\n".join(map(wrap, LINES)) + "\n", preset=other)
    assert report.verdict is Verdict.NOT_JUDGED
    assert report.lines.unrecognised == len(LINES)
    assert "a wrapping that is not known" in report.as_text()


def test_wrappings_within_each_other_are_taken_off(tmp_path: Path) -> None:
    wrap: Wrap = lambda line: docker(tracing(line))  # noqa: E731
    report = judge(tmp_path, "\n".join(map(wrap, LINES)) + "\n")
    assert (report.verdict, report.lines.wrapped) == (
        Verdict.TRUTHFUL,
        {"docker": len(LINES), "tracing": len(LINES)},
    )


FOREIGN = [
    "GET /health 200",
    "{",
    "[1,2]",
    "null",
    '{"level":"info","message":"token.used is a word"}',
    '{"event":"login"}',
    '{"event":5,"source_id":1}',
    '{"event":["token.used"]}',
    '{"kind":"Pod","metadata":{}}',
    '{"tier":"web","dropped":1}',
    "\x1b[2J",
    "token.used",
    'audit={"a":1}',
    '{"log":"{}"}',
    '{"message":"{\\"event\\":\\"login\\"}"}',
    "<134>1 - - - - - - token.used",
]


def test_lines_that_are_not_ours_are_counted_and_passed_over(tmp_path: Path) -> None:
    mixed = [line for pair in zip(LINES, (FOREIGN * 2)[: len(LINES)], strict=True) for line in pair]
    report = judge(tmp_path, "\n".join(mixed) + "\n")
    assert (report.verdict, violated(report), report.lines.foreign) == (Verdict.TRUTHFUL, {}, len(LINES))
    for line in FOREIGN:
        alone = judge(tmp_path, line + "\n")
        assert (line, alone.lines.foreign, alone.lines.broken, alone.lines.unrecognised) == (line, 1, 0, 0)


@pytest.mark.parametrize("name", ["plain", "tracing", "docker", "cloudwatch-json", "syslog-5424", "cloudwatch-export"])
def test_a_wrapped_event_that_was_cut_off_is_a_finding(tmp_path: Path, name: str) -> None:
    _, wrap = WRAPPINGS[name]
    lines = [wrap(line) for line in LINES[:3]]
    report = judge(tmp_path, "\n".join([*lines, wrap(LINES[3])[:-40]]))
    assert violated(report) == {Rule.SCHEMA: 1}
    assert report.lines.broken == 1


def test_a_violation_inside_a_wrapping_is_found(tmp_path: Path) -> None:
    lines = [docker(line) for line in LINES[:4]]
    report = judge(tmp_path, "\n".join([*lines, lines[3]]) + "\n")
    assert set(violated(report)) == {Rule.EXACTLY_ONCE, Rule.ONE_ISSUE}


def reported(report: TrailReport) -> tuple[object, ...]:
    return report.lines.events, report.rules, report.findings, report.losses


def test_docker_makes_no_difference_to_any_count(tmp_path: Path) -> None:
    server = (
        lived().use(4).use(4).deny().use(4).use(4).use(2).use(9).use(1, seconds=-50).use(4, BOB).invalid("x\u2028y")
    )
    server.leave("token.used", identity={**BOB, "name": 'Bob "B" \\ é'}, token_jti="00", client_ip="::1")
    events = [
        *server.events,
        *server.events[-6:],
        *[failure(700)] * 3,
        *Server(minimal=True).issue(8).use(8).use(8).events,
    ]
    plain = judge(tmp_path, events)
    for name in ("docker", "docker-compact", "docker-tagged"):
        wrapped = judge(tmp_path, "\n".join(map(WRAPPINGS[name][1], text(events).splitlines())))
        assert reported(wrapped) == reported(plain)
        assert wrapped.lines.wrapped == {"docker": len(events)}
    assert plain.verdict is Verdict.UNTRUTHFUL


def test_lines_at_hand_are_judged_as_a_file_is(tmp_path: Path) -> None:
    report = prove_lines(LINES, Options())
    assert reported(report) == reported(judge(tmp_path, "\n".join(LINES) + "\n"))
    assert report.as_text().startswith(f"(lines): {len(LINES)} lines\n")
    assert report.place(3) == ("(lines)", 3)


def journal(message: object) -> str:
    fields = {"__REALTIME_TIMESTAMP": "1", "_SYSTEMD_UNIT": "gw.service", "MESSAGE": message}
    return json.dumps(fields)


def test_a_message_that_the_journal_left_out_may_be_an_event() -> None:
    """Without --all, journalctl -o json has null for what is longer than 4096 octets."""
    lines = [*map(journal, LINES[:4]), journal(None), *map(journal, LINES[5:])]
    report = prove_lines(lines)
    assert (report.verdict, report.lines.unrecognised, violated(report)) == (Verdict.NOT_JUDGED, 1, {})


@pytest.mark.parametrize("unread", [LINES[0][::-1] + '"event":"token.issued"', 'x {"event":"token.issued"}'])
def test_what_is_missing_is_undecided_beside_what_was_not_read(unread: str) -> None:
    report = prove_lines([unread, *LINES[1:]], Options(single_writer=True))
    assert (report.verdict, violated(report)) == (Verdict.NOT_JUDGED, {})
    assert {Rule.ISSUED_FIRST, Rule.NOTHING_LOST} <= set(unjudged(report))
    assert {Rule.ISSUED_FIRST, Rule.NOTHING_LOST} <= set(violated(prove_lines(LINES[1:], Options(single_writer=True))))


def test_what_is_missing_is_undecided_where_a_file_breaks_off(tmp_path: Path) -> None:
    whole = gzip.compress("\n".join(LINES[:8]).encode())
    (tmp_path / "audit.1.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "audit").write_text("\n".join(LINES[8:]))
    report = prove([str(tmp_path / name) for name in ("audit.1.gz", "audit")], Options(single_writer=True))
    assert (report.verdict, violated(report)) == (Verdict.NOT_JUDGED, {})


def test_an_object_in_a_record_is_judged_as_it_is_written() -> None:
    """A member that stands twice is seen, though the record was read before."""
    twice = LINES[1][:-1] + ',"seq":1}'
    report = prove_lines([*LINES[:1], f'{{"level":"info","audit":{twice}}}', *LINES[2:]])
    assert violated(report) == {Rule.SCHEMA: 1}


def test_the_report_has_a_name_for_each_wrapping() -> None:
    schema = json.loads((data.root() / "schemas" / "trail-report.schema.json").read_text(encoding="utf-8"))
    names = schema["properties"]["lines"]["properties"]["wrapped"]["propertyNames"]["enum"]
    assert set(names) == set(Preset) - {Preset.AUTO, Preset.PLAIN}
