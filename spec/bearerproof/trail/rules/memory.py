"""What is remembered of tokens: little of each, of a bounded number, and only as long as they matter."""

from array import array
from collections import deque
from collections.abc import Hashable
from heapq import heappop, heappush
from itertools import count
from zlib import crc32

from msgspec import Struct

CHUNK = 1024
"""Tokens that are forgotten together."""

_BITS = 1 << 26
"""Bits by which tokens that left are remembered: 8 MiB."""

_MINUTE = len("2027-01-15T08:00")


class Token(Struct, gc=False):
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
    in seventy times after a million, and is never false of one that was here. It follows from the jti alone, so that
    two judgements of one trail say the same. ``left_until``: when the last of those
    that left in time had expired.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._tokens: dict[int, Token] = {}
        self.find = self._tokens.get
        self._undated: deque[_Chunk] = deque()
        self._filling: dict[str, _Chunk] = {}
        self._dated: list[tuple[str, int, _Chunk]] = []
        self._serial = count()
        self._left = bytearray()
        self.left_until = ""
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self._tokens)

    def add(self, digest: int, jti: str, token: Token) -> None:
        """Remember a token that is not remembered yet."""
        while len(self._tokens) >= self._most:
            self.forgotten += self._drop(self._undated.popleft() if self._undated else self._soonest())
        self._tokens[digest] = token
        digests, bits = self._chunk(token.expires_at)
        digests.append(digest)
        bits.append(_bit(jti))

    def forget(self, until: str) -> None:
        """Let go of the tokens that expired in a minute before ``until``, an instant or its beginning."""
        minute = until[:_MINUTE]
        while self._dated and self._dated[0][0] < minute:
            self.left_until = max(self.left_until, f"{self._dated[0][0]}:60")
            self._drop(self._soonest())

    def has_left(self, jti: str) -> bool:
        """Whether a token was remembered once."""
        return bool(self._left) and bool(self._left[(bit := _bit(jti)) >> 3] >> (bit & 7) & 1)

    def _chunk(self, expires_at: str | None) -> "_Chunk":
        """Return the chunk in which a token leaves: one of its minute, or the last of those without expiry."""
        if expires_at is None:
            if not self._undated or len(self._undated[-1][0]) >= CHUNK:
                self._undated.append(_new_chunk())
            return self._undated[-1]
        minute = expires_at[:_MINUTE]
        chunk = self._filling.get(minute)
        if chunk is None or len(chunk[0]) >= CHUNK:
            chunk = self._filling[minute] = _new_chunk()
            heappush(self._dated, (minute, next(self._serial), chunk))
        return chunk

    def _soonest(self) -> "_Chunk":
        minute, _, chunk = heappop(self._dated)
        if self._filling.get(minute) is chunk:
            del self._filling[minute]
        return chunk

    def _drop(self, chunk: "_Chunk") -> int:
        if not self._left:
            self._left = bytearray(_BITS >> 3)
        digests, bits = chunk
        for digest, bit in zip(digests, bits, strict=True):
            self._tokens.pop(digest, None)
            self._left[bit >> 3] |= 1 << (bit & 7)
        return len(digests)


_Chunk = tuple["array[int]", "array[int]"]
"""The digests of some tokens, and the bit of each."""


def _new_chunk() -> _Chunk:
    return array("q"), array("I")


def _bit(jti: str) -> int:
    return crc32(jti.encode("utf-8", "surrogatepass")) % _BITS
