"""The mutants: each module of the reference with one small change, made by mutmut's operators.

mutmut's own runner cannot judge them here. It switches between variants of a function inside a loaded module, so
that it leaves out what a module does while it is loaded: tables, constants, defaults of data classes, and the
functions that such a table calls. In a verifier those decide as much as the functions do.
"""

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from libcst import Module
from mutmut.mutation.file_mutation import create_mutations, deep_replace

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "bearerproof_reference"


@dataclass(frozen=True)
class Mutant:
    """A changed module: its lines that were and that are now, and the whole source to load in its place.

    ``module`` is dotted below the package; ``scope`` is the class and function of the line, such as
    ``IsolatingSink.record``, or empty.
    """

    module: str
    line: int
    scope: str
    was: str
    now: str
    source: str

    @property
    def path(self) -> Path:
        """Where the unchanged module lies."""
        return folder().joinpath(*self.module.split(".")).with_suffix(".py")

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What names the mutant as long as the changed line stays as it is, wherever in its function it moves."""
        return self.module, self.scope, self.was, self.now


def mutants(modules: frozenset[str] = frozenset()) -> list[Mutant]:
    """Return the mutants of these modules, or of verifier and audit trail; mutmut reads its settings in this folder."""
    paths = module_names()
    chosen = modules or {name for name in paths if not name.startswith(_KEY_SERVER)}
    return [mutant for name, path in paths.items() if name in chosen for mutant in _of_module(name, path)]


_KEY_SERVER = ("keyserver.", "deployment.", "adapter.keyserver", "adapter.inprocess")


def module_names() -> dict[str, Path]:
    """Return the modules of the reference by name."""
    return {name_of(path): path for path in sorted(folder().rglob("*.py"))}


def name_of(path: Path) -> str:
    """Return the name of a module of the reference, dotted below the package."""
    return ".".join(path.relative_to(folder()).with_suffix("").parts)


def unchanged() -> Mutant:
    """Return what is no mutant, to be judged as one: if it does not pass, no death shows anything."""
    source = (folder() / "verifier" / "verifier.py").read_text("utf-8")
    return Mutant("verifier.verifier", 0, "", "", "", source)


def trusting() -> Mutant:
    """Return a verifier to which every signature is good: if it passes, no survival shows anything."""
    return replace(unchanged(), source=unchanged().source + _TRUSTING)


_TRUSTING = """
def _verified(token, header, tail, keys, algorithms):
    if header.alg not in algorithms:
        raise Refusal(Reason.ALGORITHM)
    return keys.find(header.kid, header.alg)
"""


def folder() -> Path:
    """Return where the reference lies."""
    return ROOT / "reference" / PACKAGE


def _of_module(name: str, path: Path) -> Iterator[Mutant]:
    """Yield each change of the module once; one that leaves its syntax tree as it was is none."""
    source = path.read_text("utf-8")
    module, mutations, _, _ = create_mutations(str(path), source)
    seen = {ast.dump(ast.parse(source))}
    for mutation in mutations:
        changed = deep_replace(module, mutation.original_node, mutation.mutated_node)
        assert isinstance(changed, Module)
        try:
            tree = ast.dump(ast.parse(changed.code))
        except SyntaxError:
            continue
        if tree not in seen:
            seen.add(tree)
            yield _described(name, source, changed.code)


def _described(module: str, source: str, changed: str) -> Mutant:
    before, after = source.splitlines(), changed.splitlines()
    same = difflib.SequenceMatcher(None, before, after, autojunk=False)
    spans = [span for span in same.get_opcodes() if span[0] != "equal"]
    was = [line.strip() for _, start, end, _, _ in spans for line in before[start:end]]
    now = [line.strip() for _, _, _, start, end in spans for line in after[start:end]]
    line = spans[0][1] + 1
    return Mutant(module, line, _scope(ast.parse(source), line), "\n".join(was), "\n".join(now), changed)


def _scope(node: ast.AST, line: int) -> str:
    """Return the names of the classes and functions around a line, dotted."""
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, _SCOPES) and inner.lineno <= line <= (inner.end_lineno or line):
            return ".".join(filter(None, (inner.name, _scope(inner, line))))
    return ""


_SCOPES = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
