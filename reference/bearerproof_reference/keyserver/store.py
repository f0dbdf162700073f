"""The token store: what the key server asks of it, whether it is memory or shared by many processes.

Time is the caller's: every operation is told ``now`` in wall-clock seconds. The store goes by the highest
``now`` that it ever saw, so a clock that steps back revives nothing. A token is expired from the instant
``now >= expires_at``. Expired or revoked, it stays on record as a tombstone for ``retention`` seconds after its
expiry; then it is unknown, whether it was reaped or not.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import inf, isfinite
from threading import local
from typing import Protocol

from bearerproof_reference.keyserver.tokens import TokenRecord

Moment = tuple[float, int]
"""When an operation was decided: by the store's time (wall-clock seconds), and within that by a number that grows."""


class LastMoment(local):
    """The moment of the last operation of each thread."""

    value: Moment = (-inf, 0)


class StoreUnavailable(Exception):
    """The store could not answer. Neither "valid" nor "invalid" nor "done": nothing follows about any token."""


class NotReplicated(StoreUnavailable):
    """It was done, but what takes the server's place when it fails may not know: ``outcome`` is what came of it."""

    def __init__(self, outcome: object) -> None:
        super().__init__("too few replicas have acknowledged it")
        self.outcome = outcome


class Issue(StrEnum):
    """What became of a token that was to be issued; only a stored one may be handed out."""

    STORED = "stored"
    CAP_REACHED = "cap-reached"
    FULL = "full"
    REVOKED_BEFORE = "revoked-before"


class State(StrEnum):
    """How it stands with a token on record; one that was revoked stays so after it expired."""

    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Found:
    """A token on record."""

    record: TokenRecord
    state: State


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """How much a store keeps, and for how long (seconds).

    ``capacity`` bounds the tokens on record, tombstones included. ``subject_age`` is the age above which a
    subject token is refused in any case: for so long a bulk revocation is remembered. ``remembered`` bounds
    the bulk revocations, and the claimed subject tokens.

    Raises:
        ValueError: a number is out of its range.
    """

    capacity: int = 100_000
    retention: float = 300
    subject_age: float = 300
    remembered: int = 1_000_000

    def __post_init__(self) -> None:
        for name in ("capacity", "remembered"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ValueError(f"{name} is a whole number from 1 up, not {value!r}")
        for name in ("retention", "subject_age"):
            value = getattr(self, name)
            if type(value) not in (int, float) or not isfinite(value) or value < 0:
                raise ValueError(f"{name} is a number of seconds from 0 up, not {value!r}")


class TokenStore(Protocol):
    """Keeps token records; safe to use from many threads.

    Every operation is atomic, and none looks through all tokens. Each raises ``StoreUnavailable`` when it
    cannot be known whether, or what, it answered.
    """

    def issue(self, record: TokenRecord, cap: int, now: float, subject_issued_at: float) -> Issue:
        """Store the token, unless its identity has ``cap`` live ones or the store is full.

        A subject token issued (``iat``) at or before the last bulk revocation of its identity mints nothing.

        Raises:
            StoreUnavailable: among the rest, when the token would be expired from the start by the store's time.
            ValueError: the jti or the digest is on record already.
        """

    def look_up(self, digest: bytes, now: float) -> Found | None:
        """Return the token whose bearer has this digest, or None when it is unknown."""

    def revoke(self, jti: str, now: float) -> TokenRecord | None:
        """Revoke the token; return its record if it was live, and None if there was nothing to revoke."""

    def revoke_all(self, issuer: str, subject: str, now: float) -> tuple[TokenRecord, ...]:
        """Revoke every live token of the identity, and return exactly those.

        From here on, a subject token of this identity with ``iat`` at or before ``now`` mints nothing.
        """

    def count(self, issuer: str, subject: str, now: float) -> int:
        """Return how many live tokens the identity has."""

    def reap(self, now: float) -> int:
        """Forget the tombstones whose retention is over; return how many they were. Costs per tombstone."""

    def claim(self, key: str, uses: int, until: float, now: float) -> bool:
        """Use the subject token named ``key`` once more; return whether it had been used less than ``uses`` times.

        ``until`` is the last instant at which the subject token would be accepted: its uses are remembered
        so long. The ``until`` of the first use counts.

        Raises:
            StoreUnavailable: among the rest, when the store is full of claims that must still be remembered.
        """

    def moment(self) -> Moment:
        """Return when the last operation that this thread asked for was decided; before the first, the beginning."""

    def warnings(self) -> tuple[str, ...]:
        """Return what an operator should know about the store: fixed texts, none of which names a token."""
