"""A worker: one process with an implementation of its own, for as long as the campaign lasts.

It talks to nobody. What it finds it writes into the campaign's directory, and there it reads what others have found;
what it has done so far it notes in a file of its own, which the campaign's front shows.
"""

import json
import os
import resource
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from bearerproof.contract.implementation import Implementation, PropertyEnded
from bearerproof.contract.messages import Outcome
from bearerproof.exceptions import BearerproofError
from bearerproof.judging.results import RED, Record
from bearerproof.judging.runner import RunOptions, run
from bearerproof.judging.settings import RunConfig, Scope
from bearerproof.specification.catalogue import VERIFIERS, Requirement, requirements
from bearerproof_fuzz.campaign import keeping
from bearerproof_fuzz.campaign.corpus import Corpus
from bearerproof_fuzz.campaign.exploring import Explorer, Found
from bearerproof_fuzz.campaign.judging import Judge
from bearerproof_fuzz.campaign.learning import Learned, learn
from bearerproof_fuzz.suite import SUITE

FRESH = 240
"""Seconds after which tokens for a real clock are made anew: they live ten minutes."""

LOOK = 5.0
"""Seconds between two looks at what the others have added."""


@dataclass(frozen=True)
class Plan:
    """What a worker is to do: which implementation, where, for how many seconds, from which seed."""

    settings: RunConfig
    directory: Path
    seconds: float
    seed: int
    parent: int
    by_suite: float = 0.25

    @property
    def findings(self) -> Path:
        """Where findings are kept."""
        return self.directory / "findings"

    @property
    def corpus(self) -> Path:
        """Where inputs are kept."""
        return self.directory / "corpus"

    @property
    def progress(self) -> Path:
        """Where workers note what they have done."""
        return self.directory / "progress"


@dataclass
class Progress:
    """What a worker has done so far; it notes a line about it now and then."""

    path: Path
    started: float = field(default_factory=time.monotonic)
    noted: float = 0.0
    tokens: int = 0
    checks: int = 0
    findings: int = 0
    flaky: int = 0
    deaths: int = 0

    def note(self, corpus: Corpus, *, now: float | None = None, done: str | None = None) -> None:
        """Write a line: seconds, tokens, checks of the suite, inputs, features, findings, MiB."""
        now = time.monotonic() if now is None else now
        self.noted = now
        row = {
            "seconds": round(now - self.started, 1), "tokens": self.tokens, "checks": self.checks,
            "inputs": len(corpus.inputs), "features": len(corpus.features), "findings": self.findings,
            "flaky": self.flaky, "deaths": self.deaths, "unreadable": corpus.unreadable,
            "mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            **({} if done is None else {"done": done}),
        }  # fmt: skip
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


