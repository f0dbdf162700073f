"""Lifecycle events: one for each decision, of the right form, name, token and time, and harmless."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bearerproof.decisions import Decision
from bearerproof.harness import Mark
from bearerproof.members import Json
from bearerproof.trial import Trial
from bearerproof_fuzz.checks import check, explore
from bearerproof_fuzz.keyservers import fields, racers, wire
from bearerproof_fuzz.keyservers.occasions import presented
from bearerproof_fuzz.keyservers.occasions.registry import Occasion, occasions, told
from bearerproof_fuzz.keyservers.setting import ADMIN, DEFAULT, OTHER_PEER, PEER, PROXY, rule
from bearerproof_fuzz.keyservers.world import Grant, World
from bearerproof_fuzz.machines.stream import Stream, moves
from bearerproof_fuzz.oracles import lifecycle
from bearerproof_fuzz.oracles.events import instant
from bearerproof_fuzz.oracles.lifecycle import Due
from bearerproof_fuzz.oracles.schemas import schema_error

STREAM = ("clock", "key_server:configure")
"""What a stream of requests of every kind needs."""


def _brought_about(trial: Trial, *requirements: str) -> Iterator[tuple[Occasion, World, Decision, tuple[Due, ...]]]:
    """Bring about every occasion of these requirements, or of all."""
    for one, world in occasions(trial, *requirements):
        decision, due = one.bring(world)
        yield one, world, decision, due


def _require_events(trial: Trial) -> None:
    """Require that an honest issue and use leave their events: in silence there is nothing wrong to be found.

    Raises:
        Untestable: one does not.
    """
    World(trial).begun()


def _judge(trial: Trial, *requirements: str) -> None:
    """Hold what the decisions left against what is due for them."""
    for one, world, decision, due in _brought_about(trial, *requirements):
        wrong = lifecycle.contradiction(decision.events, due)
        if wrong:
            world.fail(f"{one.name}: {wrong}", told(due), _names(decision.events))


def _names(events: Sequence[Json]) -> str:
    """Name events, in an order that is the same in every run."""
    return "; ".join(sorted(f"{one.get('event')} ({one.get('reason')})" for one in events)) or "no event"


# --- one event for each decision


@check("LIFE-1")
def test_each_kind_of_decision_leaves_its_events(mark: Mark, trial: Trial) -> None:
    """Every kind of decision there is leaves one event, and a bulk revocation one for each token."""
    for one, world, decision, due in _brought_about(trial):
        if len(decision.events) != len(due):
            world.fail(f"{one.name} leaves {len(decision.events)} events", told(due), _names(decision.events))


@check("LIFE-1", needs=STREAM)
def test_no_order_of_requests_loses_or_repeats_an_event(mark: Mark, trial: Trial) -> None:
    """Whatever was asked before, each decision leaves as many events as it decides about tokens."""

    def one_each(told: list[str]) -> None:
        world = Stream(trial, told=False).play(told)
        for request, decision in world.answered:
            due = lifecycle.number_due(request, decision)
            if request["op"] != "reap" and len(decision.events) != due:
                world.fail(
                    f"{request['op']} leaves {len(decision.events)} events", f"{due} events", _names(decision.events)
                )

    explore(one_each, moves(trial), share=4)


@check("LIFE-1", needs=("key_server:race",))
def test_decisions_at_once_leave_one_event_each(mark: Mark, trial: Trial) -> None:
    """Exchanges, uses and revocations that run at once leave one event each."""
    world = World(trial)
    grants = [world.issue() for _ in range(4)]
    requests = [racers.exchange(world.subject_token(f"user-{number}")) for number in range(4)]
    requests += [racers.authenticate(grants[0].bearer)] * 4 + [racers.revoke(grant.jti) for grant in grants[1:]]
    for request, decision in zip(requests, world.race(requests), strict=True):
        if len(decision.events) != 1:
            found = f"{len(decision.events)} events"
            world.fail(f"{request['op']} among others leaves {found}", "one event", found)


# --- form


@check("LIFE-2")
def test_events_have_the_form_of_the_schema(mark: Mark, trial: Trial) -> None:
    """Every kind of decision leaves events that bear one of the six names and satisfy the schema."""
    _require_events(trial)
    for one, world, decision, _ in _brought_about(trial):
        _judge_form(world, one.name, decision)


@check("LIFE-2", needs=STREAM)
def test_events_of_a_stream_have_the_form_of_the_schema(mark: Mark, trial: Trial) -> None:
    """The events of requests in any order satisfy the schema, each under a name that its decision may leave."""

    def in_form(told: list[str]) -> None:
        world = Stream(trial).play(told)
        for request, decision in world.answered:
            _judge_form(world, request["op"], decision)
            wrong = lifecycle.misnamed(request, decision)
            if wrong:
                world.fail(f"{request['op']} leaves {wrong}", "an event of what was decided", decision)

    explore(in_form, moves(trial), share=4)


@check("LIFE-2")
def test_no_text_spoils_the_form(mark: Mark, trial: Trial) -> None:
    """The events satisfy the schema whatever the request and the identity contain."""
    world = World(trial)
    world.begun()
    for what in ("much", "a NUL", "a line feed"):
        for name, fill in {**fields.FIELDS, **fields.CLAIMS}.items():
            _judge_form(world, f"{what} in {name}", fill(world, fields.HOSTILE[what]))


@check("LIFE-2")
def test_what_is_absent_is_left_out_and_what_is_empty_is_not(mark: Mark, trial: Trial) -> None:
    """An identity without a name has no member for it, and one without groups has an empty list."""
    world = World(trial)
    grant = world.issue(groups=[], name=None)
    used = world.admitted(grant)
    for decision in (grant.decision, used):
        identity = _identity(world, decision)
        if "name" in identity:
            world.fail("an identity without a name has one in the event", "no name", json.dumps(identity["name"]))
        if identity.get("groups") != []:
            world.fail("an identity of no group has no empty list of groups", "[]", json.dumps(identity.get("groups")))


def _judge_form(world: World, what: str, decision: Decision) -> None:
    for event in decision.events:
        null = lifecycle.nulls(event)
        if null:
            world.fail(f"{what}: {null} is null", "a member that is left out", "null", [event])
        wrong = schema_error("lifecycle-event", event, formats=True)
        if wrong:
            world.fail(f"{what}: the event does not satisfy the schema", "the schema", wrong[:200], [event])


def _identity(world: World, decision: Decision) -> dict[str, object]:
    found = [event.get("identity") for event in decision.events]
    if len(found) != 1 or not isinstance(found[0], dict):
        world.fail("an event names nobody", "the identity of its token", json.dumps(found), decision.events)
    return found[0]


# --- issued


@check("LIFE-3")
def test_issued_token_is_told_as_it_is_enforced(mark: Mark, trial: Trial) -> None:
    """Whatever is asked for, the event of an issue names the identity, the token and the grant that is enforced."""
    world = World(trial)
    for number, scope in enumerate((None, "backends:a tools:x", "tools:x,y", "backends:b*", "backends:a,b,c tools:z*")):
        grant = world.issue(f"user-{number}", scope)
        _judge_issued(world, grant, world.admitted(grant))


@check("LIFE-3", needs=("key_server:configure",))
def test_issued_token_is_told_as_policy_cut_it(mark: Mark, trial: Trial) -> None:
    """Where a policy allows less than is asked for, the event of an issue tells what was granted."""
    allowed = rule(backends=("a", "b*"), tools=("x*", "y"), rate_limit=60)
    world = World(trial, DEFAULT.but(policies=(allowed,)))
    for number, scope in enumerate(
        (None, "backends:*", "backends:b1,c tools:*", "tools:xx,z", "backends:a,zz tools:y")
    ):
        grant = world.issue(f"user-{number}", scope)
        _judge_issued(world, grant, world.admitted(grant))


def _judge_issued(world: World, grant: Grant, admitted: Decision) -> None:
    due = Due(lifecycle.ISSUED, jti=grant.jti, who=lifecycle.Who(grant.provider.issuer, grant.subject))
    wrong = lifecycle.contradiction(grant.decision.events, [due])
    if wrong:
        world.fail(f"the event of an issue: {wrong}", due.describe(), _names(grant.decision.events))
    event, enforced = grant.decision.events[0], dict(admitted.members["scopes"])  # type: ignore[call-overload]
    for name in ("backends", "tools"):
        if sorted(event.get(name, ())) != sorted(enforced[name]):
            world.fail(
                f"the event of an issue tells other {name}", json.dumps(enforced[name]), json.dumps(event.get(name))
            )
    if event.get("rate_limit") != enforced["rate_limit"]:
        what = "the event of an issue tells another rate limit"
        world.fail(what, str(enforced["rate_limit"]), json.dumps(event.get("rate_limit")))


@check("LIFE-3")
def test_issued_token_is_told_with_the_identity_that_was_verified(mark: Mark, trial: Trial) -> None:
    """The attributes that the event of an issue tells are those that the provider signed."""
    world = World(trial)
    claims: dict[str, Any] = {"email": "carol@example.com", "name": "Carol", "groups": ["staff", "on call"]}
    found = _identity(world, world.issue("carol", **claims).decision)
    for name, value in claims.items():
        if found.get(name, value) != value:
            world.fail(f"the event of an issue tells another {name}", json.dumps(value), json.dumps(found.get(name)))


@check("LIFE-3")
def test_refused_exchange_tells_of_no_issue(mark: Mark, trial: Trial) -> None:
    """An exchange that is refused, for whatever reason, leaves no token.issued."""
    _require_events(trial)
    for one, world, decision, _ in _brought_about(trial, "LIFE-7", "LIFE-8"):
        world.require(not decision.good, f"{one.name}: it is granted", "a refusal", decision)
        if any(event.get("event") == lifecycle.ISSUED for event in decision.events):
            world.fail(f"{one.name}: token.issued for a refusal", "no token.issued", decision, decision.events)


@check("LIFE-3", needs=("key_server:configure", "key_server:race", "key_server:count"))
def test_exchanges_at_once_tell_of_as_many_issues_as_are_stored(mark: Mark, trial: Trial) -> None:
    """Of many exchanges at once under a cap, as many events of an issue are left as tokens are stored."""
    for _ in range(3):
        world = World(trial, DEFAULT.but(cap=3))
        world.begun()
        answers = world.race([racers.exchange(world.subject_token()) for _ in range(10)])
        told = sum(event.get("event") == lifecycle.ISSUED for one in answers for event in one.events)
        granted = sum(one.good for one in answers)
        if not told == granted == world.count("alice"):
            what = "of exchanges at once, another number is told as issued than is granted or stored"
            world.fail(what, "one number", "different ones")


# --- used, expired, revoked


@check("LIFE-4")
def test_admitted_bearer_leaves_token_used(mark: Mark, trial: Trial) -> None:
    """An admitted bearer leaves token.used of its token, and one that is kept out by scope or rate token.denied."""
    _judge(trial, "LIFE-4")


@check("LIFE-4")
def test_used_is_told_of_admitted_bearers_only(mark: Mark, trial: Trial) -> None:
    """Whatever is refused, malformed bearers and revoked ones included, leaves no token.used."""
    for one, world, decision, _ in _brought_about(trial):
        _judge_used(world, one.name, decision, admitted=decision.good and "scopes" in decision.members)


@check("LIFE-4", needs=STREAM)
def test_used_is_told_if_and_only_if_admitted(mark: Mark, trial: Trial) -> None:
    """In any order of requests a bearer leaves token.used when, and only when, it was admitted."""

    def used_if_admitted(told: list[str]) -> None:
        world = Stream(trial, told=False).play(told)
        for request, decision in world.answered:
            admitted = request["op"] == "authenticate" and decision.good
            _judge_used(world, request["op"], decision, admitted=admitted)

    explore(used_if_admitted, moves(trial), share=4)


def _judge_used(world: World, what: str, decision: Decision, *, admitted: bool) -> None:
    used = [event for event in decision.events if event.get("event") == lifecycle.USED]
    if bool(used) != admitted:
        due = "token.used" if admitted else "no token.used"
        world.fail(f"{what}: {'no token.used' if admitted else 'token.used'}", due, decision, decision.events)
    if used and used[0].get("token_jti") != decision.members["jti"]:
        world.fail(f"{what}: token.used of another token", str(decision.members["jti"]), str(used[0].get("token_jti")))


@check("LIFE-5", needs=("clock", "key_server:retention"))
def test_expired_bearer_leaves_token_expired(mark: Mark, trial: Trial) -> None:
    """A bearer that is presented after its end leaves token.expired of its token and identity, each time."""
    _judge(trial, "LIFE-5")


@check("LIFE-5", needs=("clock", "key_server:configure", "key_server:retention"))
def test_expired_bearer_is_told_from_the_first_instant(mark: Mark, trial: Trial) -> None:
    """From the very instant of its end until its retention is over a bearer leaves token.expired."""
    for ttl, after in ((1, 0.0), (1, 0.25), (600, 0.0), (600, 299.75), (86_400, 0.0)):
        world = World(trial, DEFAULT.but(ttl=ttl))
        grant = world.issue()
        world.wait(ttl + after)
        due = {"event": lifecycle.EXPIRED, "token_jti": grant.jti}
        world.left(world.authenticate(grant.bearer), due, summary=f"a bearer {after:g} s after its end")


@check("LIFE-5", needs=("clock", "key_server:retention", "key_server:reap"))
def test_sweep_does_not_hide_an_expired_bearer(mark: Mark, trial: Trial) -> None:
    """An expired bearer leaves token.expired also after a sweep, and after the wall clock stepped back."""
    world = World(trial)
    grant = world.issue()
    world.wait(world.setting.ttl + 1)
    for disturb in (world.reap, lambda: world.step_wall_clock(-30)):
        world.authenticate(grant.bearer)
        disturb()
        due = {"event": lifecycle.EXPIRED, "token_jti": grant.jti}
        world.left(world.authenticate(grant.bearer), due, summary="an expired bearer, once more")


@check("LIFE-6")
def test_revocation_leaves_token_revoked(mark: Mark, trial: Trial) -> None:
    """Each token that is really revoked leaves token.revoked with its own id and identity, and nothing else does."""
    _judge(trial, "LIFE-6")


@check("LIFE-6", needs=("key_server:configure",))
def test_bulk_revocation_tells_every_token(mark: Mark, trial: Trial) -> None:
    """A bulk revocation of many tokens leaves token.revoked for each, once, and for no token of anybody else."""
    world = World(trial, DEFAULT.but(cap=20))
    grants = [world.issue(name=f"Alice the {number}.") for number in range(20)]
    kept, gone = grants[::4], [grant for number, grant in enumerate(grants) if number % 4]
    for grant in kept:
        world.good(world.revoke(grant.jti), "a live token is not revoked")
    world.issue("bob")
    decision = world.revoke_all("alice")
    due = tuple(Due(lifecycle.REVOKED, jti=one.jti, who=lifecycle.Who(one.provider.issuer, "alice")) for one in gone)
    wrong = lifecycle.contradiction(decision.events, due)
    if wrong:
        what = f"a bulk revocation of {len(due)} tokens: {wrong}"
        world.fail(what, "token.revoked for each of them", f"{len(decision.events)} events")


# --- refused


@check("LIFE-7")
def test_refused_exchange_leaves_token_denied(mark: Mark, trial: Trial) -> None:
    """A refused exchange leaves token.denied, its reason and, once the subject token verified, its identity."""
    _judge(trial, "LIFE-7")


@check("LIFE-7")
def test_reasons_are_of_the_closed_set(mark: Mark, trial: Trial) -> None:
    """No kind of decision leaves a reason that is not of the closed set."""
    _require_a_reason(World(trial))
    for one, world, decision, _ in _brought_about(trial):
        for reason in (event["reason"] for event in decision.events if "reason" in event):
            if reason not in lifecycle.REASONS:
                world.fail(f"{one.name}: a reason of its own", "a reason of the closed set", json.dumps(reason)[:100])


def _require_a_reason(world: World) -> None:
    world.begun()
    decision = world.exchange(world.subject_token(), "everything")
    world.require(any("reason" in event for event in decision.events), "a refusal tells no reason", "one", decision)


@check("LIFE-8")
def test_malformed_and_unknown_input_leaves_token_invalid(mark: Mark, trial: Trial) -> None:
    """A malformed or unknown bearer and a malformed request leave token.invalid, which names nobody."""
    _judge(trial, "LIFE-8")


@check("LIFE-8")
def test_invalid_input_is_not_repeated(mark: Mark, trial: Trial) -> None:
    """No event of a malformed or unknown bearer, or of a malformed request, holds what was presented."""
    world = World(trial)
    grant = world.begun()
    bearers = [*presented.MALFORMED.values(), presented.another_bearer(world, grant), "zyxwvutsr" * 3]
    for bearer in bearers:
        _judge_silent(world, "a bearer", world.authenticate(bearer), bearer)
    for name in fields.PARAMETERS:
        text = "a-text-that-is-presented-here"
        _judge_silent(world, f"the parameter {name}", fields.FIELDS[f"the parameter {name}"](world, text), text)


def _judge_silent(world: World, what: str, decision: Decision, text: str) -> None:
    parts = [text[:20], text[-20:]] if len(text) > 20 else [text]
    left = [json.dumps(event, ensure_ascii=False) for event in decision.events]
    written = [json.dumps(part, ensure_ascii=False)[1:-1] for part in parts if len(part) >= 8]
    if any(part in event for part in written for event in left):
        world.fail(f"{what} is repeated in its event", "an event without it", "it", decision.events)


@check("LIFE-12")
def test_revoked_bearer_leaves_token_denied(mark: Mark, trial: Trial) -> None:
    """A revoked bearer leaves token.denied with reason revoked, its token and its identity, however it is used."""
    _judge(trial, "LIFE-12")


@check("LIFE-15")
def test_failed_admin_authentication_leaves_token_denied(mark: Mark, trial: Trial) -> None:
    """A wrong admin secret, or one too many, leaves token.denied and nothing else."""
    _judge(trial, "LIFE-15")


@check("LIFE-15")
def test_failed_admin_authentication_tells_of_no_revocation(mark: Mark, trial: Trial) -> None:
    """Whoever does not know the admin secret causes no token.revoked, not even for tokens that there are not."""
    world = World(trial)
    bearer = world.issue().bearer
    for number, admin in enumerate([*presented.WRONG_SECRETS.values(), bearer, f"Bearer {ADMIN}", ADMIN * 2]):
        for ask in _GUESSES:
            decision = ask(world, admin, f"203.0.113.{number}")
            world.left(decision, {"event": lifecycle.DENIED}, summary="a wrong admin secret")


_GUESSES: Sequence[Callable[[World, str | None, str], Decision]] = (
    lambda world, admin, peer: world.revoke("no such token", admin=admin, peer=peer),
    lambda world, admin, peer: world.revoke_all("alice", admin=admin, peer=peer),
    lambda world, admin, peer: world.revoke_all("nobody", admin=admin, peer=peer),
)


# --- what no event may hold


@check("LIFE-9")
def test_no_kind_of_decision_writes_a_secret_down(mark: Mark, trial: Trial) -> None:
    """No kind of decision leaves an event with a bearer, a subject token, a segment of one or an admin secret."""
    _require_events(trial)
    for one, world, _, _ in _brought_about(trial):
        _judge_secrets(world, one.name)


@check("LIFE-9")
def test_no_secret_in_a_wrong_place_is_written_down(mark: Mark, trial: Trial) -> None:
    """A bearer, subject token or admin secret that is sent in a place of something else gets into no event."""
    world = World(trial)
    world.begun("bob")
    places = {**fields.FIELDS, **(fields.FORWARDED if trial.declaration.key_server.forwarded else {})}
    for what, secret in _secrets(world).items():
        for name, fill in places.items():
            since = len(world.answered)
            fill(world, secret)
            _judge_secrets(world, f"{what} in {name}", since)


@check("LIFE-9", needs=("key_server:http",))
def test_no_part_of_an_http_request_is_written_down(mark: Mark, trial: Trial) -> None:
    """No query string, and no credential in a path, query or field of an HTTP request, gets into an event."""
    world = World(trial)
    grant, other = world.begun("carol"), world.issue("dora")
    note = "note=canary-of-a-query-string-5d2e"
    credentials = wire.bearer(grant)
    for query in (note, f"access_token={grant.bearer}", f"token={grant.bearer}&{note}"):
        since = len(world.answered)
        wire.resource(world, credentials, path=f"/resource/a/x?{query}")
        wire.resource(world, path=f"/resource/a/x?{query}")
        wire.resource(world, credentials, path=f"/resource/{grant.bearer}/x?{query}")
        wire.delete(world, f"{other.jti}?{query}", wire.ADMINISTRATOR)
        wire.delete(world, f"{other.jti}?{query}", credentials)
        wire.delete(world, f"{grant.bearer}?{query}", wire.ADMINISTRATOR)
        wire.delete_all(world, f"{wire.identity_query('dora')}&{query}", wire.ADMINISTRATOR)
        _judge_secrets(world, "HTTP requests", since)


def _secrets(world: World) -> dict[str, str]:
    subject_token = world.subject_token("carol")
    grant = world.grant(world.exchange(subject_token), "carol")
    return {"a bearer": grant.bearer, "a subject token": subject_token, "the admin secret": ADMIN}


def _judge_secrets(world: World, what: str, since: int = 0) -> None:
    found = lifecycle.leak(world.answered, since)
    if found:
        events = [event for _, decision in world.answered[since:] for event in decision.events]
        world.fail(f"{what}: {found} stands in an event", "an event without it", "it", events[-1:])


@check("LIFE-10", needs=("key_server:lines",))
def test_event_is_one_line(mark: Mark, trial: Trial) -> None:
    """Whatever is in the request or the identity, an event is one line in which nothing needs to be escaped."""
    world = World(trial)
    for name, what, decision in _filled(world):
        if decision.lines is None or len(decision.lines) != len(decision.events):
            found = "no lines" if decision.lines is None else f"{len(decision.lines)} lines"
            world.fail(f"{what} in {name}: {found}", "as many lines as events", found)
        for line, event in zip(decision.lines, decision.events, strict=True):
            char = lifecycle.unsafe(line)
            if char:
                world.fail(f"{what} in {name}: {char} stands in the line", "its escape", char, [event])
            if _parsed(line) != event:
                world.fail(f"{what} in {name}: the line is not its event", "the event as JSON", ascii(line)[:200])


@check("LIFE-10")
def test_event_is_bounded(mark: Mark, trial: Trial) -> None:
    """Whatever is in the request or the identity, every string of an event is bounded."""
    world = World(trial)
    world.begun()
    for name, fill in {**fields.FIELDS, **fields.CLAIMS}.items():
        for what in ("much", "much beyond the first plane"):
            decision = fill(world, fields.HOSTILE[what])
            for event in decision.events:
                wrong = lifecycle.overlong(event)
                if wrong:
                    world.fail(f"{what} in {name}: {wrong}", "bounded strings", wrong)


def _filled(world: World) -> Iterator[tuple[str, str, Decision]]:
    """Yield what came of hostile text in every place that can carry it."""
    forwarded = fields.FORWARDED if world.trial.declaration.key_server.forwarded else {}
    for places, texts in (
        ({**fields.FIELDS, **fields.CLAIMS, **forwarded}, fields.HOSTILE), (fields.CLAIMS, fields.SURROGATES),
    ):  # fmt: skip
        for name, fill in places.items():
            for what, text in texts.items():
                yield name, what, fill(world, text)


def _parsed(line: str) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None


# --- when, in which order, and where from


@check("LIFE-11")
def test_events_are_numbered_without_a_gap(mark: Mark, trial: Trial) -> None:
    """The numbers of the events of every kind of decision grow by one."""
    _require_events(trial)
    for one, world, _, _ in _brought_about(trial):
        _judge_numbers(world, one.name)


@check("LIFE-11", needs=STREAM)
def test_events_carry_the_instant_of_their_request(mark: Mark, trial: Trial) -> None:
    """In any order of requests, clock steps back included, an event has its request's instant and next number."""

    def in_order(told: list[str]) -> None:
        world = Stream(trial).play(told)
        _judge_numbers(world, "a stream of requests")
        for request, decision in world.answered:
            due = instant(request["now"])
            for event in decision.events:
                if event.get("occurred_at") != due:
                    what = f"an event of {request['op']} carries another instant than its request"
                    world.fail(what, due, json.dumps(event.get("occurred_at")), [event])

    explore(in_order, moves(trial), share=4)


