"""``python -m tests.campaign.chaos [--kills 100] [--seed 1]``: a campaign on a cluster, while all of it is killed.

A real scheduler, machines and Redis, and a campaign on a small disk of its own. Again and again one of them is killed
(SIGKILL): a machine, a worker's process, the scheduler, Redis, the front; or the disk is full for a while. They are
started again, as whoever runs a cluster does. Meanwhile somebody notes each finding that can be read. At the end each
of them has to be there, whole, and none twice. Outside the gate: it takes minutes. Exit code 0, or 1 if one was lost.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from bearerproof_fuzz.campaign import keeping
from bearerproof_fuzz.campaign.store import Directory

from ..conftest import ROOT
from ..keyserver.redisserver import BINARY, RedisServer
from .machines import Machines

TARGET = "python:tests.campaign.targets:accepts_some"
WORKERS = 3
DISK = 24
"""MiB of the campaign's disk."""

FULL = 4.0
"""Seconds for which it is full."""

SLOW = 60.0
"""Seconds that a strike waits for something to be asked since the last one."""

WEIGHTS = {"worker": 30, "machine": 25, "scheduler": 13, "redis": 17, "front": 3, "disk": 12}
"""How often who is killed, in a hundred."""


@dataclass
class Scene:
    """All that runs: the campaign's front, machines, Redis, and what was seen of the findings."""

    folder: Path
    disk: Path
    machines: Machines
    redis: RedisServer
    front: subprocess.Popen[str]
    seen: dict[str, bool] = field(default_factory=dict)
    torn: set[str] = field(default_factory=set)
    done: Counter[str] = field(default_factory=Counter)
    gave_up: list[str] = field(default_factory=list)
    fronts: int = 1

    def has_begun(self) -> bool:
        """Say whether the campaign that was started last is on its way."""
        begun = [name for name in self.store.names("progress") if name.endswith(".begun")]
        return len(begun) == self.fronts

    @property
    def store(self) -> Directory:
        return Directory(self.disk / "campaign")

    def asked(self) -> int:
        """Return how many tokens and checks all workers have noted."""
        total = 0
        for name in self.store.names("progress"):
            lines = (self.store.read(name) or b"").rpartition(b"\n")[0].splitlines() if name.endswith(".jsonl") else []
            with suppress(ValueError, IndexError):
                row = json.loads(lines[-1])
                total += row["tokens"] + row["checks"]
        return total

    def look(self) -> None:
        """Start those again that have died. A front that gives up on its way is a fault."""
        self.machines.look()
        if self.front.poll() is not None:
            out, err = self.front.communicate()
            if self.has_begun():
                self.gave_up.append(out[-1500:] + err[-1500:])
                self.fronts += 1
            self.done["front started anew"] += 1
            self.front = front_of(self.disk, self.machines, self.redis)

    def note(self) -> None:
        """Note each finding that can be read now, and each file that cannot."""
        for name in self.store.names(keeping.FINDINGS):
            text = self.store.read(name) if name.endswith(".json") else None
            if text is not None:
                found = keeping.of_text(name, text)
                if found is None:
                    self.torn.add(name)
                else:
                    self.seen[name] = self.seen.get(name, False) or found.recurs

    def strike(self, what: str, random: Random) -> None:
        """Kill one of them, and start again what nobody else would."""
        self.done[what] += 1
        getattr(self, f"_{what}")(random)
        self.look()

    def _machine(self, random: Random) -> None:
        self.machines.kill_worker(random.randrange(WORKERS))

    def _worker(self, random: Random) -> None:
        found = [child for machine in self.machines.workers for child in children(machine.pid)]
        with suppress(ProcessLookupError):
            if found:
                os.kill(random.choice(found), signal.SIGKILL)
            else:
                self.done["nobody"] += 1

    def _scheduler(self, _: Random) -> None:
        self.machines.kill_scheduler()

    def _redis(self, _: Random) -> None:
        self.redis.kill()
        time.sleep(1)
        self.redis.start()

    def _front(self, _: Random) -> None:
        while not self.has_begun():
            watched(self, 1)
        self.fronts += 1
        self.front.kill()
        self.front.communicate()
        self.front = front_of(self.disk, self.machines, self.redis)

    def _disk(self, _: Random) -> None:
        """Fill the disk to the last octet, and make room again."""
        filler = self.disk / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 4096)
        time.sleep(FULL)
        filler.unlink()


