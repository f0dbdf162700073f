"""The key server as a process: from its configuration file to a graceful stop."""

import ipaddress
import json
import logging
import math
import os
import resource
import secrets
import signal
import socket
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event, Thread
from types import FrameType
from typing import Any

from bearerproof_reference.audit.chain import ChainError, Secret, Signer, VerifyingKey, read_key
from bearerproof_reference.clock import Clock, FileClock, SystemClock
from bearerproof_reference.deployment import http
from bearerproof_reference.deployment.chainedfile import ChainedTrailFile
from bearerproof_reference.deployment.listening import ConnectionLimits, listener
from bearerproof_reference.deployment.trailfile import ALWAYS, TrailFile
from bearerproof_reference.keyserver.configuration import ConfigurationError, KeyServerConfiguration, read
from bearerproof_reference.keyserver.lifecycle import LineSink
from bearerproof_reference.keyserver.memorystore import MemoryStore
from bearerproof_reference.keyserver.server import KeyServer, store_limits
from bearerproof_reference.keyserver.store import StoreUnavailable, TokenStore

REAP_EVERY = 10.0
"""Seconds between reapings."""

CLOCK_LEEWAY = 60.0
"""Seconds by which the clock here may be ahead of that of a shared store."""

_THREADS = 16
_SPARE_FILES = 128

_log = logging.getLogger(__name__)


class ServingError(ValueError):
    """The server cannot be started; says what stands in the way."""


@dataclass(frozen=True, slots=True)
class Serving:
    """What a server is started with.

    ``audit`` is the file for the events, standard output if None; ``sync_every`` is how long a line of the file may
    stay off the disk (seconds; see ``TrailFile``). ``chain_keys`` are the files of the key that signs its chain and of
    those that did before; none, no chain. With ``audit_required`` nothing is opened whose event was lost.
    ``redis`` is the URL of a shared store, and ``replicas`` how many of its replicas must have what is answered;
    without it the tokens are in memory and end with the process. ``origin`` names this
    server in its events; without it each start has a name of its own, of host and process. Port 0 is any that is free.
    ``clock`` is a file that tells the time in place of this machine, for tests alone.
    """

    configuration: Path
    host: str = "127.0.0.1"
    port: int = 8080
    allow_remote: bool = False
    audit: Path | None = None
    sync_every: float = ALWAYS
    chain_keys: tuple[Path, ...] = ()
    audit_required: bool = False
    redis: str | None = field(default=None, repr=False)
    replicas: int = 0
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    origin: str | None = None
    clock: Path | None = None


