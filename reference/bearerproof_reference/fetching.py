"""A JWK set that its issuer serves over HTTP: fetched, kept, refreshed, and replaced as a whole."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from http.client import HTTPException
from threading import Lock
from typing import Any
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, build_opener

from bearerproof_reference.clock import Clock
from bearerproof_reference.jose import parse_object
from bearerproof_reference.keys import Key, KeySet
from bearerproof_reference.verdicts import Reason, Refusal

TTL = 300
"""Seconds for which a fetched set is fresh."""
STALE = 3600
"""Seconds after that for which it may still serve while refreshing fails."""
COOLDOWN = 30
"""Seconds in which unknown kids cause one refetch at most; also the pause after a failed refresh."""

MAX_BODY = 256 * 1024
"""Bytes of a JWK set that are read."""
TIMEOUT = 2.0
"""Seconds that a fetch may take, unless another time is given."""

_EMPTY_RETRY = 1
"""Seconds between attempts while there is no set at all to serve: every token is refused meanwhile."""


@dataclass(frozen=True, slots=True)
class _Held:
    keys: KeySet
    fetched_at: float


def fetch(url: str, seconds: float = TIMEOUT) -> bytes:
    """Return the body served at ``url`` within so many seconds.

    Redirects are not followed: the keys are where the policy says.

    Raises:
        OSError: the server could not be reached, was too slow, or answered with another status than 200.
        ValueError: not an http or https URL, or more than ``MAX_BODY`` bytes.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError("a key set is fetched over http or https")
    deadline = time.monotonic() + seconds
    body = b""
    try:
        with _OPENER.open(url, timeout=seconds) as response:
            if response.status != 200:
                raise OSError(f"status {response.status}")
            while chunk := response.read1(MAX_BODY + 1):
                body += chunk
                if len(body) > MAX_BODY:
                    raise ValueError("the key set is too large")
                if time.monotonic() > deadline:
                    raise TimeoutError("the key set arrives too slowly")
            announced = response.headers.get("Content-Length")
            if announced is not None and int(announced) != len(body):
                raise OSError("the key set was cut short")
    except HTTPException as error:
        raise OSError("the answer is not HTTP") from error
    return body


class FetchedKeySet:
    """The key set behind a URL; ages are measured on the clock's monotonic seconds.

    One thread fetches at a time; the others go on with the set at hand when it may still serve.
    """

    def __init__(self, url: str, allowed: Collection[str], clock: Clock, get: Callable[[str], bytes] = fetch) -> None:
        self._url = url
        self._allowed = frozenset(allowed)
        self._clock = clock
        self._get = get
        self._held: _Held | None = None
        self._retry_at = self._miss_at = float("-inf")
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
        if held is not None and tick - held.fetched_at < TTL:
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
            if tick >= self._miss_at:
                self._miss_at = tick + COOLDOWN
                self._refresh(tick)
            return self._held or held

    def _refresh(self, tick: float) -> None:
        """Replace the whole set, so that a withdrawn key is gone; after a failure the last good one stays."""
        try:
            self._held = _Held(KeySet(parse_object(self._get(self._url)), self._allowed), tick)
        except (OSError, ValueError):
            self._retry_at = tick + (COOLDOWN if _may_serve(self._held, tick) else _EMPTY_RETRY)


def _may_serve(held: _Held | None, tick: float) -> bool:
    return held is not None and tick - held.fetched_at < TTL + STALE


class _NoRedirects(HTTPRedirectHandler):
    """Leaves a redirect to the default handler, which raises it as an error."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing."""


# No proxy from the environment either: the keys come from the host that the policy names.
_OPENER = build_opener(ProxyHandler({}), _NoRedirects)
