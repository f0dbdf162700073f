"""The key server as a whole: one event for each decision, whatever the sink does, and no secret anywhere."""

import json
import logging
import traceback
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearerproof_reference.keyserver.authentication import AccessRefused, Admitted
from bearerproof_reference.keyserver.configuration import read
from bearerproof_reference.keyserver.exchange import ExchangeRefused, Granted
from bearerproof_reference.keyserver.revocation import RevocationRefused, Revoked
from bearerproof_reference.keyserver.server import Caller, KeyServer, store_limits
from bearerproof_reference.keyserver.store import StoreLimits
from bearerproof_reference.keyserver.tokens import is_jti
from tests.keyserver.environment import ISSUER, OTHER, Down, Environment, Lines, configuration, form, id_token, rule

Answer = Granted | ExchangeRefused | Admitted | AccessRefused | Revoked | RevocationRefused

TIGHT = {
    "cap": 2,
    "capacity": 5,
    "ttl": 60,
    "retention": 60,
    "policies": [
        rule("staff", {"backends": ["a", "b*"], "tools": ["*"], "rate_limit": 2}, group="staff"),
        rule("others", {"backends": ["*"], "tools": ["x"], "rate_limit": 0}, issuer=OTHER),
    ],
    "throttle": {"admin_failures": 3, "exchanges_per_minute": 20},
}


@dataclass(frozen=True)
class Step:
    """Something that happens: to be done to any environment, and to every one in the same way."""

    what: str
    which: int = 0
    text: str | None = None
    claims: tuple[tuple[str, Any], ...] = ()
    seconds: float = 0


ACTS = ["exchange"] * 5 + ["use"] * 6 + ["wait"] * 2 + ["revoke", "revoke-all", "guess", "reap", "junk"]
TEXTS = [None] * 6 + ["a", "bb", "c", "*", "backends:a", "backends:c", "tools:x", "backends:a\n", ""]
CLAIMS: list[tuple[tuple[str, Any], ...]] = [(), (), (), (), (("iss", OTHER),), (("iss", OTHER), ("sub", "ben"))]
CLAIMS += [(("groups", []),), (("exp", 0),), (("jti", "same"),), (("iat", 0),)]

steps = st.builds(
    Step,
    st.sampled_from(ACTS),
    st.integers(0, 5),
    st.sampled_from(TEXTS),
    st.sampled_from(CLAIMS),
    st.sampled_from([0.5, 0.5, 10, 59, 60, 121, -30]),
)
# Short lists find little: most that can happen needs some tokens first.
stories = st.lists(steps, min_size=20, max_size=40)


class Actor:
    """Takes steps in an environment; tokens go by the order in which they were granted."""

    def __init__(self, *, broken: bool) -> None:
        self.environment = Environment(TIGHT)
        self.environment.sink.broken = broken
        self.tokens: list[Granted] = []

    def take(self, step: Step, subject_token: str) -> Answer | None:
        """Return what comes of the step, None where nothing was decided."""
        token = self.tokens[step.which % len(self.tokens)] if self.tokens else None
        bearer, jti = (token.bearer, token.record.jti) if token else ("junk", "junk")
        answer: Answer | None = None
        match step.what:
            case "exchange":
                answer = self.environment.send(*form(subject_token, scope=step.text))
                self.tokens += [answer] if isinstance(answer, Granted) else []
            case "use":
                answer = self.environment.use(bearer, step.text)
            case "revoke":
                answer = self.environment.revoke(jti)
            case "revoke-all":
                answer = self.environment.revoke_all(("anna", "ben", "nobody", "", "é", None)[step.which])
            case "guess":
                answer = self.environment.revoke(jti, step.text)
            case "junk":
                answer = self.environment.use(f"bprf_{step.text}")
            case "wait":
                self.environment.clock.wall += step.seconds
                self.environment.clock.monotonic += max(0, step.seconds)
            case "reap":
                self.environment.server.reap()
        return answer


def outline(answer: Answer | None) -> tuple[object, ...]:
    """Return what two servers must have in common, which is all but what is random."""
    match answer:
        case Granted():
            return "granted", answer.record.identity, answer.record.scopes, answer.record.expires_at
        case Admitted():
            return "admitted", answer.record.identity, answer.record.scopes
        case Revoked():
            return "revoked", answer.count
        case None:
            return ()
    return type(answer).__name__, answer.error, answer.retry_after


@given(stories)
def test_one_event_for_each_decision_and_the_same_ones_without_a_sink(story: list[Step]) -> None:
    kept, lost = Actor(broken=False), Actor(broken=True)
    events = 0
    for step in story:
        subject_token = id_token(kept.environment.clock.wall, **dict(step.claims))
        answer = kept.take(step, subject_token)
        assert outline(answer) == outline(lost.take(step, subject_token))
        new = kept.environment.events()
        expected = 0 if answer is None else answer.count if isinstance(answer, Revoked) else 1
        assert len(new) == expected
        assert all(fits(answer, event) for event in new)
        assert [event["seq"] for event in new] == list(range(events, events + expected))
        events += expected
    assert (kept.environment.server.trail.lost, lost.environment.server.trail.lost) == (0, events)


def fits(answer: Answer | None, event: dict[str, Any]) -> bool:
    """Return whether the event tells what was answered."""
    name, jti = event["event"], event.get("token_jti", "")
    match answer:
        case Granted() | Admitted():
            wanted = "token.issued" if isinstance(answer, Granted) else "token.used"
            return bool(name == wanted and jti == answer.record.jti)
        case Revoked():
            return bool(name == "token.revoked" and is_jti(jti))
    return name in ("token.denied", "token.invalid", "token.expired")


