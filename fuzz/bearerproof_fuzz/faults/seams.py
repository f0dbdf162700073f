"""Where the verifier of tokens is opened: what more than one module of faults replaces in it."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace
from time import sleep
from typing import Any

from bearerproof.members import Json
from bearerproof_fuzz.faults.registry import Patch, helper_by
from bearerproof_reference.verifier import keys, policy, verifier
from bearerproof_reference.verifier.algorithms import ALGORITHMS, Jwk, Verify
from bearerproof_reference.verifier.claims import ClaimsCheck
from bearerproof_reference.verifier.jose import MalformedError, decode_segment, parse_object
from bearerproof_reference.verifier.policy import Profile
from bearerproof_reference.verifier.verifier import Verifier

Vary = Callable[[Verify, Jwk], Verify]
Read = Callable[[Json, float, Json], Json]

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
"""The characters of base64url, in the order of their values."""


def encoded(octets: bytes) -> bytes:
    """Return octets as a segment."""
    return urlsafe_b64encode(octets).rstrip(b"=")


def rewriting_token(patch: Patch, rewrite: Callable[[bytes], bytes]) -> None:
    """Have the verifier rewrite a token before it does anything else with it."""
    patch.wrap(verifier, "_octets", lambda read, *arguments: rewrite(read(*arguments)))


@helper_by(Patch.wrap, verifier, "read_header")
def rewriting_header(rewrite: Callable[[bytes], bytes], read: Any, segment: bytes, *, strict: bool) -> verifier.Header:
    """Have the verifier rewrite the JSON text of a header before it reads it as strictly as ever."""
    try:
        rewritten = encoded(rewrite(decode_segment(segment)))
    except (ValueError, RecursionError):
        raise MalformedError("the header cannot be read") from None
    header: verifier.Header = read(rewritten, strict=strict)
    return header


def changing_header(patch: Patch, change: Callable[[Json], Json]) -> None:
    """Have the verifier read other header parameters than the token has."""
    rewriting_header(patch, lambda raw: json.dumps(change(parse_object(raw))).encode())


def remembering_keys(patch: Patch, find: Callable[[Jwk, str], keys.Key | None]) -> None:
    """Look a key up by its JWK first, and in the set as ever where that yields nothing."""

    def initialise(init: Any, self: Any, jwks: Any, allowed: Any) -> None:
        init(self, jwks, allowed)
        self.members = {jwk.get("kid"): jwk for jwk in jwks["keys"] if isinstance(jwk, Mapping)}

    def find_key(found: Any, self: Any, kid: str | None, alg: str) -> object:
        jwk = self.members.get(kid)
        return (find(jwk, alg) if jwk is not None else None) or found(self, kid, alg)

    patch.wrap(keys.KeySet, "__init__", initialise)
    patch.wrap(keys.KeySet, "find", find_key)


def key_named(key_set: object, kid: str | None) -> keys.Key | None:
    """Return the first usable key of a set with this kid; None where there is none, or the keys are no set."""
    named: list[keys.Key] | None = vars(key_set).get("_named", {}).get(kid)
    return named[0] if named else None


def varying_keys(patch: Patch, names: tuple[str, ...], vary: Vary) -> None:
    """Change how the keys of these algorithms verify."""

    def prepared(prepare: Callable[[Jwk], Verify]) -> Callable[[Jwk], Verify]:
        return lambda jwk: vary(prepare(jwk), jwk)

    known = ALGORITHMS
    changed = {name: replace(known[name], prepare=prepared(known[name].prepare)) for name in names}
    patch(keys, "ALGORITHMS", {**known, **changed})


def respelling_signatures(patch: Patch, names: tuple[str, ...], respell: Callable[[bytes, Jwk], bytes]) -> None:
    """Rewrite a signature before it is verified."""
    varying_keys(patch, names, lambda verify, jwk: lambda signature, data: verify(respell(signature, jwk), data))


@helper_by(Patch.wrap, Verifier, "_check_type")
def passing_type(passes: Callable[[str | None, str], bool], check: Any, self: Any, typ: str | None) -> None:
    """Let another media type pass for the one that the policy names, by this rule."""
    ours = vars(self)["_typ"]
    check(self, ours if ours is not None and passes(typ, ours) else typ)


@helper_by(Patch.wrap, ClaimsCheck, "__call__")
def reading_claims(read: Read, check: Any, self: Any, claims: Json, now: float) -> None:
    """Have other claims judged: what ``read`` makes of the token's, of the time and of what the check holds."""
    check(self, read(claims, now, vars(self)), now)


def changing_claim(patch: Patch, name: str, change: Callable[[Any, float, float], Any]) -> None:
    """Have another value of one claim judged, where it is there; ``change`` is given it, the time and the leeway."""

    def read(claims: Json, now: float, held: Json) -> Json:
        return {**claims, name: change(claims[name], now, held["_leeway"])} if name in claims else claims

    reading_claims(patch, read)


def is_number(value: object) -> bool:
    """Return whether it is a number of JSON, which a boolean is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def making_optional(patch: Patch, profile: Profile, name: str) -> None:
    """Leave a name out of what a token of this profile must have."""
    required = vars(policy)["_REQUIRED"]
    kept = tuple(claim for claim in required[profile] if claim != name)
    patch(policy, "_REQUIRED", {**required, profile: kept})


def read_then_count(spend: Any, self: Any, name: object, rate: int) -> Any:
    """Have a throttle look first and count later, so that all who look at once are let in."""
    wait = self.wait(name, rate)
    sleep(0.002)
    return spend(self, name, 10**6 if rate else 0) if wait is None else wait