@dataclass
class Worker:
    """Explores with tokens, and now and then asks the suite's own properties and state machines with another seed."""

    plan: Plan
    number: int
    random: Random
    progress: Progress
    corpus: Corpus
    known: set[tuple[str, str]] = field(default_factory=set)
    implementation: Implementation | None = None

    def work(self) -> None:
        """Work until the time is over or nobody waits any more.

        Raises:
            BearerproofError: the implementation cannot be started or asked any more.
        """
        end = self.progress.started + self.plan.seconds
        while not self._over(end):
            self.implementation = self.plan.settings.start()
            scope = self.plan.settings.resolve(self.implementation.declaration)
            try:
                self._with(self.implementation, scope, end)
            except PropertyEnded as ended:
                self._died(ended)
            finally:
                self.implementation.close()

    def _over(self, end: float) -> bool:
        return time.monotonic() >= end or os.getppid() != self.plan.parent

    def _with(self, implementation: Implementation, scope: Scope, end: float) -> None:
        """Explore with one process of the implementation, anew where tokens for a real clock have become old."""
        tokens = any(profile in VERIFIERS for profile in scope.profiles)
        while not self._over(end):
            fresh = time.monotonic() + FRESH if not implementation.declaration.injected_clock else end
            if tokens:
                explorer = self._explorer(implementation, scope, learn(implementation, scope))
                self._explore(explorer, scope, min(end, fresh), end)
                self._count(implementation)
            else:
                self._ask_the_suite(scope, end)

    def _explorer(self, implementation: Implementation, scope: Scope, learned: Learned) -> Explorer:
        for wrong in learned.wrong:
            if wrong.violation.key not in self.known:
                self._keep(Found(wrong, (), recurs=True))
        judge = Judge(implementation.declaration, scope.measure)
        return Explorer(implementation, learned.world, judge, self.corpus, self.random, self.known)

    def _explore(self, explorer: Explorer, scope: Scope, until: float, end: float) -> None:
        spent = {True: 0.0, False: 0.0}  # seconds, by whether the suite was asked
        looked = 0.0
        while not self._over(until):
            began = time.monotonic()
            by_suite = spent[True] < self.plan.by_suite * (spent[True] + spent[False])
            if by_suite:
                self._ask_the_suite(scope, end)
            else:
                for found in explorer.step():
                    self._keep(found)
            now = time.monotonic()
            spent[by_suite] += now - began
            if now - looked > LOOK:
                self._look_around()
                looked = now
            if now - self.progress.noted > 1:
                self._count(explorer.implementation)
                self.progress.note(self.corpus, now=now)

    def _count(self, implementation: Implementation) -> None:
        """Count the tokens that were asked since it was last done."""
        self.progress.tokens += implementation.tokens
        implementation.tokens = 0

    def _look_around(self) -> None:
        """Take what others have added to the corpus, and know what they have found."""
        self.corpus.read_others()
        self.known |= {found.key for found in keeping.kept(self.plan.findings)}

    def _ask_the_suite(self, scope: Scope, end: float) -> None:
        """Run the checks of one requirement with a seed of its own."""
        asked = self.random.choice([row.id for row in requirements().values() if _is_asked(row, scope)])
        seed = self.random.randrange(2**32)
        settings = RunConfig(**{**vars(self.plan.settings), "seed": seed, "requirements": (asked,)})
        finished = run(SUITE, settings, RunOptions(stop_at=lambda _: time.monotonic() > end))
        self.progress.checks += len(finished.records)
        for record in finished.records:
            if record.state in RED:
                self._keep_record(record, seed)
        self.progress.note(self.corpus)

    def _keep_record(self, record: Record, seed: int) -> None:
        for finding in record.findings:
            kind = str(finding.get("drawn") or finding.get("kind") or finding.get("edit") or record.id)
            key = record.requirement, kind
            if key not in self.known:
                self.known.add(key)
                row = {**record.as_dict(), "findings": [finding], "kind": kind, "seed": seed, "recurs": True}
                self._write(key, row)

    def _keep(self, found: Found) -> None:
        key = found.wrong.violation.key
        self.known.add(key)
        self.progress.flaky += not found.recurs
        self._write(key, keeping.as_row(found.wrong, list(found.choices), recurs=found.recurs))

    def _write(self, key: tuple[str, str], row: dict[str, object]) -> None:
        if not (self.plan.findings / keeping.file_name(key)).exists():
            keeping.write(self.plan.findings, key, row)
            self.progress.findings += 1

    def _died(self, ended: PropertyEnded) -> None:
        """Note a death or a hang; what recurred of them was an answer, and is a finding already."""
        self.progress.deaths += 1
        if ended.outcome is Outcome.HUNG and ended.presentation is not None:
            row = keeping.of_hang(ended)
            self._write((str(row["requirement"]), str(row["kind"])), row)


def _is_asked(row: Requirement, scope: Scope) -> bool:
    return row.binds(scope.measure) and scope.primary(row.profiles) is not None and row.contract <= scope.level


def work(plan: Plan, number: int) -> None:
    """Be one worker of a campaign; the exit code is 3 when the implementation could not be asked."""
    name = f"{os.getpid()}-{number}-{plan.seed:x}"
    progress = Progress(plan.progress / f"{name}.jsonl")
    corpus = Corpus(plan.corpus, name)
    random = Random(f"{plan.seed} {number}")  # noqa: S311 - it decides what is tried, and has to be repeatable
    worker = Worker(plan, number, random, progress, corpus)
    worker.known |= {found.key for found in keeping.kept(plan.findings)}
    corpus.read_others()
    done, code = "the time is over", 0
    try:
        worker.work()
    except KeyboardInterrupt:
        done = "interrupted"
    except BearerproofError as error:
        done, code = str(error), 3
    except OSError as error:
        done, code = f"cannot write in {plan.directory}: {error.strerror}", 3
    _end(progress, corpus, done)
    raise SystemExit(code)


def _end(progress: Progress, corpus: Corpus, done: str) -> None:
    try:
        progress.note(corpus, done=done)
        corpus.close()
    except OSError:  # the disk is full: what was found is on it already
        raise SystemExit(3) from None
