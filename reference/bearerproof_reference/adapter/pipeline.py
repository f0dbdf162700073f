"""The audit trail as ``configure`` asks for it: limiter, isolation, and a sink that behaves or does not."""

from collections.abc import Mapping
from io import StringIO
from threading import Event
from typing import Any

from bearerproof_reference.adapter.failing_sinks import RaisingSink, StallingSink
from bearerproof_reference.audit.events import VerifyFailureEvent
from bearerproof_reference.audit.limiter import Limiter, Limits, Registered, Summary
from bearerproof_reference.audit.sinks import (
    AuditSink,
    FanOutSink,
    IsolatingSink,
    JsonLinesSink,
    MemorySink,
    NullSink,
    RateLimitedSink,
    Record,
)
from bearerproof_reference.clock import Clock

DELAY_BOUND = 0.05
"""Seconds that a sink may delay a verdict."""

_PATIENCE = 5.0
"""Seconds allowed for a sink that takes a record at once: only a machine that stands still makes it late."""

_SLOW = 0.75
"""Seconds that the slow sink takes: longer than any bound stated to the harness."""


class Pipeline:
    """The sinks behind one configuration, and what went through them.

    Raises:
        ValueError: the limiter's numbers are refused.
        KeyError: a member that the configuration needs is missing, or the sink is unknown.
    """

    def __init__(self, clock: Clock, audit: Mapping[str, Any]) -> None:
        limits, self._limiter = audit.get("limiter"), None
        if limits is not None:
            names = ("capacity", "window", "sources", "strangers")
            known = Registered(**(audit.get("registered") or {}))
            self._limiter = Limiter(Limits(**{name: limits[name] for name in names}), known, clock)
        self._released = Event()
        self._delivery = self._sink(audit.get("sink", "memory"))
        self._admitted = _Tap(self._delivery)
        self._limited = None if self._limiter is None else RateLimitedSink(self._admitted, self._limiter)
        self._events, self._log = _Tap(self._limited or self._admitted), StringIO()
        self.outermost = FanOutSink(self._events, JsonLinesSink(self._log))
        self._submitted = 0
        self._reported = 0

    def _sink(self, name: str) -> IsolatingSink:
        sinks: dict[str, tuple[AuditSink, float]] = {
            "memory": (NullSink(), _PATIENCE),
            "raises": (RaisingSink(), DELAY_BOUND),
            "hangs": (StallingSink(self._released, None), DELAY_BOUND),
            "slow": (StallingSink(self._released, _SLOW), DELAY_BOUND),
        }
        return IsolatingSink(*sinks[name])

    def drain(self) -> dict[str, Any]:
        """Return what one request left in the trail, as the members of an answer of contract level 2."""
        events = [record for record in self._events.take() if isinstance(record, VerifyFailureEvent)]
        summaries = [record for record in self._admitted.take() if isinstance(record, Summary)]
        before, self._reported = self._reported, self._delivery.delivered
        self._submitted += len(events)
        return {
            "events": [event.as_dict() for event in events],
            "delivered": self._reported - before,
            "summaries": [summary.as_dict() for summary in summaries],
            "lines": self._lines(),
        }

    def _lines(self) -> list[str]:
        """Return the lines of the log, and empty it."""
        lines = self._log.getvalue().splitlines()
        self._log.seek(0)
        self._log.truncate()
        return lines

    def stats(self) -> dict[str, int]:
        """Return the counters since the pipeline was built."""
        limiter = self._limiter
        return {
            "buckets": 0 if limiter is None else limiter.buckets,
            "submitted": self._submitted,
            "admitted": self._submitted if limiter is None else limiter.admitted,
            "dropped": 0 if limiter is None else limiter.dropped,
            "lost": self._delivery.lost,
        }

    def close(self) -> None:
        """Hand on what the limiter has still to report, wake a sink that stalls, and let the worker end."""
        if self._limited is not None:
            self._limited.flush()
        self._released.set()
        self._delivery.close()


class _Tap(MemorySink):
    """Keeps the records that pass."""

    def __init__(self, inner: AuditSink) -> None:
        super().__init__()
        self._inner = inner

    def record(self, record: Record) -> None:
        super().record(record)
        self._inner.record(record)
