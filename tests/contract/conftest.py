"""The schemas of the contract, ready to be asked what they think of a message."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

SPEC = Path(__file__).parents[2] / "spec"
BASE = "https://bearerproof.example/schemas/"

Refusals = Callable[[str, object], list[str]]
"""Gives the complaints of a schema, named like `answer` or `answer#/$defs/reason`, about a message."""


@pytest.fixture(scope="session")
def schemas() -> dict[str, dict[str, Any]]:
    paths = sorted((SPEC / "schemas").glob("*.schema.json"))
    return {path.name.removesuffix(".schema.json"): json.loads(path.read_text("utf-8")) for path in paths}


@pytest.fixture(scope="session")
def refusals(schemas: dict[str, dict[str, Any]]) -> Refusals:
    registry: Registry[Any] = Registry().with_resources(
        (schema["$id"], Resource.from_contents(schema)) for schema in schemas.values()
    )

    def ask(name: str, message: object) -> list[str]:
        file, _, pointer = name.partition("#")
        reference = {"$ref": f"{BASE}{file}.schema.json#{pointer}"}
        validator = Draft202012Validator(
            reference, registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER
        )
        return [error.message for error in validator.iter_errors(message)]

    return ask
