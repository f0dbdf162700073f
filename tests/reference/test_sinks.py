"""Sinks: they keep and write, and what goes wrong in one of them stays there."""

import io
import json
import threading
import time

import pytest

from bearerproof_reference.audit.events import Kind, KindClass, VerifyFailureEvent, one_line
from bearerproof_reference.audit.hints import Hints
from bearerproof_reference.audit.limiter import Limiter, Limits, Registered, Summary
from bearerproof_reference.audit.sinks import (
    FanOutSink,
    IsolatingSink,
    JsonLinesSink,
    MemorySink,
    NullSink,
    RateLimitedSink,
    Record,
)
from bearerproof_reference.clock import ManualClock

EVENT = VerifyFailureEvent.from_hints(Kind(KindClass.EXPIRED), 0, Hints("app-1\n"), {})


class RaisingSink:
    """Fails at each record."""

    def record(self, record: Record) -> None:
        raise OSError(record)


class StallingSink:
    """Does not come back before it is released."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.memory = MemorySink()

    def record(self, record: Record) -> None:
        self.released.wait(10)
        self.memory.record(record)


def eventually(sink: IsolatingSink, delivered: int) -> bool:
    """Return whether the sink delivers that many, offering events until it does."""
    for _ in range(200):
        if sink.delivered >= delivered:
            return True
        sink.record(EVENT)
        time.sleep(0.005)
    return False


def test_memory_keeps_until_it_is_taken() -> None:
    sink = MemorySink()
    kept = [Summary(tier, {}, {}) for tier in "abc"]
    for record in kept:
        sink.record(record)
    assert sink.take() == kept
    assert sink.take() == []
    NullSink().record(EVENT)


def test_json_lines_are_one_line_each() -> None:
    stream = io.StringIO()
    sink = JsonLinesSink(stream)
    sink.record(EVENT)
    sink.record(Summary("strangers", {"Expired": 2}, {}))
    lines = stream.getvalue().splitlines()
    assert lines[0] == one_line(EVENT.as_dict())
    assert json.loads(lines[1]) == {"tier": "strangers", "dropped": 2, "kinds": {"Expired": 2}, "sources": {}}


def test_fan_out_serves_all_before_it_raises() -> None:
    last = MemorySink()
    with pytest.raises(OSError, match="VerifyFailureEvent"):
        FanOutSink(RaisingSink(), last).record(EVENT)
    assert last.records == [EVENT]


def test_rate_limited_hands_on_what_is_admitted_and_the_summaries() -> None:
    clock, inner = ManualClock(), MemorySink()
    sink = RateLimitedSink(inner, Limiter(Limits(1, 60, 1, 1), Registered(), clock))
    for _ in range(5):
        sink.record(EVENT)
    assert inner.records == [EVENT, EVENT]
    sink.flush()
    assert inner.records[-1] == Summary("strangers", {"Expired": 3}, {})


def test_isolation_delivers() -> None:
    inner = MemorySink()
    sink = IsolatingSink(inner, bound=10)
    sink.record(EVENT)
    sink.record(Summary("strangers", {}, {}))
    assert (len(inner.records), sink.delivered, sink.lost) == (2, 1, 0)
    sink.close()


def test_a_sink_that_raises_costs_its_records_only() -> None:
    sink = IsolatingSink(RaisingSink(), bound=10)
    for _ in range(3):
        sink.record(EVENT)
    assert (sink.delivered, sink.lost) == (0, 3)


def test_a_sink_that_hangs_holds_nobody_up_and_is_used_again_when_it_is_back() -> None:
    inner = StallingSink()
    sink = IsolatingSink(inner, bound=0.01)
    for _ in range(100):
        sink.record(EVENT)
    assert (sink.delivered, sink.lost) == (0, 100)
    inner.released.set()
    assert eventually(sink, delivered=1)
    sink.close()


def test_what_waits_behind_a_sink_that_hangs_is_lost_and_counted() -> None:
    inner = StallingSink()
    sink = IsolatingSink(inner, bound=0.2)
    threads = [threading.Thread(target=sink.record, args=(EVENT,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sink.delivered, sink.lost) == (0, 8)
    inner.released.set()
    sink.close()