@check("LIFE-11", needs=("clock",))
def test_instants_are_told_to_the_microsecond(mark: Mark, trial: Trial) -> None:
    """The instant of an event is that of its request to the microsecond, at the turn of a second as at any."""
    for offset in (0.0, 0.5, 0.25, 0.015_625, 0.984_375, 86_399.5, 86_400.0):
        world = World(trial, DEFAULT.but(now=DEFAULT.now + offset))
        due = {"occurred_at": instant(world.now)}
        world.left(world.issue().decision, due, summary=f"an exchange {offset:g} s after midnight or noon")


@check("LIFE-11", needs=("clock",))
def test_instants_follow_a_clock_that_steps(mark: Mark, trial: Trial) -> None:
    """Where the wall clock steps, either way, an event has the instant that its request came at, and no other."""
    world = World(trial)
    bearer = world.issue().bearer
    for step in (0.25, -0.5, 3600, -7200, -86_400, 90_000):
        world.step_wall_clock(step)
        due = {"occurred_at": instant(world.now)}
        for what, decision in (("a use", world.authenticate(bearer)), ("a refusal", world.exchange("alice"))):
            world.left(decision, due, summary=f"{what} after a step of {step:g} s")


@check("LIFE-11", needs=("key_server:race",))
def test_numbers_have_no_gap_when_requests_run_at_once(mark: Mark, trial: Trial) -> None:
    """The numbers of events of requests that run at once are all different and leave none out."""
    for _ in range(3):
        world = World(trial)
        bearer = world.begun().bearer
        exchanges = [racers.exchange(world.subject_token(f"user-{number}")) for number in range(6)]
        requests = [racers.authenticate(bearer)] * 12 + exchanges
        found = sorted(_numbers(world, world.race(requests)))
        world.require(bool(found), "requests that run at once leave no event", "an event each", "none")
        if found != list(range(found[0], found[0] + len(found))):
            what = "the numbers of events of requests that run at once repeat or have a gap"
            world.fail(what, "each number once", "a number twice, or one left out")


