"""Faults of the limiter (LIM)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_reference.adapter import Adapter
from bearerproof_reference.events import VerifyFailureEvent
from bearerproof_reference.limiter import _OVERFLOW, _STRANGERS, Limiter, Limits, Registered, _Drops

# --- LIM-1 and LIM-9: one bucket


def _spent(patch: Patch, spend: Callable[[int, int, int, int], tuple[int, int]]) -> None:
    """Have the instant at which a bucket is full again computed by this, with the latest that is granted.

    It is given now, the instant held, the window and the capacity, in the limiter's units.
    """

    def spending(self: Any, full_at: int, capacity: int) -> int | None:
        after, latest = spend(self._now * capacity, full_at, self._window, capacity)
        return after if after <= latest else None

    patch(Limiter, "_spend", spending)


@fault("LIM-1")
def refill_twice_as_fast(patch: Patch) -> None:
    """A bucket refills twice in a window, since the rate is taken per half of it."""
    _spent(patch, lambda now, full, window, c: (max(now, full) + window // 2, now + (c - 1) * window + window // 2))


@fault("LIM-1")
def one_more_than_the_capacity(patch: Patch) -> None:
    """An empty bucket has one event left, by `>= 0` in place of `> 0`."""
    _spent(patch, lambda now, full, window, c: (max(now, full) + window, now + (c + 1) * window))


@fault("LIM-1")
def windows_aligned_to_the_clock(patch: Patch) -> None:
    """Events are counted by window of the clock, so twice the capacity passes where two of them meet."""

    def counting(self: Any, full_at: int, capacity: int) -> int | None:
        begin = self._now // self._window * self._window
        used = full_at - begin if full_at >= begin else 0
        return begin + used + 1 if used < capacity else None

    patch(Limiter, "_spend", counting)


@fault("LIM-1")
def bucket_of_each_kind(patch: Patch) -> None:
    """Each kind has a bucket of its own, so a source gets its capacity as often as it finds ways to fail (W9)."""
    patch.wrap(
        VerifyFailureEvent, "rate_limit_key", lambda key: lambda self, peer=None: (key(self, peer), self.kind.of)
    )


@fault("LIM-1")
def free_pass_for_each_event(patch: Patch) -> None:
    """What the bucket refuses is let through as the first of its kind, time after time."""

    def anew(admit: Any) -> Any:
        def admit_anew(self: Any, who: object, kind: Any) -> Any:
            self._free.pop((who, kind), None)
            return admit(self, who, kind)

        return admit_anew

    patch.wrap(Limiter, "_admit_free", anew)


@fault("LIM-1")
def free_pass_by_aligned_windows(patch: Patch) -> None:
    """The free event is one for each window of the clock, so at its edge there are two at once."""

    def aligned(self: Any, who: object, kind: Any) -> bool:
        window = self._now // self._window
        return self._free.get((who, kind)) != window and self._free.update({(who, kind): window}) is None

    patch(Limiter, "_admit_free", aligned)


@fault("LIM-1")
def free_pass_for_each_text_of_a_kind(patch: Patch) -> None:
    """The free event is one for each kind with its text, so each missing claim is a kind of its own (W8)."""

    def judging(judge: Any) -> Any:
        def judge_by_text(self: Any, event: Any) -> Any:
            self._text = event.kind
            return judge(self, event)

        return judge_by_text

    patch.wrap(Limiter, "judge", judging)
    patch.wrap(Limiter, "_admit_free", lambda admit: lambda self, who, _kind: admit(self, who, self._text))


@fault("LIM-1")
def free_pass_refills_the_bucket(patch: Patch) -> None:
    """A free event begins a new window, and with it the bucket starts anew."""

    def refilling(admit: Any) -> Any:
        def admit_and_refill(self: Any, who: object, kind: Any) -> Any:
            admitted = admit(self, who, kind)
            if admitted:
                self._known.pop(who, None)
            return admitted

        return admit_and_refill

    patch.wrap(Limiter, "_admit_free", refilling)


@fault("LIM-9")
def capacity_exceeded_after_a_pause(patch: Patch) -> None:
    """The refill is not capped, so a source that was quiet for an hour may flood for a minute."""
    _spent(patch, lambda now, full, window, c: (full + window, now + c * window))


@fault("LIM-9")
def bucket_starts_empty(patch: Patch) -> None:
    """A new source has to wait for its first event: a burst that begins an attack is dropped."""

    def from_empty(now: int, full_at: int, window: int, capacity: int) -> tuple[int, int]:
        full = now + capacity * window
        return (max(now, full_at) if full_at else full - window) + window, full

    _spent(patch, from_empty)


@fault("LIM-9")
def fractions_of_a_token_lost(patch: Patch) -> None:
    """The refill is rounded down at each look, so a source that fails often enough gets nothing ever again."""

    def rounding(self: Any, full_at: int, capacity: int) -> int | None:
        state = self.__dict__.setdefault("looks", {})
        tokens, seen = state.get(full_at, (capacity, self._now))
        tokens = min(capacity, tokens + (self._now - seen) * capacity // self._window)
        place = full_at or len(state) + 1
        state[place] = (max(0, tokens - 1), self._now)
        return place if tokens else None

    patch(Limiter, "_spend", rounding)


@fault("LIM-9")
def refill_at_half_the_rate(patch: Patch) -> None:
    """A bucket needs two windows to refill."""
    _spent(patch, lambda now, full, window, c: (max(now, full) + 2 * window, now + 2 * c * window))


@fault("LIM-9")
def dropped_event_costs_a_token(patch: Patch) -> None:
    """Each dropped event puts off the refill too, so whoever keeps failing is never heard again."""

    def costly(admit: Any) -> Any:
        def admit_or_charge(self: Any, event: Any) -> Any:
            admitted = admit(self, event)
            key = event.rate_limit_key()
            if not admitted and key in self._known:
                self._known[key] += self._window // 4
            return admitted

        return admit_or_charge

    patch.wrap(Limiter, "_admit_known", costly)


# --- LIM-2: all strangers together


def _strange(patch: Patch, admit: Callable[[Any, Any, Any], bool]) -> None:
    """Have strangers admitted by this, which is given the limiter, the event and the way that is due."""
    patch.wrap(Limiter, "_admit_stranger", lambda due: lambda self, event: admit(self, event, due))


@fault("LIM-2")
def strangers_share_no_bucket(patch: Patch) -> None:
    """The number of buckets is bounded, but they are taken over one after the other: a flood never ends (W1)."""

    def unshared(self: Any, event: Any, due: Any) -> bool:
        self._common = 0
        return bool(due(self, event))

    _strange(patch, unshared)


@fault("LIM-2")
def overflow_without_limit(patch: Patch) -> None:
    """What finds no bucket is let through, since nothing is known against it."""

    def boundless(self: Any, event: Any, due: Any) -> bool:
        return self._place(event.rate_limit_key()) == _OVERFLOW or bool(due(self, event))

    _strange(patch, boundless)


@fault("LIM-2")
def free_pass_for_each_stranger(patch: Patch) -> None:
    """Each stranger has a free event of each kind, and strangers are as many as somebody makes up (W1)."""

    def admitting(admit: Any) -> Any:
        return lambda self, who, kind: admit(self, self.key if who == _STRANGERS else who, kind)

    def noting(self: Any, event: Any, due: Any) -> bool:
        self.key = event.rate_limit_key()
        return bool(due(self, event))

    patch.wrap(Limiter, "_admit_free", admitting)
    _strange(patch, noting)


@fault("LIM-2")
def known_kid_spares_the_common_bucket(patch: Patch) -> None:
    """A stranger that names a registered kid is half trusted and costs the others nothing; kids are public (W3)."""

    def half_trusted(self: Any, event: Any, due: Any) -> bool:
        before = self._common
        admitted = due(self, event)
        if event.kid_hint in vars(self._registered)["_kids"]:
            self._common = before
        return bool(admitted)

    _strange(patch, half_trusted)


# --- LIM-3: a registered source depends on its own events only


def _known(patch: Patch, contains: Callable[[Any, Callable[[Any], bool]], bool]) -> None:
    """Have it decided by this who is registered; it is given the event and the way that is due."""

    def containing(due: Any) -> Any:
        return lambda self, event: contains(event, lambda one: due(self, one))

    patch.wrap(Registered, "__contains__", containing)


@fault("LIM-3")
def registered_source_draws_on_the_strangers(patch: Patch) -> None:
    """The bucket of all strangers is really one for everybody, so a flood of forged names silences clients (W3)."""

    def drawing(admit: Any) -> Any:
        def admit_and_draw(self: Any, event: Any) -> Any:
            common = self._spend(self._common, self._limits.strangers)
            if common is None:
                return self._admit_free(event.rate_limit_key(), event.kind.of)
            self._common = common
            return admit(self, event)

        return admit_and_draw

    patch.wrap(Limiter, "_admit_known", drawing)


@fault("LIM-3")
def free_passes_shared_by_all(patch: Patch) -> None:
    """One free event of a kind serves everybody, so a stranger uses up a client's (W9)."""
    patch.wrap(Limiter, "_admit_free", lambda admit: lambda self, _who, kind: admit(self, "all", kind))


