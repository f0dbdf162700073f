"""``python -m tests.mutation [MODULE…]``: changes the reference in small ways and counts what the suite notices.

Exit code 0: at least 95 % were noticed, and each that was not is listed, with its reason, in ``equivalent.toml``.
1: not so. 3: a control failed, so that nothing that is said here counts.
"""

import argparse
import json
import os
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console

from bearerproof.judging.results import State
from tests.mutation.judging import Fate, Suite, Verdict, collected
from tests.mutation.mutants import ROOT, Mutant, folder, module_names, mutants, trusting, unchanged
from tests.mutation.reach import Reach, reach

GOAL = 0.95
"""Share of the mutants that has to be noticed."""

_EQUIVALENT = Path(__file__).with_name("equivalent.toml")

Key = tuple[str, str, str, str]
"""Module, scope, what was, what is now; of a reason the scope may be empty, for any."""


@dataclass
class Tally:
    """What became of the mutants, and the reasons given beforehand for those that nothing can notice."""

    reasons: Mapping[Key, str]
    noticed: Counter[Fate] = field(default_factory=Counter)
    equivalent: list[Mutant] = field(default_factory=list)
    survivors: list[Mutant] = field(default_factory=list)
    contradicted: list[Mutant] = field(default_factory=list)
    """Listed as equivalent, and noticed all the same."""

    def add(self, mutant: Mutant, verdict: Verdict) -> None:
        """Count one mutant."""
        listed = not self.reasons.keys().isdisjoint(_names(mutant))
        if verdict.fate is not Fate.SURVIVED:
            self.noticed[verdict.fate] += 1
            if listed:
                self.contradicted.append(mutant)
        else:
            (self.equivalent if listed else self.survivors).append(mutant)

    @property
    def total(self) -> int:
        """How many mutants there were."""
        return self.noticed.total() + len(self.equivalent) + len(self.survivors)

    @property
    def score(self) -> float:
        """Share of the mutants that was noticed."""
        return self.noticed.total() / max(1, self.total)


def main() -> int:
    """Run the command and return its exit code."""
    options = _arguments()
    os.chdir(ROOT)  # where mutmut looks for its settings
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    reached, code = reach(folder()), [3]

    def work(suite: Suite) -> None:
        if _controls_hold(suite, reached, console):
            code[0] = _judge(suite, reached, options, console)

    collected(work)
    return code[0]


def _judge(suite: Suite, reached: Reach, options: argparse.Namespace, console: Console) -> int:
    """Judge all that is asked for, tell what came of it, and return the exit code."""
    chosen = mutants(frozenset(options.modules))
    tally = Tally(_listed())
    with options.results.open("w", encoding="utf-8") as results:
        for mutant, verdict in _shown(suite.judge(chosen, reached, options.jobs), len(chosen), console):
            tally.add(mutant, verdict)
            results.write(_line(mutant, verdict))
            results.flush()
    known = {key for mutant in chosen for key in _names(mutant)}
    stale = sorted(key for key in set(tally.reasons) - known if key[0] in {mutant.module for mutant in chosen})
    _tell(console, tally, stale)
    return 0 if tally.score >= GOAL and not (tally.survivors or tally.contradicted or stale) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "modules",
        nargs="*",
        metavar="MODULE",
        help="such as jose or keyserver.tokens; default: verifier and audit trail",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="mutants judged at a time")
    parser.add_argument("--results", type=Path, default=Path(os.devnull), help="file for one JSON line a mutant")
    options = parser.parse_args()
    if unknown := sorted(set(options.modules) - set(module_names())):
        parser.error(f"the reference has no module {', '.join(unknown)}")
    return options


def _controls_hold(suite: Suite, reached: Reach, console: Console) -> bool:
    """Say whether the unchanged reference passes, and one that trusts every signature fails."""
    passes, dies = suite.judge_alone(unchanged(), reached.checks), suite.judge_alone(trusting(), reached.checks)
    console.print(
        f"controls: unchanged {passes.fate} ({passes.detail}); "
        f"any signature accepted {dies.fate} ({dies.check} {dies.detail})"
    )
    return passes.fate is Fate.SURVIVED and dies.fate is Fate.KILLED and dies.detail == State.FAILED


def _shown(
    verdicts: Iterable[tuple[Mutant, Verdict]], total: int, console: Console
) -> Iterator[tuple[Mutant, Verdict]]:
    """Pass the verdicts on, and say now and then how far it is."""
    begun, survived = time.monotonic(), 0
    for done, (mutant, verdict) in enumerate(verdicts, 1):
        survived += verdict.fate is Fate.SURVIVED
        if done % 50 == 0 or done == total:
            minutes = (time.monotonic() - begun) / 60
            console.print(f"{done} of {total} mutants, {survived} survive so far, {minutes:.1f} min")
        yield mutant, verdict


def _listed() -> dict[Key, str]:
    """Return the mutants that nothing can notice, each with the reason."""
    groups = tomllib.loads(_EQUIVALENT.read_text("utf-8"))["equivalent"]
    return {
        (group["module"], group.get("scope", ""), was, now): group["why"]
        for group in groups
        for was, now in group["changes"]
    }


def _names(mutant: Mutant) -> tuple[Key, Key]:
    """Return what the list may call a mutant: by its function, or by no function."""
    return mutant.key, (mutant.module, "", mutant.was, mutant.now)


def _line(mutant: Mutant, verdict: Verdict) -> str:
    named = {"module": mutant.module, "scope": mutant.scope, "line": mutant.line, "was": mutant.was, "now": mutant.now}
    return json.dumps({**named, **asdict(verdict)}) + "\n"


def _tell(console: Console, tally: Tally, stale: Sequence[Key]) -> None:
    """Say what survived without a reason, which reasons do not hold, and the score."""
    for mutant in tally.survivors:
        console.print(f"survived: {_described(mutant.key, mutant.line)}", markup=False)
    for mutant in tally.contradicted:
        console.print(f"listed as equivalent, but noticed: {_described(mutant.key, mutant.line)}", markup=False)
    for key in stale:
        console.print(f"listed as equivalent, but no mutant any more: {_described(key)}", markup=False)
    fates = ", ".join(f"{number} {fate}" for fate, number in tally.noticed.most_common())
    console.print(
        f"{tally.total} mutants: {tally.noticed.total()} noticed ({tally.score:.1%}: {fates}), "
        f"{len(tally.equivalent)} equivalent, {len(tally.survivors)} survived"
    )


def _described(key: Key, line: int | None = None) -> str:
    module, scope, was, now = key
    place = f"{module} {scope}" if line is None else f"{module}:{line} {scope}"
    return f"{place}\n  - {was}\n  + {now}".replace("\n  - \n", "\n")


if __name__ == "__main__":
    sys.exit(main())
