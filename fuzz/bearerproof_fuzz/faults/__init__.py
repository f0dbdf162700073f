"""Seeded faults: the reference with one bug each, in a folder for each family of the requirements that they break.

A folder is loaded when one of its faults is asked for. ``bearerproof check fault:NAME`` judges one of them, to see
what the suite makes of it.
"""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache

from bearerproof.exceptions import BadInput
from bearerproof.members import Json
from bearerproof.specification import catalogue
from bearerproof_fuzz.faults.control import CONTROL as CONTROL
from bearerproof_fuzz.faults.registry import Fault, Patch, registered
from bearerproof_fuzz.loading import modules_of
from bearerproof_reference.adapter import adapter

FAMILIES = tuple(name.lower() for name in catalogue.FAMILIES)
"""The folders, in the order of the specification."""


def find(name: str) -> Fault:
    """Return the fault of this name; folders are loaded until it is known.

    Raises:
        BadInput: no fault has this name.
    """
    for family in FAMILIES:
        if name in registered():
            break
        _load(family)
    if name not in registered():
        nearest = get_close_matches(name, registered(), n=1) or ["hmac-over-pem"]
        raise BadInput(f"no seeded fault is called {name!r}; {nearest[0]} is one of {len(registered()):,}")
    return registered()[name]


def of(requirement_id: str) -> list[Fault]:
    """Return the faults that break this requirement, by name."""
    _load(requirement_id.partition("-")[0].lower())
    found = [fault for fault in registered().values() if fault.requirement_id == requirement_id]
    return sorted(found, key=lambda fault: fault.id)


def faults() -> Mapping[str, Fault]:
    """Return every fault by name, in the order of the requirements and then of the names."""
    return {fault.id: fault for requirement_id in catalogue.requirements() for fault in of(requirement_id)}


@cache
def _load(family: str) -> None:
    for _ in modules_of(f"{__name__}.{family}"):
        pass


def create(name: str = "") -> Callable[[Json], Json]:
    """Return the reference with this fault; it bears the fault for as long as the process lives.

    Raises:
        BadInput: no fault has this name.
    """
    find(name).apply(Patch())
    made = adapter.create()

    def handle(request: Json) -> Json:
        answer = made.handle(request)
        if request.get("op") == "hello":
            answer["implementation"] = {**answer["implementation"], "name": f"fault:{name}"}
        return answer

    return handle
