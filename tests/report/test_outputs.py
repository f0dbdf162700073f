"""SARIF, the badge, collected streams, and what ``check`` writes of its own run."""

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from jsonschema import Draft4Validator, Draft7Validator, Draft202012Validator

from bearerproof.exceptions import BadInput
from bearerproof.judging.settings import RunConfig
from bearerproof.members import Json
from bearerproof_fuzz.commands import recording
from bearerproof_fuzz.commands.faultrun import Attempt, Fate, Proof
from bearerproof_fuzz.commands.report import badge, collecting, evidence, sarif, streams
from bearerproof_fuzz.commands.report.rendering import report_of
from bearerproof_fuzz.revision import revision

from ..conftest import ROOT, CommandLine
from . import samples
from .samples import check, stream
from .test_page import hostile_stream

SARIF = Path(sys.prefix) / "node_modules" / "@microsoft" / "jest-sarif" / "lib" / "schemas" / "sarif-2.1.0-rtm.5.json"
"""The published schema, of an npm package: install @microsoft/jest-sarif@1.0.0-beta.0 into the environment."""


def log_of(*found: streams.Stream) -> Json:
    made: Json = json.loads(sarif.render(report_of(found)))
    return made


@pytest.mark.skipif(not SARIF.exists(), reason=f"the SARIF schema is not installed: {SARIF}")
def test_the_log_is_valid_by_the_published_schema() -> None:
    schema = json.loads(SARIF.read_text("utf-8"))
    validator = (Draft4Validator if "draft-04" in schema["$schema"] else Draft7Validator)(schema)
    for found in ([stream(samples.RED, 1)], [stream(samples.HELD)], [stream(samples.RED, 1), hostile_stream()]):
        assert [(list(error.path), error.message[:200]) for error in validator.iter_errors(log_of(*found))] == []
    broken = log_of(stream(samples.RED, 1))
    broken["runs"][0]["results"][0]["level"] = "loud"
    assert list(validator.iter_errors(broken)), "the control: it does refuse"


def test_a_result_is_a_finding_and_a_rule_is_a_requirement() -> None:
    (run,) = log_of(stream(samples.RED, 1))["runs"]
    rules = run["tool"]["driver"]["rules"]
    told = [(result["ruleId"], result["level"], "suppressions" in result) for result in run["results"]]
    assert told == [
        ("VER-17", "error", False),
        ("VER-17", "error", False),
        ("VER-32", "error", True),
        ("VER-40", "error", False),
    ]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    assert rules[0]["properties"]["security-severity"] == "9.1"
    assert rules[-1]["properties"]["security-severity"] == "5.0", "the over-strict is no forgery"
    assert len({result["partialFingerprints"]["bearerproof/v1"] for result in run["results"]}) == 4


def test_a_fingerprint_holds_from_run_to_run() -> None:
    first, second = samples.finding(), samples.finding("told in other words", presented=samples.presented("a.b.c"))
    marks = [
        log_of(stream([check("VER-17.a.jwt", "failed", each)], 1))["runs"][0]["results"][0]["partialFingerprints"]
        for each in (first, second)
    ]
    assert marks[0] == marks[1]


THIRTEEN = [check(f"VER-32.{number}.jwt", "expected") for number in range(13)]


@pytest.mark.parametrize(
    ("checks", "exit_code", "message", "color"),
    [
        (samples.HELD, 0, "base", "brightgreen"),
        ([*samples.HELD[:2], *THIRTEEN], 0, "base, 13 expected", "yellowgreen"),
        (samples.RED, 1, "base, 2 failing", "red"),
        (samples.HELD, 3, "base, not judged whole", "lightgrey"),
        ([check("VER-1.a.jwt", "not-applicable")], 0, "base, nothing judged", "lightgrey"),
    ],
)
def test_the_badge_says_no_more_than_the_verdict(checks: list[Json], exit_code: int, message: str, color: str) -> None:
    row = json.loads(badge.render(report_of([stream(checks, exit_code)])))
    assert (row["schemaVersion"], row["label"], row["message"], row["color"]) == (1, "bearerproof", message, color)


