"""How an event stands in a line of somebody's log: named wrappings, and the text inside them."""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any


class Preset(StrEnum):
    """The outermost wrapping of the lines; inside it, and with ``auto``, every wrapping is tried."""

    AUTO = "auto"
    PLAIN = "plain"
    TRACING = "tracing"
    CLOUDWATCH = "cloudwatch"
    DOCKER = "docker"
    SYSLOG = "syslog"

    __hash__ = str.__hash__  # that of an enumeration is a Python call, on a path that runs for every wrapped line


_OURS = re.compile(
    r'\\*"event\\*"\s*:\s*\\*"token\.|\\*"source_id\\*"\s*:\s*\\*"[^"\\]*::|\\*"tier\\*"\s*:\s*\\*"(?:registered|strangers)\\*"'
)

_INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)"
_CLOUDWATCH = re.compile(rf"{_INSTANT}\s+(?:\S+\s+){{0,2}}?(?=\{{)")
_RFC5424 = re.compile(rf"<\d{{1,3}}>1 (?:-|{_INSTANT}) \S+ \S+ \S+ \S+ (?:-|(?:\[(?:[^\]\\]|\\.)*\])+) (?:\ufeff)?")
_RFC3164 = re.compile(r"(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ [^:\[\s]+(?:\[[^\]]*\])?: ")
_AUDIT_FIELD = re.compile(r"(?:^|\s)audit=(?=\{)")


def may_be_ours(line: str) -> bool:
    """Whether a line may hold an event or a drop summary, however often wrapped; no other is worth a closer look."""
    return "token." in line or "source_id" in line or "tier" in line


def seems_ours(text: str) -> bool:
    """Whether text that cannot be read as JSON looks as if one of our events had been meant."""
    return _OURS.search(text) is not None


def unwrap(record: object, text: str, preset: Preset) -> tuple[Preset, str] | None:
    """Return what a line of a log wraps, and which wrapping it is; ``record`` is its JSON value, or None.

    None when it wraps nothing, or in a way that ``preset`` does not name.
    """
    return _inside_object(record, preset) if isinstance(record, dict) else _inside_text(text, preset)


def _inside_object(record: Mapping[str, Any], preset: Preset) -> tuple[Preset, str] | None:
    for name, find in _IN_OBJECTS.items():
        if preset in (name, Preset.AUTO):
            text = find(record)
            if isinstance(text, str) and "{" in text:
                return name, text
    return None


def _inside_text(line: str, preset: Preset) -> tuple[Preset, str] | None:
    """Return what stands behind the prefix of a line that is not JSON."""
    for name, patterns in _IN_TEXTS.items():
        if preset in (name, Preset.AUTO):
            for pattern, find in patterns:
                match = find(pattern, line)
                if match is not None:
                    return name, line[match.end() :]
    return None


def _tracing(record: Mapping[str, Any]) -> object:
    fields = record.get("fields")
    return fields.get("audit") if isinstance(fields, dict) else record.get("audit")


def _cloudwatch(record: Mapping[str, Any]) -> object:
    return record.get("message", record.get("@message"))


def _docker(record: Mapping[str, Any]) -> object:
    return record.get("log")


_IN_OBJECTS: Mapping[Preset, Callable[[Mapping[str, Any]], object]] = {
    Preset.TRACING: _tracing,
    Preset.DOCKER: _docker,
    Preset.CLOUDWATCH: _cloudwatch,
}

_Find = Callable[[re.Pattern[str], str], re.Match[str] | None]

_IN_TEXTS: Mapping[Preset, tuple[tuple[re.Pattern[str], _Find], ...]] = {
    Preset.SYSLOG: ((_RFC5424, re.Pattern.match), (_RFC3164, re.Pattern.match)),
    Preset.CLOUDWATCH: ((_CLOUDWATCH, re.Pattern.match),),
    Preset.TRACING: ((_AUDIT_FIELD, re.Pattern.search),),
}
