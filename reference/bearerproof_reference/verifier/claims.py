"""The registered claims (RFC 7519 §4.1) and those of an access token (RFC 9068 §2.2)."""

from contextlib import suppress
from typing import Any

from bearerproof_reference.verifier.policy import Profile, VerificationPolicy
from bearerproof_reference.verifier.verdicts import Reason, Refusal


class ClaimsCheck:
    """The checks of one policy on the claims of a token whose signature is verified."""

    def __init__(self, policy: VerificationPolicy) -> None:
        self._required = policy.required
        self._required_set = frozenset(policy.required)
        self._issuer = policy.issuer
        self._audience = policy.own_audience
        self._leeway = policy.leeway
        self._strings: tuple[str, ...] = ("sub", "jti")
        if policy.profile is Profile.ACCESS_TOKEN:
            self._strings += ("client_id",)

    def __call__(self, claims: dict[str, Any], now: float) -> None:
        """Check presence, types, issuer, audience and times, in that order; ``now`` is in seconds.

        Raises:
            Refusal: with the first reason found.
        """
        if not self._required_set <= claims.keys():
            missing = next(name for name in self._required if name not in claims)
            raise Refusal(Reason.CLAIM_MISSING, missing)
        for name in self._strings:
            if name in claims and type(claims[name]) is not str:
                raise Refusal(Reason.CLAIM_MALFORMED, name)
        if self._issuer is None and type(claims.get("iss", "")) is not str:  # RFC 7519 §4.1.1
            raise Refusal(Reason.CLAIM_MALFORMED, "iss")
        # RFC 8725 §3.8: compared code point by code point.
        if self._issuer is not None and claims["iss"] != self._issuer:
            raise Refusal(Reason.ISSUER)
        if self._audience is not None and self._audience not in audiences(claims):
            raise Refusal(Reason.AUDIENCE)
        self._check_times(claims, now)

    def _check_times(self, claims: dict[str, Any], now: float) -> None:
        """RFC 7519 §4.1.4 to §4.1.6; one leeway serves all three."""
        leeway = self._leeway
        if now >= numeric_date(claims, "exp") + leeway:
            raise Refusal(Reason.EXPIRED)
        if "nbf" in claims and now < numeric_date(claims, "nbf") - leeway:
            raise Refusal(Reason.NOT_YET_VALID)
        if "iat" in claims and numeric_date(claims, "iat") > now + leeway:
            raise Refusal(Reason.ISSUED_IN_FUTURE)


def numeric_date(claims: dict[str, Any], name: str) -> float:
    """Return a NumericDate (RFC 7519 §2): a JSON number of seconds, fractions allowed.

    Raises:
        Refusal: claim-malformed, for another type (a boolean is one) or a number beyond what a float can hold.
    """
    value = claims[name]
    if type(value) is int or type(value) is float:
        with suppress(OverflowError):
            return float(value)
    raise Refusal(Reason.CLAIM_MALFORMED, name)


def audiences(claims: dict[str, Any]) -> list[str]:
    """Return the audiences of a token (RFC 7519 §4.1.3): one string, or an array of strings.

    Raises:
        Refusal: claim-malformed, for anything else.
    """
    value = claims["aud"]
    if type(value) is str:
        return [value]
    if type(value) is list and all(type(member) is str for member in value):
        return value
    raise Refusal(Reason.CLAIM_MALFORMED, "aud")
