"""A log that is being written is judged as it grows, through rotations, and nobody honest is accused meanwhile."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bearerproof.exceptions import BadInput
from bearerproof.trail import Options, TrailReport, Verdict, prove_lines
from bearerproof.trail.following import Unfinished, follow
from bearerproof.trail.judge import Judgement
from bearerproof.trail.reading import BLOCK, MAX_LINE, OddLine

from .trails import Server, jti, lived, text, violated

LINES = text(lived().events).splitlines(keepends=True)
Step = Callable[[Path], None]


def append(*lines: str) -> Step:
    def write(log: Path) -> None:
        with log.open("a") as file:
            file.write("".join(lines))

    return write


def rename(log: Path) -> None:
    log.rename(log.with_suffix(f".{len(list(log.parent.iterdir()))}"))


def truncate(log: Path) -> None:
    os.truncate(log, 0)


def truncate_and_append(line: str) -> Step:
    def write(log: Path) -> None:
        truncate(log)
        append(line)(log)

    return write


def nothing(_: Path) -> None:
    pass


def into_the_old_one(line: str) -> Step:
    """Write as a server does that has not noticed the rotation yet."""

    def write(log: Path) -> None:
        append(line)(max(log.parent.glob("audit.[0-9]*"), key=lambda file: file.stat().st_mtime_ns))

    return write


def followed(log: Path, *steps: Step) -> tuple[TrailReport, int]:
    """Judge a log between whose looks the steps are taken; return the report and how many lines were lost."""
    left: Iterator[Step] = iter(steps)

    def wait() -> bool:
        step = next(left, None)
        if step is not None:
            step(log)
        return step is not None

    judgement, lost = Judgement(Options()), 0
    for content in follow(str(log), wait):
        if isinstance(content, Unfinished):
            lost += 1
        else:
            judgement.feed(content)
    return judgement.report(), lost


LIVES: dict[str, tuple[Step, ...]] = {
    "grows": (append(*LINES[5:]),),
    "partial-line": (append(LINES[5][:40]), nothing, append(LINES[5][40:], *LINES[6:])),
    "renamed": (rename, nothing, append(*LINES[5:])),
    "renamed-and-written-on": (rename, into_the_old_one(LINES[5]), append(*LINES[6:])),
    "renamed-twice": (rename, append(*LINES[5:8]), rename, append(*LINES[8:])),
    "truncated": (truncate, append(*LINES[5:])),
    "truncated-and-written-between-two-looks": (truncate_and_append(LINES[5]), append(*LINES[6:])),
}


@pytest.mark.parametrize("name", LIVES)
def test_a_live_log_is_read_once_and_whole(name: str, tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    append(*LINES[:5])(log)
    report, lost = followed(log, *LIVES[name])
    assert (report.verdict, violated(report), lost) == (Verdict.TRUTHFUL, {}, 0)
    assert report.lines.events == prove_lines([line.rstrip() for line in LINES]).lines.events


def test_a_line_that_is_being_written_is_no_broken_one(tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    append(*LINES[:5], LINES[5][:40])(log)
    report, lost = followed(log)
    assert (report.verdict, report.lines.total, lost) == (Verdict.TRUTHFUL, 5, 1)


def test_a_line_that_never_ends_takes_no_memory(tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    append(LINES[0])(log)
    report, _ = followed(log, append("x" * 3_000_000), append("y" * 3_000_000), append("\n", *LINES[1:]))
    assert (report.verdict, report.lines.foreign) == (Verdict.TRUTHFUL, 1)


@pytest.mark.parametrize("before", [0, 1, BLOCK - 3, BLOCK])
def test_how_long_a_followed_line_may_be_hangs_on_no_border_of_blocks(tmp_path: Path, before: int) -> None:
    log = tmp_path / "audit.jsonl"
    append("x" * before, "\n", "y" * MAX_LINE, "\n", "z" * (MAX_LINE + 1), "\n", *LINES)(log)
    odd = [content for content in follow(str(log), lambda: False) if isinstance(content, OddLine)]
    assert [content.head[0] for content in odd] == ["z"]
    report, _ = followed(log)
    assert (report.verdict, sum(report.lines.events.values())) == (Verdict.TRUTHFUL, len(LINES))


def test_what_cannot_be_followed_is_said(tmp_path: Path) -> None:
    packed, wide = tmp_path / "a.gz", tmp_path / "wide"
    packed.write_bytes(gzip.compress(b"x"))
    wide.write_bytes("x".encode("utf-16"))
    for path in (packed, wide, tmp_path, tmp_path / "none"):
        with pytest.raises(BadInput, match="follow"):
            followed(path)


def start(log: Path, *more: str) -> "subprocess.Popen[str]":
    program = [sys.executable, "-u", "-m", "bearerproof_fuzz.commands.cli", "trail", "--follow", *more, str(log)]
    return subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_finding_comes_at_once_and_the_report_at_ctrl_c(tmp_path: Path) -> None:
    """With a real process: a growing file, a rotation, a partial line, an interrupt; and no busy waiting."""
    log = tmp_path / "audit.jsonl"
    lines = text(Server().issue().revoke().use(seconds=30).invalid().events).splitlines(keepends=True)
    append(*lines[:2], '{"event":"token.invalid"}\n')(log)
    with start(log) as process:
        assert process.stdout is not None
        assert "TRAIL-1" in process.stdout.readline()
        rename(log)
        append(lines[2][:50])(log)
        time.sleep(0.7)
        append(lines[2][50:])(log)
        told = process.stdout.readline()
        assert "TRAIL-6" in told
        assert jti(1) in told
        append(lines[3], lines[3][:30])(log)
        time.sleep(1.5)
        busy = sum(map(int, Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
        time.sleep(1.5)
        after = sum(map(int, Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=600)
    assert (process.returncode, err) == (1, "")
    assert "the last line is not finished" in out
    assert "token.invalid 2" in out
    assert "The trail is NOT truthful: 2 findings against TRAIL-1, TRAIL-6." in out
    assert (after - busy) / os.sysconf("SC_CLK_TCK") < 1


def test_sigterm_ends_it_too_and_json_stays_json(tmp_path: Path) -> None:
    log = tmp_path / "audit.jsonl"
    append(*LINES, "{")(log)
    with start(log, "--json") as process:
        append("broken}\n" + '{"event":"token.used"}\n')(log)
        assert process.stderr is not None
        assert "TRAIL-1" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=600)
    assert (process.returncode, json.loads(out)["verdict"]) == (1, "untruthful")
