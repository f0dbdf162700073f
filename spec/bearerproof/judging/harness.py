"""The harness inside pytest: which checks apply, the trial each one is given, the record each one leaves."""

import os
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.configuration
import pytest
from hypothesis import HealthCheck, Phase
from hypothesis.database import ExampleDatabase
from hypothesis.errors import Flaky, Unsatisfiable

from bearerproof.contract.declaration import Need
from bearerproof.contract.implementation import Implementation, PropertyEnded, Skipped
from bearerproof.contract.messages import Outcome
from bearerproof.exceptions import AdapterFault, BadInput, LineTooLong
from bearerproof.judging import results
from bearerproof.judging.exercised import Combined
from bearerproof.judging.judgement import Finding, Judged, Nonconforming, Undecided, Untestable, Warned
from bearerproof.judging.pulse import Pulse
from bearerproof.judging.results import Record, State
from bearerproof.judging.selection import Name, Selection
from bearerproof.judging.settings import EXAMPLES, RunConfig, Scope
from bearerproof.judging.trial import Trial
from bearerproof.specification.catalogue import Measure, Profile, requirement, requirements

PROPERTY = "bearerproof"
"""Name under which a record travels in a test report, from worker to controller."""


_DELIVERED = Need("audit", "delivered")

BUSY = 0.5
"""Seconds of lateness from which on nothing is concluded of how soon something came."""

TRIES = 3
"""How often a finding that hangs on real time is looked for again, until one time was calm."""

SPARED = 10
"""One in how many of the generated examples is tried where each has a server begin anew as a process."""

STARVED = 1.0
"""Seconds of lateness from which on an answer that did not come is not held against the implementation."""


@dataclass(frozen=True)
class CheckId:
    """What a check says of itself: the arguments of its ``bearerproof`` marker.

    ``primary`` checks run in the primary profile only, because they differ by algorithm and not by profile.
    ``strict`` checks do not bind at the base measure whatever their requirement's origin.
    """

    requirement: str
    profile: Profile
    name: str
    needs: tuple[Need, ...] = ()
    primary: bool = False
    strict: bool = False

    @property
    def looks_at_real_time(self) -> bool:
        """Whether its verdict hangs on how soon something comes: a fetched key set, or what a sink was handed."""
        return any(need.kind in ("keys_url", "sink") or need == _DELIVERED for need in self.needs)

    @property
    def id(self) -> str:
        """The check's id in results, expectations and on the command line."""
        return f"{self.requirement}.{self.name}.{self.profile}"

    @property
    def called(self) -> Name:
        """The same in parts, as a selection names it."""
        return Name(self.requirement, self.name, str(self.profile))

    def in_scope(self, scope: Scope) -> bool:
        """Say whether the run judges this check at all."""
        row = requirement(self.requirement)
        if scope.requirements and row.id not in scope.requirements:
            return False
        if self.profile not in scope.profiles or scope.level < row.contract:
            return False
        if (self.primary or scope.quick) and self.profile is not scope.primary(row.profiles):
            return False
        return row.binds(scope.measure) and not (self.strict and scope.measure is Measure.BASE and not row.observed)


