"""Faults in what revocations do at the same time (REV-9)."""

from time import sleep
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault_by
from bearerproof_reference.keyserver.memorystore import MemoryStore


@fault_by("REV-9", Patch.__call__, MemoryStore, "revoke")
def revocation_looks_then_acts(self: Any, jti: str, now: float) -> Any:
    """A token is found live in one round trip and revoked in the next, so two administrators both end it (W8)."""
    record = self._by_jti.get(jti)
    if record is None or record.digest in self._revoked or record.expires_at <= now:
        return None
    sleep(0.002)
    self._revoked.add(record.digest)
    return record


@fault_by("REV-9", Patch.__call__, MemoryStore, "revoke_all")
def bulk_collects_then_ends(self: Any, issuer: str, subject: str, now: float) -> Any:
    """The ids of an identity are collected first and ended one by one; each that was ended is counted (W8)."""
    self._revocations.add((issuer, subject), now)
    tokens = [record for record in self._by_identity.get((issuer, subject), ()) if record.expires_at > now]
    sleep(0.002)
    self._revoked.update(record.digest for record in tokens)
    return tuple(tokens)


@fault_by("REV-9", Patch.wrap, MemoryStore, "revoke_all")
def bulk_counts_then_ends(revoke_all: Any, self: Any, issuer: str, subject: str, now: float) -> Any:
    """The number is asked for first, and then everything is ended that is there by then (W8)."""
    number = self.count(issuer, subject, now)
    sleep(0.002)
    return revoke_all(self, issuer, subject, now)[:number]
