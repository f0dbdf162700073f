"""Faults in checking signatures (VER-24 to VER-28, VER-46)."""

import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from bearerproof_fuzz.faults.headers import encoded
from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_reference import idtoken, keys, verifier
from bearerproof_reference.algorithms import ALGORITHMS, Jwk, Verify
from bearerproof_reference.jose import MalformedError, decode_base64url, decode_segment, parse_object, split_compact
from bearerproof_reference.policy import Profile
from bearerproof_reference.verdicts import Accepted, Reason, Refusal

Vary = Callable[[Verify, Jwk], Verify]


def _varying(patch: Patch, names: tuple[str, ...], vary: Vary) -> None:
    """Change how the keys of these algorithms verify."""

    def prepared(prepare: Callable[[Jwk], Verify]) -> Callable[[Jwk], Verify]:
        return lambda jwk: vary(prepare(jwk), jwk)

    known = ALGORITHMS
    changed = {name: replace(known[name], prepare=prepared(known[name].prepare)) for name in names}
    patch(keys, "ALGORITHMS", {**known, **changed})


def _respelling(patch: Patch, names: tuple[str, ...], respell: Callable[[bytes, Jwk], bytes]) -> None:
    """Rewrite a signature before it is verified."""
    _varying(patch, names, lambda verify, jwk: lambda signature, data: verify(respell(signature, jwk), data))


def _around_verified(patch: Patch, judge: Callable[..., Any]) -> None:
    """Replace the check of the signature; ``judge`` gets the true check and its arguments."""
    patch.wrap(verifier, "_verified", lambda verified: lambda *arguments: judge(verified, *arguments))


@fault("VER-24")
def signature_not_checked(patch: Patch) -> None:
    """The key is chosen with care and the result of verifying dropped: all that was shipped were claim checks (W17)."""
    _varying(patch, tuple(ALGORITHMS), lambda verify, _: lambda signature, data: verify(signature, data) or True)


@fault("VER-24")
def signature_over_json_written_again(patch: Patch) -> None:
    """Header and claims are parsed, written again and verified in that form, not as transmitted."""

    def judge(verified: Any, token: bytes, header: verifier.Header, tail: bytes, *rest: Any) -> Any:
        parts = [_written_again(part) for part in token.split(b".")[:2]]
        return verified(b".".join([*parts, tail]), header, tail, *rest)

    _around_verified(patch, judge)


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
        at = _ALPHABET.index(segment[-1:]) & (0x30 if rest == 2 else 0x3C)
        return segment[:-1] + _ALPHABET[at : at + 1]

    def around(octets: Any) -> Any:
        return lambda *arguments: b".".join(map(canonical, octets(*arguments).split(b".")))

    patch.wrap(verifier, "_octets", around)


_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


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

    def judge(verified: Any, token: bytes, header: verifier.Header, tail: bytes, held: Any, algorithms: Any) -> Any:
        key = (id(held), key_of(token, tail))
        if key not in cache:
            cache[key] = verified(token, header, tail, held, algorithms)
        return cache[key]

    _around_verified(patch, judge)


@fault("VER-24")
def hmac_compared_by_prefix(patch: Patch) -> None:
    """The tag is compared over the length of what was sent, so one octet is soon guessed (`memcmp`)."""

    def vary(_: Verify, jwk: Jwk) -> Verify:
        secret = decode_base64url(jwk["k"])
        return lambda signature, data: hmac.digest(secret, data, "sha256").startswith(signature)

    _varying(patch, ("HS256",), vary)


@fault("VER-24")
def octets_after_the_hmac_ignored(patch: Patch) -> None:
    """The tag is read from a buffer of fixed size, and what follows it is not looked at."""
    _respelling(patch, ("HS256",), lambda signature, _: signature[:32])


