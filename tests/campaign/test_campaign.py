"""A campaign as a whole: what is found stays found, whatever dies, is full, lies about, or changes its mind."""

import errno
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml  # type: ignore[import-untyped]  # of the openapi validator
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from typer.main import get_command

from bearerproof import data
from bearerproof.contract.implementation import Implementation, PropertyEnded
from bearerproof.contract.messages import Outcome, Presentation
from bearerproof.exceptions import BadInput
from bearerproof.judging.expectations import Expectation
from bearerproof.judging.results import Record
from bearerproof.judging.settings import RunConfig
from bearerproof.judging.vectors import Vector
from bearerproof.specification.catalogue import Measure, Profile
from bearerproof_fuzz.campaign import campaign, keeping, learning, shapes, shards, store, summary, working
from bearerproof_fuzz.campaign.campaign import Ended, Sum
from bearerproof_fuzz.campaign.candidates import World, labelled_forgery, varied
from bearerproof_fuzz.campaign.corpus import Corpus, distill
from bearerproof_fuzz.campaign.exploring import Explorer
from bearerproof_fuzz.campaign.judging import Judge
from bearerproof_fuzz.campaign.keeping import Kept
from bearerproof_fuzz.campaign.learning import (
    Learned,
    Learning,
    Lesson,
    answers,
    honest,
    in_turn,
    learn,
    prepared,
    world,
)
from bearerproof_fuzz.campaign.store import stored
from bearerproof_fuzz.campaign.working import OutOfTimeError, Plan, Progress, Worker
from bearerproof_fuzz.commands.cli import app
from bearerproof_fuzz.draws import Choices
from bearerproof_fuzz.forge import Forge

from ..conftest import ROOT, CommandLine
from ..elements import Elements
from .rows import KEY, ROW, SHOWN, until

TARGET = "python:tests.campaign.targets:{}"
ADAPTER = [sys.executable, "-m", "tests.campaign.targets"]


