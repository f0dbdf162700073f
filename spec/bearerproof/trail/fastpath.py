"""The fast path: reads at once what is surely an event in good form with clean texts, and says nothing of the rest.

It stands in front of the rules, and is none of them: what it admits goes to the same rules as what ``careful`` reads.
Switched off, the report is the same to the byte, and later. Why nothing slips through:

1. msgspec decodes into one type a kind of event, with the bounds of the schema, and forbids members it does not know.
   Whatever makes it raise is read carefully, not judged here.
2. Of a member that stands twice it takes the last in silence. So the texts must be as long as what was read is at
   least: then nothing else stands in them. Where blanks or escapes make them longer, they must have exactly the
   quotation marks of the names and strings that were read; each has two at least, so there is none of another. A null
   is counted likewise: its member, read as absent, has a name.
3. What a type cannot tell (days that exist, addresses, source ids) is checked where it first comes, and the few texts
   that come in most lines are remembered, a bounded number of each, when they have been found clean.
4. Lines without an event are passed over where all of them together show nothing that a closer look would ask for.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import reduce
from itertools import compress, count, repeat
from operator import itemgetter, ne, not_, or_
from typing import Annotated, Any, NamedTuple

from msgspec import UNSET, Meta, MsgspecError, Raw, Struct, UnsetType, defstruct
from msgspec.json import Decoder
from msgspec.structs import fields

from bearerproof.trail import presets, shapes
from bearerproof.trail.events import (
    KINDS,
    Denied,
    Expired,
    Failure,
    Hints,
    Identity,
    Invalid,
    Issued,
    LifecycleEvent,
    Revoked,
    Used,
    digest_of,
    name_of,
)
from bearerproof.trail.facts import Batch, Facts, Few, Tally
from bearerproof.trail.frames import BARE, Doubt, Frame, Inside, frame_of
from bearerproof.trail.inspection import Inspector
from bearerproof.trail.instants import Instants, make_room
from bearerproof.trail.presets import Preset
from bearerproof.trail.reading import lines_of

LONGEST_KNOWN = 512
"""Characters of each at most: a trail of huge ones is judged more slowly, in the same memory."""

_AT_ONCE = 64
"""Lines that are read together, where not all of a part are."""

_LONGEST_PAUSE = 64
"""Lines at most that are not tried after one that was in doubt, where such a one comes again and again."""

_TIME = '"occurred_at":"'
_NAME, _SOURCE = b'"token.', b"source_id"
"""What stands in every event of a key server, and of a verifier."""

_OPENING = b'{"event":"token.'
"""How an event of a key server begins that is written as most are."""

Hint = Annotated[str, Meta(min_length=1, max_length=108)] | None
Text = Annotated[str, Meta(max_length=128)]


class _Metadata(Struct, gc=False, forbid_unknown_fields=True):
    aud_hint: Hint | UnsetType = UNSET
    engine_msg: Annotated[str, Meta(max_length=512)] | UnsetType = UNSET


class _Failure(Struct, gc=False, forbid_unknown_fields=True):
    kind: str | dict[str, Text]
    occurred_at: str
    source_id: Annotated[str, Meta(max_length=712)]
    metadata: _Metadata
    client_id_hint: Hint | UnsetType = UNSET
    kid_hint: Hint | UnsetType = UNSET


_NONE = Raw()

Known = tuple[Raw, bytes | None, int, int]
"""An identity as it is written, its digest, and its length and its quotation marks with the name of its member."""

_NOBODY: Known = _NONE, None, 0, 0
"""What is known of an identity that is not there."""

_STRANGER: Known = Raw(b"?"), None, 0, 0
"""What is known of a token that was not seen: an identity that nobody can write."""


def _unread(kind: Any) -> Any:
    """Return a kind of event whose identity is left as it is written: most are known, and need not be read again."""
    required = any(field.name == "identity" and field.required for field in fields(kind))
    identity = ("identity", Raw) if required else ("identity", Raw, _NONE)
    made = defstruct(kind.__name__, [identity], bases=(kind,), tag=name_of(kind), gc=False, kw_only=True)
    vars_of: Any = made
    vars_of.kind = kind
    return made


_decode_event = Decoder(reduce(or_, map(_unread, (Issued, Used, Expired, Revoked, Denied, Invalid)))).decode
_decode_identity = Decoder(Identity).decode
_decode_failure = Decoder(_Failure).decode
_first, _second = itemgetter(0), itemgetter(1)


_DOUBTFUL = (Doubt, MsgspecError, UnicodeError, RecursionError, KeyError, TypeError)


class _Some(NamedTuple):
    """What some lines wrap, their numbers, and the wrapping."""

    inside: Inside
    lines: list[int]
    preset: Preset


class FastPath:
    """Reads the lines of one trail that are in good form; remembers texts that come often, a bounded number of each."""

    def __init__(self, inspector: Inspector, preset: Preset = Preset.AUTO) -> None:
        self._inspector = inspector
        self._preset = preset
        self._instants = Instants(inspector)
        self._of_jtis: dict[str | None, Known] = {None: _NOBODY}
        self._addresses: set[str | None] = set()
        self._names: dict[tuple[str, ...], tuple[int, int]] = {}
        self._identities: dict[bytes, Known] = {b"": _NOBODY}
        self._hints: dict[tuple[object, ...], tuple[Hints, int]] = {}
        self._frames: dict[str, tuple[str, Hints]] = {}
        self._at_once = _AT_ONCE
        self._pause = self._left = 0
        self._sorts = self._has_failures = False

    def read_whole(self, octets: bytes, number: int, facts: Facts, tally: Tally) -> int:
        """Read lines of which the first is line ``number`` of the trail, and return how many; 0 where one is in doubt.

        They hold an event each, be it wrapped, or nothing that looks like one.
        """
        lines = lines_of(octets)
        ways = (self._read_all, self._read_sorted)
        for read in reversed(ways) if self._sorts else ways:
            if read(lines, number, facts, tally):
                self._sorts = read == self._read_sorted
                return len(lines)
        return 0

    def _read_all(self, lines: Sequence[bytes], number: int, facts: Facts, tally: Tally) -> bool:
        """Read lines if each holds an event of a key server; say whether they do."""
        try:
            frame = self._frame_of(lines)
            batch = self._batch(frame.unwrapped(lines), range(number, number + len(lines)))
        except _DOUBTFUL:
            return False
        facts.add_part(batch)
        tally.add_wrapped(frame.preset, len(batch))
        return True

    def read(self, lines: Sequence[str], start: int, number: int, facts: Facts, tally: Tally) -> int:
        """Read lines from ``start`` on up to the first that is in doubt, and return the place of that one.

        ``number`` is the line of the trail at which the first of all stands. Where one is in doubt its neighbours are
        read again, fewer and fewer at once, and those behind it in growing numbers.
        """
        if self._left:
            self._left -= 1
            return start
        place, last = start, len(lines)
        while place < last:
            some = lines[place : place + self._at_once]
            if self._read_some(some, number + place, facts, tally):
                place += len(some)
                self._at_once, self._pause = min(2 * self._at_once, _AT_ONCE), 0
            elif len(some) == 1:
                self._left, self._pause = self._pause, min(2 * self._pause + 1, _LONGEST_PAUSE)
                break
            else:
                self._at_once = len(some) // 2
        return place

    def _read_some(self, lines: Sequence[str], number: int, facts: Facts, tally: Tally) -> bool:
        try:
            octets = "\n".join((*lines, "")).encode()
        except UnicodeEncodeError:
            return False
        # Whoever has lines at hand may have a line feed in one.
        return len(lines_of(octets)) == len(lines) and self.read_whole(octets, number, facts, tally) > 0

    def read_one(self, text: str) -> LifecycleEvent | Failure | None:
        """Return the event that a text surely is; None says nothing."""
        try:
            return (
                self._read_failures([text])[0] if "source_id" in text else self._batch(Inside([text], 0), (0,)).event(0)
            )
        except _DOUBTFUL:
            return None

    def _frame_of(self, lines: Sequence[bytes]) -> Frame:
        frame = frame_of(lines[0])
        if self._preset not in (Preset.AUTO, frame.preset):
            raise Doubt
        return frame

    def _read_sorted(self, lines: Sequence[bytes], number: int, facts: Facts, tally: Tally) -> bool:
        """Read lines if they hold events of either system, or surely none; say whether they do."""
        are_events, are_failures = self._classified(lines)
        if all(are_events):
            return False
        are_others = list(map(not_, map(or_, are_events, are_failures)))
        try:
            others = b"".join(compress(lines, are_others)).decode()
            if not presets.are_foreign(others):
                return False
            events = self._unwrapped(lines, are_events, number)
            failures = self._unwrapped(lines, are_failures, number)
            batch = self._batch(events.inside, events.lines) if events.lines else None
            few = self._few(failures.inside, failures.lines) if failures.lines else None
        except _DOUBTFUL:
            return False
        if batch is not None:
            batch.beside = few
        if part := batch or few:
            facts.add_part(part)
        self._has_failures = few is not None
        for each in (events, failures):
            tally.add_wrapped(each.preset, len(each.lines))
        tally.add_foreign(others[:-1].split("\n") if others else ())
        return True

    def _classified(self, lines: Sequence[bytes]) -> tuple[list[bool], list[bool]]:
        """Return which lines seem to hold an event of a key server, and which of a verifier.

        That costs least in a line which has what is looked for first.
        """
        if not self._has_failures:
            are_events = [_NAME in line for line in lines]
            if _SOURCE not in b"".join(compress(lines, map(not_, are_events))):
                return are_events, [False] * len(lines)
            return are_events, [not is_one and _SOURCE in line for line, is_one in zip(lines, are_events, strict=True)]
        are_begun = list(map(bytes.startswith, lines, repeat(_OPENING)))
        are_failures = [not is_one and _SOURCE in line for line, is_one in zip(lines, are_begun, strict=True)]
        rows = zip(lines, are_begun, are_failures, strict=True)
        return [is_one or (not is_failure and _NAME in line) for line, is_one, is_failure in rows], are_failures

    def _unwrapped(self, lines: Sequence[bytes], are_taken: Sequence[bool], number: int) -> _Some:
        """Return what some of the lines wrap."""
        taken, numbers = list(compress(lines, are_taken)), list(compress(count(number), are_taken))
        frame = self._frame_of(taken) if taken else BARE
        return _Some(frame.unwrapped(taken), numbers, frame.preset)

    # -- events of a key server ----------------------------------------------------------------------------------

    def _batch(self, inside: Inside, lines: Sequence[int]) -> Batch:
        """Return the events that lines of the trail hold, one each; they are looked at together, member by member."""
        events = list(map(_decode_event, inside.texts))
        jtis, addresses = [event.token_jti for event in events], [event.client_ip for event in events]
        instants, numbers = [event.occurred_at for event in events], [event.seq for event in events]
        reasons, origins = [event.reason for event in events], [event.origin for event in events]
        # A number has a name, and 0 begins a run of the server, unless its very line came before: its text counts.
        if 0 in numbers:
            raise Doubt
        kinds = [event.kind for event in events]
        issued = [event for event in events if event.kind is Issued]
        if any([event.rate_limit is None for event in issued]):  # noqa: C419 - a generator takes twice the time
            raise Doubt
        self._learn_tokens([event.token_jti for event in issued], [bytes(event.identity) for event in issued])
        known = self._known_identities(jtis, [event.identity for event in events])
        read = _Read(
            kinds,
            {"token_jti": jtis, "client_ip": addresses, "occurred_at": instants, "reason": reasons, "origin": origins},
            numbers,
            known,
            [(event, self._names_of(event.backends), self._names_of(event.tools)) for event in issued],
        )
        if not read.is_all_of(inside):
            raise Doubt
        if not self._addresses.issuperset(addresses):
            for address in set(addresses) - self._addresses:
                self._learn_address(address)
        for text in {*reasons, *origins}:
            self._look_into(text or "")
        instants = self._instants.in_order(instants)
        for event, expiry in zip(issued, self._instants.in_order([event.expires_at for event in issued]), strict=True):
            event.expires_at = expiry
        identities = [each[1] for each in known]
        return Batch(lines, kinds, jtis, identities, instants, numbers, origins, events)

    def _known_identities(self, jtis: Sequence[str | None], written: Sequence[Raw]) -> list[Known]:
        """Return what is known of identities; most are written as they were in the event before about that token."""
        known = list(map(self._of_jtis.get, jtis, repeat(_STRANGER)))
        others = list(compress(count(), map(ne, [each[0] for each in known], written)))
        learned = self._learn_tokens([jtis[place] for place in others], [bytes(written[place]) for place in others])
        for place, each in zip(others, learned, strict=True):
            known[place] = each
        return known

    def _names_of(self, names: tuple[str, ...] | None) -> tuple[int, int]:
        """Return the length of names as a list, and their quotation marks; null is none, as they must be there."""
        if names is None:
            raise Doubt
        return self._names.get(names) or self._learn_names(names)

    # -- events of a verifier ------------------------------------------------------------------------------------

    def _few(self, inside: Inside, lines: list[int]) -> Few:
        inside.look_at_escapes()
        texts: Sequence[Any] = inside.texts
        if texts and isinstance(texts[0], bytes):
            texts = list(map(bytes.decode, texts))
        return Few(self._read_failures(texts), lines)

    def _read_failures(self, texts: Sequence[str]) -> list[Failure]:
        """Read events; most are, but for their time, ones that were read before: where somebody tries again."""
        starts = [text.find(_TIME) + len(_TIME) for text in texts]
        ends = map(str.find, texts, repeat('"'), starts)
        instants = [text[start:end] for text, start, end in zip(texts, starts, ends, strict=True)]
        known = [self._frames.get(text.replace(instant, "", 1)) for text, instant in zip(texts, instants, strict=True)]
        frames = list(filter(None, known))
        ordered = self._instants.in_order(list(compress(instants, known)))
        events = map(Failure, ordered, map(_first, frames), map(_second, frames))
        if len(frames) == len(texts):
            return list(events)
        return [
            next(events) if frame else self._read_new_failure(text) for text, frame in zip(texts, known, strict=True)
        ]

    def _read_new_failure(self, text: str) -> Failure:
        event = _decode_failure(text)
        metadata, kind, when = event.metadata, event.kind, event.occurred_at
        said = (event.source_id, event.client_id_hint, metadata.aud_hint, event.kid_hint)
        hints, texts = self._hints.get(said) or self._learn_hints(*said)
        ordered = self._instants.one_in_order(when)
        if type(kind) is not str or kind not in shapes.PLAIN_KINDS:
            texts += self._texts_of_kind(kind)
        if metadata.engine_msg is not UNSET:
            self._look_into(metadata.engine_msg)
            texts += 2
        if text.count('"') != 2 * texts:
            raise Doubt
        self._learn_frame(text, when, event.source_id, hints)
        return Failure(ordered, event.source_id, hints)

    def _learn_frame(self, text: str, when: str, source: str, hints: Hints) -> None:
        before, found, after = text.partition(f"{_TIME}{when}")
        if found and len(text) <= LONGEST_KNOWN:
            make_room(self._frames)
            self._frames[before + _TIME + after] = source, hints

    def _texts_of_kind(self, kind: str | dict[str, str]) -> int:
        """Count the texts of a kind that carries one, beyond that which every kind has."""
        if isinstance(kind, str) or not shapes.is_kind(kind) or not all(map(self._inspector.is_clean, kind.values())):
            raise Doubt
        return 1

    # -- what is remembered of texts that come often -------------------------------------------------------------

    def _look_into(self, text: str) -> None:
        if not self._inspector.is_clean(text):
            raise Doubt

    def _is_clean(self, text: str) -> bool:
        """Whether all strings in a JSON text are clean, as it holds them as they are: none reaches over a quote."""
        return not self._inspector.looks_for_patterns and "\\" not in text and self._inspector.is_clean_once(text)

    def _learn_tokens(self, jtis: Sequence[str | None], identities: Sequence[bytes]) -> list[Known]:
        """Learn the identities of tokens; the next event about one will most likely have it in the same words."""
        if not self._inspector.are_clean_jtis([jti for jti in {*jtis} if jti is not None and jti not in self._of_jtis]):
            raise Doubt
        self._learn_identities(set(identities).difference(self._identities))
        known = [self._identities.get(raw) or self._learn_identity(raw) for raw in identities]
        make_room(self._of_jtis)
        self._of_jtis.update(zip(jtis, known, strict=True))
        self._of_jtis[None] = _NOBODY
        return known

    def _learn_address(self, address: str | None) -> None:
        if address is not None and not self._inspector.is_clean_address(address):
            raise Doubt
        make_room(self._addresses)
        self._addresses.add(address)

    def _learn_names(self, names: tuple[str, ...]) -> tuple[int, int]:
        if not all(map(self._inspector.is_clean, names)):
            raise Doubt
        size = max(1, sum(map(len, names)) + len(names) * len('"",')) + 1
        if size <= LONGEST_KNOWN:
            make_room(self._names)
            self._names[names] = size, 2 * len(names)
        return size, 2 * len(names)

    def _learn_identities(self, raws: Collection[bytes]) -> None:
        """Learn identities of which most are clean: then so are all of them as one text, which takes less time."""
        are_clean = self._is_clean(b",".join(raws).decode())
        for raw in raws:
            self._learn_identity(raw, is_clean=are_clean)

    def _learn_identity(self, raw: bytes, *, is_clean: bool = False) -> Known:
        identity = _decode_identity(raw)
        name, groups = identity.name, identity.groups
        strings = [
            identity.subject,
            identity.email,
            identity.issuer,
            *(() if name is None else (name,)),
            *(groups or ()),
        ]
        texts = 3 + (name is not None) + (groups is not None) + len(strings)
        if raw.count(b'"') != 2 * texts:
            raise Doubt
        if not (is_clean or self._is_clean(raw.decode()) or all(map(self._inspector.is_clean, strings))):
            raise Doubt
        known = Raw(raw), digest_of(identity), len(raw.decode()) + len(',"identity":'), 2 * texts + 2
        if len(raw) <= 2 * LONGEST_KNOWN:
            make_room(self._identities)
            self._identities[raw] = known
        return known

    def _learn_hints(self, source: str, client: Any, aud: Any, kid: Any) -> tuple[Hints, int]:
        """Return the hints of an event, and how many texts it has but for those in its kind and its message."""
        strings = [hint for hint in (client, aud, kid) if isinstance(hint, str)]
        if not (shapes.is_source_id(source) and self._inspector.is_clean(source)):
            raise Doubt
        if any(map(self._inspector.holds_a_secret, strings)):
            raise Doubt
        hints = Hints(*(hint if isinstance(hint, str) else None for hint in (client, aud, kid)))
        texts = 7 + len(strings) + sum(hint is not UNSET for hint in (client, aud, kid))
        if len(source) + sum(map(len, strings)) <= LONGEST_KNOWN:
            make_room(self._hints)
            self._hints[source, client, aud, kid] = hints, texts
        return hints, texts


class _Read(NamedTuple):
    """What was read of some lines; ``grants`` have the lengths and the quotation marks of their lists of names."""

    kinds: Sequence[type[LifecycleEvent]]
    texts: Mapping[str, Sequence[str | None]]
    numbers: Sequence[int | None]
    identities: Sequence[Known]
    grants: Sequence[tuple[Issued, tuple[int, int], tuple[int, int]]]

    def is_all_of(self, inside: Inside) -> bool:
        """Whether texts hold this and nothing else, an event each.

        Raises:
            Doubt: they do, and perhaps do not look as if.
        """
        texts, least = inside.texts, self._least()
        if sum(map(len, texts)) - inside.end * len(texts) == least:
            return True  # octets of a text are as many as its characters at least
        inside.look_at_escapes()
        joined = inside.joined()
        return len(joined) - inside.end * len(texts) == least or joined.count('"') == self._marks()

    def _least(self) -> int:
        """Return how many characters this takes at least: with no escapes or blanks."""
        size = sum(map(_SIZES.__getitem__, self.kinds)) + sum([known[2] for known in self.identities])
        for name, texts in self.texts.items():
            there = list(filter(None, texts))
            size += len(there) * len(f',"{name}":""') + len("".join(there))
        for event, backends, tools in self.grants:
            size += backends[0] + tools[0] + len(str(event.rate_limit))
            size += len(',"backends":,"tools":,"rate_limit":')
            if event.expires_at is not None:
                size += len(',"expires_at":""') + len(event.expires_at)
        return size + _size_of_numbers(self.numbers)

    def _marks(self) -> int:
        """Return how many quotation marks this has."""
        lines = len(self.kinds)
        absent = sum([texts.count(None) for texts in self.texts.values()])
        marks = 4 * ((1 + len(self.texts)) * lines - absent) + 2 * (lines - self.numbers.count(None))
        marks += sum([known[3] for known in self.identities])
        for event, backends, tools in self.grants:
            marks += 6 + backends[1] + tools[1] + 4 * (event.expires_at is not None)
        return marks


_SIZES = {kind: len(f'{{"event":"{name_of(kind)}"}}') for kind in KINDS}
"""Octets of an event of each kind that has no other member."""


def _size_of_numbers(there: Sequence[int | None]) -> int:
    """Return how many octets the members of sequence numbers take, of which none is 0."""
    numbers = sorted(filter(None, there))  # most are in order
    if not numbers:
        return 0
    most = len(str(numbers[-1]))
    digits = most * len(numbers) if len(str(numbers[0])) == most else sum(map(len, map(str, numbers)))
    return len(numbers) * len(',"seq":') + digits


def is_sound(inspector: Inspector) -> bool:
    """Whether the words that every event has are clean; a pattern of the caller's may look for just those."""
    return all(map(inspector.is_clean, _own_words()))


def _own_words() -> Iterable[str]:
    """Return the texts that every event has, or may have, as the schemas prescribe them."""
    kinds: tuple[type[Struct], ...] = (*KINDS, Identity, _Failure, _Metadata)
    for kind in kinds:
        yield from kind.__struct_fields__
    yield from ("event", *map(name_of, KINDS), *shapes.PLAIN_KINDS, *shapes.ID_TOKEN_KINDS, "MissingClaim", "IdToken")
