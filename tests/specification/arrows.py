"""Which of our modules names which, read from the sources: imports of every form, and names in strings.

A string that spells a dotted name of ours, with or without ``:attribute``, is an arrow too: ``import_module`` takes
such a string, and so do entry points and patches. Docstrings are not.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ..conftest import ROOT

SOURCES: Mapping[str, str] = {"bearerproof": "spec", "bearerproof_reference": "reference", "bearerproof_fuzz": "fuzz"}

_NAME = re.compile(r"((?:bearerproof|bearerproof_reference|bearerproof_fuzz|tests)(?:\.[A-Za-z_]\w*)+)(?::[\w.]+)?")

_LOADERS = ("import_module", "__import__")


class Arrow(NamedTuple):
    """One module names another."""

    by: str
    of: str


class Computed(NamedTuple):
    """A module loads another whose name is no literal, so that no reader can tell which."""

    by: str
    line: int


@cache
def modules() -> Mapping[str, Path]:
    """Return every module of the three packages with its file, in a fixed order."""
    found: dict[str, Path] = {}
    for package, folder in SOURCES.items():
        root = ROOT / folder
        for path in sorted((root / package).rglob("*.py")):
            found[".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")] = path
    return found


@cache
def arrows() -> tuple[Arrow, ...]:
    """Return every arrow between our modules, once each; one to an attribute counts for its module."""
    found = [Arrow(by, _module_of(of)) for by, path in modules().items() for of in named_in(_parsed(path), by)]
    return tuple(sorted(set(found)))


def imported(by: str) -> set[str]:
    """Return the names that a module imports, other people's too."""
    found: set[str] = set()
    for node in ast.walk(_parsed(modules()[by])):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= set(_names(node, by))
    return found


def computed() -> list[Computed]:
    """Return every place that loads a module whose name is computed."""
    return [found for by, path in modules().items() for found in computed_in(_parsed(path), by)]


def named_in(tree: ast.AST, by: str) -> Iterator[str]:
    """Yield the names of ours in a module: imports at any depth and under ``TYPE_CHECKING``, and strings."""
    docstrings = _docstrings(tree)
    for node in ast.walk(tree):
        for name in _names(node, by):
            if id(node) not in docstrings and _is_ours(name):
                yield name


def computed_in(tree: ast.AST, by: str) -> Iterator[Computed]:
    """Yield the calls of ``import_module`` and ``__import__`` whose first argument is no literal."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in _LOADERS:
            name = node.args[0] if node.args else None
            if not (isinstance(name, ast.Constant) and isinstance(name.value, str)):
                yield Computed(by, node.lineno)


def _names(node: ast.AST, by: str) -> Iterable[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            package = by.split(".") if modules().get(by, Path()).name == "__init__.py" else by.split(".")[:-1]
            base = ".".join(filter(None, [*package[: len(package) - node.level + 1], base]))
        return [f"{base}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        matched = _NAME.fullmatch(node.value)
        return [matched[1]] if matched else []
    return []


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] in {*SOURCES, "tests"}


def _module_of(name: str) -> str:
    """Return the module that a dotted name leads to: the longest part of it that is one."""
    parts = name.split(".")
    longest_first = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((part for part in longest_first if part in modules()), name)


def _docstrings(tree: ast.AST) -> frozenset[int]:
    """Return the strings that stand as statements, wherever they stand."""
    return frozenset(
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))
