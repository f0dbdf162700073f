"""Faults of fetched key sets and rotation (KEY-7 to KEY-13)."""

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.request import HTTPErrorProcessor, HTTPRedirectHandler, ProxyHandler, build_opener

from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_reference import fetching
from bearerproof_reference.fetching import COOLDOWN, STALE, TTL, FetchedKeySet, _Held, _NoRedirects
from bearerproof_reference.keys import Key, KeySet
from bearerproof_reference.verdicts import Reason, Refusal

# --- KEY-7: rotation


@fault("KEY-7")
def keys_remembered_by_kid(patch: Patch) -> None:
    """Prepared keys are kept by kid for the whole process, so a withdrawn or replaced key verifies for ever."""
    known: dict[tuple[str | None, str], Key] = {}

    def remembering(find: Any) -> Any:
        def find_once(self: Any, kid: str | None, alg: str) -> Key:
            if (kid, alg) not in known:
                known[kid, alg] = find(self, kid, alg)
            return known[kid, alg]

        return find_once

    patch.wrap(KeySet, "find", remembering)


@fault("KEY-7")
def no_refetch_for_a_new_kid(patch: Patch) -> None:
    """An unknown kid causes no fetch, so a new key is refused until the old set has expired (W22)."""
    patch(FetchedKeySet, "_after_miss", lambda _self, _tick, held: held)


@fault("KEY-7")
def set_fetched_once_and_for_all(patch: Patch) -> None:
    """A set has no time to live, so a withdrawn key verifies until the service is started anew."""

    def expiring(fresh: Any) -> Any:
        return lambda self, tick: self._held or fresh(self, tick)

    patch.wrap(FetchedKeySet, "_fresh", expiring)


@fault("KEY-7")
def old_set_served_while_revalidating(patch: Patch) -> None:
    """The token that finds the set expired is judged by it once more, and only the next one by the new set."""

    def revalidating(fresh: Any) -> Any:
        def fresh_next_time(self: Any, tick: float) -> Any:
            before = self._held
            return before if (after := fresh(self, tick)) is not None and before is not None else after

        return fresh_next_time

    patch.wrap(FetchedKeySet, "_fresh", revalidating)


@fault("KEY-7")
def every_miss_prolongs_the_cooldown(patch: Patch) -> None:
    """Each unknown kid starts the cool-down anew, so a trickle of forged tokens keeps a new key out."""

    def prolonging(after_miss: Any) -> Any:
        def look(self: Any, tick: float, held: Any) -> Any:
            found = after_miss(self, tick, held)
            self._miss_at = tick + COOLDOWN
            return found

        return look

    patch.wrap(FetchedKeySet, "_after_miss", prolonging)


# --- KEY-8 and KEY-9: failures, and how long the last good set outlives them


def _on_failure(patch: Patch, then: Callable[[Any, float], None]) -> None:
    """Have something more happen when a fetch has failed."""

    def refreshing(refresh: Any) -> Any:
        def refresh_and_then(self: Any, tick: float) -> None:
            self._retry_at = float("-inf")
            refresh(self, tick)
            if self._retry_at > tick:
                then(self, tick)

        return refresh_and_then

    patch.wrap(FetchedKeySet, "_refresh", refreshing)


def _hold(keys: FetchedKeySet, held: _Held | None) -> None:
    vars(keys)["_held"] = held


@fault("KEY-8")
def failed_fetch_drops_the_set(patch: Patch) -> None:
    """The set is cleared before it is fetched, so one failure evicts the good keys (CVE-2026-48524)."""
    _on_failure(patch, lambda keys, _tick: _hold(keys, None))


@fault("KEY-8")
def failed_fetch_gives_an_empty_set(patch: Patch) -> None:
    """What could not be read is taken for a set without keys, fresh for its whole time to live."""
    _on_failure(patch, lambda keys, tick: _hold(keys, _Held(KeySet({"keys": []}, ()), tick)))


@fault("KEY-8")
def expired_set_never_serves(patch: Patch) -> None:
    """A set is of no use once its time to live is over, so an outage of the endpoint is one of every service."""
    patch(fetching, "_may_serve", lambda held, tick: held is not None and tick - held.fetched_at < TTL)


@fault("KEY-8")
def slow_endpoint_raises(patch: Patch) -> None:
    """A time-out is no failed fetch but an error of its own that nobody handles: the token is refused for it."""

    def getting(get: Any) -> Any:
        def get_or_raise(*args: Any, **options: Any) -> Any:
            try:
                return get(*args, **options)
            except OSError as error:
                timed_out = isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError)
                raise (RuntimeError("timed out") if timed_out else error) from error

        return get_or_raise

    patch.wrap(fetching, "fetch", getting)


@fault("KEY-8")
def status_of_the_answer_ignored(patch: Patch) -> None:
    """The status is not looked at, so the error page of a proxy that looks like a key set replaces the keys."""

    class AnyStatus(HTTPErrorProcessor):
        def http_response(self, request: Any, response: Any) -> Any:
            status = response.status
            if status >= 400:
                response.status = 200
            return response if status >= 400 else super().http_response(request, response)

    patch(fetching, "_OPENER", build_opener(ProxyHandler({}), _NoRedirects, AnyStatus))