@fault("VER-24")
def claims_returned_from_another_parse(patch: Patch) -> None:
    """The verified payload is thrown away and the caller gets what a second, careless decoding yields."""

    def around(verify: Any) -> Any:
        def verify_and_decode(self: Any, token: bytes) -> Accepted:
            accepted: Accepted = verify(self, token)
            payload = decode_segment(token.split(b".")[1])
            return replace(accepted, claims=json.loads(payload.decode("latin-1")))

        return verify_and_decode

    patch.wrap(verifier.Verifier, "_verify", around)


@fault("VER-25")
def previous_secret_is_empty(patch: Patch) -> None:
    """For rotation a previous secret is tried as well, and there has been none yet, so it is empty (GHSA-gg9x)."""
    _second_secret(patch, b"")


@fault("VER-25")
def previous_secret_is_the_word_undefined(patch: Patch) -> None:
    """An unset variable becomes text on its way into the configuration: `undefined`."""
    _second_secret(patch, b"undefined")


def _second_secret(patch: Patch, secret: bytes) -> None:
    def vary(verify: Verify, _: Jwk) -> Verify:
        return lambda signature, data: (
            verify(signature, data) or hmac.compare_digest(hmac.digest(secret, data, "sha256"), signature)
        )

    _varying(patch, ("HS256",), vary)


@fault("VER-25")
def missing_kid_skips_the_signature(patch: Patch) -> None:
    """A token that names no key is taken for one of a legacy issuer, whose signature nobody could check."""

    def judge(verified: Any, token: bytes, header: verifier.Header, tail: bytes, held: Any, algorithms: Any) -> Any:
        if header.kid is None and header.alg in algorithms and tail:
            return keys.Key(None, header.alg, lambda *_: True)
        return verified(token, header, tail, held, algorithms)

    _around_verified(patch, judge)


@fault("VER-25")
def secret_of_a_public_key_is_empty(patch: Patch) -> None:
    """HS256 reads the secret `k` of whatever key is named, and a public key has none: `jwk.get("k", "")`."""

    def judge(verified: Any, token: bytes, header: verifier.Header, tail: bytes, *rest: Any) -> Any:
        held = vars(rest[0]).get("_named", {}).get(header.kid)
        if header.alg != "HS256" or held is None or held.alg == "HS256":
            return verified(token, header, tail, *rest)
        if hmac.digest(b"", token[: -len(tail) - 1], "sha256") != decode_segment(tail):
            raise Refusal(Reason.SIGNATURE)
        return held

    _around_verified(patch, judge)


_ECDSA = ("ES256", "ES384")
_SIZES = {"P-256": 32, "P-384": 48}
_ORDERS = {
    "P-256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "P-384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
}


def _raw(r: int, s: int, size: int) -> bytes:
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def _short_circuit(patch: Patch, holds: Callable[[int, int, int], bool]) -> None:
    """Accept an ECDSA signature whose numbers make the unchecked equation hold."""

    def vary(verify: Verify, jwk: Jwk) -> Verify:
        size, order = _SIZES[jwk["crv"]], _ORDERS[jwk["crv"]]

        def verify_unchecked(signature: bytes, data: bytes) -> bool:
            r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
            return (len(signature) == 2 * size and holds(r, s, order)) or verify(signature, data)

        return verify_unchecked

    _varying(patch, _ECDSA, vary)


@fault("VER-26")
def psychic_signature_accepted(patch: Patch) -> None:
    """The numbers r and s are not held against their range, and with zeros the equation holds (CVE-2022-21449)."""
    _short_circuit(patch, lambda r, s, _: r == 0 == s)


@fault("VER-26")
def multiples_of_the_order_accepted(patch: Patch) -> None:
    """Zeros are refused and the group order, which is zero again, is not: the sibling of CVE-2022-21449."""
    _short_circuit(patch, lambda r, s, order: r == order == s)


@fault("VER-26")
def ecdsa_in_der_accepted(patch: Patch) -> None:
    """The library under it wants DER, so a signature that begins like DER is handed on as it is."""

    def raw(signature: bytes, jwk: Jwk) -> bytes:
        try:
            return _raw(*decode_dss_signature(signature), _SIZES[jwk["crv"]])
        except (ValueError, OverflowError):
            return signature

    _respelling(patch, _ECDSA, raw)


