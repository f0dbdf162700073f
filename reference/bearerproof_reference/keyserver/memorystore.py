"""The token store in the memory of one process: quick, and forgotten when the process ends."""

import heapq
from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from dataclasses import replace
from hashlib import sha256
from math import inf
from operator import attrgetter
from threading import Lock

from bearerproof_reference.keyserver.store import Found, Issue, LastMoment, Moment, State, StoreLimits, StoreUnavailable
from bearerproof_reference.keyserver.tokens import Identity, IdentityKey, Scopes, TokenRecord


class MemoryStore:
    """Keeps records by digest, by jti, by identity in order of expiry, and in a queue for the reaper.

    ``born`` is when its memory begins (wall-clock seconds): a subject token issued before that mints nothing, since it
    may have been used or revoked. Without it there was nothing before.
    """

    def __init__(self, limits: StoreLimits | None = None, born: float = -inf) -> None:
        self._born = born
        self._limits = limits or StoreLimits()
        self._by_digest: dict[bytes, TokenRecord] = {}
        self._by_jti: dict[str, TokenRecord] = {}
        self._by_identity: dict[IdentityKey, list[TokenRecord]] = {}  # not the revoked ones
        self._revoked: set[bytes] = set()
        self._removals: list[tuple[float, bytes]] = []
        self._scopes = _SharedScopes()
        self._revocations = _Revocations(self._limits)
        self._claims = _Claims(self._limits.remembered)
        self._latest = -inf
        self._operations = 0
        self._moment = LastMoment()
        self._lock = Lock()

    def issue(self, record: TokenRecord, cap: int, now: float, subject_issued_at: float) -> Issue:
        """Store the token, unless the identity's cap or the store's capacity is reached.

        Raises:
            StoreUnavailable: the token would be expired from the start, because this clock is behind.
            ValueError: the jti or the digest is on record already.
        """
        with self._lock:
            now = self._advance(now)
            if record.digest in self._by_digest or record.jti in self._by_jti:
                raise ValueError("a token with this jti or this digest is on record already")
            if record.expires_at <= now:
                raise StoreUnavailable("the clock is behind the store's: the token would be expired already")
            if subject_issued_at < self._born or self._revocations.cover(record.identity.key, subject_issued_at):
                return Issue.REVOKED_BEFORE
            if self._count(record.identity.key, now) >= cap:
                return Issue.CAP_REACHED
            if not self._has_room(now):
                return Issue.FULL
            self._add(record)
            return Issue.STORED

    def look_up(self, digest: bytes, now: float) -> Found | None:
        """Return the token whose bearer has this digest, or None when it is unknown."""
        with self._lock:
            now = self._advance(now)
            record = self._by_digest.get(digest)
            if record is None or self._removal(record) <= now:
                return None
            if digest in self._revoked:
                return Found(record, State.REVOKED)
            return Found(record, State.LIVE if now < record.expires_at else State.EXPIRED)

    def revoke(self, jti: str, now: float) -> TokenRecord | None:
        """Revoke the token; return its record if it was live."""
        with self._lock:
            now = self._advance(now)
            record = self._by_jti.get(jti)
            if record is None or record.digest in self._revoked or record.expires_at <= now:
                return None
            self._revoked.add(record.digest)
            self._leave_identity(record)
            return record

    def revoke_all(self, issuer: str, subject: str, now: float) -> tuple[TokenRecord, ...]:
        """Revoke every live token of the identity, and its subject tokens up to now."""
        with self._lock:
            now = self._advance(now)
            self._revocations.add((issuer, subject), now)
            tokens = self._by_identity.pop((issuer, subject), [])
            dead = bisect_right(tokens, now, key=_expiry)
            if dead:
                self._by_identity[issuer, subject] = tokens[:dead]
            self._revoked.update(record.digest for record in tokens[dead:])
            return tuple(tokens[dead:])

    def count(self, issuer: str, subject: str, now: float) -> int:
        """Return how many live tokens the identity has."""
        with self._lock:
            return self._count((issuer, subject), self._advance(now))

    def reap(self, now: float) -> int:
        """Forget the tombstones whose retention is over, and claims and revocations that are; count the first."""
        with self._lock:
            now = self._advance(now)
            self._claims.forget(now)
            self._revocations.forget(now)
            reaped = 0
            while self._removals and self._removals[0][0] <= now:
                self._remove_first()
                reaped += 1
            return reaped

    def claim(self, key: str, uses: int, until: float, now: float) -> bool:
        """Use the subject token once more; return whether it had been used less than ``uses`` times.

        Raises:
            StoreUnavailable: the store is full of claims that must still be remembered.
        """
        with self._lock:
            return self._claims.use(key, uses, until, self._advance(now))

    def moment(self) -> Moment:
        """Return when the last operation that this thread asked for was decided."""
        return self._moment.value

    def warnings(self) -> tuple[str, ...]:
        """Return nothing: the memory of a process has no settings."""
        return ()

    def _advance(self, now: float) -> float:
        """Return the store's time: the highest that anybody told it."""
        self._latest = max(self._latest, now)
        self._operations += 1
        self._moment.value = self._latest, self._operations
        return self._latest

    def _removal(self, record: TokenRecord) -> float:
        return record.expires_at + self._limits.retention

    def _count(self, key: IdentityKey, now: float) -> int:
        tokens = self._by_identity.get(key, ())
        return len(tokens) - bisect_right(tokens, now, key=_expiry)

    def _has_room(self, now: float) -> bool:
        """Make room where that is due, one tombstone for one token, so that nobody waits for a great reaping."""
        if len(self._by_digest) >= self._limits.capacity and self._removals[0][0] <= now:
            self._remove_first()
        return len(self._by_digest) < self._limits.capacity

    def _add(self, record: TokenRecord) -> None:
        tokens = self._by_identity.setdefault(record.identity.key, [])
        record = replace(record, identity=_shared_identity(record, tokens), scopes=self._scopes.take(record.scopes))
        insort(tokens, record, key=_order)
        self._by_digest[record.digest] = record
        self._by_jti[record.jti] = record
        heapq.heappush(self._removals, (self._removal(record), record.digest))

    def _remove_first(self) -> None:
        _, digest = heapq.heappop(self._removals)
        record = self._by_digest.pop(digest)
        del self._by_jti[record.jti]
        if digest in self._revoked:
            self._revoked.remove(digest)
        else:
            self._leave_identity(record)
        self._scopes.give(record.scopes)

    def _leave_identity(self, record: TokenRecord) -> None:
        tokens = self._by_identity[record.identity.key]
        del tokens[bisect_left(tokens, _order(record), key=_order)]
        if not tokens:
            del self._by_identity[record.identity.key]


