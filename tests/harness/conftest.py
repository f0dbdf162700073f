"""Adapters that misbehave, and a look at what is left of them."""

import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bearerproof.connections import Stdio
from bearerproof.implementation import Implementation

MISBEHAVING = Path(__file__).parents[1] / "adapters" / "misbehaving.py"

Misbehaving = Callable[..., list[str]]
"""Gives the command of an adapter by its mode, and when the fault happens."""

Survivors = Callable[[], list[str]]
"""Gives the processes still alive of those started in the test."""


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


@pytest.fixture
def survivors(monkeypatch: pytest.MonkeyPatch) -> Survivors:
    """Recognises processes by a mark in the environment that they inherit; a zombie has none."""
    if not Path("/proc/self/environ").exists():
        pytest.skip("processes are looked up in /proc")
    mark = f"BEARERPROOF_STARTED_BY={uuid.uuid4()}"
    monkeypatch.setenv(*mark.split("="))

    def look() -> list[str]:
        alive = [str(path.parent) for path in Path("/proc").glob("[0-9]*/environ") if _holds(path, mark)]
        return [each for each in alive if each != f"/proc/{os.getpid()}"]

    def look_again() -> list[str]:
        deadline = time.monotonic() + 2
        while (alive := look()) and time.monotonic() < deadline:
            time.sleep(0.01)  # a killed process takes a moment to go
        return alive

    return look_again


def _holds(path: Path, mark: str) -> bool:
    try:
        return mark.encode() in path.read_bytes()
    except OSError:  # it ended meanwhile, or belongs to somebody else
        return False
