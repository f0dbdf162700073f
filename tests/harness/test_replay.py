"""Replay: a vector or a finding presented again, beside the accepted token it was made from."""

import json
import re
import sys
from pathlib import Path

import pytest

from bearerproof.members import Json
from bearerproof_fuzz.keyserver import race_requests
from bearerproof_fuzz.keyserver.setting import DEFAULT, HOME
from bearerproof_reference.adapter.adapter import HELLO

from ..conftest import CommandLine
from . import degenerate

ADAPTER = Path(__file__).parents[1] / "adapters" / "keyserver_adapter.py"
ACCEPTING = f"python:{degenerate.__name__}:accept_all"
VECTOR = "VER-12.alg-none-without-kid"


@pytest.mark.parametrize("name", [VECTOR, "alg-none-without-kid"])
@pytest.mark.parametrize("subject", ["reference", "pyjwt"])
def test_a_vector_is_presented_again_by_its_id_or_its_edit(bearerproof: CommandLine, name: str, subject: str) -> None:
    ended = bearerproof("replay", name, subject)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith(f"{VECTOR}: `alg` is `none`")
    assert "base       accepted (due: accepted)" in ended.out
    assert re.search(r"  presented  rejected \([a-z-]+\) \(due: rejected\)\n", ended.out)


def stream(steps: object, expected: str = "granted, admitted or done") -> str:
    """A result stream with one finding of a key server."""
    finding = {"summary": "what is wrong", "expected": expected, "got": "accepted", "steps": steps}
    return json.dumps({"type": "check", "id": "REV-1.it.key-server", "findings": [finding]}) + "\n"


def at(second: float, request: Json) -> Json:
    return {**request, "now": DEFAULT.now + second, "tick": second}


BEGIN = [
    at(0, {"op": "configure", "key_server": DEFAULT.as_json()}),
    at(0, race_requests.exchange(HOME.draft("alice", DEFAULT.now, jti="1").token())),
]
REVOKED = [
    *BEGIN,
    at(1, race_requests.revoke("<jti of step 2>")),
    at(2, race_requests.authenticate("<access_token of step 2>")),
]
DUE = "refused: invalid-token or unavailable"


