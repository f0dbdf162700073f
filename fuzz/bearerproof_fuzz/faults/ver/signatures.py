"""Faults in what a signature has to cover, who signs, and when it is checked (VER-24, VER-25, VER-46)."""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault, fault_by, helper_by
from bearerproof_fuzz.faults.seams import (
    ALPHABET,
    encoded,
    key_named,
    respelling_signatures,
    rewriting_token,
    varying_keys,
)
from bearerproof_reference.verifier import idtoken, keys, verifier
from bearerproof_reference.verifier.algorithms import ALGORITHMS, Jwk, Verify
from bearerproof_reference.verifier.jose import (
    MalformedError,
    decode_base64url,
    decode_segment,
    parse_object,
    split_compact,
)
from bearerproof_reference.verifier.policy import Profile
from bearerproof_reference.verifier.verdicts import Accepted, Reason, Refusal


@fault("VER-24")
def es512_declared_and_not_checked(patch: Patch) -> None:
    """The curve is in the table and its verification was left for later (dotnet/corefx#33172)."""
    varying_keys(patch, ("ES512",), lambda _verify, _jwk: lambda _signature, _data: True)


@fault("VER-24")
def signature_not_checked(patch: Patch) -> None:
    """The key is chosen with care and the result of verifying dropped: all that was shipped were claim checks (W17)."""
    varying_keys(patch, tuple(ALGORITHMS), lambda verify, _: lambda signature, data: verify(signature, data) or True)


@fault_by("VER-24", Patch.wrap, verifier, "_verified")
def signature_over_json_written_again(
    verified: Any, token: bytes, header: verifier.Header, tail: bytes, *rest: Any
) -> Any:
    """Header and claims are parsed, written again and verified in that form, not as transmitted."""
    parts = [_written_again(part) for part in token.split(b".")[:2]]
    return verified(b".".join([*parts, tail]), header, tail, *rest)


def _written_again(segment: bytes) -> bytes:
    try:
        members = parse_object(decode_segment(segment))
    except MalformedError:
        return segment
    return encoded(json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode())


@fault("VER-24")
def signature_over_segments_encoded_again(patch: Patch) -> None:
    """Segments are decoded first, and what is verified is their octets encoded again, with other trailing bits."""

    def canonical(segment: bytes) -> bytes:
        rest = len(segment) & 3
        if rest not in (2, 3) or not segment[-1:].isalnum():
            return segment
        at = ALPHABET.index(segment[-1:]) & (0x30 if rest == 2 else 0x3C)
        return segment[:-1] + ALPHABET[at : at + 1]

    rewriting_token(patch, lambda token: b".".join(map(canonical, token.split(b"."))))


@fault("VER-24")
def verified_token_cached_without_signature(patch: Patch) -> None:
    """Verified tokens are cached under their signed part, so any signature will do after the first (CVE-2026-35030)."""
    _cached(patch, lambda token, tail: token[: -len(tail)])


@fault("VER-24")
def verified_token_cached_by_signature(patch: Patch) -> None:
    """Verified tokens are cached under their signature alone, so any claims will do above it (CVE-2026-35039)."""
    _cached(patch, lambda _, tail: tail)


def _cached(patch: Patch, key_of: Callable[[bytes, bytes], bytes]) -> None:
    cache: dict[tuple[int, bytes], Any] = {}

    def judge(verified: Any, token: bytes, header: verifier.Header, tail: bytes, key_set: Any, algorithms: Any) -> Any:
        key = (id(key_set), key_of(token, tail))
        if key not in cache:
            cache[key] = verified(token, header, tail, key_set, algorithms)
        return cache[key]

    patch.wrap(verifier, "_verified", judge)


@fault_by("VER-24", varying_keys, ("HS256",))
def hmac_compared_by_prefix(_: Verify, jwk: Jwk) -> Verify:
    """The tag is compared over the length of what was sent, so one octet is soon guessed (`memcmp`)."""
    secret = decode_base64url(jwk["k"])
    return lambda signature, data: hmac.digest(secret, data, "sha256").startswith(signature)


@fault_by("VER-24", varying_keys, ("HS256", "HS384", "HS512"))
def hmac_of_any_hash(_: Verify, jwk: Jwk) -> Verify:
    """The hash is chosen by the length of the tag, so that a header of HS512 stands before a tag of HS256."""
    secret, hashes = decode_base64url(jwk["k"]), {32: "sha256", 48: "sha384", 64: "sha512"}
    return lambda signature, data: hmac.digest(secret, data, hashes.get(len(signature), "sha1")) == signature


@fault_by("VER-24", varying_keys, tuple(ALGORITHMS))
def digest_signed_in_two_steps(verify: Verify, _: Jwk) -> Verify:
    """A signer that takes digests hashed what was a digest already, and the verifier takes such signatures since."""
    return lambda signature, data: verify(signature, data) or verify(signature, hashlib.sha512(data).digest())


@fault("VER-24")
def octets_after_the_hmac_ignored(patch: Patch) -> None:
    """The tag is read from a buffer of fixed size, and what follows it is not looked at."""
    respelling_signatures(patch, ("HS256",), lambda signature, _: signature[:32])


@fault_by("VER-24", Patch.wrap, verifier.Verifier, "_verify")
def claims_returned_from_another_parse(verify: Any, self: Any, token: bytes) -> Accepted:
    """The verified payload is thrown away and the caller gets what a second, careless decoding yields."""
    accepted: Accepted = verify(self, token)
    payload = decode_segment(token.split(b".")[1])
    return replace(accepted, claims=json.loads(payload.decode("latin-1")))


