"""The shared token store: what lies in the server, and what follows when the server does not do as it should."""

import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from bearerproof_reference.deployment.redisstore import RedisStore
from bearerproof_reference.keyserver.store import Issue, State, StoreLimits, StoreUnavailable
from bearerproof_reference.keyserver.tokens import PREFIX, TokenRecord, mint
from tests.keyserver.redisserver import RedisServer, answering, free_port
from tests.keyserver.samples import ANNA, BEN, SCOPES, START, TTL, token

LIMITS = StoreLimits(retention=300)
TIMEOUT = 0.2
# A reply that does not come is waited for once when connecting and once when asking.
PATIENCE = 10 * TIMEOUT


@pytest.fixture
def store(redis_server: RedisServer, prefix: str) -> Iterator[RedisStore]:
    with closing(RedisStore(redis_server.url, LIMITS, prefix=prefix, timeout=10)) as made:
        yield made


@pytest.fixture
def frail(own_redis: RedisServer) -> Iterator[RedisStore]:
    """A store on a server of its own, with little patience."""
    with closing(RedisStore(own_redis.url, LIMITS, timeout=TIMEOUT)) as made:
        yield made


def issue(store: RedisStore, record: TokenRecord | None = None) -> TokenRecord:
    record = record or token()
    assert store.issue(record, 5, START, START - 1) is Issue.STORED
    return record


def state(store: RedisStore, record: TokenRecord) -> State | None:
    found = store.look_up(record.digest, START)
    return found.state if found else None


def operations(store: RedisStore, record: TokenRecord) -> dict[str, Callable[[], object]]:
    """Return every operation of the store, ready to be called."""
    return {
        "issue": lambda: store.issue(token(BEN), 5, START, START - 1),
        "look_up": lambda: store.look_up(record.digest, START),
        "revoke": lambda: store.revoke(record.jti, START),
        "revoke_all": lambda: store.revoke_all(*ANNA.key, START),
        "count": lambda: store.count(*ANNA.key, START),
        "reap": lambda: store.reap(START),
        "claim": lambda: store.claim("key", 1, START, START),
    }


def check_unavailable(store: RedisStore, record: TokenRecord, within: float = math.inf) -> None:
    """Assert that every operation says that it cannot, each within so many seconds."""
    for name, call in operations(store, record).items():
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match=name.replace("_", " ")):
            call()
        assert time.monotonic() - began < within, name


class TestWhatLiesInTheServer:
    def test_no_bearer_and_no_key_of_a_subject_token(self, redis_server: RedisServer, store: RedisStore) -> None:
        bearer, record = mint(ANNA, SCOPES, START, TTL)
        issue(store, record)
        store.claim("signing-input-of-a-subject-token", 1, START, START)
        store.revoke(record.jti, START)
        contents = "\n".join(_contents(redis_server))
        assert record.digest.hex() in contents
        for secret in (bearer, bearer.removeprefix(PREFIX), PREFIX, "signing-input"):
            assert secret not in contents

    def test_it_goes_by_itself_when_the_retention_is_over(
        self, redis_server: RedisServer, store: RedisStore, prefix: str
    ) -> None:
        issue(store)
        with redis_server.client() as client:
            for kind in ("token", "jti", "live"):
                (key,) = client.keys(f"{prefix}{kind}:*")
                assert 890 < client.ttl(key) <= 900

    def test_and_then_it_is_unknown_and_can_still_be_reaped(self, redis_server: RedisServer, prefix: str) -> None:
        with closing(RedisStore(redis_server.url, StoreLimits(retention=0.05), prefix=prefix)) as store:
            longer = issue(store, token(ttl=100))
            record = issue(store, token(ttl=0.05))
            time.sleep(0.15)
            assert state(store, record) is None
            assert (state(store, longer), store.count(*ANNA.key, START + 0.05)) == (State.LIVE, 1)
            assert [each.jti for each in store.revoke_all(*ANNA.key, START + 0.05)] == [longer.jti]
            assert store.reap(START + 0.1) == 1

    def test_nothing_is_left_when_all_was_reaped(
        self, redis_server: RedisServer, store: RedisStore, prefix: str
    ) -> None:
        record, *_ = issue(store), issue(store), issue(store, token(BEN))
        store.revoke(record.jti, START)
        store.revoke_all(*BEN.key, START)
        store.claim("key", 1, START, START)
        assert store.reap(START + TTL + 300) == 3
        with redis_server.client() as client:
            left = {key.removeprefix(prefix).partition(":")[0] for key in client.keys(f"{prefix}*")}
        assert left == {"state", "live"}  # `live` expires with its last token

    def test_what_expired_does_not_pile_up_under_an_identity(
        self, redis_server: RedisServer, store: RedisStore, prefix: str
    ) -> None:
        for number in range(20):
            assert store.issue(token(at=START + number, ttl=1), 1, START + number, START) is Issue.STORED
        with redis_server.client() as client:
            (key,) = client.keys(f"{prefix}live:*")
            assert client.zcard(key) == 1

    def test_stores_with_other_prefixes_are_other_stores(self, redis_server: RedisServer, store: RedisStore) -> None:
        record = issue(store)
        with closing(RedisStore(redis_server.url, LIMITS, prefix="{other}:")) as other:
            assert state(other, record) is None
            assert other.revoke_all(*ANNA.key, START) == ()
        assert state(store, record) is State.LIVE

    def test_the_next_process_finds_it(self, redis_server: RedisServer, store: RedisStore, prefix: str) -> None:
        record = issue(store)
        with closing(RedisStore(redis_server.url, LIMITS, prefix=prefix)) as other:
            assert other.look_up(record.digest, START + TTL)
            assert other.count(*ANNA.key, START) == 0  # it knows the time, too

    def test_a_server_that_forgot_the_scripts(self, redis_server: RedisServer, store: RedisStore) -> None:
        record = issue(store)
        with redis_server.client() as client:
            client.script_flush()
        assert state(store, record) is State.LIVE


