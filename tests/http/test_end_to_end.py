"""The reference over HTTP, from the outside: it conforms; whatever is spoilt in it is found, and only that."""

import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bearerproof_reference.clock import SystemClock
from bearerproof_reference.deployment.http import create_app
from bearerproof_reference.deployment.listening import ConnectionLimits, listener
from bearerproof_reference.deployment.serving import open_socket
from bearerproof_reference.deployment.trailfile import NEVER, TrailFile
from bearerproof_reference.keyserver.configuration import read
from bearerproof_reference.keyserver.memorystore import MemoryStore
from bearerproof_reference.keyserver.server import KeyServer, store_limits

from ..conftest import CommandLine
from .test_idp import free_ports

EXAMPLES = Path(__file__).parents[2] / "reference" / "examples"
SECRET = "admin-secret-of-the-server"
AUDIENCE = "an-audience-of-its-own"


def configuration(port: int) -> dict[str, Any]:
    issuers = [f"http://127.0.0.1:{port}/{name}" for name in ("home", "other")]
    everything = {"backends": ["*"], "tools": ["*"], "rate_limit": 0}
    return {
        "ttl": 700,
        "cap": 6,
        "capacity": 1_000_000,
        "trusted_proxies": ["127.0.0.1/32", "10.0.0.1/32"],
        "providers": [
            {"issuer": issuer, "audiences": [AUDIENCE], "algorithms": ["ES256"], "keys_url": f"{issuer}/jwks.json"}
            for issuer in issuers
        ],
        "policies": [{"name": issuer, "match": {"issuer": issuer}, "grant": everything} for issuer in issuers],
    }


def profile(port: int) -> str:
    return f"""\
name = "served reference"
token_prefix = "bprf_"
measure = "strict"

[setting]
issuers = ["http://127.0.0.1:{port}/home", "http://127.0.0.1:{port}/other"]
audience = "{AUDIENCE}"
admin_secret_env = "SECRET_OF_THE_SERVER"
ttl = 700
cap = 6
capacity = 1000000

[abilities]
forwarded = true
throttle = true
retention = true
single_use = true
introspection = true
token_revocation = true
revocation_secret = true

[audit]
file = "trail.jsonl"
wait = 0.3
quiet = 0.0

[identity_provider]
port = {port}
"""


