"""The token store against a model of it, in whatever order things happen, on a clock that also steps back.

Times are multiples of 100 s: what expires by the shared server's own clock as well must not do so within an example.
"""

from itertools import count

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from hypothesis.stateful import run_state_machine_as_test as run

from bearerproof_reference.deployment.redisstore import RedisStore
from bearerproof_reference.keyserver.memorystore import MemoryStore
from bearerproof_reference.keyserver.store import Issue, StoreLimits, StoreUnavailable, TokenStore
from bearerproof_reference.keyserver.tokens import Identity, TokenRecord
from tests.keyserver.redisserver import RedisServer
from tests.keyserver.samples import ANNA, BEN, SAME_SUBJECT, START, token
from tests.keyserver.storemodel import Model

SPAN = 100
identities = st.sampled_from([ANNA, BEN, SAME_SUBJECT])
spans = st.integers(0, 6).map(lambda number: number * SPAN)
limits = st.builds(
    StoreLimits,
    capacity=st.integers(1, 8),
    retention=st.integers(0, 3).map(lambda number: number * SPAN),
    subject_age=st.integers(0, 3).map(lambda number: number * SPAN),
    remembered=st.integers(1, 3),
)


class StoreMachine(RuleBasedStateMachine):
    """Does the same to a store and to the model, and compares all that can be seen."""

    tokens: Bundle[TokenRecord] = Bundle("tokens")

    def make(self, limits: StoreLimits) -> TokenStore:
        """Return an empty store."""
        return MemoryStore(limits)

    @initialize(limits=limits)
    def begin(self, limits: StoreLimits) -> None:
        self.store, self.model, self.now = self.make(limits), Model(limits), START
        self.seen: list[TokenRecord] = []

    @rule(target=tokens, who=identities, ttl=spans, age=spans, cap=st.integers(0, 3))
    def issue(self, who: Identity, ttl: int, age: int, cap: int) -> TokenRecord:
        record = token(who, self.now, ttl)
        self.seen.append(record)
        expected = self.model.issue(record, cap, self.now, self.now - age)
        try:
            outcome: Issue | None = self.store.issue(record, cap, self.now, self.now - age)
        except StoreUnavailable:
            outcome = None
        assert outcome == expected
        return record if outcome is Issue.STORED else multiple()  # type: ignore[return-value]

    @rule(record=tokens)
    def revoke(self, record: TokenRecord) -> None:
        expected = record if self.model.revoke(record, self.now) else None
        assert self.store.revoke(record.jti, self.now) == expected

    @rule(who=identities)
    def revoke_all(self, who: Identity) -> None:
        revoked = [record.jti for record in self.store.revoke_all(*who.key, self.now)]
        assert len(revoked) == len(set(revoked))
        assert set(revoked) == self.model.revoke_all(who.key, self.now)

    @rule()
    def reap(self) -> None:
        assert self.store.reap(self.now) == self.model.reap(self.now)

    @rule(name=st.sampled_from("abcdef"), uses=st.integers(1, 2), left=spans)
    def claim(self, name: str, uses: int, left: int) -> None:
        until = self.now + left + SPAN * ord(name) / 1000  # so that no two end together
        expected = self.model.claim(name, uses, until, self.now)
        try:
            granted: bool | None = self.store.claim(name, uses, until, self.now)
        except StoreUnavailable:
            granted = None
        assert granted == expected

    @rule(span=st.integers(-5, 6).map(lambda number: number * SPAN))
    def pass_time(self, span: int) -> None:
        self.now += span

    @invariant()
    def look_up_everything(self) -> None:
        for record in getattr(self, "seen", ()):
            found = self.store.look_up(record.digest, self.now)
            assert (found and found.state) == self.model.state(record, self.now)
            assert found is None or found.record == record

    @invariant()
    def count_everything(self) -> None:
        for who in (ANNA, BEN, SAME_SUBJECT) if hasattr(self, "store") else ():
            assert self.store.count(*who.key, self.now) == self.model.count(who.key, self.now)


SETTINGS = settings(deadline=None, stateful_step_count=40, suppress_health_check=list(HealthCheck))


def test_in_memory() -> None:
    run(StoreMachine, settings=settings(SETTINGS, max_examples=100))


def test_shared(redis_server: RedisServer) -> None:
    """The same, in a server, by clients that come and go: what one process did, the next one sees."""
    numbers = count()

    class SharedStoreMachine(StoreMachine):
        store: RedisStore

        def make(self, limits: StoreLimits) -> RedisStore:
            self.prefix = f"{{machine-{next(numbers)}}}:"
            return self.open(limits)

        def open(self, limits: StoreLimits) -> RedisStore:
            return RedisStore(redis_server.url, limits, prefix=self.prefix, timeout=10)

        @rule()
        def restart(self) -> None:
            self.store.close()
            self.store = self.open(self.model.limits)

        def teardown(self) -> None:
            if hasattr(self, "store"):
                self.store.close()

    run(SharedStoreMachine, settings=settings(SETTINGS, max_examples=30))
