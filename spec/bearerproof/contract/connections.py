"""How messages reach an implementation: a process that speaks JSON lines, or a callable in this process."""

import importlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from itertools import count
from pathlib import Path
from typing import IO, Protocol

from bearerproof.contract import messages
from bearerproof.contract.messages import Request
from bearerproof.exceptions import AdapterCrashed, AdapterFault, AdapterHung, BadInput, LineTooLong
from bearerproof.members import Json
from bearerproof.visible import visible

MAX_OUTSTANDING = 8
"""Requests sent ahead of their answers; 64 were seen to deadlock a naive adapter."""

STDERR_KEPT = 16 * 1024


class Connection(Protocol):
    """One implementation, ready to be asked.

    ``max_line`` is how many bytes a request may have as a line, line feed included; None: any number.
    """

    max_line: int | None

    def ask(self, requests: Sequence[Request], seconds: float) -> Iterator[Json]:
        """Send requests and yield their answers in order, each due within ``seconds`` of the one before.

        Raises:
            AdapterCrashed: the process ended. AdapterHung: no answer came. AdapterFault: the contract is broken.
            LineTooLong: one of the requests is longer than ``max_line``, and none of them was sent.
        """
        ...

    def restart(self) -> None:
        """Begin again with a fresh implementation."""
        ...

    def close(self) -> None:
        """End it, by force if need be."""
        ...


Handle = Callable[[Json], Json]


class InProcess:
    """A Python callable that answers messages as an adapter would; crashes and hangs are the caller's own."""

    max_line: int | None = None

    def __init__(self, factory: Callable[[], Handle]) -> None:
        self._factory = factory
        self._handle = factory()
        self._ids = count(1)
        self._sizes = messages.LineSizes()

    def ask(self, requests: Sequence[Request], seconds: float) -> Iterator[Json]:  # noqa: ARG002 - not enforceable
        """Call the implementation; what escapes it is an ``errored`` answer, as it is over stdio."""
        numbered = [{"id": next(self._ids), **request} for request in requests]
        most = self.max_line
        if most is not None:
            _lines([request for request in numbered if not self._sizes.surely_fits(request, most)], most)
        for request in numbered:
            raw = self._call(request)
            messages.check_id(raw, request)
            yield raw

    def restart(self) -> None:
        """Make a fresh implementation from the factory."""
        self._handle = self._factory()

    def close(self) -> None:
        """Nothing to end."""

    def _call(self, request: Request) -> Json:
        try:
            raw = self._handle(request)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever escapes is what is being judged
            return {"id": request["id"], "errored": {"message": f"{type(error).__name__}: {error}"[:500]}}
        if not isinstance(raw, dict):
            raise AdapterFault(f"answered {type(raw).__name__} to op {request['op']}; due is a dict")
        return {"id": request["id"], **raw}


