"""What the specification says of a claim's value, computed from the value alone: the oracle of generated claims.

Every function returns the acceptable outcomes; both, where the measure leaves the matter open.
"""

import re
from collections.abc import Collection

from bearerproof.contract.messages import Outcome
from bearerproof.specification.catalogue import Measure

Outcomes = frozenset[Outcome]

ACCEPTED: Outcomes = frozenset({Outcome.ACCEPTED})
REJECTED: Outcomes = frozenset({Outcome.REJECTED})
EITHER = ACCEPTED | REJECTED


DAY = 86_400
"""Seconds; base lets a verifier cap at more than this how long tokens live, and how old they are: no RFC does."""


def expiry(number: float, now: float, leeway: float, measure: Measure) -> Outcomes:
    """``exp``: rejected on or after it, leeway allowed for (RFC 7519 §4.1.4)."""
    left = number + leeway - now
    if left <= 0:
        return REJECTED
    return _at_base_either(measure, 1 <= left <= DAY)


def not_before(number: float, now: float, leeway: float, measure: Measure) -> Outcomes:
    """``nbf``: rejected before it, leeway allowed for (RFC 7519 §4.1.5)."""
    since = now - (number - leeway)
    if since < 0:
        return REJECTED
    return _at_base_either(measure, since >= 1 and number >= 0)


def issued_at(number: float, now: float, leeway: float, measure: Measure) -> Outcomes:
    """``iat``: one that lies ahead is refused in strict, and may be at base (RFC 7519 §4.1.6)."""
    since = now - (number - leeway)
    if since < 0:
        return REJECTED if measure is Measure.STRICT else EITHER
    return _at_base_either(measure, 1 <= since <= DAY)


def _at_base_either(measure: Measure, certain: bool) -> Outcomes:
    """Accept; where the RFCs oblige nobody to, base takes a refusal as well.

    Who counts in whole seconds refuses up to one early, and a time before 1970 is none to a clock without a sign.
    """
    return ACCEPTED if certain or measure is Measure.STRICT else EITHER


def issuer(value: object, expected: str) -> Outcomes:
    """``iss``: the very string that the policy names (RFC 7519 §4.1.1)."""
    return ACCEPTED if isinstance(value, str) and value == expected else REJECTED


def audience(value: object, ours: str, trusted: Collection[str] | None, measure: Measure) -> Outcomes:
    """``aud``: our name, or a list of strings that holds it (RFC 7519 §4.1.3).

    ``trusted`` is None for profiles that take any further audience; an ID token may name no other than these
    (OpenID Connect Core §3.1.3.7). That a list which names us holds something else beside, no string or no URI where
    it has a colon (RFC 7519 §2), binds its issuer: base leaves open whether the list is taken for it.
    """
    if isinstance(value, str):
        return ACCEPTED if value == ours else REJECTED
    if not isinstance(value, list) or ours not in [item for item in value if isinstance(item, str)]:
        return REJECTED
    others = [item for item in value if item != ours]
    texts = [item for item in others if isinstance(item, str)]
    if trusted is not None and not set(texts) <= set(trusted):
        return REJECTED
    if measure is Measure.STRICT:
        return ACCEPTED if texts == others else REJECTED
    return ACCEPTED if texts == others and all(map(_is_string_or_uri, texts)) else EITHER


def _is_string_or_uri(text: str) -> bool:
    return ":" not in text or _URI.fullmatch(text) is not None


_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*")
"""Scheme and characters of a URI (RFC 3986 §3); its parts are not told apart."""
