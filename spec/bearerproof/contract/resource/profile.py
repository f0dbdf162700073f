"""The profile of a running resource server: which tokens it takes, how it is asked, and what its answers mean.

``profilefile`` reads it; the document ``resource-profile.md`` shows one with everything in it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bearerproof.contract.http.profile import AuditSource, IdentityProvider
from bearerproof.contract.resource.resourceserver import ResourceServer
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure, Profile


@dataclass(frozen=True)
class Token:
    """What is known of the server's verifier; ``leeway`` is its tolerance in seconds.

    Where it has a ``secret`` for HMAC, it has no other key.
    """

    algorithms: tuple[str, ...] = ("ES256",)
    leeway: int = 0
    require: tuple[str, ...] = ()
    claims: Json = field(default_factory=dict)
    secret: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Pace:
    """How fast it is asked: ``rate`` requests a second, 0: any, ``at_once`` at a time, and what becomes of 429."""

    rate: float = 0.0
    at_once: int = 8
    waits: bool = False
    wait: float = 60.0


@dataclass(frozen=True)
class ResourceProfile:
    """All that has to be known of a resource server to ask it; ``secrets`` are texts that are never shown."""

    name: str
    version: str
    language: str
    measure: Measure
    profile: Profile
    server: ResourceServer
    token: Token
    echo: str
    reasons: Mapping[str, re.Pattern[str]]
    pace: Pace
    identity_provider: IdentityProvider
    audit: AuditSource | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
