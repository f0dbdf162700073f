"""How many tokens a second a campaign makes, has verified and judges, beside engines that do less: python bench_fuzz.py

All call PyJWT with the same HS256 key. The engines in this process have their turns in rounds and are compared round by
round, in processor time, so that a busy machine changes little; so is Atheris, from the processor time of its process.
Stdio and several workers are timed by the clock, and need as many free processors. ``--table`` prints Markdown, and
``--write FILE`` puts it where that file has the table of the last time.
"""

import gc
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from statistics import median

from fuzzsamples import by_hypothesis, honest, mangled

from bearerproof.contract.implementation import Implementation
from bearerproof.judging.settings import RunConfig
from bearerproof_fuzz.campaign.corpus import Corpus
from bearerproof_fuzz.campaign.exploring import Explorer
from bearerproof_fuzz.campaign.judging import Judge
from bearerproof_fuzz.campaign.learning import learn
from bearerproof_fuzz.campaign.working import CYCLES
from bearerproof_fuzz.keyserver import idp

HERE = Path(__file__).resolve().parent
TARGET = RunConfig(target="python:fuzztargets:create")
OVER_STDIO = RunConfig(target="", command=(sys.executable, str(HERE / "fuzztargets.py")))
MANGLER, CAMPAIGN, STDIO, HYPOTHESIS = "plain mangler", "campaign", "campaign over stdio", "Hypothesis, plain @given"

HEAD = (("measured in one run", ""), ("---", "---"))

Measured = dict[str, list[float]]
"""Tokens a second, one figure a round."""


def explorer(config: RunConfig, folder: str) -> Explorer:
    """Return a campaign's search that has learned what the verifier says to each edit, and drawn for a while.

    Cycles are looked for as seldom as in a worker, whatever else is measured in this process.
    """
    gc.set_threshold(CYCLES)
    implementation = config.start(idp.start)
    scope = config.resolve(implementation.declaration)
    learned = learn(implementation, scope)
    known = {wrong.violation.key for wrong in learned.wrong}
    judge = Judge(implementation.declaration, scope.measure)
    searching = Explorer(implementation, learned.world, judge, Corpus(Path(folder), "one"), Random(1), known)
    explored(searching, 5_000)
    return searching


def explored(searching: Explorer, count: int) -> int:
    """Draw, present and judge at least so many tokens."""
    asked: Implementation = searching.implementation
    before = asked.tokens
    while asked.tokens - before < count:
        for _ in searching.step():
            pass
    return asked.tokens - before


def rates(calls: dict[str, Callable[[], int]], rounds: int, clock: Callable[[], float]) -> Measured:
    """Return tokens a second of each call, in turn."""
    found: Measured = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            began = clock()
            found[name].append(call() / (clock() - began))
    return found


def ratio(found: Measured, over: str, under: str) -> float:
    """Return the median of the ratios, round by round."""
    return median(a / b for a, b in zip(found[over], found[under], strict=True))


def atheris(style: str, *flags: str, runs: int) -> float:
    """Return how many executions a second of processor time Atheris makes, its start taken off; 0 without it."""
    command = [sys.executable, "-W", "ignore", str(HERE / "atherisengine.py"), style]
    spent = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(16):  # without any it would try short inputs for a long time, which all are the same token
            seed = honest()[:-4].encode() if style == "raw" else Random(number).randbytes(32)
            (Path(folder) / str(number)).write_bytes(seed)
        for count in (1, runs):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            ended = subprocess.run([*command, str(count), *flags, folder], capture_output=True, check=False)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            if ended.returncode != 0:
                return 0.0
            spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return runs / max(spent[1] - spent[0], 1e-9)


def workers(number: int, seconds: float) -> tuple[float, float]:
    """Return the tokens a second of so many workers together, by the clock and by the time of their processors."""
    command = [sys.executable, "-W", "ignore", str(HERE / "bench_fuzz.py"), "--be-worker", str(seconds)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(number)]
    rows = [process.communicate()[0].split() for process in running]
    return sum(float(row[0]) for row in rows), sum(float(row[1]) for row in rows) / number


