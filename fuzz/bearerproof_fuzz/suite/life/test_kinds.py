"""Lifecycle events by their kind: of bearers that are used, expired or revoked, and of all that is refused."""

import json
from collections.abc import Callable, Sequence

from bearerproof.contract.decisions import Decision
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check, explore
from bearerproof_fuzz.keyserver import injection_points, wire
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.event_asserts import brought_about, require_each
from bearerproof_fuzz.keyserver.http_asserts import UNKNOWN
from bearerproof_fuzz.keyserver.scenarios import presented
from bearerproof_fuzz.keyserver.setting import ADMIN, DEFAULT
from bearerproof_fuzz.keyserver.wire import ADMINISTRATOR, REVOCATION
from bearerproof_fuzz.machines.stream import Stream, moves
from bearerproof_fuzz.needs import CLOCK, CONFIGURE, REAP, RETENTION, TOKEN_REVOCATION
from bearerproof_fuzz.oracles import lifecycle
from bearerproof_fuzz.oracles.lifecycle import ExpectedEvent


def _judge(trial: Trial, *requirements: str) -> None:
    """Hold what the decisions left against what is due for them."""

    def contradiction(decision: Decision, expected: tuple[ExpectedEvent, ...]) -> str | None:
        wrong = lifecycle.contradiction(decision.events, expected)
        return f": {wrong}" if wrong else None

    require_each(trial, contradiction, *requirements)


# --- used, expired, revoked


@check("LIFE-4")
def test_admitted_bearer_leaves_token_used(mark: CheckId, trial: Trial) -> None:
    """An admitted bearer leaves token.used of its token, and one that is kept out by scope or rate token.denied."""
    _judge(trial, "LIFE-4")


@check("LIFE-4")
def test_used_is_told_of_admitted_bearers_only(mark: CheckId, trial: Trial) -> None:
    """Whatever is refused, malformed bearers and revoked ones included, leaves no token.used."""
    for scenario, server, decision, _ in brought_about(trial):
        _judge_used(server, scenario.name, decision, admitted=decision.good and "scopes" in decision.members)


@check("LIFE-4", needs=(CLOCK, CONFIGURE))
def test_used_is_told_if_and_only_if_admitted(mark: CheckId, trial: Trial) -> None:
    """In any order of requests a bearer leaves token.used when, and only when, it was admitted."""

    def used_if_admitted(move_names: list[str]) -> None:
        server = Stream(trial, with_events=False).play(move_names)
        for request, decision in server.answered:
            admitted = request["op"] == "authenticate" and decision.good
            _judge_used(server, request["op"], decision, admitted=admitted)

    explore(used_if_admitted, moves(trial), share=4)


def _judge_used(server: KeyServerDriver, what: str, decision: Decision, *, admitted: bool) -> None:
    used = [event for event in decision.events if event.get("event") == lifecycle.USED]
    if bool(used) != admitted:
        expected = "token.used" if admitted else "no token.used"
        server.fail(f"{what}: {'no token.used' if admitted else 'token.used'}", expected, decision, decision.events)
    if used and used[0].get("token_jti") != decision.jti:
        server.fail(f"{what}: token.used of another token", decision.jti, str(used[0].get("token_jti")))


@check("LIFE-5", needs=(CLOCK, RETENTION))
def test_expired_bearer_leaves_token_expired(mark: CheckId, trial: Trial) -> None:
    """A bearer that is presented after its end leaves token.expired of its token and identity, each time."""
    _judge(trial, "LIFE-5")


