"""What reading some lines of a trail yields for the rules: the events in the order of the lines, and where they stand.

A line is read by itself; the rules alone know what came before. So lines can be read anywhere, in parts, at once.
"""

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct

from bearerproof.trail.events import Failure, LifecycleEvent


class SummaryText(Struct, gc=False, tag_field="event", tag="(summary)"):
    """A drop summary as it stands in the trail: it bears no time, so it is judged where that of the others is known."""

    kind: ClassVar[None] = None
    occurred_at: ClassVar[None] = None

    text: str


Fact = LifecycleEvent | Failure | SummaryText


class Facts:
    """The events of some lines, and the line of each; of what begins a run of a server also the text.

    >>> facts = Facts()
    >>> facts.add(LifecycleEvent(seq=0), '{"event":"token.invalid"}', 7)
    >>> facts.lines, facts.texts
    ([7], {7: '{"event":"token.invalid"}'})
    """

    def __init__(self) -> None:
        self.events: list[Fact] = []
        self.lines: list[int] = []
        self.texts: dict[int, str] = {}

    def add(self, event: Fact, text: str, line: int) -> None:
        """Add the next event, read from a text."""
        self.events.append(event)
        self.lines.append(line)
        if isinstance(event, LifecycleEvent) and event.seq == 0:
            self.texts[line] = text

    def add_all(self, events: Sequence[Fact], line: int) -> None:
        """Add the next events, of which each stands in a line of its own, from this one on; none begins a run."""
        self.events += events
        self.lines += range(line, line + len(events))
