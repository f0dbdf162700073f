"""A real Redis or Valkey server on a free loopback port: without persistence, and ready to be mistreated."""

import shutil
import signal
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import redis

BINARIES = [found for name in ("redis-server", "valkey-server") if (found := shutil.which(name))]
"""The servers that are installed."""

BINARY = BINARIES[0] if BINARIES else None


class RedisServer:
    """A server process; what it holds is gone with it."""

    def __init__(self, folder: Path, *options: str, binary: str | None = BINARY) -> None:
        self.binary = binary
        self._folder = folder
        self._options = options
        self.port = free_port()
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = [str(self.binary), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        command += ["--save", "", "--appendonly", "no", *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, decode_responses=True)

    def _wait(self) -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(redis.ConnectionError), self.client() as client:
                if client.ping():
                    return
            time.sleep(0.02)
        raise RuntimeError(f"{self.binary} does not answer on port {self.port}")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def answering(answer: Callable[[bytes], bytes]) -> Iterator[int]:
    """Listen on a port; to whatever is said there, say ``answer`` of it, or hang up if that is empty."""

    class Answer(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                while (said := self.request.recv(65_536)) and (reply := answer(said)):
                    self.request.sendall(reply)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer) as listener:
        listener.daemon_threads = True
        listener.block_on_close = False
        threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True).start()
        yield listener.server_address[1]
        listener.shutdown()
