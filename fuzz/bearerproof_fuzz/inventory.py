"""What the suite holds, read from it: which properties check a requirement, in their own words."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from functools import cache

from bearerproof_fuzz import suite


def properties(requirement_id: str) -> list[tuple[str, str]]:
    """Return the name and first line of every property of the suite that is this requirement's own check."""
    return [(name, docstring) for requirement, name, docstring in _all() if requirement == requirement_id]


@cache
def _all() -> tuple[tuple[str, str, str], ...]:
    return tuple(found for module in pkgutil.iter_modules(suite.__path__) for found in _checks_in(module.name))


def _checks_in(module_name: str) -> Iterator[tuple[str, str, str]]:
    module = importlib.import_module(f"{suite.__name__}.{module_name}")
    for _, test in inspect.getmembers(module, inspect.isfunction):
        docstring = (test.__doc__ or "").strip().partition("\n")[0]
        named: dict[str, set[str]] = {}
        for mark in getattr(test, "bearerproof_marks", ()):
            named.setdefault(mark.requirement, set()).add(mark.name)
        for requirement, names in named.items():
            name = names.pop() if len(names) == 1 else test.__name__.removeprefix("test_").replace("_", "-")
            yield requirement, name, docstring
