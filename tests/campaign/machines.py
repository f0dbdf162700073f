"""A real Dask cluster on loopback: a scheduler and workers, each a process of its own that can be killed."""

import subprocess
import sys
from pathlib import Path

from ..conftest import ROOT
from ..keyserver.redisserver import free_port

Process = subprocess.Popen[bytes]


class Machines:
    """A scheduler on one port, and workers of one thread each."""

    def __init__(self, folder: Path, workers: int) -> None:
        self._folder = folder
        self._port = free_port()
        self.scheduler = self._scheduler()
        self.workers = [self._worker() for _ in range(workers)]

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self._port}"

    def kill_scheduler(self) -> None:
        self.scheduler.kill()
        self.scheduler.wait()

    def restart_scheduler(self) -> None:
        self.scheduler = self._scheduler()

    def kill_worker(self, number: int) -> None:
        self.workers[number].kill()
        self.workers[number].wait()

    def look(self) -> None:
        """Start those again that have died: what Kubernetes, or whoever, does."""
        if self.scheduler.poll() is not None:
            self.restart_scheduler()
        self.workers = [each if each.poll() is None else self._worker() for each in self.workers]

    def end(self) -> None:
        for process in (self.scheduler, *self.workers):
            process.kill()
            process.wait()

    def _scheduler(self) -> Process:
        return self._started("dask_scheduler", "--port", str(self._port), "--host", "127.0.0.1")

    def _worker(self) -> Process:
        options = ["--nthreads", "1", "--no-nanny", "--death-timeout", "60", "--local-directory", str(self._folder)]
        return self._started("dask_worker", self.address, *options)

    def _started(self, command: str, *words: str) -> Process:
        line = [sys.executable, "-m", f"distributed.cli.{command}", *words, "--no-dashboard"]
        null = subprocess.DEVNULL
        return subprocess.Popen(line, cwd=ROOT, stdin=null, stdout=null, stderr=null)
