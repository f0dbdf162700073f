"""Tokens and seconds until found: a campaign beside plain Hypothesis and Atheris, on the same property.

    python bench_found.py victim:alg-none-taken fault:hint-percent-decoded --seeds 10 --results found.jsonl
    python bench_found.py --sample 40 --seeds 3 --most 5000 --results found.jsonl --page ../../fuzz/found.md
    python bench_found.py --all --results found.jsonl             # a day; it goes on where it was stopped

Each is looked for once a seed; told are the medians. What a seed did not find within ``--most`` tokens counts as that
many. Exhibits of the museum are named ``exhibit:NAME``, once ``bearerproof museum NAME`` has installed them. The same
property is the judge's: an answer that offends the requirement which the victim, fault or exhibit is about, or is an
error where that one is asked for. Hypothesis draws the same candidates one by one; Atheris is given them by bytes
(structured), or has text taken for a token (raw), where the property is that what is accepted is honest. Seconds are
processor time of the process that looks.
"""

import json
import subprocess
import sys
import tempfile
import time
import warnings
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from random import Random
from statistics import median

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings

from bearerproof.contract.implementation import Implementation
from bearerproof.judging.settings import RunConfig
from bearerproof.specification.catalogue import Measure
from bearerproof_fuzz.campaign.candidate import Candidate
from bearerproof_fuzz.campaign.candidates import KINDS, World
from bearerproof_fuzz.campaign.corpus import Corpus
from bearerproof_fuzz.campaign.exploring import Explorer
from bearerproof_fuzz.campaign.harness import candidates
from bearerproof_fuzz.campaign.judging import Judge
from bearerproof_fuzz.campaign.learning import Keep, Learning, Lesson, Wrong, answers, honest, prepared, world
from bearerproof_fuzz.commands.libraries import building
from bearerproof_fuzz.commands.museum.exhibits import Museum
from bearerproof_fuzz.commands.museum.judging import _install
from bearerproof_fuzz.edits.registry import edits
from bearerproof_fuzz.faults import faults, find
from bearerproof_fuzz.faults.registry import seeded
from bearerproof_fuzz.forge import Forge
from bearerproof_fuzz.keyserver import idp
from bearerproof_fuzz.victims import victims

HERE = Path(__file__).resolve().parent
MUSEUM = Museum.load(HERE.parent / "museum" / "exhibits.toml")


@dataclass(frozen=True)
class Sought:
    """What is looked for: the implementation, the requirement that it offends, and what it is made of."""

    name: str
    requirement: str | None
    config: RunConfig
    borne: Callable[[], AbstractContextManager[object]] = nullcontext


@dataclass(frozen=True)
class Search:
    """How a search ended: tokens and seconds, and whether that was a find."""

    found: bool
    tokens: int
    seconds: float


Key = tuple[str, str]


class _FoundError(Exception):
    pass


def sought(name: str) -> Sought:
    """Return what is called ``victim:NAME``, ``fault:NAME`` or ``exhibit:NAME``.

    Raises:
        LookupError: there is none of this name, or it is not installed.
    """
    kind, _, rest = name.partition(":")
    if kind == "victim":
        victim = victims()[rest]
        config = RunConfig(target=name, measure=Measure(victim.measure))
        return Sought(name, victim.requirement, config)
    if kind == "fault":
        fault = find(rest)
        return Sought(name, fault.requirement_id, RunConfig(), lambda: seeded(fault))
    if kind == "exhibit":
        (exhibit,) = MUSEUM.find([rest])
        manifest = MUSEUM.manifest(exhibit, exhibit.vulnerable)
        release = _install(manifest, building.default_cache("museum").resolve(), lambda _: None)
        config = RunConfig(target="", command=release.command, measure=exhibit.measure, seconds=30.0)
        return Sought(name, exhibit.requirement, config)
    raise LookupError(f"{name!r} is neither victim:NAME nor fault:NAME nor exhibit:NAME")


