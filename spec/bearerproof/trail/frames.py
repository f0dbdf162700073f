"""Wrappings that are taken off many lines at once, where they surely are what they seem; part of the fast path.

What is admitted here is a part of what ``presets`` admits line by line, and comes to the same: the same wrapping is
counted, the same text is read. Of the rest nothing is said. Why nothing slips through: a pattern here matches no line
that an earlier one of ``presets`` matches; and where a record holds more than the line, that more has no word of ours.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any, Literal

from msgspec import Struct
from msgspec.json import Decoder, Encoder

from bearerproof.trail import presets
from bearerproof.trail.presets import Preset

SEAM = b"}\n{"
"""What stands between two objects in lines of their own, and nowhere within one."""

_LONGEST_TIME = 64
"""Characters of a time beside a line; what is longer may hold something else."""


class Doubt(Exception):
    """A text is not what it should be, or not clean; so at least it seems here."""


@dataclass(frozen=True)
class Frame:
    """A wrapping: ``unwrapped`` returns what lines wrap, a line each."""

    preset: Preset
    unwrapped: Callable[[bytes], bytes]


def frame_of(octets: bytes) -> Frame:
    """Return the wrapping of lines by the beginning of the first; a log is of one form, others take the longer way."""
    found = _BEGINNING.match(octets)
    return _FRAMES[found.lastgroup or ""] if found else BARE


# -- Docker ----------------------------------------------------------------------------------------------------------


class _DockerLine(Struct, gc=False, forbid_unknown_fields=True):
    log: str
    stream: Literal["stdout", "stderr", ""] = ""
    time: str = ""


_decode_docker_lines = Decoder(_DockerLine).decode_lines
_last = itemgetter(-1)


def _docker(octets: bytes) -> bytes:
    """Return what lines of Docker's ``json-file`` log wrap: each ends with its line feed, else it goes on."""
    frames, count = _decode_docker_lines(octets), octets.count(b"\n") + 1
    logs, times = [frame.log for frame in frames], [frame.time for frame in frames]
    whole = "".join(logs)
    if not len(logs) == count == whole.count("\n") == octets.count(SEAM) + 1 or "" in logs:
        raise Doubt
    if set(map(_last, logs)) != {"\n"} or max(map(len, times)) > _LONGEST_TIME or "token" in "".join(times):
        raise Doubt
    if b"\\u" in octets and not all(map(presets.may_be_ours, octets.decode().split("\n"))):
        raise Doubt
    return whole.encode()


# -- records of other collectors -------------------------------------------------------------------------------------

_decode_records = Decoder(dict[str, Any]).decode_lines
_encode = Encoder().encode

_BY_NAMES = frozenset({Preset.CLOUDWATCH, Preset.JOURNAL, Preset.CLOUD_LOGGING, Preset.LOKI})
"""Wrappings that the names of a record's members tell, whatever their values."""

_OF_EVENTS = frozenset({"event", "kind", "occurred_at", "metadata"})
"""Members by which a record may be an event itself, besides those with a word of ours in their names."""


def _records(octets: bytes, *, preset: Preset) -> bytes:
    """Return what records with the same members wrap, of which the first is in this wrapping."""
    records = _decode_records(octets)
    if not len(records) == octets.count(b"\n") + 1 == octets.count(SEAM) + 1:
        raise Doubt
    way = _way(records, preset)
    around = [record[way[0]] for record in records] if len(way) > 1 else records
    texts = [record.pop(way[-1]) for record in around]
    if presets.may_be_ours(_encode(records).decode()):
        raise Doubt
    return "\n".join(texts).encode()


