"""The key server: exchange, authentication and revocation, each decision with the event that it leaves."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hmac import compare_digest
from typing import Any, TypeVar

from bearerproof_reference.clock import Clock
from bearerproof_reference.keyserver.addresses import client_ip
from bearerproof_reference.keyserver.authentication import (
    AccessError,
    AccessRefused,
    Admitted,
    Authentication,
    RequestedAccess,
)
from bearerproof_reference.keyserver.configuration import KeyServerConfiguration, secret_digest
from bearerproof_reference.keyserver.exchange import Exchange, ExchangeError, ExchangeRefused, Form, Granted
from bearerproof_reference.keyserver.introspection import Introspected, Introspection
from bearerproof_reference.keyserver.lifecycle import Decision, DenialReason, LineSink, RequestContext, Trail
from bearerproof_reference.keyserver.ordering import DecisionOrder, Place
from bearerproof_reference.keyserver.revocation import RevocationRefused, Revocations, Revoked
from bearerproof_reference.keyserver.store import StoreLimits, StoreUnavailable, TokenStore
from bearerproof_reference.keyserver.subjects import SubjectTokenVerifier
from bearerproof_reference.keyserver.throttling import OUTAGE, Throttle
from bearerproof_reference.verifier import fetching

T = TypeVar("T")

_CLIENTS = 100_000
"""Clients whose exchanges, and whose failures, are limited one by one at the same time."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request comes from: the peer's address, and X-Forwarded-For as it was sent (joined by commas)."""

    peer: str | None
    forwarded: str | None = None


