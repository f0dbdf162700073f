"""A rate and how it is spent: everybody under the same one, by requests at once or in a stream."""

from collections.abc import Iterable, Sequence

from bearerproof.contract.decisions import Decision
from bearerproof_fuzz.keyserver.driver import Grant, KeyServerDriver
from bearerproof_fuzz.keyserver.setting import DEFAULT, HOME, OTHER, KeyServerConfig, Provider, rule
from bearerproof_fuzz.oracles.rates import RateRequest

SMALL = (1, 2, 3, 5, 7, 10)
PAUSES = (0.0, 0.25, 1.0, 7.5, 29.0, 30.0, 59.0, 59.75, 60.0, 60.25, 61.0, 300.0)

Steps = Sequence[tuple[float, int]]
"""A stream of requests: the seconds of a pause, and how many come after it at once."""


def limited(rate: int, *, providers: Iterable[Provider] = (HOME, OTHER)) -> KeyServerConfig:
    """Return a setting in which everybody has this rate, and tokens that outlive every stream."""
    everybody = tuple(providers)
    rules = tuple(rule(provider, rate_limit=rate) for provider in everybody)
    return DEFAULT.but(providers=everybody, policies=rules, ttl=86_400)


def use(server: KeyServerDriver, *grants: Grant) -> list[bool]:
    """Present bearers one after another, and return which of them were admitted."""
    return [admits(server, grant) for grant in grants]


def admits(server: KeyServerDriver, grant: Grant) -> bool:
    """Present a bearer, and say whether it was admitted; it may be over its rate, and nothing else.

    Raises:
        Nonconforming: it is refused for another cause.
    """
    decision = server.authenticate(grant.bearer)
    if not decision.good:
        server.refused(decision, "rate-limited", "a bearer is good but may be over its rate")
    return decision.good


def over(server: KeyServerDriver, grant: Grant, summary: str) -> None:
    """Require that a bearer is over its rate.

    Raises:
        Nonconforming: it is admitted, or refused for another cause.
    """
    server.refused(server.authenticate(grant.bearer), "rate-limited", summary)


def play(server: KeyServerDriver, grant: Grant, steps: Steps) -> list[RateRequest]:
    """Present a bearer at each step of a stream, and return when it was, and whether it was admitted."""
    asked = []
    for pause, times in steps:
        server.wait(pause)
        asked += [RateRequest.at(server.tick, admitted=admits(server, grant)) for _ in range(times)]
    return asked


def spend(server: KeyServerDriver, grant: Grant, rate: int) -> Decision:
    """Use a rate up from the beginning, and return the first refusal.

    Raises:
        Nonconforming: more is admitted, or less.
    """
    for number in range(rate):
        if not admits(server, grant):
            server.fail(f"request {number + 1} of a rate of {rate}", "it is admitted", "rate-limited")
    decision = server.authenticate(grant.bearer)
    server.refused(decision, "rate-limited", f"request {rate + 1} of a rate of {rate}")
    return decision
