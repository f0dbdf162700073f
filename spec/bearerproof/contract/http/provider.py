"""The identity provider that a server profile asks for: whoever connects hands in how one is started."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Documents:
    """The URLs of an issuer's discovery document and of its key set."""

    discovery: str
    jwks_uri: str


class RunningProvider(Protocol):
    """One that serves its issuers until it is closed."""

    def serve(self, issuer: str, keys: Any, keys_url: str | None) -> Documents:
        """Serve the key set of an issuer from now on, any JSON that stands in its place, or lead to where it is."""
        ...

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
