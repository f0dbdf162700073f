"""Sinks that misbehave, for the harness to ask for: no part of what the reference shows."""

from threading import Event

from bearerproof_reference.audit.sinks import Record


class RaisingSink:
    """Fails at each record."""

    def record(self, record: Record) -> None:
        """Raise ``OSError``."""
        raise OSError(f"no room for {type(record).__name__}")


class StallingSink:
    """Takes ``seconds`` for each record; None: does not come back before it is released."""

    def __init__(self, released: Event, seconds: float | None) -> None:
        self._released = released
        self._seconds = seconds

    def record(self, _record: Record) -> None:
        """Wait."""
        self._released.wait(self._seconds)
