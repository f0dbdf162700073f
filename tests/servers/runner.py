"""Builds one of the servers of this folder, starts it, and judges it by URL."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import tomllib
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..http.test_idp import free_ports

FOLDER = Path(__file__).parent
PORTS = ("48765", "48766")
"""In the files of each: the port of its issuer, and its own. Those of a run are free ones, in their place."""

NAMES = sorted(path.parent.name for path in FOLDER.glob("*/server.toml"))


def missing(name: str) -> list[str]:
    """Return the programs that this machine lacks to build and start a server."""
    return [program for program in _settings(name).needs if shutil.which(program) is None]


def built(name: str, cache: Path) -> Path:
    """Build a server in a copy of its folder and return that.

    Raises:
        subprocess.CalledProcessError: it cannot be built.
    """
    folder = cache / name
    shutil.copytree(FOLDER / name, folder, dirs_exist_ok=True)
    command = _settings(name).build
    if command[0] == "pip":
        venv.create(folder / "venv", with_pip=True)
        command = [str(folder / "venv/bin/python"), "-m", "pip", "install", "-q", "-r", command[1]]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=900)
    return folder


@contextmanager
def running(name: str, folder: Path) -> Iterator[str]:
    """Start a server, and again whenever it ends, and yield its URL."""
    settings, (issuer_port, port) = _settings(name), free_ports(2)
    issuer = f"http://127.0.0.1:{issuer_port}/home"
    _fill_in(name, folder, str(issuer_port), str(port))
    places = {"python": folder / "venv/bin/python", "bin": folder / "venv/bin", "issuer": issuer, "port": port}
    words = [word.format(**places) if "{" in word else word for word in settings.start]
    command = [sys.executable, "-c", _AGAIN, *words]
    environment = {**os.environ, "ISSUER": issuer, "PORT": str(port), **settings.env}
    with subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True) as process:
        try:
            _await(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(process.pid, 15)


def _fill_in(name: str, folder: Path, *ports: str) -> None:
    """Write the files of a server that name ports anew, with those of this run."""
    free = dict(zip(PORTS, ports, strict=True))
    for path in (*(FOLDER / name).glob("*.toml"), *(FOLDER / name).glob("*.yaml")):
        text = re.sub("|".join(PORTS), lambda usual: free[usual[0]], path.read_text("utf-8"))
        (folder / path.name).write_text(text, "utf-8")


_AGAIN = """\
import subprocess, sys, time
while True:
    subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.2)
"""
"""What starts a server again that ends, as a supervisor does."""


def _await(port: int, process: "subprocess.Popen[bytes]", seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise TimeoutError(f"nothing listens at port {port}")


@dataclass(frozen=True)
class Settings:
    """What a server needs, and how it is built and started; ``build`` that begins with pip names a lock file."""

    needs: list[str]
    build: list[str]
    start: list[str]
    env: dict[str, str] = field(default_factory=dict)


def _settings(name: str) -> Settings:
    return Settings(**tomllib.loads((FOLDER / name / "server.toml").read_text("utf-8")))
