"""The connections of the HTTP binding: bounded in number, in time, and in what each may hold in memory.

A connection that sends nothing, or a byte now and then, takes a place until its time is up. When all places are
taken the one that has been idle longest makes room, so whoever sends a request at once gets an answer.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, ClassVar

try:
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
    When the server stops, requests have ``stop_seconds`` left.
    """

    connections: int = 4096
    backlog: int = 256
    head_seconds: float = 10
    request_seconds: float = 30
    head_bytes: int = 16 * 1024
    stop_seconds: int = 10


def listener(app: Any, limits: ConnectionLimits) -> uvicorn.Server:
    """Return a server of an ASGI application, to be run on sockets that are open already.

    The peer is who is at the other end, whatever a header says, and no log quotes a request.
    """
    connection: type[H11Protocol] = type("Connection", (_Connection,), {"limits": limits, "idle": {}})
    config = uvicorn.Config(
        app,
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
    return uvicorn.Server(config)


class _Connection(H11Protocol):
    """One connection; each server has a class of its own, for the idle ones among its connections in their order."""

    limits: ClassVar[ConnectionLimits]
    idle: ClassVar[dict["_Connection", None]]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base class
        super().connection_made(_Gathering(transport, self.loop))
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
