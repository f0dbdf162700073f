"""The result stream: whole, sorted, the same bytes again, and readable by its schema."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from bearerproof.contract.messages import Policy, Presentation
from bearerproof.judging import results
from bearerproof.judging.judgement import Finding
from bearerproof.judging.results import Record, State
from bearerproof.members import Json
from bearerproof.specification.catalogue import Profile

from ..conftest import ROOT, CommandLine
from . import degenerate

Complaints = Callable[[Json], list[str]]

REJECTING, ACCEPTING = (f"python:{degenerate.__name__}:{name}" for name in ("reject_all_everywhere", "accept_all"))
SOME = ("-k", "VER-12")


@pytest.fixture(scope="module")
def complaints() -> Complaints:
    """What the schema of the result stream has against a line."""
    schemas = [json.loads(path.read_text()) for path in (ROOT / "spec" / "schemas").glob("*.schema.json")]
    registry: Registry[Any] = Registry().with_resources(
        (schema["$id"], Resource.from_contents(schema)) for schema in schemas
    )
    result = next(schema for schema in schemas if schema["$id"].endswith("/result.schema.json"))

    def complain(row: Json) -> list[str]:
        part = {"$ref": f"{result['$id']}#/$defs/{row['type']}"}
        return [error.message for error in Draft202012Validator(part, registry=registry).iter_errors(row)]

    return complain


@pytest.mark.parametrize("subject", ["reference", REJECTING, ACCEPTING])
def test_every_line_is_valid_by_its_schema(
    bearerproof: CommandLine, complaints: Complaints, tmp_path: Path, subject: str
) -> None:
    report = tmp_path / "results.jsonl"
    bearerproof("check", subject, *SOME, "--report", report)
    rows = [json.loads(line) for line in report.read_text().splitlines()]
    assert [found for row in rows if (found := complaints(row))] == []
    assert [rows[0]["type"], rows[-1]["type"]] == ["header", "footer"]
    assert {row["type"] for row in rows[1:-1]} == (set() if subject == REJECTING else {"check"})
    assert complaints({**rows[-1], "exit": "fine"}) != [], "the control: the schema does refuse"


def test_two_runs_write_the_same_bytes_whatever_the_number_of_workers(bearerproof: CommandLine, tmp_path: Path) -> None:
    streams = []
    for number, options in enumerate([(), ("-n", 2)]):
        report = tmp_path / str(number)
        assert bearerproof("check", ACCEPTING, *SOME, "--report", report, *options).code == 1
        streams.append(report.read_bytes())
    assert streams[0].count(b'"failed"') > 10
    assert streams[1:] == streams[:1]


def test_another_seed_is_another_stream(bearerproof: CommandLine, tmp_path: Path) -> None:
    report = tmp_path / "results.jsonl"
    bearerproof("check", "--quick", "-k", "VER-12", "--seed", 7, "--report", report)
    header = json.loads(report.read_text().partition("\n")[0])
    assert (header["seed"], header["depth"], header["measure"]) == (7, "quick", "strict")


POLICY = Policy({"algorithms": ["ES256"], "issuer": "a", "keys": {"keys": []}, "leeway": 0, "require": []})
FINDING = Finding(
    "it is accepted",
    "rejected",
    "accepted",
    Presentation("a.b.c", POLICY, Profile.JWT, 5, 2),
    Presentation(b"\xff", POLICY, Profile.JWT, 5),
    "alg-none",
    ({"kind": "Expired"},),
)


def record(name: str, state: State = State.PASSED, *findings: Finding) -> Record:
    kept = tuple(results.finding_as_dict(finding) for finding in findings)
    return Record(f"VER-12.{name}.jwt", "VER-12", "MUST", "jwt", state, None, kept)


@pytest.mark.parametrize("state", State)
def test_a_record_survives_its_way_through_the_stream(complaints: Complaints, state: State) -> None:
    before = record("x", state, FINDING)
    row = json.loads(results.line(before.as_dict()))
    assert Record.from_dict(row) == before
    assert complaints(row) == []


def test_a_finding_holds_all_that_replays_it() -> None:
    row = json.loads(results.line(results.finding_as_dict(FINDING)))
    assert results.presentation_from_dict(row["presented"]) == FINDING.presented
    assert results.presentation_from_dict(row["base"]) == FINDING.base
    assert (row["edit"], row["events"]) == ("alg-none", [{"kind": "Expired"}])


def test_the_stream_is_sorted_and_each_line_is_canonical() -> None:
    lines = list(results.stream({"b": 1, "a": 2}, [record("b"), record("a")], {"exit": 0}))
    assert lines[0] == '{"a":2,"b":1,"format":1,"type":"header"}\n'
    assert [json.loads(line)["id"] for line in lines[1:-1]] == ["VER-12.a.jwt", "VER-12.b.jwt"]
    assert lines[-1] == '{"exit":0,"type":"footer"}\n'


def test_text_of_any_kind_stays_one_line_of_ascii() -> None:
    line = results.line({"text": "\u2028\n\x1b\ud800é"})
    assert line.isascii()
    assert line.count("\n") == 1
    assert json.loads(line) == {"text": "\u2028\n\x1b\ud800é"}


def test_records_are_counted_in_the_order_of_the_states() -> None:
    records = [record("a", State.UNTESTABLE), record("b", State.FAILED), record("c", State.FAILED)]
    assert list(results.tally(records).items()) == [(State.FAILED, 2), (State.UNTESTABLE, 1)]
