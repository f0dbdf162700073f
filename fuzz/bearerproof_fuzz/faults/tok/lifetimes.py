"""Faults in how long a token lives, how long it is remembered, and from when (TOK-3, TOK-4, TOK-10, TOK-13)."""

from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import replace
from json import loads
from math import inf
from threading import local
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault, fault_by, helper_by
from bearerproof_reference.keyserver import exchange
from bearerproof_reference.keyserver.exchange import Granted
from bearerproof_reference.keyserver.memorystore import MemoryStore
from bearerproof_reference.keyserver.store import Issue, State, StoreUnavailable


@fault_by("TOK-3", Patch.wrap, MemoryStore, "look_up")
def good_at_its_very_end(looked: Any, self: Any, digest: bytes, now: float) -> Any:
    """A token is dead only after its end: the comparison is on the wrong side."""
    found = looked(self, digest, now)
    at_its_end = found is not None and found.state is State.EXPIRED and found.record.expires_at == now
    return replace(found, state=State.LIVE) if at_its_end else found


@fault_by("TOK-3", Patch.wrap, exchange, "mint")
def end_in_whole_seconds(minted: Any, *arguments: Any) -> Any:
    """The end is kept in whole seconds, so a token dies up to one early (CWE-682)."""
    bearer, record = minted(*arguments)
    return bearer, replace(record, expires_at=float(int(record.expires_at)))


@fault_by("TOK-3", Patch.wrap, MemoryStore, "look_up")
def age_in_whole_seconds(looked: Any, self: Any, digest: bytes, now: float) -> Any:
    """The present is cut to seconds before it is compared: a token outlives its end by up to one (CWE-682)."""
    found = looked(self, digest, now)
    lives = found is not None and found.state is State.EXPIRED and int(self._latest) < found.record.expires_at
    return replace(found, state=State.LIVE) if lives else found


@fault_by("TOK-3", Patch.wrap, exchange.Exchange, "_issue")
def tolerance_for_our_own_clock(issued: Any, self: Any, subject: Any, scopes: Any, occasion: Any) -> Any:
    """The leeway that is meant for the clocks of providers is given to our own tokens too."""
    patched = Patch()
    longer = self._configuration.leeway
    patched.wrap(exchange, "mint", lambda minted, who, what, at, ttl, ip: minted(who, what, at, ttl + longer, ip))
    try:
        return issued(self, subject, scopes, occasion)
    finally:
        patched.restore()


@fault("TOK-3")
def another_lifetime_told(patch: Patch) -> None:
    """The answer's expires_in is the default of the library: clients renew when it is too late."""
    patch.wrap(Granted, "as_dict", lambda as_dict, self: {**as_dict(self), "expires_in": 3600})


@fault_by("TOK-3", Patch.wrap, MemoryStore, "look_up")
def life_renewed_by_use(looked: Any, self: Any, digest: bytes, now: float) -> Any:
    """Each use begins the lifetime anew, as a session's: a stolen bearer lives for as long as it is used."""
    found = looked(self, digest, now)
    if found is not None and found.state is State.LIVE:
        record = found.record
        object.__setattr__(record, "expires_at", max(record.expires_at, now + 600))
    return found


def end_with_the_subject_token(patch: Patch, *, reported: bool, enforced: bool) -> None:
    """Have no token outlive what it was bought with; a server that says so and keeps to it is honest (RFC 8693)."""
    deciding = local()

    def decide(decided: Any, self: Any, form: Any, occasion: Any) -> Any:
        left = deciding.left = _seconds_left(dict(form or ()).get("subject_token", ""), occasion.now)
        decision = decided(self, form, occasion)
        if not reported or not isinstance(decision.answer, Granted):
            return decision
        return replace(decision, answer=replace(decision.answer, expires_in=min(decision.answer.expires_in, left)))

    patch.wrap(exchange.Exchange, "decide", decide)
    if enforced:
        patch.wrap(exchange, "mint", lambda mint, *given: mint(*given[:3], min(given[3], deciding.left), *given[4:]))


def _seconds_left(token: str, now: float) -> int:
    """Return the whole seconds up to the ``exp`` of a token, at least one; of what is none, or has none, many."""
    try:
        end = loads(urlsafe_b64decode(token.split(".")[1] + "=="))["exp"]
        return max(1, int(end - now))
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError):
        return 86_400


@fault("TOK-3")
def end_of_the_subject_token_is_not_told(patch: Patch) -> None:
    """A token ends with the one that it was bought with, and the answer tells the configured lifetime."""
    end_with_the_subject_token(patch, reported=False, enforced=True)


@fault("TOK-3")
def end_of_the_subject_token_is_told_alone(patch: Patch) -> None:
    """The answer tells what is left of the subject token, and the token lives on for all that is configured."""
    end_with_the_subject_token(patch, reported=True, enforced=False)


# --- clocks that step


@fault("TOK-4")
def latest_time_forgotten(patch: Patch) -> None:
    """Tokens are held against the clock alone: whoever puts it back revives them (§8 26)."""
    patch.wrap(MemoryStore, "_advance", lambda _, _self, now: now)


