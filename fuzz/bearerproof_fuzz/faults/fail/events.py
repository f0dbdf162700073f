"""Faults in whether there is an event, and whose it is (FAIL-1, FAIL-9)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault, fault_by, helper_by
from bearerproof_reference.adapter.pipeline import _Tap
from bearerproof_reference.audit import audited
from bearerproof_reference.audit.audited import AuditedVerifier
from bearerproof_reference.audit.hints import Hints
from bearerproof_reference.verifier.fetching import FetchedKeySet
from bearerproof_reference.verifier.verdicts import Accepted, Reason, Rejected


@helper_by(Patch.wrap, AuditedVerifier, "verify")
def _recorded(
    record: Callable[[Any, str | bytes, Accepted | Rejected], None], verify: Any, self: Any, token: str | bytes
) -> Any:
    """Have something more recorded once a token has been judged."""
    verdict = verify(self, token)
    record(self, token, verdict)
    return verdict


def _record(audit: Any, token: str | bytes, rejected: Rejected) -> None:
    state = vars(audit)
    state["_sink"].record(audited.AuditedVerifier._event(audit, token, rejected))  # noqa: SLF001 - as the method does


@helper_by(Patch.wrap, AuditedVerifier, "_event")
def _silent(about: Callable[[Rejected], bool], make: Any, self: Any, token: str | bytes, rejected: Rejected) -> Any:
    """Have no event made of some rejections."""
    if about(rejected):
        raise LookupError("no kind for it")
    return make(self, token, rejected)


@fault_by("FAIL-1", _recorded)
def two_events_for_a_wrong_type(self: Any, token: str | bytes, verdict: Accepted | Rejected) -> None:
    """The check of the type reports, and so does its caller; only this one path does it twice (W12)."""
    if isinstance(verdict, Rejected) and verdict.reason is Reason.TYPE:
        _record(self, token, verdict)


@fault("FAIL-1")
def no_event_after_look_ups(patch: Patch) -> None:
    """The engine reports and the look-ups behind it do not: revoked sessions leave no trace (W12)."""
    _silent(patch, lambda rejected: rejected.reason in (Reason.SESSION, Reason.UNAVAILABLE))


@fault("FAIL-1")
def no_event_for_an_oversized_token(patch: Patch) -> None:
    """The size is checked before the audited part begins, so a flood of huge tokens is invisible (W12)."""
    _silent(patch, lambda rejected: rejected.reason is Reason.TOO_LARGE)


@fault_by("FAIL-1", _recorded)
def event_for_every_accepted_token(self: Any, token: str | bytes, verdict: Accepted | Rejected) -> None:
    """The trail is written in a `finally`, so successes stand in it as failures too."""
    if isinstance(verdict, Accepted):
        _record(self, token, Rejected(Reason.OTHER))


@fault("FAIL-1")
def equal_event_left_out(patch: Patch) -> None:
    """An event that says the same as the one before is thought to be a duplicate, and is not written."""
    last: list[object] = [None]

    def record_news(record: Any, self: Any, event: Any) -> None:
        news = (getattr(event, "kind", event), getattr(event, "source_id", event))
        if last[0] != news:
            record(self, event)
        last[0] = news

    patch.wrap(_Tap, "record", record_news)


@fault_by("FAIL-1", _recorded)
def event_before_the_leeway(self: Any, token: str | bytes, verdict: Accepted | Rejected) -> None:
    """A token is judged without leeway, reported, and then accepted with it: an event before the verdict is final."""
    now = vars(self)["_clock"].now()
    if isinstance(verdict, Accepted) and now >= verdict.claims.get("exp", now + 1):
        _record(self, token, Rejected(Reason.EXPIRED))


@fault("FAIL-1")
def event_before_the_refetch(patch: Patch) -> None:
    """An unknown kid is reported before the key set is fetched again, and then the token is accepted."""
    missed: list[bool] = [False]

    def note_and_look(after_miss: Any, self: Any, tick: float, held: Any) -> Any:
        missed[0] = True
        return after_miss(self, tick, held)

    def early(self: Any, token: str | bytes, verdict: Accepted | Rejected) -> None:
        if missed.pop() and isinstance(verdict, Accepted):
            _record(self, token, Rejected(Reason.KEY_UNKNOWN))
        missed.append(False)

    patch.wrap(FetchedKeySet, "_after_miss", note_and_look)
    _recorded(patch, early)


@fault_by("FAIL-1", _recorded)
def event_for_each_audience(self: Any, token: str | bytes, verdict: Accepted | Rejected) -> None:
    """The audiences of a token are tried one by one, and each that is not ours is reported on the way."""
    aud = verdict.claims.get("aud") if isinstance(verdict, Accepted) else None
    for _ in aud[1:] if isinstance(aud, list) else ():
        _record(self, token, Rejected(Reason.AUDIENCE))


def _hinted(patch: Patch, choose: Callable[[Hints, Hints, str | bytes], Hints]) -> None:
    """Have the hints of a token chosen with an eye on those of the one before."""
    last = [Hints()]

    def read_after(read: Any, token: str | bytes) -> Hints:
        before, last[0] = last[0], read(token)
        return choose(before, last[0], token)

    patch.wrap(audited, "read_hints", read_after)


@fault("FAIL-9")
def kid_of_the_token_before(patch: Patch) -> None:
    """A parser is used again without being reset, so a token without a kid has that of its predecessor."""
    _hinted(patch, lambda before, own, _: own if own.kid is not None else replace(own, kid=before.kid))


@fault("FAIL-9")
def hints_of_the_token_before(patch: Patch) -> None:
    """What cannot be read leaves the hints of the request before in the buffer, and so in the event."""
    _hinted(patch, lambda before, own, _: before if own == Hints() else own)


@fault("FAIL-9")
def hints_remembered_by_header(patch: Patch) -> None:
    """Hints are cached with the parsed header, though half of them come from the payload."""
    known: dict[object, Hints] = {}

    def by_header(_before: Hints, own: Hints, token: str | bytes) -> Hints:
        return known.setdefault(token[:90], own) if len(token) > 90 else own

    _hinted(patch, by_header)
