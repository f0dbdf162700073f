"""Many who do the same at the same time: threads on one store in memory, processes on one that they share."""

import multiprocessing
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Barrier
from typing import Any, Protocol

from bearerproof_reference.deployment.redisstore import RedisStore
from bearerproof_reference.keyserver.memorystore import MemoryStore
from bearerproof_reference.keyserver.store import StoreLimits, TokenStore

WORKERS = 4

Task = Callable[[TokenStore, int], Any]


class ConcurrentWorkers(Protocol):
    """Runs tasks together, one for each worker."""

    store: TokenStore

    def run(self, *tasks: Task) -> list[Any]:
        """Start these ``WORKERS`` tasks at one instant; each is told its number. Return what they return."""


class Threads:
    """Workers that share memory, and take turns as often as the interpreter can."""

    def __init__(self, limits: StoreLimits) -> None:
        self.store: TokenStore = MemoryStore(limits)

    def run(self, *tasks: Task) -> list[Any]:
        start = Barrier(WORKERS)

        def work(task: Task, number: int) -> Any:
            start.wait(30)
            return task(self.store, number)

        with ThreadPoolExecutor(WORKERS) as pool, _switching(1e-6):
            return _results([pool.submit(work, task, number) for number, task in enumerate(tasks)])


@dataclass
class Processes:
    """Workers that share nothing but the server."""

    pool: ProcessPoolExecutor
    address: tuple[str, str, StoreLimits]

    def __post_init__(self) -> None:
        self.store: TokenStore = _open(self.address)

    def run(self, *tasks: Task) -> list[Any]:
        return _results([self.pool.submit(_work, task, number, self.address) for number, task in enumerate(tasks)])


@contextmanager
def processes() -> Iterator[ProcessPoolExecutor]:
    """Keep worker processes ready; starting them takes longer than any race."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(WORKERS, context, initializer=_know, initargs=(context.Barrier(WORKERS),)) as pool:
        yield pool


_start: list[Barrier] = []


def _know(start: Barrier) -> None:
    _start.append(start)


def _open(address: tuple[str, str, StoreLimits]) -> RedisStore:
    url, prefix, limits = address
    return RedisStore(url, limits, prefix=prefix, timeout=10)


def _work(task: Task, number: int, address: tuple[str, str, StoreLimits]) -> Any:
    with closing(_open(address)) as store:
        _start[0].wait(30)
        return task(store, number)


def _results(futures: list[Future[Any]]) -> list[Any]:
    assert len(futures) == WORKERS
    return [future.result(60) for future in futures]


@contextmanager
def _switching(interval: float) -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(interval)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
