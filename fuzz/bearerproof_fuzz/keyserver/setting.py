"""The configuration that most checks of a key server begin with, and the identity provider it trusts."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from bearerproof.contract.declaration import FixedConfig, KeyServer, KeyServerLimits
from bearerproof.contract.http.profile import ID_TOKEN as ID_TOKEN
from bearerproof.contract.messages import Policy
from bearerproof.members import Json
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz import keys
from bearerproof_fuzz.forge import NOW, Draft
from bearerproof_fuzz.keys import Key
from bearerproof_fuzz.keyserver.name_mapping import IDENTITY, NameMapping, RenamedDraft

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - the name of a grant
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - the name of a type
JWT = "urn:ietf:params:oauth:token-type:jwt"
EXCHANGE_PARAMETERS = (
    "grant_type",
    "subject_token",
    "subject_token_type",
    "scope",
    "resource",
    "audience",
    "requested_token_type",
    "actor_token",
    "actor_token_type",
)
"""Parameters of a token exchange (RFC 8693 §2.1)."""

AUDIENCE = "key-server"
ADMIN = "admin-secret-of-the-suite-4f1c9e"
PEER = "192.0.2.7"
OTHER_PEER = "198.51.100.9"
PROXY = "10.0.0.1"


@dataclass(frozen=True)
class Provider:
    """An identity provider: who it says it is, and the key it signs with."""

    issuer: str
    key: Key
    audience: str = AUDIENCE

    def draft(self, subject: str, now: float, **changes: Any) -> Draft:
        """Return an honest ID token before it is written down; a claim changed to None is left out.

        The registry's edits apply to it as to any other token.
        """
        whole: Json = {
            "iss": self.issuer,
            "sub": subject,
            "aud": self.audience,
            "iat": int(now),
            "exp": int(now) + 300,
            "email": f"{subject}@example.com",
            "email_verified": True,
            "groups": ["staff"],
        }
        claims = {name: value for name, value in {**whole, **changes}.items() if value is not None}
        header = {"typ": "JWT", "alg": self.key.algorithm, "kid": self.key.kid}
        return RenamedDraft(Profile.ID_TOKEN, self.key, header, claims, self.policy, now, self.key.sign)

    @property
    def policy(self) -> Policy:
        """What a verifier of this provider's ID tokens is told."""
        return Policy(
            {
                "issuer": self.issuer,
                "audience": self.audience,
                "client_id": self.audience,
                "algorithms": [self.key.algorithm],
                "leeway": 0,
                "keys": {"keys": [self.key.public_jwk]},
            }
        )

    def as_json(self) -> Json:
        """Return the provider as it stands in a configuration."""
        return {
            "issuer": self.issuer,
            "audiences": [self.audience],
            "algorithms": [self.key.algorithm],
            "keys": {"keys": [self.key.public_jwk]},
        }


HOME = Provider("https://idp.example", keys.key("ES256", "a"))
"""The provider of everybody, unless a check says otherwise."""

OTHER = Provider("https://other-idp.example", keys.key("ES256", "b"))
"""Another provider, whose subjects have nothing to do with those of the first."""


def rule(
    provider: Provider = HOME,
    *,
    backends: tuple[str, ...] = ("*",),
    tools: tuple[str, ...] = ("*",),
    rate_limit: int = 0,
    name: str = "",
    **match: str,
) -> Json:
    """Return one rule of a policy."""
    return {
        "name": name or f"everybody of {provider.issuer}",
        "match": {"issuer": provider.issuer, **match},
        "grant": {"backends": list(backends), "tools": list(tools), "rate_limit": rate_limit},
    }


@dataclass(frozen=True)
class KeyServerConfig(KeyServerLimits):
    """A configuration of a key server, and the instant at which the check begins."""

    providers: tuple[Provider, ...] = (HOME, OTHER)
    policies: tuple[Json, ...] = (rule(HOME), rule(OTHER))
    admin_secret: str | None = ADMIN
    trusted_proxies: tuple[str, ...] = (f"{PROXY}/32",)
    now: float = NOW
    extra: Mapping[str, Any] = field(default_factory=dict)

    def but(self, **changes: Any) -> "KeyServerConfig":
        """Return the same setting with some of it set anew."""
        return replace(self, **changes)

    @property
    def is_roomy(self) -> bool:
        """Whether no check can feel what another one did before under the same setting, as other subjects and peers."""
        throttle: Mapping[str, int] = self.extra.get("throttle", {})
        return self.capacity >= KeyServerLimits.capacity and not throttle.get("exchanges_per_minute")

    def as_json(self) -> Json:
        """Return the configuration as the contract writes it; ``extra`` stands over everything else."""
        whole: Json = {
            "ttl": self.ttl,
            "retention": self.retention,
            "cap": self.cap,
            "capacity": self.capacity,
            "max_age": self.max_age,
            "leeway": self.leeway,
            "subject_token_uses": self.subject_token_uses,
            "providers": [provider.as_json() for provider in self.providers],
            "policies": list(self.policies),
            "trusted_proxies": list(self.trusted_proxies),
            "throttle": {"admin_failures": self.admin_failures, "exchanges_per_minute": 0},
        }
        if self.admin_secret is not None:
            whole["admin_secret"] = self.admin_secret
        return {**whole, **self.extra}


DEFAULT = KeyServerConfig()


def config_of(given: FixedConfig) -> KeyServerConfig:
    """Return the default setting with what is told of a server that is taken as it is."""
    return DEFAULT.but(**{limit.name: getattr(given, limit.name) for limit in fields(KeyServerLimits)})


def mapping_of(server: KeyServer, *, own_peers: bool = True) -> NameMapping:
    """Return the stage of a server that is taken as it is, of one that runs on, or our own."""
    given = server.setting
    if given is None:
        return NameMapping(subject_form=server.subject_form) if server.subject_form else IDENTITY
    tells_peers = server.forwarded and own_peers
    if server.configure:  # and is told everything but the names of its issuers
        names = {HOME.issuer: given.issuers[0], OTHER.issuer: given.issuers[1]}
        return NameMapping(names, {}, tells_peers, frozenset({PROXY}), server.subject_form)
    names = {HOME.issuer: given.issuers[0], OTHER.issuer: given.issuers[1], ADMIN: given.admin_secret}
    if given.email_domain != FixedConfig.email_domain:
        names[f"@{FixedConfig.email_domain}"] = f"@{given.email_domain}"
    return NameMapping(names, {AUDIENCE: given.audience}, tells_peers, frozenset({PROXY}), server.subject_form)
