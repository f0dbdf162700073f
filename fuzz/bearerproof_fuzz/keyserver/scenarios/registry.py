"""The registry of occasions: each kind of decision, how it is brought about, and what event is due for it.

An occasion belongs to the requirement that says what its event has to look like.
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
from bearerproof_fuzz.oracles.lifecycle import Due, ExpectedIdentity

Outcome = tuple[Decision, tuple[Due, ...]]
"""What came of an occasion: the decision that it is about, and the events due for it."""

Run = Callable[[KeyServerDriver], Outcome]


@dataclass(frozen=True)
class Scenario:
    """One kind of decision: under which setting it comes about, and what a server needs for it."""

    name: str
    requirement: str
    bring: Run
    setting: KeyServerConfig = DEFAULT
    needs: tuple[Need, ...] = ()


def occasions(trial: Trial, *requirements: str) -> Iterator[tuple[Scenario, KeyServerDriver]]:
    """Yield the occasions of these requirements (of all, if none is named) that apply, each with a fresh world."""
    for one in _OCCASIONS.values():
        needs = (*one.needs, *(() if one.setting is DEFAULT else (CONFIGURE,)))
        if (not requirements or one.requirement in requirements) and not any(
            map(trial.declaration.missing_capability, needs)
        ):
            yield one, KeyServerDriver(trial, one.setting)


_OCCASIONS: dict[str, Scenario] = {}


def add(
    requirement: str, name: str, bring: Run, setting: KeyServerConfig = DEFAULT, needs: tuple[Need, ...] = ()
) -> None:
    """Register an occasion under a name."""
    _OCCASIONS[name] = Scenario(name, requirement, bring, setting, needs)


def occasion(
    requirement: str, setting: KeyServerConfig = DEFAULT, *, needs: tuple[Need, ...] = ()
) -> Callable[[Run], Run]:
    """Register a function as an occasion; its name is the occasion's."""

    def register(bring: Run) -> Run:
        add(requirement, bring.__name__.strip("_").replace("_", " "), bring, setting, needs)
        return bring

    return register


def who(grant: Grant) -> ExpectedIdentity:
    """Return whose token it is."""
    return ExpectedIdentity(grant.provider.issuer, grant.subject)


ALICE = ExpectedIdentity(HOME.issuer, "alice")
"""Who asks, unless an occasion says otherwise."""


def about(event: str, grant: Grant, *reasons: str) -> tuple[Due, ...]:
    """Return the one event that is due about a token, and whose it is."""
    return (Due(event, frozenset(reasons), grant.jti, who(grant)),)


def nobody(event: str, *reasons: str) -> tuple[Due, ...]:
    """Return the one event that is due and may name nobody."""
    return (Due(event, frozenset(reasons)),)


def told(due: tuple[Due, ...]) -> str:
    """Say what events are due in a few words."""
    return "; ".join(one.describe() for one in due) or json.dumps([])
