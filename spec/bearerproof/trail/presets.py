"""How an event stands in a line of somebody's log: named wrappings, and the text inside them."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

from msgspec import MsgspecError, Raw
from msgspec.json import Decoder


class Preset(StrEnum):
    """The outermost wrapping of the lines; inside it, and with ``auto``, every wrapping is tried."""

    AUTO = "auto"
    PLAIN = "plain"
    TRACING = "tracing"
    CLOUDWATCH = "cloudwatch"
    DOCKER = "docker"
    CRI = "cri"
    SYSLOG = "syslog"
    JOURNAL = "journal"
    CLOUD_LOGGING = "cloud-logging"
    VECTOR = "vector"
    FILEBEAT = "filebeat"
    LOKI = "loki"

    __hash__ = str.__hash__  # that of an enumeration is a Python call, on a path that runs for every wrapped line


class Piece(NamedTuple):
    """A part of a line that a collector cut: which stream it goes on in, and whether the line ends with it."""

    stream: str
    last: bool


class Inside(NamedTuple):
    """What a line wraps, in which wrapping, and where that cuts long lines which piece it is.

    ``taken`` is the member of a record that was taken out, as it was read.
    """

    preset: Preset
    text: str
    piece: Piece | None = None
    taken: object = None


_INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)"
# Before the event the names of group and stream; what a person logs there has a level, or is a word with a colon.
_WORDS = r"(?:(?!(?:TRACE|DEBUG|INFO|WARN|ERROR)\b)\S*[^\s:]\s+){0,2}?"
_CLOUDWATCH = re.compile(rf"{_INSTANT}\s+{_WORDS}(?=\{{\s*\")")
_CRI = re.compile(rf"{_INSTANT} (?P<stream>stdout|stderr) (?P<tag>[PF])(?::\S*)? ")
_COUNTED = re.compile(r"(\d{1,7}) (?=<\d{1,3}>1 )")
_RFC5424 = re.compile(rf"<\d{{1,3}}>1 (?:-|{_INSTANT}) \S+ \S+ \S+ \S+ (?:-|(?:\[(?:[^\]\\]|\\.)*\])+) (?:\ufeff)?")
_RFC3164 = re.compile(r"(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ [^:\[\s]+(?:\[[^\]]*\])?: ")
_DATED = re.compile(rf"(?:<\d{{1,3}}>)?{_INSTANT} \S+ [^:\[\s]+\[\d+\]: ")  # journalctl's short-iso, rsyslog's files
_LABELLED = re.compile(rf'{_INSTANT} \{{(?:\w+="(?:[^"\\]|\\.)*"(?:, ?)?)*\}} ')
_AUDIT_FIELD = re.compile(r'(?:^|[\s,])audit(?:=|: )(?="?\{)')
_COLOUR = re.compile(r"\x1b\[[0-9;:]{0,32}m")

_AROUND_DOCKER = frozenset(
    [
        *(
            "log",
            "stream",
            "time",
            "attrs",
            "tag",
            "date",
            "@timestamp",
            "_p",
            "logtag",
            "log_processed",
            "kubernetes",
            "docker",
            "source",
        ),
        *("container_id", "container_name", "partial_message", "partial_id", "partial_ordinal", "partial_last"),
    ]
)
_AROUND_CLOUDWATCH = frozenset(
    [
        *("timestamp", "message", "ingestionTime", "eventId", "id", "logStreamName", "logGroupName"),
        *("@timestamp", "@message", "@ptr", "@log", "@logStream", "@ingestionTime"),
    ]
)
_AROUND_CLOUD_LOGGING = frozenset(
    [
        *("textPayload", "jsonPayload", "insertId", "logName", "timestamp", "receiveTimestamp", "resource", "labels"),
        *("severity", "trace", "spanId", "traceSampled", "sourceLocation", "operation", "httpRequest", "split"),
    ]
)
"""What stands beside the line in a collector's own record. In any other record ``message`` is what somebody said."""


def may_be_ours(line: str) -> bool:
    """Whether a line may hold an event or a drop summary, however often wrapped; no other is worth a closer look."""
    text = line.lower() if _is_plain(line) else folded(line)
    return "token" in text or "source_id" in text or "tier" in text


