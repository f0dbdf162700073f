"""Reading the lines of a trail one by one: what is taken off them, which events show, and what is wrong with a line.

Nothing here knows what other lines say, but for those that a collector cut into pieces.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from bearerproof.exceptions import BearerproofError
from bearerproof.trail import presets, shapes
from bearerproof.trail.careful import CarefulReader
from bearerproof.trail.events import Identity
from bearerproof.trail.facts import AROUND, Fact, Facts, SummaryText, Tally
from bearerproof.trail.fastpath import FastPath, is_sound
from bearerproof.trail.findings import Findings
from bearerproof.trail.inspection import Inspector
from bearerproof.trail.options import Options
from bearerproof.trail.pieces import Pieces
from bearerproof.trail.presets import Inside, Piece, Preset
from bearerproof.trail.reading import OddLine
from bearerproof.trail.rules import Rule
from bearerproof.trail.texts import SecretScanner

Record = dict[str, Any]

Take = Callable[[Record], None]
"""Is given an event."""

_DEPTH = 4
"""Wrappings within each other, as a container's log inside a collector's."""

_FAULT = "no JSON: it is broken, cut off or nested too deeply"


class LineReader:
    """Reads the lines of one trail into ``facts``, and takes down what is wrong with a line by itself.

    >>> reader = LineReader(Options(), Findings(5))
    >>> reader.read(['{"event":"token.invalid","reason":"unknown-bearer"}', "GET /health 200"], 1)
    >>> reader.facts.parts[0].lines, reader.tally.foreign
    ([1], 1)
    """

    def __init__(self, options: Options, findings: Findings, take: Take | None = None, *, fast: bool = True) -> None:
        self._options = options
        self._take = take
        self._findings = findings
        inspector = Inspector(SecretScanner(options.secret_patterns), findings)
        self._careful = CarefulReader(findings, inspector)
        self._fast = FastPath(inspector, options.preset) if fast and is_sound(inspector) else None
        self._reads_at_once = self._fast is not None and take is None
        self.facts = Facts()
        self.tally = Tally()
        self.pieces = Pieces()
        self._bare = options.preset in (Preset.AUTO, Preset.PLAIN)

    def read_whole(self, octets: bytes, number: int) -> int:
        """Read whole lines at once and return how many; 0 where that cannot be, and they are to be read one by one."""
        if self._fast is None or not self._reads_at_once or self.pieces:
            return 0
        return self._fast.read_whole(octets, number, self.facts, self.tally)

    def read(self, lines: Sequence[str], number: int) -> None:
        """Read lines of which the first is line ``number`` of the trail, most of them at once."""
        place, last = 0, len(lines)
        while place < last:
            if self._fast is not None and self._reads_at_once and not self.pieces:
                place = self._fast.read(lines, place, number, self.facts, self.tally)
            if place < last:
                self._read_alone(lines[place], number + place)
                place += 1

    def read_odd(self, odd: OddLine, number: int) -> None:
        """Count a line that cannot be read; it is a finding where it begins like an event."""
        if odd.looks_ours and not presets.seems_ours(odd.head):
            self.tally.unrecognised += 1
        else:
            self._give_up(odd.head, number, broken=True, fault=odd.fault)

    def close(self) -> None:
        """End the trail: the rest of what is under way will not come."""
        for stream in self.pieces.streams():
            self._lose(stream)

    def drain(self) -> Facts:
        """Return the facts since the last time."""
        facts, self.facts = self.facts, Facts()
        return facts

    def _read_alone(self, line: str, number: int) -> None:
        """Read a line; whatever stands in it costs its own judgement alone."""
        try:
            self._read_line(line, number)
        except BearerproofError:
            raise
        except RecursionError:
            self._give_up(line, number, broken=True)
        except Exception as error:  # noqa: BLE001 - the last resort: one line may cost its own judgement alone
            self.tally.broken += 1
            self._findings.report(Rule.SCHEMA, number, could_not_be_judged(error))

    def _read_line(self, line: str, number: int) -> None:
        """Read a line; one that is an event and nothing else without a detour."""
        record = None
        try:
            record, end = _scan(line, 0)
            record = record if end == len(line) else None
        except (StopIteration, ValueError, RecursionError):
            pass
        if not (self._bare and type(record) is dict and self._read_event(record, line, number)):
            self._read_other(line, number, record)

    def _read_event(self, record: Record, text: str, number: int) -> bool:
        """Read a record if it is plainly an event, and say whether it is."""
        name = record.get("event")
        if type(name) is str and name in _EVENTS:
            self._read_shaped(self._careful.lifecycle_event, record, text, number)
        elif "source_id" in record and "kind" in record and "metadata" in record:
            self._read_shaped(self._careful.failure, record, text, number)
        else:
            return False
        return True

    def _read_shaped(
        self, carefully: Callable[[Record, str, int], Fact], record: Record, text: str, number: int
    ) -> None:
        """Read an event by the fast path, or carefully where that cannot."""
        before = self._findings.violated[Rule.SCHEMA]
        event: Fact | None = None if self._fast is None else self._fast.read_one(text)
        if event is None:
            event = carefully(record, text, number)
            self._look_aside(_beside(record))
        self.facts.add(event, text, number)
        self._offer(record, before)

    def _offer(self, record: Record, violated_before: int) -> None:
        """Hand an event on, if it was valid by its schema."""
        if self._take is not None and self._findings.violated[Rule.SCHEMA] == violated_before:
            self._take(record)

    def _read_other(self, line: str, number: int, record: object) -> None:
        """Read a line that is not simply an event: wrapped, broken, a drop summary, or not ours.

        ``record`` is what it holds when it is JSON and nothing else.
        """
        if not (
            presets.may_be_ours(line) or self.pieces or presets.may_be_a_piece(line) or presets.may_be_octets(line)
        ):
            self.tally.add_foreign((line,))
            return
        self._read_wrapped(line.strip(AROUND), number, record)

    def _read_wrapped(self, text: str, number: int, record: object) -> None:
        """Take off one wrapping after another until an event shows, or nothing more can be taken off."""
        preset, wrappings, joined = self._options.preset, list[Preset](), False
        while True:
            trailing = wrappings[-1:] == [Preset.TRACING]
            if record is None:
                record, text, after = _parsed(text, trailing=trailing)
                self._look_aside(after)
            bare = preset in (Preset.AUTO, Preset.PLAIN)
            if bare and isinstance(record, dict) and self._read_record(record, text, number):
                break
            inside = self._inside(record, text, preset, trailing=trailing) if len(wrappings) < _DEPTH else None
            if inside is None and presets.leaves_out(record):
                self.tally.unrecognised += 1
                return
            if inside is None:
                self._give_up(text, number, broken=not joined and record is None and bare and _is_broken(text))
                return
            if isinstance(record, dict):
                self._look_aside(_around(record, inside.taken))
            if inside.piece is not None:
                joined = joined or self.pieces.has_begun(inside.piece)
                whole = self._put_together(inside.piece, inside.text)
                if whole is None:
                    return
                inside = Inside(inside.preset, whole)
            wrappings.append(inside.preset)
            text, preset, record = inside.text.strip(AROUND), Preset.AUTO, None
        for wrapping in wrappings:
            self.tally.wrapped[wrapping] += 1

    def _inside(self, record: object, text: str, preset: Preset, *, trailing: bool) -> Inside | None:
        """Return what a text wraps; the field of a line for the terminal may be quoted once more."""
        if trailing and isinstance(record, str):
            return Inside(Preset.TRACING, record)
        return presets.unwrap(record, text, preset)

    def _put_together(self, piece: Piece, text: str) -> str | None:
        """Return the line that a collector did not cut, or that this piece ends; None while its rest is to come."""
        begun = self.pieces.has_begun(piece)
        if (piece.last and not begun) or isinstance(_parsed(text.strip(AROUND), trailing=False)[0], dict):
            if begun:
                self._lose(piece.stream)
            return text
        whole = self.pieces.add(piece, text)
        self.tally.cut += whole is None
        for stream in self.pieces.overfull():
            self._lose(stream)
        return whole

    def _lose(self, stream: str) -> None:
        """Give up a line whose rest did not come: a collector cut it, nobody broke it; JSON may have been an event."""
        text = self.pieces.take(stream)
        if presets.seems_ours(text) or text.lstrip(AROUND).startswith("{"):
            self.tally.unrecognised += 1

    def _look_aside(self, text: str) -> None:
        """Count what looks like an event where none is read."""
        if text and presets.seems_ours(text):
            self.tally.unrecognised += 1

    def _read_record(self, record: Record, text: str, number: int) -> bool:
        """Read a record if it is ours, though perhaps not well formed, and say whether it is."""
        name = record.get("event")
        if isinstance(name, str) and (name.startswith("token.") or _is_respelled(name)):
            self._read_shaped(self._careful.lifecycle_event, record, text, number)
        elif len(_OF_A_FAILURE.intersection(record)) >= _ENOUGH:
            self._read_shaped(self._careful.failure, record, text, number)
        elif record.keys() >= _OF_A_SUMMARY:
            self.facts.add(SummaryText(text), text, number)
        else:
            return False
        return True

    def _give_up(self, text: str, number: int, *, broken: bool, fault: str = _FAULT) -> None:
        if not presets.seems_ours(text):
            self.tally.foreign += 1
        elif broken:
            self.tally.broken += 1
            self._findings.report(Rule.SCHEMA, number, f"a line that begins like an event is {fault}")
        else:
            self.tally.unrecognised += 1


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


_decoder: Any = json.JSONDecoder(parse_constant=_refuse_constant)
_scan: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once  # raw_decode without its wrapper


_EVENTS = frozenset(shapes.REQUIRED)
_OF_A_FAILURE = frozenset({"kind", "occurred_at", "source_id", "metadata"})
_ENOUGH = 3
"""Members of a verify-failure event that make a record one, be it that a member is missing."""
_OF_A_SUMMARY = {"tier", "dropped", "kinds"}


def could_not_be_judged(error: Exception) -> str:
    """Return what is told of a line that nobody foresaw."""
    return f"the line could not be judged ({type(error).__name__})"


def _is_respelled(name: str) -> bool:
    """Whether a name reads as that of one of our events, and is not."""
    return "".join(presets.folded(name[:_LONGEST_NAME]).split()) in _EVENTS


_LONGEST_NAME = 100


def _beside(record: Record) -> str:
    """Return what an event holds beyond its own members as JSON text, without the free text of a verifier's."""
    more = {name: value for name, value in record.items() if name not in _OWN_MEMBERS}
    for name in ("identity", "metadata"):
        if isinstance(inner := record.get(name), dict):
            more[name] = {name: value for name, value in inner.items() if name not in _OWN_MEMBERS}
    return json.dumps(more) if any(more.values()) else ""


