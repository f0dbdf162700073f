"""The configuration of a key server: read from JSON data once, strictly, or refused with the place and the cause."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, TypeVar
from urllib.parse import urlsplit

from bearerproof_reference.keyserver.addresses import Network
from bearerproof_reference.keyserver.patterns import MAX_LENGTH, MAX_PATTERNS, is_pattern
from bearerproof_reference.keyserver.policy import Match, Policy, Rule, split_email
from bearerproof_reference.keyserver.throttling import MAX_RATE
from bearerproof_reference.keyserver.tokens import Scopes
from bearerproof_reference.verifier.algorithms import ALGORITHMS
from bearerproof_reference.verifier.keys import KeySet

T = TypeVar("T")

_DAY = 86_400
_DOMAIN = re.compile(r"[^\s@.]+(\.[^\s@.]+)*")


class ConfigurationError(ValueError):
    """The configuration is refused. The message names the member, for a policy its rule, and repeats no secret."""


@dataclass(frozen=True)
class Provider:
    """An identity provider whose ID tokens are accepted; its keys are a JWK set, or served at ``keys_url``."""

    issuer: str
    audiences: tuple[str, ...]
    algorithms: frozenset[str]
    keys: Mapping[str, Any] | None = field(default=None, repr=False)
    keys_url: str | None = None


@dataclass(frozen=True)
class KeyServerConfiguration:
    """What a key server is told.

    Seconds: ``ttl`` is how long a token lives, ``retention`` how long its tombstone is kept after that, ``max_age``
    the age up to which a subject token is taken, ``leeway`` what clocks may differ. ``cap`` bounds the live tokens of
    an identity, ``capacity`` all tokens on record. The two limits are a minute and for each client, 0 is none.
    ``admin_digest`` is the SHA-256 digest of the admin secret; None: nothing can be revoked. ``admin_generated``: it is
    as long as 32 random bytes are as text, and no phrase.
    """

    providers: tuple[Provider, ...]
    policy: Policy
    ttl: int = 600
    retention: int = 300
    cap: int = 5
    capacity: int = 100_000
    max_age: int = 300
    leeway: int = 0
    subject_token_uses: int = 1
    trusted_proxies: tuple[Network, ...] = ()
    admin_failures: int = 5
    exchanges_per_minute: int = 0
    admin_digest: bytes | None = field(default=None, repr=False)
    admin_generated: bool = False
    clients: Mapping[str, bytes] = field(default_factory=dict, repr=False)


_RANGES = {
    "ttl": (1, _DAY),
    "retention": (0, 30 * _DAY),
    "cap": (1, 10_000),
    "capacity": (1, 100_000_000),
    "max_age": (1, _DAY),
    "leeway": (0, 600),
    "subject_token_uses": (1, 10_000),
}
_THROTTLES = {"admin_failures": (0, MAX_RATE), "exchanges_per_minute": (0, MAX_RATE)}


def read(members: object) -> KeyServerConfiguration:
    """Return the configuration that JSON data describes.

    Raises:
        ConfigurationError: something is missing, unknown, out of its range, or would not do what it seems to say.
    """
    known = (*_RANGES, "providers", "policies", "admin_secret", "clients", "trusted_proxies", "throttle")
    given = _Members(members, "the configuration", known)
    providers = given.each("providers", _provider)
    if not providers:
        raise ConfigurationError("providers: at least one is needed")
    issuers = [provider.issuer for provider in providers]
    if len(set(issuers)) != len(issuers):
        raise ConfigurationError("providers: two of them have the same issuer")
    throttle = _Members(given.get("throttle", {}), "throttle", tuple(_THROTTLES))
    return KeyServerConfiguration(
        providers,
        Policy(given.each("policies", lambda rule, place: _rule(rule, place, issuers))),
        trusted_proxies=given.each("trusted_proxies", _network) if "trusted_proxies" in given else (),
        admin_digest=_admin_digest(given),
        admin_generated=_is_generated(given.get("admin_secret")),
        clients=_clients(given),
        **given.numbers(_RANGES),
        **throttle.numbers(_THROTTLES),
    )


def secret_digest(secret: str) -> bytes:
    """Return what an admin secret is kept as and compared by: digests are of one length, whatever was presented."""
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _is_generated(secret: object) -> bool:
    """Return whether a secret is like 32 random bytes in base64 or hexadecimal: so long, and of so many characters."""
    return isinstance(secret, str) and len(secret) >= 43 and len(set(secret)) >= 12 and secret.isascii()


class _Members:
    """The members of a JSON object at a place of the configuration, none of them unknown."""

    def __init__(self, value: object, place: str, known: tuple[str, ...]) -> None:
        if not isinstance(value, Mapping):
            raise ConfigurationError(f"{place}: not an object")
        unknown = [str(name)[:40] for name in value if name not in known]
        if unknown:
            raise ConfigurationError(f"{place}: unknown member {unknown[0]!r}; known are {', '.join(known)}")
        self._members = value
        self._place = place

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def get(self, name: str, default: object = None) -> object:
        return self._members.get(name, default)

    def error(self, name: str, cause: str) -> ConfigurationError:
        return ConfigurationError(f"{self._place}: {name} {cause}")

    def text(self, name: str, limit: int = MAX_LENGTH) -> str:
        value = self.get(name)
        if not isinstance(value, str) or not value.strip() or len(value) > limit:
            raise self.error(name, f"must be a text of 1 to {limit} characters, not blank")
        return value

    def each(self, name: str, read_one: Callable[[object, str], T]) -> tuple[T, ...]:
        values = self.get(name)
        if not isinstance(values, list):
            raise self.error(name, "must be a list")
        return tuple(read_one(value, f"{name}[{index}]") for index, value in enumerate(values))

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts, of which there must be some."""
        values = self.get(name)
        if not isinstance(values, list) or not values:
            raise self.error(name, "must be a list that is not empty")
        if not all(isinstance(value, str) and value.strip() and len(value) <= MAX_LENGTH for value in values):
            raise self.error(name, f"must hold texts of 1 to {MAX_LENGTH} characters, none of them blank")
        return tuple(values)

    def numbers(self, ranges: Mapping[str, tuple[int, int]]) -> dict[str, Any]:
        """Return those of the whole numbers that are given."""
        return {name: self.number(name, *ranges[name]) for name in ranges if name in self}

    def number(self, name: str, least: int, most: int) -> int:
        value = self.get(name)
        if type(value) is not int or not least <= value <= most:
            raise self.error(name, f"must be a whole number from {least} to {most}")
        return value