def may_be_a_piece(line: str) -> bool:
    """Whether a collector may have cut a line here: then what it says shows only when the rest is there."""
    return ('"log"' in line and '\\n"' not in line) or " P " in line[:64] or " P:" in line[:64] or "partial_" in line


def may_be_octets(line: str) -> bool:
    """Whether the journal may have written a message as octets, or left it out as too long: then no word shows."""
    return '"MESSAGE"' in line


def are_foreign(lines: str) -> bool:
    """Whether none of some lines is worth a closer look, whatever the line before was.

    In a closer look a word of ours says nothing unless it is spelled as in an event, or an event lacks it.
    """
    if any([mark in lines for mark in _OF_PIECES]):  # noqa: C419 - a generator takes twice the time
        return False
    if '"log"' in lines and any(map(may_be_a_piece, lines.split("\n"))):
        return False
    if lines.count('"MESSAGE"') > len(_MESSAGE.findall(lines)):
        return False
    if not may_be_ours(lines):
        return True
    if not _is_plain(lines) or any([word in lines for word in _OF_RECORDS]):  # noqa: C419 - as above
        return False
    letters = lines.lower().encode().translate(None, _BLANKS)
    return not (b"\\" in letters or any([word in letters for word in _OF_EVENTS])) or not seems_ours(lines)  # noqa: C419


_OF_PIECES = ("partial_", " P ", " P:")
"""What stands in a part of a line that was cut."""

_MESSAGE = re.compile(r'"MESSAGE":\s?"')
"""How a message of the journal begins that is there and is a text."""

_OF_RECORDS = ("source_id", "tier", "occurred_at")
"""Members that make a record one of ours, though it lacks others."""

_OF_EVENTS = (b"event", b"jti", b"source_id", b"tier")
"""Without any of these words, however spaced, nothing looks like one of ours to ``seems_ours``."""

_BLANKS = bytes(code for code in range(128) if chr(code).isspace())


def leaves_out(record: object) -> bool:
    """Whether a record of the journal has no message since it was too long (``journalctl --all`` has them all)."""
    return isinstance(record, dict) and "MESSAGE" in record and record["MESSAGE"] is None and bool(_journal(record))


def seems_ours(text: str) -> bool:
    """Whether text looks to a reader as if one of our events, or a drop summary, stood in it, however it is spelled.

    Letter case, escapes, blanks, encodings of a URL and letters that look alike make no difference. Takes time in
    proportion to the text.
    """
    if not may_be_ours(text):
        return False
    plain = text.lower() if _is_plain(text) else folded(text)
    for spelling, meant in _SPELLINGS:
        plain = plain.replace(spelling, meant)
    plain = "".join(plain.split())
    return (
        _EVENT.search(plain) is not None
        or _SOURCE.search(plain) is not None
        or ("jti" in plain and _NAME.search(plain) is not None)
        or ('"dropped":' in plain and _TIER.search(plain) is not None)
        or _TIER.match(plain) is not None  # a record that is printed over many lines
    )


_SPELLINGS = (
    ("\\n", ""),
    ("\\r", ""),
    ("\\t", ""),
    ("\\", ""),
    ("%22", '"'),
    ("%3a", ":"),
    ("&quot;", '"'),
    ("&#34;", '"'),
    ("'", '"'),
)
_EVENT = re.compile(r'"event":"token\.')
_SOURCE = re.compile(r'"source_id":"[^"]*::')
_NAME = re.compile(r'(?:event="?|")token\.(?:issued|used|expired|revoked|denied|invalid)')
_TIER = re.compile(r'"tier":"(?:registered|strangers)"')


def folded(text: str) -> str:
    """Return text in small letters, without escapes, marks and what is invisible; letters that look alike as one."""
    plain = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text) if "\\u" in text else text
    if not plain.isascii():
        plain = _FOREIGN.sub(lambda found: found[0].translate(_alike()), plain)
    return plain.replace("\0", "").lower()


