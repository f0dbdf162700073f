"""A campaign's folder, on a disk and in object stores: whole or not there, one first of many, and away for a while."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from urllib.request import urlopen

import pytest

from bearerproof.exceptions import BadInput
from bearerproof.judging.settings import RunConfig
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure, Profile
from bearerproof_fuzz.campaign import campaign, keeping, objects
from bearerproof_fuzz.campaign.candidate import Honest, Prepared, of_edit
from bearerproof_fuzz.campaign.corpus import Corpus, distill
from bearerproof_fuzz.campaign.judging import Violation
from bearerproof_fuzz.campaign.learning import Wrong
from bearerproof_fuzz.campaign.objects import ObjectStore
from bearerproof_fuzz.campaign.shards import ObjectShards, shards
from bearerproof_fuzz.campaign.store import Directory, Store, stored
from bearerproof_fuzz.campaign.working import Plan, Progress, Worker
from bearerproof_fuzz.edits.registry import Case, edits
from bearerproof_fuzz.forge import Forge

from ..conftest import CommandLine
from ..keyserver.redisserver import free_port
from .rows import KEY, ROW, until

S3 = "s3://bearerproof-campaigns/one"


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that speaks S3, with one bucket."""
    pytest.importorskip("moto")
    fs = pytest.importorskip("s3fs")
    port = free_port()
    null, command = subprocess.DEVNULL, [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=null, stderr=null)
    url = f"http://127.0.0.1:{port}"
    environment = {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        until(lambda: answers(url))
        fs.S3FileSystem().mkdir("bearerproof-campaigns")
        yield S3
    server.kill()
    server.wait()


def answers(url: str) -> bool:
    try:
        with urlopen(f"{url}/moto-api/") as reply:  # noqa: S310 - our own server
            return bool(reply.status)
    except OSError:
        return False


@pytest.fixture(params=["directory", "file", "memory", "local files as objects", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store of each kind."""
    if request.param == "directory":
        return stored(tmp_path)
    if request.param == "file":
        return stored(f"file://{tmp_path}")
    fsspec = pytest.importorskip("fsspec")
    if request.param == "local files as objects":
        return ObjectStore(fsspec.filesystem("file", auto_mkdir=True), str(tmp_path), str(tmp_path))
    place = request.getfixturevalue("s3") if request.param == "s3" else "memory://"
    return stored(f"{place}/{Random().randrange(10**9)}")


def test_a_text_is_put_read_listed_and_removed(store: Store) -> None:
    store.prepare("findings", "findings/mended")
    assert (store.read("findings/a.json"), store.names("findings")) == (None, {})
    store.put("findings/a.json", "one")
    (before,) = store.names("findings").values()
    store.put("findings/a.json", "another")
    store.put("findings/mended/b.json", "two")
    assert list(store.names("findings")) == ["findings/a.json"]
    assert store.names("findings")["findings/a.json"] != before
    assert store.read("findings/a.json") == b"another"
    store.remove("findings/a.json")
    store.remove("findings/a.json")
    assert store.read("findings/a.json") is None
    assert store.names("nothing") == {}


def test_one_of_many_is_first(store: Store) -> None:
    store.prepare("findings")
    assert [store.put_new("findings/a.json", text) for text in ("one", "two")] == [True, False]
    assert store.read("findings/a.json") == b"one"


def test_one_of_two_holds_a_name(store: Store) -> None:
    store.prepare("lessons")
    with store.lock("lessons/lock") as mine, store.lock("lessons/lock") as others:
        assert (mine, others) == (True, False)
    with store.lock("lessons/lock") as again:
        assert again


def test_who_is_killed_holds_an_object_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fsspec")
    store = stored("memory://held")
    store.put("lessons/lock", "by one who was killed")
    with store.lock("lessons/lock") as mine:
        assert not mine
    monkeypatch.setattr(objects, "LEASE", -1)
    with store.lock("lessons/lock") as mine:
        assert mine


def test_a_finding_that_recurs_is_not_hidden_by_a_doubtful_one(store: Store) -> None:
    store.prepare("findings")
    assert keeping.put(store, KEY, {**ROW, "recurs": False})
    assert not keeping.put(store, KEY, {**ROW, "recurs": False})
    assert keeping.put(store, KEY, ROW)
    assert not keeping.put(store, KEY, {**ROW, "recurs": False})
    (found,) = keeping.kept(store)
    assert (found.recurs, found.key) == (True, KEY)
    keeping.put_away(store, found)
    assert list(keeping.kept(store)) == []
    (mended,) = keeping.kept(store, keeping.MENDED)
    assert mended.name == found.name


def test_a_corpus_is_shared_and_distilled(store: Store) -> None:
    store.prepare("corpus")
    one, other = Corpus(shards(store, "corpus"), "one"), Corpus(shards(store, "corpus"), "other")
    one.add([3, 1, 4], frozenset({"a", "b"}))
    one.add([9], frozenset({"a"}))
    one.close()
    assert other.read_others() == 2 - 1  # the second one shows nothing new
    other.add([2], frozenset({"c"}))
    other.close()
    store.put("corpus/notes.jsonl", "somebody's own\n")
    done = distill(shards(store, "corpus"))
    assert (done.before, done.after, done.features) == (3, 2, 3)
    kept = [name for name in store.names("corpus") if name.endswith(".jsonl")]
    assert [name.partition("-")[0] for name in kept] == ["corpus/distilled", "corpus/notes.jsonl"]
    assert distill(shards(store, "corpus")).after == 2


class Away(Directory):
    """A store that cannot be written for a while."""

    pace = 0.0
    is_away = False

    def put(self, name: str, text: str) -> None:
        if self.is_away:
            raise OSError("the store is away")
        super().put(name, text)


def test_inputs_wait_for_a_store_that_is_away(tmp_path: Path) -> None:
    store = Away(tmp_path)
    store.prepare("corpus")
    one, other = Corpus(ObjectShards(store, "corpus"), "one"), Corpus(ObjectShards(store, "corpus"), "other")
    store.is_away = True
    for number in range(3):
        one.add([number], frozenset({str(number)}))
    assert other.read_others() == 0
    store.is_away = False
    one.close()
    assert (other.read_others(), one.unwritten) == (3, 0)
    one.add([4], frozenset({"4"}))
    store.is_away = True
    one.add([5], frozenset({"5"}))
    one.close()
    assert one.unwritten == 1


def test_a_place_that_cannot_be_used_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="nosuch://"):
        stored("nosuch://x")
    with pytest.raises(BadInput, match="holds no password") as refused:
        stored("ftp://me:hunter2@host/x")
    assert "hunter2" not in str(refused.value)
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(BadInput, match=r"python -m pip install 'bearerproof\[objects\]'"):
        stored("s3://without-the-extra/x")


def test_nobody_answering_is_one_line(bearerproof: CommandLine, s3: str) -> None:
    ended = bearerproof("fuzz", "--for", "1s", "--corpus", "s3://no-such-bucket/x", "reference")
    assert ended.code == 3
    assert "cannot write in s3://no-such-bucket/x" in ended.err
    assert "Traceback" not in ended.err


def a_finding(target: str) -> tuple[tuple[str, str], Json]:
    """Return a finding that can be presented again, with its key."""
    declaration = RunConfig(target=target.format("is_mended")).start().declaration
    case = Case(edits()["alg-none-unsigned-exact"], Profile.JWT, "HS256")
    prepared = Prepared(case, Honest(Forge.at_present(declaration).base(case.profile, case.algorithm)))
    made = of_edit(prepared, Measure.BASE, prepared.edited)
    violation = Violation("VER-12", f"{made.kind}: accepted", made.how, "rejected", "accepted")
    return violation.key, keeping.as_row(Wrong(made, violation), [], recurs=True)


def test_a_campaign_in_an_object_store(s3: str, bearerproof: CommandLine) -> None:
    """Two processes find, one replays from the store, and what is mended is put away there."""
    place, target = f"{s3}/whole", "python:tests.campaign.targets:{}"
    config = RunConfig(target=target.format("accepts_unsigned"), measure=Measure.BASE)
    plan = Plan(config, place, 60, 1, os.getppid())
    campaign.opened(plan)
    corpus = Corpus(shards(plan.store, "corpus"), "one")
    worker = Worker(plan, 0, Random(1), Progress(plan.store, f"progress/{plan.campaign}-0-1-a.jsonl"), corpus)
    worker._write(*a_finding(target))
    worker.progress.note(corpus)
    (found,) = keeping.kept(stored(place))
    assert found.replay.startswith(f"bearerproof replay {place}/findings/ver-12-")
    ended = bearerproof("replay", found.place, target.format("is_mended"))
    assert (ended.code, ended.err) == (0, "")
    assert "VER-12" in ended.out
    (row,) = campaign._rows(plan)
    assert (row["number"], row["findings"]) == (0, 1)
    known, mended = campaign.recognised(plan, lambda _: True)
    assert (known, [each.name for each in mended]) == ([], [found.name])
