"""When two claims sets say the same: up to what the RFCs call equal, and nothing wider."""

from typing import Any


def same_claims(returned: object, signed: dict[str, Any]) -> bool:
    """Say whether what a library returned is the claims set that was signed.

    ``aud`` as a string is the array of that one string (RFC 7519 §4.1.3). Members have no order (RFC 8259 §4), and a
    number is its value, to the precision of a double, however it is spelled (§6). An absent member is not one that is
    null, and a truth value is no number:

        >>> same_claims({"exp": 1.8e9, "aud": ["a"]}, {"aud": "a", "exp": 1_800_000_000})
        True
        >>> same_claims({"aud": "a", "sub": None}, {"aud": "a"})
        False
    """
    return isinstance(returned, dict) and _same(_general(returned), _general(signed))


def _general(claims: dict[str, Any]) -> dict[str, Any]:
    """Write the special case of one audience as the general one."""
    audience = claims.get("aud")
    return {**claims, "aud": [audience]} if isinstance(audience, str) else claims


def _same(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if _is_number(one) and _is_number(other):
        return one == other or _double(one) == _double(other)
    return type(one) is type(other) and one == other


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _double(number: Any) -> object:
    """Return what a reader keeps of a number who has doubles only; a number that none holds stays as it is."""
    try:
        return float(number)
    except OverflowError:
        return number
