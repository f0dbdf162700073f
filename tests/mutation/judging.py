"""Judging a mutant: the suite runs on it in a process of its own, up to the first check that does not pass.

The suite is collected once. Each mutant gets a fork of the process that has done so, which forgets the reference
that it knows and loads the mutant.
"""

import gc
import os
import resource
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from operator import itemgetter
from pathlib import Path
from types import CodeType

import hypothesis
import pytest
from hypothesis import Phase

from bearerproof.exceptions import BearerproofError
from bearerproof.judging.harness import Harness, mark_of
from bearerproof.judging.results import RED, State
from bearerproof.judging.runner import Run, RunOptions, run
from bearerproof.judging.settings import RunConfig
from bearerproof_fuzz.suite import SUITE
from tests.mutation.mutants import PACKAGE, Mutant
from tests.mutation.reach import Reach


class Fate(StrEnum):
    """What became of a mutant.

    ``killed``: a check is red. ``broken``: it does not load, or breaks the contract. ``timeout``: no end. By all of
    these ``bearerproof check`` does not pass. ``narrowed``: it passes, but it declares less, and so fewer checks
    applied than do to the reference, to which all of them apply.
    """

    KILLED = "killed"
    BROKEN = "broken"
    TIMEOUT = "timeout"
    NARROWED = "narrowed"
    SURVIVED = "survived"


@dataclass(frozen=True)
class Verdict:
    """A fate, the id of the check that decided it, what else there is to say, and how long it took."""

    fate: Fate
    check: str = ""
    detail: str = ""
    seconds: float = 0.0


PATIENCE = 90.0
"""Seconds allowed for a mutant: three times what the whole suite takes on the unchanged reference."""

_MEMORY = 4 * 1024**3
"""Bytes of address space for one mutant: one without a bound must not take the machine with it."""

_KEPT = 60
"""Checks that killed lately, and run first on the next mutant: neighbours die of the same checks."""


_REAL_TIME = ("KEY-", "SINK-")
"""What the ids of checks begin with that wait on the clock of this machine: for a key server, for a slow sink."""


