"""Files as runtimes, shippers and loggers really leave them, each written from its own public documentation.

python -m tests.trail.collectors 100
"""

import gzip
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bearerproof.members import Json
from bearerproof.trail import Options, Rule, TrailReport, Verdict, prove

from .honest import System, as_shuffled_files
from .trails import ALICE, BOB, jti, violated

AT = "2027-01-15T08:00:00.123456789Z"
MICROSECONDS = "1800000000123456"

Form = Callable[[random.Random, Sequence[str]], bytes]
"""Makes a file of lines, of which some are events and others what somebody else said."""


def _each(wrap: Callable[[str], str], end: str = "\n") -> Form:
    return lambda _, lines: "".join(wrap(line) + end for line in lines).encode()


def _dumps(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _is_event(line: str) -> bool:
    return line.startswith('{"event": "token.')


def _in_pieces(line: str, size: int) -> list[str]:
    return [line[start : start + size] for start in range(0, len(line), size)] or [""]


# -- runtimes of containers ------------------------------------------------------------------------------------------


def _json_file(draw: random.Random, lines: Sequence[str]) -> bytes:
    """Docker's json-file (docs.docker.com, logging drivers): at 16 KiB a line is cut, and the rest goes on."""
    size = draw.choice((150, 16_384))
    logs = [log for line in lines for log in _in_pieces(line + "\n", size)]
    return "".join(_dumps({"log": log, "stream": "stdout", "time": AT}) + "\n" for log in logs).encode()


def _json_file_labelled(_: random.Random, lines: Sequence[str]) -> bytes:
    """The same with --log-opt labels and tag."""
    attrs = {"com.docker.compose.project": "gw", "tag": "gw/3f2a"}
    record = {"stream": "stderr", "attrs": attrs, "time": AT}
    return "".join(_dumps({"log": line + "\n", **record}) + "\n" for line in lines).encode()


def _cri(draw: random.Random, lines: Sequence[str]) -> bytes:
    """Containerd and CRI-O (kubernetes, kuberuntime logs): time, stream, tags, content."""
    size, offset = draw.choice((150, 16_384)), draw.choice(("Z", "+02:00"))
    out = []
    for line in lines:
        pieces = _in_pieces(line, size)
        for place, piece in enumerate(pieces):
            out.append(f"{AT[:-1]}{offset} stdout {'F' if place == len(pieces) - 1 else 'P'} {piece}")
    return ("\n".join(out) + "\n").encode()


# -- the journal, clouds and shippers --------------------------------------------------------------------------------


def _journal(draw: random.Random, lines: Sequence[str]) -> bytes:
    """journalctl -o json (systemd.io, Journal JSON Format): a message that is not printable is an array of octets."""
    out = []
    for line in lines:
        message: object = list(line.encode()) if draw.random() < 0.05 or "\x1b" in line else line
        fields = {"_SYSTEMD_UNIT": "gw.service", "_PID": "812", "PRIORITY": "6", "_TRANSPORT": "stdout"}
        stamps = {"__CURSOR": "s=1;i=2", "__REALTIME_TIMESTAMP": MICROSECONDS, "__MONOTONIC_TIMESTAMP": "9"}
        out.append(_dumps({**stamps, **fields, "SYSLOG_IDENTIFIER": "gw", "MESSAGE": message, "_BOOT_ID": "6c7c"}))
    return ("\n".join(out) + "\n").encode()


def _journal_short(line: str) -> str:
    """Journalctl -o short-iso-precise."""
    return f"2027-01-15T08:00:00.123456+0000 node-1 gw[812]: {line}"


def _cloudwatch_subscription(_: random.Random, lines: Sequence[str]) -> bytes:
    """What a subscription filter delivers: many events in one record (CloudWatch Logs, subscription filters)."""
    out = []
    for start in range(0, len(lines), 3):
        events = [
            {"id": f"3195{n}", "timestamp": 1800000000000, "message": line}
            for n, line in enumerate(lines[start : start + 3])
        ]
        head = {"messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "gw", "logStream": "a"}
        out.append(_dumps({**head, "subscriptionFilters": ["all"], "logEvents": events}))
    return ("\n".join(out) + "\n").encode()


def _cloudwatch_pages(_: random.Random, lines: Sequence[str]) -> bytes:
    """`aws logs filter-log-events --output json`: one document over many lines."""
    events = [{"logStreamName": "a", "timestamp": 1800000000000, "message": line, "eventId": "1"} for line in lines]
    return (json.dumps({"events": events, "searchedLogStreams": []}, indent=4) + "\n").encode()


def _gcp(line: str, payload: dict[str, Any]) -> dict[str, Any]:
    resource = {"type": "k8s_container", "labels": {"pod_name": "gw-1"}}
    head = {"insertId": "1a", "logName": "projects/p/logs/stdout", "receiveTimestamp": AT, "resource": resource}
    return {**head, **payload, "severity": "INFO", "timestamp": AT, "labels": {"k8s-pod/app": "gw"}}


def _gcp_json(line: str) -> str:
    """Cloud Logging's LogEntry: the agent parsed what is JSON."""
    parsed = line.startswith("{")
    return _dumps(_gcp(line, {"jsonPayload": json.loads(line)} if parsed else {"textPayload": line}))


def _gcp_pages(_: random.Random, lines: Sequence[str]) -> bytes:
    """`gcloud logging read --format=json`: an array over many lines, the newest first."""
    return (json.dumps([_gcp(line, {"textPayload": line}) for line in reversed(lines)], indent=2) + "\n").encode()


KUBERNETES = {"pod_name": "gw-1", "namespace_name": "prod", "container_name": "gw", "labels": {"app": "gw"}}


def _fluent_bit(draw: random.Random, lines: Sequence[str]) -> bytes:
    """Fluent Bit's json_lines behind the kubernetes filter; with Merge_Log the parsed line stands beside it."""
    merged = draw.choice((True, False))
    out = []
    for line in lines:
        more = {"log_processed": json.loads(line)} if merged and line.startswith("{") else {}
        out.append(
            _dumps(
                {
                    "date": 1800000000.1,
                    "time": AT,
                    "stream": "stdout",
                    "_p": "F",
                    "log": line,
                    **more,
                    "kubernetes": KUBERNETES,
                }
            )
        )
    return ("\n".join(out) + "\n").encode()


def _fluent_bit_lifted(line: str) -> str:
    """The same with the parsed members lifted into the record."""
    inner = json.loads(line) if line.startswith("{") else {"log": line}
    return _dumps({"date": 1800000000.1, **inner, "kubernetes": KUBERNETES})


def _vector(line: str) -> str:
    """Vector's kubernetes_logs source (vector.dev), as its sinks write it."""
    pod = {"pod_name": "gw-1", "pod_namespace": "prod", "container_name": "gw"}
    head = {"file": "/var/log/pods/prod_gw-1/gw/0.log", "kubernetes": pod}
    return _dumps({**head, "message": line, "source_type": "kubernetes_logs", "stream": "stdout", "timestamp": AT})


def _vector_docker(line: str) -> str:
    head = {
        "container_created_at": AT,
        "container_id": "9b6247364a03" + "c0ffee" * 8 + "0a1b",
        "container_name": "gw",
        "image": "gw@sha256:" + "7a3f" * 16,
    }
    return _dumps(
        {
            **head,
            "host": "n",
            "label": {"a": "b"},
            "message": line,
            "source_type": "docker_logs",
            "stream": "stdout",
            "timestamp": AT,
        }
    )


def _filebeat(line: str) -> str:
    """Filebeat's JSON with ECS."""
    log = {"offset": 1, "file": {"path": "/var/log/gw.log"}}
    head = {"@timestamp": "2027-01-15T08:00:00.123Z", "@metadata": {"beat": "filebeat", "type": "_doc"}}
    return _dumps(
        {
            **head,
            "message": line,
            "log": log,
            "input": {"type": "log"},
            "ecs": {"version": "8.0.0"},
            "agent": {"type": "filebeat"},
            "host": {"name": "n"},
        }
    )


def _logcli(line: str) -> str:
    """`logcli query --output=jsonl` (Grafana Loki)."""
    return _dumps({"labels": {"job": "gw"}, "line": line, "timestamp": AT})


def _logcli_default(line: str) -> str:
    return f'2027-01-15T08:00:00Z {{job="gw", pod="gw-1"}} {line}'


def _loki_push(_: random.Random, lines: Sequence[str]) -> bytes:
    """The body of a push to Loki: one stream, many values."""
    return (_dumps({"streams": [{"stream": {"job": "gw"}, "values": [["1", line] for line in lines]}]}) + "\n").encode()


def _otlp(line: str) -> str:
    """The file exporter of the OpenTelemetry Collector: OTLP/JSON."""
    record = {"timeUnixNano": "1", "body": {"stringValue": line}, "attributes": []}
    return _dumps({"resourceLogs": [{"resource": {}, "scopeLogs": [{"scope": {}, "logRecords": [record]}]}]})


# -- syslog ----------------------------------------------------------------------------------------------------------


def _syslog(line: str) -> str:
    return f'<134>1 2027-01-15T08:00:00.123456Z node-1 gw 812 audit [meta@32473 seq="1"] \ufeff{line}'


def _octet_counted(_: random.Random, lines: Sequence[str]) -> bytes:
    """RFC 6587 §3.4.1: frames one behind the other, each behind its length."""
    frames = [_syslog(line).encode() for line in lines]
    return b"".join(b"%d %b" % (len(frame), frame) for frame in frames)


def _octet_counted_lines(_: random.Random, lines: Sequence[str]) -> bytes:
    """The same where the sender ends each message with a line feed, which counts."""
    frames = [_syslog(line).encode() + b"\n" for line in lines]
    return b"".join(b"%d %b" % (len(frame), frame) for frame in frames)


def _syslog_traditional(line: str) -> str:
    """rsyslog's RSYSLOG_TraditionalFileFormat."""
    return f"Jan 15 08:00:00 node-1 gw[812]: {line}"


def _syslog_file(line: str) -> str:
    """rsyslog's RSYSLOG_FileFormat, the default of new systems."""
    return f"2027-01-15T08:00:00.123456+00:00 node-1 gw[812]: {line}"


# -- loggers ---------------------------------------------------------------------------------------------------------


def _logger(audit: Callable[[str], str], other: Callable[[str], str]) -> Form:
    """A program's own logger: an event is a field of a record, the rest are messages."""
    return _each(lambda line: audit(line) if _is_event(line) else other(line))


def _structlog(line: str) -> str:
    """structlog's JSONRenderer, the event as the message and its members as fields."""
    record = json.loads(line)
    return json.dumps({**record, "level": "info", "logger": "audit", "timestamp": "2027-01-15T08:00:00.123456Z"})


def _structlog_keyed(line: str) -> str:
    return json.dumps({"audit": json.loads(line), "event": "audit", "level": "info", "timestamp": AT})


def _zap_console(line: str) -> str:
    return f'2027-01-15T08:00:00.123Z\tINFO\taudit/sink.go:12\taudit\t{{"audit": {line}}}'


def _zap(line: str) -> str:
    return _dumps(
        {"level": "info", "ts": 1800000000.123, "caller": "audit/sink.go:12", "msg": "audit", "audit": json.loads(line)}
    )


def _logrus_text(line: str) -> str:
    return f'time="2027-01-15T08:00:00Z" level=info msg=audit audit={json.dumps(line, ensure_ascii=False)}'


def _logrus(line: str) -> str:
    return _dumps({"audit": line, "level": "info", "msg": "audit", "time": "2027-01-15T08:00:00Z"})


def _slog_text(line: str) -> str:
    return f"time=2027-01-15T08:00:00.123Z level=INFO msg=audit audit={json.dumps(line, ensure_ascii=False)}"


def _slog(line: str) -> str:
    return _dumps({"time": AT, "level": "INFO", "msg": "audit", "audit": json.loads(line)})


def _said(line: str) -> str:
    return _dumps({"time": AT, "level": "INFO", "msg": line})


def _said_text(line: str) -> str:
    return f"time={AT} level=INFO msg={json.dumps(line, ensure_ascii=False)}"


SPAN = "\x1b[1mrequest\x1b[0m\x1b[1m{\x1b[0m\x1b[3mid\x1b[0m\x1b[2m=\x1b[0m7\x1b[1m}\x1b[0m\x1b[2m:\x1b[0m"
TARGET = f"\x1b[2m{AT}\x1b[0m \x1b[32m INFO\x1b[0m {SPAN} \x1b[2mgw::audit\x1b[0m\x1b[2m:\x1b[0m "
INFO = f"{AT}  INFO request{{id=7}}: gw::audit: decided"


def _tracing_full(line: str) -> str:
    """tracing-subscriber's default format in a terminal, within a span."""
    return f"{TARGET}decided \x1b[3maudit\x1b[0m\x1b[2m=\x1b[0m{line}"


def _tracing_debug(line: str) -> str:
    """The same with ?audit: a quoted string, as Debug writes it."""
    return f"{INFO} audit={json.dumps(line, ensure_ascii=False)}"


def _tracing_compact(line: str) -> str:
    return f"2027-01-15T08:00:00.123456Z  INFO request: gw::audit: decided audit={line} id=7"


def _tracing_pretty(_: random.Random, lines: Sequence[str]) -> bytes:
    out = []
    for line in lines:
        said = f"decided, \x1b[1;32maudit\x1b[0m\x1b[32m: {line}" if _is_event(line) else line
        head = f"  \x1b[2m{AT}\x1b[0m \x1b[32m INFO\x1b[0m \x1b[1;32mgw::audit\x1b[0m\x1b[32m"
        out += [f"{head}: {said}\x1b[0m"]
        out += [
            "    \x1b[2;3mat\x1b[0m src/audit.rs:12",
            "    \x1b[2;3min\x1b[0m gw::request \x1b[2;3mwith\x1b[0m id: 7",
            "",
        ]
    return ("\n".join(out) + "\n").encode()


def _tracing_json(line: str) -> str:
    head = {"timestamp": AT, "level": "INFO"}
    return _dumps(
        {
            **head,
            "fields": {"message": "decided", "audit": line},
            "target": "gw::audit",
            "span": {"id": 7, "name": "request"},
            "spans": [{"name": "request"}],
        }
    )


def _tracing_said(line: str) -> str:
    return _dumps({"timestamp": AT, "level": "INFO", "fields": {"message": line}, "target": "gw"})


FORMS: dict[str, Form] = {
    "docker-json-file": _json_file,
    "docker-json-file-labelled": _json_file_labelled,
    "cri": _cri,
    "journal-json": _journal,
    "journal-short": _each(_journal_short),
    "cloudwatch-tail": _each(lambda line: f"2027-01-15T08:00:00.123000+00:00 gw/prod/9b62 {line}"),
    "cloudwatch-subscription": _cloudwatch_subscription,
    "cloudwatch-pages": _cloudwatch_pages,
    "gcp-text": _each(lambda line: _dumps(_gcp(line, {"textPayload": line}))),
    "gcp-json": _each(_gcp_json),
    "gcp-pages": _gcp_pages,
    "fluent-bit": _fluent_bit,
    "fluent-bit-lifted": _each(_fluent_bit_lifted),
    "fluent-bit-file": _each(
        lambda line: f"kube.gw: [1800000000.123456789, {_dumps({'stream': 'stdout', 'log': line})}]"
    ),
    "fluentd-file": _each(
        lambda line: f"2027-01-15T08:00:00+00:00\tkube.gw\t{_dumps({'stream': 'stdout', 'log': line})}"
    ),
    "vector-kubernetes": _each(_vector),
    "vector-docker": _each(_vector_docker),
    "filebeat": _each(_filebeat),
    "loki-jsonl": _each(_logcli),
    "loki-default": _each(_logcli_default),
    "loki-push": _loki_push,
    "otlp-json": _each(_otlp),
    "syslog-5424": _each(_syslog),
    "syslog-octet-counted": _octet_counted,
    "syslog-octet-counted-lines": _octet_counted_lines,
    "syslog-traditional": _each(_syslog_traditional),
    "syslog-file-format": _each(_syslog_file),
    "structlog": _logger(_structlog, lambda line: json.dumps({"event": line, "level": "info"})),
    "structlog-keyed": _logger(_structlog_keyed, lambda line: json.dumps({"event": line, "level": "info"})),
    "zap": _logger(_zap, _said),
    "zap-console": _logger(_zap_console, lambda line: f"{AT}\tINFO\tgw/main.go:1\t{line}"),
    "logrus": _logger(_logrus, _said),
    "logrus-text": _logger(_logrus_text, _said_text),
    "slog": _logger(_slog, _said),
    "slog-text": _logger(_slog_text, _said_text),
    "tracing-full": _logger(_tracing_full, lambda line: TARGET + line),
    "tracing-debug": _logger(_tracing_debug, lambda line: f"{AT}  INFO gw: {line}"),
    "tracing-compact": _logger(_tracing_compact, lambda line: f"{AT}  INFO gw: {line}"),
    "tracing-pretty": _tracing_pretty,
    "tracing-json": _logger(_tracing_json, _tracing_said),
    "windows": lambda _, lines: b"\xef\xbb\xbf" + "".join(line + "\r\n" for line in lines).encode(),
    "windows-utf-16": lambda _, lines: "".join(line + "\r\n" for line in lines).encode("utf-16"),
    "gzip": lambda _, lines: gzip.compress("\n".join(lines).encode()),
}


# -- what happened: two replicas, honest but for one lie -------------------------------------------------------------

NUMBER = 9000
Lie = Callable[["System"], None]


def _after(system: System, seconds: float, event: str, who: Json = ALICE, number: int = NUMBER, **more: Any) -> None:
    """Let the first replica leave an event so many seconds later."""
    system.now += seconds
    known = {} if event == "token.invalid" else {"identity": who, "token_jti": jti(number)}
    system.replicas[0].leave(system.now, system.now, {"event": event, **known, **more})


def _issue(system: System, number: int = NUMBER) -> None:
    ends = system.replicas[0].stamp(system.now + 2.0 + 600.0)
    grant: Json = {"backends": ["*"], "tools": [], "rate_limit": 60}
    _after(system, 2.0, "token.issued", number=number, **grant, expires_at=ends)


def _told(*events: tuple[Any, ...]) -> Lie:
    def lie(system: System) -> None:
        _issue(system)
        for seconds, event, *who in events:
            _after(system, seconds, event, *who)

    return lie


def _issues_twice(system: System) -> None:
    _issue(system)
    _issue(system)


def _said_of(reason: str) -> Lie:
    return lambda system: _after(system, 2.0, "token.invalid", reason=reason)


LIES: dict[Rule, Lie] = {
    Rule.ONE_ISSUE: _issues_twice,
    Rule.ISSUED_FIRST: lambda system: _after(system, 2.0, "token.used", number=NUMBER + 1),
    Rule.NO_USE_AFTER_EXPIRY: _told((700.0, "token.used")),
    Rule.EXPIRED_IN_TRUTH: _told((2.0, "token.expired")),
    Rule.NO_USE_AFTER_REVOCATION: _told((2.0, "token.revoked"), (60.0, "token.used")),
    Rule.REVOKED_WAS_LIVE: _told((2.0, "token.revoked"), (60.0, "token.revoked")),
    Rule.IDENTITY_CONSTANT: _told((2.0, "token.used", BOB)),
    Rule.NO_SECRET: _said_of("bprf_" + "b" * 43),
    Rule.NO_CONTROLS: _said_of("a\u202eb"),
    Rule.SCHEMA: _said_of(""),
}


def two_replicas(draw: random.Random) -> System:
    """A system of two servers, with a life behind it."""
    system = System(draw)
    while len(system.replicas) != 2:
        system = System(draw)
    for _ in range(draw.choice((3, 10, 30))):
        system.step()
    system.now += 5.0
    return system


def judged(form: str, draw: random.Random, folder: Path, rule: Rule | None = None) -> tuple[TrailReport, int]:
    """Let a system live and perhaps lie, leave its files in a form, and judge them; return also how many events."""
    system = two_replicas(draw)
    if rule is not None:
        LIES[rule](system)
    names, events = [], 0
    for number, lines in enumerate(as_shuffled_files(draw, system)):
        events += sum(map(_is_event, lines))
        names.append(str(folder / f"{number}.log"))
        Path(names[-1]).write_bytes(FORMS[form](draw, lines))
    return prove(names, Options(skew=system.skew + 1.0)), events


def run(number: int, form: str, seed: int = 0) -> Counter[str]:
    """Judge so many systems in a form, honest and with each lie; return what came of them.

    An honest system is *accused*, or its events are read or said to be *unread*, else *missed*; a lie is *found*,
    *undecided* or *believed*.
    """
    came: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for count in range(number):
            source = f"collectors {form} {seed} {count}"
            report, events = judged(form, random.Random(source), Path(folder))
            read, unread = sum(report.lines.events.values()), report.lines.unrecognised
            came.update(read=read, unread=unread, accused=bool(report.violations), missed=read < events and not unread)
            for rule in LIES:
                report, _ = judged(form, random.Random(source), Path(folder), rule)
                came["found" if rule in violated(report) else "believed" if is_believed(report) else "undecided"] += 1
    return came


def is_believed(report: TrailReport) -> bool:
    """Whether a report says that all is well, or accuses of what nobody did."""
    return report.verdict is not Verdict.NOT_JUDGED


def main() -> None:
    """Print what came of so many systems in each form."""
    for form in FORMS:
        came = run(int(sys.argv[1]), form)
        told = ", ".join(f"{name} {number:,}" for name, number in came.items() if number)
        sys.stdout.write(f"{form:<28} {told}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
