"""The identity provider: what it serves over http and https, what it counts, how it rotates, and its command."""

import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bearerproof_fuzz.keyserver import idp
from bearerproof_fuzz.keyserver.setting import HOME, OTHER


def free_ports(number: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [bound.getsockname()[1] for bound in sockets]
    for bound in sockets:
        bound.close()
    return ports


@pytest.fixture
def running(tmp_path: Path) -> Iterator[idp.IdentityProvider]:
    issuers = ["https://127.0.0.1:1/home", "http://127.0.0.1:1/other/"]
    provider = idp.start(issuers, "127.0.0.1", 0, 0, tmp_path / "idp.pem")
    yield provider
    provider.close()


def get(running: idp.IdentityProvider, path: str) -> Any:
    return httpx.get(f"http://127.0.0.1:{running.ports[0]}{path}").raise_for_status().json()


def test_discovery_and_key_sets(running: idp.IdentityProvider) -> None:
    home = get(running, "/home/.well-known/openid-configuration")
    assert home["issuer"] == "https://127.0.0.1:1/home"
    assert home["jwks_uri"] == "https://127.0.0.1:1/home/jwks.json"
    other = get(running, "/other/.well-known/openid-configuration")
    assert (other["issuer"], other["jwks_uri"]) == ("http://127.0.0.1:1/other/", "http://127.0.0.1:1/other/jwks.json")
    assert get(running, "/home/jwks.json") == {"keys": [HOME.key.public_jwk]}
    assert get(running, "/other/jwks.json") == {"keys": [OTHER.key.public_jwk]}


def test_requests_are_counted(running: idp.IdentityProvider) -> None:
    for _ in range(3):
        get(running, "/home/jwks.json")
    assert get(running, "/home/requests") == {"/jwks.json": 3}
    assert get(running, "/other/requests") == {}
    assert running.issuers[0].counts["/jwks.json"] == 3


def test_keys_rotate_on_demand(running: idp.IdentityProvider) -> None:
    url = f"http://127.0.0.1:{running.ports[0]}/home/rotate"
    assert httpx.post(url).json() == {"kids": [OTHER.key.kid]}
    assert get(running, "/home/jwks.json") == {"keys": [OTHER.key.public_jwk]}
    assert httpx.post(url).json() == {"kids": [HOME.key.kid]}
    running.issuers[0].rotate(HOME.key, OTHER.key)
    assert len(get(running, "/home/jwks.json")["keys"]) == 2


@pytest.mark.parametrize("path", ["/", "/jwks.json", "/nobody/jwks.json", "/home", "/home/x", "/home/rotate"])
def test_there_is_nothing_else(running: idp.IdentityProvider, path: str) -> None:
    assert httpx.get(f"http://127.0.0.1:{running.ports[0]}{path}").status_code == 404
    assert httpx.post(f"http://127.0.0.1:{running.ports[0]}/home/jwks.json").status_code == 404


def test_over_https_whoever_trusts_the_authority_is_served(running: idp.IdentityProvider, tmp_path: Path) -> None:
    for host in ("127.0.0.1", "localhost"):
        context = ssl.create_default_context(cafile=str(tmp_path / "idp.pem"))
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        answer = httpx.get(f"https://{host}:{running.ports[1]}/home/jwks.json", verify=context)
        assert answer.json() == {"keys": [HOME.key.public_jwk]}
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"https://127.0.0.1:{running.ports[1]}/home/jwks.json")


def test_who_says_nothing_holds_nobody_up(running: idp.IdentityProvider, tmp_path: Path) -> None:
    context = ssl.create_default_context(cafile=str(tmp_path / "idp.pem"))
    with socket.create_connection(("127.0.0.1", running.ports[1])):
        assert httpx.get(f"https://127.0.0.1:{running.ports[1]}/home/jwks.json", verify=context, timeout=2).is_success


def test_the_authority_stays_the_same(tmp_path: Path) -> None:
    made = []
    for _ in range(2):
        idp.start(["http://127.0.0.1/a"], "127.0.0.1", 0, 0, tmp_path / "idp.pem").close()
        made.append((tmp_path / "idp.pem").read_bytes())
    assert made[0] == made[1]
    assert b"PRIVATE" not in made[0]
    assert (tmp_path / "idp.server.pem").stat().st_mode & 0o077 == 0


def test_what_is_no_certificate_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "idp.pem").write_text("mine")
    with pytest.raises(OSError, match="holds no certificate"):
        idp.start(["http://127.0.0.1/a"], "127.0.0.1", 0, 0, tmp_path / "idp.pem")
    assert (tmp_path / "idp.pem").read_text() == "mine"


def test_issuers_need_paths_of_their_own() -> None:
    with pytest.raises(OSError, match="paths that differ"):
        idp.start(["http://127.0.0.1:1/a", "https://127.0.0.1:2/a/"], "127.0.0.1", 0)


COMMAND = """
import typer
from bearerproof_fuzz.commands.idpcommand import idp
app = typer.Typer()
app.command()(idp)
app()
"""


def test_the_command_serves_until_it_is_told_to_end() -> None:
    (port,) = free_ports(1)
    command = [sys.executable, "-c", COMMAND, "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            printed = [process.stderr.readline() for _ in range(2)]
            assert (
                printed[0] == f"issuer http://127.0.0.1:{port}/home, key set http://127.0.0.1:{port}/home/jwks.json\n"
            )
            assert httpx.get(f"http://127.0.0.1:{port}/other/jwks.json").json() == {"keys": [OTHER.key.public_jwk]}
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
