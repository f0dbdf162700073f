"""The command: what it prints, its exit codes, its mistakes, the JSON report against its schema, the picture."""

import io
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

import pytest
import typer
from jsonschema import Draft202012Validator
from syrupy.assertion import SnapshotAssertion

from bearerproof import __version__, data
from bearerproof.exceptions import BadInput
from bearerproof.members import Json
from bearerproof.trail import Rule
from bearerproof.trail.rules import TITLES
from bearerproof_fuzz.commands import trail as command
from bearerproof_fuzz.commands.trail import EXIT_CODES

from .trails import ALICE, BOB, Server, failure, lived, text

app = typer.Typer(rich_markup_mode="rich", add_completion=False)
app.command(name="trail", epilog=EXIT_CODES)(command.trail)


class Ended(NamedTuple):
    code: object
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    for name in ("FORCE_COLOR", "PY_COLORS", "TTY_COMPATIBLE", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def command_line(*arguments: str) -> Ended:
        capsys.readouterr()
        code = typer.main.get_command(app).main(
            args=list(arguments), prog_name="bearerproof trail", standalone_mode=False
        )
        return Ended(code, *capsys.readouterr())

    return command_line


def untruthful() -> list[Json]:
    """A trail with something wrong of nearly every kind."""
    server = Server().issue(1).use(1).issue(1).use(2).invalid("bprf_" + "x" * 43).revoke(1).use(1, seconds=30)
    server.use(1, BOB, seconds=600).deny("\x1b[31m").issue(3, {**ALICE, "email": "a" * 400}).expire(3)
    events = server.events
    del events[3]
    summary = {"tier": "strangers", "dropped": 40, "kinds": {"Expired": 39, "Other": 1}}
    return [*events, failure(700), summary, failure(600), failure(701, client="app-2", source_id="app-1::k1")]


TRAILS: dict[str, str] = {
    "truthful": text(lived().events),
    "minimal": text(lived(minimal=True).events),
    "untruthful": text(untruthful()),
    "without-times": text(Server(minimal=True).issue().issue().use(2).events),
    "foreign": "hello\nworld\n",
    "unknown-wrapping": "".join(f"gateway said {line}\n" for line in text(lived().events).splitlines()),
    "cut-off": text(lived().events) + '{"event":"token.us',
}
EXITS = {
    "truthful": 0,
    "minimal": 0,
    "untruthful": 1,
    "without-times": 1,
    "foreign": 3,
    "unknown-wrapping": 3,
    "cut-off": 1,
}


@pytest.mark.parametrize("name", TRAILS)
def test_report(run: Any, snapshot: SnapshotAssertion, name: str) -> None:
    Path("audit.jsonl").write_text(TRAILS[name])
    ended = run("audit.jsonl")
    assert ended.code == EXITS[name]
    assert ended.err == ""
    assert ended.out == snapshot


@pytest.mark.parametrize("name", TRAILS)
def test_report_as_json(run: Any, snapshot: SnapshotAssertion, name: str) -> None:
    Path("audit.jsonl").write_text(TRAILS[name])
    ended = run("--json", "audit.jsonl", "none.jsonl")
    report = json.loads(ended.out)
    schema = json.loads((data.root() / "schemas" / "trail-report.schema.json").read_text("utf-8"))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(report)] == []
    assert ended.code == (1 if report["verdict"] == "untruthful" else 3)
    assert json.dumps({**report, "bearerproof": "VERSION"}, indent=2) == snapshot
    assert report["bearerproof"] == __version__


def test_help(run: Any, snapshot: SnapshotAssertion) -> None:
    assert "\n".join(line.rstrip() for line in run("--help").out.splitlines()) == snapshot


def test_the_schema_knows_every_rule() -> None:
    schema = json.loads((data.root() / "schemas" / "trail-report.schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    rule = Draft202012Validator(schema["$defs"]["rule"])
    assert all(rule.is_valid(str(member)) for member in Rule)
    assert list(TITLES) == list(Rule)
    assert schema["properties"]["rules"]["minItems"] == len(Rule)


def test_more_or_fewer_findings_are_told(run: Any) -> None:
    server = Server()
    for number in range(9):
        server.use(number)
    Path("audit.jsonl").write_text(text(server.events))
    assert run("audit.jsonl").out.count("audit.jsonl:") == 1 + 5
    assert "… and 4 findings more" in run("audit.jsonl").out
    assert run("--findings", "100", "audit.jsonl").out.count("audit.jsonl:") == 1 + 9
    assert run("--findings", "0", "audit.jsonl").code == 1


def test_a_picture_is_drawn(run: Any) -> None:
    for name, words in {
        "untruthful": "Findings in the trail",
        "truthful": "No findings",
        "without-times": "line 2",
    }.items():
        Path("audit.jsonl").write_text(TRAILS[name])
        run("--picture", "findings.svg", "audit.jsonl")
        drawn = "".join(ET.parse("findings.svg").getroot().itertext())  # noqa: S314 - our own picture
        assert words in drawn, drawn


def test_a_picture_that_cannot_be_kept_costs_no_report(run: Any, capsys: pytest.CaptureFixture[str]) -> None:
    Path("audit.jsonl").write_text(TRAILS["untruthful"])
    with pytest.raises(BadInput, match="cannot write /dev/full"):
        run("--picture", "/dev/full", "audit.jsonl")
    assert "The trail is NOT truthful" in capsys.readouterr().out


def test_a_pipe_is_read(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TRAILS["truthful"].encode())))
    ended = run("-")
    assert ended.code == 0
    assert ended.out.startswith("-: 15 lines")


def test_options_reach_the_judgement(run: Any) -> None:
    Path("audit.jsonl").write_text(text(Server().issue().use().use().events[1:]))
    assert run("--from-middle", "audit.jsonl").code == 0
    assert run("--from-middle", "--secret-pattern", "alice@", "audit.jsonl").code == 1
    assert run("--preset", "docker", "audit.jsonl").code == 3
    Path("audit.jsonl").write_text(text([failure(1), failure(0), failure(2, client="b", source_id="b::k1")]))
    assert run("--single-writer", "audit.jsonl").code == 0
    assert run("--tolerance", "0.5", "audit.jsonl").code == 0
    assert run("--tolerance", "0.5", "--single-writer", "audit.jsonl").code == 1
    assert run("--max-sources", "1", "audit.jsonl").code == 1
    Path("audit.jsonl").write_text(text(Server().issue(ttl=60).use(seconds=61).events))
    assert run("audit.jsonl").code == 1
    assert run("--skew", "2", "audit.jsonl").code == 0


def test_a_mistake_is_one_message(run: Any) -> None:
    with pytest.raises(BadInput, match=r"--secret-pattern '\(' is no regular expression"):
        run("--secret-pattern", "(", "audit.jsonl")
    with pytest.raises(BadInput, match=r"cannot write .*: Is a directory"):
        run("--picture", ".", "audit.jsonl")


def test_progress_is_shown_on_a_terminal_alone(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("audit.jsonl").write_text(TRAILS["truthful"])
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "audit.jsonl" in run("audit.jsonl", "audit.jsonl").err