def valid(name: str, row: object) -> list[str]:
    """Return what a schema of the specification has against a value."""
    held = [json.loads(path.read_text("utf-8")) for path in (data.root() / "schemas").glob("*.schema.json")]
    registry: Registry[Any] = Registry().with_resources(
        [(schema["$id"], Resource.from_contents(schema)) for schema in held]
    )
    (schema,) = [schema for schema in held if schema["$id"].endswith(f"/{name}.schema.json")]
    return [error.message for error in Draft202012Validator(schema, registry=registry).iter_errors(row)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("campaign")


@pytest.fixture(scope="module")
def unsigned(folder: Path) -> dict[str, Any]:
    """The summary of a short campaign on what accepts tokens without a signature; its page lies beside it."""
    (folder / "seeds").write_text(json.dumps({"header": {}, "claims": {"tenant": "SECRET", "sub": "SECRET"}}))
    words = [
        "fuzz",
        "--for",
        "5s",
        "--workers",
        "1",
        "--seed",
        "1",
        "--corpus",
        folder / "c",
        "--seeds",
        folder / "seeds",
        "--page",
        folder / "page.html",
        "--json",
        folder / "one.json",
        TARGET.format("accepts_unsigned"),
    ]
    ended = bearerproof_process(words)
    assert (ended.returncode, "Traceback" in ended.stderr) == (1, False), ended.stderr
    assert "captured tokens are credentials" in ended.stderr
    found: dict[str, Any] = json.loads((folder / "one.json").read_text())
    return found


def bearerproof_process(words: list[Any], **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bearerproof", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False, **options)


def findings(unsigned: dict[str, Any], folder: Path) -> list[Kept]:
    listed = {row["file"] for row in unsigned["findings"]}
    return [kept for kept in keeping.kept(stored(folder / "c")) if kept.name in listed]


def test_the_summary_is_as_its_schema_says(unsigned: dict[str, Any]) -> None:
    assert valid("campaign", unsigned) == []
    assert valid("campaign", {**unsigned, "unheard-of": 1}) != []
    assert {row["state"] for row in unsigned["findings"]} == {"new"}
    assert ("VER-12", "alg-none-unsigned-exact: accepted") in {
        (row["requirement"], row["kind"]) for row in unsigned["findings"]
    }
    assert unsigned["troubles"] == []


def test_a_finding_is_all_that_its_reader_needs(
    unsigned: dict[str, Any], folder: Path, bearerproof: CommandLine
) -> None:
    kept = findings(unsigned, folder)
    assert len(kept) == len(unsigned["findings"]) > 3
    for found in kept:
        assert found.row["text"].endswith(".")
        assert "header" in found.row["apart"]
        assert valid("vector", found.row["vector"]) == []
        assert Vector(found.row["vector"]).allowed(Measure.STRICT) == {Outcome.REJECTED}
    words = shlex.split(kept[0].replay)
    assert words[-1] == TARGET.format("accepts_unsigned")
    assert bearerproof(*words[1:]).code == 1
    mended = bearerproof("replay", kept[0].place, TARGET.format("is_mended"))
    assert mended.code == 0, mended.out


def test_a_file_of_vectors_has_the_form_of_its_schema() -> None:
    for path in (data.root() / "vectors").glob("*.json"):
        assert valid("vector", json.loads(path.read_text("utf-8"))) == [], path.name


def test_the_page_needs_nothing_else_and_escapes_all(unsigned: dict[str, Any], folder: Path) -> None:
    text = (folder / "page.html").read_text("utf-8")
    elements = Elements(text).found
    assert "polyline" in {tag for tag, _ in elements}
    assert not {"script", "link", "img"} & {tag for tag, _ in elements}
    assert not {"src", "href"} & {name for _, attributes in elements for name in attributes}
    assert not re.search(r"url\(|@import", "".join(re.findall(r"<style>.*?</style>", text, re.DOTALL)))
    evil = '<script src="//evil">&\x00\ud800'
    found = Kept("x.json", {"requirement": "VER-1", "kind": evil, "apart": [evil], "replay": evil})
    head = summary.Head(evil, "1", "base", 1, 1, 1, evil)
    page = summary.page(head, Ended(new=[found], history=[]))
    assert "<script" not in page
    page.encode("utf-8")


def test_a_curve_is_over_all_of_the_time() -> None:
    ended = Ended()
    done = Sum(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1.0)
    for second in range(5_000):
        ended.add(replace(done, seconds=second, tokens=second * 7, features=second))
    assert len(ended.history) <= campaign.MOST_SAMPLES
    lines = summary.plot(ended.history).findall("polyline")
    assert len(lines) == 3
    assert all(len(str(line.get("points")).split()) <= summary.POINTS + 1 for line in lines)
    assert ET.tostring(summary.plot([]))


def test_no_value_of_a_captured_token_is_kept(unsigned: dict[str, Any], folder: Path) -> None:
    assert shapes.read((folder / "c" / shapes.FILE).read_bytes()) == (
        shapes.Shape((), (("sub", "a text"), ("tenant", "a text"))),
    )
    for path in (folder / "c").rglob("*.json*"):
        assert b"SECRET" not in path.read_bytes()


def test_what_is_mended_is_put_away_and_nothing_new(unsigned: dict[str, Any], folder: Path) -> None:
    words = [
        "fuzz",
        "--for",
        "2s",
        "--workers",
        "1",
        "--corpus",
        folder / "c",
        "--json",
        folder / "two.json",
        "--since",
        folder / "one.json",
        TARGET.format("is_mended"),
    ]
    ended = bearerproof_process(words)
    found = json.loads((folder / "two.json").read_text())
    assert {row["state"] for row in found["findings"]} == {"mended"}, ended.stdout
    assert ended.returncode == 0 or working.OUT_OF_TIME in ended.stdout  # a machine too busy to tell
    assert len(list((folder / "c/findings/mended").glob("*.json"))) == len(unsigned["findings"])


def started_process(folder: Path, mode: str) -> subprocess.Popen[str]:
    """Start a campaign on an adapter, and wait until something is found."""
    command = [
        sys.executable,
        "-m",
        "bearerproof",
        "fuzz",
        "--for",
        "60s",
        "--workers",
        "1",
        "--corpus",
        str(folder),
        "--",
        *ADAPTER,
        mode,
    ]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
    )
    until(lambda: list((folder / "findings").glob("*.json")))
    return process


def children(process: int) -> list[int]:
    found = [path.read_text().split() for path in Path(f"/proc/{process}/task").glob("*/children")]
    return [int(child) for part in found for child in part]


needs_proc = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="who started whom is read from /proc")