def children(process: int) -> list[int]:
    found: list[int] = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            found += map(int, path.read_text().split())
    return found


def front_of(disk: Path, machines: Machines, redis: RedisServer) -> subprocess.Popen[str]:
    """Start the campaign, or go on with it."""
    words = ["--for", "24h", "--workers", str(WORKERS), "--cluster", machines.address, "--database", redis.url]
    words += ["--corpus", str(disk / "campaign"), "--json", str(disk.parent / "summary.json"), TARGET]
    command = [sys.executable, "-m", "bearerproof", "fuzz", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a small disk, for which one has to be root."""
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}m", "tmpfs", str(disk)], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def main(kills: int, seed: int, pause: float, seconds: float) -> int:
    """Carry it out, say what came of it, and return the exit code."""
    if BINARY is None:
        sys.stderr.write("neither redis-server nor valkey-server is installed\n")
        return 3
    random, folder = Random(seed), Path(tempfile.mkdtemp(prefix="bearerproof-chaos-"))
    with small_disk(folder) as disk:
        machines, redis = Machines(folder, WORKERS), RedisServer(folder)
        scene = Scene(folder, disk, machines, redis, front_of(disk, machines, redis))
        try:
            return carried_out(scene, kills, random, pause, time.monotonic() + seconds)
        finally:
            scene.front.kill()
            machines.end()
            redis.kill()
            shutil.rmtree(folder, ignore_errors=True)


def carried_out(scene: Scene, kills: int, random: Random, pause: float, deadline: float) -> int:
    """Strike so many times, let the campaign end in order, and look at what is left."""
    while len(scene.seen) < 3:
        watched(scene, 1)
    for number in range(1, kills + 1):
        if time.monotonic() > deadline:
            break
        get_on(scene)
        watched(scene, random.uniform(0, 2 * pause))
        (what,) = random.choices(list(WEIGHTS), list(WEIGHTS.values()))
        scene.strike(what, random)
        sys.stdout.write(f"{number}: {what}; {len(scene.seen)} findings seen\n")
        sys.stdout.flush()
    while not scene.has_begun():
        watched(scene, 1)
    get_on(scene)
    watched(scene, 30)
    scene.front.send_signal(signal.SIGINT)
    out, err = scene.front.communicate(timeout=300)
    scene.note()
    sys.stdout.write(out[-1500:] + err[-1500:])
    return told(scene, "Traceback" in out + err)


def get_on(scene: Scene) -> None:
    """Wait until something was asked since the last strike: what only starts again and again has nothing to lose."""
    before, end = scene.asked(), time.monotonic() + SLOW
    while scene.asked() == before:
        watched(scene, 0.5)
        if time.monotonic() > end:
            scene.done["nothing asked before"] += 1
            return


def watched(scene: Scene, seconds: float) -> None:
    """Note what can be read, for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        scene.look()
        scene.note()
        time.sleep(0.2)


def told(scene: Scene, has_traceback: bool) -> int:
    """Say what was killed and what is left, and return the exit code."""
    left = list(keeping.kept(scene.store))
    names = {f"{keeping.FINDINGS}/{found.name}": found.recurs for found in left}
    lost = sorted(name for name, recurs in scene.seen.items() if names.get(name, False) < recurs or name not in names)
    twice = len(left) - len({found.key for found in left})
    listed = {row["file"] for row in json.loads((scene.disk.parent / "summary.json").read_text())["findings"]}
    unlisted = sorted({found.name for found in left} - listed)
    struck = ", ".join(f"{number} {what}" for what, number in scene.done.most_common())
    sys.stdout.write(
        f"\nstruck: {struck}\n{len(scene.seen)} findings seen, {len(left)} at the end "
        f"({sum(found.recurs for found in left)} recur); "
        f"lost {len(lost)}, twice {twice}, torn {len(scene.torn)}, not in the summary {len(unlisted)}; "
        f"given up {len(scene.gave_up)}\n"
    )
    for name in (*lost, *scene.torn, *unlisted, *scene.gave_up):
        sys.stdout.write(f"  {name}\n")
    return int(bool(lost or twice or scene.torn or unlisted or scene.gave_up or has_traceback))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Kill all of a campaign, again and again.")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pause", type=float, default=3.0, help="seconds between two, on the average")
    parser.add_argument("--seconds", type=float, default=3600.0, help="after which no more are killed")
    given = parser.parse_args()
    sys.exit(main(given.kills, given.seed, given.pause, given.seconds))
