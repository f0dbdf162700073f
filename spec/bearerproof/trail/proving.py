"""Proving a trail: one pass over the lines of its files, each line to the rules it is for."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bearerproof.trail import presets, reading, shapes
from bearerproof.trail.findings import Notebook
from bearerproof.trail.inspection import Inspector
from bearerproof.trail.options import Options
from bearerproof.trail.presets import Preset
from bearerproof.trail.reading import Block, OddLine
from bearerproof.trail.report import FileRead, Lines, TrailReport, conclude
from bearerproof.trail.rules import Rule
from bearerproof.trail.rules.failures import Failures
from bearerproof.trail.rules.lifecycle import Lifecycle
from bearerproof.trail.texts import SecretScanner

Progress = Callable[[str, int], None]
"""Is told a file's name and how many of its bytes have been read."""

Take = Callable[[dict[str, Any]], None]
"""Is given an event."""

_DEPTH = 4
"""Wrappings within each other, as a container's log inside a collector's."""


def prove(
    paths: Sequence[str], options: Options | None = None, progress: Progress | None = None, take: Take | None = None
) -> TrailReport:
    """Judge the trail that the files hold, read in the order given; ``-`` is standard input.

    ``take`` is given each event that is valid by its schema, when it has been judged. Nothing is raised for what the
    files hold or lack: a file that cannot be read is told in the report.
    """
    proof = _Proof(options or Options(), progress, take)
    for path in paths:
        proof.read(path)
    return proof.report()


def prove_lines(lines: Iterable[str], options: Options | None = None) -> TrailReport:
    """Judge a trail that is at hand, by the same rules; the report calls it ``(lines)``."""
    proof = _Proof(options or Options(), None, None)
    proof.take_lines(list(lines))
    return proof.report()


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


_decoder: Any = json.JSONDecoder(parse_constant=_refuse_constant)
_scan: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once  # raw_decode without its wrapper


_FAULT = "no JSON: it is broken, cut off or nested too deeply"


