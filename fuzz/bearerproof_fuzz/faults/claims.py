"""Faults in judging claims (VER-29 to VER-40)."""

import json
from collections.abc import Callable
from math import inf
from typing import Any
from unicodedata import normalize
from urllib.parse import urlsplit

from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_reference import claims as checks
from bearerproof_reference import policy, verifier
from bearerproof_reference.policy import Profile
from bearerproof_reference.verdicts import Reason, Refusal, Rejected

Json = dict[str, Any]
Read = Callable[[Json, float, float], Json]


def _reading(patch: Patch, read: Read) -> None:
    """Judge other claims than the token's: what ``read`` makes of them, of the time and of the leeway."""

    def around(check: Any) -> Any:
        return lambda self, claims, now: check(self, read(claims, now, vars(self)["_leeway"]), now)

    patch.wrap(checks.ClaimsCheck, "__call__", around)


def _changing(patch: Patch, name: str, change: Callable[[Any, float, float], Any]) -> None:
    """Judge another value of one claim, where it is there."""
    _reading(
        patch,
        lambda claims, now, leeway: {**claims, name: change(claims[name], now, leeway)} if name in claims else claims,
    )


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shifting(patch: Patch, name: str, shift: Callable[[float, float, float], float]) -> None:
    """Judge another value of one time, where it is a number."""
    _changing(patch, name, lambda value, now, leeway: shift(value, now, leeway) if _number(value) else value)


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
    _reading(
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
    _reading(
        patch,
        lambda claims, now, _: {**claims, "iat": now} if now < claims.get("iat", 0) < claims.get("exp", 0) else claims,
    )


@fault("VER-31")
def iat_leeway_forgotten(patch: Patch) -> None:
    """The leeway is for `exp` and `nbf`, and a fast clock at the issuer still costs the user a sign-in."""
    _shifting(patch, "iat", lambda iat, now, leeway: iat + leeway if iat > now else iat)


def _converting(patch: Patch, convert: Callable[[Any], Any]) -> None:
    def read(claims: Json, *_: float) -> Json:
        return {**claims, **{name: convert(claims[name]) for name in ("exp", "nbf", "iat") if name in claims}}

    _reading(patch, read)


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
    _reading(
        patch,
        lambda claims, *_: {name: claims[name] for name in claims if name not in _TIMES or claims[name] is not None},
    )


_TIMES = ("nbf", "iat")


@fault("VER-32")
def time_in_a_list_taken(patch: Patch) -> None:
    """A list of one number is converted like the number, as weakly typed languages have it (CWE-843)."""
    _converting(patch, lambda value: value[0] if isinstance(value, list) and len(value) == 1 else value)


def _issuer_is(patch: Patch, same: Callable[[Any, str], bool]) -> None:
    """Take an issuer for ours if it is the same by this rule."""
    _claim_is(patch, "iss", "_issuer", same)


def _audience_is(patch: Patch, same: Callable[[Any, str], bool]) -> None:
    """Take an audience for ours if it is the same by this rule."""
    _claim_is(patch, "aud", "_audience", same)


def _claim_is(patch: Patch, name: str, member: str, same: Callable[[Any, str], bool]) -> None:
    def around(check: Any) -> Any:
        def check_claims(self: Any, claims: Json, now: float) -> None:
            ours = vars(self)[member]
            passes = ours is not None and name in claims and same(claims[name], ours)
            check(self, {**claims, name: ours} if passes else claims, now)

        return check_claims

    patch.wrap(checks.ClaimsCheck, "__call__", around)


def _texts(same: Callable[[str, str], bool]) -> Callable[[Any, str], bool]:
    return lambda value, ours: isinstance(value, str) and same(value, ours)


def _folded(fold: Callable[[str], str]) -> Callable[[Any, str], bool]:
    return _texts(lambda value, ours: fold(value) == fold(ours))


@fault("VER-33")
def issuer_by_prefix(patch: Patch) -> None:
    """An issuer that begins like ours passes, and anybody may register such a domain."""
    _issuer_is(patch, _texts(lambda value, ours: value.startswith(ours)))


@fault("VER-33")
def issuer_by_substring(patch: Patch) -> None:
    """`iss in issuer` was written for a list and is asked of a string (CVE-2024-53861)."""
    _issuer_is(patch, _texts(lambda value, ours: value in ours))


@fault("VER-33")
def issuer_in_a_list_taken(patch: Patch) -> None:
    """A list of issuers passes when ours is among them (CVE-2025-30144)."""
    _issuer_is(patch, lambda value, ours: isinstance(value, list) and ours in value)


@fault("VER-33")
def issuer_case_folded(patch: Patch) -> None:
    """Issuers are URLs and host names know no case, so all of it is folded (RFC 8725 §3.8 compares code points)."""
    _issuer_is(patch, _folded(str.casefold))


@fault("VER-33")
def issuer_without_trailing_slash(patch: Patch) -> None:
    """A slash at the end is dropped, since discovery documents and tokens disagree about it."""
    _issuer_is(patch, _folded(lambda text: text.rstrip("/")))


@fault("VER-33")
def issuer_normalised(patch: Patch) -> None:
    """Issuers are compared after NFKC, so a host of fullwidth letters is ours (RFC 7519 §7.3)."""
    _issuer_is(patch, _folded(lambda text: normalize("NFKC", text)))


@fault("VER-33")
def issuer_compared_as_a_url(patch: Patch) -> None:
    """Issuers are parsed and compared by host name, without port, user, query and fragment."""
    _issuer_is(patch, _folded(lambda text: f"{urlsplit(text).scheme} {urlsplit(text).hostname}"))


@fault("VER-33")
def issuer_trimmed(patch: Patch) -> None:
    """The configured issuer came from a file with a line break, and both sides are trimmed ever since."""
    _issuer_is(patch, _folded(str.strip))


@fault("VER-34")
def audience_by_prefix(patch: Patch) -> None:
    """An audience that begins like ours passes: `api://orders0` at `api://orders`."""
    _audience_is(patch, _texts(lambda value, ours: value.startswith(ours)))


@fault("VER-34")
def audience_within_ours(patch: Patch) -> None:
    """`aud in audience` was written for a list and is asked of a string, so `ap` is in `api`."""
    _audience_is(patch, _texts(lambda value, ours: value in ours))


@fault("VER-34")
def ours_within_the_audience(patch: Patch) -> None:
    """`audience in aud` was written for a list and finds ours inside a longer string."""
    _audience_is(patch, _texts(lambda value, ours: ours in value))


@fault("VER-34")
def ours_among_the_members_of_an_object(patch: Patch) -> None:
    """`audience in aud` is asked of an object, and finds ours among its names (CWE-843)."""
    _audience_is(patch, lambda value, ours: isinstance(value, dict) and ours in value)


@fault("VER-34")
def audience_case_folded(patch: Patch) -> None:
    """Audiences are compared without regard to case (CWE-178)."""
    _audience_is(patch, _folded(str.casefold))


@fault("VER-34")
def nested_audiences_flattened(patch: Patch) -> None:
    """A list within the list is flattened, and ours is found in there."""
    _audience_is(patch, lambda value, ours: isinstance(value, list) and [ours] in value)


@fault("VER-34")
def audiences_split_at_blanks(patch: Patch) -> None:
    """`aud` is split at blanks like `scope`, and ours is one of several words."""
    _audience_is(patch, _texts(lambda value, ours: ours in value.split()))


@fault("VER-34")
def no_audience_means_everybody(patch: Patch) -> None:
    """`set(aud) <= {ours}` holds of a list with nothing in it."""
    _audience_is(patch, lambda value, _: value == [])


@fault("VER-34")
def wildcard_audience_taken(patch: Patch) -> None:
    """A star in a token is understood as it is in the configuration."""
    _audience_is(patch, _texts(lambda value, _: value == "*"))


def _assuming(patch: Patch, **claims: Callable[[Any, float], Any]) -> None:
    """Check claims only where they are present, by assuming good values where they are not."""

    def around(check: Any) -> Any:
        def check_claims(self: Any, found: Json, now: float) -> None:
            assumed = {name: assume(vars(self), now) for name, assume in claims.items()}
            known = {name: value for name, value in assumed.items() if value is not None}
            check(self, {**known, **found}, now)

        return check_claims

    patch.wrap(checks.ClaimsCheck, "__call__", around)


@fault("VER-35")
def issuer_compared_where_present(patch: Patch) -> None:
    """"If the claim is there, compare it" passes every token that leaves `iss` out (CWE-287)."""
    _assuming(patch, iss=lambda check, _: check["_issuer"])


@fault("VER-35")
def audience_compared_where_present(patch: Patch) -> None:
    """A token without `aud` is one for everybody, as RFC 7519 §4.1.3 can be read."""
    _assuming(patch, aud=lambda check, _: check["_audience"])


@fault("VER-35")
def expiry_compared_where_present(patch: Patch) -> None:
    """A token without `exp` lives for ever (W18)."""
    _assuming(patch, exp=lambda _, now: now + 60)


@fault("VER-35")
def required_names_ignored(patch: Patch) -> None:
    """The option `require` is read under another name and never reaches the check."""

    def around(required: Any) -> Any:
        def names(self: Any) -> tuple[str, ...]:
            if self.profile is not Profile.JWT:
                return tuple(required.fget(self))
            return tuple(name for name in required.fget(self) if name in ("exp", "iss", "aud", "jti"))

        return property(names)

    patch(policy.VerificationPolicy, "required", around(policy.VerificationPolicy.required))


def _untyped(patch: Patch, name: str, passes: Callable[[Any], bool]) -> None:
    """Let a claim pass that ought to be a string and is not."""
    _changing(patch, name, lambda value, *_: str(value) if passes(value) else value)


@fault("VER-36")
def subject_converted_to_text(patch: Patch) -> None:
    """A number as `sub` becomes text, and the number 1 meets the user "1"."""
    _untyped(patch, "sub", lambda value: type(value) is int)


@fault("VER-36")
def null_subject_taken(patch: Patch) -> None:
    """`sub` is null and present, and the account is looked up under no name (joserfc 1.6.5)."""
    _untyped(patch, "sub", lambda value: value is None)


@fault("VER-36")
def jti_of_any_type_taken(patch: Patch) -> None:
    """`jti` is compared by whoever stores it, and stored as it comes."""
    _untyped(patch, "jti", lambda _: True)


@fault("VER-36")
def client_id_of_any_type_taken(patch: Patch) -> None:
    """`client_id` is read by the limiter alone, which takes a list as gladly."""
    _untyped(patch, "client_id", lambda _: True)
