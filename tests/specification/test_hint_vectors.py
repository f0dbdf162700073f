"""The frozen vectors of hints: valid by their schema, and what the reference's events say."""

import json
from dataclasses import replace
from typing import Any

from jsonschema import Draft202012Validator

from bearerproof import data
from bearerproof.judging.settings import RunConfig
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz.forge import Forge

FILE = json.loads((data.root() / "vectors" / "events" / "hints.json").read_text(encoding="utf-8"))
REFERENCE = RunConfig().start()
HINTS = ("client_id_hint", "kid_hint", "source_id", "aud_hint")


def test_file_is_valid() -> None:
    schema = json.loads((data.root() / "schemas" / "hint-vectors.schema.json").read_text(encoding="utf-8"))
    assert not list(Draft202012Validator(schema).iter_errors(FILE))


def test_the_events_of_the_reference_say_so() -> None:
    expected = {vector["id"]: {name: vector.get(name) for name in HINTS} for vector in FILE["vectors"]}
    assert len(expected) == len(FILE["vectors"]) > 100
    forge = Forge(REFERENCE.declaration)
    assert {vector["id"]: said(forge, vector) for vector in FILE["vectors"]} == expected


def said(forge: Forge, vector: dict[str, Any]) -> dict[str, Any]:
    """Return the hints in the one event that the token of a vector leaves."""
    base = forge.base(Profile(vector["profile"])).presentation()
    (event,) = REFERENCE.verify(replace(base, token=vector["token"])).events or ()
    members = {**event, "aud_hint": event["metadata"].get("aud_hint")}
    return {name: members.get(name) for name in HINTS}
