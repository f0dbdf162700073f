"""A trail read in slices is judged as one read in one piece, to the byte, whatever stands in it."""

import gzip
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bearerproof.trail import Options, TrailReport, prove, reading
from bearerproof.trail.facts import Tally
from bearerproof.trail.judge import Judgement, PartRead
from bearerproof.trail.slices import join, read_slice

from . import honest, hostile, lies
from .trails import Server, failure, lived, text, violated

SLICES = 1, 2, 3

Make = Callable[[random.Random, Path], tuple[list[str], Options]]
"""Writes a trail into files of a folder, and says how it is to be judged."""


def told(report: TrailReport) -> str:
    return report.as_text() + json.dumps(report.as_json())


def differing(names: list[str], options: Options) -> list[int]:
    """The numbers of slices by which a report differs from that of a trail read in one piece."""
    whole = told(prove(names, options))
    return [slices for slices in SLICES if told(joined(names, slices, options)) != whole]


def joined(names: list[str], slices: int, options: Options) -> TrailReport:
    return join(names, [read_slice(names, k, slices, options) for k in range(slices)], options)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a few lines, so that a short trail has many."""
    monkeypatch.setattr(reading, "BLOCK", 700)


def honest_trail(draw: random.Random, folder: Path) -> tuple[list[str], Options]:
    system = honest.System(draw)
    for _ in range(40):
        system.step()
    names = []
    for number, lines in enumerate([*honest.files(draw, system), honest.verifiers(draw)]):
        names.append(str(folder / f"{number}.log"))
        octets = honest.as_text(draw, lines).encode()
        Path(names[-1]).write_bytes(gzip.compress(octets) if draw.random() < 0.3 else octets)
    return names, Options(skew=draw.choice((0.0, 1.0)), max_tokens=draw.choice((3, 250_000)))


def lying_trail(draw: random.Random, folder: Path) -> tuple[list[str], Options]:
    lines: list[str] = []
    for rule in draw.sample(list(lies.LIES), 3):
        events, place = lies.LIES[rule](draw)
        place += len(lines)
        lines += [json.dumps(event) for event in events]
        lines[place:] = lies.HIDINGS[draw.choice(list(lies.HIDINGS))](draw, lines[place]) + lines[place:]
    options = Options(max_sources=4, from_middle=draw.random() < 0.3, findings=draw.choice((0, 1, 5)))
    return lies.written(draw, lines, draw.randrange(len(lines)), folder), options


def hostile_trail(draw: random.Random, folder: Path) -> tuple[list[str], Options]:
    file = folder / "hostile.log"
    lines = [line for _ in range(4) for line in hostile.lines(draw)]
    file.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    return [str(file)], Options(max_tokens=draw.choice((2, 250_000)))


@pytest.mark.parametrize("size", [700, 10_000])
@pytest.mark.parametrize("make", [honest_trail, lying_trail, hostile_trail])
def test_a_report_is_the_same_in_slices(make: Make, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK", size)
    for count in range(25):
        names, options = make(random.Random(f"slices {size} {count}"), tmp_path)
        assert differing(names, options) == [], count


@pytest.mark.usefixtures("small_parts")
def test_what_other_slices_read_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: were a part's findings, events or lines lost on their way, the reports would differ."""
    file = tmp_path / "audit.jsonl"
    lines = text(Server().issue().use().invalid("bprf_" + "x" * 43).use().events).splitlines()
    file.write_text("GET / 200\n".join(line + "\n" for line in lines))
    takes = Judgement.take
    losses: list[dict[str, Any]] = [{"lines": 0}, {"tally": Tally()}, {"reports": []}, {"parts": []}]
    for lost in losses:

        def take(self: Judgement, read: PartRead, lost: dict[str, Any] = lost) -> bool:
            return takes(self, read._replace(**lost))

        monkeypatch.setattr(Judgement, "take", take)
        assert 2 in differing([str(file)], Options()), lost


@pytest.mark.usefixtures("small_parts")
def test_most_parts_are_read_by_the_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "audit.jsonl"
    file.write_text(text([*lived().events, *[failure(700 + n) for n in range(20)]]))
    read: list[object] = []
    monkeypatch.setattr(Judgement, "_read", lambda _, content: read.append(content))
    report = joined([str(file)], 2, Options())
    assert (violated(report), read) == ({}, [])
    assert report.lines.events["verify-failure"] == 20


@pytest.mark.usefixtures("small_parts")
def test_a_slice_that_breaks_off_changes_nothing(tmp_path: Path) -> None:
    names, options = lying_trail(random.Random("slices 1"), tmp_path)
    for left in (0, 1, 3):
        parts = [read_slice(names, k, 2, options) for k in range(2)]
        broken: Iterator[bytes] = iter(list(parts[1])[:left])
        assert told(join(names, [parts[0], broken], options)) == told(prove(names, options))


@pytest.mark.usefixtures("small_parts")
def test_what_cannot_be_unpacked_is_read_again(tmp_path: Path) -> None:
    names, options = lying_trail(random.Random("slices 2"), tmp_path)
    parts = list(read_slice(names, 0, 1, options))
    cut = [part[:-1] if number % 2 else part for number, part in enumerate(parts)]
    assert len(parts) > 4
    assert told(join(names, [cut], options)) == told(prove(names, options))