@fault("VER-26")
def ecdsa_cut_in_half_at_any_length(patch: Patch) -> None:
    """The two halves of whatever was sent are r and s, so padded integers are another spelling (CVE-2019-14859)."""

    def halved(signature: bytes, jwk: Jwk) -> bytes:
        half, size = len(signature) // 2, _SIZES[jwk["crv"]]
        return b"".join(part.lstrip(b"\0").rjust(size, b"\0") for part in (signature[:half], signature[half:]))

    _respelling(patch, _ECDSA, halved)


@fault("VER-26")
def octets_after_ecdsa_ignored(patch: Patch) -> None:
    """The numbers r and s are read off the front, and what follows them is not looked at."""
    _respelling(patch, _ECDSA, lambda signature, jwk: signature[: 2 * _SIZES[jwk["crv"]]])


_ED25519 = ("EdDSA", "Ed25519")
_L = 2**252 + 27742317777372353535851937790883648493


@fault("VER-27")
def ed25519_scalar_reduced(patch: Patch) -> None:
    """S is reduced by the group order in place of being refused, so S + L is another spelling (CVE-2024-48949)."""

    def reduced(signature: bytes, _: Jwk) -> bytes:
        return signature[:32] + (int.from_bytes(signature[32:], "little") % _L).to_bytes(32, "little")

    _respelling(patch, _ED25519, lambda signature, jwk: reduced(signature, jwk) if len(signature) == 64 else signature)


@fault("VER-27")
def ed25519_top_bit_masked(patch: Patch) -> None:
    """The top bit of S is masked away, as early implementations did with that of a point."""
    _respelling(patch, _ED25519, lambda signature, _: signature[:-1] + bytes([signature[-1] & 0x7F]))


@fault("VER-27")
def octets_after_ed25519_ignored(patch: Patch) -> None:
    """The first 64 octets are the signature, and what follows them is not looked at."""
    _respelling(patch, _ED25519, lambda signature, _: signature[:64])


def _modulus(jwk: Jwk) -> int:
    return int.from_bytes(decode_base64url(jwk["n"]), "big")


@fault("VER-28")
def rsa_leading_zeros_stripped(patch: Patch) -> None:
    """The signature is read as a number, to which zeros in front make no difference (RFC 8017 §8.2.2 step 1)."""
    _respelling(patch, ("RS256", "PS256"), lambda signature, _: signature.lstrip(b"\0").rjust(256, b"\0"))


@fault("VER-28")
def short_rsa_signature_padded(patch: Patch) -> None:
    """A signature whose first octet was zero and got lost is filled up again: a second spelling."""
    _respelling(patch, ("RS256", "PS256"), lambda signature, _: signature.rjust(256, b"\0"))


@fault("VER-28")
def rsa_signature_reduced(patch: Patch) -> None:
    """The number s is not held against the modulus, and modular arithmetic takes s + n for s (RFC 8017 §5.2.2)."""

    def reduced(signature: bytes, jwk: Jwk) -> bytes:
        return (int.from_bytes(signature, "big") % _modulus(jwk)).to_bytes(256, "big")

    _respelling(patch, ("RS256", "PS256"), lambda signature, jwk: reduced(signature, jwk) if signature else signature)


def _rsa_verify(patch: Patch, name: str, pad: padding.AsymmetricPadding, digest: hashes.HashAlgorithm) -> None:
    """Accept signatures with these parameters beside the right ones."""

    def vary(verify: Verify, jwk: Jwk) -> Verify:
        public = rsa.RSAPublicNumbers(65537, _modulus(jwk)).public_key()

        def verify_either(signature: bytes, data: bytes) -> bool:
            try:
                public.verify(signature, data, pad, digest)
            except InvalidSignature:
                return verify(signature, data)
            return True

        return verify_either

    _varying(patch, (name,), vary)


@fault("VER-28")
def pss_salt_of_any_length(patch: Patch) -> None:
    """The length of the salt is read off the signature, which is the default of more than one library."""
    _rsa_verify(patch, "PS256", padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO), hashes.SHA256())


