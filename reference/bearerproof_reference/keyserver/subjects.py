"""Subject tokens: an ID token of a configured provider says who asks.

The verifier decides, under the policy of the provider. All that is believed before the signature is which
provider to ask: the one whose configured issuer is, character for character, the token's ``iss``.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from json import dumps
from typing import Any

from bearerproof_reference.clock import Clock
from bearerproof_reference.keyserver.configuration import Provider
from bearerproof_reference.keyserver.lifecycle import CONTROLS
from bearerproof_reference.keyserver.tokens import Identity
from bearerproof_reference.verifier import fetching
from bearerproof_reference.verifier.claims import numeric_date
from bearerproof_reference.verifier.fetching import FetchedKeySet
from bearerproof_reference.verifier.jose import MalformedError, decode_segment, parse_object, split_compact
from bearerproof_reference.verifier.keys import KeySet
from bearerproof_reference.verifier.policy import MAX_TOKEN, Profile, VerificationPolicy
from bearerproof_reference.verifier.verdicts import Reason, Rejected
from bearerproof_reference.verifier.verifier import Verifier

MAX_GROUPS = 1024
"""Groups of one identity."""


class SubjectTokenRejected(Exception):
    """The token establishes no identity. Which check failed is nobody's business but the provider's."""


class SubjectKeysUnavailable(Exception):
    """The keys of the provider cannot be had: nothing is known about the token."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a verified subject token speaks of, when it was issued (wall-clock seconds), and what its uses count on.

    ``key`` names the token whatever its spelling: by issuer and jti, else by a digest of what was signed.
    """

    identity: Identity
    issued_at: float
    key: str


class SubjectTokenVerifier:
    """The providers, and how to verify their tokens. Keys that are fetched are kept, also between threads.

    ``get`` fetches a key set from its URL.
    """

    def __init__(
        self, providers: Iterable[Provider], leeway: float, clock: Clock, get: Callable[[str], bytes] = fetching.fetch
    ) -> None:
        self._leeway = leeway
        self._clock = clock
        self._get = get
        self._providers = {provider.issuer: provider for provider in providers}
        self._verifiers = {issuer: self._build(provider) for issuer, provider in self._providers.items()}

    def verify(self, token: str) -> Subject:
        """Return whom the token speaks of.

        Raises:
            SubjectTokenRejected: it is not an ID token of a configured provider for us, valid now.
            SubjectKeysUnavailable: that cannot be known at present.
        """
        verifiers = self._verifiers.get(_unverified_issuer(token))
        if verifiers is None:
            raise SubjectTokenRejected
        claims = _verified(token, verifiers)
        return Subject(_identity(claims), numeric_date(claims, "iat"), _key(token, claims))

    def rotate(self, issuer: str, jwks: Mapping[str, Any]) -> None:
        """Replace the whole key set of a provider, so that a withdrawn key is gone at once.

        Raises:
            KeyError: no provider has this issuer.
            ValueError: ``jwks`` is not a JWK set.
        """
        self._verifiers[issuer] = self._build(replace(self._providers[issuer], keys=jwks, keys_url=None))

    def _build(self, provider: Provider) -> tuple[Verifier, ...]:
        """Return a verifier for each of our names at the provider; there, the others are not strangers."""
        keys = self._keys(provider)
        return tuple(
            Verifier(
                VerificationPolicy(
                    provider.algorithms,
                    Profile.ID_TOKEN,
                    issuer=provider.issuer,
                    client_id=audience,
                    trusted_audiences=frozenset(provider.audiences),
                    leeway=self._leeway,
                ),
                keys,
                self._clock,
            )
            for audience in provider.audiences
        )

    def _keys(self, provider: Provider) -> KeySet | FetchedKeySet:
        if provider.keys_url is None:
            return KeySet(provider.keys, provider.algorithms)
        return FetchedKeySet(provider.keys_url, provider.algorithms, self._clock, self._get)


def _unverified_issuer(token: str) -> str:
    """Return the ``iss`` that the token claims, for choosing a provider and nothing else; "" is nobody's."""
    if len(token) > MAX_TOKEN or not token.isascii():
        return ""
    try:
        _, body, _ = split_compact(token.encode())
        issuer = parse_object(decode_segment(body)).get("iss")
    except MalformedError:
        return ""
    return issuer if isinstance(issuer, str) else ""


def _verified(token: str, verifiers: Iterable[Verifier]) -> dict[str, Any]:
    """Return the claims if one of the verifiers accepts the token."""
    for verifier in verifiers:
        verdict = verifier.verify(token)
        if not isinstance(verdict, Rejected):
            return verdict.claims
        if verdict.reason is Reason.KEYS_UNAVAILABLE:
            raise SubjectKeysUnavailable
        if verdict.reason not in (Reason.AUDIENCE, Reason.AUTHORIZED_PARTY):
            break
    raise SubjectTokenRejected


def _identity(claims: Mapping[str, Any]) -> Identity:
    """Return the identity as it is claimed; one that does not fit is refused, since a part of it would be another."""
    email, name, groups = (claims.get(attribute) for attribute in ("email", "name", "groups"))
    if not isinstance(groups, list | None) or len(groups or ()) > MAX_GROUPS:
        raise SubjectTokenRejected
    subject = _text(claims["sub"], 255)
    if not subject or not subject.isascii() or CONTROLS.search(subject):  # OIDC Core §2; it stands in events as it is
        raise SubjectTokenRejected
    return Identity(
        claims["iss"],
        subject,
        "" if email is None else _text(email, 320),
        claims.get("email_verified") is True,
        None if name is None else _text(name, 256),
        tuple(_text(group, 256) for group in groups or ()),
    )


def _text(value: object, longest: int) -> str:
    if isinstance(value, str) and len(value) <= longest:
        return value
    raise SubjectTokenRejected


def _key(token: str, claims: Mapping[str, Any]) -> str:
    """Return what uses are counted on; without a jti it is what was signed, which has only one spelling."""
    if "jti" in claims:
        return "jti:" + sha256(dumps([claims["iss"], claims["jti"]]).encode()).hexdigest()
    return "jws:" + sha256(token.rpartition(".")[0].encode()).hexdigest()