_OWN_MEMBERS = frozenset(
    {
        *shapes.LIFECYCLE_CHECKS,
        *shapes.FAILURE_CHECKS,
        *Identity.__struct_fields__,
        "aud_hint",
        "engine_msg",
    }
)


def _around(record: Record, taken: object) -> str:
    """Return what a collector's record holds beside the line that it wraps as JSON text."""
    fields = record.get("fields")
    parts = {**record, **(fields if isinstance(fields, dict) else {}), "fields": None}
    if (
        "log_processed" in record
        and isinstance(taken, str)
        and _parsed(taken.strip(AROUND), trailing=False)[0] == record["log_processed"]
    ):
        del parts["log_processed"]  # the line once more, as Fluent Bit read it
    return json.dumps(
        [value for value in parts.values() if value is not taken and isinstance(value, str | dict | list)]
    )


def _is_broken(text: str) -> bool:
    """Whether text begins as an object and is none; behind a whole one may stand what a collector wrote."""
    return presets.opens_object(text) and _parsed(text, trailing=True)[0] is None


def _parsed(text: str, *, trailing: bool) -> tuple[object, str, str]:
    """Return the JSON value of a text, the text of just that and what follows; None and the text when it is not JSON.

    Unless ``trailing``, nothing may follow.
    """
    try:
        value, end = _scan(text, 0)
    except (StopIteration, ValueError, RecursionError):
        return None, text, ""
    if trailing or end == len(text):
        return value, text[:end], text[end:]
    return None, text, ""
