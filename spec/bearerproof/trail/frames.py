"""Wrappings that are taken off many lines at once, where they surely are what they seem; part of the fast path.

What is admitted here is a part of what ``presets`` admits line by line, and comes to the same: the same wrapping is
counted, the same text is read. Of the rest nothing is said. Why nothing slips through: a pattern here matches no line
that an earlier one of ``presets`` matches; and where a record holds more than the line, that more has no word of ours.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from operator import attrgetter, itemgetter
from typing import Annotated, Any, Literal, NamedTuple

from msgspec import Meta, MsgspecError, Raw, Struct, defstruct
from msgspec.json import Decoder

from bearerproof.trail import presets
from bearerproof.trail.presets import Preset


class Doubt(Exception):
    """A text is not what it should be, or not clean; so at least it seems here."""


Texts = Sequence[str] | Sequence[bytes]
"""A text of each of some lines."""


class Inside(NamedTuple):
    """What each of some lines wraps. ``end`` is how many characters surely stand behind each that say nothing.

    ``escaped`` are the lines themselves, where each is JSON that wraps JSON, so that escapes may stand within escapes.
    """

    texts: Texts
    end: int
    escaped: Sequence[bytes] = ()

    def joined(self) -> str:
        """Return all texts as one."""
        first = self.texts[0]
        return "".join(self.texts) if isinstance(first, str) else b"".join(self.texts).decode()  # type: ignore[arg-type]

    def look_at_escapes(self) -> None:
        """Look whether with escapes within escapes each line looks like ours by itself.

        Raises:
            Doubt: one does not.
        """
        are_doubtful = any(b"\\u" in line for line in self.escaped) and "\\" in self.joined()
        if are_doubtful and not all(presets.may_be_ours(line.decode()) for line in self.escaped):
            raise Doubt


@dataclass(frozen=True)
class Frame:
    """A wrapping, and how it is taken off lines; each has its line feed behind it."""

    preset: Preset
    unwrapped: Callable[[Sequence[bytes]], Inside]


BARE = Frame(Preset.PLAIN, partial(Inside, end=1))


def frame_of(line: bytes) -> Frame:
    """Return the wrapping of lines by the first; a log is of one form, others take the longer way."""
    if line.startswith(b"{"):
        return BARE if line.startswith(b'{"event":') else _frame_of_record(line)
    return next((frame for beginning, frame in _PREFIXED if beginning.match(line)), BARE)


# -- records of collectors -------------------------------------------------------------------------------------------


def _frame_of_record(line: bytes) -> Frame:
    try:
        record = _decode_record(line)
    except (MsgspecError, UnicodeError, RecursionError):
        return BARE
    inside = presets.unwrap(record, "", Preset.AUTO)
    if inside is None or not isinstance(inside.taken, str):
        return BARE
    if inside.preset is Preset.DOCKER:
        return _DOCKER
    way = next(way for way in presets.ways(inside.preset, record) if presets.member_at(record, way) is inside.taken)
    form = _form(inside.preset, way, *map(tuple, (record, *(record[name] for name in way[:-1]))))
    return BARE if form is None else Frame(inside.preset, partial(_records, form=form))


_decode_record = Decoder(dict[str, Any]).decode


class _DockerLine(Struct, gc=False, forbid_unknown_fields=True):
    log: Annotated[str, Meta(min_length=1)]
    stream: Literal["stdout", "stderr", ""] = ""
    time: Annotated[str, Meta(max_length=64)] = ""


_decode_docker = Decoder(_DockerLine).decode
_last = itemgetter(-1)


def _docker(lines: Sequence[bytes]) -> Inside:
    """Return what lines of Docker's ``json-file`` log wrap: each ends with its line feed, else it goes on."""
    records = list(map(_decode_docker, lines))
    logs = [record.log for record in records]
    if set(map(_last, logs)) != {"\n"}:
        raise Doubt
    if "token" in "".join([record.time for record in records]):
        raise Doubt
    return Inside(logs, 1, lines)


_DOCKER = Frame(Preset.DOCKER, _docker)


@dataclass(frozen=True)
class _Form:
    """How records with the same members are read: where the line is, and all the rest.

    ``look_at`` raises where one of the rest is of another type than it has to be in this wrapping.
    """

    decode: Callable[[bytes], Any]
    text: Callable[[Any], str]
    rests: Mapping[str, Callable[[Any], Raw]]
    looked_at: str | None
    look_at: Callable[[bytes], object]


def _said(values: Sequence[Raw]) -> bytes:
    """Return values as JSON, with commas between them: once, where all are the same."""
    return bytes(values[0]) if values.count(values[0]) == len(values) else b",".join(values)


class _File(Struct, gc=False):
    offset: Raw


_LOOKED_AT: dict[Preset, tuple[str, Callable[[bytes], object]]] = {
    Preset.VECTOR: ("source_type", Decoder(list[str]).decode),
    Preset.FILEBEAT: ("log", Decoder(list[_File]).decode),
}
"""Members whose type tells a wrapping, where the names alone do not."""

