"""A JSON Schema for ECS documents, derived from a table of fields; ECS publishes such tables, and no JSON Schema.

There are two tables. ``FACTS`` holds what the export rests on and is always at hand. The published one is the
package ``@elastic/ecs``, whole; it is used where it is installed into the environment that runs the tests:

    npm install --ignore-scripts --no-save --prefix "$VIRTUAL_ENV" @elastic/ecs@9.4.0
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bearerproof.members import Json

PUBLISHED = Path(sys.prefix) / "node_modules" / "@elastic" / "ecs"


@dataclass(frozen=True)
class Field:
    """One field: its Elasticsearch type, whether it is always an array, and, if they are listed, the values.

    ``expects`` says for a value of ``event.category`` which values of ``event.type`` go with it.
    """

    type: str
    array: bool = False
    required: bool = False
    values: frozenset[str] = frozenset()
    expects: tuple[tuple[str, frozenset[str]], ...] = ()


Table = Mapping[str, Field]

ATTEMPT = frozenset({"start", "end", "info"})

FACTS: Table = {
    "@timestamp": Field("date", required=True),
    "message": Field("match_only_text"),
    "labels": Field("object"),
    "ecs.version": Field("keyword", required=True),
    "event.kind": Field(
        "keyword",
        values=frozenset(["alert", "asset", "enrichment", "event", "metric", "state", "pipeline_error", "signal"]),
    ),
    "event.category": Field(
        "keyword",
        array=True,
        values=frozenset({"authentication", "session"}),
        expects=(("authentication", ATTEMPT), ("session", ATTEMPT)),
    ),
    "event.type": Field("keyword", array=True, values=ATTEMPT),
    "event.outcome": Field("keyword", values=frozenset({"failure", "success", "unknown"})),
    "event.action": Field("keyword"),
    "event.reason": Field("keyword"),
    "event.sequence": Field("long"),
    "event.module": Field("keyword"),
    "event.dataset": Field("keyword"),
    "user.id": Field("keyword"),
    "user.domain": Field("keyword"),
    "user.email": Field("keyword"),
    "user.full_name": Field("keyword"),
    "client.ip": Field("ip"),
    "source.ip": Field("ip"),
}

TYPES: Mapping[str, Json] = {
    "date": {"type": "string", "pattern": r"^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]+Z$"},
    "keyword": {"type": "string"},
    "match_only_text": {"type": "string"},
    "ip": {"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]},
    "long": {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
    "object": {
        "type": "object",
        "additionalProperties": {"type": ["string", "array"], "items": {"type": "string"}},
        "propertyNames": {"pattern": "^[^.]+$"},
    },
}
"""What JSON an Elasticsearch type takes; ``labels``, the only object used, holds keywords and nothing nested.

A date with second 60 is one that Elasticsearch refuses.
"""


def published() -> Table | None:
    """Return the table that Elastic publishes, or None where it is not installed."""
    node = shutil.which("node")
    if node is None or not PUBLISHED.is_dir():
        return None
    script = f"process.stdout.write(JSON.stringify(require({json.dumps(str(PUBLISHED))}).EcsFlat))"
    printed = subprocess.run([node, "-e", script], capture_output=True, check=True, timeout=600)
    return {name: _field(row) for name, row in json.loads(printed.stdout).items()}


def _field(row: Json) -> Field:
    values = row.get("allowed_values", ())
    return Field(
        row["type"],
        array="array" in row["normalize"],
        required=row.get("required", False),
        values=frozenset(value["name"] for value in values),
        expects=tuple(
            (value["name"], frozenset(value["expected_event_types"]))
            for value in values
            if "expected_event_types" in value
        ),
    )


def schema(table: Table) -> Json:
    """Return the schema of a document that has fields of this table only."""
    whole: Json = {"$schema": "https://json-schema.org/draft/2020-12/schema", **_object()}
    for name, field in table.items():
        _put(whole, name.split("."), field)
    whole["allOf"] = [_expectation(*expected) for expected in table["event.category"].expects]
    return whole


def _object() -> Json:
    return {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


def _put(whole: Json, path: list[str], field: Field) -> None:
    name, *rest = path
    if field.required:
        whole["required"].append(name)
    if rest:
        _put(_parent(whole["properties"], name), rest, field)
    else:
        whole["properties"][name] = _value(field)


def _parent(properties: Json, name: str) -> Json:
    """Return the schema of the object that holds a field; a field may stand below one that is a field itself."""
    there = properties.get(name, {})
    if "properties" not in there:
        properties[name] = {**_object(), **there}
    parent: Json = properties[name]
    return parent


def _value(field: Field) -> Json:
    value = {**TYPES.get(field.type, {}), **({"enum": sorted(field.values)} if field.values else {})}
    return {"type": "array", "items": value} if field.array else value


def _expectation(category: str, types: frozenset[str]) -> Json:
    """A document of this category has one of these types, or it has another category as well."""
    return {
        "if": {"properties": {"event": {"properties": {"category": {"const": [category]}}}}},
        "then": {"properties": {"event": {"properties": {"type": {"items": {"enum": sorted(types)}}}}}},
    }
