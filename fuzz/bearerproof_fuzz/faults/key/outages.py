"""Faults while a key set cannot be fetched: what still serves, how long, what is told (KEY-8, KEY-9, KEY-11)."""

from collections.abc import Callable, Collection
from typing import Any
from urllib.request import BaseHandler, HTTPDefaultErrorHandler, HTTPErrorProcessor, HTTPHandler, OpenerDirector

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by, spread
from bearerproof_reference.verifier import fetching
from bearerproof_reference.verifier.fetching import STALE, TTL, FetchedKeySet, _Held
from bearerproof_reference.verifier.keys import KeySet
from bearerproof_reference.verifier.verdicts import Reason, Refusal


@helper_by(Patch.wrap, FetchedKeySet, "_refresh")
def on_failure(then: Callable[[Any, float], None], refresh: Any, self: Any, tick: float) -> None:
    """Have something more happen when a fetch has failed."""
    self._retry_at = float("-inf")
    refresh(self, tick)
    if self._retry_at > tick:
        then(self, tick)


def opened_by(patch: Patch, *handlers: BaseHandler) -> None:
    """Have URLs opened by these handlers alone."""
    opener = OpenerDirector()
    for handler in handlers:
        opener.add_handler(handler)
    patch(fetching, "_opener", lambda _keep: opener)


def _hold(keys: FetchedKeySet, held: _Held | None) -> None:
    vars(keys)["_held"] = held


@fault("KEY-8")
def failed_fetch_drops_the_set(patch: Patch) -> None:
    """The set is cleared before it is fetched, so one failure evicts the good keys (CVE-2026-48524)."""
    on_failure(patch, lambda keys, _tick: _hold(keys, None))


@fault("KEY-8")
def failed_fetch_gives_an_empty_set(patch: Patch) -> None:
    """What could not be read is taken for a set without keys, fresh for its whole time to live."""
    on_failure(patch, lambda keys, tick: _hold(keys, _Held(KeySet({"keys": []}, ()), tick)))


@fault("KEY-8")
def expired_set_never_serves(patch: Patch) -> None:
    """A set is of no use once its time to live is over, so an outage of the endpoint is one of every service."""
    patch(fetching, "_may_serve", lambda held, tick: held is not None and tick - held.fetched_at < TTL)


@fault_by("KEY-8", Patch.wrap, fetching, "fetch")
def slow_endpoint_raises(get: Any, *args: Any, **options: Any) -> Any:
    """A time-out is no failed fetch but an error of its own that nobody handles: the token is refused for it."""
    try:
        return get(*args, **options)
    except OSError as error:
        timed_out = isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError)
        raise (RuntimeError("timed out") if timed_out else error) from error


@fault("KEY-8")
def status_of_the_answer_ignored(patch: Patch) -> None:
    """The status is not looked at, so the error page of a proxy that looks like a key set replaces the keys."""

    class AnyStatus(HTTPErrorProcessor):
        def http_response(self, request: Any, response: Any) -> Any:
            status = response.status
            if status >= 400:
                response.status = 200
            return response if status >= 400 else super().http_response(request, response)

    opened_by(patch, HTTPHandler(), AnyStatus(), HTTPDefaultErrorHandler())


@fault("KEY-9")
def no_stale_limit(patch: Patch) -> None:
    """The last good set serves for as long as fetching fails, so who blocks the endpoint keeps a stolen key (W22)."""
    patch(fetching, "_may_serve", lambda held, _tick: held is not None)


@fault("KEY-9")
def stale_limit_per_failure(patch: Patch) -> None:
    """Each failed fetch counts as having looked, so the age of the set starts anew and never reaches the limit."""
    on_failure(patch, lambda keys, tick: _hold(keys, vars(keys)["_held"] and _Held(vars(keys)["_held"].keys, tick)))


@fault("KEY-9")
def stale_limit_twice_over(patch: Patch) -> None:
    """The time to live is added to the stale limit once too often."""
    patch(fetching, "_may_serve", lambda held, tick: held is not None and tick - held.fetched_at < 2 * TTL + STALE)


@fault_by("KEY-9", Patch.wrap, FetchedKeySet, "__init__")
def age_by_the_wall_clock(init: Any, self: Any, url: str, allowed: Collection[str], clock: Any, *get: Any) -> None:
    """Ages are taken from the wall clock, so setting it back makes an old set fresh again."""
    init(self, url, allowed, clock, *get)
    self._clock = type("Wall", (), {"tick": clock.now})()


def _answered(patch: Patch, owner: object, name: str, given: Reason, said: Reason) -> None:
    """Have a refusal for one reason told as another."""

    def find_or_say(find: Any, *args: Any) -> Any:
        try:
            return find(*args)
        except Refusal as refusal:
            if refusal.rejected.reason is given:
                raise Refusal(said) from None
            raise

    patch.wrap(owner, name, find_or_say)


_ANSWERED: Rows[tuple[object, str, Reason, Reason]] = {
    "unavailable-set-as-bad-signature": (
        "An outage of the endpoint is reported as a wave of forgeries (the M48 trail of the seed keeps them apart).",
        (FetchedKeySet, "_fresh", Reason.KEYS_UNAVAILABLE, Reason.SIGNATURE),
    ),
    "unavailable-set-as-unknown-key": (
        "Without a set every kid is unknown, which hides an outage among forged tokens.",
        (FetchedKeySet, "_fresh", Reason.KEYS_UNAVAILABLE, Reason.KEY_UNKNOWN),
    ),
    "unknown-key-as-unavailable-set": (
        "A forged kid raises the alarm that the key endpoint is down, since the look-up raises one error for both.",
        (FetchedKeySet, "find", Reason.KEY_UNKNOWN, Reason.KEYS_UNAVAILABLE),
    ),
}
faults_for("KEY-11", spread(_answered), _ANSWERED)
