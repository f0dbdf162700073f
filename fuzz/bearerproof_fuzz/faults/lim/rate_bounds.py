"""Faults in how many requests a rate admits, and in when to come back (LIM-12, LIM-13)."""

from collections.abc import Callable
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by
from bearerproof_reference.keyserver import throttling
from bearerproof_reference.keyserver.authentication import Authentication
from bearerproof_reference.keyserver.throttling import Throttle

_SECOND = 10**12
_MINUTE = 60 * _SECOND


@helper_by(Patch.__call__, Throttle, "_after")
def _spending(
    after: Callable[[int, int | None, int], tuple[int, int]], self: Any, name: object, rate: int
) -> tuple[int, int | None]:
    """Have the instant at which a bucket is full, and the latest that is admitted, computed by this.

    It is given now, the instant held (None at first) and the rate.
    """
    now = self._turn()
    if rate == 0:
        return now, None
    full_at, latest = after(now, self._recent.get(name, self._older.get(name)), rate)
    return full_at, max(1, -((latest - full_at) // _SECOND)) if full_at > latest else None


def _or_now(now: int, full_at: int | None) -> int:
    return max(now, full_at or 0)


@fault_by("LIM-12", Patch.__call__, Throttle, "spend")
def rate_by_the_minute_of_the_clock(self: Any, name: object, rate: int) -> int | None:
    """Requests are counted by minute, so around its turn twice the rate is admitted."""
    now = self._clock.tick()
    used = self._recent.get((name, now // 60), 0)
    if rate and used >= rate:
        return max(1, int(60 - now % 60))
    self._recent[name, now // 60] = used + 1
    return None


_SPENDING: Rows[Callable[[int, int | None, int], tuple[int, int]]] = {
    "one-more-than-the-rate": (
        "An empty bucket has one request left, by `>=` in place of `>`.",
        lambda now, full_at, _rate: (_or_now(now, full_at), now + _MINUTE),
    ),
    "one-less-than-the-rate": (
        "The request that fills the minute up is refused; a rate of 1 admits nothing but the very first.",
        lambda now, full_at, rate: (
            _or_now(now, full_at) + _MINUTE // rate,
            now + _MINUTE - (1 if full_at is not None else 0),
        ),
    ),
    "no-burst-at-all": (
        "The rate is an interval: after each request the next has to wait, so N at once are refused but one.",
        lambda now, full_at, rate: (_or_now(now, full_at) + _MINUTE // rate, now + _MINUTE // rate),
    ),
    "quiet-time-is-saved-up": (
        "The refill is not capped, so an identity that was quiet for an hour may flood.",
        lambda now, full_at, rate: ((now if full_at is None else full_at) + _MINUTE // rate, now + _MINUTE),
    ),
    "rate-refills-twice-as-fast": (
        "The bucket refills in half a minute.",
        lambda now, full_at, rate: (_or_now(now, full_at) + _MINUTE // rate // 2, now + _MINUTE // 2),
    ),
    "rate-refills-at-half-speed": (
        "The bucket needs two minutes to refill.",
        lambda now, full_at, rate: (_or_now(now, full_at) + 2 * _MINUTE // rate, now + 2 * _MINUTE),
    ),
    "interval-in-whole-seconds": (
        "60/N is divided in whole seconds, so a rate of 7 is one of 7.5, and one of 100 is no limit.",
        lambda now, full_at, rate: (_or_now(now, full_at) + 60 // rate * _SECOND, now + _MINUTE),
    ),
}
faults_for("LIM-12", _spending, _SPENDING)


@fault_by("LIM-12", _spending)
def bucket_begins_half_full(now: int, full_at: int | None, rate: int) -> tuple[int, int]:
    """A new bucket is half full, to be careful with strangers, and the first honest burst is stopped."""
    return (
        (now + _MINUTE // 2 if full_at is None and rate > 1 else _or_now(now, full_at)) + _MINUTE // rate,
        now + _MINUTE,
    )


@fault("LIM-12")
def zero_is_the_default(patch: Patch) -> None:
    """`rate or 300`: who is given no limit has one."""
    patch.wrap(Throttle, "spend", lambda spend, self, name, rate: spend(self, name, rate or 300))


# --- when to come back


@helper_by(Patch.wrap, Throttle, "spend")
def _retry_time(change: Callable[[int, int], int | None], spend: Any, self: Any, name: object, rate: int) -> Any:
    """Have another time told than the one to wait; it is given that time and the rate."""
    wait = spend(self, name, rate)
    return None if wait is None else change(wait, rate)


_RETRY_TIME: Rows[Callable[[int, int], int | None]] = {
    "constant-retry-time": ("The answer is always a minute (W20).", lambda _wait, _rate: 60),
    "constant-short-retry-time": ("The answer is always one second, and clients keep asking.", lambda _wait, _rate: 1),
    "retry-time-a-second-long": (
        "Rounding up is done by adding one, to whole seconds too.",
        lambda wait, _rate: wait + 1,
    ),
    "retry-time-of-a-full-bucket": (
        "What is told is when the whole rate is there again, and not the next request.",
        lambda wait, rate: wait + (rate - 1) * 60 // rate,
    ),
    "retry-time-not-told": (
        "A bearer over its rate is refused without a word on when to come back.",
        lambda _wait, _rate: None,
    ),
}
faults_for("LIM-13", _retry_time, _RETRY_TIME)


@fault("LIM-13")
def retry_time_rounded_down(patch: Patch) -> None:
    """Fractions of a second are cut off, and the client comes a moment too early."""
    patch(throttling, "_seconds", lambda picoseconds: picoseconds // _SECOND)


@fault_by("LIM-13", Patch.__call__, Throttle, "spend")
def refused_requests_count(self: Any, name: object, rate: int) -> int | None:
    """A refused request takes from the rate as well, so whoever is impatient is never admitted again."""
    after, wait = self._after(name, rate)
    if rate:
        self._recent[name] = after
    return wait  # type: ignore[no-any-return]


@fault_by("LIM-13", Patch.wrap, Authentication, "_judge")
def other_refusals_count(judge: Any, self: Any, found: Any, wants: Any, occasion: Any) -> Any:
    """The rate is charged before the scope is looked at, and requests for the wrong backend use it up."""
    if found is not None and not wants.within(found.record.scopes):
        self._throttle.spend(found.record.identity.key, found.record.scopes.rate_limit)
    return judge(self, found, wants, occasion)
