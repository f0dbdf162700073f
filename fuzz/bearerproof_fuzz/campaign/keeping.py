"""Findings on the disk: one file each, whole or not there, and recognised when they come again."""

import hashlib
import json
import shlex
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from bearerproof.exceptions import BadInput
from bearerproof.judging.expectations import Expectation
from bearerproof.judging.judgement import Finding
from bearerproof.judging.reports import command, rerun_command
from bearerproof.judging.results import Record, finding_as_dict, line, presentation_from_dict
from bearerproof.judging.settings import RunConfig
from bearerproof.judging.tokens import token_apart
from bearerproof.members import Json
from bearerproof.specification.catalogue import requirement
from bearerproof_fuzz.campaign import frozen
from bearerproof_fuzz.campaign.candidate import Candidate
from bearerproof_fuzz.campaign.judging import NO_ANSWER
from bearerproof_fuzz.campaign.learning import Wrong
from bearerproof_fuzz.campaign.store import Store, replaced

FINDINGS = "findings"
"""The folder of findings, in a campaign's."""

MENDED = f"{FINDINGS}/mended"
"""The folder of those that the implementation does right by now."""


@dataclass(frozen=True)
class Kept:
    """A finding as it is kept: a line of a result stream, with what it was drawn from beside it.

    ``place`` is its path or URL.
    """

    place: str
    row: Json

    @property
    def name(self) -> str:
        """The name of its file."""
        return self.place.rpartition("/")[2]

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
        return str(self.row.get("replay") or shlex.join(["bearerproof", "replay", self.place]))


def file_name(key: tuple[str, str]) -> str:
    """Return the name of the file of a finding: its requirement, its kind as far as that is a name, and a digest."""
    digest = hashlib.sha256("\0".join(key).encode()).hexdigest()[:8]
    return f"{key[0].lower()}-{frozen.slug(key[1])}-{digest}.json"


def as_row(wrong: Wrong, choices: Sequence[int], *, recurs: bool) -> Json:
    """Return the line of a result stream that shows what is wrong, with all that it can be judged again by."""
    candidate, violation = wrong.candidate, wrong.violation
    finding = Finding(
        candidate.how,
        violation.expected,
        violation.got,
        candidate.presented,
        candidate.honest,
        edit=violation.kind,
        events=violation.events,
    )
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
        "candidate": candidate_as_dict(candidate),
    }


def candidate_as_dict(candidate: Candidate) -> Json:
    """Return what a candidate can be judged again by, beside its token."""
    return {
        "requirement": candidate.requirement,
        "kind": candidate.kind,
        "how": candidate.how,
        "allowed": sorted(candidate.allowed),
        "claims": candidate.claims,
    }


def completed(row: Json, place: str, words: Sequence[str], settings: RunConfig) -> Json:
    """Add what somebody needs who finds the file: the requirement, the token taken apart, the command, a vector.

    ``words`` name the implementation as the command line does.
    """
    required = requirement(row["requirement"])
    shown = next((finding for finding in row["findings"] if "presented" in finding), None)
    vector = frozen.vector(row)
    again = [{"presented", "steps"} & finding.keys() for finding in row["findings"]]
    if settings.url is not None and "candidate" in row:
        replay = command("replay", settings, [place])
    elif any(again) and settings.url is None:
        replay = shlex.join(["bearerproof", "replay", place, *words])
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
    """Say whether all of a finding is what an expectations file foresees, by requirement, check or kind.

    A finding of a campaign is known by requirement and kind, in whichever profile it came up first: ``check`` asks some
    edits in one profile alone. So an entry that names the edit foresees it in all. What a check of the suite found is
    known by that, too, but never by an entry that names neither a check nor a finding. Any edit in combination is what
    the check of two-way combinations finds.
    """
    if "candidate" not in row:
        record = Record.from_dict(row)
        if all(any(entry.covers(record, each) for entry in expectations) for each in row["findings"]):
            return True
        expectations = [entry for entry in expectations if entry.all_pins or entry.patterns != (None,)]
    kinds = {row["kind"], row.get("candidate", row)["kind"], row["kind"].rpartition(": ")[0]}
    names = kinds | {kind.partition(separator)[0] for kind in kinds for separator in (" on top of ", " in combination")}
    if any(kind.endswith(" in combination") for kind in kinds):
        names.add("two-way-combinations")
    return any(
        entry.requirement == row["requirement"]
        and (entry.profile in (None, row["profile"]) or entry.patterns != (None,))
        and _names(entry, names)
        for entry in expectations
    )


