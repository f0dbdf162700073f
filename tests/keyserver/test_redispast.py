"""What a real Redis server does to the past: it comes back, is replaced, evicts, and has a clock of its own."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

import pytest

from bearerproof_reference.deployment.redisstore import (
    AHEAD,
    EVICTS,
    LAGGING,
    NOT_DURABLE,
    RedisStore,
    StoreGuarantees,
)
from bearerproof_reference.keyserver.revocation import RevocationRefused
from bearerproof_reference.keyserver.store import Issue, NotReplicated, State, StoreLimits, StoreUnavailable
from bearerproof_reference.keyserver.tokens import TokenRecord
from tests.keyserver.environment import Environment
from tests.keyserver.redisserver import RedisServer, free_port
from tests.keyserver.samples import ANNA, BEN, token

ALWAYS = ("--appendonly", "yes", "--appendfsync", "always")
LIMITS = StoreLimits(retention=300)
TIMEOUT = 1.0


@dataclass
class Shared:
    """A store at a server, at the time of this machine."""

    store: RedisStore

    def issue(self, record: TokenRecord | None = None) -> TokenRecord:
        now = time.time()
        record = record or token(at=now)
        assert self.store.issue(record, 100, now, now) is Issue.STORED
        return record

    def state(self, record: TokenRecord) -> State | None:
        found = self.store.look_up(record.digest, time.time())
        return found.state if found else None


Open = Callable[..., Shared]


@pytest.fixture
def opened() -> Iterator[Open]:
    with ExitStack() as stores:

        def open_store(server: RedisServer, replicas: int = 0, leeway: float = 60) -> Shared:
            asked = StoreGuarantees(replicas, leeway, births=True)
            store = RedisStore(server.url, LIMITS, timeout=TIMEOUT, guarantees=asked)
            return Shared(stores.enter_context(closing(store)))

        yield open_store


Start = Callable[..., RedisServer]


@pytest.fixture
def started(tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer) -> Iterator[Start]:
    """Start servers with these options."""
    with ExitStack() as servers:

        def start(*options: str) -> RedisServer:
            server = RedisServer(tmp_path_factory.mktemp("redis"), *options, binary=redis_server.binary)
            servers.callback(server.kill)
            return server

        yield start


def replica_of(started: Start, master: RedisServer, *options: str) -> RedisServer:
    replica = started("--replicaof", f"127.0.0.1 {master.port}", "--repl-diskless-sync-delay", "0", *options)
    with replica.client() as client:
        eventually(lambda: client.info("replication")["master_link_status"] == "up")
    return replica


def eventually(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


class Past:
    """What is done to a store before it loses its server: a used and a revoked token, and an identity."""

    def __init__(self, shared: Shared) -> None:
        self.issued_at = time.time()
        assert shared.store.claim("subject token", 1, self.issued_at + 300, self.issued_at)
        self.live, self.revoked = shared.issue(), shared.issue()
        self.of_identity = shared.issue(token(BEN, at=time.time()))
        self.shared = shared

    def revoke(self) -> None:
        now = time.time()
        assert self.shared.store.revoke(self.revoked.jti, now) == self.revoked
        assert len(self.shared.store.revoke_all(*BEN.key, now)) == 1

    def check(self, after: Shared, *, kept: bool) -> None:
        """Assert that nothing of it is good again, and whether all of it is known."""
        assert after.state(self.live) is (State.LIVE if kept else None)
        assert after.state(self.revoked) is (State.REVOKED if kept else None)
        assert after.state(self.of_identity) is (State.REVOKED if kept else None)
        now = time.time()
        again = after.store.claim("subject token", 1, self.issued_at + 300, now)
        assert not kept or not again
        for identity, minted in ((ANNA, kept), (BEN, False)):
            outcome = after.store.issue(token(identity, at=now), 100, now, self.issued_at)
            assert outcome is (Issue.STORED if minted else Issue.REVOKED_BEFORE), identity
        fresh = after.issue()
        assert (after.state(fresh), after.store.count(*ANNA.key, time.time())) == (State.LIVE, 1 + 2 * kept)
        assert [each.jti for each in after.store.revoke_all(*ANNA.key, time.time())][-1:] == [fresh.jti]


@pytest.mark.parametrize(
    ("options", "saves", "kept"),
    [((), False, False), ((), True, False), (ALWAYS, False, True), (("--appendonly", "yes"), False, False)],
    ids=["no persistence", "an old snapshot", "appendfsync always", "appendfsync everysec"],
)
def test_server_that_is_killed_and_comes_back(
    started: Start, opened: Open, options: tuple[str, ...], saves: bool, kept: bool
) -> None:
    server = started(*options)
    shared = opened(server)
    past = Past(shared)
    assert shared.store.warnings() == (() if "always" in options else (NOT_DURABLE,))
    if saves:
        with server.client() as client:
            client.save()
    past.revoke()
    server.kill()
    with pytest.raises(StoreUnavailable):
        shared.state(past.live)
    server.start()
    past.check(shared, kept=kept)


@pytest.mark.parametrize("replicas", [0, 1])
def test_replica_that_was_cut_off_and_is_promoted(started: Start, opened: Open, replicas: int) -> None:
    """Where replicas must acknowledge nothing was answered that it does not have; else nothing is good any more."""
    master = started()
    replica = replica_of(started, master)
    shared = opened(master, replicas)
    past = Past(shared)
    with replica.client() as client:
        client.replicaof("127.0.0.1", str(free_port()))
        eventually(lambda: client.info("replication")["master_link_status"] == "down")
        if replicas:
            with pytest.raises(NotReplicated):
                past.shared.store.revoke(past.revoked.jti, time.time())
            assert LAGGING in past.shared.store.warnings()
        else:
            past.revoke()
        master.kill()
        client.replicaof("no", "one")
    past.check(opened(replica), kept=False)


def test_replica_that_has_all_that_was_answered_takes_over_with_it(started: Start, opened: Open) -> None:
    master = started()
    replica = replica_of(started, master)
    past = Past(opened(master, 1))
    past.revoke()
    master.kill()
    with replica.client() as client:
        client.replicaof("no", "one")
    after = opened(replica, 1)
    with pytest.raises(NotReplicated):
        after.issue()  # no replica is left to acknowledge anything
    again = opened(replica)
    assert again.state(past.live) is State.LIVE
    assert [again.state(record) for record in (past.revoked, past.of_identity)] == [State.REVOKED] * 2
    assert again.store.count(*ANNA.key, time.time()) == 1, "what was not acknowledged was taken back"


def test_revocation_that_no_replica_acknowledged_is_told_and_not_answered_as_done(started: Start, opened: Open) -> None:
    server = started()
    granting = Environment(store=opened(server, leeway=math.inf).store)
    granted = granting.granted()
    lagging = Environment(store=opened(server, 1, math.inf).store)
    first, second = lagging.revoke(granted.record.jti), lagging.revoke(granted.record.jti)
    for answer in (first, second):
        assert isinstance(answer, RevocationRefused)
        assert answer.error == "temporarily_unavailable"
    assert [event["event"] for event in lagging.events()] == ["token.revoked", "token.denied"]
    granting.granted()
    bulk = lagging.revoke_all()
    assert isinstance(bulk, RevocationRefused)
    assert lagging.event()["event"] == "token.revoked"
    refused = lagging.exchange()
    assert (getattr(refused, "error", None), lagging.reason()) == (
        "temporarily_unavailable",
        "token.denied store-unavailable",
    )


def test_clock_that_is_ahead_is_refused_and_moves_nothing(started: Start, opened: Open) -> None:
    server = started()
    right, fast = opened(server), opened(server)
    record = right.issue()
    for ahead in (3600.0, 10.0 * 365 * 86_400):
        with pytest.raises(StoreUnavailable, match="ahead"):
            fast.store.count("", "", time.time() + ahead)
        assert AHEAD in fast.store.warnings()
    assert right.state(record) is State.LIVE
    assert AHEAD not in right.store.warnings()
    assert fast.state(record) is State.LIVE
    assert AHEAD not in fast.store.warnings()


def test_eviction_is_noticed_while_the_server_runs(
    started: Start, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is asked then; and when the server evicts no more, what it forgot may have been a revocation."""
    monkeypatch.setattr("bearerproof_reference.deployment.redisstore.LOOK_EVERY", 0.0)
    server = started()
    shared = opened(server)
    record = shared.issue()
    with server.client() as client:
        used = int(client.info("memory")["used_memory"])
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("maxmemory", used + 200_000)
        with pytest.raises(StoreUnavailable, match="noeviction"):
            shared.state(record)
        assert EVICTS in shared.store.warnings()
        for number in range(20_000):
            client.set(f"other-{number}", "x" * 100)
        assert int(client.info("stats")["evicted_keys"]) > 0
        client.config_set("maxmemory", 0)
    assert shared.state(record) is None
    assert EVICTS not in shared.store.warnings()
    fresh = shared.issue()
    assert shared.state(fresh) is State.LIVE


def test_no_two_operations_of_a_shared_store_have_the_same_time(started: Start, opened: Open) -> None:
    server, now = started(), round(time.time(), 6)
    stores = [opened(server).store for _ in range(2)]
    moments = []
    for _ in range(5):
        for store in stores:
            store.count("", "", now)
            moments.append(store.moment())
    assert moments == sorted(set(moments))
    assert len({at for at, _ in moments}) == len(moments)
    assert moments[-1][0] - now < 0.001
