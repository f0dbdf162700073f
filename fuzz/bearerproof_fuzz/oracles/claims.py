"""What the specification says of a claim's value, computed from the value alone: the oracle of generated claims.

Every function returns the acceptable outcomes; both, where the measure leaves the matter open.
"""

import math
from collections.abc import Collection

from bearerproof.contract.messages import Outcome
from bearerproof.specification.catalogue import Measure

Outcomes = frozenset[Outcome]

ACCEPTED: Outcomes = frozenset({Outcome.ACCEPTED})
REJECTED: Outcomes = frozenset({Outcome.REJECTED})
EITHER = ACCEPTED | REJECTED


def expiry(value: object, now: float, leeway: float) -> Outcomes:
    """``exp``: rejected on or after it, leeway allowed for (RFC 7519 §4.1.4)."""
    number = numeric_date(value)
    return REJECTED if number is None or now >= number + leeway else ACCEPTED


def not_before(value: object, now: float, leeway: float) -> Outcomes:
    """``nbf``: rejected before it, leeway allowed for (RFC 7519 §4.1.5)."""
    number = numeric_date(value)
    return REJECTED if number is None or now < number - leeway else ACCEPTED


def issued_at(value: object, now: float, leeway: float, measure: Measure) -> Outcomes:
    """``iat``: a number (RFC 7519 §4.1.6); one that lies ahead is refused in strict, and may be at base."""
    number = numeric_date(value)
    if number is None:
        return REJECTED
    if now < number - leeway:
        return REJECTED if measure is Measure.STRICT else EITHER
    return ACCEPTED


def issuer(value: object, expected: str) -> Outcomes:
    """``iss``: the very string that the policy names (RFC 7519 §4.1.1)."""
    return ACCEPTED if isinstance(value, str) and value == expected else REJECTED


def audience(value: object, ours: str, trusted: Collection[str] | None, measure: Measure) -> Outcomes:
    """``aud``: our name, or a list of strings that holds it (RFC 7519 §4.1.3).

    ``trusted`` is None for profiles that take any further audience; an ID token may name no other than these
    (OpenID Connect Core §3.1.3.7). A list that names us beside something that is no string is left open at base.
    """
    if isinstance(value, str):
        return ACCEPTED if value == ours else REJECTED
    if not isinstance(value, list) or ours not in [item for item in value if isinstance(item, str)]:
        return REJECTED
    others = [item for item in value if item != ours]
    if any(not isinstance(item, str) for item in others):
        return REJECTED if measure is Measure.STRICT or trusted is not None else EITHER
    if trusted is None:
        return ACCEPTED
    return ACCEPTED if set(others) <= set(trusted) else REJECTED


def numeric_date(value: object) -> float | int | None:
    """Return a NumericDate: a finite JSON number, which a truth value is not (RFC 7519 §2)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value
