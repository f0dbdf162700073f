"""What a verifier answers: a token is accepted with its claims, or rejected with one reason."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Reason(StrEnum):
    """Why a token was rejected: the closed vocabulary of contract level 1."""

    MALFORMED = "malformed"
    TOO_LARGE = "too-large"
    ALGORITHM = "algorithm"
    HEADER = "header"
    CRITICAL = "critical"
    KEY_UNKNOWN = "key-unknown"
    KEY_UNUSABLE = "key-unusable"
    KEYS_UNAVAILABLE = "keys-unavailable"
    SIGNATURE = "signature"
    TYPE = "type"
    CLAIM_MISSING = "claim-missing"
    CLAIM_MALFORMED = "claim-malformed"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    ISSUED_IN_FUTURE = "issued-in-future"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    AUTHORIZED_PARTY = "authorized-party"
    NONCE = "nonce"
    TOKEN_HASH = "token-hash"  # noqa: S105 - the name of a reason, no secret
    AUTH_TIME = "auth-time"
    ACR = "acr"
    REPLAY = "replay"
    SESSION = "session"
    UNAVAILABLE = "unavailable"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The token is one that the policy's issuer made for us; ``kid`` names the key that proved it."""

    claims: dict[str, Any]
    kid: str | None


@dataclass(frozen=True, slots=True)
class Rejected:
    """The token is refused.

    ``detail`` makes the reason exact where one word is not enough: the claim that is missing or malformed,
    the check of an ID token that failed, the port that was unavailable. It never holds text of the token.
    """

    reason: Reason
    detail: str = ""


class Refusal(Exception):
    """Raised by a check inside the verifier; never leaves it."""

    def __init__(self, reason: Reason, *detail: str) -> None:
        self.rejected = Rejected(reason, *detail)
