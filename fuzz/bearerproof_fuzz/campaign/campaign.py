"""A campaign as a whole: its directory, its workers, and what all of them have done. Nothing here can be lost."""

import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

from bearerproof.exceptions import BadInput
from bearerproof_fuzz.campaign import keeping
from bearerproof_fuzz.campaign.keeping import Kept
from bearerproof_fuzz.campaign.slices import started
from bearerproof_fuzz.campaign.working import AGAIN, CORPUS, LESSONS, PROGRESS, UNWRITTEN, Plan

MOST_RESTARTS = 100
"""Workers started anew after they died: what does nothing but die is left."""

PATIENCE = 30
"""Seconds that workers have to end by themselves once their time is over."""

MOST_SAMPLES = 1200
"""Sums that are kept: beyond them every other one is left out, and they are taken half as often."""


@dataclass(frozen=True)
class Sum:
    """What all workers have done after so many seconds."""

    seconds: float
    tokens: int
    checks: int
    inputs: int
    features: int
    findings: int
    foreseen: int
    flaky: int
    deaths: int
    faults: int
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
    foreseen: list[Kept] = field(default_factory=list)
    mended: list[Kept] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    restarts: int = 0
    recycled: int = 0
    interrupted: bool = False
    every: float = 1.0

    @property
    def exit_code(self) -> int:
        """Return 1 when something new was found, 3 when the campaign could not be carried out, else 0."""
        if any(found.recurs for found in self.new):
            return 1
        return 3 if self.troubles or not self.asked else 0

    @property
    def asked(self) -> int:
        """Tokens and checks of the suite that were asked by now."""
        return self.history[-1].tokens + self.history[-1].checks if self.history else 0

    def add(self, done: Sum) -> None:
        """Keep a sum, and of many only some: a campaign of a week has no more of them than one of an hour."""
        self.history.append(done)
        if len(self.history) > MOST_SAMPLES:
            self.history = self.history[::2]
            self.every *= 2


Show = Callable[[Sum], None]

Row = dict[str, Any]
"""What a worker has noted last."""


def opened(plan: Plan) -> None:
    """Make the folder of a campaign, or go on in one.

    Raises:
        BadInput: it cannot be made or written in.
    """
    plan.store.prepare(keeping.FINDINGS, CORPUS, PROGRESS, LESSONS)


def recognised(plan: Plan, is_mended: Callable[[Kept], bool]) -> tuple[list[Kept], list[Kept]]:
    """Look again at what was found before; return what is still wrong, and put away what is no more."""
    known: list[Kept] = []
    mended: list[Kept] = []
    for found in keeping.kept(plan.store):
        (mended if is_mended(found) else known).append(found)
    for found in mended:
        with suppress(OSError, BadInput):  # there is no room: it is looked at again when the next campaign begins
            keeping.put_away(plan.store, found)
    return known, mended


class Interrupts:
    """What Ctrl-C and SIGTERM do meanwhile: once it ends in order, twice it ends at once."""

    def __init__(self, kill: Callable[[], None]) -> None:
        self._kill = kill
        self.asked = 0

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._handle) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, *_: object) -> None:
        self.asked += 1
        if self.asked > 1:
            self._kill()
            raise KeyboardInterrupt


class Crew(Protocol):
    """Those who work at a campaign, by their numbers, wherever they are."""

    ended: Ended

    @property
    def at_work(self) -> bool:
        """Whether any of them has not ended."""

    def start(self, number: int, seconds: float) -> None:
        """Start one for so many seconds."""

    def look(self, left: float) -> None:
        """Take note of those that have ended, and start again those that have to be, with so many seconds left."""

    def are_running(self, rows: Sequence[Row]) -> list[Row]:
        """Return of what workers have noted last the notes of those that are still at work."""

    def stop(self) -> None:
        """Have them end in order."""

    def kill(self) -> None:
        """End them at once; what they found is on the disk."""


