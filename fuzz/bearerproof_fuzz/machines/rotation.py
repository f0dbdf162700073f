"""A key set that rotates, fails and recovers, and a model of what a verifier that fetches it can know.

The model never asks how the verifier works. It reads the endpoint's log, which says what was fetched when,
and derives from it what has to be accepted and what refused. Where the specification leaves a choice (how soon
a failed fetch is tried again, what holds at the very instant of a limit), either outcome is right.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from bearerproof.contract.declaration import FetchedKeys
from bearerproof.contract.messages import Outcome, Presentation
from bearerproof.judging.trial import ACCEPTED, REJECTED, Trial
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz import fetched, jwks_endpoint, keys
from bearerproof_fuzz.checks import examples, explore_machine
from bearerproof_fuzz.forge import Forge

EITHER = ACCEPTED | REJECTED

STEPS = 15
"""Rules applied in one example."""

_SERVED = {"a served": ("a",), "b served": ("b",), "both served": ("a", "b")}
_FAILURES = {"status 500": jwks_endpoint.Reply(status=500), "not JSON": jwks_endpoint.Reply(b"<html>")}
_AS_BEFORE, _NO_TIME = "as before", "no time"
_CHANGES = st.sampled_from((_AS_BEFORE, *_SERVED, *_FAILURES))
_WAITS: Mapping[str, Callable[[FetchedKeys], float]] = {
    _NO_TIME: lambda _: 0.0,
    "two thirds of the cool-down": lambda times: times.cooldown * 2 / 3,
    "the cool-down": lambda times: times.cooldown + 1,
    "half of the time to live": lambda times: times.ttl / 2,
    "the time to live": lambda times: times.ttl + 1,
    "most of the stale time": lambda times: times.stale * 7 / 8,
    "the stale time": lambda times: times.stale + 1,
}
_SPANS = st.sampled_from(tuple(_WAITS))


def run_rotation(trial: Trial, forge: Forge, profile: Profile) -> None:
    """Run the machine against an implementation.

    Raises:
        Judged: what an example found, with the steps that led to it in the summary.
    """
    explore_machine("rotation", lambda: Rotation(trial, forge, profile), number=examples(2), steps=STEPS)


@dataclass(frozen=True)
class _Held:
    """The set that was fetched last: its kids, and the tick at which it was fetched."""

    kids: frozenset[str]
    at: float


class _Fetches:
    """What a verifier has fetched, as the endpoint's log tells it."""

    def __init__(self, times: FetchedKeys) -> None:
        self._times = times
        self._seen = 0
        self._failed = False
        self.held: _Held | None = None
        self.last = self.last_refetch = float("-inf")

    def read(self, log: list[jwks_endpoint.Reply], tick: float) -> list[jwks_endpoint.Reply]:
        """Take in what was fetched since the last time, and return it."""
        new = log[self._seen :]
        self._seen = len(log)
        for reply in new:
            self._failed = reply.kids is None
            self.last = tick
            if reply.kids is not None:
                self.held = _Held(reply.kids, tick)
        return new

    def age(self, tick: float) -> float:
        """Return the age of the set held, in seconds; without one, it is infinite."""
        return float("inf") if self.held is None else tick - self.held.at

    def must_fetch(self, kid: str, served: frozenset[str] | None, tick: float) -> bool:
        """Say whether a token of this kid leaves no choice but to fetch."""
        rested = tick - self.last
        if self.age(tick) > self._times.ttl:
            return not self._failed or rested > max(self._times.ttl, self._times.cooldown)
        gained = self.held is not None and kid not in self.held.kids and kid in (served or ())
        return gained and rested > self._times.cooldown

    def outcomes(self, kid: str, tick: float, before: _Held | None) -> frozenset[Outcome]:
        """Return what may become of an honest token of this kid; ``before`` is the set held when it came."""
        now = self.held
        if now is None:
            return REJECTED
        if now != before:
            early = before is not None and kid in before.kids and tick - before.at <= self._times.ttl
            return ACCEPTED if kid in now.kids else EITHER if early else REJECTED
        limit = self._times.ttl + self._times.stale
        if kid not in now.kids or self.age(tick) > limit:
            return REJECTED
        return ACCEPTED if self.age(tick) < limit else EITHER


