"""Faults in how many tokens there may be, for whom, and whose a bearer is (TOK-7, TOK-8, TOK-9, TOK-11, TOK-12)."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by
from bearerproof_reference.keyserver.memorystore import MemoryStore
from bearerproof_reference.keyserver.store import Issue
from bearerproof_reference.keyserver.tokens import Identity

# --- the cap


@fault("TOK-7")
def cap_is_one_too_high(patch: Patch) -> None:
    """The cap is held against the tokens that there are, and not those that there would be."""
    patch.wrap(
        MemoryStore, "issue", lambda issued, self, record, cap, *arguments: issued(self, record, cap + 1, *arguments)
    )


@fault("TOK-7")
def expired_tokens_count(patch: Patch) -> None:
    """Every token on record counts, so users are locked out until the next sweep."""
    patch.wrap(MemoryStore, "_count", lambda _, self, key, _now: len(self._by_identity.get(key, ())))


@fault_by("TOK-7", Patch.wrap, MemoryStore, "_count")
def revoked_tokens_count(counted: Any, self: Any, key: Any, now: float) -> Any:
    """Revoking makes no room: whoever has lost a token cannot get another."""
    revoked = (self._by_digest[digest] for digest in self._revoked)
    return counted(self, key, now) + sum(token.identity.key == key and token.expires_at > now for token in revoked)


@fault_by("TOK-7", Patch.wrap, MemoryStore, "issue")
def oldest_token_makes_way(issued: Any, self: Any, record: Any, cap: int, now: float, issued_at: float) -> Any:
    """Whoever has reached the cap loses the oldest token for a new one: a thief with the account never meets it."""
    own = self._by_identity.get(record.identity.key, ())
    if self._count(record.identity.key, now) >= cap:
        self.revoke(own[-cap].jti, now)
    return issued(self, record, cap, now, issued_at)


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


@helper_by(Patch.wrap, MemoryStore, "issue")
def _counted_by(
    alike: Callable[[Identity], object], issued: Any, self: Any, record: Any, cap: int, now: float, issued_at: float
) -> Any:
    """Have the cap, and nothing else, count all live tokens whose identities are alike in this."""
    mark = alike(record.identity)
    live = (token for own in self._by_identity.values() for token in own if token.expires_at > now)
    if sum(alike(token.identity) == mark for token in live) >= cap:
        return Issue.CAP_REACHED
    return issued(self, record, 10**6, now, issued_at)


_COUNTED_BY: Rows[Callable[[Identity], object]] = {
    "cap-by-subject-alone": (
        "Subjects of different providers share a cap, and one can use up another's (§8 5).",
        lambda identity: identity.subject,
    ),
    "cap-by-email": (
        "The cap goes by e-mail, which several subjects can have, and one can change (CWE-694).",
        lambda identity: identity.email,
    ),
    "cap-by-folded-subject": (
        "Subjects are compared without case, though they are case-sensitive (OIDC Core §2).",
        lambda identity: (identity.issuer, identity.subject.casefold()),
    ),
    "cap-by-trimmed-subject": (
        "Subjects lose the white space around them in a column of the database.",
        lambda identity: (identity.issuer, identity.subject.strip()),
    ),
    "cap-by-a-joined-key": (
        "Issuer and subject are joined by a slash, which may stand in either.",
        lambda identity: f"{identity.issuer}/{identity.subject}",
    ),
    "cap-by-all-attributes": (
        "An identity with another name, e-mail or group is another one, and has a cap of its own.",
        lambda identity: identity,
    ),
}
faults_for("TOK-8", _counted_by, _COUNTED_BY)


@fault_by("TOK-8", Patch.wrap, MemoryStore, "count")
def count_by_subject_alone(counted: Any, self: Any, _issuer: str, subject: str, now: float) -> int:
    """The number of tokens that is told is of everybody with that subject (§8 5)."""
    issuers = {key[0] for key in self._by_identity if key[1] == subject}
    return sum(counted(self, issuer, subject, now) for issuer in issuers)


# --- at once


@fault_by("TOK-9", Patch.wrap, MemoryStore, "issue")
def count_and_store_apart(issued: Any, self: Any, record: Any, cap: int, now: float, issued_at: float) -> Any:
    """The tokens are counted, and then one is stored: between them others do the same (§8 8, CWE-367)."""
    if self.count(*record.identity.key, now) >= cap:
        return Issue.CAP_REACHED
    time.sleep(0.02)
    return issued(self, record, 10**6, now, issued_at)


@fault_by("TOK-9", Patch.wrap, MemoryStore, "issue")
def store_and_take_back(issued: Any, self: Any, record: Any, cap: int, now: float, issued_at: float) -> Any:
    """A token is stored, then counted and taken back if there are too many: of a race, everybody loses."""
    outcome = issued(self, record, 10**6, now, issued_at)
    time.sleep(0.02)
    number = self.count(*record.identity.key, now)
    time.sleep(0.02)
    if outcome is Issue.STORED and number > cap:
        self.revoke(record.jti, now)
        return Issue.CAP_REACHED
    return outcome


@fault_by("TOK-9", Patch.wrap, MemoryStore, "issue")
def count_from_a_moment_ago(issued: Any, self: Any, record: Any, cap: int, now: float, issued_at: float) -> Any:
    """The count comes from a replica that lags behind what was stored last (CWE-362)."""
    self.replica = getattr(self, "replica", {})
    read_at, number = self.replica.get(record.identity.key, (0.0, 0))
    if time.monotonic() - read_at > 0.05:
        number = self.count(*record.identity.key, now)
        self.replica[record.identity.key] = time.monotonic(), number
    return Issue.CAP_REACHED if number >= cap else issued(self, record, 10**6, now, issued_at)


# --- the bound of the store


@fault("TOK-11")
def store_without_bound(patch: Patch) -> None:
    """The store grows with whatever the providers vouch for, until the process ends (CWE-770)."""
    patch.wrap(MemoryStore, "_has_room", lambda *_: True)


@fault_by("TOK-11", Patch.wrap, MemoryStore, "_has_room")
def full_store_evicts(roomy: Any, self: Any, now: float) -> bool:
    """A full store throws its oldest token out: whoever can mint tokens logs everybody else out."""
    if not roomy(self, now):
        self._remove_first()
    return True


@fault_by("TOK-11", Patch.wrap, MemoryStore, "_has_room")
def full_store_evicts_all(roomy: Any, self: Any, now: float) -> bool:
    """A full store begins anew, as a cache does."""
    while not roomy(self, now):
        self._remove_first()
    return True


@fault("TOK-11")
def bound_is_one_too_high(patch: Patch) -> None:
    """One token more than the bound gets in."""
    patch.wrap(MemoryStore, "_has_room", lambda _, self, _now: len(self._by_digest) <= self._limits.capacity)


@fault_by("TOK-11", Patch.wrap, MemoryStore, "_has_room")
def bound_on_all_ever_issued(_roomy: Any, self: Any, _now: float) -> bool:
    """What was forgotten counts for ever: a full store stays full."""
    self.issued = getattr(self, "issued", 0) + 1
    return bool(self.issued <= self._limits.capacity)


# --- whose


@helper_by(Patch.wrap, MemoryStore, "look_up")
def _answered_with(other: Callable[[Any, Any], Any], looked: Any, self: Any, digest: bytes, now: float) -> Any:
    """Have a bearer answered with another record than its own, given the store and its own."""
    found = looked(self, digest, now)
    return found and replace(found, record=other(self, found.record))


def _first(store: Any, alike: Callable[[Any], bool]) -> Any:
    return next(token for token in store._by_digest.values() if alike(token))  # noqa: SLF001 - the store's own part


@fault_by("TOK-12", _answered_with)
def scopes_of_the_first_token(store: Any, record: Any) -> Any:
    """Scopes are kept by identity: its first token decides what all of them are good for (CWE-863)."""
    return replace(record, scopes=_first(store, lambda token: token.identity.key == record.identity.key).scopes)


@fault_by("TOK-12", _answered_with)
def identity_by_subject(store: Any, record: Any) -> Any:
    """Profiles are kept by subject: namesakes of two providers are one user (CWE-639)."""
    subject = record.identity.subject
    return replace(record, identity=_first(store, lambda token: token.identity.subject == subject).identity)


@fault_by("TOK-12", _answered_with)
def id_of_the_newest_token(store: Any, record: Any) -> Any:
    """A bearer answers with the id of its identity's newest token: revoking it ends another one."""
    own = [token for token in store._by_digest.values() if token.identity.key == record.identity.key]  # noqa: SLF001 - the store's own part
    return replace(record, jti=own[-1].jti)


@fault_by("TOK-12", _answered_with)
def scopes_shared_and_changed(store: Any, record: Any) -> Any:
    """One object of scopes serves an identity, and is changed in place by the next issue (CWE-863)."""
    own = [token for token in store._by_digest.values() if token.identity.key == record.identity.key]  # noqa: SLF001 - the store's own part
    return replace(record, scopes=own[-1].scopes)
