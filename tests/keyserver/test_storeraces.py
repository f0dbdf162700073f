"""The token store under many at once: threads in memory, processes on the shared one."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import pytest

from bearerproof_reference.keyserver.store import Issue, State, StoreLimits, TokenStore
from bearerproof_reference.keyserver.tokens import TokenRecord
from tests.keyserver import tasks
from tests.keyserver.concurrent_workers import WORKERS, ConcurrentWorkers, Processes, Threads, processes
from tests.keyserver.conftest import MAKES, ServerOf
from tests.keyserver.samples import ANNA, START, token

LIMITS = StoreLimits(capacity=1000, retention=0)


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    with processes() as ready:
        yield ready


@pytest.fixture(params=["threads", *MAKES])
def workers(request: pytest.FixtureRequest, prefix: str, server_of: ServerOf) -> ConcurrentWorkers:
    """Threads, or processes on a server of each make."""
    if request.param == "threads":
        return Threads(LIMITS)
    server = server_of(request.param)
    return Processes(request.getfixturevalue("pool"), (server.url, prefix, LIMITS))


def stored(store: TokenStore, count: int, ttl: float = 600) -> list[TokenRecord]:
    records = [token(ttl=ttl) for _ in range(count)]
    assert {store.issue(record, count, START, START) for record in records} == {Issue.STORED}
    return records


def outcomes(answers: list[list[tuple[Issue, TokenRecord]]]) -> Counter[Issue]:
    return Counter(outcome for answer in answers for outcome, _ in answer)


@pytest.mark.parametrize("cap", [1, 7, 100])
def test_the_cap_is_never_exceeded(workers: ConcurrentWorkers, cap: int) -> None:
    answers = workers.run(*[partial(tasks.issue_many, count=60, cap=cap)] * WORKERS)
    assert outcomes(answers) == {Issue.STORED: cap, Issue.CAP_REACHED: WORKERS * 60 - cap}
    assert workers.store.count(*ANNA.key, START) == cap


def test_nor_is_that_of_any_of_many(workers: ConcurrentWorkers) -> None:
    assert sum(workers.run(*[partial(tasks.issue_one_each, subjects=800)] * WORKERS)) == 800


def test_nor_is_the_capacity(workers: ConcurrentWorkers) -> None:
    answers = workers.run(*[partial(tasks.issue_many, count=300, cap=5000)] * WORKERS)
    assert outcomes(answers) == {Issue.STORED: 1000, Issue.FULL: WORKERS * 300 - 1000}


@pytest.mark.parametrize("pause", [0, 0.001, 0.005, 0.02])
def test_a_bulk_revocation_leaves_nothing_that_is_issued_meanwhile(workers: ConcurrentWorkers, pause: float) -> None:
    """Whatever was stored before was revoked by it, and counted; nothing is stored after."""
    issuing = [partial(tasks.issue_many, count=100, cap=1000)] * (WORKERS - 1)
    revoked, *answers = workers.run(partial(tasks.revoke_all, pause=pause), *issuing)
    issued = {record.jti for answer in answers for outcome, record in answer if outcome is Issue.STORED}
    assert {record.jti for record in revoked} == issued
    assert len(revoked) == len(issued)
    assert set(outcomes(answers)) <= {Issue.STORED, Issue.REVOKED_BEFORE}
    assert workers.store.count(*ANNA.key, START) == 0
    for record in revoked:
        found = workers.store.look_up(record.digest, START)
        assert found
        assert found.state is State.REVOKED


def test_of_many_revocations_of_a_token_one_is_told_so(workers: ConcurrentWorkers) -> None:
    records = stored(workers.store, 100)
    answers = workers.run(
        partial(tasks.revoke_all, pause=0.005), *[partial(tasks.revoke_each, records=records)] * (WORKERS - 1)
    )
    reported = Counter(record.jti for record in answers[0]) + Counter(jti for answer in answers[1:] for jti in answer)
    assert reported == dict.fromkeys((record.jti for record in records), 1)


def test_a_revoked_token_is_live_to_nobody_who_asks_afterwards(workers: ConcurrentWorkers) -> None:
    records = stored(workers.store, 100)
    watching = [partial(tasks.watch, records=records)] * (WORKERS - 1)
    times, *seen = workers.run(partial(tasks.revoke_with_times, records=records), *watching)
    assert len(times) == len(records)
    for record, answered in zip(records, times, strict=True):
        assert all(began[record.jti] <= answered for began in seen)


@pytest.mark.parametrize("uses", [1, 3])
def test_a_subject_token_is_used_as_often_as_is_allowed(workers: ConcurrentWorkers, uses: int) -> None:
    answers = workers.run(*[partial(tasks.claim_many, keys=50, uses=uses)] * WORKERS)
    granted = Counter(name for answer in answers for name in answer)
    assert granted == {str(number): uses for number in range(50)}


def test_a_tombstone_is_reaped_once(workers: ConcurrentWorkers) -> None:
    stored(workers.store, 500, ttl=1)
    answers = workers.run(*[partial(tasks.reap_often, times=20)] * WORKERS)
    assert sum(map(sum, answers)) == 500
