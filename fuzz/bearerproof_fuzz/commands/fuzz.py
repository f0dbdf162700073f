"""The front of ``bearerproof fuzz``: progress, what was found, the exit code."""

import json
import os
import re
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bearerproof.contract.implementation import Implementation
from bearerproof.exceptions import BadInput
from bearerproof.judging import expectations
from bearerproof.judging.expectations import Expectation
from bearerproof.judging.settings import RunConfig, Scope
from bearerproof.specification.catalogue import requirement
from bearerproof_fuzz.campaign import campaign, cluster, corpus, keeping, shapes
from bearerproof_fuzz.campaign.campaign import Ended, Sum
from bearerproof_fuzz.campaign.examples import told
from bearerproof_fuzz.campaign.keeping import Kept
from bearerproof_fuzz.campaign.learning import REPEATS
from bearerproof_fuzz.campaign.shapes import Captured
from bearerproof_fuzz.campaign.shards import shards
from bearerproof_fuzz.campaign.store import stored
from bearerproof_fuzz.campaign.summary import Head, as_json, page, rate, thinned
from bearerproof_fuzz.campaign.working import CORPUS, Plan, is_red_again, started
from bearerproof_fuzz.commands import replay
from bearerproof_fuzz.commands.writing import write_each

MOST_DOUBTFUL = 10
"""Findings that are told of those that were not so when asked again; all are kept."""

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def seconds(text: str) -> float:
    """Read how long something is to last: ``90``, ``30s``, ``15m``, ``2h``, ``1d``.

    Raises:
        BadInput: it is none of these.
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smhd]?)", text.strip())
    if match is None or float(match[1]) == 0:
        raise BadInput(f"--for is {text!r}: say a time such as 90s, 30m or 2h")
    return float(match[1]) * _UNITS[match[2]]


def seeded(seed: int | None) -> int:
    """Return the seed that was given, or one that nobody knows before."""
    return secrets.randbelow(2**32) if seed is None else seed


@dataclass(frozen=True)
class Options:
    """How a campaign is carried out and told. ``words`` name the implementation, ``since`` is a file or an instant."""

    lasting: float
    workers: int = 2
    seed: int | None = None
    words: tuple[str, ...] = ()
    expect: Path | None = None
    seeds: Path | None = None
    since: str | None = None
    page: Path | None = None
    json: Path | None = None
    cluster: str | None = None
    database: str | None = None


def fuzz(settings: RunConfig, directory: str, options: Options, out: Console, err: Console) -> int:
    """Carry out a campaign, tell what was found, and return the exit code.

    Raises:
        BearerproofError: it cannot begin; the message says why.
    """
    foreseen = expectations.read(options.expect).entries if options.expect else ()
    is_new = None if options.since is None else _since(options.since)
    seen = None if options.seeds is None else shapes.captured(options.seeds)
    settings = replace(settings, known=tuple(known for entry in foreseen for known in entry.known))
    implementation = started(settings)
    try:
        scope = settings.resolve(implementation.declaration)
        settings = replace(settings, measure=scope.measure)
        place, seed = stored(directory).place, seeded(options.seed)
        plan = Plan(
            settings,
            place,
            options.lasting,
            seed,
            os.getpid(),
            words=options.words,
            expect=tuple(foreseen),
            database=options.database,
        )
        if plan.examples is not None and not plan.examples.answers():
            raise BadInput(f"no Redis answers at --database {told(str(plan.database))}")
        campaign.opened(plan)
        _keep_shapes(plan, seen, err)
        known, mended = campaign.recognised(plan, lambda found: _is_mended(found, plan, implementation, scope))
    finally:
        implementation.close()
    declared = implementation.declaration
    head = Head(
        declared.name, declared.version, str(scope.measure), options.lasting, options.workers, plan.seed, directory
    )
    ended = Ended(mended=mended)
    who = f"{declared.name} {declared.version} by {scope.measure}"
    say(out, f"{who}, for {options.lasting:g} s with {options.workers} workers, seed {plan.seed}; in {directory}")
    _carried_out(plan, options, ended, err)
    _sorted(ended, plan, {found.place for found in known}, foreseen, is_new)
    for line in summary(ended):
        say(out, line)
    write_each({options.page: page(head, ended), options.json: json.dumps(as_json(head, ended), indent=1) + "\n"})
    return ended.exit_code


def _keep_shapes(plan: Plan, seen: Captured | None, err: Console) -> None:
    if seen is None:
        return
    say(
        err,
        "warning: captured tokens are credentials, and hold what is somebody's. Only names of members and kinds of "
        f"values are kept, of {seen.tokens} tokens {len(seen.shapes)} shapes; delete the file when it has served.",
    )
    if seen.unreadable:
        say(err, f"  {seen.unreadable} lines are no token")
    try:
        plan.store.put(shapes.FILE, shapes.as_text(seen.shapes))
    except OSError as error:
        raise BadInput(f"cannot write in {plan.place}: {error.strerror or error}") from None


def _carried_out(plan: Plan, options: Options, ended: Ended, err: Console) -> None:
    crew = cluster.opened(plan, ended, options.cluster) if options.cluster else campaign.Workers(plan, ended)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("starting", total=plan.seconds)
        shown = 0.0

        def show(done: Sum) -> None:
            nonlocal shown
            bar.update(task, completed=done.seconds, description=_line(done))
            if not err.is_terminal and done.seconds >= shown + 60:
                shown = done.seconds
                say(err, f"{done.seconds:.0f} s: {_line(done)}")

        campaign.carried_out(plan, options.workers, crew, show)


IsNew = Callable[[Kept], bool]


def _sorted(
    ended: Ended, plan: Plan, before: Collection[str], foreseen: Sequence[Expectation], is_new: IsNew | None
) -> None:
    """Sort what lies in the folder now into what is foreseen, what is new, and what was known."""
    for found in [*keeping.kept(plan.store), *campaign.found_beside(plan)]:
        if keeping.is_foreseen(found.row, foreseen):
            ended.foreseen.append(found)
        elif is_new(found) if is_new is not None else found.place not in before:
            ended.new.append(found)
        else:
            ended.known.append(found)


def _since(text: str) -> IsNew:
    """Return what tells new findings: those not in an earlier summary, or found from an instant on.

    Raises:
        BadInput: it is neither.
    """
    if Path(text).is_file():
        try:
            rows = json.loads(Path(text).read_text(encoding="utf-8"))["findings"]
            files = {row["file"] for row in rows if row["state"] != "mended"}
        except (OSError, ValueError, KeyError, TypeError):
            raise BadInput(f"--since {text}: is no summary of a campaign (--json)") from None
        return lambda found: found.name not in files
    instant = _instant(text)
    if instant is None:
        raise BadInput(f"--since is {text!r}: say an earlier summary's file, or a time such as 2026-11-28T18:00Z")
    return lambda found: (_instant(found.found) or instant) >= instant


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _is_mended(found: Kept, plan: Plan, implementation: Implementation, scope: Scope) -> bool:
    """Say whether a finding is no more; one that cannot be presented again stays.

    One that may have come from shared examples cannot be drawn again by its seed alone: what it shows is.
    """
    settings = plan.settings
    by_seed = "candidate" not in found.row and isinstance(found.row.get("seed"), int)
    if by_seed and not found.row.get("examples"):
        row = requirement(found.key[0])
        if scope.primary(row.profiles) is None or not row.binds(scope.measure):
            return False
        again = replace(settings, seed=found.row["seed"], requirements=(row.id,), known=())
        return not is_red_again(again, str(found.row["id"]), found.key[1])
    try:
        cases = replay.find(found.place, implementation.declaration, scope.measure)
        implementation.begin_property()
        return all(replay.replay(case, implementation)[0] for case in cases for _ in range(REPEATS))
    except BadInput:
        return False


def distill(directory: str, out: Console) -> int:
    """Merge the files of a campaign's corpus, and tell what that spared.

    Raises:
        BadInput: there is none, or it cannot be written.
    """
    done = corpus.distill(shards(stored(directory), CORPUS))
    in_use = f"; {done.in_use} files in use were left" if done.in_use else ""
    say(
        out,
        f"{done.before:,} inputs of {done.merged} files are {done.after:,}; "
        f"they show all {done.features:,} behaviours{in_use}",
    )
    return 0


def say(console: Console, text: str) -> None:
    """Print a line as it is."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _line(done: Sum) -> str:
    return (
        f"{done.tokens:,} tokens ({done.rate:,.0f}/s), {done.checks:,} checks, {done.features:,} behaviours, "
        f"{done.findings} new findings"
    )