_ELSEWHERE = {
    Preset.TRACING: frozenset({"audit"}),
    Preset.FILEBEAT: frozenset({"audit", "fields", "source_type"}),
}
"""Members in which ``presets`` looks for a line before, if they are of some type; of most ``_ELSEWHERE_IN_MOST``."""

_ELSEWHERE_IN_MOST = frozenset({"audit", "fields", "log"})

_OF_EVENTS = frozenset({"event", "kind", "occurred_at", "metadata"})
"""Members by which a record may be an event itself, besides those with a word of ours in their names."""


@lru_cache(maxsize=64)
def _form(preset: Preset, way: presets.Way, *groups: tuple[str, ...]) -> _Form | None:
    """Return the form of records in which the line stands at this way, past these members; None: the longer way."""
    beside = [name for group in groups for name in group if name not in way]
    doubtful = _OF_EVENTS | _ELSEWHERE.get(preset, _ELSEWHERE_IN_MOST)
    if len(set(beside)) < len(beside) or not doubtful.isdisjoint(beside) or presets.may_be_ours(" ".join(beside)):
        return None
    taken: Any = str
    for name, group in zip(reversed(way), reversed(groups), strict=True):
        members = [(f"m{number}", taken if each == name else Raw) for number, each in enumerate(group)]
        named = {place: each for (place, _), each in zip(members, group, strict=True)}
        taken = defstruct("_Record", members, rename=named, gc=False, forbid_unknown_fields=True)
    places, before = dict[str, str](), ""
    for name, group in zip(way, groups, strict=True):
        places |= {each: f"{before}m{number}" for number, each in enumerate(group)}
        before = f"{places[name]}."
    looked_at, look_at = _LOOKED_AT.get(preset, (None, _decode_record))
    return _Form(
        Decoder(taken).decode,
        attrgetter(places[way[-1]]),
        {name: attrgetter(places[name]) for name in beside},
        looked_at,
        look_at,
    )


def _records(lines: Sequence[bytes], *, form: _Form) -> Inside:
    """Return what records wrap that are of one form."""
    records = list(map(form.decode, lines))
    said = {name: _said(list(map(rest, records))) for name, rest in form.rests.items()}
    if presets.may_be_ours(b" ".join(said.values()).decode()):
        raise Doubt
    if form.looked_at is not None:
        form.look_at(b"[%b]" % said[form.looked_at])
    return Inside(list(map(form.text, records)), 0, lines)


# -- lines with a prefix ---------------------------------------------------------------------------------------------

_INSTANT = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)"
_LEVEL = rb"(?:TRACE|DEBUG|INFO|WARN|ERROR)"
_STREAM = rb"(?:stdout|stderr)"
_PREFIXES = [
    (Preset.CRI, _INSTANT + b" " + _STREAM + rb" F(?::[^\s]*)? "),
    (
        Preset.SYSLOG,
        rb"<\d{1,3}>1 (?:-|" + _INSTANT + rb") (?:[!-~]+ ){4}(?:-|(?:\[(?:[^\]\\\n]|\\.)*\])+) (?:\xef\xbb\xbf)?",
    ),
    (
        Preset.SYSLOG,
        rb"(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [!-~]+ [^:\[\s\x80-\xff]+(?:\[\d+\])?: ",
    ),
    (Preset.SYSLOG, _INSTANT + rb" [!-~]+ [^:\[\s\x80-\xff]+\[\d+\]: "),
    (
        Preset.TRACING,
        b" *" + _INSTANT + b" +" + _LEVEL + rb' [^"{=\[\x1b\n\x80-\xff]*[\s,]audit(?:=|: )',
    ),
    (Preset.LOKI, _INSTANT + rb' \{(?:[a-z_]+="[^"\[\\\n\x80-\xff]*"(?:, ?)?)+\} '),
    (
        Preset.CLOUDWATCH,
        _INSTANT + b" +(?!" + _LEVEL + rb"\b|" + _STREAM + rb" )(?:[\w./-]+ (?!" + _LEVEL + rb"\b)){0,2}",
    ),
]
"""Prefixes of a line behind which an event stands to its end, with their wrapping."""


def _prefixed(lines: Sequence[bytes], *, prefix: re.Pattern[bytes]) -> Inside:
    """Return what stands behind the prefix of each line; of prefixes that differ in digits alone one is looked at."""
    starts = [line.find(b'{"') for line in lines]
    heads = b"\n".join([line[:start] for line, start in zip(lines, starts, strict=True)])
    if b"\0" in prefix.pattern:
        heads = heads.replace(*_VERSION)
    if not all(map(prefix.fullmatch, set(heads.translate(_DIGITS).split(b"\n")))):
        raise Doubt
    return Inside([line[start:] for line, start in zip(lines, starts, strict=True)], 1)


_VERSION = b">1 ", b">\0 "
"""The version of syslog's protocol, which has to be this digit and no other, and what stands for it meanwhile."""

_DIGITS = bytes.maketrans(b"123456789", b"000000000")

_PREFIXED = [
    (re.compile(prefix + rb'(?=\{")'), Frame(preset, partial(_prefixed, prefix=re.compile(prefix.replace(*_VERSION)))))
    for preset, prefix in _PREFIXES
]
"""For each prefix what lines with it begin with, and their wrapping."""
