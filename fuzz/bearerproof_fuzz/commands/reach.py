"""Which checks run which functions of the reference: what a check does not run, it cannot see changed."""

import sys
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import CodeType, FrameType

import pytest

from bearerproof.judging.harness import mark_of
from bearerproof.judging.runner import RunOptions, run
from bearerproof.judging.settings import RunConfig
from bearerproof_fuzz.suite import SUITE


@dataclass(frozen=True)
class Reach:
    """The functions that each check ran, by the check's id, and those that ran before the first."""

    by_check: Mapping[str, Collection[CodeType]]
    before: Collection[CodeType]

    def of(self, functions: frozenset[CodeType] | None) -> frozenset[str] | None:
        """Return the checks that run any of these functions; None for all of them, where it cannot be told."""
        if functions is None or not functions.isdisjoint(self.before):
            return None
        return frozenset(check for check, ran in self.by_check.items() if not functions.isdisjoint(ran))


@cache
def reach(settings: RunConfig) -> Reach:
    """Run the suite, as the settings ask, on the unmodified reference and note what each check runs: once a process."""
    noting = _Noting()
    sys.setprofile(noting.note)
    threading.setprofile(noting.note)
    try:
        run(SUITE, settings, RunOptions(report_findings=False), [noting])
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return Reach(noting.by_check, noting.before)


@dataclass
class _Noting:
    """Notes each call under the check that runs."""

    by_check: dict[str, set[CodeType]] = field(default_factory=dict)
    before: set[CodeType] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._now = self.before

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        mark = mark_of(item)
        self._now = self.before if mark is None else self.by_check.setdefault(mark.id, set())

    def note(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            self._now.add(frame.f_code)
