"""Handing the events of a trail on, one line for each, in the form that a SIEM or a collector reads."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from bearerproof.exports import EXPORTS, Unexportable
from bearerproof.trail.report import TrailReport


class Form(StrEnum):
    """The forms that events are handed on in."""

    OCSF = "ocsf"
    ECS = "ecs"
    OTEL = "otel"


class Exporter:
    """Writes events as JSON lines; keeps no more of them than how many there were.

    ``write`` is given each line with its line feed. ``left_out`` counts the events that the form has no honest record
    of, by the reason.
    """

    def __init__(self, form: Form, write: Callable[[str], object]) -> None:
        self._form = form
        self._write = write
        self.written = 0
        self.left_out: Counter[str] = Counter()

    def take(self, event: Mapping[str, Any]) -> None:
        """Write an event that is valid by its schema."""
        try:
            record = EXPORTS[self._form](event)
            text = json.dumps(_framed(record) if self._form is Form.OTEL else record, separators=(",", ":"))
        except Unexportable as error:
            self.left_out[str(error)] += 1
            return
        except Exception as error:  # noqa: BLE001 - the last resort: what one event holds costs no other
            self.left_out[f"it could not be written in this form ({type(error).__name__})"] += 1
            return
        self._write(text + "\n")
        self.written += 1

    def as_json(self, report: TrailReport) -> dict[str, Any]:
        """Return what is told of the export, as JSON data: ``export`` in ``trail-report.schema.json``."""
        return {"format": str(self._form), "written": self.written, "left_out": self._reasons(report)}

    def as_text(self, report: TrailReport) -> str:
        """Return what is told of the export, for a person."""
        lines = [f"exported as {self._form}: {_events(self.written)}"]
        lines += [f"  not exported: {_events(number)}: {why}" for why, number in self._reasons(report).items()]
        return "\n".join(lines) + "\n"

    def _reasons(self, report: TrailReport) -> dict[str, int]:
        counts = dict(report.lines.events)
        summaries = counts.pop("drop-summary", 0)
        invalid = sum(counts.values()) - self.written - self.left_out.total()
        reasons = {**self.left_out, _INVALID: invalid, _SUMMARY: summaries}
        return {why: number for why, number in reasons.items() if number}


_INVALID = "not valid by the schema (TRAIL-1)"
_SUMMARY = "a drop summary stands for events, and is none"


def _framed(record: dict[str, Any]) -> dict[str, Any]:
    """Return a log record as the whole message that a collector's file input loads (OTLP/JSON ``LogsData``)."""
    return {"resourceLogs": [{"scopeLogs": [{"scope": {"name": "bearerproof"}, "logRecords": [record]}]}]}


def _events(number: int) -> str:
    return f"{number:,} event{'' if number == 1 else 's'}"
