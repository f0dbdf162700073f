"""The verifier with its audit trail: the same verdicts, and one event for each rejection."""

from bearerproof_reference.audit.events import VerifyFailureEvent, kind_of
from bearerproof_reference.audit.hints import read_hints
from bearerproof_reference.audit.sinks import AuditSink
from bearerproof_reference.clock import Clock
from bearerproof_reference.verifier.policy import Profile
from bearerproof_reference.verifier.verdicts import Accepted, Reason, Rejected
from bearerproof_reference.verifier.verifier import Verifier


class AuditedVerifier:
    """Wraps a verifier. What the sink does, and what the token says about itself, never touches the verdict.

    ``failures`` counts the events that the sink refused by raising. A sink that may be slow goes behind an
    ``IsolatingSink``: nothing here bounds the time it takes.
    """

    def __init__(self, verifier: Verifier, sink: AuditSink, clock: Clock) -> None:
        self._verifier = verifier
        self._sink = sink
        self._clock = clock
        self.failures = 0

    def verify(self, token: str | bytes) -> Accepted | Rejected:
        """Return the verifier's verdict; on a rejection, record one event first."""
        verdict = self._verifier.verify(token)
        if isinstance(verdict, Rejected):
            try:
                self._sink.record(self._event(token, verdict))
            except Exception:  # noqa: BLE001 - an audit trail that fails must not decide about tokens
                self.failures += 1
        return verdict

    def _event(self, token: str | bytes, rejected: Rejected) -> VerifyFailureEvent:
        hints, kind, now = read_hints(token), kind_of(rejected), self._clock.now()
        metadata = {"engine_msg": rejected.detail} if rejected.reason is Reason.OTHER else {}
        if self._verifier.policy.profile is Profile.ID_TOKEN:
            return VerifyFailureEvent.from_id_token_hints(kind, now, hints, metadata)
        return VerifyFailureEvent.from_hints(kind, now, hints, metadata)
