"""The targets for coverage-guided engines: each for a minute, with BEARERPROOF_TARGETS=60 pytest tests/campaign."""

import os
import subprocess
import sys

import pytest

from bearerproof_fuzz.campaign.candidates import forged, mangled
from bearerproof_fuzz.campaign.harness import TARGET, harness

from ..conftest import ROOT
from . import targets

SECONDS = os.environ.get("BEARERPROOF_TARGETS")
FILES = sorted((ROOT / "fuzz/targets").glob("fuzz_*.py"))


def test_bytes_draw_tokens_that_are_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TARGET, "python:tests.campaign.targets:turns")
    engine = harness(forged, mangled)
    assert [engine(bytes([number])) for number in range(20)].count(None) < 20
    monkeypatch.setattr(targets, "TURNED", [True])
    with pytest.raises(AssertionError, match="got='accepted'"):
        assert [engine(bytes([number])) for number in range(20)]


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