@fault("LIM-3")
def anonymous_source_is_a_stranger(patch: Patch) -> None:
    """Tokens without any hint go with the strangers, so forged names silence malformed tokens (W4)."""
    _known(patch, lambda event, due: event.client_id_hint is not None and due(event))


@fault("LIM-3")
def forged_kid_drains_the_clients_bucket(patch: Patch) -> None:
    """The bucket is the client's alone, and any kid counts as its own: forged tokens drain it (W3, taxonomy H6)."""
    _known(patch, lambda event, due: due(replace(event, kid_hint=None)))
    patch(VerifyFailureEvent, "rate_limit_key", lambda self: self.client_id_hint or self.source_id)


@fault("LIM-3")
def one_bucket_for_all_registered(patch: Patch) -> None:
    """Registered sources share a bucket, so one client that fails silences the others."""

    def sharing(admit: Any) -> Any:
        return lambda self, event: admit(self, replace(event, source_id="registered"))

    patch.wrap(Limiter, "_admit_known", sharing)


@fault("LIM-3")
def registered_bucket_evicted_by_strangers(patch: Patch) -> None:
    """The buckets of clients lie among the others and are pushed out by them: a flood gives a client new tokens."""

    def evicting(self: Any, event: Any, due: Any) -> bool:
        if event.rate_limit_key() not in self._strangers and self._known:
            self._known.pop(next(iter(self._known)))
        return bool(due(self, event))

    _strange(patch, evicting)


