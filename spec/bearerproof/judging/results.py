"""What a run leaves behind: one record per check, and the stream of JSON lines that holds them.

Records are data, not text: reports are made from them, and a run can be replayed from the stream. They carry no
timing, so that two runs with the same seed are byte-identical.
"""

import base64
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from bearerproof.contract.messages import Policy, Presentation
from bearerproof.judging.judgement import Finding
from bearerproof.members import Json
from bearerproof.specification.catalogue import Profile

FORMAT = 1


class State(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    WARNED = "warned"
    UNTESTABLE = "untestable"
    NOT_APPLICABLE = "not-applicable"
    ERRORED = "errored"
    CRASHED = "crashed"
    HUNG = "hung"
    EXPECTED = "expected"
    NOT_RUN = "not-run"


RED = frozenset({State.FAILED, State.UNTESTABLE, State.CRASHED, State.HUNG, State.NOT_RUN})
"""States that cost conformity; ``errored`` is a fault of the harness or the adapter instead."""


JUDGED = frozenset({State.PASSED, State.FAILED, State.WARNED, State.CRASHED, State.HUNG, State.EXPECTED})
"""States in which a check came to a verdict."""


@dataclass(frozen=True)
class Record:
    """One check of one requirement in one profile: how it ended, why, and what it found.

    ``skips`` are the adapter's own words about what it could not do in it, each behind its operation. ``errors``
    counts what was thrown in place of a verdict, by its text; ``unproven`` says that nothing else came where a token
    was to be refused, so that nothing is known. ``unseen`` are findings that are foreseen of it and that another run
    may draw, though this one did not. ``deviation`` is how an expected one really ended. ``seen`` are the verdicts that
    came in it: where nothing was accepted, or nothing refused, less is shown than where both were.
    """

    id: str
    requirement: str
    level: str
    profile: str
    state: State
    reason: str | None = None
    findings: tuple[Json, ...] = field(default=())
    skips: tuple[str, ...] = ()
    errors: Mapping[str, int] = field(default_factory=dict)
    unproven: bool = False
    unseen: tuple[str, ...] = ()
    deviation: str | None = None
    seen: tuple[str, ...] = ()

    @property
    def judged(self) -> bool:
        """Whether anything can be concluded from it: not where it does not apply, nor where only errors came."""
        return self.state in JUDGED and not self.unproven

    def as_dict(self) -> Json:
        """Return the line of the result stream."""
        row: Json = {
            "type": "check",
            "id": self.id,
            "requirement": self.requirement,
            "level": self.level,
            "profile": self.profile,
            "outcome": str(self.state),
        }
        if self.reason is not None:
            row["reason"] = self.reason
        if self.skips:
            row["skipped"] = list(self.skips)
        if self.errors:
            row["errors"] = dict(self.errors)
        if self.unproven:
            row["unproven"] = True
        if self.unseen:
            row["unseen"] = list(self.unseen)
        if self.deviation is not None:
            row["deviation"] = self.deviation
        if self.seen:
            row["seen"] = list(self.seen)
        return {**row, "findings": list(self.findings)}

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> "Record":
        """Read a line of the result stream back."""
        return cls(
            row["id"],
            row["requirement"],
            row["level"],
            row["profile"],
            State(row["outcome"]),
            row.get("reason"),
            tuple(row["findings"]),
            tuple(row.get("skipped", ())),
            row.get("errors", {}),
            row.get("unproven", False),
            tuple(row.get("unseen", ())),
            row.get("deviation"),
            tuple(row.get("seen", ())),
        )

    def expected(self, reason: str) -> "Record":
        """Return the record as one that the expectations file foresees."""
        return replace(self, state=State.EXPECTED, reason=reason, deviation=str(self.state))


def tally(records: Iterable[Record]) -> dict[State, int]:
    """Count records by state, in the order of ``State``."""
    counts = Counter(record.state for record in records)
    return {state: counts[state] for state in State if counts[state]}


def stream(header: Json, records: Iterable[Record], footer: Json) -> Iterable[str]:
    """Yield the lines of the result stream: header, checks in the order of their ids, footer."""
    yield line({"type": "header", "format": FORMAT, **header})
    for record in sorted(records, key=lambda record: record.id):
        yield line(record.as_dict())
    yield line({"type": "footer", **footer})


def line(row: Json) -> str:
    """Return one line of JSON, the same for equal rows."""
    return json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=True) + "\n"


def finding_as_dict(finding: Finding) -> Json:
    """Return what the result stream keeps of a finding: enough to read it and to replay it."""
    row: Json = {"summary": finding.summary, "expected": finding.expected, "got": finding.got}
    if finding.edit is not None:
        row["edit"] = finding.edit
    if finding.drawn:
        row["drawn"] = finding.key
    elif finding.kind is not None:
        row["kind"] = finding.kind
    if finding.only:
        row["only"] = list(finding.only)
    if finding.presented is not None:
        row["presented"] = _presentation_as_dict(finding.presented)
    if finding.base is not None:
        row["base"] = _presentation_as_dict(finding.base)
    if finding.events:
        row["events"] = list(finding.events)
    if finding.steps:
        row["steps"] = list(finding.steps)
    return row


def key_of(finding: Json) -> str:
    """Return what an expectation names a finding of the result stream by, in every run."""
    return str(finding.get("drawn") or finding.get("edit") or finding["summary"])


def presentation_from_dict(row: Mapping[str, Any]) -> Presentation:
    """Rebuild a presentation from a finding or a vector."""
    token = row["token"] if "token" in row else base64.b64decode(row["token_b64"])
    return Presentation(token, Policy(row["policy"]), Profile(row["profile"]), row["now"], row.get("tick", 0))


def _presentation_as_dict(presentation: Presentation) -> Json:
    token = presentation.token
    spelled = {"token": token} if isinstance(token, str) else {"token_b64": base64.b64encode(token).decode()}
    return {
        **spelled,
        "profile": str(presentation.profile),
        "now": presentation.now,
        "tick": presentation.tick,
        "policy": dict(presentation.policy.members),
    }
