"""The key server as bearerproof asks it: the messages of contract level 3 in, their answers out.

Requests may run at the same time, so each has its own time and its own events: both are kept in context variables,
which follow a request into the threads that work for it.
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import partial
from importlib.util import find_spec
from json import loads
from math import floor, inf
from threading import Barrier, Thread
from typing import Any

from bearerproof_reference.clock import ManualClock
from bearerproof_reference.keyserver.authentication import AccessRefused, RequestedAccess
from bearerproof_reference.keyserver.configuration import ConfigurationError, KeyServerConfiguration, read
from bearerproof_reference.keyserver.exchange import ExchangeRefused
from bearerproof_reference.keyserver.memorystore import MemoryStore
from bearerproof_reference.keyserver.revocation import RevocationRefused
from bearerproof_reference.keyserver.server import Caller, KeyServer, store_limits
from bearerproof_reference.keyserver.store import TokenStore
from bearerproof_reference.keyserver.tokens import PREFIX
from bearerproof_reference.verifier import fetching

Message = dict[str, Any]

_HTTP = find_spec("starlette") is not None
"""Whether the packages of the HTTP binding are installed, of which some declarations are."""

CAPABILITIES: Message = {
    "prefix": PREFIX,
    "configure": True,
    "race": True,
    "forwarded": True,
    "throttle": True,
    "count": True,
    "reap": True,
    "rotate": True,
    "restart": True,
    "http": _HTTP,
    "lines": True,
    "retention": True,
    "single_use": True,
    "introspection": _HTTP,
    "token_revocation": _HTTP,
    "revocation_secret": _HTTP,
    "client_authentication": _HTTP,
}
"""What the hello message says of the key server."""

_MOST_AT_ONCE = 256
"""Requests of one race."""
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_370_764_800
"""The seconds that RFC 3339 can write, less the last year of them: a token must be able to expire."""

_times: ContextVar[ManualClock] = ContextVar("times")
_lines: ContextVar[list[str]] = ContextVar("lines")


class KeyServerAdapter:
    """Answers the operations of contract level 3, from as many threads as may be.

    ``make_store`` gives an empty store for a configuration. With ``shared`` a restart keeps the store, as it is
    when several processes share it; otherwise it goes with the process.
    """

    def __init__(
        self, make_store: Callable[[KeyServerConfiguration], TokenStore] | None = None, *, shared: bool = False
    ) -> None:
        self._make_store = make_store or self._make_memory
        self._born = -inf
        self._shared = shared
        self._running: tuple[KeyServerConfiguration, TokenStore, KeyServer] | None = None
        self.operations: Mapping[object, Callable[[Message], Message]] = {
            "configure": self.configure,
            "restart": self.restart,
            "race": self.race,
            **{name: partial(self._ask, operation) for name, operation in _OPERATIONS.items()},
        }

    def handle(self, request: Message) -> Message:
        """Return the answer to one request, without its id. Raises what a request that is not in form causes."""
        operation = self.operations.get(request.get("op"))
        if operation is None:
            return {"skipped": f"no operation {str(request.get('op'))[:40]}"}
        return operation(request)

    def configure(self, request: Message) -> Message:
        """Start a fresh server with an empty store, or none when the configuration is refused."""
        self._running, self._born = None, -inf
        try:
            configuration = read(request["key_server"])
        except ConfigurationError:
            return {"configured": False}
        self._start(configuration, self._make_store(configuration))
        return {"configured": True}

    def restart(self, request: Message) -> Message:
        """End the server and start it again with the same configuration."""
        if self._running is None:
            return _NOT_CONFIGURED
        configuration, store, _ = self._running
        self._born = floor(request["now"])  # subject tokens count in whole seconds
        self._start(configuration, store if self._shared else self._make_store(configuration))
        return {"restarted": True}

    def race(self, request: Message) -> Message:
        """Answer requests on a thread each, all let go at the same moment."""
        requests = request["requests"]
        if len(requests) > _MOST_AT_ONCE:
            return {"skipped": f"more than {_MOST_AT_ONCE} requests at once"}
        start = Barrier(max(1, len(requests)))
        answers: list[Message] = [{}] * len(requests)

        def run(index: int) -> None:
            start.wait()
            try:
                answers[index] = self.handle(requests[index])
            except Exception as error:  # noqa: BLE001 - the contract asks for it: errored, with context
                answers[index] = {"errored": {"message": type(error).__name__}}

        threads = [Thread(target=run, args=(index,)) for index in range(len(requests))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return {"answers": answers}

    def _make_memory(self, configuration: KeyServerConfiguration) -> TokenStore:
        return MemoryStore(store_limits(configuration), self._born)

    def _start(self, configuration: KeyServerConfiguration, store: TokenStore) -> None:
        server = KeyServer(configuration, store, _RequestClock(), _RequestSink(), fetching.fetch)
        self._running = configuration, store, server

    def _ask(self, operation: "Operation", request: Message) -> Message:
        if self._running is None:
            return _NOT_CONFIGURED
        _times.set(_clock(request))
        _lines.set([])
        return operation(self._running[2], request)


Operation = Callable[[KeyServer, Message], Message]

_NOT_CONFIGURED: Message = {"skipped": "no key server is configured"}


class _RequestClock:
    """The time that the present request brought along."""

    def now(self) -> float:
        return _times.get().now()

    def tick(self) -> float:
        return _times.get().tick()


class _RequestSink:
    """Keeps the lines of the present request."""

    def write(self, line: str) -> None:
        _lines.get().append(line)


def _exchange(server: KeyServer, request: Message) -> Message:
    form = [(_text(name), _text(value)) for name, value in request["form"]]
    answer = server.exchange(form, _caller(request))
    if isinstance(answer, ExchangeRefused):
        return {"refused": str(answer.error), **_wait(answer.retry_after), **_events()}
    return {"granted": answer.as_dict(), **_events()}


def _authenticate(server: KeyServer, request: Message) -> Message:
    wants = request.get("wants") or {}
    answer = server.authenticate(
        [_text(request["bearer"])], RequestedAccess(wants.get("backend"), wants.get("tool")), _caller(request)
    )
    if isinstance(answer, AccessRefused):
        return {"verdict": "rejected", "reason": str(answer.error), **_wait(answer.retry_after), **_events()}
    identity, scopes = answer.record.identity, answer.record.scopes
    return {
        "verdict": "accepted",
        "jti": answer.record.jti,
        "identity": {"issuer": identity.issuer, "subject": identity.subject},
        "scopes": {
            "backends": list(scopes.backends),
            "tools": list(scopes.tools),
            "rate_limit": scopes.rate_limit,
        },
        **_events(),
    }


def _revoke(server: KeyServer, request: Message) -> Message:
    admin, caller = request.get("admin"), _caller(request)
    if "jti" in request:
        answer = server.revoke(admin, request["jti"], caller)
    else:
        answer = server.revoke_all(admin, request.get("issuer"), request.get("subject"), caller)
    if isinstance(answer, RevocationRefused):
        return {"refused": str(answer.error), **_wait(answer.retry_after), **_events()}
    return {"revoked": answer.count, **_events()}


def _reap(server: KeyServer, _request: Message) -> Message:
    return {"reaped": server.reap(), **_events()}


def _count(server: KeyServer, request: Message) -> Message:
    return {"count": server.count(_text(request["issuer"]), _text(request["subject"]))}


def _rotate(server: KeyServer, request: Message) -> Message:
    server.rotate(_text(request["issuer"]), request["keys"])
    return {"rotated": True}


def _http(server: KeyServer, request: Message) -> Message:
    # Packages that only the HTTP binding needs are imported by whoever is asked for it.
    from bearerproof_reference.adapter.inprocess import respond  # noqa: PLC0415
    from bearerproof_reference.deployment.http import create_app  # noqa: PLC0415

    return {**respond(create_app(server), request), **_events()}


_OPERATIONS: Mapping[str, Operation] = {
    "exchange": _exchange,
    "authenticate": _authenticate,
    "revoke": _revoke,
    "reap": _reap,
    "count": _count,
    "rotate": _rotate,
    "http": _http,
}


def _caller(request: Message) -> Caller:
    return Caller(request.get("peer"), request.get("forwarded"))


def _events() -> Message:
    return {"events": [loads(line) for line in _lines.get()], "lines": list(_lines.get())}


def _wait(retry_after: int | None) -> Message:
    return {} if retry_after is None else {"retry_after": retry_after}


def _clock(request: Message) -> ManualClock:
    return ManualClock(
        _seconds(request["now"], _FIRST_SECOND, _LAST_SECOND), _seconds(request.get("tick", 0), 0, 10**12)
    )


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise TypeError("a text was expected")


def _seconds(value: object, least: float, most: float) -> float:
    if (type(value) is int or type(value) is float) and least <= value <= most:
        return value
    raise ValueError(f"a time is a number of seconds from {least} to {most}, not {str(value)[:40]}")
