"""Loads all that a folder of ours holds: registries are filled by what stands there, not by a list beside it."""

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType


def modules_of(package: str) -> Iterator[ModuleType]:
    """Yield a package and every module below it, in the order of their names."""
    loaded = import_module(package)
    yield loaded
    for found in pkgutil.iter_modules(getattr(loaded, "__path__", ())):
        yield from modules_of(f"{package}.{found.name}")
