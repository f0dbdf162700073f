"""Resource servers by URL: the honest one conforms; each that is spoilt is found for its fault, or ends the run."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bearerproof.contract.resource.waves import waves
from bearerproof_fuzz import keys
from bearerproof_fuzz.oracles.events import spellings
from bearerproof_reference.verifier import fetching

from ..conftest import CommandLine
from ..http.test_idp import free_ports
from . import servers
from .servers import Server

Judge = Callable[..., tuple[int, str, dict[str, str]]]


def profile(issuer: str) -> str:
    return f"""\
name = "a resource server"
profile = "access-token"
measure = "strict"

[token]
issuer = "{issuer}"
audience = "{servers.AUDIENCE}"
claims = {{ scope = "orders:read" }}

[request]
line = "GET /orders"
scope = "orders:read"
echo = "/user/sub"
headers = ["X-Gateway: ${{GATEWAY_KEY}}"]

[metadata]
resource = "http://127.0.0.1/orders"

[session]
header = "Session-Id"

[keys]
ttl = 5.0
cooldown = 0.5
wait = 1.0
"""


@pytest.fixture
def judge(bearerproof: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Judge:
    """Judge one of the servers by the checks that a selection names."""
    monkeypatch.setenv("GATEWAY_KEY", "gateway-key-of-the-test")
    issuer = f"http://127.0.0.1:{free_ports(1)[0]}/home"
    (tmp_path / "api.toml").write_text(profile(issuer))

    def judged(make: Callable[[str], Server], *selection: str) -> tuple[int, str, dict[str, str]]:
        report = tmp_path / "run.jsonl"
        served = make
        if isinstance(make, type) and issubclass(make, servers.Audited):
            log = tmp_path / "audit.jsonl"
            log.touch()
            path = tmp_path / "api.toml"
            path.write_text(f'{path.read_text()}\n[audit]\nfile = "{log.name}"\nquiet = 0.0\n')
            served = partial(make, log)
        with servers.served(served, issuer) as url:
            options = ("--server-profile", tmp_path / "api.toml", "--no-baselines", "--report", report)
            ended = bearerproof("check", "--url", url, *options, *selection)
        text = ended.out + ended.err
        assert "gateway-key-of-the-test" not in text + (report.read_text() if report.exists() else "")
        return ended.code, text, states(report)

    return judged


def states(report: Path) -> dict[str, str]:
    lines = [json.loads(line) for line in report.read_text().splitlines()] if report.exists() else []
    records: list[dict[str, Any]] = [line for line in lines if line["type"] == "check"]
    return {record["id"]: record["outcome"] for record in records}


def red(found: dict[str, str]) -> set[str]:
    return {name for name, state in found.items() if state in ("failed", "untestable", "errored", "crashed", "hung")}


SOME = "RS,KEY-*.running-*,VER-34.aud-is-another,VER-19.no-location-*"


def test_an_honest_server_conforms(judge: Judge) -> None:
    code, text, found = judge(Server, "-k", SOME)
    assert (code, red(found)) == (0, set()), text[-3000:]
    judged = {name.partition(".")[0] for name, state in found.items() if state == "passed"}
    assert judged >= {f"RS-{number}" for number in range(1, 17)} | {
        "KEY-1",
        "KEY-3",
        "KEY-4",
        "KEY-6",
        "KEY-7",
        "KEY-8",
        "KEY-10",
        "KEY-13",
    }
    assert "requests in" in text


@pytest.mark.parametrize(
    ("make", "selection", "expected"),
    [
        (servers.RemembersByJti, "VER-24.signature-*", "VER-24"),
        (servers.AnyAudience, "VER-34.aud-is-another", "VER-34"),
        (servers.NoneIsAnAlgorithm, "VER-12.alg-none-unsigned-exact", "VER-12"),
        (servers.FetchesForEachKid, "KEY-10.running-*", "KEY-10"),
        (servers.HeedsNoUse, "KEY-1.running-*", "KEY-1"),
        (servers.TakesTheLastTwin, "KEY-3.running-*", "KEY-3"),
        (servers.TakesTextForASecret, "KEY-6.running-*", "KEY-6"),
        (servers.FollowsTheToken, "VER-19.no-location-*", "VER-19"),
        (servers.TrustsItsCookie, "RS-7", "RS-7"),
        (servers.LogsTwice, "FAIL-1", "FAIL-1"),
        (servers.LogsSuccess, "FAIL-1", "FAIL-1"),
        (servers.LogsLocalTime, "FAIL-3", "FAIL-3"),
        (servers.LogsOneKind, "FAIL-4", "FAIL-4"),
        (servers.LogsTheToken, "FAIL-5.events-hold-no-secret", "FAIL-5"),
        (servers.LogsTheOneBefore, "SRC-1", "SRC-1"),
    ],
)
def test_a_spoilt_server_is_red_for_its_fault(
    judge: Judge, make: Callable[[str], Server], selection: str, expected: str
) -> None:
    code, text, found = judge(make, "-k", selection)
    assert code == 1, text[-3000:]
    assert {name.partition(".")[0] for name in red(found)} == {expected}


_OF_A_SECRET = [
    (servers.SharesASecret, set()),
    (servers.HasAnExample, {"VER-25"}),
    (servers.LogsItsSecret, {"FAIL-5"}),
]


@pytest.mark.parametrize(("make", "expected"), _OF_A_SECRET)
def test_a_secret_signs_and_is_shown_nowhere(
    judge: Judge,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[str], Server],
    expected: set[str],
) -> None:
    monkeypatch.setattr(keys, "_TAKEN", {})
    monkeypatch.setenv("ORDERS_SECRET", servers.SharesASecret.secret.decode())
    path = tmp_path / "api.toml"
    text = path.read_text().partition("[keys]")[0].replace("[token]", '[token]\nsecret_env = "ORDERS_SECRET"')
    path.write_text(text)
    selection = "FAIL-5" if expected == {"FAIL-5"} else "VER-5,VER-23,VER-24,VER-25.hmac-*"
    code, text, found = judge(make, "-k", selection, "-v")
    assert {name.partition(".")[0] for name in red(found)} == expected, text[-3000:]
    assert code == bool(expected), text[-3000:]
    assert expected == {"FAIL-5"} or list(found.values()).count("passed") > 5
    shown = text + (tmp_path / "run.jsonl").read_text()
    secret = servers.SharesASecret.secret
    assert not any(spelling in shown for spelling in (secret.decode(), *spellings(secret)))


@pytest.mark.parametrize(
    ("make", "expected"), [(servers.TwoIssuers, set()), (servers.MergesKeySets, {"VER-25"}), (Server, None)]
)
def test_keys_are_bound_to_their_issuer_where_two_are_trusted(
    judge: Judge, tmp_path: Path, make: Callable[[str], Server], expected: set[str] | None
) -> None:
    """A server that does not trust the second one, as the profile says that it does, ends the run."""
    path = tmp_path / "api.toml"
    issuer = next(line for line in path.read_text().splitlines() if line.startswith("issuer"))
    path.write_text(path.read_text().replace(issuer, f"{issuer}\nother{issuer[6:].replace('/home', '/other')}"))
    code, text, found = judge(make, "-k", "VER-25.running-*")
    if expected is None:
        assert (code, found) == (3, {})
        assert "an honest token of the other issuer is not accepted" in text
    else:
        assert {name.partition(".")[0] for name in red(found)} == expected, text[-3000:]
        assert code == bool(expected)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (servers.TellsReasons, set()),
        (servers.KeepsForEver, {"KEY-9"}),
        (servers.BlamesTheSignature, {"KEY-11"}),
    ],
)
def test_a_set_that_has_grown_too_old_is_used_no_more_and_said_to_be_missing(
    judge: Judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[str], Server], expected: set[str]
) -> None:
    """The keys of these servers are good for a second of ours, and for one more while none can be had."""
    monkeypatch.setattr(fetching, "TTL", servers.HASTE)
    monkeypatch.setattr(fetching, "STALE", servers.HASTE)
    path = tmp_path / "api.toml"
    text = path.read_text().replace("ttl = 5.0", "ttl = 1.0\nstale = 1.0").replace("wait = 1.0", "wait = 3.0")
    path.write_text(f'{text}\n[reasons]\nkeys-unavailable = "keys-unavailable"\n')
    code, text, found = judge(make, "-k", "KEY-9.running-*,KEY-11.running-*")
    assert {name.partition(".")[0] for name in red(found)} == expected, text[-3000:]
    assert code == bool(expected)
    assert found["KEY-9.running-server-gives-up-a-set-that-is-too-old.access-token"] in ("passed", "failed")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (servers.VerifiesNothing, "one octet of its signature changed is not refused"),
        (servers.NeedsNoToken, "this request needs no token"),
        (servers.BadRequestToAll, "an honest token is not accepted: status 400"),
        (servers.LocksOut, "a lock-out?"),
    ],
)
def test_a_server_of_which_nothing_can_be_said_ends_the_run(
    judge: Judge, make: Callable[[str], Server], words: str
) -> None:
    code, text, _ = judge(make, "-k", "VER-12,VER-34")
    assert code == 3
    assert words in text


def test_what_is_found_of_several_requests_at_once_has_to_be_found_of_one_at_a_time(judge: Judge) -> None:
    made: list[servers.RefusesTwoAtOnce] = []

    def make(issuer: str) -> Server:
        made.append(servers.RefusesTwoAtOnce(issuer))
        return made[0]

    code, text, found = judge(make, "-k", "VER-34.aud-is-another,VER-29.expired-since-an-hour")
    assert (code, red(found)) == (0, set()), text[-3000:]
    assert made[0].refused


def test_the_first_token_of_a_jti_comes_before_the_others_and_before_those_that_cannot_be_read() -> None:
    first, second = ("a.eyJqdGkiOiIxIn0.s", "a.eyJqdGkiOiIyIn0.s")
    assert waves([first, second, first, b"?", second, "?"]) == [[0, 1], [2, 3, 4, 5]]
    assert waves([b"?", first, first]) == [[0, 1], [2]]
    assert waves([]) == []


def test_an_honest_log_conforms(judge: Judge) -> None:
    """Refusals that tell no reason are judged by the kinds of their events; what needs a told reason is left out."""
    code, text, found = judge(servers.Audited, "-k", "FAIL-1,FAIL-2,FAIL-3,FAIL-4,FAIL-5,FAIL-6,HINT-5,SRC-4,VER-45")
    assert (code, red(found)) == (0, set()), text[-3000:]
    judged = {name for name, state in found.items() if state == "passed"}
    assert {name.partition(".")[0] for name in judged} == {
        *(f"FAIL-{number}" for number in range(1, 7)),
        "HINT-5",
        "SRC-4",
    }
    assert "FAIL-3.time-of-the-event-is-that-of-the-wall-clock.access-token" in judged


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (servers.LogsNothing, "nothing came into the audit log"),
        (servers.LogsWords, "no known wrapping fits lines such as WARN rejected a token"),
    ],
)
def test_a_log_that_cannot_be_read_is_no_finding(judge: Judge, make: Callable[[str], Server], words: str) -> None:
    code, text, found = judge(make, "-k", "FAIL-1")
    assert (code, found) == (3, {})
    assert text.count(words) == 1, text


def test_an_error_in_place_of_each_refusal_proves_none(judge: Judge) -> None:
    code, text, _ = judge(servers.ErrsForAnotherScope, "-k", "RS-4")
    assert code == 3
    assert "RS-4 (only errors came where it asks for a refusal)" in text


def test_a_server_that_trusts_another_issuer_ends_the_run_with_what_it_answered(judge: Judge) -> None:
    code, text, found = judge(lambda _: Server("http://127.0.0.1:9/other"), "-k", "VER-12")
    assert (code, found) == (3, {})
    assert "an honest token is not accepted: status 401, challenge 'Bearer" in text
    assert "nobody fetched the key set" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--url", "http://192.0.2.1:80"], "say --i-own-this 192.0.2.1"),
        (["--url", "http://192.0.2.1:80", "--i-own-this", "192.0.2.2"], "names '192.0.2.2', and --url leads to"),
        (["--url", "http://127.0.0.1:80/api"], "without a path"),
    ],
)
def test_only_this_machine_or_the_one_that_is_named_is_asked(
    bearerproof: CommandLine, tmp_path: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / "api.toml").write_text(profile("http://127.0.0.1:1/home").replace("${GATEWAY_KEY}", "x"))
    ended = bearerproof("check", *arguments, "--server-profile", tmp_path / "api.toml")
    assert ended.code == 3
    assert words in ended.err
