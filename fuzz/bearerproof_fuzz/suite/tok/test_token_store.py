"""The store of a key server's tokens: whose each is, from when it is good, and what a restart leaves of it."""

import json
from collections.abc import Callable, Sequence
from itertools import combinations

from bearerproof.contract.decisions import Decision
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.keyserver import race_requests
from bearerproof_fuzz.keyserver.driver import Grant, KeyServerDriver
from bearerproof_fuzz.keyserver.setting import DEFAULT, HOME, OTHER
from bearerproof_fuzz.machines.tokens import walk
from bearerproof_fuzz.needs import CLOCK, CONFIGURE, RACE, RESTART, SINGLE_USE
from bearerproof_fuzz.oracles.tokens import Aspect

# --- whose


@check("TOK-12", needs=(CONFIGURE,))
def test_bearers_side_by_side_are_not_mixed_up(mark: CheckId, trial: Trial) -> None:
    """Of many tokens side by side, whatever they share, each bearer answers for its own issue, in any order."""
    server = KeyServerDriver(trial)
    issued = [
        (server.issue(subject, f"backends:{backend} tools:{tool}", provider), backend, tool)
        for subject, provider in (("alice", HOME), ("alice", OTHER), ("bob", HOME), ("Alice", HOME))
        for backend, tool in (("a", "x"), ("a", "y"), ("b*", "x"), ("*", "*"), ("a,b", "x"))
    ]
    for turn in (issued, issued[::-1], issued[1::2] + issued[::2]):
        for grant, backend, tool in turn:
            _judge_own(server, grant, backend.split(","), tool.split(","))


def _judge_own(server: KeyServerDriver, grant: Grant, backends: list[str], tools: list[str]) -> None:
    decision = server.admitted(grant)
    expected = {
        "jti": grant.jti,
        "identity": {"issuer": grant.provider.issuer, "subject": grant.subject},
        "scopes": {"backends": backends, "tools": tools, "rate_limit": 0},
    }
    for name, value in expected.items():
        found = decision.members[name]
        if found != value:
            server.fail(f"a bearer is answered with another {name}", json.dumps(value), json.dumps(found))


@check("TOK-12", needs=(CONFIGURE, RACE))
def test_bearers_are_not_mixed_up_at_once(mark: CheckId, trial: Trial) -> None:
    """Bearers of several identities that are issued and presented at once answer each for its own issue."""
    server = KeyServerDriver(trial)
    who = [(f"user-{number % 4}", (HOME, OTHER)[number % 2]) for number in range(12)]
    issued = server.race([race_requests.exchange(server.subject_token(subject, provider)) for subject, provider in who])
    grants = [server.grant(decision, *pair) for decision, pair in zip(issued, who, strict=True) if decision.good]
    server.require(bool(grants), "of honest exchanges at once all are refused", "some granted", "none")
    for grant, decision in zip(
        grants, server.race([race_requests.authenticate(grant.bearer) for grant in grants]), strict=True
    ):
        expected = {"issuer": grant.provider.issuer, "subject": grant.subject}
        if not decision.good or decision.jti != grant.jti or decision.members["identity"] != expected:
            server.fail("bearers that are issued and presented at once are mixed up", "its own issue", "another's")


@check("TOK-12", needs=(CLOCK, CONFIGURE))
def test_no_walk_mixes_bearers_up(mark: CheckId, trial: Trial) -> None:
    """In any order of requests of every kind, each bearer answers for its own issue."""
    walk(trial, Aspect.OWN, share=10)


# --- from when


@check("TOK-13")
def test_token_is_usable_and_revocable_at_once(mark: CheckId, trial: Trial) -> None:
    """A token is good with the request after its issue, and can be revoked with it, alone and with all others."""
    server = KeyServerDriver(trial)
    for number, revoke in enumerate(_REVOCATIONS):
        for use_it in (True, False):
            grant = server.issue(f"user-{number}-{use_it}")
            if use_it:
                server.good(server.authenticate(grant.bearer), "a token is not good at once")
            decision = revoke(server, grant)
            if decision.revoked != 1:
                server.fail("a token cannot be revoked at once", "1 revoked", decision)
            what = "a token that was revoked at once is good"
            server.refused(server.authenticate(grant.bearer), "invalid-token", what)


_REVOCATIONS: Sequence[Callable[[KeyServerDriver, Grant], Decision]] = (
    lambda server, grant: server.revoke(grant.jti),
    lambda server, grant: server.revoke_all(grant.subject),
)


