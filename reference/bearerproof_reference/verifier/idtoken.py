"""The checks that only ID tokens have (OpenID Connect Core §3.1.3.7, §3.3.2.11)."""

import hmac
from base64 import urlsafe_b64encode
from typing import Any

from bearerproof_reference.verifier.algorithms import ALGORITHMS
from bearerproof_reference.verifier.claims import audiences, numeric_date
from bearerproof_reference.verifier.policy import VerificationPolicy
from bearerproof_reference.verifier.verdicts import Reason, Refusal


def check(claims: dict[str, Any], policy: VerificationPolicy, alg: str, now: float) -> None:
    """Check an ID token whose signature and registered claims are good; ``alg`` is that of its key.

    Raises:
        Refusal: type, audience, authorized-party, nonce, token-hash, auth-time or acr.
    """
    # Only a security event, of which a logout token is one, says what happened (RFC 8417 §2.2, RFC 8725 §3.12).
    if "events" in claims:
        raise Refusal(Reason.TYPE)
    _check_audiences(claims, policy)
    _check_nonce(claims, policy.nonce)
    _check_hash(claims, "at_hash", policy.access_token, alg)
    _check_hash(claims, "c_hash", policy.code, alg)
    _check_authentication_time(claims, policy, now)
    _check_context_class(claims, policy.acr_values)


def _check_audiences(claims: dict[str, Any], policy: VerificationPolicy) -> None:
    """Steps 3 to 5: no audience we don't trust beside ours; azp with several; a present azp names us."""
    ours = policy.own_audience
    if ours is None:
        return
    named = set(audiences(claims))
    if not named <= {ours, *policy.trusted_audiences}:
        raise Refusal(Reason.AUDIENCE)
    if "azp" not in claims:
        if len(named) > 1:
            raise Refusal(Reason.AUTHORIZED_PARTY, "AzpMissing")
    elif claims["azp"] != ours:
        raise Refusal(Reason.AUTHORIZED_PARTY, "AzpMismatch")


def _check_nonce(claims: dict[str, Any], nonce: str | None) -> None:
    """Step 11: the nonce we sent comes back unchanged."""
    if nonce is None:
        return
    if "nonce" not in claims:
        raise Refusal(Reason.NONCE, "NonceMissing")
    if not _equal(claims["nonce"], nonce):
        raise Refusal(Reason.NONCE, "NonceMismatch")


def _check_hash(claims: dict[str, Any], name: str, artefact: str | None, alg: str) -> None:
    """The token or code that came along is the one the ID token was issued with (§3.1.3.8, §3.3.2.11)."""
    if artefact is None:
        return
    variant = {"at_hash": "AtHash", "c_hash": "CHash"}[name]
    if name not in claims:
        raise Refusal(Reason.TOKEN_HASH, variant + "Missing")
    if not _equal(claims[name], left_half_hash(artefact, alg)):
        raise Refusal(Reason.TOKEN_HASH, variant + "Mismatch")


def left_half_hash(artefact: str, alg: str) -> str:
    """Return base64url of the left half of the artefact's digest, by the hash of ``alg``."""
    digest = ALGORITHMS[alg].digest(artefact.encode())
    return urlsafe_b64encode(digest[: len(digest) // 2]).decode().replace("=", "")


def _check_authentication_time(claims: dict[str, Any], policy: VerificationPolicy, now: float) -> None:
    """Step 13: the user authenticated recently enough, and not in a future that would be recent for ever."""
    if policy.max_age is None:
        return
    if "auth_time" not in claims:
        raise Refusal(Reason.AUTH_TIME, "AuthTimeMissing")
    age = now - numeric_date(claims, "auth_time")
    if not -policy.leeway <= age <= policy.max_age + policy.leeway:
        raise Refusal(Reason.AUTH_TIME, "AuthTimeStale")


def _check_context_class(claims: dict[str, Any], acceptable: tuple[str, ...] | None) -> None:
    """Step 12: the way the user authenticated is one we accept."""
    if acceptable is None:
        return
    if "acr" not in claims:
        raise Refusal(Reason.ACR, "AcrMissing")
    if claims["acr"] not in acceptable:
        raise Refusal(Reason.ACR, "AcrNotAllowed")


def _equal(found: object, expected: str) -> bool:
    """Compare in constant time, so that a value cannot be guessed piece by piece."""
    return isinstance(found, str) and hmac.compare_digest(found.encode(), expected.encode())
