"""The rate of an identity: what it admits, and when to come back.

How a server counts is its own affair: what it admits is held against bounds that every sound limiter keeps.
"""

from collections.abc import Sequence

from hypothesis import strategies as st

from bearerproof.contract.decisions import Decision
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check, explore
from bearerproof_fuzz.keyserver import race_requests
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.rate_asserts import PAUSES, SMALL, Steps, limited, over, play, spend, use
from bearerproof_fuzz.needs import CONFIGURE, RACE, TICK
from bearerproof_fuzz.oracles import rates
from bearerproof_fuzz.oracles.rates import RateRequest

RATES = (*SMALL, 60, 100)


# --- how many are admitted


def _judge(server: KeyServerDriver, asked: Sequence[RateRequest], rate: int) -> None:
    found = rates.excess(asked, rate)
    if found is not None:
        server.fail(f"a rate of {rate} admits too many", f"at most {found.most}", found.describe())
    starved = rates.denied(asked, rate)
    if starved is not None:
        server.fail(f"a rate of {rate} admits too few", f"{rate} in the minute", starved.describe())


@check("LIM-12", needs=(CONFIGURE,))
def test_rate_at_once(mark: CheckId, trial: Trial) -> None:
    """A rate of N admits N requests at once, from the first one on, and not one more."""
    for rate in SMALL:
        server = KeyServerDriver(trial, limited(rate))
        spend(server, server.issue(), rate)


@check("LIM-12", needs=(CONFIGURE, RACE))
def test_rate_in_a_race(mark: CheckId, trial: Trial) -> None:
    """Of requests that run at the same time, by several tokens of an identity, a rate of N admits N."""
    for rate in (1, 3, 10):
        for _ in range(2):
            server = KeyServerDriver(trial, limited(rate))
            grants = [server.issue() for _ in range(3)]
            admitted = 0
            for decision in server.race([race_requests.authenticate(grant.bearer) for grant in grants] * 10):
                admitted += decision.good
                if not decision.good:
                    server.refused(decision, "rate-limited", f"one of 30 requests at once, under a rate of {rate}")
            if admitted != rate:
                server.fail(f"30 requests at once, under a rate of {rate}", f"{rate} admitted", f"{admitted}")


@check("LIM-12", needs=(TICK, CONFIGURE))
def test_large_rate_at_once(mark: CheckId, trial: Trial) -> None:
    """A rate of many requests admits as many at once, and not one more."""
    for rate in (60, 100, 1000):
        server = KeyServerDriver(trial, limited(rate))
        spend(server, server.issue(), rate)


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


@check("LIM-12", needs=(TICK, CONFIGURE))
def test_streams_stay_within_the_rate(mark: CheckId, trial: Trial) -> None:
    """In no span of any stream are more admitted than N + N·T/60, nor fewer than the minute before leaves."""
    for rate in (1, 5, 7):
        for phase in (0.0, 17.25):
            for steps in _STREAMS.values():
                server = KeyServerDriver(trial, limited(rate))
                server.wait(phase)
                _judge(server, play(server, server.issue(), steps), rate)


@check("LIM-12", needs=(TICK, CONFIGURE))
def test_any_stream_stays_within_the_rate(mark: CheckId, trial: Trial) -> None:
    """The bounds hold for streams of any bursts and pauses."""

    def within(rate: int, steps: list[tuple[float, int]]) -> None:
        server = KeyServerDriver(trial, limited(rate))
        _judge(server, play(server, server.issue(), steps), rate)

    streams = st.lists(st.tuples(st.sampled_from(PAUSES), st.integers(1, 8)), min_size=2, max_size=12)
    explore(within, st.sampled_from(SMALL), streams, share=4)


@check("LIM-12", needs=(CONFIGURE,))
def test_zero_is_no_limit(mark: CheckId, trial: Trial) -> None:
    """A rate of 0 admits every request."""
    server = KeyServerDriver(trial, limited(0))
    grant = server.issue()
    for number in range(500):
        decision = server.authenticate(grant.bearer)
        server.good(decision, f"request {number + 1} of an identity without a limit")


# --- when to come back


def _retry_after(server: KeyServerDriver, decision: Decision) -> float:
    if decision.retry_after is None:
        server.fail("a bearer is over its rate", "the time after which to come back", decision)
    return decision.retry_after


