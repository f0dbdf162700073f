"""Faults in how many tokens there may be, for whom, and whose a bearer is (TOK-7, TOK-8, TOK-9, TOK-11, TOK-12)."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_reference.keyserver.memorystore import MemoryStore
from bearerproof_reference.keyserver.store import Issue
from bearerproof_reference.keyserver.tokens import Identity

# --- the cap


@fault("TOK-7")
def cap_is_one_too_high(patch: Patch) -> None:
    """The cap is held against the tokens that there are, and not those that there would be."""
    patch.wrap(MemoryStore, "issue", lambda issued, self, record, cap, *told: issued(self, record, cap + 1, *told))


@fault("TOK-7")
def expired_tokens_count(patch: Patch) -> None:
    """Every token on record counts, so users are locked out until the next sweep."""
    patch.wrap(MemoryStore, "_count", lambda _, self, key, _now: len(self._by_identity.get(key, ())))


@fault("TOK-7")
def revoked_tokens_count(patch: Patch) -> None:
    """Revoking makes no room: whoever has lost a token cannot get another."""

    def count(counted: Any, self: Any, key: Any, now: float) -> Any:
        revoked = (self._by_digest[one] for one in self._revoked)
        return counted(self, key, now) + sum(one.identity.key == key and one.expires_at > now for one in revoked)

    patch.wrap(MemoryStore, "_count", count)


@fault("TOK-7")
def oldest_token_makes_way(patch: Patch) -> None:
    """Whoever has reached the cap loses the oldest token for a new one: a thief with the account never meets it."""

    def issue(issued: Any, self: Any, record: Any, cap: int, now: float, issued_at: float) -> Any:
        own = self._by_identity.get(record.identity.key, ())
        if self._count(record.identity.key, now) >= cap:
            self.revoke(own[-cap].jti, now)
        return issued(self, record, cap, now, issued_at)

    patch.wrap(MemoryStore, "issue", issue)


@fault("TOK-7")
def each_revocation_makes_room(patch: Patch) -> None:
    """A counter goes down with each request to revoke, also of a token that is revoked already."""
    freed: dict[str, int] = {}

    def revoke(revoked: Any, self: Any, jti: str, now: float) -> Any:
        record = revoked(self, jti, now)
        if record is None and jti in self._by_jti:
            subject = self._by_jti[jti].identity.subject
            freed[subject] = freed.get(subject, 0) + 1
        return record

    patch.wrap(MemoryStore, "revoke", revoke)
    patch.wrap(MemoryStore, "_count", lambda counted, self, key, now: counted(self, key, now) - freed.get(key[1], 0))


# --- for whom


def _counted_by(patch: Patch, alike: Callable[[Identity], object]) -> None:
    """Have the cap, and nothing else, count all live tokens whose identities are alike in this."""

    def issue(issued: Any, self: Any, record: Any, cap: int, now: float, issued_at: float) -> Any:
        mark = alike(record.identity)
        live = (one for own in self._by_identity.values() for one in own if one.expires_at > now)
        if sum(alike(one.identity) == mark for one in live) >= cap:
            return Issue.CAP_REACHED
        return issued(self, record, 10**6, now, issued_at)

    patch.wrap(MemoryStore, "issue", issue)


@fault("TOK-8")
def cap_by_subject_alone(patch: Patch) -> None:
    """Subjects of different providers share a cap, and one can use up another's (§8 5)."""
    _counted_by(patch, lambda identity: identity.subject)


@fault("TOK-8")
def cap_by_email(patch: Patch) -> None:
    """The cap goes by e-mail, which several subjects can have, and one can change (CWE-694)."""
    _counted_by(patch, lambda identity: identity.email)


@fault("TOK-8")
def cap_by_folded_subject(patch: Patch) -> None:
    """Subjects are compared without case, though they are case-sensitive (OIDC Core §2)."""
    _counted_by(patch, lambda identity: (identity.issuer, identity.subject.casefold()))


@fault("TOK-8")
def cap_by_trimmed_subject(patch: Patch) -> None:
    """Subjects lose the white space around them in a column of the database."""
    _counted_by(patch, lambda identity: (identity.issuer, identity.subject.strip()))


@fault("TOK-8")
def cap_by_a_joined_key(patch: Patch) -> None:
    """Issuer and subject are joined by a slash, which may stand in either."""
    _counted_by(patch, lambda identity: f"{identity.issuer}/{identity.subject}")


@fault("TOK-8")
def cap_by_all_attributes(patch: Patch) -> None:
    """An identity with another name, e-mail or group is another one, and has a cap of its own."""
    _counted_by(patch, lambda identity: identity)


@fault("TOK-8")
def count_by_subject_alone(patch: Patch) -> None:
    """The number of tokens that is told is of everybody with that subject (§8 5)."""

    def count(counted: Any, self: Any, _issuer: str, subject: str, now: float) -> int:
        issuers = {key[0] for key in self._by_identity if key[1] == subject}
        return sum(counted(self, issuer, subject, now) for issuer in issuers)

    patch.wrap(MemoryStore, "count", count)


# --- at once


@fault("TOK-9")
def count_and_store_apart(patch: Patch) -> None:
    """The tokens are counted, and then one is stored: between them others do the same (§8 8, CWE-367)."""

    def issue(issued: Any, self: Any, record: Any, cap: int, now: float, issued_at: float) -> Any:
        if self.count(*record.identity.key, now) >= cap:
            return Issue.CAP_REACHED
        time.sleep(0.02)
        return issued(self, record, 10**6, now, issued_at)

    patch.wrap(MemoryStore, "issue", issue)