def test_a_selection_is_never_green_and_the_worst_of_several_counts() -> None:
    part = streams.parse(samples.octets([samples.header(), *samples.HELD, samples.footer(complete=False)]), "a.jsonl")
    assert json.loads(badge.render(report_of([part])))["message"] == "base, in part"
    assert json.loads(badge.render(report_of([part])))["color"] == "lightgrey"
    assert json.loads(badge.render(report_of([part, stream(samples.RED, 1)])))["color"] == "red"


class Handler(BaseHTTPRequestHandler):
    """A host that publishes one good stream, and everything else that a host can do."""

    def do_GET(self) -> None:
        places = {
            "/good.jsonl": self._good,
            "/moved": self._moved,
            "/loop": self._moved,
            "/big": self._big,
            "/slow": self._slow,
        }
        places.get(self.path, self._gone)()

    def _good(self) -> None:
        self._send(200, samples.octets([samples.header(), *samples.HELD, samples.footer()]))

    def _moved(self) -> None:
        self.send_response(302)
        self.send_header("Location", "/loop" if self.path == "/loop" else "/good.jsonl")
        self.end_headers()

    def _big(self) -> None:
        self._send(200, b" " * 3_000)

    def _slow(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while not self.server.__dict__["ended"].wait(0.02):
                self.wfile.write(b" ")
        except OSError:
            return

    def _gone(self) -> None:
        self._send(404, b"gone")

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the library has
        """Say nothing."""


@pytest.fixture
def host() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.__dict__["ended"] = threading.Event()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.__dict__["ended"].set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_streams_are_collected_and_what_cannot_be_had_is_named(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "MOST_OCTETS", 2_900)
    samples.written(tmp_path / "a.jsonl", samples.RED, 1)
    (tmp_path / "b.jsonl").write_text("nonsense")
    places = [f"{host}/{name}" for name in ("good.jsonl", "moved", "loop", "big", "gone")]
    others = ["http://192.0.2.1/x", "ftp://127.0.0.1/x", "https://user:secret@192.0.2.1/x?key=secret", "none.jsonl"]
    found, missing = collecting.collect([*places, str(tmp_path), *others])
    assert [each.header.implementation.name for each in found] == ["acme-jwt"] * 3
    text = "\n".join(missing)
    for said in ("more than 5 redirections", "more than 2,900 octets", "status 404", "b.jsonl:1", "only https is read"):
        assert said in text, said
    assert len(missing) == 8
    assert "secret" not in text


def test_a_host_that_drips_costs_its_time_and_no_more(host: str) -> None:
    found, missing = collecting.collect([f"{host}/slow", f"{host}/good.jsonl"], seconds=0.5)
    assert len(found) == 1
    assert missing == [f"{host}/slow: it took too long"]


def test_the_command_collects_and_says_what_is_missing(bearerproof: CommandLine, host: str, tmp_path: Path) -> None:
    page = tmp_path / "all.html"
    ended = bearerproof("report", "--collect", f"{host}/good.jsonl", f"{host}/gone", "--html", page)
    assert (ended.code, "status 404" in ended.err) == (1, True)
    assert "status 404" in page.read_text()
    assert bearerproof("report", f"{host}/good.jsonl", "--html", page).code == 3, (
        "an address is taken with --collect alone"
    )
    assert bearerproof("report", "--collect", f"{host}/gone", "--html", page).code == 3


def test_a_run_names_its_revision_and_another_one_is_refused_before_it_begins(
    bearerproof: CommandLine, tmp_path: Path
) -> None:
    run, page = tmp_path / "run.jsonl", tmp_path / "run.html"
    few = ("check", "reference", "--quick", "--no-baselines", "-k", "VER-12.alg-none-without-kid.jwt")
    assert bearerproof(*few, "--report", run, "--report", f"html={page}", "--revision", revision()).code == 0
    read = streams.read(run)
    assert (read.header.revision, read.header.command[:3]) == (revision(), ("bearerproof", "check", "--quick"))
    assert {verdict for each in read.checks for verdict in each.seen or ()} == {"accepted", "rejected"}
    assert revision() in page.read_text()
    run.unlink()
    ended = bearerproof(*few, "--report", run, "--revision", "0.0.1+0123456789ab")
    assert (ended.code, ended.out, run.exists()) == (3, "", False)
    assert f"the installed suite is of revision {revision()}, not 0.0.1+0123456789ab" in ended.err


def test_what_could_be_a_secret_is_not_in_the_command_of_a_stream() -> None:
    words = [
        "./a",
        "--token",
        "t0p",
        "--password=t0p",
        "API_KEY=t0p",
        "https://u:t0p@h/x",
        "-H",
        "Authorization: Bearer t0p",
        "-v",
    ]
    shown = recording.command(RunConfig(target="", command=tuple(words)))
    assert "t0p" not in " ".join(shown)
    assert (shown[:4], shown[-1]) == (["bearerproof", "check", "--", "./a"], "-v")
    url = recording.command(RunConfig(target="", url="https://u:t0p@h/x", server_profile="p.toml"))
    assert url[2:] == ["--url", "https://***@h/x", "--server-profile", "p.toml"]


@pytest.mark.parametrize("words", [["html="], ["a.jsonl", "a.jsonl"], ["html=a", "a"]])
def test_outputs_that_cannot_be_written_are_refused_before_the_run(words: list[str]) -> None:
    with pytest.raises(BadInput):
        recording.outputs_of(words)


ATTEMPTS = (
    Attempt("crit-ignored", "VER-17", Fate.KILLED, ("VER-17",), checks=("VER-17.crit-unknown.jwt",)),
    Attempt("crit-kept", "VER-17", Fate.SURVIVED),
)


def test_a_proof_is_evidence_for_a_report(tmp_path: Path) -> None:
    file = tmp_path / "evidence.json"
    file.write_text(
        evidence.written(Proof(ATTEMPTS, victims=(Attempt("lax", "VER-17", Fate.KILLED, checks=("VER-17.x.jwt",)),)))
    )
    schema = json.loads((ROOT / "spec" / "schemas" / "evidence.schema.json").read_text())
    assert list(Draft202012Validator(schema).iter_errors(json.loads(file.read_text()))) == []
    read = evidence.read(file)
    assert (read.revision, read.died_for("VER-17")) == (revision(), ("fault crit-ignored", "victim lax"))
    exercises = {each.check: each for each in report_of([stream(samples.RED, 1)], read).exercises}
    assert exercises["crit-unknown"].dies == ("fault crit-ignored",)
    assert exercises["crit-null"].dies == ()
    assert (exercises["alg-none"].accepted, exercises["alg-none"].refused) == (1, 1)
    assert (exercises["crit-unknown"].accepted, exercises["crit-unknown"].refused) == (1, 0)


def test_a_proof_whose_control_failed_is_no_evidence(tmp_path: Path) -> None:
    file = tmp_path / "evidence.json"
    file.write_text(evidence.written(Proof(ATTEMPTS, control_dies=False)))
    assert evidence.read(file).died_for("VER-17") == ()


@pytest.mark.parametrize("text", ["", "[]", '{"format": 2, "revision": "a", "void": false, "deaths": []}'])
def test_what_is_no_evidence_is_refused(bearerproof: CommandLine, tmp_path: Path, text: str) -> None:
    (tmp_path / "evidence.json").write_text(text)
    run = samples.written(tmp_path / "run.jsonl", samples.HELD)
    ended = bearerproof("report", run, "--html", tmp_path / "a.html", "--evidence", tmp_path / "evidence.json")
    assert (ended.code, ended.err.startswith("bearerproof: ")) == (3, True)
