"""The requirements of the specification, read from ``spec/requirements/*.toml``: the source of truth."""

import difflib
import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from bearerproof import data
from bearerproof.exceptions import BadInput


class Level(StrEnum):
    """How binding a requirement is (BCP 14)."""

    MUST = "MUST"
    SHOULD = "SHOULD"


class Origin(StrEnum):
    """Where a requirement comes from, which decides the measure it belongs to."""

    RFC = "rfc"
    SEED = "seed"
    HARDENING = "hardening"


class Measure(StrEnum):
    """How an implementation is judged: by the RFCs alone, or by the whole specification."""

    BASE = "base"
    STRICT = "strict"


class Profile(StrEnum):
    """What is judged: four kinds of verifier, each of which adds to the one before it, or a key server."""

    JWS = "jws"
    JWT = "jwt"
    ACCESS_TOKEN = "access-token"  # noqa: S105 - the name of a profile
    ID_TOKEN = "id-token"  # noqa: S105 - the name of a profile
    KEY_SERVER = "key-server"


VERIFIERS = (Profile.JWS, Profile.JWT, Profile.ACCESS_TOKEN, Profile.ID_TOKEN)
"""The profiles in which single tokens are judged."""


@dataclass(frozen=True)
class Requirement:
    """One normative sentence, with what it rests on.

    ``contract`` is the lowest contract level at which the requirement can be observed. An ``observed`` row binds in
    strict alone, and is tried at base too: what would cost conformity in strict is shown there.
    """

    id: str
    title: str
    text: str
    level: Level
    origin: Origin
    profiles: tuple[Profile, ...]
    contract: int
    sources: tuple[str, ...]
    rationale: str
    observed: bool = False

    @property
    def family(self) -> str:
        """The letters before the number: ``VER`` of ``VER-12``."""
        return self.id.partition("-")[0]

    @property
    def clause(self) -> str:
        """The source that states the requirement; the first one listed."""
        return self.sources[0]

    def binds(self, measure: Measure) -> bool:
        """Say whether the measure looks at this requirement: base knows the RFCs' rows, and observes a few others."""
        return measure is Measure.STRICT or self.origin is Origin.RFC or self.observed


FAMILIES: Mapping[str, str] = {
    "VER": "verifying a JWT",
    "IDT": "ID-token profile",
    "KEY": "key sets and rotation",
    "HINT": "hints",
    "SRC": "source ids and buckets",
    "FAIL": "verify-failure events",
    "SINK": "sinks",
    "LIM": "rate limiting",
    "LIFE": "lifecycle events",
    "TOK": "token store",
    "EXC": "token exchange",
    "POL": "policy and scopes",
    "REV": "revocation and administration",
    "HTTP": "HTTP binding",
    "RS": "resource server over HTTP",
    "TRAIL": "audit trails",
    "CHAIN": "hash chains of audit trails",
}


@cache
def requirements() -> Mapping[str, Requirement]:
    """Return every requirement by id, family by family, in the order of the files."""
    folder = data.root() / "requirements"
    rows = [row for family in FAMILIES for row in _rows(folder / f"{family.lower()}.toml")]
    return {row.id: row for row in rows}


@cache
def digest() -> str:
    """Return a digest of every requirement: two runs with an equal one asked for the same."""
    text = "\n".join(repr(row) for row in requirements().values())
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def requirement(requirement_id: str) -> Requirement:
    """Return one requirement.

    Raises:
        BadInput: no requirement has this id; the message names the nearest one.
    """
    known = requirements()
    wanted = requirement_id.upper()
    if wanted in known:
        return known[wanted]
    near = difflib.get_close_matches(wanted, known, n=3)
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    raise BadInput(f"no requirement has the id {requirement_id!r}{hint} (bearerproof explain lists them all)")


def _rows(path: Path) -> list[Requirement]:
    with path.open("rb") as file:
        return [_row(entry) for entry in tomllib.load(file)["requirement"]]


def _row(entry: dict[str, Any]) -> Requirement:
    """Build one row; an unknown or missing key raises instead of silently weakening the requirement."""
    return Requirement(
        **{
            **entry,
            "level": Level(entry["level"]),
            "origin": Origin(entry["origin"]),
            "profiles": tuple(Profile(name) for name in entry["profiles"]),
            "sources": tuple(entry["sources"]),
            "rationale": " ".join(entry["rationale"].split()),
            "text": " ".join(entry["text"].split()),
        }
    )
