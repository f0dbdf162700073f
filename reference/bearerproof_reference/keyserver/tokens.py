"""A token: the bearer that its holder knows, and the record that a store keeps in its place."""

import re
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from uuid import uuid4

PREFIX = "bprf_"

# 32 bytes are 43 characters, and the last of them carries 4 bits: only 16 characters can stand there.
_BEARER = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{42}}[AEIMQUYcgkosw048]", re.ASCII)
_JTI = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII)

IdentityKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a subject token speaks of: issuer and subject together (OIDC Core §5.7); the rest are attributes.

    ``email_verified`` is true only when the issuer said so with a boolean: no other e-mail may authorise.
    """

    issuer: str
    subject: str
    email: str = ""
    email_verified: bool = False
    name: str | None = None
    groups: tuple[str, ...] = ()

    @property
    def key(self) -> IdentityKey:
        """What caps, bulk revocation and rate limits go by: never the subject or the e-mail alone."""
        return self.issuer, self.subject


@dataclass(frozen=True, slots=True)
class Scopes:
    """What a token is good for: patterns of backends and of tools, and requests a minute (0 = unlimited).

    Raises:
        ValueError: a side is empty; nothing is granted by leaving out, and ``*`` is the only word for all.
    """

    backends: tuple[str, ...]
    tools: tuple[str, ...]
    rate_limit: int = 0

    def __post_init__(self) -> None:
        if not self.backends or not self.tools:
            raise ValueError("scopes name at least one backend and one tool; all of them are *")


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """What is kept of a token; times are wall-clock seconds. The bearer cannot be had from it."""

    jti: str
    digest: bytes = field(repr=False)
    identity: Identity
    scopes: Scopes
    issued_at: float
    expires_at: float
    client_ip: str | None = None


def mint(
    identity: Identity, scopes: Scopes, issued_at: float, ttl: float, client_ip: str | None = None
) -> tuple[str, TokenRecord]:
    """Return a new bearer and its record, which lives for ``ttl`` seconds; the bearer is in no other place."""
    bearer = PREFIX + urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
    expires_at = issued_at + ttl
    return bearer, TokenRecord(str(uuid4()), digest(bearer), identity, scopes, issued_at, expires_at, client_ip)


def digest(bearer: str) -> bytes:
    """Return the SHA-256 digest that a bearer is stored and found by.

    Finding it is an equality of digests, so its time tells nothing about how much of a guess was right.
    """
    return sha256(bearer.encode("utf-8", "surrogatepass")).digest()


def is_bearer(text: str) -> bool:
    """Return whether the text has the form of our bearers: prefix and 32 bytes in base64url, one spelling."""
    return _BEARER.fullmatch(text) is not None


def is_jti(text: str) -> bool:
    """Return whether the text has the form of our token ids: a random UUID in lower case (RFC 9562 §5.4)."""
    return _JTI.fullmatch(text) is not None
