"""Faults in form, number, time and texts of a key server's trail (TRAIL-1, TRAIL-8 to TRAIL-10, TRAIL-12, TRAIL-13)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by, spread
from bearerproof_reference.audit.events import one_line
from bearerproof_reference.keyserver import lifecycle
from bearerproof_reference.keyserver.authentication import Authentication
from bearerproof_reference.keyserver.exchange import Exchange
from bearerproof_reference.keyserver.lifecycle import DenialReason, EventName, LifecycleEvent, RequestContext, Trail
from bearerproof_reference.keyserver.revocation import Revocations


def _members(patch: Patch, change: Callable[[Any], Any]) -> None:
    """Have every event written with its members changed."""
    patch.wrap(LifecycleEvent, "as_dict", lambda as_dict, self, seq: change(as_dict(self, seq)))


# --- form


@fault("TRAIL-1")
def time_added_by_the_logger(patch: Patch) -> None:
    """The logging library adds a time under a name that is taken: readers differ on which one counts."""
    patch.wrap(
        lifecycle, "one_line", lambda write, record: f'{write(record)[:-1]},"occurred_at":"2027-01-15T08:00:00Z"}}'
    )


@fault("TRAIL-1")
def rate_limit_as_text(patch: Patch) -> None:
    """The rate limit goes through a template and is text in the trail, so no sum over it comes out."""
    _members(
        patch,
        lambda members: {**members, "rate_limit": str(members["rate_limit"])} if "rate_limit" in members else members,
    )


@fault_by("TRAIL-1", _members)
def used_token_named_short(members: Any) -> Any:
    """Uses are told often, so they name the subject and leave the issuer out (CWE-778)."""
    if members["event"] != "token.used":
        return members
    return {**members, "identity": {name: members["identity"][name] for name in ("subject", "email")}}


# --- numbers


@helper_by(Patch.__call__, Trail, "record")
def _numbered(step: Callable[[Any, Any], tuple[bool, bool]], self: Any, events: Any) -> None:
    """Have events written by this: whether an event is handed on, and whether it takes a number."""
    with self._lock:
        for event in events:
            write, count = step(self, event)
            if write:
                self._write(event, self._next)
            self._next += count


@fault_by("TRAIL-8", Patch.wrap, Trail, "record")
def decisions_numbered(recorded: Any, self: Any, events: Any) -> None:
    """The number is that of the request, and a bulk revocation tells of many tokens under one."""
    first = self._next
    for event in events:
        self._next = first
        recorded(self, (event,))


@fault("TRAIL-8")
def refusals_not_counted(patch: Patch) -> None:
    """Only what happens to tokens takes a number, and a refusal bears that of the event after it."""
    _numbered(patch, lambda _trail, event: (True, event.event not in {EventName.DENIED, EventName.INVALID}))


@fault("TRAIL-9")
def nonsense_is_not_written(patch: Patch) -> None:
    """Bearers of no form are too many to be written, so somebody who tries them out leaves but a gap (CWE-778)."""
    _numbered(patch, lambda _trail, event: (event.reason is not DenialReason.MALFORMED_BEARER, True))


@fault("TRAIL-9")
def long_lines_lost(patch: Patch) -> None:
    """Lines go out as datagrams, and one that does not fit is dropped without a word: most issues are."""
    fits = 350

    def write(written: Any, self: Any, event: Any, seq: int) -> None:
        if len(one_line(event.as_dict(seq))) <= fits:
            written(self, event, seq)

    patch.wrap(Trail, "_write", write)


@fault_by("TRAIL-9", Patch.wrap, Trail, "record")
def empty_revocation_takes_a_number(recorded: Any, self: Any, events: Any) -> None:
    """A bulk revocation that finds nobody takes a number and writes nothing: a loss that never was."""
    recorded(self, events)
    self._next += not events


# --- time


def _dated(patch: Patch, kind: str, instant: Callable[[float, Any], float]) -> None:
    """Have events of one kind bear another instant, made of that of the request and of the token's record."""

    def make_other(make: Any, self: Any, *arguments: Any) -> LifecycleEvent:
        event: LifecycleEvent = make(self, *arguments)
        return replace(event, occurred_at=instant(self.now, arguments[-1]))

    patch.wrap(RequestContext, kind, make_other)