def be_worker(seconds: float) -> None:
    """Print tokens a second by the clock, and by processor time."""
    with tempfile.TemporaryDirectory() as folder:
        searching = explorer(TARGET, folder)
        began, used, asked = time.monotonic(), time.process_time(), 0
        while time.monotonic() < began + seconds:
            asked += explored(searching, 1)
        print(asked / (time.monotonic() - began), asked / (time.process_time() - used))


def main() -> None:
    """Print the table."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40, help="rounds (default 40)")
    parser.add_argument("--quick", action="store_true", help="a rough answer in a minute")
    parser.add_argument("--table", action="store_true", help="print it as Markdown")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put it in place of the table in this file")
    parser.add_argument("--be-worker", type=float, help="be one worker for so many seconds")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # PyJWT warns of short keys
    sys.path.insert(0, str(HERE))
    if options.be_worker:
        be_worker(options.be_worker)
        return
    rows = measure(8 if options.quick else options.rounds, pairs=1 if options.quick else 5)
    for name, value in rows:
        print(f"| {name} | {value} |" if options.table else f"{name:<64}{value}")
    if options.write:
        options.write.write_text(with_table(options.write.read_text("utf-8"), rows), "utf-8")


def with_table(text: str, rows: Sequence[tuple[str, str]]) -> str:
    """Return a text with these rows in its table, which is known by its first words."""
    table = "\n".join(f"| {name} | {value} |" for name, value in (*HEAD, *rows))
    replaced, number = re.subn(r"^\| measured .*\n(?:\|.*\n)+", lambda _: f"{table}\n", text, flags=re.MULTILINE)
    if number != 1:
        sys.exit("the file has no table that begins with 'measured'")
    return replaced


def measure(rounds: int, pairs: int) -> list[tuple[str, str]]:
    """Return the rows of the table."""
    random, token = Random(1), honest()
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        inside, outside = explorer(TARGET, one), explorer(OVER_STDIO, other)
        found = rates(
            {
                MANGLER: lambda: mangled(token, random, 1000),
                CAMPAIGN: lambda: explored(inside, 1000),
                HYPOTHESIS: lambda: by_hypothesis(30),
            },
            rounds,
            time.process_time,
        )
        piped = rates(
            {CAMPAIGN: lambda: explored(inside, 1000), STDIO: lambda: explored(outside, 1000)}, rounds, time.monotonic
        )
        outside.implementation.close()
    plain = median(found[MANGLER])
    rows = [
        (f"{MANGLER}, tokens a second", f"{plain:,.0f}"),
        (f"{CAMPAIGN} / {MANGLER} (at least 0.6)", f"{ratio(found, CAMPAIGN, MANGLER):.2f}"),
        (f"{CAMPAIGN} / {HYPOTHESIS} (at least 40)", f"{ratio(found, CAMPAIGN, HYPOTHESIS):.0f}"),
    ]
    for style, flags in (("structured", ("--instrument",)), ("structured", ()), ("raw", ("--instrument",))):
        name = f"Atheris, {style}" + (", guided by coverage" if flags else ", not instrumented")
        speed = atheris(style, *flags, runs=10_000)
        shown = f"{median(found[CAMPAIGN]) / speed:.2f}" if speed else "atheris is not installed"
        rows.append((f"{CAMPAIGN} / {name}", shown))
    rows.append((f"{STDIO} / {CAMPAIGN}, by the clock (at least 0.6)", f"{ratio(piped, STDIO, CAMPAIGN):.2f}"))
    timed = [(workers(1, 4), workers(2, 4)) for _ in range(pairs)]
    by_clock = median(two[0] / one[0] for one, two in timed)
    by_processor = median(2 * two[1] / one[1] for one, two in timed)
    rows.append(("2 workers / 1, by the clock (at least 1.8)", f"{by_clock:.2f}"))
    rows.append(("2 workers / 1, by processor time", f"{by_processor:.2f}"))
    rows.append(("processes that waited for a processor meanwhile", f"{os.getloadavg()[0]:.1f} of {os.cpu_count()}"))
    return rows


if __name__ == "__main__":
    main()
