"""Faults in what the bucket of one source admits (LIM-1, LIM-4, LIM-7 to LIM-9)."""

from collections.abc import Callable
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault, fault_by, helper_by
from bearerproof_reference.adapter.adapter import Adapter
from bearerproof_reference.audit.events import VerifyFailureEvent
from bearerproof_reference.audit.limiter import Limiter, Limits


@helper_by(Patch.__call__, Limiter, "_spend")
def _spent(
    spend: Callable[[int, int, int, int], tuple[int, int]], self: Any, full_at: int | None, capacity: int
) -> int | None:
    """Have the instant at which a bucket is full again computed by this, with the latest that is granted.

    It is given now, the instant held, the window and the capacity, in the limiter's units.
    """
    after, latest = spend(self._now * capacity, full_at or 0, self._window, capacity)
    return after if after <= latest else None


@fault("LIM-1")
def refill_twice_as_fast(patch: Patch) -> None:
    """A bucket refills twice in a window, since the rate is taken per half of it."""
    _spent(patch, lambda now, full, window, c: (max(now, full) + window // 2, now + (c - 1) * window + window // 2))


@fault("LIM-1")
def one_more_than_the_capacity(patch: Patch) -> None:
    """An empty bucket has one event left, by `>= 0` in place of `> 0`."""
    _spent(patch, lambda now, full, window, c: (max(now, full) + window, now + (c + 1) * window))


@fault_by("LIM-1", Patch.__call__, Limiter, "_spend")
def windows_aligned_to_the_clock(self: Any, full_at: int | None, capacity: int) -> int | None:
    """Events are counted by window of the clock, so twice the capacity passes where two of them meet."""
    begin = self._now // self._window * self._window
    used = full_at - begin if full_at is not None and full_at >= begin else 0
    return begin + used + 1 if used < capacity else None


@fault("LIM-1")
def bucket_of_each_kind(patch: Patch) -> None:
    """Each kind has a bucket of its own, so a source gets its capacity as often as it finds ways to fail (W9)."""
    patch.wrap(VerifyFailureEvent, "rate_limit_key", lambda key, self: (key(self), self.kind.of))


@fault_by("LIM-1", Patch.wrap, Limiter, "_admit_free")
def free_pass_for_each_event(admit: Any, self: Any, who: object, kind: Any) -> Any:
    """What the bucket refuses is let through as the first of its kind, time after time."""
    self._free.pop((who, kind), None)
    return admit(self, who, kind)


@fault_by("LIM-1", Patch.__call__, Limiter, "_admit_free")
def free_pass_by_aligned_windows(self: Any, who: object, kind: Any) -> bool:
    """The free event is one for each window of the clock, so at its edge there are two at once."""
    window = self._now // self._window
    return self._free.get((who, kind)) != window and self._free.update({(who, kind): window}) is None


@fault("LIM-1")
def free_pass_for_each_text_of_a_kind(patch: Patch) -> None:
    """The free event is one for each kind with its text, so each missing claim is a kind of its own (W8)."""

    def judge_by_text(judge: Any, self: Any, event: Any) -> Any:
        self._text = event.kind
        return judge(self, event)

    patch.wrap(Limiter, "judge", judge_by_text)
    patch.wrap(Limiter, "_admit_free", lambda admit, self, who, _kind: admit(self, who, self._text))


@fault_by("LIM-1", Patch.wrap, Limiter, "_admit_free")
def free_pass_refills_the_bucket(admit: Any, self: Any, who: object, kind: Any) -> Any:
    """A free event begins a new window, and with it the bucket starts anew."""
    admitted = admit(self, who, kind)
    if admitted:
        self._known.pop(who, None)
    return admitted


@fault("LIM-9")
def capacity_exceeded_after_a_pause(patch: Patch) -> None:
    """The refill is not capped, so a source that was quiet for an hour may flood for a minute."""
    _spent(patch, lambda now, full, window, c: (full + window, now + c * window))


@fault_by("LIM-9", _spent)
def bucket_starts_empty(now: int, full_at: int, window: int, capacity: int) -> tuple[int, int]:
    """A new source has to wait for its first event: a burst that begins an attack is dropped."""
    full = now + capacity * window
    return (max(now, full_at) if full_at else full - window) + window, full


@fault_by("LIM-9", Patch.__call__, Limiter, "_spend")
def fractions_of_a_token_lost(self: Any, full_at: int | None, capacity: int) -> int | None:
    """The refill is rounded down at each look, so a source that fails often enough gets nothing ever again."""
    state = self.__dict__.setdefault("looks", {})
    tokens, seen = state.get(full_at, (capacity, self._now))
    tokens = min(capacity, tokens + (self._now - seen) * capacity // self._window)
    place = full_at or len(state) + 1
    state[place] = (max(0, tokens - 1), self._now)
    return place if tokens else None


@fault("LIM-9")
def refill_at_half_the_rate(patch: Patch) -> None:
    """A bucket needs two windows to refill."""
    _spent(patch, lambda now, full, window, c: (max(now, full) + 2 * window, now + 2 * c * window))


@fault_by("LIM-9", Patch.wrap, Limiter, "_admit_known")
def dropped_event_costs_a_token(admit: Any, self: Any, event: Any) -> Any:
    """Each dropped event puts off the refill too, so whoever keeps failing is never heard again."""
    admitted = admit(self, event)
    key = event.rate_limit_key()
    if not admitted and key in self._known:
        self._known[key] += self._window // 4
    return admitted


@fault("LIM-4")
def no_free_pass(patch: Patch) -> None:
    """Kinds are not told apart: cheap noise in a bucket hides the replay behind it (W9)."""
    patch(Limiter, "_admit_free", lambda _self, _who, _kind: False)


@fault_by("LIM-4", Patch.wrap, Limiter, "_admit_free")
def free_pass_once_and_never_again(admit: Any, self: Any, who: object, kind: Any) -> bool:
    """The free event of a kind is given once in the life of the limiter."""
    return (who, kind) not in self._free and bool(admit(self, who, kind))


@fault("LIM-4")
def free_pass_for_the_first_kind_only(patch: Patch) -> None:
    """The free event is one for each source and window, whatever its kind."""
    patch.wrap(Limiter, "_admit_free", lambda admit, self, who, _kind: admit(self, who, "any"))


@fault_by("LIM-7", Patch.wrap, Limiter, "__init__")
def limiter_on_the_wall_clock(init: Any, self: Any, limits: Limits, known: Any, clock: Any) -> None:
    """Buckets refill by the wall clock, so setting it an hour on empties every limit."""
    init(self, limits, known, type("Wall", (), {"tick": clock.now})())


@fault("LIM-7")
def free_pass_by_the_time_of_the_event(patch: Patch) -> None:
    """Buckets run on the monotonic clock, but the free event of a kind goes by the time that the event tells."""

    def judge_by_event(judge: Any, self: Any, event: Any) -> Any:
        self.event_time = round(event.occurred_at * 10**9)
        return judge(self, event)

    def by_event(self: Any, who: object, kind: Any) -> bool:
        last = self._free.get((who, kind))
        if last is not None and self.event_time - last < self._window:
            return False
        self._free[who, kind] = self.event_time
        return True

    patch.wrap(Limiter, "judge", judge_by_event)
    patch(Limiter, "_admit_free", by_event)


def _accepting(patch: Patch, name: str, instead: float) -> None:
    """Have a limit of 0 taken, and understood as something else."""

    def check_and_mend(check: Any, self: Any) -> None:
        if getattr(self, name) == 0:
            object.__setattr__(self, name, instead)
        check(self)

    patch.wrap(Limits, "__post_init__", check_and_mend)


@fault("LIM-8")
def capacity_of_zero_taken(patch: Patch) -> None:
    """A capacity of 0 is understood as no limit, the convention of another library."""
    _accepting(patch, "capacity", 10**6)


@fault("LIM-8")
def window_of_zero_taken(patch: Patch) -> None:
    """A window of 0 is understood as the shortest there is, in which no event is ever dropped."""
    _accepting(patch, "window", 1e-9)


@fault_by("LIM-8", Patch.wrap, Adapter, "_configure")
def refused_limits_switch_it_off(configure: Any, self: Any, request: Any) -> Any:
    """A limiter with bad numbers is refused after the old one was taken down, so a typing error means none."""
    answer = configure(self, request)
    if answer.get("configured") is False:
        configure(self, {"audit": {"sink": "memory", "limiter": None}})
    return answer
