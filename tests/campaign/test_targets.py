"""The targets for coverage-guided engines: each for a minute, with BEARERPROOF_TARGETS=60 pytest tests/campaign."""

import os
import subprocess
import sys

import pytest

from bearerproof_fuzz.campaign.candidates import forged, mangled
from bearerproof_fuzz.campaign.harness import TARGET, harness

from ..conftest import ROOT

SECONDS = os.environ.get("BEARERPROOF_TARGETS")
FILES = sorted((ROOT / "fuzz/targets").glob("fuzz_*.py"))


@pytest.mark.parametrize(("victim", "found"), [("honest", False), ("alg-none-taken", False), ("anybody-signs", True)])
def test_bytes_draw_tokens_that_are_judged(victim: str, found: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an edit shows by itself is known; what only a forgery shows is raised."""
    factory = "accepts_forgeries" if found else victim
    monkeypatch.setenv(TARGET, f"python:tests.campaign.targets:{factory}" if found else f"victim:{victim}")
    engine = harness(forged, mangled)
    if not found:
        assert all(engine(bytes([number])) for number in range(60))
        return
    with pytest.raises(AssertionError, match="VER-2"):
        for number in range(200):
            engine(number.to_bytes(2, "big"))


@pytest.mark.skipif(SECONDS is None, reason="long: BEARERPROOF_TARGETS=60 runs each target for so many seconds")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_target_runs_for_as_long_as_it_is_told(path: os.PathLike[str]) -> None:
    pytest.importorskip("atheris", reason="atheris is of the extra atheris: pip install 'bearerproof[atheris]'")
    command = [sys.executable, "-W", "ignore", str(path), f"-max_total_time={SECONDS}"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert "DONE" in ended.stderr
    assert "no interesting inputs" not in ended.stderr


def test_every_target_is_built() -> None:
    text = (ROOT / ".clusterfuzzlite/build.sh").read_text("utf-8")
    assert "fuzz/targets/fuzz_*.py" in text
    assert len(FILES) == 3