def _provider(value: object, place: str) -> Provider:
    given = _Members(value, place, ("issuer", "audiences", "algorithms", "keys", "keys_url"))
    issuer = given.text("issuer", 512)
    if not _is_secure(issuer) or "?" in issuer or "#" in issuer:
        raise given.error("issuer", "must be an https URL without query (http for a loopback host)")
    algorithms = frozenset(given.texts("algorithms"))
    # A secret that provider and key server share would let either make the other's tokens (RFC 8725 §3.1).
    if not all(name in ALGORITHMS and ALGORITHMS[name].kty != "oct" for name in algorithms):
        raise given.error("algorithms", "must be signature algorithms that are known, and none of them HMAC")
    if ("keys" in given) == ("keys_url" in given):
        raise given.error("keys", "or keys_url must be given, and not both")
    audiences = given.texts("audiences")
    if "keys_url" in given:
        return Provider(issuer, audiences, algorithms, keys_url=_keys_url(given))
    return Provider(issuer, audiences, algorithms, keys=_keys(given, algorithms))


def _keys_url(given: _Members) -> str:
    url = given.text("keys_url", 2048)
    if not _is_secure(url):
        raise given.error("keys_url", "must be an https URL (http for a loopback host)")
    return url


def _keys(given: _Members, algorithms: frozenset[str]) -> Mapping[str, Any]:
    keys = given.get("keys")
    try:
        KeySet(keys, algorithms)
    except ValueError:
        raise given.error("keys", "must be a JWK set (RFC 7517 §5)") from None
    return keys if isinstance(keys, Mapping) else {}


def _is_secure(url: str) -> bool:
    """Whether nobody on the way can change what is fetched: https, or http that never leaves the machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc or " " in url or not (url.isascii() and url.isprintable()):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _rule(value: object, place: str, issuers: list[str]) -> Rule:
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        place = f"{place} ({value['name'][:40]!r})"
    given = _Members(value, place, ("name", "match", "grant"))
    match = _match(given.get("match"), f"{place}.match")
    if match.issuer not in issuers:
        raise ConfigurationError(f"{place}.match: issuer is none of the providers'")
    return Rule(given.text("name"), match, _grant(given.get("grant"), f"{place}.grant"))


def _match(value: object, place: str) -> Match:
    names = ("issuer", "domain", "email", "group", "subject")
    given = _Members(value, place, names)
    if "issuer" not in given:
        raise given.error("issuer", "is missing: what one provider says is not true of another's identities")
    match = Match(**{name: given.text(name, 512) for name in names if name in given})
    if match.domain is not None and _DOMAIN.fullmatch(match.domain) is None:
        raise given.error("domain", "must be a domain: what stands after the @")
    if match.email is not None and split_email(match.email) is None:
        raise given.error("email", "must be an e-mail address with one @ and something on both sides")
    return match


def _grant(value: object, place: str) -> Scopes:
    given = _Members(value, place, ("backends", "tools", "rate_limit"))
    rate_limit = given.number("rate_limit", 0, MAX_RATE) if "rate_limit" in given else 0
    return Scopes(_patterns(given, "backends"), _patterns(given, "tools"), rate_limit)


def _patterns(given: _Members, name: str) -> tuple[str, ...]:
    patterns = given.texts(name)
    if len(patterns) > MAX_PATTERNS or not all(map(is_pattern, patterns)):
        raise given.error(name, "must hold names, or beginnings of names followed by *; all of them are *")
    return patterns


def _network(value: object, place: str) -> Network:
    try:
        return ipaddress.ip_network(str(value))
    except ValueError:
        raise ConfigurationError(f"{place}: not a network such as 10.0.0.0/8 or ::1") from None


def _admin_digest(given: _Members) -> bytes | None:
    if "admin_secret" not in given:
        return None
    return secret_digest(given.text("admin_secret", 4096))


def _clients(given: _Members) -> dict[str, bytes]:
    """Return the digests of the secrets of clients; a list of none would lock everybody out, or nobody."""
    if "clients" not in given:
        return {}
    members = given.get("clients")
    if not isinstance(members, Mapping) or not members:
        raise given.error("clients", "must be an object with the secret of at least one client")
    clients = _Members(members, "clients", tuple(members))
    if "" in clients:
        raise given.error("clients", "must not be without an id")
    return {str(name): secret_digest(clients.text(name, 4096)) for name in members}