@dataclass(eq=False)
class Harness:
    """One process's part of a run: controller, worker, or both in one.

    ``known`` are all checks of the suite, ``unrun`` those of the scope that have no record, ``unfound`` the terms of
    the selection that name no check; with several workers they know them, and not the controller.
    """

    settings: RunConfig
    stop_at: Callable[[Record], bool] | None = None
    only: frozenset[str] | None = None
    started: Implementation | None = None
    report_findings: bool = True
    examples: ExampleDatabase | None = None
    records: list[Record] = field(default_factory=list, init=False)
    troubles: list[str] = field(default_factory=list, init=False)
    tried: set[tuple[str, str]] = field(default_factory=set, init=False)
    combined: list[Combined] = field(default_factory=list, init=False)
    asked: set[str] = field(default_factory=set, init=False)
    judged: set[str] = field(default_factory=set, init=False)
    fault: str | None = field(default=None, init=False)
    selected: int = field(default=0, init=False)
    halted: bool = field(default=False, init=False)
    unrun: set[str] = field(default_factory=set, init=False)
    known: dict[Name, CheckId] = field(default_factory=dict, init=False)
    unfound: list[str] = field(default_factory=list, init=False)
    seconds: dict[str, float] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        """Start the implementation, unless it is started, and hold the settings against what it declares."""
        self.selection = Selection.parse(*self.settings.selection)
        self.implementation: Implementation = self.started or self.settings.start()
        self.implementation.drawing = hypothesis.currently_in_test_context
        self.implementation.leave_out = hypothesis.reject
        self.pulse = Pulse()
        try:
            self.scope = self.settings.resolve(self.implementation.declaration)
        except BadInput:
            self.pulse.end()
            self.implementation.close()
            raise

    def pytest_configure(self, config: pytest.Config) -> None:
        """Set the engine up: derandomized unless a seed is given, no deadline, examples of others only if asked for."""
        if not config.pluginmanager.has_plugin("terminalreporter") and "BEARERPROOF_DEBUG" not in os.environ:
            config.option.tbstyle = "value"  # a traceback costs more than most checks, and shows the suite's code
        hypothesis.configuration.set_hypothesis_home_dir(_cache())  # else it writes into the caller's folder
        hypothesis.settings.register_profile(
            "bearerproof",
            max_examples=EXAMPLES[self.settings.depth],
            derandomize=self.settings.seed is None,
            database=self.examples,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            phases=(
                Phase.explicit,
                *([] if self.examples is None else [Phase.reuse]),
                Phase.generate,
                Phase.target,
                *([Phase.shrink] if self.report_findings else []),
            ),
        )
        whole = hypothesis.settings.get_profile("bearerproof")
        again = [phase for phase in whole.phases if phase not in (Phase.target, Phase.shrink)]
        hypothesis.settings.register_profile(_AGAIN, whole, phases=again)
        hypothesis.settings.register_profile(_SPARING, whole, max_examples=max(1, whole.max_examples // SPARED))
        hypothesis.settings.load_profile("bearerproof")

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makeitem(self, obj: object) -> list[pytest.Item] | None:
        """Pass over the tests of which this run judges no check: to make items of all costs more than most checks."""
        checks = [check for marker in getattr(obj, "pytestmark", ()) for check in _checks(marker)]
        for mark in _marks_of(checks):
            self.known[mark.called] = mark
        return [] if checks and not any(map(self._judges, checks)) else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Of the other tests, leave out the checks that this run does not judge."""
        markers = metafunc.definition.own_markers
        markers[:] = [self._narrowed(marker) if _checks(marker) else marker for marker in markers]

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Put the checks in the order of the requirements; none is run when a name of the selection is unknown.

        Of a server that runs on, those come first that need no other configuration.
        """
        items.sort(key=_place)
        if self.implementation.declaration.key_server.runs_on:
            items.sort(key=_configures)
        self.unrun = {mark.id for mark in self.known.values() if mark.in_scope(self.scope)}
        if self.selection:
            self.unfound = self.selection.unfound(self.known)
            items[:] = [] if self.unfound else items

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a module of the suite that cannot be loaded: its checks would be missing without a word."""
        if report.failed:
            self.fault = f"{report.nodeid} could not be loaded: {report.longreprtext.strip().splitlines()[-1]}"

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note how many checks there are."""
        self.selected = len(session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Note how many checks there are, on the controller of several workers."""
        self.selected = len(ids)

    @pytest.fixture
    def trial(self, request: pytest.FixtureRequest) -> Trial:
        """Give a check its trial, or leave it out because of what the implementation does not declare."""
        mark = mark_of(request.node)
        if mark is None:
            raise pytest.UsageError(f"{request.node.nodeid} uses the trial fixture without a bearerproof marker")
        for need in mark.needs:
            lack = self.implementation.declaration.missing_capability(need)
            if lack:
                pytest.skip(lack)
        if self.implementation.exhausted is not None:
            raise NotRun(f"not run: {self.implementation.exhausted}")
        self.implementation.begin_property()
        if self.scope.level >= 2 and mark.profile is not Profile.KEY_SERVER:  # which is configured anew instead
            self.implementation.reset()
        trial = Trial(
            self.implementation,
            requirement(mark.requirement),
            mark.profile,
            self.scope.measure,
            self.scope.level,
            frozenset(
                each.finding for each in self.settings.known if each.names(mark.requirement, mark.name, mark.profile)
            ),
            reported=self.report_findings,
        )
        request.node.stash[_TRIAL] = trial
        return trial

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """Accuse nobody of what a busy machine does: what hangs on real time has to be found twice, on a calm one."""
        mark, trial = mark_of(pyfuncitem), pyfuncitem.stash.get(_TRIAL, None)
        if self.implementation.declaration.key_server.runs_on and not self._is_again:
            hypothesis.settings.load_profile(_SPARING if _configures(pyfuncitem) == 1 else "bearerproof")
        self.pulse.begin()
        try:
            return (yield)
        except PropertyEnded as ended:
            if ended.outcome is Outcome.HUNG and self.pulse.late >= STARVED:
                raise Undecided(f"{ended}, while {_kept_waiting(self.pulse.late)}") from None
            raise
        except Exception as error:
            if trial is not None and self.implementation.overlapped and not self._is_again:
                return self._found_alone(pyfuncitem, trial)
            if trial is not None and mark is not None and mark.looks_at_real_time and not self._is_again:
                self._confirm(pyfuncitem, trial, error)
            raise

    def _found_alone(self, item: pytest.Function, trial: Trial) -> object:
        """Run a check again that found something while several requests were under way: what it finds alone counts."""
        trial.begin_again()
        with self.implementation.alone():
            return item.ihook.pytest_pyfunc_call(pyfuncitem=item)

    def _confirm(self, item: pytest.Function, trial: Trial, error: Exception) -> None:
        """Run a check again that found something: once, or until the machine was calm meanwhile.

        Raises:
            Undecided: it finds nothing now, or the machine never was calm.
        """
        found = str(_of_group(error)).partition("\n")[0]
        late = self._late(trial)
        for _ in range(TRIES):
            if not self._fails_again(item, trial):
                raise Undecided(
                    f"not found when the same check, which looks at real time, was run again: {found}"
                ) from None
            late = min(late, self._late(trial))
            if late < BUSY:
                return
        raise Undecided(f"{_kept_waiting(late)}, and the check looks at real time: {found}") from None

    def _late(self, trial: Trial) -> float:
        """Return by how many seconds the machine was late at most, with us or with an answer."""
        return max(self.pulse.late, trial.delayed)

    def _fails_again(self, item: pytest.Function, trial: Trial) -> bool:
        trial.begin_again()
        self._is_again = True
        hypothesis.settings.load_profile(_AGAIN)
        try:
            item.ihook.pytest_pyfunc_call(pyfuncitem=item)
        except Exception:  # noqa: BLE001 - whatever it is, it is red again, and the first finding is the one shown
            return True
        finally:
            hypothesis.settings.load_profile("bearerproof")
            self._is_again = False
        return False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Attach the record to the report of the phase that decides."""
        report = yield
        mark = mark_of(item)
        decisive = call.when == "call" or (call.when == "setup" and call.excinfo is not None)
        if mark is not None and decisive:
            row = requirement(mark.requirement)
            trial = item.stash.get(_TRIAL, None)
            state, reason, findings = _judge(trial, call)
            skips = tuple(dict.fromkeys(self.implementation.skips))
            left_out = f"the adapter skipped all that was drawn: {skips[0]}" if skips else self.implementation.unsent
            if left_out and state is State.ERRORED and _is_unsatisfied(call):
                state, reason = State.NOT_APPLICABLE, left_out
            record = Record(
                mark.id,
                row.id,
                str(row.level),
                str(mark.profile),
                state,
                reason,
                findings,
                skips,
                {} if trial is None else dict(trial.errors),
                unproven=trial is not None and bool(trial.unproven) and not trial.refusals,
                unseen=() if trial is None else self._unseen(trial, state, findings),
                seen=() if trial is None else tuple(sorted({verdict for _, verdict in trial.tried})),
            )
            if state is State.NOT_APPLICABLE:
                report.outcome, report.longrepr = "skipped", (str(item.path), 0, f"Skipped: {reason}")
            report.user_properties.append((PROPERTY, record.as_dict()))
            report.user_properties.append((PROPERTY + "-troubles", self._new_troubles()))
            report.user_properties.append((PROPERTY + "-needs", self._needs_of(mark)))
            report.user_properties.append((PROPERTY + "-tried", sorted(() if trial is None else trial.tried)))
            combined = (
                [] if trial is None else [([str(value) for value in row], tried) for row, tried in trial.combined]
            )
            report.user_properties.append((PROPERTY + "-combined", combined))
            fault = _cause(call)
            if isinstance(fault, AdapterFault):
                report.user_properties.append((PROPERTY + "-fault", fault.describe()))
                report.longrepr = fault.describe()
            self._present(report, record)
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather the records, on the controller as in a single process."""
        properties: dict[str, Any] = dict(report.user_properties)
        if PROPERTY in properties:
            self.records.append(Record.from_dict(properties[PROPERTY]))
            self.unrun.discard(self.records[-1].id)
            self.seconds[self.records[-1].id] = report.duration
            self.troubles += properties[PROPERTY + "-troubles"]
            self.tried |= {(name, verdict) for name, verdict in properties[PROPERTY + "-tried"]}
            self.combined += [(tuple(values), exercised) for values, exercised in properties[PROPERTY + "-combined"]]
            needs = set(properties[PROPERTY + "-needs"])
            self.asked |= needs
            self.judged |= needs if self.records[-1].judged else set()
            self.fault = self.fault or properties.get(PROPERTY + "-fault")

    def pytest_runtest_logfinish(self) -> None:
        """Stop after a broken contract, since no later answer can be trusted, or at a state that ends the run."""
        if self.fault is not None:
            self._halt(self.fault)
        elif self.records and self.stop_at is not None and self.stop_at(self.records[-1]):
            self._halt(self.records[-1].id)

    def _halt(self, why: str) -> None:
        """Stop the run, on the controller of several workers too, which asks another object than a single process."""
        if self._session is None:
            return
        self.halted = True
        workers = self._session.config.pluginmanager.get_plugin("dsession")
        for asked in (self._session, workers):
            if asked is not None:
                asked.shouldstop = why

    _session: pytest.Session | None = None
    _is_again: bool = False

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Keep the session, to be able to stop it."""
        self._session = session

    def pytest_sessionfinish(self) -> None:
        """End the implementation."""
        self.pulse.end()
        self.implementation.close()

    def _judges(self, check: Any) -> bool:
        return any(
            mark.in_scope(self.scope)
            and (self.only is None or mark.id in self.only)
            and (not self.selection or self.selection.takes(mark.called))
            for mark in _marks_of([check])
        )

    def _narrowed(self, marker: pytest.Mark) -> pytest.Mark:
        name, checks = marker.args
        return pytest.mark.parametrize(name, list(filter(self._judges, checks))).mark

    def _unseen(self, trial: Trial, state: State, findings: tuple[dict[str, Any], ...]) -> tuple[str, ...]:
        """Return which of the findings that are foreseen the draw may have passed by.

        The fixed draw at full depth, which the file was written of, hides nothing when its check passes.
        """
        fixed = self.settings.seed is None and not self.scope.quick
        if not trial.drew or (fixed and state in (State.PASSED, State.WARNED)):
            return ()
        return tuple(sorted(trial.known - {results.key_of(finding) for finding in findings}))

    def _needs_of(self, mark: CheckId) -> list[str]:
        """Return the needs of a check that applies: one that does not, for want of another, asks for nothing."""
        lacks = map(self.implementation.declaration.missing_capability, mark.needs)
        return [] if any(lacks) else [str(need) for need in mark.needs]

    def _new_troubles(self) -> list[str]:
        new, self.implementation.troubles = self.implementation.troubles, []
        return new

    def _present(self, report: pytest.TestReport, record: Record) -> None:
        """Show a finding in place of a traceback: the reader's code is not the suite's."""
        if self.report_findings and report.failed and record.findings:
            from bearerproof.judging.reports import failure_text  # noqa: PLC0415 - only failures need it

            report.longrepr = failure_text(record, self.settings)


def _place(item: pytest.Item) -> tuple[int, bool]:
    """Where a check runs: in the order of the requirements, single edits before the properties built on them."""
    mark = mark_of(item)
    return (-1 if mark is None else _PLACES[mark.requirement]), not item.name.startswith("test_edit[")


def _configures(item: pytest.Item) -> int:
    """Say how much of a server a check moves: nothing, its configuration, or its process."""
    mark = mark_of(item)
    needs = () if mark is None else mark.needs
    return 2 if Need("key_server", "restart") in needs else int(Need("key_server", "configure") in needs)


_PLACES = {requirement_id: place for place, requirement_id in enumerate(requirements())}


def _cache() -> Path:
    """Return where the engine may keep what it works out once: never the folder that the caller stands in."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bearerproof"


class NotRun(Exception):
    """A check that was left out because too much went wrong before it; red, unlike a skip."""


_TRIAL = pytest.StashKey[Trial]()


def mark_of(item: pytest.Item) -> CheckId | None:
    """Return what a check says of itself, or None for an ordinary test."""
    marker = item.get_closest_marker(_MARKER)
    return None if marker is None else marker.args[0]


_MARKER = "bearerproof"


def _checks(marker: pytest.Mark) -> Sequence[Any]:
    """Return the parameters of a marker that makes checks of a test, one a check."""
    if marker.name != "parametrize":
        return ()
    return [
        parameter
        for parameter in marker.args[1]
        if any(mark.name == _MARKER for mark in getattr(parameter, "marks", ()))
    ]


def _marks_of(checks: Sequence[Any]) -> list[CheckId]:
    """Return what checks that are parameters say of themselves."""
    return [marker.args[0] for check in checks for marker in check.marks if marker.name == _MARKER]


def _cause(call: pytest.CallInfo[None]) -> BaseException | None:
    """Return what ended the check; of a flaky failure, the finding in it."""
    return None if call.excinfo is None else _of_group(call.excinfo.value)


def _of_group(error: BaseException) -> BaseException:
    if isinstance(error, BaseExceptionGroup):
        return next((inner for inner in error.exceptions if isinstance(inner, Judged)), error)
    return error


def _kept_waiting(seconds: float) -> str:
    return f"this busy machine kept bearerproof itself waiting for {seconds:.1f} s"


_SPARING = "bearerproof-sparing"
"""The settings of a check whose every example has the server begin anew, where that takes a while."""

_AGAIN = "bearerproof-again"
"""The settings of a check that is run to see whether it finds again what it found: nothing is made smaller."""

Ending = tuple[State, str | None, tuple[dict[str, Any], ...]]
"""How a check ended: its state, the reason for it, its findings."""


def _judge(trial: Trial | None, call: pytest.CallInfo[None]) -> Ending:
    """Turn what ended a check into its state, the reason for it, and its findings, those that are foreseen last."""
    cause = _cause(call)
    foreseen = [] if trial is None else list(trial.foreseen.values())
    if isinstance(cause, Judged):
        others = [finding for finding in foreseen if finding.key != cause.finding.key]
        return _state_of(cause), _flaky(call), _as_dicts([cause.finding, *others])
    if foreseen and isinstance(cause, None | Unsatisfiable):
        return State.FAILED, None, _as_dicts(foreseen)
    if cause is None:
        warnings = [] if trial is None else trial.warnings
        return (State.WARNED if warnings else State.PASSED), None, _as_dicts(warnings[:3])
    return _unjudged(cause)


def _unjudged(cause: BaseException) -> Ending:
    """Tell what ended a check before it came to a judgement of its own."""
    if isinstance(cause, pytest.skip.Exception | Skipped | LineTooLong):
        return State.NOT_APPLICABLE, str(cause), ()
    if isinstance(cause, NotRun):
        return State.NOT_RUN, str(cause), ()
    if isinstance(cause, PropertyEnded):
        state = State.HUNG if cause.outcome is Outcome.HUNG else State.CRASHED
        return state, str(cause), _as_dicts([Finding(str(cause), "an answer", state, cause.presentation)])
    if isinstance(cause, Flaky):
        finding = Finding(_INCONSTANT, "the same answer to the same request", "another one")
        return State.FAILED, _INCONSTANT, _as_dicts([finding])
    if isinstance(cause, Undecided):
        return State.ERRORED, str(cause)[:2000], ()
    return State.ERRORED, f"{type(cause).__name__}: {cause}"[:2000], ()


def _is_unsatisfied(call: pytest.CallInfo[None]) -> bool:
    """Whether no example of a property could be tried, since each was left out."""
    return isinstance(_cause(call), Unsatisfiable)


def _state_of(cause: Judged) -> State:
    if isinstance(cause, Nonconforming):
        return State.CRASHED if cause.finding.outcome is Outcome.CRASHED else State.FAILED
    return {Untestable: State.UNTESTABLE, Warned: State.WARNED}[type(cause)]


def _flaky(call: pytest.CallInfo[None]) -> str | None:
    error = None if call.excinfo is None else call.excinfo.value
    return _INCONSTANT if isinstance(error, BaseExceptionGroup) else None


_INCONSTANT = "the implementation answered differently when asked the same again"


def _as_dicts(findings: list[Finding]) -> tuple[dict[str, Any], ...]:
    return tuple(results.finding_as_dict(finding) for finding in findings)
