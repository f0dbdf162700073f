"""Proving a trail: one pass over the lines of its files, and the events in them, in their order, to the rules."""

import json
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import NamedTuple, cast

from bearerproof.trail import presets, reading
from bearerproof.trail.careful import CarefulReader
from bearerproof.trail.events import Failure, LifecycleEvent
from bearerproof.trail.facts import Batch, Fact, Few, Tally
from bearerproof.trail.findings import Findings, Report, TrailFinding
from bearerproof.trail.gists import Gisted
from bearerproof.trail.glance import Glance
from bearerproof.trail.inspection import Inspector
from bearerproof.trail.options import Options
from bearerproof.trail.reader import LineReader, Take, could_not_be_judged
from bearerproof.trail.reading import Begin, Block, Content, End, OddLine, Part
from bearerproof.trail.report import FileRead, Lines, TrailReport, conclude
from bearerproof.trail.rules import Rule
from bearerproof.trail.rules.failures import Failures
from bearerproof.trail.rules.lifecycle import Lifecycle
from bearerproof.trail.texts import SecretScanner

Progress = Callable[[str, int], None]
"""Is told a file's name and how many of its bytes have been read."""

Events = Batch | Few | Gisted
"""Events of some lines, in the order of these."""


class PartRead(NamedTuple):
    """What was read of a part of a file, its first line being line 1.

    ``tally`` is of its lines that are no events, ``reports`` are what is wrong with single lines. Of one batch alone
    that has no reports there may be but what it comes down to.
    """

    lines: int
    consumed: int
    tally: Tally
    reports: Sequence[Report]
    parts: Sequence[Events]


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

    ``take`` is given each event that is valid by its schema. Nothing is raised for what the
    files hold or lack: a file that cannot be read is told in the report. Not ``fast``, the fast path is switched off:
    the report is the same, and comes later.
    """
    judgement = Judgement(options or Options(), take, progress, fast=fast)
    for content in reading.contents(paths):
        judgement.feed(content)
    return judgement.report()


def prove_lines(lines: Iterable[str], options: Options | None = None, *, fast: bool = True) -> TrailReport:
    """Judge a trail that is at hand, by the same rules; the report calls it ``(lines)``."""
    at_hand = list(lines)
    size = sum(len(line.encode("utf-8", "surrogatepass")) + 1 for line in at_hand)
    judgement = Judgement(options or Options(), fast=fast)
    judgement.feed(Begin("(lines)"))
    for is_long, some in groupby(at_hand, lambda line: len(line) > reading.MAX_LINE):
        if is_long:
            for line in some:
                judgement.feed(reading.long_line(line, size))
        else:
            judgement.read_lines(list(some), size)
    judgement.feed(End())
    return judgement.report()


_PARTS = 4
"""Parts of events that did not each come next after the one before."""

_AT_ONCE = 4096
"""Lines at hand that are read before the rules are given what they hold."""


class Judge:
    """Gives the events of one trail to the rules, in the order of its lines, and says in the end what was found."""

    def __init__(
        self, options: Options, tell: Callable[[TrailFinding], None] | None = None, *, fast: bool = True
    ) -> None:
        self.findings = Findings(options.findings, tell)
        scanner = SecretScanner(options.secret_patterns)
        self._careful = CarefulReader(self.findings, Inspector(scanner, self.findings))
        self._lifecycle = Lifecycle(options, self.findings, scanner)
        self._failures = Failures(options, self.findings, scanner)
        self._glance = Glance(self._lifecycle, self._failures, self._decide) if fast else None
        self._unjudged = 0

    def begin_file(self, number: int) -> None:
        """Take what comes from here on for the events of another file."""
        self._lifecycle.file = number

    def take(self, parts: Iterable[Events]) -> None:
        """Judge the events of the next lines."""
        for part in parts:
            if isinstance(part, Batch):
                self._take_batch(part)
            elif isinstance(part, Few):
                self._take_few(part)
            elif not self.take_short(part):
                self._take_batch(cast("Callable[[], Batch]", part.whole)())

    def take_short(self, short: Gisted) -> bool:
        """Judge a batch by what it comes down to, if that is enough; say whether it was, else nothing is changed."""
        if self._glance is None or not self._glance.judge_gist(short):
            return False
        self._take_few(short.beside or Few())
        return True

    def report(self, files: Sequence[FileRead], tally: Tally) -> TrailReport:
        """End the trail and say what was found. ``tally`` is of the lines that are no events."""
        is_whole = not tally.unrecognised and not any(file.trouble for file in files)
        self._lifecycle.close(is_whole=is_whole)
        self._failures.close()
        applied = Counter(self._lifecycle.applied())
        applied.update(self._failures.applied())
        records = sum(self._lifecycle.counts.values()) + self._failures.events + self._failures.summaries
        applied.update(dict.fromkeys((Rule.SCHEMA, Rule.NO_SECRET, Rule.NO_CONTROLS), records))
        broken = tally.broken + self._unjudged
        applied[Rule.SCHEMA] += broken
        lines = Lines(
            total=sum(file.lines for file in files),
            events=self._counts(),
            broken=broken,
            foreign=tally.foreign,
            unrecognised=tally.unrecognised,
            cut=tally.cut,
            blank=tally.blank,
            wrapped={str(name): number for name, number in sorted(tally.wrapped.items()) if number},
        )
        return conclude(files, lines, applied, self.findings, self._lifecycle, self._failures)

    def _take_batch(self, batch: Batch) -> None:
        """Judge events together, or fewer and fewer of them where one needs a closer look.

        Events of a verifier beside them have nothing to do with theirs but the order in which findings are told, and
        where these come each after the one before, what both could be found wrong in is in order.
        """
        beside = batch.beside or Few()
        if self._glance is not None and self._glance.judge(batch):
            self._take_few(beside)
        elif len(batch) > 1:
            for some in batch.parted(-(-len(batch) // _PARTS)):
                self._take_batch(some)
        else:
            before = bisect(beside.lines, batch.lines[0])
            self._take_few(Few(beside.events[:before], beside.lines[:before]))
            self._take_one(batch.event(0), "", batch.lines[0])
            self._take_few(Few(beside.events[before:], beside.lines[before:]))

    def _take_few(self, few: Few) -> None:
        if self._glance is not None and self._glance.passes_all(few.events):
            return
        for event, line in zip(few.events, few.lines, strict=True):
            if self._glance is None or not self._glance.passes(event):
                self._take_one(event, few.texts.get(line, ""), line)

    def _take_one(self, event: Fact, text: str, line: int) -> None:
        try:
            self._judge(event, text, line)
        except Exception as error:  # noqa: BLE001 - the last resort: one line may cost its own judgement alone
            self._give_up(line, error)

    def _decide(self, event: LifecycleEvent, line: int) -> None:
        """Judge an event whose time and number have been followed."""
        try:
            self._lifecycle.decide(event, line)
        except Exception as error:  # noqa: BLE001 - as above
            self._give_up(line, error)

    def _give_up(self, line: int, error: Exception) -> None:
        self._unjudged += 1
        self.findings.report(Rule.SCHEMA, line, could_not_be_judged(error))

    def _judge(self, event: Fact, text: str, line: int) -> None:
        if isinstance(event, LifecycleEvent):
            self._lifecycle.judge(event, text, line)
        elif isinstance(event, Failure):
            self._failures.judge(event, line)
        else:
            summary = self._careful.summary(json.loads(event.text), event.text, line, self._failures.course.last)
            self._failures.judge_summary(summary, line)

    def _counts(self) -> dict[str, int]:
        counts = {**self._lifecycle.counts, "verify-failure": self._failures.events}
        counts["drop-summary"] = self._failures.summaries
        return {name: number for name, number in counts.items() if number}


class Judgement:
    r"""One judgement under way: is fed what the trail consists of, and reads those parts that nobody has read.

    ``tell`` is told each finding as soon as it is sure. The others are as for ``prove``.

    >>> judgement = Judgement(Options())
    >>> for content in (Begin("a.jsonl"), reading.Part(b"hello\n", 6), End()):
    ...     judgement.feed(content)
    >>> str(judgement.report().verdict)
    'not judged'
    """

    def __init__(
        self,
        options: Options,
        take: Take | None = None,
        progress: Progress | None = None,
        tell: Callable[[TrailFinding], None] | None = None,
        *,
        fast: bool = True,
    ) -> None:
        self._judge = Judge(options, tell, fast=fast)
        self._reader = LineReader(options, self._judge.findings, take, fast=fast)
        self._progress = progress
        self._files: list[FileRead] = []
        self._path, self._before, self._octets = "", 0, 0
        self._line = 0

    def place(self, line: int) -> tuple[str, int]:
        """Return the file that is being read, and the line in it of a line counted over all files."""
        return self._path, line - self._before

    def feed(self, content: Content) -> None:
        """Read and judge what comes next."""
        if isinstance(content, Begin):
            self._path, self._before, self._octets = content.path, self._line, 0
            self._judge.begin_file(len(self._files) + 1)
        elif isinstance(content, End):
            read = self._line - self._before
            self._files.append(FileRead(self._path, self._before, read, self._octets, content.trouble))
        else:
            self._read(content)
            self._advance(content.consumed)

    def read_lines(self, lines: Sequence[str], consumed: int) -> None:
        """Read and judge the next lines; of their file so many octets have been read then."""
        for start in range(0, len(lines), _AT_ONCE):
            some = lines[start : start + _AT_ONCE]
            self._reader.read(some, self._line + 1)
            self._line += len(some)
            self._judge.take(self._reader.drain().parts)
        self._octets = consumed

    def take(self, read: PartRead) -> bool:
        """Judge what was read of the next part of the file; say whether it was enough, else nothing is changed.

        It is not where a line is under way that a collector cut: then a part says nothing by itself.
        """
        if self._reader.pieces:
            return False
        parts: list[Events] = [part.moved(self._line) for part in read.parts]
        short = parts[0] if parts else None
        if isinstance(short, Gisted) and short.whole is None:
            if not self._judge.take_short(short):
                return False
        else:
            for rule, line, summary, occurred_at in read.reports:
                self._judge.findings.report(rule, self._line + line, summary, occurred_at)
            self._judge.take(parts)
        self._reader.tally.add(read.tally)
        self._line += read.lines
        self._advance(read.consumed)
        return True

    def lose(self, text: str) -> None:
        """Count a line whose rest will not come, though nobody lied: it was being written, or moved."""
        if presets.seems_ours(text):
            self._reader.tally.unrecognised += 1

    def report(self) -> TrailReport:
        """End the trail and say what was found."""
        self._reader.close()
        return self._judge.report(self._files, self._reader.tally)

    def _read(self, content: Part | OddLine) -> None:
        count = self._reader.read_whole(content.octets, self._line + 1) if isinstance(content, Part) else 0
        if count:
            self._line += count
            self._judge.take(self._reader.drain().parts)
            return
        for block in reading.decoded(content):
            if isinstance(block, Block):
                self.read_lines(block.lines, content.consumed)
            else:
                self._line += 1
                self._reader.read_odd(block, self._line)

    def _advance(self, consumed: int) -> None:
        self._octets = consumed
        if self._progress is not None:
            self._progress(self._path, consumed)
