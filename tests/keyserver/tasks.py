"""What the workers of a race do; each takes the store and the worker's number. Processes import this module alone."""

import time

from bearerproof_reference.keyserver.store import Issue, State, TokenStore
from bearerproof_reference.keyserver.tokens import Identity, TokenRecord
from tests.keyserver.samples import ANNA, ISSUER, START, token

LATER = START + 1


def issue_many(store: TokenStore, _: int, *, count: int, cap: int) -> list[tuple[Issue, TokenRecord]]:
    """Issue tokens to one identity, all with a subject token that is as old as the hour."""
    records = [token() for _ in range(count)]
    return [(store.issue(record, cap, START, START), record) for record in records]


def issue_one_each(store: TokenStore, _: int, *, subjects: int) -> int:
    """Issue a token to each of many identities, which may have one; return how many were stored."""
    records = [token(Identity(ISSUER, str(number))) for number in range(subjects)]
    return sum(store.issue(record, 1, START, START) is Issue.STORED for record in records)


def revoke_all(store: TokenStore, _: int, *, pause: float) -> list[TokenRecord]:
    """Revoke all tokens of that identity, in the middle of it."""
    time.sleep(pause)
    return list(store.revoke_all(*ANNA.key, START))


def revoke_each(store: TokenStore, number: int, *, records: list[TokenRecord]) -> list[str]:
    """Revoke these tokens, half of the workers from the other end; return those that this call revoked."""
    order = records if number % 2 else records[::-1]
    return [record.jti for record in order if store.revoke(record.jti, START)]


def revoke_with_times(store: TokenStore, _: int, *, records: list[TokenRecord]) -> list[float]:
    """Revoke the tokens one after another; return when each answer had come."""
    return [time.monotonic() for record in records if store.revoke(record.jti, START)]


def watch(store: TokenStore, _: int, *, records: list[TokenRecord]) -> dict[str, float]:
    """Look the tokens up until all are revoked; return for each when the last look began that found it live."""
    live = dict.fromkeys((record.jti for record in records), 0.0)
    left, deadline = list(records), time.monotonic() + 600
    while left and time.monotonic() < deadline:
        still = []
        for record in left:
            began = time.monotonic()
            found = store.look_up(record.digest, START)
            if found and found.state is State.LIVE:
                live[record.jti] = began
                still.append(record)
        left = still
    return live


def claim_many(store: TokenStore, _: int, *, keys: int, uses: int) -> list[str]:
    """Use the same subject tokens as everybody; return which were granted, as often as they were."""
    names = [str(number) for number in range(keys)] * uses
    return [name for name in names if store.claim(name, uses, LATER, START)]


def reap_often(store: TokenStore, _: int, *, times: int) -> list[int]:
    """Reap while others issue and reap; return what each reaping counted."""
    return [store.reap(LATER) for _ in range(times)]
