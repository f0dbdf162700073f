"""What a store keeps and for how long: records of tokens up to their retention, and no more than it has room for."""

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.keyserver import race_requests
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.setting import DEFAULT
from bearerproof_fuzz.machines.tokens import walk
from bearerproof_fuzz.needs import CLOCK, CONFIGURE, RACE, REAP, RETENTION
from bearerproof_fuzz.oracles.tokens import Aspect

FULL_CODES = ("temporarily_unavailable", "too_many_tokens")
"""How a full store may refuse: it is not the identity's fault, but it is a limit on tokens."""


@check("TOK-10", needs=(CLOCK, CONFIGURE, RETENTION))
def test_record_is_kept_for_the_retention(mark: CheckId, trial: Trial) -> None:
    """An expired bearer is known as such to the last moment of its retention, and unknown from its end on."""
    for retention in (1, 300, 7200):
        world = KeyServerDriver(trial, DEFAULT.but(retention=retention))
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


@check("TOK-10", needs=(CLOCK, CONFIGURE, RETENTION))
def test_retention_of_nothing_forgets_at_once(mark: CheckId, trial: Trial) -> None:
    """With a retention of 0 a bearer is unknown from the instant of its expiry on, and good until then."""
    world = KeyServerDriver(trial, DEFAULT.but(retention=0))
    grant = world.issue()
    world.wait(world.setting.ttl - 0.25)
    world.good(world.authenticate(grant.bearer), "a live token is forgotten before its end")
    world.wait(0.25)
    what = "an expired bearer without retention"
    world.left(world.authenticate(grant.bearer), {"event": "token.invalid"}, summary=what)


@check("TOK-10", needs=(CLOCK, CONFIGURE, RETENTION, REAP))
def test_reaping_removes_what_is_due_and_nothing_else(mark: CheckId, trial: Trial) -> None:
    """A sweep removes the records whose retention is over, and no live token and no fresh tombstone."""
    world = KeyServerDriver(trial)
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


def _judge_reaped(world: KeyServerDriver, most: int) -> None:
    """A store that forgets by itself has less to sweep."""
    number = int(str(world.reap().members["reaped"]))
    if number > most:
        world.fail("a sweep removes more than is due", f"{most} at most", str(number))


@check("TOK-10", needs=(CLOCK, CONFIGURE, REAP))
def test_sweeps_at_any_time_take_no_live_token(mark: CheckId, trial: Trial) -> None:
    """Sweeps from the first to the last moment of a token's life leave it good."""
    world = KeyServerDriver(trial, DEFAULT.but(retention=0))
    grant = world.issue()
    for seconds in (0, 1, 298.75, 300, 0.25 - 0.015_625):
        world.wait(seconds)
        world.reap()
        world.good(world.authenticate(grant.bearer), "a sweep removes a live token")
    world.wait(0.015_625)
    world.refused(world.authenticate(grant.bearer), "invalid-token", "a token that sweeps left is good after its end")


@check("TOK-10", needs=(CLOCK, CONFIGURE, RETENTION))
def test_no_walk_loses_or_keeps_a_tombstone(mark: CheckId, trial: Trial) -> None:
    """In any order of requests an ended bearer is told as such for its retention, and unknown afterwards."""
    walk(trial, Aspect.KEPT)


@check("TOK-11", needs=(CONFIGURE,))
def test_full_store_refuses_and_keeps(mark: CheckId, trial: Trial) -> None:
    """A full store refuses everybody a new token, and keeps every token that it has."""
    for capacity in (1, 4, 9):
        world = KeyServerDriver(trial, DEFAULT.but(capacity=capacity))
        grants = [world.issue(f"user-{number}") for number in range(capacity)]
        for number in range(3):
            decision = world.exchange(world.subject_token(f"late-{number}"))
            world.refused(decision, FULL_CODES, f"a store of {capacity} tokens takes more")
        world.refused(world.exchange(world.subject_token("user-0")), FULL_CODES, f"a store of {capacity} takes more")
        for grant in grants:
            world.good(world.authenticate(grant.bearer), "a full store gives up a token for a new one")


@check("TOK-11", needs=(CLOCK, CONFIGURE, REAP))
def test_store_has_room_again_once_tokens_are_forgotten(mark: CheckId, trial: Trial) -> None:
    """Once the retention of its tokens is over, and after a sweep, a full store takes as many as before."""
    world = KeyServerDriver(trial, DEFAULT.but(capacity=4))
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


@check("TOK-11", needs=(CONFIGURE, RACE))
def test_bound_holds_in_a_race(mark: CheckId, trial: Trial) -> None:
    """However many identities exchange at once, no more tokens are issued than the store has room for."""
    for _ in range(2):
        world = KeyServerDriver(trial, DEFAULT.but(capacity=5))
        world.begun(told=False)
        answers = world.race([race_requests.exchange(world.subject_token(f"user-{number}")) for number in range(12)])
        if sum(one.good for one in answers) > 4:
            world.fail("exchanges at once exceed the bound of the store", "4 granted", "more")
