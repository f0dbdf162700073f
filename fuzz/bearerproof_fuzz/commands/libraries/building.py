"""Builds an adapter in a copy of its folder, outside the tree; one that is built and unchanged is taken as it is."""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from bearerproof.exceptions import BearerproofError
from bearerproof_fuzz.commands.libraries.manifest import EXPECTATIONS, Command, Manifest

Tell = Callable[[str], None]

_STAMP = ".built"
_SHOWN_LINES = 15
_PROBE_SECONDS = 60.0


class BuildFailed(BearerproofError):
    """A build command failed or took too long; the message ends with the last lines of its log."""


def default_cache(kind: str = "adapters") -> Path:
    """Return the folder for what is built, by the convention for caches of a user."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "bearerproof" / kind


def missing(manifest: Manifest) -> str | None:
    """Say what of its toolchain is not on this machine, or None."""
    for program in manifest.toolchain:
        if shutil.which(program) is None:
            return f"{program} is not installed"
    for probe in manifest.probes:
        try:
            succeeds = run(probe, manifest.folder, _PROBE_SECONDS, subprocess.DEVNULL) == 0
        except (OSError, subprocess.TimeoutExpired):
            succeeds = False
        if not succeeds:
            return f"this does not succeed: {' '.join(probe)}"
    return None


def build(manifest: Manifest, cache: Path, tell: Tell) -> Path:
    """Return the folder where the adapter stands built.

    Raises:
        BuildFailed: it cannot be built.
    """
    place = cache / manifest.name
    place.mkdir(parents=True, exist_ok=True)
    with _alone(cache / f"{manifest.name}.lock"):
        stamp = _digest(manifest)
        if not _is_stamped(place, stamp):
            _fill(manifest, place)
            _run_steps(manifest, place, tell)
            (place / _STAMP).write_text(stamp, encoding="utf-8")
    return place


def run(command: Command, folder: Path, seconds: float, log: IO[bytes] | int) -> int:
    """Run a command in a folder and return its exit code; what it started in its process group ends with it.

    The variables with which the caller's own project would reach into a build are kept away.

    Raises:
        OSError: it cannot be started. TimeoutExpired: it took longer.
    """
    process = subprocess.Popen(  # noqa: S603 - the command is the manifest's own, and no shell reads it
        command,
        cwd=folder,
        env=_environment(),
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )
    try:
        return process.wait(seconds)
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def last_lines(log: Path) -> str:
    """Return the end of a log, for a message."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"  {line[:500]}" for line in lines[-_SHOWN_LINES:])


_NOT_INHERITED = ("PIP_CONSTRAINT", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "GOFLAGS")


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Keep two runs from building in one folder."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _sources(manifest: Manifest) -> dict[str, Path]:
    """Return the files that make the adapter, by their names in its copy; what is expected of it is none of them."""
    own = {
        path.relative_to(manifest.folder).as_posix(): path
        for path in sorted(manifest.folder.rglob("*"))
        if path.is_file() and path.name != EXPECTATIONS and "__pycache__" not in path.parts
    }
    return own | manifest.copies


def _digest(manifest: Manifest) -> str:
    digest = hashlib.sha256(repr(manifest.build).encode())
    for name, path in sorted(_sources(manifest).items()):
        content = _read(path)
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BuildFailed(f"cannot read {path}: {error.strerror}") from None


def _is_stamped(place: Path, stamp: str) -> bool:
    file = place / _STAMP
    return file.is_file() and file.read_text(encoding="utf-8") == stamp


def _fill(manifest: Manifest, place: Path) -> None:
    shutil.rmtree(place)
    for name, path in _sources(manifest).items():
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)


def _run_steps(manifest: Manifest, place: Path, tell: Tell) -> None:
    log = place.parent / f"{manifest.name}.build.log"
    with log.open("wb") as file:
        for number, command in enumerate(manifest.build, 1):
            words = " ".join(command)
            tell(f"{manifest.name}: building, step {number} of {len(manifest.build)}: {words}")
            try:
                code: int | str = run(command, place, manifest.build_timeout, file)
            except subprocess.TimeoutExpired:
                code = f"no end within {manifest.build_timeout:g} s"
            except OSError as error:
                code = error.strerror or str(error)
            if code != 0:
                how = f"exit code {code}" if isinstance(code, int) else code
                raise BuildFailed(f"{words}: {how}; the log {log} ends:\n{last_lines(log)}")
