"""A resource server that runs and fetches our key set: what a check of rotation and outages sees of it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count

import pytest

from bearerproof.contract.messages import Answer, Outcome, Presentation
from bearerproof.contract.resource.resourceserver import FetchTimes
from bearerproof.exceptions import AdapterFault
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import REJECTED, Trial
from bearerproof_fuzz import keys
from bearerproof_fuzz.forge import Draft, Forge
from bearerproof_fuzz.jwks_endpoint import Reply
from bearerproof_fuzz.keys import Key
from bearerproof_fuzz.resource import authorizationserver
from bearerproof_fuzz.resource.authorizationserver import AuthorizationServer

_NUMBERS = count(int(time.time()))


@dataclass(frozen=True)
class Fetching:
    """One check's view of a server that fetches our key set."""

    trial: Trial
    mark: CheckId
    authority: AuthorizationServer
    times: FetchTimes

    def fresh(self, algorithm: str | None = None) -> Key:
        """Return a key that nobody has seen, of this algorithm or the usual one."""
        return keys.fresh(algorithm or self._base().key.algorithm, f"bearerproof-{next(_NUMBERS)}")

    def honest(self) -> Presentation:
        """Return an honest token under a key that was always there."""
        return self._base().presentation()

    def under(self, key: Key, sign: Callable[[bytes], bytes] | None = None, **header: str) -> Presentation:
        """Return an honest token under this key, signed by it or so; the policy holds what the server's does.

        ``header`` has members that differ from those of the key.
        """
        draft = Forge.at_present(self.trial.declaration).base(self.mark.profile, key.algorithm)
        return replace(draft, key=key, signer=sign or key.sign).with_header(kid=key.kid, **header).presentation()

    def stranger(self) -> Presentation:
        """Return a token under a kid that nobody has heard of, signed by an attacker."""
        draft = self._base()
        attacker = keys.key(draft.key.algorithm, "attacker")
        return draft.signed_by(attacker.sign).with_header(kid=f"unknown-{next(_NUMBERS)}").presentation()

    def wait(self, seconds: float | None, what: str) -> None:
        """Wait, or leave the check out if that takes longer than one check may."""
        if seconds is None or seconds > self.times.wait:
            pytest.skip(f"needs {what}, which is longer than [keys] wait allows")
        time.sleep(seconds + _MARGIN)

    def comes_to(self, key: Key, outcome: Outcome) -> Presentation | None:
        """Present tokens under this key until one meets that outcome, for a few seconds; return the last that did not.

        A server may fetch behind the back of a request, which is then judged by the set that it held before.
        """
        for _ in range(_TRIES):
            presented = self.under(key)
            if self.trial.ask(presented).outcome is outcome:
                return None
            time.sleep(_MARGIN)
        return presented

    def finds(self, key: Key) -> bool:
        """Say whether tokens under a new key are accepted: at once, after the cool-down, or when the set is old."""
        if self.trial.ask(self.under(key)).outcome is Outcome.ACCEPTED:
            return True
        self.wait(self.times.ttl if self.times.cooldown is None else self.times.cooldown, "a new key to be found")
        return self.comes_to(key, Outcome.ACCEPTED) is None

    def withdrawn(self) -> Key:
        """Return a key that the server has found in the set and that the set has lost since; without one, skip."""
        key = self.fresh()
        self.authority.serve(key)
        if not self.finds(key):
            pytest.skip("no new key is found by its kid, so none can be withdrawn")
        self.authority.serve()
        return key

    def starved(self) -> tuple[Presentation, Answer]:
        """Have no fetch succeed until the server may use no set any more; return an honest token, and its answer then.

        A server may learn of it by the token itself, so a few are presented until one is not accepted.
        """
        self.authority.key_set.reply = Reply(b"", 500)
        self.wait(self.times.ttl + (self.times.stale or 0.0), "a key set to grow too old")
        for _ in range(_TRIES):
            presented = self.honest()
            answer = self.trial.ask(presented)
            if answer.outcome is not Outcome.ACCEPTED:
                break
            time.sleep(_MARGIN)
        return presented, answer

    def made_to_fetch(self) -> None:
        """Have the server fetch the set as it is now, by a kid that it does not know, or leave the check out."""
        before = self.authority.requests
        self.refuse_a_stranger()
        if self.authority.requests == before and self.times.cooldown:
            self.wait(self.times.cooldown, "a refetch after the cool-down")
            self.refuse_a_stranger()
        if self.authority.requests == before:
            pytest.skip("an unknown kid makes the server fetch nothing, so it cannot be seen what a fetch would do")

    def recover(self) -> None:
        """Serve the usual set again, and see that honest tokens are accepted.

        Raises:
            AdapterFault: they are not, so that no later check would mean anything.
        """
        self.authority.serve()
        end = time.monotonic() + max(self.times.cooldown or 0.0, self.times.wait) + 2 * _MARGIN
        while (answer := self.trial.ask(self.honest())).outcome is not Outcome.ACCEPTED:
            if time.monotonic() > end:
                raise AdapterFault(
                    f"after {self.mark.id} honest tokens are {answer.describe()}, with the usual keys served"
                )
            time.sleep(_MARGIN)

    def refuse_a_stranger(self) -> None:
        """Present a token under an unknown kid, which has to be refused.

        Raises:
            Nonconforming: it is accepted.
        """
        presented = self.stranger()
        summary = "a token of an attacker under an unknown kid is accepted"
        self.trial.expect(self.trial.ask(presented), UNPROVEN, summary, presented)

    @property
    def fresh_enough(self) -> bool:
        """Whether what was fetched last is not too old yet: what becomes of a set that is, is not declared."""
        return time.monotonic() - self.authority.key_set.last_good < self.times.ttl - _MARGIN

    def _base(self) -> Draft:
        return Forge.at_present(self.trial.declaration).base(self.mark.profile)


_TRIES = 12
"""How often a token is presented, a fresh one each time, before its verdict counts."""

UNPROVEN = REJECTED | {Outcome.ERRORED}
"""What may become of a token whose key cannot be had."""

_MARGIN = 0.25
"""Seconds on top of what is declared: clocks differ, and a fetch takes its time."""


@contextmanager
def fetching_keys(trial: Trial, mark: CheckId) -> Iterator[Fetching]:
    """Look at how a server fetches keys, and have the usual ones served again at the end."""
    server = trial.declaration.resource_server
    times = None if server is None else server.fetches
    if times is None:
        raise LookupError("the check does not state that it needs a server that fetches keys")
    fetching = Fetching(trial, mark, authorizationserver.running(), times)
    trial.control(fetching.honest())
    fetching.authority.disturbed = True
    try:
        yield fetching
    finally:
        fetching.recover()
        fetching.authority.disturbed = False
