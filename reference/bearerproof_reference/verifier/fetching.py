"""A JWK set that its issuer serves over HTTP: fetched, kept, refreshed, and replaced as a whole."""

import math
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from http.client import HTTPException
from threading import Lock
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
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
    """Return the body served at ``url`` within so many seconds.

    Redirects are not followed: the keys are where the policy says.

    Raises:
        OSError: the server could not be reached, was too slow, or answered with another status than 200; or the
            URL is of another scheme than http and https.
        ValueError: not a URL, or more than ``MAX_BODY`` bytes.
    """
    deadline = time.monotonic() + seconds
    body = bytearray()
    try:
        with _OPENER.open(url, timeout=seconds) as response:
            if response.status != 200:
                raise OSError(f"status {response.status}")
            while chunk := response.read1(MAX_BODY):
                body += chunk
                if len(body) > MAX_BODY:
                    raise ValueError("the key set is too large")
                if time.monotonic() > deadline:
                    raise TimeoutError("the key set arrives too slowly")
    except HTTPException as error:
        raise OSError("the answer is not HTTP") from error
    return bytes(body)


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


# No handler follows a redirect or asks a proxy of the environment: the keys come from where the policy says.
_OPENER = OpenerDirector()
for _handler in (HTTPHandler(), HTTPSHandler(), HTTPErrorProcessor(), HTTPDefaultErrorHandler(), UnknownHandler()):
    _OPENER.add_handler(_handler)
