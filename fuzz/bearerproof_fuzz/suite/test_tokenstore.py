"""The store of a key server's tokens: how many it takes, for whom, how long it keeps them, and what it tells apart."""

import json
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

from bearerproof.decisions import Decision
from bearerproof.harness import Mark
from bearerproof.trial import Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.keyservers import racers
from bearerproof_fuzz.keyservers.setting import DEFAULT, HOME, OTHER, Provider, rule
from bearerproof_fuzz.keyservers.world import Grant, World
from bearerproof_fuzz.machines.tokens import walk
from bearerproof_fuzz.oracles.tokens import Aspect

CONFIGURED = "key_server:configure"
FULL_CODES = ("temporarily_unavailable", "too_many_tokens")
"""How a full store may refuse: it is not the identity's fault, but it is a limit on tokens."""


# --- how many


@check("TOK-7", needs=(CONFIGURED,))
def test_cap_is_met_exactly(mark: Mark, trial: Trial) -> None:
    """An identity gets as many tokens as the cap and no more; what it has stays good, and others are not concerned."""
    for cap in (1, 2, 5):
        world = World(trial, DEFAULT.but(cap=cap))
        grants = [world.issue() for _ in range(cap)]
        for _ in range(3):
            _judge_capped(world, cap)
        for grant in grants:
            world.good(world.authenticate(grant.bearer), "a token is lost when one too many is asked for")
        world.issue("bob")
        world.issue(provider=OTHER)


def _judge_capped(world: World, cap: int, subject: str = "alice", provider: Provider = HOME, **claims: object) -> None:
    decision = world.exchange(world.subject_token(subject, provider, **claims))
    world.refused(decision, "too_many_tokens", f"an identity gets more tokens than the cap of {cap}")


@check("TOK-7", needs=("clock", CONFIGURED))
def test_dead_tokens_make_room(mark: Mark, trial: Trial) -> None:
    """An expired or revoked token does not count: from that instant on there is room for exactly one more."""
    for end in ("expired", "revoked"):
        world = World(trial, DEFAULT.but(cap=3))
        first = world.issue()
        world.wait(100)
        for _ in range(2):
            world.issue()
        _judge_capped(world, 3)
        if end == "expired":
            world.wait(world.setting.ttl - 100 - 0.25)
            _judge_capped(world, 3)
            world.wait(0.25)
        else:
            world.good(world.revoke(first.jti), "a live token is not revoked")
            world.revoke(first.jti)
        what = f"a token that is {end} still counts"
        world.good(world.exchange(world.subject_token()), what)
        _judge_capped(world, 3)


@check("TOK-7", needs=("clock", CONFIGURED))
def test_cap_is_met_anew_by_each_generation(mark: Mark, trial: Trial) -> None:
    """Once all tokens have expired or were presented after it, the cap is full again, neither more nor less."""
    world = World(trial, DEFAULT.but(cap=3))
    for _ in range(4):
        grants = [world.issue() for _ in range(3)]
        _judge_capped(world, 3)
        world.revoke(grants[0].jti)
        world.revoke(grants[0].jti)
        world.wait(world.setting.ttl)
        for grant in grants:
            world.authenticate(grant.bearer)


@check("TOK-7", needs=("clock", CONFIGURED))
def test_no_walk_exceeds_the_cap(mark: Mark, trial: Trial) -> None:
    """However issues, revocations, sweeps and clock steps follow each other, the cap counts what is live."""
    walk(trial, Aspect.CAP)


# --- for whom


@check("TOK-8", needs=(CONFIGURED,))
def test_namesakes_do_not_share_a_cap(mark: Mark, trial: Trial) -> None:
    """Who shares e-mail, name and groups with another, or the subject at another issuer, has a cap alone."""
    same: dict[str, Any] = {"email": "alice@example.com", "name": "Alice", "groups": ["staff"]}
    world = World(trial, DEFAULT.but(cap=1))
    world.issue("alice", provider=HOME, **same)
    _judge_capped(world, 1, "alice", HOME, **same)
    for subject, provider in _NAMESAKES:
        decision = world.exchange(world.subject_token(subject, provider, **same))
        what = f"{subject!a} of {provider.issuer} has the cap of alice of {HOME.issuer}"
        if decision.good:
            _judge_capped(world, 1, subject, provider, **same)
        elif (subject.isalnum() and subject.isascii()) or decision.code == "too_many_tokens":
            world.fail(what, "granted", decision)  # another subject may be refused for what it is (OIDC Core §2)


