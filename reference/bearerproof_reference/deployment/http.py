"""The HTTP binding of a key server: an ASGI application that reads requests, asks the server, and writes answers.

Paths are matched as they were sent, by whole segments, so an encoded slash separates nothing. What a request is
refused for before it is a question to the server (path, method) is no decision about a token and leaves no event.
"""

import logging
import traceback
from asyncio import CancelledError, wrap_future
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import partial
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from bearerproof_reference.deployment import httpanswer as answers
from bearerproof_reference.deployment import httprequest as reading
from bearerproof_reference.deployment.httprequest import App, Receive, Scope, Send
from bearerproof_reference.deployment.openapi import DOCUMENT
from bearerproof_reference.keyserver.authentication import AccessRefused, RequestedAccess
from bearerproof_reference.keyserver.exchange import ExchangeError, ExchangeRefused, Form
from bearerproof_reference.keyserver.revocation import Revoked
from bearerproof_reference.keyserver.server import KeyServer
from bearerproof_reference.keyserver.store import StoreUnavailable

try:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route
except ImportError as missing:
    raise ImportError("the HTTP binding needs packages: python -m pip install 'bearerproof[server]'") from missing

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Work(Protocol):
    """How the event loop has something done that waits: for a store, for a disk, for the keys of a provider."""

    async def __call__(self, call: Callable[[], T]) -> T:
        """Return what ``call`` returns, or raise what it raises."""


async def directly(call: Callable[[], T]) -> T:
    """Do it here and now: right where nobody else waits for the event loop."""
    return call()


class Stopping(Exception):
    """The server is about to end, and the call was not begun: nothing came of it."""


class Threads:
    """So many threads, on which calls that wait keep nobody waiting but each other.

    They end in two steps: ``refuse`` what is not begun, from the event loop, and ``close`` once nobody waits for what
    is. Whatever a call uses is closed after that.
    """

    def __init__(self, count: int, name: str, patience: float = 10) -> None:
        self._pool = ThreadPoolExecutor(count, name)
        self._patience = patience
        self._calls: set[Future[Any]] = set()
        self._refusing = False

    async def __call__(self, call: Callable[[], T]) -> T:
        """Call it on a thread, with the context variables of the request.

        Raises:
            Stopping: it was not called, and will not be.
        """
        if self._refusing:
            raise Stopping
        future = self._pool.submit(copy_context().run, call)
        self._calls.add(future)
        future.add_done_callback(self._calls.discard)
        try:
            return await wrap_future(future)
        except CancelledError:
            if self._refusing and future.cancelled():
                raise Stopping from None
            raise

    def refuse(self) -> None:
        """Begin no call any more, not even those that wait for a thread."""
        self._refusing = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """Wait until the calls that were begun have ended; of one that does not in time the log tells."""
        self.refuse()
        left = wait(self._calls.copy(), self._patience).not_done
        if left:
            _log.error("%d requests did not end: what they did may have no event", len(left))


def create_app(server: KeyServer, exchanges: Work = directly, access: Work = directly) -> App:
    """Return the application.

    Exchanges may wait long for somebody else's key set, so they work apart from all the rest.
    """
    routes = [Route(path, endpoint) for path, endpoint in _endpoints(server, exchanges, access).items()]
    app = Starlette(routes=routes, exception_handlers={404: _not_found})
    app.router.redirect_slashes = False

    async def by_sent_path(scope: Scope, receive: Receive, send: Send) -> None:
        sent = scope.get("raw_path") or quote(scope["path"]).encode()
        await app({**scope, "path": reading.origin_form(sent).decode("latin-1")}, receive, send)

    return by_sent_path


def _endpoints(server: KeyServer, exchanges: Work, access: Work) -> "dict[str, _Endpoint]":
    binding = _Binding(server, exchanges, access)
    return {
        "/resource/{backend}/{tool}": _Endpoint(GET=binding.resource),
        "/auth/token": _Endpoint(POST=binding.exchange),
        "/auth/token/{jti}": _Endpoint(DELETE=binding.revoke),
        "/auth/tokens": _Endpoint(DELETE=binding.revoke_all),
        "/auth/revoke": _Endpoint(POST=binding.revoke_bearer),
        "/auth/introspect": _Endpoint(POST=binding.introspect),
        "/health": _Endpoint(GET=binding.health),
        "/openapi.json": _Endpoint(GET=binding.describe),
    }


