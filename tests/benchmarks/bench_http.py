"""Authenticated requests a second of the sample resource, over those of a bare Starlette route in the same run.

Both are served by uvicorn in a process of their own and asked by the same client, in turn; a row is the median
over the rounds of one rate divided by the other. Beside it stands the same by the processor time that the servers
took, which other programs on the machine disturb less. ``within a second`` is how soon an event is on the disk; in the
last row it is there before the answer, so that row measures the disk.

``--soak SECONDS`` instead keeps 64 clients busy with exchanges, good and bad bearers. It fails on an answer that
is not due, on memory that still grows after the warm-up, and unless the trail has one event for each decision and
``bearerproof trail`` finds nothing wrong with it.
"""

import asyncio
import json
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from keyserverprocess import Client, Process, Provider, get, key_server, post, running

LIMIT = 0.6
CLIENTS = 16

SOAKING = 64
WARM_UP = 40
"""Seconds after which the first tokens have been forgotten, so that as many go as come."""
GROWTH = 4 * 1024 * 1024
"""Bytes by which the highest figure of the last quarter may exceed the highest before it, after the warm-up."""
LIFETIMES = {"ttl": 10, "retention": 5, "max_age": 10, "cap": 10_000}

_BARE = """
import socket, uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

async def resource(request):
    return JSONResponse({"backend": "mail", "tool": "read", "subject": "client-0"})

listening = socket.create_server(("127.0.0.1", 0))
listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as for the sockets that uvicorn opens itself
print(listening.getsockname()[1], flush=True)
app = Starlette(routes=[Route("/resource/{backend}/{tool}", resource)])
config = uvicorn.Config(app, http="h11", loop="asyncio", access_log=False, log_level="warning")
uvicorn.Server(config).run(sockets=[listening])
"""