def _numbers(world: World, decisions: Sequence[Decision]) -> list[int]:
    numbers = [event.get("seq") for decision in decisions for event in decision.events]
    if not all(type(number) is int for number in numbers):
        world.fail("an event has no number", "a whole number", "none")
    return numbers  # type: ignore[return-value]  # just judged


def _judge_numbers(world: World, what: str) -> None:
    found = _numbers(world, [decision for _, decision in world.answered])
    if found != list(range(found[0], found[0] + len(found)) if found else ()):
        world.fail(f"{what}: the numbers of the events do not grow by one", "a gapless row", json.dumps(found))


@check("LIFE-13", needs=("clock", "key_server:reap"))
def test_reaping_leaves_nothing_that_looks_like_a_request(mark: Mark, trial: Trial) -> None:
    """Sweeps over live, expired and revoked tokens leave at most one token.expired for a token, and nothing else."""
    world = World(trial)
    grants = [world.issue("alice"), world.issue("bob"), world.begun("carol")]
    world.revoke(grants[1].jti)
    told: list[str] = []
    for seconds in (0, 1, world.setting.ttl, 1, world.setting.retention, 1, 1):
        world.wait(seconds)
        events = world.reap().events
        if any(event.get("event") != lifecycle.EXPIRED for event in events):
            world.fail("reaping leaves an event of a request", "token.expired or nothing", _names(events), events)
        told += [str(event.get("token_jti")) for event in events]
    if len(set(told)) != len(told):
        world.fail("reaping tells the end of a token twice", "one token.expired for a token", f"{len(told)} events")


