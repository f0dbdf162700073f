"""What reading some lines of a trail yields for the rules: the events in the order of the lines, and where they stand.

A line is read by itself; the rules alone know what came before. So lines can be read anywhere, in parts, at once.
"""

from bisect import bisect, bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, ClassVar, cast

from msgspec import Struct, structs

from bearerproof.trail.events import Failure, Invalid, LifecycleEvent, Used
from bearerproof.trail.presets import Preset


class SummaryText(Struct, gc=False, tag_field="event", tag="(summary)"):
    """A drop summary as it stands in the trail: it bears no time, so it is judged where that of the others is known."""

    kind: ClassVar[None] = None
    occurred_at: ClassVar[None] = None

    text: str


Fact = LifecycleEvent | Failure | SummaryText


def moved(those: Sequence[int], lines: int) -> Sequence[int]:
    """Return line numbers of lines that stand so many further on."""
    if isinstance(those, range):
        return range(those.start + lines, those.stop + lines)
    return [line + lines for line in those]


@dataclass
class Few:
    """Events of any kind, and the line of each; of what begins a run of a server also the text."""

    events: list[Any] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    texts: dict[int, str] = field(default_factory=dict)

    def moved(self, lines: int) -> "Few":
        """Return the events so many lines further."""
        texts = {line + lines: text for line, text in self.texts.items()}
        return Few(self.events, list(moved(self.lines, lines)), texts)


class Batch(Struct, gc=False):
    """Events of a key server, member by member, and the line of each.

    None of them begins a run of the server. Identities are digests, instants are in order. Of an event of which the
    other members say all that matters, such as a use, there may be None among ``events``. ``beside`` are a verifier's
    events that stand between these.
    """

    lines: Sequence[int]
    kinds: list[type[LifecycleEvent]]
    jtis: list[str | None]
    identities: list[bytes | None]
    instants: list[str | None]
    numbers: Sequence[int | None]
    origins: list[str | None]
    events: list[Any]
    beside: Few | None = None

    def __len__(self) -> int:
        return len(self.kinds)

    @property
    def is_of_one(self) -> bool:
        """Whether one writer left all events."""
        return self.origins.count(self.origins[0]) == len(self)

    def place_of(self, line: int) -> int:
        """Return which of the events stands in a line."""
        return self.lines.index(line) if isinstance(self.lines, range) else bisect_left(self.lines, line)

    def event(self, place: int) -> LifecycleEvent:
        """Return one of the events."""
        event = self.events[place]
        if event is None:
            jti, is_use = self.jtis[place], self.kinds[place] is Used
            event = Used(identity=None, token_jti=jti) if is_use else Invalid(reason=None)
            event.seq, event.origin = self.numbers[place], self.origins[place]
        event.identity, event.occurred_at = self.identities[place], self.instants[place]
        return cast("LifecycleEvent", event)

    def moved(self, lines: int) -> "Batch":
        """Return the events so many lines further."""
        return structs.replace(self, lines=moved(self.lines, lines), beside=self.beside and self.beside.moved(lines))

    def parted(self, size: int) -> Iterator["Batch"]:
        """Return the events in batches of at most so many."""
        columns: list[Any] = [
            *(self.kinds, self.jtis, self.identities, self.instants, self.numbers, self.origins, self.events)
        ]
        beside, begin = self.beside or Few(), 0
        for start in range(0, len(self), size):
            stop = start + size
            some = Batch(self.lines[start:stop], *[column[start:stop] for column in columns])
            end = bisect(beside.lines, self.lines[stop]) if stop < len(self) else len(beside.lines)
            some.beside, begin = Few(beside.events[begin:end], beside.lines[begin:end]), end
            yield some


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

    def add_part(self, part: Batch | Few) -> None:
        """Add the next events at once."""
        self.parts.append(part)


AROUND = "\ufeff \t\r\n\0"
"""What may stand around an event in its line, and makes a line blank that has nothing else."""


@dataclass
class Tally:
    """What lines were that are no events, how many of them, and the wrappings that were taken off the others."""

    blank: int = 0
    foreign: int = 0
    unrecognised: int = 0
    broken: int = 0
    cut: int = 0
    wrapped: Counter[Preset] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        """Count what another counted."""
        self.blank += other.blank
        self.foreign += other.foreign
        self.unrecognised += other.unrecognised
        self.broken += other.broken
        self.cut += other.cut
        self.wrapped.update(other.wrapped)

    def add_foreign(self, lines: Sequence[str]) -> None:
        """Count lines that hold nothing of ours."""
        blank = len(lines) - sum(map(bool, map(str.strip, lines, repeat(AROUND))))
        self.blank += blank
        self.foreign += len(lines) - blank

    def add_wrapped(self, preset: Preset, lines: int) -> None:
        """Count lines off which a wrapping was taken; ``PLAIN`` is none."""
        if preset is not Preset.PLAIN:
            self.wrapped[preset] += lines