_expiry = attrgetter("expires_at")
_order = attrgetter("expires_at", "jti")


def _shared_identity(record: TokenRecord, tokens: list[TokenRecord]) -> Identity:
    """Return the identity as another of its tokens has it, if that is equal: so it is kept once."""
    return tokens[-1].identity if tokens and tokens[-1].identity == record.identity else record.identity


class _SharedScopes:
    """Keeps equal scopes once, for as long as a token has them."""

    def __init__(self) -> None:
        self._kept: dict[Scopes, tuple[Scopes, int]] = {}

    def take(self, scopes: Scopes) -> Scopes:
        kept, users = self._kept.get(scopes, (scopes, 0))
        self._kept[kept] = kept, users + 1
        return kept

    def give(self, scopes: Scopes) -> None:
        kept, users = self._kept[scopes]
        if users > 1:
            self._kept[kept] = kept, users - 1
        else:
            del self._kept[kept]


class _Revocations:
    """The bulk revocations: since when the subject tokens of an identity count again.

    Each is forgotten when all that it covers are too old anyway. What makes forgetting safe, whatever a clock
    does later or however many there are: subject tokens up to the latest forgotten one are covered for everybody.
    """

    def __init__(self, limits: StoreLimits) -> None:
        self._age = limits.subject_age
        self._most = limits.remembered
        self._at: OrderedDict[IdentityKey, float] = OrderedDict()  # in order of time, which never steps back
        self._forgotten = -inf

    def add(self, key: IdentityKey, now: float) -> None:
        self._at[key] = now
        self._at.move_to_end(key)
        if len(self._at) > self._most:
            self._forget_first()

    def cover(self, key: IdentityKey, issued_at: float) -> bool:
        return issued_at <= max(self._forgotten, self._at.get(key, -inf))

    def forget(self, now: float) -> None:
        while self._at and next(iter(self._at.values())) < now - self._age:
            self._forget_first()

    def _forget_first(self) -> None:
        self._forgotten = self._at.popitem(last=False)[1]


class _Claims:
    """The subject tokens that were used, by a digest of their key, and how often.

    Those that ended are forgotten. One that ends no later than the last forgotten may be one of them: it has
    no uses left, even after the clock stepped back.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._uses: dict[bytes, int] = {}
        self._ends: list[tuple[float, bytes]] = []
        self._forgotten = -inf

    def use(self, key: str, uses: int, until: float, now: float) -> bool:
        name = sha256(key.encode("utf-8", "surrogatepass")).digest()
        used = self._uses.get(name)
        if used is None:
            return uses > 0 and self._first_use(name, until, now)
        if used >= uses:
            return False
        self._uses[name] = used + 1
        return True

    def _first_use(self, name: bytes, until: float, now: float) -> bool:
        if len(self._uses) >= self._most:
            if self._ends[0][0] >= now:
                raise StoreUnavailable("the store is full of used subject tokens that it must remember")
            self._forget_first()
        if until <= self._forgotten:
            return False
        self._uses[name] = 1
        heapq.heappush(self._ends, (until, name))
        return True

    def forget(self, now: float) -> None:
        while self._ends and self._ends[0][0] < now:
            self._forget_first()

    def _forget_first(self) -> None:
        self._forgotten, name = heapq.heappop(self._ends)
        del self._uses[name]
