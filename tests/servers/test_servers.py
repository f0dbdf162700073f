"""Servers of other makes keep to their expectations: each deviation has its clause, and there is no other."""

import os
import tomllib
from pathlib import Path

import pytest

from ..conftest import CommandLine
from .runner import FOLDER, NAMES, built, missing, running

SELECTION = "RS,KEY-*.running-*"
"""What is seen of a resource server alone: the family RS, and how it fetches keys."""


@pytest.mark.skipif("BEARERPROOF_SERVERS" not in os.environ, reason="long: set BEARERPROOF_SERVERS=1, or to a name")
@pytest.mark.parametrize("name", NAMES)
def test_a_server_deviates_as_its_expectations_say(bearerproof: CommandLine, tmp_path: Path, name: str) -> None:
    wanted = os.environ["BEARERPROOF_SERVERS"]
    if wanted not in ("1", name):
        pytest.skip(f"only {wanted} was asked for")
    if lacking := missing(name):
        pytest.skip(f"this machine has no {', '.join(lacking)}")
    folder = built(name, Path(os.environ.get("BEARERPROOF_SERVERS_CACHE") or tmp_path))
    with running(name, folder) as url:
        options = ("--server-profile", folder / "api.toml", "--expect", folder / "expectations.toml")
        ended = bearerproof("check", "--url", url, "--measure", "strict", "--no-baselines", "-k", SELECTION, *options)
    assert ended.code == 0, ended.out[-5000:] + ended.err


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_short_and_each_deviation_has_a_reason(name: str) -> None:
    folder = FOLDER / name
    sources = [path for path in folder.rglob("*") if path.suffix in (".py", ".mjs", ".go", ".java", ".yaml")]
    lengths = {
        path.name: len(path.read_text("utf-8").splitlines()) for path in sources if "node_modules" not in path.parts
    }
    assert lengths
    assert max(lengths.values()) <= 45, lengths
    expected = tomllib.loads((folder / "expectations.toml").read_text("utf-8"))
    assert all(entry["reason"].strip() not in ("", "TODO") for entry in expected.get("expectation", []))
