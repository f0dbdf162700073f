"""Whose requests count against a rate, and what does not touch it: other identities, and the wall clock."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check, explore
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.rate_asserts import PAUSES, SMALL, Steps, limited, over, play, spend, use
from bearerproof_fuzz.keyserver.setting import DEFAULT, HOME, OTHER, OTHER_PEER, KeyServerConfig, Provider, rule
from bearerproof_fuzz.needs import CONFIGURE, TICK

# --- whose requests are counted


@check("LIM-11", needs=(CONFIGURE,))
def test_tokens_of_an_identity_share_the_rate(mark: CheckId, trial: Trial) -> None:
    """However an identity spreads its requests over its tokens, they are counted together."""
    for rate in (1, 3, 5):
        for tokens in (2, 5):
            server = KeyServerDriver(trial, limited(rate))
            grants = [server.issue() for _ in range(tokens)]
            admitted = sum(use(server, *grants * rate))
            if admitted != rate:
                server.fail(f"{tokens} tokens of an identity with a rate of {rate}", f"{rate} admitted", f"{admitted}")


@check("LIM-11", needs=(CONFIGURE,))
def test_new_token_resets_nothing(mark: CheckId, trial: Trial) -> None:
    """After an identity has used its rate up, a token that it gets then is over the rate as well."""
    server = KeyServerDriver(trial, limited(3))
    first = server.issue()
    spend(server, first, 3)
    for scope in (None, "backends:a tools:x"):
        second = server.issue(scope=scope, peer=OTHER_PEER)
        over(server, second, "the identity has used its rate up with another token")
    over(server, first, "the identity has a new token")


@check("LIM-11", needs=(CONFIGURE,))
def test_revocation_resets_nothing(mark: CheckId, trial: Trial) -> None:
    """Having its token revoked, one or all of them, gives an identity no new rate."""
    server = KeyServerDriver(trial, limited(2))
    first = server.issue()
    spend(server, first, 2)
    server.good(server.revoke(first.jti), "one live token is revoked")
    second = server.issue()
    over(server, second, "the rate was used up with a token that is revoked")
    server.good(server.revoke_all("alice"), "one live token is revoked")
    if trial.declaration.injected_clock:
        server.wait(1)
        over(server, server.issue(), "the rate was used up a second before the tokens were revoked in bulk")


@check("LIM-11", needs=(TICK, CONFIGURE))
def test_expiry_resets_nothing(mark: CheckId, trial: Trial) -> None:
    """The end of a token, and its being forgotten, give its identity no new rate."""
    for retention, times in ((0, 20), (300, 1)):
        server = KeyServerDriver(trial, limited(2).but(ttl=1, retention=retention, cap=1, capacity=2))
        spend(server, server.issue(), 2)
        for _ in range(times):
            server.wait(1)
            if trial.declaration.key_server.reap:
                server.reap()
            over(server, server.issue(), "the rate was used up with a token that has expired since")


@check("LIM-11", needs=(CONFIGURE,))
def test_attributes_make_no_other_identity(mark: CheckId, trial: Trial) -> None:
    """Another e-mail, name or group at the next sign-in, another peer or use: the identity is the same."""
    server = KeyServerDriver(trial, limited(3))
    spend(server, server.issue(), 3)
    for name, claims in _ATTRIBUTES.items():
        grant = server.issue("alice", "backends:b tools:y", **claims)
        decision = server.authenticate(grant.bearer, "b", "y", peer=OTHER_PEER)
        server.refused(decision, "rate-limited", f"an identity over its rate comes with {name}")


_ATTRIBUTES: dict[str, dict[str, Any]] = {
    "another e-mail": {"email": "alias@example.com"},
    "no e-mail": {"email": None, "email_verified": None},
    "another name": {"name": "Alice B."},
    "other groups": {"groups": []},
}


@check("LIM-11", needs=(CONFIGURE,))
def test_pair_of_issuer_and_subject_counts(mark: CheckId, trial: Trial) -> None:
    """The same subject of another provider, or the same e-mail of another subject, has a rate of its own."""
    server = KeyServerDriver(trial, limited(3))
    spend(server, server.issue(email="shared@example.com"), 3)
    for subject, provider in (("alice", OTHER), ("bob", HOME), ("Alice", HOME), ("alice ", HOME)):
        grant = server.issue_if_known(subject, provider, email="shared@example.com")
        if grant is not None and use(server, *[grant] * 4) != [True, True, True, False]:
            what = f"alice of {HOME.issuer} is over her rate, and {subject!r} of {provider.issuer} asks"
            server.fail(what, "3 of 4 admitted", "another number")


def _two_speeds() -> KeyServerConfig:
    rules = (rule(HOME, group="slow", rate_limit=2), rule(HOME, group="fast", rate_limit=10))
    return DEFAULT.but(policies=rules, ttl=86_400)


@check("LIM-11", needs=(TICK, CONFIGURE))
def test_new_limit_brings_no_full_bucket(mark: CheckId, trial: Trial) -> None:
    """A token with another limit brings that limit, less what was used before."""
    for first, second in (("slow", "fast"), ("fast", "slow")):
        server = KeyServerDriver(trial, _two_speeds())
        used = sum(sum(use(server, *[server.issue(groups=[group])] * 20)) for group in (first, second))
        if used > 10:
            server.fail("an identity with rates of 2 and of 10 in its tokens", "at most 10 at once", f"{used}")


@check("LIM-11", needs=(TICK, CONFIGURE))
def test_new_limit_takes_effect(mark: CheckId, trial: Trial) -> None:
    """An identity whose rate is another at its next sign-in has just that rate with the new token."""
    for first, second, rate in (("slow", "fast", 10), ("fast", "slow", 2)):
        server = KeyServerDriver(trial, _two_speeds())
        server.admitted(server.issue(groups=[first]))
        server.wait(60)
        used = sum(use(server, *[server.issue(groups=[second])] * 20))
        if used != rate:
            server.fail(
                f"a new token has a rate of {rate}, where another was used before", f"{rate} at once", f"{used}"
            )


# --- what does not touch it


_DISTURBED: Steps = [(0.0, 2), (1.0, 3), (11.0, 2), (20.0, 4), (28.0, 1), (60.0, 5), (3.0, 3)]


@check("LIM-14", needs=(TICK, CONFIGURE))
def test_wall_clock_changes_no_decision(mark: CheckId, trial: Trial) -> None:
    """The same stream is admitted alike, and told alike when to come back, whatever the wall clock does."""

    def steady(rate: int, steps: Steps, offsets: Sequence[float]) -> None:
        server = KeyServerDriver(trial, limited(rate))
        straight = _answers(server, steps, [0.0])
        if rate == 1 and steps is _DISTURBED:
            _require_refusals(server, straight)
        server = KeyServerDriver(trial, limited(rate))
        jumping = _answers(server, steps, offsets)
        if straight != jumping:
            expected, got = (" ".join(answers) for answers in (straight, jumping))
            server.fail(
                f"the wall clock is off by {', '.join(f'{offset:g}' for offset in offsets)} s in turn", expected, got
            )

    for offsets in ([0.0, 61.0], [0.0, -61.0], [0.0, 3600.0], [0.0, 0.0, 40_000.0], [0.0, -1e8, 59.0]):
        for rate in (1, 3, 10):
            steady(rate, _DISTURBED, offsets)
    streams = st.lists(st.tuples(st.sampled_from(PAUSES[:8]), st.integers(1, 4)), min_size=2, max_size=8)
    drawn = st.lists(st.sampled_from((0.0, -61.0, 61.0, -1e8, 3600.0, 0.5)), min_size=1, max_size=4)
    explore(steady, st.sampled_from(SMALL), streams, drawn, share=8)


def _require_refusals(server: KeyServerDriver, answers: Sequence[str]) -> None:
    """Require that a stream went beyond a rate of 1.

    Raises:
        Untestable: all of it was admitted, and what is never refused is not disturbed either.
    """
    got = " ".join(answers)
    server.require(set(answers) != {"+"}, "bursts beyond a rate of 1 are admitted as a whole", "refusals", got)


def _answers(server: KeyServerDriver, steps: Steps, offsets: Sequence[float]) -> list[str]:
    """Play a stream while the wall clock is off the true time, in turn; return what came of each request."""
    grant, answers, off = server.issue(), [], 0.0
    for number, (pause, times) in enumerate(steps):
        server.wait(pause)
        server.step_wall_clock(offsets[number % len(offsets)] - off)
        off = offsets[number % len(offsets)]
        for _ in range(times):
            decision = server.authenticate(grant.bearer)
            if not decision.good:
                server.refused(decision, "rate-limited", "a bearer is good but may be over its rate")
            answers.append("+" if decision.good else f"{decision.retry_after or 0:g}s")
    return answers


_TAILS = ("/x", ":8443", ".t", "-t")
"""What makes one issuer the beginning of another: joined without or by its first letter, some pairs look alike."""

_LONGER = {tail: Provider(HOME.issuer + tail, OTHER.key) for tail in _TAILS}


@check("LIM-14", needs=(CONFIGURE,))
def test_joined_names_do_not_collide(mark: CheckId, trial: Trial) -> None:
    """Two identities whose issuer and subject read the same when joined have a rate each."""
    server = KeyServerDriver(trial, limited(2, providers=(HOME, *_LONGER.values())))
    for tail, provider in _LONGER.items():
        spend(server, server.issue(provider=provider), 2)
        for twin in (f"{tail}alice", f"{tail[1:]}{tail[0]}alice"):
            grant = server.issue(twin)
            server.good(server.authenticate(grant.bearer), "another identity, whose names joined are the same, is over")


@check("LIM-14", needs=(TICK, CONFIGURE))
def test_others_change_no_decision(mark: CheckId, trial: Trial) -> None:
    """The requests of an identity are admitted as when it is alone, however many come from others."""
    for rate in (1, 3, 10):
        server = KeyServerDriver(trial, limited(rate))
        alone = play(server, server.issue(), _DISTURBED)
        if rate == 1:
            _require_refusals(server, ["+" if request.admitted else "-" for request in alone])
        server = KeyServerDriver(trial, limited(rate))
        grant = server.issue()
        others = [server.issue("bob"), server.issue("alice", provider=OTHER), server.issue("carol")]
        crowded = []
        for pause, times in _DISTURBED:
            server.wait(pause)
            use(server, *others * (rate + 2))
            crowded += play(server, grant, [(0.0, times)])
        if [request.admitted for request in alone] != [request.admitted for request in crowded]:
            expected, got = (
                "".join("+" if request.admitted else "-" for request in requests) for requests in (alone, crowded)
            )
            server.fail(f"three others ask between the requests of an identity with a rate of {rate}", expected, got)


@check("LIM-14", needs=(CONFIGURE,))
def test_crowd_gives_no_new_bucket(mark: CheckId, trial: Trial) -> None:
    """However many identities ask, one over its rate stays so, and each of the others has its own."""
    server = KeyServerDriver(trial, limited(2))
    grant = server.issue()
    spend(server, grant, 2)
    for number in range(400):
        other = server.issue(f"user-{number}")
        server.good(server.authenticate(other.bearer), "an identity asks for the first time, after many others")
    over(server, grant, "many others have asked since the identity used its rate up")


@check("LIM-14", needs=(TICK, CONFIGURE))
def test_crowd_of_a_small_server_gives_no_new_bucket(mark: CheckId, trial: Trial) -> None:
    """Where only a few tokens have room, the buckets of identities that lost theirs are kept as long as they matter."""
    server = KeyServerDriver(trial, limited(2).but(ttl=1, retention=0, cap=1, capacity=2))
    spend(server, server.issue(), 2)
    for number in range(20):
        server.wait(1)
        other = server.issue(f"user-{number}")
        server.authenticate(other.bearer)
    server.wait(1)
    over(server, server.issue(), "the identity used its rate up twenty seconds before")