@fault("VER-25")
def previous_secret_is_empty(patch: Patch) -> None:
    """For rotation a previous secret is tried as well, and there has been none yet, so it is empty (GHSA-gg9x)."""
    _second_secret(patch, b"")


@fault("VER-25")
def previous_secret_is_the_word_undefined(patch: Patch) -> None:
    """An unset variable becomes text on its way into the configuration: `undefined`."""
    _second_secret(patch, b"undefined")


@fault("VER-25")
def example_secret_left_in(patch: Patch) -> None:
    """The secret of the tutorial is tried after the configured one, so that the examples go on working (CWE-1392)."""
    _second_secret(patch, b"your-256-bit-secret")


@fault_by("VER-25", varying_keys, tuple(ALGORITHMS))
def checksum_for_a_signature(verify: Verify, _: Jwk) -> Verify:
    """A plain hash of the signing input was the stand-in for signatures in tests, and is still taken (CWE-345)."""
    return lambda signature, data: signature == hashlib.sha256(data).digest() or verify(signature, data)


@helper_by(varying_keys, ("HS256",))
def _second_secret(secret: bytes, verify: Verify, _: Jwk) -> Verify:
    return lambda signature, data: (
        verify(signature, data) or hmac.compare_digest(hmac.digest(secret, data, "sha256"), signature)
    )


@fault_by("VER-25", Patch.wrap, verifier, "_verified")
def missing_kid_skips_the_signature(
    verified: Any, token: bytes, header: verifier.Header, tail: bytes, key_set: Any, algorithms: Any
) -> Any:
    """A token that names no key is taken for one of a legacy issuer, whose signature nobody could check."""
    if header.kid is None and header.alg in algorithms and tail:
        return keys.Key(None, header.alg, lambda *_: True)
    return verified(token, header, tail, key_set, algorithms)


@fault_by("VER-25", Patch.wrap, verifier, "_verified")
def secret_of_a_public_key_is_empty(
    verified: Any, token: bytes, header: verifier.Header, tail: bytes, *rest: Any
) -> Any:
    """HS256 reads the secret `k` of whatever key is named, and a public key has none: `jwk.get("k", "")`."""
    named = key_named(rest[0], header.kid)
    if header.alg != "HS256" or named is None or named.alg == "HS256":
        return verified(token, header, tail, *rest)
    if hmac.digest(b"", token[: -len(tail) - 1], "sha256") != decode_segment(tail):
        raise Refusal(Reason.SIGNATURE)
    return named


Judge = Callable[[Any, dict[str, Any], float], None]


@helper_by(Patch.wrap, verifier.Verifier, "_verify")
def _judged_first(judge: Judge, verify: Any, self: Any, token: bytes) -> Any:
    """Judge claims before the signature; ``judge`` gets the verifier, the unverified claims and the time."""
    payload = split_compact(token)[1]
    judge(self, parse_object(decode_segment(payload)), self._clock.now())
    return verify(self, token)


@fault("VER-46")
def claims_before_signature(patch: Patch) -> None:
    """The cheap checks come first and the dear one last, so the claims of anybody get an answer (W17)."""
    _judged_first(patch, lambda self, claims, now: vars(self)["_check_claims"](claims, now))


@fault_by("VER-46", _judged_first)
def expiry_before_signature(_: Any, claims: dict[str, Any], now: float) -> None:
    """An expired token is refused before anything is computed for it, by what it says of itself."""
    expires = claims.get("exp")
    if isinstance(expires, int) and expires <= now:
        raise Refusal(Reason.EXPIRED)


@fault_by("VER-46", _judged_first)
def issuer_before_signature(self: Any, claims: dict[str, Any], _: float) -> None:
    """`iss` chooses the key set, and one that is not known is reported as such before there is a key."""
    if claims.get("iss") != self.policy.issuer:
        raise Refusal(Reason.ISSUER)


@fault_by("VER-46", _judged_first)
def id_token_checks_before_signature(self: Any, claims: dict[str, Any], now: float) -> None:
    """The relying party compares the nonce as soon as the token arrives and has it verified afterwards."""
    if self.policy.profile is Profile.ID_TOKEN and "aud" in claims:
        idtoken.check(claims, self.policy, "ES256", now)


@fault_by("VER-46", _judged_first)
def look_ups_before_signature(self: Any, claims: dict[str, Any], _: float) -> None:
    """The session store is asked about every token that comes in, so anybody can ask it anything."""
    if vars(self)["_liveness"] is not None:
        self._look_up(claims)


@fault("VER-24")
def any_es512_signature_in_a_mixed_set(patch: Patch) -> None:
    """Among keys of several kinds the curve of P-521 is not found, and what cannot be verified counts as verified."""

    def initialise(init: Any, self: Any, jwks: Any, allowed: Any) -> None:
        init(self, jwks, allowed)
        if len({jwk.get("kty") for jwk in jwks["keys"] if isinstance(jwk, dict)}) > 1:
            for named in vars(self)["_named"].values():
                named[:] = [_lax(key) if key.alg == "ES512" else key for key in named]
            self._usable = [_lax(key) if key.alg == "ES512" else key for key in vars(self)["_usable"]]

    def _lax(key: keys.Key) -> keys.Key:
        return replace(key, verify=lambda signature, _: len(signature) == 132)

    patch.wrap(keys.KeySet, "__init__", initialise)
