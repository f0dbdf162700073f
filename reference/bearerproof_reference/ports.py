"""What a verifier may ask beyond the token: was it seen before, is its session alive, is it the latest."""

import heapq
from dataclasses import dataclass, field
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


@dataclass
class MemoryReplayGuard:
    """Keeps at most ``capacity`` tokens until they expire; a full guard is unavailable, never forgetful."""

    clock: Clock
    capacity: int = 100_000
    _seen: dict[tuple[str, str], float] = field(default_factory=dict, init=False)
    _expiries: list[tuple[float, tuple[str, str]]] = field(default_factory=list, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def first_use(self, issuer: str, jti: str, until: float) -> bool:
        """Record the token; False when it was recorded before.

        Raises:
            Unavailable: the guard is full of tokens that have not expired.
        """
        key = (issuer, jti)
        with self._lock:
            if key in self._seen:
                return False
            self._make_room()
            self._seen[key] = until
            heapq.heappush(self._expiries, (until, key))
            return True

    def _make_room(self) -> None:
        now = self.clock.now()
        while len(self._seen) >= self.capacity:
            if self._expiries[0][0] > now:
                raise Unavailable("the replay guard is full")
            del self._seen[heapq.heappop(self._expiries)[1]]
