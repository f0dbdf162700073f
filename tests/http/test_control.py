"""What is done to a server besides asking it: programs that configure it, a file that tells it the time, its keys."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bearerproof.contract.http.connection import HttpConnection
from bearerproof.contract.http.profile import ToldClock
from bearerproof.contract.http.profilefile import load
from bearerproof.contract.http.toldclock import ClockFile
from bearerproof.exceptions import AdapterFault
from bearerproof.members import Json
from bearerproof_fuzz.keyserver import idp

from .conftest import Stub
from .test_idp import free_ports
from .test_profile import LEAST

CONFIGURE: Json = {"op": "configure", "now": 1000.0, "tick": 5.0, "key_server": {"ttl": 60, "admin_secret": "s3cret!"}}

Connected = Callable[..., HttpConnection]


@pytest.fixture
def controlled(stub: Stub, trail: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Connected:
    """Connect to the stub with a program that configures it: Python of the test's."""
    monkeypatch.setenv("SECRET_OF_THE_TEST", "of the test")

    def connect(program: str, tables: str = "", options: str = "timeout = 20.0") -> HttpConnection:
        (tmp_path / "program.py").write_text(
            f"import json, os, sys, time\ntold = json.loads(sys.stdin.readline())\n{program}"
        )
        command = json.dumps([sys.executable, "-I", "program.py"])
        table = f"[configure]\ncommand = {command}\nrestart = {command}\nstop = {command}\n{options}\n"
        (tmp_path / "profile.toml").write_text(f"{LEAST}\n{table}\n{tables}")
        return HttpConnection(stub.url, load(tmp_path / "profile.toml"), idp.start)

    return connect


def ask(connection: HttpConnection, request: Json) -> Any:
    (answer,) = connection.ask([request], 5)
    return {name: value for name, value in answer.items() if name != "id"}


SOUND = 'print(json.dumps({"configured": True}))'


def test_the_program_is_told_all_and_its_word_is_the_answer(controlled: Connected, tmp_path: Path) -> None:
    connection = controlled(f'open("told.json", "w").write(json.dumps([told, sys.argv[1:], os.getcwd()]))\n{SOUND}')
    assert ask(connection, CONFIGURE) == {"configured": True}
    told, arguments, folder = json.loads((tmp_path / "told.json").read_text())
    assert told["key_server"] == CONFIGURE["key_server"]
    assert (told["now"], told["tick"]) == (1000.0, 5.0)
    assert told["server"]["audit_file"] == str(tmp_path / "trail.jsonl")
    assert (arguments, folder) == ([], str(tmp_path))
    assert "configured 1 times" in connection.effort()
    connection.close()


@pytest.mark.parametrize("said", [{"configured": False}, {"skipped": "no rule can name a subject"}])
def test_a_refusal_and_what_cannot_be_done_are_answers(controlled: Connected, said: Json) -> None:
    connection = controlled(f"print({json.dumps(json.dumps(said))})")
    assert ask(connection, CONFIGURE) == said
    connection.close()


@pytest.mark.parametrize(
    ("program", "fault"),
    [
        ('sys.stderr.write("no such port\\n\\x1b[31m"); sys.exit(4)', "ended with exit code 4"),
        (f"{SOUND}\n{SOUND}", "due is one line"),
        ("print('ready')", "due is one line"),
        ('print(json.dumps({"configured": True, "skipped": "x"}))', "due is one line"),
        ("", "due is one line"),
    ],
)
def test_a_program_that_fails_is_a_fault_and_shows_no_secret(controlled: Connected, program: str, fault: str) -> None:
    connection = controlled(f'sys.stderr.write(told["key_server"]["admin_secret"] + "\\n")\n{program}')
    with pytest.raises(AdapterFault, match=fault) as raised:
        ask(connection, CONFIGURE)
    assert "s3cret!" not in raised.value.describe()
    assert "\x1b" not in raised.value.describe()
    connection.close()


def test_a_program_that_does_not_end_is_a_fault(controlled: Connected) -> None:
    connection = controlled("time.sleep(600)", options="timeout = 0.3")
    with pytest.raises(AdapterFault, match=r"did not end within 0\.3 s"):
        ask(connection, CONFIGURE)
    connection.close()


def test_a_server_that_does_not_come_up_is_a_fault(controlled: Connected) -> None:
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    connection = controlled(f'print(json.dumps({{"configured": True, "url": "{url}"}}))', options="timeout = 3.0")
    with pytest.raises(AdapterFault, match=f"nothing answers at {url}"):
        ask(connection, CONFIGURE)
    connection.close()