class _Proof:
    """One judgement under way."""

    def __init__(self, options: Options, progress: Progress | None, take: Take | None) -> None:
        self._options = options
        self._progress = progress
        self._take = take
        self._notebook = Notebook(options.findings)
        inspector = Inspector(SecretScanner(options.secret_patterns), self._notebook)
        self._lifecycle = Lifecycle(options, self._notebook, inspector)
        self._failures = Failures(options, self._notebook, inspector)
        self._files: list[FileRead] = []
        self._line = 0
        self._blank = self._foreign = self._unrecognised = self._broken = 0
        self._wrapped: Counter[Preset] = Counter()
        self._plain = options.preset in (Preset.AUTO, Preset.PLAIN)
        self._docker = options.preset in (Preset.AUTO, Preset.DOCKER)

    def read(self, path: str) -> None:
        """Read one file to its end, or to where it breaks off."""
        before, octets, trouble = self._line, 0, None
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
        self._judge_lines(lines)
        octets = sum(len(line.encode("utf-8", "surrogatepass")) + 1 for line in lines)
        self._files.append(FileRead("(lines)", before, len(lines), octets, None))

    def report(self) -> TrailReport:
        """End the trail and say what was found."""
        self._lifecycle.close()
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
            blank=self._blank,
            wrapped={str(name): number for name, number in sorted(self._wrapped.items()) if number},
        )
        return conclude(self._files, lines, applied, self._notebook, self._lifecycle, self._failures)

    def _counts(self) -> dict[str, int]:
        counts = {**self._lifecycle.counts, "verify-failure": self._failures.events}
        counts["drop-summary"] = self._failures.summaries
        return {name: number for name, number in counts.items() if number}

    def _judge_lines(self, lines: Sequence[str]) -> None:
        """Judge many lines; most break no rule, and are recognised without being read as JSON.

        Whoever takes the events has all of them read.
        """
        number, plain, docker = self._line, self._plain and self._take is None, self._docker and self._take is None
        use_passes, failure_passes = self._lifecycle.passes, self._failures.passes
        docker_passes, passed = self._lifecycle.passes_in_docker, 0
        for line in lines:
            number += 1
            if line.startswith(_DOCKER):
                if docker and docker_passes(line):
                    passed += 1
                    continue
            elif plain and (use_passes(line) or failure_passes(line)):
                continue
            self._judge_line(line, number)
        self._wrapped[Preset.DOCKER] += passed
        self._line = number

    def _judge_line(self, line: str, number: int) -> None:
        """Judge a line; those that are one event and nothing else, or that in Docker's wrapping, without a detour."""
        inside = presets.docker_log(line) if self._docker and line.startswith(_DOCKER) else None
        text, bare = (line, self._plain) if inside is None else (inside, True)
        try:
            record, end = _scan(text, 0)
        except (StopIteration, ValueError, RecursionError):
            record, end = None, -1
        whole = end == len(text)
        try:
            if not (bare and whole and type(record) is dict and self._judge_event(record, text, number)):
                self._judge_other(line, number, record if whole and inside is None else None)
            elif inside is not None:
                self._wrapped[Preset.DOCKER] += 1
                if record.get("event") == "token.used":
                    self._lifecycle.learn_docker(line, inside)
        except RecursionError:
            self._give_up(line, number, broken=True)

    def _judge_event(self, record: dict[str, Any], text: str, number: int) -> bool:
        """Judge a record if it is plainly an event, and say whether it is."""
        name = record.get("event")
        if type(name) is str and name in _EVENTS:
            self._judge_and_offer(self._lifecycle.judge, record, text, number)
        elif "source_id" in record and "kind" in record and "metadata" in record:
            self._judge_and_offer(self._failures.judge, record, text, number)
        else:
            return False
        return True

    def _judge_and_offer(
        self, judge: Callable[[dict[str, Any], str, int], None], record: dict[str, Any], text: str, number: int
    ) -> None:
        """Judge an event, and hand it on if it is valid by its schema."""
        if self._take is None:
            judge(record, text, number)
            return
        before = self._notebook.violated[Rule.SCHEMA]
        judge(record, text, number)
        if self._notebook.violated[Rule.SCHEMA] == before:
            self._take(record)

    def _judge_other(self, line: str, number: int, record: object) -> None:
        """Judge a line that is not simply an event: wrapped, broken, a drop summary, or not ours.

        ``record`` is what it holds when it is JSON and nothing else.
        """
        if not presets.may_be_ours(line):
            if line.strip():
                self._foreign += 1
            else:
                self._blank += 1
            return
        text, preset, wrappings = line.strip(_AROUND), self._options.preset, list[Preset]()
        while True:
            if record is None:
                record, text = _parsed(text, trailing=wrappings[-1:] == [Preset.TRACING])
            bare = preset in (Preset.AUTO, Preset.PLAIN)
            if bare and isinstance(record, dict) and self._judge_record(record, text, number):
                break
            inside = presets.unwrap(record, text, preset) if len(wrappings) < _DEPTH else None
            if inside is None:
                self._give_up(text, number, broken=record is None and bare and text.startswith("{"))
                return
            wrappings.append(inside[0])
            text, preset, record = inside[1].strip(_AROUND), Preset.AUTO, None
            if self._take is None and (self._lifecycle.passes(text) or self._failures.passes(text)):
                break
        for wrapping in wrappings:
            self._wrapped[wrapping] += 1

    def _judge_record(self, record: dict[str, Any], text: str, number: int) -> bool:
        """Judge a record if it is ours, though perhaps not well formed, and say whether it is."""
        name = record.get("event")
        if isinstance(name, str) and name.startswith("token."):
            self._judge_and_offer(self._lifecycle.judge, record, text, number)
        elif len(_OF_A_FAILURE.intersection(record)) >= _ENOUGH:
            self._judge_and_offer(self._failures.judge, record, text, number)
        elif record.keys() >= _OF_A_SUMMARY:
            self._failures.judge_summary(record, text, number)
        else:
            return False
        return True

    def _judge_odd(self, odd: OddLine) -> None:
        """Count a line that cannot be read; it is a finding where it begins like an event."""
        self._line += 1
        self._give_up(odd.head, self._line, broken=True, fault=odd.fault)

    def _give_up(self, text: str, number: int, *, broken: bool, fault: str = _FAULT) -> None:
        if not presets.seems_ours(text):
            self._foreign += 1
        elif broken:
            self._broken += 1
            self._notebook.find(Rule.SCHEMA, number, f"a line that begins like an event is {fault}")
        else:
            self._unrecognised += 1


_DOCKER = '{"log"'
_EVENTS = frozenset(shapes.REQUIRED)
_OF_A_FAILURE = frozenset({"kind", "occurred_at", "source_id", "metadata"})
_ENOUGH = 3
"""Members of a verify-failure event that make a record one, be it that a member is missing."""
_OF_A_SUMMARY = {"tier", "dropped", "kinds"}
_AROUND = "\ufeff \t\r\n"


def _parsed(text: str, *, trailing: bool) -> tuple[object, str]:
    """Return the JSON value of a text and the text of just that, or None and the text when it is not JSON.

    ``trailing``: whatever follows the value does not count.
    """
    try:
        value, end = _scan(text, 0)
    except (StopIteration, ValueError, RecursionError):
        return None, text
    if trailing or end == len(text):
        return value, text[:end]
    return None, text
