"""Findings on the disk: one file each, whole or not there, and recognised when they come again."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bearerproof.contract.implementation import PropertyEnded
from bearerproof.exceptions import BadInput
from bearerproof.judging.judgement import Finding
from bearerproof.judging.results import finding_as_dict, line
from bearerproof.members import Json
from bearerproof.specification.catalogue import requirement
from bearerproof_fuzz.campaign.learning import Wrong


@dataclass(frozen=True)
class Kept:
    """A finding as it lies on the disk: a line of a result stream, with what it was drawn from beside it."""

    path: Path
    row: Json

    @property
    def key(self) -> tuple[str, str]:
        """What findings of one cause have in common."""
        return str(self.row["requirement"]), str(self.row["kind"])


def file_name(key: tuple[str, str]) -> str:
    """Return the name of the file of a finding: its requirement, its kind as far as that is a name, and a digest."""
    digest = hashlib.sha256("\0".join(key).encode()).hexdigest()[:8]
    kind = re.sub(r"[^a-z0-9]+", "-", key[1].lower()).strip("-")[:60]
    return f"{key[0].lower()}-{kind}-{digest}.json"


def as_row(wrong: Wrong, choices: list[int], *, recurs: bool) -> Json:
    """Return the line of a result stream that shows what is wrong, to be replayed like those of a check."""
    candidate, violation = wrong.candidate, wrong.violation
    finding = Finding(
        f"{candidate.how}", violation.expected, violation.got, candidate.presented, candidate.honest,
        edit=violation.kind, events=violation.events,
    )  # fmt: skip
    profile = str(candidate.presented.profile)
    return {
        "type": "check",
        "id": f"{violation.requirement}.found-by-fuzzing.{profile}",
        "requirement": violation.requirement,
        "level": str(requirement(violation.requirement).level),
        "profile": profile,
        "outcome": "failed",
        "findings": [finding_as_dict(finding)],
        "kind": violation.kind,
        "choices": choices,
        "recurs": recurs,
    }


def of_hang(ended: PropertyEnded) -> Json:
    """Return the line of a result stream that shows a token to which no answer came."""
    presented = ended.presentation
    profile = str(presented.profile) if presented else "jwt"
    finding = Finding("no answer comes to a token", "a verdict", str(ended), presented)
    return {
        "type": "check", "id": f"VER-47.found-by-fuzzing.{profile}", "requirement": "VER-47", "level": "MUST",
        "profile": profile, "outcome": "hung", "findings": [finding_as_dict(finding)], "kind": "no answer",
        "recurs": True,
    }  # fmt: skip


def write(directory: Path, key: tuple[str, str], row: Json) -> Path:
    """Write a finding so that it is there whole whatever happens next: beside its place, flushed, then renamed.

    Raises:
        OSError: it cannot be written.
    """
    path = directory / file_name(key)
    draft = path.with_suffix(f".{os.getpid()}.partial")
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.write(line(row))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    _flush(directory)
    return path


def _flush(directory: Path) -> None:
    """Have the name on the disk too; some file systems cannot, and lose nothing by it."""
    try:
        handle = os.open(directory, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        return
    finally:
        os.close(handle)


def kept(directory: Path) -> Iterator[Kept]:
    """Yield the findings of a directory; what is none of ours is left alone."""
    for path in sorted(directory.glob("*.json")):
        row = _read(path)
        if row is not None:
            yield Kept(path, row)


def _read(path: Path) -> Json | None:
    try:
        row: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and {"requirement", "kind", "findings"} <= row.keys() else None


def made(directory: Path) -> Path:
    """Make a directory.

    Raises:
        BadInput: it cannot be made, or nothing can be written there.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe = directory / f".{os.getpid()}.probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise BadInput(f"cannot write in {directory}: {error.strerror}") from None
    return directory