@needs_proc
def test_workers_end_when_the_campaign_is_killed_and_nothing_is_lost(tmp_path: Path) -> None:
    process = started_process(tmp_path, "unsigned")
    workers = children(process.pid)
    assert workers
    process.kill()
    process.communicate()
    until(lambda: not any(Path(f"/proc/{worker}/statm").exists() for worker in workers))
    found = list(keeping.kept(stored(tmp_path)))
    assert [each.recurs for each in found]
    assert len(found) == len(list((tmp_path / "findings").glob("*.json")))


@needs_proc
@pytest.mark.parametrize(("signals", "code"), [([signal.SIGINT], 1), ([signal.SIGTERM, signal.SIGINT], 3)])
def test_once_ends_in_order_and_twice_at_once(tmp_path: Path, signals: list[signal.Signals], code: int) -> None:
    process = started_process(tmp_path, "unsigned")
    workers = children(process.pid)
    for number in signals:
        os.killpg(process.pid, number)
        time.sleep(0.05)
    out, err = process.communicate(timeout=40)
    assert process.returncode == code
    assert ("(interrupted)" in out, "Traceback" in out + err) == (code == 1, False)
    assert not any(Path(f"/proc/{worker}/statm").exists() for worker in workers)


@needs_proc
def test_a_worker_that_is_killed_is_started_again(tmp_path: Path) -> None:
    process = started_process(tmp_path, "unsigned")
    (worker,) = children(process.pid)
    os.kill(worker, signal.SIGKILL)
    until(lambda: any(child != worker for child in children(process.pid)))
    os.kill(process.pid, signal.SIGTERM)
    out, _ = process.communicate(timeout=40)
    assert "workers started anew after they died: 1" in out


# What a worker does, without its process.


def config(name: str) -> RunConfig:
    return RunConfig(target=TARGET.format(name), profiles=(Profile.JWT,), measure=Measure.BASE)


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    plan = Plan(config("is_mended"), str(tmp_path), 60, 1, os.getppid(), words=("x",))
    campaign.opened(plan)
    corpus = Corpus(tmp_path / "corpus", "one")
    return Worker(plan, 0, Random(1), Progress(plan.store, f"progress/{plan.campaign}-0-1-a.jsonl"), corpus)


@pytest.fixture(scope="module")
def implementation() -> Iterator[Implementation]:
    started = config("is_mended").start()
    yield started
    started.close()


@pytest.fixture(scope="module")
def learned(implementation: Implementation) -> Learned:
    return learn(implementation, config("is_mended").resolve(implementation.declaration))