@check("LIFE-5", needs=(CLOCK,))
def test_bearer_that_has_just_expired(mark: CheckId, trial: Trial) -> None:
    """At the instant of its end a bearer leaves token.expired, or token.invalid where it is forgotten at once."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    server.wait(server.lifetime(grant))
    decision = server.authenticate(grant.bearer)
    found = [(event.get("event"), event.get("token_jti")) for event in decision.events]
    if found not in ([(lifecycle.EXPIRED, grant.jti)], [(lifecycle.INVALID, None)]):
        server.fail("a bearer at its end", f"{lifecycle.EXPIRED} of it, or {lifecycle.INVALID}", str(found))


@check("LIFE-5", needs=(CLOCK, CONFIGURE, RETENTION))
def test_expired_bearer_is_told_from_the_first_instant(mark: CheckId, trial: Trial) -> None:
    """From the very instant of its end until its retention is over a bearer leaves token.expired."""
    for ttl, after in ((1, 0.0), (1, 0.25), (600, 0.0), (600, 299.75), (86_400, 0.0)):
        server = KeyServerDriver(trial, DEFAULT.but(ttl=ttl))
        grant = server.issue()
        server.wait(ttl + after)
        expected = {"event": lifecycle.EXPIRED, "token_jti": grant.jti}
        server.left(server.authenticate(grant.bearer), expected, summary=f"a bearer {after:g} s after its end")


@check("LIFE-5", needs=(CLOCK, RETENTION, REAP))
def test_sweep_does_not_hide_an_expired_bearer(mark: CheckId, trial: Trial) -> None:
    """An expired bearer leaves token.expired also after a sweep, and after the wall clock stepped back."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    server.wait(server.setting.ttl + 1)
    for disturb in (server.reap, lambda: server.step_wall_clock(-30)):
        server.authenticate(grant.bearer)
        disturb()
        expected = {"event": lifecycle.EXPIRED, "token_jti": grant.jti}
        server.left(server.authenticate(grant.bearer), expected, summary="an expired bearer, once more")


@check("LIFE-6")
def test_revocation_leaves_token_revoked(mark: CheckId, trial: Trial) -> None:
    """Each token that is really revoked leaves token.revoked with its own id and identity, and nothing else does."""
    _judge(trial, "LIFE-6")


@check("LIFE-6", needs=(CONFIGURE,))
def test_bulk_revocation_tells_every_token(mark: CheckId, trial: Trial) -> None:
    """A bulk revocation of many tokens leaves token.revoked for each, once, and for no token of anybody else."""
    server = KeyServerDriver(trial, DEFAULT.but(cap=20))
    grants = [server.issue(name=f"Alice the {number}.") for number in range(20)]
    kept, gone = grants[::4], [grant for number, grant in enumerate(grants) if number % 4]
    for grant in kept:
        server.good(server.revoke(grant.jti), "a live token is not revoked")
    server.issue("bob")
    decision = server.revoke_all("alice")
    expected = tuple(
        ExpectedEvent(lifecycle.REVOKED, jti=grant.jti, who=lifecycle.ExpectedIdentity(grant.provider.issuer, "alice"))
        for grant in gone
    )
    wrong = lifecycle.contradiction(decision.events, expected)
    if wrong:
        what = f"a bulk revocation of {len(expected)} tokens: {wrong}"
        server.fail(what, "token.revoked for each of them", f"{len(decision.events)} events")


