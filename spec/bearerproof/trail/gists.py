"""What the events of a batch come down to, found where they were read, so that whoever judges has less to look at.

The uses of a token between which nothing else happens to it are judged by the first and the latest of them; and events
of a writer that follow each other in time and number, by the first and the last.
"""

from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from itertools import compress, count, islice, repeat
from operator import eq, is_, ne
from typing import NamedTuple, cast

from msgspec import Struct

from bearerproof.trail.events import KINDS, Denied, Invalid, Issued, LifecycleEvent, Used
from bearerproof.trail.facts import Batch, Few, moved
from bearerproof.trail.shapes import MINUTE

AFTER_COLON = ";"
"""What sorts behind every text that goes on with a colon, as an instant does behind its minute."""


class Stretch(Struct, array_like=True, gc=False):
    """Events of one writer of which each comes next after the one before it, or none has a time, or none a number.

    ``first`` and ``latest`` are the instants of the first event and the last, ``number`` is that of the first.
    """

    origin: str | None
    events: int
    first: str | None
    latest: str | None
    number: int | None


class Minute(Struct, array_like=True, gc=False):
    """The first event of a minute in a batch: its place, its instant, and that of the event before, if that is here."""

    place: int
    first: str
    before: str | None


class Uses(Struct, array_like=True, gc=False):
    """All uses of a token in a batch, by one identity: when the first and the latest were, and where the latest is."""

    jti: str
    identity: bytes
    first: str | None
    latest: str | None
    place: int
    origin: str | None


class Issue(Struct, array_like=True, tag_field="event", tag="issue", gc=False):
    """The issue of a token, its first event in a batch, and all uses of it, during its life and by that identity."""

    place: int
    jti: str
    identity: bytes | None
    instant: str | None
    expires_at: str | None
    origin: str | None
    uses: Uses | None


class Single(LifecycleEvent, array_like=True, tag="single", gc=False, kw_only=True):
    """An event of a batch as far as the rules ask for it: its place, ``of`` which kind it is, and what it says."""

    identity: bytes | None  # type: ignore[assignment]  # the digest
    place: int
    of: int
    expires_at: str | None = None

    @property
    def kind(self) -> type[LifecycleEvent]:  # type: ignore[override]
        """The kind of event that it is."""
        return KINDS[self.of]

    @classmethod
    def at(cls, batch: Batch, place: int) -> "Single":
        """Return the event in a place of a batch."""
        event, kind = batch.events[place], batch.kinds[place]
        return cls(
            identity=batch.identities[place],
            token_jti=batch.jtis[place],
            reason=event.reason if kind is Denied else None,
            occurred_at=batch.instants[place],
            origin=batch.origins[place],
            place=place,
            of=KINDS.index(kind),
            expires_at=event.expires_at if kind is Issued else None,
        )


class Gist(Struct, array_like=True, gc=False):
    """A batch in short. ``uses`` are those of tokens to which nothing else happens here.

    ``decisions`` are the other events, each to be judged by itself, but for the uses of a token that is issued here.
    ``used`` and ``invalid`` is how many uses are none of these, and how many refusals of what is no token. ``last`` is
    the instant of the last event.
    """

    stretches: list[Stretch]
    minutes: list[Minute]
    last: str | None
    uses: list[Uses]
    decisions: list[Issue | Single]
    used: int
    invalid: int


class Gisted(NamedTuple):
    """A batch in short, and the lines of its events; ``whole`` returns all of it, where that came with it."""

    gist: Gist
    lines: Sequence[int]
    whole: Callable[[], Batch] | None
    beside: Few | None

    def moved(self, lines: int) -> "Gisted":
        """Return the events so many lines further."""
        whole = self.whole
        return self._replace(
            lines=moved(self.lines, lines),
            whole=None if whole is None else lambda: whole().moved(lines),
            beside=self.beside and self.beside.moved(lines),
        )


def stretches_of(batch: Batch) -> list[Stretch] | None:
    """Return the events of each writer in a batch; None where they do not follow each other."""
    stretches = []
    for origin, (instants, numbers) in _by_writer(batch).items():
        if not rise(instants) or not _run_on(numbers):
            return None
        stretches.append(Stretch(origin, len(instants), instants[0], instants[-1], numbers[0]))
    return stretches


def _by_writer(batch: Batch) -> Mapping[str | None, tuple[Sequence[str | None], Sequence[int | None]]]:
    """Return the times and the numbers of each writer."""
    if batch.is_of_one:
        return {batch.origins[0]: (batch.instants, batch.numbers)}
    of: dict[str | None, tuple[list[str | None], list[int | None]]] = {}
    for origin, instant, number in zip(batch.origins, batch.instants, batch.numbers, strict=True):
        instants, numbers = of.get(origin) or of.setdefault(origin, ([], []))
        instants.append(instant)
        numbers.append(number)
    return of


def minutes_of(batch: Batch, stretches: Sequence[Stretch]) -> list[Minute] | None:
    """Return the minutes of a batch, none where it has no times; None where these do not rise, all together."""
    instants = batch.instants
    if len(stretches) > 1 and not rise(instants):
        return None
    minutes = list[Minute]()
    place, before = 0, None
    while place < len(instants) and (first := instants[place]) is not None:
        minutes.append(Minute(place, first, before))
        place = bisect(cast("list[str]", instants), first[:MINUTE] + AFTER_COLON, place)
        before = instants[place - 1]
    return minutes


