"""Proving a trail: one pass over the lines of its files, each line to the rules it is for."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bearerproof.exceptions import BearerproofError
from bearerproof.trail import presets, reading, shapes
from bearerproof.trail.careful import CarefulReader
from bearerproof.trail.events import Identity
from bearerproof.trail.fastpath import FastPath, is_sound
from bearerproof.trail.findings import Findings
from bearerproof.trail.inspection import Inspector
from bearerproof.trail.options import Options
from bearerproof.trail.pieces import Pieces
from bearerproof.trail.presets import Inside, Piece, Preset
from bearerproof.trail.reading import Block, OddLine
from bearerproof.trail.report import FileRead, Lines, TrailReport, conclude
from bearerproof.trail.rules import Rule
from bearerproof.trail.rules.failures import Failures
from bearerproof.trail.rules.lifecycle import Lifecycle
from bearerproof.trail.texts import SecretScanner

Progress = Callable[[str, int], None]
"""Is told a file's name and how many of its bytes have been read."""

Record = dict[str, Any]

Take = Callable[[Record], None]
"""Is given an event."""

_DEPTH = 4
"""Wrappings within each other, as a container's log inside a collector's."""


def prove(
    paths: Sequence[str],
    options: Options | None = None,
    progress: Progress | None = None,
    take: Take | None = None,
    *,
    fast: bool = True,
) -> TrailReport:
    """Judge the trail that the files hold; ``-`` is standard input.

    Files are read in the order of their first events; where one tells none or can be read but once, as they are given.

    ``take`` is given each event that is valid by its schema, when it has been judged. Nothing is raised for what the
    files hold or lack: a file that cannot be read is told in the report. Not ``fast``, the fast path is switched off:
    the report is the same, and comes later.
    """
    proof = _Proof(options or Options(), progress, take, fast=fast)
    for path in reading.oldest_first(paths):
        proof.read(path)
    return proof.report()


def prove_lines(lines: Iterable[str], options: Options | None = None, *, fast: bool = True) -> TrailReport:
    """Judge a trail that is at hand, by the same rules; the report calls it ``(lines)``."""
    proof = _Proof(options or Options(), fast=fast)
    proof.take_lines(list(lines))
    return proof.report()


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


_decoder: Any = json.JSONDecoder(parse_constant=_refuse_constant)
_scan: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once  # raw_decode without its wrapper


_FAULT = "no JSON: it is broken, cut off or nested too deeply"


