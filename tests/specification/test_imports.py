"""Who may import whom, read from the sources: an oracle that shares code with what it judges agrees with itself."""

import ast
import importlib
import tomllib

import pytest

from ..conftest import ROOT
from .arrows import Arrow, Computed, arrows, computed, computed_in, modules, named_in

OURS = "bearerproof"
REFERENCE = "bearerproof_reference"
FUZZ = "bearerproof_fuzz"

HARNESS = {
    f"{OURS}.__main__": {f"{FUZZ}.commands"},
    OURS: {f"{OURS}.adapter"},
    f"{OURS}.adapter": set[str](),
    f"{OURS}.specification": {OURS},
    f"{OURS}.trail.presets": set[str](),
    f"{OURS}.contract": {OURS, f"{OURS}.specification", f"{OURS}.trail.presets"},
    f"{OURS}.judging": {OURS, f"{OURS}.specification", f"{OURS}.contract"},
    f"{OURS}.exports": {OURS, f"{OURS}.specification"},
    f"{OURS}.trail": {OURS, f"{OURS}.specification", f"{OURS}.exports", f"{OURS}.trail.presets"},
    f"{OURS}.chain": {OURS},
    f"{OURS}.subjects": {OURS},
}
"""The layers of ``bearerproof``, and what each may import beside itself."""

REFERENCE_FLOORS = [
    REFERENCE,
    *(f"{REFERENCE}.{room}" for room in ["verifier", "audit", "keyserver", "deployment", "adapter"]),
]
"""The layers of the reference: each may import those before it."""

FUZZ_FLOORS = [
    {f"{FUZZ}.{room}" for room in floor.split()}
    for floor in (
        "loading needs keys pss jwe keymaker rocakeys chains",
        "forge draws",
        "edits oracles",
        "checks claimdraws combinations material grammar jwks_endpoint fetched fixtures vectormaker hintvectors",
        "circumstances",
        "keyserver resource",
        "machines",
        "suite",
        "inventory revision",
        "campaign",
    )
]
"""The layers of ``bearerproof_fuzz``: each may import its own floor, those before it, and all of the harness."""

ABOVE = {f"{FUZZ}.faults", f"{FUZZ}.commands"}
"""Who may import the reference too; commands stand on everything."""


def may_import() -> dict[str, set[str]]:
    """Return for each layer the layers that it may import; a module belongs to the longest name that it begins with."""
    table = {layer: {layer, *allowed} for layer, allowed in HARNESS.items()}
    harness = set(HARNESS) - {f"{OURS}.__main__"}
    below: set[str] = set()
    for layer in REFERENCE_FLOORS:
        below = {*below, layer}
        table[layer] = below
    table[f"{REFERENCE}.adapter"] = {*below, f"{OURS}.adapter"}
    table[f"{REFERENCE}.__main__"] = {f"{REFERENCE}.adapter"}
    below = {FUZZ}
    for floor in FUZZ_FLOORS:
        below = {*below, *floor}
        table |= dict.fromkeys(floor, below | harness)
    table[FUZZ] = {FUZZ}
    table[f"{FUZZ}.victims"] = {f"{FUZZ}.victims", f"{OURS}.adapter"}
    table[f"{FUZZ}.faults"] = {f"{FUZZ}.faults", *below, *harness, *REFERENCE_FLOORS}
    table[f"{FUZZ}.commands"] = {*ABOVE, f"{FUZZ}.victims", *below, *harness, *REFERENCE_FLOORS}
    return table


MAY_IMPORT = may_import()

COMPUTED = {"bearerproof.contract.connections", "bearerproof_fuzz.loading"}
"""The modules that load what their user names, or all that a folder holds."""


def layer_of(module: str) -> str:
    return max((layer for layer in MAY_IMPORT if _within(module, layer)), key=len)


def is_allowed(arrow: Arrow) -> bool:
    return layer_of(arrow.of) in MAY_IMPORT[layer_of(arrow.by)]


def _within(module: str, layer: str) -> bool:
    return f"{module}.".startswith(f"{layer}.")


def test_a_layer_imports_what_it_may_and_nothing_else() -> None:
    assert [arrow for arrow in arrows() if not is_allowed(arrow)] == []
    assert {layer_of(arrow.by) for arrow in arrows()} >= {*ABOVE, f"{REFERENCE}.adapter", f"{OURS}.judging"}


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
        ("from . import data", "bearerproof.data"),
        ("if TYPE_CHECKING:\n    from bearerproof_reference import clock", "bearerproof_reference.clock"),
        ("load('bearerproof_fuzz.keyserver.idp')", "bearerproof_fuzz.keyserver.idp"),
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
        "bearerproof",
        "bearerproof_reference",
        "bearerproof_fuzz",
    }