class Full:
    """A disk on which there is no room below one folder, until there is."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder: Path | None = folder
        self._replace = store.replaced
        monkeypatch.setattr(store, "replaced", self._replaced)

    def _replaced(self, path: Path, text: str) -> None:
        if self.folder is not None and path.is_relative_to(self.folder):
            raise OSError(errno.ENOSPC, "No space left on device")
        self._replace(path, text)


def test_a_full_disk_loses_no_finding(worker: Worker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "elsewhere"))
    (tmp_path / "elsewhere").mkdir()
    full = Full(tmp_path / "findings", monkeypatch)
    for _ in range(2):
        worker._write(KEY, ROW)
    assert (list(worker.unwritten), worker.progress.findings) == ([KEY], 1)
    (found,) = campaign.found_beside(worker.plan)
    assert found.key == KEY
    assert found.place in found.replay
    full.folder = None
    worker._look_around()
    assert (worker.unwritten, campaign.found_beside(worker.plan)) == ({}, [])
    (found,) = keeping.kept(worker.plan.store)
    assert found.key == KEY


def test_a_line_that_was_cut_off_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus, write = Corpus(tmp_path, "one"), os.write

    def full(handle: int, line: bytes) -> int:
        write(handle, line[:5])
        raise OSError(errno.ENOSPC, "No space left on device")

    corpus.add([1], frozenset("a"))
    monkeypatch.setattr(os, "write", full)
    corpus.add([2], frozenset("b"))
    monkeypatch.undo()
    corpus.add([3], frozenset("c"))
    other = Corpus(tmp_path, "other")
    other.read_others()
    assert ([each.choices for each in other.inputs], other.unreadable, corpus.unwritten) == ([(1,), (3,)], 1, 1)


def test_what_was_doubtful_gives_way_to_what_recurs(worker: Worker) -> None:
    for recurs, kept in ((False, False), (True, True), (False, True)):
        worker._write(KEY, {**ROW, "recurs": recurs})
        assert [found.recurs for found in keeping.kept(worker.plan.store)] == [kept]


@pytest.mark.parametrize(
    ("entry", "foreseen"),
    [
        ({}, True),
        ({"check": "alg-none-unsigned-exact"}, True),
        ({"check": "alg-none-unsigned-exact.ES256"}, True),
        ({"check": "alg-none-padded"}, False),
        ({"profile": "id-token"}, False),
        ({"requirement": "VER-13"}, False),
        ({"check": "forged", "finding": "alg-none-unsigned-exact"}, True),  # a drawn check found just this
        ({"check": "forged", "finding": "alg-none-padded"}, False),
        ({"check": "alg-none-unsigned-exact", "finding": "alg-none-padded"}, False),
        ({"check": "forged"}, False),
        ({"requirement": "VER-13", "check": "forged", "finding": "alg-none-unsigned-exact"}, False),
        ({"format": 2, "checks": ("forged",), "pins": ("alg-none-unsigned-exact",)}, True),
        ({"format": 2, "checks": ("forged",), "pins": ("alg-none-padded",)}, False),
    ],
)
def test_what_is_expected_is_no_finding(worker: Worker, entry: dict[str, Any], foreseen: bool) -> None:
    worker.foreseen = [Expectation(**{"requirement": "VER-12", "reason": "it is so", **entry})]
    worker._write(KEY, ROW)
    assert (worker.progress.foreseen, len(list(keeping.kept(worker.plan.store)))) == (foreseen, not foreseen)


def of_the_suite(check: str, drawn: str, token: str) -> Record:
    """Return what a check of the suite says that drew a token which is accepted and must not be."""
    finding = {**ROW["findings"][0], "edit": drawn, "drawn": drawn, "presented": {**SHOWN, "token": token}}
    requirement = check.partition(".")[0]
    return Record.from_dict({**ROW, "id": check, "requirement": requirement, "findings": [finding]})


def found_by_the_suite(worker: Worker, monkeypatch: pytest.MonkeyPatch, *records: Record) -> list[str]:
    """Return the kinds of what is kept of what the suite found, where each is so again."""
    monkeypatch.setattr(working, "is_red_again", lambda *_: True)
    for record in records:
        worker._keep_record(record, worker.plan.settings)
    return [found.key[1] for found in keeping.kept(worker.plan.store)]


def test_what_the_suite_drew_is_named_once_by_what_came_of_it(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    record = of_the_suite("VER-34.aud-as-the-oracle-says.jwt", "aud is a list: accepted", "a.b.c")
    assert found_by_the_suite(worker, monkeypatch, record) == ["aud is a list: accepted"]


def test_an_edit_on_top_of_several_others_is_one_finding_as_in_exploring(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The suite names both edits, of which there are hundreds of thousands of pairs."""
    check = "VER-1.composed-with-other-edits.jwt"
    records = [of_the_suite(check, f"{other} then a-period-too-many", "a..b.c") for other in ("one", "another")]
    assert found_by_the_suite(worker, monkeypatch, *records) == ["a-period-too-many on top of others: accepted"]


@pytest.mark.parametrize(
    ("entry", "foreseen"),
    [
        ({}, False),
        ({"pins": ("a-period-too-many",)}, True),
        ({"checks": ("a-period-too-many",)}, True),
        ({"pins": ("another",)}, False),
    ],
)
def test_what_the_suite_draws_is_expected_by_the_edit_on_top(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, entry: dict[str, Any], foreseen: bool
) -> None:
    worker.foreseen = [Expectation(**{"requirement": "VER-1", "reason": "it is so", "format": 2, **entry})]
    record = of_the_suite("VER-1.composed-with-other-edits.jwt", "one then a-period-too-many", "a..b.c")
    assert (found_by_the_suite(worker, monkeypatch, record) == []) == foreseen


@pytest.mark.parametrize(("token", "kinds"), [("a.b.c!", []), ("a.b.c\0", ["append: accepted"])])
def test_a_character_that_is_known_to_be_passed_over_is_nothing_new_where_the_suite_draws_it(
    worker: Worker, learned: Learned, monkeypatch: pytest.MonkeyPatch, token: str, kinds: list[str]
) -> None:
    worker.world = replace(learned.world, tolerated=frozenset({"=", " "} if kinds else {"!"}))
    check = "VER-2.no-token-mangled-beyond-the-alphabet-is-accepted.jwt"
    assert found_by_the_suite(worker, monkeypatch, of_the_suite(check, "append", token)) == kinds