@fault("TOK-4")
def latest_time_of_issues_alone(patch: Patch) -> None:
    """The latest time is remembered when tokens are issued, and not when a bearer is found expired."""
    _forgetting(patch, "look_up")


@fault("TOK-4")
def latest_time_of_uses_alone(patch: Patch) -> None:
    """The latest time is remembered when bearers are presented, and by nothing else that tells it."""
    _forgetting(patch, "issue", "revoke_all", "reap")


def _forgetting(patch: Patch, *operations: str) -> None:
    """Have these operations of the store leave the latest time as it was."""

    def operate(operated: Any, self: Any, *arguments: Any) -> Any:
        before = self._latest
        try:
            return operated(self, *arguments)
        finally:
            self._latest = before

    for name in operations:
        patch.wrap(MemoryStore, name, operate)


# --- tombstones


@fault_by("TOK-10", Patch.wrap, MemoryStore, "_removal")
def no_tombstones(_: Any, _self: Any, record: Any) -> Any:
    """A token is forgotten the moment it expires, before anybody has looked."""
    return record.expires_at


@fault_by("TOK-10", Patch.wrap, MemoryStore, "_removal")
def tombstones_for_ever(*_: object) -> Any:
    """Tombstones are never forgotten, and memory grows until the process ends (CWE-459)."""
    return inf


@fault_by("TOK-10", Patch.wrap, MemoryStore, "_removal")
def retention_from_the_issue(_: Any, self: Any, record: Any) -> Any:
    """The retention is counted from the issue, and over before the token is."""
    return max(record.expires_at, record.issued_at + self._limits.retention)


@fault_by("TOK-10", Patch.wrap, MemoryStore, "revoke")
def revoked_token_removed(revoked: Any, self: Any, jti: str, now: float) -> Any:
    """Revoking removes the record, and with it the evidence."""
    record = revoked(self, jti, now)
    if record is not None:
        self._by_digest[record.digest] = replace(record, expires_at=-inf)
    return record


@helper_by(Patch.wrap, MemoryStore, "reap")
def _early(ahead: Callable[[Any], float], _reaped: Any, self: Any, now: float) -> int:
    """Have sweeps remove what is not due yet: ahead of time by so many seconds."""
    number = 0
    while self._removals and self._removals[0][0] <= self._advance(now) + ahead(self):
        self._remove_first()
        number += 1
    return number


@fault("TOK-10")
def sweep_takes_fresh_tombstones(patch: Patch) -> None:
    """A sweep removes whatever has expired, its retention notwithstanding."""
    _early(patch, lambda store: store._limits.retention)  # noqa: SLF001 - the store's own part


@fault("TOK-10")
def sweep_takes_live_tokens(patch: Patch) -> None:
    """A sweep removes what will expire before the next one: its users are logged out early."""
    _early(patch, lambda store: store._limits.retention + 60)  # noqa: SLF001 - the store's own part


# --- usable and revocable


@fault("TOK-13")
def id_indexed_later(patch: Patch) -> None:
    """The index by id is written with the next token: until then, this one cannot be revoked (§8 8)."""
    late: list[Any] = []

    def add(added: Any, self: Any, record: Any) -> None:
        added(self, record)
        for unindexed in late:
            self._by_jti[unindexed.jti] = unindexed
        late[:] = [self._by_jti.pop(record.jti)]

    def remove(removed: Any, self: Any) -> None:
        self._by_jti.setdefault(self._by_digest[self._removals[0][1]].jti, None)
        removed(self)

    patch.wrap(MemoryStore, "_add", add)
    patch.wrap(MemoryStore, "_remove_first", remove)


@fault_by("TOK-13", Patch.wrap, MemoryStore, "look_up")
def good_from_the_next_instant(looked: Any, self: Any, digest: bytes, now: float) -> Any:
    """A token is good after its issue, and not at its very instant: the client's first request is refused."""
    found = looked(self, digest, now)
    return None if found is not None and found.record.issued_at >= now else found


@fault_by("TOK-13", Patch.wrap, MemoryStore, "revoke_all")
def bulk_revocation_spares_the_newest(revoked: Any, self: Any, issuer: str, subject: str, now: float) -> Any:
    """A bulk revocation takes what was issued before its instant, and not at it (§8 8)."""
    spared = [token for token in self._by_identity.get((issuer, subject), ()) if token.issued_at >= now]
    for token in spared:
        self._leave_identity(token)
    found = revoked(self, issuer, subject, now)
    self._by_identity[issuer, subject] = spared
    return found


@fault_by("TOK-13", Patch.wrap, MemoryStore, "issue")
def dead_on_issue(issued: Any, self: Any, record: Any, *arguments: Any) -> Any:
    """A server whose clock is behind its store's hands out tokens that are expired already (§8 15)."""
    try:
        return issued(self, record, *arguments)
    except StoreUnavailable:
        self._add(record)
        return Issue.STORED
