"""A fetched key set: kept, refreshed, replaced, and never trusted for longer than stated."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bearerproof_reference.clock import ManualClock
from bearerproof_reference.verifier.fetching import COOLDOWN, MAX_BODY, STALE, TTL, FetchedKeySet, fetch
from bearerproof_reference.verifier.verdicts import Refusal

from .minting import signer


class Issuer:
    """Serves what it holds, or fails; counts."""

    def __init__(self, *kids: str) -> None:
        self.kids = kids
        self.body: bytes | None = None
        self.fails = False
        self.fetches = 0

    def get(self, _url: str) -> bytes:
        self.fetches += 1
        if self.fails:
            raise OSError
        return self.body or json.dumps({"keys": [signer("EdDSA", kid).jwk for kid in self.kids]}).encode()


def found(keys: FetchedKeySet, kid: str) -> str:
    """Return the kid of the key found, or the reason there is none."""
    try:
        return str(keys.find(kid, "EdDSA").kid)
    except Refusal as refusal:
        return str(refusal.rejected.reason)


def held_by(issuer: Issuer) -> tuple[FetchedKeySet, ManualClock]:
    """Return a key set fetched from this issuer, and its clock."""
    clock = ManualClock()
    return FetchedKeySet("http://issuer.example/keys", {"EdDSA"}, clock, issuer.get), clock


def test_one_fetch_serves_until_it_is_no_longer_fresh() -> None:
    issuer = Issuer("k1")
    keys, clock = held_by(issuer)
    for clock.monotonic in (0, 1, TTL - 1):
        assert found(keys, "k1") == "k1"
    assert issuer.fetches == 1
    clock.monotonic = TTL
    assert (found(keys, "k1"), issuer.fetches) == ("k1", 2)


def test_a_refresh_replaces_the_whole_set() -> None:
    issuer = Issuer("k1")
    keys, clock = held_by(issuer)
    assert found(keys, "k1") == "k1"
    issuer.kids = ("k2",)
    clock.monotonic = TTL
    assert (found(keys, "k2"), found(keys, "k1")) == ("k2", "key-unknown")


@pytest.mark.parametrize("body", [None, b"", b"[]", b"{}", b'{"keys":{}}', b'{"keys":[]'])
def test_a_failed_refresh_keeps_the_last_good_set_up_to_the_limit(body: bytes | None) -> None:
    issuer = Issuer("k1")
    keys, clock = held_by(issuer)
    assert found(keys, "k1") == "k1"
    issuer.fails, issuer.body = not body, body
    for clock.monotonic in (TTL, TTL + COOLDOWN, TTL + STALE - 1):
        assert found(keys, "k1") == "k1"
    clock.monotonic = TTL + STALE
    assert found(keys, "k1") == "keys-unavailable"
    issuer.fails, issuer.body = False, None
    clock.monotonic += COOLDOWN
    assert found(keys, "k1") == "k1"


def test_an_outage_is_not_asked_again_for_each_token() -> None:
    issuer = Issuer("k1")
    keys, clock = held_by(issuer)
    assert found(keys, "k1") == "k1"
    issuer.fails, clock.monotonic = True, TTL
    for _ in range(5):
        assert found(keys, "k1") == "k1"
    assert issuer.fetches == 2


def test_unknown_kids_cause_one_fetch_in_a_cool_down() -> None:
    issuer = Issuer("k1")
    keys, clock = held_by(issuer)
    assert found(keys, "k1") == "k1"
    issuer.kids = ("k1", "k2")
    assert (found(keys, "k2"), issuer.fetches) == ("k2", 2)
    for number in range(50):
        assert found(keys, f"forged-{number}") == "key-unknown"
    assert issuer.fetches == 2
    clock.monotonic = COOLDOWN
    assert (found(keys, "forged"), found(keys, "forged"), issuer.fetches) == ("key-unknown", "key-unknown", 3)


def test_threads_share_one_fetch() -> None:
    issuer = Issuer("k1")
    keys, _ = held_by(issuer)
    threads = [threading.Thread(target=found, args=(keys, "k1")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert issuer.fetches == 1


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
