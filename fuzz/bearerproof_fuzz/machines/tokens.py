"""A walk through the life of a token store: issues, uses, revocations, sweeps, restarts, and clocks that step.

A walk begins with a whole life, from issue to expiry, and ends with every bearer presented once more: what it is to
judge has happened on it, wherever it leads in between.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from bearerproof.contract.decisions import Decision
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import examples, explore_machine
from bearerproof_fuzz.keyserver.driver import Grant, KeyServerDriver
from bearerproof_fuzz.keyserver.setting import DEFAULT, HOME, OTHER, Provider
from bearerproof_fuzz.oracles.tokens import Aspect, Issued, Store, Wrong

STEPS = 25
"""Rules applied in one example."""

SETTING = DEFAULT.but(ttl=60, retention=30, cap=3)

_FIRST = "carol"
"""Whose token begins each walk."""

IDENTITIES = ((HOME, "alice"), (HOME, "bob"), (OTHER, "alice"))
SCOPES: Mapping[str | None, tuple[str, str]] = {
    None: ("*", "*"),
    "backends:a tools:x": ("a", "x"),
    "backends:b*": ("b*", "*"),
}
"""What is asked for, and the pattern that is granted on either side."""
GAPS = (0.25, 1.0, 29.75, 59.75, 60.0, 90.0)
"""Seconds: within a lifetime, up to the last moment of one, exactly one, and until it is forgotten."""
LEAPS = (-3600.0, -60.0, -0.25, 30.0, 3600.0)
"""Seconds by which the wall clock is put right, or wrong."""

_PLACES = st.integers(0, 8)
_WHO = st.sampled_from(IDENTITIES)


def walk(trial: Trial, aspect: Aspect, *, share: int = 20) -> None:
    """Take random walks, and judge one aspect of what is seen on them.

    Raises:
        Judged: what an example found.
    """
    name = f"token store: {aspect}"
    explore_machine(name, lambda: TokenStoreMachine(trial, aspect), number=max(5, examples(share)), steps=STEPS)


def _can(capability: str) -> Callable[[Any], Any]:
    return precondition(lambda self: bool(getattr(self.server.trial.declaration.key_server, capability)))


class TokenStoreMachine(RuleBasedStateMachine):
    """Asks a server in any order, and holds each answer against the model."""

    def __init__(self, trial: Trial, aspect: Aspect) -> None:
        super().__init__()
        self.server = KeyServerDriver(trial, SETTING)
        self._aspect = aspect
        self._store = Store(SETTING.ttl, SETTING.retention, SETTING.cap)
        self._bearers: list[tuple[str, Issued]] = []
        self._judging = True
        self._live_and_end()

    def teardown(self) -> None:
        """Present every bearer at the end; after a restart, where that is what the walk is about."""
        if not self._judging:
            return
        if self._aspect is Aspect.RESTART:
            self.restart()
        for bearer, token in self._bearers:
            self._present(bearer, token)

    @rule(who=_WHO, scope=st.sampled_from(tuple(SCOPES)), times=st.integers(1, 4))
    def issue(self, who: tuple[Provider, str], scope: str | None, times: int) -> None:
        """Exchange honest subject tokens."""
        for _ in range(times):
            self._exchange(*who, scope)

    @rule(place=_PLACES)
    def present(self, place: int) -> None:
        """Present one of the bearers, whatever became of its token."""
        if self._bearers:
            self._present(*self._bearers[place % len(self._bearers)])

    @rule(place=_PLACES)
    def revoke(self, place: int) -> None:
        """Revoke one of the tokens, if it still is one."""
        if self._bearers:
            token = self._bearers[place % len(self._bearers)][1]
            decision = self.server.revoke(token.jti)
            self._store.see(self.server.now)
            token.revoked = token.revoked or decision.good

    @rule(who=_WHO)
    def revoke_all(self, who: tuple[Provider, str]) -> None:
        """Revoke all tokens of an identity."""
        provider, subject = who
        decision = self.server.revoke_all(subject, provider.issuer)
        self._store.see(self.server.now)
        number = decision.revoked if decision.good else -1
        self._judge(self._store.judge_number(provider.issuer, subject, number), decision)
        self._store.revoke_all(provider.issuer, subject)

    @_can("reap")
    @rule()
    def reap(self) -> None:
        """Have it clean up."""
        self.server.reap()
        self._store.see(self.server.now)

    @_can("count")
    @rule(who=_WHO)
    def count(self, who: tuple[Provider, str]) -> None:
        """Have an identity's live tokens counted."""
        provider, subject = who
        number = self.server.count(subject, provider.issuer)
        self._store.see(self.server.now)
        self._judge(self._store.judge_number(provider.issuer, subject, number), f"{number}")

    @_can("restart")
    @rule()
    def restart(self) -> None:
        """Restart the server."""
        self.server.restart()
        self._store.restart()

    @rule(seconds=st.sampled_from(GAPS))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.server.wait(seconds)

    @rule(seconds=st.sampled_from(LEAPS))
    def put_the_clock(self, seconds: float) -> None:
        """Put the wall clock forward or back."""
        self.server.step_wall_clock(seconds)

    def _live_and_end(self) -> None:
        """Have a token issued and used, and presented when it has expired.

        Raises:
            Untestable: it was refused while it was live, or admitted when it had expired.
        """
        grant = self.server.issue(_FIRST)
        token = self._noted(grant, None)
        self._judge(self._store.judge_presented(token, self.server.admitted(grant).members, []), "accepted")
        self.server.wait(SETTING.ttl)
        decision = self._present(grant.bearer, token)
        self.server.require(not decision.good, "a bearer that has expired is good", "invalid-token", decision)

    def _present(self, bearer: str, token: Issued) -> Decision:
        decision = self.server.authenticate(bearer)
        self._store.see(self.server.now)
        events = [str(event.get("event")) for event in decision.events]
        answer = decision.members if decision.good else None
        self._judge(self._store.judge_presented(token, answer, events), decision)
        return decision

    def _exchange(self, provider: Provider, subject: str, scope: str | None) -> None:
        decision = self.server.exchange(self.server.subject_token(subject, provider), scope)
        self._store.see(self.server.now)
        code = None if decision.good else decision.code
        self._judge(self._store.judge_issue(self.server.now, provider.issuer, subject, code), decision)
        late = self.server.now + SETTING.ttl <= self._store.latest  # what a clock that is behind issues may be dead
        if decision.good and not late:
            self._noted(self.server.grant(decision, subject, provider), scope)

    def _noted(self, grant: Grant, scope: str | None) -> Issued:
        backends, tools = SCOPES[scope]
        scopes = {"backends": [backends], "tools": [tools], "rate_limit": 0}
        token = Issued(grant.jti, grant.provider.issuer, grant.subject, scopes, self.server.now + SETTING.ttl)
        self._bearers.append((grant.bearer, token))
        self._store.tokens.append(token)
        return token

    def _judge(self, found: Iterable[Wrong], got: Decision | str) -> None:
        for wrong in found:
            if wrong.aspect is self._aspect:
                self._judging = False
                self.server.fail(wrong.summary, wrong.expected, got)