@fault("KEY-9")
def no_stale_limit(patch: Patch) -> None:
    """The last good set serves for as long as fetching fails, so who blocks the endpoint keeps a stolen key (W22)."""
    patch(fetching, "_may_serve", lambda held, _tick: held is not None)


@fault("KEY-9")
def stale_limit_per_failure(patch: Patch) -> None:
    """Each failed fetch counts as having looked, so the age of the set starts anew and never reaches the limit."""
    _on_failure(patch, lambda keys, tick: _hold(keys, vars(keys)["_held"] and _Held(vars(keys)["_held"].keys, tick)))


@fault("KEY-9")
def stale_limit_twice_over(patch: Patch) -> None:
    """The time to live is added to the stale limit once too often."""
    patch(fetching, "_may_serve", lambda held, tick: held is not None and tick - held.fetched_at < 2 * TTL + STALE)


@fault("KEY-9")
def age_by_the_wall_clock(patch: Patch) -> None:
    """Ages are taken from the wall clock, so setting it back makes an old set fresh again."""

    def timing(init: Any) -> Any:
        def on_the_wall(self: Any, url: str, allowed: Collection[str], clock: Any, *get: Any) -> None:
            init(self, url, allowed, clock, *get)
            self._clock = type("Wall", (), {"tick": clock.now})()

        return on_the_wall

    patch.wrap(FetchedKeySet, "__init__", timing)


# --- KEY-10: the budget


def _misses(patch: Patch, allowed: Callable[[Any, float], bool]) -> None:
    """Have a refetch for an unknown kid made whenever this allows it."""

    def after_miss(self: Any, tick: float, held: Any) -> Any:
        if allowed(self, tick):
            self._refresh(tick)
        return self._held or held

    patch(FetchedKeySet, "_after_miss", after_miss)


@fault("KEY-10")
def refetch_for_every_unknown_kid(patch: Patch) -> None:
    """Each unknown kid costs a fetch: forty unsigned tokens, forty requests (CVE-2026-48524, GHSA-2gx3-rcp4-g85q)."""
    _misses(patch, lambda _keys, _tick: True)


@fault("KEY-10")
def cooldown_for_each_kid(patch: Patch) -> None:
    """The cool-down is kept by kid, which stops whoever repeats himself and not whoever invents names."""
    quiet: dict[object, float] = {}

    def finding(find: Any) -> Any:
        def find_anew(self: Any, kid: str | None, alg: str) -> Any:
            self._miss_at = quiet.get((self, kid), float("-inf"))
            try:
                return find(self, kid, alg)
            finally:
                quiet[self, kid] = self._miss_at

        return find_anew

    patch.wrap(FetchedKeySet, "find", finding)


@fault("KEY-10")
def failed_refetch_costs_no_budget(patch: Patch) -> None:
    """The cool-down begins when a refetch succeeds, so a failing endpoint gets a request for every forged token."""

    def failing(self: Any, _tick: float) -> None:
        self._miss_at = float("-inf")

    _on_failure(patch, failing)
    _misses(patch, _spend)


def _spend(keys: Any, tick: float) -> bool:
    state = vars(keys)
    before, state["_miss_at"] = state["_miss_at"], max(state["_miss_at"], tick + COOLDOWN)
    return bool(tick >= before)


@fault("KEY-10")
def refetch_tried_twice(patch: Patch) -> None:
    """A kid that is still unknown after a refetch is looked for once more at once, in case of a slow replica."""

    def insisting(after_miss: Any) -> Any:
        def look_twice(self: Any, tick: float, held: Any) -> Any:
            found = after_miss(self, tick, held)
            if found is not held:
                self._refresh(tick)
            return self._held or found

        return look_twice

    patch.wrap(FetchedKeySet, "_after_miss", insisting)


@fault("KEY-10")
def cooldown_of_half_the_length(patch: Patch) -> None:
    """The cool-down really kept is half of what is stated."""
    patch(fetching, "COOLDOWN", COOLDOWN / 2)


@fault("KEY-10")
def no_pause_before_the_first_set(patch: Patch) -> None:
    """While no set was ever fetched each token fetches: an endpoint that is down gets all the traffic at once."""
    patch(fetching, "_EMPTY_RETRY", 0)


@fault("KEY-10")
def successful_refetch_costs_no_budget(patch: Patch) -> None:
    """The cool-down is a pause after failures only, so an endpoint that works is asked for every forged kid."""
    _misses(patch, lambda keys, tick: bool(tick >= vars(keys)["_retry_at"]))


# --- KEY-11: the reason


