"""A loopback HTTP server of key sets: what a policy's ``keys_url`` points at while keys change.

Each endpoint has a path of its own, so that what an implementation has cached in one scenario never serves in
another. An endpoint keeps a log of the replies it gave, which says what the implementation can know.
"""

import json
import socket
import ssl
import struct
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Event, Thread
from typing import Any

from bearerproof.judging.trial import Trial
from bearerproof_fuzz.keys import Jwk, Key

HUGE = 32 * 1024 * 1024
"""Bytes of a key set that is too large by anybody's measure."""

LONGEST_SILENCE = 10.0
"""Seconds after which an endpoint that does not answer, or not to the end, gives the connection up."""

_PAUSE = 0.02
"""Seconds between two pieces of an answer."""


class Manner(StrEnum):
    """How an endpoint sends what it has to send."""

    WHOLE = "whole"
    UNSIZED = "without saying how long it is"
    HALVES = "half of it, then after a pause the other half"
    CUT = "half of it, then the end of the connection"
    ENDLESS = "all of it, then blanks that never cease"
    RESET = "nothing: it resets the connection"
    SILENT = "nothing: it keeps the connection open"


@dataclass(frozen=True)
class Reply:
    """What an endpoint answers with; ``kids`` are those of the set in it, None when it is no good set."""

    body: bytes = b""
    status: int = 200
    location: str | None = None
    manner: Manner = Manner.WHOLE
    kids: frozenset[str] | None = None
    media_type: str | None = "application/jwk-set+json"
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def comes_at_once(self) -> bool:
        """Whether nobody has to wait for it: it has an end, and is of ordinary size."""
        return self.manner not in (Manner.SILENT, Manner.ENDLESS) and len(self.body) < HUGE


@dataclass
class Endpoint:
    """One URL, with the reply it gives at present and the log of those it gave.

    ``last_good`` is when a good set was last given, in seconds of a monotonic clock.
    """

    url: str
    reply: Reply
    last_good: float = 0.0
    log: list[Reply] = field(default_factory=list)
    closed: Event = field(default_factory=Event)

    @property
    def requests(self) -> int:
        """How many requests have come."""
        return len(self.log)

    def answer(self) -> Reply:
        """Log the present reply and return it."""
        self.log.append(self.reply)
        if self.reply.kids is not None:
            self.last_good = time.monotonic()
        return self.reply


@contextmanager
def endpoint(reply: Reply) -> Iterator[Endpoint]:
    """Serve at a URL that was never used before, and at the end let go of whoever still waits there."""
    server = _server()
    path = f"/{next(_numbers)}/jwks.json"
    opened = server.endpoints[path] = Endpoint(f"http://127.0.0.1:{server.server_port}{path}", reply)
    try:
        yield opened
    finally:
        opened.closed.set()
        del server.endpoints[path]


def key_set(keys: Collection[Key]) -> Reply:
    """Return a good JWK set (RFC 7517 §5)."""
    return Reply(_jwks(keys), kids=frozenset(key.kid for key in keys))


def jwk_set(jwks: Iterable[Jwk]) -> Reply:
    """Return a JWK set of these keys, as they are written."""
    return Reply(json.dumps({"keys": list(jwks)}).encode())


def failures(keys: Collection[Key]) -> dict[str, Reply]:
    """Return ways in which a fetch fails at once; where something like a set is sent, it holds these keys."""
    jwks = _jwks(keys)
    return {
        "status 500": Reply(jwks, 500),
        "status 404": Reply(jwks, 404),
        "a reset connection": Reply(manner=Manner.RESET),
        "half of a key set": Reply(jwks, manner=Manner.CUT),
        "a page of HTML": Reply(b"<!doctype html><title>Be right back</title>"),
    }


def silence() -> Reply:
    """Return the failure that costs an implementation its own time-out: no answer at all."""
    return Reply(manner=Manner.SILENT)


def endless(keys: Collection[Key]) -> Reply:
    """Return the failure of an answer that goes on and on: a set of these keys, and blanks one by one behind it."""
    return Reply(_jwks(keys), manner=Manner.ENDLESS)


def in_halves(keys: Collection[Key]) -> Reply:
    """Return a good JWK set that arrives in two pieces."""
    return replace(key_set(keys), manner=Manner.HALVES)


def caching_fields() -> dict[str, tuple[tuple[str, str], ...]]:
    """Return header fields that an ordinary server, proxy or CDN adds, by name (RFC 9111 §5)."""
    long_ago = "Thu, 01 Jan 1970 00:00:00 GMT"
    return {
        "no-store": (("Cache-Control", "no-store"),),
        "no-cache": (
            ("Cache-Control", "no-cache, no-store, must-revalidate"),
            ("Pragma", "no-cache"),
            ("Expires", "0"),
        ),
        "max-age=0": (("Cache-Control", "public, max-age=0"), ("Age", "600")),
        "private": (("Cache-Control", "private"), ("Vary", "*"), ("Set-Cookie", "lb=a1; Path=/; HttpOnly")),
        "an expiry long ago": (("Expires", long_ago), ("Last-Modified", long_ago), ("ETag", '"0"')),
        "a cache's own fields": (
            ("Age", "86400"),
            ("Via", "1.1 cache"),
            ("X-Cache", "HIT"),
            ("Warning", '110 - "stale"'),
        ),
    }


MEDIA_TYPES = (
    "application/json",
    "application/json; charset=utf-8",
    "application/json;charset=UTF-8",
    "application/jwk-set+json; charset=utf-8",
    "Application/JWK-Set+JSON",
)
"""Media types of a key set in use: the registered one (RFC 7517 §8.5.2) and the one that most issuers send."""


