"""Threats: what an attacker wants, and which requirements stand against it, read from ``spec/threats.toml``."""

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Any

from bearerproof import data


@dataclass(frozen=True)
class Threat:
    """Something that somebody may do to a system, and the requirements of which each closes a way to it."""

    id: str
    title: str
    says: str
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class Unthreatened:
    """Requirements that no threat names, and why."""

    requirements: tuple[str, ...]
    reason: str


@cache
def threats() -> tuple[Threat, ...]:
    """Return every threat, in the order of the file; an unknown key raises."""
    return tuple(Threat(**{**entry, "requirements": tuple(entry["requirements"])}) for entry in _tables("threat"))


@cache
def unthreatened() -> tuple[Unthreatened, ...]:
    """Return the requirements that belong to no threat, by the reason for it; an unknown key raises."""
    return tuple(Unthreatened(**{**entry, "requirements": tuple(entry["requirements"])}) for entry in _tables("none"))


def _tables(name: str) -> list[dict[str, Any]]:
    with (data.root() / "threats.toml").open("rb") as file:
        entries: list[dict[str, Any]] = tomllib.load(file)[name]
    return entries
