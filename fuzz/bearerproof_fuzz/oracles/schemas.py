"""What the schemas of the specification say of an event."""

import json
from functools import cache, lru_cache

from jsonschema import Draft202012Validator

from bearerproof import data
from bearerproof.members import Json


def schema_error(schema: str, event: Json, *, formats: bool = False) -> str | None:
    """Return why an event does not have the form of the schema of this name, or None when it does.

    With ``formats`` a text has to be what its format says, such as an address, as well.
    """
    return _schema_error(schema, json.dumps(event), formats)


@lru_cache(maxsize=4096)
def _schema_error(schema: str, event: str, formats: bool) -> str | None:
    error = next(_validator(schema, formats).iter_errors(json.loads(event)), None)
    return None if error is None else f"{error.json_path}: {error.message[:300]}"


@cache
def _validator(schema: str, formats: bool) -> Draft202012Validator:
    path = data.root() / "schemas" / f"{schema}.schema.json"
    checker = Draft202012Validator.FORMAT_CHECKER if formats else None
    return Draft202012Validator(json.loads(path.read_text(encoding="utf-8")), format_checker=checker)
