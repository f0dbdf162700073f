"""What `explain` names can be opened: each file, at a line that holds what is said to stand there."""

import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from bearerproof import data
from bearerproof.specification.catalogue import requirements
from bearerproof_fuzz.commands.explanation import Explanation, Part, Place, explanation, place_of
from bearerproof_fuzz.edits import registry
from bearerproof_fuzz.faults import faults

from ..conftest import ROOT, CommandLine

SCHEMA = json.loads((data.root() / "schemas" / "explanation.schema.json").read_text("utf-8"))


@pytest.fixture(autouse=True)
def beside_the_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def explanations() -> dict[str, Explanation]:
    return {name: explanation(name) for name in requirements()}


def line_at(place: Place) -> str:
    return Path(place.file).read_text("utf-8").splitlines()[place.line - 1]


def stands_there(kind: str, part: Part) -> bool:
    """Say whether the line is a test, or holds the name: quoted, or as a function that makes it or its kind."""
    line = line_at(part.place)
    function = re.match(r"def (\w+)\(", line)
    if kind == "properties" or function is None:
        return line.startswith("def test_") if kind == "properties" else f'"{part.name}"' in line
    return f"{part.name}-".startswith(function[1].replace("_", "-") + "-")


def parts(explanations: dict[str, Explanation]) -> Iterator[tuple[str, Part]]:
    for kind, each in product(("properties", "edits", "faults"), explanations.values()):
        yield from ((kind, part) for part in getattr(each, kind))


def test_every_part_stands_where_it_is_said_to(explanations: dict[str, Explanation]) -> None:
    assert [(kind, part) for kind, part in parts(explanations) if not stands_there(kind, part)] == []


def test_every_row_stands_where_it_is_said_to(explanations: dict[str, Explanation]) -> None:
    assert [name for name, each in explanations.items() if line_at(each.row) != f'id = "{name}"'] == []


def test_every_edit_fault_and_vector_is_told_once(explanations: dict[str, Explanation]) -> None:
    assert sorted(part.name for kind, part in parts(explanations) if kind == "edits") == sorted(registry.edits())
    assert sorted(part.name for kind, part in parts(explanations) if kind == "faults") == sorted(faults())
    files = (data.root() / "vectors").rglob("*.json")
    frozen = sum(len(json.loads(file.read_text("utf-8"))["vectors"]) for file in files)
    assert sum(file.count for each in explanations.values() for file in each.vectors) == frozen
    assert all(Path(file.file).is_file() for each in explanations.values() for file in each.vectors)


def test_as_json_it_follows_its_schema(explanations: dict[str, Explanation], bearerproof: CommandLine) -> None:
    Draft202012Validator.check_schema(SCHEMA)
    validator = Draft202012Validator(SCHEMA)
    assert [name for name, each in explanations.items() if not validator.is_valid(each.as_dict())] == []
    assert json.loads(bearerproof("explain", "ver-16", "--json").out) == explanations["VER-16"].as_dict()


def test_as_json_one_requirement_has_to_be_named(bearerproof: CommandLine) -> None:
    ended = bearerproof("explain", "--json")
    assert (ended.code, ended.out) == (3, "")
    assert "give its ID" in ended.err


def test_what_nothing_makes_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text('def kind_of(): ...\nTABLE = {\n    "row": 1,\n}\n')
    assert [place_of(name, tmp_path).line for name in ("kind-of", "kind-of-x", "row")] == [1, 1, 3]
    with pytest.raises(LookupError, match="kind-off"):
        place_of("kind-off", tmp_path)
