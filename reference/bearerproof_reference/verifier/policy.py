"""What a verifier is told about the tokens it is to accept."""

from dataclasses import dataclass
from enum import StrEnum
from math import inf

MAX_TOKEN = 8192
"""Bytes of a token; a longer one is refused before anything in it is decoded."""


class Profile(StrEnum):
    """The kinds of token that can be asked for."""

    JWT = "jwt"
    ACCESS_TOKEN = "access-token"  # noqa: S105 - the name of a profile, no secret
    ID_TOKEN = "id-token"  # noqa: S105 - likewise


_REQUIRED = {
    Profile.JWT: ("exp",),
    Profile.ACCESS_TOKEN: ("iss", "exp", "aud", "sub", "client_id", "iat", "jti"),  # RFC 9068 §2.2
    Profile.ID_TOKEN: ("iss", "sub", "aud", "exp", "iat"),  # OpenID Connect Core §2
}


@dataclass(frozen=True)
class VerificationPolicy:
    """The rules one verifier applies; None means "don't check", or for an ID token "was not sent".

    ``leeway`` and ``max_age`` are seconds; ``leeway`` serves exp, nbf, iat and max_age alike.

    Raises:
        ValueError: leeway or max_age is not a number of seconds from 0 up, or typ is no media type.
    """

    algorithms: frozenset[str]
    profile: Profile
    issuer: str | None
    audience: str | None = None
    leeway: float = 0
    typ: str | None = None
    require: tuple[str, ...] = ()
    replay: bool = False
    client_id: str | None = None
    trusted_audiences: frozenset[str] = frozenset()
    nonce: str | None = None
    access_token: str | None = None
    code: str | None = None
    max_age: float | None = None
    acr_values: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.typ is not None and not (self.typ and self.typ.isascii()):
            raise ValueError(f"typ is a media type, not {self.typ!r}")
        for seconds in (self.leeway, self.max_age):
            if seconds is not None and not 0 <= seconds < inf:
                raise ValueError(f"leeway and max_age are numbers of seconds from 0 up, not {seconds}")

    @property
    def required(self) -> tuple[str, ...]:
        """The claims a token must have: the profile's, the policy's, and those a configured check needs."""
        checked = {
            "iss": self.issuer is not None or self.replay,
            "aud": self.own_audience is not None,
            "jti": self.replay,
        }
        needed = [name for name, wanted in checked.items() if wanted]
        return tuple(dict.fromkeys([*_REQUIRED[self.profile], *needed, *self.require]))

    @property
    def own_audience(self) -> str | None:
        """Who we are: for an ID token the relying party's ``client_id``, else the resource's audience."""
        if self.profile is Profile.ID_TOKEN and self.client_id is not None:
            return self.client_id
        return self.audience
