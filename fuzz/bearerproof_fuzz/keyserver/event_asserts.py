"""Decisions of every kind, and the events that they leave."""

from collections.abc import Iterator, Sequence

from bearerproof.contract.decisions import Decision
from bearerproof.judging.trial import Trial
from bearerproof.members import Json
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.scenarios.registry import Scenario, scenarios
from bearerproof_fuzz.oracles.lifecycle import ExpectedEvent


def brought_about(
    trial: Trial, *requirements: str
) -> Iterator[tuple[Scenario, KeyServerDriver, Decision, tuple[ExpectedEvent, ...]]]:
    """Bring about every scenario of these requirements, or of all."""
    for scenario, server in scenarios(trial, *requirements):
        decision, expected = scenario.run(server)
        yield scenario, server, decision, expected


def require_events(trial: Trial) -> None:
    """Require that an honest issue and use leave their events: in silence there is nothing wrong to be found.

    Raises:
        Untestable: one does not.
    """
    KeyServerDriver(trial).positive_control()


def named(events: Sequence[Json]) -> str:
    """Name events, in an order that is the same in every run."""
    return "; ".join(sorted(f"{event.get('event')} ({event.get('reason')})" for event in events)) or "no event"
