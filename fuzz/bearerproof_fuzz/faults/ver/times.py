"""Faults in judging exp, nbf and iat (VER-29 to VER-32)."""

from collections.abc import Callable
from math import inf
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_fuzz.faults.seams import Json, changing_claim, is_number, reading_claims


def _shifting(patch: Patch, name: str, shift: Callable[[float, float, float], float]) -> None:
    """Have another value of one time judged, where it is a number."""
    changing_claim(patch, name, lambda value, now, leeway: shift(value, now, leeway) if is_number(value) else value)


@fault("VER-29")
def exp_off_by_one(patch: Patch) -> None:
    """`now > exp` stands for "on or after", so the token lives for the very second too (PyJWT before 2.6.0, #797)."""
    _shifting(patch, "exp", lambda exp, now, leeway: exp + 0.001 if now == exp + leeway else exp)


@fault("VER-29")
def exp_truncated_to_a_second(patch: Patch) -> None:
    """`exp` goes through `int(...)`, so a token with a fraction ends before its time (PyJWT)."""
    _shifting(patch, "exp", lambda exp, *_: int(exp))


@fault("VER-29")
def exp_leeway_subtracted(patch: Patch) -> None:
    """The leeway has the wrong sign: tokens end early, by as much as clocks may differ."""
    _shifting(patch, "exp", lambda exp, _, leeway: exp - 2 * leeway)


@fault("VER-29")
def exp_leeway_counted_twice(patch: Patch) -> None:
    """The leeway is taken from the time and added to `exp`, so an expired token lives on for twice as long."""
    _shifting(patch, "exp", lambda exp, _, leeway: exp + leeway)


@fault("VER-29")
def exp_leeway_is_never_zero(patch: Patch) -> None:
    """`leeway or 60` takes the zero of the policy for "not set"."""
    _shifting(patch, "exp", lambda exp, _, leeway: exp if leeway else exp + 60)


@fault("VER-29")
def exp_of_zero_never_comes(patch: Patch) -> None:
    """`if claims["exp"] and ...` takes zero for no expiry at all."""
    _shifting(patch, "exp", lambda exp, *_: exp or 2**52)


@fault("VER-29")
def negative_exp_wraps_around(patch: Patch) -> None:
    """`exp` is converted to an unsigned integer, and before 1970 lies a distant future."""
    _shifting(patch, "exp", lambda exp, *_: exp if exp >= 0 else 2**52)


@fault("VER-29")
def expiry_compared_with_iat(patch: Patch) -> None:
    """What is checked is that the token has a lifetime, not that it has not ended."""
    reading_claims(
        patch,
        lambda claims, now, _: {**claims, "exp": now + 60} if claims.get("exp", 0) > claims.get("iat", inf) else claims,
    )


@fault("VER-30")
def nbf_ignored(patch: Patch) -> None:
    """Only the end of a token's life is checked (CWE-613)."""
    _shifting(patch, "nbf", lambda *_: 0)


@fault("VER-30")
def nbf_excludes_its_own_second(patch: Patch) -> None:
    """`now <= nbf` refuses a token in the second it is issued for, and issuers set `nbf` to now."""
    _shifting(patch, "nbf", lambda nbf, now, leeway: nbf + 0.001 if now == nbf - leeway else nbf)


@fault("VER-30")
def nbf_leeway_added(patch: Patch) -> None:
    """The leeway is on the wrong side, as it is for `exp`: the token holds later, not earlier."""
    _shifting(patch, "nbf", lambda nbf, _, leeway: nbf + 2 * leeway)


@fault("VER-30")
def nbf_ignored_under_a_leeway(patch: Patch) -> None:
    """Where a leeway is set, `nbf` is left out altogether: it was the clocks that made it fail."""
    _shifting(patch, "nbf", lambda nbf, _, leeway: 0 if leeway else nbf)


@fault("VER-31")
def iat_not_compared(patch: Patch) -> None:
    """`iat` has to be a number and may lie in any future (W18)."""
    _shifting(patch, "iat", lambda iat, now, _: min(iat, now))


@fault("VER-31")
def iat_compared_with_exp(patch: Patch) -> None:
    """`iat` has to lie before `exp`, and where now is does not matter."""
    reading_claims(
        patch,
        lambda claims, now, _: {**claims, "iat": now} if now < claims.get("iat", 0) < claims.get("exp", 0) else claims,
    )


@fault("VER-31")
def iat_leeway_forgotten(patch: Patch) -> None:
    """The leeway is for `exp` and `nbf`, and a fast clock at the issuer still costs the user a sign-in."""
    _shifting(patch, "iat", lambda iat, now, leeway: iat + leeway if iat > now else iat)


def _converting(patch: Patch, convert: Callable[[Any], Any]) -> None:
    def read(claims: Json, *_: object) -> Json:
        return {**claims, **{name: convert(claims[name]) for name in ("exp", "nbf", "iat") if name in claims}}

    reading_claims(patch, read)


@fault("VER-32")
def times_as_text_converted(patch: Patch) -> None:
    """`int(claims["exp"])` reads text as well as numbers (PyJWT up to 2.15.1)."""
    _converting(patch, lambda value: int(value) if isinstance(value, str) and value.isdigit() else value)


@fault("VER-32")
def booleans_are_numbers(patch: Patch) -> None:
    """`isinstance(value, int)` is true of a boolean, so `true` is one second past the epoch (joserfc 1.6.5)."""
    _converting(patch, lambda value: int(value) if isinstance(value, bool) else value)


@fault("VER-32")
def null_time_counts_as_absent(patch: Patch) -> None:
    """`claims.get("nbf") is not None` asks in one question whether the claim is there and whether it is a time."""
    reading_claims(
        patch,
        lambda claims, *_: {name: claims[name] for name in claims if name not in _TIMES or claims[name] is not None},
    )


_TIMES = ("nbf", "iat")


@fault("VER-32")
def time_in_a_list_taken(patch: Patch) -> None:
    """A list of one number is converted like the number, as weakly typed languages have it (CWE-843)."""
    _converting(patch, lambda value: value[0] if isinstance(value, list) and len(value) == 1 else value)
