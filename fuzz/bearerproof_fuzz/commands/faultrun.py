"""``bearerproof prove``: shows that the suite finds what it is for, on the reference with one bug at a time.

Each seeded fault has to be killed by a check of the very requirement that it breaks. A kill by another
requirement's check alone is a defect of the suite, and so is a survivor. A control fault has to die and the
unmodified reference to pass, else nothing that is said here counts.

A *victim* is another proof of the same: a small verifier of its own that truly has one weakness. The requirement that
its row names has to kill it; the plain verifier has to pass.
"""

import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from functools import partial
from multiprocessing import get_context
from typing import Any, TypeVar

import pytest

from bearerproof.contract.connections import InProcess, Stdio
from bearerproof.contract.implementation import Implementation
from bearerproof.exceptions import BadInput
from bearerproof.judging.harness import mark_of
from bearerproof.judging.results import RED, Record, State, tally
from bearerproof.judging.runner import Run, RunOptions, run
from bearerproof.judging.settings import QUICK, RunConfig
from bearerproof.specification.catalogue import FAMILIES, Measure, Profile, requirements
from bearerproof_fuzz.commands.reach import reach
from bearerproof_fuzz.faults import CONTROL, faults, find
from bearerproof_fuzz.faults.degenerate import DEGENERATES
from bearerproof_fuzz.faults.registry import seeded
from bearerproof_fuzz.suite import SUITE
from bearerproof_fuzz.victims import PLAIN, Victim, victims

T = TypeVar("T")

KILLS = frozenset({State.FAILED, State.CRASHED, State.HUNG})
"""States that show a fault. ``untestable`` is none of them: there an honest token was refused."""


def is_kill(record: Record) -> bool:
    """Say whether a check shows a fault."""
    return record.state in KILLS


class Fate(StrEnum):
    """What became of a seeded fault."""

    KILLED = "killed"
    COLLATERAL = "killed only by another requirement"
    SURVIVED = "survived"
    BROKEN = "broken"
    EQUIVALENT = "equivalent"
    UNSEEN = "unseen, as is known"
    UNTRIED = "not tried"


@dataclass(frozen=True)
class Attempt:
    """One fault under one seed: its fate, the requirements whose checks saw it, the tokens asked up to the kill.

    ``drawn`` says whether any of those tokens was generated; if none was, every seed leads to the same kill. ``checks``
    are the ids of the checks that killed it.
    """

    fault: str
    requirement: str
    fate: Fate
    seen_by: tuple[str, ...] = ()
    tokens: int = 0
    detail: str = ""
    drawn: bool = True
    checks: tuple[str, ...] = ()


@dataclass(frozen=True)
class DegenerateResult:
    """A degenerate implementation: how the run on it ended, its score, and which families it failed in."""

    name: str
    story: str
    exit_code: int
    passed: int
    applicable: int
    failed_in: tuple[str, ...]
    unseen_by: tuple[str, ...]

    @property
    def caught(self) -> bool:
        """Whether every family that can see it failed; one that breaks the contract itself ends as a fault."""
        return not self.unseen_by and self.exit_code in (1, 3)


@dataclass(frozen=True)
class Proof:
    """What became of every fault and degenerate implementation, and whether the two controls held.

    ``untried`` faults need what is not installed here. ``victims`` were tried by their own requirement's checks, and
    ``plain_passes`` says that the verifier without a weakness, from which they are made, passes them all.
    """

    attempts: tuple[Attempt, ...] = ()
    reference_passes: bool = True
    control_dies: bool = True
    degenerates: tuple[DegenerateResult, ...] = ()
    whole: bool = True
    untried: int = 0
    victims: tuple[Attempt, ...] = ()
    plain_passes: bool = True

    @property
    def void(self) -> bool:
        """Whether a control failed, so that nothing else counts."""
        return not (self.reference_passes and self.control_dies and self.plain_passes)

    @property
    def unfalsified(self) -> list[str]:
        """Requirements that no fault was killed for: named, but not shown to be falsifiable."""
        falsified = {attempt.requirement for attempt in self.attempts if attempt.fate is Fate.KILLED}
        return [name for name in requirements() if name not in falsified]

    @property
    def complete(self) -> bool:
        """Whether every fault met its due fate, every requirement has a killed one, and no degenerate got by."""
        return self.whole and not self.untried and not self.unfalsified and self.clean

    @property
    def exit_code(self) -> int:
        """Return 1 when something ended as it must not, 3 when not all was tried, else 0."""
        if not self.clean or (self.whole and not self.untried and self.unfalsified):
            return 1
        return 3 if self.untried else 0

    @property
    def clean(self) -> bool:
        """Whether all that was tried, if not all there is, ended as it has to."""
        expected = {Fate.KILLED, Fate.EQUIVALENT}
        killed = all(attempt.fate in expected for attempt in self.attempts)
        seen = all(attempt.fate in {Fate.KILLED, Fate.UNSEEN} for attempt in self.victims)
        return not self.void and killed and seen and all(judged.caught for judged in self.degenerates)