@dataclass
class Workers:
    """The processes of a campaign on this machine, by their numbers."""

    plan: Plan
    ended: Ended
    running: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    signals: Counter[str] = field(default_factory=Counter)

    @property
    def at_work(self) -> bool:
        """Whether any of them has not ended."""
        return bool(self.running)

    def start(self, number: int, seconds: float) -> None:
        """Start one for so many seconds. Ctrl-C reaches this process alone, which tells the others."""
        seed = self.plan.seed + self.ended.restarts + self.ended.recycled
        plan = replace(self.plan, seconds=seconds, seed=seed)
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self.running[number] = started(plan, number)
        finally:
            signal.signal(signal.SIGINT, before)

    def look(self, left: float) -> None:
        """Take note of those that have ended; one that ended without a reason of its own is started again."""
        for number, process in list(self.running.items()):
            code = process.poll()
            if code is None:
                if left < -PATIENCE:
                    process.kill()
                    self.ended.troubles.append("a worker did not end with the time and was killed")
                continue
            del self.running[number]
            if code == UNWRITTEN:
                self._unwritten()
            elif code not in (0, 3) and left > 0 and not self.ended.interrupted:
                self._again(number, code, left)

    def _again(self, number: int, code: int, left: float) -> None:
        if code == AGAIN and left < self.plan.seconds:
            self.ended.recycled += 1
        else:
            self.ended.restarts += 1
            self.signals[f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"] += 1
        if self.ended.restarts <= MOST_RESTARTS:
            time.sleep(min(1.0, 0.05 * self.ended.restarts))
            self.start(number, left)
        else:
            how = ", ".join(f"{times} {what}" for what, times in self.signals.items())
            self.ended.troubles.append(f"workers died more than {MOST_RESTARTS} times ({how}): no more are started")

    def _unwritten(self) -> None:
        beside = self.plan.beside
        where = f"; what could not be written there lies in {beside.place}" if beside.path.is_dir() else ""
        self.ended.troubles.append(f"cannot write in {self.plan.place}: is the disk full?{where}")

    def are_running(self, rows: Sequence[Row]) -> list[Row]:
        """Return of what workers have noted last the notes of those that are still at work."""
        running = {process.pid for process in self.running.values()}
        return [row for row in rows if row["process"] in running]

    def stop(self) -> None:
        """Have them end in order."""
        for process in self.running.values():
            process.terminate()

    def kill(self) -> None:
        """End them at once; what they found is on the disk."""
        for process in self.running.values():
            process.kill()
            process.wait()


def carried_out(plan: Plan, workers: int, crew: Crew, show: Show) -> None:
    """Have the workers work until the time is over; what they do is shown now and then."""
    began, ended = plan.began, crew.ended
    with Interrupts(crew.kill) as interrupts:
        try:
            for number in range(workers):
                crew.start(number, plan.seconds)
            while crew.at_work:
                time.sleep(0.1)
                crew.look(plan.seconds - (time.monotonic() - began))
                if interrupts.asked and not ended.interrupted:
                    ended.interrupted = True
                    plan = replace(plan, seconds=time.monotonic() - began)
                    crew.stop()
                _note(plan, crew, time.monotonic() - began, show)
        finally:
            crew.kill()
    _note(plan, crew, time.monotonic() - began, show, last=True)
    ended.troubles = sorted({*ended.troubles, *_reasons(plan)})
    for name in plan.store.names(LESSONS):
        if name.startswith(plan.lesson("")):
            plan.store.remove(name)


def _note(plan: Plan, crew: Crew, seconds: float, show: Show, *, last: bool = False) -> None:
    ended = crew.ended
    if not last and ended.history and seconds - ended.history[-1].seconds < ended.every:
        return
    rows = list(_rows(plan))
    if rows:
        mib = sum(row["mib"] for row in crew.are_running(rows)) if crew.at_work else _mib_before(ended)
        ended.add(_sum(rows, seconds, mib))
        show(ended.history[-1])


def _mib_before(ended: Ended) -> float:
    return ended.history[-1].mib if ended.history else 0.0


_ADDED = ("tokens", "checks", "findings", "foreseen", "flaky", "deaths", "faults")
_MOST = ("inputs", "features", "unreadable")


def _sum(rows: Sequence[Row], seconds: float, mib: float) -> Sum:
    total = {name: sum(row[name] for row in rows) for name in _ADDED}
    most = {name: max(row[name] for row in rows) for name in _MOST}
    return Sum(seconds=seconds, **total, **most, mib=mib)


def _rows(plan: Plan) -> Iterator[Row]:
    """Yield the last whole line that each worker of this campaign has noted, with its number and process."""
    for name in plan.store.names(PROGRESS):
        _, _, file = name.partition("/")
        if file.startswith(f"{plan.campaign}-") and file.endswith(".jsonl"):
            lines = (plan.store.read(name) or b"").rpartition(b"\n")[0].splitlines()
            with suppress(ValueError):
                _, number, process, _ = file.split("-")
                yield {**json.loads(lines[-1] if lines else b""), "number": int(number), "process": int(process)}


def _reasons(plan: Plan) -> Iterator[str]:
    """Yield why workers ended, where that was for none of the usual reasons and says more than their exit code."""
    usual = {"the time is over", "interrupted", "started anew"}
    reasons = (str(row["done"]) for row in _rows(plan) if row.get("done", "interrupted") not in usual)
    return (reason for reason in reasons if not reason.startswith("cannot write in "))


def found_beside(plan: Plan) -> list[Kept]:
    """Return the findings that could not be written in the campaign's folder."""
    return list(keeping.kept(plan.beside))
