"""The front of ``bearerproof fuzz``: progress, what was found, the exit code."""

import re
import secrets
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bearerproof.contract.implementation import Implementation
from bearerproof.exceptions import BadInput
from bearerproof.judging.settings import RunConfig, Scope
from bearerproof_fuzz.campaign import campaign, keeping
from bearerproof_fuzz.campaign.campaign import Ended, Sum
from bearerproof_fuzz.campaign.keeping import Kept
from bearerproof_fuzz.commands import replay

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


def fuzz(
    settings: RunConfig, directory: Path, lasting: float, workers: int, seed: int, out: Console, err: Console
) -> int:
    """Carry out a campaign, tell what was found, and return the exit code.

    Raises:
        BearerproofError: it cannot begin; the message says why.
    """
    plan = campaign.opened(settings, directory, lasting, seed)
    implementation = settings.start()
    try:
        scope = settings.resolve(implementation.declaration)
        known, mended = campaign.recognised(plan, lambda found: _is_mended(found, implementation, scope))
    finally:
        implementation.close()
    ended = Ended(known=known, mended=mended)
    who = f"{implementation.declaration.name} {implementation.declaration.version}"
    say(out, f"{who} by {scope.measure}, for {lasting:g} s with {workers} workers, seed {plan.seed}; in {directory}")
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("starting", total=lasting)
        told = [0]

        def show(done: Sum) -> None:
            bar.update(task, completed=done.seconds, description=_line(done))
            if not err.is_terminal and done.seconds >= told[0] + 60:
                told[0] = int(done.seconds)
                say(err, f"{done.seconds:.0f} s: {_line(done)}")

        campaign.carried_out(plan, workers, ended, show)
    earlier = {found.path for found in known}
    ended.new = [found for found in keeping.kept(plan.findings) if found.path not in earlier]
    for line in summary(ended):
        say(out, line)
    return ended.exit_code


def _is_mended(found: Kept, implementation: Implementation, scope: Scope) -> bool:
    """Say whether a finding is no more; one that cannot be presented again stays."""
    try:
        cases = replay.find(str(found.path), implementation.declaration, scope.measure)
        implementation.begin_property()
        return all(replay.replay(case, implementation)[0] for case in cases)
    except BadInput:
        return False


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
    lines = []
    if ended.history:
        last = ended.history[-1]
        lines += [_line(last) + f", {last.mib:,.0f} MiB", *_curve(ended.history)]
        notes = {
            "answered otherwise when asked again": last.flaky, "deaths and hangs": last.deaths,
            "lines of the corpus that nobody could read": last.unreadable, "workers started anew": ended.restarts,
        }  # fmt: skip
        lines += [f"  {what}: {number}" for what, number in notes.items() if number]
    for title, found in (("new", ended.new), ("known", ended.known), ("mended", ended.mended)):
        if found:
            lines += ["", f"{title}:", *(line for each in found for line in _shown(each, title))]
    lines += ["", *(f"trouble: {trouble}" for trouble in ended.troubles)]
    return [*lines, _verdict(ended)]


def _shown(found: Kept, title: str) -> list[str]:
    doubt = "" if found.row.get("recurs") else "  (not so when asked again)"
    lines = [f"  {found.row['requirement']}  {found.row['kind']}{doubt}"]
    return [*lines, f"      bearerproof replay {found.path}"] if title == "new" else lines


def _verdict(ended: Ended) -> str:
    real = sum(bool(found.row.get("recurs")) for found in ended.new)
    cut = " (interrupted)" if ended.interrupted else ""
    if real:
        return f"{real} new finding{'s' if real > 1 else ''}{cut}."
    return f"the campaign could not be carried out{cut}." if ended.exit_code == 3 else f"nothing new{cut}."


_BARS = "▁▂▃▄▅▆▇█"


def _curve(history: Sequence[Sum], width: int = 60) -> list[str]:
    """Draw how much that is new came over time: a line that is flat at its end has seen what it can see."""
    if len(history) < 2:
        return []
    step = max(1, len(history) // width)
    sampled = [history[0], *history[step::step]]
    gains = [max(0, after.features - before.features) for before, after in pairwise(sampled)]
    most = max(gains, default=0) or 1
    drawn = "".join(_BARS[(gain * (len(_BARS) - 1) + most - 1) // most] for gain in gains)
    return [f"  new behaviours over time {drawn}"]