Progress = Callable[[int, int], None]


def prove(
    names: Sequence[str] = (), *, full: bool = False, workers: int = 2, progress: Progress | None = None
) -> Proof:
    """Try every fault, or those named, on its own requirement up to the kill.

    With ``full`` then quickly by every check that runs what the fault replaced: no other can see it.

    The control of faults that are named is the reference under the checks that are to kill them: that these pass is
    what makes a death the fault's own. Where others take part in what is said, it is the whole of them.
    """
    possible, untried = chosen(names)
    asked = tuple(sorted({find(name).requirement_id for name in possible})) if names and not full else ()
    with _pool(workers) as pool:
        controls = [pool.submit(_reference_passes, asked), pool.submit(_control_dies)]
        degenerates = [] if names else [pool.submit(judge_degenerate, name) for name in DEGENERATES]
        tried = [pool.submit(attempt, name, None, full=full) for name in possible]
        plain, tried_victims = ([], []) if names else _submit_victims(pool, list(victims()))
        _wait([*controls, *degenerates, *tried, *plain, *tried_victims], progress)
        passes, dies = (future.result() for future in controls)
        if asked and any(attempt.fate is Fate.COLLATERAL for attempt in _results(tried)):
            passes = passes and pool.submit(_reference_passes, ()).result()
    return Proof(
        _results(tried),
        passes,
        dies,
        _results(degenerates),
        whole=not names,
        untried=untried,
        victims=_results(tried_victims),
        plain_passes=all(future.result() for future in plain),
    )


def prove_victims(names: Sequence[str] = (), *, workers: int = 2, progress: Progress | None = None) -> Proof:
    """Try every victim, or those named, by its own requirement's checks up to the kill; only they are told of.

    Raises:
        BadInput: no victim has one of these names.
    """
    if unknown := [name for name in names if name not in victims()]:
        nearest = get_close_matches(unknown[0], victims(), n=1) or [next(iter(victims()))]
        raise BadInput(f"no victim is called {unknown[0]!r}; {nearest[0]} is one of {len(victims())}")
    with _pool(workers) as pool:
        plain, tried = _submit_victims(pool, list(dict.fromkeys(names)) or list(victims()))
        _wait([*plain, *tried], progress)
    return Proof(whole=False, victims=_results(tried), plain_passes=all(future.result() for future in plain))


def _submit_victims(
    pool: ProcessPoolExecutor, names: Sequence[str]
) -> tuple[list["Future[bool]"], list["Future[Attempt]"]]:
    """Have victims tried, and the plain verifier by all the checks that they are tried by."""
    plain = []
    for measure in Measure:
        asked = {victims()[name].requirement for name in names if victims()[name].measure == measure}
        plain += [pool.submit(plain_passes, measure, tuple(sorted(asked)))] if asked else []
    return plain, [pool.submit(attempt_victim, name) for name in names]


def prove_seeds(
    names: Sequence[str], seeds: int, *, workers: int = 2, progress: Progress | None = None
) -> tuple[list[list[Attempt]], int]:
    """Try every fault under so many random seeds, on its own requirement.

    Return one list of attempts a fault, and how many faults need what is not installed here.
    """
    possible, untried = chosen(names)
    with _pool(workers) as pool:
        tried = [pool.submit(attempts, name, seeds) for name in possible]
        _wait(tried, progress)
    return [future.result() for future in tried], untried


def attempts(name: str, seeds: int) -> list[Attempt]:
    """Try one fault under so many seeds; a kill before anything was drawn is tried once and stands for all."""
    first = attempt(name, 0, own_only=True)
    if first.fate is Fate.KILLED and not first.drawn:
        return [first] * seeds
    return [first, *(attempt(name, seed, own_only=True) for seed in range(1, seeds))]


PATIENCE = 120
"""Seconds allowed for one fault: a variant that loops for ever is broken, not killed."""


class _TooLongError(BaseException):
    """Raised in the middle of whatever takes too long."""


def attempt(name: str, seed: int | None, *, full: bool = False, own_only: bool = False) -> Attempt:
    """Try one fault in this process, within ``PATIENCE`` seconds; a full run has ten times as long."""
    seconds = PATIENCE * (10 if full else 1)
    trial = partial(_attempt, name, seed, full=full, own_only=own_only)
    return _in_time(seconds, trial, Attempt(name, find(name).requirement_id, Fate.BROKEN))


