"""``check --all``: builds one library after the other, judges as many at once as there are cores, prints a table."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rich.console import Console

from bearerproof.exceptions import StaleExpectations
from bearerproof.specification.catalogue import Measure
from bearerproof_fuzz.commands.libraries import building, verdicts
from bearerproof_fuzz.commands.libraries.building import BuildFailed, Tell
from bearerproof_fuzz.commands.libraries.manifest import Command, Manifest, find
from bearerproof_fuzz.commands.libraries.verdicts import LibraryResult, Stream, Verdict

DEFAULT_FOLDER = Path("tests/adapters")
"""Where the adapters stand in the source tree, in which the command is run."""

_SECONDS_TO_JUDGE = 3600.0
"""For a whole run: the longest known takes a minute; time-outs of single answers are the run's own."""


def check_all(
    names: Sequence[str],
    options: Command,
    measure: Measure,
    cache: Path | None,
    out: Console,
    err: Console,
    *,
    as_json: bool = False,
) -> int:
    """Judge the adapters that are named, by default all of ``tests/adapters``, and return the exit code.

    ``options`` are those of the command line that each run gets as well.

    Raises:
        BadInput: there is no such adapter, or a manifest is not valid.
    """
    place = (cache or building.default_cache()).resolve()
    manifests = find(names, DEFAULT_FOLDER)

    def tell(message: str) -> None:
        err.print(message, markup=False, highlight=False, soft_wrap=True)

    # Builds use every core they find, and come first; a run and its adapter wait for each other, so use one.
    built = [_built(manifest, place, tell) for manifest in manifests]
    runs = 1 if "-n" in options else max(1, os.cpu_count() or 1)
    results = asyncio.run(_judge_all(built, (*options, "--measure", str(measure)), tell, runs))
    if as_json:
        out.print(json.dumps(verdicts.as_json(results, str(measure))), markup=False, highlight=False, soft_wrap=True)
    else:
        _print(results, out)
    return verdicts.exit_code(results)


Decision = tuple[Verdict, str | None, Stream | None]


@dataclass(frozen=True)
class _Built:
    """An adapter with the folder in which it stands built, or what became of it before; and the seconds that took."""

    manifest: Manifest
    outcome: Path | Decision
    seconds: float


def _built(manifest: Manifest, cache: Path, tell: Tell) -> _Built:
    started = time.monotonic()
    outcome = _build(manifest, cache, tell)
    return _Built(manifest, outcome, time.monotonic() - started)


def _build(manifest: Manifest, cache: Path, tell: Tell) -> Path | Decision:
    if (absent := building.missing(manifest)) is not None:
        return Verdict.NOT_RUN, absent, None
    try:
        return building.build(manifest, cache, tell)
    except BuildFailed as failed:
        return Verdict.BUILD_FAILED, str(failed), None


async def _judge_all(built: Sequence[_Built], options: Command, tell: Tell, runs: int) -> list[LibraryResult]:
    """Judge so many at once, and return what became of each in their order."""
    free = asyncio.Semaphore(runs)

    async def judged(adapter: _Built) -> LibraryResult:
        async with free:
            return await _judge(adapter, options, tell)

    return await asyncio.gather(*map(judged, built))


async def _judge(adapter: _Built, options: Command, tell: Tell) -> LibraryResult:
    started, manifest = time.monotonic(), adapter.manifest
    decision = adapter.outcome
    if isinstance(decision, Path):
        tell(f"{manifest.name}: judging")
        decision = await _check(manifest, decision, options)
    verdict, reason, stream = decision
    seconds = round(adapter.seconds + time.monotonic() - started, 1)
    tell(f"{manifest.name}: {verdict}, {seconds:g} s" + (f": {reason}" if reason else ""))
    counts = (stream.expected, stream.unexpected) if stream else (0, 0)
    return LibraryResult(
        manifest.name, manifest.library, manifest.version, manifest.language, verdict, reason, *counts, seconds
    )


async def _check(manifest: Manifest, folder: Path, options: Command) -> Decision:
    """Run ``bearerproof check`` on the adapter, in a process of its own, and read what it left."""
    log, report = (folder.parent / f"{manifest.name}.{kind}" for kind in ("check.log", "jsonl"))
    report.unlink(missing_ok=True)
    expect = () if manifest.expectations is None else ("--expect", str(manifest.expectations))
    command = (
        sys.executable,
        "-P",
        "-m",
        "bearerproof",
        "check",
        "--no-baselines",
        "--report",
        str(report),
        *expect,
        *options,
        "--",
        *manifest.run,
    )
    with log.open("wb") as file:
        code = await _run(command, folder, file)
    if code is None:
        return Verdict.NOT_JUDGED, f"no end within {_SECONDS_TO_JUDGE:g} s", None
    return _verdict(manifest, code, Stream.read(report) if report.exists() else None, log)


async def _run(command: Command, folder: Path, log: IO[bytes]) -> int | None:
    """Return the exit code of a run, or None if it did not end in time; what it started ends with it."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, start_new_session=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )
    try:
        return await asyncio.wait_for(process.wait(), _SECONDS_TO_JUDGE)
    except TimeoutError:
        return None
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _verdict(manifest: Manifest, code: int, stream: Stream | None, log: Path) -> Decision:
    """Say what a finished run comes to; one that left no report judged nothing, whatever its exit code."""
    told = f"the log {log} ends:\n{building.last_lines(log)}"
    if code == StaleExpectations.exit_code:
        return Verdict.STALE, told, stream
    if stream is None or code not in (0, 1):
        return Verdict.NOT_JUDGED, f"exit code {code}; {told}", stream
    if stream.version != manifest.version:
        return Verdict.NOT_JUDGED, f"it says that it is {stream.version}, its manifest says {manifest.version}", None
    if code == 1:
        return Verdict.DOES_NOT_CONFORM, f"see {log}", stream
    return (Verdict.AS_EXPECTED if stream.expected else Verdict.CONFORMS), None, stream


def _print(results: Sequence[LibraryResult], out: Console) -> None:
    for line in (*_table(results), *_reasons(results)):
        out.print(line, markup=False, highlight=False, soft_wrap=True)


_TITLES = ("adapter", "library", "version", "verdict", "red, expected", "red, unexpected", "seconds")


def _table(results: Sequence[LibraryResult]) -> Iterator[str]:
    rows = [_TITLES, *(_cells(result) for result in results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        texts = [cell.ljust(width) for cell, width in zip(row[:4], widths[:4], strict=True)]
        numbers = [cell.rjust(width) for cell, width in zip(row[4:], widths[4:], strict=True)]
        yield "  ".join([*texts, *numbers])


def _cells(result: LibraryResult) -> tuple[str, ...]:
    names = (result.name, result.library, result.version, str(result.verdict))
    return (*names, str(result.expected), str(result.unexpected), f"{result.seconds:.1f}")


def _reasons(results: Sequence[LibraryResult]) -> Iterator[str]:
    yield from (f"{result.name}: {result.reason}" for result in results if result.reason is not None)
