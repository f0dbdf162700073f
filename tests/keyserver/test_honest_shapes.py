"""Key servers that do what the specification leaves open in other ways than the reference: none may be red."""

import re
from math import ceil
from threading import Lock
from typing import Any

import pytest

from bearerproof.contract.connections import Handle, InProcess
from bearerproof.contract.implementation import Implementation
from bearerproof.judging.results import RED
from bearerproof.judging.runner import RunOptions, run
from bearerproof.judging.settings import QUICK, RunConfig
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure, Profile
from bearerproof_fuzz.faults.registry import Patch
from bearerproof_fuzz.faults.tok.lifetimes import end_with_the_subject_token
from bearerproof_fuzz.suite import SUITE
from bearerproof_reference.adapter import create as reference
from bearerproof_reference.keyserver import patterns, server
from bearerproof_reference.keyserver.exchange import Exchange, ExchangeError, ExchangeRefused
from bearerproof_reference.keyserver.lifecycle import Decision, DenialReason
from bearerproof_reference.keyserver.subjects import (
    SubjectKeysUnavailable,
    SubjectTokenRejected,
    SubjectTokenVerifier,
)


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
    return bool(len(store._by_digest) >= store._limits.capacity)


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


DECLARED = {"name_pattern": "[a-z]+", "subject_form": "auth0|##############"}


def only_names_of_its_own(patch: Patch) -> None:
    """A product whose names are of small letters, and whose subjects are numbers behind a word."""
    patch(patterns, "_NAME", re.compile("[a-z]{1,256}"))
    patch(patterns, "_PATTERN", re.compile(r"[a-z]{1,256}|[a-z]{0,255}\*"))

    def verify(verified: Any, self: Any, token: str) -> Any:
        subject = verified(self, token)
        if re.fullmatch(r"auth0\|[0-9]{14}", subject.identity.subject) is None:
            raise SubjectTokenRejected
        return subject

    patch.wrap(SubjectTokenVerifier, "verify", verify)


def _declaring(handle: Handle) -> Handle:
    """Declare the names as well."""

    def answer(request: Json) -> Json:
        answered = handle(request)
        if request["op"] == "hello":
            declared = answered["capabilities"]
            answered["capabilities"] = {**declared, "key_server": {**declared["key_server"], **DECLARED}}
        return answered

    return answer


SHAPES = (life_ends_with_the_subject_token, quotas_before_all_else, throttles_by_a_sliding_log, only_names_of_its_own)


@pytest.mark.parametrize("measure", Measure)
def test_an_honest_key_server_is_never_red(measure: Measure) -> None:
    """All shapes at once; which of them it is, if it is red, is found by leaving out the others."""
    patch = Patch()
    for shape in SHAPES:
        shape(patch)
    try:
        config = RunConfig(target="honest", profiles=(Profile.KEY_SERVER,), depth=QUICK, measure=measure)
        started = Implementation(InProcess(lambda: _declaring(reference().handle)))
        finished = run(SUITE, config, RunOptions(report_findings=False), started=started)
    finally:
        patch.restore()
    red = [record for record in finished.records if record.state in RED]
    assert len(finished.records) > 40
    assert not red, "\n".join(
        f"{record.id} {record.reason} {record.findings[0]['summary'] if record.findings else None}" for record in red
    )
    assert (finished.fault, finished.troubles) == (None, [])