class _Binding:
    def __init__(self, server: KeyServer, exchanges: Work, access: Work) -> None:
        self._server = server
        self._exchanges = exchanges
        self._access = access
        self._document = answers.answer(200, DOCUMENT)

    async def exchange(self, scope: Scope, receive: Receive) -> Response:
        form, flaw = await _read_form(scope, receive)
        if not self._server.is_client(reading.client(scope)):
            await self._exchanges(partial(self._server.refuse_stranger, reading.caller(scope)))
            return answers.no_client()
        outcome = await self._exchanges(partial(self._server.exchange, form, reading.caller(scope)))
        throttled = isinstance(outcome, ExchangeRefused) and outcome.error is ExchangeError.RATE_LIMITED
        return flaw if flaw is not None and not throttled else answers.exchanged(outcome)

    async def resource(self, scope: Scope, receive: Receive) -> Response:
        presented = reading.credentials(scope, await self._body(scope, receive))
        wants = RequestedAccess(_named(scope, "backend"), _named(scope, "tool"))
        call = partial(self._server.authenticate, presented, wants, reading.caller(scope))
        outcome = await self._access(call)
        if isinstance(outcome, AccessRefused):
            return answers.access_refused(outcome, wants)
        subject = outcome.record.identity.subject
        return answers.answer(200, {"backend": wants.backend, "tool": wants.tool, "subject": subject})

    async def revoke(self, scope: Scope, receive: Receive) -> Response:
        admin, several, _ = await self._admin(scope, receive)
        call = partial(self._server.revoke, admin, _named(scope, "jti"), reading.caller(scope))
        outcome = await self._access(call)
        return answers.done() if isinstance(outcome, Revoked) else answers.revocation_refused(outcome, several=several)

    async def revoke_all(self, scope: Scope, receive: Receive) -> Response:
        admin, several, _ = await self._admin(scope, receive)
        call = partial(self._server.revoke_all, admin, *_identity(scope), reading.caller(scope))
        outcome = await self._access(call)
        if isinstance(outcome, Revoked):
            return answers.answer(200, {"revoked": outcome.count})
        return answers.revocation_refused(outcome, several=several)

    async def revoke_bearer(self, scope: Scope, receive: Receive) -> Response:
        admin, several, body = await self._admin(scope, receive)
        call = partial(self._server.revoke_bearer, admin, _token(scope, body), reading.caller(scope))
        return answers.bearer_revoked(await self._access(call), several=several)

    async def introspect(self, scope: Scope, receive: Receive) -> Response:
        admin, several, body = await self._admin(scope, receive)
        call = partial(self._server.introspect, admin, _token(scope, body), reading.caller(scope))
        return answers.introspected(await self._access(call), several=several)

    async def health(self, _scope: Scope, _receive: Receive) -> Response:
        trail = "failing" if self._server.trail.failing else "ok"
        store = "ok"
        try:
            await self._access(partial(self._server.count, "", ""))
        except StoreUnavailable:
            store = "unavailable"
        warnings = self._server.warnings()
        members = {"status": store, "store": store, "trail": trail, **({"warnings": warnings} if warnings else {})}
        return answers.answer(200, members) if store == "ok" else answers.unhealthy(members)

    async def _admin(self, scope: Scope, receive: Receive) -> tuple[str | None, bool, bytes]:
        """Return the one credential that is presented, whether there are several, and the body."""
        body = await self._body(scope, receive)
        presented = reading.credentials(scope, body)
        return (presented[0], False, body) if len(presented) == 1 else (None, bool(presented), body)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """Return the body; one that is too large is refused, and leaves its event."""
        try:
            return await reading.read_body(receive)
        except reading.BodyTooLarge:
            await self._access(partial(self._server.refuse_malformed, reading.caller(scope)))
            raise

    async def describe(self, _scope: Scope, _receive: Receive) -> Response:
        return self._document


Handler = Callable[[Scope, Receive], Awaitable[Response]]


class _Endpoint:
    """One path, and what it does for each method; HEAD and OPTIONS are methods like others."""

    def __init__(self, **handlers: Handler) -> None:
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        handler = self._handlers.get(scope["method"])
        try:
            response = self._not_allowed() if handler is None else await _response(handler, scope, receive)
        except reading.ClientGone:
            return
        await response(scope, receive, send)

    def _not_allowed(self) -> Response:
        return answers.refusal(405, "method_not_allowed", Allow=", ".join(self._handlers))


async def _response(handler: Handler, scope: Scope, receive: Receive) -> Response:
    try:
        return await handler(scope, receive)
    except reading.BodyTooLarge:
        return answers.too_large()
    except reading.ClientGone:
        raise
    except Stopping:
        return answers.stopping()
    except Exception as error:  # noqa: BLE001 - the next above us would log its text, and what was presented with it
        where = "".join(traceback.format_tb(error.__traceback__))
        _log.error("a request ended in %s\n%s", type(error).__name__, where)
        return answers.refusal(500, "server_error")


async def _not_found(_request: Request, _error: Exception) -> Response:
    return answers.refusal(404, "not_found")


async def _read_form(scope: Scope, receive: Receive) -> tuple[Form | None, Response | None]:
    """Return the form of an exchange, or the answer that is due since it cannot be read."""
    if not reading.is_form(scope):
        return None, answers.unsupported_media_type()
    try:
        body = await reading.read_body(receive)
        if len(reading.header(scope, b"authorization")) > 1:
            return None, answers.several_credentials()
        return reading.parameters(body), None
    except reading.BodyTooLarge:
        return None, answers.too_large()
    except ValueError:
        return None, answers.refusal(400, "invalid_request")


def _identity(scope: Scope) -> tuple[str | None, str | None]:
    """Return issuer and subject; neither, unless the query is these two and nothing that would narrow it further."""
    try:
        parameters = reading.parameters(scope["query_string"])
    except ValueError:
        return None, None
    if sorted(name for name, _ in parameters) != ["issuer", "subject"]:
        return None, None
    return dict(parameters)["issuer"], dict(parameters)["subject"]


def _token(scope: Scope, body: bytes) -> str | None:
    """Return the one token that a form names (RFC 7009 §2.1, RFC 7662 §2.1); the hint says nothing that we need."""
    try:
        named = reading.parameters(body) if reading.is_form(scope) else []
    except ValueError:
        return None
    names = [name for name, _ in named]
    return dict(named).get("token") if len(set(names)) == len(names) else None


def _named(scope: Scope, name: str) -> str:
    return reading.segment(scope["path_params"][name])