def test_steps_are_asked_again_with_what_the_server_makes_up_now(bearerproof: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    file.write_text(stream(REVOKED, DUE), "utf-8")
    ended = bearerproof("replay", file)
    assert (ended.code, ended.err) == (0, "")
    text = " ".join(ended.out.split())
    assert text.startswith("REV-1.it.key-server: what is wrong step 1 configure ")
    (bearer,) = set(re.findall(r'access_token="(bprf_[^"]+)"', text))
    (jti,) = set(re.findall(r'"token_jti": "([^"]+)"', text))
    assert f'step 3 revoke peer="192.0.2.7" admin="admin-secret-of-the-suite-4f1c9e" jti="{jti}"' in text
    assert f'step 4 authenticate peer="192.0.2.7" bearer="{bearer}"' in text
    assert re.search(r'rejected \(invalid-token\) event {"event": "token.denied", .*"reason": "revoked", ', text)
    assert text.endswith(f"due {DUE} found accepted")


def test_a_run_leaves_what_it_takes_to_ask_again(bearerproof: CommandLine, tmp_path: Path) -> None:
    report, other = tmp_path / "results.jsonl", ("--", sys.executable, ADAPTER)
    options = ("-k", "REV-3.expired-token-is-not-active", "--measure", "strict", "--no-baselines")
    assert bearerproof("check", *options, "--report", report, *other).code == 1
    faulty, sound = bearerproof("replay", report, *other), bearerproof("replay", report)
    assert (faulty.code, sound.code) == (1, 0)
    assert "accepted revoked=1" in faulty.out.rpartition("  step ")[2]
    assert "rejected (not-active)" in sound.out.rpartition("  step ")[2]


def test_racers_are_asked_together_and_shown_one_by_one(bearerproof: CommandLine, tmp_path: Path) -> None:
    second = HOME.draft("bob", DEFAULT.now, jti="2").token()
    race = [at(1, race_requests.exchange(second)), at(1, race_requests.authenticate("<access_token of step 2>"))]
    last = at(2, race_requests.authenticate("<access_token of racer 1 of step 3>"))
    file = tmp_path / "results.jsonl"
    expected = 'events [{"event": "token.used", "token_jti": "<jti of racer 1 of step 3>", "reason": null}]'
    file.write_text(stream([*BEGIN, at(1, {"op": "race", "requests": race}), last], expected), "utf-8")
    ended = bearerproof("replay", file)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.index("racer 1: exchange") < ended.out.index("racer 2: authenticate") < ended.out.index("step 4")
    file.write_text(stream([*BEGIN, at(1, {"op": "race", "requests": race})], "one number"), "utf-8")
    assert bearerproof("replay", file).code == 0


@pytest.mark.parametrize(
    ("steps", "expected", "code"),
    [
        (BEGIN, "granted, admitted or done", 0),
        (BEGIN, "refused: invalid_request", 1),
        (REVOKED, "granted, admitted or done", 1),
        (REVOKED, "refused: rate-limited", 1),
        (REVOKED, 'events [{"event": "token.denied", "token_jti": "<jti of step 2>"}]', 0),
        (REVOKED, 'events [{"event": "token.denied", "token_jti": "<jti of step 1>"}]', 1),
        (REVOKED, 'events [{"event": "token.denied", "reason": null}]', 1),
        (REVOKED, "events []", 1),
        (REVOKED, "events [", 1),
        (REVOKED, "what only the check can judge", 0),
        ([*REVOKED, at(3, {"op": "sing"})], "granted, admitted or done", 1),
    ],
)
def test_the_last_answer_is_held_against_what_is_due(
    bearerproof: CommandLine, tmp_path: Path, steps: list[Json], expected: str, code: int
) -> None:
    file = tmp_path / "results.jsonl"
    file.write_text(stream(steps, expected), "utf-8")
    ended = bearerproof("replay", file)
    assert (ended.code, ended.err) == (code, "")


def test_a_step_for_which_nothing_is_made_up_is_not_asked(bearerproof: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    refused = at(0, race_requests.exchange("no token"))
    file.write_text(stream([BEGIN[0], refused, *REVOKED[2:]], DUE), "utf-8")
    ended = bearerproof("replay", file)
    assert ended.code == 1
    assert "not asked: nothing came now that could stand for <jti of step 2>" in ended.out
    assert "not asked: nothing came now that could stand for <access_token of step 2>" in ended.out


DYING = f"""
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    known = {{"hello": {HELLO}, "configure": {{"configured": True}}}}
    print(json.dumps({{"id": request["id"], **(known.get(request["op"]) or sys.exit(7))}}), flush=True)
"""


def test_a_crash_is_what_came_of_a_step(bearerproof: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    file.write_text(stream(BEGIN), "utf-8")
    ended = bearerproof("replay", file, "--", sys.executable, "-c", DYING)
    assert (ended.code, ended.err) == (1, "")
    assert "exit code 7" in ended.out.partition("step 2")[2]


def test_only_who_can_be_configured_anew_is_asked_steps(bearerproof: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    file.write_text(stream(REVOKED), "utf-8")
    ended = bearerproof("replay", file, ACCEPTING)
    assert (ended.code, ended.out) == (3, "")
    assert "holds findings of a key server that is configured anew, and degenerate cannot be" in ended.err


def test_what_is_not_due_is_exit_1(bearerproof: CommandLine) -> None:
    accepting = bearerproof("replay", VECTOR, ACCEPTING)
    assert accepting.code == 1
    assert "presented  accepted (due: rejected)" in accepting.out
    rejecting = bearerproof("replay", VECTOR, ACCEPTING.replace("accept", "reject"))
    assert rejecting.code == 1
    assert "base       rejected (due: accepted)" in rejecting.out


def test_a_finding_is_presented_again_from_the_stream_that_holds_it(bearerproof: CommandLine, tmp_path: Path) -> None:
    report = tmp_path / "results.jsonl"
    bearerproof("check", ACCEPTING, "-k", "alg-none-without-kid,alg-none-unsigned-exact", "--report", report)
    both = bearerproof("replay", report, ACCEPTING)
    assert both.code == 1
    assert both.out.count("presented  accepted (due: rejected)") == 2
    listed = bearerproof("replay", report, "reference", "--check", f"{VECTOR}.jwt")
    assert listed.code == 0
    assert listed.out.count("presented  rejected (algorithm) (due: rejected)") == 1


def test_a_measure_says_what_is_due(bearerproof: CommandLine) -> None:
    vector = "VER-20.header-parameter-nonce"
    strict, base = (bearerproof("replay", vector, ACCEPTING, "--measure", measure) for measure in ("strict", "base"))
    assert (strict.code, base.code) == (1, 0)
    assert "presented  accepted (due: accepted or rejected)" in base.out
    assert bearerproof("replay", vector, ACCEPTING) == base, "the control: what it declares is due by default"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no finding with a token or steps"),
        ('{"type":"header"}\n', "holds no finding with a token or steps"),
        ("not json\n", ":1 is not a line of a result stream"),
        ("\xff", "cannot read"),
        ('{"type":"check","id":"x"}\n', ":1 is not a line of a result stream"),
        ('{"type":"check","id":"x","findings":[{"presented":{}}]}\n', ":1 is not a line of a result stream"),
        (stream([1]), ":1 is not a line of a result stream"),
        (stream([{}]), ":1 is not a line of a result stream"),
        (stream([{"op": "race", "requests": [{"bearer": ""}]}]), ":1 is not a line of a result stream"),
        (stream("reap"), ":1 is not a line of a result stream"),
    ],
)
def test_a_file_that_is_no_stream_is_told(bearerproof: CommandLine, tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "results.jsonl"
    file.write_text(text, encoding="latin-1")
    ended = bearerproof("replay", file)
    assert (ended.code, ended.out) == (3, "")
    assert message in ended.err


def test_an_unknown_name_says_where_to_look(bearerproof: CommandLine) -> None:
    ended = bearerproof("replay", "alg-nonne")
    assert ended.code == 3
    assert "no check is called 'alg-nonne'; did you mean alg-none" in ended.err


def test_what_resembles_nothing_is_no_vector(bearerproof: CommandLine) -> None:
    ended = bearerproof("replay", "qqqqqqqq")
    assert (ended.code, ended.out) == (3, "")
    assert "'qqqqqqqq' is neither a result stream nor one of the " in ended.err
