"""``bearerproof check``: a first look, then the suite, then what it comes to, in every form that was asked for."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

import pytest
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from bearerproof.contract.declaration import Declaration
from bearerproof.contract.http.provider import StartProvider
from bearerproof.contract.implementation import Implementation
from bearerproof.contract.resource.authority import StartAuthority
from bearerproof.judging import expectations, expectationsfile, junit, markdown, summaries
from bearerproof.judging.baselines import Baselines, Score
from bearerproof.judging.expectations import Expectations
from bearerproof.judging.page import Page
from bearerproof.judging.results import RED, Record, State
from bearerproof.judging.runner import Run, RunOptions, Suite, not_begun, run
from bearerproof.judging.settings import DEFAULT, EXAMPLES, RunConfig
from bearerproof_fuzz.commands import firstlook, recording
from bearerproof_fuzz.commands.terminal import show, width_of
from bearerproof_fuzz.commands.writing import Unwritten, replace_file
from bearerproof_fuzz.keys import MATERIAL
from bearerproof_fuzz.needs import HTTP


@dataclass(frozen=True)
class Outputs:
    """Files that a run reads and writes beside its text, and how much of that there is.

    ``revision`` is what the suite has to be, if anything.
    """

    expect: Path | None = None
    write_expect: Path | None = None
    prune: bool = False
    reports: tuple[recording.Output, ...] = ()
    revision: str | None = None
    junit: Path | None = None
    summary: Path | None = None
    baselines: bool = False
    verbose: bool = False


def check(
    suite: Suite,
    settings: RunConfig,
    options: RunOptions,
    outputs: Outputs,
    out: Console,
    err: Console,
    provider: StartProvider | None = None,
    authority: StartAuthority | None = None,
) -> int:
    """Run a suite and return the exit code: 0 conforms, 1 does not, 2 stale expectations, 3 not judged.

    Raises:
        BearerproofError: nothing could be run; the message says why.
    """
    recording.prepare(outputs.reports, outputs.revision)
    foreseen = expectations.read(outputs.expect) if outputs.expect else Expectations()
    former = expectationsfile.former(outputs.write_expect) if outputs.write_expect else None
    settings = replace(settings, known=foreseen.known)
    implementation = settings.start(provider, authority)
    look = _first_look(implementation, settings, out)
    if look.nothing_judged:
        show(look.page(settings, width_of(out)), out)
        finished = not_begun(settings, options, implementation, f"no honest token is accepted: {look.refused[0].said}")
        _write_files(finished, replace(outputs, write_expect=None), finished.facts(), None, [], err)
        return 3
    settings, options = _narrowed(implementation, settings, options, look)
    if options.exit_first:
        options = replace(options, stop_at=lambda record: record.state in RED and not foreseen.covers(record))
    _print_untriable(implementation.declaration, out)
    baselines = Baselines(suite, settings, implementation.hello) if outputs.baselines else None
    with Watch(err, settings) as watch:
        finished = run(suite, settings, options, [watch, *([] if baselines is None else [baselines])], implementation)
    if finished.unfound and not finished.records:
        if baselines is not None:
            baselines.close()
        _print_lines((f"bearerproof: {text}" for text in finished.unfound), err)
        return 3
    judged = foreseen.judge(
        finished.records, finished.harness.unrun, narrowed=finished.narrowed, suite=expectationsfile.suite()
    )
    finished.records, finished.stale = list(judged.records), list(judged.stale)
    scores, effort = _scores(baselines, finished), implementation.effort
    told = [*implementation.remarks, *([effort] if effort else [])]
    remarks = [*judged.remarks, *told, *_remarks(finished), *_compared(scores)]
    written = _expectations_written(finished, outputs, former, remarks)
    facts = finished.facts(unseen=judged.unseen, remarks=remarks)
    show(summaries.summary(facts, width_of(out), verbose=outputs.verbose), out)
    return 3 if not _write_files(finished, outputs, facts, written, scores, err) else facts.exit_code


def _first_look(implementation: Implementation, settings: RunConfig, out: Console) -> firstlook.Look:
    try:
        scope = settings.resolve(implementation.declaration)
        look = firstlook.look(implementation, scope)
    except BaseException:
        implementation.close()
        raise
    head = summaries.heading(implementation.declaration, scope, settings, width_of(out))
    if not look.nothing_judged:
        head.say(look.describe(), hang=2)
    show(head, out)
    return look


def _narrowed(
    implementation: Implementation, settings: RunConfig, options: RunOptions, look: firstlook.Look
) -> tuple[RunConfig, RunOptions]:
    """Pass over the parts of the declaration of which an honest token is refused: nothing could be judged of them."""
    parts = tuple(look.left_out)
    profiles = tuple(name for name in settings.profiles if f"profile {name}" not in parts)
    implementation.declaration = implementation.declaration.without(parts)
    return replace(settings, left_out=parts, profiles=profiles), replace(options, left_out=look.left_out)


def _print_untriable(declaration: Declaration, out: Console) -> None:
    """Say before anything else of what is declared nothing can be said: there are no keys to try it with."""
    names = [name for name in declaration.algorithms if name not in MATERIAL]
    if names:
        _print_lines([f"declared, not judged: {', '.join(names)} (bearerproof has no keys to try it with)"], out)


def _print_lines(texts: Iterable[str], console: Console) -> None:
    page = Page(width_of(console))
    for text in texts:
        if console.stderr:  # a message is one line, and no path in it is broken
            page.keep(text)
        else:
            page.say(text, hang=2)
    show(page, console)


def _scores(baselines: Baselines | None, finished: Run) -> list[Score]:
    """Return what implementations that decide nothing score; a run cut short has none to compare."""
    if baselines is None:
        return []
    if finished.stopped is not None:
        baselines.close()
        return []
    return baselines.scores()


def _compared(scores: Sequence[Score]) -> list[str]:
    told = ", ".join(score.describe() for score in scores)
    return [f"for comparison: {told} checks that apply"] if scores else []


class Watch:
    """Shows progress on stderr: what is red so far, and how long the rest will take at the rate seen so far."""

    def __init__(self, err: Console, settings: RunConfig) -> None:
        self._err = err
        self._settings = settings
        self._progress = Progress(
            TextColumn("[progress.description]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=err,
            transient=True,
            disable=not err.is_terminal,
        )
        self._task: TaskID | None = None
        self._red: set[str] = set()
        self._rate = Rate(EXAMPLES[settings.depth])

    def __enter__(self) -> Self:
        self._progress.start()
        self._task = self._progress.add_task("collecting", total=None)
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Learn how many checks there are."""
        self._expect([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Learn it from a worker."""
        self._expect(ids)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Advance, and count the requirements that fail."""
        if self._task is None or (report.when != "call" and not (report.when == "setup" and not report.passed)):
            return
        if report.failed:
            self._red.add(_requirement(report.nodeid))
        failing = f", {len(self._red)} requirements red" if self._red else ""
        self._progress.update(self._task, advance=1, description=f"checking{failing}")
        estimate = self._rate.done(report.nodeid)
        if estimate is not None:
            quick = "" if self._settings.depth != DEFAULT else "; a first answer in seconds: --quick"
            _print_lines([f"{estimate}{quick}"], self._err)

    def _expect(self, ids: Sequence[str]) -> None:
        if self._task is not None and ids:
            self._progress.update(self._task, total=len(ids), description="checking")
            self._rate.begin(ids)


def _requirement(node: str) -> str:
    return node.partition("[")[2].partition(".")[0]


class Rate:
    """Says once, when a few seconds have been measured, how long a run will take at the rate that was seen.

    A check that draws presents many tokens where another presents five, which is what each is weighed by.
    """

    AFTER, WORTH_TELLING = 2.0, 10.0
    """Seconds after which it is told, and seconds left from which on."""

    def __init__(self, examples: int) -> None:
        self._drawn = max(1.0, examples * _DRAWN)
        self._weight = self._total = 0.0
        self._number = self._checks = 0
        self._started = time.monotonic()
        self._is_told = False

    def begin(self, nodes: Sequence[str]) -> None:
        """Weigh what is to be run, from now on."""
        self._total, self._checks = sum(map(self._weigh, nodes)), len(nodes)
        self._started = time.monotonic()

    def done(self, node: str) -> str | None:
        """Note one more that is done, and return what there is to tell."""
        if not self._number:  # what is loaded for the first is loaded once
            self._started, self._total = time.monotonic(), self._total - self._weigh(node)
        else:
            self._weight += self._weigh(node)
        self._number += 1
        seconds = time.monotonic() - self._started
        if self._is_told or seconds < self.AFTER or not self._weight:
            return None
        self._is_told = True
        whole = seconds * self._total / self._weight
        if whole - seconds < self.WORTH_TELLING:
            return None
        return f"{self._number} of {self._checks} checks in {seconds:.0f} s: at this rate about {_worded(whole)} in all"

    def _weigh(self, node: str) -> float:
        return 1.0 if "test_edit[" in node else self._drawn


_DRAWN = 0.25
"""What one drawn example costs, in edits: an edit has four tokens presented and a control."""


def _worded(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _remarks(finished: Run) -> list[str]:
    lacking = any(_lacks_http(record) for record in finished.records)
    return [_HTTP_IS_NOT_INSTALLED] if lacking and finished.harness.settings.target == _REFERENCE else []


_REFERENCE = "reference"
_HTTP_IS_NOT_INSTALLED = (
    "The HTTP binding of the reference needs packages that are not installed, so it was not judged; install them with: "
    "python -m pip install 'bearerproof[server]'"
)


def _lacks_http(record: Record) -> bool:
    return record.state is State.NOT_APPLICABLE and str(HTTP) in (record.reason or "")


def _expectations_written(finished: Run, outputs: Outputs, former: str | None, remarks: list[str]) -> str | None:
    """Return what the expectations file is to hold, and remark what was mended."""
    if outputs.write_expect is None:
        return None
    merged = expectationsfile.merged(
        former, finished.records, finished.harness.unrun, narrowed=finished.narrowed, prune=outputs.prune
    )
    remarks += merged.remarks
    return merged.text


def _write_files(
    finished: Run,
    outputs: Outputs,
    facts: summaries.Facts,
    expected: str | None,
    scores: Sequence[Score],
    err: Console,
) -> bool:
    """Write what was asked for; a full disk costs the file and the exit code, never what was printed."""
    header = finished.header()
    stream = recording.lines(finished, facts.exit_code, scores) if outputs.reports else []
    texts: Sequence[tuple[Path | None, Callable[[], Iterable[str]]]] = (
        *((output.path, partial(recording.rendered, output.kind, stream)) for output in outputs.reports),
        (outputs.junit, lambda: [junit.document(facts, header, finished.harness.seconds)]),
        (outputs.summary, lambda: [markdown.document(facts)]),
        (outputs.write_expect, lambda: [expected or ""]),
    )
    written = True
    for path, lines in texts:
        try:
            if path is not None:
                replace_file(path, "".join(lines()))
        except Unwritten as unwritten:
            _print_lines([f"bearerproof: {unwritten}"], err)
            written = False
    return written