@check("LIFE-13", needs=(*STREAM, "key_server:reap"))
def test_reaping_leaves_nothing_in_a_stream(mark: Mark, trial: Trial) -> None:
    """In any order of requests, sweeps leave at most one token.expired for a token, and nothing else."""

    def quiet(told: list[str]) -> None:
        world = Stream(trial).play([*told, "reap", "the retention goes by", "reap", "half of a life goes by", "reap"])
        swept = [event for request, decision in world.answered if request["op"] == "reap" for event in decision.events]
        ended = [event.get("token_jti") for event in swept]
        if any(event.get("event") != lifecycle.EXPIRED for event in swept) or len(set(ended)) != len(ended):
            world.fail("sweeps leave more than the end of each token", "token.expired once", _names(swept), swept)

    explore(quiet, moves(trial), share=10)


_REAL, _CLAIMED = "198.51.100.77", "203.0.113.66"

_HOPS: Mapping[str, tuple[str, str | None, tuple[str | None, ...]]] = {
    "no header": (PEER, None, (PEER,)),
    "a stranger who sends one": (PEER, _CLAIMED, (PEER,)),
    "a stranger who claims to be a proxy": (PEER, f"{_CLAIMED}, {PROXY}", (PEER,)),
    "a stranger whose address begins like a proxy's": ("10.0.0.10", _CLAIMED, ("10.0.0.10",)),
    "a stranger next to a proxy": ("10.0.0.2", _CLAIMED, ("10.0.0.2",)),
    "a proxy without a header": (PROXY, None, (PROXY,)),
    "a proxy with one hop": (PROXY, _REAL, (_REAL,)),
    "a proxy with a claim before the hop": (PROXY, f"{_CLAIMED}, {_REAL}", (_REAL,)),
    "a proxy with many claims": (PROXY, f"127.0.0.1,{_CLAIMED},8.8.8.8,{_REAL}", (_REAL,)),
    "two proxies": (PROXY, f"{_CLAIMED}, {_REAL}, {PROXY}", (_REAL,)),
    "two proxies and a claim to be one": (PROXY, f"{_CLAIMED}, {PROXY}, {_REAL}, {PROXY}", (_REAL,)),
    "a proxy and white space": (PROXY, f"{_CLAIMED} ,\t{_REAL} ", (_REAL,)),
    "a proxy and IPv6": (PROXY, f"{_CLAIMED}, 2001:db8::77", ("2001:db8::77",)),
    "a proxy in IPv6 clothes": (f"::ffff:{PROXY}", f"{_CLAIMED}, {_REAL}", (_REAL,)),
    "nothing but proxies": (PROXY, PROXY, (PROXY,)),
    "a proxy and an empty header": (PROXY, "", (PROXY, None)),
    "a proxy and no address": (PROXY, f"{_REAL}, unknown", (PROXY, _REAL, None)),
    "a proxy and nonsense before the hop": (PROXY, f"<script>, {_REAL}", (_REAL,)),
}  # fmt: skip
"""By what it is: the peer, what it forwards, and the addresses that the event may give (None: none at all)."""


