"""A glance at events, in front of the rules: passes over what plainly breaks none, and says nothing of the rest.

It follows the numbers and times of many events at once, exactly as the rules follow those of each, and looks at uses.
Switched off, the report is the same to the byte, and later.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import islice, repeat
from typing import Any, cast

from bearerproof.trail.events import Failure, Hints, Invalid, Issued, LifecycleEvent, Used
from bearerproof.trail.facts import Batch, Fact
from bearerproof.trail.gists import AFTER_COLON, Gisted, Issue, Minute, Stretch, Uses, minutes_of, rise, stretches_of
from bearerproof.trail.rules.failures import Failures
from bearerproof.trail.rules.lifecycle import Lifecycle
from bearerproof.trail.rules.memory import Token
from bearerproof.trail.rules.streams import Stream
from bearerproof.trail.sources import source_ids

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
        stretches, previous = stretches_of(batch), self._lifecycle.previous
        if stretches is None:
            return False
        minutes = minutes_of(batch, stretches)
        if minutes is None:
            if not all(map(self._is_in_the_minute, stretches)):
                return False
            minutes = []
        if not self._follow(stretches, batch.instants[-1]):
            return False
        self._look_at(batch, minutes, previous)
        return True

    def judge_gist(self, short: Gisted) -> bool:
        """Judge a batch by what it comes down to, if that is enough; say whether it was."""
        gist, lifecycle, memory = short.gist, self._lifecycle, self._lifecycle.memory
        if not memory.has_room(len(gist.decisions)):
            return False  # a token may be forgotten between two uses
        tokens = [memory.find(hash(uses.jti)) for uses in gist.uses]
        if not all(map(_is_live, tokens, gist.uses)):
            return False
        if any([isinstance(each, Issue) and hash(each.jti) in memory for each in gist.decisions]):  # noqa: C419 - faster
            return False
        previous, minutes = lifecycle.previous, deque(gist.minutes)
        if not self._follow(gist.stretches, gist.last):
            return False
        for token, uses in zip(tokens, gist.uses, strict=True):
            self._note(cast("Token", token), uses, short.lines)
        for each in gist.decisions:
            if minutes:
                self._reach(each.place, minutes, previous)
            if isinstance(each, Issue):
                self._issue(each, short.lines)
            else:
                self._decide(each, short.lines[each.place])
        self._reach(len(short.lines), minutes, previous)
        lifecycle.timeless_uses += gist.used if gist.last is None else 0
        lifecycle.kinds[Used] += gist.used
        lifecycle.kinds[Invalid] += gist.invalid
        return True

    # -- events of a key server ----------------------------------------------------------------------------------

    def _is_in_the_minute(self, stretch: Stretch) -> bool:
        """Whether all events of a stretch are of the minute that was reached."""
        minute = self._lifecycle.minute
        return stretch.first is None or (minute <= stretch.first and (stretch.latest or "") < minute + AFTER_COLON)

    def _follow(self, stretches: Sequence[Stretch], last: str | None) -> bool:
        """Follow the numbers and times of events, if each comes next after the one before it; say whether they do.

        ``last`` is the instant of the last of them.
        """
        streams = [stream for stretch in stretches if (stream := self._next_in(stretch)) is not None]
        if len(streams) < len(stretches):
            return False
        for stream, stretch in zip(streams, stretches, strict=True):
            self._take(stream, stretch)
        self._lifecycle.previous = last or self._lifecycle.previous
        return True

    def _next_in(self, stretch: Stretch) -> Stream | None:
        """Return the stream whose times and numbers go on with those of a stretch; None where none does."""
        lifecycle, streams, first, number = self._lifecycle, self._lifecycle.streams, stretch.first, stretch.number
        stream = streams.unnamed if stretch.origin is None else streams.named.get(stretch.origin)
        if stream is None:
            return None
        course = stream.course
        if first is not None and not (course.first and course.latest <= first and lifecycle.minute <= first):
            return None
        if number is None:
            return stream
        counts_on = stream is not streams.unnamed or not streams.are_counted or number == streams.numbers.stop
        return stream if stream.sequence.began and number == stream.sequence.next and counts_on else None

    def _take(self, stream: Stream, stretch: Stretch) -> None:
        lifecycle, streams, latest, number = self._lifecycle, self._lifecycle.streams, stretch.latest, stretch.number
        if latest is None:
            lifecycle.timeless += stretch.events
        else:
            stream.course.latest, stream.course.file = latest, lifecycle.file
        if number is None:
            lifecycle.numberless += stretch.events
            return
        stream.sequence.next = number + stretch.events
        stream.sequence.last = latest or stream.sequence.last
        if stream is streams.unnamed and streams.are_counted:
            streams.numbers.stop = stream.sequence.next

    def _issue(self, issue: Issue, lines: Sequence[int]) -> None:
        line, stream = lines[issue.place], issue.origin or self._lifecycle.file
        token = Token(issue.identity or b"", issue.expires_at, line, issue.instant, stream)
        self._lifecycle.issue(hash(issue.jti), token)
        if issue.uses is not None:
            self._note(token, issue.uses, lines)

    def _note(self, token: Token, uses: Uses, lines: Sequence[int]) -> None:
        """Remember the latest of the uses of a token."""
        if uses.latest is not None and uses.latest > token.used_at:
            token.used_at, token.used_in = uses.latest, uses.origin or self._lifecycle.file
            token.used_line = lines[uses.place]

    def _reach(self, place: int, minutes: deque[Minute], previous: str | None) -> None:
        """Reach the minutes that begin up to a place."""
        while minutes and minutes[0].place <= place:
            minute = minutes.popleft()
            self._lifecycle.reach(minute.first, minute.before or previous)

    def _look_at(self, batch: Batch, minutes: Sequence[Minute], previous: str | None) -> None:
        """Judge events in their order; ``previous`` is the instant before them."""
        # Each token is looked up when its turn comes: an event before may have been its issue.
        tokens = map(self._lifecycle.memory.find, map(hash, batch.jtis))
        columns = (batch.lines, batch.kinds, tokens, batch.identities, batch.instants, self._streams(batch))
        rows, place = zip(*columns, strict=False), 0
        for minute in minutes:
            self._pass_over(batch, islice(rows, minute.place - place))
            self._lifecycle.reach(minute.first, minute.before or previous)
            place = minute.place
        self._pass_over(batch, rows)

    def _streams(self, batch: Batch) -> Iterable[Hashable]:
        """Return the streams of the events."""
        file = self._lifecycle.file
        if batch.is_of_one:
            return repeat(batch.origins[0] or file)
        return [origin or file for origin in batch.origins]

    def _pass_over(self, batch: Batch, rows: Iterable[Any]) -> None:
        """Pass over uses by its identity of a token that was issued, is not revoked, and expires later.

        And over refusals of what is no token. The others are judged, most of them issues of tokens that are new.
        """
        lifecycle, uses, timeless, invalid = self._lifecycle, 0, 0, 0
        for line, kind, token, identity, when, stream in rows:
            if kind is Used:
                if token is not None and token.identity == identity:
                    if when is None:
                        if token.is_live:
                            timeless += 1
                            continue
                    elif when < token.live_until and token.at <= when:
                        uses += 1
                        if when > token.used_at:
                            token.used_at = when
                            token.used_in = stream
                            token.used_line = line
                        continue
            elif kind is Invalid:
                invalid += 1
                continue
            place = batch.place_of(line)
            jti = batch.jtis[place]
            if kind is Issued and token is None and jti is not None:
                issued = Token(identity or b"", batch.events[place].expires_at, line, when, stream)
                lifecycle.issue(hash(jti), issued)
            else:
                self._decide(batch.event(place), line)
        lifecycle.timeless_uses += timeless
        lifecycle.kinds[Used] += uses + timeless
        lifecycle.kinds[Invalid] += invalid

    # -- events of a verifier ------------------------------------------------------------------------------------

    def passes_all(self, events: Sequence[Fact]) -> bool:
        """Whether each of some failures ``passes``, after the one before it; if not, nothing is changed."""
        if set(map(type, events)) != {Failure}:
            return False
        failures, instants = self._failures, [event.occurred_at for event in events]
        course, first, latest = failures.course, instants[0], instants[-1]
        if first is None or latest is None or not (course.first and course.latest <= first and rise(instants)):
            return False
        if not all(map(self._knows, {(event.hints, event.source_id) for event in cast("Sequence[Failure]", events)})):
            return False
        course.latest = latest
        failures.events += len(events)
        return True

    def passes(self, event: Fact) -> bool:
        """Whether a failure of a known source, whose very hints were found to be right, is next in its course."""
        if not isinstance(event, Failure):
            return False
        failures, hints, source, when = self._failures, event.hints, event.source_id, event.occurred_at
        if when is None or not self._knows((hints, source)):
            return False
        course = failures.course
        if not (course.first and course.latest <= when):
            return False
        course.latest = when
        failures.events += 1
        return True

    def _knows(self, said: tuple[Hints | None, str | None]) -> bool:
        hints, source = said
        if hints is None or source is None:
            return False
        return self._composed.get(hints) == source or self._learn(hints, source)

    def _learn(self, hints: Hints, source: str) -> bool:
        """Learn that hints compose a source id which has been counted; say whether they do and it has."""
        if not self._failures.has_counted(source) or source not in source_ids(*hints):
            return False
        if len(self._composed) >= _KNOWN:
            self._composed.clear()
        self._composed[hints] = source
        return True


def _is_live(token: Token | None, uses: Uses) -> bool:
    """Whether a token is live at all of its uses, and theirs."""
    if token is None or token.identity != uses.identity:
        return False
    if uses.first is None or uses.latest is None:
        return token.is_live
    return uses.latest < token.live_until and (token.at or "") <= uses.first
