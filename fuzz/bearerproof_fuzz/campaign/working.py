"""A worker: one process with an implementation of its own, for as long as the campaign lasts.

It talks to nobody. What it finds it writes into the campaign's directory, and there it reads what others have found;
what it has done so far it notes in a file of its own, which the campaign's front shows.
"""

import json
import os
import resource
import secrets
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from bearerproof.contract.implementation import Implementation, PropertyEnded
from bearerproof.contract.messages import Outcome
from bearerproof.exceptions import AdapterFault, BadInput, BearerproofError
from bearerproof.judging.expectations import Expectation
from bearerproof.judging.results import RED, Record, presentation_from_dict
from bearerproof.judging.runner import RunOptions, run
from bearerproof.judging.settings import KnownFinding, RunConfig, Scope
from bearerproof.members import Json
from bearerproof.specification.catalogue import VERIFIERS, Requirement, requirements
from bearerproof_fuzz.campaign import examples, keeping, shapes
from bearerproof_fuzz.campaign.candidates import World
from bearerproof_fuzz.campaign.corpus import Corpus
from bearerproof_fuzz.campaign.examples import Examples
from bearerproof_fuzz.campaign.exploring import Explorer, Found
from bearerproof_fuzz.campaign.judging import Judge
from bearerproof_fuzz.campaign.learning import FRESH, Learning, Lesson, Wrong, world
from bearerproof_fuzz.campaign.shards import shards
from bearerproof_fuzz.campaign.store import Directory, Store, stored
from bearerproof_fuzz.keyserver import idp
from bearerproof_fuzz.resource import authorizationserver
from bearerproof_fuzz.suite import SUITE

JUMP = 5
"""Seconds by which a real clock may differ from what it was to be, before tokens for it are made anew."""

LOOK = 5.0
"""Seconds between two looks at what the others have added."""

HOUR = 3600
EVERY = 8
"""Of so many workers one begins with an empty corpus every hour: what all others never came upon, it may."""

VAIN = 3
"""How often an implementation that has answered before is started again without a token asked in between."""

AGAIN = 4
"""The exit code of a worker that is to be started anew: its memory has grown, or something unforeseen came up."""

CORPUS, PROGRESS, LESSONS = "corpus", "progress", "lessons"
"""In the campaign's folder: inputs, what workers have done, and what they have learned."""

UNWRITTEN = 5
"""The exit code of a worker that could not write all that it found where it belongs."""

OUT_OF_TIME = "the time was over before every edit was asked once: give it more with --for"


@dataclass(frozen=True)
class Plan:
    """What a worker is to do: which implementation, where, for how many seconds, from which seed.

    ``place`` is the campaign's folder, a path or a URL, ``campaign`` names this one among all that share it, ``words``
    the implementation as the command line does. ``expect`` are known deviations. ``memory`` is how many MiB a worker
    and its implementation may come to before they are started anew; ``began`` the instant of the campaign's begin on
    the monotonic clock. ``database`` is the URL of a Redis with examples.
    """

    settings: RunConfig
    place: str
    seconds: float
    seed: int
    parent: int
    by_suite: float = 0.25
    campaign: str = field(default_factory=lambda: secrets.token_hex(4))
    words: tuple[str, ...] = ()
    expect: tuple[Expectation, ...] = ()
    memory: float = 1024.0
    began: float = field(default_factory=time.monotonic)
    database: str | None = None

    def as_text(self) -> str:
        """Write the plan as one line that another process can read."""
        expect = [entry.as_dict() for entry in self.expect]
        return json.dumps({**vars(self), "settings": self.settings.as_option(), "expect": expect})

    @classmethod
    def from_text(cls, text: str) -> "Plan":
        """Read what ``as_text`` wrote."""
        raw = json.loads(text)
        expect = tuple(map(Expectation.from_dict, raw["expect"]))
        settings, words = RunConfig.from_option(raw["settings"]), tuple(raw["words"])
        return cls(**{**raw, "settings": settings, "words": words, "expect": expect})

    @property
    def store(self) -> Store:
        """The campaign's folder."""
        return stored(self.place)

    @property
    def examples(self) -> Examples | None:
        """The examples that are shared, if any are."""
        return None if self.database is None else examples.shared(self.database, self.words)

    def lesson(self, stage: str) -> str:
        """Return the name of what names this campaign's lesson: the ``first``, without edits, or ``all``."""
        return f"{LESSONS}/{self.campaign}.{stage}"

    def mark(self, name: str) -> str:
        """Return the name by which this campaign tells machines that it has ``begun``, or is ``over``."""
        return f"{PROGRESS}/{self.campaign}.{name}"

    @property
    def beside(self) -> Directory:
        """Where findings are written when that is impossible in the campaign's folder."""
        return Directory(Path(tempfile.gettempdir()) / f"bearerproof-findings-{self.campaign}")


