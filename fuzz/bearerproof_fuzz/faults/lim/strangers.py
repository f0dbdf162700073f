"""Faults in keeping strangers and registered sources apart (LIM-2, LIM-3, LIM-10)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault, fault_by
from bearerproof_reference.audit.events import VerifyFailureEvent
from bearerproof_reference.audit.limiter import Limiter, Registered, _Overflow


def _strange(patch: Patch, admit: Callable[[Any, Any, Any], bool]) -> None:
    """Have strangers admitted by this, which is given the limiter, the event and the method it replaces."""
    patch.wrap(Limiter, "_admit_stranger", lambda admit_stranger, self, event: admit(self, event, admit_stranger))


@fault_by("LIM-2", _strange)
def strangers_share_no_bucket(self: Any, event: Any, admit_stranger: Any) -> bool:
    """The number of buckets is bounded, but they are taken over one after the other: a flood never ends (W1)."""
    self._common = None
    return bool(admit_stranger(self, event))


@fault_by("LIM-2", _strange)
def overflow_without_limit(self: Any, event: Any, admit_stranger: Any) -> bool:
    """What finds no bucket is let through, since nothing is known against it."""
    return self._place(event.rate_limit_key()) is _Overflow or bool(admit_stranger(self, event))


@fault("LIM-2")
def free_pass_for_each_stranger(patch: Patch) -> None:
    """Each stranger has a free event of each kind, and strangers are as many as somebody makes up (W1)."""

    def admit_by_name(admit: Any, self: Any, who: object, kind: Any) -> Any:
        return admit(self, self.key if who is None else who, kind)

    def noting(self: Any, event: Any, admit_stranger: Any) -> bool:
        self.key = event.rate_limit_key()
        return bool(admit_stranger(self, event))

    patch.wrap(Limiter, "_admit_free", admit_by_name)
    _strange(patch, noting)


@fault_by("LIM-2", _strange)
def known_kid_spares_the_common_bucket(self: Any, event: Any, admit_stranger: Any) -> bool:
    """A stranger that names a registered kid is half trusted and costs the others nothing; kids are public (W3)."""
    before = self._common
    admitted = admit_stranger(self, event)
    if event.kid_hint in vars(self._registered)["_kids"]:
        self._common = before
    return bool(admitted)


def _known(patch: Patch, contains: Callable[[Any, Callable[[Any], bool]], bool]) -> None:
    """Have it decided by this who is registered; it is given the event and the rule it replaces."""
    patch.wrap(
        Registered,
        "__contains__",
        lambda registered, self, event: contains(event, lambda candidate: registered(self, candidate)),
    )


@fault_by("LIM-3", Patch.wrap, Limiter, "_admit_known")
def registered_source_draws_on_the_strangers(admit: Any, self: Any, event: Any) -> Any:
    """The bucket of all strangers is really one for everybody, so a flood of forged names silences clients (W3)."""
    common = self._spend(self._common, self._limits.strangers)
    if common is None:
        return self._admit_free(event.rate_limit_key(), event.kind.of)
    self._common = common
    return admit(self, event)


@fault("LIM-3")
def free_passes_shared_by_all(patch: Patch) -> None:
    """One free event of a kind serves everybody, so a stranger uses up a client's (W9)."""
    patch.wrap(Limiter, "_admit_free", lambda admit, self, _who, kind: admit(self, "all", kind))


@fault("LIM-3")
def anonymous_source_is_a_stranger(patch: Patch) -> None:
    """Tokens without any hint go with the strangers, so forged names silence malformed tokens (W4)."""
    _known(patch, lambda event, registered: event.client_id_hint is not None and registered(event))


@fault("LIM-3")
def forged_kid_drains_the_clients_bucket(patch: Patch) -> None:
    """The bucket is the client's alone, and any kid counts as its own: forged tokens drain it (W3, taxonomy H6)."""
    _known(patch, lambda event, registered: registered(replace(event, kid_hint=None)))
    patch(VerifyFailureEvent, "rate_limit_key", lambda self: self.client_id_hint or self.source_id)


@fault("LIM-3")
def one_bucket_for_all_registered(patch: Patch) -> None:
    """Registered sources share a bucket, so one client that fails silences the others."""
    patch.wrap(Limiter, "_admit_known", lambda admit, self, event: admit(self, replace(event, source_id="registered")))


@fault_by("LIM-3", _strange)
def registered_bucket_evicted_by_strangers(self: Any, event: Any, admit_stranger: Any) -> bool:
    """The buckets of clients lie among the others and are pushed out by them: a flood gives a client new tokens."""
    if event.rate_limit_key() not in self._strangers and self._known:
        self._known.pop(next(iter(self._known)))
    return bool(admit_stranger(self, event))


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


@fault_by("LIM-10", Patch.__call__, Limiter, "_evict")
def bucket_evicted_when_half_full(self: Any) -> None:
    """A bucket that has refilled by half counts as unused, so its owner comes back to a full one."""
    soon = self._now * self._limits.capacity + self._limits.capacity * self._window // 2
    self._strangers = {place: full_at for place, full_at in self._strangers.items() if full_at > soon}
