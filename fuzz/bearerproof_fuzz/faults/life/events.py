"""Faults in what a decision leaves behind (LIFE-1 to LIFE-5)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, spread
from bearerproof_reference.keyserver import lifecycle
from bearerproof_reference.keyserver.authentication import Authentication
from bearerproof_reference.keyserver.exchange import Exchange, _Refusal
from bearerproof_reference.keyserver.lifecycle import DenialReason, LifecycleEvent, RequestContext
from bearerproof_reference.keyserver.memorystore import MemoryStore
from bearerproof_reference.keyserver.revocation import Revocations
from bearerproof_reference.keyserver.tokens import mint


def _silent(patch: Patch, owner: object, name: str, where: Callable[..., bool]) -> None:
    """Have a decision leave nothing where this says so of its answer's event."""

    def decide(decided: Any, *arguments: Any) -> Any:
        decision = decided(*arguments)
        return replace(decision, events=()) if decision is not None and where(*decision.events) else decision

    patch.wrap(owner, name, decide)


def _reason_is(*reasons: DenialReason) -> Callable[..., bool]:
    return lambda *events: len(events) == 1 and events[0].reason in reasons


# --- one for each decision


_SILENT: Rows[tuple[object, str, Callable[..., bool]]] = {
    "revoked-bearer-leaves-nothing": (
        "A revoked bearer is refused without a trace: the misuse that the revocation was made for (§8 2).",
        (Authentication, "decide", _reason_is(DenialReason.REVOKED)),
    ),
    "empty-parameter-leaves-nothing": (
        "A request without its parameters is refused by an early exit that knows no trail.",
        (Exchange, "decide", _reason_is(DenialReason.MALFORMED_REQUEST)),
    ),
    "not-active-leaves-nothing": (
        "Trying token ids out on the admin endpoint leaves no trace (CWE-778).",
        (Revocations, "one", _reason_is(DenialReason.NOT_ACTIVE)),
    ),
}
faults_for("LIFE-1", spread(_silent), _SILENT)


@fault_by("LIFE-1", Patch.wrap, Revocations, "all_of")
def bulk_revocation_leaves_one_event(decided: Any, *arguments: Any) -> Any:
    """A bulk revocation is told once, however many tokens it withdraws (§8 11)."""
    decision = decided(*arguments)
    return replace(decision, events=decision.events[:1])


@fault_by("LIFE-1", Patch.wrap, Authentication, "_judge")
def throttled_use_leaves_two_events(judged: Any, self: Any, found: Any, wants: Any, occasion: Any) -> Any:
    """The use is told as soon as the bearer is found, and what becomes of it a moment later once more (§8 11)."""
    decision = judged(self, found, wants, occasion)
    if _reason_is(DenialReason.RATE_LIMITED)(*decision.events):
        return replace(decision, events=(occasion.used(found.record), *decision.events))
    return decision


# --- form


@fault_by("LIFE-2", Patch.wrap, LifecycleEvent, "as_dict")
def absent_members_are_null(as_dict: Any, self: Any, seq: Any) -> Any:
    """The serialiser writes every member of the record, null where there is none (§1.4)."""
    return {"token_jti": None, "reason": None, **as_dict(self, seq)}


@fault_by("LIFE-2", Patch.wrap, lifecycle, "_identity")
def empty_lists_left_out(describe: Any, identity: Any) -> Any:
    """What is empty is taken for absent: no groups, no member."""
    return {name: value for name, value in describe(identity).items() if value != []}


@fault_by("LIFE-2", Patch.wrap, RequestContext, "used")
def grant_told_with_every_use(used: Any, self: Any, record: Any) -> Any:
    """Each use repeats what the token grants, as if it had been issued again."""
    return replace(used(self, record), granted=record)


@fault_by("LIFE-2", Patch.wrap, LifecycleEvent, "as_dict")
def seventh_kind_of_event(as_dict: Any, self: Any, seq: int) -> Any:
    """Throttling has an event name of its own, which no alarm knows."""
    members = as_dict(self, seq)
    throttled = members.get("reason") in {"throttled", "rate-limited"}
    return {**members, "event": "token.throttled"} if throttled else members


# --- issued


@fault("LIFE-3")
def issue_told_as_the_policy_allows(patch: Patch) -> None:
    """The event of an issue repeats the rule of the policy, though less was asked for and granted."""
    allowed: dict[Any, Any] = {}

    def scopes(narrowed: Any, self: Any, identity: Any, *asked: Any) -> Any:
        found = narrowed(self, identity, *asked)
        allowed[found] = self._configuration.policy.rule_for(identity).grant
        return found

    patch.wrap(Exchange, "_scopes", scopes)
    patch.wrap(lifecycle, "_grant", lambda grant, record: grant(replace(record, scopes=allowed[record.scopes])))