def by_campaign(what: Sought, number: int, most: int) -> Search:
    """Learn, then explore, until a finding of the requirement is so again."""
    implementation = what.config.start(idp.start)
    began, used = time.process_time(), implementation.tokens
    scope = what.config.resolve(implementation.declaration)
    judge = Judge(implementation.declaration, scope.measure)
    random, known = Random(number), set[Key]()

    def asked() -> tuple[int, float]:
        return implementation.tokens - used, time.process_time() - began

    def stop_at(wrong: Wrong, recurs: bool) -> None:
        known.update([wrong.violation.key] if recurs else [])
        if recurs and what.requirement in (wrong.violation.requirement, wrong.candidate.requirement):
            raise _FoundError

    try:
        with tempfile.TemporaryDirectory() as folder:
            explore = partial(Explorer, implementation, judge=judge, corpus=Corpus(Path(folder), "one"))
            learning = Learning(implementation, scope, stop_at)
            beside: Explorer | None = None
            for _ in learning.parts():
                if asked()[0] >= most:
                    return Search(False, *asked())
                if learning.each_came:
                    beside = beside or explore(world=learning.learned.world, random=random, known=known)
                    searched(beside, stop_at)
            searching = explore(world=learning.learned.world, random=random, known=known)
            while asked()[0] < most:
                searched(searching, stop_at)
    except _FoundError:
        return Search(True, *asked())
    finally:
        implementation.close()
    return Search(False, *asked())


def searched(explorer: Explorer, keep: Keep) -> None:
    """Take one step of a search."""
    for found in explorer.step():
        keep(found.wrong, found.recurs)


def by_hypothesis(what: Sought, number: int, most: int) -> Search:
    """Draw the same candidates as a plain property does, each edit among them."""
    implementation = what.config.start(idp.start)
    drawn = plain_world(what, implementation)
    judge = Judge(implementation.declaration, drawn.measure)
    began, used = time.process_time(), implementation.tokens

    @seed(number)
    @settings(
        max_examples=most,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(candidates(drawn, KINDS))
    def judged(made: Candidate | None) -> None:
        if made is not None and offends(implementation, judge, made, what.requirement):
            raise _FoundError

    try:
        judged()
    except _FoundError:
        return Search(True, implementation.tokens - used, time.process_time() - began)
    finally:
        implementation.close()
    return Search(False, implementation.tokens - used, time.process_time() - began)


def plain_world(what: Sought, implementation: Implementation) -> World:
    """Return all that can be drawn where nothing was learned: every honest token, every edit."""
    declaration = implementation.declaration
    scope = what.config.resolve(declaration)
    forge = Forge.at_present(declaration)
    bases = honest(declaration, forge, scope)
    right = [each.case for each in prepared(declaration, forge, scope, bases)]
    lesson = Lesson(
        tuple((str(base.draft.profile), base.draft.key.algorithm) for base in bases),
        tuple((case.edit.id, str(case.profile), case.algorithm or "") for case in right),
    )
    return world(lesson, declaration, scope)


def offends(implementation: Implementation, judge: Judge, made: Candidate, requirement: str | None) -> bool:
    """Say whether the answer to a candidate offends a requirement."""
    if not implementation.fits(made.presented):
        return False
    (answer,) = answers(implementation, [made.presented])
    return any(requirement in (each.requirement, made.requirement) for each in judge.violations(made, answer))


def by_atheris(style: str) -> Callable[[Sought, int, int], Search]:
    """Return the search of Atheris in a process of its own; its start and what it learns are taken off."""

    def search(what: Sought, number: int, most: int) -> Search:
        command = [
            sys.executable,
            "-W",
            "ignore",
            str(HERE / "atherissearch.py"),
            what.name,
            style,
            str(number),
            str(most),
        ]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=HERE)
        rows = [line for line in ended.stdout.splitlines() if line.startswith("{")]
        return Search(**json.loads(rows[-1])) if rows else Search(False, most, float("nan"))

    return search


SEARCHES: dict[str, Callable[[Sought, int, int], Search]] = {
    "campaign": by_campaign,
    "hypothesis": by_hypothesis,
    "atheris-structured": by_atheris("structured"),
    "atheris-raw": by_atheris("raw"),
}


@dataclass(frozen=True)
class Row:
    """How one engine's search under one seed ended."""

    name: str
    requirement: str | None
    engine: str
    seed: int
    most: int
    found: bool
    tokens: int
    seconds: float


