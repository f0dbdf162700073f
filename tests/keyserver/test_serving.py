"""The key server on sockets and as a process: what connections may do to it, how it starts, and how it ends."""

import json
import math
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from bearerproof_fuzz import jwks_endpoint as endpoints
from bearerproof_reference.deployment import serving
from bearerproof_reference.deployment.http import Threads, create_app
from bearerproof_reference.deployment.httprequest import FORM
from bearerproof_reference.deployment.listening import ConnectionLimits, listener
from bearerproof_reference.deployment.serving import Serving, ServingError, load, open_socket, serve
from bearerproof_reference.keyserver.configuration import read
from bearerproof_reference.keyserver.memorystore import MemoryStore
from bearerproof_reference.keyserver.store import StoreUnavailable
from tests.conftest import CommandLine
from tests.keyserver.environment import ADMIN, Environment, configuration, form, id_token, provider, rule
from tests.keyserver.redisserver import RedisServer

GET = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
VARIABLE = "BEARERPROOF_TEST_ADMIN_SECRET"
SECRET = ADMIN.replace(" ", "-")


@contextmanager
def listening(app: Any, **limits: Any) -> Iterator[int]:
    """Serve on a thread and yield the port."""
    server = listener(app, replace(ConnectionLimits(stop_seconds=1), **limits))
    opened = open_socket("127.0.0.1", 0, allow_remote=False)
    port: int = opened.getsockname()[1]
    thread = Thread(target=server.run, kwargs={"sockets": [opened]})
    thread.start()
    try:
        wait_for(lambda: server.started)
        yield port
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


@contextmanager
def served_environment(**limits: Any) -> Iterator[tuple[Environment, int]]:
    environment = Environment()
    with listening(create_app(environment.server), **limits) as port:
        yield environment, port


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def talk(port: int, request: bytes) -> bytes:
    """Send octets and return all that comes back until the server ends the connection."""
    with connect(port) as connection:
        connection.sendall(request)
        return rest(connection)


def rest(connection: socket.socket) -> bytes:
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionResetError:
        pass
    return received


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def reason(environment: Environment) -> str:
    """Return the name and reason of the one event since the last look."""
    (event,) = environment.events()
    return f"{event['event']} {event['reason']}"


def exchange_of(token: str) -> bytes:
    body = urlencode(form(token)).encode()
    head = f"POST /auth/token HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


LINES = [
    *(b"X: a\r\n Authorization: Bearer x", b"X: a\rAuthorization: Bearer x", b"Authorization: Bearer \r\n\tx"),
    *(b"X: a\nY: b", b"X: a\x00b", b"X : a", b": a", b"X\r\n: a", b"X: \xff\xfe", b"Transfer-Encoding: gzip"),
    *(b"Content-Length: 1\r\nContent-Length: 2", b"Content-Length: 1, 2", b"Content-Length: -1"),
    b"Upgrade: websocket\r\nConnection: Upgrade",
]