def test_a_member_that_is_not_honoured_is_not_applicable(controlled: Connected) -> None:
    connection = controlled(SOUND, options='honours = ["providers", "policies", "admin_secret"]')
    usual = {**CONFIGURE, "key_server": {**CONFIGURE["key_server"], "ttl": 600}}
    assert ask(connection, usual) == {"configured": True}
    assert ask(connection, CONFIGURE) == {"skipped": "the server profile does not say that ttl is honoured"}
    connection.close()


def test_the_program_is_told_at_the_end_to_end_the_server(controlled: Connected, tmp_path: Path) -> None:
    connection = controlled(f'open("runs", "a").write("x")\n{SOUND}')
    ask(connection, CONFIGURE)
    connection.close()
    assert (tmp_path / "runs").read_text() == "xx"


def test_keys_of_any_issuer_are_served_and_rotated(controlled: Connected, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    tables = f"[identity_provider]\nport = {port}\n[keys]\nttl = 1\ncooldown = 1\nwait = 1\n"
    program = f'open("told.json", "w").write(json.dumps(told["server"]["issuers"]))\n{SOUND}'
    connection = controlled(program, tables)
    issuers = [f"http://127.0.0.1:{port}/home/x", "https://elsewhere.example", "https://elsewhere.example/"]
    providers = [{"issuer": name, "keys": {"keys": [{"kid": name}]}} for name in issuers]
    ask(connection, {**CONFIGURE, "key_server": {"providers": providers}})
    documents = json.loads((tmp_path / "told.json").read_text())
    assert {name: _kids(documents[name]) for name in issuers} == {name: [name] for name in issuers}
    assert documents[issuers[0]]["discovery"] == f"{issuers[0]}/.well-known/openid-configuration"
    rotated = {"op": "rotate", "now": 0, "tick": 0, "issuer": issuers[1], "keys": {"keys": [{"kid": "new"}]}}
    assert ask(connection, rotated) == {"rotated": True}
    assert [_kids(documents[name]) for name in issuers] == [[issuers[0]], ["new"], [issuers[2]]]
    connection.close()


def _kids(documents: Json) -> list[str]:
    import urllib.request  # noqa: PLC0415 - as a server would ask

    with urllib.request.urlopen(documents["discovery"], timeout=5) as answer:  # noqa: S310 - our own
        assert json.load(answer)["jwks_uri"] == documents["jwks_uri"]
    with urllib.request.urlopen(documents["jwks_uri"], timeout=5) as answer:  # noqa: S310 - our own
        return [key["kid"] for key in json.load(answer)["keys"]]


@pytest.mark.parametrize(
    ("form", "resolution", "text"),
    [
        ("epoch", 1.0, "1800000000\n"),
        ("epoch", 0.5, "1800000000.000000\n"),
        ("pair", 1.0, "1800000000 12.500000\n"),
        ("faketime", 1.0, "2027-01-15 08:00:00\n"),
    ],
)
def test_what_the_clock_file_says(tmp_path: Path, form: str, resolution: float, text: str) -> None:
    clock = ClockFile(ToldClock(tmp_path / "clock", form, resolution, 0))
    assert clock.why_not(1_800_000_000) is None
    clock.tell(1_800_000_000, 12.5)
    assert (tmp_path / "clock").read_text() == text
    assert [path.name for path in tmp_path.iterdir()] == ["clock"]


def test_the_offset_of_the_clock_file_is_from_now(tmp_path: Path) -> None:
    ClockFile(ToldClock(tmp_path / "clock", "offset", 1.0, 0)).tell(time.time() + 86_400, 0)
    assert (tmp_path / "clock").read_text() in ("+86400\n", "+86399\n")


def test_an_instant_that_the_clock_cannot_tell_is_not_applicable(
    controlled: Connected, stub: Stub, tmp_path: Path
) -> None:
    connection = controlled(SOUND, '[clock]\nfile = "clock"\nsettle = 0.0\n')
    request = {"op": "http", "method": "GET", "path": "/x", "headers": [], "body_b64": "", "tick": 0.0}
    assert ask(connection, {**request, "now": 1000.0})["status"] == 200
    assert (tmp_path / "clock").read_text() == "1000\n"
    assert "in steps of 1 s" in ask(connection, {**request, "now": 1000.5})["skipped"]
    assert len(stub.asked) == 1
    connection.close()
