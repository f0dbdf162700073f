"""Faults in counting drops and telling them (LIM-5, LIM-6)."""

from collections.abc import Callable
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault, fault_by, helper_by
from bearerproof_reference.audit.limiter import Limiter, _Drops


@fault_by("LIM-5", Patch.wrap, Limiter, "_admit_free")
def free_event_counted_nowhere(admit: Any, self: Any, who: object, kind: Any) -> bool:
    """An event that gets through for its kind is neither admitted nor dropped in the counters."""
    admitted = bool(admit(self, who, kind))
    self.admitted -= admitted
    return admitted


@helper_by(Patch.wrap, Limiter, "judge")
def _dropped(counts: Callable[[Any], bool], judge: Any, self: Any, event: Any) -> Any:
    """Have dropped events left out of the counter where this says so."""
    admitted, summaries = judge(self, event)
    self.dropped -= not admitted and not counts(event)
    return admitted, summaries


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
    patch.wrap(Limiter, "_take", lambda take, self, until: take(self, until + self._window))


@fault("LIM-6")
def summary_names_strangers(patch: Patch) -> None:
    """Summaries list the names that were dropped most, and an attacker chooses them."""
    patch.wrap(_Drops, "count", lambda count, self, event, now, **_named: count(self, event, now, named=True))


@fault_by("LIM-6", Patch.wrap, _Drops, "count")
def summary_misses_a_kind(count: Any, self: Any, event: Any, now: int, *, named: bool) -> None:
    """Drops of one kind are in no summary."""
    if event.kind.of.value != "Expired":
        count(self, event, now, named=named)


@fault_by("LIM-6", Patch.wrap, _Drops, "take")
def summary_counts_again(take: Any, self: Any) -> Any:
    """A summary does not clear what it has told, so each one tells everything since the start."""
    kinds, sources = self.kinds.copy(), self.sources.copy()
    summary = take(self)
    self.kinds, self.sources, self.since = kinds, sources, self.since + 60 * 10**9
    return summary