class Stdio:
    """A long-lived process that reads requests from stdin and writes answers to stdout, one JSON line each."""

    max_line: int | None = None

    def __init__(self, command: Sequence[str], folder: str | None = None) -> None:
        """Start it, in the current folder unless another is given.

        Raises:
            AdapterFault: it cannot be started.
        """
        self._command = list(command)
        self._folder = folder
        self._ids = count(1)
        self._process = self._start()

    def ask(self, requests: Sequence[Request], seconds: float) -> Iterator[Json]:
        """Send up to eight requests ahead and read while writing, so that neither side can block the other."""
        numbered = [{"id": next(self._ids), **request} for request in requests]
        lines = _lines(numbered, self.max_line)
        sent = 0
        for position, request in enumerate(numbered):
            while sent < min(position + MAX_OUTSTANDING, len(lines)):
                self._outgoing += lines[sent]
                sent += 1
            raw = messages.parse_json(self._with_stderr(lambda: self._line(seconds)))
            messages.check_id(raw, request)
            yield raw

    def restart(self) -> None:
        """Kill what is left of the process and start it anew."""
        self.close(grace=0.0)
        self._process = self._start()

    def close(self, grace: float = 1.0) -> None:
        """End the process: close its stdin, wait ``grace`` seconds, then kill its whole process group."""
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            with suppress(OSError):
                _stream(stream).close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(grace)
        self._kill()  # even if it ended by itself: a child of its may live on and hold the pipes
        self._selector.close()

    @property
    def stderr(self) -> str:
        """The end of what the process wrote to stderr: kept and shown, never interpreted."""
        return visible(self._stderr.decode("utf-8", "replace"), spared="\n")

    def said(self) -> str:
        """Read what it has written to stderr by now, and return the end of all that."""
        self._drain_stderr()
        return self.stderr

    def _start(self) -> subprocess.Popen[bytes]:
        self._incoming, self._outgoing, self._stderr = bytearray(), bytearray(), bytearray()
        try:
            process = subprocess.Popen(  # noqa: S603 - the command is the caller's own, and no shell reads it
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
                cwd=self._folder,
            )
        except OSError as error:
            why = "it is a folder; name the program in it" if Path(self._command[0]).is_dir() else error.strerror
            raise AdapterFault(f"cannot start {self._command[0]!r}: {why or error}") from None
        self._selector = selectors.DefaultSelector()
        for stream in (process.stdin, process.stdout, process.stderr):
            os.set_blocking(_stream(stream).fileno(), False)
        self._selector.register(_stream(process.stdout), selectors.EVENT_READ)
        self._selector.register(_stream(process.stderr), selectors.EVENT_READ)
        return process

    def _with_stderr(self, read: Callable[[], bytes]) -> bytes:
        try:
            return read()
        except AdapterFault as fault:
            self._drain_stderr()
            fault.stderr = self.stderr
            raise

    def _line(self, seconds: float) -> bytes:
        """Return the next complete line, writing what is still to be sent meanwhile."""
        deadline = time.monotonic() + seconds
        searched = 0
        while (end := self._incoming.find(b"\n", searched)) < 0:
            searched = len(self._incoming)
            if searched > messages.MAX_ANSWER_BYTES:
                raise AdapterFault(
                    f"answered more than {messages.MAX_ANSWER_BYTES:,} bytes without a line end; one answer is one line"
                )
            self._exchange(deadline, seconds)
        line = bytes(self._incoming[:end])
        del self._incoming[: end + 1]
        return line

    def _exchange(self, deadline: float, seconds: float) -> None:
        self._write()
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise AdapterHung(f"gave no answer within {seconds:g} s")
        # With bytes still unsent, wake early: the pipe may have room again before an answer comes.
        for key, _ in self._selector.select(min(remaining, 0.01) if self._outgoing else remaining):
            if key.fileobj is self._process.stdout:
                self._read_answer()
            else:
                self._read_stderr()

    def _write(self) -> None:
        if not self._outgoing:
            return
        try:
            written = os.write(_stream(self._process.stdin).fileno(), self._outgoing[:65536])
            del self._outgoing[:written]
        except BlockingIOError:
            return
        except OSError:
            self._outgoing.clear()  # the end of its stdout will tell how the process ended

    def _read_answer(self) -> None:
        chunk = os.read(_stream(self._process.stdout).fileno(), 1 << 20)
        if not chunk:
            raise AdapterCrashed(f"ended with an answer due ({self._how_it_ended()})")
        self._incoming += chunk

    def _read_stderr(self) -> None:
        chunk = os.read(_stream(self._process.stderr).fileno(), 1 << 16)
        if not chunk:
            self._selector.unregister(_stream(self._process.stderr))
        self._stderr += chunk
        del self._stderr[:-STDERR_KEPT]

    def _drain_stderr(self) -> None:
        with suppress(OSError, KeyError, ValueError):
            while chunk := os.read(_stream(self._process.stderr).fileno(), 1 << 16):
                self._stderr += chunk
        del self._stderr[:-STDERR_KEPT]

    def _how_it_ended(self) -> str:
        try:
            code = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return "it closed its stdout but still runs"
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"exit code {code}"

    def _kill(self) -> None:
        """Kill the whole group at once: SIGTERM may be ignored, and a child may hold the pipes."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _lines(requests: Sequence[Request], most: int | None) -> list[bytes]:
    """Return requests as lines, each of so many bytes at most."""
    lines = [messages.request_line(request) for request in requests]
    if most is not None and max(map(len, lines), default=0) > most:
        # How long it is goes unsaid: the id is a part of it, and makes it differ between two equal runs.
        raise LineTooLong(f"needs a longer request line than the {most:,} bytes that the implementation reads")
    return lines


GROUP = "bearerproof.implementations"
"""The group of entry points that gives implementations their names; any package may add to it."""


def connect(target: str, command: Sequence[str] = (), folder: str | None = None) -> Connection:
    """Open a connection: to ``command`` if one is given, else to a named implementation or ``python:module:factory``.

    A command is started in ``folder``, or where we are.

    A name may be followed by a colon and what its factory is given: ``fault:hmac-over-pem``.

    Raises:
        BadInput: the name is unknown or cannot be imported. AdapterFault: the process cannot be started.
    """
    if command:
        return Stdio(command, folder)
    if target.startswith("python:"):
        with _import_errors(target):
            return InProcess(_factory(target.removeprefix("python:"), target))
    name, colon, argument = target.partition(":")
    entry = _entry(name)
    with _import_errors(target, entry):
        factory = entry.load()
        return InProcess(lambda: _handle_of(factory(argument) if colon else factory()))


def implementations() -> Mapping[str, Sequence[EntryPoint]]:
    """Return the entry points of implementations that are installed here, by name."""
    found: dict[str, list[EntryPoint]] = {}
    for entry in sorted(_entry_points(), key=lambda entry: entry.name):
        found.setdefault(entry.name, []).append(entry)
    return found


@cache
def _entry_points() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))


def _entry(name: str) -> EntryPoint:
    known = implementations()
    if not known:
        raise BadInput(
            f"no implementation has a name here, since bearerproof is not installed: python -m pip install -e . in its "
            f"folder makes {name!r} known; python:module:factory and a command after -- need no name"
        )
    if name not in known:
        near = get_close_matches(name, known, n=1)
        raise BadInput(
            f"unknown implementation {name!r}: name an installed one ({', '.join(known)}), python:module:factory, "
            f"or a command after --{f'; did you mean {near[0]}?' if near else ''}"
        )
    entry, *others = known[name]
    if others:
        owners = ", ".join(sorted(_owner(each) for each in known[name]))
        raise BadInput(f"{name!r} is the name of an implementation in more than one package: {owners}")
    return entry


def _owner(entry: EntryPoint) -> str:
    return entry.value if entry.dist is None else entry.dist.name


def _factory(path: str, target: str) -> Callable[[], Handle]:
    module_name, _, attribute = path.partition(":")
    if not module_name or not attribute:
        raise BadInput(f"{target!r} must have the form python:module:factory")
    if "" not in sys.path:
        sys.path.insert(0, "")  # a factory beside the caller, as `python -m` would find it
    factory = getattr(importlib.import_module(module_name), attribute, None)
    if not callable(factory):
        raise BadInput(f"{target!r}: module {module_name} has no callable {attribute!r}")
    return lambda: _handle_of(factory())


def _handle_of(made: object) -> Handle:
    handle = getattr(made, "handle", made)
    if not callable(handle):
        raise BadInput(f"the factory made a {type(made).__name__}; due is a callable or an object with handle()")
    return handle


@contextmanager
def _import_errors(target: str, entry: EntryPoint | None = None) -> Iterator[None]:
    """Turn whatever loading somebody's module may raise into a message."""
    try:
        yield
    except BadInput:
        raise
    except ModuleNotFoundError as error:
        if entry is not None and _owner(entry) == "bearerproof":
            raise BadInput(
                f"{target} needs the package {error.name!r}; install it with: "
                "python -m pip install 'bearerproof[subjects]'"
            ) from None
        raise BadInput(f"{target!r}: {error}") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the module is the caller's and may do anything
        raise BadInput(f"{target!r} cannot be loaded: {type(error).__name__}: {error}") from None


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:  # every stream is a pipe, by construction
        raise AssertionError
    return stream