class TestOutage:
    def test_nobody_listens(self) -> None:
        with closing(RedisStore(f"redis://127.0.0.1:{free_port()}", LIMITS, timeout=TIMEOUT)) as store:
            check_unavailable(store, token())

    def test_killed_and_restarted(self, own_redis: RedisServer, frail: RedisStore) -> None:
        record = issue(frail)
        own_redis.kill()
        check_unavailable(frail, record)
        own_redis.start()
        assert state(frail, record) is None  # a server without persistence knows it no more
        assert state(frail, issue(frail)) is State.LIVE

    def test_killed_in_the_middle_of_the_work_of_many(self, own_redis: RedisServer, frail: RedisStore) -> None:
        """Every answer is the truth or an outage; and work goes on with the same store when the server is back."""
        records = [issue(frail, token(BEN)) for _ in range(5)]
        issue(frail)
        wrong, answers, stop = [], 0, threading.Event()

        def work() -> None:
            nonlocal answers
            while not stop.is_set():
                try:
                    found = frail.look_up(records[0].digest, START)
                except StoreUnavailable:
                    continue
                answers += 1
                if found is None or found.state is not State.LIVE:
                    wrong.append(found)

        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        time.sleep(0.2)
        own_redis.kill()
        time.sleep(0.2)
        stop.set()
        for worker in workers:
            worker.join(10)
        assert answers > 0
        assert wrong == []
        own_redis.start()
        assert state(frail, issue(frail)) is State.LIVE

    def test_paused(self, own_redis: RedisServer, frail: RedisStore) -> None:
        """A server that hangs costs a bounded time; a token of which nobody knows whether it was stored is nobody's."""
        record = issue(frail)
        own_redis.pause()
        check_unavailable(frail, record, PATIENCE)
        with closing(RedisStore(own_redis.url, LIMITS, timeout=TIMEOUT)) as fresh:
            check_unavailable(fresh, record, PATIENCE)
        own_redis.resume()
        assert state(frail, record) in (State.LIVE, State.REVOKED)  # a revocation that timed out may have been done

    def test_nothing_is_tried_twice(self) -> None:
        """Or a subject token whose first use was done, and the answer lost, would be told used before."""
        asked = []

        def lose(said: bytes) -> bytes:
            asked.extend(["claim"] * said.count(b"EVALSHA"))
            return b"" if b"EVALSHA" in said else b"+OK\r\n" * said.count(b"*")

        with answering(lose) as port, _store_at(port) as store:
            store._looked_at = math.inf
            with pytest.raises(StoreUnavailable):
                store.claim("key", 1, START, START)
        assert asked == ["claim"]

    def test_full(self, own_redis: RedisServer, frail: RedisStore) -> None:
        """Nothing new is stored in a full server; it still knows who is who, and revokes."""
        record, other = issue(frail), issue(frail, token(BEN))
        refused = token()
        with own_redis.client() as client:
            before = set(client.keys("*"))
            client.config_set("maxmemory", 1)
            with pytest.raises(StoreUnavailable):
                frail.issue(refused, 5, START, START - 1)
            with pytest.raises(StoreUnavailable):
                frail.claim("key", 1, START, START)
            assert set(client.keys("*")) == before
            assert state(frail, record) is State.LIVE
            assert frail.look_up(record.digest, START + 1) is not None
            assert frail.revoke(record.jti, START + 1) == record
            assert frail.revoke_all(*BEN.key, START + 1) == (other,)
            assert (frail.count(*ANNA.key, START + 1), frail.reap(START + 1)) == (0, 0)
            client.config_set("maxmemory", 0)
        assert state(frail, refused) is None
        assert (state(frail, record), state(frail, other)) == (State.REVOKED, State.REVOKED)
        assert frail.claim("key", 1, START, START)
        assert frail.issue(token(BEN, START + 1), 5, START + 1, START + 1) is Issue.REVOKED_BEFORE

    def test_a_server_that_evicts_is_not_used(self, own_redis: RedisServer, frail: RedisStore) -> None:
        with own_redis.client() as client:
            client.config_set("maxmemory", 10**9)
            client.config_set("maxmemory-policy", "allkeys-lru")
            for call in operations(frail, token()).values():
                with pytest.raises(StoreUnavailable, match="noeviction"):
                    call()
            client.config_set("maxmemory-policy", "noeviction")
        issue(frail)

    def test_the_password_is_wrong_and_not_repeated(self, own_redis: RedisServer) -> None:
        with own_redis.client() as client:
            client.config_set("requirepass", "right-one")
        for login in ("", ":wrong-one@"):
            url = own_redis.url.replace("redis://", f"redis://{login}")
            with closing(RedisStore(url, LIMITS)) as store, pytest.raises(StoreUnavailable) as caught:
                store.look_up(bytes(32), START)
            assert "wrong-one" not in f"{caught.value} {caught.value.__cause__} {store!r}"
        with closing(RedisStore(own_redis.url.replace("//", "//:right-one@"), LIMITS)) as store:
            issue(store)