def gist_of(batch: Batch) -> Gist | None:
    """Return a batch in short; None where its events do not follow each other, writer by writer and all together."""
    stretches = stretches_of(batch)
    minutes = None if stretches is None else minutes_of(batch, stretches)
    if stretches is None or minutes is None:
        return None
    uses, issues, places, apart = _sorted_out(batch)
    if not apart.isdisjoint(uses):
        are_apart = (kind is Used and jti in apart for kind, jti in zip(batch.kinds, batch.jtis, strict=True))
        places = sorted([*places, *compress(count(), are_apart)])
    invalid = batch.kinds.count(Invalid)
    return Gist(
        stretches,
        minutes,
        batch.instants[-1],
        [each for jti, each in uses.items() if jti not in issues and jti not in apart],
        [
            _issue(batch, place, uses)
            if issues.get(jti := batch.jtis[place]) == place and jti not in apart
            else Single.at(batch, place)
            for place in places
        ],
        len(batch) - len(places) - invalid,
        invalid,
    )


def _issue(batch: Batch, place: int, uses: Mapping[str | None, Uses]) -> Issue:
    jti = cast("str", batch.jtis[place])
    of_token = batch.identities[place], batch.instants[place], batch.events[place].expires_at, batch.origins[place]
    return Issue(place, jti, *of_token, uses.get(jti))


class _Sorted(NamedTuple):
    """Events by their tokens.

    ``issues`` are the places of those that are a token's first event; ``others`` of all that is neither a use nor a
    refusal of what is no token. Each event of a token that is ``apart`` has to be judged by itself.
    """

    uses: dict[str | None, Uses]
    issues: dict[str | None, int]
    others: list[int]
    apart: set[str | None]


def _sorted_out(batch: Batch) -> _Sorted:
    """Sort events by their tokens. Of the uses of each, whole columns are looked at together: they are most of all."""
    kinds, are_uses = batch.kinds, list(map(is_, batch.kinds, repeat(Used)))
    jtis, identities = list(compress(batch.jtis, are_uses)), list(compress(batch.identities, are_uses))
    places = list(compress(count(), are_uses))
    firsts, latest = dict(zip(reversed(jtis), reversed(places), strict=True)), _latest(batch, jtis, places)
    identity_of = dict(zip(jtis, identities, strict=True))
    apart: set[str | None] = {None} if None in identity_of else set()
    if None in identity_of.values():
        apart.update(jti for jti, identity in identity_of.items() if identity is None)
    if (expected := list(map(identity_of.get, jtis))) != identities:
        apart.update(compress(jtis, map(ne, expected, identities)))
    issues: dict[str | None, int] = {}
    others = [place for place, kind in enumerate(kinds) if kind is not Used and kind is not Invalid]
    for place in others:
        jti = batch.jtis[place]
        if kinds[place] is Issued and jti is not None and jti not in issues and firsts.get(jti, place) >= place:
            issues[jti] = place
        else:
            apart.add(jti)
    instants, origins = batch.instants, batch.origins
    uses = {
        jti: Uses(jti or "", identity_of[jti] or b"", instants[firsts[jti]], instants[last], last, origins[last])
        for jti, last in latest.items()
    }
    apart.update(jti for jti, place in issues.items() if jti in uses and not _is_live(batch, place, uses[jti]))
    return _Sorted(uses, issues, others, apart)


def _latest(batch: Batch, jtis: Sequence[str | None], places: Sequence[int]) -> dict[str | None, int]:
    """Return the place of the latest use of each token: of those at the same instant, or at none, the first."""
    instants = list(map(batch.instants.__getitem__, places))
    latest = dict(zip(jtis, places, strict=True))
    if any(map(eq, instants, islice(instants, 1, None))):
        earliest = dict(zip(reversed(list(zip(jtis, instants, strict=True))), reversed(places), strict=True))
        return {jti: earliest[jti, batch.instants[place]] for jti, place in latest.items()}
    return latest


def _is_live(batch: Batch, place: int, uses: Uses) -> bool:
    """Whether a token that is issued in a place, later than any other event there, is live when it is used."""
    if (batch.identities[place] or b"") != uses.identity:
        return False
    expires_at = batch.events[place].expires_at
    return uses.latest is None or (expires_at is not None and uses.latest < expires_at)


def rise(instants: Sequence[str | None]) -> bool:
    """Whether each instant is as late as the one before it, or there is none at all."""
    if instants[0] is None:
        return instants.count(None) == len(instants)
    return None not in instants and instants == sorted(cast("list[str]", instants))


def _run_on(numbers: Sequence[int | None]) -> bool:
    """Whether numbers follow each other, or there is none at all."""
    first = numbers[0]
    if first is None:
        return numbers.count(None) == len(numbers)
    expected = range(first, first + len(numbers))
    return numbers == (expected if isinstance(numbers, range) else list(expected))
