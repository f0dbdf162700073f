"""Faults with sinks that raise, hang or are slow, and in counting losses (SINK)."""

from collections.abc import Callable
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault, fault_by, helper_by
from bearerproof_reference.adapter import pipeline
from bearerproof_reference.adapter.pipeline import _Tap
from bearerproof_reference.audit.audited import AuditedVerifier
from bearerproof_reference.audit.sinks import IsolatingSink, _Parcel
from bearerproof_reference.verifier.verdicts import Accepted, Reason, Rejected


def _sink_heard(patch: Patch, answer: Callable[[Rejected], Accepted | Rejected], *, late: bool) -> None:
    """Have the loss of an event, because the sink raised or is late, reach the verifier, which answers so."""

    def record_and_tell(record: Any, self: Any, event: Any) -> None:
        before = self.lost
        record(self, event)
        if self.lost > before and self._overdue is late:
            raise OSError("the sink failed")

    def verify_and_hear(self: Any, token: str | bytes) -> Any:
        verdict = self._verifier.verify(token)
        try:
            if isinstance(verdict, Rejected):
                self._sink.record(self._event(token, verdict))
        except OSError:
            return answer(verdict)
        return verdict

    patch.wrap(IsolatingSink, "record", record_and_tell)
    patch(AuditedVerifier, "verify", verify_and_hear)


@fault("SINK-1")
def raising_sink_fails_the_request(patch: Patch) -> None:
    """What the sink raises leaves the verifier: a full disk answers every bad token with an error (W11)."""

    def fail(rejected: Rejected) -> Accepted:
        raise RuntimeError(f"no event for {rejected.reason}")

    _sink_heard(patch, fail, late=False)


@fault("SINK-1")
def raising_sink_lets_the_token_in(patch: Patch) -> None:
    """The error handler around verifying and reporting fails open, so a full disk admits everybody (W11)."""
    _sink_heard(patch, lambda _: Accepted({}, None), late=False)


@fault("SINK-1")
def raising_sink_is_the_reason(patch: Patch) -> None:
    """The verdict stays, but its reason is the sink's failure and no longer the token's (W11)."""
    _sink_heard(patch, lambda _: Rejected(Reason.OTHER, "OSError"), late=False)


@fault("SINK-1")
def raising_sink_is_an_outage(patch: Patch) -> None:
    """A trail that cannot be written counts as a look-up that cannot be made: the caller is told to come again."""
    unavailable = Rejected(Reason.UNAVAILABLE, "ReplayLookupUnavailable")
    _sink_heard(patch, lambda rejected: unavailable if rejected.reason is Reason.SIGNATURE else rejected, late=False)


@fault_by("SINK-1", Patch.wrap, _Tap, "record")
def trail_given_up_after_a_failure(record: Any, self: Any, event: Any) -> None:
    """The first failure of the sink switches the trail off, and what follows leaves no event at all."""
    inner = self._inner
    if not (isinstance(inner, _Tap) and getattr(vars(inner)["_inner"], "lost", False)):
        record(self, event)


@fault("SINK-2")
def hanging_sink_awaited(patch: Patch) -> None:
    """The bound is fifty times what was meant, a unit mixed up: the request hangs with the sink (W11)."""
    patch(pipeline, "DELAY_BOUND", 2.5)


@fault("SINK-2")
def hanging_sink_is_the_reason(patch: Patch) -> None:
    """The time-out of the sink becomes the reason of the rejection (W11)."""
    _sink_heard(patch, lambda _: Rejected(Reason.OTHER, "TimeoutError"), late=True)


@helper_by(Patch.__call__, IsolatingSink, "record")
def _patient(waits: Callable[[int], bool], self: Any, event: Any) -> None:
    """Have the caller wait until its event was delivered, where this says so of the length of the queue."""
    parcel = _Parcel(event)
    self._send(parcel)
    if waits(self._queue.qsize()):
        parcel.settled.wait(5)


@fault("SINK-3")
def full_queue_awaited(patch: Patch) -> None:
    """Nobody waits for a slow sink until a few events wait; then one request waits for them all (W11)."""
    _patient(patch, lambda length: length > 2)


@fault("SINK-3")
def slow_sink_awaited(patch: Patch) -> None:
    """Each request waits until the sink is done with its event, longer than the bound that is stated (W11)."""
    _patient(patch, lambda _: True)


@fault("SINK-3")
def slow_sink_is_the_reason(patch: Patch) -> None:
    """An event that is not delivered in time turns the reason of the rejection into that (W11)."""
    _sink_heard(patch, lambda _: Rejected(Reason.OTHER, "TimeoutError"), late=True)


@helper_by(Patch.wrap, IsolatingSink, "_settle")
def _settled(
    counts: Callable[[Any, bool, bool], bool],
    settle: Any,
    self: Any,
    parcel: Any,
    *,
    delivered: bool,
    overdue: bool = False,
) -> None:
    """Have a loss counted only where this, given whether it is overdue, says so."""
    before = self.lost
    settle(self, parcel, delivered=delivered, overdue=overdue)
    if not counts(self, delivered, overdue):
        self.lost = before


@fault("SINK-4")
def refused_event_not_counted(patch: Patch) -> None:
    """An event whose sink raised is neither delivered nor lost (W10)."""
    _settled(patch, lambda sink, _delivered, overdue: overdue or vars(sink)["_overdue"])


@fault("SINK-4")
def event_behind_a_hung_sink_not_counted(patch: Patch) -> None:
    """What is not even tried while a call hangs is not counted: the losses of an outage look like one (W10)."""
    _settled(patch, lambda sink, _delivered, overdue: overdue or not vars(sink)["_overdue"])


@fault("SINK-4")
def queued_event_is_delivered(patch: Patch) -> None:
    """An event counts as delivered when it has been queued, whatever becomes of it then (W10)."""
    patch.wrap(IsolatingSink, "_deliver", lambda deliver, self, record: deliver(self, record) or True)
