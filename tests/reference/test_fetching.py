"""A fetched key set: shared by threads, and read from a socket with bounds.

How long it is kept, when it is refreshed and what an outage means is judged by the suite, which runs on this reference.
"""

import contextlib
import json
import socketserver
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bearerproof_reference.clock import ManualClock
from bearerproof_reference.verifier.fetching import MAX_BODY, FetchedKeySet, fetch

from .minting import signer


def test_threads_share_one_fetch() -> None:
    fetched: list[str] = []

    def get(url: str) -> bytes:
        fetched.append(url)
        return json.dumps({"keys": [signer().jwk]}).encode()

    keys = FetchedKeySet("http://issuer.example/keys", {"EdDSA"}, ManualClock(), get)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: keys.find("k1", "EdDSA").kid, range(8)))
    assert found == ["k1"] * 8
    assert fetched == ["http://issuer.example/keys"]


class Handler(BaseHTTPRequestHandler):
    """Answers by path."""

    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/keys")
            self.end_headers()
            return
        self.send_response(204 if self.path == "/empty" else 200)
        self.end_headers()
        self.wfile.write(b"x" * (MAX_BODY + 1) if self.path == "/large" else b'{"keys":[]}')

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(name="server")
def _server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_fetching_over_http(server: str) -> None:
    assert fetch(server + "/keys") == b'{"keys":[]}'
    for path in ("/moved", "/large", "/empty"):
        with pytest.raises((OSError, ValueError)):
            fetch(server + path)


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://issuer.example/keys", "data:,{}", "keys.json"])
def test_other_schemes_are_not_fetched(url: str) -> None:
    with pytest.raises((OSError, ValueError), match="unknown url type"):
        fetch(url)


DRIPS = (b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")


@pytest.mark.parametrize("start", DRIPS, ids=["nothing", "header", "body"])
def test_one_limit_holds_for_all_of_a_fetch(start: bytes) -> None:
    """However slowly it comes, and whatever: the limit is over when it is over, and the connection is cut."""
    ended = threading.Event()

    class Drip(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(start)
            with contextlib.suppress(OSError):
                while True:
                    time.sleep(0.05)
                    self.request.sendall(b"x" if start else b"")
                    if not start and not self.request.recv(65536).strip():
                        break
            ended.set()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Drip) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        began = time.monotonic()
        with pytest.raises(OSError, match="slowly"):
            fetch(f"http://127.0.0.1:{server.server_address[1]}/keys", 0.3)
        assert time.monotonic() - began < 2
        assert ended.wait(5)
        server.shutdown()