def test_a_worker_that_outgrows_its_memory_is_started_anew(worker: Worker) -> None:
    worker.most = 1.0
    with pytest.raises(working._StartAnewError):
        worker._now_and_then(time.monotonic() + 2)


def test_each_of_eight_workers_is_alone_for_an_hour(worker: Worker, tmp_path: Path) -> None:
    others = Corpus(tmp_path / "corpus", "others")
    others.add([1], frozenset("a"))
    worker._now_and_then(worker.plan.began + 6.9 * 3600)
    assert worker.corpus.features == {"a"}
    worker._now_and_then(worker.plan.began + 7.5 * 3600)
    assert not worker.corpus.features
    worker.corpus.add([2], frozenset("b"))
    again = replace(worker, corpus=Corpus(tmp_path / "corpus", "two"), alone=False)
    again._now_and_then(worker.plan.began + 7.8 * 3600)
    assert again.corpus.features == {"b"}  # of its own hour, and of nobody else
    others.read_others()
    assert others.features == {"a", "b"}
    with pytest.raises(working._StartAnewError):
        worker._now_and_then(worker.plan.began + 8.1 * 3600)


def test_one_learns_for_all_and_they_draw_what_they_can_meanwhile(
    worker: Worker, implementation: Implementation, learned: Learned
) -> None:
    scope = config("is_mended").resolve(implementation.declaration)
    worker._teach("first", Lesson(learned.lesson.bases, ()))
    asked = implementation.tokens
    with worker.plan.store.lock(worker.plan.lesson("lock")):
        known = worker._lesson_by_now(implementation, scope)
        assert known is not None
        drawn = worker._explorer(known, implementation, scope).world
        assert (len(drawn.bases), drawn.settled, worker.settled) == (len(learned.world.bases), (), False)
    worker._teach("all", learned.lesson)
    known = worker._lesson_by_now(implementation, scope)
    assert known is not None
    drawn = worker._explorer(known, implementation, scope).world
    assert (implementation.tokens, worker.settled) == (asked, True)
    assert [each.case for each in drawn.settled] == [each.case for each in learned.world.settled]


def test_each_edit_comes_once_before_any_comes_again(implementation: Implementation) -> None:
    scope = config("is_mended").resolve(implementation.declaration)
    forge = Forge(implementation.declaration)
    whole = prepared(implementation.declaration, forge, scope, honest(implementation.declaration, forge, scope))
    turns = in_turn(whole)
    once = len({each.case.edit.id for each in whole})
    assert len({each.case.edit.id for each in turns[:once]}) == once
    assert sorted(map(id, turns)) == sorted(map(id, whole))
    functions = {each.case.edit.group for each in whole}
    assert {each.case.edit.group for each in turns[: len(functions)]} == functions


def test_one_honest_token_of_each_profile_is_asked_before_edits() -> None:
    asked = RunConfig(target="reference").start()
    scope = RunConfig(target="reference").resolve(asked.declaration)
    begun = Learning(asked, scope)
    bases = honest(asked.declaration, Forge(asked.declaration), scope)
    assert asked.tokens == len(begun.lesson.bases) == len({base.draft.profile for base in bases})
    for _ in begun.parts():
        if begun.each_came:
            break
    assert len(begun.lesson.bases) == len(bases)
    asked.close()


def test_what_is_learned_does_not_hang_on_the_order_in_which_it_is_asked(
    implementation: Implementation, learned: Learned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "in_turn", lambda whole: list(reversed(whole)))
    backwards = learn(implementation, config("is_mended").resolve(implementation.declaration)).lesson
    assert set(backwards.right) == set(learned.lesson.right)
    assert (backwards.bases, backwards.wrong) == (learned.lesson.bases, learned.lesson.wrong)


def test_while_one_learns_what_needs_no_edit_is_drawn(worker: Worker, implementation: Implementation) -> None:
    scope = config("is_mended").resolve(implementation.declaration)
    found = Learning(implementation, scope)
    explorers = list(worker._learning(found, implementation, scope))
    assert explorers
    assert {id(each) for each in explorers} == {id(explorers[0])}
    assert (explorers[0].world.settled, worker.lesson) == ((), worker._lesson("first"))
    assert found.lesson.right


