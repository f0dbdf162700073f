"""Faults that make a key server's trail untruthful about its tokens (TRAIL-2 to TRAIL-7, TRAIL-11)."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any
from uuid import UUID

from bearerproof_fuzz.faults.registry import Patch, fault, fault_by, helper_by
from bearerproof_reference.audit.events import rfc3339
from bearerproof_reference.keyserver import exchange
from bearerproof_reference.keyserver.authentication import Authentication
from bearerproof_reference.keyserver.exchange import Exchange
from bearerproof_reference.keyserver.lifecycle import DenialReason, EventName, LifecycleEvent, RequestContext, Trail
from bearerproof_reference.keyserver.memorystore import MemoryStore
from bearerproof_reference.keyserver.revocation import Revocations
from bearerproof_reference.keyserver.store import State


@helper_by(Patch.wrap, RequestContext, "used")
def _used(identity: Callable[[Any], Any], make: Any, self: Any, record: Any) -> LifecycleEvent:
    """Have uses name another identity."""
    event: LifecycleEvent = make(self, record)
    return replace(event, identity=identity(event))


@helper_by(Patch.wrap, LifecycleEvent, "as_dict")
def _expiry(seconds_after_issue: Any, as_dict: Any, self: Any, seq: int) -> Any:
    """Have the issue of a token tell another expiry: so long after it, as a function of the record."""
    members = as_dict(self, seq)
    if self.granted is not None:
        members["expires_at"] = rfc3339(self.granted.issued_at + seconds_after_issue(self.granted))
    return members


# --- issued once, and first


@fault_by("TRAIL-2", Patch.wrap, Exchange, "decide")
def issue_told_by_handler_and_store(decided: Any, *arguments: Any) -> Any:
    """Whoever stores a token tells of it, and so does whoever answers: each count of tokens is twice too high."""
    decision = decided(*arguments)
    granted = decision.events[0].event is EventName.ISSUED
    return replace(decision, events=decision.events * 2) if granted else decision


@fault_by("TRAIL-2", Patch.wrap, exchange, "mint")
def token_id_of_identity_and_second(make: Any, identity: Any, scopes: Any, issued_at: float, *rest: Any) -> Any:
    """The token id is a digest of the identity and the second: two exchanges at once get the same one."""
    bearer, record = make(identity, scopes, issued_at, *rest)
    named = f"{identity.key} {int(issued_at)}".encode()
    return bearer, replace(record, jti=str(UUID(bytes=sha256(named).digest()[:16], version=4)))


@fault_by("TRAIL-2", Patch.wrap, RequestContext, "refused")
def scope_refusal_tells_the_grant(_refused: Any, self: Any, why: DenialReason, record: Any) -> Any:
    """For comparison, what a token grants is told with a refusal, under the name of its issue."""
    return self.issued(record) if why is DenialReason.INSUFFICIENT_SCOPE else _refused(self, why, record)


@fault_by("TRAIL-3", Patch.wrap, Trail, "record")
def issues_wait_for_the_next_event(recorded: Any, self: Any, events: Any) -> None:
    """Issues go through a queue that is emptied behind whatever is told next, so a use stands before its issue."""
    waiting = vars(self).setdefault("waiting", [])
    others = [event for event in events if event.event is not EventName.ISSUED]
    waiting += [event for event in events if event.event is EventName.ISSUED]
    if others:
        recorded(self, [*others, *waiting])
        waiting.clear()


@fault_by("TRAIL-3", Patch.wrap, Trail, "record")
def issues_are_no_warnings(recorded: Any, self: Any, events: Any) -> None:
    """Events go through a logger at the level of warnings, and an issue is none: tokens come from nowhere (CWE-778)."""
    recorded(self, [event for event in events if event.event is not EventName.ISSUED])


# --- no use after the end


@fault("TRAIL-4")
def moment_of_grace_at_the_expiry(patch: Patch) -> None:
    """A bearer is good for another half second, since clocks differ; the trail shows uses after the expiry."""
    patch.wrap(MemoryStore, "look_up", lambda look_up, self, digest, now: look_up(self, digest, now - 0.5))


@fault("TRAIL-4")
def expiry_of_the_subject_token_told(patch: Patch) -> None:
    """The issue tells when the ID token ends, and the bearer lives on behind that."""
    _expiry(patch, lambda _record: 300)


@fault_by("TRAIL-5", Patch.wrap, RequestContext, "refused")
def revoked_is_called_expired(_refused: Any, self: Any, why: DenialReason, record: Any) -> Any:
    """One branch serves for all bearers that are dead, so the misuse of a revoked one looks like old age."""
    return self.expired(record) if why is DenialReason.REVOKED else _refused(self, why, record)


@fault("TRAIL-5")
def expiry_of_the_tombstone_told(patch: Patch) -> None:
    """The issue tells when the record leaves the store, and that is the retention later than the bearer's end."""
    _expiry(patch, lambda record: record.expires_at - record.issued_at + 300)