@fault_by("TRAIL-10", Patch.wrap, RequestContext, "refused")
def refusals_bear_the_time_of_the_issue(make: Any, self: Any, why: Any, record: Any) -> Any:
    """A refusal is told with the time that stands in the token's record, which is that of its issue."""
    return replace(make(self, why, record), occurred_at=record.issued_at)


@fault_by("TRAIL-10", Patch.wrap, RequestContext, "revoked")
def revocations_told_to_the_minute(make: Any, self: Any, *arguments: object) -> Any:
    """The administrator's part writes times to the minute, so a revocation stands before the use it follows."""
    return replace(make(self, *arguments), occurred_at=self.now // 60 * 60)


@fault("TRAIL-10")
def issues_told_to_the_second(patch: Patch) -> None:
    """An issue bears the instant of the ID token's kind, a whole second, and all else the microsecond."""
    _dated(patch, "issued", lambda now, _record: int(now))


# --- texts


Detail = Callable[..., str | None]


def _explained(patch: Patch, owner: type, name: str, detail: Detail) -> None:
    """Have a refusal's reason followed by more, made of its event and of what was asked; None is no more."""

    def decide(decided: Any, self: Any, *arguments: Any) -> Any:
        decision = decided(self, *arguments)
        event = decision.events[0] if len(decision.events) == 1 else None
        more = detail(event, *arguments) if event is not None else None
        if event is None or more is None:
            return decision
        return replace(decision, events=(replace(event, reason=f"{event.reason}: {more}"),))

    patch.wrap(owner, name, decide)


def _parameter(name: str, why: DenialReason) -> Detail:
    """Return what tells a parameter of an exchange that is refused for this reason."""
    return lambda event, form, _occasion: dict(form).get(name, "")[:400] if event.reason is why else None


@fault("TRAIL-12")
def unknown_bearer_told(patch: Patch) -> None:
    """A bearer that is not good is told for debugging; most of those were good a moment ago (W8, CWE-532)."""
    reasons = {DenialReason.UNKNOWN_BEARER, DenialReason.MALFORMED_BEARER}
    _explained(
        patch,
        Authentication,
        "decide",
        lambda event, credentials, *_rest: credentials[0][:400] if event.reason in reasons else None,
    )


@fault("TRAIL-12")
def refused_subject_token_told(patch: Patch) -> None:
    """A subject token that does not verify is told whole: for want of a key, perhaps, and good elsewhere (CWE-532)."""
    _explained(patch, Exchange, "decide", _parameter("subject_token", DenialReason.SUBJECT_TOKEN))


@fault("TRAIL-12")
def claims_of_a_refused_token_told(patch: Patch) -> None:
    """Of a subject token its middle is told, since only the signature is secret: it names people (CWE-200)."""
    whole = _parameter("subject_token", DenialReason.SUBJECT_TOKEN)
    _explained(patch, Exchange, "decide", lambda *arguments: [*(whole(*arguments) or "").split("."), ""][1] or None)


_EXPLAINED: Rows[tuple[type, str, Detail]] = {
    "refused-grant-type-told": (
        "The grant type of a stranger stands in the reason, with all that moves a cursor (CWE-117).",
        (Exchange, "decide", _parameter("grant_type", DenialReason.UNSUPPORTED_GRANT_TYPE)),
    ),
    "scope-explained-in-the-reason": (
        (
            "A scope that is not understood stands in the reason, since JSON escapes it; the viewer unescapes "
            "it (CWE-150)."
        ),
        (Exchange, "decide", _parameter("scope", DenialReason.INVALID_SCOPE)),
    ),
}
faults_for("TRAIL-13", spread(_explained), _EXPLAINED)


@fault_by("TRAIL-13", _explained, Revocations, "one")
def token_id_told_as_presented(event: Any, _admin: Any, jti: Any, _occasion: Any) -> Any:
    """What is to be revoked and is not there is told as it was presented (CWE-117)."""
    return jti[:400] if event.reason is DenialReason.NOT_ACTIVE else None
