"""The connections of the HTTP binding: bounded in number, in time, and in what each may hold in memory.

A connection that sends nothing, or a byte now and then, takes a place until its time is up. When all places are
taken the one that has been idle longest makes room, so whoever sends a request at once gets an answer.
"""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from bearerproof_reference.deployment.httprequest import App, Receive, Scope, Send

try:
    import h11
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol
except ImportError as missing:
    raise ImportError("the HTTP binding needs packages: python -m pip install 'bearerproof[server]'") from missing


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How many connections there may be, and how long, in seconds, each may take.

    ``head_seconds`` is for a whole request line with its fields, from the connection or the last answer on, and
    ``request_seconds`` for the body and until the answer was taken. No line with its fields is taken that is longer
    than ``head_bytes``, and any that is at most half as long. ``backlog`` more connections may wait to be accepted.
    When the server stops, requests have ``stop_seconds`` left; none is begun in the second half of them.
    """

    connections: int = 4096
    backlog: int = 256
    head_seconds: float = 10
    request_seconds: float = 30
    head_bytes: int = 16 * 1024
    stop_seconds: int = 10


LAST_LOOK = 0.2
"""Seconds in which a server that stops still reads what has arrived."""


def listener(app: App, limits: ConnectionLimits, refuse: Callable[[], None] = lambda: None) -> uvicorn.Server:
    """Return a server of an ASGI application, to be run on sockets that are open already.

    The peer is who is at the other end, whatever a header says, and no log quotes a request. When the server stops,
    what has arrived is still read and answered. After half of the time that there is to stop it calls ``refuse``: from
    then on the application begins nothing, and what was begun has the other half to end.
    """
    connection: type[H11Protocol] = type("Connection", (_Connection,), {"limits": limits, "idle": {}})
    config = uvicorn.Config(
        _unless_cut_off(app),
        http=connection,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=limits.backlog,
        h11_max_incomplete_event_size=limits.head_bytes // 2,
        timeout_graceful_shutdown=limits.stop_seconds,
    )
    return _Server(config, refuse, limits.stop_seconds / 2)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, refuse: Callable[[], None], seconds: float) -> None:
        super().__init__(config)
        self._refuse = refuse
        self._seconds = seconds

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().call_later(self._seconds, self._refuse)
        await asyncio.sleep(LAST_LOOK)
        await super().shutdown(sockets)


def _unless_cut_off(app: App) -> App:
    """Have a request that is cut off when the time to stop is over end without an answer: nobody knows the true one."""

    async def answering(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except asyncio.CancelledError:
            connection: _Connection = scope["state"]["connection"]
            connection.cut_off()

    return answering


class _Connection(H11Protocol):
    """One connection; each server has a class of its own, for the idle ones among its connections in their order."""

    limits: ClassVar[ConnectionLimits]
    idle: ClassVar[dict["_Connection", None]]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base class
        super().connection_made(_Gathering(transport, self.loop))
        self.app_state = {"connection": self}
        self.conn = _StrictReading(h11.SERVER, self.limits.head_bytes // 2)
        self._rest()
        self._timer = self.loop.call_at(self._until, self._check_time)
        if len(self.connections) > self.limits.connections:
            oldest = next(iter(self.idle))
            del self.idle[oldest]
            oldest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self.idle.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hand on a little at a time: what comes at once is not measured otherwise, however much it is."""
        little = self.limits.head_bytes // 2
        for start in range(0, len(data), little):
            if not self.transport.is_closing():
                super().data_received(data[start : start + little])

    def handle_events(self) -> None:
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self.idle.pop(self, None)
            self._until = self.loop.time() + self.limits.request_seconds

    def cut_off(self) -> None:
        """End the connection, and have no answer sent."""
        self.cycle.disconnected = True
        self.transport.abort()

    def on_response_complete(self) -> None:
        self._rest()
        super().on_response_complete()

    def _rest(self) -> None:
        self.idle[self] = None
        self._until = self.loop.time() + self.limits.head_seconds

    def _check_time(self) -> None:
        """End the connection when its time is up; a request or an answer since the last look gave it more."""
        if self.loop.time() < self._until:
            self._timer = self.loop.call_at(self._until, self._check_time)
        else:
            self.transport.abort()


class _StrictReading(h11.Connection):
    """Reads requests, and none of which it is not certain where it ends: somebody in front may see another end."""

    def __init__(self, role: type[h11.SERVER], most: int) -> None:
        super().__init__(role, max_incomplete_event_size=most)

    def next_event(self) -> Any:
        """Return the next event.

        Raises:
            RemoteProtocolError: it is none, or the length of a request is told in two ways (RFC 9112 §6.1), or in
                one that its version does not know. The connection is closed with the answer.
        """
        event = super().next_event()
        if type(event) is h11.Request:
            names = {name for name, _ in event.headers}
            if b"transfer-encoding" in names and (b"content-length" in names or event.http_version < b"1.1"):
                raise h11.RemoteProtocolError("the length of the request is ambiguous")
        return event


class _Gathering(asyncio.Transport):
    """A transport that sends head and body of an answer at once: each packet wakes the client up."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._gathered = b""

    def write(self, data: Any) -> None:
        if data and not self._gathered:
            self._loop.call_soon(self._flush)
        self._gathered += data

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        self._gathered = b""
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def _flush(self) -> None:
        gathered, self._gathered = self._gathered, b""
        if gathered and not self._transport.is_closing():
            self._transport.write(gathered)
