"""Declared means tried: what of a declaration a run has really presented, and what it has not.

An algorithm, an option, a form of keys or a profile is tried when one token under it was accepted and another
refused. A member of ``audit`` or ``key_server`` is tried when a check that needs it came to a verdict. Whatever is
declared and not tried is named, since nothing may be said of it.
"""

import base64
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import combinations
from typing import Any

from bearerproof.contract.declaration import EDDSA_CURVES, Declaration
from bearerproof.contract.messages import Outcome, Policy, Presentation, Request
from bearerproof.members import Json
from bearerproof.specification.catalogue import Profile

VERDICTS = (Outcome.ACCEPTED, Outcome.REJECTED)

FACTORS = ("algorithm", "key form", "kid", "set", "profile", "policy", "edit group")
"""What is combined two by two, in this order."""

Combined = tuple[tuple[str, ...], bool]
"""A requirement and the values of the factors that came together for it, and whether that was exercised."""

Marks = frozenset[tuple[str, str]]
"""What was tried, each with the verdict that it met."""


def marks_of(presented: Presentation, outcome: Outcome, key_form: str) -> Marks:
    """Return what a verdict on one token shows to be tried."""
    if outcome not in VERDICTS:
        return frozenset()
    policy = presented.policy
    names = [f"profile {presented.profile}", *_options(policy)]
    algorithm = None if isinstance(presented.token, bytes) else _algorithm(presented.token.partition(".")[0])
    if algorithm in policy.members.get("algorithms", ()):
        names.append(f"algorithm {algorithm}")
    if policy.members.get("keys"):
        names.append(f"key form {key_form}")
    return _marks(names, outcome)


def marks_of_decision(request: Request, outcome: Outcome) -> Marks:
    """Return what a decision of a key server shows to be tried: the algorithm is that of the subject token.

    A request to a resource server has its policy with it, and shows nothing of a key server.
    """
    if outcome not in VERDICTS or "policy" in request:
        return frozenset()
    names = [f"profile {Profile.KEY_SERVER}"]
    tokens = (value for name, value in request.get("form", ()) if name == "subject_token")
    names += [f"algorithm {_algorithm(token.partition('.')[0])}" for token in tokens]
    return _marks(names, outcome)


def marks_of_chain(keys: Iterable[Json], outcome: Outcome) -> Marks:
    """Return what a verdict on a chain shows to be tried: the algorithms of the keys that it was given."""
    algorithms = {"oct": "HS256", "OKP": "Ed25519"}
    names = [f"algorithm {algorithms[key['kty']]}" for key in keys]
    return _marks([f"profile {Profile.KEY_SERVER}", *names], outcome)


def both_ways(kind: str, names: Iterable[str], marks: Collection[tuple[str, str]]) -> list[str]:
    """Return those of the names under which one token was accepted and another refused."""
    return [name for name in names if all((f"{kind} {name}", str(verdict)) in marks for verdict in VERDICTS)]


@dataclass(frozen=True)
class TwoWay:
    """How many pairs of values of two factors a run exercised, of all that can come together for a requirement."""

    exercised: int
    possible: int

    def __str__(self) -> str:
        """Word it for a summary; what is not whole is never rounded up to it."""
        share = 100 * self.exercised // self.possible
        factors = " × ".join(FACTORS)  # noqa: RUF001 - it is meant
        return f"two-way coverage: {self.exercised:,} of {self.possible:,} pairs ({share} %) of {factors}"


def two_way(combined: Iterable[Combined]) -> TwoWay | None:
    """Count the pairs of each requirement, or return None where nothing was combined."""
    possible, exercised = set[tuple[object, ...]](), set[tuple[object, ...]]()
    for (requirement, *values), was_exercised in combined:
        pairs = {(requirement, *pair) for pair in combinations(enumerate(values), 2)}
        possible |= pairs
        exercised |= pairs if was_exercised else set()
    return TwoWay(len(exercised), len(possible)) if possible else None


@dataclass(frozen=True)
class Untried:
    """What is declared and was not tried: ``unjudged`` by a run that should have, ``deselected`` by what was asked."""

    unjudged: tuple[str, ...] = ()
    deselected: tuple[str, ...] = ()


NOTHING_UNTRIED = Untried()


def untried(
    declaration: Declaration,
    marks: Collection[tuple[str, str]],
    *,
    asked: Collection[str],
    judged: Collection[str],
    partial: bool,
) -> Untried:
    """Return what is declared and was not tried.

    ``asked`` are the needs of the checks that were selected and apply, ``judged`` those of checks that came to a
    verdict. A ``partial`` run is not blamed for what it was not asked to look at, and no run for what none of its
    checks looks at: who declares more than base asks for is as honest as who does not.
    """
    lacking = _unpresented(declaration, marks)
    lacking |= {need: need for need in _needable(declaration) if need not in judged}
    # A need that no selected check has is left to another measure, level, profile or clock.
    missed = () if partial else tuple(name for name, need in lacking.items() if need is None or need in asked)
    return Untried(missed, tuple(name for name in lacking if name not in missed))


def _unpresented(declaration: Declaration, marks: Collection[tuple[str, str]]) -> dict[str, str | None]:
    """Return what no two tokens were presented under, with the need of the checks that do so; None: all of them do."""
    verifiers = [profile for profile in declaration.profiles if profile is not Profile.KEY_SERVER]
    claims = [profile for profile in verifiers if profile is not Profile.JWS]
    presentable: Mapping[str, Sequence[str]] = {
        "profile": declaration.profiles,
        "algorithm": declaration.algorithms,
        "key form": (declaration.key_form,) if verifiers else (),
        "option": declaration.options if claims else (),
    }
    return {
        f"{kind} {name}": f"{kind}:{name}" if kind == "option" else None
        for kind, names in presentable.items()
        for name in names
        if name not in both_ways(kind, [name], marks)
    }


def _needable(declaration: Declaration) -> list[str]:
    flags = [
        f"{kind}:{member.name}"
        for kind, held in (
            ("audit", declaration.audit),
            ("chain", declaration.chain),
            ("key_server", declaration.key_server),
        )
        for member in fields(held)
        if getattr(held, member.name) is True and member.default is not True  # which nobody needs to declare
    ]
    curves = declaration.eddsa_curves if "EdDSA" in declaration.algorithms else ()
    flags += [f"curve:{name}" for name in curves if name != EDDSA_CURVES[0]]  # which all of EdDSA's tokens try
    return [*flags, *(f"sink:{name}" for name in declaration.audit.sinks if name != "memory")]


def _options(policy: Policy) -> Iterable[str]:
    members: Mapping[str, Any] = policy.members
    ports = members.get("ports") or {}
    asked = {**{name: members.get(name) for name in ("leeway", "typ", "require", "replay")}, **ports}
    return [f"option {name}" for name, value in asked.items() if value or (name in ports and value is not None)]


def _marks(names: Iterable[str], outcome: Outcome) -> Marks:
    return frozenset((name, str(outcome)) for name in names)


@lru_cache(maxsize=4096)
def _algorithm(header: str) -> str | None:
    """Return the ``alg`` that a header names, or None where it names none."""
    try:
        members = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except (ValueError, RecursionError):
        return None
    found = members.get("alg") if isinstance(members, dict) else None
    return found if isinstance(found, str) else None
