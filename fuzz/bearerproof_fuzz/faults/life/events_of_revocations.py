"""Faults in what revocations and revoked bearers leave behind (LIFE-6, LIFE-12)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bearerproof_fuzz.faults.life.events import refused_as
from bearerproof_fuzz.faults.registry import Patch, fault, fault_by, helper_by
from bearerproof_fuzz.needs import HTTP
from bearerproof_reference.keyserver.authentication import Authentication
from bearerproof_reference.keyserver.lifecycle import DenialReason, EventName, LifecycleEvent, RequestContext
from bearerproof_reference.keyserver.memorystore import MemoryStore
from bearerproof_reference.keyserver.revocation import Revocations, Revoked
from bearerproof_reference.keyserver.store import State


@fault_by("LIFE-6", Patch.wrap, RequestContext, "denied")
def revoked_told_of_an_unknown_id(make: Any, self: Any, why: DenialReason, *known: Any, **named: Any) -> Any:
    """Revoking is idempotent and says so in the trail: a token that never was is told as revoked (§8 11)."""
    event = make(self, why, *known, **named)
    if why is DenialReason.NOT_ACTIVE and event.token_jti is not None:
        return replace(event, event=EventName.REVOKED, reason=None)
    return event


@fault_by("LIFE-6", Patch.wrap, Revocations, "by_bearer", needs=(HTTP,))
def bearer_ends_in_silence(by_bearer: Any, self: Any, *arguments: Any) -> Any:
    """The second way to revoke was added in the binding, past the trail."""
    decision = by_bearer(self, *arguments)
    return replace(decision, events=()) if isinstance(decision.answer, Revoked) else decision


@helper_by(Patch.wrap, Revocations, "all_of")
def _in_bulk(
    change: Callable[[Any, Any], Any], decided: Any, self: Any, admin: Any, issuer: Any, subject: Any, occasion: Any
) -> Any:
    """Have bulk revocations leave other events: given the occasion and the events, return them."""
    decision = decided(self, admin, issuer, subject, occasion)
    return replace(decision, events=change(occasion, decision.events))


@fault("LIFE-6")
def bulk_revocation_told_under_one_id(patch: Patch) -> None:
    """Every event of a bulk revocation bears the same made-up id (§8 11)."""
    _in_bulk(patch, lambda _, events: tuple(replace(event, token_jti="bulk") for event in events))  # noqa: S106 - an id


@fault("LIFE-6")
def bulk_revocation_of_nothing_told(patch: Patch) -> None:
    """A bulk revocation that meets no token is told as one that did (§8 11)."""
    nothing = LifecycleEvent(EventName.REVOKED, 0, None, token_jti="none")  # noqa: S106 - an id, no secret

    def or_one(occasion: Any, events: Any) -> Any:
        return events or (replace(nothing, occurred_at=occasion.now, client_ip=occasion.client_ip),)

    _in_bulk(patch, or_one)


@fault("LIFE-6")
def revoked_without_identity(patch: Patch) -> None:
    """The event of a revocation does not say whose token ended (§8 11)."""
    patch.wrap(RequestContext, "revoked", lambda make, self, record: replace(make(self, record), identity=None))


@fault("LIFE-12")
def revoked_bearer_told_as_unknown(patch: Patch) -> None:
    """A revoked token is removed, so its bearer drowns among typing errors (§8 2)."""
    refused_as(patch, DenialReason.REVOKED, lambda self, _: self.invalid(DenialReason.UNKNOWN_BEARER))


@fault_by("LIFE-12", Patch.wrap, RequestContext, "refused")
def revoked_bearer_without_identity(make: Any, self: Any, why: DenialReason, record: Any) -> Any:
    """That a revoked token is still in use is told, but not whose."""
    event = make(self, why, record)
    return replace(event, identity=None) if why is DenialReason.REVOKED else event


@fault_by("LIFE-12", Patch.wrap, Authentication, "_judge")
def revoked_bearer_told_by_scope(judged: Any, self: Any, found: Any, wants: Any, occasion: Any) -> Any:
    """What the bearer is wanted for is judged first: a revoked one is told as a matter of scope."""
    decision = judged(self, found, wants, occasion)
    if found is not None and found.state is State.REVOKED and not wants.within(found.record.scopes):
        return replace(decision, events=(occasion.refused(DenialReason.INSUFFICIENT_SCOPE, found.record),))
    return decision


@fault_by("LIFE-12", Patch.wrap, MemoryStore, "look_up")
def revoked_bearer_expires(looked: Any, self: Any, digest: bytes, now: float) -> Any:
    """Expiry is looked at before revocation: at its end a revoked token becomes one that just expired."""
    found = looked(self, digest, now)
    ended = found is not None and found.record.expires_at <= now
    return replace(found, state=State.EXPIRED) if ended else found
