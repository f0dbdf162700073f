"""Whoever reads which part of a trail, and whenever it comes: the report is that of one who reads it in one piece."""

import multiprocessing
import random
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import pytest

from bearerproof.trail import Options, TrailReport, prove, reading, sharing
from bearerproof.trail.judge import Judgement
from bearerproof.trail.processes import prove_with
from bearerproof.trail.reading import BLOCK, Part, contents
from bearerproof.trail.sharing import Sharing
from bearerproof.trail.slices import PartReader, Yield, packed

from .test_slices import Make, honest_trail, hostile_trail, lying_trail, told
from .trails import Server, lived, text

KINDS: tuple[Make, ...] = (honest_trail, lying_trail, hostile_trail)


class Another:
    """Somebody who reads in this process: at most ``places`` parts at once, none of over ``room`` octets.

    He ends after ``life`` parts, with others before him; of some he says what nobody can read.
    """

    def __init__(self, draw: random.Random, options: Options, *, places: int, life: int, room: int = BLOCK) -> None:
        self.draw = draw
        self.reader = PartReader(options)
        self.places, self.life, self.room = places, life, room
        self.is_there = True
        self.parts = deque[tuple[Part, bool]]()
        self.asked: list[bool] = []

    def takes(self) -> bool:
        return len(self.parts) < self.places

    def send(self, part: Part, *, in_short: bool) -> bool:
        if len(part.octets) > self.room:
            return False
        self.parts.append((part, in_short))
        self.asked.append(in_short)
        return True

    def receive(self) -> Yield | None:
        if self.life == 0:
            self.is_there = False
            return None
        self.life -= 1
        part, in_short = self.parts.popleft()
        yielded = packed(self.reader.read(part), in_short=in_short)
        return yielded if self.draw.random() < 0.9 else yielded[:-1]


class Team:
    """Several of them, of whom some have news when asked, and one at least when waited for."""

    def __init__(self, draw: random.Random, others: Sequence[Another]) -> None:
        self.draw = draw
        self.others = others

    def news(self, wait: bool) -> list[Another]:
        busy = [other for other in self.others if other.is_there and (other.parts or not other.life)]
        assert busy or not wait, "it would wait for ever"
        some = self.draw.sample(busy, self.draw.randint(0, len(busy)))
        return some or ([self.draw.choice(busy)] if wait else [])


def shared(names: list[str], options: Options, draw: random.Random) -> TrailReport:
    others = [
        Another(
            draw, options, places=draw.randint(1, 4), life=draw.choice((0, 3, 1000)), room=draw.choice((900, BLOCK))
        )
        for _ in range(draw.randint(0, 3))
    ]
    return shared_with(others, names, options, draw)


def shared_with(others: list[Another], names: list[str], options: Options, draw: random.Random) -> TrailReport:
    judgement = Judgement(options)
    Sharing(contents(names), judgement, PartReader(options), others, Team(draw, others).news).judge()
    return judgement.report()


@pytest.mark.parametrize("size", [700, 10_000])
@pytest.mark.parametrize("make", KINDS)
def test_a_report_is_the_same_whoever_reads(
    make: Make, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BLOCK", size)
    for count in range(40):
        draw = random.Random(f"sharing {size} {count}")
        names, options = make(draw, tmp_path)
        monkeypatch.setattr(sharing, "IN_A_ROW", draw.choice((1, 3, 8)))
        assert told(shared(names, options, draw)) == told(prove(names, options)), count


@pytest.fixture
def long_trail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A trail of some hundred small parts."""
    monkeypatch.setattr(reading, "BLOCK", 2000)
    server, file = Server(), tmp_path / "audit.jsonl"
    for number in range(300):
        server.issue(number).use(number).use(number)
    file.write_text(text(server.events))
    return str(file)


def counted(names: list[str], others: list[Another], monkeypatch: pytest.MonkeyPatch) -> tuple[list[Part], int]:
    """What the others do not read, and the most parts that were under way at once."""
    here: list[Part] = []
    under_way, most, reads, judges = 0, 0, PartReader.read, Sharing._judge
    theirs = [other.reader for other in others]

    def read(self: PartReader, part: Part) -> object:
        if self not in theirs:
            here.append(part)
        return reads(self, part)

    def read_on(names: list[str]) -> object:
        nonlocal under_way, most
        for content in contents(names):
            under_way += 1
            most = max(most, under_way)
            yield content

    def judge(self: Sharing, turn: object) -> None:
        nonlocal under_way
        under_way -= 1
        judges(self, turn)  # type: ignore[arg-type]

    monkeypatch.setattr(PartReader, "read", read)
    monkeypatch.setattr(Sharing, "_judge", judge)
    judgement, team = Judgement(Options()), Team(random.Random(1), others)
    Sharing(read_on(names), judgement, PartReader(Options()), others, team.news).judge()  # type: ignore[arg-type]
    assert under_way == 0
    return here, most


def test_parts_are_read_by_all_and_not_too_many_wait(long_trail: str, monkeypatch: pytest.MonkeyPatch) -> None:
    others = [Another(random.Random(n), Options(), places=4, life=10_000) for n in range(2)]
    here, most = counted([long_trail], others, monkeypatch)
    read = [len(here), *(len(other.asked) for other in others)]
    assert min(read) > 3, read
    assert most <= 2 * sharing.IN_A_ROW * 3 + sharing.IN_A_ROW


def test_after_one_part_of_which_its_gist_is_not_enough_more_are_asked_for_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tokens of the second half of a trail were issued in the first, so that nothing of it can be judged short."""
    monkeypatch.setattr(reading, "BLOCK", 2000)
    server, file, options = Server(minimal=True).issue(), tmp_path / "audit.jsonl", Options(from_middle=True)
    for _ in range(600):
        server.use()
    file.write_text(text(server.events[1:]))
    other = Another(random.Random(1), options, places=2, life=10_000)
    report = shared_with([other], [str(file)], options, random.Random(1))
    assert told(report) == told(prove([str(file)], options))
    assert (other.asked[0], other.asked.count(False) > len(other.asked) / 2) == (True, True)


# With real processes, each with another seed for hashes.


@pytest.fixture
def large(tmp_path: Path) -> str:
    """A trail of a few parts of the usual size that is no truth."""
    server, file = Server(), tmp_path / "audit.jsonl"
    for number in range(4000):
        server.issue(number).use(number)
    file.write_text(text([*server.use(3, seconds=700).events, *lived().events]))
    assert file.stat().st_size > 8 * BLOCK
    return str(file)


def test_processes_report_what_one_does(large: str) -> None:
    whole = told(prove([large]))
    assert "NOT truthful" in whole
    assert told(prove_with(2, [large])) == told(prove_with(3, [large])) == whole


def test_a_process_that_dies_costs_time_alone(large: str) -> None:
    killed: list[int] = []

    def kill(_: str, octets: int) -> None:
        for child in multiprocessing.active_children():
            child.kill()
            killed.append(octets)

    assert told(prove_with(2, [large], progress=kill)) == told(prove([large]))
    assert killed


def test_where_no_process_can_be_started_one_reads_all(large: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refused: list[object] = []

    def refuse(self: object) -> None:
        refused.append(self)
        raise BlockingIOError

    monkeypatch.setattr(multiprocessing.process.BaseProcess, "start", refuse)
    assert told(prove_with(2, [large])) == told(prove([large]))
    assert refused
