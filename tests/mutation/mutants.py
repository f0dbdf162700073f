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
    """A changed module: its lines that were and that are now, and the whole source to load in its place."""

    module: str
    line: int
    was: str
    now: str
    source: str

    @property
    def path(self) -> Path:
        """Where the unchanged module lies."""
        return folder() / f"{self.module}.py"

    @property
    def key(self) -> tuple[str, str, str]:
        """What names the mutant as long as the changed line stays as it is, wherever in the module it moves."""
        return self.module, self.was, self.now


def mutants(modules: frozenset[str] = frozenset()) -> list[Mutant]:
    """Return the mutants of these modules, or of all; mutmut reads its settings in the current folder."""
    chosen = [path for path in sorted(folder().glob("*.py")) if not modules or path.stem in modules]
    return [mutant for path in chosen for mutant in _of_module(path)]


def unchanged() -> Mutant:
    """Return what is no mutant, to be judged as one: if it does not pass, no death shows anything."""
    source = (folder() / "verifier.py").read_text("utf-8")
    return Mutant("verifier", 0, "", "", source)


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


def _of_module(path: Path) -> Iterator[Mutant]:
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
            yield _described(path.stem, source, changed.code)


def _described(module: str, source: str, changed: str) -> Mutant:
    before, after = source.splitlines(), changed.splitlines()
    same = difflib.SequenceMatcher(None, before, after, autojunk=False)
    spans = [span for span in same.get_opcodes() if span[0] != "equal"]
    was = [line.strip() for _, start, end, _, _ in spans for line in before[start:end]]
    now = [line.strip() for _, _, _, start, end in spans for line in after[start:end]]
    return Mutant(module, spans[0][1] + 1, "\n".join(was), "\n".join(now), changed)