@fault_by("LIFE-3", Patch.wrap, Exchange, "_issue")
def issue_told_before_it_is_stored(issued: Any, self: Any, subject: Any, scopes: Any, occasion: Any) -> Any:
    """The issue is told once the policy agrees, before the store has: of tokens that never lived."""
    try:
        return issued(self, subject, scopes, occasion)
    except _Refusal as refusal:
        if refusal.event.reason is DenialReason.CAP_REACHED:
            refusal.event = occasion.issued(mint(subject.identity, scopes, occasion.now, 600)[1])
        raise


@fault("LIFE-3")
def issue_told_without_its_rate(patch: Patch) -> None:
    """The event is made before the policy's rate limit is looked up, and says that there is none."""
    patch.wrap(lifecycle, "_grant", lambda grant, record: {**grant(record), "rate_limit": 0})


@fault_by("LIFE-3", Patch.wrap, lifecycle, "_grant")
def issue_told_with_cut_lists(grant: Any, record: Any) -> Any:
    """Long lists are cut in the trail: it shows the first pattern of each side."""
    return {name: value[:1] if isinstance(value, list) else value for name, value in grant(record).items()}


# --- used, expired, revoked


@fault("LIFE-4")
def used_before_scope_is_judged(patch: Patch) -> None:
    """A use is told as soon as the bearer is found: a stolen token that is tried on everything looks busy (§8 11)."""
    refused_as(patch, DenialReason.INSUFFICIENT_SCOPE, lambda self, record: self.used(record))


@fault("LIFE-4")
def used_before_rate_is_judged(patch: Patch) -> None:
    """A throttled use is told as one that was served (§8 11)."""
    refused_as(patch, DenialReason.RATE_LIMITED, lambda self, record: self.used(record))


@fault("LIFE-4")
def used_without_identity(patch: Patch) -> None:
    """A use names a token but not whose it is."""
    patch.wrap(RequestContext, "used", lambda used, self, record: replace(used(self, record), identity=None))


@fault("LIFE-4")
def used_told_of_the_first_token(patch: Patch) -> None:
    """Uses are told by session: all of an identity's tokens go by the id of the first that was used."""
    first: dict[Any, str] = {}

    def used(make: Any, self: Any, record: Any) -> Any:
        return replace(make(self, record), token_jti=first.setdefault(record.identity.key, record.jti))

    patch.wrap(RequestContext, "used", used)


def refused_as(patch: Patch, reason: DenialReason, change: Callable[[Any, Any], Any]) -> None:
    """Have known bearers that are refused for a reason leave another event."""

    def refused(make: Any, self: Any, why: DenialReason, record: Any) -> Any:
        return change(self, record) if why is reason else make(self, why, record)

    patch.wrap(RequestContext, "refused", refused)


_WRAPPED: Rows[tuple[object, str, Callable[..., object]]] = {
    "expired-bearer-told-as-unknown": (
        "A token is dropped on expiry, so nobody knows whose bearer it is that keeps coming (§8 2).",
        (RequestContext, "expired", lambda _make, self, _record: self.invalid(DenialReason.UNKNOWN_BEARER)),
    ),
    "expired-bearer-without-identity": (
        "The tombstone keeps the token's id alone: the trail cannot say whom to ask.",
        (RequestContext, "expired", lambda make, self, record: replace(make(self, record), identity=None)),
    ),
    "expired-bearer-told-as-denied": (
        "Expiry is one denial among others, under a name that no alarm for it knows.",
        (RequestContext, "expired", lambda _make, self, record: self.refused(DenialReason.REVOKED, record)),
    ),
}
faults_for("LIFE-5", spread(Patch.wrap), _WRAPPED)


@fault("LIFE-5")
def expired_bearer_told_once(patch: Patch) -> None:
    """The first one to find the token expired removes it, and whoever comes next is a stranger (§8 2)."""
    seen: set[str] = set()

    def expired(make: Any, self: Any, record: Any) -> Any:
        if record.jti in seen:
            return self.invalid(DenialReason.UNKNOWN_BEARER)
        seen.add(record.jti)
        return make(self, record)

    patch.wrap(RequestContext, "expired", expired)


@fault("LIFE-5")
def store_clock_ahead(patch: Patch) -> None:
    """The store has a clock of its own, half a second ahead, so bearers end before their time."""
    patch.wrap(MemoryStore, "look_up", lambda look_up, self, digest, now: look_up(self, digest, now + 0.5))
