"""A key server of another make is judged by its URL: configured, told the time, and named by what is wrong with it."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..conftest import CommandLine
from ..http.test_idp import free_ports

HERE = Path(__file__).parent
WHOLE = pytest.mark.skipif(
    os.environ.get("BEARERPROOF_OTHER_SERVER") != "whole",
    reason="takes minutes; BEARERPROOF_OTHER_SERVER=whole runs it",
)


def profile(url: str, port: int) -> str:
    program = json.dumps([sys.executable, str(HERE / "reconfigure.py")])
    return f"""\
name = "another server"
token_prefix = "ks2_"
measure = "strict"
algorithms = ["ES256", "EdDSA", "RS256", "PS256", "ES384"]

[setting]
issuers = ["http://127.0.0.1:{port}/home", "http://127.0.0.1:{port}/other"]

[configure]
command = {program}
restart = {program[:-1]}, "crash"]
stop = {program[:-1]}, "stop"]

[clock]
file = "clock.txt"
form = "pair"
resolution = 0.000001
settle = 0.0

[keys]
ttl = 300
stale = 600
cooldown = 30

[abilities]
forwarded = "listed"
throttle = true
retention = true
single_use = true
introspection = true
token_revocation = true
revocation_secret = true

[audit]
file = "audit.jsonl"
quiet = 0.0

[identity_provider]
port = {port}
"""


@dataclass(frozen=True)
class Judged:
    """What came of a run: its exit code, what it printed, how each check ended, and the last line of its stream."""

    code: int
    printed: str
    outcomes: dict[str, str]
    footer: dict[str, object]

    @property
    def red(self) -> set[str]:
        return {name.partition(".")[0] for name, outcome in self.outcomes.items() if outcome not in _GREEN}

    @property
    def judged(self) -> set[str]:
        return {name.partition(".")[0] for name, outcome in self.outcomes.items() if outcome != "not-applicable"}


_GREEN = ("passed", "not-applicable")

Judge = Callable[..., Judged]


@pytest.fixture
def judge(bearerproof: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Judge]:
    """Judge the other server, or one with a weakness."""
    monkeypatch.chdir(tmp_path)
    port, own = free_ports(2)
    (tmp_path / "audit.jsonl").touch()
    (tmp_path / "profile.toml").write_text(profile("", port))
    monkeypatch.setenv("OTHER_SERVER_HOME", str(HERE.parents[1]))

    def run(*arguments: str, weakness: str = "") -> Judged:
        monkeypatch.setenv("OTHER_SERVER", f"tests.otherserver.{'weak' if weakness else 'serving'}")
        monkeypatch.setenv("OTHER_SERVER_WEAKNESS", weakness)
        options = f"--url http://127.0.0.1:{own} --server-profile profile.toml --no-baselines --report report.jsonl"
        ended = bearerproof("check", *options.split(), *arguments)
        lines = [json.loads(line) for line in Path("report.jsonl").read_text().splitlines()]
        outcomes = {line["id"]: line["outcome"] for line in lines if "id" in line}
        return Judged(ended.code, ended.out + ended.err, outcomes, lines[-1])

    yield run
    assert not (tmp_path / "control").exists(), "the server was ended with the run"


NAMED = {
    "more-opens-all": ("POL-4", "within-the-request"),
    "silent-expiry": ("LIFE-5", "bearer-that-has-just-expired"),
    "cap-by-subject": ("TOK-8", "issuers-do-not-share-a-cap"),
    "revokes-by-subject": ("REV-4", "REV-4"),
    "introspects-without-a-clock": ("HTTP-23", "introspection-after-the-end"),
}
"""By weakness the requirement that names it, and the checks by which it is looked for here."""


def test_an_honest_one_passes_what_the_weak_ones_fail(judge: Judge) -> None:
    judged = judge("--quick", "-k", ",".join(check for _, check in NAMED.values()))
    assert judged.code == 0, judged.printed
    assert {requirement for requirement, _ in NAMED.values()} == judged.judged
    assert "configured" in judged.printed


@pytest.mark.parametrize("weakness", NAMED)
def test_a_weak_one_is_red_by_the_requirement_that_names_it(judge: Judge, weakness: str) -> None:
    requirement, check = NAMED[weakness]
    judged = judge("--quick", "-k", check, weakness=weakness)
    assert (judged.code, judged.red) == (1, {requirement}), judged.printed


@WHOLE
def test_nearly_all_of_an_honest_one_is_judged(judge: Judge) -> None:
    judged = judge()
    assert (judged.code, judged.red) == (0, set()), judged.printed
    assert len(judged.judged) >= 118, sorted(judged.judged)
