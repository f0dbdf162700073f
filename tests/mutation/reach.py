"""Which checks run which line of the reference: no other check can notice a mutant there."""

import ast
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import coverage
import pytest

from bearerproof.judging.harness import mark_of
from bearerproof.judging.results import State
from bearerproof.judging.runner import RunOptions, run
from bearerproof.judging.settings import RunConfig
from bearerproof_fuzz.suite import SUITE
from tests.mutation.mutants import Mutant, name_of


@dataclass(frozen=True)
class Reach:
    """The ids of the checks that pass on the unchanged reference, and for each line of it those that run it."""

    checks: frozenset[str]
    by_line: Mapping[str, Mapping[int, frozenset[str]]]

    def of(self, mutant: Mutant) -> frozenset[str]:
        """Return the checks that run the statement which the mutant changes, or all if loading the module does."""
        lines = self.by_line.get(mutant.module, {})
        statement = _statement(mutant.path.read_text("utf-8"), mutant.line)
        ran = frozenset[str]().union(*(lines[line] for line in statement if line in lines))
        return self.checks if _LOADING in ran else ran & self.checks


def reach(folder: Path) -> Reach:
    """Run the whole suite once on the unchanged reference in ``folder``, in a process of its own, and note it all."""
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
        return pool.submit(_reach, folder).result()


def _reach(folder: Path) -> Reach:
    measured = coverage.Coverage(data_file=None, source=[str(folder)], config_file=False)
    measured.start()
    finished = run(SUITE, RunConfig(), RunOptions(report_findings=False), [_Contexts(measured)])
    measured.stop()
    passed = frozenset(record.id for record in finished.records if record.state is State.PASSED)
    found = measured.get_data()
    by_line = {
        name_of(Path(name)): {line: frozenset(ran) for line, ran in found.contexts_by_lineno(name).items()}
        for name in found.measured_files()
    }
    return Reach(passed, by_line)


_LOADING = ""
"""The context before the first check: modules are loaded in it, and the implementation started."""


@dataclass(frozen=True)
class _Contexts:
    """Tells the measurement which check runs."""

    measured: coverage.Coverage

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        mark = mark_of(item)
        self.measured.switch_context("" if mark is None else mark.id)


def _statement(source: str, line: int) -> range:
    """Return the lines of the innermost statement at ``line``: of a compound one those of its head."""
    spans = [span for node in ast.walk(ast.parse(source)) for span in _spans(node) if line in span]
    return min(spans, key=len, default=range(line, line + 1))


def _spans(node: ast.AST) -> Iterator[range]:
    if not isinstance(node, ast.stmt):
        return
    body = getattr(node, "body", None)
    yield range(node.lineno, body[0].lineno if body else (node.end_lineno or node.lineno) + 1)
