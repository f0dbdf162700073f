"""A server that runs and chains its trail: the commands of README.md, a kill, a rotation, and keys that are refused."""

import os
import shlex
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from bearerproof_reference.deployment import serving
from bearerproof_reference.deployment.serving import Serving, ServingError

from ..conftest import ROOT, CommandLine
from ..keyserver.test_serving import SECRET, VARIABLE, configured, running
from .test_chained_file import PUBLIC_PEM

__all__ = ["configured"]


def shown() -> list[str]:
    """The commands of README.md about chains."""
    text = (ROOT / "README.md").read_text("utf-8")
    section = text.partition("### Was the trail changed since?")[2].partition("\n## ")[0]
    return [line.strip() for line in section.splitlines() if line.startswith("    ")]


def test_the_commands_that_are_shown(
    bearerproof: CommandLine, configured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, serve, touch, trail = shown()
    monkeypatch.chdir(tmp_path)
    for command in (make, touch):
        subprocess.run(["/bin/sh", "-c", command], check=True, timeout=20)
    assert stat.S_IMODE(Path("chain.key").stat().st_mode) == 0o600
    _, _, _, *options = shlex.split(serve.removesuffix("&"))
    command, *words = shlex.split(trail)[1:]
    with running(configured, *options) as server:
        server.use(server.exchange()["access_token"])
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    killed = bearerproof(command, *words[:-1], *map(str, tmp_path.glob(words[-1])))
    assert killed.code == 0, killed.out
    assert "1 records proven, 2 behind a checkpoint and unproven, not ended" in killed.out
    with running(configured, *options) as server:
        server.exchange()
        Path("audit.jsonl").rename("audit.jsonl.1")
        server.exchange()
        assert server.stop()[0] == 0
    stopped = bearerproof(command, *words[:-1], *map(str, tmp_path.glob(words[-1])))
    assert stopped.code == 0, stopped.out
    assert "2 behind a checkpoint and unproven, ended by its writer" in stopped.out
    assert bearerproof("trail", "audit.jsonl.1", "audit.jsonl").code == 0
    key = Path("chain.key").read_text().strip()
    assert not any(key in path.read_text() for path in tmp_path.glob("audit.*"))


@pytest.mark.parametrize(
    ("octets", "mode", "message"),
    [
        (os.urandom(32), 0o644, "others can read this key"),
        (b"short", 0o600, "at least 32 random octets"),
        (None, 0o600, "No such file"),
    ],
    ids=["open", "short", "absent"],
)
def test_a_key_that_is_refused(
    configured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, octets: bytes | None, mode: int, message: str
) -> None:
    key = tmp_path / "key"
    if octets is not None:
        key.write_bytes(octets)
        key.chmod(mode)
    with pytest.raises(ServingError, match=message):
        start(configured, tmp_path, monkeypatch, key)


def test_a_chain_needs_a_file_and_a_key_that_signs(
    configured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, SECRET)
    public = tmp_path / "public.pem"
    public.write_bytes(PUBLIC_PEM)
    with pytest.raises(ServingError, match="a public key writes no chain"):
        start(configured, tmp_path, monkeypatch, public)
    with pytest.raises(ServingError, match="name it with --audit"):
        serving.serve(Serving(configured, port=0, chain_keys=(public,)), print)


def start(configured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: Path) -> None:
    monkeypatch.setenv(VARIABLE, SECRET)
    serving.serve(Serving(configured, port=0, audit=tmp_path / "audit.jsonl", chain_keys=(key,)), print)
