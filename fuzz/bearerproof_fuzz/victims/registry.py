"""The table of victims: name, weakness, the requirement whose check ought to name it, and where in the world it was."""

from dataclasses import dataclass, field

from bearerproof_fuzz.victims.refusal import Json
from bearerproof_fuzz.victims.verifier import Steps


@dataclass(frozen=True)
class Victim:
    """A verifier that truly has one weakness.

    ``declared`` are the capabilities in which it differs from the plain one. ``strict`` says that only the strict
    measure refuses what it accepts, though the requirement stands in an RFC.
    """

    name: str
    weakness: str
    requirement: str
    source: str
    steps: Steps
    declared: Json = field(default_factory=dict)
    strict: bool = False