def serve(serving: Serving, tell: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; ``tell`` is told where, once requests are taken.

    Raises:
        ServingError: it cannot be started.
        ImportError: a package is missing; says how to install it.
    """
    with ExitStack() as end:
        end.enter_context(_stopped_by_signals())
        configuration = load(serving.configuration)
        opened = end.enter_context(open_socket(serving.host, serving.port, allow_remote=serving.allow_remote))
        clock = _clock(serving)
        store = _store(serving, configuration, end, clock)
        if serving.clock is None:
            _begin(store)
        sink = _sink(serving, end)
        server = KeyServer(configuration, store, clock, sink, record_required=serving.audit_required)
        server.trail.origin = _origin(serving.origin)
        exchanges = end.enter_context(closing(http.Threads(_THREADS, "exchange", serving.limits.stop_seconds)))
        access = end.enter_context(closing(http.Threads(_THREADS, "access", serving.limits.stop_seconds)))
        end.enter_context(_reaping(server))
        app = http.create_app(server, exchanges, access if _waits(serving) else http.directly)

        def refuse() -> None:
            exchanges.refuse()
            access.refuse()

        tell(f"key server at {_url(opened)}")
        listener(app, _affordable(serving.limits), refuse).run(sockets=[opened])


def load(path: Path) -> KeyServerConfiguration:
    """Return the configuration in a file, TOML or (``.json``) JSON; see ``configuration.read``.

    Secrets are not in it: ``admin_secret_env`` names the environment variable that holds one, and ``clients_env`` one
    for each client.

    Raises:
        ServingError: it cannot be read, or is refused, or the variable holds nothing that could be presented.
    """
    try:
        members = _members(path)
    except OSError as error:
        raise ServingError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ServingError(f"{path}: {error}") from None
    if "clients" in members:
        raise ServingError(f"{path}: secrets of clients belong into environment variables: name them in clients_env")
    if isinstance(members.get("clients_env"), dict):
        variables = members.pop("clients_env")
        members["clients"] = {name: _secret(path, variable, "clients_env") for name, variable in variables.items()}
    if "admin_secret" in members:
        raise ServingError(f"{path}: admin_secret belongs into an environment variable: name it in admin_secret_env")
    if "admin_secret_env" in members:
        members["admin_secret"] = _secret(path, members.pop("admin_secret_env"), "admin_secret_env")
    try:
        return read(members)
    except ConfigurationError as error:
        raise ServingError(f"{path}: {error}") from None


def open_socket(host: str, port: int, *, allow_remote: bool) -> socket.socket:
    """Return a socket that listens.

    Raises:
        ServingError: that cannot be, or it could be reached from other machines and that is not allowed.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise ServingError(f"there is no host {host!r}") from None
    if not allow_remote and not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
        raise ServingError(
            f"{host} can be reached from other machines, and what is sent there can be read on the way: "
            "put a proxy that speaks TLS in front, or insist with --allow-remote"
        )
    try:
        opened = socket.create_server((str(address[0]), port), family=family)
    except OSError as error:
        raise ServingError(f"cannot listen at {host}, port {port}: {error.strerror}") from None
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio sets it on sockets that it opens alone
    return opened


class _Stopped(SystemExit):
    """A signal asked for the end: no failure."""


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """End the block without an error upon SIGTERM or SIGINT.

    While requests are taken the listener has handlers of its own; it raises the signal again when it is done.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise _Stopped

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    except _Stopped:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _members(path: Path) -> dict[str, Any]:
    text = path.read_text("utf-8")
    members = json.loads(text, object_pairs_hook=_object) if path.suffix == ".json" else tomllib.loads(text)
    if not isinstance(members, dict):
        raise ServingError("not an object")
    return members


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise ServingError(f"two members of an object have the name {name!r}")
        members[name] = value
    return members


def _secret(path: Path, variable: object, named_in: str) -> str:
    """Return a secret: visible ASCII, as nothing else can be presented in a header field."""
    secret = os.environ.get(variable, "") if isinstance(variable, str) else ""
    if not secret.strip():
        raise ServingError(f"{path}: the environment variable {variable} ({named_in}) is not set, or blank")
    if not all("!" <= character <= "~" for character in secret):
        raise ServingError(f"{path}: the environment variable {variable} holds characters that are not visible ASCII")
    return secret


def _clock(serving: Serving) -> Clock:
    """Return the clocks of this machine, or those of a file that can be read."""
    if serving.clock is None:
        return SystemClock()
    clock = FileClock(serving.clock)
    try:
        clock.now(), clock.tick()
    except (OSError, ValueError, IndexError):
        raise ServingError(f"{serving.clock}: holds no seconds since 1970, or cannot be read") from None
    return clock


def _store(serving: Serving, configuration: KeyServerConfiguration, end: ExitStack, clock: Clock) -> TokenStore:
    limits = store_limits(configuration)
    if serving.redis is None:
        return MemoryStore(limits, born=clock.now())
    from bearerproof_reference.deployment import redisstore  # noqa: PLC0415 - needs a package of its own

    asked = redisstore.StoreGuarantees(serving.replicas, CLOCK_LEEWAY, births=True)
    try:
        return end.enter_context(closing(redisstore.RedisStore(serving.redis, limits, guarantees=asked)))
    except ValueError:
        raise ServingError("the URL of the shared store is none: redis://, rediss:// or unix://") from None


def _begin(store: TokenStore) -> None:
    """Have a store whose memory begins now notice it, and wait for the next second.

    What was issued before its memory begins may have been used or revoked, and is refused. Subject tokens tell their
    age in whole seconds: so that the first honest ones are not refused with them, nobody is served in that second.
    """
    now = time.time()
    with suppress(StoreUnavailable):
        store.count("", "", now)
    time.sleep(max(0.0, math.ceil(now) - time.time()))


def _origin(name: str | None) -> str:
    """Return who writes the events: a name that was given, or one that no other start of a server has."""
    if name is None:
        return f"{socket.gethostname()[:64]}-{os.getpid()}-{secrets.token_hex(4)}"
    if not (1 <= len(name) <= 128 and name.isprintable()):
        raise ServingError("the origin of events is 1 to 128 characters that can be printed")
    return name


class _StandardOutput:
    """The trail on standard output, each line at once."""

    def write(self, line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def _sink(serving: Serving, end: ExitStack) -> LineSink:
    if serving.audit is None:
        if serving.chain_keys:
            raise ServingError("a chain is written to a file: name it with --audit")
        return _StandardOutput()
    keys = [_chain_key(path) for path in serving.chain_keys]
    try:
        return end.enter_context(closing(_trail_file(serving.audit, serving.sync_every, keys)))
    except OSError as error:
        raise ServingError(f"{serving.audit}: {error.strerror}") from None
    except ChainError as error:
        raise ServingError(f"{serving.audit}: {error}") from None


def _trail_file(path: Path, sync_every: float, keys: Sequence[VerifyingKey]) -> TrailFile:
    """Return the file for the events: with a chain, signed by the first of the keys, if there is one."""
    match keys:
        case []:
            return TrailFile(path, sync_every)
        case [Secret() | Signer() as key, *before]:
            return ChainedTrailFile(path, key, SystemClock(), before, sync_every)
    raise ChainError("a public key writes no chain: name the key that signs it first")


def _chain_key(path: Path) -> VerifyingKey:
    """Return a key of the chain, which nobody else may be able to read unless it is public."""
    try:
        key = read_key(path.read_bytes())
        if not isinstance(key, Secret | Signer) or not path.stat().st_mode & 0o077:
            return key
    except OSError as error:
        raise ServingError(f"{path}: {error.strerror}") from None
    except ChainError as error:
        raise ServingError(f"{path}: {error}") from None
    raise ServingError(f"{path}: others can read this key, so it proves nothing: chmod 600")


def _waits(serving: Serving) -> bool:
    """Return whether a decision waits for something, and so needs a thread.

    One that touches memory, and a file that is synced behind its back, waits for nothing; handing it to a thread
    would cost more than making it.
    """
    return serving.redis is not None or serving.audit is None or serving.sync_every == ALWAYS


@contextmanager
def _reaping(server: KeyServer) -> Iterator[None]:
    """Forget old tombstones from time to time, on a thread of its own."""
    end = Event()

    def reap() -> None:
        while not end.wait(REAP_EVERY):
            try:
                server.reap()
            except StoreUnavailable:
                _log.warning("the store could not be reaped")

    thread = Thread(target=reap, name="reaper", daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def _affordable(limits: ConnectionLimits) -> ConnectionLimits:
    """Return the limits with no more connections than there may be open files, once as many as possible may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    others = limits.backlog + _SPARE_FILES
    wanted = limits.connections + others
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return limits
    files = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return replace(limits, connections=max(1, files - others))


def _url(opened: socket.socket) -> str:
    host, port = opened.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
