"""Token stores for the tests: in memory, and in a real server that runs as long as the session."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import count

import pytest

from bearerproof_reference.deployment.redisstore import RedisStore
from bearerproof_reference.keyserver.memorystore import MemoryStore
from bearerproof_reference.keyserver.store import StoreLimits, TokenStore
from tests.keyserver.redisserver import BINARY, RedisServer

MakeStore = Callable[[StoreLimits], TokenStore]

_prefixes = (f"{{test-{number}}}:" for number in count())


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server that tests share, each with a prefix of its own."""
    if BINARY is None:
        pytest.skip("neither redis-server nor valkey-server is installed (Debian: apt-get install redis-server)")
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.kill()


@pytest.fixture
def own_redis(tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer) -> Iterator[RedisServer]:
    """A server for one test, which may kill, pause or fill it."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.resume()
    server.kill()


@pytest.fixture
def prefix() -> str:
    """A key prefix that no other test uses."""
    return next(_prefixes)


@pytest.fixture(params=["memory", "redis"])
def make_store(request: pytest.FixtureRequest) -> Iterator[MakeStore]:
    """Makes empty stores, of each kind in turn."""
    if request.param == "memory":
        yield MemoryStore
        return
    server: RedisServer = request.getfixturevalue("redis_server")
    with ExitStack() as stores:
        yield lambda limits: stores.enter_context(
            closing(RedisStore(server.url, limits, prefix=next(_prefixes), timeout=10))
        )


@pytest.fixture
def store(make_store: MakeStore) -> TokenStore:
    """An empty store with room for ten tokens, which it remembers for 300 s after their expiry."""
    return make_store(StoreLimits(capacity=10, retention=300, subject_age=300, remembered=5))
