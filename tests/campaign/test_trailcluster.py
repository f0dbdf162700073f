"""A trail that a cluster reads: the report of one process, whatever is lost meanwhile, and never of other files."""

import gzip
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from bearerproof.exceptions import BadInput
from bearerproof.trail import Options, TrailReport, prove, reading
from bearerproof.trail.slices import read_slice
from bearerproof_fuzz.campaign import cluster
from bearerproof_fuzz.commands import trailcluster
from bearerproof_fuzz.commands.trailcluster import TrailSlice, prove_on, read

from ..conftest import CommandLine
from ..trail import honest
from ..trail.trails import Server, lived, text
from .machines import Machines
from .rows import until

Fate = Callable[[TrailSlice], Any]
"""What becomes of a slice that is asked for."""


def told(report: TrailReport) -> str:
    return report.as_text() + json.dumps(report.as_json())


@dataclass
class Task:
    came: Any

    def done(self) -> bool:
        return self.came is not None

    def result(self, **_: float) -> Any:
        if isinstance(self.came, Exception):
            raise self.came
        return self.came


@dataclass
class Client:
    """A scheduler that has each slice end as it is told, and is gone when one never ends."""

    fate: Fate
    threads: int = 3
    asked: list[TrailSlice] = field(default_factory=list)

    @property
    def status(self) -> str:
        return "closed"

    def nthreads(self) -> dict[str, int]:
        return {"a": self.threads} if self.threads else {}

    def submit(self, function: object, work: TrailSlice, **_: bool) -> Task:
        assert function is read
        self.asked.append(work)
        return Task(self.fate(work))

    def close(self, **_: float) -> None:
        assert self.asked


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a few lines, so that a short trail has many."""
    monkeypatch.setattr(reading, "BLOCK", 700)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Many files that a system of several writers left, some of them packed, and one that is no truth."""
    draw, names = random.Random("cluster"), []
    system = honest.System(draw)
    for _ in range(60):
        system.step()
    for number, lines in enumerate([*honest.files(draw, system), honest.verifiers(draw)]):
        octets = honest.as_text(draw, lines).encode()
        names.append(str(tmp_path / f"{number}.log"))
        Path(names[-1]).write_bytes(gzip.compress(octets) if number % 2 else octets)
    names.append(str(tmp_path / "lie.log"))
    Path(names[-1]).write_text(text([*Server().issue(1).use(1).use(1, seconds=900).events, *lived().events]))
    return names


def read_here(work: TrailSlice) -> Any:
    return list(read_slice(work.paths, work.k, work.n, work.options))


def lost(work: TrailSlice) -> Any:
    return RuntimeError("KilledWorker") if work.k == 1 else read_here(work)


def lost_half_way(work: TrailSlice) -> Any:
    return read_here(work)[: work.k]


def with_the_scheduler(work: TrailSlice) -> Any:
    return None if work.k else read_here(work)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("fate", [read_here, lost, lost_half_way, with_the_scheduler])
def test_the_report_is_that_of_one_process(files: list[str], monkeypatch: pytest.MonkeyPatch, fate: Fate) -> None:
    client = Client(fate)
    monkeypatch.setattr(cluster, "connected", lambda _: client)
    whole = told(prove(files))
    assert "NOT truthful" in whole
    assert told(prove_on("tcp://there", files, Options())) == whole
    assert [(each.k, each.n) for each in client.asked] == [(0, 3), (1, 3), (2, 3)]


def test_other_files_of_the_same_names_are_told_and_not_judged(
    files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile_changed(work: TrailSlice) -> Any:
        Path(files[0]).write_text("{}")
        with pytest.raises(BadInput) as refused:
            read(work)
        return refused.value

    monkeypatch.setattr(cluster, "connected", lambda _: Client(meanwhile_changed))
    with pytest.raises(BadInput, match=r"has another .*0\.log, or none"):
        prove_on("tcp://there", files, Options())


def test_a_machine_with_another_version_says_so(files: list[str]) -> None:
    work = TrailSlice(tuple(files), tuple(map(trailcluster._digest, files)), 0, 1, Options())
    with pytest.raises(BadInput, match=r"has bearerproof .*, Python .*, zlib .* judged by bearerproof 0\.0\.0"):
        read(replace(work, reader="bearerproof 0.0.0"))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("-",), "--cluster reads files"),
        (("-n", "2", "a.jsonl"), "cannot be had together"),
        (("--follow", "a.jsonl"), "cannot be had together"),
        (("--chain", "a.jsonl"), "do not go with --chain"),
    ],
)
def test_what_no_cluster_can_do_is_one_line(bearerproof: CommandLine, words: tuple[str, ...], says: str) -> None:
    code, _, err = bearerproof("trail", "--cluster", "tcp://127.0.0.1:9", *words)
    assert (code, says in err) == (3, True)


def test_a_cluster_without_a_machine_is_one_line(files: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(read_here, threads=0)
    client.asked.append(TrailSlice((), (), 0, 0, Options()))
    monkeypatch.setattr(cluster, "connected", lambda _: client)
    with pytest.raises(BadInput, match="has no machine"):
        prove_on("tcp://there", files, Options())


# With real processes.


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    pytest.importorskip("distributed")
    started = Machines(tmp_path, 2)
    yield started
    started.end()


def test_real_machines_report_what_one_process_does(
    bearerproof: CommandLine, machines: Machines, files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names are relative, and a machine dies of the first slice that it is given."""
    monkeypatch.chdir(Path(files[0]).parent)
    server = Server()
    for number in range(1200):
        server.issue(number).use(number)
    Path(files[0]).write_text(text([*server.use(3, seconds=700).events, *lived().events]))
    assert Path(files[0]).stat().st_size > 2 * reading.BLOCK
    names = [Path(name).name for name in files]
    client = cluster.connected(machines.address)
    until(lambda: cluster.width(client) == 2)
    client.close()
    whole = bearerproof("trail", "--json", *names)
    machines.workers[0].terminate()
    assert bearerproof("trail", "--json", "--cluster", machines.address, *names) == whole
    assert whole.code == 1