def attempt_victim(name: str) -> Attempt:
    """Try one victim in this process, within ``PATIENCE`` seconds, at the measure that refuses what it accepts."""
    victim = victims()[name]
    return _in_time(PATIENCE, partial(_attempt_victim, victim), Attempt(name, victim.requirement, Fate.BROKEN))


def _in_time(seconds: int, trial: Callable[[], Attempt], broken: Attempt) -> Attempt:
    """Return what the trial comes to; one that takes too long or cannot be made is broken."""

    def give_up(*_: object) -> None:
        raise _TooLongError

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        return trial()
    except _TooLongError:
        return replace(broken, detail="it takes too long")
    except Exception as error:  # noqa: BLE001 - one fault that cannot be seeded costs no other its try
        return replace(broken, detail=f"{type(error).__name__}: {error}")
    finally:
        signal.alarm(0)


def _attempt_victim(victim: Victim) -> Attempt:
    settings = RunConfig(
        target=f"victim:{victim.name}", measure=Measure(victim.measure), requirements=(victim.requirement,)
    )
    own = _run(settings, stop_at_kill=True)
    killed = _killers(own)
    tokens = own.harness.implementation.tokens
    tried = Attempt(victim.name, victim.requirement, Fate.KILLED, killed, tokens, checks=_killing(own))
    if killed:
        return replace(tried, detail=SEEN_BY_NOW) if victim.unseen else tried
    if own.records and all(record.state is State.NOT_APPLICABLE for record in own.records):
        return replace(tried, fate=Fate.UNTRIED, detail="no check of the requirement applies to it")
    fate = _fate_without_kill(own)
    if fate is Fate.SURVIVED and victim.unseen:
        return replace(tried, fate=Fate.UNSEEN, detail=victim.unseen)
    return replace(tried, fate=fate, detail=_detail(own) or f"{victim.weakness} ({victim.source})")


SEEN_BY_NOW = "it is killed: `unseen` can be struck from its row, unless that was the luck of a draw"


def plain_passes(measure: Measure, asked: tuple[str, ...]) -> bool:
    """Run the plain verifier by the checks of these requirements: if it fails, a victim's death shows nothing."""
    return _run(RunConfig(target=f"victim:{PLAIN}", measure=measure, requirements=asked)).exit_code() == 0


def _attempt(name: str, seed: int | None, *, full: bool, own_only: bool) -> Attempt:

    fault = find(name)
    if fault.equivalent is not None:
        return Attempt(name, fault.requirement_id, Fate.EQUIVALENT, detail=fault.equivalent)
    quick = RunConfig(seed=seed, depth=QUICK)
    reached = reach(quick) if full else None
    with seeded(fault) as patch:
        own = _run(RunConfig(seed=seed, requirements=(fault.requirement_id,)), stop_at_kill=True)
        killed = _killers(own)
        implementation = own.harness.implementation
        if (killed and not full) or own_only:
            fate = Fate.KILLED if killed else _fate_without_kill(own)
            return Attempt(
                name,
                fault.requirement_id,
                fate,
                killed,
                implementation.tokens,
                _detail(own),
                implementation.drawn,
                _killing(own),
            )
        if killed and reached is not None:
            whole = _run(quick, only=reached.of(patch.replaced))
        else:
            whole = _run(RunConfig(seed=seed))
    seen_by = tuple(
        requirement_id for requirement_id in requirements() if requirement_id in {*killed, *_killers(whole)}
    )
    if killed:
        return Attempt(
            name,
            fault.requirement_id,
            Fate.KILLED,
            seen_by,
            implementation.tokens,
            drawn=implementation.drawn,
            checks=(*_killing(own), *_killing(whole)),
        )
    fate = Fate.COLLATERAL if seen_by else _fate_without_kill(whole)
    return Attempt(name, fault.requirement_id, fate, seen_by, implementation.tokens, _detail(whole))


def judge_degenerate(name: str, profiles: tuple[Profile, ...] = ()) -> DegenerateResult:
    """Run a check of each requirement on a degenerate implementation; one that is dangerous has its own process.

    All its profiles are judged unless some are named. What decides nothing is seen by nearly any check, so that one is
    enough, and all are asked only in a family in which these ought to have seen it and did not.
    """
    degenerate = DEGENERATES[name]
    settings = RunConfig(target=name, profiles=profiles, depth=QUICK, seconds=_IMPATIENCE)
    few = _judged(name, settings, _OneOfEach())
    records = {record.id: record for record in few.records}
    if blind := (degenerate.seen_by & _families(few.records, _applies)) - _families(few.records, _is_red):
        whole = tuple(each for each in requirements() if each.partition("-")[0] in blind)
        records |= {record.id: record for record in _judged(name, replace(settings, requirements=whole)).records}
    failed_in = _families(records.values(), _is_red)
    counts = tally(records.values())
    return DegenerateResult(
        name,
        degenerate.story,
        few.exit_code(),
        counts.get(State.PASSED, 0),
        sum(counts.values()) - counts.get(State.NOT_APPLICABLE, 0),
        tuple(family for family in FAMILIES if family in failed_in),
        tuple(family for family in FAMILIES if family in blind - failed_in),
    )


