"""Events handed on by ``bearerproof trail --to``: every valid one, each line valid in its format, and no other."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
from google.protobuf.json_format import MessageToDict, Parse
from jsonschema import Draft202012Validator
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData

from bearerproof import data
from bearerproof.exports import EXPORTS
from bearerproof.members import Json
from bearerproof.trail import prove
from bearerproof.trail.exporting import Exporter, Form
from bearerproof_fuzz.commands import trail as command

from ..trail.trails import Server, failure, lived, text
from .conftest import Complaints

app = typer.Typer(add_completion=False)
app.command(name="trail")(command.trail)

BAD = {"event": "token.used", "token_jti": 5}
SUMMARY = {"tier": "strangers", "dropped": 1, "kinds": {"Other": 1}}
EVENTS: list[Json] = [*lived().events, failure(200), failure(201, None, None, kind={"MissingClaim": "aud"})]

every_form = pytest.mark.parametrize("form", Form)


class Ended(NamedTuple):
    code: object
    out: list[Json]
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)

    def command_line(lines: str, *arguments: str) -> Ended:
        Path("audit.jsonl").write_text(lines)
        code: object = typer.main.get_command(app).main(args=["audit.jsonl", *arguments], standalone_mode=False)
        out, err = capsys.readouterr()
        return Ended(code, [json.loads(line) for line in out.splitlines()], err)

    return command_line


def records(form: Form, out: list[Json]) -> list[Json]:
    """The records of the lines, without what OpenTelemetry has around them."""
    if form is not Form.OTEL:
        return out
    return [scope["logRecords"][0] for line in out for part in line["resourceLogs"] for scope in part["scopeLogs"]]


def test_there_is_a_form_for_each_export() -> None:
    assert set(Form) == set(EXPORTS)


@every_form
def test_every_event_is_written_in_its_order(run: Run, form: Form) -> None:
    ended = run(text(EVENTS), "--to", form)
    assert records(form, ended.out) == [EXPORTS[form](event) for event in EVENTS]
    assert ended.code == 0
    assert ended.err.endswith(f"The trail is truthful by 15 rules.\n\nexported as {form}: {len(EVENTS)} events\n")


@every_form
def test_wrappings_are_taken_off(run: Run, form: Form) -> None:
    plain = run(text(EVENTS), "--to", form)
    for extra in ({}, {"stream": "stdout", "time": "2027-01-15T08:00:00.123456789Z"}, {"attrs": {"tag": "x"}}):
        lines = [json.dumps({"log": line + "\n", **extra}) for line in text(EVENTS).splitlines()]
        assert run("\n".join(lines), "--to", form).out == plain.out


def test_each_line_is_an_ocsf_event(run: Run, refused_by_ocsf: Complaints) -> None:
    assert [wrong for record in run(text(EVENTS), "--to", "ocsf").out for wrong in refused_by_ocsf(record)] == []


def test_each_line_is_an_ecs_document(run: Run, refused_by_ecs: Complaints) -> None:
    assert [wrong for record in run(text(EVENTS), "--to", "ecs").out for wrong in refused_by_ecs(record)] == []


def test_each_line_is_a_message_of_opentelemetry(run: Run) -> None:
    for line in run(text(EVENTS), "--to", "otel").out:
        sent = Parse(json.dumps(line), LogsData()).SerializeToString()
        assert MessageToDict(LogsData.FromString(sent), use_integers_for_enums=True) == line
        [resource] = line["resourceLogs"]
        [scope] = resource["scopeLogs"]
        assert (scope["scope"], len(scope["logRecords"])) == ({"name": "bearerproof"}, 1)


@every_form
def test_what_is_no_valid_event_is_counted_and_not_written(run: Run, form: Form) -> None:
    lines = (
        text([*EVENTS, BAD, SUMMARY]) + "hello\n" + '{"event":"token.used","event":"token.used"}\n{"event":"token.us'
    )
    ended = run(lines, "--to", form)
    assert len(ended.out) == len(EVENTS)
    assert "  not exported: 2 events: not valid by the schema (TRAIL-1)\n" in ended.err
    assert "  not exported: 1 event: a drop summary stands for events, and is none\n" in ended.err
    assert ended.code == 1


def test_event_that_the_form_cannot_tell_is_counted_with_the_reason(run: Run) -> None:
    lines = text([*lived().events, *Server(minimal=True).issue(7).use(7).events])
    ended = run(lines, "--to", "ocsf")
    assert len(ended.out) == len(lived().events)
    assert "not exported: 2 events: OCSF requires the time of an event" in ended.err
    assert len(run(lines, "--to", "ecs").out) == len(lived().events) + 2


@pytest.mark.parametrize("events", [EVENTS, [*EVENTS, EVENTS[0]], []], ids=["truthful", "untruthful", "nothing"])
def test_exit_code_and_report_are_those_without_it(run: Run, capsys: pytest.CaptureFixture[str], events: Any) -> None:
    Path("audit.jsonl").write_text(text(events))
    plain = typer.main.get_command(app).main(args=["audit.jsonl"], standalone_mode=False)
    report = capsys.readouterr().out
    ended = run(text(events), "--to", "otel")
    assert ended.code == plain
    assert ended.err.startswith(report)


def test_report_as_json_tells_of_the_export(run: Run) -> None:
    ended = run(text([*EVENTS, BAD, *Server(minimal=True).issue(7).events]), "--to", "ocsf", "--json")
    report = json.loads(ended.err)
    schema = json.loads((data.root() / "schemas" / "trail-report.schema.json").read_text("utf-8"))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(report)] == []
    assert (report["export"]["format"], report["export"]["written"]) == ("ocsf", len(ended.out))
    assert sorted(report["export"]["left_out"].values()) == [1, 1]


def test_events_are_handed_on_as_they_come(tmp_path: Path) -> None:
    """What is kept does not grow with the trail: each event is written before the next block is read."""
    file = tmp_path / "audit.jsonl"
    file.write_text(text(lived().events) * 1000)
    progress: list[int] = []
    exporter = Exporter(Form.ECS, lambda _: None)
    prove([str(file)], progress=lambda *_: progress.append(exporter.written), take=exporter.take)
    assert progress[0] > 0
    assert len(progress) > 10
    assert max(b - a for a, b in pairwise(progress)) < 2000


def test_lines_are_written_where_no_one_line_breaks_into_two() -> None:
    out = io.StringIO()
    exporter = Exporter(Form.ECS, out.write)
    exporter.take({"event": "token.denied", "reason": "x\u2028y\x85z"})
    assert out.getvalue().isascii()
    assert len(out.getvalue().splitlines()) == 1


def test_reader_that_goes_away_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").write_text(text(lived().events) * 2000)
    program = [sys.executable, "-m", "bearerproof", "trail", "audit.jsonl", "--to", "ecs"]
    with subprocess.Popen(program, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        message = process.stderr.read()
        assert process.wait(60) == 3
    assert message == "bearerproof: cannot write the exported events: Broken pipe\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_events_that_cannot_be_written_are_one_message(tmp_path: Path) -> None:
    """Of a truthful trail as well: who sees exit code 0 may rely on having all events."""
    (tmp_path / "audit.jsonl").write_text(text(lived().events))
    program = [sys.executable, "-m", "bearerproof", "trail", "audit.jsonl", "--to", "ecs"]
    for place, code, message in (
        ("/dev/null", 0, None),
        ("/dev/full", 3, "bearerproof: cannot write the exported events: No space left on device\n"),
    ):
        with Path(place).open("w") as out:
            ended = subprocess.run(program, cwd=tmp_path, stdout=out, stderr=subprocess.PIPE, text=True, check=False)
        assert ended.returncode == code
        assert message is None or ended.stderr == message
