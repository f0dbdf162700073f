"""Faults in what guessing the admin secret costs, and whom (REV-8)."""

from collections.abc import Callable
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by
from bearerproof_fuzz.faults.seams import read_then_count
from bearerproof_reference.keyserver import server
from bearerproof_reference.keyserver.revocation import Revocations
from bearerproof_reference.keyserver.throttling import Throttle


def _throttled(patch: Patch, name: Callable[[Any], object]) -> None:
    """Have the failures counted under another name than the client's address."""
    patch.wrap(
        Revocations, "check_admin", lambda check, self, admin, occasion: _under(self, name, check, admin, occasion)
    )


def _under(decider: Any, name: Callable[[Any], object], check: Any, admin: str | None, occasion: Any) -> Any:
    class Renamed:
        def spend(self, _place: object, rate: int) -> Any:
            return failures.spend(name(occasion), rate)

        def wait(self, _place: object, rate: int) -> Any:
            return failures.wait(name(occasion), rate)

    failures, decider._failures = decider._failures, Renamed()  # noqa: SLF001 - put back at once
    try:
        return check(decider, admin, occasion)
    finally:
        decider._failures = failures  # noqa: SLF001 - likewise


@fault_by("REV-8", Patch.wrap, Revocations, "__init__")
def guesses_are_free(init: Any, self: Any, *arguments: Any) -> None:
    """Nobody counts wrong secrets, so a peer guesses for as long as it likes (W22)."""
    init(self, *arguments)
    self._rate = 0


@fault("REV-8")
def all_peers_throttled_together(patch: Patch) -> None:
    """One counter for the endpoint: a stranger keeps the administrators out (CWE-645)."""
    _throttled(patch, lambda _occasion: "everybody")


@fault_by("REV-8", Patch.wrap, Revocations, "check_admin")
def right_secret_passes_the_throttle(check: Any, self: Any, admin: Any, occasion: Any) -> Any:
    """The secret is compared before the throttle is asked, so guessing goes on as fast as before."""
    return None if self._is_admin(admin) else check(self, admin, occasion)


@fault_by("REV-8", Patch.wrap, Throttle, "wait")
def successes_count_as_tries(_wait: Any, self: Any, place: Any, rate: Any) -> Any:
    """Every request is counted, and a script that revokes many tokens throttles itself."""
    return self.spend(place, rate)


@fault_by("REV-8", Patch.wrap, server, "client_ip")
def client_says_who_it_is(of: Any, peer: Any, forwarded: Any, trusted: Any) -> Any:
    """The left-most forwarded address counts, which every guess can make anew (W13)."""
    return (forwarded or "").partition(",")[0].strip() or of(peer, forwarded, trusted)


@fault_by("REV-8", Patch.wrap, Revocations, "all_of")
def guesses_by_operation(all_of: Any, self: Any, *arguments: Any) -> Any:
    """The limit is one for each operation, so there are twice as many guesses."""
    single = self._failures
    self._failures = self.__dict__.setdefault("bulk", Throttle(vars(single)["_clock"], 100))
    try:
        return all_of(self, *arguments)
    finally:
        self._failures = single


@fault_by("REV-8", Patch.__call__, Throttle, "spend")
def guesses_counted_by_the_minute(self: Any, name: object, rate: int) -> int | None:
    """Failures are counted by minute of the clock, so around its turn there are twice as many."""
    window = int(self._clock.tick() // 60)
    used = self._recent.get((name, window), 0)
    self._recent[name, window] = used + 1
    return None if rate == 0 or used < rate else 30


@fault("REV-8")
def locked_out_for_good(patch: Patch) -> None:
    """A refused try counts as another failure and puts off the end, an hour each time."""

    def wait(waiting: Any, self: Any, place: object, rate: int) -> Any:
        seconds = waiting(self, place, rate)
        return 3600 if seconds is not None or place in self.__dict__.get("locked", ()) else None

    def spend(spending: Any, self: Any, place: object, rate: int) -> Any:
        seconds = spending(self, place, rate)
        if seconds is not None:
            self.__dict__.setdefault("locked", set()).add(place)
        return seconds

    patch.wrap(Throttle, "wait", wait)
    patch.wrap(Throttle, "spend", spend)


@fault("REV-8")
def clients_of_a_proxy_are_one(patch: Patch) -> None:
    """The connection's address counts, and behind a proxy that is the proxy's."""
    patch(server, "client_ip", lambda peer, _forwarded, _trusted: peer)


@helper_by(Patch.wrap, Throttle, "spend")
def _forgetful(forget: Callable[[Any], None], spend: Any, self: Any, name: object, rate: int) -> Any:
    """Have a throttle forget before it counts."""
    forget(self)
    return spend(self, name, rate)


def _clear(throttle: Any) -> None:
    if len(throttle) > 1000:
        throttle._recent.clear()  # noqa: SLF001 - the throttle's own part


def _evict_the_oldest(throttle: Any) -> None:
    if len(throttle) > 1000:
        throttle._recent.pop(next(iter(throttle._recent)))  # noqa: SLF001 - likewise


_FORGETFUL: Rows[Callable[[Any], None]] = {
    "throttle-is-cleared-when-it-is-large": (
        "Above a thousand clients the table is cleared, and the guesser starts afresh.",
        _clear,
    ),
    "throttle-forgets-the-oldest": (
        "The table is a cache of a thousand, and strangers push the guesser out of it.",
        _evict_the_oldest,
    ),
}
faults_for("REV-8", _forgetful, _FORGETFUL)


@fault("REV-8")
def crowd_shuts_newcomers_out(patch: Patch) -> None:
    """A table that has been full once takes in nobody any more."""

    def spend(spent: Any, self: Any, name: object, rate: int) -> Any:
        self.__dict__.setdefault("full", False)
        self.full = self.full or len(self) >= 1000
        return 60 if self.full and name not in self._recent else spent(self, name, rate)

    patch.wrap(Throttle, "spend", spend)
    patch.wrap(
        Throttle, "wait", lambda wait, self, name, rate: 60 if vars(self).get("full") else wait(self, name, rate)
    )


@fault_by("REV-8", Patch.wrap, Throttle, "spend")
def guesses_at_once_are_all_judged(spend: Any, self: Any, name: object, rate: int) -> Any:
    """The failures are read before the secret is compared, and counted after it (CWE-367)."""
    return read_then_count(spend, self, name, rate)
