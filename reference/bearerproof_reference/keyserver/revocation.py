"""Revocation, of one token or of all that an identity has: for the holder of the admin secret alone."""

import hmac
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bearerproof_reference.keyserver.addresses import source
from bearerproof_reference.keyserver.configuration import KeyServerConfiguration, secret_digest
from bearerproof_reference.keyserver.lifecycle import Decision, DenialReason, LifecycleEvent, RequestContext
from bearerproof_reference.keyserver.store import NotReplicated, StoreUnavailable, TokenStore
from bearerproof_reference.keyserver.throttling import OUTAGE, Throttle
from bearerproof_reference.keyserver.tokens import digest, is_bearer, is_jti


class RevocationError(StrEnum):
    """Why nothing was revoked."""

    UNAUTHORIZED = "unauthorized"
    NOT_ACTIVE = "not-active"
    INVALID_REQUEST = "invalid_request"
    RATE_LIMITED = "rate_limited"
    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"


@dataclass(frozen=True, slots=True)
class Revoked:
    """So many tokens were live, and are revoked by this very request."""

    count: int


@dataclass(frozen=True, slots=True)
class RevocationRefused:
    """Nothing was revoked; ``retry_after`` is in seconds, where waiting helps."""

    error: RevocationError
    retry_after: int | None = None


Revocation = Decision[Revoked | RevocationRefused]


class Revocations:
    """Decides about revocations: first who asks, and only then what for."""

    def __init__(self, configuration: KeyServerConfiguration, store: TokenStore, failures: Throttle) -> None:
        self._digest = configuration.admin_digest
        self._rate = configuration.admin_failures
        self._generated = configuration.admin_generated
        self._store = store
        self._failures = failures

    def one(self, admin: str | None, jti: str | None, occasion: RequestContext) -> Revocation:
        """Revoke the token with this jti."""
        refusal = self.check_admin(admin, occasion)
        if refusal is not None:
            return refusal
        if not jti:
            return _refused(RevocationError.INVALID_REQUEST, occasion.invalid(DenialReason.MALFORMED_REQUEST))
        return self._end(jti if is_jti(jti) else None, occasion)

    def by_bearer(self, admin: str | None, bearer: str | None, occasion: RequestContext) -> Revocation:
        """Revoke the token whose bearer is named, as whoever found it somewhere can (RFC 7009 §2.1)."""
        refusal = self.check_admin(admin, occasion)
        if refusal is not None:
            return refusal
        if not bearer:
            return _refused(RevocationError.INVALID_REQUEST, occasion.invalid(DenialReason.MALFORMED_REQUEST))
        try:
            found = self._store.look_up(digest(bearer), occasion.now) if is_bearer(bearer) else None
        except StoreUnavailable:
            return _unavailable(occasion)
        return self._end(None if found is None else found.record.jti, occasion)

    def _end(self, jti: str | None, occasion: RequestContext) -> Revocation:
        """Revoke a token that may be live; None is one that nobody can know."""
        try:
            record = None if jti is None else self._store.revoke(jti, occasion.now)
            occasion.decided(self._store.moment())
        except NotReplicated as error:
            return self._not_replicated(occasion, () if error.outcome is None else (error.outcome,))
        except StoreUnavailable:
            return _unavailable(occasion)
        if record is None:
            return _refused(RevocationError.NOT_ACTIVE, occasion.denied(DenialReason.NOT_ACTIVE, jti=jti))
        return Decision(Revoked(1), (occasion.revoked(record),))

    def all_of(
        self, admin: str | None, issuer: str | None, subject: str | None, occasion: RequestContext
    ) -> Revocation:
        """Revoke all tokens of an identity; none is a possible number, and leaves no event."""
        refusal = self.check_admin(admin, occasion)
        if refusal is not None:
            return refusal
        if not issuer or not subject:
            return _refused(RevocationError.INVALID_REQUEST, occasion.invalid(DenialReason.MALFORMED_REQUEST))
        try:
            records = self._store.revoke_all(issuer, subject, occasion.now)
            occasion.decided(self._store.moment())
        except NotReplicated as error:
            return self._not_replicated(occasion, error.outcome)
        except StoreUnavailable:
            return _unavailable(occasion)
        return Decision(Revoked(len(records)), tuple(occasion.revoked(record) for record in records))

    def _not_replicated(self, occasion: RequestContext, records: Any) -> Revocation:
        """Tell of what was revoked, and answer that it may not last: who asks again is told when it will."""
        occasion.decided(self._store.moment())
        events = tuple(occasion.revoked(record) for record in records)
        refused = _unavailable(occasion)
        return Decision(refused.answer, events or refused.events)

    def check_admin(self, admin: str | None, occasion: RequestContext) -> Decision[RevocationRefused] | None:
        """Refuse who does not know the secret, and, after too many failures from a place, everybody there.

        Whatever else the secret opens asks here, so that no two doors have a limit of guesses each.

        Of two who ask from one address nothing but the secret tells the administrator from who is guessing it. So
        either the right secret is refused as well while too many guess, or guesses are judged as fast as they come; a
        budget beside the limit changes nothing, since who guesses uses it up first. What guards then is the secret.
        One that was generated is found at no rate that a network has (NIST SP 800-63B §5.1.2.2 asks for no limit from
        64 bits on), so it is heard in any case, and who guesses keeps nobody out. For a shorter one the limit is what
        guards, and its holder asks from another address: this machine has one that no stranger has.
        """
        place = source(occasion.client_ip)
        knows = self._is_admin(admin)
        if knows and self._generated:
            return None
        wait = (self._failures.wait if knows else self._failures.spend)(place, self._rate)
        if wait is not None:
            return _refused(RevocationError.RATE_LIMITED, occasion.denied(DenialReason.THROTTLED), wait)
        if not knows:
            return _refused(RevocationError.UNAUTHORIZED, occasion.denied(DenialReason.ADMIN_CREDENTIALS))
        return None

    def _is_admin(self, admin: str | None) -> bool:
        """Compare digests, in constant time: neither content nor length of the secret shows in the time."""
        presented = secret_digest(admin or "")
        return self._digest is not None and hmac.compare_digest(presented, self._digest)


def _unavailable(occasion: RequestContext) -> Decision[RevocationRefused]:
    return _refused(RevocationError.TEMPORARILY_UNAVAILABLE, occasion.denied(DenialReason.STORE_UNAVAILABLE), OUTAGE)


def _refused(
    error: RevocationError, event: LifecycleEvent, retry_after: int | None = None
) -> Decision[RevocationRefused]:
    return Decision(RevocationRefused(error, retry_after), (event,))
