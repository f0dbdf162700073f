"""The authorization server that a running resource server trusts: whoever connects hands in how one is started."""

from collections.abc import Sequence
from typing import Protocol

from bearerproof.contract.resource.profile import ResourceProfile
from bearerproof.members import Json


class RunningAuthority(Protocol):
    """One that serves its issuer's metadata and keys, and makes tokens, until it is closed."""

    disturbed: bool
    """Whether its keys are being changed, or made to fail: an honest token may be refused meanwhile."""

    def published(self, issuer: str) -> Sequence[Json]:
        """Return the public keys that it serves for this issuer, as JWKs."""
        ...

    @property
    def requests(self) -> int:
        """How often its key set was asked for."""
        ...

    def honest(self, padding: int = 0) -> tuple[str, Json]:
        """Return a token that has to be accepted, and its claims; ``padding`` octets mean nothing."""
        ...

    def honest_of_other(self) -> str:
        """Return a token of the second issuer that has to be accepted."""
        ...

    def altered(self, client: str = "") -> str:
        """Return an honest token, of this client if one is named, with one octet of its signature changed."""
        ...

    def is_signed(self, token: str, kids: frozenset[str]) -> bool:
        """Say whether one of these published keys made the signature of a token."""
        ...

    def close(self) -> None:
        """Serve no longer."""
        ...


class StartAuthority(Protocol):
    """Starts the authorization server of a profile; ``made_anew`` asks for keys that are published nowhere."""

    def __call__(self, profile: ResourceProfile, *, made_anew: bool) -> RunningAuthority:
        """Start it; raises ``OSError`` if a port cannot be had or the certificate not be used."""
        ...