@fault_by("TRAIL-6", Patch.wrap, MemoryStore, "look_up")
def good_bearers_remembered_for_seconds(looked: Any, self: Any, digest: bytes, now: float) -> Any:
    """What the store answered is kept for five seconds, so a revoked bearer goes on for as long (CWE-613)."""
    kept = vars(self).setdefault("kept", {})
    found, until = kept.get(digest, (None, now))
    if now >= until:
        found = looked(self, digest, now)
        if found is not None and found.state is State.LIVE:
            kept[digest] = found, min(now + 5, found.record.expires_at)
    return found


@fault_by("TRAIL-6", Patch.wrap, MemoryStore, "revoke_all")
def bulk_revocation_told_before_it_is_done(_replaced: Any, self: Any, issuer: str, subject: str, now: float) -> Any:
    """All tokens of an identity are told revoked, and then the loop that does it ends after the first."""
    live = [record for record in self._by_identity.get((issuer, subject), ()) if record.expires_at > now]
    self._revocations.add((issuer, subject), now)
    for record in live[:1]:
        self.revoke(record.jti, now)
    return tuple(live)


# --- what is revoked


@fault_by("TRAIL-7", Patch.wrap, Revocations, "one")
def revocation_told_whatever_comes_of_it(decided: Any, *arguments: Any) -> Any:
    """A revocation is told when it is asked for: of unknown tokens, and again each time it is repeated."""
    decision = decided(*arguments)
    event = decision.events[0]
    not_active = event.reason is DenialReason.NOT_ACTIVE and event.token_jti is not None
    return replace(decision, events=(replace(event, event=EventName.REVOKED, reason=None),)) if not_active else decision


@fault_by("TRAIL-7", Patch.wrap, Revocations, "all_of")
def bulk_revocation_under_one_token(decided: Any, *arguments: Any) -> Any:
    """Each event of a bulk revocation bears the id of the first token, by a variable of the wrong loop."""
    decision = decided(*arguments)
    jti = decision.events[0].token_jti if decision.events else None
    return replace(decision, events=tuple(replace(event, token_jti=jti) for event in decision.events))


@fault_by("TRAIL-7", Patch.wrap, MemoryStore, "revoke_all")
def expired_tokens_revoked_in_bulk(revoked: Any, self: Any, issuer: str, subject: str, now: float) -> Any:
    """A bulk revocation counts what is still on record, tokens among it that ended by themselves."""
    ended = [record for record in self._by_identity.get((issuer, subject), ()) if record.expires_at <= now]
    return (*revoked(self, issuer, subject, now), *ended)


# --- whose it is


@fault("TRAIL-11")
def identity_looked_up_by_subject(patch: Patch) -> None:
    """Uses name whoever was known first by the subject: alice of one provider for alice of another (CWE-488)."""
    known: dict[str, Any] = {}

    def issued(make: Any, self: Any, record: Any) -> Any:
        known.setdefault(record.identity.subject, record.identity)
        return make(self, record)

    patch.wrap(RequestContext, "issued", issued)
    _used(patch, lambda event: known.get(event.identity.subject, event.identity))


@fault("TRAIL-11")
def identity_of_the_last_exchange(patch: Patch) -> None:
    """Who asks is kept in a variable of the process, so a use names whoever exchanged last (CWE-488)."""
    last: list[Any] = []

    def issued(make: Any, self: Any, record: Any) -> Any:
        last[:] = [record.identity]
        return make(self, record)

    patch.wrap(RequestContext, "issued", issued)
    _used(patch, lambda event: last[0] if last else event.identity)


@fault_by("TRAIL-11", Patch.wrap, Authentication, "decide")
def issuer_with_a_slash_in_uses(decided: Any, *arguments: Any) -> Any:
    """A URL library writes the issuer of a use, with a slash at its end: no query finds issue and use together."""
    decision = decided(*arguments)
    return replace(decision, events=tuple(map(_slashed, decision.events)))


def _slashed(event: LifecycleEvent) -> LifecycleEvent:
    if event.identity is None:
        return event
    return replace(event, identity=replace(event.identity, issuer=f"{event.identity.issuer}/"))
