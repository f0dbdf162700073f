"""The registry of scenarios: each kind of decision, how it is brought about, and what event is due for it.

A scenario belongs to the requirement that says what its event has to look like.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bearerproof.contract.decisions import Decision
from bearerproof.contract.declaration import Need
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.keyserver.driver import Grant, KeyServerDriver
from bearerproof_fuzz.keyserver.setting import DEFAULT, HOME, KeyServerConfig
from bearerproof_fuzz.needs import CONFIGURE
from bearerproof_fuzz.oracles.lifecycle import ExpectedEvent, ExpectedIdentity

Outcome = tuple[Decision, tuple[ExpectedEvent, ...]]
"""What came of a scenario: the decision that it is about, and the events due for it."""

Run = Callable[[KeyServerDriver], Outcome]


@dataclass(frozen=True)
class Scenario:
    """One kind of decision: under which setting it comes about, and what a server needs for it."""

    name: str
    requirement: str
    run: Run
    setting: KeyServerConfig = DEFAULT
    needs: tuple[Need, ...] = ()


def scenarios(trial: Trial, *requirements: str) -> Iterator[tuple[Scenario, KeyServerDriver]]:
    """Yield the scenarios of these requirements (of all, if none is named) that apply, each with a fresh world."""
    for registered in _SCENARIOS.values():
        needs = (*registered.needs, *(() if registered.setting is DEFAULT else (CONFIGURE,)))
        if (not requirements or registered.requirement in requirements) and not any(
            map(trial.declaration.missing_capability, needs)
        ):
            yield registered, KeyServerDriver(trial, registered.setting)


_SCENARIOS: dict[str, Scenario] = {}


def add(
    requirement: str, name: str, run: Run, setting: KeyServerConfig = DEFAULT, needs: tuple[Need, ...] = ()
) -> None:
    """Register a scenario under a name."""
    _SCENARIOS[name] = Scenario(name, requirement, run, setting, needs)


def scenario(
    requirement: str, setting: KeyServerConfig = DEFAULT, *, needs: tuple[Need, ...] = ()
) -> Callable[[Run], Run]:
    """Register a function as a scenario; its name is the scenario's."""

    def register(run: Run) -> Run:
        add(requirement, run.__name__.strip("_").replace("_", " "), run, setting, needs)
        return run

    return register


def who(grant: Grant) -> ExpectedIdentity:
    """Return whose token it is."""
    return ExpectedIdentity(grant.provider.issuer, grant.subject)


ALICE = ExpectedIdentity(HOME.issuer, "alice")
"""Who asks, unless a scenario says otherwise."""


def about(event: str, grant: Grant, *reasons: str) -> tuple[ExpectedEvent, ...]:
    """Return the one event that is due about a token, and whose it is."""
    return (ExpectedEvent(event, frozenset(reasons), grant.jti, who(grant)),)


def nobody(event: str, *reasons: str) -> tuple[ExpectedEvent, ...]:
    """Return the one event that is due and may name nobody."""
    return (ExpectedEvent(event, frozenset(reasons)),)


def describe_expected(expected: tuple[ExpectedEvent, ...]) -> str:
    """Say what events are due in a few words."""
    return "; ".join(event.describe() for event in expected) or json.dumps([])
