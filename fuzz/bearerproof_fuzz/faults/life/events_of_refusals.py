"""Faults in what refusals leave behind, and requests that are none (LIFE-7, LIFE-8, LIFE-13, LIFE-15)."""

from dataclasses import replace
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by
from bearerproof_reference.keyserver.authentication import Authentication
from bearerproof_reference.keyserver.exchange import Exchange, _Refusal
from bearerproof_reference.keyserver.lifecycle import DenialReason, EventName, LifecycleEvent, RequestContext
from bearerproof_reference.keyserver.revocation import Revocations
from bearerproof_reference.keyserver.server import Caller, KeyServer
from bearerproof_reference.keyserver.tokens import Identity
from bearerproof_reference.verifier.jose import decode_segment, parse_object


@fault("LIFE-7")
def identity_dropped_on_denial(patch: Patch) -> None:
    """Whoever is refused by policy or limits was verified a moment ago, and stays unnamed (§8 11)."""
    patch.wrap(RequestContext, "denied", lambda make, self, why, *_known, **named: make(self, why, **named))


@fault_by("LIFE-7", Patch.wrap, Exchange, "_subject")
def forged_identity_told(verified: Any, self: Any, token: str, occasion: Any) -> Any:
    """The denial names whom the token names, though it did not verify: anybody can incriminate anybody."""
    try:
        return verified(self, token, occasion)
    except _Refusal as refusal:
        if refusal.event.reason is DenialReason.SUBJECT_TOKEN and token.count(".") == 2:
            claims = parse_object(decode_segment(token.split(".")[1].encode()))
            refusal.event = replace(refusal.event, identity=Identity(str(claims.get("iss")), str(claims.get("sub"))))
        raise


@fault_by("LIFE-7", Patch.wrap, LifecycleEvent, "as_dict")
def reason_in_free_text(as_dict: Any, self: Any, seq: int) -> Any:
    """The reason is a sentence for people, with the address in it: it cannot be counted."""
    members = as_dict(self, seq)
    who = self.identity
    return {**members, "reason": f"no policy matches {who.email}"} if self.reason is DenialReason.NO_POLICY else members


@fault("LIFE-7")
def one_reason_for_subject_tokens(patch: Patch) -> None:
    """A replay and a token of before a bulk revocation are told as tokens that do not verify."""
    merged = {DenialReason.SUBJECT_TOKEN_USED, DenialReason.SUBJECT_TOKEN_REVOKED, DenialReason.SUBJECT_TOKEN_AGE}

    def denied(make: Any, self: Any, why: DenialReason, *known: Any, **named: Any) -> Any:
        return make(self, DenialReason.SUBJECT_TOKEN if why in merged else why, *known, **named)

    patch.wrap(RequestContext, "denied", denied)


@fault_by("LIFE-7", Patch.wrap, RequestContext, "denied")
def outage_of_keys_told_as_invalid(make: Any, self: Any, why: DenialReason, *known: Any, **named: Any) -> Any:
    """That the keys cannot be had is told as malformed input of the client (§8 17)."""
    return self.invalid(why) if why is DenialReason.KEYS_UNAVAILABLE else make(self, why, *known, **named)


@fault_by("LIFE-8", Patch.wrap, RequestContext, "invalid")
def unknown_bearer_told_as_denied(make: Any, self: Any, why: DenialReason) -> Any:
    """Guessing shows as denials, of which there are many, and the alarm for invalid bearers never rings."""
    return self.denied(why) if why is DenialReason.UNKNOWN_BEARER else make(self, why)


@fault_by("LIFE-8", Patch.wrap, RequestContext, "invalid")
def malformed_request_told_as_denied(make: Any, self: Any, why: DenialReason) -> Any:
    """A form without its parameters is told as a refusal by policy."""
    return self.denied(why) if why is DenialReason.MALFORMED_REQUEST else make(self, why)


@fault_by("LIFE-8", Patch.wrap, Authentication, "decide")
def presented_bearer_told(decided: Any, self: Any, credentials: Any, *asked: Any) -> Any:
    """An unknown bearer stands in its event, to be looked up: it may be good at the next server (CWE-532)."""
    decision = decided(self, credentials, *asked)
    events = (replace(event, token_jti=credentials[0][:200] or None) for event in decision.events)
    return replace(decision, events=tuple(events)) if decision.events[0].event == EventName.INVALID else decision