_NAMESAKES = (
    ("alice", OTHER), ("Alice", HOME), ("ALICE", HOME), ("alice ", HOME), (" alice", HOME),
    ("alic\u0435", HOME), ("\uff41lice", HOME), ("alice\u00ad", HOME), ("alic", HOME),
    ("alicee", HOME), ("alice@example.com", HOME), ("alice%40", HOME), ("alice*", HOME), ("*", HOME), ("é", HOME),
    ("e\u0301", HOME), ("straße", HOME), ("strasse", HOME), ("1", HOME), ("01", HOME), ("1.0", HOME),
)  # fmt: skip
"""Identities that a fold, a trim, a number or a comparison of parts takes for one another, or for alice."""


@check("TOK-8", needs=(CONFIGURED,))
def test_attributes_do_not_multiply_a_cap(mark: Mark, trial: Trial) -> None:
    """An identity whose e-mail, name or groups change is the same one, and has no second cap."""
    world = World(trial, DEFAULT.but(cap=1))
    world.issue()
    changes: Sequence[dict[str, Any]] = (
        {"email": "other@example.com"}, {"email": None}, {"email_verified": False}, {"name": "Al"}, {"groups": []},
        {"groups": ["staff", "admins"]}, {"azp": "key-server"}, {"sid": "s-2"},
    )  # fmt: skip
    for claims in changes:
        _judge_capped(world, 1, **claims)


@check("TOK-8", needs=(CONFIGURED,))
def test_no_separator_joins_two_identities(mark: Mark, trial: Trial) -> None:
    """Issuers and subjects that read the same when they are joined by a separator are different identities."""
    for separator in ("", "/", ":", "::", "|", "||", ",", ";", "-", "_", ".", "~", "!", "+", "=", "&", "/-/"):
        first = Provider("https://idp.example/t", HOME.key)
        second = Provider(f"https://idp.example/t{separator}x", OTHER.key)
        policies = (rule(first), rule(second))
        world = World(trial, DEFAULT.but(cap=1, providers=(first, second), policies=policies))
        world.issue(f"x{separator}alice", provider=first)
        _judge_capped(world, 1, f"x{separator}alice", first)
        decision = world.exchange(world.subject_token("alice", second))
        world.good(decision, f"two identities are one when joined by {separator!r}")


@check("TOK-8", needs=("key_server:count",))
def test_count_is_of_one_identity(mark: Mark, trial: Trial) -> None:
    """Tokens are counted for the pair of issuer and subject, and for no other pair."""
    world = World(trial)
    for subject, provider, number in (("alice", HOME, 3), ("alice", OTHER, 2), ("bob", HOME, 1)):
        for _ in range(number):
            world.issue(subject, provider=provider, email="shared@example.com", name="Shared")
    due = {("alice", HOME.issuer): 3, ("alice", OTHER.issuer): 2, ("bob", HOME.issuer): 1, ("bob", OTHER.issuer): 0,
           ("shared@example.com", HOME.issuer): 0, ("Alice", HOME.issuer): 0, ("alice", "https://idp.example/"): 0,
           ("", HOME.issuer): 0, ("alice", ""): 0}  # fmt: skip
    for (subject, issuer), number in due.items():
        found = world.count(subject, issuer)
        if found != number:
            world.fail(f"the tokens of {subject!r} of {issuer!r} are counted wrongly", str(number), str(found))


# --- at once


@check("TOK-9", needs=(CONFIGURED, "key_server:race"))
def test_cap_holds_in_a_race(mark: Mark, trial: Trial) -> None:
    """Of many exchanges by one identity at once, as many succeed as the cap has room for."""
    for cap, before in ((1, 0), (3, 0), (3, 2), (5, 1), (2, 2)):
        for _ in range(2):
            world = World(trial, DEFAULT.but(cap=cap))
            for _ in range(before):
                world.issue()
            answers = world.race([racers.exchange(world.subject_token()) for _ in range(cap + 7)])
            granted = sum(one.good for one in answers)
            room = f"with {before} of {cap} tokens live, exchanges at once"
            if granted > cap - before:
                world.fail(f"{room} exceed the cap", f"{cap - before} granted", "more")
            if granted < cap - before:
                world.fail(f"{room} are refused more often than need be", f"{cap - before} granted", "fewer")
            _judge_codes(world, answers, room)


