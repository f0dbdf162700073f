"""Servers of ours that listen at several addresses: all of them are opened, or none, and all are closed."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from socketserver import BaseServer
from threading import Thread
from typing import TypeVar

Listener = TypeVar("Listener", bound=BaseServer)


def opened(makers: Iterable[Callable[[], Listener]]) -> list[Listener]:
    """Open a listener by each of these.

    Raises:
        OSError: one of them cannot be had; then none is left open.
    """
    listeners: list[Listener] = []
    with ExitStack() as undo:
        for make in makers:
            listener = make()
            undo.callback(listener.server_close)
            listeners.append(listener)
        undo.pop_all()
    return listeners


def serve(listeners: Sequence[BaseServer], name: str) -> None:
    """Serve at each of them, on a thread of this name."""
    for listener in listeners:
        Thread(target=listener.serve_forever, args=(0.05,), name=name, daemon=True).start()


def close(listeners: Sequence[BaseServer]) -> None:
    """Serve no longer."""
    for listener in listeners:
        listener.shutdown()
    for listener in listeners:
        listener.server_close()
