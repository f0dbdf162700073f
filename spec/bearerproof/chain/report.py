"""What was found about a chain, in the four words that there are for it, for people and for programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bearerproof import __version__


class Verdict(StrEnum):
    """What can be said of a chain; several together are as bad as the first of them in this order."""

    ALTERED = "altered"
    MISSING = "missing"
    UNTOLD = "cannot be told (key absent)"
    INTACT = "intact"


@dataclass(frozen=True, slots=True)
class Fault:
    """One place at which a chain is not what was written; ``line`` 0 is the file as a whole."""

    verdict: Verdict
    file: str
    line: int
    says: str

    def __str__(self) -> str:
        """Word it for a person."""
        return f"{self.verdict}: {self.file}{f', line {self.line}' if self.line else ''}: {self.says}"


@dataclass(frozen=True, slots=True)
class Judged:
    """One chain: how many of its records are proven and how many are not, whether its writer ended it, and its faults.

    ``last`` is the last checkpoint that verified: what a high-water mark remembers.
    """

    chain: str
    files: tuple[str, ...]
    proven: int
    unproven: int
    sealed: bool
    absent_keys: tuple[str, ...]
    faults: tuple[Fault, ...]
    last: bytes | None = None

    @property
    def verdict(self) -> Verdict:
        """The word for it; nothing is intact of which nothing is proven."""
        if self.faults:
            return min((fault.verdict for fault in self.faults), key=_ORDER.index)
        return Verdict.UNTOLD if self.absent_keys or not self.proven else Verdict.INTACT


@dataclass(frozen=True, slots=True)
class ChainReport:
    """All chains of the files, and the faults that belong to none."""

    chains: tuple[Judged, ...]
    stray: tuple[Fault, ...] = ()

    @property
    def faults(self) -> Sequence[Fault]:
        """Every fault."""
        return [*self.stray, *(fault for chain in self.chains for fault in chain.faults)]

    @property
    def verdict(self) -> Verdict:
        """The worst word of all."""
        words = [fault.verdict for fault in self.stray] + [chain.verdict for chain in self.chains]
        return min(words, key=_ORDER.index, default=Verdict.MISSING)

    @property
    def proven(self) -> int:
        """Records that a checkpoint proves, checkpoints among them."""
        return sum(chain.proven for chain in self.chains)

    @property
    def unproven(self) -> int:
        """Records that none proves: behind the last checkpoint, or found by a run that did not write them."""
        return sum(chain.unproven for chain in self.chains)

    @property
    def exit_code(self) -> int:
        """0 intact, 1 altered or missing, 3 cannot be told."""
        return {Verdict.INTACT: 0, Verdict.UNTOLD: 3}.get(self.verdict, 1)

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON data (chain-report.schema.json)."""
        return {
            "type": "chain-report",
            "format": 1,
            "bearerproof": __version__,
            "verdict": str(self.verdict),
            "proven": self.proven,
            "unproven": self.unproven,
            "chains": [
                {
                    "chain": chain.chain,
                    "verdict": str(chain.verdict),
                    "files": list(chain.files),
                    "proven": chain.proven,
                    "unproven": chain.unproven,
                    "sealed": chain.sealed,
                    "absent_keys": list(chain.absent_keys),
                }
                for chain in self.chains
            ],
            "faults": [
                {"verdict": str(fault.verdict), "file": fault.file, "line": fault.line, "says": fault.says}
                for fault in self.faults
            ],
        }

    def as_text(self) -> str:
        """Return the report for a person: faults first, then each chain, the verdict last."""
        lines = [str(fault) for fault in self.faults[:_SHOWN]]
        if len(self.faults) > _SHOWN:
            lines.append(f"and {len(self.faults) - _SHOWN:,} more")
        return "\n".join([*lines, *map(_told, self.chains), f"The chain: {self.verdict}"])


_ORDER = list(Verdict)
_SHOWN = 20


def _told(chain: Judged) -> str:
    """Say how far a chain is proven, and what is not."""
    parts = [f"{chain.proven:,} records proven"]
    if chain.unproven:
        parts.append(f"{chain.unproven:,} behind a checkpoint and unproven")
    parts.append("ended by its writer" if chain.sealed else "not ended by its writer")
    parts += [f"key {key} absent" for key in chain.absent_keys]
    return f"chain {chain.chain}: {chain.verdict}: {', '.join(parts)}"