def _names(entry: Expectation, names: Collection[str]) -> bool:
    """Say whether an entry means one of these: by a finding that it pins, else by the checks that it names."""
    if any(pin in names for pin in entry.all_pins):
        return True
    return entry.is_whole and any(_is_of(entry, pattern, names) for pattern in entry.patterns)


def _is_of(entry: Expectation, pattern: str | None, names: Collection[str]) -> bool:
    """Say whether a pattern is of one of these names, with or without an algorithm behind it.

    A pattern of which nothing is left without its algorithm names no edit.
    """
    if pattern is None:
        return True
    meant = [pattern, bare] if (bare := pattern.rpartition(".")[0]).strip("*?") else [pattern]
    return any(fnmatchcase(name, each) if entry.format > 1 else name == each for name in names for each in meant)


def write(directory: Path, key: tuple[str, str], row: Json) -> Path:
    """Write a finding so that it is there whole whatever happens next: beside its place, flushed, then renamed.

    Raises:
        OSError: it cannot be written.
    """
    path = directory / file_name(key)
    replaced(path, line(row))
    return path


def put(store: Store, key: tuple[str, str], row: Json) -> bool:
    """Keep a finding, whole whatever happens next; return whether it was kept, and none there that says as much.

    One that was not so when asked again gives way to one that was, whichever comes first.

    Raises:
        OSError: it cannot be written.
    """
    name = f"{FINDINGS}/{file_name(key)}"
    there = _kept(store, name)
    if there is not None and (there.recurs or not row["recurs"]):
        return False
    if not row["recurs"]:
        return store.put_new(name, line(row))
    store.put(name, line(row))
    return True


def kept(store: Store, folder: str = FINDINGS) -> Iterator[Kept]:
    """Yield the findings of a folder; what is none of ours is left alone."""
    for name in store.names(folder):
        found = _kept(store, name) if name.endswith(".json") else None
        if found is not None:
            yield found


@dataclass
class Folder:
    """The findings of a folder as they were at the last look: only what has changed since is read again."""

    seen: dict[str, tuple[str, Kept | None]] = field(default_factory=dict)

    def look(self, store: Store) -> list[Kept]:
        """Return what lies there now."""
        names = {name: version for name, version in store.names(FINDINGS).items() if name.endswith(".json")}
        for name, version in names.items():
            if self.seen.get(name, ("",))[0] != version:
                self.seen[name] = version, _kept(store, name)
        return [found for name in names if (found := self.seen[name][1]) is not None]


def _kept(store: Store, name: str) -> Kept | None:
    return of_text(f"{store.place}/{name}", store.read(name))


def of_text(place: str, text: bytes | None) -> Kept | None:
    """Return the finding that a text is, or None where it is none of ours."""
    try:
        row: Any = json.loads(text or b"")
    except (ValueError, RecursionError):
        return None
    return Kept(place, row) if isinstance(row, dict) and _is_finding(row) else None


def put_away(store: Store, found: Kept) -> None:
    """Put a finding that is mended where it is none; another campaign may have done so.

    Raises:
        BadInput, OSError: that cannot be written.
    """
    store.prepare(MENDED)
    store.put(f"{MENDED}/{found.name}", line(found.row))
    store.remove(f"{FINDINGS}/{found.name}")


def _is_finding(row: Json) -> bool:
    try:
        requirement(row["requirement"])
        Record.from_dict(row)
    except (KeyError, TypeError, ValueError, BadInput):
        return False
    return isinstance(row.get("kind"), str) and all(isinstance(finding, dict) for finding in row["findings"])
