"""The first look of ``check``: honest tokens first, or else why not, in five lines."""

import json
import re
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bearerproof.contract.connections import Handle, InProcess, Stdio
from bearerproof.contract.implementation import Implementation
from bearerproof.judging.settings import RunConfig
from bearerproof.members import Json
from bearerproof_fuzz.commands import firstlook
from bearerproof_reference.adapter import create as reference

from ..conftest import CommandLine
from . import degenerate
from .degenerate import HELLO

MODULE = f"python:{degenerate.__name__}"


@pytest.mark.parametrize("subject", ["reject_all", "error_all"])
def test_who_refuses_the_honest_is_told_so_in_five_lines(
    bearerproof: CommandLine, tmp_path: Path, subject: str
) -> None:
    junit, stream = tmp_path / "junit.xml", tmp_path / "run.jsonl"
    ended = bearerproof("check", f"{MODULE}:{subject}", "--junit", junit, "--report", stream)
    assert (ended.code, ended.err) == (3, "")
    heading, *lines = ended.out.splitlines()
    assert heading.startswith("degenerate 1 (python): base in jwt")
    assert lines[0] == "nothing was judged. It refused 7 of 7 honest tokens."
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["presented", "it says", "look at", "show it"]
    assert lines[-1].endswith("exit 3")
    (error,) = ET.parse(junit).getroot().iter("error")  # noqa: S314 - written by this very test
    assert "no honest token is accepted" in str(error.get("message"))
    footer = json.loads(stream.read_text().splitlines()[-1])
    assert (footer["exit"], footer["complete"]) == (3, False)


def _changed(change: Callable[[Json], Json]) -> Callable[[], Handle]:
    """Return an adapter of the reference that hands it other requests than it is given."""

    def make() -> Handle:
        answer = reference().handle
        return lambda request: HELLO if request["op"] == "hello" else degenerate._verdict(answer(change(request)))

    return make


def _policy(request: Json, **members: Any) -> Json:
    return {**request, "policy": {**request["policy"], **members}} if "policy" in request else request


def _without(name: str, request: Json) -> Json:
    return {**request, "policy": {key: value for key, value in request["policy"].items() if key != name}}


FORGETFUL: dict[str, tuple[Callable[[Json], Json], str]] = {
    "iss": (lambda request: _without("issuer", request), "is the policy's `issuer` handed to the library?"),
    "aud": (lambda request: _without("audience", request), "is the policy's `audience` handed to the library?"),
}
"""Adapters that forget one thing, by what a probe tells of it: the honest token alone does not show it."""


def seen(make: Callable[[], Handle]) -> firstlook.Look:
    implementation = Implementation(InProcess(make))
    return firstlook.look(implementation, RunConfig().resolve(implementation.declaration))


def test_the_honest_has_nothing_wrong_and_each_probe_was_refused() -> None:
    found = seen(degenerate.honest)
    assert (found.refused, found.wrong, found.left_out) == ([], [], {})
    assert list(found.probed) == list(firstlook.PROBES)


@pytest.mark.parametrize("name", FORGETFUL)
def test_what_an_adapter_forgets_to_hand_over_is_found_by_its_probe(name: str) -> None:
    change, hint = FORGETFUL[name]
    found = seen(_changed(change))
    assert set(firstlook.PROBES) - set(found.probed) == {name}
    assert hint in found.wrong[0]


def test_an_adapter_that_dies_of_claims_beyond_json_is_told_so(tmp_path: Path) -> None:
    """The loop of a stranger that writes what it was given, outside of what it guards."""
    text = (Path(__file__).parents[1] / "adapters/pyjwt_adapter.py").read_text("utf-8")
    adapter = tmp_path / "adapter.py"
    adapter.write_text(text.replace("**result})", "**result}, allow_nan=False)"), "utf-8")
    with closing(Implementation(Stdio([sys.executable, str(adapter)]))) as implementation:
        found = firstlook.look(implementation, RunConfig().resolve(implementation.declaration))
    assert "jwt, claims-hold-exponent: the adapter ended with an answer due" in found.wrong[0]
    assert found.wrong[0].endswith("(are claims that JSON cannot carry sent as null?)")


def test_a_clock_that_is_not_handed_over_is_hinted_at_by_a_token_of_the_present() -> None:

    found = seen(_changed(lambda request: {**request, "now": int(time.time())} if "now" in request else request))
    assert found.nothing_judged
    assert "a token of the present time is accepted: is `now` handed to the library?" in str(found.hint)


def _refusing(names: set[str]) -> Callable[[], Handle]:
    def make() -> Handle:
        answer = reference().handle

        def handle(request: Json) -> Json:
            if request["op"] == "hello":
                return HELLO
            if names & set(request.get("policy", {}).get("algorithms", ())):
                return {"verdict": "rejected"}
            return degenerate._verdict(answer(request))

        return handle

    return make


def test_an_algorithm_that_alone_is_refused_is_left_out_and_the_rest_judged() -> None:
    found = seen(_refusing({"PS256"}))
    assert not found.nothing_judged
    assert found.left_out == {"algorithm PS256": "rejected"}


def test_what_is_left_out_is_one_line_and_exit_3(bearerproof: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(degenerate, "honest", _refusing({"PS256"}))
    ended = bearerproof("check", f"{MODULE}:honest", "-k", "alg-none-padded,VER-24", "--quick")
    assert ended.code == 3
    told = [line for line in ended.out.splitlines() if line.startswith("PS256: honest tokens refused, ")]
    assert len(told) == 1, ended.out
    assert "untestable" not in ended.out
    assert "was NOT judged whole" in " ".join(ended.out.split())


HINTS = {
    "rejected: Signature has expired": "clock",
    "rejected: Invalid audience": "audience",
    "errored: KeyError: 'kid'": "kid",
    "hung: gave no answer within 5 s": "flush",
    "rejected: Could not deserialize key data": "key form",
    "rejected: unexpected typ": "typ",
    "rejected: wrong issuer": "issuer",
}


@pytest.mark.parametrize("said", HINTS)
def test_the_words_of_a_refusal_say_where_to_look(said: str) -> None:

    found = next(hint for pattern, hint in firstlook.WORDS if re.search(pattern, said, re.IGNORECASE))
    assert found.startswith(HINTS[said])