CANARY = "canary"


class Planted:
    """An environment where all that is secret, and all that is merely presented, can be recognised."""

    ADMIN = f"admin-{CANARY}-secret"

    def __init__(self) -> None:
        self.environment = Environment({"admin_secret": self.ADMIN})
        self.secrets = [CANARY, self.ADMIN]

    def grant(self) -> Granted:
        subject_token = id_token(self.environment.clock.wall)
        answer = self.environment.send(*form(subject_token))
        assert isinstance(answer, Granted)
        self.secrets += [answer.bearer, answer.bearer[5:], subject_token, *subject_token.split(".")]
        return answer

    def found_in(self, text: str) -> list[str]:
        """Return the secrets that stand in a text."""
        return [secret for secret in self.secrets if secret in text]


def drive(planted: Planted) -> list[Answer]:
    """Ask for all there is to ask, rightly and wrongly, with secrets in all places."""
    environment, token = planted.environment, planted.grant()
    forged = id_token(iss=f"https://{CANARY}.example", sub=CANARY)
    planted.secrets.append(forged)
    answers: list[Answer] = [token]
    answers += [environment.send(*form(text)) for text in (forged, CANARY, token.bearer, f"{CANARY}\r\n")]
    for name in (
        "grant_type",
        "subject_token_type",
        "scope",
        "resource",
        "actor_token",
        "requested_token_type",
        CANARY,
    ):
        subject_token = id_token()
        planted.secrets.append(subject_token)
        answers.append(environment.send(*form(subject_token, **{name: CANARY})))
    answers += [environment.use(text) for text in (token.bearer, CANARY, f"{token.bearer}x", f"bprf_{'A' * 43}")]
    answers.append(environment.use(token.bearer, CANARY, f"{CANARY}\x1b[31m"))
    answers += [environment.revoke(text, planted.ADMIN) for text in (CANARY, token.bearer, None)]
    answers += [environment.revoke(token.record.jti, admin) for admin in (CANARY, token.bearer, planted.ADMIN + "x")]
    environment.caller = Caller("10.0.0.1", CANARY)
    answers += [
        environment.revoke(token.record.jti, planted.ADMIN),
        environment.revoke_all(CANARY, CANARY, admin=planted.ADMIN),
    ]
    return [*answers, environment.use(token.bearer)]


def test_no_secret_in_any_event_log_or_answer(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    planted = Planted()
    answers = drive(planted)
    planted.environment.sink.broken = True
    answers += drive(planted)
    assert len(planted.environment.sink.lines) > 20
    for line in planted.environment.sink.lines:
        assert planted.found_in(line) == []
        assert planted.found_in(json.dumps(json.loads(line), ensure_ascii=False)) == []
    for record in caplog.records:
        assert planted.found_in(record.getMessage() + repr(record.__dict__)) == []
    for answer in answers:
        assert planted.found_in(repr(answer) + str(answer)) == []


def test_no_secret_in_what_the_server_is_made_of() -> None:
    planted = Planted()
    token = planted.grant()
    found = read(configuration(admin_secret=planted.ADMIN))
    parts: list[object] = [found, token, token.record, planted.environment.server, planted.environment.store]
    parts += vars(planted.environment.server).values()
    for part in parts:
        assert planted.found_in(repr(part)) == []
        if is_dataclass(part):
            shown = [getattr(part, field.name) for field in fields(part) if field.repr]
            assert planted.found_in(repr(shown)) == []


class Faulty(Down):
    """A store with a fault that its contract knows nothing of."""

    def __getattr__(self, name: str) -> Any:
        if name == self._operation:
            raise RuntimeError("a fault in the store")
        return getattr(self._inner, name)


@pytest.mark.parametrize("operation", ["claim", "issue", "look_up", "revoke", "revoke_all"])
def test_no_secret_in_what_is_raised(operation: str) -> None:
    planted = Planted()
    token = planted.grant()
    subject_token = id_token()
    planted.secrets.append(subject_token)
    environment = planted.environment
    config = read(configuration(admin_secret=planted.ADMIN))
    environment.server = KeyServer(config, Faulty(environment.store, operation), environment.clock, Lines())
    ask = {
        "look_up": lambda: environment.use(token.bearer),
        "revoke": lambda: environment.revoke(token.record.jti, planted.ADMIN),
        "revoke_all": lambda: environment.revoke_all(admin=planted.ADMIN),
    }.get(operation, lambda: environment.send(*form(subject_token)))
    with pytest.raises(RuntimeError) as caught:
        ask()
    assert planted.found_in("".join(traceback.format_exception(caught.value)) + repr(caught.value)) == []


def test_what_a_store_must_keep() -> None:
    config = read(configuration(capacity=7, retention=11, max_age=13))
    assert store_limits(config) == StoreLimits(capacity=7, retention=11, subject_age=13)


def test_where_a_record_is_required_nothing_is_opened_without_one() -> None:
    environment = Environment(record_required=True)
    granted = environment.granted()
    environment.sink.broken = True
    refused, used = environment.exchange(), environment.use(granted.bearer)
    assert isinstance(refused, ExchangeRefused)
    assert (refused.error, refused.retry_after) == ("temporarily_unavailable", 5)
    assert isinstance(used, AccessRefused)
    assert used.error == "unavailable"
    environment.sink.broken = False
    assert environment.server.count(ISSUER, "anna") == 1, "what was not recorded does not live"
    assert isinstance(environment.use(granted.bearer), Admitted)
    environment.sink.broken = True
    assert isinstance(environment.revoke(granted.record.jti), Revoked), "to end something is to open nothing"
