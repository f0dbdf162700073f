"""A glance at events, in front of the rules: passes over what plainly breaks none, and says nothing of the rest.

It follows the numbers and times of many events at once, exactly as the rules follow those of each, and looks at uses.
Switched off, the report is the same to the byte, and later.
"""

from collections.abc import Callable, Sequence
from itertools import count

from bearerproof.trail.events import Failure, Hints, Invalid, LifecycleEvent, Used
from bearerproof.trail.facts import Batch, Fact
from bearerproof.trail.gists import Gisted, Stretch, Uses, stretches_of
from bearerproof.trail.rules.failures import Failures
from bearerproof.trail.rules.lifecycle import Lifecycle
from bearerproof.trail.rules.memory import Token
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
        if not self._follow(stretches_of(batch), batch.instants[-1]):
            return False
        self._look_at(batch)
        return True

    def judge_gist(self, short: Gisted) -> bool:
        """Judge a batch by what it comes down to, if that is enough; say whether it was."""
        gist, memory = short.gist, self._lifecycle.memory
        if not memory.has_room(len(gist.singles)):
            return False  # a token may be forgotten between two uses
        tokens = [memory.find(hash(uses.jti)) for uses in gist.uses]
        if not all(map(_is_live, tokens, gist.uses)) or any(memory.find(hash(uses.jti)) for uses in gist.issued):
            return False
        if not self._follow(gist.stretches, gist.last):
            return False
        self._note(gist.uses, short.lines)
        for single in gist.singles:
            self._decide(single.event(), short.lines[single.place])
        self._note(gist.issued, short.lines)
        self._count(gist.used, gist.invalid, are_timeless=gist.last is None)
        return True

    # -- events of a key server ----------------------------------------------------------------------------------

    def _follow(self, stretches: Sequence[Stretch] | None, last: str | None) -> bool:
        """Follow the numbers and times of events, if each comes next after the one before it; say whether they do.

        ``last`` is the instant of the last of them.
        """
        if stretches is None:
            return False
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
        course, minute = stream.course, lifecycle.minute
        if first is not None and not (
            course.first
            and course.latest <= first
            and minute <= first
            and (stretch.latest or "") < minute + _AFTER_COLON
        ):
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

    def _note(self, some: Sequence[Uses], lines: Sequence[int]) -> None:
        """Remember the latest of the uses of each token."""
        lifecycle = self._lifecycle
        for uses in some:
            token = lifecycle.memory.find(hash(uses.jti))
            if token is not None and uses.latest is not None and uses.latest > token.used_at:
                token.used_at, token.used_in = uses.latest, uses.origin or lifecycle.file
                token.used_line = lines[uses.place]

    def _count(self, used: int, invalid: int, *, are_timeless: bool) -> None:
        """Count the uses and the refusals that were passed over."""
        lifecycle = self._lifecycle
        lifecycle.timeless_uses += used if are_timeless else 0
        lifecycle.kinds[Used] += used
        lifecycle.kinds[Invalid] += invalid

    def _look_at(self, batch: Batch) -> None:
        """Pass over uses by its identity of a token that was issued, is not revoked, and expires later.

        And over refusals of what is no token.
        """
        lifecycle, file = self._lifecycle, self._lifecycle.file
        uses = timeless = 0
        # Each is looked up when its turn comes: one before may have been the issue.
        tokens = map(lifecycle.memory.find, map(hash, batch.jtis))
        columns = (batch.lines, batch.kinds, tokens, batch.identities, batch.instants, batch.origins)
        for place, line, kind, token, identity, when, origin in zip(count(), *columns):
            if kind is Used:
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


def _is_live(token: Token | None, uses: Uses) -> bool:
    """Whether a token is live at all of its uses, and theirs."""
    if token is None or token.identity != uses.identity:
        return False
    if uses.first is None or uses.latest is None:
        return token.is_live
    return uses.latest < token.live_until and (token.at or "") <= uses.first
