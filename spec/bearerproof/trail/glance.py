"""A glance at events, in front of the rules: passes over what plainly breaks none, and says nothing of the rest.

It follows the numbers and times of many events at once, exactly as the rules follow those of each, and looks at uses.
Switched off, the report is the same to the byte, and later.
"""

from collections.abc import Callable, Sequence
from itertools import compress, count

from bearerproof.trail.events import Failure, Hints, Invalid, LifecycleEvent, Used
from bearerproof.trail.facts import Batch, Fact
from bearerproof.trail.rules.failures import Failures
from bearerproof.trail.rules.lifecycle import Lifecycle
from bearerproof.trail.rules.streams import Stream
from bearerproof.trail.sources import source_ids

_AFTER_COLON = ";"
"""What sorts behind every text that goes on with a colon, as an instant does behind its minute."""

_KNOWN = 20_000
"""Sources whose hints are known at once."""

Decide = Callable[[LifecycleEvent, int], None]
"""Is given an event whose number and time have been followed, and its line."""


class Glance:
    """Stands in front of the rules of one trail; what it follows and does not pass over it gives to ``decide``."""

    def __init__(self, lifecycle: Lifecycle, failures: Failures, decide: Decide) -> None:
        self._lifecycle = lifecycle
        self._failures = failures
        self._decide = decide
        self._composed: dict[Hints, str] = {}

    def judge(self, batch: Batch) -> bool:
        """Judge events if each comes next after the one before it; say whether they do."""
        if not self._follow(batch):
            return False
        self._look_at(batch)
        return True

    # -- events of a key server ----------------------------------------------------------------------------------

    def _follow(self, batch: Batch) -> bool:
        """Follow the numbers and times of events, if each comes next after the one before it; say whether they do."""
        streams, followed = self._lifecycle.streams, []
        origins = set(batch.origins)
        for origin in origins:
            stream = streams.unnamed if origin is None else streams.named.get(origin)
            is_of = None if len(origins) == 1 else [each == origin for each in batch.origins]
            instants = batch.instants if is_of is None else list(compress(batch.instants, is_of))
            numbers = batch.numbers if is_of is None else list(compress(batch.numbers, is_of))
            if stream is None or not self._are_next(stream, instants, numbers):
                return False
            followed.append((stream, instants, numbers))
        for stream, instants, numbers in followed:
            self._take(stream, instants, numbers)
        self._lifecycle.previous = batch.instants[-1] or self._lifecycle.previous
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
        return sequence.began and first == sequence.next and counts_on and _run_on(numbers, first)

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

    def _look_at(self, batch: Batch) -> None:
        """Pass over uses by its identity of a token that was issued, is not revoked, and expires later.

        And over refusals of what is no token.
        """
        lifecycle, find, file = self._lifecycle, self._lifecycle.memory.find, self._lifecycle.file
        uses = timeless = 0
        columns = (batch.lines, batch.kinds, batch.jtis, batch.identities, batch.instants, batch.origins)
        for place, line, kind, jti, identity, when, origin in zip(count(), *columns):
            if kind is Used:
                token = find(hash(jti))
                if token is not None and token.identity == identity:
                    if when is None:
                        if token.is_live:
                            timeless += 1
                            continue
                    elif when < token.live_until and token.at <= when:
                        uses += 1
                        if when > token.used_at:
                            token.used_at, token.used_in, token.used_line = when, origin or file, line
                        continue
            elif kind is Invalid:
                continue
            self._decide(batch.event(place), line)
        lifecycle.timeless_uses += timeless
        lifecycle.kinds[Used] += uses + timeless
        lifecycle.kinds[Invalid] += batch.kinds.count(Invalid)

    # -- events of a verifier ------------------------------------------------------------------------------------

    def passes(self, event: Fact) -> bool:
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


def _run_on(numbers: Sequence[int | None], first: int) -> bool:
    """Whether numbers follow each other, from the first on."""
    expected = range(first, first + len(numbers))
    return numbers == (expected if isinstance(numbers, range) else list(expected))
