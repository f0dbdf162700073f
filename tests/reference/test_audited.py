"""The audit trail around the verifier: one event for each rejection, and no influence on any verdict."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bearerproof_reference.audit.audited import AuditedVerifier
from bearerproof_reference.audit.events import VerifyFailureEvent, one_line
from bearerproof_reference.audit.sinks import MemorySink, Record
from bearerproof_reference.clock import ManualClock
from bearerproof_reference.verifier.policy import Profile

from .minting import NOW, claims, mint, signer, verifier


class RaisingSink:
    """Fails at each record."""

    def record(self, record: Record) -> None:
        raise OSError(record)


def recorded(token: str | bytes, **changes: Any) -> list[VerifyFailureEvent]:
    """Return the events that this token leaves."""
    sink = MemorySink()
    AuditedVerifier(verifier(**changes), sink, ManualClock(NOW)).verify(token)
    return [record for record in sink.records if isinstance(record, VerifyFailureEvent)]


def test_an_accepted_token_leaves_nothing() -> None:
    assert recorded(mint()) == []


def test_a_rejected_token_leaves_its_own_hints() -> None:
    (event,) = recorded(mint(claims(exp=1)))
    assert (str(event.kind.of), event.source_id, event.occurred_at) == ("Expired", "app-1::k1", NOW)


def test_an_id_token_leaves_party_and_audience() -> None:
    token = mint(claims(azp="rp-2", exp=1), typ="JWT")
    (event,) = recorded(token, profile=Profile.ID_TOKEN, typ=None)
    assert (event.source_id, event.metadata) == ("rp-2::api%3A//orders::k1", {"aud_hint": "api://orders"})


@given(st.binary() | st.text())
def test_any_bytes_leave_one_event(token: str | bytes) -> None:
    assert len(recorded(token)) == 1


def test_hints_of_a_forged_token_change_nothing_but_the_label() -> None:
    for client_id in ("app-1", "app-2", 5, None):
        forged = mint(claims(client_id=client_id), by=signer("EdDSA", "k2"), kid="k1")
        (event,) = recorded(forged)
        assert str(event.kind.of) == "SignatureInvalid"


def test_no_part_of_the_token_is_in_the_event() -> None:
    token = mint(claims(exp=1, secret="s3cret"))
    (event,) = recorded(token)
    assert not any(part in one_line(event.as_dict()) for part in [*token.split("."), "s3cret"])


def test_a_sink_that_raises_changes_no_verdict() -> None:
    plain = verifier()
    audited = AuditedVerifier(plain, RaisingSink(), ManualClock(NOW))
    for token in (mint(), mint(claims(exp=1)), "x"):
        assert audited.verify(token) == plain.verify(token)
    assert audited.failures == 2
