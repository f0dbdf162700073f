"""Faults in judging exp, nbf and iat (VER-29 to VER-32)."""

from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Any

from bearerproof.members import Json
from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by, spread
from bearerproof_fuzz.faults.seams import changing_claim, is_number, reading_claims
from bearerproof_reference.verifier import keys, verifier
from bearerproof_reference.verifier.claims import ClaimsCheck
from bearerproof_reference.verifier.policy import VerificationPolicy


def _shifting(patch: Patch, name: str, shift: Callable[[float, float, float], float]) -> None:
    """Have another value of one time judged, where it is a number."""
    changing_claim(patch, name, lambda value, now, leeway: shift(value, now, leeway) if is_number(value) else value)


_SHIFTING_VER_29: Rows[tuple[str, Callable[[float, float, float], float]]] = {
    "exp-truncated-to-a-second": (
        "`exp` goes through `int(...)`, so a token with a fraction ends before its time (PyJWT).",
        ("exp", lambda exp, *_: int(exp)),
    ),
    "exp-leeway-subtracted": (
        "The leeway has the wrong sign: tokens end early, by as much as clocks may differ.",
        ("exp", lambda exp, _, leeway: exp - 2 * leeway),
    ),
    "exp-leeway-counted-twice": (
        "The leeway is taken from the time and added to `exp`, so an expired token lives on for twice as long.",
        ("exp", lambda exp, _, leeway: exp + leeway),
    ),
    "exp-leeway-is-never-zero": (
        '`leeway or 60` takes the zero of the policy for "not set".',
        ("exp", lambda exp, _, leeway: exp if leeway else exp + 60),
    ),
    "exp-of-zero-never-comes": (
        '`if claims["exp"] and ...` takes zero for no expiry at all.',
        ("exp", lambda exp, *_: exp or 2**52),
    ),
    "negative-exp-wraps-around": (
        "`exp` is converted to an unsigned integer, and before 1970 lies a distant future.",
        ("exp", lambda exp, *_: exp if exp >= 0 else 2**52),
    ),
}
faults_for("VER-29", spread(_shifting), _SHIFTING_VER_29)


@fault_by("VER-29", _shifting, "exp")
def exp_off_by_one(exp: float, now: float, leeway: float) -> float:
    """`now > exp` stands for "on or after", so the token lives for the very second too (PyJWT before 2.6.0, #797)."""
    return exp + 0.001 if now == exp + leeway else exp


@fault_by("VER-29", reading_claims)
def expiry_compared_with_iat(claims: Json, now: float, _: Json) -> Json:
    """What is checked is that the token has a lifetime, not that it has not ended."""
    return {**claims, "exp": now + 60} if claims.get("exp", 0) > claims.get("iat", inf) else claims


@fault("VER-29")
def exp_compared_only_where_it_is_required(patch: Patch) -> None:
    """A claim that the policy does not require is taken for one that it does not care about (jwcrypto 1.6.1)."""

    def initialise(init: Any, self: Any, policy: VerificationPolicy) -> None:
        init(self, policy)
        self.cares = "exp" in policy.require

    def read(claims: Json, now: float, held: Json) -> Json:
        return claims if held["cares"] or not is_number(claims["exp"]) else {**claims, "exp": now + 60}

    patch.wrap(ClaimsCheck, "__init__", initialise)
    reading_claims(patch, read)


@fault("VER-29")
def expiry_skipped_under_rs512_without_kid(patch: Patch) -> None:
    """A branch for one old issuer, which signs with RS512 and names no key, returns before the times are read."""
    state = {"old": False}

    def verified(verify: Any, token: bytes, header: Any, *rest: Any) -> Any:
        state["old"] = (header.alg, header.kid) == ("RS512", None)
        return verify(token, header, *rest)

    patch.wrap(verifier, "_verified", verified)
    changing_claim(patch, "exp", lambda exp, *_: inf if state["old"] and is_number(exp) else exp)


@fault("VER-29")
def expiry_skipped_under_a_key_with_a_certificate(patch: Patch) -> None:
    """A key with `x5c` is taken to be good for as long as its certificate, and so is whatever it signed."""
    state = {"certified": False}

    def prepared(prepare: Any, jwk: Json, allowed: Any) -> Any:
        key = prepare(jwk, allowed)
        return replace(key, numbers=(*key.numbers, "x5c")) if key is not None and "x5c" in jwk else key

    def verified(verify: Any, *arguments: Any) -> Any:
        key = verify(*arguments)
        state["certified"] = "x5c" in key.numbers
        return key

    patch.wrap(keys, "_prepare", prepared)
    patch.wrap(verifier, "_verified", verified)
    changing_claim(patch, "exp", lambda exp, *_: inf if state["certified"] and is_number(exp) else exp)


