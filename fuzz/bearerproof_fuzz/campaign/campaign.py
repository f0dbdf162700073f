"""A campaign as a whole: its directory, its workers, and what all of them have done. Nothing here can be lost."""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from bearerproof.judging.settings import RunConfig
from bearerproof_fuzz.campaign import keeping
from bearerproof_fuzz.campaign.keeping import Kept
from bearerproof_fuzz.campaign.working import Plan, work

MOST_RESTARTS = 100
"""Workers started anew within one campaign: what ends without having said why is started again."""

PATIENCE = 30
"""Seconds that workers have to end by themselves once their time is over."""


@dataclass(frozen=True)
class Sum:
    """What all workers have done after so many seconds."""

    seconds: float
    tokens: int
    checks: int
    inputs: int
    features: int
    findings: int
    flaky: int
    deaths: int
    unreadable: int
    mib: float

    @property
    def rate(self) -> float:
        """Tokens a second."""
        return self.tokens / self.seconds if self.seconds else 0.0


@dataclass
class Ended:
    """A campaign that has ended: what it did, what was found, what was mended, and why it can say too little."""

    history: list[Sum] = field(default_factory=list)
    new: list[Kept] = field(default_factory=list)
    known: list[Kept] = field(default_factory=list)
    mended: list[Kept] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    restarts: int = 0
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """Return 1 when something new was found, 3 when the campaign could not be carried out, else 0."""
        if any(found.row.get("recurs") for found in self.new):
            return 1
        return 3 if self.troubles or not (self.history and self.history[-1].tokens + self.history[-1].checks) else 0


Show = Callable[[Sum], None]


def opened(settings: RunConfig, directory: Path, seconds: float, seed: int) -> Plan:
    """Make the directory of a campaign, or go on in one.

    Raises:
        BadInput: it cannot be made or written in.
    """
    plan = Plan(settings, directory, seconds, seed, os.getpid())
    for folder in (plan.findings, plan.corpus, plan.progress):
        keeping.made(folder)
    return plan


def recognised(plan: Plan, is_mended: Callable[[Kept], bool]) -> tuple[list[Kept], list[Kept]]:
    """Look again at what was found before; return what is still wrong, and put away what is no more."""
    known: list[Kept] = []
    mended: list[Kept] = []
    for found in keeping.kept(plan.findings):
        (mended if is_mended(found) else known).append(found)
    for found in mended:
        keeping.made(plan.findings / "mended")
        found.path.replace(plan.findings / "mended" / found.path.name)
    return known, mended


def carried_out(plan: Plan, workers: int, ended: Ended, show: Show) -> None:
    """Have the workers work until the time is over; what they do is shown now and then."""
    before = set(plan.progress.glob("*.jsonl"))
    began = time.monotonic()
    running = {number: _started(plan, number) for number in range(workers)}
    try:
        while running:
            time.sleep(0.2)
            running = dict(_still(plan, running, ended, began))
            _note(plan, before, ended, time.monotonic() - began, show)
    except KeyboardInterrupt:
        ended.interrupted = True
    finally:
        _stop(list(running.values()))
    _note(plan, before, ended, time.monotonic() - began, show, last=True)
    ended.troubles += sorted(set(_reasons(plan, before)))


def _started(plan: Plan, number: int) -> SpawnProcess:
    process = get_context("spawn").Process(target=work, args=(plan, number), daemon=False)
    process.start()
    return process


def _still(
    plan: Plan, running: dict[int, SpawnProcess], ended: Ended, began: float
) -> Iterator[tuple[int, SpawnProcess]]:
    """Yield the workers that go on; one that ended without a reason of its own is started again."""
    for number, process in running.items():
        left = plan.seconds - (time.monotonic() - began)
        if process.is_alive():
            if left < -PATIENCE:
                process.kill()
                ended.troubles.append("a worker did not end with the time and was killed")
            yield number, process
        elif process.exitcode not in (0, 3) and left > 0 and ended.restarts < MOST_RESTARTS:
            ended.restarts += 1
            yield number, _started(Plan(**{**vars(plan), "seconds": left, "seed": plan.seed + ended.restarts}), number)


def _stop(running: Sequence[SpawnProcess]) -> None:
    """Wait a little for workers that were interrupted too, then end them."""
    end = time.monotonic() + PATIENCE
    for process in running:
        process.join(max(0.0, end - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()


def _note(plan: Plan, before: set[Path], ended: Ended, seconds: float, show: Show, *, last: bool = False) -> None:
    if not last and ended.history and seconds - ended.history[-1].seconds < 1:
        return
    rows = list(_rows(plan, before))
    if rows:
        ended.history.append(_sum(rows, seconds))
        show(ended.history[-1])


_ADDED = ("tokens", "checks", "findings", "flaky", "deaths", "mib")


def _sum(rows: Sequence[dict[str, Any]], seconds: float) -> Sum:
    total = {
        name: sum(row[name] for row in rows) for name in ("tokens", "checks", "findings", "flaky", "deaths", "mib")
    }
    most = {name: max(row[name] for row in rows) for name in ("inputs", "features", "unreadable")}
    return Sum(seconds=seconds, **total, **most)


def _rows(plan: Plan, before: set[Path]) -> Iterator[dict[str, Any]]:
    """Yield the last whole line that each worker of this campaign has noted."""
    for path in sorted(set(plan.progress.glob("*.jsonl")) - before):
        lines = path.read_bytes().rpartition(b"\n")[0].splitlines()
        if lines:
            yield json.loads(lines[-1])


def _reasons(plan: Plan, before: set[Path]) -> Iterator[str]:
    usual = {"the time is over", "interrupted"}
    return (str(row["done"]) for row in _rows(plan, before) if row.get("done", "interrupted") not in usual)
