"""Smoke: one line, in no time, for somebody who writes an adapter."""

import subprocess
import sys

import pytest

from ..conftest import CommandLine
from . import degenerate

LOADED = """
import sys
from bearerproof_fuzz.commands.cli import run_command_line
code = run_command_line(["smoke"])
print("loaded", sorted({"pytest", "hypothesis", "_pytest", "jsonschema"} & set(sys.modules)), code)
"""


@pytest.mark.parametrize("subject", ["reference", "pyjwt", "joserfc", "authlib"])
def test_a_working_subject_is_told_to_work(bearerproof: CommandLine, subject: str) -> None:
    ended = bearerproof("smoke", subject)
    untried = "; declared, not judged: " in ended.out
    assert (ended.code, ended.err) == (3 if untried else 0, "")
    assert "accepts honest tokens and rejects altered ones in " in " ".join(ended.out.split())


def test_what_is_declared_and_was_not_presented_is_not_told_to_work(bearerproof: CommandLine) -> None:
    ended = bearerproof("smoke", f"python:{degenerate.__name__}:with_an_algorithm_more")
    assert ended.code == 3
    assert "in jwt with ES256 (signature, alg, iss, aud, exp, nbf); declared, not judged: XS256\n" in ended.out


def test_neither_pytest_nor_hypothesis_is_loaded() -> None:
    ended = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "loaded [] 0"


def test_a_declared_reason_and_declared_events_have_to_come(bearerproof: CommandLine) -> None:
    module = degenerate.__name__
    silent = bearerproof("smoke", f"python:{module}:without_reasons")
    assert (silent.code, silent.out) == (1, "wrong: declares contract level 1 but rejects without a reason\n")
    eventless = bearerproof("smoke", f"python:{module}:without_the_events_member")
    assert (eventless.code, eventless.out) == (1, "wrong: declares contract level 2 but answers without events\n")


def test_an_algorithm_that_cannot_be_tried_is_told(bearerproof: CommandLine) -> None:
    ended = bearerproof("smoke", f"python:{degenerate.__name__}:with_strange_algorithms")
    assert ended.code == 1
    assert "declares only algorithms that cannot be tried; known are ES256" in ended.out