@check("LIM-13", needs=(TICK, CONFIGURE))
def test_admitted_when_told(mark: CheckId, trial: Trial) -> None:
    """After the time that was told, a request is admitted, whatever the rate and wherever in the minute."""
    for rate in (*RATES, 1000):
        for phase in (0.0, 0.75, 13.0):
            server = KeyServerDriver(trial, limited(rate))
            grant = server.issue()
            server.wait(phase)
            seconds = _retry_after(server, spend(server, grant, rate))
            if seconds > 60:
                server.fail(f"over a rate of {rate} after a single burst", "at most a minute to wait", f"{seconds:g} s")
            server.wait(seconds)
            server.good(server.authenticate(grant.bearer), f"a rate of {rate}, and the {seconds:g} s told have passed")


@check("LIM-13", needs=(TICK, CONFIGURE))
def test_refused_until_told(mark: CheckId, trial: Trial) -> None:
    """A moment before the time that was told, a request is refused; a second before, where seconds are rounded."""
    for rate in (*SMALL, 60):
        server = KeyServerDriver(trial, limited(rate))
        grant = server.issue()
        seconds = _retry_after(server, spend(server, grant, rate))
        even = 60 % rate == 0  # then the time is a whole number of seconds, and nothing is left to be rounded
        server.wait(max(0.0, seconds - (0.25 if even else 1)))
        over(server, grant, f"a rate of {rate}, and less than the {seconds:g} s told have passed")


@check("LIM-13", needs=(TICK, CONFIGURE))
def test_time_told_counts_down(mark: CheckId, trial: Trial) -> None:
    """Whoever asks again before the time is told what is left of it, and prolongs nothing by asking."""
    for rate in (1, 2, 5):
        server = KeyServerDriver(trial, limited(rate))
        grant = server.issue()
        seconds = _retry_after(server, spend(server, grant, rate))
        for _ in range(int(seconds) - 1):
            server.wait(1)
            seconds -= 1
            for _ in range(3):
                reported = _retry_after(server, server.authenticate(grant.bearer))
                if reported != seconds:
                    server.fail(f"a rate of {rate}, asked again too soon", f"{seconds:g} s are left", f"{reported:g} s")
        server.wait(1)
        server.good(server.authenticate(grant.bearer), "the time first told has passed, with many requests in between")


@check("LIM-13", needs=(TICK, CONFIGURE))
def test_refused_for_other_causes_costs_nothing(mark: CheckId, trial: Trial) -> None:
    """A request that is refused, for its scope or because it comes too soon, takes nothing from the rate."""
    server = KeyServerDriver(trial, limited(3))
    grant = server.issue(scope="backends:a tools:x")
    for _ in range(10):
        server.refused(server.authenticate(grant.bearer, "b", "x"), "insufficient-scope", "the backend is another one")
    if use(server, *[grant] * 4) != [True, True, True, False]:
        server.fail("a rate of 3 after ten requests for another backend", "3 admitted", "another number")


_BURST: Steps = [(0.0, 9)]


@check("LIM-13", needs=(TICK, CONFIGURE))
def test_time_told_in_any_stream(mark: CheckId, trial: Trial) -> None:
    """At any point of any stream whoever waits as long as was told is admitted, and a second earlier is not."""

    def truthful(rate: int, steps: Steps) -> None:
        server = KeyServerDriver(trial, limited(rate))
        grant = server.issue()
        play(server, grant, steps)
        decision = server.authenticate(grant.bearer)
        if decision.good:
            server.require(steps is not _BURST, "a rate of 5, and a tenth request at once", "rate-limited", decision)
            return
        seconds = _retry_after(server, decision)
        server.wait(max(0.0, seconds - 1))
        over(server, grant, f"a rate of {rate}, and a second is left of the {seconds:g} s told")
        server.wait(min(1.0, seconds))
        server.good(server.authenticate(grant.bearer), f"a rate of {rate}, and the {seconds:g} s told have passed")

    truthful(5, _BURST)
    streams = st.lists(st.tuples(st.sampled_from(PAUSES[:8]), st.integers(1, 8)), min_size=1, max_size=8)
    explore(truthful, st.sampled_from(SMALL), streams, share=4)
