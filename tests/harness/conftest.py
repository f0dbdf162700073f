"""Adapters that misbehave, and a look at what is left of them."""

import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bearerproof.contract.connections import Stdio
from bearerproof.contract.implementation import Implementation

MISBEHAVING = Path(__file__).parents[1] / "adapters" / "misbehaving.py"

Misbehaving = Callable[..., list[str]]
"""Gives the command of an adapter by its mode, and when the fault happens."""


@pytest.fixture
def misbehaving() -> Misbehaving:
    return lambda mode, *rest: [sys.executable, str(MISBEHAVING), mode, *map(str, rest)]


@pytest.fixture
def started(misbehaving: Misbehaving) -> Iterator[Callable[..., Implementation]]:
    """Starts a misbehaving adapter, with half a second for each answer, and ends it after the test."""
    running: list[Implementation] = []

    def start(*words: object, seconds: float = 0.5) -> Implementation:
        running.append(Implementation(Stdio(misbehaving(*words)), seconds))
        return running[-1]

    yield start
    for implementation in running:
        implementation.close()


@dataclass(frozen=True)
class Processes:
    """The processes that a test started, known by a mark in the environment they inherit; a zombie has none."""

    mark: str

    def alive(self) -> list[Path]:
        """Those that live now, but for this one."""
        found = [path.parent for path in Path("/proc").glob("[0-9]*/environ") if _holds(path, self.mark)]
        return [path for path in found if path.name != str(os.getpid())]

    def left_over(self) -> list[Path]:
        """Those that live on; a killed one is given two seconds to be gone."""
        deadline = time.monotonic() + 2
        while (alive := self.alive()) and time.monotonic() < deadline:
            time.sleep(0.01)
        return alive


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Processes:
    if not Path("/proc/self/environ").exists():
        pytest.skip("processes are looked up in /proc")
    name, value = "BEARERPROOF_STARTED_BY", str(uuid.uuid4())
    monkeypatch.setenv(name, value)
    return Processes(f"{name}={value}")


def _holds(path: Path, mark: str) -> bool:
    try:
        return mark.encode() in path.read_bytes()
    except OSError:  # it ended meanwhile, or belongs to somebody else
        return False