class KeyServer:
    """Decides, then records, then answers: whoever has a token has left an event.

    With ``record_required`` nothing is opened without its record: where the event of an exchange or a use is lost the
    answer is that it cannot be had now. A revocation is done in any case: it opens nothing.

    Thread-safe. What is decided here depends on the store; what is limited here is limited for this process.
    ``trail`` tells how many events were lost.
    """

    def __init__(
        self,
        configuration: KeyServerConfiguration,
        store: TokenStore,
        clock: Clock,
        sink: LineSink,
        get: Callable[[str], bytes] = fetching.fetch,
        *,
        record_required: bool = False,
    ) -> None:
        self._record_required = record_required
        self._clock = clock
        self._trusted, self._clients = configuration.trusted_proxies, configuration.clients
        self._store = store
        self._subjects = SubjectTokenVerifier(configuration.providers, configuration.leeway, clock, get)
        self._exchange = Exchange(configuration, store, self._subjects, Throttle(clock, _CLIENTS))
        self._authentication = Authentication(store, Throttle(clock, configuration.capacity))
        self._revocations = Revocations(configuration, store, Throttle(clock, _CLIENTS))
        self._introspection = Introspection(self._revocations, store)
        self._order = DecisionOrder(clock)
        self.trail = Trail(sink)

    def exchange(self, form: Form | None, caller: Caller) -> Granted | ExchangeRefused:
        """Exchange a subject token (RFC 8693 §2.1); None is a request whose form cannot be read."""
        answer, recorded = self._decided(caller, partial(self._exchange.decide, form))
        if recorded or not isinstance(answer, Granted):
            return answer
        with suppress(StoreUnavailable):  # nobody has the bearer; it need not count either
            self._store.revoke(answer.record.jti, self._clock.now())
        return ExchangeRefused(ExchangeError.TEMPORARILY_UNAVAILABLE, OUTAGE)

    def authenticate(
        self, credentials: Sequence[str], wants: RequestedAccess, caller: Caller
    ) -> Admitted | AccessRefused:
        """Admit or refuse a request that presents these bearers: one, if all is well."""
        answer, recorded = self._decided(caller, partial(self._authentication.decide, credentials, wants))
        return (
            answer if recorded or isinstance(answer, AccessRefused) else AccessRefused(AccessError.UNAVAILABLE, OUTAGE)
        )

    def revoke(self, admin: str | None, jti: str | None, caller: Caller) -> Revoked | RevocationRefused:
        """Revoke one token. ``admin`` is the secret as presented; None is what was not presented, or not legibly."""
        return self._decided(caller, partial(self._revocations.one, admin, jti))[0]

    def revoke_all(
        self, admin: str | None, issuer: str | None, subject: str | None, caller: Caller
    ) -> Revoked | RevocationRefused:
        """Revoke all tokens of an identity; its subject tokens up to now mint nothing any more."""
        return self._decided(caller, partial(self._revocations.all_of, admin, issuer, subject))[0]

    def revoke_bearer(self, admin: str | None, bearer: str | None, caller: Caller) -> Revoked | RevocationRefused:
        """Revoke the token of a bearer (RFC 7009); None is one that was not named, or not legibly."""
        return self._decided(caller, partial(self._revocations.by_bearer, admin, bearer))[0]

    def introspect(self, admin: str | None, bearer: str | None, caller: Caller) -> Introspected | RevocationRefused:
        """Say how it stands with a bearer (RFC 7662)."""
        return self._decided(caller, partial(self._introspection.decide, admin, bearer))[0]

    def is_client(self, presented: tuple[str, str] | None) -> bool:
        """Say whether these are the id and the secret of a client, or anybody may be one."""
        known, (name, secret) = self._clients, presented or ("", "")
        return not known or compare_digest(known.get(name, b""), secret_digest(secret))

    def refuse_malformed(self, caller: Caller) -> None:
        """Record that something was presented which cannot be read."""
        self._refuse(DenialReason.MALFORMED_REQUEST, caller)

    def refuse_stranger(self, caller: Caller) -> None:
        """Record that an exchange was asked for by nobody who is a client."""
        self._refuse(DenialReason.MISSING_CREDENTIAL, caller)

    def _refuse(self, reason: DenialReason, caller: Caller) -> None:
        def decide(occasion: RequestContext) -> Decision[None]:
            return Decision(None, (occasion.invalid(reason),))

        self._decided(caller, decide)

    def warnings(self) -> tuple[str, ...]:
        """Return what an operator should know about the store."""
        return self._store.warnings()

    def reap(self) -> int:
        """Forget the tombstones that were kept long enough, and return how many they were. No decision: no event.

        Raises:
            StoreUnavailable: it could not be done.
        """
        return self._store.reap(self._clock.now())

    def count(self, issuer: str, subject: str) -> int:
        """Return how many live tokens an identity has.

        Raises:
            StoreUnavailable: it cannot be known.
        """
        return self._store.count(issuer, subject, self._clock.now())

    def rotate(self, issuer: str, jwks: Mapping[str, Any]) -> None:
        """Replace the key set of a provider.

        Raises:
            KeyError: no provider has this issuer.
            ValueError: ``jwks`` is not a JWK set.
        """
        self._subjects.rotate(issuer, jwks)

    def _occasion(self, caller: Caller, place: Place | None = None) -> RequestContext:
        now = self._clock.now() if place is None else place.now
        return RequestContext(now, client_ip(caller.peer, caller.forwarded, self._trusted), place)

    def _decided(self, caller: Caller, decide: Callable[[RequestContext], Decision[T]]) -> tuple[T, bool]:
        """Decide, and record the events when it is their turn: in the order in which the store decided.

        Return the answer, and whether there is a record of it, where one is required.
        """
        with self._order.enter() as place:
            decision = decide(self._occasion(caller, place))
            with self._order.turn(place):
                lost = self.trail.lost
                self.trail.record(decision.events)
                recorded = self.trail.lost == lost
        return decision.answer, recorded or not self._record_required


def store_limits(configuration: KeyServerConfiguration) -> StoreLimits:
    """Return what a store must keep for a server with this configuration."""
    return StoreLimits(configuration.capacity, configuration.retention, configuration.max_age)