_FOREIGN = re.compile(r"[^\0-\x7f]+")  # a long line is mostly ASCII, of which nothing has to be looked up

_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})")


def _is_plain(text: str) -> bool:
    return text.isascii() and "\\u" not in text and "\0" not in text


@cache
def _alike() -> dict[int, str | None]:
    """Return for each character what a reader takes it for: an ASCII character, or nothing at all."""
    table: dict[int, str | None] = {}
    for code in (*range(0x80, 0x3100), *range(0xFB00, 0x10000), *range(0x1D400, 0x1D800), *range(0xE0000, 0xE0080)):
        character = chr(code)
        compatible = unicodedata.normalize("NFKD", character)[:1]
        if unicodedata.category(character) in ("Cf", "Mn", "Cs", "Zs"):
            table[code] = None
        elif compatible.isascii():
            table[code] = compatible
    return table | dict(zip(map(ord, _LETTERS), _LIKE, strict=True))


_LETTERS, _LIKE = "аеорсхуіѕԁкиρορεικνυτѵսո", "aeopcxyisdkupopeikvutvun"
"""Letters of other scripts that stand for one of ours without being compatible."""


def uncoloured(text: str) -> str:
    """Return a line of a terminal without the colours in front of its first JSON object: in that there are none."""
    found = _OBJECT.search(text)
    start = len(text) if found is None else found.start()
    return _COLOUR.sub("", text[:start]) + text[start:]


def opens_object(text: str) -> bool:
    """Whether text begins as an object of JSON does that is not empty."""
    return _OBJECT.match(text) is not None


_OBJECT = re.compile(r'\{\s*\\?"')


def unwrap(record: object, text: str, preset: Preset) -> Inside | None:
    """Return what a line of a log wraps, and which wrapping it is; ``record`` is its JSON value, or None.

    None when it wraps nothing, or in a way that ``preset`` does not name.
    """
    return _inside_object(record, text, preset) if isinstance(record, dict) else _inside_text(text, preset)


def _inside_object(record: Mapping[str, Any], text: str, preset: Preset) -> Inside | None:
    for name, ways in _IN_OBJECTS.items():
        for way in ways(record) if preset in (name, Preset.AUTO) else ():
            taken = member_at(record, way)
            inside = _written(text, way) if isinstance(taken, dict) else _said(taken)
            if inside is not None and name is Preset.DOCKER and isinstance(taken, str):
                return Inside(name, inside, _docker_piece(record, inside), taken)
            if inside is not None and "{" in inside:
                return Inside(name, inside, taken=taken)
    return None


def ways(preset: Preset, record: Mapping[str, Any]) -> Sequence["Way"]:
    """Return where the line may stand in a record of this wrapping."""
    return _IN_OBJECTS[preset](record)


Way = tuple[str, ...]
"""The names of the members that lead to what a record wraps."""


def member_at(record: Mapping[str, Any], way: Way) -> object:
    """Return what stands at a way in a record, or None."""
    for name in way[:-1]:
        record = record.get(name) or {}
    return record.get(way[-1])


def _written(text: str, way: Way) -> str | None:
    """Return an object in a JSON text as it is written there, so that its form can be judged."""
    try:
        for name in way:
            text = bytes(_members_of(text)[name]).decode()
    except (MsgspecError, KeyError, UnicodeError):
        return None
    return text


_members_of = Decoder(dict[str, Raw]).decode


def _said(value: object) -> str | None:
    """Return what a member says; the journal writes what cannot be printed as an array of octets."""
    if isinstance(value, list) and value and all(type(octet) is int and 0 <= octet < 256 for octet in value):
        return bytes(value).decode("utf-8", "surrogateescape")
    return value if isinstance(value, str) else None


def _inside_text(line: str, preset: Preset) -> Inside | None:
    """Return what stands behind the prefix of a line that is not JSON."""
    text = uncoloured(line) if "\x1b" in line else _uncounted(line)
    if preset in (Preset.CRI, Preset.AUTO) and (match := _CRI.match(text)):
        return Inside(Preset.CRI, text[match.end() :], Piece(match["stream"], match["tag"] == "F"))
    for name, patterns in _IN_TEXTS.items():
        if preset in (name, Preset.AUTO):
            for pattern in patterns:
                if match := pattern.match(text):
                    return Inside(name, text[match.end() :])
    return _audit_field(text) if preset in (Preset.TRACING, Preset.AUTO) else None