def unnamed_algorithms(keys: Collection[Key]) -> Reply:
    """Return a good JWK set whose keys do not say what algorithm they are for: ``alg`` is optional (RFC 7517 §4.4)."""
    jwks = [{name: value for name, value in key.public_jwk.items() if name != "alg"} for key in keys]
    return replace(key_set(keys), body=json.dumps({"keys": jwks}).encode())


def not_key_sets(keys: Collection[Key]) -> dict[str, Reply]:
    """Return bodies under status 200 that are no JWK set, though all but the first few hold these keys."""
    jwks = [key.public_jwk for key in keys]
    bodies: dict[str, object] = {
        "null": None,
        "an empty object": {},
        "keys: null": {"keys": None},
        "keys: a string": {"keys": json.dumps(jwks)},
        "keys: an object by kid": {"keys": {jwk["kid"]: jwk for jwk in jwks}},
        "a bare key": jwks[0],
        "an array of keys": jwks,
        "a set in an array": [{"keys": jwks}],
        "a set in a string": json.dumps({"keys": jwks}),
        "a set under another name": {"jwks": {"keys": jwks}},
    }
    replies = {name: Reply(json.dumps(body).encode()) for name, body in bodies.items()}
    return {
        "an empty body": Reply(),
        **replies,
        "a set with text after it": Reply(_jwks(keys) + b" and so on"),
        "a set without its end": Reply(_jwks(keys)[:-1]),
    }


def redirects(target: str) -> dict[str, Reply]:
    """Return every redirect of RFC 9110 §15.4 that a client may follow by itself."""
    return {f"status {status}": Reply(b"", status, target) for status in (301, 302, 303, 307, 308)}


def too_large(keys: Collection[Key]) -> Reply:
    """Return a good set behind so much else that reading it all is the fault; where it ends is not said."""
    body = b'{"padding":"' + b" " * HUGE + b'",' + _jwks(keys)[1:]
    return Reply(body, manner=Manner.UNSIZED)


def _jwks(keys: Collection[Key]) -> bytes:
    jwks: list[Jwk] = [key.public_jwk for key in keys]
    return json.dumps({"keys": jwks}).encode()


class EndpointServer(ThreadingHTTPServer):
    """Answers each connection in a thread of its own: one that is kept waiting holds nobody else up.

    With a context it speaks TLS. ``endpoints`` are found by their path.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int] = ("127.0.0.1", 0), context: ssl.SSLContext | None = None) -> None:
        super().__init__(address, _Handler)
        self.endpoints: dict[str, Endpoint] = {}
        self._context = context

    def finish_request(self, request: socket.socket, client_address: Any) -> None:  # type: ignore[override]  # narrower
        """Shake hands, if that is to be done, on the thread of the connection."""
        if self._context is None:
            super().finish_request(request, client_address)
            return
        request.settimeout(LONGEST_SILENCE)
        with self._context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: that a client hangs up on an answer it won't read is what it is meant to do."""


@contextmanager
def timed(trial: Trial) -> Iterator[None]:
    """Note how long an answer takes, unless an endpoint is what keeps the implementation waiting.

    A fetch that was given up since the machine was busy shows in nothing else.
    """
    started = time.monotonic()
    yield
    opened = _server().endpoints.values() if _server.cache_info().currsize else ()
    if all(each.reply.comes_at_once for each in opened):
        trial.delayed = max(trial.delayed, time.monotonic() - started)


_numbers = count(1)


@cache
def _server() -> EndpointServer:
    """Start the server on first use; it ends with the process."""
    server = EndpointServer()
    Thread(target=server.serve_forever, name="bearerproof key server", daemon=True).start()
    return server


class _Handler(BaseHTTPRequestHandler):
    """Gives the endpoint's present reply."""

    def do_GET(self) -> None:
        """Answer as the endpoint says; a path that no scenario uses any more is unknown."""
        server = self.server
        found = server.endpoints.get(self.path) if isinstance(server, EndpointServer) else None
        if found is None:
            self._send(Reply(status=404), Event())
            return
        reply = found.answer()
        if reply.manner is Manner.SILENT:
            found.closed.wait(LONGEST_SILENCE)
        elif reply.manner is Manner.RESET:
            self._reset()
        else:
            with suppress(ConnectionError):
                self._send(reply, found.closed)

    def log_message(self, *_: object) -> None:
        """Keep standard error clean: it belongs to the implementation."""

    def _send(self, reply: Reply, closed: Event) -> None:
        self.send_response(reply.status)
        if reply.media_type is not None:
            self.send_header("Content-Type", reply.media_type)
        for name, value in reply.headers:
            self.send_header(name, value)
        if reply.location is not None:
            self.send_header("Location", reply.location)
        if reply.manner not in (Manner.UNSIZED, Manner.ENDLESS):
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        middle = len(reply.body) // 2
        self.wfile.write(reply.body[:middle])
        if reply.manner is Manner.HALVES:
            closed.wait(_PAUSE)
        if reply.manner is not Manner.CUT:
            self.wfile.write(reply.body[middle:])
        if reply.manner is Manner.ENDLESS:
            self._go_on(closed)

    def _go_on(self, closed: Event) -> None:
        end = time.monotonic() + LONGEST_SILENCE
        while time.monotonic() < end and not closed.wait(_PAUSE):
            self.wfile.write(b" ")

    def _reset(self) -> None:
        """Close without the parting of TCP: zero seconds of linger turn it into a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.connection.detach())
