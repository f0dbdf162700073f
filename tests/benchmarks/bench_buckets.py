"""A flood from ever new sources through the rate-limited sink: is its cost flat and its memory bounded?

Prints the largest number of buckets seen beside the cap, the growth of resident memory after the first
100,000 events, and the time per event of the last fifth over that of the first. Every source is distinct and
forged; time passes during the flood, so that buckets refill, are evicted and made again.
"""

import os
import time
from argparse import ArgumentParser
from pathlib import Path

from bearerproof_reference.audit.events import Kind, KindClass, VerifyFailureEvent
from bearerproof_reference.audit.hints import Hints
from bearerproof_reference.audit.limiter import Limiter, Limits, Registered
from bearerproof_reference.audit.sinks import NullSink, RateLimitedSink
from bearerproof_reference.clock import ManualClock

LIMITS = Limits(capacity=3, window=60, sources=1024, strangers=2000)
BATCH = 20_000
EVENTS_PER_SECOND = 1000
KIND = Kind(KindClass.SIGNATURE_INVALID)


def main() -> None:
    """Send the flood and print the table."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=5_000_000, help="distinct sources (default 5,000,000)")
    parser.add_argument("--quick", action="store_true", help="500,000 sources")
    options = parser.parse_args()
    events = 500_000 if options.quick else options.events
    clock = ManualClock()
    limiter = Limiter(LIMITS, Registered(["app-1"], (), ["k1"]), clock)
    sink = RateLimitedSink(NullSink(), limiter)
    seconds, buckets, early, late = [], 0, 0, 0
    for start in range(0, events, BATCH):
        seconds.append(send(sink, clock, start, BATCH))
        buckets = max(buckets, limiter.buckets)
        late = resident()
        early = late if start < 100_000 else early
    fifth = max(1, len(seconds) // 5)
    print(f"sources           {events:>12,}")
    print(f"buckets / cap     {buckets / (LIMITS.sources + 1):12.3f}   ({buckets:,} live at most)")
    print(f"memory, MiB       {(late - early) / 2**20:12.1f}   (after the first 100,000)")
    print(f"last / first time {sum(seconds[-fifth:]) / sum(seconds[:fifth]):12.2f}   (per event)")
    print(f"admitted / all    {limiter.admitted / (limiter.admitted + limiter.dropped):12.4f}")


def send(sink: RateLimitedSink, clock: ManualClock, start: int, count: int) -> float:
    """Send ``count`` events, each of a source never seen before; return the seconds it took."""
    begun = time.perf_counter()
    for number in range(start, start + count):
        clock.monotonic = number / EVENTS_PER_SECOND
        hints = Hints(client_id=f"client-{number}", kid=f"kid-{number}")
        sink.record(VerifyFailureEvent.from_hints(KIND, 1_800_000_000, hints, {}))
    return time.perf_counter() - begun


def resident() -> int:
    """Return the resident memory of this process in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