def main() -> None:
    """Search, and keep each search as a line; or make the page of what was kept."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="victim:NAME, fault:NAME, exhibit:NAME")
    parser.add_argument("--all", action="store_true", help="every victim, and every fault that a token can show")
    parser.add_argument("--sample", type=int, help="so many of all, as far apart as can be")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--most", type=int, default=20_000, help="tokens of one search at most (default 20,000)")
    parser.add_argument("--engines", default=",".join(SEARCHES), help="which of them, parted by commas")
    parser.add_argument(
        "--results", type=Path, required=True, help="a line a search; what stands there is not repeated"
    )
    parser.add_argument("--page", type=Path, help="write the page of these results")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    names = options.names or (everything() if options.all or options.sample else [])
    done = read(options.results)
    for name in names[:: -(-len(names) // options.sample)] if options.sample else names:
        search_for(sought(name), options.engines.split(","), options.seeds, options.most, done, options.results)
    if options.page:
        options.page.write_text(page(read(options.results)), encoding="utf-8")


def everything() -> list[str]:
    """Return every victim, and every fault of a requirement that has edits."""
    shown = {edit.requirement_id for edit in edits().values()}
    return [
        *(f"victim:{name}" for name in victims()),
        *(f"fault:{name}" for name, fault in faults().items() if fault.requirement_id in shown),
    ]


def search_for(what: Sought, engines: Sequence[str], seeds: int, most: int, done: Collection[Row], file: Path) -> None:
    """Search under each seed by each engine, but for what is done, and keep how that ended."""
    for engine in engines:
        for number in range(seeds):
            if any((row.name, row.engine, row.seed, row.most) == (what.name, engine, number, most) for row in done):
                continue
            with what.borne():
                found = SEARCHES[engine](what, number, most)
            row = Row(what.name, what.requirement, engine, number, most, found.found, found.tokens, found.seconds)
            with file.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(asdict(row)) + "\n")


def read(file: Path) -> list[Row]:
    """Return what was kept."""
    return [Row(**json.loads(line)) for line in file.read_text("utf-8").splitlines()] if file.exists() else []


def page(rows: Sequence[Row]) -> str:
    """Return the page: what was compared, how often the campaign is ahead, and a row for each."""
    by_name: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        by_name.setdefault(row.name, {}).setdefault(row.engine, []).append(row)
    engines = [engine for engine in SEARCHES if any(row.engine == engine for row in rows)]
    by_name = {name: each for name, each in by_name.items() if len(each) == len(engines)}  # the others are under way
    if engines[:1] != ["campaign"] or len(engines) < 2 or not by_name:
        sys.exit("a page needs the campaign and another engine, each for what was looked for")
    tokens = {name: {engine: in_tokens(each[engine]) for engine in engines} for name, each in by_name.items()}
    seeds, most = len({row.seed for row in rows}), max(row.most for row in rows)
    found = [each for each in tokens.values() if each["campaign"] < most]
    best = [
        (each["campaign"], min(each[engine] for engine in engines[1:]))
        for each in tokens.values()
        if min(each.values()) < most
    ]
    late = sorted(name for name, each in tokens.items() if 1000 < each["campaign"] < most)
    never = sorted(name for name, each in tokens.items() if each["campaign"] >= most)
    lines = [
        f"| {name} | {next(iter(each.values()))[0].requirement} | " + " | ".join(cell(each[e]) for e in engines) + " |"
        for name, each in by_name.items()
    ]
    return PAGE.format(
        names=len(by_name),
        seeds=seeds,
        most=most,
        found=len(found),
        median=median(each["campaign"] for each in tokens.values()),
        any=len(best),
        few=sum(one <= other for one, other in best),
        fewer=sum(10 * one <= other for one, other in best),
        late=len(late),
        late_names=", ".join(late) or "none",
        never=", ".join(never) or "none",
        head="| looked for | requirement | " + " | ".join(engines) + " |\n" + "|---" * (2 + len(engines)) + "|",
        rows="\n".join(lines),
    )


def in_tokens(rows: Sequence[Row]) -> float:
    """Return the median of the tokens; what was not found counts as the most."""
    return median(row.tokens if row.found else row.most for row in rows)


def cell(rows: Sequence[Row]) -> str:
    """Return how often it was found, and the medians of tokens and seconds."""
    found, tokens = sum(row.found for row in rows), in_tokens(rows)
    less = "> " if tokens >= rows[0].most else ""
    return f"{found}/{len(rows)}: {less}{tokens:,.0f}, {median(row.seconds for row in rows):.2f} s"


PAGE = """\
# Tokens and seconds until found

Made by `python tests/benchmarks/bench_found.py --results FILE --page fuzz/found.md`; see there for what is compared.
{names} implementations with a weakness each, {seeds} seeds. Told are how often it was found, and the medians of
tokens and of seconds of processor time. What was not found within {most:,} tokens counts as that many.

- The campaign found {found} of {names}; half of all within {median:,.0f} tokens. Of the {any} that any engine found, it
  needs as few tokens as the best of the others, or fewer, for {few}, and at most a tenth for {fewer}.
- Found after more than 1,000 tokens: {late}: {late_names}.
- Not found by tokens alone: {never}.
  Where that takes a state that many requests make, a campaign's share of the suite's own properties and state machines
  looks for it, which is not part of this comparison.

{head}
{rows}
"""


if __name__ == "__main__":
    main()
