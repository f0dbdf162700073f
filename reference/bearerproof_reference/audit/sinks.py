"""Where audit records go: sinks that keep or write them, and sinks that stand in front of another."""

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Protocol, TextIO, TypeAlias

from bearerproof_reference.audit import events
from bearerproof_reference.audit.events import VerifyFailureEvent
from bearerproof_reference.audit.limiter import Limiter, Summary

Record: TypeAlias = VerifyFailureEvent | Summary


class AuditSink(Protocol):
    """Takes the records of an audit trail. One sink serves many threads."""

    def record(self, record: Record) -> None:
        """Take one record. May raise; whoever calls it must not let that reach a verdict."""


class NullSink:
    """Keeps nothing: the explicit choice to have no audit trail."""

    def record(self, record: Record) -> None:
        """Forget the record."""


class MemorySink:
    """Keeps the records until they are taken."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def record(self, record: Record) -> None:
        """Keep the record."""
        self.records.append(record)

    def take(self) -> list[Record]:
        """Return what is kept, and keep it no longer."""
        taken, self.records = self.records, []
        return taken


class JsonLinesSink:
    """Writes each record as one line of JSON, in one call, so that threads do not mix their lines."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def record(self, record: Record) -> None:
        """Write the record and flush it."""
        with self._lock:
            self._stream.write(events.one_line(record.as_dict()) + "\n")
            self._stream.flush()


class FanOutSink:
    """Hands each record to several sinks; one that raises keeps it from none of the others."""

    def __init__(self, *sinks: AuditSink) -> None:
        self._sinks = sinks

    def record(self, record: Record) -> None:
        """Hand the record on.

        Raises:
            Exception: what a sink raised, once all have been served.
        """
        with ExitStack() as calls:
            for sink in reversed(self._sinks):  # the last that is entered is called first
                calls.callback(sink.record, record)


class RateLimitedSink:
    """Hands on what its limiter admits, and the limiter's summaries."""

    def __init__(self, inner: AuditSink, limiter: Limiter) -> None:
        self._inner = inner
        self._limiter = limiter

    def record(self, record: Record) -> None:
        """Hand the record on, or drop it and leave it to the limiter's counters."""
        if isinstance(record, Summary):
            self._inner.record(record)
            return
        admitted, summaries = self._limiter.judge(record)
        self._hand_on([record, *summaries] if admitted else summaries)

    def flush(self) -> None:
        """Hand on what the limiter has still to report: at the end of a run."""
        self._hand_on(self._limiter.flush())

    def _hand_on(self, records: Sequence[Record]) -> None:
        for record in records:
            self._inner.record(record)


class IsolatingSink:
    """Hands records to another sink on a thread of its own and waits for it at most ``bound`` seconds.

    An event counts as delivered when the inner sink took it in that time, else as lost: so
    ``delivered + lost`` is what was handed in, whatever the inner sink does. While a call is overdue nothing
    waits behind it: a sink that hangs costs one bound, not one for each rejection, and no more records are queued
    than there are threads that wait.
    """

    def __init__(self, inner: AuditSink, bound: float) -> None:
        self._inner = inner
        self._bound = bound
        self._queue = SimpleQueue[_Parcel | None]()
        self._overdue = False
        self._lock = threading.Lock()
        self.delivered = 0
        self.lost = 0
        threading.Thread(target=self._work, daemon=True).start()

    def record(self, record: Record) -> None:
        """Hand the record over; never raises, never takes longer than the bound."""
        parcel = _Parcel(record)
        sent = self._send(parcel)
        if sent:
            parcel.settled.wait(self._bound)
        self._settle(parcel, delivered=False, overdue=sent)

    def close(self) -> None:
        """Let the worker end once it comes back from the call it is in: the last use of this sink."""
        self._queue.put(None)

    def _send(self, parcel: "_Parcel") -> bool:
        if self._overdue:
            return False
        self._queue.put(parcel)
        return True

    def _work(self) -> None:
        while (parcel := self._queue.get()) is not None:
            if not parcel.settled.is_set():
                self._settle(parcel, delivered=self._deliver(parcel.record))
            with self._lock:
                self._overdue = False

    def _deliver(self, record: Record) -> bool:
        try:
            self._inner.record(record)
        except BaseException:  # noqa: BLE001 - whatever a sink raises, the worker lives on and the loss is counted
            return False
        return True

    def _settle(self, parcel: "_Parcel", *, delivered: bool, overdue: bool = False) -> None:
        """Count a parcel once: by the worker that delivered it, or by the caller that gave it up.

        The worker still comes past a parcel that was given up, and then nothing is overdue any more.
        """
        with self._lock:
            if parcel.settled.is_set():
                return
            parcel.settled.set()
            self._overdue = self._overdue or overdue
            if isinstance(parcel.record, VerifyFailureEvent):
                self.delivered += delivered
                self.lost += not delivered


@dataclass(eq=False, slots=True)
class _Parcel:
    """A record on its way to the worker."""

    record: Record
    settled: threading.Event = field(default_factory=threading.Event)
