"""Authentication of a bearer: on record, live, good for what is wanted, and within its rate."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bearerproof_reference.keyserver.lifecycle import Decision, DenialReason, LifecycleEvent, RequestContext
from bearerproof_reference.keyserver.patterns import any_covers
from bearerproof_reference.keyserver.store import Found, State, StoreUnavailable, TokenStore
from bearerproof_reference.keyserver.throttling import OUTAGE, Throttle
from bearerproof_reference.keyserver.tokens import Scopes, TokenRecord, digest, is_bearer


class AccessError(StrEnum):
    """What a client may learn: a bearer that is malformed, unknown, expired or revoked is invalid, no more."""

    MISSING_CREDENTIAL = "missing-credential"
    SEVERAL_CREDENTIALS = "several-credentials"
    INVALID_TOKEN = "invalid-token"  # noqa: S105 - the name of an error, no secret
    INSUFFICIENT_SCOPE = "insufficient-scope"
    RATE_LIMITED = "rate-limited"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class RequestedAccess:
    """What the bearer is to be used for; None is a side that the request does not touch."""

    backend: str | None = None
    tool: str | None = None

    def within(self, scopes: Scopes) -> bool:
        """Return whether the scopes are good for it."""
        backend = self.backend is None or any_covers(scopes.backends, self.backend)
        return backend and (self.tool is None or any_covers(scopes.tools, self.tool))


@dataclass(frozen=True, slots=True)
class Admitted:
    """The bearer was admitted; the record says whose it is."""

    record: TokenRecord


@dataclass(frozen=True, slots=True)
class AccessRefused:
    """The bearer was not admitted; ``retry_after`` is in seconds, where waiting helps."""

    error: AccessError
    retry_after: int | None = None


Access = Decision[Admitted | AccessRefused]


class Authentication:
    """Decides about bearers. A request that is refused takes nothing from the rate."""

    def __init__(self, store: TokenStore, throttle: Throttle) -> None:
        self._store = store
        self._throttle = throttle

    def decide(self, credentials: Sequence[str], wants: RequestedAccess, occasion: RequestContext) -> Access:
        """Return what comes of a request with these bearers, of which there should be exactly one."""
        if not credentials:
            return _refused(AccessError.MISSING_CREDENTIAL, occasion.invalid(DenialReason.MISSING_CREDENTIAL))
        if len(credentials) > 1:  # RFC 6750 §2
            return _refused(AccessError.SEVERAL_CREDENTIALS, occasion.invalid(DenialReason.SEVERAL_CREDENTIALS))
        if not is_bearer(credentials[0]):
            return _refused(AccessError.INVALID_TOKEN, occasion.invalid(DenialReason.MALFORMED_BEARER))
        try:
            found = self._store.look_up(digest(credentials[0]), occasion.now)
            occasion.decided(self._store.moment())
        except StoreUnavailable:
            return _refused(AccessError.UNAVAILABLE, occasion.denied(DenialReason.STORE_UNAVAILABLE), OUTAGE)
        return self._judge(found, wants, occasion)

    def _judge(self, found: Found | None, wants: RequestedAccess, occasion: RequestContext) -> Access:
        if found is None:
            return _refused(AccessError.INVALID_TOKEN, occasion.invalid(DenialReason.UNKNOWN_BEARER))
        record = found.record
        if found.state is State.REVOKED:
            return _refused(AccessError.INVALID_TOKEN, occasion.refused(DenialReason.REVOKED, record))
        if found.state is State.EXPIRED:
            return _refused(AccessError.INVALID_TOKEN, occasion.expired(record))
        if not wants.within(record.scopes):
            return _refused(AccessError.INSUFFICIENT_SCOPE, occasion.refused(DenialReason.INSUFFICIENT_SCOPE, record))
        wait = self._throttle.spend(record.identity.key, record.scopes.rate_limit)
        if wait is not None:
            return _refused(AccessError.RATE_LIMITED, occasion.refused(DenialReason.RATE_LIMITED, record), wait)
        return Decision(Admitted(record), (occasion.used(record),))


def _refused(error: AccessError, event: LifecycleEvent, retry_after: int | None = None) -> Decision[AccessRefused]:
    return Decision(AccessRefused(error, retry_after), (event,))
