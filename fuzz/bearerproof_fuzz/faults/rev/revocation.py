"""Faults in what a revocation ends and what it tells (REV-1 to REV-3)."""

from collections.abc import Callable
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault, fault_by, helper_by
from bearerproof_reference.keyserver import revocation
from bearerproof_reference.keyserver.lifecycle import Decision
from bearerproof_reference.keyserver.memorystore import MemoryStore
from bearerproof_reference.keyserver.revocation import RevocationError, RevocationRefused, Revocations, Revoked
from bearerproof_reference.keyserver.store import Found, State
from bearerproof_reference.keyserver.tokens import TokenRecord, digest


@fault_by("REV-1", Patch.wrap, MemoryStore, "look_up")
def admission_is_cached(look_up: Any, self: Any, name: bytes, now: float) -> Any:
    """What was found good is kept and not looked up again, so a revocation ends only what is not in use."""
    kept = self.__dict__.setdefault("kept", {})
    if name in kept and now < kept[name].record.expires_at:
        return kept[name]
    found = look_up(self, name, now)
    if found is not None and found.state is State.LIVE:
        kept[name] = found
    return found


@fault("REV-1")
def revocation_waits_for_the_sweep(patch: Patch) -> None:
    """A revocation is queued, and the next cleaning up carries it out."""

    def queue(self: Any, jti: str, now: float) -> TokenRecord | None:
        record = self._by_jti.get(jti)
        queued = self.__dict__.setdefault("queued", {})
        if record is None or jti in queued or record.digest in self._revoked or record.expires_at <= now:
            return None
        queued[jti] = record
        return record  # type: ignore[no-any-return]

    def sweep(reap: Any, self: Any, now: float) -> Any:
        self._revoked.update(record.digest for record in self.__dict__.pop("queued", {}).values())
        return reap(self, now)

    patch(MemoryStore, "revoke", queue)
    patch.wrap(MemoryStore, "reap", sweep)


@fault_by("REV-1", Patch.wrap, MemoryStore, "revoke")
def one_revocation_takes_all(revoke: Any, self: Any, jti: str, now: float) -> Any:
    """Revoking a token logs its user out everywhere."""
    record = revoke(self, jti, now)
    if record is not None:
        self._revoked.update(token.digest for token in self._by_identity.pop(record.identity.key, ()))
    return record


@fault_by("REV-1", Patch.wrap, MemoryStore, "revoke")
def one_revocation_blocks_the_identity(revoke: Any, self: Any, jti: str, now: float) -> Any:
    """Revoking a token draws the line for subject tokens too, so its user has to sign in for all others."""
    record = revoke(self, jti, now)
    if record is not None:
        self._revocations.add(record.identity.key, now)
    return record


@fault("REV-1")
def revoked_from_an_instant_on(patch: Patch) -> None:
    """A revocation is a time that the clock is compared with, so setting the clock back undoes it."""

    def look_up_by_time(look_up: Any, self: Any, name: bytes, now: float) -> Any:
        found = look_up(self, name, now)
        if found is not None and found.state is State.REVOKED and now < self.__dict__["at"].get(name, now):
            return Found(found.record, State.LIVE)
        return found

    def revoke_at(revoke: Any, self: Any, jti: str, now: float) -> Any:
        record = revoke(self, jti, now)
        if record is not None:
            self.__dict__.setdefault("at", {})[record.digest] = now
        return record

    patch.wrap(MemoryStore, "look_up", look_up_by_time)
    patch.wrap(MemoryStore, "revoke", revoke_at)


@fault_by("REV-1", Patch.wrap, MemoryStore, "issue")
def next_issue_lifts_the_revocation(issue: Any, self: Any, record: TokenRecord, *rest: Any) -> Any:
    """The mark of a revocation is kept by identity, and taken away when the user signs in again."""
    mine = {token.digest for token in self._by_digest.values() if token.identity.key == record.identity.key}
    self._revoked -= mine
    return issue(self, record, *rest)


@helper_by(Patch.wrap, MemoryStore, "revoke")
def _known(find: Callable[[Any, str, float], Any], revoke: Any, self: Any, jti: str, now: float) -> Any:
    """Have the store report this record as revoked where it would find nothing to revoke."""
    return revoke(self, jti, now) or find(self, jti, now)


