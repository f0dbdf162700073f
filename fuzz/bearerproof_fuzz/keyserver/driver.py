"""A key server in its world: the clocks, the providers, and all that was asked of it since it was configured.

What the server makes up itself (bearers, jtis) is different in every run, so what a finding shows has stand-ins in
its place, `<access_token of step 3>`: two equal runs say the same, and a replay can put the new ones in.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from types import MappingProxyType
from typing import Any, NoReturn
from weakref import WeakKeyDictionary

from bearerproof.contract.decisions import Decision, read_decision
from bearerproof.contract.declaration import KeyServer
from bearerproof.contract.implementation import Implementation
from bearerproof.contract.messages import Outcome, Request
from bearerproof.exceptions import AdapterFault
from bearerproof.judging.judgement import Finding, Untestable
from bearerproof.judging.trial import Trial
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure
from bearerproof_fuzz import jwks_endpoint
from bearerproof_fuzz.keyserver import told_clock
from bearerproof_fuzz.keyserver.name_mapping import IDENTITY, activate, is_anybodys
from bearerproof_fuzz.keyserver.setting import (
    ADMIN,
    DEFAULT,
    HOME,
    ID_TOKEN,
    PEER,
    TOKEN_EXCHANGE,
    KeyServerConfig,
    Provider,
    config_of,
    mapping_of,
)
from bearerproof_fuzz.needs import CLOCK

Form = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Grant:
    """A token that the server issued, and to whom."""

    bearer: str
    jti: str
    provider: Provider
    subject: str
    decision: Decision
    issued_at: float

    @property
    def scope(self) -> str:
        """The scope as it was answered."""
        return str(self.decision.members.get("scope", ""))


@dataclass
class _Running:
    """What a server that runs on remembers of the checks before: the time, and whose keys were changed.

    ``configuration`` is the one that it was told, in its words, and ``restarts`` how often it had died by then.
    """

    now: float = 0.0
    tick: float = 0.0
    rotated: set[Provider] = field(default_factory=set)
    configuration: Json | None = None
    restarts: int = 0
    issued: int = 0
    clock_is_seen: bool = False

    def forget(self) -> None:
        """Begin anew: the server is about to, and so do its clocks."""
        self.now, self.configuration, self.issued = 0.0, None, 0
        self.rotated.clear()

    def rest(self) -> None:
        """Let so much time go by that everybody has all of his numbers again, whichever address he had."""
        self.now, self.tick = self.now + _A_REST, self.tick + _A_REST

    def go_on(self, now: float, tick: float) -> None:
        """Note what time it is, which may have stepped back."""
        self.now, self.tick = max(self.now, now), max(self.tick, tick)


_RUNNING: WeakKeyDictionary[Implementation, _Running] = WeakKeyDictionary()


class KeyServerDriver:
    """One key server, from its configuration on."""

    def __init__(
        self,
        trial: Trial,
        setting: KeyServerConfig = DEFAULT,
        stand_ins: Mapping[str, str] = MappingProxyType({}),
        *,
        own_peers: bool = True,
    ) -> None:
        """Configure the server; where that is not declared, it is taken as it is.

        ``stand_ins`` are put in findings in place of what is different in every run, such as a URL of ours. Without
        ``own_peers`` a check is about the addresses of peers, which then are as they are said.

        Raises:
            Untestable: it refuses a sound configuration.
        """
        self.trial = trial
        server = trial.declaration.key_server
        told = server.configure or server.setting is None
        self.setting = _tellable(setting, server) if told or server.setting is None else config_of(server.setting)
        self._mapping = activate(mapping_of(server, own_peers=own_peers))
        runs_on = server.runs_on or not told
        self._running = _RUNNING.setdefault(trial.implementation, _Running()) if runs_on else _Running()
        told = told and not (server.runs_on and own_peers and self._is_under(self.setting))
        if told:
            self._running.forget()
        elif server.runs_on and trial.declaration.injected_tick:
            self._running.rest()
        self.now: float = setting.now + max(0, ceil(self._running.now - setting.now))
        self.tick: float = self._running.tick  # which never decreases
        self.steps: list[Request] = []
        self.answered: list[tuple[Request, Decision]] = []
        self._stand_ins: dict[str, str] = dict(stand_ins)
        self._serial = 0
        self._look_at_the_clock()
        answer = self.configure(self.setting.as_json()) if told else None
        if answer is not None and not answer.good:
            self._untestable("a sound configuration is refused", "configured", answer)
        for provider in sorted(self._running.rotated, key=lambda provider: provider.issuer):
            self.rotate(provider, provider)
        self._running.rotated.clear()
        if server.setting is not None and trial.declaration.injected_clock and not self._running.clock_is_seen:
            self._running.clock_is_seen = True
            told_clock.require_seen(self)
            self.steps, self.answered = [], []

    # --- what is asked -----------------------------------------------------------------------------------------

    def configure(self, configuration: Json) -> Decision:
        """Begin again under this configuration, and return what came of it."""
        self.steps = []
        self._stand_ins = {
            made_up: stand_in.replace(" step ", " earlier step ") for made_up, stand_in in self._stand_ins.items()
        }
        self._running.configuration = None
        answer = self._ask("configure", key_server=configuration)
        if answer.good:
            self._running.configuration = self._mapping.outbound(configuration)
            self._running.restarts, self._running.issued = self.trial.implementation.restarts, 0
        return answer

    def _is_under(self, setting: KeyServerConfig) -> bool:
        """Say whether the server runs under this configuration already, and nothing that came before can be felt."""
        running = self._running
        return (
            running.configuration == self._mapping.outbound(setting.as_json())
            and running.restarts == self.trial.implementation.restarts
            and running.issued < setting.capacity // 2
            and setting.is_roomy
        )

    def exchange(
        self,
        subject_token: str,
        scope: str | None = None,
        *,
        peer: str = PEER,
        forwarded: str | None = None,
        **changes: str | None,
    ) -> Decision:
        """Exchange a subject token; a parameter changed to None is left out."""
        whole = {
            "grant_type": TOKEN_EXCHANGE,
            "subject_token": subject_token,
            "subject_token_type": ID_TOKEN,
            "scope": scope,
            **changes,
        }
        return self.exchange_form([(n, v) for n, v in whole.items() if v is not None], peer=peer, forwarded=forwarded)

    def use_up(self, subject_token: str, summary: str = "an honest exchange is refused") -> None:
        """Exchange a subject token as often as it may be.

        Raises:
            Nonconforming: it is refused.
        """
        for _ in range(self.setting.subject_token_uses):
            self.good(self.exchange(subject_token), summary)

    def exchange_form(self, form: Form, *, peer: str = PEER, forwarded: str | None = None) -> Decision:
        """Send a form to the exchange as it is."""
        return self._ask("exchange", peer, forwarded, form=[list(pair) for pair in form])

    def authenticate(
        self,
        bearer: str,
        backend: str | None = None,
        tool: str | None = None,
        *,
        peer: str = PEER,
        forwarded: str | None = None,
    ) -> Decision:
        """Present a bearer, for a backend and tool if any are named."""
        wants = {name: value for name, value in (("backend", backend), ("tool", tool)) if value is not None}
        return self._ask("authenticate", peer, forwarded, bearer=bearer, **({"wants": wants} if wants else {}))

    def revoke(
        self, jti: str, *, admin: str | None = ADMIN, peer: str = PEER, forwarded: str | None = None
    ) -> Decision:
        """Revoke one token."""
        return self._ask("revoke", peer, forwarded, admin=admin, jti=jti)

    def revoke_all(
        self,
        subject: str | None,
        issuer: str | None = HOME.issuer,
        *,
        admin: str | None = ADMIN,
        peer: str = PEER,
        forwarded: str | None = None,
    ) -> Decision:
        """Revoke every token of an identity; a half of it that is None is left out."""
        named = {name: value for name, value in (("issuer", issuer), ("subject", subject)) if value is not None}
        return self._ask("revoke", peer, forwarded, admin=admin, **named)

    def reap(self) -> Decision:
        """Have it clean up."""
        return self._ask("reap")

    def count(self, subject: str, issuer: str = HOME.issuer) -> int:
        """Return how many tokens of an identity it says are live."""
        return int(str(self._ask("count", issuer=issuer, subject=subject).members["count"]))

    def rotate(self, provider: Provider, *served: Provider) -> Decision:
        """Have a provider serve the keys of these from now on."""
        self._running.rotated.add(provider)
        return self._ask(
            "rotate", issuer=provider.issuer, keys={"keys": [key_owner.key.public_jwk for key_owner in served]}
        )

    def restart(self) -> Decision:
        """Restart the server under the same configuration."""
        return self._ask("restart")

    def race(self, requests: Sequence[Request]) -> list[Decision]:
        """Ask several things at the same instant."""
        stamped = [{**request, "now": self.now, "tick": self.tick} for request in requests]
        answer = self._ask("race", requests=stamped)
        answers = answer.answers
        if len(answers) != len(stamped):
            raise AdapterFault(f"race: gave {len(answers)} answers to {len(stamped)} requests")
        decisions = [read_decision(raw, request["op"]) for raw, request in zip(answers, stamped, strict=True)]
        for number, (decision, request) in enumerate(zip(decisions, stamped, strict=True)):
            if decision.outcome is Outcome.SKIPPED:
                self.trial.implementation.skip(f"race of {request['op']}", str(decision.detail))
            self._remember(decision, f"racer {number + 1} of step {len(self.steps)}")
        self.answered += zip(stamped, decisions, strict=True)
        return decisions

    def http(
        self, method: str, path: str, headers: Sequence[tuple[str, str]] = (), body_b64: str = "", *, peer: str = PEER
    ) -> Decision:
        """Send a request to the HTTP binding."""
        sent = [list(pair) for pair in headers]
        return self._ask("http", peer, method=method, path=path, headers=sent, body_b64=body_b64)

    # --- time --------------------------------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        """Let time go by on both clocks; where the server has a clock of its own, the check is not applicable."""
        self._need_the_clock()
        self.now += seconds
        self.tick += seconds

    def step_wall_clock(self, seconds: float) -> None:
        """Put the wall clock forward, or back if negative; no time goes by."""
        self._need_the_clock()
        self.now += seconds

    # --- what is honest ----------------------------------------------------------------------------------------

    def subject_token(self, subject: str = "alice", provider: Provider = HOME, **claims: Any) -> str:
        """Return an honest ID token of now, never the same twice; a claim changed to None is left out.

        It outlives what is bought with it, which a server may end with it.
        """
        self._serial += 1
        self._look_at_the_clock()
        end = int(self.now) + max(_AN_HOUR, self.setting.ttl + 60)
        return provider.draft(subject, self.now, **{"jti": f"id-{self._serial}", "exp": end, **claims}).token()

    def lifetime(self, grant: Grant) -> int:
        """Return for how many seconds a token is said to live: as configured or less, which is the server's choice.

        Raises:
            Nonconforming: it is said to live longer, or not at all, or nothing is said (which base allows).
        """
        reported, configured = grant.decision.expires_in, self.setting.ttl
        if reported is None and self.trial.measure is Measure.BASE:
            return configured
        if reported is None or not 0 < reported <= configured:
            expected = f"from 1 to the {configured} seconds that are configured"
            self.fail("expires_in is not the lifetime of the token", expected, str(reported))
        return reported

    def issue(
        self,
        subject: str = "alice",
        scope: str | None = None,
        provider: Provider = HOME,
        *,
        peer: str = PEER,
        **claims: Any,
    ) -> Grant:
        """Have a token issued that has to be.

        Raises:
            Untestable: it was not.
        """
        token = self.subject_token(subject, provider, **claims)
        decision = self.exchange(token, scope, peer=peer)
        if not decision.good:
            self._untestable("an honest exchange is refused", "granted", decision)
        return self.grant(decision, subject, provider)

    def issue_if_known(
        self, subject: str, provider: Provider = HOME, *, codes: Sequence[str] = ("invalid_request",), **claims: Any
    ) -> Grant | None:
        """Have a token issued; None where a subject that need not be known is refused for what it is.

        A product may have subjects of a form of its own, with neither blanks nor letters beyond ASCII.

        Raises:
            Untestable: it was refused, though it could be anybody's.
        """
        decision = self.exchange(self.subject_token(subject, provider, **claims))
        if not decision.good and decision.code in codes and not is_anybodys(subject):
            return None
        return self.grant(decision, subject, provider)

    def grant(self, decision: Decision, subject: str = "alice", provider: Provider = HOME) -> Grant:
        """Read what an exchange granted.

        Raises:
            Untestable: it was refused.
        """
        self.require(decision.good, "an honest exchange is refused", "granted", decision)
        members = decision.members
        return Grant(str(members["access_token"]), str(members["jti"]), provider, subject, decision, self.now)

    def admitted(self, grant: Grant, backend: str | None = None, tool: str | None = None) -> Decision:
        """Present a bearer that has to be admitted.

        Raises:
            Untestable: it was not.
        """
        decision = self.authenticate(grant.bearer, backend, tool)
        if not decision.good:
            self._untestable("an honest bearer is refused", "accepted", decision)
        return decision

    def positive_control(self, subject: str = "carol", *, with_events: bool = True) -> Grant:
        """Have a token issued and used, so that a check that looks for what must not happen sees what has to.

        Unless ``with_events`` is false, both have to leave their event.

        Raises:
            Untestable: something of it did not happen.
        """
        grant = self.issue(subject)
        used = self.admitted(grant)
        for name, decision in (("token.issued", grant.decision), ("token.used", used)) if with_events else ():
            names = [str(event.get("event")) for event in decision.events]
            self.require(name in names, f"an honest decision leaves no {name}", name, ", ".join(names) or "no event")
        return grant

    def require(self, holds: bool, summary: str, expected: str, got: Decision | str) -> None:
        """Require something without which nothing can be concluded.

        Raises:
            Untestable: it does not hold.
        """
        if not holds:
            self._untestable(summary, expected, got)

    # --- what is expected --------------------------------------------------------------------------------------

    def refused(
        self, decision: Decision, codes: str | Sequence[str], summary: str, *, warns_at_base: bool = False
    ) -> None:
        """Require a refusal with one of these codes; base only warns of a grant where no RFC forbids one in words.

        Raises:
            Nonconforming: it is none, or says something else.
        """
        allowed = [codes] if isinstance(codes, str) else list(codes)
        expected = "refused: " + " or ".join(allowed)
        if decision.good and warns_at_base and self.trial.measure is Measure.BASE:
            self.trial.warnings.append(self._finding(summary, expected, decision, ()))
        elif decision.outcome is not Outcome.REJECTED or decision.code not in allowed:
            self.fail(summary, expected, decision)

    def good(self, decision: Decision, summary: str) -> None:
        """Require that something was granted, admitted or done.

        Raises:
            Nonconforming: it was not.
        """
        if not decision.good:
            self.fail(summary, "granted, admitted or done", decision)

    def left(self, decision: Decision, *expected: Mapping[str, Any], summary: str) -> None:
        """Require that the decision left just these events, each with at least these members.

        A member that is expected as None has to be absent.

        Raises:
            Nonconforming: there are more, fewer, or others.
        """
        found = list(decision.events)
        if len(found) != len(expected) or not all(
            _has(event, wanted) for event, wanted in zip(found, expected, strict=True)
        ):
            self.fail(summary, f"events {json.dumps(list(expected))}", json.dumps(found), decision.events)

    def fail(self, summary: str, expected: str, got: Decision | str, events: Sequence[Json] = ()) -> NoReturn:
        """End the check with a finding.

        Raises:
            Nonconforming: always (Warned, for a SHOULD row at base).
        """
        self.trial.end(self._finding(summary, expected, got, events))

    def hide(self, made_up: str, stand_in: str) -> None:
        """Have findings show a stand-in for something that is different in every run."""
        if len(made_up) >= _UNMISTAKABLE:
            self._stand_ins.setdefault(made_up, stand_in)

    def hide_encoded(self, body: bytes, encoded: str) -> None:
        """Have findings show what is in a body, where something in it is different in every run."""
        text = body.decode("latin-1")
        if self.shown(text) != text:
            self.hide(encoded, f"<base64 of {self.shown(text)}>")

    def shown(self, value: Any) -> Any:
        """Return a value with stand-ins for what the server made up."""
        text = json.dumps(value)
        for secret, stand_in in self._stand_ins.items():
            text = text.replace(secret, json.dumps(stand_in)[1:-1])
        return json.loads(text)

    def in_our_words(self, text: str) -> str:
        """Return what the server says in the body of an HTTP answer by the names that checks go by."""
        return str(self._mapping.inbound(text))

    def _need_the_clock(self) -> None:
        lack = self.trial.declaration.missing_capability(CLOCK)
        if lack is not None:
            import pytest  # noqa: PLC0415 - who only looks at an adapter has no use for it

            pytest.skip(lack)

    def _look_at_the_clock(self) -> None:
        """See what time it is, where the server's clock is the real one."""
        if not self.trial.declaration.injected_clock:
            self.now = time.time()

    def _ask(self, op: str, peer: str | None = None, forwarded: str | None = None, **members: Any) -> Decision:
        self._look_at_the_clock()
        around = {name: value for name, value in (("peer", peer), ("forwarded", forwarded)) if value is not None}
        request: Request = {"op": op, "now": self.now, "tick": self.tick, **around, **members}
        self.steps.append(request)
        self._running.go_on(self.now, self.tick)
        with jwks_endpoint.timed(self.trial):
            decision = self._inbound(self.trial.decide(self._mapping.outbound(request)))
        self.answered.append((request, decision))
        self._running.issued += op in ("exchange", "http", "race")
        self._remember(decision, f"step {len(self.steps)}")
        if decision.outcome is Outcome.ERRORED:
            self.fail(f"{op} errored", "a decision", decision)
        return decision

    def _inbound(self, decision: Decision) -> Decision:
        """Return a decision in our words."""
        if self._mapping is IDENTITY:
            return decision
        inbound = self._mapping.inbound
        members, events, lines = inbound(dict(decision.members)), inbound(decision.events), inbound(decision.lines)
        return replace(decision, members=members, events=events, lines=lines)

    def _remember(self, decision: Decision, where: str) -> None:
        for name in ("access_token", "jti"):
            value = decision.members.get(name)
            if isinstance(value, str) and len(value) >= _UNMISTAKABLE:
                self._stand_ins.setdefault(value, f"<{name} of {where}>")
        for event in decision.events:
            reported = event.get("token_jti")  # of a token that nobody was given, as a fault of the server may have it
            if isinstance(reported, str) and reported not in self._stand_ins and not self._asked_for(reported):
                self.hide(reported, f"<token_jti of {where}>")

    def _asked_for(self, text: str) -> bool:
        return any(text in json.dumps(step) for step in self.steps)

    def _finding(self, summary: str, expected: str, got: Decision | str, events: Sequence[Json] = ()) -> Finding:
        reported = got if isinstance(got, str) else got.describe()
        outcome = None if isinstance(got, str) else got.outcome
        left = events or (() if isinstance(got, str) else got.events)
        return Finding(
            self.shown(summary),
            self.shown(expected),
            self.shown(reported),
            events=tuple(self.shown(list(left))),
            outcome=outcome,
            steps=tuple(self.shown(self.steps)),
        )

    def _untestable(self, summary: str, expected: str, got: Decision | str) -> NoReturn:
        raise Untestable(self._finding(summary, expected, got))


def _tellable(setting: KeyServerConfig, server: KeyServer) -> KeyServerConfig:
    """Return a setting that leaves wrong secrets unlimited where all checks come from one peer, and it runs on."""
    return setting.but(admin_failures=0) if server.runs_on and not server.forwarded else setting


_A_REST = 121.0
"""Seconds without requests after which no throttle remembers anybody."""

_AN_HOUR = 3600

_UNMISTAKABLE = 16
"""Characters from which on a made-up value is replaced wherever it occurs; a shorter one may be anything."""


def _has(event: Json, wanted: Mapping[str, Any]) -> bool:
    return all(event.get(name) == value for name, value in wanted.items())
