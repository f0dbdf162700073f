"""A verifier that fetches its keys from an endpoint of ours, while seconds of its clocks go by."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from bearerproof.contract.declaration import FetchedKeys
from bearerproof.contract.messages import Answer, Policy, Presentation
from bearerproof.judging.trial import ACCEPTED, REJECTED, Trial
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz import jwks_endpoint, keys
from bearerproof_fuzz.forge import Draft, Forge
from bearerproof_fuzz.jwks_endpoint import Endpoint, Reply
from bearerproof_fuzz.keys import Key

SHOWN_URL = "http://127.0.0.1/jwks.json"
"""The URL in findings: the real port is the system's choice, and would make two equal runs differ."""


@dataclass
class Fetched:
    """One endpoint and the verifier under the policy that names it.

    ``start`` and ``tick`` are monotonic seconds. The wall clock of what is presented goes along with them, ``wall``
    seconds off the true time.
    """

    trial: Trial
    forge: Forge
    profile: Profile
    endpoint: Endpoint
    start: float
    tick: float
    wall: float = 0
    accepted: Presentation | None = None

    def __post_init__(self) -> None:
        """Count the unknown kids of this scenario."""
        self._numbers = count(1)

    @property
    def times(self) -> FetchedKeys:
        """What is declared of fetched sets, in seconds."""
        return times(self.trial)

    @property
    def requests(self) -> int:
        """How often the endpoint was asked."""
        return self.endpoint.requests

    def serve(self, *served: Key) -> None:
        """Have the endpoint serve these keys from now on."""
        self.endpoint.reply = jwks_endpoint.key_set(served)

    def fail(self, reply: Reply) -> None:
        """Have the endpoint answer so from now on."""
        self.endpoint.reply = reply

    def wait(self, seconds: float) -> None:
        """Let time go by on both clocks."""
        self.tick += seconds

    def wait_until(self, age: float) -> None:
        """Let time go by until this many seconds after the start."""
        self.tick = self.start + age

    def set_wall_clock(self, seconds: float) -> None:
        """Put the wall clock forward, or back if negative; no time goes by."""
        self.wall += seconds

    def token(self, key: Key) -> Presentation:
        """Return an honest token of this key, presented now."""
        draft = self.draft()
        return replace(draft, key=key, signer=key.sign).with_header(kid=key.kid).presentation()

    def stranger(self) -> Presentation:
        """Return a token under a kid that nobody has heard of, signed by an attacker."""
        draft = self.draft()
        attacker = keys.key(draft.key.algorithm, "attacker")
        return draft.signed_by(attacker.sign).with_header(kid=f"unknown-{next(self._numbers)}").presentation()

    def ask(self, presented: Presentation) -> Answer:
        """Ask for a verdict that is judged later."""
        with jwks_endpoint.timed(self.trial):
            return self.trial.ask(presented)

    def control(self, key: Key, what: str = "an honest token under a fetched key") -> None:
        """Present a token that must be accepted before anything else means something.

        Raises:
            Untestable: it was not accepted.
        """
        presented = self.token(key)
        self.trial.require_control(self.ask(presented), shown(presented), what)
        self.accepted = shown(presented)

    def accepts(self, key: Key, summary: str) -> None:
        """Present an honest token of this key, which is to be accepted.

        Raises:
            Nonconforming: it was not.
        """
        presented = self.token(key)
        self.trial.expect(self.ask(presented), ACCEPTED, summary, shown(presented), self.accepted)

    def refuses(self, presented: Presentation, summary: str, reasons: Collection[str] = ()) -> None:
        """Present a token that is to be refused, for one of these reasons where any are named.

        Raises:
            Nonconforming: it was not.
        """
        answer = self.ask(presented)
        self.trial.expect(answer, REJECTED, summary, shown(presented), self.accepted)
        if reasons:
            self.trial.expect_reason(answer, reasons, summary, shown(presented), self.accepted)

    def find(self, summary: str, expected: str, got: str, presented: Presentation | None = None) -> None:
        """End the check with a finding about what was fetched.

        Raises:
            Nonconforming: always.
        """
        self.trial.fail(summary, expected, got, presented and shown(presented), self.accepted)

    def draft(self) -> Draft:
        """Return the draft of an honest token, presented now under the policy that names the endpoint."""
        now = self.forge.now + self.tick - self.start + self.wall
        draft = replace(self.forge, now=now).base(self.profile)
        members: Mapping[str, Any] = draft.policy.members
        kept = {name: value for name, value in members.items() if name != "keys"}
        return replace(draft, policy=Policy({**kept, "keys_url": self.endpoint.url}), tick=self.tick)


@contextmanager
def fetched(trial: Trial, forge: Forge, profile: Profile, reply: Reply) -> Iterator[Fetched]:
    """Begin a scenario: nothing fetched yet, a URL never seen before, and this reply at it."""
    start = _start(trial)
    with jwks_endpoint.endpoint(reply) as endpoint:
        yield Fetched(trial, forge, profile, endpoint, start, start)


def times(trial: Trial) -> FetchedKeys:
    """Return what is declared of fetched sets.

    Raises:
        LookupError: nothing; the check does not state that it needs ``keys_url``.
    """
    declared = trial.declaration.keys_url
    if declared is None:
        raise LookupError("the check does not state that it needs keys_url")
    return declared


def shown(presented: Presentation) -> Presentation:
    """Return the presentation as it stands in a finding."""
    return replace(presented, policy=presented.policy.but(keys_url=SHOWN_URL))


_EPOCHS = count(1)
_EPOCH = 10.0**8
"""Seconds between the starts of two scenarios where nothing can be reset: far beyond every limit declared."""


def _start(trial: Trial) -> float:
    """Return the first tick of a scenario: 0 after a reset, else later than any before it."""
    if trial.declaration.level >= 2:
        trial.implementation.reset()
        return 0.0
    return next(_EPOCHS) * _EPOCH
