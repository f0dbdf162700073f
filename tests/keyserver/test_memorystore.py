"""The token store in memory: what it takes of it."""

from collections.abc import Sized
from typing import Any

from bearerproof_reference.keyserver.memorystore import MemoryStore
from bearerproof_reference.keyserver.store import Issue, State, StoreLimits
from bearerproof_reference.keyserver.tokens import Identity, Scopes
from tests.keyserver.samples import ISSUER, START, TTL, token


def test_nothing_is_left_when_all_was_reaped() -> None:
    store = MemoryStore(StoreLimits(capacity=300, retention=10, subject_age=10))
    for number in range(300):
        record = token(Identity(ISSUER, str(number % 100)), scopes=Scopes((f"b{number % 7}",), ("*",)))
        assert store.issue(record, 3, START, START) is Issue.STORED
        assert store.claim(record.jti, 1, START + 10, START)
        if number % 5 == 0:
            store.revoke(record.jti, START)
    for number in range(50):
        store.revoke_all(ISSUER, str(number), START)
    assert sizes(store) > 300
    assert store.reap(START + TTL + 10) == 300
    assert sizes(store) == 0


def test_what_many_tokens_have_in_common_is_kept_once() -> None:
    store = MemoryStore()
    records = [token(Identity(ISSUER, "anna", groups=("staff",)), scopes=Scopes(("*",), ("a",))) for _ in range(3)]
    for record in records:
        store.issue(record, 3, START, START)
    found = [store.look_up(record.digest, START) for record in records]
    assert all(each and each.state is State.LIVE for each in found)
    assert len({id(each.record.identity) for each in found if each}) == 1
    assert len({id(each.record.scopes) for each in found if each}) == 1


def sizes(thing: Any) -> int:
    """Return how many entries the containers of a store have together."""
    return sum(
        len(part) if isinstance(part, Sized) else sizes(part)
        for part in vars(thing).values()
        if isinstance(part, Sized) or type(part).__module__ == MemoryStore.__module__
    )