class Suite:
    """The suite, collected, and its session; made by ``collected``."""

    def __init__(self, work: "Callable[[Suite], None]") -> None:
        self._work: Callable[[Suite], None] | None = work
        self._session: pytest.Session | None = None
        self.done = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Do the work in place of running the checks; in a fork for a mutant, run them."""
        work, self._work = self._work, None
        if work is None:
            return None
        self._session = session
        gc.freeze()  # so that a fork that collects its garbage does not copy all that is here
        work(self)
        self.done = True
        return True

    def judge(self, mutants: Iterable[Mutant], reach: Reach, jobs: int) -> Iterator[tuple[Mutant, Verdict]]:
        """Judge mutants, so many at a time, each by the checks that run its line; yield each when it is done."""
        foremost: deque[str] = deque(maxlen=_KEPT)
        waiting, running = iter(mutants), dict[Connection, _Attempt]()
        while True:
            while len(running) < jobs and (mutant := next(waiting, None)) is not None:
                begun = self._begin(mutant, reach.of(mutant), tuple(foremost))
                running[begun.answer] = begun
            if not running:
                return
            wait(list(running), timeout=0.5)
            for answer, attempt in list(running.items()):
                verdict = attempt.verdict()
                if verdict is None:
                    continue
                del running[answer]
                again = self._doubted(attempt, verdict, reach)
                if again is not None:
                    running[again.answer] = again
                    continue
                _bring_forward(foremost, verdict.check)
                yield attempt.mutant, verdict

    def judge_alone(self, mutant: Mutant, checks: frozenset[str]) -> Verdict:
        """Judge one: a control."""
        attempt = self._begin(mutant, checks, ())
        while (verdict := attempt.verdict()) is None:
            wait([attempt.answer], timeout=0.5)
        return verdict

    def _doubted(self, attempt: "_Attempt", verdict: Verdict, reach: Reach) -> "_Attempt | None":
        """Ask once more where the machine may have been slow, and not the mutant wrong; None: the verdict stands."""
        alone = frozenset({verdict.check})
        if verdict.fate is Fate.KILLED and verdict.check.startswith(_REAL_TIME) and attempt.checks != alone:
            return self._begin(attempt.mutant, alone, ())
        if verdict.fate is Fate.SURVIVED and len(attempt.checks) == 1 < len(reach.of(attempt.mutant)):
            return self._begin(attempt.mutant, reach.of(attempt.mutant), ())
        return None

    def _begin(self, mutant: Mutant, checks: frozenset[str], foremost: tuple[str, ...]) -> "_Attempt":
        context = get_context("fork")
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_child, args=(theirs, self._session, mutant, checks, foremost), daemon=True)
        process.start()
        theirs.close()
        return _Attempt(mutant, checks, process, ours, time.monotonic())


def collected(work: Callable[[Suite], None]) -> None:
    """Collect the suite and do the work with it.

    Raises:
        RuntimeError: the suite cannot be collected.
    """
    suite = Suite(work)
    finished = run(SUITE, RunConfig(), RunOptions(report_findings=False), [suite])
    if not suite.done:
        raise RuntimeError(finished.fault or "the suite was not collected")


def _bring_forward(foremost: deque[str], check: str) -> None:
    if check in foremost:
        foremost.remove(check)
    if check:
        foremost.appendleft(check)


@dataclass(frozen=True)
class _Attempt:
    """A mutant being judged."""

    mutant: Mutant
    checks: frozenset[str]
    process: ForkProcess
    answer: Connection
    begun: float

    def verdict(self) -> Verdict | None:
        """Return what became of it, or None while nobody knows."""
        seconds = round(time.monotonic() - self.begun, 2)
        if self.answer.poll():
            verdict = self._answered()
        elif seconds > PATIENCE:
            verdict = Verdict(Fate.TIMEOUT, detail=f"no end after {PATIENCE:.0f} s")
        else:
            return None
        self.process.kill()
        self.process.join()
        self.answer.close()
        return replace(verdict, seconds=seconds)

    def _answered(self) -> Verdict:
        try:
            verdict: Verdict = self.answer.recv()
        except EOFError:
            return Verdict(Fate.BROKEN, detail="its process died")
        return verdict


def _child(
    answer: Connection, session: pytest.Session, mutant: Mutant, checks: frozenset[str], foremost: tuple[str, ...]
) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        verdict = _judged(session, mutant, checks, foremost)
    answer.send(verdict)
    os._exit(0)  # whatever threads the mutant has left behind


def _judged(session: pytest.Session, mutant: Mutant, checks: frozenset[str], foremost: tuple[str, ...]) -> Verdict:
    if not checks:
        return Verdict(Fate.SURVIVED, detail="no check runs it")
    harness: Harness = session.config.pluginmanager.get_plugin("bearerproof-harness")  # type: ignore[assignment]
    try:
        _load(mutant, harness)
        _select(session, harness, checks, foremost)
        session.config.hook.pytest_runtestloop(session=session)
    except pytest.Session.Interrupted:
        pass  # at the first check that does not pass
    except BearerproofError as error:
        return Verdict(Fate.BROKEN, detail=str(error)[:300])
    except BaseException as error:  # noqa: BLE001 - a mutant may do anything, and all of it is an end
        return Verdict(Fate.BROKEN, detail=f"{type(error).__name__}: {error}"[:300])
    return _summed_up(Run(harness, RunOptions(), records=harness.records, fault=harness.fault), len(checks))


def _load(mutant: Mutant, harness: Harness) -> None:
    """Put the mutant in the place of the reference that the harness has started."""
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Changed(mutant))
    harness.implementation = harness.settings.start()
    harness.scope = harness.settings.resolve(harness.implementation.declaration)
    harness.stop_at = lambda record: record.state in RED | {State.ERRORED, State.NOT_APPLICABLE}


def _select(session: pytest.Session, harness: Harness, checks: frozenset[str], foremost: tuple[str, ...]) -> None:
    """Keep of the collected checks those that are in scope and asked for, and bring some of them forward."""
    # Counterexamples stay as they are found: nobody reads them.
    profile = hypothesis.settings(phases=(Phase.explicit, Phase.generate, Phase.target))
    hypothesis.settings.register_profile("mutation", profile)
    hypothesis.settings.load_profile("mutation")
    places = {check: place for place, check in enumerate(foremost)}
    marked = [(mark, item) for item in session.items if (mark := mark_of(item)) is not None]
    kept = [
        (places.get(mark.id, len(places)), item)
        for mark, item in marked
        if mark.id in checks and mark.in_scope(harness.scope)
    ]
    session.items[:] = [item for _, item in sorted(kept, key=itemgetter(0))]


def _summed_up(finished: Run, expected: int) -> Verdict:
    red = [record for record in finished.records if record.state in RED]
    passed = sum(record.state is State.PASSED for record in finished.records)
    if red:
        return Verdict(Fate.KILLED, red[0].id, str(red[0].state))
    if finished.exit_code():
        return Verdict(Fate.BROKEN, detail="; ".join(finished.troubles)[:300])
    lacking = [record for record in finished.records if record.state is State.NOT_APPLICABLE]
    if lacking:
        return Verdict(Fate.NARROWED, lacking[0].id, lacking[0].reason or "")
    if passed < expected:
        return Verdict(Fate.NARROWED, detail=f"{expected - passed} of {expected} checks are out of scope")
    return Verdict(Fate.SURVIVED, detail=f"{passed} checks run it")


class _Changed(MetaPathFinder):
    """Finds the mutant in place of the module that it changes."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        self._name = PACKAGE if mutant.module == "__init__" else f"{PACKAGE}.{mutant.module}"

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        return spec_from_file_location(fullname, self._mutant.path, loader=_Loader(fullname, self._mutant))


class _Loader(SourceFileLoader):
    """Loads the changed source, and never a compiled form of the unchanged one."""

    def __init__(self, fullname: str, mutant: Mutant) -> None:
        super().__init__(fullname, str(mutant.path))
        self._source = mutant.source

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self._source.encode(), self.get_filename(fullname))
