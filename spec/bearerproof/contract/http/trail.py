"""The trail of a running server: which events came since it was last asked, and which decision each belongs to."""

import json
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bearerproof.contract.http.following import follow
from bearerproof.contract.http.profile import AuditSource
from bearerproof.exceptions import AdapterFault
from bearerproof.members import Json
from bearerproof.trail import presets
from bearerproof.visible import visible

_LOOK_AGAIN = 0.001
"""Seconds between two looks at a log that has nothing new."""

_SHOWN = 3
"""Lines that are shown of a log in which the pattern finds nothing."""

_DEEPEST = 5
"""Wrappings within one another that are looked into."""


@dataclass(frozen=True)
class Event:
    """One event, as JSON and as the text it was found as, and in what kind of line."""

    members: Json
    line: str
    kind: str = ""


IsEvent = Callable[[Json], bool]
"""Says whether an object of a log is an event of those that are looked for."""


def is_lifecycle(value: Json) -> bool:
    """Say whether an object is what a key server tells of a decision: it names its event."""
    return isinstance(value.get("event"), str)


def is_verify_failure(value: Json) -> bool:
    """Say whether an object is what a verifier tells of a rejection; one that lacks a member is one, and is judged."""
    return len({"kind", "occurred_at", "source_id"} & value.keys()) > 1


class Trail:
    """The events of a server, in their order: those of a key server, unless others are looked for."""

    def __init__(self, source: AuditSource, is_event: IsEvent = is_lifecycle) -> None:
        """Follow it from now on.

        Raises:
            AdapterFault: it cannot be followed.
        """
        self._source = source
        self._is_event = is_event
        self._kind = ""
        self._events = 0
        self._strange = 0
        self._unread: list[str] = []
        self._log = follow(source.file, source.command)

    def forget(self) -> None:
        """Pass over what came since, so that it counts for nothing that is asked from now on."""
        for line in self._log.lines():
            self._read(line)

    def gather(self, expected: int) -> list[Event]:
        """Return the events that came since, waiting for as many as are due and then for a quiet moment.

        Raises:
            AdapterFault: one was due, and the pattern has found none in all that was ever logged: nothing is to be
                concluded from a channel over which nothing comes.
        """
        found: list[Event] = []
        end = time.monotonic() + (self._source.wait if expected else self._source.quiet)
        while True:
            new = [event for line in self._log.lines() for event in self._read(line)]
            found += new
            now = time.monotonic()
            if new and len(found) >= expected:
                end = now + self._source.quiet
            if now >= end:
                self._look_at_the_pattern(expected)
                return found
            time.sleep(_LOOK_AGAIN)

    def close(self) -> None:
        """Follow it no longer."""
        self._log.close()

    def _read(self, line: str) -> list[Event]:
        found = list(find(self._source.pattern, line, self._is_event))
        self._kind = self._kind or next((event.kind for event in found), "")
        found = [event for event in found if event.kind == self._kind]  # in other lines others tell of events
        self._events += len(found)
        if not found and (not self._events or seems_event(line)):
            self._strange += 1
            self._unread = [*self._unread, line][-_SHOWN:]
        return found

    def _look_at_the_pattern(self, expected: int) -> None:
        """See whether what was due is missing since it is not read: then nothing is to be concluded."""
        if not expected or not self._unread or self._strange <= self._events:
            return
        lines = ", ".join(visible(line[:200]) for line in self._unread)
        pattern = self._source.pattern
        by = "known wrapping" if pattern is None else f"pattern {pattern.pattern!r}"
        raise AdapterFault(
            f"the audit log grew and {'no event was ever read' if not self._events else 'most events were not read'}: "
            f"no {by} fits lines such as {lines}; say in [audit] pattern where the JSON of an event stands"
        )


def seems_event(line: str) -> bool:
    """Say whether a reader would take a line for an event, so that one that is not read is strange."""
    return "{" in line and presets.may_be_ours(line) and presets.seems_ours(presets.uncoloured(line))


def find(pattern: re.Pattern[str] | None, line: str, is_event: IsEvent = is_lifecycle) -> Iterable[Event]:
    """Yield the event in a line of a log, if there is one: lines of others, JSON or not, are passed over.

    An event that stands in a JSON string, as loggers write it that wrap it up, is unwrapped, and so it is from what
    ``bearerproof trail`` knows as wrappings. Without a pattern it is one where a wrapping says so, or where plain words
    stand before it and nothing behind it: what a request said may stand in any text (CWE-117).
    """
    kinds: list[str] = []
    text: str | None = _candidate(pattern, line, kinds)
    for _ in range(_DEEPEST):
        if text is None:
            return
        value = _parsed(text)
        if isinstance(value, dict) and is_event(value):
            yield Event(value, text, " in ".join(reversed(kinds)) or "plain")
            return
        wrapped = None if isinstance(value, str) else presets.unwrap(value, text, presets.Preset.AUTO)
        kinds.append("string" if wrapped is None else str(wrapped.preset))
        text = value if isinstance(value, str) else wrapped and _up_to_its_end(wrapped.text)


def _candidate(pattern: re.Pattern[str] | None, line: str, kinds: list[str]) -> str | None:
    """Return the part of a line to be looked into, and note what kind of line that is."""
    if pattern is not None:
        kinds.append("pattern")
        found = pattern.search(line)
        return None if found is None else found["event"]
    worded = _WORDED.fullmatch(presets.uncoloured(line))
    if worded is None or presets.unwrap(None, line, presets.Preset.AUTO) is not None:
        return line.strip()
    kinds.append("words" if worded["words"].strip() else "plain")
    return worded["event"]


_WORDED = re.compile(r"""(?P<words>[^"'{}=]*)(?<!:\s)(?<!:)(?P<event>\{.*\})(?:\s|\x1b\[[0-9;:]{0,32}m)*""")
"""A line in which words stand before an object; one behind a colon or an equals sign is the value of a field."""


def _up_to_its_end(text: str) -> str:
    """Return the JSON value with which a text begins, without what a logger writes behind it; or the text."""
    begun = text.lstrip()
    if not begun.startswith(("{", '"')):
        return text
    try:
        _, end = _DECODER.raw_decode(begun)
    except (ValueError, RecursionError):
        return text
    return begun[:end]


_DECODER = json.JSONDecoder()


def shared_out(events: Sequence[Event], claims: Sequence["Claim"]) -> list[list[Event]]:
    """Give each event of decisions that were made at the same time to one that it fits.

    What fits none goes to the first: then too many have come, and that is not to be lost.
    """
    shares: list[list[Event]] = [[] for _ in claims]
    for event in events:
        open_claims = (number for number, claim in enumerate(claims) if len(shares[number]) < claim.expected)
        fitting = (number for number in open_claims if claims[number].fits(event.members))
        shares[next(fitting, 0)].append(event)
    return shares


@dataclass(frozen=True)
class Claim:
    """What events a decision has to have left: how many, of which kinds, and about which token, if that is known."""

    expected: int
    kinds: frozenset[str]
    jti: str | None = None
    subject: str | None = None

    def fits(self, event: Json) -> bool:
        """Say whether this can be one of them."""
        identity = event.get("identity")
        subject = identity.get("subject") if isinstance(identity, dict) else None
        return (
            event.get("event") in self.kinds
            and (self.jti is None or event.get("token_jti") in (None, self.jti))
            and (self.subject is None or subject in (None, self.subject))
        )


def _parsed(text: str) -> object:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value