def _judged(name: str, settings: RunConfig, *plugins: object) -> Run:
    """Judge a degenerate implementation that is started anew."""
    degenerate = DEGENERATES[name]
    command = [sys.executable, "-m", "bearerproof_fuzz.faults.degenerate", name]
    connection = Stdio(command) if degenerate.own_process else InProcess(degenerate.handle)
    return run(SUITE, settings, RunOptions(report_findings=False), plugins, Implementation(connection, _IMPATIENCE))


def _is_red(record: Record) -> bool:
    return record.state in RED


def _applies(record: Record) -> bool:
    return record.state is not State.NOT_APPLICABLE


class _OneOfEach:
    """Leaves one check of each requirement in a run."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        first: dict[str, pytest.Item] = {}
        for item in items:
            if (mark := mark_of(item)) is not None:
                first.setdefault(mark.requirement, item)
        items[:] = first.values()


def _families(records: Iterable[Record], wanted: Callable[[Record], bool]) -> set[str]:
    """Return the families that have such a record."""
    return {record.requirement.partition("-")[0] for record in records if wanted(record)}


_IMPATIENCE = 0.5
"""Seconds allowed for an answer where one of the degenerates never gives any."""


def _results(futures: "Sequence[Future[T]]") -> tuple[T, ...]:
    return tuple(future.result() for future in futures)


def chosen(names: Sequence[str]) -> tuple[list[str], int]:
    """Return the faults to try, those named or all, and how many of all need what is not installed here.

    Raises:
        BadInput: one that is named is unknown or a victim, or needs that.
    """
    weak = [name for name in names if name.removeprefix("victim:") in victims() and name not in faults()]
    if weak:
        raise BadInput(f"{weak[0]} is a victim: bearerproof prove --victims {weak[0].removeprefix('victim:')}")
    selected = [find(name) for name in dict.fromkeys(names)] or list(faults().values())
    reference = RunConfig().start().declaration
    untried = {fault.id for fault in selected if any(map(reference.missing_capability, fault.needs))}
    if names and untried:
        raise BadInput(f"{', '.join(sorted(untried))} cannot be tried without the HTTP binding: {INSTALL}")
    return [fault.id for fault in selected if fault.id not in untried], len(untried)


INSTALL = "python -m pip install 'bearerproof[server]'"
"""What brings the packages that some faults need."""


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


def _wait(futures: Sequence["Future[Any]"], progress: Progress | None) -> None:
    for done, future in enumerate(as_completed(futures), 1):
        future.result()
        if progress is not None:
            progress(done, len(futures))


def _reference_passes(asked: tuple[str, ...]) -> bool:
    """Run the checks of these requirements, or all, on the unmodified reference: if it fails, a death shows nothing."""
    return _run(RunConfig(requirements=asked)).exit_code() == 0


def _control_dies() -> bool:
    """Run the control fault, which nothing may miss: a suite that spares it finds nothing."""
    return attempt(CONTROL, None).fate is Fate.KILLED


def _run(settings: RunConfig, *, stop_at_kill: bool = False, only: frozenset[str] | None = None) -> Run:
    return run(SUITE, settings, RunOptions(stop_at=is_kill if stop_at_kill else None, only=only, report_findings=False))


def _killing(finished: Run) -> tuple[str, ...]:
    return tuple(record.id for record in finished.records if is_kill(record))


def _killers(finished: Run) -> tuple[str, ...]:
    seen = {record.requirement for record in finished.records if is_kill(record)}
    return tuple(name for name in requirements() if name in seen)


def _fate_without_kill(finished: Run) -> Fate:
    """A variant that refuses honest tokens, or does not run, is broken: its other failures show nothing."""
    broken = any(record.state in RED | {State.ERRORED} for record in finished.records) or finished.troubles
    return Fate.BROKEN if broken else Fate.SURVIVED


def _detail(finished: Run) -> str:
    red = [record for record in finished.records if record.state in RED | {State.ERRORED}]
    return f"{red[0].id} {red[0].state}" if red else "; ".join(finished.troubles)
