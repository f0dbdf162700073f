"""What the suite holds, read from it: which properties check a requirement, and where they stand."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType

from bearerproof.judging.selection import Name
from bearerproof.specification import catalogue
from bearerproof_fuzz import edits as edits  # importing it fills the registry
from bearerproof_fuzz.edits.registry import cases
from bearerproof_fuzz.loading import modules_of
from bearerproof_fuzz.suite import SUITE


@dataclass(frozen=True)
class Property:
    """A test of the suite that is a requirement's own check: its name and first line, and the place of its source.

    ``names`` are those of all the checks that it is.
    """

    requirement: str
    name: str
    docstring: str
    file: Path
    line: int
    names: frozenset[str] = frozenset()

    @property
    def folder(self) -> str:
        """The folder of the suite that it stands in: a family's, or the suite's own."""
        return self.file.parent.name


def properties(requirement_id: str) -> list[Property]:
    """Return every property of the suite that is this requirement's own check."""
    return [found for found in all_properties() if found.requirement == requirement_id]


@cache
def all_properties() -> tuple[Property, ...]:
    """Return every property of the suite, once for each requirement that it checks."""
    return tuple(found for module in modules_of(SUITE.package) for found in _in_module(module))


@cache
def all_names() -> frozenset[Name]:
    """Return what each check of the suite is called, in each of its profiles."""
    of_edits = {Name(case.edit.requirement_id, case.name, str(case.profile)) for case in cases()}
    of_properties = {
        Name(found.requirement, name, str(profile))
        for found in all_properties()
        for name in found.names
        for profile in catalogue.requirement(found.requirement).profiles
    }
    return frozenset(of_edits | of_properties)


def _in_module(module: ModuleType) -> Iterator[Property]:
    for _, test in inspect.getmembers(module, inspect.isfunction):
        docstring = (test.__doc__ or "").strip().partition("\n")[0]
        named: dict[str, set[str]] = {}
        for mark in getattr(test, "bearerproof_marks", ()):
            named.setdefault(mark.requirement, set()).add(mark.name)
        file, line = Path(inspect.getfile(test)), _line_of(test)
        for requirement, names in named.items():
            name = min(names) if len(names) == 1 else test.__name__.removeprefix("test_").replace("_", "-")
            yield Property(requirement, name, docstring, file, line, frozenset(names))


def _line_of(test: FunctionType) -> int:
    """Return the line of a function, below its decorators."""
    lines, first = inspect.getsourcelines(test)
    return first + next(place for place, line in enumerate(lines) if line.startswith("def "))
