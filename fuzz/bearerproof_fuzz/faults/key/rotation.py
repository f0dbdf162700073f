"""Faults in following a key set as it changes, within a budget of fetches (KEY-7, KEY-10, KEY-12)."""

from collections.abc import Callable, Mapping
from typing import Any

from bearerproof_fuzz.faults.key.outages import on_failure
from bearerproof_fuzz.faults.registry import Patch, fault, fault_by, helper_by
from bearerproof_reference.verifier import fetching
from bearerproof_reference.verifier.fetching import COOLDOWN, FetchedKeySet
from bearerproof_reference.verifier.keys import Key, KeySet


@fault("KEY-7")
def keys_remembered_by_kid(patch: Patch) -> None:
    """Prepared keys are kept by kid for the whole process, so a withdrawn or replaced key verifies for ever."""
    known: dict[tuple[str | None, str], Key] = {}

    def find_once(find: Any, self: Any, kid: str | None, alg: str) -> Key:
        if (kid, alg) not in known:
            known[kid, alg] = find(self, kid, alg)
        return known[kid, alg]

    patch.wrap(KeySet, "find", find_once)


@fault("KEY-7")
def no_refetch_for_a_new_kid(patch: Patch) -> None:
    """An unknown kid causes no fetch, so a new key is refused until the old set has expired (W22)."""
    patch(FetchedKeySet, "_after_miss", lambda _self, _tick, held: held)


@fault("KEY-7")
def set_fetched_once_and_for_all(patch: Patch) -> None:
    """A set has no time to live, so a withdrawn key verifies until the service is started anew."""
    patch.wrap(FetchedKeySet, "_fresh", lambda fresh, self, tick: self._held or fresh(self, tick))


@fault_by("KEY-7", Patch.wrap, FetchedKeySet, "_fresh")
def old_set_served_while_revalidating(fresh: Any, self: Any, tick: float) -> Any:
    """The token that finds the set expired is judged by it once more, and only the next one by the new set."""
    before = self._held
    return before if (after := fresh(self, tick)) is not None and before is not None else after


@fault_by("KEY-7", Patch.wrap, FetchedKeySet, "_after_miss")
def every_miss_prolongs_the_cooldown(after_miss: Any, self: Any, tick: float, held: Any) -> Any:
    """Each unknown kid starts the cool-down anew, so a trickle of forged tokens keeps a new key out."""
    found = after_miss(self, tick, held)
    self._miss_at = tick + COOLDOWN
    return found


@helper_by(Patch.__call__, FetchedKeySet, "_after_miss")
def _misses(allowed: Callable[[Any, float], bool], self: Any, tick: float, held: Any) -> Any:
    """Have a refetch for an unknown kid made whenever this allows it."""
    if allowed(self, tick):
        self._refresh(tick)
    return self._held or held


@fault("KEY-10")
def refetch_for_every_unknown_kid(patch: Patch) -> None:
    """Each unknown kid costs a fetch: forty unsigned tokens, forty requests (CVE-2026-48524, GHSA-2gx3-rcp4-g85q)."""
    _misses(patch, lambda _keys, _tick: True)


@fault("KEY-10")
def cooldown_for_each_kid(patch: Patch) -> None:
    """The cool-down is kept by kid, which stops whoever repeats himself and not whoever invents names."""
    quiet: dict[object, float] = {}

    def find_anew(find: Any, self: Any, kid: str | None, alg: str) -> Any:
        self._miss_at = quiet.get((self, kid), float("-inf"))
        try:
            return find(self, kid, alg)
        finally:
            quiet[self, kid] = self._miss_at

    patch.wrap(FetchedKeySet, "find", find_anew)


@fault("KEY-10")
def failed_refetch_costs_no_budget(patch: Patch) -> None:
    """The cool-down begins when a refetch succeeds, so a failing endpoint gets a request for every forged token."""

    def failing(self: Any, _tick: float) -> None:
        self._miss_at = float("-inf")

    on_failure(patch, failing)
    _misses(patch, _spend)


def _spend(keys: Any, tick: float) -> bool:
    state = vars(keys)
    before, state["_miss_at"] = state["_miss_at"], max(state["_miss_at"], tick + COOLDOWN)
    return bool(tick >= before)


@fault("KEY-10")
def cooldown_since_the_last_success(patch: Patch) -> None:
    """The cool-down is counted from the last good fetch alone, and then a failing endpoint gets all (PyJWT 2.14.0)."""
    _misses(patch, lambda keys, tick: bool(tick >= vars(keys)["_held"].fetched_at + COOLDOWN))


@fault_by("KEY-10", Patch.wrap, FetchedKeySet, "_after_miss")
def refetch_tried_twice(after_miss: Any, self: Any, tick: float, held: Any) -> Any:
    """A kid that is still unknown after a refetch is looked for once more at once, in case of a slow replica."""
    found = after_miss(self, tick, held)
    if found is not held:
        self._refresh(tick)
    return self._held or found


@fault("KEY-10")
def cooldown_of_half_the_length(patch: Patch) -> None:
    """The cool-down really kept is half of what is stated."""
    patch(fetching, "COOLDOWN", COOLDOWN / 2)


@fault("KEY-10")
def no_pause_before_the_first_set(patch: Patch) -> None:
    """While no set was ever fetched each token fetches: an endpoint that is down gets all the traffic at once."""
    patch(fetching, "_RETRY", 0)


@fault("KEY-10")
def successful_refetch_costs_no_budget(patch: Patch) -> None:
    """The cool-down is a pause after failures only, so an endpoint that works is asked for every forged kid."""
    _misses(patch, lambda keys, tick: bool(tick >= vars(keys)["_retry_at"]))


@helper_by(Patch.wrap, FetchedKeySet, "_refresh")
def _merged(
    merge: Callable[[dict[str, Any], dict[str, Any]], Mapping[str, Any]], refresh: Any, self: Any, tick: float
) -> None:
    """Have the keys that were held and those just fetched, by kid, merged in some way."""
    before = self._held
    refresh(self, tick)
    if before is not None and self._held is not before:
        named = vars(self._held.keys)
        named["_named"] = merge(vars(before.keys)["_named"], named["_named"])


@fault("KEY-12")
def refreshed_set_is_added(patch: Patch) -> None:
    """Fetched keys are added to those held, so a withdrawn key stays for ever (GHSA-675f-rq2r-jw82)."""
    _merged(patch, lambda old, new: {**old, **new})


@fault("KEY-12")
def known_kid_keeps_its_key(patch: Patch) -> None:
    """Only new kids are taken from a refreshed set, so a compromised key that was replaced still verifies."""
    _merged(patch, lambda old, new: {kid: old.get(kid, key) for kid, key in new.items()})


@fault_by("KEY-12", Patch.wrap, FetchedKeySet, "_after_miss")
def set_added_to_for_an_unknown_kid(after_miss: Any, self: Any, tick: float, held: Any) -> Any:
    """Expiry replaces the set, but a refetch for an unknown kid adds to it (GHSA-675f-rq2r-jw82, the second path)."""
    found = after_miss(self, tick, held)
    named = vars(found.keys)
    named["_named"] = {**vars(held.keys)["_named"], **named["_named"]}
    return found
