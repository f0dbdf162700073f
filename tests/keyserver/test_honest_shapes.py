"""Key servers that do what the specification leaves open in other ways than the reference: none may be red."""

from math import ceil
from threading import Lock
from typing import Any

import pytest

from bearerproof.contract.connections import InProcess
from bearerproof.contract.implementation import Implementation
from bearerproof.judging.results import RED
from bearerproof.judging.runner import RunOptions, run
from bearerproof.judging.settings import QUICK, RunConfig
from bearerproof.specification.catalogue import Measure, Profile
from bearerproof_fuzz.faults.registry import Patch
from bearerproof_fuzz.faults.tok.lifetimes import end_with_the_subject_token
from bearerproof_fuzz.suite import SUITE
from bearerproof_reference.adapter import create as reference
from bearerproof_reference.keyserver import server
from bearerproof_reference.keyserver.exchange import Exchange, ExchangeError, ExchangeRefused
from bearerproof_reference.keyserver.lifecycle import Decision, DenialReason
from bearerproof_reference.keyserver.subjects import SubjectKeysUnavailable, SubjectTokenRejected


def life_ends_with_the_subject_token(patch: Patch) -> None:
    """RFC 8693 is silent on it, and the neighbouring draft for transaction tokens asks for it."""
    end_with_the_subject_token(patch, reported=True, enforced=True)


def quotas_before_all_else(patch: Patch) -> None:
    """The order of checks is free: whoever is over a cap, or brings a used token, may be told so first."""

    def decide(decided: Any, self: Any, form: Any, occasion: Any) -> Any:
        if self._configuration.exchanges_per_minute:  # which is before all else as it is
            return decided(self, form, occasion)
        try:
            subject = self._subjects.verify(dict(form or ()).get("subject_token", ""))
        except (SubjectTokenRejected, SubjectKeysUnavailable):
            return decided(self, form, occasion)
        identity, now = subject.identity, occasion.now
        self._store.reap(now)
        for over, error, reason, wait in (
            (_is_full(self._store), ExchangeError.TEMPORARILY_UNAVAILABLE, DenialReason.STORE_FULL, 5),
            (
                self._store.count(*identity.key, now) >= self._configuration.cap,
                ExchangeError.TOO_MANY_TOKENS,
                DenialReason.CAP_REACHED,
                self._configuration.ttl,
            ),
        ):
            if over:
                return Decision(ExchangeRefused(error, wait), (occasion.denied(reason, identity),))
        return decided(self, form, occasion)

    patch.wrap(Exchange, "decide", decide)


def _is_full(store: Any) -> bool:
    return len(store._by_digest) >= store._limits.capacity


class _SlidingLog:
    """So many in any minute, each kept until it is a minute old: no bucket that refills evenly."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self._lock = Lock()
        self._spent: dict[object, list[float]] = {}

    def spend(self, name: object, rate: int) -> int | None:
        with self._lock:
            wait = self.wait(name, rate)
            if wait is None and rate:
                self._spent[name].append(self._clock.tick())
            return wait

    def wait(self, name: object, rate: int) -> int | None:
        now = self._clock.tick()
        recent = self._spent[name] = [at for at in self._spent.get(name, []) if now - at < 60]
        return ceil(recent[-rate] + 60 - now) if rate and len(recent) >= rate else None


def throttles_by_a_sliding_log(patch: Patch) -> None:
    """The contract has so many a minute of a client, and does not say how minutes are counted."""

    def made(throttle: Any, clock: Any, capacity: int) -> Any:
        return _SlidingLog(clock) if capacity == server._CLIENTS else throttle(clock, capacity)

    patch.wrap(server, "Throttle", made)


SHAPES = (life_ends_with_the_subject_token, quotas_before_all_else, throttles_by_a_sliding_log)


@pytest.mark.parametrize("measure", Measure)
def test_an_honest_key_server_is_never_red(measure: Measure) -> None:
    """All shapes at once; which of them it is, if it is red, is found by leaving out the others."""
    patch = Patch()
    for shape in SHAPES:
        shape(patch)
    try:
        config = RunConfig(target="honest", profiles=(Profile.KEY_SERVER,), depth=QUICK, measure=measure)
        started = Implementation(InProcess(lambda: reference().handle))
        finished = run(SUITE, config, RunOptions(report_findings=False), started=started)
    finally:
        patch.restore()
    red = [record for record in finished.records if record.state in RED]
    assert len(finished.records) > 40
    assert not red, [(record.id, record.reason, record.findings[:1]) for record in red]
    assert (finished.fault, finished.troubles) == (None, [])
