"""``bearerproof check``: runs the suite, shows progress, writes what was asked for, and returns the exit code."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import pytest
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from bearerproof.contract.declaration import Declaration
from bearerproof.contract.http.provider import StartProvider
from bearerproof.contract.resource.authority import StartAuthority
from bearerproof.exceptions import StaleExpectations
from bearerproof.judging import expectations, reports, results
from bearerproof.judging.baselines import Baselines
from bearerproof.judging.results import RED, Record, State
from bearerproof.judging.runner import Run, RunOptions, Suite, run
from bearerproof.judging.settings import RunConfig
from bearerproof_fuzz.keys import MATERIAL
from bearerproof_fuzz.needs import HTTP


@dataclass(frozen=True)
class Outputs:
    """Files that a run reads and writes beside its text."""

    expect: Path | None = None
    write_expect: Path | None = None
    report: Path | None = None
    baselines: bool = False


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
    foreseen = expectations.load(outputs.expect) if outputs.expect else []
    settings = replace(settings, known=tuple(entry.known for entry in foreseen if entry.known is not None))
    implementation = settings.start(provider, authority)
    _print_untriable(implementation.declaration, out)
    baselines = Baselines(suite, settings, implementation.hello) if outputs.baselines else None
    with Watch(err, out, settings) as watch:
        finished = run(suite, settings, options, [watch, *([] if baselines is None else [baselines])], implementation)
    stale = _apply(foreseen, finished)
    _print_summary(finished, out, expectations.unseen(foreseen, finished.records))
    for remark in implementation.remarks:
        out.print(remark, markup=False, highlight=False, soft_wrap=True)
    if baselines is not None:
        _print_baselines(baselines, finished, out)
    code = finished.exit_code()
    if code != 3 and stale is not None:
        err.print(f"[bold red]stale[/]  {stale}", markup=True, highlight=False)
        code = StaleExpectations.exit_code
    return 3 if not _write_files(finished, outputs, code, err) else code


def _print_untriable(declaration: Declaration, out: Console) -> None:
    """Say before anything else of what is declared nothing can be said: there are no keys to try it with."""
    names = [name for name in declaration.algorithms if name not in MATERIAL]
    if names:
        text = f"declared, not judged: {', '.join(names)} (bearerproof has no keys to try it with)"
        out.print(text, markup=False, highlight=False, soft_wrap=True)


def _print_baselines(baselines: Baselines, finished: Run, out: Console) -> None:
    """Set the score beside those of implementations that decide nothing; a run cut short has none to compare."""
    if finished.incomplete:
        baselines.close()
        return
    scores = ", ".join(score.describe() for score in baselines.scores())
    out.print(f"for comparison: {scores} checks that apply", markup=False, highlight=False, soft_wrap=True)


class Watch:
    """Shows progress on stderr and each failure on stdout as it comes."""

    def __init__(self, err: Console, out: Console, settings: RunConfig) -> None:
        self._out = out
        self._settings = settings
        self._progress = Progress(
            TextColumn("[progress.description]{task.description}"), BarColumn(), MofNCompleteColumn(),
            TimeElapsedColumn(), console=err, transient=True, disable=not err.is_terminal,
        )  # fmt: skip
        self._task: TaskID | None = None
        self._red = 0

    def __enter__(self) -> Self:
        self._progress.start()
        self._task = self._progress.add_task("collecting", total=None)
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Learn how many checks there are."""
        self._expect(len(session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Learn it from a worker."""
        self._expect(len(ids))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Advance, and show what failed."""
        if self._task is None or (report.when != "call" and not (report.when == "setup" and not report.passed)):
            return
        if report.failed:
            self._red += 1
            self._show(report)
        self._progress.update(self._task, advance=1, description=f"checking, {self._red} red")

    def _expect(self, number: int) -> None:
        if self._task is not None and number:
            self._progress.update(self._task, total=number, description="checking")

    def _show(self, report: pytest.TestReport) -> None:
        self._progress.stop()
        rule = "─" * 20
        self._out.print(f"{rule} {_title(report)} {rule}", markup=False, highlight=False, soft_wrap=True)
        self._out.print(str(report.longreprtext), markup=False, highlight=False, soft_wrap=True)
        self._progress.start()


def _title(report: pytest.TestReport) -> str:
    name = report.nodeid.partition("[")[2].rstrip("]")
    return name or report.nodeid


def _apply(foreseen: list[expectations.Expectation], finished: Run) -> StaleExpectations | None:
    """Mark what was foreseen; a partial run cannot tell whether an entry is stale, so it is not asked."""
    try:
        relevant = foreseen if finished.partial is None else _touched(foreseen, finished)
        finished.records = expectations.apply(relevant, finished.records)
    except StaleExpectations as stale:
        return stale
    return None


def _touched(foreseen: list[expectations.Expectation], finished: Run) -> list[expectations.Expectation]:
    red = [record for record in finished.records if record.state in RED]
    return [entry for entry in foreseen if any(entry.matches(record) for record in red)]


def _print_summary(finished: Run, out: Console, unseen: list[str]) -> None:
    text = reports.summary(
        finished.records,
        finished.harness.implementation.declaration,
        finished.harness.scope,
        troubles=finished.troubles,
        partial=finished.partial,
        incomplete=finished.incomplete,
        untried=finished.untried,
        unseen=unseen,
        out_of_scope=finished.out_of_scope,
        two_way=finished.two_way,
    )
    out.print(text, markup=False, highlight=False, soft_wrap=True, end="")
    if finished.harness.settings.target == _REFERENCE and any(_lacks_http(record) for record in finished.records):
        out.print(_HTTP_IS_NOT_INSTALLED, markup=False, highlight=False, soft_wrap=True)


_REFERENCE = "reference"
_HTTP_IS_NOT_INSTALLED = (
    "The HTTP binding of the reference needs packages that are not installed, so it was not judged; install them with: "
    "python -m pip install 'bearerproof[server]'"
)


def _lacks_http(record: Record) -> bool:
    return record.state is State.NOT_APPLICABLE and str(HTTP) in (record.reason or "")


def _write_files(finished: Run, outputs: Outputs, code: int, err: Console) -> bool:
    """Write what was asked for; a full disk costs the file and the exit code, never what was printed."""
    written = finished.unwritten is None
    if finished.unwritten is not None:
        err.print(f"bearerproof: {finished.unwritten}", markup=False, highlight=False)
    if outputs.report is not None:
        lines = results.stream(finished.header(), finished.records, finished.footer(code))
        written &= _write(outputs.report, lines, err)
    if outputs.write_expect is not None:
        written &= _write(outputs.write_expect, [expectations.write(finished.records)], err)
    return written


def _write(path: Path, lines: Iterable[str], err: Console) -> bool:
    """Write beside the target and rename, so that a failed write leaves the old file whole."""
    special = path.exists() and not path.is_file()  # a pipe or a device cannot be renamed over
    draft = path if special else path.with_name(path.name + ".partial")
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.writelines(lines)
        if not special:
            draft.replace(path)
    except OSError as error:
        err.print(f"bearerproof: cannot write {path}: {error.strerror}", markup=False, highlight=False, soft_wrap=True)
        if not special:
            with suppress(OSError):
                draft.unlink()
        return False
    return True
