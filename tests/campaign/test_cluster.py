"""A campaign on a cluster: a slice, a machine or the scheduler that is lost costs time and nothing else."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from bearerproof.exceptions import BadInput
from bearerproof.judging.settings import RunConfig
from bearerproof_fuzz.campaign import campaign, cluster, keeping, slices
from bearerproof_fuzz.campaign.campaign import Ended, Sum
from bearerproof_fuzz.campaign.cluster import Cluster
from bearerproof_fuzz.campaign.slices import Done, Slice
from bearerproof_fuzz.campaign.store import stored
from bearerproof_fuzz.campaign.working import AGAIN, UNWRITTEN, Plan

from ..conftest import ROOT, CommandLine
from .machines import Machines
from .rows import until

TARGET = "python:tests.campaign.targets:{}"


DONE = Done(0, "a")


@dataclass
class Task:
    """What a scheduler says of a task."""

    work: Slice
    status: str = "pending"
    came: Any = DONE

    def result(self, **_: float) -> Any:
        return self.came

    def exception(self, **_: float) -> Any:
        return self.came


@dataclass
class Client:
    """A scheduler that does nothing by itself."""

    status: str = "running"
    asked: list[Task] = field(default_factory=list)

    def submit(self, function: object, work: Slice, key: str, **_: bool) -> Task:
        assert function is slices.carried_out
        assert key not in [task.work.key for task in self.asked]
        self.asked.append(Task(work))
        return self.asked[-1]

    def close(self, **_: float) -> None:
        self.status = "closed"


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    found = Plan(RunConfig(target=TARGET.format("is_mended")), str(tmp_path), 1000, 1, os.getpid(), words=("x",))
    campaign.opened(found)
    return found


@pytest.fixture
def crew(plan: Plan) -> Cluster:
    started = Cluster(plan, Ended(), "tcp://there", Client())
    started.start(3, 1000)
    return started


def ended(crew: Cluster, status: str, came: Any = DONE, left: float = 500) -> Task:
    """Have the last slice end so, and return it."""
    task: Task = crew.client.asked[-1]
    task.status, task.came = status, came
    crew.look(left)
    return task


def test_a_worker_does_slice_after_slice_as_long_as_there_is_time(crew: Cluster) -> None:
    first = ended(crew, "finished", DONE)
    assert (first.work.seconds, first.work.number, first.work.turn) == (cluster.SLICE, 3, 0)
    second = ended(crew, "finished", DONE, left=40)
    assert (second.work.number, second.work.turn) == (3, 1)
    last = ended(crew, "finished", DONE, left=0)
    assert last.work.seconds == 40
    assert (crew.at_work, crew.ended.restarts, crew.ended.troubles) == (False, 0, [])


@pytest.mark.parametrize(
    ("status", "came", "restarts", "recycled"),
    [
        ("cancelled", None, 1, 0),
        ("lost", None, 1, 0),
        ("error", RuntimeError("KilledWorker"), 1, 0),
        ("finished", Done(-9, "a"), 1, 0),
        ("finished", Done(AGAIN, "a"), 0, 1),
    ],
)
def test_what_is_lost_is_asked_for_again(crew: Cluster, status: str, came: Any, restarts: int, recycled: int) -> None:
    ended(crew, status, came)
    assert [task.work.turn for task in crew.client.asked] == [0, 1]
    assert (crew.ended.restarts, crew.ended.recycled, crew.ended.troubles) == (restarts, recycled, [])


@pytest.mark.parametrize(
    ("status", "came", "says"),
    [
        ("error", BadInput("host has bearerproof 9"), "host has bearerproof 9"),
        ("error", ModuleNotFoundError("No module named 'bearerproof_fuzz'"), "the machines of the cluster lack"),
        ("finished", Done(UNWRITTEN, "hal"), "hal cannot write in"),
        ("finished", Done(3, "a"), ""),
    ],
)
def test_what_no_other_try_would_mend_is_told_and_not_tried(crew: Cluster, status: str, came: Any, says: str) -> None:
    ended(crew, status, came)
    assert (len(crew.client.asked), crew.at_work, crew.ended.restarts) == (1, False, 0)
    assert [trouble for trouble in crew.ended.troubles if says not in trouble] == []
    assert bool(crew.ended.troubles) == bool(says)


def test_slices_that_do_nothing_but_die_are_left(crew: Cluster) -> None:
    for _ in range(campaign.MOST_RESTARTS + 1):
        ended(crew, "finished", Done(-11, "a"))
    assert not crew.at_work
    assert "no more are asked for" in crew.ended.troubles[0]


def test_machines_that_come_and_go_are_asked_as_long_as_they_get_on(crew: Cluster) -> None:
    done = Sum(**dict.fromkeys(Sum.__dataclass_fields__, 0))
    for number in range(3 * campaign.MOST_RESTARTS):
        crew.ended.add(replace(done, tokens=number // campaign.MOST_RESTARTS))
        ended(crew, "lost", None)
    assert (crew.at_work, crew.ended.restarts, crew.ended.troubles) == (True, 3 * campaign.MOST_RESTARTS, [])


def test_a_scheduler_that_comes_back_is_asked_again(crew: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = crew.client
    lost.status = "connecting"
    lost.asked[0].status = "cancelled"
    crew.look(500)
    assert len(lost.asked) == 1
    lost.status = "closed"
    other = Client()
    monkeypatch.setattr(cluster, "connected", lambda *_: other)
    crew.look(500)
    crew.look(500)
    assert [(task.work.number, task.work.turn) for task in other.asked] == [(3, 1)]
    assert crew.ended.troubles == []


def test_a_scheduler_that_stays_away_ends_the_campaign(crew: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(address: str, seconds: float) -> Client:
        raise BadInput("nobody")

    monkeypatch.setattr(cluster, "connected", nobody)
    monkeypatch.setattr(cluster, "GONE", -1)
    crew.client.status = "closed"
    crew.look(500)
    assert not crew.at_work
    assert "tcp://there is gone" in crew.ended.troubles[0]
    assert crew.plan.place in crew.ended.troubles[0]


def test_an_interrupt_tells_all_machines_once(crew: Cluster) -> None:
    assert crew.plan.store.read(crew.plan.mark("over")) is None
    crew.ended.interrupted = True
    crew.stop()
    assert crew.plan.store.read(crew.plan.mark("over")) is not None
    assert crew.at_work  # it ends in order
    ended(crew, "finished", DONE)
    assert not crew.at_work


def test_a_machine_with_another_version_or_folder_says_so(plan: Plan) -> None:
    work = Slice(plan.as_text(), 0, 0, 1, 0)
    with pytest.raises(BadInput, match="does not see the folder"):
        slices.carried_out(work)
    slices.begin(plan)
    with pytest.raises(BadInput, match=r"has bearerproof .* is of 0\.0\.0"):
        slices.carried_out(replace(work, version="0.0.0"))


def test_nobody_at_the_address_is_one_line(
    bearerproof: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "CONNECT", 1)
    code, _, err = bearerproof("fuzz", "--for", "1s", "--corpus", tmp_path, "--cluster", "tcp://127.0.0.1:9", "pyjwt")
    assert (code, "no scheduler answers at tcp://127.0.0.1:9" in err) == (3, True)


def test_without_the_extra_the_message_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(BadInput, match=r"python -m pip install 'bearerproof\[cluster\]'"):
        cluster.connected("tcp://127.0.0.1:9")


# With real processes.


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    pytest.importorskip("distributed")
    started = Machines(tmp_path, 1)
    yield started
    started.end()


def test_worker_and_scheduler_are_killed_and_nothing_is_lost(machines: Machines, tmp_path: Path) -> None:
    """A campaign goes on over the death of its machine and of the scheduler, and ends in order when it is told to."""
    folder = tmp_path / "c"
    command = [
        sys.executable,
        "-m",
        "bearerproof",
        "fuzz",
        "--for",
        "10m",
        "--workers",
        "1",
        "--corpus",
        str(folder),
        "--json",
        str(tmp_path / "summary.json"),
        "--cluster",
        machines.address,
        TARGET.format("accepts_unsigned"),
    ]
    front = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    until(lambda: list((folder / "findings").glob("*.json")))
    before = {path.name for path in (folder / "findings").glob("*.json")}
    machines.kill_scheduler()
    machines.kill_worker(0)
    machines.look()
    until(lambda: len(list((folder / "progress").glob("*.jsonl"))) == 2)
    front.send_signal(signal.SIGINT)
    out, err = front.communicate(timeout=300)
    assert (front.returncode, "Traceback" in err + out) == (1, False), out + err
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert before <= {row["file"] for row in summary["findings"]}
    assert summary["interrupted"]
    assert summary["restarts"] == 1
    found = list(keeping.kept(stored(folder)))
    assert len({each.key for each in found}) == len(found) == len(summary["findings"])