def started(settings: RunConfig) -> Implementation:
    """Start the implementation, with the identity provider or authorization server that a profile may ask for."""
    return settings.start(idp.start, authorizationserver.start)


def mib() -> float:
    """Return the memory of this process and of those it started, resident now where the system says so."""
    sizes = [_resident(process) for process in _family(os.getpid())]
    return sum(sizes) or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _family(process: int) -> Iterator[int]:
    yield process
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):  # it has ended meanwhile
            for child in path.read_text().split():
                yield from _family(int(child))


def _resident(process: int) -> float:
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    return pages * resource.getpagesize() / 2**20


@dataclass
class Progress:
    """What a worker has done so far; it notes a line about it now and then."""

    store: Store
    name: str
    since: float = 0.0
    started: float = field(default_factory=time.monotonic)
    noted: float = 0.0
    tokens: int = 0
    checks: int = 0
    findings: int = 0
    foreseen: int = 0
    flaky: int = 0
    deaths: int = 0
    faults: int = 0
    mib: float = 0.0

    def note(self, corpus: Corpus, *, now: float | None = None, done: str | None = None) -> None:
        """Write a line: seconds, tokens, checks of the suite, inputs, features, findings, MiB."""
        now = time.monotonic() if now is None else now
        self.noted, self.mib = now, round(mib(), 1)
        row = {
            "seconds": round(now - self.started, 1),
            "tokens": self.tokens,
            "checks": self.checks,
            "inputs": len(corpus.inputs),
            "features": len(corpus.features),
            "findings": self.findings,
            "foreseen": self.foreseen,
            "flaky": self.flaky,
            "deaths": self.deaths,
            "faults": self.faults,
            "unreadable": corpus.unreadable,
            "mib": self.mib,
            "since": round(self.since, 1),
            **({} if done is None else {"done": done}),
        }
        with suppress(OSError):  # a full disk costs this line alone
            self.store.note(self.name, json.dumps(row) + "\n")


class OutOfTimeError(Exception):
    """The time was over before each edit was asked once; what was wrong until then has been said."""


class _StartAnewError(Exception):
    """The worker is to be started anew, with all that is on the disk."""


