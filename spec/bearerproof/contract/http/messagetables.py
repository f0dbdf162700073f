"""Reading the tables of a profile that say how requests and answers are spelled beyond their lines and codes."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bearerproof.contract.decisions import BEARER_REASONS
from bearerproof.contract.declaration import KeyServer
from bearerproof.contract.http.profile import ADMITTED, AnswerRule, EachRequest, RequestBody, Requests, Scopes
from bearerproof.contract.http.values import Table, ValueReader

_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([ -~]+)")
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_LETTERS = re.compile(r"[A-Za-z0-9._-]+")

LONGEST = 256
"""Characters of a name of the contract."""


def requests(reader: ValueReader, raw: Table) -> tuple[Table, Mapping[str, RequestBody]]:
    """Read the requests; return the lines of all, and what the one for a resource has besides, if it is a table."""
    lines, bodies = dict(raw), {}
    for name in [name for name, value in raw.items() if isinstance(value, dict)]:
        where = f"requests.{name}"
        if name != "resource":
            raise reader.wrong("requests", name, "must be a line: the one for a resource alone can be a table")
        reader.known(raw[name], where, {"line", "headers", "body"})
        lines[name] = reader.text(raw[name], where, "line", None)
        body = reader.text(raw[name], where, "body", "") if "body" in raw[name] else ""
        bodies[name] = RequestBody(fields(reader, where, raw[name]), body)
    return lines, bodies


def lacking(name: str, line: str, body: str) -> list[str]:
    """Return the names in braces that a request needs and that stand neither in its line nor in its body."""
    needed = re.findall(r"\{\w+\}", getattr(Requests, name))
    return [placeholder for placeholder in needed if placeholder not in line and placeholder not in body]


def fields(reader: ValueReader, where: str, raw: Table, name: str = "headers") -> tuple[tuple[str, str], ...]:
    """Read header fields; ``${NAME}`` stands for what a variable of the environment holds."""
    found = []
    for text in reader.texts(raw, where, name, ()) if raw.get(name) else ():
        unset = [variable for variable in _VARIABLE.findall(text) if not os.environ.get(variable)]
        if unset:
            raise reader.wrong(where, name, f"names {', '.join(unset)}, which is not set, or blank")
        whole = _FIELD.fullmatch(_VARIABLE.sub(lambda found: os.environ[found[1]], text))
        if whole is None:
            raise reader.wrong(where, name, "must be header fields of the form 'X-Tenant: acme'")
        found.append((whole[1], whole[2]))
    return tuple(found)


def each_request(reader: ValueReader, raw: Table) -> EachRequest:
    """Read what goes with every request."""
    certificate = reader.file(raw, "headers", "client_certificate")
    if certificate is not None and not Path(certificate).is_file():
        raise reader.wrong("headers", "client_certificate", f"is not there: {certificate}")
    client = fields(reader, "headers", {"client": [raw["client"]]}, "client") if "client" in raw else ()
    return EachRequest(fields(reader, "headers", raw, "also"), certificate, client)


def scopes(reader: ValueReader, raw: Table | None) -> Scopes | None:
    """Read the two scopes of a server that has others than those of the contract."""
    if raw is None:
        return None
    reader.known(raw, "scopes", {"narrow", "wide", "usual"})
    defaults = {"narrow": None, "wide": None, "usual": ""}
    found = Scopes(*(reader.text(raw, "scopes", name, default) for name, default in defaults.items()))
    if not set(found.narrow.split()) < set(found.wide.split()):
        raise reader.wrong("scopes", "wide", "must have all words of narrow in it, and more")
    return found


def answers(reader: ValueReader, raw: Table | None) -> tuple[AnswerRule, ...]:
    """Read what answers to a presented bearer mean."""
    if raw is None:
        return ()
    reader.known(raw, "answers", {"resource"})
    listed = reader.kind(raw, "answers", "resource", list, "a list of tables")
    return tuple(_rule(reader, each) for each in listed)


def _rule(reader: ValueReader, raw: Any) -> AnswerRule:
    where = "answers.resource"
    if not isinstance(raw, dict):
        raise reader.wrong("answers", "resource", "must be a list of tables")
    reader.known(raw, where, {"status", "pointer", "value", "is"})
    meaning = reader.text(raw, where, "is", None)
    if meaning not in (known := {ADMITTED, *BEARER_REASONS}):
        raise reader.wrong(where, "is", f"must be one of {', '.join(sorted(known))}, not {meaning!r}")
    status = raw.get("status", [])
    statuses = status if isinstance(status, list) else [status]
    if not all(type(each) is int and 100 <= each <= 599 for each in statuses):
        raise reader.wrong(where, "status", "must be a status from 100 to 599, or a list of some")
    pointer = raw.get("pointer")
    if pointer is not None and not (isinstance(pointer, str) and re.fullmatch(r"(/([^~/]|~[01])*)*", pointer)):
        raise reader.wrong(where, "pointer", "must be a JSON pointer such as '/error/code'")
    if (pointer is None) != ("value" not in raw):
        raise reader.wrong(where, "pointer", "and value are needed together")
    if not statuses and pointer is None:
        raise reader.wrong(where, "status", "or pointer is needed: otherwise every answer would fit")
    return AnswerRule(meaning, frozenset(statuses), pointer, raw.get("value"))


def name_pattern(reader: ValueReader, raw: Table | None) -> str:
    """Return the names that backends and tools can both have, from the characters of each."""
    where = "alphabet"
    if raw is None:
        return KeyServer.name_pattern
    reader.known(raw, where, {"backends", "tools", "longest"})
    longest = reader.number(raw, where, "longest", LONGEST, 3, LONGEST)
    known = {character for character in map(chr, range(128)) if _LETTERS.fullmatch(character)}
    for name in ("backends", "tools"):
        characters = reader.text(raw, where, name, "A-Za-z0-9._-")
        try:
            known &= {each for each in known if re.fullmatch(f"[{characters}]", each)}
        except re.error as error:
            raise reader.wrong(where, name, f"is no set of characters: {error}") from None
    if not set("abcdefghijklmnopqrstuvwxyz") <= known:
        raise reader.wrong(where, "backends", "and tools must both have the letters a to z, which all checks use")
    return f"[{''.join(map(re.escape, sorted(known)))}]{{1,{longest}}}"