def _judge_codes(world: World, answers: Sequence[Decision], what: str) -> None:
    for one in answers:
        if not one.good and one.code != "too_many_tokens":
            world.fail(f"{what} are refused for another reason than the cap", "too_many_tokens", one.describe())


@check("TOK-9", needs=(CONFIGURED, "key_server:race"))
def test_caps_hold_in_a_race_of_several_identities(mark: Mark, trial: Trial) -> None:
    """Where several identities exchange at once, each gets its cap, and none another's."""
    world = World(trial, DEFAULT.but(cap=2))
    who = [("alice", HOME), ("alice", OTHER), ("bob", HOME)] * 4
    requests = [racers.exchange(world.subject_token(subject, provider)) for subject, provider in who]
    granted = [pair for pair, one in zip(who, world.race(requests), strict=True) if one.good]
    for subject, provider in who[:3]:
        number = granted.count((subject, provider))
        if number != 2:
            what = f"of a race, {subject} of {provider.issuer} gets {'more' if number > 2 else 'fewer'} than the cap"
            world.fail(what, "2 tokens", "another number")


@check("TOK-9", needs=(CONFIGURED, "key_server:race"))
def test_revocation_in_a_race_frees_one_place(mark: Mark, trial: Trial) -> None:
    """A revocation among exchanges at once makes room for one more at most."""
    for _ in range(3):
        world = World(trial, DEFAULT.but(cap=3))
        first, _, _ = (world.issue() for _ in range(3))
        exchanges = [racers.exchange(world.subject_token()) for _ in range(8)]
        answers = world.race([*exchanges[:4], racers.revoke(first.jti), *exchanges[4:]])
        granted = sum(one.good and "access_token" in one.members for one in answers)
        if granted > 1:
            world.fail("one revocation among exchanges at once makes room for several", "1 granted at most", "more")


# --- kept, forgotten, refused


@check("TOK-10", needs=("clock", CONFIGURED, "key_server:retention"))
def test_record_is_kept_for_the_retention(mark: Mark, trial: Trial) -> None:
    """An expired bearer is known as such to the last moment of its retention, and unknown from its end on."""
    for retention in (1, 300, 7200):
        world = World(trial, DEFAULT.but(retention=retention))
        grant = world.issue()
        revoked = world.issue("bob")
        world.revoke(revoked.jti)
        world.wait(world.setting.ttl + retention - 0.25)
        late = f"a quarter of a second before the end of a retention of {retention} s"
        world.left(world.authenticate(grant.bearer), {"event": "token.expired"}, summary=f"an expired bearer {late}")
        told = world.authenticate(revoked.bearer)
        world.left(told, {"event": "token.denied", "reason": "revoked"}, summary=f"a revoked bearer {late}")
        world.wait(0.25)
        for one in (grant, revoked):
            what = f"a bearer at the end of a retention of {retention} s"
            world.left(world.authenticate(one.bearer), {"event": "token.invalid", "token_jti": None}, summary=what)


@check("TOK-10", needs=("clock", CONFIGURED, "key_server:retention"))
def test_retention_of_nothing_forgets_at_once(mark: Mark, trial: Trial) -> None:
    """With a retention of 0 a bearer is unknown from the instant of its expiry on, and good until then."""
    world = World(trial, DEFAULT.but(retention=0))
    grant = world.issue()
    world.wait(world.setting.ttl - 0.25)
    world.good(world.authenticate(grant.bearer), "a live token is forgotten before its end")
    world.wait(0.25)
    what = "an expired bearer without retention"
    world.left(world.authenticate(grant.bearer), {"event": "token.invalid"}, summary=what)