# --- LIM-4: kinds do not starve each other


@fault("LIM-4")
def no_free_pass(patch: Patch) -> None:
    """Kinds are not told apart: cheap noise in a bucket hides the replay behind it (W9)."""
    patch(Limiter, "_admit_free", lambda _self, _who, _kind: False)


@fault("LIM-4")
def free_pass_once_and_never_again(patch: Patch) -> None:
    """The free event of a kind is given once in the life of the limiter."""

    def once(admit: Any) -> Any:
        return lambda self, who, kind: (who, kind) not in self._free and admit(self, who, kind)

    patch.wrap(Limiter, "_admit_free", once)


@fault("LIM-4")
def free_pass_for_the_first_kind_only(patch: Patch) -> None:
    """The free event is one for each source and window, whatever its kind."""
    patch.wrap(Limiter, "_admit_free", lambda admit: lambda self, who, _kind: admit(self, who, "any"))


# --- LIM-5 and LIM-6: accounts


@fault("LIM-5")
def free_event_counted_nowhere(patch: Patch) -> None:
    """An event that gets through for its kind is neither admitted nor dropped in the counters."""

    def uncounted(admit: Any) -> Any:
        def admit_uncounted(self: Any, who: object, kind: Any) -> bool:
            admitted = bool(admit(self, who, kind))
            self.admitted -= admitted
            return admitted

        return admit_uncounted

    patch.wrap(Limiter, "_admit_free", uncounted)


def _dropped(patch: Patch, counts: Callable[[Any], bool]) -> None:
    """Have dropped events left out of the counter where this says so."""

    def judging(judge: Any) -> Any:
        def judge_and_count(self: Any, event: Any) -> Any:
            admitted, summaries = judge(self, event)
            self.dropped -= not admitted and not counts(event)
            return admitted, summaries

        return judge_and_count

    patch.wrap(Limiter, "judge", judging)


@fault("LIM-5")
def dropped_kind_not_counted(patch: Patch) -> None:
    """The counter of drops misses one kind, which is refused on a path of its own (W10)."""
    _dropped(patch, lambda event: event.kind.of.value != "AlgorithmInvalid")


@fault("LIM-5")
def dropped_stranger_not_counted(patch: Patch) -> None:
    """What the common bucket of strangers refuses is dropped without being counted (W10)."""
    _dropped(patch, lambda event: event.client_id_hint in {"app-1", "app-2", None})


@fault("LIM-6")
def summary_for_every_event(patch: Patch) -> None:
    """Drops are told with the very next event: the summaries are the flood that the limiter keeps out."""
    patch.wrap(Limiter, "_take", lambda take: lambda self, _until: take(self, self._now))


@fault("LIM-6")
def summary_names_strangers(patch: Patch) -> None:
    """Summaries list the names that were dropped most, and an attacker chooses them."""

    def naming(count: Any) -> Any:
        return lambda self, event, now, **_named: count(self, event, now, named=True)

    patch.wrap(_Drops, "count", naming)


