"""Lifecycle events: one for each decision, in the form of the schema, and of each issue what was issued."""

import json
from typing import Any

from bearerproof.contract.decisions import Decision
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check, explore
from bearerproof_fuzz.keyserver import injection_points, race_requests
from bearerproof_fuzz.keyserver.driver import Grant, KeyServerDriver
from bearerproof_fuzz.keyserver.event_asserts import brought_about, named, require_each, require_events
from bearerproof_fuzz.keyserver.setting import DEFAULT, rule
from bearerproof_fuzz.machines.stream import Stream, moves
from bearerproof_fuzz.needs import CLOCK, CONFIGURE, COUNT, RACE
from bearerproof_fuzz.oracles import lifecycle
from bearerproof_fuzz.oracles.lifecycle import ExpectedEvent
from bearerproof_fuzz.oracles.schemas import schema_error

# --- one event for each decision


@check("LIFE-1")
def test_each_kind_of_decision_leaves_its_events(mark: CheckId, trial: Trial) -> None:
    """Every kind of decision there is leaves one event, and a bulk revocation one for each token."""

    def another_number(decision: Decision, expected: tuple[ExpectedEvent, ...]) -> str | None:
        number = len(decision.events)
        return None if number == len(expected) else f" leaves {number} events"

    require_each(trial, another_number)


@check("LIFE-1", needs=(CLOCK, CONFIGURE))
def test_no_order_of_requests_loses_or_repeats_an_event(mark: CheckId, trial: Trial) -> None:
    """Whatever was asked before, each decision leaves as many events as it decides about tokens."""

    def one_each(move_names: list[str]) -> None:
        server = Stream(trial, with_events=False).play(move_names)
        for request, decision in server.answered:
            expected = lifecycle.expected_count(request, decision)
            if request["op"] != "reap" and len(decision.events) != expected:
                server.fail(
                    f"{request['op']} leaves {len(decision.events)} events",
                    f"{expected} events",
                    named(decision.events),
                )

    explore(one_each, moves(trial), share=4)


@check("LIFE-1", needs=(RACE,))
def test_decisions_at_once_leave_one_event_each(mark: CheckId, trial: Trial) -> None:
    """Exchanges, uses and revocations that run at once leave one event each."""
    server = KeyServerDriver(trial)
    grants = [server.issue() for _ in range(4)]
    requests = [race_requests.exchange(server.subject_token(f"user-{number}")) for number in range(4)]
    requests += [race_requests.authenticate(grants[0].bearer)] * 4 + [
        race_requests.revoke(grant.jti) for grant in grants[1:]
    ]
    for request, decision in zip(requests, server.race(requests), strict=True):
        if len(decision.events) != 1:
            found = f"{len(decision.events)} events"
            server.fail(f"{request['op']} among others leaves {found}", "one event", found)


# --- form


@check("LIFE-2")
def test_events_have_the_form_of_the_schema(mark: CheckId, trial: Trial) -> None:
    """Every kind of decision leaves events that bear one of the six names and satisfy the schema."""
    require_events(trial)
    for scenario, server, decision, _ in brought_about(trial):
        _judge_form(server, scenario.name, decision)


@check("LIFE-2", needs=(CLOCK, CONFIGURE))
def test_events_of_a_stream_have_the_form_of_the_schema(mark: CheckId, trial: Trial) -> None:
    """The events of requests in any order satisfy the schema, each under a name that its decision may leave."""

    def in_form(move_names: list[str]) -> None:
        server = Stream(trial).play(move_names)
        for request, decision in server.answered:
            _judge_form(server, request["op"], decision)
            wrong = lifecycle.misnamed(request, decision)
            if wrong:
                server.fail(f"{request['op']} leaves {wrong}", "an event of what was decided", decision)

    explore(in_form, moves(trial), share=4)


@check("LIFE-2")
def test_no_text_spoils_the_form(mark: CheckId, trial: Trial) -> None:
    """The events satisfy the schema whatever the request and the identity contain."""
    server = KeyServerDriver(trial)
    server.positive_control()
    for what in ("much", "a NUL", "a line feed"):
        for name, fill in {**injection_points.FIELDS, **injection_points.CLAIMS}.items():
            _judge_form(server, f"{what} in {name}", fill(server, injection_points.HOSTILE[what]))


@check("LIFE-2")
def test_what_is_absent_is_left_out_and_what_is_empty_is_not(mark: CheckId, trial: Trial) -> None:
    """An identity without a name has no member for it, and one without groups has an empty list."""
    server = KeyServerDriver(trial)
    grant = server.issue(groups=[], name=None)
    used = server.admitted(grant)
    for decision in (grant.decision, used):
        identity = _identity(server, decision)
        if "name" in identity:
            server.fail("an identity without a name has one in the event", "no name", json.dumps(identity["name"]))
        if identity.get("groups") != []:
            server.fail("an identity of no group has no empty list of groups", "[]", json.dumps(identity.get("groups")))


