"""Runs the suite under pytest, away from the caller's own project, and sums the run up."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis.database import ExampleDatabase

from bearerproof import __version__
from bearerproof.contract.declaration import Need
from bearerproof.contract.implementation import Implementation
from bearerproof.exceptions import StaleExpectations
from bearerproof.judging import verdicts
from bearerproof.judging.exercised import TwoWay, Untried, two_way, untried
from bearerproof.judging.harness import Harness
from bearerproof.judging.results import RED, Record, State, tally
from bearerproof.judging.selection import Selection, why_out_of_scope
from bearerproof.judging.settings import RunConfig
from bearerproof.judging.summaries import Facts, never_judged
from bearerproof.judging.verdicts import Circumstances, LeftOut
from bearerproof.members import Json
from bearerproof.specification import coverage
from bearerproof.specification.catalogue import Profile, digest, requirements

_INI = Path(__file__).with_name("suite.ini")


@dataclass(frozen=True)
class Suite:
    """Where checks come from: the package that holds them, and the pytest plugins with the fixtures they ask for."""

    package: str
    plugins: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunOptions:
    """How a run is carried out, as opposed to what is judged: selection, workers, files.

    ``only`` are the ids of the checks to run, where a few are enough; the run ends with the first record that
    ``stop_at`` says yes to, for ``exit_first`` the first red one. ``left_out`` says why parts of the declaration are.
    ``examples`` is a database of Hypothesis that others share: what stands there is tried first, and what fails is left
    there.
    """

    workers: str | None = None
    exit_first: bool = False
    stop_at: Callable[[Record], bool] | None = None
    only: frozenset[str] | None = None
    report_findings: bool = True
    left_out: Mapping[str, str] = field(default_factory=dict)
    examples: ExampleDatabase | None = None


@dataclass
class Run:
    """A finished run, or one that ended early: what it recorded and why it ended."""

    harness: Harness
    options: RunOptions
    interrupted: bool = False
    fault: str | None = None
    unfound: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)

    @property
    def incomplete(self) -> bool:
        """Whether the run ended early, so that nothing can be said of the whole."""
        return self.interrupted or self.fault is not None

    @property
    def stopped(self) -> str | None:
        """Why the run ended before its checks did, or None: ``interrupted``, ``fault`` or ``first-red``."""
        if self.interrupted:
            return "interrupted"
        if self.fault is not None:
            return "fault"
        return "first-red" if self.options.exit_first and self.not_run else None

    @property
    def not_run(self) -> int:
        """How many of the selected checks have no record."""
        return max(self.harness.selected - len(self.records), 0)

    @property
    def partial(self) -> str | None:
        """Why this is not the whole suite, or None."""
        if self.stopped is not None:
            checks = "check" if self.not_run == 1 else "checks"
            return f"{_STOPPED[self.stopped]}stopped early, {self.not_run} {checks} not run"
        narrowed = [f"only -k {self.harness.selection}"] if self.harness.selection else []
        if self.harness.scope.quick:
            narrowed.append("a quick look: each requirement in one profile")
        return "; ".join(narrowed) or None

    @property
    def narrowed(self) -> bool:
        """Whether somebody chose what is looked at, so that the rest was not forgotten."""
        settings, options = self.harness.settings, self.options
        chosen = settings.profiles or settings.requirements or settings.selection or options.only is not None
        return bool(chosen or settings.level is not None or self.harness.scope.quick or self.stopped)

    @property
    def untried(self) -> Untried:
        """What is declared and was not presented."""
        harness = self.harness
        return untried(
            harness.implementation.declaration,
            harness.tried,
            asked=harness.asked,
            judged=harness.judged,
            partial=self.narrowed,
        )

    @property
    def two_way(self) -> TwoWay | None:
        """The two-way coverage, or None of a run for which somebody chose what is looked at."""
        return None if self.narrowed else two_way(self.harness.combined)

    @property
    def unjudged(self) -> str | None:
        """Why a run in which nothing is red proves too little, or None."""
        if not any(record.judged for record in self.records):
            return "nothing was judged: no check came to a verdict"
        unproven = verdicts.unproven(self.records)
        return f"nothing but errors came for {', '.join(unproven)}" if unproven else None

    @property
    def left_out(self) -> list[LeftOut]:
        """The parts of which an honest token was refused, with the checks that could not be judged for that."""
        return [LeftOut(part, why, self._unjudged_of(part)) for part, why in self.options.left_out.items()]

    @property
    def out_of_scope(self) -> list[str]:
        """Why requirements that the selection names are not looked at."""
        scope = self.harness.scope
        reasons = {
            name: why_out_of_scope(name, scope.measure, scope.profiles, scope.level)
            for name in self.harness.selection.requirements
        }
        return [f"{name} {why}" for name, why in reasons.items() if why is not None]

    @property
    def troubles(self) -> list[str]:
        """Faults of the adapter or the harness, each of which costs the run its verdict."""
        if self.fault is not None:
            return [*self.harness.troubles, self.fault]
        errored = [f"{record.id}: {record.reason}" for record in self.records if record.state is State.ERRORED]
        return [*self.harness.troubles, *errored]

    def exit_code(self) -> int:
        """Return 3 when not enough was judged, 1 when something is red, 2 when expectations are stale, else 0."""
        if self.interrupted or self.troubles or self.unfound or not self.records:
            return 3
        if any(record.state in RED for record in self.records):
            return 1
        if self.unjudged is not None or self.untried.unjudged or self.options.left_out:
            return 3
        return StaleExpectations.exit_code if self.stale else 0

    def facts(self, **more: Any) -> Facts:
        """Return what every form of report is made of; ``more`` are members of ``Facts`` that a command knows."""
        incomplete = self.incomplete or bool(self.troubles)
        circumstances = Circumstances(self.partial, not incomplete, self.untried.unjudged, self.left_out)
        return Facts(
            self.records,
            self.harness.implementation.declaration,
            self.harness.scope,
            self.harness.settings,
            circumstances,
            **{
                "exit_code": self.exit_code(),
                "troubles": self.troubles,
                "untried": self.untried,
                "stale": self.stale,
                "out_of_scope": self.out_of_scope,
                "two_way": self.two_way,
                **more,
            },
        )

    def _unjudged_of(self, part: str) -> int:
        """Count the checks that a part of the declaration which is passed over would have had."""
        kind, _, name = part.partition(" ")
        if kind == "algorithm":
            lack = self.harness.implementation.declaration.missing_capability(Need(kind, name))
            return sum(record.state is State.NOT_APPLICABLE and record.reason == lack for record in self.records)
        whole = replace(self.harness.scope, profiles=(*self.harness.scope.profiles, Profile(name)))
        return sum(mark.profile == name and mark.in_scope(whole) for mark in self.harness.known.values())

    def header(self) -> Json:
        """Return the first line of the result stream."""
        settings, scope, declaration = (
            self.harness.settings,
            self.harness.scope,
            self.harness.implementation.declaration,
        )
        return {
            "bearerproof": __version__,
            "specification": {"requirements": len(requirements()), "digest": digest()},
            "implementation": {
                "name": declaration.name,
                "version": declaration.version,
                "language": declaration.language,
            },
            "measure": str(scope.measure),
            "profiles": [str(profile) for profile in scope.profiles],
            "level": scope.level,
            "seed": settings.seed,
            "depth": settings.depth,
            **({"selection": [str(term) for term in self.harness.selection.terms]} if self.harness.selection else {}),
        }

    def footer(self, exit_code: int) -> Json:
        """Return the last line of the result stream; ``complete`` is false for a partial run."""
        pairs, left_out = self.two_way, [asdict(part) for part in self.left_out]
        return {
            "complete": self.partial is None,
            "exit": exit_code,
            "verdict": self.facts().verdict,
            "counts": {**{str(state): number for state, number in tally(self.records).items()}, **coverage.counts()},
            "requirements": {str(standing): number for standing, number in verdicts.counted(self.records).items()},
            **({} if pairs is None else {"pairs": {"exercised": pairs.exercised, "possible": pairs.possible}}),
            **({} if self.stopped is None else {"stopped": {"why": self.stopped, "not_run": self.not_run}}),
            **({"left_out": left_out} if left_out else {}),
            **({"stale": self.stale} if self.stale else {}),
            **({"interrupted": True} if self.interrupted else {}),
            **({"never_judged": dict(never_judged(self.records))} if self.harness.settings.url else {}),
        }


_STOPPED = {"interrupted": "interrupted: ", "fault": "", "first-red": ""}


def run(
    suite: Suite,
    settings: RunConfig,
    options: RunOptions,
    observers: Sequence[object] = (),
    started: Implementation | None = None,
) -> Run:
    """Run a suite on the implementation that the settings name, or on one that is started.

    Whatever happens, what was recorded is returned.

    Raises:
        BadInput: the implementation cannot be named so. AdapterFault: it does not start or speak the contract.
    """
    stop_at = options.stop_at or (_is_red if options.exit_first else None)
    harness = Harness(
        settings, stop_at, options.only, started, report_findings=options.report_findings, examples=options.examples
    )
    if options.workers is not None:
        harness.implementation.close()  # the workers have their own; this one was asked for its declaration
    named = _Named(harness)
    code = _pytest(_arguments(suite, settings, options), [named, *observers])
    finished = Run(harness, options, records=harness.records)
    finished.interrupted = code == pytest.ExitCode.INTERRUPTED and not harness.halted
    finished.fault, finished.unfound = harness.fault, list(harness.unfound)
    if finished.fault is None and code == pytest.ExitCode.NO_TESTS_COLLECTED:
        reasons = finished.unfound or [f"no check was selected{_by(harness.selection)}", *finished.out_of_scope]
        finished.unfound = reasons
    elif code in (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR):
        finished.fault = "the test engine failed; its message stands above"
    return finished


def not_begun(settings: RunConfig, options: RunOptions, started: Implementation, why: str) -> Run:
    """Return a run in which nothing was asked, and end the implementation."""
    harness = Harness(settings, started=started)
    harness.pytest_sessionfinish()
    return Run(harness, options, fault=why)


def _is_red(record: Record) -> bool:
    return record.state in RED


def _by(selection: Selection) -> str:
    return f" by -k {selection}" if selection else ""


def _pytest(arguments: list[str], plugins: list[object]) -> int:
    with _no_plugins_but_ours():
        return pytest.main(arguments, plugins=plugins)


@contextmanager
def _no_plugins_but_ours() -> Iterator[None]:
    """Keep what else is installed or asked of pytest out of the run, its workers included; then as it was before."""
    before = {name: os.environ.pop(name, None) for name in (_AUTOLOAD, "PYTEST_ADDOPTS", "PYTEST_PLUGINS")}
    os.environ[_AUTOLOAD] = "1"
    try:
        yield
    finally:
        del os.environ[_AUTOLOAD]
        os.environ.update({name: value for name, value in before.items() if value is not None})


_AUTOLOAD = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"


class _Named:
    """Registers the harness under the name by which the plugin recognises that one is there."""

    def __init__(self, harness: Harness) -> None:
        self._harness = harness

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.pluginmanager.register(self._harness, "bearerproof-harness")


def _arguments(suite: Suite, settings: RunConfig, options: RunOptions) -> list[str]:
    arguments = [
        "-c",
        str(_INI),
        "--rootdir",
        str(_INI.parent),
        "--noconftest",
        "--pyargs",
        suite.package,
        "-p",
        "no:terminal",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:unraisableexception",  # which collects garbage
        "-p",
        "bearerproof.judging.plugin",
        "-p",
        "_hypothesis_pytestplugin",
        "--bearerproof",
        settings.as_option(),
    ]
    arguments += [word for plugin in suite.plugins for word in ("-p", plugin)]
    if settings.seed is not None:
        arguments += ["--hypothesis-seed", str(settings.seed)]
    if options.workers is not None:
        arguments += ["-p", "xdist.plugin", "-n", options.workers]
    return arguments
