"""The rate of an identity: whose requests it counts, what it admits, when to come back, and what does not touch it.

How a server counts is its own affair: what it admits is held against bounds that every sound limiter keeps.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import strategies as st

from bearerproof.decisions import Decision
from bearerproof.harness import Mark
from bearerproof.trial import Trial
from bearerproof_fuzz.checks import check, explore
from bearerproof_fuzz.keyservers.setting import DEFAULT, HOME, OTHER, OTHER_PEER, Provider, Setting, rule
from bearerproof_fuzz.keyservers.world import Grant, World
from bearerproof_fuzz.oracles import rates
from bearerproof_fuzz.oracles.rates import Asked

CONFIGURED = ("key_server:configure",)
TIMED = ("clock", *CONFIGURED)

_SMALL = (1, 2, 3, 5, 7, 10)
RATES = (*_SMALL, 60, 100)

Steps = Sequence[tuple[float, int]]
"""A stream of requests: the seconds of a pause, and how many come after it at once."""

_PAUSES = (0.0, 0.25, 1.0, 7.5, 29.0, 30.0, 59.0, 59.75, 60.0, 60.25, 61.0, 300.0)


def _limited(rate: int, *, providers: Iterable[Provider] = (HOME, OTHER)) -> Setting:
    """Return a setting in which everybody has this rate, and tokens that outlive every stream."""
    everybody = tuple(providers)
    rules = tuple(rule(provider, rate_limit=rate) for provider in everybody)
    return DEFAULT.but(providers=everybody, policies=rules, ttl=86_400)


def _use(world: World, *grants: Grant) -> list[bool]:
    """Present bearers one after another, and return which of them were admitted."""
    return [_admits(world, grant) for grant in grants]


def _admits(world: World, grant: Grant) -> bool:
    decision = world.authenticate(grant.bearer)
    if not decision.good:
        world.refused(decision, "rate-limited", "a bearer is good but may be over its rate")
    return decision.good


def _play(world: World, grant: Grant, steps: Steps) -> list[Asked]:
    asked = []
    for pause, times in steps:
        world.wait(pause)
        asked += [Asked.at(world.tick, admitted=_admits(world, grant)) for _ in range(times)]
    return asked


def _spend(world: World, grant: Grant, rate: int) -> Decision:
    """Use a rate up from the beginning, and return the first refusal."""
    for number in range(rate):
        if not _admits(world, grant):
            world.fail(f"request {number + 1} of a rate of {rate}", "it is admitted", "rate-limited")
    decision = world.authenticate(grant.bearer)
    world.refused(decision, "rate-limited", f"request {rate + 1} of a rate of {rate}")
    return decision


# --- whose requests are counted


@check("LIM-11", needs=CONFIGURED)
def test_tokens_of_an_identity_share_the_rate(mark: Mark, trial: Trial) -> None:
    """However an identity spreads its requests over its tokens, they are counted together."""
    for rate in (1, 3, 5):
        for tokens in (2, 5):
            world = World(trial, _limited(rate))
            grants = [world.issue() for _ in range(tokens)]
            admitted = sum(_use(world, *grants * rate))
            if admitted != rate:
                world.fail(f"{tokens} tokens of an identity with a rate of {rate}", f"{rate} admitted", f"{admitted}")


@check("LIM-11", needs=CONFIGURED)
def test_new_token_resets_nothing(mark: Mark, trial: Trial) -> None:
    """After an identity has used its rate up, a token that it gets then is over the rate as well."""
    world = World(trial, _limited(3))
    first = world.issue()
    _spend(world, first, 3)
    for scope in (None, "backends:a tools:x"):
        second = world.issue(scope=scope, peer=OTHER_PEER)
        _over(world, second, "the identity has used its rate up with another token")
    _over(world, first, "the identity has a new token")


def _over(world: World, grant: Grant, summary: str) -> None:
    world.refused(world.authenticate(grant.bearer), "rate-limited", summary)


@check("LIM-11", needs=CONFIGURED)
def test_revocation_resets_nothing(mark: Mark, trial: Trial) -> None:
    """Having its token revoked, one or all of them, gives an identity no new rate."""
    world = World(trial, _limited(2))
    first = world.issue()
    _spend(world, first, 2)
    world.good(world.revoke(first.jti), "one live token is revoked")
    second = world.issue()
    _over(world, second, "the rate was used up with a token that is revoked")
    world.good(world.revoke_all("alice"), "one live token is revoked")
    if trial.declaration.injected_clock:
        world.wait(1)
        _over(world, world.issue(), "the rate was used up a second before the tokens were revoked in bulk")


@check("LIM-11", needs=TIMED)
def test_expiry_resets_nothing(mark: Mark, trial: Trial) -> None:
    """The end of a token, and its being forgotten, give its identity no new rate."""
    for retention, times in ((0, 20), (300, 1)):
        world = World(trial, _limited(2).but(ttl=1, retention=retention, cap=1, capacity=2))
        _spend(world, world.issue(), 2)
        for _ in range(times):
            world.wait(1)
            if trial.declaration.key_server.reap:
                world.reap()
            _over(world, world.issue(), "the rate was used up with a token that has expired since")


@check("LIM-11", needs=CONFIGURED)
def test_attributes_make_no_other_identity(mark: Mark, trial: Trial) -> None:
    """Another e-mail, name or group at the next sign-in, another peer or use: the identity is the same."""
    world = World(trial, _limited(3))
    _spend(world, world.issue(), 3)
    for name, claims in _ATTRIBUTES.items():
        grant = world.issue("alice", "backends:b tools:y", **claims)
        decision = world.authenticate(grant.bearer, "b", "y", peer=OTHER_PEER)
        world.refused(decision, "rate-limited", f"an identity over its rate comes with {name}")


_ATTRIBUTES: dict[str, dict[str, Any]] = {
    "another e-mail": {"email": "alias@example.com"},
    "no e-mail": {"email": None, "email_verified": None},
    "another name": {"name": "Alice B."},
    "other groups": {"groups": []},
}


@check("LIM-11", needs=CONFIGURED)
def test_pair_of_issuer_and_subject_counts(mark: Mark, trial: Trial) -> None:
    """The same subject of another provider, or the same e-mail of another subject, has a rate of its own."""
    world = World(trial, _limited(3))
    _spend(world, world.issue(email="shared@example.com"), 3)
    for subject, provider in (("alice", OTHER), ("bob", HOME), ("Alice", HOME), ("alice ", HOME)):
        grant = world.issue(subject, provider=provider, email="shared@example.com")
        if _use(world, *[grant] * 4) != [True, True, True, False]:
            what = f"alice of {HOME.issuer} is over her rate, and {subject!r} of {provider.issuer} asks"
            world.fail(what, "3 of 4 admitted", "another number")


def _two_speeds() -> Setting:
    rules = (rule(HOME, group="slow", rate_limit=2), rule(HOME, group="fast", rate_limit=10))
    return DEFAULT.but(policies=rules, ttl=86_400)


@check("LIM-11", needs=TIMED)
def test_new_limit_brings_no_full_bucket(mark: Mark, trial: Trial) -> None:
    """A token with another limit brings that limit, less what was used before."""
    for first, second in (("slow", "fast"), ("fast", "slow")):
        world = World(trial, _two_speeds())
        used = sum(sum(_use(world, *[world.issue(groups=[group])] * 20)) for group in (first, second))
        if used > 10:
            world.fail("an identity with rates of 2 and of 10 in its tokens", "at most 10 at once", f"{used}")


@check("LIM-11", needs=TIMED)
def test_new_limit_takes_effect(mark: Mark, trial: Trial) -> None:
    """An identity whose rate is another at its next sign-in has just that rate with the new token."""
    for first, second, rate in (("slow", "fast", 10), ("fast", "slow", 2)):
        world = World(trial, _two_speeds())
        world.admitted(world.issue(groups=[first]))
        world.wait(60)
        used = sum(_use(world, *[world.issue(groups=[second])] * 20))
        if used != rate:
            world.fail(f"a new token has a rate of {rate}, where another was used before", f"{rate} at once", f"{used}")


# --- how many are admitted


def _judge(world: World, asked: Sequence[Asked], rate: int) -> None:
    found = rates.excess(asked, rate)
    if found is not None:
        world.fail(f"a rate of {rate} admits too many", f"at most {found.most}", found.describe())
    starved = rates.denied(asked, rate)
    if starved is not None:
        world.fail(f"a rate of {rate} admits too few", f"{rate} in the minute", starved.describe())


@check("LIM-12", needs=CONFIGURED)
def test_rate_at_once(mark: Mark, trial: Trial) -> None:
    """A rate of N admits N requests at once, from the first one on, and not one more."""
    for rate in _SMALL:
        world = World(trial, _limited(rate))
        _spend(world, world.issue(), rate)


@check("LIM-12", needs=TIMED)
def test_large_rate_at_once(mark: Mark, trial: Trial) -> None:
    """A rate of many requests admits as many at once, and not one more."""
    for rate in (60, 100, 1000):
        world = World(trial, _limited(rate))
        _spend(world, world.issue(), rate)


_STREAMS: dict[str, Steps] = {
    "a steady stream": [(0.25, 1)] * 300,
    "two bursts about a minute's edge": [(59.0, 20), (2.0, 20), (57.5, 20), (1.0, 20)],
    "bursts just within and after a minute": [(0.0, 20), (59.75, 20), (0.25, 20), (0.25, 20)],
    "bursts at half minutes": [(0.0, 4), (30.0, 20), (30.0, 20), (30.0, 20)],
    "a burst after an hour": [(0.0, 20), (3600.0, 40)],
    "a burst after many small ones": [*[(12.0, 1)] * 10, (0.0, 20)],
    "a request every second, for minutes": [(1.0, 1)] * 200,
    "refused all the time": [(0.0, 20), *[(1.0, 5)] * 60],
}


@check("LIM-12", needs=TIMED)
def test_streams_stay_within_the_rate(mark: Mark, trial: Trial) -> None:
    """In no span of any stream are more admitted than N + N·T/60, nor fewer than the minute before leaves."""
    for rate in (1, 5, 7):
        for phase in (0.0, 17.25):
            for steps in _STREAMS.values():
                world = World(trial, _limited(rate))
                world.wait(phase)
                _judge(world, _play(world, world.issue(), steps), rate)


@check("LIM-12", needs=TIMED)
def test_any_stream_stays_within_the_rate(mark: Mark, trial: Trial) -> None:
    """The bounds hold for streams of any bursts and pauses."""

    def within(rate: int, steps: list[tuple[float, int]]) -> None:
        world = World(trial, _limited(rate))
        _judge(world, _play(world, world.issue(), steps), rate)

    streams = st.lists(st.tuples(st.sampled_from(_PAUSES), st.integers(1, 8)), min_size=2, max_size=12)
    explore(within, st.sampled_from(_SMALL), streams, share=4)


@check("LIM-12", needs=CONFIGURED)
def test_zero_is_no_limit(mark: Mark, trial: Trial) -> None:
    """A rate of 0 admits every request."""
    world = World(trial, _limited(0))
    grant = world.issue()
    for number in range(500):
        decision = world.authenticate(grant.bearer)
        world.good(decision, f"request {number + 1} of an identity without a limit")


# --- when to come back


def _told(world: World, decision: Decision) -> float:
    if decision.retry_after is None:
        world.fail("a bearer is over its rate", "the time after which to come back", decision)
    return decision.retry_after


@check("LIM-13", needs=TIMED)
def test_admitted_when_told(mark: Mark, trial: Trial) -> None:
    """After the time that was told, a request is admitted, whatever the rate and wherever in the minute."""
    for rate in (*RATES, 1000):
        for phase in (0.0, 0.75, 13.0):
            world = World(trial, _limited(rate))
            grant = world.issue()
            world.wait(phase)
            seconds = _told(world, _spend(world, grant, rate))
            if seconds > 60:
                world.fail(f"over a rate of {rate} after a single burst", "at most a minute to wait", f"{seconds:g} s")
            world.wait(seconds)
            world.good(world.authenticate(grant.bearer), f"a rate of {rate}, and the {seconds:g} s told have passed")


@check("LIM-13", needs=TIMED)
def test_refused_until_told(mark: Mark, trial: Trial) -> None:
    """A moment before the time that was told, a request is refused; a second before, where seconds are rounded."""
    for rate in (*_SMALL, 60):
        world = World(trial, _limited(rate))
        grant = world.issue()
        seconds = _told(world, _spend(world, grant, rate))
        even = 60 % rate == 0  # then the time is a whole number of seconds, and nothing is left to be rounded
        world.wait(max(0.0, seconds - (0.25 if even else 1)))
        _over(world, grant, f"a rate of {rate}, and less than the {seconds:g} s told have passed")


@check("LIM-13", needs=TIMED)
def test_time_told_counts_down(mark: Mark, trial: Trial) -> None:
    """Whoever asks again before the time is told what is left of it, and prolongs nothing by asking."""
    for rate in (1, 2, 5):
        world = World(trial, _limited(rate))
        grant = world.issue()
        seconds = _told(world, _spend(world, grant, rate))
        for _ in range(int(seconds) - 1):
            world.wait(1)
            seconds -= 1
            for _ in range(3):
                told = _told(world, world.authenticate(grant.bearer))
                if told != seconds:
                    world.fail(f"a rate of {rate}, asked again too soon", f"{seconds:g} s are left", f"{told:g} s")
        world.wait(1)
        world.good(world.authenticate(grant.bearer), "the time first told has passed, with many requests in between")


@check("LIM-13", needs=TIMED)
def test_refused_for_other_causes_costs_nothing(mark: Mark, trial: Trial) -> None:
    """A request that is refused, for its scope or because it comes too soon, takes nothing from the rate."""
    world = World(trial, _limited(3))
    grant = world.issue(scope="backends:a tools:x")
    for _ in range(10):
        world.refused(world.authenticate(grant.bearer, "b", "x"), "insufficient-scope", "the backend is another one")
    if _use(world, *[grant] * 4) != [True, True, True, False]:
        world.fail("a rate of 3 after ten requests for another backend", "3 admitted", "another number")


_BURST: Steps = [(0.0, 9)]


@check("LIM-13", needs=TIMED)
def test_time_told_in_any_stream(mark: Mark, trial: Trial) -> None:
    """At any point of any stream whoever waits as long as was told is admitted, and a second earlier is not."""

    def truthful(rate: int, steps: Steps) -> None:
        world = World(trial, _limited(rate))
        grant = world.issue()
        _play(world, grant, steps)
        decision = world.authenticate(grant.bearer)
        if decision.good:
            world.require(steps is not _BURST, "a rate of 5, and a tenth request at once", "rate-limited", decision)
            return
        seconds = _told(world, decision)
        world.wait(max(0.0, seconds - 1))
        _over(world, grant, f"a rate of {rate}, and a second is left of the {seconds:g} s told")
        world.wait(min(1.0, seconds))
        world.good(world.authenticate(grant.bearer), f"a rate of {rate}, and the {seconds:g} s told have passed")

    truthful(5, _BURST)
    streams = st.lists(st.tuples(st.sampled_from(_PAUSES[:8]), st.integers(1, 8)), min_size=1, max_size=8)
    explore(truthful, st.sampled_from(_SMALL), streams, share=4)


# --- what does not touch it


_DISTURBED: Steps = [(0.0, 2), (1.0, 3), (11.0, 2), (20.0, 4), (28.0, 1), (60.0, 5), (3.0, 3)]


@check("LIM-14", needs=TIMED)
def test_wall_clock_changes_no_decision(mark: Mark, trial: Trial) -> None:
    """The same stream is admitted alike, and told alike when to come back, whatever the wall clock does."""

    def steady(rate: int, steps: Steps, offsets: Sequence[float]) -> None:
        world = World(trial, _limited(rate))
        straight = _answers(world, steps, [0.0])
        if rate == 1 and steps is _DISTURBED:
            _require_refusals(world, straight)
        world = World(trial, _limited(rate))
        jumping = _answers(world, steps, offsets)
        if straight != jumping:
            due, got = (" ".join(answers) for answers in (straight, jumping))
            world.fail(f"the wall clock is off by {', '.join(f'{one:g}' for one in offsets)} s in turn", due, got)

    for offsets in ([0.0, 61.0], [0.0, -61.0], [0.0, 3600.0], [0.0, 0.0, 40_000.0], [0.0, -1e8, 59.0]):
        for rate in (1, 3, 10):
            steady(rate, _DISTURBED, offsets)
    streams = st.lists(st.tuples(st.sampled_from(_PAUSES[:8]), st.integers(1, 4)), min_size=2, max_size=8)
    drawn = st.lists(st.sampled_from((0.0, -61.0, 61.0, -1e8, 3600.0, 0.5)), min_size=1, max_size=4)
    explore(steady, st.sampled_from(_SMALL), streams, drawn, share=8)


def _require_refusals(world: World, answers: Sequence[str]) -> None:
    """Require that a stream went beyond a rate of 1.

    Raises:
        Untestable: all of it was admitted, and what is never refused is not disturbed either.
    """
    got = " ".join(answers)
    world.require(set(answers) != {"+"}, "bursts beyond a rate of 1 are admitted as a whole", "refusals", got)


def _answers(world: World, steps: Steps, offsets: Sequence[float]) -> list[str]:
    """Play a stream while the wall clock is off the true time, in turn; return what came of each request."""
    grant, answers, off = world.issue(), [], 0.0
    for number, (pause, times) in enumerate(steps):
        world.wait(pause)
        world.step_wall_clock(offsets[number % len(offsets)] - off)
        off = offsets[number % len(offsets)]
        for _ in range(times):
            decision = world.authenticate(grant.bearer)
            if not decision.good:
                world.refused(decision, "rate-limited", "a bearer is good but may be over its rate")
            answers.append("+" if decision.good else f"{decision.retry_after or 0:g}s")
    return answers


_TAILS = ("/x", ":8443", ".t", "-t")
"""What makes one issuer the beginning of another: joined without or by its first letter, some pairs look alike."""

_LONGER = {tail: Provider(HOME.issuer + tail, OTHER.key) for tail in _TAILS}


@check("LIM-14", needs=CONFIGURED)
def test_joined_names_do_not_collide(mark: Mark, trial: Trial) -> None:
    """Two identities whose issuer and subject read the same when joined have a rate each."""
    world = World(trial, _limited(2, providers=(HOME, *_LONGER.values())))
    for tail, provider in _LONGER.items():
        _spend(world, world.issue(provider=provider), 2)
        for twin in (f"{tail}alice", f"{tail[1:]}{tail[0]}alice"):
            grant = world.issue(twin)
            world.good(world.authenticate(grant.bearer), "another identity, whose names joined are the same, is over")


@check("LIM-14", needs=TIMED)
def test_others_change_no_decision(mark: Mark, trial: Trial) -> None:
    """The requests of an identity are admitted as when it is alone, however many come from others."""
    for rate in (1, 3, 10):
        world = World(trial, _limited(rate))
        alone = _play(world, world.issue(), _DISTURBED)
        if rate == 1:
            _require_refusals(world, ["+" if one.admitted else "-" for one in alone])
        world = World(trial, _limited(rate))
        grant = world.issue()
        others = [world.issue("bob"), world.issue("alice", provider=OTHER), world.issue("carol")]
        crowded = []
        for pause, times in _DISTURBED:
            world.wait(pause)
            _use(world, *others * (rate + 2))
            crowded += _play(world, grant, [(0.0, times)])
        if [one.admitted for one in alone] != [one.admitted for one in crowded]:
            due, got = ("".join("+" if one.admitted else "-" for one in told) for told in (alone, crowded))
            world.fail(f"three others ask between the requests of an identity with a rate of {rate}", due, got)


@check("LIM-14", needs=CONFIGURED)
def test_crowd_gives_no_new_bucket(mark: Mark, trial: Trial) -> None:
    """However many identities ask, one over its rate stays so, and each of the others has its own."""
    world = World(trial, _limited(2))
    grant = world.issue()
    _spend(world, grant, 2)
    for number in range(400):
        other = world.issue(f"user-{number}")
        world.good(world.authenticate(other.bearer), "an identity asks for the first time, after many others")
    _over(world, grant, "many others have asked since the identity used its rate up")


@check("LIM-14", needs=TIMED)
def test_crowd_of_a_small_server_gives_no_new_bucket(mark: Mark, trial: Trial) -> None:
    """Where only a few tokens have room, the buckets of identities that lost theirs are kept as long as they matter."""
    world = World(trial, _limited(2).but(ttl=1, retention=0, cap=1, capacity=2))
    _spend(world, world.issue(), 2)
    for number in range(20):
        world.wait(1)
        other = world.issue(f"user-{number}")
        world.authenticate(other.bearer)
    world.wait(1)
    _over(world, world.issue(), "the identity used its rate up twenty seconds before")
