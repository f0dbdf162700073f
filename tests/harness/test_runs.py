"""A run as a process: away from the caller's project, interrupted, out of disk, on its own or under pytest."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from bearerproof.judging.runner import RunOptions, run
from bearerproof.judging.settings import RunConfig
from bearerproof_fuzz.suite import SUITE

from ..conftest import CommandLine
from .conftest import Misbehaving, Processes

INSTALLED = any(each.name == "bearerproof" for each in entry_points(group="pytest11"))
PLUGIN = () if INSTALLED else ("-p", "bearerproof.judging.plugin")
"""An installed plugin is loaded by pytest itself, and only once."""

NOTHING = ("-k", "no-check-is-called-so")


def process(*arguments: object, cwd: Path, module: str = "bearerproof") -> subprocess.CompletedProcess[str]:
    """Run a module as a process of its own, found as this test found it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=600)


def test_nothing_selected_is_nothing_judged(bearerproof: CommandLine) -> None:
    ended = bearerproof("check", *NOTHING)
    assert ended.code == 3
    assert "bearerproof: no check is called 'no-check-is-called-so'" in ended.err
    assert "conforms to" not in ended.out


def test_an_option_that_the_engine_refuses_is_nothing_judged(capfd: pytest.CaptureFixture[str]) -> None:
    finished = run(SUITE, RunConfig(), RunOptions(workers="several"))
    assert finished.fault == "the test engine failed; its message stands above"
    assert finished.exit_code() == 3
    assert "error" in capfd.readouterr().err.lower()


def test_the_callers_own_project_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    (tmp_path / "conftest.py").write_text("raise RuntimeError('collected')\n")
    (tmp_path / "test_own.py").write_text("raise RuntimeError('collected')\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    ended = process("check", "-k", "VER-12", "--quick", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert {path.name for path in tmp_path.iterdir()} == {"conftest.py", "test_own.py", "pytest.ini"}
    control = process(cwd=tmp_path, module="pytest")
    assert control.returncode != 0, "the control: the project does break a run that collects it"


def test_the_suite_runs_under_plain_pytest(tmp_path: Path) -> None:
    arguments = ["--pyargs", "bearerproof_fuzz.suite", "--implementation", "reference", "--depth", "quick"]
    ended = process(*PLUGIN, *arguments, "-k", "VER-12", cwd=tmp_path, module="pytest")
    assert ended.returncode == 0, ended.stdout
    assert " passed" in ended.stdout


def test_the_plugin_is_inert_until_an_implementation_is_named(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(
        "import sys\n\ndef test_own(pytestconfig):\n"
        "    assert not pytestconfig.pluginmanager.has_plugin('bearerproof-harness')\n"
        "    assert 'bearerproof.judging.harness' not in sys.modules\n"
    )
    inert = process(*PLUGIN, cwd=tmp_path, module="pytest")
    assert inert.returncode == 0, inert.stdout
    active = process(*PLUGIN, "--implementation", "reference", cwd=tmp_path, module="pytest")
    assert active.returncode == 1, "the control: a named implementation wakes it"


def test_an_unknown_implementation_is_a_usage_error_under_pytest(tmp_path: Path) -> None:
    ended = process(*PLUGIN, "--implementation", "refrence", cwd=tmp_path, module="pytest")
    assert ended.returncode == 4
    assert "unknown implementation 'refrence'" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Have processes begin with SIGINT as it is by default: what a shell starts in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_an_interrupt_keeps_what_was_judged(tmp_path: Path, misbehaving: Misbehaving, processes: Processes) -> None:
    report, marker = tmp_path / "results.jsonl", tmp_path / "hanging"
    options = ["-k", "VER-12", "--report", str(report), "--timeout", "60"]
    running = subprocess.Popen(
        [sys.executable, "-m", "bearerproof", "check", *options, "--", *misbehaving("hangs", 60, marker)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(marker)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=600)
    rows = [json.loads(line) for line in report.read_text().splitlines()]
    assert running.returncode == 3
    assert (rows[-1]["interrupted"], rows[-1]["complete"], rows[-1]["exit"]) == (True, False, 3)
    assert [row["outcome"] for row in rows[1:-1]].count("passed") >= 3
    told = " ".join(out.split())  # the page is folded where its lines end
    assert re.search(r"misbehaving was NOT judged whole by base in jwt \(interrupted: stopped early, \d+ checks", told)
    assert "Traceback" not in out + err
    assert processes.left_over() == []


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 600
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("option", ["--report", "--junit", "--write-expect"])
def test_a_full_disk_costs_the_file_and_not_the_summary(bearerproof: CommandLine, option: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    ended = bearerproof("check", "-k", "VER-12", "--quick", option, "/dev/full")
    assert ended.code == 3
    assert "bearerproof-reference conforms to strict" in ended.out
    assert "cannot write" in ended.err
    assert "No space left on device" in ended.err


def test_a_write_that_fails_leaves_the_old_report_whole(bearerproof: CommandLine, tmp_path: Path) -> None:
    report = tmp_path / "results.jsonl"
    report.write_text("old\n")
    (tmp_path / "results.jsonl.partial").mkdir()  # stands in the way of the draft
    ended = bearerproof("check", "-k", "VER-12", "--quick", "--report", report)
    assert ended.code == 3
    assert f"cannot write {report}" in ended.err
    assert report.read_text() == "old\n"


def test_junit_tells_each_check(bearerproof: CommandLine, tmp_path: Path) -> None:
    report = tmp_path / "junit.xml"
    assert bearerproof("check", "-k", "VER-12.alg-none-without-kid", "--junit", report).code == 0
    cases = ET.parse(report).getroot().iter("testcase")  # noqa: S314 - written by this very test
    assert ("VER-12", "alg-none-without-kid.jwt") in [(case.get("classname"), case.get("name")) for case in cases]


def test_an_adapter_that_declares_too_little_is_ended_too(
    bearerproof: CommandLine, misbehaving: Misbehaving, processes: Processes
) -> None:
    for options in (("--level", 2), ("--profile", "id-token")):
        ended = bearerproof("check", *options, "--", *misbehaving("well-behaved"))
        assert ended.code == 3
        assert "misbehaving declares " in ended.err
        assert processes.left_over() == []


@pytest.mark.parametrize("profile", ["jws", "id-token"])
def test_the_reference_conforms_in_each_profile_alone(bearerproof: CommandLine, profile: str) -> None:
    ended = bearerproof("check", "--quick", "--profile", profile, "-k", "composed,VER-1.")
    assert (ended.code, ended.err) == (0, "")
    assert f"bearerproof-reference conforms to strict in {profile} (" in ended.out
