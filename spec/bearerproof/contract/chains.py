"""The messages about hash chains: what an implementation says of one, and what it writes; answers are hostile input."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from bearerproof import members
from bearerproof.contract.messages import Outcome, Request, read_undone
from bearerproof.exceptions import AdapterFault
from bearerproof.members import Json

INTACT, ALTERED, MISSING, UNTOLD = "intact", "altered", "missing", "cannot be told (key absent)"
WORDS = (INTACT, ALTERED, MISSING, UNTOLD)
"""All that may be said of a chain."""


@dataclass(frozen=True)
class ChainAnswer:
    """The answer to ``verify-chain`` or ``write-chain``.

    ``outcome`` is ``accepted`` for an intact chain and for one that was written. ``word`` is the verdict on a chain;
    ``proven`` and ``unproven`` count its records, where it is intact. ``files`` are what was written, oldest first.
    """

    outcome: Outcome
    word: str | None = None
    proven: int | None = None
    unproven: int | None = None
    files: tuple[bytes, ...] = ()
    detail: str | None = None

    def describe(self) -> str:
        """Say it in a few words, as it stands in failure texts."""
        if self.word == INTACT:
            return f"{self.word}, {self.proven} records proven and {self.unproven} not"
        return self.word or self.detail or str(self.outcome)


def verify_chain(
    files: Sequence[bytes], keys: Sequence[Json], high_water: Sequence[bytes] = (), *, from_middle: bool = False
) -> Request:
    """Return the request to verify the chain in these files."""
    return {
        "op": "verify-chain",
        "files": [_b64(file) for file in files],
        "keys": {"keys": list(keys)},
        "high_water": [line.decode() for line in high_water],
        "from_middle": from_middle,
    }


def write_chain(
    key: Json, files: Sequence[Sequence[str]], *, end: str, found: bytes | None = None, before: Sequence[Json] = ()
) -> Request:
    """Return the request to write one run of a chain: these lines, with a rotation between files.

    ``end`` is ``stop`` or ``kill``; ``found`` is the file that the run finds, ``before`` are keys of earlier runs.
    """
    existing = {} if found is None else {"found": _b64(found)}
    keys = {"key": key, "before": {"keys": list(before)}}
    return {"op": "write-chain", **keys, **existing, "files": [list(lines) for lines in files], "end": end}


def read_chain_answer(raw: Json, op: str) -> ChainAnswer:
    """Read the answer to ``verify-chain`` or ``write-chain``.

    Raises:
        AdapterFault: the answer is none that the contract knows.
    """
    undone = read_undone(raw, op)
    if undone is not None:
        return ChainAnswer(undone[0], detail=undone[1])
    return _written(raw, op) if op == "write-chain" else _verdict(raw, op)


def _verdict(raw: Json, op: str) -> ChainAnswer:
    members.refuse_unknown(raw, {"id", "verdict", "proven", "unproven"}, op)
    word = members.get(raw, "verdict", str, op)
    if word not in WORDS:
        raise AdapterFault(f"{op}: verdict must be one of {', '.join(WORDS)}, not {members.brief(word)}")
    intact = word == INTACT
    proven, unproven = (members.get(raw, name, int, op, optional=not intact) for name in ("proven", "unproven"))
    return ChainAnswer(Outcome.ACCEPTED if intact else Outcome.REJECTED, word, proven, unproven)


def _written(raw: Json, op: str) -> ChainAnswer:
    members.refuse_unknown(raw, {"id", "written", "refused"}, op)
    if "refused" in raw:
        return ChainAnswer(Outcome.REJECTED, detail=members.text(raw, "refused", op))
    try:
        files = tuple(base64.b64decode(file, validate=True) for file in members.strings(raw.get("written"), op))
    except (binascii.Error, ValueError):
        raise AdapterFault(f"{op}: written must be files in base64") from None
    return ChainAnswer(Outcome.ACCEPTED, files=files)


def _b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
