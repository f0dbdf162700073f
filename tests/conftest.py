"""What every test of the project may use: the command line in this process, and where the snapshots lie."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import hypothesis
import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.amber import AmberSnapshotExtension
from syrupy.location import PyTestLocation

from bearerproof_fuzz import faults
from bearerproof_fuzz.commands.cli import run_command_line
from bearerproof_fuzz.faults.registry import Patch


def pytest_configure(config: pytest.Config) -> None:
    """Know the marker of the suite's checks even where bearerproof is not installed and its plugin not loaded."""
    config.addinivalue_line("markers", "bearerproof(mark): a check of the specification")
    # A slow machine is no counterexample; and examples are drawn anew in every run, so that few in each are many.
    hypothesis.settings.register_profile("tests", deadline=None, max_examples=50)
    hypothesis.settings.load_profile("tests")


def pytest_report_header() -> str:
    """Say how long a whole run takes."""
    return "bearerproof: all of tests/ takes about eight minutes on two cores (pytest -n auto)"


ROOT = Path(__file__).resolve().parents[1]


class Ended(NamedTuple):
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


class CommandLine(Protocol):
    """Runs ``bearerproof`` with these arguments; all after ``--`` is an adapter's command."""

    def __call__(self, *arguments: object) -> Ended: ...


_ESTIMATE = re.compile(r"\d+ of \d+ checks in \d+ s: at this rate about .* in all.*\n")
"""What a run says of itself once it takes long: so it does where the machine is busy."""


@pytest.fixture
def bearerproof(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    """The command line inside this process, as wide and as colourless everywhere."""
    for name in ("FORCE_COLOR", "PY_COLORS", "TTY_COMPATIBLE", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.syspath_prepend(str(ROOT))
    profile = hypothesis.settings.get_current_profile_name()

    def run(*arguments: object) -> Ended:
        capsys.readouterr()
        code = run_command_line([os.fspath(word) if isinstance(word, Path) else str(word) for word in arguments])
        out, err = capsys.readouterr()
        return Ended(code, out, _ESTIMATE.sub("", err))

    yield run
    hypothesis.settings.load_profile(profile)


@pytest.fixture(autouse=True)
def faults_end_with_their_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A seeded fault that is judged in this process is borne for as long as the process lives: here, it is not."""
    borne: list[Patch] = []

    def patch() -> Patch:
        borne.append(Patch())
        return borne[-1]

    monkeypatch.setattr(faults, "Patch", patch)
    yield
    while borne:
        borne.pop().restore()


class InSnapshots(AmberSnapshotExtension):
    """Keeps snapshots where their readers look for them: ``snapshots/``, beside the code."""

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:  # noqa: ARG003 - one folder for all
        return str(ROOT / "snapshots")


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(InSnapshots)
