"""The audit trail as ``configure`` asks for it: limiter, isolation, and a sink that behaves or does not."""

from collections.abc import Mapping
from threading import Event
from typing import Any

from bearerproof_reference.clock import Clock
from bearerproof_reference.events import VerifyFailureEvent
from bearerproof_reference.limiter import Limiter, Limits, Registered, Summary
from bearerproof_reference.sinks import AuditSink, IsolatingSink, MemorySink, RateLimitedSink, Record

DELAY_BOUND = 0.05
"""Seconds that a sink may delay a verdict."""

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
        self.outermost = _Tap(
            self._admitted if self._limiter is None else RateLimitedSink(self._admitted, self._limiter)
        )
        self._submitted = 0
        self._reported = 0

    def _sink(self, name: str) -> "IsolatingSink | _Counting":
        if name == "memory":
            return _Counting(MemorySink())
        sinks: dict[str, AuditSink] = {
            "raises": _RaisingSink(),
            "hangs": _StallingSink(self._released, None),
            "slow": _StallingSink(self._released, _SLOW),
        }
        return IsolatingSink(sinks[name], DELAY_BOUND)

    def drain(self) -> dict[str, Any]:
        """Return what one request left in the trail, as the members of an answer of contract level 2."""
        events = [record for record in self.outermost.take() if isinstance(record, VerifyFailureEvent)]
        summaries = [record for record in self._admitted.take() if isinstance(record, Summary)]
        before, self._reported = self._reported, self._delivery.delivered
        self._submitted += len(events)
        return {
            "events": [event.as_dict() for event in events],
            "delivered": self._reported - before,
            "summaries": [summary.as_dict() for summary in summaries],
            "lines": [event.as_line() for event in events],
        }

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
        """Wake a sink that stalls and let the worker end."""
        self._released.set()
        self._delivery.close()


class _Counting:
    """Counts what a sink takes that can neither fail nor stall, and so needs no thread of its own."""

    def __init__(self, inner: AuditSink) -> None:
        self._inner = inner
        self.delivered = 0
        self.lost = 0

    def record(self, record: Record) -> None:
        self._inner.record(record)
        self.delivered += isinstance(record, VerifyFailureEvent)

    def close(self) -> None:
        """Nothing waits."""


class _Tap:
    """Notes the records that pass until they are taken."""

    def __init__(self, inner: AuditSink) -> None:
        self._inner = inner
        self._seen: list[Record] = []

    def record(self, record: Record) -> None:
        self._seen.append(record)
        self._inner.record(record)

    def take(self) -> list[Record]:
        seen, self._seen = self._seen, []
        return seen


class _RaisingSink:
    """Fails at each record."""

    def record(self, record: Record) -> None:
        raise OSError(f"no room for {type(record).__name__}")


class _StallingSink:
    """Takes ``seconds`` for each record; None: does not come back before it is released."""

    def __init__(self, released: Event, seconds: float | None) -> None:
        self._released = released
        self._seconds = seconds

    def record(self, _record: Record) -> None:
        self._released.wait(self._seconds)