def _uncounted(line: str) -> str:
    """Return a line without the count of its octets (RFC 6587 §3.4.1), if that is right, be it with the line's end."""
    counted = _COUNTED.match(line)
    text = line[counted.end() :] if counted else line
    more = int(counted[1]) - len(text.encode("utf-8", "surrogatepass")) if counted else 0
    return text if 0 <= more <= len("\r\n") else line


def _audit_field(text: str) -> Inside | None:
    """Return the field of an event in a line for the terminal; in a quoted text others may imitate it."""
    for match in islice(_AUDIT_FIELD.finditer(text), _MOST_FIELDS):
        before = text[: match.end()]
        if (before.count('"') - before.count('\\"')) % 2 == 0:
            return Inside(Preset.TRACING, text[match.end() :])
    return None


_MOST_FIELDS = 8


def _tracing(record: Mapping[str, Any]) -> Sequence[Way]:
    return [("fields", "audit") if isinstance(record.get("fields"), dict) else ("audit",)]


def _cloudwatch(record: Mapping[str, Any]) -> Sequence[Way]:
    return [("message" if "message" in record else "@message",)] if _AROUND_CLOUDWATCH.issuperset(record) else ()


def _docker(record: Mapping[str, Any]) -> Sequence[Way]:
    return [("log",), ("log_processed",)] if _AROUND_DOCKER.issuperset(record) else ()


def _journal(record: Mapping[str, Any]) -> Sequence[Way]:
    return [("MESSAGE",)] if all(map(_FIELD.fullmatch, record)) else ()


_FIELD = re.compile(r"[A-Z0-9_]+")


def _cloud_logging(record: Mapping[str, Any]) -> Sequence[Way]:
    is_entry = "logName" in record and _AROUND_CLOUD_LOGGING.issuperset(record)
    return [("textPayload",), ("jsonPayload",)] if is_entry else ()


def _vector(record: Mapping[str, Any]) -> Sequence[Way]:
    return [("message",)] if isinstance(record.get("source_type"), str) else ()


def _filebeat(record: Mapping[str, Any]) -> Sequence[Way]:
    log = record.get("log")
    return [("message",)] if isinstance(log, dict) and "offset" in log and "@timestamp" in record else ()


def _loki(record: Mapping[str, Any]) -> Sequence[Way]:
    return [("line",)] if record.keys() == {"labels", "line", "timestamp"} else ()


def _docker_piece(record: Mapping[str, Any], text: str) -> Piece:
    """Return which piece of a line it is: without a line feed at its end, or a mark of the driver's, it goes on."""
    names = (record.get("container_id"), record.get("source"), record.get("stream"))
    stream = " ".join(name[:_LONGEST_NAME] for name in names if isinstance(name, str))
    if "partial_message" in record:
        return Piece(stream, record.get("partial_last") in (True, "true"))
    return Piece(stream, text.endswith("\n") or "source" in record)


_LONGEST_NAME = 128


_IN_OBJECTS: Mapping[Preset, Callable[[Mapping[str, Any]], Sequence[Way]]] = {
    Preset.TRACING: _tracing,
    Preset.DOCKER: _docker,
    Preset.CLOUDWATCH: _cloudwatch,
    Preset.JOURNAL: _journal,
    Preset.CLOUD_LOGGING: _cloud_logging,
    Preset.VECTOR: _vector,
    Preset.FILEBEAT: _filebeat,
    Preset.LOKI: _loki,
}
"""Where in a collector's record the line stands that it wraps."""

_IN_TEXTS: Mapping[Preset, tuple[re.Pattern[str], ...]] = {
    Preset.SYSLOG: (_RFC5424, _RFC3164, _DATED),
    Preset.LOKI: (_LABELLED,),
    Preset.CLOUDWATCH: (_CLOUDWATCH,),
}
