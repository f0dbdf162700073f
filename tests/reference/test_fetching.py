"""A fetched key set: shared by threads, and read from a socket with bounds.

How long it is kept, when it is refreshed and what an outage means is judged by the suite, which runs on this reference.
"""

import json
import threading
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
