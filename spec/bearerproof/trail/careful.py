"""Looking carefully at a record: by the whole schema and text by text, whatever it holds.

It judges form (TRAIL-1), secrets (TRAIL-12) and control characters (TRAIL-13); the event it returns is for the others.
"""

from typing import Any

from bearerproof.trail import shapes
from bearerproof.trail.events import KINDS, Failure, Hints, Identity, LifecycleEvent, digest_of, name_of
from bearerproof.trail.findings import Findings
from bearerproof.trail.inspection import Inspector, repeated_member
from bearerproof.trail.rules import Rule
from bearerproof.trail.rules.failures import Summary

Record = dict[str, Any]

_KINDS = {name_of(kind): kind for kind in KINDS}

_QUOTED = frozenset({("client_id_hint",), ("kid_hint",), ("metadata", "aud_hint")})
"""Members that repeat what a refused token said, exactly: HINT-5 allows no other value."""


class CarefulReader:
    """Reads records of any form; of each it keeps the members alone that are what they should be."""

    def __init__(self, findings: Findings, inspector: Inspector) -> None:
        self._findings = findings
        self._inspector = inspector

    def lifecycle_event(self, record: Record, text: str, line: int) -> LifecycleEvent:
        """Read a record that calls itself an event of a key server, with the JSON text it was read from."""
        fit = _fitting(record, shapes.LIFECYCLE_CHECKS)
        when = fit.get("occurred_at")
        self._inspector.inspect(record, line, when, frozenset())
        self._judge_form(shapes.LIFECYCLE, record, text, line, when)
        return _lifecycle_event(fit)

    def failure(self, record: Record, text: str, line: int) -> Failure:
        """Read a record that has the members of a verify-failure event, with the JSON text it was read from."""
        fit = _fitting(record, shapes.FAILURE_CHECKS)
        when = fit.get("occurred_at")
        self._inspector.inspect(record, line, when, _QUOTED)
        self._judge_form(shapes.FAILURE, record, text, line, when)
        return Failure(when, fit.get("source_id"), _hints(record, fit))

    def summary(self, record: Record, text: str, line: int, when: str | None) -> Summary | None:
        """Read a drop summary, found between events of which the last bears this time; None where it is malformed."""
        self._inspector.inspect(record, line, when, frozenset())
        if not self._judge_form(shapes.SUMMARY, record, text, line, when):
            return None
        return Summary(record["tier"], int(record["dropped"]), record["kinds"], record.get("sources", {}))

    def _judge_form(self, schema: str, record: Record, text: str, line: int, when: str | None) -> bool:
        if repeated_member(text):
            self._findings.report(Rule.SCHEMA, line, "a member stands twice in one object", when)
        if shapes.CONFORMS[schema](record):
            return True
        message = ""
        if self._findings.keeps(Rule.SCHEMA, line):
            message = self._inspector.redacted(shapes.complaint(schema, record))
        self._findings.report(
            Rule.SCHEMA, line, f"drop summary: {message}" if schema == shapes.SUMMARY else message, when
        )
        return False


def _fitting(record: Record, checks: shapes.Checks) -> Record:
    fit = {name: record[name] for name, check in checks.items() if name in record and check(record[name])}
    return {**fit, **{name: shapes.in_order(fit[name]) for name in _INSTANTS if name in fit}}


_INSTANTS = ("occurred_at", "expires_at")


def _lifecycle_event(fit: Record) -> LifecycleEvent:
    kind = _KINDS.get(fit.get("event", ""), LifecycleEvent)
    members = {name: fit.get(name) for name in kind.__struct_fields__}
    if "identity" in fit:
        identity: Record = fit["identity"]
        members["identity"] = digest_of(Identity(**{name: identity[name] for name in ("subject", "email", "issuer")}))
    if "seq" in fit:
        members["seq"] = int(fit["seq"])  # 1.0 is one
    return kind(**members)


def _hints(record: Record, fit: Record) -> Hints | None:
    if "metadata" not in fit or any(name in record and name not in fit for name in ("client_id_hint", "kid_hint")):
        return None
    return Hints(fit.get("client_id_hint"), fit["metadata"].get("aud_hint"), fit.get("kid_hint"))
