"""Who may import whom, read from the sources: an oracle that shares code with what it judges agrees with itself."""

import ast
import importlib
import tomllib
from collections.abc import Mapping

import pytest

from ..conftest import ROOT
from .arrows import Arrow, Computed, arrows, computed, computed_in, modules, named_in

MAY_IMPORT: Mapping[str, frozenset[str]] = {
    "bearerproof": frozenset({"bearerproof"}),
    "bearerproof_reference": frozenset({"bearerproof_reference", "bearerproof.adapter"}),
    "bearerproof_fuzz": frozenset({"bearerproof_fuzz", "bearerproof"}),
    "bearerproof_fuzz.faults": frozenset({"bearerproof_fuzz", "bearerproof", "bearerproof_reference"}),
}
"""What a layer may import; a module belongs to the layer with the longest name that it begins with."""

UP = {
    Arrow("bearerproof.cli", "bearerproof_fuzz.hintvectors"),
    Arrow("bearerproof.cli", "bearerproof_fuzz.keyservers.idp"),
    Arrow("bearerproof.cli", "bearerproof_fuzz.suite"),
    Arrow("bearerproof.cli", "bearerproof_fuzz.vectormaker"),
    Arrow("bearerproof.explain", "bearerproof_fuzz.edits.registry"),
    Arrow("bearerproof.explain", "bearerproof_fuzz.inventory"),
    Arrow("bearerproof.idpcommand", "bearerproof_fuzz.keyservers.idp"),
    Arrow("bearerproof.prove", "bearerproof_fuzz.faults"),
    Arrow("bearerproof.prove", "bearerproof_fuzz.suite"),
    Arrow("bearerproof.reach", "bearerproof_fuzz.suite"),
    Arrow("bearerproof.prove", "bearerproof_fuzz.faults.degenerate"),
    Arrow("bearerproof.prove", "bearerproof_fuzz.faults.registry"),
    Arrow("bearerproof.replay", "bearerproof_fuzz.vectormaker"),
    Arrow("bearerproof.serving", "bearerproof_reference.deployment.serving"),
    Arrow("bearerproof.smoke", "bearerproof_fuzz.forge"),
    Arrow("bearerproof.smoke", "bearerproof_fuzz.keys"),
    Arrow("bearerproof.smoke", "bearerproof_fuzz.keyservers.world"),
}
"""Arrows that are still to go: this list may only shrink."""

COMPUTED = {"bearerproof.contract.connections", "bearerproof_fuzz.inventory"}
"""The modules that load what their user names, or all that a folder holds."""


def layer_of(module: str) -> str:
    return max((layer for layer in MAY_IMPORT if _within(module, layer)), key=len)


def is_allowed(arrow: Arrow) -> bool:
    return any(_within(arrow.of, layer) for layer in MAY_IMPORT[layer_of(arrow.by)])


def _within(module: str, layer: str) -> bool:
    return f"{module}.".startswith(f"{layer}.")


@pytest.mark.parametrize("layer", MAY_IMPORT)
def test_a_layer_imports_what_it_may_and_nothing_else(layer: str) -> None:
    of_the_layer = [arrow for arrow in arrows() if layer_of(arrow.by) == layer]
    assert of_the_layer, "the control: its modules do name modules of ours"
    assert [arrow for arrow in of_the_layer if not is_allowed(arrow) and arrow not in UP] == []


def test_the_list_of_arrows_that_are_still_to_go_holds_no_other() -> None:
    assert UP - {arrow for arrow in arrows() if not is_allowed(arrow)} == set()


def test_only_what_its_user_names_is_loaded_by_a_computed_name() -> None:
    assert {found.by for found in computed()} == COMPUTED


POINTS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

TARGETS = [target for points in (POINTS["scripts"], *POINTS["entry-points"].values()) for target in points.values()]


@pytest.mark.parametrize("target", TARGETS)
def test_the_target_of_an_entry_point_exists(target: str) -> None:
    module, _, attribute = target.partition(":")
    loaded = importlib.import_module(module)
    assert not attribute or callable(getattr(loaded, attribute))


def found_in(text: str, by: str = "bearerproof.planted") -> list[str]:
    return list(named_in(ast.parse(text), by))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import bearerproof_fuzz.keys", "bearerproof_fuzz.keys"),
        ("def f():\n    from bearerproof_fuzz.keys import MATERIAL", "bearerproof_fuzz.keys.MATERIAL"),
        ("from . import cli", "bearerproof.cli"),
        ("if TYPE_CHECKING:\n    from bearerproof_reference import clock", "bearerproof_reference.clock"),
        ("load('bearerproof_fuzz.keyservers.idp')", "bearerproof_fuzz.keyservers.idp"),
        ("NAMES = {'reference': 'bearerproof_reference.adapter:create'}", "bearerproof_reference.adapter"),
    ],
    ids=["plain", "in a function", "relative", "for types", "in a string", "with an attribute"],
)
def test_an_arrow_is_found_in_whichever_form(text: str, name: str) -> None:
    assert found_in(text) == [name]


def test_a_relative_import_of_a_package_begins_at_the_package() -> None:
    assert found_in("from .checks import check", "bearerproof_fuzz") == ["bearerproof_fuzz.checks.check"]


def test_a_docstring_is_no_arrow() -> None:
    assert found_in('"""bearerproof_fuzz.suite"""\ndef f():\n    "bearerproof_fuzz.suite"\n') == []


def test_a_computed_name_is_found() -> None:
    tree = ast.parse("import importlib\nimportlib.import_module('a' + b)\n__import__(c)\nimportlib.import_module('d')")
    assert list(computed_in(tree, "m")) == [Computed("m", 2), Computed("m", 3)]


def test_every_module_is_read() -> None:
    assert {name.partition(".")[0] for name in modules()} == {
        "bearerproof", "bearerproof_reference", "bearerproof_fuzz",
    }  # fmt: skip