TOUCHED = {
    "state": ("issue", "look_up", "revoke", "revoke_all", "count", "reap", "claim"),
    "token": ("look_up", "revoke", "revoke_all"),
    "jti": ("revoke",),
    "live": ("issue", "revoke", "revoke_all", "count"),
    "removals": ("issue", "reap"),
    "revocations": ("issue", "revoke_all", "reap"),
    "claims": ("claim", "reap"),
    "uses": ("claim",),
}


class TestSomethingElseUnderAKey:
    @pytest.mark.parametrize(("kind", "operation"), [(kind, name) for kind, names in TOUCHED.items() for name in names])
    def test_of_a_wrong_type(
        self, redis_server: RedisServer, store: RedisStore, prefix: str, kind: str, operation: str
    ) -> None:
        record = issue(store)
        _replace(redis_server, prefix, kind)
        calls = operations(store, record)
        if operation == "issue":
            calls["issue"] = lambda: store.issue(token(), 5, START, START - 1)
        with pytest.raises(StoreUnavailable):
            calls[operation]()

    def test_a_token_that_could_not_be_indexed_is_not_stored(
        self, redis_server: RedisServer, store: RedisStore, prefix: str
    ) -> None:
        issue(store)
        _replace(redis_server, prefix, "removals")
        record = token()
        with pytest.raises(StoreUnavailable):
            store.issue(record, 5, START, START - 1)
        assert state(store, record) is None

    def test_a_revocation_that_failed_half_way_leaves_no_live_token(
        self, redis_server: RedisServer, store: RedisStore, prefix: str
    ) -> None:
        record = issue(store)
        _replace(redis_server, prefix, "live")
        with pytest.raises(StoreUnavailable):
            store.revoke(record.jti, START)
        assert state(store, record) is State.REVOKED

    @pytest.mark.parametrize(
        "record", ["", "null", "[]", "{}", "{", "1", '{"identity": {}, "scopes": {}}', '"text"', "\xff", "[" * 10_000]
    )
    @pytest.mark.parametrize("operation", ["look_up", "revoke", "revoke_all"])
    def test_a_record_that_is_none(
        self, redis_server: RedisServer, store: RedisStore, prefix: str, record: str, operation: str
    ) -> None:
        stored = issue(store)
        _overwrite(redis_server, prefix, "record", record)
        with pytest.raises(StoreUnavailable):
            operations(store, stored)[operation]()

    @pytest.mark.parametrize("missing", [["digest"], ["identity", "issuer"], ["scopes", "tools"], ["expires_at"]])
    def test_a_record_without_a_member(
        self, redis_server: RedisServer, store: RedisStore, prefix: str, missing: list[str]
    ) -> None:
        stored = issue(store)
        with redis_server.client() as client:
            (key,) = client.keys(f"{prefix}token:*")
            members = json.loads(str(client.hget(key, "record")))
        *path, last = missing
        inner = members
        for name in path:
            inner = inner[name]
        del inner[last]
        _overwrite(redis_server, prefix, "record", json.dumps(members))
        with pytest.raises(StoreUnavailable):
            store.look_up(stored.digest, START)

    @pytest.mark.parametrize("expires", ["", "soon", "nan"])
    def test_an_expiry_that_is_none(
        self, redis_server: RedisServer, store: RedisStore, prefix: str, expires: str
    ) -> None:
        stored = issue(store)
        _overwrite(redis_server, prefix, "expires", expires)
        try:
            found = store.look_up(stored.digest, START)
        except StoreUnavailable:
            return
        assert found is None or found.state is not State.LIVE


