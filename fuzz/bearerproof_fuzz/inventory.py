"""What the suite holds, read from it: which properties check a requirement, in their own words."""

import inspect
from collections.abc import Iterator
from functools import cache
from types import ModuleType

from bearerproof_fuzz.loading import modules_of
from bearerproof_fuzz.suite import SUITE


def properties(requirement_id: str) -> list[tuple[str, str]]:
    """Return the name and first line of every property of the suite that is this requirement's own check."""
    return [(name, docstring) for requirement, name, docstring in _all() if requirement == requirement_id]


@cache
def _all() -> tuple[tuple[str, str, str], ...]:
    return tuple(found for module in modules_of(SUITE.package) for found in _checks_in(module))


def _checks_in(module: ModuleType) -> Iterator[tuple[str, str, str]]:
    for _, test in inspect.getmembers(module, inspect.isfunction):
        docstring = (test.__doc__ or "").strip().partition("\n")[0]
        named: dict[str, set[str]] = {}
        for mark in getattr(test, "bearerproof_marks", ()):
            named.setdefault(mark.requirement, set()).add(mark.name)
        for requirement, names in named.items():
            name = names.pop() if len(names) == 1 else test.__name__.removeprefix("test_").replace("_", "-")
            yield requirement, name, docstring