def _way(records: Sequence[dict[str, Any]], preset: Preset) -> presets.Way:
    """Return the way to the line in each of the records, if it is the same for all."""
    names = records[0].keys()
    if not all([record.keys() == names for record in records]) or not _OF_EVENTS.isdisjoint(names):  # noqa: C419
        raise Doubt
    inside = presets.unwrap(records[0], "", preset)
    if inside is None:
        raise Doubt
    if inside.preset is Preset.TRACING and {type(record.get("fields")) for record in records} == {dict}:
        return "fields", "audit"
    if inside.preset is Preset.VECTOR and {type(record["source_type"]) for record in records} != {str}:
        raise Doubt
    if inside.preset is not preset or (preset is not Preset.VECTOR and preset not in _BY_NAMES):
        raise Doubt
    return next(way for way in presets.ways(preset, records[0]) if way[-1] in names)


# -- lines with a prefix ---------------------------------------------------------------------------------------------

_INSTANT = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)"
_LEVEL = rb"(?:TRACE|DEBUG|INFO|WARN|ERROR)"
_STREAM = rb"(?:stdout|stderr)"
_PREFIXES: dict[str, tuple[Preset, bytes]] = {
    "cri": (Preset.CRI, _INSTANT + b" " + _STREAM + rb" F(?::[^\s]*)? "),
    "syslog": (
        Preset.SYSLOG,
        rb"<\d{1,3}>1 (?:-|" + _INSTANT + rb") (?:[!-~]+ ){4}(?:-|(?:\[(?:[^\]\\\n]|\\.)*\])+) (?:\xef\xbb\xbf)?",
    ),
    "syslog_old": (
        Preset.SYSLOG,
        rb"(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [!-~]+ [^:\[\s\x80-\xff]+(?:\[\d+\])?: ",
    ),
    "syslog_file": (Preset.SYSLOG, _INSTANT + rb" [!-~]+ [^:\[\s\x80-\xff]+\[\d+\]: "),
    "tracing": (Preset.TRACING, _INSTANT + b" +" + _LEVEL + rb' [^"{=\[\x1b\n\x80-\xff]*[\s,]audit='),
    "cloudwatch": (
        Preset.CLOUDWATCH,
        _INSTANT + b" +(?!" + _LEVEL + rb"\b|" + _STREAM + rb" )(?:[\w./-]+ (?!" + _LEVEL + rb"\b)){0,2}",
    ),
}
"""Prefixes of a line behind which an event stands to its end, by name."""


def _prefixed(octets: bytes, *, prefix: re.Pattern[bytes]) -> bytes:
    """Return what stands behind the prefix of each line."""
    behind, times = prefix.subn(b"\n", b"\n" + octets)
    if times != octets.count(b"\n") + 1:
        raise Doubt
    return behind[1:]


# -- all of them -----------------------------------------------------------------------------------------------------

BARE = Frame(Preset.PLAIN, lambda octets: octets)
_RECORDS = {
    "fields": (Preset.TRACING, rb'\{"timestamp":\s?"'),
    "messages": (Preset.CLOUDWATCH, rb'\{"@?timestamp":\s?'),
    "journal": (Preset.JOURNAL, rb'\{"[A-Z_]+"'),
    "entries": (Preset.CLOUD_LOGGING, rb'\{"(?:insertId|logName|textPayload|labels":\s?\{[^{}]*\},\s?"logName)"'),
    "kubernetes": (Preset.VECTOR, rb'\{"(?:file|container_created_at|host|message)"'),
    "labels": (Preset.LOKI, rb'\{"labels"'),
}
"""How records begin that wrap a line, by name."""

_FRAMES: dict[str, Frame] = {
    "docker": Frame(Preset.DOCKER, _docker),
    **{name: Frame(preset, partial(_records, preset=preset)) for name, (preset, _) in _RECORDS.items()},
    **{
        name: Frame(preset, partial(_prefixed, prefix=re.compile(rb"\n" + prefix + rb'(?=\{")')))
        for name, (preset, prefix) in _PREFIXES.items()
    },
}
_BEGINNING = re.compile(
    rb'(?P<docker>\{"log")|'
    + b"|".join(
        b"(?P<%b>%b)" % (name.encode(), start)
        for name, (_, start) in [
            *_RECORDS.items(),
            *((name, (preset, prefix + rb'(?=\{")')) for name, (preset, prefix) in _PREFIXES.items()),
        ]
    )
)