def summary(ended: Ended) -> list[str]:
    """Return what is told at the end."""
    lines: list[str] = []
    notes: dict[str, int] = {}
    if ended.history:
        last = ended.history[-1]
        lines += [_line(last) + f", {last.mib:,.0f} MiB", *_curves(ended.history)]
        notes = {
            "answered otherwise when asked again": last.flaky,
            "restarts of the implementation": last.deaths,
            "answers that broke the contract": last.faults,
            "kinds of finding that are expected": last.foreseen,
            "lines of the corpus that nobody could read": last.unreadable,
        }
    notes["workers started anew after they died"] = ended.restarts
    notes["workers started anew in order"] = ended.recycled
    lines += [f"  {what}: {number:,}" for what, number in notes.items() if number]
    groups = (("new", ended.new), ("known", ended.known), ("expected", ended.foreseen), ("mended", ended.mended))
    for title, found in groups:
        real = [each for each in found if each.recurs]
        if real:
            lines += ["", f"{title}:", *(line for each in real for line in _shown(each, title))]
    doubtful = [found for found in (*ended.new, *ended.known) if not found.recurs]
    if doubtful:
        lines += [
            "",
            "not so each time that it was asked:",
            *(_shown(each, "")[0] for each in doubtful[:MOST_DOUBTFUL]),
        ]
        lines += [f"  and {len(doubtful) - MOST_DOUBTFUL:,} more"] if len(doubtful) > MOST_DOUBTFUL else []
    lines += ["", *(f"trouble: {trouble}" for trouble in ended.troubles)]
    return [*lines, _verdict(ended)]


