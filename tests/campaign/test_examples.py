"""Examples that are shared: a Redis that is away for a while stops nothing, and gets what it missed."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import hypothesis.core
import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.database import InMemoryExampleDatabase

from bearerproof.exceptions import BadInput
from bearerproof.judging.harness import Harness
from bearerproof.judging.settings import RunConfig
from bearerproof_fuzz.campaign import examples
from bearerproof_fuzz.campaign.examples import Examples
from bearerproof_fuzz.checks import explore

from ..conftest import CommandLine
from ..keyserver.redisserver import BINARY, RedisServer


class Outage(InMemoryExampleDatabase):
    """A database that is away when it is told to be."""

    is_away = False
    asked = 0

    def save(self, key: bytes, value: bytes) -> None:
        self.asked += 1
        if self.is_away:
            raise ConnectionError
        super().save(key, value)


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def outage() -> Outage:
    return Outage()


@pytest.fixture
def shared(outage: Outage, clock: list[float]) -> Examples:
    return Examples(outage, (OSError,), clock=lambda: clock[0])


def test_what_it_missed_it_gets_in_order(shared: Examples, outage: Outage, clock: list[float]) -> None:
    outage.is_away = True
    for value in (b"1", b"2"):
        shared.save(b"k", value)
    shared.delete(b"k", b"1")
    assert (list(shared.fetch(b"k")), outage.asked) == ([], 1)  # it is left alone for a while
    outage.is_away = False
    clock[0] += examples.PAUSE
    assert list(shared.fetch(b"k")) == [b"2"]
    assert not shared.waiting


def test_what_waits_is_bounded(shared: Examples, outage: Outage) -> None:
    outage.is_away = True
    for number in range(examples.MOST_WAITING + 9):
        shared.save(b"k", b"%d" % number)
    assert len(shared.waiting) == examples.MOST_WAITING


def test_what_others_need_is_not_forgotten(shared: Examples) -> None:
    shared.save(b"k", b"1")
    shared.forgets = False
    shared.move(b"k", b"other", b"1")
    shared.delete(b"k", b"1")
    assert [list(shared.fetch(key)) for key in (b"k", b"other")] == [[b"1"], [b"1"]]
    shared.forgets = True
    shared.delete(b"k", b"1")
    assert list(shared.fetch(b"k")) == []


@pytest.fixture
def seeded(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemoryExampleDatabase]:
    """The settings of a run with a seed and shared examples."""
    database, before = InMemoryExampleDatabase(), settings.get_current_profile_name()
    monkeypatch.setattr(hypothesis.core, "global_force_seed", 1)
    settings.register_profile(
        "shared", database=database, derandomize=False, report_multiple_bugs=False, phases=tuple(Phase)
    )  # whatever a run in this process has left behind
    settings.load_profile("shared")
    yield database
    settings.load_profile(before)


def test_what_fails_is_left_for_others_and_tried_first(seeded: InMemoryExampleDatabase) -> None:
    """A property leaves its failure under its own name, also with a seed; the next run begins with it."""
    drawn: list[int] = []

    def fails_from_1000(number: int) -> None:
        drawn.append(number)
        assert number < 1000

    for _ in range(2):
        drawn.clear()
        with pytest.raises(AssertionError):
            explore(fails_from_1000, st.integers(0, 10**6))
        assert seeded.data[b"test_what_fails_is_left_for_others_and_tried_first"]
    assert drawn[0] == 1000


def test_a_run_hands_its_examples_to_hypothesis() -> None:
    database = InMemoryExampleDatabase()
    harness = Harness(RunConfig(target="reference", seed=1), examples=database)
    harness.implementation.close()
    before = settings.get_current_profile_name()
    try:
        harness.pytest_configure(SimpleNamespace(pluginmanager=SimpleNamespace(has_plugin=lambda _: True)))  # type: ignore[arg-type]  # all it asks for
        assert settings().database is database
        assert Phase.reuse in settings().phases
    finally:
        settings.load_profile(before)


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    if BINARY is None:
        pytest.skip("neither redis-server nor valkey-server is installed (Debian: apt-get install redis-server)")
    server = RedisServer(tmp_path)
    yield server
    server.kill()


def test_a_real_server_is_killed_and_comes_back(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "PAUSE", 0.0)
    one, other = examples.shared(redis_server.url, ("a",)), examples.shared(redis_server.url, ("b",))
    assert one.answers()
    one.save(b"k", b"1")
    assert (list(one.fetch(b"k")), list(other.fetch(b"k"))) == ([b"1"], [])
    redis_server.kill()
    one.save(b"k", b"2")
    assert (list(one.fetch(b"k")), len(one.waiting)) == ([], 1)
    redis_server.start()
    assert list(one.fetch(b"k")) == [b"2"]  # what it held before was gone with it


def test_a_server_that_is_starting_is_waited_for(redis_server: RedisServer) -> None:
    redis_server.kill()
    starting = threading.Timer(0.5, redis_server.start)
    starting.start()
    assert examples.shared(redis_server.url, ("early",)).answers()
    starting.join()


def test_a_server_that_hangs_is_waited_for_once(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "PATIENCE", 0.1)
    monkeypatch.setattr(examples, "PAUSE", 3600.0)
    shared = examples.shared(redis_server.url, ("hanging",))
    assert shared.answers()
    redis_server.pause()
    try:
        shared.save(b"k", b"1")
        began = shared.away_until
        shared.save(b"k", b"2")
        assert (shared.away_until, len(shared.waiting)) == (began, 2)
    finally:
        redis_server.resume()


@pytest.mark.parametrize("url", ["redis://me:hunter2@127.0.0.1:9/0", "me:hunter2@nonsense"])
def test_no_redis_is_one_line_without_the_password(
    bearerproof: CommandLine, tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examples, "CONNECT", 0.0)
    ended = bearerproof(
        "fuzz", "--for", "1s", "--corpus", tmp_path, "--database", url, "python:tests.campaign.targets:is_mended"
    )
    assert (ended.code, "--database" in ended.err, "hunter2" in ended.err + ended.out) == (3, True, False)


def test_without_the_extra_the_message_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(BadInput, match=r"python -m pip install 'bearerproof\[redis\]'"):
        examples.shared("redis://127.0.0.1:1", ("nobody else's",))