@check("TOK-13", needs=(CONFIGURE, RACE))
def test_tokens_of_a_race_are_usable_and_revocable(mark: CheckId, trial: Trial) -> None:
    """Tokens that were issued at once are all good, and each of them can be revoked."""
    server = KeyServerDriver(trial, DEFAULT.but(cap=10))
    answers = server.race([race_requests.exchange(server.subject_token(f"user-{number % 3}")) for number in range(10)])
    grants = []
    for number, decision in enumerate(answers):
        server.good(decision, "an honest exchange of a race is refused")
        grants.append(server.grant(decision, f"user-{number % 3}"))
    used = [server.authenticate(grant.bearer).good for grant in grants]
    revoked = [server.revoke(grant.jti).good for grant in grants]
    used_after = [server.authenticate(grant.bearer).good for grant in grants]
    if not all(used):
        server.fail("a token of a race is not good at once", "all of them good", "one that is not")
    if not all(revoked):
        server.fail("a token of a race cannot be revoked", "all of them revoked", "one that is not")
    if any(used_after):
        server.fail("a token of a race is good after its revocation", "none of them good", "one that is")


@check("TOK-13", needs=(CLOCK,))
def test_no_token_is_dead_when_it_is_issued(mark: CheckId, trial: Trial) -> None:
    """A server whose clock has stepped back issues tokens that are good, or none."""
    for step in (1, 599, 600, 601, 86_400):
        server = KeyServerDriver(trial)
        server.issue("bob")
        server.step_wall_clock(-step)
        decision = server.exchange(server.subject_token())
        if decision.good:
            grant = server.grant(decision)
            server.good(
                server.authenticate(grant.bearer), f"after a step of {step} s back, a token is dead when issued"
            )
            server.good(server.revoke(grant.jti), f"after a step of {step} s back, a token cannot be revoked")
            again = f"after a step of {step} s back, a token that was revoked is good"
            server.refused(server.authenticate(grant.bearer), "invalid-token", again)


# --- afterwards


@check("TOK-14", needs=(CLOCK, RESTART))
def test_restart_revives_no_bearer(mark: CheckId, trial: Trial) -> None:
    """Bearers that had expired or were revoked are no good after a restart, also when the clock steps back."""
    for step in (0, -1, -700):
        server = KeyServerDriver(trial)
        expired = server.issue("dora")
        server.wait(server.setting.ttl)
        single, bulk = server.issue("alice"), server.issue("bob")
        server.good(server.revoke(single.jti), "a live token is not revoked")
        server.revoke_all("bob")
        for grant in (expired, single, bulk):
            server.refused(server.authenticate(grant.bearer), "invalid-token", "a bearer that has ended is good")
        server.restart()
        server.step_wall_clock(step)
        for what, grant in (("expired", expired), ("revoked", single), ("revoked with all others", bulk)):
            again = f"a bearer that was {what} is good after a restart"
            server.refused(server.authenticate(grant.bearer), "invalid-token", again)
        server.issue("eve") if not step else None


@check("TOK-14", needs=(CLOCK, CONFIGURE, RESTART, SINGLE_USE))
def test_restart_frees_no_subject_token(mark: CheckId, trial: Trial) -> None:
    """Subject tokens that were used up, or that a bulk revocation covered, mint nothing after a restart either."""
    server = KeyServerDriver(trial)
    used, unused, covered = server.subject_token(), server.subject_token("bob"), server.subject_token("bob")
    server.grant(server.exchange(used))
    server.grant(server.exchange(unused), "bob")
    server.revoke_all("bob")
    for token in (used, covered):
        server.refused(server.exchange(token), "invalid_request", "the subject token was used, or covered")
    server.wait(5)
    server.restart()
    server.wait(1)
    server.positive_control("carol")
    for what, token in (("was used up", used), ("a bulk revocation covers", covered)):
        server.refused(server.exchange(token), "invalid_request", f"a subject token that {what}, after a restart")


@check("TOK-14", needs=(RESTART,))
def test_restart_joins_no_bearer_to_another(mark: CheckId, trial: Trial) -> None:
    """After a restart a bearer from before it is refused or answers for its own issue, whatever is issued meanwhile."""
    server = KeyServerDriver(trial)
    before = [server.issue(subject, provider=provider) for subject, provider in _AROUND_A_RESTART]
    server.restart()
    after = [server.issue(subject, provider=provider) for subject, provider in _AROUND_A_RESTART[::-1]]
    for grant in (*before, *after):
        decision = server.authenticate(grant.bearer)
        expected = {"issuer": grant.provider.issuer, "subject": grant.subject}
        if decision.good and (decision.jti, decision.members["identity"]) != (grant.jti, expected):
            server.fail("a restart joins a bearer to another issue", json.dumps(expected), json.dumps(decision.members))
    made_up = [*(grant.jti for grant in (*before, *after)), *(grant.bearer for grant in (*before, *after))]
    if any(text == other for text, other in combinations(made_up, 2)):
        server.fail(
            "a token of before a restart has the id or the bearer of one after it", "new ones", "the same again"
        )


_AROUND_A_RESTART = (("alice", HOME), ("bob", HOME), ("alice", OTHER))


@check("TOK-14", needs=(CLOCK, CONFIGURE, RESTART))
def test_no_walk_over_restarts_revives_a_token(mark: CheckId, trial: Trial) -> None:
    """However often the server is restarted, no token that had ended is good again."""
    walk(trial, Aspect.RESTART)
