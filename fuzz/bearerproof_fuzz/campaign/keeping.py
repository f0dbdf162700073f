"""Findings on the disk: one file each, whole or not there, and recognised when they come again."""

import fcntl
import hashlib
import json
import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bearerproof.exceptions import BadInput
from bearerproof.judging.expectations import Expectation
from bearerproof.judging.judgement import Finding
from bearerproof.judging.reports import rerun_command
from bearerproof.judging.results import Record, finding_as_dict, line, presentation_from_dict
from bearerproof.judging.settings import RunConfig
from bearerproof.judging.tokens import token_apart
from bearerproof.members import Json
from bearerproof.specification.catalogue import requirement
from bearerproof_fuzz.campaign import frozen
from bearerproof_fuzz.campaign.judging import NO_ANSWER
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

    @property
    def recurs(self) -> bool:
        """Whether it was so each time that it was asked again."""
        return bool(self.row.get("recurs"))

    @property
    def found(self) -> str:
        """When it was found, as an instant of RFC 3339; empty where nobody knows."""
        return str(self.row.get("found", ""))

    @property
    def replay(self) -> str:
        """The command that shows it again."""
        return str(self.row.get("replay") or shlex.join(["bearerproof", "replay", str(self.path)]))


def file_name(key: tuple[str, str]) -> str:
    """Return the name of the file of a finding: its requirement, its kind as far as that is a name, and a digest."""
    digest = hashlib.sha256("\0".join(key).encode()).hexdigest()[:8]
    return f"{key[0].lower()}-{frozen.slug(key[1])}-{digest}.json"


def as_row(wrong: Wrong, choices: Sequence[int], *, recurs: bool) -> Json:
    """Return the line of a result stream that shows what is wrong, with all that it can be judged again by."""
    candidate, violation = wrong.candidate, wrong.violation
    finding = Finding(
        candidate.how, violation.expected, violation.got, candidate.presented, candidate.honest,
        edit=violation.kind, events=violation.events,
    )  # fmt: skip
    profile = str(candidate.presented.profile)
    return {
        "type": "check",
        "id": f"{violation.requirement}.found-by-fuzzing.{profile}",
        "requirement": violation.requirement,
        "level": str(requirement(violation.requirement).level),
        "profile": profile,
        "outcome": "hung" if violation.kind == NO_ANSWER else "failed",
        "findings": [finding_as_dict(finding)],
        "kind": violation.kind,
        "choices": list(choices),
        "recurs": recurs,
        "candidate": {
            "requirement": candidate.requirement, "kind": candidate.kind, "how": candidate.how,
            "allowed": sorted(candidate.allowed), "claims": candidate.claims,
        },
    }  # fmt: skip


def completed(row: Json, path: Path, words: Sequence[str], settings: RunConfig) -> Json:
    """Add what somebody needs who finds the file: the requirement, the token taken apart, the command, a vector.

    ``words`` name the implementation as the command line does.
    """
    required = requirement(row["requirement"])
    shown = next((finding for finding in row["findings"] if "presented" in finding), None)
    vector = frozen.vector(row)
    again = [{"presented", "steps"} & finding.keys() for finding in row["findings"]]
    if any(again) and settings.url is None:
        replay = shlex.join(["bearerproof", "replay", str(path), *words])
    else:
        named = RunConfig(**{**vars(settings), "seed": row.get("seed")})
        replay = rerun_command(row["id"], named)
    return {
        **row,
        "found": this_second(),
        "text": required.text,
        "clause": required.clause,
        "replay": replay,
        **({} if shown is None else {"apart": _apart(shown)}),
        **({} if vector is None else {"vector": vector}),
    }


def this_second() -> str:
    """Return the wall clock's second, as an instant of RFC 3339 in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _apart(finding: Json) -> list[str]:
    beside = presentation_from_dict(finding["base"]).token if "base" in finding else None
    return token_apart(presentation_from_dict(finding["presented"]).token, beside)


def is_foreseen(row: Json, expectations: Sequence[Expectation]) -> bool:
    """Say whether all of a finding is what an expectations file foresees, by requirement, check or kind."""
    if "candidate" not in row:
        record = Record.from_dict(row)
        return all(any(entry.covers(record, each) for entry in expectations) for each in row["findings"])
    kinds = {row["kind"], row["candidate"]["kind"], row["kind"].rpartition(": ")[0]}
    names = kinds | {kind.partition(separator)[0] for kind in kinds for separator in (" on top of ", " in combination")}
    return any(
        entry.requirement == row["requirement"]
        and entry.profile in (None, row["profile"])
        and (entry.check is None or entry.check in names or entry.check.rpartition(".")[0] in names)
        and (entry.finding is None or entry.finding in names)
        for entry in expectations
    )


def write(directory: Path, key: tuple[str, str], row: Json) -> Path:
    """Write a finding so that it is there whole whatever happens next: beside its place, flushed, then renamed.

    Raises:
        OSError: it cannot be written.
    """
    path = directory / file_name(key)
    replaced(path, line(row))
    return path


def replaced(path: Path, text: str) -> None:
    """Write a file so that it is there whole, as it was or as it is to be, whatever happens meanwhile.

    Raises:
        OSError: it cannot be written; then it is as it was.
    """
    draft = path.with_suffix(f".{os.getpid()}.partial")
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    _flush(path.parent)


@contextmanager
def lock(path: Path) -> Iterator[bool]:
    """Hold a file for as long as the context lasts; False where another process holds it. It ends with the process.

    Raises:
        OSError: it cannot be opened.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        yield _locked(handle)
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: nobody can hold it
        return True
    return True


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
        found = read(path)
        if found is not None:
            yield found


def read(path: Path) -> Kept | None:
    """Return the finding in a file, or None where there is none of ours."""
    try:
        row: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return Kept(path, row) if isinstance(row, dict) and _is_finding(row) else None


def _is_finding(row: Json) -> bool:
    try:
        requirement(row["requirement"])
        Record.from_dict(row)
    except (KeyError, TypeError, ValueError, BadInput):
        return False
    return isinstance(row.get("kind"), str) and all(isinstance(finding, dict) for finding in row["findings"])


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