@check("TOK-10", needs=("clock", CONFIGURED, "key_server:retention", "key_server:reap"))
def test_reaping_removes_what_is_due_and_nothing_else(mark: Mark, trial: Trial) -> None:
    """A sweep removes the records whose retention is over, and no live token and no fresh tombstone."""
    world = World(trial)
    old = [world.issue("old") for _ in range(3)]
    world.revoke(old[0].jti)
    world.wait(world.setting.retention)
    tombs = [world.issue("tomb"), world.issue("tomb")]
    world.wait(world.setting.ttl)
    live = [world.issue("live") for _ in range(2)]
    revoked = world.issue("revoked")
    world.revoke(revoked.jti)
    _judge_reaped(world, len(old))
    _judge_reaped(world, 0)
    for one in live:
        world.good(world.authenticate(one.bearer), "a sweep removes a live token")
    for one in tombs:
        told = world.authenticate(one.bearer)
        world.left(told, {"event": "token.expired", "token_jti": one.jti}, summary="a tombstone after a sweep")
    due = {"event": "token.denied", "reason": "revoked", "token_jti": revoked.jti}
    world.left(world.authenticate(revoked.bearer), due, summary="the tombstone of a revoked token after a sweep")
    for one in old:
        told = world.authenticate(one.bearer)
        world.left(told, {"event": "token.invalid"}, summary="a bearer whose retention is over, after a sweep")


def _judge_reaped(world: World, most: int) -> None:
    """A store that forgets by itself has less to sweep."""
    number = int(str(world.reap().members["reaped"]))
    if number > most:
        world.fail("a sweep removes more than is due", f"{most} at most", str(number))


@check("TOK-10", needs=("clock", CONFIGURED, "key_server:reap"))
def test_sweeps_at_any_time_take_no_live_token(mark: Mark, trial: Trial) -> None:
    """Sweeps from the first to the last moment of a token's life leave it good."""
    world = World(trial, DEFAULT.but(retention=0))
    grant = world.issue()
    for seconds in (0, 1, 298.75, 300, 0.25 - 0.015_625):
        world.wait(seconds)
        world.reap()
        world.good(world.authenticate(grant.bearer), "a sweep removes a live token")
    world.wait(0.015_625)
    world.refused(world.authenticate(grant.bearer), "invalid-token", "a token that sweeps left is good after its end")


@check("TOK-10", needs=("clock", CONFIGURED, "key_server:retention"))
def test_no_walk_loses_or_keeps_a_tombstone(mark: Mark, trial: Trial) -> None:
    """In any order of requests an ended bearer is told as such for its retention, and unknown afterwards."""
    walk(trial, Aspect.KEPT)


@check("TOK-11", needs=(CONFIGURED,))
def test_full_store_refuses_and_keeps(mark: Mark, trial: Trial) -> None:
    """A full store refuses everybody a new token, and keeps every token that it has."""
    for capacity in (1, 4, 9):
        world = World(trial, DEFAULT.but(capacity=capacity))
        grants = [world.issue(f"user-{number}") for number in range(capacity)]
        for number in range(3):
            decision = world.exchange(world.subject_token(f"late-{number}"))
            world.refused(decision, FULL_CODES, f"a store of {capacity} tokens takes more")
        world.refused(world.exchange(world.subject_token("user-0")), FULL_CODES, f"a store of {capacity} takes more")
        for grant in grants:
            world.good(world.authenticate(grant.bearer), "a full store gives up a token for a new one")


@check("TOK-11", needs=("clock", CONFIGURED, "key_server:reap"))
def test_store_has_room_again_once_tokens_are_forgotten(mark: Mark, trial: Trial) -> None:
    """Once the retention of its tokens is over, and after a sweep, a full store takes as many as before."""
    world = World(trial, DEFAULT.but(capacity=4))
    for _ in range(3):
        grants = []
        for number in range(4):
            decision = world.exchange(world.subject_token(f"user-{number}"))
            world.good(decision, f"a store of 4 tokens, of which {number} are not forgotten, takes no more")
            grants.append(world.grant(decision))
        world.refused(world.exchange(world.subject_token("late")), FULL_CODES, "a store of 4 tokens takes more")
        world.revoke(grants[0].jti)
        world.wait(world.setting.ttl + world.setting.retention)
        world.reap()


