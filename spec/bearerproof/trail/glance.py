"""A glance at events, in front of the rules: passes over what plainly breaks none, and says nothing of the rest.

It follows the numbers and times of many events at once, exactly as the rules follow those of each, and looks at uses.
Switched off, the report is the same to the byte, and later.
"""

from collections.abc import Callable, Sequence
from typing import Any

from bearerproof.trail.events import Failure, Hints, Invalid, LifecycleEvent, Used
from bearerproof.trail.facts import Fact, Facts
from bearerproof.trail.rules.failures import Failures
from bearerproof.trail.rules.lifecycle import Lifecycle
from bearerproof.trail.rules.streams import Stream
from bearerproof.trail.sources import source_ids

_AFTER_COLON = ";"
"""What sorts behind every text that goes on with a colon, as an instant does behind its minute."""

_KNOWN = 20_000
"""Sources whose hints are known at once."""

_AT_ONCE = 1024
"""Events that are followed together, at most."""

_LONGEST_PAUSE = 64
"""Events that are not looked at together after one could not be, at most, where that comes again and again."""

Decide = Callable[[LifecycleEvent, int], None]
"""Is given an event whose number and time have been followed, and its line."""


class Glance:
    """Stands in front of the rules of one trail; what it follows and does not pass over it gives to ``decide``."""

    def __init__(self, lifecycle: Lifecycle, failures: Failures, decide: Decide) -> None:
        self._lifecycle = lifecycle
        self._failures = failures
        self._decide = decide
        self._composed: dict[Hints, str] = {}
        self._at_once = _AT_ONCE
        self._pause = self._left = 0

    def judge(self, facts: Facts, start: int) -> int:
        """Judge events from ``start`` on up to the first that needs a closer look, and return the place of that one."""
        place, last = start, len(facts.events)
        if self._left and facts.events[place].kind is not None:
            self._left -= 1
            return place
        while place < last:
            if facts.events[place].kind is None:
                if not self._passes(facts.events[place]):
                    break
                place += 1
                continue
            events: list[Any] = facts.events[place : place + self._at_once]
            kinds = [event.kind for event in events]
            if None in kinds:
                del events[kinds.index(None) :]
            if self._follow(events):
                self._look_at(events, kinds, facts.lines[place : place + len(events)])
                place += len(events)
                self._at_once, self._pause = min(2 * self._at_once, _AT_ONCE), 0
            elif len(events) > 1:
                self._at_once = max(1, len(events) // 4)
            else:
                self._left, self._pause = self._pause, min(2 * self._pause + 1, _LONGEST_PAUSE)
                break
        return place

    # -- events of a key server ----------------------------------------------------------------------------------

    def _follow(self, events: Sequence[Any]) -> bool:
        """Follow the numbers and times of events, if each comes next after the one before it; say whether they do."""
        streams, by_stream = self._lifecycle.streams, dict[str | None, Sequence[Any]]()
        origins = {event.origin for event in events}
        if len(origins) == 1:
            by_stream[events[0].origin] = events
        else:
            for origin in origins:
                by_stream[origin] = [event for event in events if event.origin == origin]
        followed = []
        for origin, of_one in by_stream.items():
            stream = streams.unnamed if origin is None else streams.named.get(origin)
            instants, numbers = [event.occurred_at for event in of_one], [event.seq for event in of_one]
            if stream is None or not self._are_next(stream, instants, numbers):
                return False
            followed.append((stream, instants, numbers))
        for stream, instants, numbers in followed:
            self._take(stream, instants, numbers)
        self._lifecycle.previous = events[-1].occurred_at or self._lifecycle.previous
        return True

    def _are_next(self, stream: Stream, instants: Sequence[str | None], numbers: Sequence[int | None]) -> bool:
        """Whether times and numbers go on where those of a stream ended: all of the events have them, or none has."""
        course, sequence, streams, minute = (
            stream.course,
            stream.sequence,
            self._lifecycle.streams,
            self._lifecycle.minute,
        )
        if instants[0] is None:
            if instants.count(None) != len(instants):
                return False
        elif None in instants or not (
            course.first
            and course.latest <= instants[0]
            and minute <= instants[0]
            and (instants[-1] or "") < minute + _AFTER_COLON
            and instants == sorted(filter(None, instants))
        ):
            return False
        first = numbers[0]
        if first is None:
            return numbers.count(None) == len(numbers)
        counts_on = stream is not streams.unnamed or not streams.are_counted or first == streams.numbers.stop
        return (
            sequence.began
            and first == sequence.next
            and counts_on
            and numbers == list(range(first, first + len(numbers)))
        )

    def _take(self, stream: Stream, instants: Sequence[str | None], numbers: Sequence[int | None]) -> None:
        lifecycle, streams, latest = self._lifecycle, self._lifecycle.streams, instants[-1]
        if latest is None:
            lifecycle.timeless += len(instants)
        else:
            stream.course.latest, stream.course.file = latest, lifecycle.file
        if numbers[-1] is None:
            lifecycle.numberless += len(numbers)
            return
        stream.sequence.next = numbers[-1] + 1
        stream.sequence.last = latest or stream.sequence.last
        if stream is streams.unnamed and streams.are_counted:
            streams.numbers.stop = stream.sequence.next

    def _look_at(self, events: Sequence[Any], kinds: Sequence[Any], lines: Sequence[int]) -> None:
        """Pass over uses by its identity of a token that was issued, is not revoked, and expires later.

        And over refusals of what is no token.
        """
        lifecycle, find, file = self._lifecycle, self._lifecycle.memory.find, self._lifecycle.file
        uses = invalid = 0
        for event, kind, line in zip(events, kinds, lines, strict=False):  # of the kinds there may be more
            if kind is Invalid:
                invalid += 1
                continue
            token = find(hash(event.token_jti)) if kind is Used else None
            if (
                token is None
                or token.identity != event.identity
                or token.revoked_at is not None
                or token.expired is not None
                or not token.issued
            ):
                self._decide(event, line)
                continue
            when = event.occurred_at
            if when is None:
                lifecycle.timeless_uses += 1
            elif not (token.at and token.expires_at and token.at <= when < token.expires_at):
                self._decide(event, line)
                continue
            elif token.used_at is None or when > token.used_at:
                token.used_at, token.used_in, token.used_line = when, event.origin or file, line
            uses += 1
        lifecycle.kinds[Used] += uses
        lifecycle.kinds[Invalid] += invalid

    # -- events of a verifier ------------------------------------------------------------------------------------

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
