"""The identity provider that a server profile asks for: whoever connects hands in how one is started."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class RunningProvider(Protocol):
    """One that serves its issuers until it is closed."""

    def close(self) -> None:
        """Serve no longer."""
        ...


class StartProvider(Protocol):
    """Starts one that serves these issuers, over http and, with a TLS port, over https."""

    def __call__(
        self, issuers: Sequence[str], host: str, port: int, tls_port: int | None, certificate: Path | None
    ) -> RunningProvider:
        """Start it; raises ``OSError`` if a port cannot be had or the certificate not be used."""
        ...