@check("TOK-11", needs=(CONFIGURED, "key_server:race"))
def test_bound_holds_in_a_race(mark: Mark, trial: Trial) -> None:
    """However many identities exchange at once, no more tokens are issued than the store has room for."""
    for _ in range(2):
        world = World(trial, DEFAULT.but(capacity=5))
        world.begun(told=False)
        answers = world.race([racers.exchange(world.subject_token(f"user-{number}")) for number in range(12)])
        if sum(one.good for one in answers) > 4:
            world.fail("exchanges at once exceed the bound of the store", "4 granted", "more")


# --- whose


@check("TOK-12", needs=(CONFIGURED,))
def test_bearers_side_by_side_are_not_mixed_up(mark: Mark, trial: Trial) -> None:
    """Of many tokens side by side, whatever they share, each bearer answers for its own issue, in any order."""
    world = World(trial)
    issued = [
        (world.issue(subject, f"backends:{backend} tools:{tool}", provider), backend, tool)
        for subject, provider in (("alice", HOME), ("alice", OTHER), ("bob", HOME), ("Alice", HOME))
        for backend, tool in (("a", "x"), ("a", "y"), ("b*", "x"), ("*", "*"), ("a,b", "x"))
    ]  # fmt: skip
    for turn in (issued, issued[::-1], issued[1::2] + issued[::2]):
        for grant, backend, tool in turn:
            _judge_own(world, grant, backend.split(","), tool.split(","))


def _judge_own(world: World, grant: Grant, backends: list[str], tools: list[str]) -> None:
    decision = world.admitted(grant)
    due = {
        "jti": grant.jti,
        "identity": {"issuer": grant.provider.issuer, "subject": grant.subject},
        "scopes": {"backends": backends, "tools": tools, "rate_limit": 0},
    }
    for name, value in due.items():
        found = decision.members[name]
        if found != value:
            world.fail(f"a bearer is answered with another {name}", json.dumps(value), json.dumps(found))


@check("TOK-12", needs=(CONFIGURED, "key_server:race"))
def test_bearers_are_not_mixed_up_at_once(mark: Mark, trial: Trial) -> None:
    """Bearers of several identities that are issued and presented at once answer each for its own issue."""
    world = World(trial)
    who = [(f"user-{number % 4}", (HOME, OTHER)[number % 2]) for number in range(12)]
    issued = world.race([racers.exchange(world.subject_token(subject, provider)) for subject, provider in who])
    grants = [world.grant(one, *pair) for one, pair in zip(issued, who, strict=True) if one.good]
    world.require(bool(grants), "of honest exchanges at once all are refused", "some granted", "none")
    for grant, one in zip(grants, world.race([racers.authenticate(one.bearer) for one in grants]), strict=True):
        due = {"issuer": grant.provider.issuer, "subject": grant.subject}
        if not one.good or one.members["jti"] != grant.jti or one.members["identity"] != due:
            world.fail("bearers that are issued and presented at once are mixed up", "its own issue", "another's")


@check("TOK-12", needs=("clock", CONFIGURED))
def test_no_walk_mixes_bearers_up(mark: Mark, trial: Trial) -> None:
    """In any order of requests of every kind, each bearer answers for its own issue."""
    walk(trial, Aspect.OWN, share=10)


# --- from when


@check("TOK-13")
def test_token_is_usable_and_revocable_at_once(mark: Mark, trial: Trial) -> None:
    """A token is good with the request after its issue, and can be revoked with it, alone and with all others."""
    world = World(trial)
    for number, revoke in enumerate(_REVOCATIONS):
        for use_it in (True, False):
            grant = world.issue(f"user-{number}-{use_it}")
            if use_it:
                world.good(world.authenticate(grant.bearer), "a token is not good at once")
            decision = revoke(world, grant)
            if decision.members.get("revoked") != 1:
                world.fail("a token cannot be revoked at once", "1 revoked", decision)
            what = "a token that was revoked at once is good"
            world.refused(world.authenticate(grant.bearer), "invalid-token", what)


_REVOCATIONS: Sequence[Callable[[World, Grant], Decision]] = (
    lambda world, grant: world.revoke(grant.jti),
    lambda world, grant: world.revoke_all(grant.subject),
)


