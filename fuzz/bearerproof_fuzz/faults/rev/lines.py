"""Faults in the line that a bulk revocation draws for subject tokens (REV-6)."""

from time import sleep
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault, fault_by
from bearerproof_reference.keyserver.memorystore import MemoryStore, _Revocations
from bearerproof_reference.keyserver.tokens import TokenRecord


@fault("REV-6")
def no_line_is_drawn(patch: Patch) -> None:
    """A bulk revocation ends tokens alone: the thief exchanges the stolen ID token again at once (W9)."""
    patch(_Revocations, "cover", lambda _self, _key, _issued_at: False)


@fault_by("REV-6", Patch.__call__, _Revocations, "cover")
def line_is_of_the_second_after(self: Any, key: Any, issued_at: float) -> bool:
    """A subject token of the very second of the revocation counts as a newer one."""
    return issued_at < int(max(self._forgotten, self._at.get(key, float("-inf")), -1e300))


@fault_by("REV-6", Patch.wrap, MemoryStore, "revoke_all")
def line_only_where_tokens_were_live(revoke_all: Any, self: Any, *names: Any) -> Any:
    """The line is drawn with the first token that is revoked, so where none is live there is none."""
    return revoke_all(self, *names) if self.count(*names) else ()


@fault("REV-6")
def identity_blocked_for_good(patch: Patch) -> None:
    """Whoever was revoked in bulk is blocked: a new sign-in does not help."""
    patch(_Revocations, "cover", lambda self, key, _issued_at: key in self._at)


@fault("REV-6")
def line_by_subject_alone(patch: Patch) -> None:
    """The line is kept by subject, so it stops the namesake at another provider too (W5)."""
    patch.wrap(_Revocations, "add", lambda add, self, key, now: add(self, key[1], now))
    patch.wrap(_Revocations, "cover", lambda cover, self, key, issued_at: cover(self, key[1], issued_at))


@fault("REV-6")
def line_stays_where_it_was_first(patch: Patch) -> None:
    """The first bulk revocation of an identity is kept, and a later one moves nothing."""
    patch.wrap(_Revocations, "add", lambda add, self, key, now: add(self, key, self._at.get(key, now)))


@fault_by("REV-6", Patch.wrap, MemoryStore, "reap")
def line_forgotten_with_the_tombstones(reap: Any, self: Any, now: float) -> Any:
    """Cleaning up removes the line with the last tombstone, while subject tokens from before are still young."""
    reaped = reap(self, now)
    if not self._by_digest:
        self._revocations = _Revocations(self._limits)
    return reaped


@fault("REV-6")
def line_forgotten_a_moment_early(patch: Patch) -> None:
    """The line is forgotten at the age up to which subject tokens are taken, and the oldest of them is taken."""
    patch.wrap(_Revocations, "forget", lambda forget, self, now: forget(self, now + 0.5))
    patch.wrap(_Revocations, "_forget_first", lambda _replaced, self: self._at.popitem(last=False))


@fault_by("REV-6", Patch.wrap, MemoryStore, "issue")
def line_moves_with_the_clock(
    issue: Any, self: Any, record: TokenRecord, cap: int, now: float, issued_at: float
) -> Any:
    """The line is kept as an age, so a clock that is set back takes it along."""
    behind = max(0.0, self._latest - now)
    return issue(self, record, cap, now, issued_at + 1.5 * behind)


@fault_by("REV-6", Patch.wrap, MemoryStore, "issue")
def line_checked_before_the_store_is_locked(
    issue: Any, self: Any, record: TokenRecord, cap: int, now: float, issued_at: float
) -> Any:
    """The line is looked at, and the token is stored a little later: what is revoked in between is not seen."""
    covered = self._revocations.cover(record.identity.key, issued_at)
    sleep(0.002)
    return issue(self, record, cap, now, issued_at if covered else now + 1)
