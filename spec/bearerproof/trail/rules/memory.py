"""What is remembered of tokens: little of each, of a bounded number, and only as long as they matter."""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count

CHUNK = 1024
"""Tokens that are forgotten together."""

_BITS = 1 << 26
"""Bits by which tokens that left are remembered: 8 MiB."""

_MINUTE = len("2027-01-15T08:00")


@dataclass(slots=True)
class Token:
    """One token: a digest of its identity, when it expires, and what became of it, where and when.

    ``line``, ``at`` and ``stream`` are those of its issue, and until that is seen (``issued``) of the first event about
    it. Instants are as they are written, which sort as time does; None where an event bore none, and ``revoked_at`` is
    empty then. ``used_at`` is the latest use. A stream is the origin of a writer, or the number of a file.
    """

    identity: bytes
    expires_at: str | None
    line: int
    at: str | None
    stream: Hashable
    issued: bool = True
    expired: tuple[Hashable, int] | None = None
    revoked_at: str | None = None
    revoked_in: Hashable = None
    revoked_line: int = 0
    used_at: str | None = None
    used_in: Hashable = None
    used_line: int = 0


class Memory:
    """The tokens by a digest of their jti: Python's keyed hash of 64 bits, whose key no writer of a trail knows.

    A token leaves once ``forget`` is told a time after its expiry. At most ``most`` are kept: beyond that those
    without an expiry leave first, the oldest before all, then those that expire soonest; ``forgotten`` counts them.
    That a token has left is remembered in a bit, which some others share: ``has_left`` may be true of a stranger, once
    in seventy times after a million, and is never false of one that was here. ``left_until``: when the last of those
    that left in time had expired.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._tokens: dict[int, Token] = {}
        self.find = self._tokens.get
        self._undated: deque[list[int]] = deque()
        self._filling: dict[str, list[int]] = {}
        self._dated: list[tuple[str, int, list[int]]] = []
        self._serial = count()
        self._left = bytearray()
        self.left_until = ""
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self._tokens)

    def add(self, digest: int, token: Token) -> None:
        """Remember a token that is not remembered yet."""
        while len(self._tokens) >= self._most:
            self.forgotten += self._drop(self._undated.popleft() if self._undated else self._soonest())
        self._tokens[digest] = token
        self._chunk(token.expires_at).append(digest)

    def forget(self, until: str) -> None:
        """Let go of the tokens that expired in a minute before ``until``, an instant or its beginning."""
        minute = until[:_MINUTE]
        while self._dated and self._dated[0][0] < minute:
            self.left_until = max(self.left_until, f"{self._dated[0][0]}:60")
            self._drop(self._soonest())

    def has_left(self, digest: int) -> bool:
        """Whether a token was remembered once."""
        return bool(self._left) and bool(self._left[digest % _BITS >> 3] >> (digest & 7) & 1)

    def _chunk(self, expires_at: str | None) -> list[int]:
        """Return the chunk in which a token leaves: one of its minute, or the last of those without expiry."""
        if expires_at is None:
            if not self._undated or len(self._undated[-1]) >= CHUNK:
                self._undated.append([])
            return self._undated[-1]
        minute = expires_at[:_MINUTE]
        chunk = self._filling.get(minute)
        if chunk is None or len(chunk) >= CHUNK:
            chunk = self._filling[minute] = []
            heappush(self._dated, (minute, next(self._serial), chunk))
        return chunk

    def _soonest(self) -> list[int]:
        minute, _, chunk = heappop(self._dated)
        if self._filling.get(minute) is chunk:
            del self._filling[minute]
        return chunk

    def _drop(self, chunk: list[int]) -> int:
        if not self._left:
            self._left = bytearray(_BITS >> 3)
        for digest in chunk:
            self._tokens.pop(digest, None)
            self._left[digest % _BITS >> 3] |= 1 << (digest & 7)
        return len(chunk)
