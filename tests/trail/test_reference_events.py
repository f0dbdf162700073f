"""The events that the reference leaves, through its limiter, are a truthful trail."""

import io
from pathlib import Path

from bearerproof.trail import Rule, Verdict
from bearerproof_reference.audit.events import Kind, KindClass, VerifyFailureEvent
from bearerproof_reference.audit.hints import Hints
from bearerproof_reference.audit.limiter import Limiter, Limits, Registered
from bearerproof_reference.audit.sinks import JsonLinesSink, RateLimitedSink
from bearerproof_reference.clock import ManualClock

from .trails import judge, judged, violated

HOSTILE = [
    *("app-1", "anon", "nokid", "a::b\r\n\x1b[2J", "\u202e\u2028é%/=", "x" * 65, "é" * 200, "\U0001f511"),
    *("", None, 7, "\ud800"),
]


def test_events_with_hostile_hints_and_drop_summaries_are_truthful(tmp_path: Path) -> None:
    clock, stream = ManualClock(), io.StringIO()
    clock.wall = 1_800_000_000.0
    limiter = Limiter(Limits(capacity=3, window=60, sources=8, strangers=50), Registered(["app-1"], (), ["k1"]), clock)
    sink = RateLimitedSink(JsonLinesSink(stream), limiter)
    for turn in range(600):
        clock.wall += 0.5
        clock.monotonic += 0.5
        client, kid, aud = HOSTILE[turn % 12], HOSTILE[turn * 5 % 12], HOSTILE[turn * 7 % 12]
        kind = Kind(list(KindClass)[turn % 3])
        hints = Hints(client_id=client, azp=client, aud=aud, kid=kid)
        sink.record(VerifyFailureEvent.from_hints(kind, clock.wall, hints, {"engine_msg": "no such row"}))
        sink.record(VerifyFailureEvent.from_id_token_hints(kind, clock.wall, hints, {}))
    sink.flush()
    report = judge(tmp_path, stream.getvalue())
    assert (report.verdict, violated(report)) == (Verdict.TRUTHFUL, {})
    assert judged(report, Rule.SOURCE_OF_HINTS) == limiter.admitted
    assert report.lost == {"dropped": limiter.dropped}
