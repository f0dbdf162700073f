"""The victims by name: the table in ``victims.toml``, and beside each name the steps that make it weak."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from bearerproof_fuzz.victims.refusal import Json
from bearerproof_fuzz.victims.verifier import Steps
from bearerproof_fuzz.victims.weaknesses import claims, encoding, headers, key_sets, keys, signatures, state

STEPS: Mapping[str, Steps] = {
    name: steps
    for table in (encoding, headers, keys, key_sets, signatures, claims, state)
    for name, steps in table.STEPS.items()
}


@dataclass(frozen=True)
class Victim:
    """A verifier that truly has one weakness, and the requirement whose check ought to name it.

    ``strict`` says that no RFC refuses what it accepts, but the strict measure does. ``declared`` are the
    capabilities in which it differs from the plain one. ``unseen`` says what the suite lacks to see it.
    """

    name: str
    requirement: str
    source: str
    weakness: str
    strict: bool = False
    unseen: str = ""
    declared: Json = field(default_factory=dict)

    @property
    def measure(self) -> str:
        """The measure that refuses what it accepts."""
        return "strict" if self.strict else "base"

    @property
    def steps(self) -> Steps:
        """The verifier, weak in one step."""
        return STEPS[self.name]


@cache
def victims() -> Mapping[str, Victim]:
    """Return every victim by name, in the order of the table."""
    rows = tomllib.loads(Path(__file__).with_name("victims.toml").read_text("utf-8"))["victims"]
    return {row["name"]: Victim(**row) for row in rows}
