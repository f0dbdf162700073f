"""Decisions of every kind, and the events that they leave."""

from collections.abc import Callable, Iterator, Sequence

from bearerproof.contract.decisions import Decision
from bearerproof.contract.implementation import Skipped
from bearerproof.judging.judgement import Judged
from bearerproof.judging.trial import Trial
from bearerproof.members import Json
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.scenarios.registry import Scenario, describe_expected, scenarios
from bearerproof_fuzz.oracles.lifecycle import ExpectedEvent


def brought_about(
    trial: Trial, *requirements: str
) -> Iterator[tuple[Scenario, KeyServerDriver, Decision, tuple[ExpectedEvent, ...]]]:
    """Bring about every scenario of these requirements, or of all."""
    for scenario, server in scenarios(trial, *requirements):
        decision, expected = scenario.run(server)
        yield scenario, server, decision, expected


Says = Callable[[Decision, tuple[ExpectedEvent, ...]], str | None]
"""What is wrong with the events of a decision, as it is said behind the name of its scenario; None if nothing is."""


def require_each(trial: Trial, says: Says, *requirements: str) -> None:
    """Hold what each scenario left against what is due, and name in one finding all of which something is wrong.

    One silent branch hides no other, nor does a scenario that cannot be brought about.

    Raises:
        Nonconforming: something is wrong, which is shown of the first.
    """
    found: list[tuple[Scenario, KeyServerDriver, Decision, tuple[ExpectedEvent, ...], str]] = []
    try:
        for scenario, server, decision, expected in brought_about(trial, *requirements):
            wrong = says(decision, expected)
            if wrong is not None:
                found.append((scenario, server, decision, expected, wrong))
    except (Judged, Skipped):
        if not found:
            raise
    if found:
        scenario, server, decision, expected, wrong = found[0]
        others = [other.name for other, *_ in found[1:]]
        also = f"; wrong as well, {len(others)} more: {', '.join(others)}" if others else ""
        server.fail(f"{scenario.name}{wrong}{also}", describe_expected(expected), named(decision.events))


def require_events(trial: Trial) -> None:
    """Require that an honest issue and use leave their events: in silence there is nothing wrong to be found.

    Raises:
        Untestable: one does not.
    """
    KeyServerDriver(trial).positive_control()


def named(events: Sequence[Json]) -> str:
    """Name events, in an order that is the same in every run."""
    return "; ".join(sorted(f"{event.get('event')} ({event.get('reason')})" for event in events)) or "no event"
