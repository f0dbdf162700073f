"""Token stores for the tests: in memory, and in a real server that runs as long as the session."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path

import pytest

from bearerproof_reference.deployment.redisstore import RedisStore
from bearerproof_reference.keyserver.memorystore import MemoryStore
from bearerproof_reference.keyserver.store import StoreLimits, TokenStore
from tests.keyserver.redisserver import BINARIES, RedisServer

MakeStore = Callable[[StoreLimits], TokenStore]

_prefixes = (f"{{test-{number}}}:" for number in count())


ServerOf = Callable[[str | None], RedisServer]

MAKES = [pytest.param(found, id=Path(found).name) for found in BINARIES] or [pytest.param(None, id="redis-server")]
"""The makes of server that are installed: what holds of one has to hold of each."""


@pytest.fixture(scope="session")
def server_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerOf]:
    """Starts a server of a make, once for all tests; each test has a prefix of its own."""
    servers: dict[str, RedisServer] = {}

    def started(binary: str | None) -> RedisServer:
        if binary is None:
            pytest.skip("neither redis-server nor valkey-server is installed (Debian: apt-get install redis-server)")
        if binary not in servers:
            servers[binary] = RedisServer(tmp_path_factory.mktemp("redis"), binary=binary)
        return servers[binary]

    yield started
    for server in servers.values():
        server.kill()


@pytest.fixture(scope="session", params=MAKES)
def redis_server(request: pytest.FixtureRequest, server_of: ServerOf) -> RedisServer:
    """A server that tests share, of each make in turn."""
    return server_of(request.param)


@pytest.fixture
def own_redis(tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer) -> Iterator[RedisServer]:
    """A server for one test, which may kill, pause or fill it."""
    server = RedisServer(tmp_path_factory.mktemp("redis"), binary=redis_server.binary)
    yield server
    server.resume()
    server.kill()


@pytest.fixture
def prefix() -> str:
    """A key prefix that no other test uses."""
    return next(_prefixes)


@pytest.fixture(params=["memory", *MAKES])
def make_store(request: pytest.FixtureRequest, server_of: ServerOf) -> Iterator[MakeStore]:
    """Makes empty stores, of each kind in turn."""
    if request.param == "memory":
        yield MemoryStore
        return
    server = server_of(request.param)
    with ExitStack() as stores:
        yield lambda limits: stores.enter_context(
            closing(RedisStore(server.url, limits, prefix=next(_prefixes), timeout=10))
        )


@pytest.fixture
def store(make_store: MakeStore) -> TokenStore:
    """An empty store with room for ten tokens, which it remembers for 300 s after their expiry."""
    return make_store(StoreLimits(capacity=10, retention=300, subject_age=300, remembered=5))