@contextmanager
def served(folder: Path, members: dict[str, Any]) -> Iterator[str]:
    """Run ``bearerproof serve`` and yield its URL."""
    (folder / "server.json").write_text(json.dumps({**members, "admin_secret_env": "SECRET_OF_THE_SERVER"}))
    served = "serve server.json --port 0 --audit trail.jsonl --fsync never"
    command = [sys.executable, "-m", "bearerproof", *served.split()]
    with subprocess.Popen(command, cwd=folder, env=environment(), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            found = re.search(r"http://\S+", process.stderr.readline())
            assert found is not None
            yield found[0]
        finally:
            process.send_signal(signal.SIGTERM)


Spoil = Callable[[Message, Scope], Message]


@contextmanager
def spoilt(folder: Path, members: dict[str, Any], spoil: Spoil) -> Iterator[str]:
    """Serve the reference on a thread, its answers spoilt on their way, and yield its URL."""
    settings = read({**members, "admin_secret": SECRET})
    trail = TrailFile(folder / "trail.jsonl", NEVER)
    app = _spoiling(create_app(KeyServer(settings, MemoryStore(store_limits(settings)), SystemClock(), trail)), spoil)
    server, opened = listener(app, ConnectionLimits(stop_seconds=1)), open_socket("127.0.0.1", 0, allow_remote=False)
    thread = Thread(target=server.run, kwargs={"sockets": [opened]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{opened.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        trail.close()


def _spoiling(app: ASGIApp, spoil: Spoil) -> ASGIApp:
    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await app(scope, receive, keep)
        whole = spoil({**messages[0], "body": b"".join(message.get("body", b"") for message in messages[1:])}, scope)
        body = whole.pop("body")
        length = [(b"content-length", str(len(body)).encode())] if body else []
        fields = [pair for pair in whole["headers"] if pair[0].lower() != b"content-length"]
        await send({**whole, "headers": [*fields, *length]})
        await send({"type": "http.response.body", "body": body})

    return wrapped


def environment() -> dict[str, str]:
    return {**os.environ, "SECRET_OF_THE_SERVER": SECRET}


Check = Callable[..., tuple[int, str, dict[str, str]]]


@pytest.fixture
def check(bearerproof: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Check:
    """Check the server at a URL; return the exit code, what was printed, and how each check ended."""
    monkeypatch.setenv("SECRET_OF_THE_SERVER", SECRET)
    monkeypatch.chdir(tmp_path)

    def run(url: str, *arguments: str) -> tuple[int, str, dict[str, str]]:
        options = f"--url {url} --server-profile profile.toml --no-baselines --quick --report report.jsonl"
        ended = bearerproof("check", *options.split(), *arguments)
        lines = [json.loads(line) for line in Path("report.jsonl").read_text().splitlines()]
        return ended.code, ended.out + ended.err, {event["id"]: event["outcome"] for event in lines if "id" in event}

    return run


@pytest.fixture
def members(tmp_path: Path) -> dict[str, Any]:
    (port,) = free_ports(1)
    (tmp_path / "profile.toml").write_text(profile(port))
    return configuration(port)


def test_the_reference_conforms(tmp_path: Path, members: dict[str, Any], check: Check) -> None:
    with served(tmp_path, members) as url:
        code, printed, outcomes = check(url)
    assert code == 0, printed
    assert "served reference conforms to strict in key-server" in printed
    assert set(outcomes.values()) == {"passed", "not-applicable"}
    assert outcomes["REV-1.refused-from-the-answer-on.key-server"] == "passed"
    assert outcomes["HTTP-14.other-methods.key-server"] == "passed"
    assert outcomes["HTTP-25.introspection-agrees-with-the-grant.key-server"] == "passed"
    assert outcomes["LIFE-5.expired-bearer-leaves-token-expired.key-server"] == "not-applicable"
    assert list(outcomes.values()).count("passed") > 100
    assert SECRET not in printed + (tmp_path / "report.jsonl").read_text()


def test_the_examples_of_the_reference_fit_together(tmp_path: Path, check: Check) -> None:
    (port,) = free_ports(1)
    texts = {path.name: path.read_text("utf-8").replace("8765", str(port)) for path in EXAMPLES.glob("*.toml")}
    texts = {name: text.replace("KEY_SERVER_ADMIN_SECRET", "SECRET_OF_THE_SERVER") for name, text in texts.items()}
    (tmp_path / "profile.toml").write_text(texts["profile.toml"].replace("../../audit.jsonl", "trail.jsonl"))
    with served(tmp_path, tomllib.loads(texts["key-server.toml"])) as url:
        code, printed, outcomes = check(url, "-k", "REV-1")
    assert code == 0, printed
    assert list(outcomes.values()).count("passed") > 3


def uneven_refusals(answer: Message, scope: Scope) -> Message:
    """A 401 says how long the bearer is that was presented."""
    presented = [value for name, value in scope["headers"] if name == b"authorization"]
    if answer["status"] == 401 and answer["body"] and presented:
        error = {**json.loads(answer["body"]), "error_description": f"Not a good bearer: {len(presented[0])} long."}
        return {**answer, "body": json.dumps(error).encode()}
    return answer


def kept_tokens(answer: Message, scope: Scope) -> Message:
    """The answer to an exchange may be kept."""
    if scope["path"] == "/auth/token" and answer["status"] == 200:
        kept = [pair for pair in answer["headers"] if pair[0].lower() not in (b"cache-control", b"pragma")]
        return {**answer, "headers": kept}
    return answer


def test_what_is_spoilt_is_found_and_only_that(tmp_path: Path, members: dict[str, Any], check: Check) -> None:
    def spoil(answer: Message, scope: Scope) -> Message:
        return kept_tokens(uneven_refusals(answer, scope), scope)

    with spoilt(tmp_path, members, spoil) as url:
        code, printed, outcomes = check(url, "-k", "HTTP")
    red = {name.partition(".")[0] for name, outcome in outcomes.items() if outcome not in ("passed", "not-applicable")}
    assert (code, red) == (1, {"HTTP-4", "HTTP-7"}), printed
