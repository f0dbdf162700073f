"""An authorization server that knows nothing of the contract is judged by its URL, in its own words."""

import json
import os
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest

from ..conftest import CommandLine
from ..http.test_idp import free_ports

pytest.importorskip("flask", reason="needs flask, which comes with the extra services")

HERE = Path(__file__).parent
SECRET = "client-secret-of-the-test"
SELECTION = "HTTP,EXC-1,EXC-2,EXC-3,EXC-4,EXC-5"
"""All but what joserfc makes of a token, which its own expectations tell."""

Judge = Callable[..., tuple[int, str, set[str], set[str]]]
"""The exit code, what was printed, and the requirements that deviate and that were judged."""


@pytest.fixture
def judge(bearerproof: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Judge:
    """Judge the server, or one with a weakness."""
    idp, own = free_ports(2)
    profile = tmp_path / "profile.toml"
    profile.write_text((HERE / "profile.toml").read_text().replace("48775", str(idp)))
    monkeypatch.setenv("KEYS_CLIENT", b64encode(f"gateway:{SECRET}".encode()).decode())

    def run(*arguments: object, weakness: str = "") -> tuple[int, str, set[str], set[str]]:
        program = ["-m", f"tests.keyservers.{'weak' if weakness else 'authlib_server'}", *filter(None, [weakness])]
        issuers = [f"http://127.0.0.1:{idp}/{name}" for name in ("home", "other")]
        environment = {**os.environ, "CLIENT_SECRET": SECRET, "AUTHLIB_INSECURE_TRANSPORT": "1"}
        command = [sys.executable, *program, str(own), *issuers]
        with subprocess.Popen(command, cwd=HERE.parents[1], env=environment, stderr=subprocess.DEVNULL) as server:
            try:
                _await(f"http://127.0.0.1:{own}/health", server)
                report = tmp_path / "report.jsonl"
                options = ("--server-profile", profile, "--no-baselines", "--report", report)
                ended = bearerproof("check", "--url", f"http://127.0.0.1:{own}", *options, *arguments)
            finally:
                server.terminate()
        checks = [line for line in map(json.loads, report.read_text().splitlines()) if line["type"] == "check"]
        judged = {line["requirement"] for line in checks if line["outcome"] != "not-applicable"}
        red = {line["requirement"] for line in checks if line["outcome"] in ("failed", "untestable", "errored")}
        return ended.code, ended.out + ended.err, red, judged

    return run


def _await(url: str, server: "subprocess.Popen[bytes]", seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            urlopen(url).close()  # noqa: S310 - our own
        except OSError as error:
            if getattr(error, "code", 0) == 404:
                return
            time.sleep(0.1)
    raise TimeoutError("the server does not answer")


def test_it_deviates_as_its_expectations_say(judge: Judge) -> None:
    code, printed, _, judged = judge("-k", SELECTION, "--expect", HERE / "expectations.toml")
    assert code == 0, printed
    assert {"HTTP-18", "HTTP-19", "HTTP-20", "HTTP-22", "HTTP-23", "HTTP-25", "HTTP-27"} <= judged


WEAK = {
    "revocation_without_effect": {"HTTP-18", "HTTP-23"},
    "hint_taken_at_its_word": {"HTTP-20"},
    "public_client": {"HTTP-27"},
    "widened_in_silence": {"HTTP-25"},
    "introspection_for_everybody": {"HTTP-22"},
}


@pytest.mark.parametrize("weakness", WEAK)
def test_a_weak_one_is_red_by_the_requirement_that_names_it(judge: Judge, weakness: str) -> None:
    code, printed, red, _ = judge("--quick", "-k", "HTTP-18,HTTP-20,HTTP-22,HTTP-23,HTTP-25,HTTP-27", weakness=weakness)
    assert code == 1, printed
    assert red - {"HTTP-20"} == WEAK[weakness] - {"HTTP-20"}, printed
