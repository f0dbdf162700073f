"""Runs the suite under pytest, away from the caller's own project, and sums the run up."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis.database import ExampleDatabase

from bearerproof import __version__
from bearerproof.contract.implementation import Implementation
from bearerproof.judging import reports
from bearerproof.judging.exercised import TwoWay, Untried, two_way, untried
from bearerproof.judging.harness import Harness
from bearerproof.judging.results import RED, Record, State, tally
from bearerproof.judging.settings import RunConfig, Scope
from bearerproof.members import Json
from bearerproof.specification import coverage
from bearerproof.specification.catalogue import Measure, digest, requirements

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
    ``stop_at`` says yes to. ``examples`` is a database of Hypothesis that others share: what stands there is tried
    first, and what fails is left there.
    """

    keyword: str | None = None
    workers: str | None = None
    junit: Path | None = None
    exit_first: bool = False
    stop_at: Callable[[Record], bool] | None = None
    only: frozenset[str] | None = None
    report_findings: bool = True
    examples: ExampleDatabase | None = None


@dataclass
class Run:
    """A finished run, or one that ended early: what it recorded and why it ended."""

    harness: Harness
    options: RunOptions
    interrupted: bool = False
    fault: str | None = None
    unwritten: str | None = None
    records: list[Record] = field(default_factory=list)

    @property
    def incomplete(self) -> bool:
        """Whether the run ended before its checks did."""
        return self.interrupted or self.fault is not None

    @property
    def partial(self) -> str | None:
        """Why this is not the whole suite, or None."""
        if self.interrupted:
            return f"interrupted after {len(self.records)} of {self.harness.selected} checks"
        if self.fault is not None:
            return f"stopped after {len(self.records)} of {self.harness.selected} checks"
        narrowed = [f"only -k {self.options.keyword}"] if self.options.keyword else []
        if self.harness.scope.quick:
            narrowed.append("a quick look: each requirement in one profile")
        return "; ".join(narrowed) or None

    @property
    def narrowed(self) -> bool:
        """Whether somebody chose what is looked at, so that the rest was not forgotten."""
        settings, options = self.harness.settings, self.options
        chosen = settings.profiles or settings.requirements or options.keyword or options.only is not None
        return bool(chosen or settings.level is not None or self.harness.scope.quick or self.incomplete)

    @property
    def untried(self) -> Untried:
        """What is declared and was not presented."""
        harness = self.harness
        return untried(
            harness.implementation.declaration, harness.tried, asked=harness.asked, judged=harness.judged,
            partial=self.narrowed,
        )  # fmt: skip

    @property
    def two_way(self) -> TwoWay | None:
        """The two-way coverage, or None of a run for which somebody chose what is looked at."""
        return None if self.narrowed else two_way(self.harness.combined)

    @property
    def unjudged(self) -> str | None:
        """Why a run in which nothing is red proves too little, or None."""
        if not any(record.judged for record in self.records):
            return "nothing was judged: no check came to a verdict"
        unproven = reports.unproven(self.records)
        return f"nothing but errors came for {', '.join(unproven)}" if unproven else None

    @property
    def out_of_scope(self) -> list[str]:
        """Why requirements that the selection names are not looked at."""
        named = dict.fromkeys(re.findall(r"[A-Z]{2,8}-[0-9]+", (self.options.keyword or "").upper()))
        reasons = {name: _out_of_scope(name, self.harness.scope) for name in named}
        return [f"{name} {why}" for name, why in reasons.items() if why is not None]

    @property
    def troubles(self) -> list[str]:
        """Faults of the adapter or the harness, each of which costs the run its verdict."""
        if self.fault is not None:
            return [*self.harness.troubles, self.fault]
        errored = [f"{record.id}: {record.reason}" for record in self.records if record.state is State.ERRORED]
        return [*self.harness.troubles, *errored]

    def exit_code(self) -> int:
        """Return 3 when not enough was judged, 1 when something is red, else 0."""
        if self.interrupted or self.troubles or self.unwritten or not self.records:
            return 3
        if any(record.state in RED for record in self.records):
            return 1
        return 0 if self.unjudged is None and not self.untried.unjudged else 3

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
                "name": declaration.name, "version": declaration.version, "language": declaration.language,
            },
            "measure": str(scope.measure), "profiles": [str(profile) for profile in scope.profiles],
            "level": scope.level, "seed": settings.seed, "depth": settings.depth,
        }  # fmt: skip

    def footer(self, exit_code: int) -> Json:
        """Return the last line of the result stream; ``complete`` is false for a partial run."""
        pairs = self.two_way
        return {
            "complete": self.partial is None,
            "exit": exit_code,
            "counts": {**{str(state): number for state, number in tally(self.records).items()}, **coverage.counts()},
            **({} if pairs is None else {"pairs": {"exercised": pairs.exercised, "possible": pairs.possible}}),
            **({"interrupted": True} if self.interrupted else {}),
        }


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
    harness = Harness(
        settings, options.stop_at, options.only, started, report_findings=options.report_findings,
        examples=options.examples,
    )  # fmt: skip
    if options.workers is not None:
        harness.implementation.close()  # the workers have their own; this one was asked for its declaration
    named = _Named(harness)
    code, unwritten = _pytest(_arguments(suite, settings, options), [named, *observers])
    finished = Run(harness, options, interrupted=code == pytest.ExitCode.INTERRUPTED, records=harness.records)
    finished.unwritten = unwritten
    finished.fault = harness.fault
    if finished.fault is not None:
        finished.interrupted = False
    elif code == pytest.ExitCode.NO_TESTS_COLLECTED:
        by = f" by -k {options.keyword}" if options.keyword else ""
        finished.fault = ": ".join(["no check was selected" + by, *finished.out_of_scope])
    elif code in (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR):
        finished.fault = "the test engine failed; its message stands above"
    return finished


def _out_of_scope(name: str, scope: Scope) -> str | None:
    row = requirements().get(name)
    if row is None:
        return None
    if not row.binds(scope.measure):
        return f"is of origin {row.origin}, which {scope.measure} does not judge by (--measure {Measure.STRICT})"
    if scope.primary(row.profiles) is None:
        return f"holds in {', '.join(row.profiles)} alone"
    return f"is seen from contract level {row.contract} on" if scope.level < row.contract else None


def _pytest(arguments: list[str], plugins: list[object]) -> tuple[int, str | None]:
    """Run pytest; an I/O error at its end is a report that could not be written, and costs nothing else."""
    try:
        with _no_plugins_but_ours():
            return pytest.main(arguments, plugins=plugins), None
    except OSError as error:
        return pytest.ExitCode.OK, f"cannot write the JUnit report: {error.strerror}"


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
        "-c", str(_INI), "--rootdir", str(_INI.parent), "--noconftest", "--pyargs", suite.package,
        "-p", "no:terminal", "-p", "no:cacheprovider", "-p", "no:unraisableexception",  # which collects garbage
        "-p", "bearerproof.judging.plugin", "-p", "_hypothesis_pytestplugin",
        "--bearerproof", settings.as_option(),
    ]  # fmt: skip
    arguments += [word for plugin in suite.plugins for word in ("-p", plugin)]
    if settings.seed is not None:
        arguments += ["--hypothesis-seed", str(settings.seed)]
    if options.workers is not None:
        arguments += ["-p", "xdist.plugin", "-n", options.workers]
    if options.keyword:
        arguments += ["-k", options.keyword]
    if options.junit is not None:
        arguments += ["--junitxml", str(options.junit)]
    return arguments + (["-x"] if options.exit_first else [])
