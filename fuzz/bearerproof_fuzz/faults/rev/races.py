"""Faults in what revocations do at the same time (REV-9)."""

from time import sleep
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_reference.keyserver.memorystore import MemoryStore


@fault("REV-9")
def revocation_looks_then_acts(patch: Patch) -> None:
    """A token is found live in one round trip and revoked in the next, so two administrators both end it (W8)."""

    def look_then_act(self: Any, jti: str, now: float) -> Any:
        record = self._by_jti.get(jti)
        if record is None or record.digest in self._revoked or record.expires_at <= now:
            return None
        sleep(0.002)
        self._revoked.add(record.digest)
        return record

    patch(MemoryStore, "revoke", look_then_act)


@fault("REV-9")
def bulk_collects_then_ends(patch: Patch) -> None:
    """The ids of an identity are collected first and ended one by one; each that was ended is counted (W8)."""

    def collect_then_end(self: Any, issuer: str, subject: str, now: float) -> Any:
        self._revocations.add((issuer, subject), now)
        tokens = [one for one in self._by_identity.get((issuer, subject), ()) if one.expires_at > now]
        sleep(0.002)
        self._revoked.update(one.digest for one in tokens)
        return tuple(tokens)

    patch(MemoryStore, "revoke_all", collect_then_end)


@fault("REV-9")
def bulk_counts_then_ends(patch: Patch) -> None:
    """The number is asked for first, and then everything is ended that is there by then (W8)."""

    def count_then_end(revoke_all: Any, self: Any, issuer: str, subject: str, now: float) -> Any:
        number = self.count(issuer, subject, now)
        sleep(0.002)
        return revoke_all(self, issuer, subject, now)[:number]

    patch.wrap(MemoryStore, "revoke_all", count_then_end)