AMBIGUOUS = [
    *(b"1.1 Content-Length: 52\r\nTransfer-Encoding: chunked", b"1.1 Transfer-Encoding: chunked\r\nContent-Length: 0"),
    *(b"1.1 content-length: 5\r\ntransfer-encoding: CHUNKED", b"1.0 Transfer-Encoding: chunked"),
    *(b"1.1 Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"1.1 Transfer-Encoding: chunked, chunked"),
    *(b"1.1 Transfer-Encoding: xchunked", b"1.1 Transfer-Encoding: identity", b"1.1 Transfer-Encoding:"),
    *(b"1.1 Content-Length: 5\r\nContent-Length: 6", b"1.1 Content-Length: +5", b"1.1 Content-Length: 0x5"),
    *(b"1.1 Content-Length: 5_0", b"1.1 Content-Length: " + b"9" * 5000, b"1.1 Content-Length: 5, 6"),
]
"""Versions, and fields that tell the length of a request in two ways, or in one that somebody else may not know."""


class TestConnections:
    def test_one_after_the_other_and_all_at_once(self) -> None:
        with served_environment() as (_, port), connect(port) as connection:
            connection.sendall(GET)
            assert connection.recv(65536).endswith(b'"trail": "ok"}'), "head and body come together"
            connection.sendall(GET * 3 + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            assert rest(connection).count(b"HTTP/1.1 200 OK") == 4

    def test_nothing_is_said_about_the_software(self) -> None:
        with served_environment() as (_, port):
            assert "server" not in httpx.get(f"http://127.0.0.1:{port}/health").headers

    def test_five_hundred_that_send_nothing(self) -> None:
        with served_environment(connections=100) as (_, port), ExitStack() as silent:
            waiting = [silent.enter_context(connect(port)) for _ in range(500)]
            assert httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
            assert all(connection.recv(1) == b"" for connection in waiting[:300]), "the first had to make room"
            waiting[-1].sendall(GET)
            assert waiting[-1].recv(65536).startswith(b"HTTP/1.1 200 OK")

    def test_one_in_use_makes_no_room(self) -> None:
        with served_environment(connections=2) as (_, port), connect(port) as busy:
            token = exchange_of(id_token())
            busy.sendall(token[:-10])
            time.sleep(0.1)  # for the server to have seen it
            with connect(port) as first, connect(port) as second:
                assert rest(first) == b""
                second.sendall(GET)
                assert second.recv(65536).startswith(b"HTTP/1.1 200 OK")
            busy.sendall(token[-10:])
            assert busy.recv(65536).startswith(b"HTTP/1.1 200 OK")

    @pytest.mark.parametrize("before", [b"", GET])
    @pytest.mark.parametrize("sent", [b"", GET[:-2]])
    def test_silence_and_dribble_end_in_time(self, before: bytes, sent: bytes) -> None:
        with served_environment(head_seconds=0.5) as (_, port), connect(port) as connection:
            if before:
                connection.sendall(before)
                assert connection.recv(65536)
            start = time.monotonic()
            with suppress(BrokenPipeError):  # on a machine so busy that ten octets take longer than all may
                for octet in sent[:10]:
                    connection.sendall(bytes([octet]))
                    time.sleep(0.02)
            assert rest(connection) == b""
            assert time.monotonic() - start > 0.3, "it is not ended at once"

    def test_a_body_that_does_not_come(self) -> None:
        with served_environment(head_seconds=0.2, request_seconds=0.7) as (environment, port):
            assert talk(port, exchange_of(id_token())[:-10]) == b""
            assert httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
            assert environment.events() == []

    def test_a_request_may_take_longer_than_its_head(self) -> None:
        token = exchange_of(id_token())
        with served_environment(head_seconds=0.2) as (_, port), connect(port) as connection:
            connection.sendall(token[:-10])
            time.sleep(0.5)
            connection.sendall(token[-10:])
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 OK")

    def test_ten_megabytes(self) -> None:
        with served_environment() as (environment, port), httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:

            def pieces() -> Iterator[bytes]:
                for _ in range(100):
                    yield b"x" * 100_000

            for content in (b"x" * 10_000_000, pieces()):
                answer = client.post("/auth/token", content=content, headers={"Content-Type": FORM})
                assert answer.status_code == 413
                assert reason(environment) == "token.invalid malformed-request"
            assert client.get("/health").status_code == 200

    @pytest.mark.parametrize("pause", [0, 0.05])
    def test_a_head_that_is_too_long(self, pause: float) -> None:
        with served_environment(head_bytes=4096) as (_, port), connect(port) as connection:
            for length, status in ((1900, b"200"), (4097, b"400")):
                request = GET[:-2] + b"X: " + b"x" * (length - len(GET) - 5) + b"\r\n\r\n"
                assert len(request) == length
                connection.sendall(request[:1000])
                time.sleep(pause)
                connection.sendall(request[1000:])
                assert connection.recv(65536)[9:12] == status
            assert httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200

    def test_lines_in_fields(self) -> None:
        with served_environment() as (environment, port):
            for line in LINES:
                asked = b"GET /resource/a/b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + line + b"\r\n\r\n"
                answer = talk(port, asked)
                assert int(answer[9:12]) in (400, 401, 501), line
                assert answer.count(b"HTTP/1.1") == 1, line
                assert len(environment.events()) <= 1, line
                assert httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200, line

    @pytest.mark.parametrize("framing", AMBIGUOUS)
    def test_a_request_whose_end_is_ambiguous_is_the_last(self, framing: bytes) -> None:
        """RFC 9112 §6.1: what somebody in front may take for the next request is not read as one."""
        version, _, fields = framing.partition(b" ")
        asked = b"GET /health HTTP/" + version + b"\r\nHost: x\r\n" + fields + b"\r\n\r\n0\r\n\r\n"
        with served_environment() as (environment, port):
            answer = talk(port, asked + GET.replace(b"/health", b"/resource/smuggled/x"))
            assert int(answer[9:12]) in (400, 501)
            assert answer.count(b"HTTP/1.1 ") == 1
            assert b"connection: close" in answer.lower()
            assert environment.events() == []

    @pytest.mark.parametrize(
        ("target", "status"),
        [
            *((b"http://x/health", 200), (b"HTTPS://x:80/health?a=b", 200), (b"http://[::1]:8080/resource/a/b", 401)),
            *((b"http://x", 404), (b"http://user@x/health", 404), (b"ftp://x/health", 404), (b"x/health", 404)),
            *((b"http://x/http://x/health", 404), (b"/http://x/health", 404), (b"*", 404)),
        ],
    )
    def test_a_whole_url_as_request_target(self, target: bytes, status: int) -> None:
        """RFC 9112 §3.2.2: a server must accept it."""
        with served_environment() as (_, port):
            answer = talk(port, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert int(answer[9:12]) == status

    def test_an_exchange_that_waits_keeps_nobody_waiting(self) -> None:
        with endpoints.endpoint(endpoints.silence()) as served:
            environment = Environment({"providers": [provider(keys=None, keys_url=served.url)], "policies": [rule()]})
            with listening(create_app(environment.server, Threads(1, "exchange"))) as port, connect(port) as slow:
                slow.sendall(exchange_of(id_token()))
                wait_for(lambda: served.requests)
                assert httpx.get(f"http://127.0.0.1:{port}/resource/a/b").status_code == 401
                assert select.select([slow], [], [], 0)[0] == [], "the exchange still waits"
                assert slow.recv(65536).startswith(b"HTTP/1.1 503 ")

    def test_a_subject_token_from_many_at_the_same_instant(self) -> None:
        with served_environment() as (environment, port), ExitStack() as clients:
            request = exchange_of(id_token())
            connections = [clients.enter_context(connect(port)) for _ in range(20)]
            for connection in connections:
                connection.sendall(request[:-1])
            for connection in connections:
                connection.sendall(request[-1:])
            statuses = sorted(int(connection.recv(65536)[9:12]) for connection in connections)
            assert statuses == [200] + [400] * 19
            assert sorted(event["event"] for event in environment.events()) == ["token.denied"] * 19 + ["token.issued"]


@dataclass(frozen=True)
class Running:
    """A server in a process of its own."""

    process: subprocess.Popen[str]
    url: str

    def exchange(self, subject: str = "anna") -> dict[str, Any]:
        """Exchange a fresh ID token, which must succeed."""
        answer = httpx.post(f"{self.url}/auth/token", data=dict(form(id_token(int(time.time()), sub=subject))))
        assert answer.status_code == 200, answer.text
        granted: dict[str, Any] = answer.json()
        return granted

    def use(self, bearer: str) -> httpx.Response:
        """Present a bearer."""
        return httpx.get(f"{self.url}/resource/a/search", headers={"Authorization": f"Bearer {bearer}"})

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """End it, and return exit code and what it wrote to standard output."""
        self.process.send_signal(number)
        out, _ = self.process.communicate(timeout=20)
        return self.process.returncode, out


def command(*arguments: str | Path, prelude: str = "") -> list[str]:
    return [
        sys.executable,
        "-c",
        f"{prelude}from bearerproof_fuzz.commands.cli import main\nmain()",
        "serve",
        *map(str, arguments),
    ]


@contextmanager
def running(*arguments: str | Path) -> Iterator[Running]:
    variables = {**os.environ, VARIABLE: SECRET}
    process = subprocess.Popen(
        command(*arguments, "--port", "0"), env=variables, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "key server at http://" in line, line
        yield Running(process, line.split()[-1])
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    path = tmp_path / "configuration.json"
    members = configuration(admin_secret=None, admin_secret_env=VARIABLE)
    path.write_text(json.dumps(members), "utf-8")
    return path


class TestProcess:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_from_start_to_stop(self, configured: Path, tmp_path: Path, number: int) -> None:
        trail = tmp_path / "events.jsonl"
        with running(configured, "--audit", trail, "--fsync", "0.5") as server:
            granted = server.exchange()
            assert server.use(granted["access_token"]).json()["subject"] == "anna"
            answer = httpx.delete(
                f"{server.url}/auth/token/{granted['jti']}", headers={"Authorization": f"Bearer {SECRET}"}
            )
            assert answer.status_code == 204
            assert server.use(granted["access_token"]).status_code == 401
            assert server.stop(number) == (0, "")
        events = [json.loads(line) for line in trail.read_text("utf-8").splitlines()]
        assert [event["event"] for event in events] == ["token.issued", "token.used", "token.revoked", "token.denied"]
        assert [event["seq"] for event in events] == [0, 1, 2, 3]
        assert {event["client_ip"] for event in events} == {"127.0.0.1"}

    def test_events_on_standard_output(self, configured: Path) -> None:
        with running(configured) as server:
            assert server.use("x").status_code == 401
            code, out = server.stop()
        assert code == 0
        assert json.loads(out)["reason"] == "malformed-bearer"

    def test_a_request_that_has_begun_is_answered(self, configured: Path) -> None:
        with running(configured, "--fsync", "never") as server:
            port = int(server.url.rpartition(":")[2])
            request = exchange_of(id_token(int(time.time())))
            with connect(port) as connection:
                connection.sendall(request[:-1])
                time.sleep(0.3)
                server.process.send_signal(signal.SIGTERM)
                wait_for(lambda: _refused(port))
                connection.sendall(request[-1:])
                assert rest(connection).startswith(b"HTTP/1.1 200 OK")
            assert server.stop(signal.SIGTERM)[0] == 0

    def test_a_store_that_processes_share(self, configured: Path, redis_server: RedisServer) -> None:
        subject = f"shared-{os.getpid()}"
        with running(configured, "--redis", redis_server.url) as first:
            bearer = first.exchange(subject)["access_token"]
        with running(configured, "--redis", redis_server.url) as second:
            assert second.use(bearer).json()["subject"] == subject

    def test_a_store_that_dies(self, configured: Path, own_redis: RedisServer) -> None:
        with running(configured, "--redis", own_redis.url) as server:
            bearer = server.exchange()["access_token"]
            own_redis.kill()
            answer = server.use(bearer)
            assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
            assert int(answer.headers["Retry-After"]) > 0
            assert httpx.get(f"{server.url}/health").json()["store"] == "unavailable"
            _, out = server.stop()
        assert [json.loads(line).get("reason") for line in out.splitlines()] == [None, "store-unavailable"]


class TestCommand:
    """What stands in the way of a start is one message, and exit code 3."""

    @pytest.mark.parametrize(("package", "extra"), [("uvicorn", "server"), ("starlette", "server"), ("redis", "redis")])
    def test_a_package_is_missing(self, configured: Path, package: str, extra: str) -> None:
        without = command(configured, "--redis", "redis://x", prelude=f"import sys; sys.modules[{package!r}] = None\n")
        done = subprocess.run(
            without, env={**os.environ, VARIABLE: SECRET}, capture_output=True, text=True, check=False, timeout=600
        )
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr.startswith("bearerproof: ")
        assert done.stderr.endswith(f"python -m pip install 'bearerproof[{extra}]'\n")
        assert done.stderr.count("\n") == 1

    @pytest.mark.parametrize(
        ("arguments", "secret", "message"),
        [
            ([], "", VARIABLE),
            (["--host", "0.0.0.0"], SECRET, "--allow-remote"),  # noqa: S104 - it is refused
            *((["--fsync", seconds], SECRET, "--fsync") for seconds in ("-1", "nan", "sometimes")),
            (["--audit", "no/such/folder"], SECRET, "No such file"),
        ],
    )
    def test_what_cannot_be_served(
        self,
        bearerproof: CommandLine,
        configured: Path,
        monkeypatch: pytest.MonkeyPatch,
        arguments: list[str],
        secret: str,
        message: str,
    ) -> None:
        monkeypatch.setenv(VARIABLE, secret)
        ended = bearerproof("serve", configured, "--port", "0", *arguments)
        assert (ended.code, ended.out, ended.err.count("\n")) == (3, "", 1)
        assert message in ended.err

    def test_the_configuration_is_refused(self, bearerproof: CommandLine, tmp_path: Path) -> None:
        path = tmp_path / "bad.json"
        members = configuration(admin_secret=None, policies=[rule("too much", {"backends": [], "tools": ["*"]})])
        path.write_text(json.dumps(members), "utf-8")
        ended = bearerproof("serve", path)
        assert (ended.code, ended.err.count("\n")) == (3, 1)
        assert "policies[0] ('too much').grant: backends" in ended.err


class TestLoading:
    def write(self, tmp_path: Path, name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, "utf-8")
        return path

    def test_toml(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(VARIABLE, SECRET)
        (trusted,) = configuration()["providers"][:1]
        jwk = ", ".join(f"{name} = {json.dumps(value)}" for name, value in trusted["keys"]["keys"][0].items())
        path = self.write(
            tmp_path,
            "key-server.toml",
            f"""
            ttl = 60
            admin_secret_env = "{VARIABLE}"

            [[providers]]
            issuer = "https://idp.example"
            audiences = ["key-server"]
            algorithms = ["EdDSA"]
            keys = {{ keys = [{{ {jwk} }}] }}

            [[policies]]
            name = "staff"
            match = {{ issuer = "https://idp.example", group = "staff" }}
            grant = {{ backends = ["*"], tools = ["search"], rate_limit = 60 }}
            """,
        )
        loaded = load(path)
        assert loaded.ttl == 60
        assert loaded.providers[0].keys == trusted["keys"]
        assert loaded.admin_digest == read(configuration(admin_secret=SECRET)).admin_digest

    def test_clients_by_variable_and_never_in_the_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(VARIABLE, SECRET)
        members = configuration(admin_secret=None)
        path = self.write(tmp_path, "c.json", json.dumps({**members, "clients_env": {"app": VARIABLE}}))
        assert load(path).clients == read({**members, "clients": {"app": SECRET}}).clients
        for wrong in ({"clients": {"app": SECRET}}, {"clients_env": {"app": "NO_SUCH_VARIABLE"}}):
            with pytest.raises(ServingError, match="clients_env") as raised:
                load(self.write(tmp_path, "c.json", json.dumps({**members, **wrong})))
            assert SECRET not in str(raised.value)

    def test_without_a_secret_nothing_can_be_revoked(self, tmp_path: Path) -> None:
        path = self.write(tmp_path, "c.json", json.dumps(configuration(admin_secret=None)))
        assert load(path).admin_digest is None

    @pytest.mark.parametrize("secret", [None, "", " ", "\t", "two words", "ä", "line\nbreak"])
    def test_a_secret_that_is_none(self, configured: Path, monkeypatch: pytest.MonkeyPatch, secret: str | None) -> None:
        monkeypatch.delenv(VARIABLE, raising=False)
        if secret is not None:
            monkeypatch.setenv(VARIABLE, secret)
        with pytest.raises(ServingError, match=VARIABLE) as raised:
            load(configured)
        assert not secret or not secret.strip() or secret not in str(raised.value)

    @pytest.mark.parametrize("variable", [7, "", None, ["x"]])
    def test_a_variable_that_is_none(self, tmp_path: Path, variable: object) -> None:
        members = {**configuration(admin_secret=None), "admin_secret_env": variable}
        with pytest.raises(ServingError, match="admin_secret_env"):
            load(self.write(tmp_path, "c.json", json.dumps(members)))

    def test_the_secret_itself(self, tmp_path: Path) -> None:
        with pytest.raises(ServingError, match="admin_secret_env") as raised:
            load(self.write(tmp_path, "c.json", json.dumps(configuration())))
        assert ADMIN not in str(raised.value)

    @pytest.mark.parametrize(
        ("name", "text", "message"),
        [
            ("c.json", "{", "line 1 column 2"),
            ("c.json", '{"ttl": 1, "ttl": 2}', "'ttl'"),
            ("c.json", "[]", "not an object"),
            ("c.json", "[" * 100_000, "c.json"),
            ("c.json", '{"ttl": NaN}', "c.json"),
            ("c.toml", "ttl", "Expected '='"),
            ("c.toml", "ttl = 1\nttl = 2", "overwrite"),
            ("c.toml", "ttl = 0", "providers"),
        ],
    )
    def test_files_that_are_none(self, tmp_path: Path, name: str, text: str, message: str) -> None:
        with pytest.raises(ServingError) as raised:
            load(self.write(tmp_path, name, text))
        assert message in str(raised.value)

    def test_files_that_cannot_be_read(self, tmp_path: Path) -> None:
        (tmp_path / "latin.json").write_bytes(b'"\xe4"')
        for path in (tmp_path, tmp_path / "missing", tmp_path / "latin.json"):
            with pytest.raises(ServingError, match=path.name):
                load(path)


class TestStarting:
    def start(self, configured: Path, **changes: Any) -> None:
        serve(Serving(configured, **{"port": 0, **changes}), lambda _: None)

    @pytest.fixture(autouse=True)
    def secret(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(VARIABLE, SECRET)

    def test_a_port_that_is_taken(self, configured: Path) -> None:
        with (
            closing(open_socket("127.0.0.1", 0, allow_remote=False)) as taken,
            pytest.raises(ServingError, match="port"),
        ):
            self.start(configured, port=taken.getsockname()[1])

    def test_a_store_that_has_no_url(self, configured: Path) -> None:
        with pytest.raises(ServingError, match="redis://") as raised:
            self.start(configured, redis="http://user:password@host")
        assert "password" not in str(raised.value)

    def test_no_signal_handler_stays(self, configured: Path) -> None:
        before = signal.getsignal(signal.SIGTERM)
        with pytest.raises(ServingError):
            self.start(configured, host="no such host")
        assert signal.getsignal(signal.SIGTERM) is before

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1.2.3"])
    def test_this_machine(self, host: str) -> None:
        open_socket(host, 0, allow_remote=False).close()

    @pytest.mark.parametrize("host", ["0.0.0.0", "", "::"])  # noqa: S104 - they are refused
    def test_other_machines_only_when_allowed(self, host: str) -> None:
        with pytest.raises(ServingError):
            open_socket(host, 0, allow_remote=False)

    def test_other_machines(self) -> None:
        open_socket("0.0.0.0", 0, allow_remote=True).close()  # noqa: S104 - for a moment, and nobody answers

    def test_an_address_of_this_machine_in_ipv6(self) -> None:
        if not socket.has_ipv6:
            pytest.skip("no IPv6 here")
        with closing(open_socket("::1", 0, allow_remote=False)) as opened:
            assert serving._url(opened) == f"http://[::1]:{opened.getsockname()[1]}"

    def test_no_more_connections_than_files(self, monkeypatch: pytest.MonkeyPatch) -> None:
        set_to = []
        monkeypatch.setattr(resource, "setrlimit", lambda _, limits: set_to.append(limits))
        wanted = 4096 + 256 + serving._SPARE_FILES
        cases: dict[tuple[int, int], tuple[int, list[tuple[int, int]]]] = {
            (1024, resource.RLIM_INFINITY): (4096, [(wanted, resource.RLIM_INFINITY)]),
            (1024, 100_000): (4096, [(wanted, 100_000)]),
            (1024, 2048): (2048 - 256 - serving._SPARE_FILES, [(2048, 2048)]),
            (100, 100): (1, [(100, 100)]),
            (wanted, wanted): (4096, []),
            (resource.RLIM_INFINITY, resource.RLIM_INFINITY): (4096, []),
        }
        for present, (connections, expected) in cases.items():
            monkeypatch.setattr(resource, "getrlimit", lambda _, present=present: present)
            set_to.clear()
            assert serving._affordable(ConnectionLimits()).connections == connections
            assert set_to == expected

    def test_what_waits_has_threads(self) -> None:
        def directly(**changes: Any) -> bool:
            return not serving._waits(Serving(Path("x"), **changes))

        assert directly(audit=Path("x"), sync_every=1.0)
        assert directly(audit=Path("x"), sync_every=math.inf)
        assert not directly(audit=Path("x"))
        assert not directly()
        assert not directly(audit=Path("x"), sync_every=1.0, redis="redis://x")


class TestReaping:
    def test_it_goes_on_after_an_outage(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(serving, "REAP_EVERY", 0.01)
        environment, again = Environment(), Event()
        outages = iter([StoreUnavailable()])

        def reap(_now: float) -> int:
            for outage in outages:
                raise outage
            again.set()
            return 0

        assert isinstance(environment.store, MemoryStore)
        monkeypatch.setattr(environment.store, "reap", reap)
        with serving._reaping(environment.server):
            assert again.wait(10)
        assert [record.levelname for record in caplog.records] == ["WARNING"]


def _refused(port: int) -> bool:
    try:
        connect(port).close()
    except ConnectionRefusedError:
        return True
    return False
