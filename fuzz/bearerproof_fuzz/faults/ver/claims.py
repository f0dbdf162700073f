"""Faults in what claims are demanded, of which type, and of too much strictness (VER-35, VER-36, VER-38, VER-40)."""

import json
from collections.abc import Callable
from typing import Any

from bearerproof.members import Json
from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by, spread
from bearerproof_fuzz.faults.seams import changing_claim, is_number, making_optional, reading_claims
from bearerproof_reference.verifier import verifier
from bearerproof_reference.verifier.policy import Profile, VerificationPolicy
from bearerproof_reference.verifier.verdicts import Reason, Refusal


def _assuming(patch: Patch, name: str, assume: Callable[[Json, float], Any]) -> None:
    """Check a claim only where it is present, by assuming a good value, if there is one, where it is not."""

    def read(claims: Json, now: float, held: Json) -> Json:
        assumed = assume(held, now)
        return claims if assumed is None else {name: assumed, **claims}

    reading_claims(patch, read)


_ASSUMING: Rows[tuple[str, Callable[[Json, float], Any]]] = {
    "issuer-compared-where-present": (
        "Comparing `iss` only if it is there passes every token that leaves it out (CWE-287).",
        ("iss", lambda held, _: held["_issuer"]),
    ),
    "audience-compared-where-present": (
        "A token without `aud` is one for everybody, as RFC 7519 §4.1.3 can be read.",
        ("aud", lambda held, _: held["_audience"]),
    ),
    "expiry-compared-where-present": ("A token without `exp` lives for ever (W18).", ("exp", lambda _, now: now + 60)),
}
faults_for("VER-35", spread(_assuming), _ASSUMING)


def _filled_in(claims: Json, names: dict[str, str]) -> Json:
    return {**{name: claims[other] for name, other in names.items() if other in claims}, **claims}


@fault("VER-35")
def claims_of_other_issuers_understood(patch: Patch) -> None:
    """What an issuer calls otherwise is read under its name as well, from whichever issuer it comes."""
    others = {"iss": "issuer", "aud": "resource", "exp": "expires_at"}
    reading_claims(patch, lambda claims, *_: _filled_in(claims, others))


@fault("VER-38")
def client_is_whom_azp_names(patch: Patch) -> None:
    """Some issuers name the client in `azp`, and where `client_id` is missing that is taken (RFC 9068 §2.2)."""
    reading_claims(patch, lambda claims, *_: _filled_in(claims, {"client_id": "azp"}))


@fault_by("VER-33", reading_claims)
def issuer_of_the_actor(claims: Json, _now: float, _held: Json) -> Json:
    """Claims are looked up at any depth, and what is said of an actor comes first (RFC 8693 §4.1)."""
    act = claims.get("act")
    return {**claims, "iss": act["iss"]} if isinstance(act, dict) and "iss" in act else claims


@fault("VER-35")
def required_names_ignored(patch: Patch) -> None:
    """The option `require` is read under another name and never reaches the check."""
    required = vars(VerificationPolicy)["required"]

    def names(self: VerificationPolicy) -> tuple[str, ...]:
        found: tuple[str, ...] = required.fget(self)
        if self.profile is not Profile.JWT:
            return found
        return tuple(name for name in found if name in ("exp", "iss", "aud", "jti"))

    patch(VerificationPolicy, "required", property(names))


def _untyped(patch: Patch, name: str, passes: Callable[[Any], bool]) -> None:
    """Let a claim pass that ought to be a string and is not."""
    changing_claim(patch, name, lambda value, *_: str(value) if passes(value) else value)


_UNTYPED: Rows[tuple[str, Callable[[Any], bool]]] = {
    "subject-converted-to-text": (
        'A number as `sub` becomes text, and the number 1 meets the user "1".',
        ("sub", lambda value: type(value) is int),
    ),
    "null-subject-taken": (
        "`sub` is null and present, and the account is looked up under no name (joserfc 1.6.5).",
        ("sub", lambda value: value is None),
    ),
    "jti-of-any-type-taken": (
        "`jti` is compared by whoever stores it, and stored as it comes.",
        ("jti", lambda _: True),
    ),
    "client-id-of-any-type-taken": (
        "`client_id` is read by the limiter alone, which takes a list as gladly.",
        ("client_id", lambda _: True),
    ),
}
faults_for("VER-36", spread(_untyped), _UNTYPED)


_MAKING_OPTIONAL: Rows[tuple[Profile, str]] = {
    "jti-optional": (
        "`jti` is demanded where replay is detected and nowhere else (RFC 9068 §2.2).",
        (Profile.ACCESS_TOKEN, "jti"),
    ),
    "client-id-optional": (
        "A token without `client_id` is taken for one of a first-party client (RFC 9068 §2.2).",
        (Profile.ACCESS_TOKEN, "client_id"),
    ),
    "iat-optional": (
        "`iat` is informative, and informative claims are not demanded (RFC 9068 §2.2).",
        (Profile.ACCESS_TOKEN, "iat"),
    ),
}
faults_for("VER-38", spread(making_optional), _MAKING_OPTIONAL)


@fault("VER-38")
def subject_falls_back_to_the_client(patch: Patch) -> None:
    """Without `sub` the token is the client's own, so a user's token that lost its subject acts for the client."""
    reading_claims(
        patch, lambda claims, *_: {"sub": claims["client_id"], **claims} if "client_id" in claims else claims
    )


@helper_by(reading_claims)
def _refusing(refuses: Callable[[Json], bool], claims: Json, *_: object) -> Json:
    """Refuse honest claims sets, by this rule."""
    if refuses(claims):
        raise Refusal(Reason.CLAIM_MALFORMED, "claims")
    return claims


_KNOWN = {
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "azp",
    "nonce",
    "auth_time",
    "acr",
    "at_hash",
    "c_hash",
    "sid",
    "sv",
    "scope",
}


_REFUSING: Rows[Callable[[Json], bool]] = {
    "unknown-claims-refused": (
        "The claims set is read into a closed record, and the next claim of the issuer stops everybody (RFC 7519 §4).",
        lambda claims: not claims.keys() <= _KNOWN,
    ),
    "claim-without-name-refused": (
        "Claims go into a map that takes no empty name, though JSON has one as any other (RFC 8259 §4).",
        lambda claims: "" in claims,
    ),
    "fractional-times-refused": (
        "Times are integers, although RFC 7519 §2 allows fractions of a second.",
        lambda claims: any(isinstance(claims.get(name), float) for name in ("exp", "nbf", "iat")),
    ),
    "audience-list-refused": (
        "`aud` has to be one string, although RFC 7519 §4.1.3 calls the list the general case.",
        lambda claims: isinstance(claims.get("aud"), list),
    ),
    "times-of-32-bits": (
        "Times fit into 32 bits, and after 2038 they do not.",
        lambda claims: any(is_number(claims.get(name)) and claims[name] >= 2**31 for name in ("exp", "iat")),
    ),
    "text-beyond-ascii-refused": (
        "A subject has to be ASCII, as if StringOrURI were an identifier of a programming language.",
        lambda claims: isinstance(claims.get("sub"), str) and not claims["sub"].isascii(),
    ),
}
faults_for("VER-40", _refusing, _REFUSING)


@fault_by("VER-40", Patch.wrap, verifier, "parse_object")
def json_without_white_space_demanded(parse: Any, octets: bytes) -> Json:
    """A claims set has to be canonical JSON, as if the signature did not cover its octets anyway."""
    members: Json = parse(octets)
    if json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode() != octets:
        raise Refusal(Reason.MALFORMED)
    return members
