"""The profile of a running key server: what it is configured with, how it spells the binding, where its trail is.

``profilefile`` reads it; the document ``server-profile.md`` shows one with everything in it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from bearerproof.contract.declaration import FixedConfig, KeyServer
from bearerproof.specification.catalogue import Measure

ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - the name of a type


@dataclass(frozen=True)
class Requests:
    """The request line of each operation, with names in braces for what it is about."""

    exchange: str = "POST /auth/token"
    revoke: str = "DELETE /auth/token/{jti}"
    revoke_all: str = "DELETE /auth/tokens?issuer={issuer}&subject={subject}"
    resource: str = "GET /resource/{backend}/{tool}"
    revoke_token: str = "POST /auth/revoke"  # noqa: S105 - a request line
    introspect: str = "POST /auth/introspect"


@dataclass(frozen=True)
class RequestBody:
    """What a request carries besides its line: header fields, and a body with names in braces for what it is about."""

    headers: tuple[tuple[str, str], ...] = ()
    text: str = ""


@dataclass(frozen=True)
class AnswerRule:
    """What an answer means that has one of these statuses (none: any) and this value at a place in its JSON.

    ``pointer`` is a JSON pointer (RFC 6901), None if the status alone decides; ``meaning`` is a reason of the contract,
    or ``ADMITTED``.
    """

    meaning: str
    statuses: frozenset[int] = frozenset()
    pointer: str | None = None
    value: object = None


ADMITTED = "admitted"
"""The meaning of an answer to a bearer that was good, whatever stands behind the server."""


@dataclass(frozen=True)
class Headers:
    """The header field in which a bearer, or the secret of the administrator, is presented."""

    bearer: str = "Authorization: Bearer {token}"
    admin: str = "Authorization: Bearer {secret}"


@dataclass(frozen=True)
class Scopes:
    """Two scopes in the words of a server that has others than those of the contract; the second has more in it.

    ``usual`` is the one that is asked for where a check asks for none, since the resource needs it; empty: none is.
    """

    narrow: str
    wide: str
    usual: str = ""


@dataclass(frozen=True)
class EachRequest:
    """What goes with every request: header fields, which may be secret, and a client's certificate with its key.

    ``client`` goes with exchanges alone: that by which a client authenticates itself (RFC 6749 §2.3).
    """

    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    certificate: Path | None = None
    client: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Names:
    """What the members of JSON answers are called."""

    access_token: str = "access_token"  # noqa: S105 - the name of a member
    issued_token_type: str = "issued_token_type"  # noqa: S105 - the name of a member
    token_type: str = "token_type"  # noqa: S105 - the name of a member
    expires_in: str = "expires_in"
    scope: str = "scope"
    jti: str = "jti"
    error: str = "error"
    revoked: str = "revoked"


@dataclass(frozen=True)
class Codes:
    """What refusals mean in the words of the contract: by the error code in them, or else by their status."""

    exchange: Mapping[str, str]
    resource: Mapping[str, str]
    revoke: Mapping[str, str]


class Trusted(StrEnum):
    """Whose X-Forwarded-For the server believes: nobody's, that of us and of 10.0.0.1, or that of whoever sends one."""

    NOBODY = "nobody"
    LISTED = "listed"
    ANYBODY = "anybody"


@dataclass(frozen=True)
class Abilities:
    """What can be relied upon besides, as the contract names it."""

    race: bool = True
    http: bool = True
    lines: bool = True
    forwarded: Trusted = Trusted.NOBODY
    throttle: bool = False
    retention: bool = False
    single_use: bool = False
    introspection: bool = False
    token_revocation: bool = False
    revocation_secret: bool = False
    administration: bool = True


@dataclass(frozen=True)
class AuditSource:
    """Where the events come from: a file that grows, or a command that prints.

    ``pattern`` finds the JSON of an event in a line; without one an event is read where it is a whole line, or where a
    wrapping that ``bearerproof trail`` knows says that it is one, and no text in another place is taken for it. An
    event that is due is waited for ``wait`` seconds, and after the last one that came ``quiet`` seconds more, to see
    whether there are more.
    """

    file: Path | None = None
    command: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None
    wait: float = 1.0
    quiet: float = 0.02

    @property
    def is_there(self) -> bool:
        """Whether there are events to be seen; base judges none."""
        return self.file is not None or bool(self.command)


@dataclass(frozen=True)
class IdentityProvider:
    """The ports at which bearerproof serves the discovery documents and key sets of the issuers.

    With ``tls_port`` it serves them over https too, and ``certificate`` is the file of the authority to be trusted.
    """

    host: str = "127.0.0.1"
    port: int = 0
    tls_port: int | None = None
    certificate: Path | None = None


@dataclass(frozen=True)
class Configure:
    """The programs that put a configuration into the server, have it crash and begin again, and end it.

    ``timeout`` is in seconds, for a program and until the server answers; ``ready`` a request that is asked until
    anything answers, without which a TCP connection will do; ``honours`` the members of a configuration that the server
    keeps to, None for all.
    """

    command: tuple[str, ...]
    restart: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    timeout: float = 30.0
    ready: str | None = None
    honours: frozenset[str] | None = None


@dataclass(frozen=True)
class ToldClock:
    """The file in which the server sees what time it is; ``resolution`` and ``settle`` are in seconds.

    ``settle`` passes between writing it and asking.
    """

    file: Path
    form: str = "epoch"
    resolution: float = 1.0
    settle: float = 0.02


@dataclass(frozen=True)
class KeyFetching:
    """How the server keeps the keys of a provider (seconds): fresh for, served stale for, no refetch within.

    Of real time no check waits longer than ``wait`` for them.
    """

    ttl: float
    stale: float
    cooldown: float
    wait: float = 0.0


@dataclass(frozen=True)
class ServerProfile:
    """All that has to be known of a server to ask it over HTTP."""

    name: str
    version: str
    language: str
    measure: Measure
    token_prefix: str
    algorithms: tuple[str, ...]
    setting: FixedConfig
    requests: Requests
    headers: Headers
    names: Names
    codes: Codes
    abilities: Abilities
    audit: AuditSource
    identity_provider: IdentityProvider | None
    configure: Configure | None = None
    clock: ToldClock | None = None
    keys: KeyFetching | None = None
    bodies: Mapping[str, RequestBody] = field(default_factory=dict)
    answers: tuple[AnswerRule, ...] = ()
    scopes: Scopes | None = None
    each: EachRequest = EachRequest()
    folder: Path = Path()
    name_pattern: str = KeyServer.name_pattern
    subject_form: str = ""
    subject_token_type: str = ID_TOKEN
