"""What many do to key servers at the same time, and whether the trails that it leaves are truthful.

A test runs it for a moment; ``python -m tests.keyserver.trailsoak --seconds 600`` for as long as that, with Redis too
where it is installed.
"""

import heapq
import json
import random
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from bearerproof.trail import Options, TrailReport, prove
from bearerproof_reference.deployment.redisstore import RedisStore, StoreGuarantees
from bearerproof_reference.keyserver.authentication import RequestedAccess
from bearerproof_reference.keyserver.configuration import KeyServerConfiguration, read
from bearerproof_reference.keyserver.exchange import Granted
from bearerproof_reference.keyserver.memorystore import MemoryStore
from bearerproof_reference.keyserver.server import Caller, KeyServer, store_limits
from bearerproof_reference.keyserver.store import TokenStore
from tests.keyserver.environment import ADMIN, ISSUER, Lines, configuration, form, id_token, provider, rule
from tests.keyserver.redisserver import BINARY, RedisServer
from tests.reference.minting import signer

WORKERS = 5
"""Threads that exchange and use, for each server; another one revokes in bulk."""
SUBJECTS = 3
AHEAD = 3
"""Seconds by which the provider's clock is ahead: so a subject token is younger than the last bulk revocation."""
PEER = Caller("192.0.2.1")
GRANT = {"backends": ["*"], "tools": ["*"], "rate_limit": 0}
SHORT = {"ttl": 1, "retention": 1, "cap": 50, "leeway": 10, "policies": [rule(grant=GRANT)]}


@dataclass
class SteppingClock:
    """The clock of the machine, stepped now and then; its monotonic seconds fly, so that key sets soon are stale."""

    offset: float = 0
    steps: Sequence[float] = (0,)

    def now(self) -> float:
        if random.random() < 0.002:
            self.offset = random.choice(self.steps)
        return time.time() + self.offset

    def tick(self) -> float:
        return time.monotonic() * 1000


@dataclass
class Instance:
    """One server, and what it writes."""

    config: KeyServerConfiguration
    store: TokenStore
    clock: SteppingClock
    sink: Lines = field(default_factory=Lines)

    def __post_init__(self) -> None:
        self.server = KeyServer(self.config, self.store, self.clock, self.sink, slow_keys)

    def exchange(self) -> Granted | None:
        subject = random.choice("abc"[:SUBJECTS])
        token = id_token(int(time.time()), sub=subject, iat=time.time() + AHEAD)
        answer = self.server.exchange(form(token), PEER)
        return answer if isinstance(answer, Granted) else None

    def use(self, bearer: str) -> None:
        self.server.authenticate([bearer], RequestedAccess("a", "b"), PEER)

    def revoke_all(self) -> None:
        self.server.revoke_all(ADMIN, ISSUER, random.choice("abc"[:SUBJECTS]), PEER)


def slow_keys(_url: str) -> bytes:
    """Return the key set of the provider, which is slow now and then."""
    time.sleep(random.choice((0, 0, 0.05, 0.4)))
    return json.dumps({"keys": [signer().jwk]}).encode()


def soak(instances: Sequence[Instance], seconds: float) -> None:
    """Keep the servers busy; each bearer is used at all of them, while and after it is good."""
    over, bearers = Event(), [""]

    def live(instance: Instance) -> None:
        while not over.is_set():
            granted = instance.exchange()
            if granted is not None:
                bearers.append(granted.bearer)
            for bearer in [*bearers[-3:], random.choice(bearers[-400:])]:
                random.choice(instances).use(bearer)
            if granted is not None and random.random() < 0.2:
                random.choice(instances).server.revoke(ADMIN, granted.record.jti, PEER)

    def revoke(instance: Instance) -> None:
        while not over.wait(0.005):
            instance.revoke_all()

    tasks = [(live, instance) for instance in instances for _ in range(WORKERS)]
    tasks += [(revoke, instance) for instance in instances]
    with ThreadPoolExecutor(len(tasks)) as pool, _many_switches():
        running = [pool.submit(task, instance) for task, instance in tasks]
        time.sleep(seconds)
        over.set()
        for task in running:
            task.result(60)


def _many_switches() -> ExitStack:
    """Have threads take turns as often as can be, for a block."""
    stack = ExitStack()
    stack.callback(sys.setswitchinterval, sys.getswitchinterval())
    sys.setswitchinterval(1e-5)
    return stack


def judge(folder: Path, instances: Sequence[Instance]) -> list[TrailReport]:
    """Return what is found in each trail, and in all of them together; no time may step back at all.

    Of servers that share a store none has all events of a token.
    """
    trails = [instance.sink.lines for instance in instances]
    together = [(merged(trails), False)] if len(trails) > 1 else []
    return [_judged(folder, *trail) for trail in [*((lines, len(trails) > 1) for lines in trails), *together]]


def _judged(folder: Path, lines: Iterable[str], from_middle: bool) -> TrailReport:
    path = folder / "trail.jsonl"
    path.write_text("".join(line + "\n" for line in lines), "utf-8")
    return prove([str(path)], Options(tolerance=0, from_middle=from_middle))


def merged(trails: Iterable[Iterable[str]]) -> list[str]:
    """Return the lines of several servers by their time, without the numbers that each server counts for itself."""
    events = ([json.loads(line) for line in lines] for lines in trails)
    return [
        json.dumps({name: value for name, value in event.items() if name != "seq"})
        for event in heapq.merge(*events, key=lambda event: str(event["occurred_at"]))
    ]


def setting() -> KeyServerConfiguration:
    """Return a configuration whose tokens live for a second, with a key set that is fetched."""
    fetched = provider(keys=None, keys_url="http://127.0.0.1/keys")
    return read(configuration(providers=[fetched], **SHORT))


def in_memory(steps: Sequence[float]) -> list[Instance]:
    """Return one server with a store of its own."""
    config = setting()
    return [Instance(config, MemoryStore(store_limits(config)), SteppingClock(steps=steps))]


def on_redis(url: str, end: ExitStack, steps: Sequence[float], count: int = 2) -> list[Instance]:
    """Return servers that share a store."""
    config = setting()
    asked = StoreGuarantees(leeway=60, births=True)
    stores = [end.enter_context(closing(RedisStore(url, store_limits(config), guarantees=asked))) for _ in range(count)]
    return [Instance(config, store, SteppingClock(steps=steps)) for store in stores]


STEPS = (0, 0, -0.3, 0.3, -2)


def main() -> int:
    """Soak for long, and print what is found."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    seconds = parser.parse_args().seconds
    ways: dict[str, Callable[[], list[Instance]]] = {"memory": lambda: in_memory(STEPS)}
    code = 0
    with TemporaryDirectory() as name, ExitStack() as end:
        folder = Path(name)
        if BINARY is not None:
            server = RedisServer(folder)
            end.callback(server.kill)
            ways["Redis"] = lambda: on_redis(server.url, end, STEPS)
        for what, make in ways.items():
            instances = make()
            soak(instances, seconds / len(ways))
            for report in judge(folder, instances):
                print(f"{what}\n{report.as_text()}")
                code = max(code, report.exit_code)
    return code


if __name__ == "__main__":
    sys.exit(main())
