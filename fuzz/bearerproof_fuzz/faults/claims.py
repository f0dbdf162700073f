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
def listed_audience_within_ours(patch: Patch) -> None:
    """Membership is asked the wrong way round, `name in ours` for each name of the list: one letter is enough."""
    _audience_is(
        patch,
        lambda value, ours: isinstance(value, list) and any(isinstance(name, str) and name in ours for name in value),
    )


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
    """Comparing `iss` only if it is there passes every token that leaves it out (CWE-287)."""
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


def _typed(patch: Patch, passes: Callable[[str | None, str], bool]) -> None:
    """Let another media type pass for the one that the policy names, by this rule."""

    def around(check: Any) -> Any:
        def check_type(self: Any, typ: str | None) -> None:
            ours = vars(self)["_typ"]
            check(self, ours if ours is not None and passes(typ, ours) else typ)

        return check_type

    patch.wrap(verifier.Verifier, "_check_type", around)


@fault("VER-37")
def missing_typ_accepted(patch: Patch) -> None:
    """`typ` is compared where it is there, and older tokens have none (RFC 8725 §3.11)."""
    _typed(patch, lambda typ, _: typ is None)


@fault("VER-37")
def typ_by_its_suffix(patch: Patch) -> None:
    """The type ends in `+jwt`, which logout tokens and request objects do as well (RFC 8725 §2.8)."""
    _typed(patch, lambda typ, _: typ is not None and typ.endswith("+jwt"))


@fault("VER-37")
def typ_by_substring(patch: Patch) -> None:
    """`"at+jwt" in typ` finds it in a longer name and in another tree of media types."""
    _typed(patch, lambda typ, ours: typ is not None and ours.removeprefix("application/") in typ)


@fault("VER-37")
def plain_jwt_accepted_for_any_typ(patch: Patch) -> None:
    """`JWT` passes for every type, because some issuer has not been updated yet (RFC 9068 §4)."""
    _typed(patch, lambda typ, _: typ == "application/jwt")


@fault("VER-37")
def typ_trimmed_and_cut(patch: Patch) -> None:
    """`typ` goes through a parser for `Content-Type`, which trims it and drops its parameters."""
    _typed(patch, lambda typ, ours: typ is not None and typ.split(";")[0].replace("/ ", "/").strip() == ours)


def _optional(patch: Patch, *names: str) -> None:
    """Leave names out of what an access token must have."""
    required = vars(policy)["_REQUIRED"]
    kept = tuple(name for name in required[Profile.ACCESS_TOKEN] if name not in names)
    patch(policy, "_REQUIRED", {**required, Profile.ACCESS_TOKEN: kept})


@fault("VER-38")
def jti_optional(patch: Patch) -> None:
    """`jti` is demanded where replay is detected and nowhere else (RFC 9068 §2.2)."""
    _optional(patch, "jti")


@fault("VER-38")
def client_id_optional(patch: Patch) -> None:
    """A token without `client_id` is taken for one of a first-party client (RFC 9068 §2.2)."""
    _optional(patch, "client_id")


@fault("VER-38")
def subject_falls_back_to_the_client(patch: Patch) -> None:
    """Without `sub` the token is the client's own, so a user's token that lost its subject acts for the client."""
    _reading(patch, lambda claims, *_: {"sub": claims["client_id"], **claims} if "client_id" in claims else claims)


@fault("VER-38")
def iat_optional(patch: Patch) -> None:
    """`iat` is informative, and informative claims are not demanded (RFC 9068 §2.2)."""
    _optional(patch, "iat")


def _media_type(patch: Patch, read: Callable[[str], str]) -> None:
    patch(verifier, "_media_type", lambda typ: read(typ) if isinstance(typ, str) and typ.isascii() else None)


@fault("VER-39")
def typ_case_sensitive(patch: Patch) -> None:
    """`AT+JWT` is another string than `at+jwt`, and that it is a media type is forgotten (RFC 2045 §5.1)."""
    _media_type(patch, lambda typ: typ if "/" in typ else f"application/{typ}")


@fault("VER-39")
def application_prefix_refused(patch: Patch) -> None:
    """`typ` is compared with the short form alone, though RFC 9068 §4 names both."""
    _media_type(patch, lambda typ: typ.lower() if "/" not in typ else "/")


@fault("VER-39")
def application_prefix_case_sensitive(patch: Patch) -> None:
    """The prefix is stripped before the case is folded."""
    _media_type(patch, lambda typ: typ.removeprefix("application/").lower())


