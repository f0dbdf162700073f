"""What reading some lines of a trail yields for the rules: the events in the order of the lines, and where they stand.

A line is read by itself; the rules alone know what came before. So lines can be read anywhere, in parts, at once.
"""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, cast

from msgspec import Struct

from bearerproof.trail.events import Failure, Invalid, LifecycleEvent, Used


class SummaryText(Struct, gc=False, tag_field="event", tag="(summary)"):
    """A drop summary as it stands in the trail: it bears no time, so it is judged where that of the others is known."""

    kind: ClassVar[None] = None
    occurred_at: ClassVar[None] = None

    text: str


Fact = LifecycleEvent | Failure | SummaryText


class Batch(Struct, gc=False):
    """Events of a key server in lines that follow each other, member by member; ``line`` is that of the first.

    None of them begins a run of the server. Identities are digests. Of an event of which the other members say all
    that matters, such as a use, there may be None among ``events``.
    """

    line: int
    kinds: list[type[LifecycleEvent]]
    jtis: list[str | None]
    identities: list[bytes | None]
    instants: list[str | None]
    numbers: list[int | None]
    origins: list[str | None]
    events: list[Any]

    def __len__(self) -> int:
        return len(self.kinds)

    def event(self, place: int) -> LifecycleEvent:
        """Return one of the events."""
        event = self.events[place]
        if event is None:
            jti, is_use = self.jtis[place], self.kinds[place] is Used
            event = Used(identity=None, token_jti=jti) if is_use else Invalid(reason=None)
            event.occurred_at, event.seq, event.origin = self.instants[place], self.numbers[place], self.origins[place]
        event.identity = self.identities[place]
        return cast("LifecycleEvent", event)

    def parted(self, size: int) -> Iterator["Batch"]:
        """Return the events in batches of at most so many."""
        columns: list[list[Any]] = [
            *(self.kinds, self.jtis, self.identities, self.instants, self.numbers, self.origins, self.events)
        ]
        for start in range(0, len(self), size):
            yield Batch(self.line + start, *[column[start : start + size] for column in columns])


class Few:
    """Events of any kind, and the line of each; of what begins a run of a server also the text."""

    def __init__(self) -> None:
        self.events: list[Fact] = []
        self.lines: list[int] = []
        self.texts: dict[int, str] = {}


class Facts:
    """The events of some lines, in the order of the lines, in parts: many of one kind of system, or one by one.

    >>> facts = Facts()
    >>> facts.add(LifecycleEvent(seq=0), '{"event":"token.invalid"}', 7)
    >>> facts.parts[0].lines, facts.parts[0].texts
    ([7], {7: '{"event":"token.invalid"}'})
    """

    def __init__(self) -> None:
        self.parts: list[Batch | Few] = []

    def add(self, event: Fact, text: str, line: int) -> None:
        """Add the next event, read from a text."""
        last = self.parts[-1] if self.parts else None
        if not isinstance(last, Few):
            self.parts.append(last := Few())
        last.events.append(event)
        last.lines.append(line)
        if isinstance(event, LifecycleEvent) and event.seq == 0:
            last.texts[line] = text

    def add_all(self, events: Batch | Sequence[Fact], line: int) -> None:
        """Add the next events, of which each stands in a line of its own, from this one on; none begins a run."""
        if isinstance(events, Batch):
            self.parts.append(events)
        else:
            for place, event in enumerate(events):
                self.add(event, "", line + place)
