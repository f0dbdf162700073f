"""A server of the tests that answers what it is told to, and connections to it."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler
from threading import Event, Thread
from typing import Any, TypeVar

import pytest

from bearerproof.contract.http.connection import HttpConnection
from bearerproof.contract.http.profilefile import load

from ..listening import AnyMethod
from .test_profile import LEAST

Headers = list[tuple[str, str]]


@dataclass
class Reply:
    """What the server answers with: octets as they are, or a status with fields and body; None hangs."""

    status: int = 200
    body: bytes = b""
    headers: Headers = field(default_factory=list)
    raw: bytes | None = None
    hangs: bool = False
    events: list[Any] = field(default_factory=list)


@dataclass
class Asked:
    """What the server was asked."""

    line: str
    headers: Headers
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Stub(ThreadingHTTPServer):
    """Answers every request by the same function, after it wrote the events down."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, trail: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reply: Callable[[Asked], Reply] = lambda _: Reply()
        self.asked: list[Asked] = []
        self.ended = Event()
        self._trail = trail

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def write(self, events: list[Any]) -> None:
        with self._trail.open("a") as file:
            file.writelines(json.dumps(event) + "\n" for event in events)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


class _Handler(AnyMethod):
    def respond(self, body: bytes) -> None:
        server = self.server
        assert isinstance(server, Stub)
        asked = Asked(self.requestline, [(name, value) for name, value in self.headers.items()], body)
        if self.requestline != "GET / HTTP/1.1":
            server.asked.append(asked)
        reply = server.reply(asked)
        server.write(reply.events)
        if reply.hangs:
            server.ended.wait(20)
        if reply.hangs or reply.raw is not None:
            self.wfile.write(reply.raw or b"")
            self.close_connection = True
            return
        self.write(reply.status, reply.headers, reply.body)


class Early(ThreadingHTTPServer):
    """Answers as soon as it has read the head of a request, and closes with the body unread."""

    answer = b""
    asked = 0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _EarlyHandler)
        self.ended = Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def shutdown_request(self, request: Any) -> None:
        """Close as a server does that has nothing more to say, without waiting for what is still to come."""
        request.close()


class _EarlyHandler(StreamRequestHandler):
    rbufsize = 0

    def handle(self) -> None:
        assert isinstance(self.server, Early)
        head = b""
        while not head.endswith(b"\r\n\r\n") and (octet := self.rfile.read(1)):
            head += octet
        self.server.asked += bool(head)
        self.wfile.write(self.server.answer)


@pytest.fixture
def early() -> Iterator[Early]:
    yield from _served(Early())


@pytest.fixture
def trail(tmp_path: Path) -> Path:
    path = tmp_path / "trail.jsonl"
    path.touch()
    return path


@pytest.fixture
def stub(trail: Path) -> Iterator[Stub]:
    server = Stub(trail)
    yield from _served(server)


Serving = TypeVar("Serving", Stub, Early)


def _served(server: Serving) -> Iterator[Serving]:
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.ended.set()
    server.shutdown()
    thread.join()
    server.server_close()


Connect = Callable[..., HttpConnection]


@pytest.fixture
def connected(tmp_path: Path, trail: Path, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connect]:
    """Connect to the stub, by a profile to which something is added."""
    monkeypatch.setenv("SECRET_OF_THE_TEST", "of the test")

    with ExitStack() as end:

        def connect(added: str = "", url: str | None = None) -> HttpConnection:
            text = LEAST.replace('file = "trail.jsonl"', 'file = "trail.jsonl"\nwait = 0.1\nquiet = 0.01')
            (tmp_path / "profile.toml").write_text(f"{text}\n{added}", encoding="utf-8")
            connection = HttpConnection(url or stub.url, load(tmp_path / "profile.toml"))
            end.callback(connection.close)
            if url is None:
                list(connection.ask([{"op": "hello"}], 5))
            return connection

        yield connect
