"""Who may import whom, read from the sources: an oracle that shares code with what it judges agrees with itself."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from ..conftest import ROOT

OURS = ("bearerproof", "bearerproof_reference", "bearerproof_fuzz", "tests")
SOURCES = {"bearerproof": "spec", "bearerproof_reference": "reference", "bearerproof_fuzz": "fuzz"}


class Import(NamedTuple):
    """One import of a module of ours: from which module, of which, and whether only when a function runs."""

    of: str
    by: str
    lazy: bool

    @property
    def package(self) -> str:
        return self.of.partition(".")[0]


def imports_of(package: str) -> list[Import]:
    root = ROOT / SOURCES[package]
    files = sorted((root / package).rglob("*.py"))
    return [found for path in files for found in imports_in(path.read_text("utf-8"), _module(path, root))]


def _module(path: Path, root: Path) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def imports_in(text: str, by: str) -> Iterator[Import]:
    """Yield the imports of our packages, in functions, under ``TYPE_CHECKING`` and in strings for importlib too."""
    tree = ast.parse(text)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lazy = {id(inner) for function in functions for inner in ast.walk(function)}
    for node in ast.walk(tree):
        for name in _names(node, by):
            if name.partition(".")[0] in OURS:
                yield Import(name, by, id(node) in lazy)


def _names(node: ast.AST, by: str) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            base = ".".join(filter(None, [*by.split(".")[: -node.level], base]))
        return [f"{base}.{alias.name}" for alias in node.names]
    return []


@pytest.mark.parametrize("package", SOURCES)
def test_no_package_imports_the_tests(package: str) -> None:
    found = imports_of(package)
    assert len(found) > 20
    assert [each for each in found if each.package == "tests"] == []


def test_the_suite_shares_nothing_with_the_reference_but_its_faults() -> None:
    wrong = [each for each in imports_of("bearerproof_fuzz") if each.package == "bearerproof_reference"]
    assert [each for each in wrong if not each.by.startswith("bearerproof_fuzz.faults")] == []


def test_the_reference_imports_nothing_of_the_suite_and_of_the_harness_the_adapter_loop_alone() -> None:
    foreign = [each for each in imports_of("bearerproof_reference") if each.package != "bearerproof_reference"]
    assert {each.of for each in foreign} <= {"bearerproof.adapter.serve"}


def test_the_harness_imports_the_other_two_only_when_a_function_needs_them() -> None:
    foreign = [each for each in imports_of("bearerproof") if each.package != "bearerproof"]
    assert foreign, "the control: the command line does use them"
    assert [each for each in foreign if not each.lazy] == []
    assert {each.package for each in foreign} == {"bearerproof_fuzz", "bearerproof_reference"}


def test_imports_are_found_wherever_they_stand() -> None:
    text = "import bearerproof.x\nif T:\n    from tests import y\ndef f():\n    from bearerproof_fuzz.z import w\n"
    assert list(imports_in(text, "bearerproof_reference.m")) == [
        Import("bearerproof.x", "bearerproof_reference.m", lazy=False),
        Import("tests.y", "bearerproof_reference.m", lazy=False),
        Import("bearerproof_fuzz.z.w", "bearerproof_reference.m", lazy=True),
    ]