@fault("LIM-6")
def summary_misses_a_kind(patch: Patch) -> None:
    """Drops of one kind are in no summary."""

    def counting(count: Any) -> Any:
        def count_but_one(self: Any, event: Any, now: int, *, named: bool) -> None:
            if event.kind.of.value != "Expired":
                count(self, event, now, named=named)

        return count_but_one

    patch.wrap(_Drops, "count", counting)


@fault("LIM-6")
def summary_counts_again(patch: Patch) -> None:
    """A summary does not clear what it has told, so each one tells everything since the start."""

    def taking(take: Any) -> Any:
        def take_a_copy(self: Any) -> Any:
            kinds, sources = self.kinds.copy(), self.sources.copy()
            summary = take(self)
            self.kinds, self.sources, self.since = kinds, sources, self.since + 60 * 10**9
            return summary

        return take_a_copy

    patch.wrap(_Drops, "take", taking)


# --- LIM-7, LIM-8 and LIM-10


@fault("LIM-7")
def limiter_on_the_wall_clock(patch: Patch) -> None:
    """Buckets refill by the wall clock, so setting it an hour on empties every limit."""

    def timing(init: Any) -> Any:
        return lambda self, limits, known, clock: init(self, limits, known, type("Wall", (), {"tick": clock.now})())

    patch.wrap(Limiter, "__init__", timing)


@fault("LIM-7")
def free_pass_by_the_time_of_the_event(patch: Patch) -> None:
    """Buckets run on the monotonic clock, but the free event of a kind goes by the time that the event tells."""

    def judging(judge: Any) -> Any:
        def judge_by_event(self: Any, event: Any) -> Any:
            self.told = round(event.occurred_at * 10**9)
            return judge(self, event)

        return judge_by_event

    def by_event(self: Any, who: object, kind: Any) -> bool:
        last = self._free.get((who, kind))
        if last is not None and self.told - last < self._window:
            return False
        self._free[who, kind] = self.told
        return True

    patch.wrap(Limiter, "judge", judging)
    patch(Limiter, "_admit_free", by_event)


def _accepting(patch: Patch, name: str, instead: float) -> None:
    """Have a limit of 0 taken, and understood as something else."""

    def checking(check: Any) -> Any:
        def check_and_mend(self: Any) -> None:
            if getattr(self, name) == 0:
                object.__setattr__(self, name, instead)
            check(self)

        return check_and_mend

    patch.wrap(Limits, "__post_init__", checking)


@fault("LIM-8")
def capacity_of_zero_taken(patch: Patch) -> None:
    """A capacity of 0 is understood as no limit, the convention of another library."""
    _accepting(patch, "capacity", 10**6)


@fault("LIM-8")
def window_of_zero_taken(patch: Patch) -> None:
    """A window of 0 is understood as the shortest there is, in which no event is ever dropped."""
    _accepting(patch, "window", 1e-9)


@fault("LIM-8")
def refused_limits_switch_it_off(patch: Patch) -> None:
    """A limiter with bad numbers is refused after the old one was taken down, so a typing error means none."""

    def configuring(configure: Any) -> Any:
        def configure_anew(self: Any, request: Any) -> Any:
            answer = configure(self, request)
            if answer.get("configured") is False:
                configure(self, {"audit": {"sink": "memory", "limiter": None}})
            return answer

        return configure_anew

    patch.wrap(Adapter, "_configure", configuring)


def _evicted(patch: Patch, choose: Callable[[dict[object, int]], object]) -> None:
    """Have one bucket evicted to make room, whether it is full again or not."""
    patch(Limiter, "_evict", lambda self: self._strangers.pop(choose(self._strangers), None))


@fault("LIM-10")
def oldest_bucket_evicted(patch: Patch) -> None:
    """The bucket that came first goes when there is no room, drained or not: who returns has a full one (W2)."""
    _evicted(patch, lambda buckets: next(iter(buckets)))


@fault("LIM-10")
def fullest_bucket_evicted(patch: Patch) -> None:
    """The bucket that is nearest to full is thought to be no loss, though it is not full."""
    _evicted(patch, lambda buckets: min(buckets, key=lambda name: buckets[name]))


@fault("LIM-10")
def bucket_evicted_when_half_full(patch: Patch) -> None:
    """A bucket that has refilled by half counts as unused, so its owner comes back to a full one."""

    def evict(self: Any) -> None:
        soon = self._now * self._limits.capacity + self._limits.capacity * self._window // 2
        self._strangers = {place: full_at for place, full_at in self._strangers.items() if full_at > soon}

    patch(Limiter, "_evict", evict)
