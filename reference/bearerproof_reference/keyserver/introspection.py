"""Introspection: how it stands with a bearer (RFC 7662), for the holder of the admin secret alone."""

from dataclasses import dataclass

from bearerproof_reference.keyserver.lifecycle import Decision, DenialReason, RequestContext
from bearerproof_reference.keyserver.revocation import RevocationError, RevocationRefused, Revocations
from bearerproof_reference.keyserver.store import Found, State, StoreUnavailable, TokenStore
from bearerproof_reference.keyserver.throttling import OUTAGE
from bearerproof_reference.keyserver.tokens import TokenRecord, digest, is_bearer


@dataclass(frozen=True, slots=True)
class Introspected:
    """The record of a live token; None for whatever else was named, and nobody is told what it was."""

    record: TokenRecord | None


class Introspection:
    """Says whether a bearer is good. It opens nothing and spends nothing, so what is answered leaves no event."""

    def __init__(self, revocations: Revocations, store: TokenStore) -> None:
        self._revocations = revocations
        self._store = store

    def decide(
        self, admin: str | None, bearer: str | None, occasion: RequestContext
    ) -> Decision[Introspected | RevocationRefused]:
        """Return what is to be known of a bearer, once it is known who asks."""
        refusal = self._revocations.check_admin(admin, occasion)
        if refusal is not None:
            return refusal
        if not bearer:
            event = occasion.invalid(DenialReason.MALFORMED_REQUEST)
            return Decision(RevocationRefused(RevocationError.INVALID_REQUEST), (event,))
        try:
            found = self._store.look_up(digest(bearer), occasion.now) if is_bearer(bearer) else None
        except StoreUnavailable:
            refused = RevocationRefused(RevocationError.TEMPORARILY_UNAVAILABLE, OUTAGE)
            return Decision(refused, (occasion.denied(DenialReason.STORE_UNAVAILABLE),))
        return Decision(Introspected(_live(found)), ())


def _live(found: Found | None) -> TokenRecord | None:
    return found.record if found is not None and found.state is State.LIVE else None