def _refusing(patch: Patch, refuses: Callable[[Json], bool]) -> None:
    """Refuse honest claims sets, by this rule."""

    def read(claims: Json, *_: float) -> Json:
        if refuses(claims):
            raise Refusal(Reason.CLAIM_MALFORMED, "claims")
        return claims

    _reading(patch, read)


_KNOWN = {
    "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "azp", "nonce", "auth_time", "acr", "at_hash",
    "c_hash", "sid", "sv", "scope",
}  # fmt: skip


@fault("VER-40")
def unknown_claims_refused(patch: Patch) -> None:
    """The claims set is read into a closed record, and the next claim of the issuer stops everybody (RFC 7519 §4)."""
    _refusing(patch, lambda claims: not claims.keys() <= _KNOWN)


@fault("VER-40")
def fractional_times_refused(patch: Patch) -> None:
    """Times are integers, although RFC 7519 §2 allows fractions of a second."""
    _refusing(patch, lambda claims: any(isinstance(claims.get(name), float) for name in ("exp", "nbf", "iat")))


@fault("VER-40")
def audience_list_refused(patch: Patch) -> None:
    """`aud` has to be one string, although RFC 7519 §4.1.3 calls the list the general case."""
    _refusing(patch, lambda claims: isinstance(claims.get("aud"), list))


@fault("VER-40")
def times_of_32_bits(patch: Patch) -> None:
    """Times fit into 32 bits, and after 2038 they do not."""
    _refusing(patch, lambda claims: any(_number(claims.get(name)) and claims[name] >= 2**31 for name in ("exp", "iat")))


@fault("VER-40")
def json_without_white_space_demanded(patch: Patch) -> None:
    """A claims set has to be canonical JSON, as if the signature did not cover its octets anyway."""

    def around(parse: Any) -> Any:
        def canonical(octets: bytes) -> Json:
            members: Json = parse(octets)
            if json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode() != octets:
                raise Refusal(Reason.MALFORMED)
            return members

        return canonical

    patch.wrap(verifier, "parse_object", around)


@fault("VER-40")
def text_beyond_ascii_refused(patch: Patch) -> None:
    """A subject has to be ASCII, as if StringOrURI were an identifier of a programming language."""
    _refusing(patch, lambda claims: isinstance(claims.get("sub"), str) and not claims["sub"].isascii())


def _reporting(patch: Patch, reasons: dict[Reason, Reason]) -> None:
    """Report other reasons than the true ones; the verdicts stay."""

    def around(verify: Any) -> Any:
        def report(self: Any, token: str | bytes) -> Any:
            verdict = verify(self, token)
            if isinstance(verdict, Rejected) and verdict.reason in reasons:
                return Rejected(reasons[verdict.reason], verdict.detail)
            return verdict

        return report

    patch.wrap(verifier.Verifier, "verify", around)


@fault("VER-45")
def expired_and_early_swapped(patch: Patch) -> None:
    """The two checks share a message, and it is that of the other one."""
    _reporting(patch, {Reason.EXPIRED: Reason.NOT_YET_VALID, Reason.NOT_YET_VALID: Reason.EXPIRED})


@fault("VER-45")
def issuer_reported_as_audience(patch: Patch) -> None:
    """A copied line keeps the reason of the check above it, so operators look into the wrong configuration."""
    _reporting(patch, {Reason.ISSUER: Reason.AUDIENCE})


@fault("VER-45")
def bad_signature_reported_as_unknown_key(patch: Patch) -> None:
    """A signature that does not verify looks like a key that was rotated away, and no alarm rings (CWE-778)."""
    _reporting(patch, {Reason.SIGNATURE: Reason.KEY_UNKNOWN})


@fault("VER-45")
def unknown_key_reported_as_bad_signature(patch: Patch) -> None:
    """A rotation in progress looks like an attack."""
    _reporting(patch, {Reason.KEY_UNKNOWN: Reason.SIGNATURE})


@fault("VER-45")
def every_claim_fault_is_expiry(patch: Patch) -> None:
    """Whatever is wrong with the claims, the user is told to sign in again."""
    claims = (Reason.AUDIENCE, Reason.ISSUER, Reason.CLAIM_MALFORMED, Reason.CLAIM_MISSING, Reason.NOT_YET_VALID)
    _reporting(patch, dict.fromkeys(claims, Reason.EXPIRED))


@fault("VER-45")
def everything_is_malformed(patch: Patch) -> None:
    """One reason serves all: the caller gets an exception of one type (W15)."""
    _reporting(patch, dict.fromkeys(Reason, Reason.MALFORMED))
