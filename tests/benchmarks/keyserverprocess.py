"""A key server in a process of its own, a provider that it trusts, and clients that keep their connections."""

import asyncio
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

ISSUER = "https://idp.example"

_SERVE = """
import sys
from pathlib import Path
from bearerproof_reference.deployment.serving import Serving, serve
told = Serving(Path(sys.argv[1]), port=0, audit=Path(sys.argv[2]), sync_every=float(sys.argv[3]))
serve(told, lambda text: print(text.rpartition(":")[2], flush=True))
"""


@dataclass(frozen=True)
class Provider:
    """An identity provider with one key."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    def configuration(self, **changes: object) -> str:
        """Return the configuration, as JSON, of a key server that trusts this provider and limits no rate."""
        jwk = {**json.loads(OKPAlgorithm.to_jwk(self.key.public_key())), "kid": "k1", "use": "sig", "alg": "EdDSA"}
        members = {
            "providers": [{"issuer": ISSUER, "audiences": ["bench"], "algorithms": ["EdDSA"], "keys": {"keys": [jwk]}}],
            "policies": [{"name": "all", "match": {"issuer": ISSUER}, "grant": {"backends": ["*"], "tools": ["*"]}}],
            **changes,
        }
        return json.dumps(members)

    def form(self, subject: str) -> bytes:
        """Return the form that exchanges a fresh ID token of this subject."""
        now = int(time.time())
        claims = {"iss": ISSUER, "sub": subject, "aud": "bench", "iat": now, "exp": now + 300}
        token = jwt.encode({**claims, "jti": secrets.token_hex(8)}, self.key, "EdDSA", headers={"kid": "k1"})
        members = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": token,
            "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
        }
        return urlencode(members).encode()


@dataclass(frozen=True)
class Process:
    """A server that runs."""

    port: int
    pid: int

    def resident(self) -> int:
        """Return the bytes of memory that it has at present."""
        pages = Path(f"/proc/{self.pid}/statm").read_text("ascii").split()[1]
        return int(pages) * 4096

    def busy(self) -> float:
        """Return the seconds that its threads have had a processor."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text("ascii").split()[0]) for task in tasks) / 1e9


@contextmanager
def key_server(folder: Path, configuration: str, sync_every: float) -> Iterator[tuple[Process, Path]]:
    """Run a key server; yield it and the file of its events."""
    folder.mkdir()
    (folder / "configuration.json").write_text(configuration, "utf-8")
    trail = folder / "events.jsonl"
    with running(_SERVE, str(folder / "configuration.json"), str(trail), str(sync_every)) as process:
        yield process, trail


@contextmanager
def running(script: str, *arguments: str) -> Iterator[Process]:
    """Run a script that prints the port it listens at, and stop it at the end."""
    command = [sys.executable, "-c", script, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Process(int(process.stdout.readline()), process.pid)
        finally:
            process.terminate()


class Client:
    """One connection, used for one request after the other."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a whole request and return status and body of the answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        _, found, rest = head.partition(b"content-length: ")
        body = await reader.readexactly(int(rest.partition(b"\r")[0])) if found else b""
        return int(head[9:12]), body

    def close(self) -> None:
        """End the connection."""
        if self._streams is not None:
            self._streams[1].close()


def get(bearer: str) -> bytes:
    """Return a request for the sample resource."""
    lines = ("GET /resource/mail/read HTTP/1.1", "Host: localhost", f"Authorization: Bearer {bearer}")
    return "\r\n".join((*lines, "", "")).encode()


def post(form: bytes) -> bytes:
    """Return a request for an exchange."""
    lines = (
        "POST /auth/token HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(form)}",
    )
    return "\r\n".join((*lines, "", "")).encode() + form