class _Proof:
    """One judgement under way."""

    def __init__(
        self, options: Options, progress: Progress | None = None, take: Take | None = None, *, fast: bool
    ) -> None:
        self._options = options
        self._progress = progress
        self._take = take
        self._findings = Findings(options.findings)
        scanner = SecretScanner(options.secret_patterns)
        inspector = Inspector(scanner, self._findings)
        self._lifecycle = Lifecycle(options, self._findings, scanner)
        self._failures = Failures(options, self._findings, scanner)
        self._careful = CarefulReader(self._findings, inspector)
        self._fast = None
        if fast and is_sound(inspector):
            self._fast = FastPath(self._lifecycle, self._failures, inspector)
        self._files: list[FileRead] = []
        self._line = 0
        self._blank = self._foreign = self._unrecognised = self._broken = self._cut = 0
        self._pieces = Pieces()
        self._wrapped: Counter[Preset] = Counter()
        self._bare = options.preset in (Preset.AUTO, Preset.PLAIN)
        self._docker = options.preset in (Preset.AUTO, Preset.DOCKER)

    def read(self, path: str) -> None:
        """Read one file to its end, or to where it breaks off."""
        before, octets, trouble = self._line, 0, None
        self._lifecycle.file = len(self._files) + 1
        try:
            for block in reading.read(path):
                octets = block.consumed
                if isinstance(block, Block):
                    self._judge_lines(block.lines)
                else:
                    self._judge_odd(block)
                if self._progress is not None:
                    self._progress(path, octets)
        except reading.UnreadableError as error:
            trouble = str(error)
        self._files.append(FileRead(path, before, self._line - before, octets, trouble))

    def take_lines(self, lines: Sequence[str]) -> None:
        """Judge lines that are at hand, as if they were a file."""
        before = self._line
        self._lifecycle.file = len(self._files) + 1
        self._judge_lines(lines)
        octets = sum(len(line.encode("utf-8", "surrogatepass")) + 1 for line in lines)
        self._files.append(FileRead("(lines)", before, len(lines), octets, None))

    def report(self) -> TrailReport:
        """End the trail and say what was found."""
        for stream in self._pieces.streams():
            self._lose(stream)
        self._lifecycle.close()
        self._failures.close()
        applied = Counter(self._lifecycle.applied())
        applied.update(self._failures.applied())
        records = sum(self._lifecycle.counts.values()) + self._failures.events + self._failures.summaries
        applied.update(dict.fromkeys((Rule.SCHEMA, Rule.NO_SECRET, Rule.NO_CONTROLS), records))
        applied[Rule.SCHEMA] += self._broken
        lines = Lines(
            total=self._line,
            events=self._counts(),
            broken=self._broken,
            foreign=self._foreign,
            unrecognised=self._unrecognised,
            cut=self._cut,
            blank=self._blank,
            wrapped={str(name): number for name, number in sorted(self._wrapped.items()) if number},
        )
        return conclude(self._files, lines, applied, self._findings, self._lifecycle, self._failures)

    def _counts(self) -> dict[str, int]:
        counts = {**self._lifecycle.counts, "verify-failure": self._failures.events}
        counts["drop-summary"] = self._failures.summaries
        return {name: number for name, number in counts.items() if number}

    def _judge_lines(self, lines: Sequence[str]) -> None:
        """Judge many lines, most of them at once."""
        in_docker = bool(lines) and lines[0].startswith('{"log"')  # a log is of one form; others take the longer way
        admits, admitted = self._admitting(in_docker=in_docker), 0
        for number, line in enumerate(lines, self._line + 1):
            try:
                if not self._pieces and admits(line, number):
                    admitted += 1
                else:
                    self._judge_line(line, number)
            except BearerproofError:
                raise
            except RecursionError:
                self._give_up(line, number, broken=True)
            except Exception as error:  # noqa: BLE001 - the last resort: one line may cost its own judgement alone
                self._broken += 1
                self._findings.report(Rule.SCHEMA, number, f"the line could not be judged ({type(error).__name__})")
        self._line += len(lines)
        if in_docker:
            self._wrapped[Preset.DOCKER] += admitted

    def _admitting(self, *, in_docker: bool) -> Callable[[str, int], bool]:
        """Return what admits lines at once: nothing where somebody takes the events, as all of them have to be read."""
        if self._fast is None or self._take is not None:
            return _admits_none
        if in_docker:
            return self._fast.admits_docker_line if self._docker else _admits_none
        return self._fast.admits if self._bare else _admits_none

    def _judge_line(self, line: str, number: int) -> None:
        """Judge a line; one that is an event and nothing else without a detour."""
        record = None
        try:
            record, end = _scan(line, 0)
            record = record if end == len(line) else None
        except (StopIteration, ValueError, RecursionError):
            pass
        if not (self._bare and type(record) is dict and self._judge_event(record, line, number)):
            self._judge_other(line, number, record)

    def _judge_event(self, record: Record, text: str, number: int) -> bool:
        """Judge a record if it is plainly an event, and say whether it is."""
        name = record.get("event")
        if type(name) is str and name in _EVENTS:
            self._judge_lifecycle(record, text, number)
        elif "source_id" in record and "kind" in record and "metadata" in record:
            self._judge_failure(record, text, number)
        else:
            return False
        return True

    def _judge_lifecycle(self, record: Record, text: str, number: int) -> None:
        before = self._findings.violated[Rule.SCHEMA]
        if self._fast is None or not self._fast.admits(text, number):
            event = self._careful.lifecycle_event(record, text, number)
            self._lifecycle.judge(event, text, number)
            self._look_aside(_beside(record))
        self._offer(record, before)

    def _judge_failure(self, record: Record, text: str, number: int) -> None:
        before = self._findings.violated[Rule.SCHEMA]
        if self._fast is None or not self._fast.admits(text, number):
            self._failures.judge(self._careful.failure(record, text, number), number)
            self._look_aside(_beside(record))
        self._offer(record, before)

    def _offer(self, record: Record, violated_before: int) -> None:
        """Hand an event on, if it was valid by its schema."""
        if self._take is not None and self._findings.violated[Rule.SCHEMA] == violated_before:
            self._take(record)

    def _judge_other(self, line: str, number: int, record: object) -> None:
        """Judge a line that is not simply an event: wrapped, broken, a drop summary, or not ours.

        ``record`` is what it holds when it is JSON and nothing else.
        """
        if not (presets.may_be_ours(line) or self._pieces or presets.may_be_a_piece(line)):
            if line.strip(_AROUND):
                self._foreign += 1
            else:
                self._blank += 1
            return
        self._judge_wrapped(line.strip(_AROUND), number, record)

    def _judge_wrapped(self, text: str, number: int, record: object) -> None:
        """Take off one wrapping after another until an event shows, or nothing more can be taken off."""
        preset, wrappings, joined = self._options.preset, list[Preset](), False
        while True:
            trailing = wrappings[-1:] == [Preset.TRACING]
            if record is None:
                record, text, after = _parsed(text, trailing=trailing)
                self._look_aside(after)
            bare = preset in (Preset.AUTO, Preset.PLAIN)
            if bare and isinstance(record, dict) and self._judge_record(record, text, number):
                break
            inside = self._inside(record, text, preset, trailing=trailing) if len(wrappings) < _DEPTH else None
            if inside is None:
                self._give_up(text, number, broken=not joined and record is None and bare and text.startswith("{"))
                return
            if isinstance(record, dict):
                self._look_aside(_around(record, inside.text))
            if inside.piece is not None:
                joined = joined or self._pieces.has_begun(inside.piece)
                whole = self._put_together(inside.piece, inside.text)
                if whole is None:
                    return
                inside = Inside(inside.preset, whole)
            wrappings.append(inside.preset)
            text, preset, record = inside.text.strip(_AROUND), Preset.AUTO, None
        for wrapping in wrappings:
            self._wrapped[wrapping] += 1

    def _inside(self, record: object, text: str, preset: Preset, *, trailing: bool) -> Inside | None:
        """Return what a text wraps; the field of a line for the terminal may be quoted once more."""
        if trailing and isinstance(record, str):
            return Inside(Preset.TRACING, record)
        return presets.unwrap(record, text, preset)

    def _put_together(self, piece: Piece, text: str) -> str | None:
        """Return the line that a collector did not cut, or that this piece ends; None while its rest is to come."""
        begun = self._pieces.has_begun(piece)
        if (piece.last and not begun) or isinstance(_parsed(text.strip(_AROUND), trailing=False)[0], dict):
            if begun:
                self._lose(piece.stream)
            return text
        whole = self._pieces.add(piece, text)
        self._cut += whole is None
        for stream in self._pieces.overfull():
            self._lose(stream)
        return whole

    def _lose(self, stream: str) -> None:
        """Give up a line whose rest did not come: a collector cut it, nobody broke it; JSON may have been an event."""
        text = self._pieces.take(stream)
        if presets.seems_ours(text) or text.lstrip(_AROUND).startswith("{"):
            self._unrecognised += 1

    def _look_aside(self, text: str) -> None:
        """Count what looks like an event where none is read."""
        if text and presets.seems_ours(text):
            self._unrecognised += 1

    def _judge_record(self, record: Record, text: str, number: int) -> bool:
        """Judge a record if it is ours, though perhaps not well formed, and say whether it is."""
        name = record.get("event")
        if isinstance(name, str) and (name.startswith("token.") or _is_respelled(name)):
            self._judge_lifecycle(record, text, number)
        elif len(_OF_A_FAILURE.intersection(record)) >= _ENOUGH:
            self._judge_failure(record, text, number)
        elif record.keys() >= _OF_A_SUMMARY:
            summary = self._careful.summary(record, text, number, self._failures.course.last)
            self._failures.judge_summary(summary, number)
        else:
            return False
        return True

    def _judge_odd(self, odd: OddLine) -> None:
        """Count a line that cannot be read; it is a finding where it begins like an event."""
        self._line += 1
        if odd.looks_ours and not presets.seems_ours(odd.head):
            self._unrecognised += 1
        else:
            self._give_up(odd.head, self._line, broken=True, fault=odd.fault)

    def _give_up(self, text: str, number: int, *, broken: bool, fault: str = _FAULT) -> None:
        if not presets.seems_ours(text):
            self._foreign += 1
        elif broken:
            self._broken += 1
            self._findings.report(Rule.SCHEMA, number, f"a line that begins like an event is {fault}")
        else:
            self._unrecognised += 1


_EVENTS = frozenset(shapes.REQUIRED)
_OF_A_FAILURE = frozenset({"kind", "occurred_at", "source_id", "metadata"})
_ENOUGH = 3
"""Members of a verify-failure event that make a record one, be it that a member is missing."""
_OF_A_SUMMARY = {"tier", "dropped", "kinds"}
_AROUND = "\ufeff \t\r\n\0"


def _admits_none(line: str, number: int) -> bool:  # noqa: ARG001 - what it stands for looks at them
    return False


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


_OWN_MEMBERS = frozenset({
    *shapes.LIFECYCLE_CHECKS, *shapes.FAILURE_CHECKS, *Identity.__struct_fields__, "aud_hint", "engine_msg",
})  # fmt: skip


def _around(record: Record, inside: str) -> str:
    """Return what a collector's record holds beside the line that it wraps as JSON text."""
    fields = record.get("fields")
    parts = {**record, **(fields if isinstance(fields, dict) else {}), "fields": None}
    return json.dumps(
        [value for value in parts.values() if value is not inside and isinstance(value, str | dict | list)]
    )


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
