"""The trail of a running server: which events came since it was last asked, and which decision each belongs to."""

import json
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bearerproof.contract.http.following import follow
from bearerproof.contract.http.profile import AuditSource
from bearerproof.members import Json

_LOOK_AGAIN = 0.001
"""Seconds between two looks at a log that has nothing new."""


@dataclass(frozen=True)
class Event:
    """One event, as JSON and as the text it was found as."""

    members: Json
    line: str


class Trail:
    """The events of a server, in their order."""

    def __init__(self, source: AuditSource) -> None:
        """Follow it from now on.

        Raises:
            AdapterFault: it cannot be followed.
        """
        self._source = source
        self._log = follow(source.file, source.command)

    def forget(self) -> None:
        """Pass over what came since, so that it counts for nothing that is asked from now on."""
        self._log.lines()

    def gather(self, expected: int) -> list[Event]:
        """Return the events that came since, waiting for as many as are due and then for a quiet moment."""
        found: list[Event] = []
        end = time.monotonic() + (self._source.wait if expected else self._source.quiet)
        while True:
            new = [event for line in self._log.lines() for event in find(self._source.pattern, line)]
            found += new
            now = time.monotonic()
            if new and len(found) >= expected:
                end = now + self._source.quiet
            if now >= end:
                return found
            time.sleep(_LOOK_AGAIN)

    def close(self) -> None:
        """Follow it no longer."""
        self._log.close()


def find(pattern: re.Pattern[str], line: str) -> Iterable[Event]:
    """Yield the event in a line of a log, if there is one: lines of others, JSON or not, are passed over.

    An event that stands in a JSON string, as loggers write it that wrap it up, is unwrapped.
    """
    found = pattern.search(line)
    if found is None:
        return
    text = found["event"] or ""
    value = _parsed(text)
    if isinstance(value, str):
        text, value = value, _parsed(value)
    if isinstance(value, dict) and isinstance(value.get("event"), str):
        yield Event(value, text)


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
