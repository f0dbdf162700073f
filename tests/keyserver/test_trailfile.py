"""The trail file: durable as it was told, whole after rotation, and honest when the disk is not."""

import errno
import math
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bearerproof_reference.deployment.trailfile import ALWAYS, NEVER, TrailFile
from bearerproof_reference.keyserver.lifecycle import DenialReason, RequestContext, Trail

EVENT = RequestContext(0).invalid(DenialReason.MALFORMED_BEARER)


def open_files() -> int:
    """Return how many descriptors this process has."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trail.jsonl"


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the calls of fsync."""
    calls: list[int] = []
    fsync = os.fsync

    def counted(file: int) -> None:
        calls.append(file)
        fsync(file)

    monkeypatch.setattr(os, "fsync", counted)
    return calls


def eventually(holds: Callable[[], bool]) -> bool:
    """Return whether it holds within seconds."""
    for _ in range(500):
        if holds():
            return True
        time.sleep(0.01)
    return False


def test_appends_and_belongs_to_its_owner(path: Path) -> None:
    for line in ("one", "two"):
        file = TrailFile(path)
        file.write(line)
        file.close()
    assert path.read_text() == "one\ntwo\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_no_place_no_trail(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        TrailFile(tmp_path / "missing" / "trail.jsonl")
    for seconds in (-1.0, math.nan):
        with pytest.raises(ValueError, match="sync_every"):
            TrailFile(tmp_path / "trail.jsonl", seconds)


class TestSync:
    def test_always(self, path: Path, syncs: list[int]) -> None:
        file = TrailFile(path, ALWAYS)
        for number in range(3):
            file.write("line")
            assert len(syncs) == number + 1

    def test_never(self, path: Path, syncs: list[int]) -> None:
        file = TrailFile(path, NEVER)
        file.write("line")
        file.close()
        assert syncs == []

    def test_in_time_even_if_nothing_follows(self, path: Path, syncs: list[int]) -> None:
        file = TrailFile(path, 0.05)
        for _ in range(100):
            file.write("line")
        assert len(syncs) <= 3
        assert eventually(lambda: len(syncs) > 0)
        before = len(syncs)
        file.write("line")
        assert eventually(lambda: len(syncs) > before)
        file.close()

    def test_closing_makes_durable_and_ends_the_timer(self, path: Path, syncs: list[int]) -> None:
        threads = threading.active_count()
        file = TrailFile(path, 3600)
        file.write("line")
        assert syncs == []
        file.close()
        assert len(syncs) == 1
        assert eventually(lambda: threading.active_count() <= threads)
        with pytest.raises(OSError, match="Bad file"):
            file.write("line")

    def test_a_disk_that_refuses_is_counted(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def refuse(_file: int) -> None:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(os, "fsync", refuse)
        file = TrailFile(path, 0.01)
        file.write("line")
        assert eventually(lambda: file.sync_failures == 1)
        assert "EIO" in caplog.text
        always = Trail(TrailFile(path, ALWAYS))
        always.record([EVENT])
        assert always.lost == 1


class TestRotation:
    def test_a_renamed_file_is_left(self, path: Path) -> None:
        file = TrailFile(path)
        file.write("old")
        path.rename(path.with_suffix(".1"))
        file.write("new")
        assert path.with_suffix(".1").read_text() == "old\n"
        assert path.read_text() == "new\n"

    def test_so_is_one_that_was_replaced_or_deleted(self, path: Path) -> None:
        file = TrailFile(path)
        path.with_suffix(".new").touch()
        path.with_suffix(".new").rename(path)
        file.write("one")
        assert path.read_text() == "one\n"
        path.unlink()
        file.write("two")
        assert path.read_text() == "two\n"

    def test_one_that_was_emptied_in_place_goes_on_at_its_start(self, path: Path) -> None:
        file = TrailFile(path)
        file.write("old")
        os.truncate(path, 0)
        file.write("new")
        assert path.read_bytes() == b"new\n"

    def test_on_request(self, path: Path) -> None:
        file = TrailFile(path)
        path.rename(path.with_suffix(".1"))
        file.reopen()
        assert path.read_text() == ""

    def test_nowhere_to_go_loses_events_but_no_decision(self, path: Path) -> None:
        file = TrailFile(path)
        trail = Trail(file)
        path.unlink()
        path.mkdir()
        trail.record([EVENT])
        with pytest.raises(OSError, match="directory"):
            file.reopen()
        assert trail.lost == 1
        path.rmdir()
        trail.record([EVENT])
        assert '"seq":1' in path.read_text()

    def test_no_line_is_lost_or_mixed_while_it_rotates(self, path: Path) -> None:
        file = TrailFile(path, NEVER)
        trail = Trail(file)

        def write() -> None:
            for _ in range(200):
                trail.record([EVENT])

        writers = [threading.Thread(target=write) for _ in range(4)]
        for writer in writers:
            writer.start()
        for number in range(20):
            if path.exists():
                path.rename(path.with_suffix(f".{number}"))
            time.sleep(0.001)
        for writer in writers:
            writer.join()
        lines = [line for each in path.parent.iterdir() for line in each.read_text().splitlines()]
        assert sorted(int(line.split('"seq":')[1][:-1]) for line in lines) == list(range(800))
        assert trail.lost == 0

    def test_descriptors_do_not_pile_up(self, path: Path) -> None:
        file = TrailFile(path, 0.001)
        before = open_files()
        for _ in range(50):
            path.unlink()
            file.write("line")
        assert eventually(lambda: open_files() <= before)


class TestFullDisk:
    def test_a_full_device_loses_events_visibly(self) -> None:
        if not Path("/dev/full").exists():
            pytest.skip("this system has no /dev/full")
        trail = Trail(TrailFile("/dev/full", NEVER))
        for _ in range(3):
            trail.record([EVENT])
        assert (trail.lost, trail.failing) == (3, True)

    def test_a_line_cut_short_is_closed_before_the_next(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = TrailFile(path)
        file.write("first")
        write = os.write
        monkeypatch.setattr(os, "write", lambda to, octets: write(to, octets[:3]))
        with pytest.raises(OSError, match="cut short"):
            file.write("second")
        monkeypatch.setattr(os, "write", write)
        file.write("third")
        assert path.read_text() == "first\nsec\nthird\n"

    def test_so_is_one_that_a_crash_left(self, path: Path) -> None:
        path.write_text("first\nsec")
        file = TrailFile(path)
        file.write("third")
        assert path.read_text() == "first\nsec\nthird\n"


def test_pipe_takes_lines_as_long_as_somebody_reads(path: Path, syncs: list[int]) -> None:
    """It cannot be synced, which is no loss; without a reader, or one that keeps up, it holds up nobody."""
    os.mkfifo(path)
    with pytest.raises(OSError, match=os.strerror(errno.ENXIO)):
        TrailFile(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    trail = Trail(TrailFile(path, ALWAYS))
    trail.record([EVENT] * 3)
    assert (trail.lost, os.read(reader, 65536).count(b"\n"), len(syncs)) == (0, 3, 3)
    trail.record([EVENT] * 2000)
    assert 0 < trail.lost < 2000
    os.close(reader)
    lost = trail.lost
    trail.record([EVENT])
    assert trail.lost == lost + 1
