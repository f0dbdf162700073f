"""What of the audit trail the suite cannot see: sinks of its own user, faults of the verifier, limits at start-up.

Hints, sources, wire forms and what the limiter lets through are judged by the suite, which runs on this reference.
"""

from typing import Any

import pytest

from bearerproof_reference.audit.audited import AuditedVerifier
from bearerproof_reference.audit.events import KindClass, VerifyFailureEvent, kind_of
from bearerproof_reference.audit.limiter import Limits
from bearerproof_reference.audit.sinks import MemorySink, Record
from bearerproof_reference.clock import ManualClock
from bearerproof_reference.verifier.verdicts import Reason, Rejected

from .minting import NOW, claims, mint, verifier


class RaisingSink:
    """Fails at each record."""

    def record(self, record: Record) -> None:
        raise OSError(record)


def test_a_sink_that_raises_changes_no_verdict_and_is_counted() -> None:
    plain = verifier()
    audited = AuditedVerifier(plain, RaisingSink(), ManualClock(NOW))
    assert audited.failures == 0
    for token in (mint(), mint(claims(exp=1)), "x"):
        assert audited.verify(token) == plain.verify(token)
    assert audited.failures == 2


def test_only_the_event_of_a_fault_inside_says_what_the_fault_was() -> None:
    class Broken:
        def find(self, _kid: str | None, _alg: str) -> Any:
            raise RuntimeError

    sink, broken = MemorySink(), verifier()
    AuditedVerifier(broken, sink, ManualClock(NOW)).verify(mint(claims(exp=1)))
    broken._keys = Broken()
    AuditedVerifier(broken, sink, ManualClock(NOW)).verify(mint())
    expired, fault = (record for record in sink.records if isinstance(record, VerifyFailureEvent))
    assert (expired.as_dict()["kind"], expired.metadata) == ("Expired", {})
    assert (fault.as_dict()["kind"], fault.metadata) == ("Other", {"engine_msg": "RuntimeError"})


DETAILS = {
    Reason.CLAIM_MISSING: "exp",
    Reason.CLAIM_MALFORMED: "exp",
    Reason.SESSION: "SessionRevoked",
    Reason.UNAVAILABLE: "ReplayLookupUnavailable",
    Reason.NONCE: "NonceMissing",
}


def test_every_reason_has_a_kind() -> None:
    kinds = [kind_of(Rejected(reason, DETAILS.get(reason, ""))).of for reason in Reason]
    assert [kind for kind in kinds if not isinstance(kind, KindClass)] == []


@pytest.mark.parametrize(
    "numbers",
    [
        (0, 60, 1, 1),
        (1, 0, 1, 1),
        (1, float("nan"), 1, 1),
        (1, float("inf"), 1, 1),
        (True, 60, 1, 1),
        (1.5, 60, 1, 1),
        (1, 60, 0, 1),
        (1, 60, 1, 0),
    ],
)
def test_limits_that_would_silence_everything(numbers: tuple[int, float, int, int]) -> None:
    assert Limits(1, 0.5, 1, 1).window == 0.5
    with pytest.raises(ValueError, match="number"):
        Limits(*numbers)