def main() -> None:
    """Print the ratios, or soak."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a rough answer in a few seconds")
    parser.add_argument("--rounds", type=int, help="rounds of a quarter of a second (default 40; 12 with --quick)")
    parser.add_argument("--soak", type=float, metavar="SECONDS", help="keep a server busy for so long instead")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        if options.soak is not None:
            sys.exit(soak(Path(folder), options.soak))
        compare(Path(folder), options.rounds or (12 if options.quick else 40))


def compare(folder: Path, rounds: int) -> None:
    """Print requests a second, and the ratios."""
    provider = Provider()
    with ExitStack() as servers:
        bare = servers.enter_context(running(_BARE))
        ours = {
            label: servers.enter_context(key_server(folder / label, provider.configuration(), sync_every))[0]
            for label, sync_every in (("within a second", 1.0), ("before the answer", 0.0))
        }
        bearers = {label: asyncio.run(_exchange(process.port, provider)) for label, process in ours.items()}
        taken: dict[str, list[Taken]] = {"": [], **{label: [] for label in ours}}
        for _ in range(rounds):
            taken[""].append(measure(bare, "none"))
            for label, process in ours.items():
                taken[label].append(measure(process, bearers[label]))
    print(f"{'event on the disk':<20}{'requests/s':>12}{'bare':>8}{'ratio':>8}{'processor':>12}")
    for label in ours:
        pairs = list(zip(taken[label], taken[""], strict=True))
        ratio, processor = (median(ours[n] / bare[n] for ours, bare in pairs) for n in (0, 1))
        rates = [median(rate for rate, _ in taken[name]) for name in (label, "")]
        note = f"   ratio of at least {LIMIT}" if label == "within a second" else ""
        print(f"{label:<20}{rates[0]:12.0f}{rates[1]:8.0f}{ratio:8.2f}{processor:12.2f}{note}")


Taken = tuple[float, float]
"""Requests a second, and requests for each second of processor time of the server."""


def measure(process: Process, bearer: str, seconds: float = 0.25) -> Taken:
    """Let some clients at once ask for as long, and count what is admitted."""

    async def ask_until(client: Client, until: float) -> int:
        count = 0
        while time.perf_counter() < until:
            status, _ = await client.ask(get(bearer))
            assert status == 200, status
            count += 1
        client.close()
        return count

    async def all_of_them() -> Taken:
        clients = [Client(process.port) for _ in range(CLIENTS)]
        for client in clients:
            await client.ask(get(bearer))
        start, busy = time.perf_counter(), process.busy()
        count = sum(await asyncio.gather(*(ask_until(client, start + seconds) for client in clients)))
        return count / (time.perf_counter() - start), count / (process.busy() - busy)

    return asyncio.run(all_of_them())


def soak(folder: Path, seconds: float) -> int:
    """Keep a server busy and return how many failures there were."""
    provider = Provider()
    with key_server(folder / "soak", provider.configuration(**LIFETIMES), 1.0) as (process, trail):
        answers: Counter[str] = Counter()
        memory = asyncio.run(_soak(process, provider, seconds, answers))
    kinds = Counter[str]()
    last = -1
    with trail.open(encoding="utf-8") as lines:
        for event in map(json.loads, lines):
            kinds[event["event"]] += 1
            last = event["seq"]
    print(f"answers  {_told(answers)}\nevents   {_told(kinds)}, seq up to {last}")
    failures = [*_differences(answers, kinds, last), *_growth(memory, seconds), *_trail(trail)]
    print("\n".join(failures) or f"{answers.total()} decisions, each with its event; no error, no growth, a good trail")
    return len(failures)


async def _soak(process: Process, provider: Provider, seconds: float, answers: Counter[str]) -> list[int]:
    until = time.monotonic() + seconds
    tasks = [
        asyncio.create_task(_busy(process.port, provider, f"client-{number}", until, answers))
        for number in range(SOAKING)
    ]
    memory = []
    while time.monotonic() < until:
        await asyncio.sleep(1)
        memory.append(process.resident())
    await asyncio.gather(*tasks)
    return memory


async def _busy(port: int, provider: Provider, subject: str, until: float, answers: Counter[str]) -> None:
    """Exchange, use the bearer until it is refused, present others in between, and begin again."""
    client = Client(port)
    while time.monotonic() < until:
        status, body = await client.ask(post(provider.form(subject)))
        answers[f"exchange {status}"] += 1
        bearer = json.loads(body)["access_token"]
        while status == 200 and time.monotonic() < until:
            for presented, what in ((bearer, "good"), (bearer, "good"), ("bprf_" + "A" * 43, "unknown")):
                status_of_it, _ = await client.ask(get(presented))
                answers[f"{what} {status_of_it}"] += 1
                status = status_of_it if what == "good" else status
    client.close()


def _differences(answers: Counter[str], kinds: Counter[str], last: int) -> list[str]:
    """Return what is wrong with the answers, or with the events that belong to them."""
    expected = {
        "token.issued": answers["exchange 200"],
        "token.used": answers["good 200"],
        "token.expired": answers["good 401"],
        "token.invalid": answers["unknown 401"],
    }
    found = [f"{kinds[kind]} {kind} for {count} answers" for kind, count in expected.items() if kinds[kind] != count]
    if sum(expected.values()) != answers.total():
        found.append("there were answers that were not expected")
    if kinds.total() != answers.total() or last != answers.total() - 1:
        found.append(f"{kinds.total()} events up to seq {last} for {answers.total()} decisions")
    return found


def _growth(memory: list[int], seconds: float) -> list[str]:
    """Return by how much memory grew after the warm-up; of a short run it cannot be said."""
    if seconds < 2 * WARM_UP:
        return []
    warm, end = memory[WARM_UP : -len(memory) // 4], memory[-len(memory) // 4 :]
    print(f"memory   {max(warm) / 2**20:.1f} MiB after the warm-up, {max(end) / 2**20:.1f} MiB at the end")
    return [f"memory grew by {max(end) - max(warm)} bytes"] if max(end) - max(warm) > GROWTH else []


def _trail(trail: Path) -> list[str]:
    """Return whether ``bearerproof trail`` finds anything wrong."""
    command = [sys.executable, "-m", "bearerproof", "trail", str(trail)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [f"bearerproof trail: {done.stdout[-2000:]}{done.stderr[-500:]}"] if done.returncode else []


async def _exchange(port: int, provider: Provider) -> str:
    client = Client(port)
    _, body = await client.ask(post(provider.form("client-0")))
    client.close()
    return str(json.loads(body)["access_token"])


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


if __name__ == "__main__":
    main()
