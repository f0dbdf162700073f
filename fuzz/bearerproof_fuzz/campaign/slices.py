"""A slice of a campaign: one worker's work for some minutes, as a task that any machine can do, and do again.

Nothing of it is in what it returns: findings, inputs and progress are in the campaign's folder as soon as they are
there. So a slice that is lost, or done twice, costs its time and nothing else.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from socket import gethostname

from bearerproof import __version__
from bearerproof.exceptions import BadInput
from bearerproof_fuzz.campaign.working import Plan

PATIENCE = 30
"""Seconds that a worker has to end by itself once it was told to, or its time is over."""


@dataclass(frozen=True)
class Slice:
    """What a machine is to do: be worker ``number`` of a plan for so many seconds, the campaign being ``elapsed`` old.

    ``turn`` counts the slices of this worker, so that none begins as another one did. ``version`` is whose plan it is,
    ``folder`` where the campaign was begun.
    """

    plan: str
    number: int
    turn: int
    seconds: float
    elapsed: float
    version: str = __version__
    folder: str = field(default_factory=lambda: str(Path.cwd()))

    @property
    def key(self) -> str:
        """Its name, the same wherever and however often it is done."""
        return f"bearerproof-{Plan.from_text(self.plan).campaign}-{self.number}-{self.turn}"


@dataclass(frozen=True)
class Done:
    """How a slice ended: the exit code of its process, and where that was."""

    code: int
    host: str


def begin(plan: Plan) -> None:
    """Leave in the campaign's folder what a machine has to find there, to know that it is the same folder."""
    plan.store.put(plan.mark("begun"), f"{__version__}\n")


def end(plan: Plan) -> None:
    """Have all machines end their slices of this campaign."""
    plan.store.put(plan.mark("over"), "over\n")


def carried_out(work: Slice) -> Done:
    """Do a slice, in a process of its own that ends with this one, and return how that ended.

    Raises:
        BadInput: this machine has another version of bearerproof, or does not see the campaign's folder.
    """
    plan = Plan.from_text(work.plan)
    _see_that_it_fits(plan, work.version)
    seed = plan.seed + work.turn * 1_000_003
    began = time.monotonic() - work.elapsed
    plan = replace(plan, seconds=work.seconds, seed=seed, parent=os.getpid(), began=began)
    with _running(plan, work) as process:
        deadline = time.monotonic() + work.seconds + PATIENCE
        while process.poll() is None and time.monotonic() < deadline:
            if plan.store.read(plan.mark("over")) is not None:
                process.terminate()
                deadline = min(deadline, time.monotonic() + PATIENCE)
            _wait(process, plan.store.pace)
        process.poll()
    return Done(process.returncode, gethostname())


def _see_that_it_fits(plan: Plan, version: str) -> None:
    if version != __version__:
        raise BadInput(f"{gethostname()} has bearerproof {__version__}, and the campaign is of {version}")
    if plan.store.read(plan.mark("begun")) is None:
        raise BadInput(
            f"{gethostname()} does not see the folder {plan.place}: give --corpus a folder that all machines share, "
            "or a URL"
        )


@contextmanager
def _running(plan: Plan, work: Slice) -> Iterator[subprocess.Popen[bytes]]:
    """Start the worker where the campaign was begun, if there is such a folder: adapters are named relative to it."""
    process = started(plan, work.number, work.folder if Path(work.folder).is_dir() else None)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def started(plan: Plan, number: int, folder: str | None = None) -> subprocess.Popen[bytes]:
    """Start one worker of a plan as a process. The plan goes through a pipe: a command line can be read by all."""
    command = [sys.executable, "-P", "-m", "bearerproof_fuzz.campaign", "-", str(number)]
    errors = None if "BEARERPROOF_DEBUG" in os.environ else subprocess.DEVNULL
    process = subprocess.Popen(  # noqa: S603 - our own
        command, stdin=subprocess.PIPE, stdout=errors, stderr=errors, cwd=folder
    )
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    with suppress(BrokenPipeError), process.stdin as pipe:  # what died at once is seen by its exit code
        pipe.write(plan.as_text().encode())
    return process


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return
