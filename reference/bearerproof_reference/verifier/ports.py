"""What a verifier may ask beyond the token: was it seen before, is its session alive, is it the latest."""

import heapq
from math import inf
from threading import Lock
from typing import Protocol

from bearerproof_reference.clock import Clock


class Unavailable(Exception):
    """A look-up could not be made. Not an answer: the token is refused as ``unavailable``."""


class ReplayGuard(Protocol):
    """Remembers the tokens that were accepted, by issuer and ``jti`` (RFC 7519 §4.1.7)."""

    def first_use(self, issuer: str, jti: str, until: float) -> bool:
        """Record (issuer, jti) until that wall-clock second; return False when it was on record already.

        Checking and recording are one step, so of two simultaneous presentations only one is the first.

        Raises:
            Unavailable: it cannot be known or cannot be recorded.
        """


class SessionLiveness(Protocol):
    """Knows which sessions have been revoked."""

    def revoked(self, sid: str | None) -> bool:
        """Return whether the session was revoked; a token without ``sid`` belongs to none.

        Raises:
            Unavailable: it cannot be known, whichever session is asked for.
        """


class SessionVersions(Protocol):
    """Knows the version below which the sessions of a subject are stale."""

    def current(self, subject: str) -> int | None:
        """Return the subject's version, or None when it has none.

        Raises:
            Unavailable: it cannot be known.
        """


class MemoryReplayGuard:
    """Keeps at most ``capacity`` tokens, each until it expires; a full guard is unavailable, never forgetful.

    A token that ends no later than the last that was forgotten may be one of those: it is no first use, even after the
    clock stepped back.
    """

    def __init__(self, clock: Clock, capacity: int = 100_000) -> None:
        self.clock = clock
        self._capacity = capacity
        self._seen: set[tuple[str, str]] = set()
        self._expiries: list[tuple[float, tuple[str, str]]] = []
        self._forgotten = -inf
        self._lock = Lock()

    def first_use(self, issuer: str, jti: str, until: float) -> bool:
        """Record the token; False when it was recorded before.

        Raises:
            Unavailable: the guard is full of tokens that have not expired.
        """
        key = (issuer, jti)
        with self._lock:
            self._forget_expired()
            if key in self._seen or until <= self._forgotten:
                return False
            if len(self._seen) >= self._capacity:
                raise Unavailable
            self._seen.add(key)
            heapq.heappush(self._expiries, (until, key))
            return True

    def _forget_expired(self) -> None:
        now = self.clock.now()
        while self._expiries and self._expiries[0][0] <= now:
            self._forgotten, key = heapq.heappop(self._expiries)
            self._seen.remove(key)