def _shown(found: Kept, title: str) -> list[str]:
    lines = [f"  {found.key[0]}  {found.key[1]}"]
    return [*lines, f"      {found.replay}"] if title == "new" else lines


def _verdict(ended: Ended) -> str:
    real = sum(found.recurs for found in ended.new)
    cut = " (interrupted)" if ended.interrupted else ""
    if real:
        return f"{real} new finding{'s' if real > 1 else ''}{cut}."
    return f"the campaign could not be carried out{cut}." if ended.exit_code == 3 else f"nothing new{cut}."


_BARS = "▁▂▃▄▅▆▇█"


def _curves(history: Sequence[Sum], width: int = 60) -> list[str]:
    """Draw novelty, speed and memory over time: where nothing new comes any more, it has seen what it can see."""
    sampled = thinned(history)
    step = max(1, -(-len(sampled) // width))
    pairs = list(pairwise([*sampled[:-1:step], *sampled[-1:]]))
    if not pairs:
        return []
    curves: dict[str, list[float]] = {
        "new behaviours": [max(0, after.features - before.features) for before, after in pairs],
        "tokens a second": [rate(before, after) for before, after in pairs],
        "memory, MiB": [after.mib for _, after in pairs],
    }
    return [f"  {name:<16} {_bars(values)} at most {max(values):,.0f}" for name, values in curves.items()]


def _bars(values: Sequence[float]) -> str:
    most = max(values) or 1
    return "".join(_BARS[round(value * (len(_BARS) - 1) / most)] for value in values)