@check("LIFE-14", needs=("key_server:forwarded", "key_server:configure"))
def test_client_ip_is_what_is_known(mark: Mark, trial: Trial) -> None:
    """The address of an event is the peer's or, from a trusted proxy, the right-most that is no proxy's."""
    world = World(trial)
    world.begun()
    for what, (peer, forwarded, due) in _HOPS.items():
        _judge_address(world, what, world.authenticate("bprf_nothing", peer=peer, forwarded=forwarded), due)


@check("LIFE-14", needs=("key_server:forwarded", "key_server:configure"))
def test_client_ip_is_told_of_every_kind_of_request(mark: Mark, trial: Trial) -> None:
    """Exchanges, uses and revocations, refused or not, give the address of the client behind the proxy."""
    world = World(trial)
    at = {"peer": PROXY, "forwarded": f"{_CLAIMED}, {_REAL}"}
    grant = world.grant(world.exchange(world.subject_token(), **at))
    asked = {
        "an exchange": grant.decision,
        "a refused exchange": world.exchange("alice", **at),
        "a use": world.authenticate(grant.bearer, **at),
        "a failed revocation": world.revoke(grant.jti, admin="no", **at),
        "a revocation": world.revoke(grant.jti, **at),
        "a use after it": world.authenticate(grant.bearer, **at),
        "a bulk revocation": (world.issue(), world.revoke_all("alice", **at))[1],
    }
    for what, decision in asked.items():
        _judge_address(world, what, decision, (_REAL,))


@check("LIFE-14")
def test_client_ip_is_the_peer(mark: Mark, trial: Trial) -> None:
    """Without any proxy the address of an event is that of the peer of this very request."""
    world = World(trial)
    grant = world.issue(peer=OTHER_PEER)
    _judge_address(world, "an exchange", grant.decision, (OTHER_PEER,))
    for peer in (PEER, "2001:db8::7", OTHER_PEER):
        _judge_address(world, "a use", world.authenticate(grant.bearer, peer=peer), (peer,))


def _judge_address(world: World, what: str, decision: Decision, due: Sequence[str | None]) -> None:
    if not decision.events:
        world.fail(f"{what}: no event", "an event", "none")
    for event in decision.events:
        told = event.get("client_ip")
        if not any(lifecycle.same_address(told, one) for one in due):
            shown = " or ".join(str(one) for one in due)
            world.fail(f"{what}: another address", shown, json.dumps(told), [event])
