"""The token store in memory: does an operation cost the same at a million live tokens as at a thousand?

The tokens belong to identities of four each. A row is the median, over rounds in which both stores have their turn,
of the cost in the large store over the cost in the small one. ``warm``: the same 50 tokens, spread evenly over all,
come again and again, so that it shows what the store *does* more. ``cold``: each comes once and is picked at random,
so that it shows cache misses too; a bare ``dict`` of the same sizes has them as well. Reaping finds 50 expired tokens
among the live.

Prints also what a token takes of resident memory, and what it costs to reap all of the large store.
"""

import gc
import os
import random
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import TypeVar

from bearerproof_reference.keyserver.memorystore import MemoryStore
from bearerproof_reference.keyserver.store import Issue, StoreLimits
from bearerproof_reference.keyserver.tokens import Identity, Scopes, TokenRecord, mint

T = TypeVar("T")

START = 1_800_000_000.0
TTL = 3600.0
LIMIT = 1.5
SMALL = 1000
EACH = 4
CAP = 10
PICKED = 50
LIMITED = ("issue", "look up", "revoke", "count")
ISSUER = "https://idp.example"


class Filled:
    """A store with ``size`` live tokens."""

    def __init__(self, size: int) -> None:
        before = resident()
        self.store = MemoryStore(StoreLimits(capacity=2 * size + 1_000_000, retention=0))
        self.digests = [self.put(number // EACH, START + number / size, TTL).digest for number in range(size)]
        self.bytes_each = (resident() - before) / size
        self.bare = dict.fromkeys(self.digests)
        self.size = size
        self.now = START + 1

    def put(self, subject: int, at: float, ttl: float) -> TokenRecord:
        """Issue a token to an identity that is made afresh, as an exchange makes it."""
        record = token(subject, at, ttl)
        self.issue(record, at)
        return record

    def issue(self, record: TokenRecord, now: float) -> None:
        """Issue a token that must be stored."""
        if self.store.issue(record, CAP, now, START) is not Issue.STORED:
            raise RuntimeError("the store takes no more")

    def round(self, numbers: list[int], times: int) -> dict[str, float]:
        """Return the seconds that each operation takes on the tokens with these numbers, one after another, ``times``.

        The digests and the names are other objects than the store's, as in life. It leaves revoked tokens behind.
        """
        self.now += 2
        now, store = self.now, self.store
        digests = [bytes(bytearray(self.digests[number])) for number in numbers] * times
        subjects = [f"user-{number // EACH}" for number in numbers] * times
        new = [token(number // EACH, now, TTL) for number in numbers * times]
        seconds = {
            "a bare dict": timed(self.bare.get, digests),
            "look up": timed(lambda digest: store.look_up(digest, now), digests),
            "count": timed(lambda subject: store.count(ISSUER, subject, now), subjects),
            "issue": timed(lambda record: self.issue(record, now), new),
            "revoke": timed(lambda record: store.revoke(record.jti, now), new),
        }
        for number in range(PICKED):
            self.put(-number, now, 1)
        return seconds | {"reap": timed(store.reap, [now + 1])}


def main() -> None:
    """Fill the stores and print the table."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100,000 tokens and few rounds")
    parser.add_argument("--tokens", type=int, help="live tokens of the large store (default 1,000,000)")
    parser.add_argument("--rounds", type=int, help="rounds (default 60; 20 with --quick)")
    options = parser.parse_args()
    rounds = options.rounds or (20 if options.quick else 60)
    gc.disable()
    large = Filled(options.tokens or (100_000 if options.quick else 1_000_000))
    warm, cold = ratios(large, rounds, again, 4), ratios(large, rounds, anew, 1)
    print(f"cost at {large.size:,} live tokens over cost at {SMALL:,}   (limit {LIMIT} x, warm)")
    print(f"{'':12} {'warm':>8} {'cold':>8}")
    for name in warm:
        verdict = "" if name not in LIMITED else "   ok" if warm[name] <= LIMIT else "   OVER"
        print(f"{name:12} {warm[name]:8.2f} {cold[name]:8.2f}{verdict}")
    print(f"bytes a token  {large.bytes_each:8.0f}   (resident memory, all indexes)")
    reaped = timed(large.store.reap, [START + 2 * TTL]) / large.size
    print(f"reaping all    {reaped * 1e6:8.2f}   (microseconds an expired token)")


def ratios(large: Filled, rounds: int, pick: Callable[[int], list[int]], times: int) -> dict[str, float]:
    """Return for each operation the median of large over small; a round before them is not counted."""
    numbers = {size: pick(size) for size in (SMALL, large.size)}
    found: dict[str, list[float]] = {}
    for turn in range(rounds + 1):
        if pick is anew:
            numbers = {size: pick(size) for size in numbers}
        small = Filled(SMALL)
        ours, theirs = large.round(numbers[large.size], times), small.round(numbers[SMALL], times)
        for name in ours if turn else ():
            found.setdefault(name, []).append(ours[name] / theirs[name])
    return {name: median(values) for name, values in found.items()}


def again(size: int) -> list[int]:
    """Return numbers of tokens, each of another identity, spread evenly."""
    return [identity * (size // EACH) // PICKED * EACH for identity in range(PICKED)]


def anew(size: int) -> list[int]:
    """Return numbers of tokens at random, each of another identity."""
    return [identity * EACH for identity in random.sample(range(size // EACH), PICKED)]


def token(subject: int, at: float, ttl: float) -> TokenRecord:
    """Return a record of which nothing is shared with another."""
    name = f"user-{subject}"
    identity = Identity(ISSUER, name, f"{name}@example.com", email_verified=True, groups=("staff",))
    return mint(identity, Scopes(("*",), ("search", "brave_*"), 60), at, ttl, "192.0.2.1")[1]


def timed(call: Callable[[T], object], words: Iterable[T]) -> float:
    """Return the seconds that it takes to call it with each of the words."""
    start = time.perf_counter()
    for word in words:
        call(word)
    return time.perf_counter() - start


def resident() -> int:
    """Return the resident memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
