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
        server = KeyServerDriver(trial, DEFAULT.but(retention=retention))
        grant = server.issue()
        revoked = server.issue("bob")
        server.revoke(revoked.jti)
        server.wait(server.setting.ttl + retention - 0.25)
        late = f"a quarter of a second before the end of a retention of {retention} s"
        server.left(server.authenticate(grant.bearer), {"event": "token.expired"}, summary=f"an expired bearer {late}")
        decision = server.authenticate(revoked.bearer)
        server.left(decision, {"event": "token.denied", "reason": "revoked"}, summary=f"a revoked bearer {late}")
        server.wait(0.25)
        for ended in (grant, revoked):
            what = f"a bearer at the end of a retention of {retention} s"
            server.left(server.authenticate(ended.bearer), {"event": "token.invalid", "token_jti": None}, summary=what)


@check("TOK-10", needs=(CLOCK, CONFIGURE, RETENTION))
def test_retention_of_nothing_forgets_at_once(mark: CheckId, trial: Trial) -> None:
    """With a retention of 0 a bearer is unknown from the instant of its expiry on, and good until then."""
    server = KeyServerDriver(trial, DEFAULT.but(retention=0))
    grant = server.issue()
    server.wait(server.setting.ttl - 0.25)
    server.good(server.authenticate(grant.bearer), "a live token is forgotten before its end")
    server.wait(0.25)
    what = "an expired bearer without retention"
    server.left(server.authenticate(grant.bearer), {"event": "token.invalid"}, summary=what)


@check("TOK-10", needs=(CLOCK, CONFIGURE, RETENTION, REAP))
def test_reaping_removes_what_is_due_and_nothing_else(mark: CheckId, trial: Trial) -> None:
    """A sweep removes the records whose retention is over, and no live token and no fresh tombstone."""
    server = KeyServerDriver(trial)
    old = [server.issue("old") for _ in range(3)]
    server.revoke(old[0].jti)
    server.wait(server.setting.retention)
    tombs = [server.issue("tomb"), server.issue("tomb")]
    server.wait(server.setting.ttl)
    live = [server.issue("live") for _ in range(2)]
    revoked = server.issue("revoked")
    server.revoke(revoked.jti)
    _judge_reaped(server, len(old))
    _judge_reaped(server, 0)
    for grant in live:
        server.good(server.authenticate(grant.bearer), "a sweep removes a live token")
    for grant in tombs:
        decision = server.authenticate(grant.bearer)
        server.left(decision, {"event": "token.expired", "token_jti": grant.jti}, summary="a tombstone after a sweep")
    expected = {"event": "token.denied", "reason": "revoked", "token_jti": revoked.jti}
    server.left(server.authenticate(revoked.bearer), expected, summary="the tombstone of a revoked token after a sweep")
    for grant in old:
        decision = server.authenticate(grant.bearer)
        server.left(decision, {"event": "token.invalid"}, summary="a bearer whose retention is over, after a sweep")


def _judge_reaped(server: KeyServerDriver, most: int) -> None:
    """A store that forgets by itself has less to sweep."""
    number = int(str(server.reap().members["reaped"]))
    if number > most:
        server.fail("a sweep removes more than is due", f"{most} at most", str(number))


@check("TOK-10", needs=(CLOCK, CONFIGURE, REAP))
def test_sweeps_at_any_time_take_no_live_token(mark: CheckId, trial: Trial) -> None:
    """Sweeps from the first to the last moment of a token's life leave it good."""
    server = KeyServerDriver(trial, DEFAULT.but(retention=0))
    grant = server.issue()
    for seconds in (0, 1, 298.75, 300, 0.25 - 0.015_625):
        server.wait(seconds)
        server.reap()
        server.good(server.authenticate(grant.bearer), "a sweep removes a live token")
    server.wait(0.015_625)
    server.refused(server.authenticate(grant.bearer), "invalid-token", "a token that sweeps left is good after its end")


@check("TOK-10", needs=(CLOCK, CONFIGURE, RETENTION))
def test_no_walk_loses_or_keeps_a_tombstone(mark: CheckId, trial: Trial) -> None:
    """In any order of requests an ended bearer is told as such for its retention, and unknown afterwards."""
    walk(trial, Aspect.KEPT)


@check("TOK-11", needs=(CONFIGURE,))
def test_full_store_refuses_and_keeps(mark: CheckId, trial: Trial) -> None:
    """A full store refuses everybody a new token, and keeps every token that it has."""
    for capacity in (1, 4, 9):
        server = KeyServerDriver(trial, DEFAULT.but(capacity=capacity))
        grants = [server.issue(f"user-{number}") for number in range(capacity)]
        for number in range(3):
            decision = server.exchange(server.subject_token(f"late-{number}"))
            server.refused(decision, FULL_CODES, f"a store of {capacity} tokens takes more")
        server.refused(server.exchange(server.subject_token("user-0")), FULL_CODES, f"a store of {capacity} takes more")
        for grant in grants:
            server.good(server.authenticate(grant.bearer), "a full store gives up a token for a new one")


@check("TOK-11", needs=(CLOCK, CONFIGURE, REAP))
def test_store_has_room_again_once_tokens_are_forgotten(mark: CheckId, trial: Trial) -> None:
    """Once the retention of its tokens is over, and after a sweep, a full store takes as many as before."""
    server = KeyServerDriver(trial, DEFAULT.but(capacity=4))
    for _ in range(3):
        grants = []
        for number in range(4):
            decision = server.exchange(server.subject_token(f"user-{number}"))
            server.good(decision, f"a store of 4 tokens, of which {number} are not forgotten, takes no more")
            grants.append(server.grant(decision))
        server.refused(server.exchange(server.subject_token("late")), FULL_CODES, "a store of 4 tokens takes more")
        server.revoke(grants[0].jti)
        server.wait(server.setting.ttl + server.setting.retention)
        server.reap()


@check("TOK-11", needs=(CONFIGURE, RACE))
def test_bound_holds_in_a_race(mark: CheckId, trial: Trial) -> None:
    """However many identities exchange at once, no more tokens are issued than the store has room for."""
    for _ in range(2):
        server = KeyServerDriver(trial, DEFAULT.but(capacity=5))
        server.positive_control(with_events=False)
        answers = server.race([race_requests.exchange(server.subject_token(f"user-{number}")) for number in range(12)])
        if sum(decision.good for decision in answers) > 4:
            server.fail("exchanges at once exceed the bound of the store", "4 granted", "more")