def _judge_form(server: KeyServerDriver, what: str, decision: Decision) -> None:
    for event in decision.events:
        null = lifecycle.nulls(event)
        if null:
            server.fail(f"{what}: {null} is null", "a member that is left out", "null", [event])
        wrong = schema_error("lifecycle-event", event, formats=True)
        if wrong:
            server.fail(f"{what}: the event does not satisfy the schema", "the schema", wrong[:200], [event])


def _identity(server: KeyServerDriver, decision: Decision) -> dict[str, object]:
    found = [event.get("identity") for event in decision.events]
    if len(found) != 1 or not isinstance(found[0], dict):
        server.fail("an event names nobody", "the identity of its token", json.dumps(found), decision.events)
    return found[0]


# --- issued


@check("LIFE-3")
def test_issued_token_is_told_as_it_is_enforced(mark: CheckId, trial: Trial) -> None:
    """Whatever is asked for, the event of an issue names the identity, the token and the grant that is enforced."""
    server = KeyServerDriver(trial)
    for number, scope in enumerate((None, "backends:a tools:x", "tools:x,y", "backends:b*", "backends:a,b,c tools:z*")):
        grant = server.issue(f"user-{number}", scope)
        _judge_issued(server, grant, server.admitted(grant))


@check("LIFE-3", needs=(CONFIGURE,))
def test_issued_token_is_told_as_policy_cut_it(mark: CheckId, trial: Trial) -> None:
    """Where a policy allows less than is asked for, the event of an issue tells what was granted."""
    allowed = rule(backends=("a", "b*"), tools=("x*", "y"), rate_limit=60)
    server = KeyServerDriver(trial, DEFAULT.but(policies=(allowed,)))
    for number, scope in enumerate(
        (None, "backends:*", "backends:bc,c tools:*", "tools:xx,z", "backends:a,zz tools:y")
    ):
        grant = server.issue(f"user-{number}", scope)
        _judge_issued(server, grant, server.admitted(grant))


def _judge_issued(server: KeyServerDriver, grant: Grant, admitted: Decision) -> None:
    expected = ExpectedEvent(
        lifecycle.ISSUED, jti=grant.jti, who=lifecycle.ExpectedIdentity(grant.provider.issuer, grant.subject)
    )
    wrong = lifecycle.contradiction(grant.decision.events, [expected])
    if wrong:
        server.fail(f"the event of an issue: {wrong}", expected.describe(), named(grant.decision.events))
    event, enforced = grant.decision.events[0], admitted.scopes
    for name in ("backends", "tools"):
        if sorted(event.get(name, ())) != sorted(enforced[name]):
            server.fail(
                f"the event of an issue tells other {name}", json.dumps(enforced[name]), json.dumps(event.get(name))
            )
    if event.get("rate_limit") != enforced["rate_limit"]:
        what = "the event of an issue tells another rate limit"
        server.fail(what, str(enforced["rate_limit"]), json.dumps(event.get("rate_limit")))


@check("LIFE-3")
def test_issued_token_is_told_with_the_identity_that_was_verified(mark: CheckId, trial: Trial) -> None:
    """The attributes that the event of an issue tells are those that the provider signed."""
    server = KeyServerDriver(trial)
    claims: dict[str, Any] = {"email": "carol@example.com", "name": "Carol", "groups": ["staff", "on call"]}
    found = _identity(server, server.issue("carol", **claims).decision)
    for name, value in claims.items():
        if found.get(name, value) != value:
            server.fail(f"the event of an issue tells another {name}", json.dumps(value), json.dumps(found.get(name)))


@check("LIFE-3")
def test_refused_exchange_tells_of_no_issue(mark: CheckId, trial: Trial) -> None:
    """An exchange that is refused, for whatever reason, leaves no token.issued."""
    require_events(trial)
    for scenario, server, decision, _ in brought_about(trial, "LIFE-7", "LIFE-8"):
        server.require(not decision.good, f"{scenario.name}: it is granted", "a refusal", decision)
        if any(event.get("event") == lifecycle.ISSUED for event in decision.events):
            server.fail(f"{scenario.name}: token.issued for a refusal", "no token.issued", decision, decision.events)


@check("LIFE-3", needs=(CONFIGURE, RACE, COUNT))
def test_exchanges_at_once_tell_of_as_many_issues_as_are_stored(mark: CheckId, trial: Trial) -> None:
    """Of many exchanges at once under a cap, as many events of an issue are left as tokens are stored."""
    for _ in range(3):
        server = KeyServerDriver(trial, DEFAULT.but(cap=3))
        server.positive_control()
        answers = server.race([race_requests.exchange(server.subject_token()) for _ in range(10)])
        reported = sum(event.get("event") == lifecycle.ISSUED for decision in answers for event in decision.events)
        granted = sum(decision.good for decision in answers)
        if not reported == granted == server.count("alice"):
            what = "of exchanges at once, another number is told as issued than is granted or stored"
            server.fail(what, "one number", "different ones")
