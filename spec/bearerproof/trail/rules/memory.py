"""What is remembered of tokens: little of each, of a bounded number, and only as long as they matter."""

from array import array
from collections import deque
from collections.abc import Hashable
from heapq import heappop, heappush
from itertools import count

from msgspec import Struct

from bearerproof.trail.shapes import MINUTE

CHUNK = 1024
"""Tokens that are forgotten together."""

_BITS = 1 << 27
"""Bits by which tokens that left are remembered: 16 MiB."""

_BITS_OF_ONE = 6
"""Bits of each: a stranger hits upon none but bits of others once in a hundred million times after a million."""


class Token(Struct, gc=False):
    """One token: a digest of its identity, when it expires, and what became of it, where and when.

    ``is_live``: it was issued, and is neither revoked nor called expired; then ``live_until`` is its expiry, where that
    and the time of its issue are known. ``settle`` has to be called when any of these changes.

    ``line``, ``at`` and ``stream`` are those of its issue, and until that is seen (``issued``) of the first event about
    it. Instants are as they are written, which sort as time does; None where an event bore none, and ``revoked_at`` is
    empty then. ``used_at`` is the latest use, empty before the first. A stream is the origin of a writer, or the number
    of a file.
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
    used_at: str = ""
    used_in: Hashable = None
    used_line: int = 0
    is_live: bool = False
    live_until: str = ""

    def settle(self) -> "Token":
        """See whether it is live, and until when."""
        self.is_live = self.issued and self.revoked_at is None and self.expired is None
        self.live_until = self.expires_at if self.is_live and self.at and self.expires_at else ""
        return self


class Memory:
    """The tokens by a digest of their jti: Python's keyed hash of 64 bits, whose key no writer of a trail knows.

    A token leaves once ``forget`` is told a time after its expiry. At most ``most`` are kept: beyond that those
    without an expiry leave first, the oldest before all, then those that expire soonest; ``forgotten`` counts them.
    That a token has left is remembered in a Bloom filter of these digests: ``has_left`` is never false of one that was
    here, and true of a stranger so seldom that a million tokens come and go without one that is taken for another.
    ``left_until``: when the last of those that left in time had expired.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._tokens: dict[int, Token] = {}
        self.find = self._tokens.get
        self._undated: deque[array[int]] = deque()
        self._filling: dict[str, array[int]] = {}
        self._dated: list[tuple[str, int, array[int]]] = []
        self._serial = count()
        self._left = _Left()
        self.left_until = ""
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self._tokens)

    def __contains__(self, digest: int) -> bool:
        return digest in self._tokens

    def has_room(self, tokens: int) -> bool:
        """Whether so many more can be remembered, and none is forgotten before its time."""
        return len(self._tokens) + tokens <= self._most

    def add(self, digest: int, token: Token) -> bool:
        """Remember a token that is not remembered yet; say whether it was once, as ``has_left`` does."""
        while len(self._tokens) >= self._most:
            self.forgotten += self._drop(self._undated.popleft() if self._undated else self._soonest())
        self._tokens[digest] = token
        self._chunk(token.expires_at).append(digest)
        return digest in self._left

    def forget(self, until: str) -> None:
        """Let go of the tokens that expired in a minute before ``until``, an instant or its beginning."""
        minute = until[:MINUTE]
        while self._dated and self._dated[0][0] < minute:
            self.left_until = max(self.left_until, f"{self._dated[0][0]}:60")
            self._drop(self._soonest())

    def has_left(self, digest: int) -> bool:
        """Whether a token was remembered once."""
        return digest in self._left

    def _chunk(self, expires_at: str | None) -> "array[int]":
        """Return the chunk in which a token leaves: one of its minute, or the last of those without expiry."""
        if expires_at is None:
            if not self._undated or len(self._undated[-1]) >= CHUNK:
                self._undated.append(array("q"))
            return self._undated[-1]
        minute = expires_at[:MINUTE]
        chunk = self._filling.get(minute)
        if chunk is None or len(chunk) >= CHUNK:
            chunk = self._filling[minute] = array("q")
            heappush(self._dated, (minute, next(self._serial), chunk))
        return chunk

    def _soonest(self) -> "array[int]":
        minute, _, chunk = heappop(self._dated)
        if self._filling.get(minute) is chunk:
            del self._filling[minute]
        return chunk

    def _drop(self, chunk: "array[int]") -> int:
        for digest in chunk:
            self._tokens.pop(digest, None)
        self._left.add_all(chunk)
        return len(chunk)


class _Left:
    """The tokens that left, as a Bloom filter over digests of 64 bits."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def __contains__(self, digest: int) -> bool:
        bits = self._bits
        if not bits or not bits[digest % _BITS >> 3] >> (digest & 7) & 1:
            return False
        return all(bits[place % _BITS >> 3] >> (place & 7) & 1 for place in _places(digest))

    def add_all(self, digests: "array[int]") -> None:
        if not self._bits:
            self._bits = bytearray(_BITS >> 3)
        bits = self._bits
        for digest in digests:
            for place in _places(digest):
                bits[place % _BITS >> 3] |= 1 << (place & 7)


def _places(digest: int) -> range:
    """Return numbers whose last bits are the bits of a digest, as independent as two halves of it make them."""
    digest &= (1 << 64) - 1  # Python's hashes have a sign
    step = digest >> 32 | 1
    return range(digest, digest + _BITS_OF_ONE * step, step)