class TestStrangeReplies:
    @pytest.mark.parametrize(
        "reply",
        [
            b"-LOADING Redis is loading the dataset in memory\r\n",
            b"-BUSY Redis is busy running a script.\r\n",
            b"-NOAUTH Authentication required.\r\n",
            b"-READONLY You can't write against a read only replica.\r\n",
            b"-NOSCRIPT No matching script.\r\n",
            b"-MASTERDOWN Link with MASTER is down\r\n",
            b"-CLUSTERDOWN The cluster is down\r\n",
            b"-MOVED 1 127.0.0.1:1\r\n",
            b"-ERR \r\n",
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            b"\x00" * 100 + b"\r\n",
            b"+OK\r\n",
            b":1\r\n",
            b"$-1\r\n",
            b"*0\r\n",
            b"$99999999999\r\n",
            b"",
        ],
    )
    def test_are_an_outage(self, reply: bytes) -> None:
        with answering(lambda _: reply) as port, _store_at(port) as store:
            check_unavailable(store, token())

    @pytest.mark.parametrize(
        ("reply", "understood"),
        [
            (b"+OK\r\n", ()),
            (b"$0\r\n\r\n", ()),
            (b"$4\r\n\xff\xff\xff\xff\r\n", ()),
            (b":1\r\n", ("count",)),
            (b"*0\r\n", ("revoke_all",)),
            (b"*2\r\n$4\r\nnull\r\n$4\r\nlive\r\n", ()),
            (b"*1\r\n*1\r\n:1\r\n", ()),
        ],
    )
    def test_of_a_script_are_an_outage(self, reply: bytes, understood: tuple[str, ...]) -> None:
        """A script returns nothing of the kind, except to those named."""
        with answering(lambda _: reply) as port, _store_at(port) as store:
            store._looked_at = math.inf
            for name, call in operations(store, token()).items():
                if name not in understood:
                    with pytest.raises(StoreUnavailable):
                        call()


@contextmanager
def _store_at(port: int) -> Iterator[RedisStore]:
    with closing(RedisStore(f"redis://127.0.0.1:{port}", LIMITS, timeout=TIMEOUT)) as store:
        yield store


def _contents(server: RedisServer) -> Iterator[str]:
    """Yield every key of the server, and what is under it."""
    read = {"string": "get", "hash": "hgetall", "zset": "zrange"}
    with server.client() as client:
        for key in client.scan_iter():
            kind = str(client.type(key))
            yield f"{key} {getattr(client, read[kind])(key, *([0, -1] if kind == 'zset' else []))}"


def _replace(server: RedisServer, prefix: str, kind: str) -> None:
    """Put a list where the store keeps something else, of this kind."""
    with server.client() as client:
        for key in client.keys(f"{prefix}{kind}*") or [prefix + kind]:
            client.delete(key)
            client.rpush(key, "something else")


def _overwrite(server: RedisServer, prefix: str, field: str, value: str) -> None:
    with server.client() as client:
        (key,) = client.keys(f"{prefix}token:*")
        client.hset(key, field, value)