class Rotation(RuleBasedStateMachine):
    """Serves, fails, waits and presents, and holds every verdict and every fetch against the log."""

    def __init__(self, trial: Trial, forge: Forge, profile: Profile) -> None:
        super().__init__()
        name = forge.base(profile).key.algorithm
        self._keys = {role: keys.key(name, role) for role in ("a", "b", "attacker")}
        self._stack = ExitStack()
        reply = jwks_endpoint.key_set([self._keys["a"]])
        self._verifier = self._stack.enter_context(fetched.fetched(trial, forge, profile, reply))
        self._fetches = _Fetches(self._verifier.times)
        self._steps = ["a served and fetched"]
        self._verifier.control(self._keys["a"])
        self._fetches.read(self._verifier.endpoint.log, self._verifier.tick)

    def teardown(self) -> None:
        """Close the endpoint."""
        self._stack.close()

    @rule(change=_CHANGES, wait=_SPANS, role=st.sampled_from(("a", "b", "attacker")))
    def present(self, change: str, wait: str, role: str) -> None:
        """A token comes: of a key that is or was served, or of one that never was."""
        self._go_on(change, wait, f"a token of {role} comes")
        self._judge(self._verifier.token(self._keys[role]), self._keys[role].kid)

    @rule(change=_CHANGES, wait=_SPANS)
    def forge(self, change: str, wait: str) -> None:
        """Forged tokens under unknown kids come, both at the same instant."""
        self._go_on(change, wait, "forged tokens come")
        for _ in range(2):
            self._judge(self._verifier.stranger(), "unknown")

    def _go_on(self, change: str, wait: str, then: str) -> None:
        """Change what the endpoint answers, if it is to be changed, and let time go by."""
        spans = [] if wait == _NO_TIME else [f"{wait} goes by"]
        self._steps.append(", ".join([*([] if change == _AS_BEFORE else [change]), *spans, then]))
        if change in _SERVED:
            self._verifier.serve(*(self._keys[role] for role in _SERVED[change]))
        elif change in _FAILURES:
            self._verifier.fail(_FAILURES[change])
        self._verifier.wait(_WAITS[wait](self._verifier.times))

    def _judge(self, presented: Presentation, kid: str) -> None:
        """Hold the fetches that a token caused, and its verdict, against what the log allows."""
        verifier, fetches = self._verifier, self._fetches
        before, fresh = fetches.held, fetches.age(verifier.tick) < verifier.times.ttl
        fetch_expected = fetches.must_fetch(kid, verifier.endpoint.reply.kids, verifier.tick)
        answer = verifier.ask(presented)
        new = fetches.read(verifier.endpoint.log, verifier.tick)
        story = "; ".join(self._steps[-6:])
        if fetch_expected and not new:
            verifier.find(f"a key set is not fetched that is due to be; {story}", "a fetch", "none", presented)
        if before is not None and fresh and kid not in before.kids:
            self._judge_budget(len(new), story, presented)
        allowed = fetches.outcomes(kid, verifier.tick, before)
        summary = f"a verdict comes of a set that cannot be held; {story}"
        verifier.trial.expect(answer, allowed, summary, fetched.shown(presented), verifier.accepted)

    def _judge_budget(self, fetches: int, story: str, presented: Presentation) -> None:
        """While the set is fresh, an unknown kid is the only reason to fetch: once a cool-down."""
        if not fetches:
            return
        tick, cooldown = self._verifier.tick, self._verifier.times.cooldown
        if fetches > 1 or tick - self._fetches.last_refetch < cooldown:
            summary = f"unknown kids cause more than one refetch in a cool-down; {story}"
            self._verifier.find(summary, f"one in {cooldown:g} s", "another one", presented)
        self._fetches.last_refetch = tick