@fault("TOK-9")
def store_and_take_back(patch: Patch) -> None:
    """A token is stored, then counted and taken back if there are too many: of a race, everybody loses."""

    def issue(issued: Any, self: Any, record: Any, cap: int, now: float, issued_at: float) -> Any:
        outcome = issued(self, record, 10**6, now, issued_at)
        time.sleep(0.02)
        number = self.count(*record.identity.key, now)
        time.sleep(0.02)
        if outcome is Issue.STORED and number > cap:
            self.revoke(record.jti, now)
            return Issue.CAP_REACHED
        return outcome

    patch.wrap(MemoryStore, "issue", issue)


@fault("TOK-9")
def count_from_a_moment_ago(patch: Patch) -> None:
    """The count comes from a replica that lags behind what was stored last (CWE-362)."""

    def issue(issued: Any, self: Any, record: Any, cap: int, now: float, issued_at: float) -> Any:
        self.replica = getattr(self, "replica", {})
        read_at, number = self.replica.get(record.identity.key, (0.0, 0))
        if time.monotonic() - read_at > 0.05:
            number = self.count(*record.identity.key, now)
            self.replica[record.identity.key] = time.monotonic(), number
        return Issue.CAP_REACHED if number >= cap else issued(self, record, 10**6, now, issued_at)

    patch.wrap(MemoryStore, "issue", issue)


# --- the bound of the store


@fault("TOK-11")
def store_without_bound(patch: Patch) -> None:
    """The store grows with whatever the providers vouch for, until the process ends (CWE-770)."""
    patch.wrap(MemoryStore, "_has_room", lambda *_: True)


@fault("TOK-11")
def full_store_evicts(patch: Patch) -> None:
    """A full store throws its oldest token out: whoever can mint tokens logs everybody else out."""

    def has_room(roomy: Any, self: Any, now: float) -> bool:
        if not roomy(self, now):
            self._remove_first()
        return True

    patch.wrap(MemoryStore, "_has_room", has_room)


@fault("TOK-11")
def full_store_evicts_all(patch: Patch) -> None:
    """A full store begins anew, as a cache does."""

    def has_room(roomy: Any, self: Any, now: float) -> bool:
        while not roomy(self, now):
            self._remove_first()
        return True

    patch.wrap(MemoryStore, "_has_room", has_room)


@fault("TOK-11")
def bound_is_one_too_high(patch: Patch) -> None:
    """One token more than the bound gets in."""
    patch.wrap(MemoryStore, "_has_room", lambda _, self, _now: len(self._by_digest) <= self._limits.capacity)


@fault("TOK-11")
def bound_on_all_ever_issued(patch: Patch) -> None:
    """What was forgotten counts for ever: a full store stays full."""

    def has_room(_roomy: Any, self: Any, _now: float) -> bool:
        self.issued = getattr(self, "issued", 0) + 1
        return bool(self.issued <= self._limits.capacity)

    patch.wrap(MemoryStore, "_has_room", has_room)


# --- whose


def _answered_with(patch: Patch, other: Callable[[Any, Any], Any]) -> None:
    """Have a bearer answered with another record than its own, given the store and its own."""

    def look_up(looked: Any, self: Any, digest: bytes, now: float) -> Any:
        found = looked(self, digest, now)
        return found and replace(found, record=other(self, found.record))

    patch.wrap(MemoryStore, "look_up", look_up)


def _first(store: Any, alike: Callable[[Any], bool]) -> Any:
    return next(one for one in store._by_digest.values() if alike(one))  # noqa: SLF001 - the store's own part


@fault("TOK-12")
def scopes_of_the_first_token(patch: Patch) -> None:
    """Scopes are kept by identity: its first token decides what all of them are good for (CWE-863)."""

    def other(store: Any, record: Any) -> Any:
        return replace(record, scopes=_first(store, lambda one: one.identity.key == record.identity.key).scopes)

    _answered_with(patch, other)


@fault("TOK-12")
def identity_by_subject(patch: Patch) -> None:
    """Profiles are kept by subject: namesakes of two providers are one user (CWE-639)."""

    def other(store: Any, record: Any) -> Any:
        subject = record.identity.subject
        return replace(record, identity=_first(store, lambda one: one.identity.subject == subject).identity)

    _answered_with(patch, other)


@fault("TOK-12")
def id_of_the_newest_token(patch: Patch) -> None:
    """A bearer answers with the id of its identity's newest token: revoking it ends another one."""

    def other(store: Any, record: Any) -> Any:
        own = [one for one in store._by_digest.values() if one.identity.key == record.identity.key]  # noqa: SLF001 - the store's own part
        return replace(record, jti=own[-1].jti)

    _answered_with(patch, other)


@fault("TOK-12")
def scopes_shared_and_changed(patch: Patch) -> None:
    """One object of scopes serves an identity, and is changed in place by the next issue (CWE-863)."""

    def other(store: Any, record: Any) -> Any:
        own = [one for one in store._by_digest.values() if one.identity.key == record.identity.key]  # noqa: SLF001 - the store's own part
        return replace(record, scopes=own[-1].scopes)

    _answered_with(patch, other)