@dataclass
class Worker:
    """Explores with tokens, and now and then asks the suite's own properties and state machines with another seed."""

    plan: Plan
    number: int
    random: Random
    progress: Progress
    corpus: Corpus
    foreseen: list[Expectation] = field(default_factory=list)
    known: set[tuple[str, str]] = field(default_factory=set)
    known_drawn: set[KnownFinding] = field(default_factory=set)
    lesson: Lesson | None = None
    world: World | None = None
    settled: bool = False
    stopping: bool = False
    unwritten: dict[tuple[str, str], Json] = field(default_factory=dict)
    most: float = 0.0
    alone: bool = False
    spent: dict[bool, float] = field(default_factory=lambda: {True: 0.0, False: 0.0})
    """Seconds, by whether the suite was asked."""

    def work(self) -> None:
        """Work until the time is over or nobody waits any more.

        Raises:
            BearerproofError: the implementation cannot be started or asked any more.
        """
        vain, asked = 0, -1
        while not self._over():
            try:
                self._with_an_implementation()
            except AdapterFault:
                vain, asked = (vain + 1, asked) if self._asked == asked else (0, self._asked)
                if asked == 0 or vain >= VAIN:
                    raise
                self.progress.faults += 1
                time.sleep(0.2)

    @property
    def _asked(self) -> int:
        return self.progress.tokens + self.progress.checks

    @property
    def is_interrupted(self) -> bool:
        """Whether it was told to end, or whoever started it is gone."""
        return self.stopping or os.getppid() != self.plan.parent

    def _over(self) -> bool:
        return time.monotonic() >= self.progress.started + self.plan.seconds or self.is_interrupted

    def _with_an_implementation(self) -> None:
        implementation = started(self.plan.settings)
        try:
            self.most = self.most or max(self.plan.memory, 2 * mib())
            scope = self.plan.settings.resolve(implementation.declaration)
            verifies = any(profile in VERIFIERS for profile in scope.profiles)
            if verifies:
                self._explore_anew(implementation, scope)
        finally:
            self._count(implementation)
            implementation.close()
        while not self._over() and (self._is_the_suites_turn() or not verifies):
            self._ask_alone(scope)

    def _is_to_pause(self) -> bool:
        """Say whether exploring has to end for the suite: a server at a URL knows one address of its issuer."""
        return self.plan.settings.url is not None and self._is_the_suites_turn()

    def _is_the_suites_turn(self) -> bool:
        return self.spent[True] < self.plan.by_suite * (self.spent[True] + self.spent[False])

    def _ask_alone(self, scope: Scope) -> None:
        """Ask the suite while nothing else is asked, and note the time."""
        began = time.monotonic()
        self._ask_the_suite(scope)
        now = time.monotonic()
        self.spent[True] += now - began
        self._now_and_then(now)

    def _explore_anew(self, implementation: Implementation, scope: Scope) -> None:
        """Explore, with tokens made anew where those for a real clock have become old."""
        while not self._over() and not self._is_to_pause():
            lesson = self._lesson_by_now(implementation, scope)
            if lesson is not None:
                self._explore(self._explorer(lesson, implementation, scope), scope)

    def _lesson_by_now(self, implementation: Implementation, scope: Scope) -> Lesson | None:
        """Return what one worker of the campaign has learned; None when the time is over.

        Until it has learned all, the others draw what needs no edit.
        """
        while not self._over():
            if not self.settled:
                lesson = self._lesson("all") or self._learned(implementation, scope)
                self.settled = lesson is not None
                self.lesson = lesson or self._lesson("first")
            if self.lesson is not None:
                return self.lesson
            self._ask_the_suite(scope)
        return None

    def _lesson(self, stage: str) -> Lesson | None:
        named = self.plan.store.read(self.plan.lesson(stage))
        return (
            None
            if not named
            else Lesson.read(self.plan.store.read(f"{LESSONS}/{named.decode(errors='replace').strip()}"))
        )

    def _learned(self, implementation: Implementation, scope: Scope) -> Lesson | None:
        """Learn for all, unless another one does. Where nothing can be written, each learns for itself."""
        with ExitStack() as stack:
            mine = True
            with suppress(OSError):
                mine = stack.enter_context(self.plan.store.lock(self.plan.lesson("lock")))
            if not mine:
                return None
            if (already := self._lesson("all")) is not None:
                return already

            def keep(wrong: Wrong, again: bool) -> None:
                self._keep(Found(wrong, (), recurs=again))

            learning = Learning(implementation, scope, keep)
            self._teach("first", learning.lesson)
            for explorer in self._learning(learning, implementation, scope):
                for found in explorer.step():
                    self._keep(found)
            if not learning.has_ended:
                return None  # the time is over
            self._teach("all", learning.lesson)
            return learning.lesson

    def _learning(self, learning: Learning, implementation: Implementation, scope: Scope) -> Iterator[Explorer]:
        """Learn until the time is over; once each edit came, yield in between what explores by what is known then.

        Raises:
            OutOfTimeError: the time was over before each came.
        """
        explorer: Explorer | None = None
        made = 0.0
        for _ in learning.parts():
            now = time.monotonic()
            self._count(implementation)
            if now - self.progress.noted > self.plan.store.pace:
                self.progress.note(self.corpus, now=now)
            if self._over():
                if learning.each_came:
                    return
                raise OutOfTimeError
            if not learning.each_came:
                continue
            if explorer is None:
                self.lesson = learning.lesson
                self._teach("first", self.lesson)
            if explorer is None or now - made > FRESH:
                explorer, made = self._explorer(learning.lesson, implementation, scope), now
            yield explorer

    def _explorer(self, lesson: Lesson, implementation: Implementation, scope: Scope) -> Explorer:
        drawn = world(lesson, implementation.declaration, scope, shapes.read(self.plan.store.read(shapes.FILE)))
        self.world, judge = drawn, Judge(implementation.declaration, scope.measure)
        return Explorer(implementation, drawn, judge, self.corpus, self.random, self.known)

    def _teach(self, stage: str, lesson: Lesson) -> None:
        with suppress(OSError):  # on a full disk each learns for itself
            self.plan.store.put(f"{LESSONS}/{lesson.digest}.json", lesson.as_text())
            self.plan.store.put(self.plan.lesson(stage), f"{lesson.digest}.json\n")

    def _explore(self, explorer: Explorer, scope: Scope) -> None:
        """Explore until the tokens are old, the clock is not where it was to be, or more may be known."""
        real = not explorer.implementation.declaration.injected_clock
        start, ahead = time.monotonic(), time.time() - time.monotonic()
        while not self._over():
            began = time.monotonic()
            if real and (began - start > FRESH or abs(time.time() - began - ahead) > JUMP):
                return
            if not self.settled and began - start > LOOK:
                return  # more may be known by now, and if the one who learns has died, another one has to
            if self._is_to_pause():
                return
            by_suite = self._is_the_suites_turn()
            if by_suite:
                self._ask_the_suite(scope)
            else:
                for found in explorer.step():
                    self._keep(found)
            self._count(explorer.implementation)
            now = time.monotonic()
            self.spent[by_suite] += now - began
            self._now_and_then(now)

    def _now_and_then(self, now: float) -> None:
        """Note what was done, look at what others did, and see that memory and corpus are as they are to be.

        Raises:
            _StartAnewError: they are not.
        """
        if now - self.progress.noted > self.plan.store.pace:
            self.progress.note(self.corpus, now=now)
            if 0 < self.most < self.progress.mib:
                raise _StartAnewError
        self._keep_to_itself(now)
        if now - self._looked > LOOK:
            self._look_around()
            self._looked = now

    def _keep_to_itself(self, now: float) -> None:
        """Begin with an empty corpus where it is this worker's hour; whoever goes on with it has what was found in it.

        Raises:
            _StartAnewError: the hour is over, and all that others have is to be read.
        """
        hour = int((now - self.plan.began) // HOUR)
        alone = (hour + self.number) % EVERY == EVERY - 1
        if alone and not self.alone:
            self.corpus.begin_anew(f"{self.plan.campaign}-{self.number}-hour{hour}")
        elif self.alone and not alone:
            raise _StartAnewError
        self.alone = alone

    _looked: float = 0.0
    _found: keeping.Folder = field(default_factory=keeping.Folder)

    def _count(self, implementation: Implementation) -> None:
        """Count the tokens that were asked since it was last done."""
        self.progress.tokens += implementation.tokens
        self.progress.deaths += implementation.restarts
        implementation.tokens = implementation.restarts = 0

    def _look_around(self) -> None:
        """Take what others have added to the corpus, and know what they have found."""
        self.corpus.read_others()
        self.known |= {found.key for found in self._found.look(self.plan.store) if found.recurs}
        self._write_unwritten()

    def _ask_the_suite(self, scope: Scope) -> None:
        """Run the checks of one requirement with a seed of its own."""
        asked = self.random.choice([row.id for row in requirements().values() if _is_asked(row, scope)])
        known = (*self.plan.settings.known, *self.known_drawn)
        settings = RunConfig(
            **{
                **vars(self.plan.settings),
                "seed": self.random.randrange(2**32),
                "requirements": (asked,),
                "known": known,
            }
        )
        try:
            options = RunOptions(stop_at=lambda _: self._over(), examples=self._examples(settings))
            finished = run(SUITE, settings, options, started=started(settings))
        except PropertyEnded:
            self.progress.deaths += 1
            return
        self.progress.checks += len(finished.records)
        broken = finished.interrupted or (finished.fault is not None and finished.harness.selected)
        self.progress.faults += bool(broken and not self._over())  # neither is anybody's verdict
        for record in finished.records:
            if record.state in RED:
                self._keep_record(record, settings)
        self.progress.note(self.corpus)

    def _examples(self, settings: RunConfig) -> Examples | None:
        """Return the shared examples; those of known findings are left out of draws, and have to stay for others."""
        found = self.plan.examples
        if found is not None:
            found.forgets = not any(each.requirement in settings.requirements for each in settings.known)
        return found

    def _keep_record(self, record: Record, settings: RunConfig) -> None:
        for finding in record.findings:
            if "drawn" in finding:
                self.known_drawn.add(KnownFinding(record.requirement, str(finding["drawn"])))
                if record.requirement == "VER-2" and self._is_tolerated(finding):
                    continue  # as exploring does
            kind = kind_of(finding, record.id)
            key = record.requirement, kind
            if key not in self.known:
                self.known.add(key)
                recurs = is_red_again(settings, record.id, kind, self.plan.examples)
                row = {
                    **record.as_dict(),
                    "findings": [finding],
                    "kind": kind,
                    "seed": settings.seed,
                    "recurs": recurs,
                    **({} if self.plan.database is None else {"examples": True}),
                }
                self._write(key, row)

    def _is_tolerated(self, finding: Json) -> bool:
        """Say whether a token has nothing wrong with it but what is known to be passed over."""
        if self.world is None or "presented" not in finding:
            return False
        return self.world.tolerates(presentation_from_dict(finding["presented"]).token)

    def _keep(self, found: Found) -> None:
        key = found.wrong.violation.key
        if found.recurs:
            self.known.add(key)
        self._write(key, keeping.as_row(found.wrong, list(found.choices), recurs=found.recurs))

    def _write(self, key: tuple[str, str], row: Json) -> None:
        """Write a finding; one that was not so when asked again gives way to one that was."""
        self.progress.flaky += not row["recurs"]
        lesson = None if self.lesson is None else self.lesson.digest
        row = {**row, "lesson": lesson, "measure": self.plan.settings.measure}
        if keeping.is_foreseen(row, self.foreseen):
            self.progress.foreseen += 1
            return
        try:
            new = self._put(self.plan.store, key, row)
        except OSError:
            new = self.unwritten.get(key, {}).get("recurs", False) < row["recurs"]
            self._write_beside(key, row)
        self.progress.findings += bool(new and row["recurs"])

    def _put(self, store: Store, key: tuple[str, str], row: Json) -> bool:
        place = f"{store.place}/{keeping.FINDINGS}/{keeping.file_name(key)}"
        return keeping.put(store, key, keeping.completed(row, place, self.plan.words, self.plan.settings))

    def _write_beside(self, key: tuple[str, str], row: Json) -> None:
        """Keep what cannot be written now elsewhere on this machine, and for a later try."""
        if row["recurs"] or key not in self.unwritten:
            self.unwritten[key] = row
        with suppress(OSError, BadInput):
            self.plan.beside.path.mkdir(mode=0o700, exist_ok=True)
            self.plan.beside.prepare(keeping.FINDINGS)
            self._put(self.plan.beside, key, row)

    def _write_unwritten(self) -> None:
        """Write what could not be written before, if it can be by now."""
        for key, row in list(self.unwritten.items()):
            try:
                self._put(self.plan.store, key, row)
            except OSError:
                return
            del self.unwritten[key]
            self.plan.beside.remove(f"{keeping.FINDINGS}/{keeping.file_name(key)}")


def kind_of(finding: Json, check: str) -> str:
    """Return the kind of a check's finding, worded as exploring does: one cause is one finding."""
    kind = str(finding.get("drawn") or finding.get("kind") or finding.get("edit") or check)
    beneath, _, edit = kind.rpartition(" then ")
    if beneath:
        kind = f"{edit} on top of others"
    came = str(finding["got"]).split(maxsplit=1)[:1]
    if "presented" not in finding or not came or came[0] not in set(Outcome) or kind.endswith(f": {came[0]}"):
        return kind
    return f"{kind}: {came[0]}"


def is_red_again(settings: RunConfig, check: str, kind: str, shared: Examples | None = None) -> bool:
    """Ask one check of the suite again with the same seed and examples, and say whether it finds the same."""
    options = RunOptions(only=frozenset({check}), examples=shared)
    try:
        records = run(SUITE, settings, options, started=started(settings)).records
    except PropertyEnded:
        return True
    red = [record for record in records if record.id == check and record.state in RED]
    return any(kind_of(finding, check) == kind for record in red for finding in record.findings)


def _is_asked(row: Requirement, scope: Scope) -> bool:
    return row.binds(scope.measure) and scope.primary(row.profiles) is not None and row.contract <= scope.level


def work(plan: Plan, number: int) -> None:
    """Be one worker of a campaign; the exit code is 3 when the implementation could not be asked."""
    name = f"{plan.campaign}-{number}-{os.getpid()}-{secrets.token_hex(2)}"
    progress = Progress(plan.store, f"{PROGRESS}/{name}.jsonl", time.monotonic() - plan.began)
    corpus = Corpus(shards(plan.store, CORPUS), name)
    random = Random(f"{plan.seed} {number}")  # noqa: S311 - it decides what is tried, and has to be repeatable
    worker = Worker(plan, number, random, progress, corpus)

    def stop(*_: object) -> None:
        worker.stopping = True  # what is on its way is finished and kept

    signal.signal(signal.SIGTERM, stop)
    done, code = "the time is over", 0
    try:
        worker.foreseen = list(plan.expect)
        worker._keep_to_itself(time.monotonic())  # noqa: SLF001 - it is this module's
        worker._look_around()  # noqa: SLF001 - it is this module's
        worker.work()
        done = "interrupted" if worker.is_interrupted else done
    except _StartAnewError:
        done, code = "started anew", AGAIN
    except OutOfTimeError:
        done, code = ("interrupted", 0) if worker.is_interrupted else (OUT_OF_TIME, 3)
    except BearerproofError as error:
        done, code = error.describe() if isinstance(error, AdapterFault) else str(error), 3
    except Exception as error:
        done, code = f"a defect of bearerproof itself ({type(error).__name__}: {error})"[:500], AGAIN
        if "BEARERPROOF_DEBUG" in os.environ:
            raise
    corpus.close()
    worker._write_unwritten()  # noqa: SLF001 - it is this module's
    if worker.unwritten or corpus.unwritten:
        done, code = f"cannot write in {plan.place}: {corpus.unwritten or len(worker.unwritten)} times", UNWRITTEN
    progress.note(corpus, done=done)
    raise SystemExit(code)