@check("LIFE-6", needs=TOKEN_REVOCATION)
def test_named_token_leaves_token_revoked(mark: CheckId, trial: Trial) -> None:
    """A revocation by bearer leaves token.revoked, with the id of the token, if it was live, and else none."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    event = {"event": lifecycle.REVOKED, "token_jti": grant.jti}
    decision = wire.name_token(server, REVOCATION, grant.bearer, ADMINISTRATOR).decision
    server.left(decision, event, summary="a live token was revoked by its bearer")
    for token in (grant.bearer, UNKNOWN):
        decision = wire.name_token(server, REVOCATION, token, ADMINISTRATOR).decision
        if any(left.get("event") == lifecycle.REVOKED for left in decision.events):
            server.fail("nothing was left to revoke", f"no event {lifecycle.REVOKED}", "one", decision.events)


# --- refused


@check("LIFE-7")
def test_refused_exchange_leaves_token_denied(mark: CheckId, trial: Trial) -> None:
    """A refused exchange leaves token.denied, its reason and, once the subject token verified, its identity."""
    _judge(trial, "LIFE-7")


@check("LIFE-7")
def test_reasons_are_of_the_closed_set(mark: CheckId, trial: Trial) -> None:
    """No kind of decision leaves a reason that is not of the closed set."""
    _require_a_reason(KeyServerDriver(trial))
    for scenario, server, decision, _ in brought_about(trial):
        for reason in (event["reason"] for event in decision.events if "reason" in event):
            if reason not in lifecycle.REASONS:
                server.fail(
                    f"{scenario.name}: a reason of its own", "a reason of the closed set", json.dumps(reason)[:100]
                )


def _require_a_reason(server: KeyServerDriver) -> None:
    server.positive_control()
    decision = server.exchange(server.subject_token(), "everything")
    server.require(any("reason" in event for event in decision.events), "a refusal tells no reason", "one", decision)


@check("LIFE-8")
def test_malformed_and_unknown_input_leaves_token_invalid(mark: CheckId, trial: Trial) -> None:
    """A malformed or unknown bearer and a malformed request leave token.invalid, which names nobody."""
    _judge(trial, "LIFE-8")


@check("LIFE-8")
def test_invalid_input_is_not_repeated(mark: CheckId, trial: Trial) -> None:
    """No event of a malformed or unknown bearer, or of a malformed request, holds what was presented."""
    server = KeyServerDriver(trial)
    grant = server.positive_control()
    bearers = [*presented.MALFORMED.values(), presented.another_bearer(server, grant), "zyxwvutsr" * 3]
    for bearer in bearers:
        _judge_silent(server, "a bearer", server.authenticate(bearer), bearer)
    for name in injection_points.PARAMETERS:
        text = "a-text-that-is-presented-here"
        _judge_silent(
            server, f"the parameter {name}", injection_points.FIELDS[f"the parameter {name}"](server, text), text
        )


def _judge_silent(server: KeyServerDriver, what: str, decision: Decision, text: str) -> None:
    parts = [text[:20], text[-20:]] if len(text) > 20 else [text]
    left = [json.dumps(event, ensure_ascii=False) for event in decision.events]
    written = [json.dumps(part, ensure_ascii=False)[1:-1] for part in parts if len(part) >= 8]
    if any(part in event for part in written for event in left):
        server.fail(f"{what} is repeated in its event", "an event without it", "it", decision.events)


@check("LIFE-12")
def test_revoked_bearer_leaves_token_denied(mark: CheckId, trial: Trial) -> None:
    """A revoked bearer leaves token.denied with reason revoked, its token and its identity, however it is used."""
    _judge(trial, "LIFE-12")


@check("LIFE-15")
def test_failed_admin_authentication_leaves_token_denied(mark: CheckId, trial: Trial) -> None:
    """A wrong admin secret, or one too many, leaves token.denied and nothing else."""
    _judge(trial, "LIFE-15")


@check("LIFE-15")
def test_failed_admin_authentication_tells_of_no_revocation(mark: CheckId, trial: Trial) -> None:
    """Whoever does not know the admin secret causes no token.revoked, not even for tokens that there are not."""
    server = KeyServerDriver(trial)
    bearer = server.issue().bearer
    for number, admin in enumerate([*presented.WRONG_SECRETS.values(), bearer, f"Bearer {ADMIN}", ADMIN * 2]):
        for ask in _GUESSES:
            decision = ask(server, admin, f"203.0.113.{number}")
            server.left(decision, {"event": lifecycle.DENIED}, summary="a wrong admin secret")


_GUESSES: Sequence[Callable[[KeyServerDriver, str | None, str], Decision]] = (
    lambda server, admin, peer: server.revoke("no such token", admin=admin, peer=peer),
    lambda server, admin, peer: server.revoke_all("alice", admin=admin, peer=peer),
    lambda server, admin, peer: server.revoke_all("nobody", admin=admin, peer=peer),
)