@fault("LIFE-8")
def presented_grant_type_told(patch: Patch) -> None:
    """An unknown grant type is repeated in the reason (§8 12)."""
    _repeat(patch, DenialReason.UNSUPPORTED_GRANT_TYPE, "grant_type")


@fault("LIFE-8")
def presented_token_type_told(patch: Patch) -> None:
    """The type of token that a stranger makes up is repeated in the reason (§8 12)."""
    _repeat(patch, DenialReason.UNSUPPORTED_TOKEN_TYPE, "subject_token_type")


def _repeat(patch: Patch, why: DenialReason, parameter: str) -> None:
    def decide(decided: Any, self: Any, form: Any, occasion: Any) -> Any:
        decision = decided(self, form, occasion)
        text = f"{why}: {dict(form or ()).get(parameter)}"[:500]
        events = (replace(event, reason=text) if event.reason is why else event for event in decision.events)
        return replace(decision, events=tuple(events))

    patch.wrap(Exchange, "decide", decide)


@fault_by("LIFE-13", Patch.wrap, KeyServer, "reap")
def reaping_told_as_unknown_bearers(reaped: Any, self: Any) -> Any:
    """A sweep looks each record up as a request would, and leaves the event of one."""
    number = reaped(self)
    self.trail.record([self._occasion(Caller(None)).invalid(DenialReason.UNKNOWN_BEARER)] * number)
    return number


@fault_by("LIFE-13", Patch.wrap, KeyServer, "reap")
def reaping_tells_expiry_each_time(reaped: Any, self: Any) -> Any:
    """Every sweep tells once more of all that has expired, until its retention is over."""
    number, occasion = reaped(self), self._occasion(Caller(None))
    left = [record for record in self._store._by_digest.values() if record.expires_at <= occasion.now]  # noqa: SLF001 - the store's own part
    self.trail.record([occasion.expired(record) for record in left])
    return number


@fault_by("LIFE-13", Patch.wrap, KeyServer, "reap")
def reaping_revokes(reaped: Any, self: Any) -> Any:
    """A sweep removes by the same path as an administrator, whose refusals it leaves."""
    number = reaped(self)
    self.trail.record([self._occasion(Caller(None)).denied(DenialReason.NOT_ACTIVE)] * number)
    return number


@helper_by(Patch.wrap, Revocations, "check_admin")
def _admin_failure(change: Any, checked: Any, self: Any, admin: Any, occasion: Any) -> Any:
    """Have a failed admin authentication leave other events, given its only one and the occasion."""
    decision = checked(self, admin, occasion)
    return decision and replace(decision, events=change(decision.events[0], admin, occasion))


_ADMIN_FAILURE: Rows[Any] = {
    "wrong-admin-secret-leaves-nothing": (
        "Guessing at the admin secret leaves no trace (§8 22).",
        lambda _event, _admin, _occasion: (),
    ),
    "missing-admin-secret-leaves-nothing": (
        "A wrong admin secret is told, a missing one is refused by an earlier exit (§8 22).",
        lambda event, admin, _: (event,) if admin else (),
    ),
    "throttled-admin-leaves-nothing": (
        "Once a guesser is throttled, the trail falls silent while the guessing goes on.",
        lambda event, *_: () if event.reason is DenialReason.THROTTLED else (event,),
    ),
    "wrong-admin-secret-told-as-malformed": (
        "Whoever does not know the secret is told as a malformed request, which nobody looks into.",
        lambda _event, _admin, occasion: (occasion.invalid(DenialReason.MALFORMED_REQUEST),),
    ),
}
faults_for("LIFE-15", _admin_failure, _ADMIN_FAILURE)


@fault_by("LIFE-15", _admin_failure)
def wrong_admin_secret_told_as_revocation(event: Any, _admin: Any, _occasion: Any) -> Any:
    """The revocation is told before it is authorised: the trail says that tokens ended, which did not."""
    return (replace(event, event=EventName.REVOKED, token_jti="all", reason=None),)  # noqa: S106 - an id, no secret
