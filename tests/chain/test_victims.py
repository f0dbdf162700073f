"""A verifier of chains that was written from the document alone conforms, and with one weakness it does not."""

import re

import pytest

from ..conftest import CommandLine
from .victims import WEAKNESSES

NAMED = "python:tests.chain.victims:{}"
RED = re.compile(r"^([A-Z]+-[0-9]+) .* checks? FAILS?$", re.MULTILINE)
"""The heading of a requirement of which checks are red."""


def test_the_plain_one_conforms_and_has_nothing_but_a_chain(bearerproof: CommandLine) -> None:
    ended = bearerproof("check", NAMED.format("honest"))
    assert ended.code == 0, ended.out
    assert RED.findall(ended.out) == []
    assert "reject-all 0 of 30, accept-all 0 of 30" in ended.out


@pytest.mark.parametrize(("weakness", "requirement"), WEAKNESSES.items())
def test_a_weakness_is_named_by_its_requirement(bearerproof: CommandLine, weakness: str, requirement: str) -> None:
    ended = bearerproof("check", "-k", f"{requirement}.", NAMED.format(weakness))
    assert ended.code == 1, ended.out
    assert RED.findall(ended.out) == [requirement]
    assert f"(only -k {requirement}): 1 requirement fails." in " ".join(ended.out.split())
