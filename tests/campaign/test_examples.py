"""Examples that are shared: a Redis that is away for a while stops nothing, and gets what it missed."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis.database import InMemoryExampleDatabase

from bearerproof.exceptions import BadInput
from bearerproof.judging.results import RED
from bearerproof.judging.runner import RunOptions, run
from bearerproof.judging.settings import RunConfig
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz.campaign import examples
from bearerproof_fuzz.campaign.examples import Examples
from bearerproof_fuzz.suite import SUITE

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


def test_what_fails_is_left_for_others_and_tried_first() -> None:
    """A property leaves its failure under its own name, also with a seed; a run with another one begins with it."""
    database, target = InMemoryExampleDatabase(), "python:tests.campaign.targets:accepts_unsigned"
    config = RunConfig(target=target, profiles=(Profile.JWT,), requirements=("VER-25",), seed=1)
    for seed in (1, 2):
        (record,) = run(SUITE, replace(config, seed=seed), RunOptions(examples=database)).records
        assert record.state in RED
        assert database.data[b"test_nothing_an_attacker_can_sign_is_accepted"]
    tried: list[bytes] = []
    monitored = Examples(database, ())
    monitored.fetch = lambda key: tried.append(key) or database.fetch(key)  # type: ignore[method-assign, func-returns-value]  # a spy
    run(SUITE, replace(config, seed=3), RunOptions(examples=monitored))
    assert b"test_nothing_an_attacker_can_sign_is_accepted" in tried


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


@pytest.mark.parametrize("url", ["redis://me:hunter2@127.0.0.1:9/0", "nonsense", "redis://127.0.0.1:9/x:hunter2@y"])
def test_no_redis_is_one_line_without_the_password(bearerproof: CommandLine, tmp_path: Path, url: str) -> None:
    ended = bearerproof("fuzz", "--for", "1s", "--corpus", tmp_path, "--database", url, "reference")
    assert (ended.code, "--database" in ended.err, "hunter2" in ended.err + ended.out) == (3, True, False)


def test_without_the_extra_the_message_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "redis", None)
    with pytest.raises(BadInput, match=r"python -m pip install 'bearerproof\[redis\]'"):
        examples.shared(f"redis://127.0.0.1:{int(time.time())}", ())