@fault("VER-28")
def pss_mask_of_sha1(patch: Patch) -> None:
    """The mask is generated with SHA-1, the default of RFC 8017 where nothing is said."""
    _rsa_verify(patch, "PS256", padding.PSS(padding.MGF1(hashes.SHA1()), 32), hashes.SHA256())  # noqa: S303 - the fault


@fault("VER-28")
def pss_hash_not_bound(patch: Patch) -> None:
    """PS384 passes for PS256, since the signature tells its own hash."""
    _rsa_verify(patch, "PS256", padding.PSS(padding.MGF1(hashes.SHA384()), 48), hashes.SHA384())


@fault("VER-28")
def pkcs1_padding_parsed(patch: Patch) -> None:
    """The padding is parsed, not compared, and octets after the hash are forgiven (Bleichenbacher 2006)."""

    def vary(verify: Verify, jwk: Jwk) -> Verify:
        def parse(signature: bytes, data: bytes) -> bool:
            number, modulus = int.from_bytes(signature, "big"), _modulus(jwk)
            opened = pow(number, 65537, modulus).to_bytes(256, "big")
            digest = hashes.Hash(hashes.SHA256())
            digest.update(data)
            _, _, rest = opened.removeprefix(b"\0\1").lstrip(b"\xff").partition(_DIGEST_INFO)
            if len(signature) != 256 or number >= modulus or opened[:3] != b"\0\1\xff":
                return verify(signature, data)
            return rest.startswith(digest.finalize())

        return parse

    _varying(patch, ("RS256",), vary)


_DIGEST_INFO = bytes.fromhex("003031300d060960864801650304020105000420")


Judge = Callable[[Any, dict[str, Any], float], None]


def _judged_first(patch: Patch, judge: Judge) -> None:
    """Judge claims before the signature; ``judge`` gets the verifier, the unverified claims and the time."""

    def around(verify: Any) -> Any:
        def judge_and_verify(self: Any, token: bytes) -> Any:
            payload = split_compact(token)[1]
            judge(self, parse_object(decode_segment(payload)), self._clock.now())
            return verify(self, token)

        return judge_and_verify

    patch.wrap(verifier.Verifier, "_verify", around)


@fault("VER-46")
def claims_before_signature(patch: Patch) -> None:
    """The cheap checks come first and the dear one last, so the claims of anybody get an answer (W17)."""
    _judged_first(patch, lambda self, claims, now: vars(self)["_check_claims"](claims, now))


@fault("VER-46")
def expiry_before_signature(patch: Patch) -> None:
    """An expired token is refused before anything is computed for it, by what it says of itself."""

    def judge(_: Any, claims: dict[str, Any], now: float) -> None:
        expires = claims.get("exp")
        if isinstance(expires, int) and expires <= now:
            raise Refusal(Reason.EXPIRED)

    _judged_first(patch, judge)


@fault("VER-46")
def issuer_before_signature(patch: Patch) -> None:
    """`iss` chooses the key set, and one that is not known is reported as such before there is a key."""

    def judge(self: Any, claims: dict[str, Any], _: float) -> None:
        if claims.get("iss") != self.policy.issuer:
            raise Refusal(Reason.ISSUER)

    _judged_first(patch, judge)


@fault("VER-46")
def id_token_checks_before_signature(patch: Patch) -> None:
    """The relying party compares the nonce as soon as the token arrives and has it verified afterwards."""

    def judge(self: Any, claims: dict[str, Any], now: float) -> None:
        if self.policy.profile is Profile.ID_TOKEN and "aud" in claims:
            idtoken.check(claims, self.policy, "ES256", now)

    _judged_first(patch, judge)


@fault("VER-46")
def look_ups_before_signature(patch: Patch) -> None:
    """The session store is asked about every token that comes in, so anybody can ask it anything."""

    def judge(self: Any, claims: dict[str, Any], _: float) -> None:
        if vars(self)["_liveness"] is not None:
            self._look_up(claims)

    _judged_first(patch, judge)