_SHIFTING_VER_30: Rows[tuple[str, Callable[[float, float, float], float]]] = {
    "nbf-ignored": ("Only the end of a token's life is checked (CWE-613).", ("nbf", lambda *_: 0)),
    "nbf-excludes-its-own-second": (
        "`now <= nbf` refuses a token in the second it is issued for, and issuers set `nbf` to now.",
        ("nbf", lambda nbf, now, leeway: nbf + 0.001 if now == nbf - leeway else nbf),
    ),
    "nbf-leeway-added": (
        "The leeway is on the wrong side, as it is for `exp`: the token holds later, not earlier.",
        ("nbf", lambda nbf, _, leeway: nbf + 2 * leeway),
    ),
    "nbf-ignored-under-a-leeway": (
        "Where a leeway is set, `nbf` is left out altogether: it was the clocks that made it fail.",
        ("nbf", lambda nbf, _, leeway: 0 if leeway else nbf),
    ),
}
faults_for("VER-30", spread(_shifting), _SHIFTING_VER_30)


def _wrapping(patch: Patch, row: tuple[str, int, int]) -> None:
    """Count a time in parts of a second, in an integer of so many bits with a sign, which wraps around."""
    name, per_second, bits = row
    half = 2 ** (bits - 1)

    def wrap(value: float) -> float:
        return float((int(value * per_second) + half) % (2 * half) - half) / per_second

    _shifting(patch, name, lambda value, *_: wrap(value))


_WRAPPING_VER_29: Rows[tuple[str, int, int]] = {
    "exp-in-64-bits-of-milliseconds": ("A time long past is so negative that it is positive.", ("exp", 1000, 64)),
}
faults_for("VER-29", _wrapping, _WRAPPING_VER_29)

_WRAPPING_VER_30: Rows[tuple[str, int, int]] = {
    "nbf-in-64-bits-of-nanoseconds": (
        "A duration holds 292 years, and what lies beyond is long past (golang-jwt/jwt#526).",
        ("nbf", 10**9, 64),
    ),
    "nbf-in-64-bits-of-seconds": ("An integer of 64 bits is thought to be large enough.", ("nbf", 1, 64)),
}
faults_for("VER-30", _wrapping, _WRAPPING_VER_30)

_WRAPPING_VER_31: Rows[tuple[str, int, int]] = {
    "iat-in-64-bits-of-microseconds": ("Microseconds since 1970 are the unit.", ("iat", 10**6, 64)),
}
faults_for("VER-31", _wrapping, _WRAPPING_VER_31)


@fault("VER-31")
def iat_not_compared(patch: Patch) -> None:
    """`iat` has to be a number and may lie in any future (W18)."""
    _shifting(patch, "iat", lambda iat, now, _: min(iat, now))


@fault_by("VER-31", reading_claims)
def iat_compared_with_exp(claims: Json, now: float, _: Json) -> Json:
    """`iat` has to lie before `exp`, and where now is does not matter."""
    return {**claims, "iat": now} if now < claims.get("iat", 0) < claims.get("exp", 0) else claims


@fault("VER-31")
def iat_leeway_forgotten(patch: Patch) -> None:
    """The leeway is for `exp` and `nbf`, and a fast clock at the issuer still costs the user a sign-in."""
    _shifting(patch, "iat", lambda iat, now, leeway: iat + leeway if iat > now else iat)


@helper_by(reading_claims)
def _converting(convert: Callable[[Any], Any], claims: Json, *_: object) -> Json:
    return {**claims, **{name: convert(claims[name]) for name in ("exp", "nbf", "iat") if name in claims}}


_CONVERTING: Rows[Callable[[Any], Any]] = {
    "times-as-text-converted": (
        '`int(claims["exp"])` reads text as well as numbers (PyJWT up to 2.15.1).',
        lambda value: int(value) if isinstance(value, str) and value.isdigit() else value,
    ),
    "text-read-as-source-has-numbers": (
        "Texts are converted as the source of a program has its numbers: hexadecimal, with underscores, signed.",
        lambda value: int(value, 0) if isinstance(value, str) and value.startswith("0x") else value,
    ),
    "booleans-are-numbers": (
        "`isinstance(value, int)` is true of a boolean, so `true` is one second past the epoch (joserfc 1.6.5).",
        lambda value: int(value) if isinstance(value, bool) else value,
    ),
    "time-in-a-list-taken": (
        "A list of one number is converted like the number, as weakly typed languages have it (CWE-843).",
        lambda value: value[0] if isinstance(value, list) and len(value) == 1 else value,
    ),
}
faults_for("VER-32", _converting, _CONVERTING)


@fault_by("VER-32", reading_claims)
def null_time_counts_as_absent(claims: Json, *_: object) -> Json:
    """`claims.get("nbf") is not None` asks in one question whether the claim is there and whether it is a time."""
    return {name: claims[name] for name in claims if name not in _TIMES or claims[name] is not None}


_TIMES = ("nbf", "iat")
