"""A glance at events, in front of the rules: passes over those that plainly break none, and says nothing of the rest.

It follows numbers and times exactly as the rules do. Switched off, the report is the same to the byte, and later.
"""

from typing import Any

from bearerproof.trail.events import Denied, Failure, Hints, Invalid, Used
from bearerproof.trail.facts import Fact, Facts
from bearerproof.trail.rules.failures import Failures
from bearerproof.trail.rules.lifecycle import Lifecycle
from bearerproof.trail.sources import source_ids

_AFTER_COLON = ";"
"""What sorts behind every text that goes on with a colon, as an instant does behind its minute."""


_KNOWN = 20_000
"""Sources whose hints are known at once."""


class Glance:
    """Stands in front of the rules of one trail."""

    def __init__(self, lifecycle: Lifecycle, failures: Failures) -> None:
        self._lifecycle = lifecycle
        self._failures = failures
        self._composed: dict[Hints, str] = {}

    def judge(self, facts: Facts, start: int) -> int:  # noqa: C901, PLR0912, PLR0915 - one loop, as is said below
        """Judge events from ``start`` on up to the first that needs a closer look, and return the place of that one.

        An event passes that stands next in the course and the numbers of its writer, in the minute of those before,
        and is a refusal of what is no token, or a use by its identity of a token that was issued, is not revoked, and
        expires later. All is in one loop, since a call for each event would cost as much as its work.
        """
        lifecycle, events, lines = self._lifecycle, facts.events, facts.lines
        streams, kinds, file, minute = lifecycle.streams, lifecycle.kinds, lifecycle.file, lifecycle.minute
        find, named, unnamed, numbers = lifecycle.memory.find, streams.named.get, streams.unnamed, streams.numbers
        counted, after_minute, uses, place, last = streams.are_counted, minute + _AFTER_COLON, 0, start, len(events)
        event: Any
        while place < last:
            event = events[place]
            if event.kind is None:
                if not self._passes(event):
                    break
                place += 1
                continue
            kind, when, seq, origin, token = event.kind, event.occurred_at, event.seq, event.origin, None
            if kind is Used:
                token = find(hash(event.token_jti))
                if token is None or token.identity != event.identity or token.revoked_at is not None:
                    break
                if token.expired is not None or not token.issued:
                    break
                if when is not None and not (token.at and token.expires_at and token.at <= when < token.expires_at):
                    break
            elif kind is not Invalid and (kind is not Denied or event.token_jti is not None):
                break
            stream = unnamed if origin is None else named(origin)
            if stream is None:
                break
            course, sequence = stream.course, stream.sequence
            if when is not None and not (course.latest <= when and minute <= when < after_minute and course.first):
                break
            if seq is not None:
                if seq != sequence.next or not sequence.began or (origin is None and counted and seq != numbers.stop):
                    break
                sequence.next = seq + 1
                if origin is None:
                    numbers.stop = seq + 1
            else:
                lifecycle.numberless += 1
            if when is None:
                lifecycle.timeless += 1
            else:
                lifecycle.previous = course.latest = when
                course.file = file
                if seq is not None:
                    sequence.last = when
            place += 1
            if token is None:
                kinds[kind] += 1
                continue
            uses += 1
            if when is None:
                lifecycle.timeless_uses += 1
            elif token.used_at is None or when > token.used_at:
                token.used_at, token.used_in, token.used_line = when, origin or file, lines[place - 1]
        kinds[Used] += uses
        return place

    def _passes(self, event: Fact) -> bool:
        """Whether a failure of a known source, whose very hints were found to be right, is next in its course."""
        if not isinstance(event, Failure):
            return False
        failures, hints, source, when = self._failures, event.hints, event.source_id, event.occurred_at
        if hints is None or source is None or when is None:
            return False
        if self._composed.get(hints) != source and not self._learn(hints, source):
            return False
        course = failures.course
        if not (course.first and course.latest <= when):
            return False
        course.latest = when
        failures.events += 1
        return True

    def _learn(self, hints: Hints, source: str) -> bool:
        """Learn that hints compose a source id which has been counted; say whether they do and it has."""
        if not self._failures.has_counted(source) or source not in source_ids(*hints):
            return False
        if len(self._composed) >= _KNOWN:
            self._composed.clear()
        self._composed[hints] = source
        return True
