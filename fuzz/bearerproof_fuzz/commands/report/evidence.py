"""Exercise evidence: what shows that a check can tell, as ``prove --export`` writes it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bearerproof.exceptions import BadInput
from bearerproof.visible import visible
from bearerproof_fuzz.revision import revision

if TYPE_CHECKING:
    from bearerproof_fuzz.commands.faultrun import Proof

FORMAT = 1


@dataclass(frozen=True)
class Death:
    """A seeded fault or a victim, and what became of it: ``checks`` are those that it died by, if it did."""

    kind: str
    name: str
    requirement: str
    fate: str
    checks: tuple[str, ...] = ()
    seen_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """The deaths of one proof at one revision; ``void`` says that a control failed, so that none of them counts."""

    format: int
    revision: str
    void: bool
    deaths: tuple[Death, ...]

    def killed_by(self, requirement: str, check: str) -> tuple[str, ...]:
        """Return what died by this check, in whichever profile."""
        return tuple(self._by_check.get(f"{requirement}.{check}", ()))

    @cached_property
    def _by_check(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for death in [] if self.void else self.deaths:
            for name in dict.fromkeys(each.rpartition(".")[0] for each in death.checks):
                found.setdefault(name, []).append(f"{death.kind} {death.name}")
        return found

    def died_for(self, requirement: str) -> tuple[str, ...]:
        """Return what died by any check of this requirement."""
        return tuple(
            f"{death.kind} {death.name}"
            for death in ([] if self.void else self.deaths)
            if death.requirement == requirement and death.checks
        )


def written(proof: "Proof") -> str:
    """Return a proof as the file that ``read`` reads (``spec/schemas/evidence.schema.json``)."""
    tried = [("fault", attempt) for attempt in proof.attempts] + [("victim", attempt) for attempt in proof.victims]
    deaths = [
        Death(kind, each.fault, each.requirement, str(each.fate), each.checks, each.seen_by) for kind, each in tried
    ]
    evidence = Evidence(FORMAT, revision(), proof.void, tuple(deaths))
    return json.dumps(asdict(evidence), indent=1) + "\n"


def read(path: Path) -> Evidence:
    """Read what ``prove --export`` wrote.

    Raises:
        BadInput: it cannot be read, or is something else.
    """
    where = visible(str(path))
    try:
        raw = json.loads(path.read_bytes())
        evidence = msgspec.convert(raw, Evidence)
    except OSError as error:
        raise BadInput(f"cannot read {where}: {error.strerror}") from None
    except (ValueError, RecursionError, msgspec.ValidationError) as error:
        raise BadInput(f"{where} is not what bearerproof prove --export writes: {visible(str(error))}") from None
    if evidence.format != FORMAT:
        raise BadInput(f"{where}: format {evidence.format} is not known here, only {FORMAT} is")
    return evidence
