"""The frozen vectors of hints: valid by their schema, and what the reference's events say."""

import json
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bearerproof import data
from bearerproof.judging.settings import Settings
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz.forge import Forge

FILE = json.loads((data.root() / "vectors" / "events" / "hints.json").read_text(encoding="utf-8"))
REFERENCE = Settings().start()


def test_file_is_valid() -> None:
    schema = json.loads((data.root() / "schemas" / "hint-vectors.schema.json").read_text(encoding="utf-8"))
    assert not list(Draft202012Validator(schema).iter_errors(FILE))


@pytest.mark.parametrize("vector", FILE["vectors"], ids=lambda vector: str(vector["id"]))
def test_event_of_the_reference_says_so(vector: dict[str, Any]) -> None:
    forge = Forge(REFERENCE.declaration)
    base = forge.base(Profile(vector["profile"])).presentation()
    answer = REFERENCE.verify(replace(base, token=vector["token"]))

    assert answer.events is not None
    (event,) = answer.events
    expected = {name: vector[name] for name in ("client_id_hint", "kid_hint", "source_id")}
    assert {name: event.get(name) for name in expected} == expected
    assert event["metadata"].get("aud_hint") == vector.get("aud_hint")