@fault("REV-2")
def revoking_twice_succeeds_twice(patch: Patch) -> None:
    """A token that is on record can be revoked, whether it was before or not; the trail tells it twice."""
    _known(patch, lambda self, jti, _now: (found := self._by_jti.get(jti)) and found.digest in self._revoked and found)


@fault_by("REV-2", Patch.wrap, MemoryStore, "revoke")
def revoking_twice_revives(revoke: Any, self: Any, jti: str, now: float) -> Any:
    """The administration's page has one button that sets and clears the mark."""
    record = revoke(self, jti, now)
    again = self._by_jti.get(jti)
    if record is None and again is not None:
        self._revoked.discard(again.digest)
    return record


@fault_by("REV-2", Patch.wrap, MemoryStore, "revoke")
def revoking_twice_ends_another(revoke: Any, self: Any, jti: str, now: float) -> Any:
    """Where the named token is not live, the latest one of the same identity is taken for what was meant."""
    record, meant = revoke(self, jti, now), self._by_jti.get(jti)
    if record is None and meant is not None:
        latest = self._by_identity.get(meant.identity.key, ())[-1:]
        self._revoked.update(record.digest for record in latest)
    return record


@fault("REV-2")
def revoked_in_bulk_and_once_more(patch: Patch) -> None:
    """Bulk revocation leaves another mark than single revocation, which does not look for it."""

    def mark(revoke_all: Any, self: Any, *names: Any) -> Any:
        records = revoke_all(self, *names)
        self.__dict__.setdefault("marked", {}).update({record.jti: record for record in records})
        return records

    patch.wrap(MemoryStore, "revoke_all", mark)
    _known(patch, lambda self, jti, _now: self.__dict__.get("marked", {}).pop(jti, None))


@fault("REV-3")
def expired_token_is_revoked(patch: Patch) -> None:
    """Every token on record can be revoked, so an expired one is reported as ended by the administrator (W27)."""
    _known(patch, lambda self, jti, now: (record := self._by_jti.get(jti)) and record.expires_at <= now and record)


@fault("REV-3")
def revocable_at_the_instant_of_expiry(patch: Patch) -> None:
    """At the very instant at which it expires a token is refused as expired, and revoked as if it were live."""
    _known(patch, lambda self, jti, now: (record := self._by_jti.get(jti)) and record.expires_at == now and record)


@fault_by("REV-3", Patch.wrap, Revocations, "one")
def unknown_id_is_success(decide: Any, *arguments: Any) -> Any:
    """Whatever is named, the answer is that it is revoked now, as RFC 7009 has it for a client's own token."""
    decision = decide(*arguments)
    if decision.answer == RevocationRefused(RevocationError.NOT_ACTIVE):
        return Decision(Revoked(0), ())
    return decision


@fault("REV-3")
def id_in_any_spelling(patch: Patch) -> None:
    """The id is read as a UUID, and every spelling of one will do."""
    patch(revocation, "is_jti", lambda text: text.strip().lower() != "")
    patch.wrap(MemoryStore, "revoke", lambda revoke, self, jti, now: revoke(self, jti.strip().lower(), now))


@fault("REV-3")
def id_by_its_beginning(patch: Patch) -> None:
    """The beginning of an id is enough, as with the ids of containers, and the first that fits is revoked."""

    def revoke_the_first(revoke: Any, self: Any, jti: str, now: float) -> Any:
        return revoke(self, next((known for known in self._by_jti if jti and known.startswith(jti)), jti), now)

    patch(revocation, "is_jti", bool)
    patch.wrap(MemoryStore, "revoke", revoke_the_first)


@fault("REV-3")
def bearer_is_an_id_too(patch: Patch) -> None:
    """The endpoint takes the bearer in place of the id, so bearers come to stand in URLs and their logs."""

    def revoke_either(revoke: Any, self: Any, name: str, now: float) -> Any:
        record = self._by_digest.get(digest(name))
        return revoke(self, name if record is None else record.jti, now)

    patch(revocation, "is_jti", bool)
    patch.wrap(MemoryStore, "revoke", revoke_either)