def _answered(patch: Patch, owner: object, name: str, given: Reason, said: Reason) -> None:
    """Have a refusal for one reason told as another."""

    def renaming(find: Any) -> Any:
        def find_or_say(*args: Any) -> Any:
            try:
                return find(*args)
            except Refusal as refusal:
                if refusal.rejected.reason is given:
                    raise Refusal(said) from None
                raise

        return find_or_say

    patch.wrap(owner, name, renaming)


@fault("KEY-11")
def unavailable_set_as_bad_signature(patch: Patch) -> None:
    """An outage of the endpoint is reported as a wave of forgeries (the M48 trail of the seed keeps them apart)."""
    _answered(patch, FetchedKeySet, "_fresh", Reason.KEYS_UNAVAILABLE, Reason.SIGNATURE)


@fault("KEY-11")
def unavailable_set_as_unknown_key(patch: Patch) -> None:
    """Without a set every kid is unknown, which hides an outage among forged tokens."""
    _answered(patch, FetchedKeySet, "_fresh", Reason.KEYS_UNAVAILABLE, Reason.KEY_UNKNOWN)


@fault("KEY-11")
def unknown_key_as_unavailable_set(patch: Patch) -> None:
    """A forged kid raises the alarm that the key endpoint is down, since the look-up raises one error for both."""
    _answered(patch, FetchedKeySet, "find", Reason.KEY_UNKNOWN, Reason.KEYS_UNAVAILABLE)


# --- KEY-12: the whole set


def _merged(patch: Patch, merge: Callable[[dict[str, Any], dict[str, Any]], Mapping[str, Any]]) -> None:
    """Have the keys that were held and those just fetched, by kid, merged in some way."""

    def refreshing(refresh: Any) -> Any:
        def refresh_and_merge(self: Any, tick: float) -> None:
            before = self._held
            refresh(self, tick)
            if before is not None and self._held is not before:
                named = vars(self._held.keys)
                named["_named"] = merge(vars(before.keys)["_named"], named["_named"])

        return refresh_and_merge

    patch.wrap(FetchedKeySet, "_refresh", refreshing)


@fault("KEY-12")
def refreshed_set_is_added(patch: Patch) -> None:
    """Fetched keys are added to those held, so a withdrawn key stays for ever (GHSA-675f-rq2r-jw82)."""
    _merged(patch, lambda old, new: {**old, **new})


@fault("KEY-12")
def known_kid_keeps_its_key(patch: Patch) -> None:
    """Only new kids are taken from a refreshed set, so a compromised key that was replaced still verifies."""
    _merged(patch, lambda old, new: {kid: old.get(kid, key) for kid, key in new.items()})


@fault("KEY-12")
def set_added_to_for_an_unknown_kid(patch: Patch) -> None:
    """Expiry replaces the set, but a refetch for an unknown kid adds to it (GHSA-675f-rq2r-jw82, the second path)."""

    def adding(after_miss: Any) -> Any:
        def look_and_add(self: Any, tick: float, held: Any) -> Any:
            found = after_miss(self, tick, held)
            named = vars(found.keys)
            named["_named"] = {**vars(held.keys)["_named"], **named["_named"]}
            return found

        return look_and_add

    patch.wrap(FetchedKeySet, "_after_miss", adding)


# --- KEY-13: answers that are not to be trusted


@fault("KEY-13")
def redirects_of_the_endpoint_followed(patch: Patch) -> None:
    """The HTTP client follows redirects by default, so an open redirect at the issuer serves an attacker's keys."""
    patch(fetching, "_OPENER", build_opener(ProxyHandler({})))


@fault("KEY-13")
def permanent_redirects_followed(patch: Patch) -> None:
    """Redirects are refused by a list of status codes that was written before 308 (RFC 9110 §15.4)."""

    class AllBut308(_NoRedirects):
        def http_error_308(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
            following = HTTPRedirectHandler()
            following.parent = self.parent
            return following.http_error_302(req, fp, code, msg, headers)

    patch(fetching, "_OPENER", build_opener(ProxyHandler({}), AllBut308))


@fault("KEY-13")
def body_of_any_size_read(patch: Patch) -> None:
    """The answer is read to its end, so whoever serves it fills the memory (CWE-770)."""
    patch(fetching, "MAX_BODY", 1 << 30)


def _parsed(patch: Patch, parse: Callable[[bytes], Any]) -> None:
    patch(fetching, "parse_object", parse)


@fault("KEY-13")
def bare_key_is_a_set(patch: Patch) -> None:
    """A single JWK is taken for a set of one, out of kindness."""
    _parsed(patch, lambda body: {"keys": [read]} if "kty" in (read := json.loads(body)) else read)


@fault("KEY-13")
def array_of_keys_is_a_set(patch: Patch) -> None:
    """An array of keys is taken for a set, the form some issuers served before RFC 7517 was settled."""
    _parsed(patch, lambda body: {"keys": read} if isinstance(read := json.loads(body), list) else read)


@fault("KEY-13")
def text_after_the_set_ignored(patch: Patch) -> None:
    """A streaming parser stops at the end of the object and never sees what follows."""
    _parsed(patch, lambda body: json.JSONDecoder().raw_decode(body.decode())[0])