@check("TOK-13", needs=(CONFIGURED, "key_server:race"))
def test_tokens_of_a_race_are_usable_and_revocable(mark: Mark, trial: Trial) -> None:
    """Tokens that were issued at once are all good, and each of them can be revoked."""
    world = World(trial, DEFAULT.but(cap=10))
    answers = world.race([racers.exchange(world.subject_token(f"user-{number % 3}")) for number in range(10)])
    grants = []
    for number, one in enumerate(answers):
        world.good(one, "an honest exchange of a race is refused")
        grants.append(world.grant(one, f"user-{number % 3}"))
    used = [world.authenticate(grant.bearer).good for grant in grants]
    revoked = [world.revoke(grant.jti).good for grant in grants]
    used_after = [world.authenticate(grant.bearer).good for grant in grants]
    if not all(used):
        world.fail("a token of a race is not good at once", "all of them good", "one that is not")
    if not all(revoked):
        world.fail("a token of a race cannot be revoked", "all of them revoked", "one that is not")
    if any(used_after):
        world.fail("a token of a race is good after its revocation", "none of them good", "one that is")


@check("TOK-13", needs=("clock",))
def test_no_token_is_dead_when_it_is_issued(mark: Mark, trial: Trial) -> None:
    """A server whose clock has stepped back issues tokens that are good, or none."""
    for step in (1, 599, 600, 601, 86_400):
        world = World(trial)
        world.issue("bob")
        world.step_wall_clock(-step)
        decision = world.exchange(world.subject_token())
        if decision.good:
            grant = world.grant(decision)
            world.good(world.authenticate(grant.bearer), f"after a step of {step} s back, a token is dead when issued")
            world.good(world.revoke(grant.jti), f"after a step of {step} s back, a token cannot be revoked")
            again = f"after a step of {step} s back, a token that was revoked is good"
            world.refused(world.authenticate(grant.bearer), "invalid-token", again)


# --- afterwards


@check("TOK-14", needs=("clock", "key_server:restart"))
def test_restart_revives_no_bearer(mark: Mark, trial: Trial) -> None:
    """Bearers that had expired or were revoked are no good after a restart, also when the clock steps back."""
    for step in (0, -1, -700):
        world = World(trial)
        expired = world.issue("dora")
        world.wait(world.setting.ttl)
        single, bulk = world.issue("alice"), world.issue("bob")
        world.good(world.revoke(single.jti), "a live token is not revoked")
        world.revoke_all("bob")
        for grant in (expired, single, bulk):
            world.refused(world.authenticate(grant.bearer), "invalid-token", "a bearer that has ended is good")
        world.restart()
        world.step_wall_clock(step)
        for what, grant in (("expired", expired), ("revoked", single), ("revoked with all others", bulk)):
            again = f"a bearer that was {what} is good after a restart"
            world.refused(world.authenticate(grant.bearer), "invalid-token", again)
        world.issue("eve") if not step else None


@check("TOK-14", needs=("key_server:restart",))
def test_restart_joins_no_bearer_to_another(mark: Mark, trial: Trial) -> None:
    """After a restart a bearer from before it is refused or answers for its own issue, whatever is issued meanwhile."""
    world = World(trial)
    before = [world.issue(subject, provider=provider) for subject, provider in _AROUND_A_RESTART]
    world.restart()
    after = [world.issue(subject, provider=provider) for subject, provider in _AROUND_A_RESTART[::-1]]
    for grant in (*before, *after):
        decision = world.authenticate(grant.bearer)
        due = {"issuer": grant.provider.issuer, "subject": grant.subject}
        if decision.good and (decision.members["jti"], decision.members["identity"]) != (grant.jti, due):
            world.fail("a restart joins a bearer to another issue", json.dumps(due), json.dumps(decision.members))
    made_up = [*(grant.jti for grant in (*before, *after)), *(grant.bearer for grant in (*before, *after))]
    if any(one == other for one, other in combinations(made_up, 2)):
        world.fail("a token of before a restart has the id or the bearer of one after it", "new ones", "the same again")


_AROUND_A_RESTART = (("alice", HOME), ("bob", HOME), ("alice", OTHER))


@check("TOK-14", needs=("clock", CONFIGURED, "key_server:restart"))
def test_no_walk_over_restarts_revives_a_token(mark: Mark, trial: Trial) -> None:
    """However often the server is restarted, no token that had ended is good again."""
    walk(trial, Aspect.RESTART)
