"""A JWK set that its issuer serves over HTTP: fetched, kept, refreshed, and replaced as a whole."""

import math
import socket
import ssl
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    Request,
    UnknownHandler,
)

from bearerproof_reference.clock import Clock
from bearerproof_reference.verifier.jose import parse_object
from bearerproof_reference.verifier.keys import Key, KeySet
from bearerproof_reference.verifier.verdicts import Reason, Refusal

TTL = 300
"""Seconds for which a fetched set is fresh."""
STALE = 3600
"""Seconds after that for which it may still serve while refreshing fails."""
COOLDOWN = 30
"""Seconds in which unknown kids cause one refetch at most."""

MAX_BODY = 262_144
"""Bytes of a JWK set that are read."""

_RETRY = 5
"""Seconds between attempts while refreshing fails."""


@dataclass(frozen=True, slots=True)
class _Held:
    keys: KeySet
    fetched_at: float


def fetch(url: str, seconds: float = 2.0) -> bytes:
    """Return the body served at ``url`` within so many seconds: looking the name up, connecting, header and body.

    Redirects are not followed: the keys are where the policy says.

    Raises:
        OSError: the server could not be reached, was too slow, or answered with another status than 200; or the
            URL is of another scheme than http and https.
        ValueError: not a URL, or more than ``MAX_BODY`` bytes.
    """
    attempt = _Attempt(url, seconds)
    Thread(target=attempt.run, name="key set", daemon=True).start()
    return attempt.wait(seconds)


class _Attempt:
    """One fetch, on a thread of its own: its connection is cut when time is up, whatever it waits for then."""

    def __init__(self, url: str, seconds: float) -> None:
        self._url = url
        self._seconds = seconds
        self._sockets: list[socket.socket] = []
        self._given_up = False
        self._done: SimpleQueue[bytes | Exception] = SimpleQueue()

    def run(self) -> None:
        """Fetch, and hand over what came of it."""
        try:
            self._done.put(self._read())
        except HTTPException:
            self._done.put(OSError("the answer is not HTTP"))
        except Exception as error:  # noqa: BLE001 - raised again by whoever waits
            self._done.put(error)

    def wait(self, seconds: float) -> bytes:
        """Return the body, or raise what prevented it; after so many seconds cut the connection."""
        try:
            outcome = self._done.get(timeout=seconds)
        except Empty:
            self._given_up = True
            for opened in self._sockets.copy():
                _cut(opened)
            raise TimeoutError("the key set arrives too slowly") from None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def keep(self, opened: socket.socket) -> None:
        """Remember a connection, to cut it."""
        self._sockets.append(opened)
        if self._given_up:
            _cut(opened)

    def _read(self) -> bytes:
        body = bytearray()
        with _opener(self.keep).open(self._url, timeout=2 * self._seconds) as response:
            if response.status != 200:
                raise OSError(f"status {response.status}")
            while chunk := response.read1(MAX_BODY):
                body += chunk
                if len(body) > MAX_BODY:
                    raise ValueError("the key set is too large")
        return bytes(body)


def _cut(opened: socket.socket) -> None:
    with suppress(OSError):  # it has ended by itself
        opened.shutdown(socket.SHUT_RDWR)


Keep = Callable[[socket.socket], None]


def _opener(keep: Keep) -> OpenerDirector:
    """Return what opens URLs and tells of its connections.

    No handler follows a redirect or asks a proxy of the environment: the keys come from where the policy says.
    """
    opener = OpenerDirector()
    kept = (_Http(keep), _Https(keep), HTTPErrorProcessor(), HTTPDefaultErrorHandler(), UnknownHandler())
    for handler in kept:
        opener.add_handler(handler)
    return opener


class _Http(HTTPHandler):
    def __init__(self, keep: Keep) -> None:
        super().__init__()
        self._keep = keep

    def http_open(self, req: Request) -> Any:
        return self.do_open(_kept(HTTPConnection, self._keep), req)


class _Https(HTTPSHandler):
    def __init__(self, keep: Keep) -> None:
        super().__init__()
        self._keep = keep

    def https_open(self, req: Request) -> Any:
        return self.do_open(_kept(HTTPSConnection, self._keep), req, context=ssl.create_default_context())


def _kept(kind: type[HTTPConnection], keep: Keep) -> Any:
    """Return connections of this kind that tell of their sockets: before a handshake, which may be slow, and after."""

    def make(host: str, **options: Any) -> HTTPConnection:
        made = kind(host, **options)
        create, connect = made._create_connection, made.connect  # type: ignore[attr-defined]  # noqa: SLF001 - the hook

        def create_kept(*where: Any) -> socket.socket:
            opened: socket.socket = create(*where)
            keep(opened)
            return opened

        def connect_kept() -> None:
            connect()
            keep(made.sock)

        made._create_connection = create_kept  # type: ignore[attr-defined]  # noqa: SLF001 - likewise
        made.connect = connect_kept  # type: ignore[method-assign]
        return made

    return make


class FetchedKeySet:
    """The key set behind a URL; ages are measured on the clock's monotonic seconds.

    One thread fetches at a time; the others go on with the set at hand when it may still serve.
    """

    def __init__(self, url: str, allowed: Collection[str], clock: Clock, get: Callable[[str], bytes]) -> None:
        self._url = url
        self._allowed = frozenset(allowed)
        self._clock = clock
        self._get = get
        self._held: _Held | None = None
        self._retry_at = self._miss_at = -math.inf
        self._fetching = Lock()

    def find(self, kid: str | None, alg: str) -> Key:
        """Return the key as ``KeySet.find`` does, from a set that is fresh enough.

        Raises:
            Refusal: keys-unavailable, or what ``KeySet.find`` raises.
        """
        tick = self._clock.tick()
        before = self._held
        held = self._fresh(tick)
        if kid is not None and kid not in held.keys and held is before:
            held = self._after_miss(tick, held)
        return held.keys.find(kid, alg)

    def _fresh(self, tick: float) -> _Held:
        held = self._held
        if held is not None and _younger(held, TTL, tick):
            return held
        if self._fetching.acquire(blocking=not _may_serve(held, tick)):
            try:
                if self._held is held and tick >= self._retry_at:
                    self._refresh(tick)
            finally:
                self._fetching.release()
        held = self._held
        if held is None or not _may_serve(held, tick):
            raise Refusal(Reason.KEYS_UNAVAILABLE)
        return held

    def _after_miss(self, tick: float, held: _Held) -> _Held:
        """Look for a key just rotated in, but let forged kids cause no more than one fetch a cool-down."""
        with self._fetching:
            if self._held is held and tick >= self._miss_at:
                self._miss_at = tick + COOLDOWN
                self._refresh(tick)
            return self._held or held

    def _refresh(self, tick: float) -> None:
        """Replace the whole set, so that a withdrawn key is gone; after a failure the last good one stays."""
        try:
            self._held = _Held(KeySet(parse_object(self._get(self._url)), self._allowed), tick)
        except (OSError, ValueError):
            self._retry_at = tick + _RETRY


def _may_serve(held: _Held | None, tick: float) -> bool:
    return held is not None and _younger(held, TTL + STALE, tick)


def _younger(held: _Held, seconds: float, tick: float) -> bool:
    return tick - held.fetched_at < seconds