def test_time_that_is_over_while_learning_says_so(worker: Worker, implementation: Implementation) -> None:
    worker.plan = replace(worker.plan, seconds=0.0)
    scope = config("is_mended").resolve(implementation.declaration)
    with pytest.raises(OutOfTimeError):
        worker._learned(implementation, scope)


@pytest.mark.parametrize(("parent", "done", "code"), [(0, working.OUT_OF_TIME, 3), (-1, "interrupted", 0)])
def test_a_worker_whose_parent_is_gone_does_not_blame_the_time(
    worker: Worker, implementation: Implementation, monkeypatch: pytest.MonkeyPatch, parent: int, done: str, code: int
) -> None:
    """What ends a worker while it learns is the time, or that nobody waits any more: that is nobody's trouble."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    scope = config("is_mended").resolve(implementation.declaration)
    monkeypatch.setattr(Worker, "work", lambda worker: worker._learned(implementation, scope))
    plan = replace(worker.plan, seconds=0.0, parent=worker.plan.parent + parent)
    with pytest.raises(SystemExit) as ended:
        working.work(plan, 0)
    (row,) = campaign._rows(plan)
    assert (ended.value.code, row["done"]) == (code, done)


def test_time_that_is_over_once_each_edit_came_ends_in_order(
    worker: Worker, implementation: Implementation, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = config("is_mended").resolve(implementation.declaration)
    monkeypatch.setattr(learning, "in_turn", lambda whole: [*whole, *whole])
    monkeypatch.setattr(worker, "_over", lambda: worker.lesson is not None)
    assert worker._learned(implementation, scope) is None
    assert worker._lesson("all") is None
    assert worker._lesson("first") == worker.lesson is not None


def test_a_clock_that_jumps_has_tokens_made_anew(
    worker: Worker, implementation: Implementation, learned: Learned, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = config("is_mended").resolve(implementation.declaration)
    judge = Judge(implementation.declaration, scope.measure)
    real = replace(implementation.declaration, injected_clock=False)
    monkeypatch.setattr(implementation, "declaration", real)
    instants = iter([1000.0, 1000.0, 9000.0])
    monkeypatch.setattr(time, "time", lambda: next(instants) + time.monotonic())
    worker.plan = replace(worker.plan, by_suite=0.0)
    worker._explore(Explorer(implementation, learned.world, judge, worker.corpus, Random(1)), scope)
    assert next(instants, None) is None


def test_a_token_to_which_no_answer_comes_is_one_finding(
    learned: Learned, implementation: Implementation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ask, waited = implementation.verify_all, []

    def hanging(presented: list[Presentation]) -> Any:
        for each in presented:
            if str(each.token).endswith("."):
                waited.append(each)
                raise PropertyEnded(Outcome.HUNG, "gave no answer", each)
        return ask(presented)

    monkeypatch.setattr(implementation, "verify_all", hanging)
    base = learned.world.bases[0].presentation
    asked = answers(implementation, [base, replace(base, token="a.b."), base])
    assert [answer.outcome for answer in asked] == [Outcome.ACCEPTED, Outcome.HUNG, Outcome.ACCEPTED]
    judge = Judge(implementation.declaration, Measure.BASE)
    searching = Explorer(implementation, learned.world, judge, Corpus(tmp_path, "one"), Random(1))
    found = [each for _ in range(4) for each in searching.step()]
    assert [each.wrong.violation.key for each in found] == [("VER-47", "no answer")]
    assert not any("hung" in feature for feature in searching.corpus.features)


def test_what_recurs_is_found_after_a_glitch(learned: Learned, implementation: Implementation, tmp_path: Path) -> None:
    judge = Judge(implementation.declaration, Measure.BASE)
    searching = Explorer(implementation, learned.world, judge, Corpus(tmp_path, "one"), Random(1))
    searching.doubts["VER-25", "no signature: accepted"] = 1
    assert ("VER-25", "no signature: accepted") not in searching.known


# The corpus.


def test_a_corpus_is_distilled_and_what_is_in_use_stays(tmp_path: Path) -> None:
    old, busy = Corpus(tmp_path, "old"), Corpus(tmp_path, "busy")
    old.add([1], frozenset("ab"))
    old.add([1, 2], frozenset("a"))
    old.close()
    busy.add([7], frozenset("c"))
    (tmp_path / "notes.jsonl").write_text("somebody's own\n")
    os.mkfifo(tmp_path / "pipe.jsonl")
    done = distill(tmp_path)
    assert (done.before, done.after, done.features, done.merged, done.in_use) == (3, 2, 3, 1, 1)
    assert {path.stem.partition("-")[0] for path in tmp_path.glob("*.jsonl")} == {"busy", "distilled", "notes", "pipe"}
    busy.add([8], frozenset("d"))
    busy.close()
    assert distill(tmp_path).after == 3
    assert len(list(tmp_path.glob("distilled-*.jsonl"))) == 1
    with store.lock(tmp_path / "distilling.lock"), pytest.raises(BadInput, match="by somebody else"):
        distill(tmp_path)


def test_nothing_is_removed_before_the_merged_file_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Corpus(tmp_path, "one")
    one.add([1], frozenset("a"))
    one.close()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shards, "replaced", full)
    with pytest.raises(BadInput, match="No space left"):
        distill(tmp_path)
    assert (tmp_path / "one.jsonl").exists()


def test_inputs_of_another_version_draw_other_tokens(learned: Learned) -> None:
    random = Random(1)
    for _ in range(300):
        recorded = [random.randrange(10**20) for _ in range(random.randrange(30))]
        world_candidate(Choices(random, recorded), learned.world)


def world_candidate(choices: Choices, drawn: World) -> object:
    return varied(choices, drawn) or labelled_forgery(choices, drawn)  # type: ignore[arg-type]


# Captured tokens.


TOKEN = "eyJhbGciOiJub25lIiwieC10cmFjZSI6IlNFQ1JFVCJ9.eyJ0ZW5hbnQiOiJTRUNSRVQiLCJsZXZlbCI6MywiYUBiLmMiOjF9."


@pytest.mark.parametrize(
    "line",
    [TOKEN, f"Bearer {TOKEN}", json.dumps({"token": TOKEN}), json.dumps({"access_token": TOKEN, "user": "SECRET"})],
)
def test_a_captured_token_is_names_and_kinds(tmp_path: Path, line: str) -> None:
    (tmp_path / "tokens").write_text(f"{line}\n\nSECRET nonsense\n")
    found = shapes.captured(tmp_path / "tokens")
    header = (("alg", "a text"), ("x-trace", "a text"))
    assert found == shapes.Captured((shapes.Shape(header, (("level", "a number"), ("tenant", "a text"))),), 1, 1)
    (tmp_path / shapes.FILE).write_text(shapes.as_text(found.shapes))
    assert shapes.read((tmp_path / shapes.FILE).read_bytes()) == found.shapes
    assert "SECRET" not in (tmp_path / shapes.FILE).read_text()


def test_an_honest_token_in_a_captured_shape_is_accepted(implementation: Implementation, learned: Learned) -> None:
    scope = config("is_mended").resolve(implementation.declaration)
    shape = shapes.of_members({"x-trace": "a"}, {"tenant": "a", "exp": 1, "level": 1.5, "flags": [], "constructor": {}})
    drawn = world(learned.lesson, implementation.declaration, scope, (shape,))
    random, judge = Random(1), Judge(implementation.declaration, scope.measure)
    seen: set[str] = set()
    for kind in (varied, labelled_forgery):
        for _ in range(60):
            made = kind(Choices(random), drawn)  # type: ignore[arg-type]
            assert made is not None
            assert not list(judge.violations(made, implementation.verify(made.presented)))
            seen |= {"varied"} if kind is varied and '"tenant"' in json.dumps(made.claims) else set()
    assert seen == {"varied"}


def test_a_lesson_that_is_none_is_learned_again() -> None:
    for text in (None, b"", b"[]", b'{"bases": [1]}', b"\x00\xff", b'{"bases": [], "right": [["a"]]}'):
        assert Lesson.read(text) is None


# The document.


def test_the_nightly_workflow_is_valid_and_its_options_exist() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "fuzz" / "README.md").read_text("utf-8"), re.DOTALL)
    workflow = yaml.safe_load(text)
    job = workflow["jobs"]["fuzz"]
    assert job["timeout-minutes"] > 60
    lines = [step["run"] for step in job["steps"] if step.get("run", "").startswith("bearerproof")]
    assert len(lines) == 2
    known = {name for option in get_command(app).commands["fuzz"].params for name in option.opts}  # type: ignore[attr-defined]
    for line in lines:
        words = shlex.split(line.partition(" -- ")[0])
        assert words[:2] == ["bearerproof", "fuzz"]
        assert {word for word in words if word.startswith("-")} <= known
