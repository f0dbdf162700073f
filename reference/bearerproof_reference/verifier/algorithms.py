"""The JWS algorithms: what kind of key each takes, and how it verifies (RFC 7518 §3, RFC 8037, RFC 9864)."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256, sha384, sha512
from typing import Any, Protocol, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from bearerproof_reference.verifier.jose import decode_base64url

Verify: TypeAlias = Callable[[bytes, bytes], bool]
"""Takes a signature and the bytes it should cover; never raises for what a token can hold."""

Jwk: TypeAlias = Mapping[str, Any]


class UnusableKeyError(ValueError):
    """The key must not verify anything; the message says why."""


class Digest(Protocol):
    """What hashlib makes of some bytes."""

    def digest(self) -> bytes:
        """Return the octets of the hash."""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One name of the ``alg`` registry: the key it needs, the hash of ``at_hash``, and how it verifies."""

    kty: str
    crv: str | None
    digest: Callable[[bytes], Digest]
    prepare: Callable[[Jwk], Verify]


def _hmac_sha256(jwk: Jwk) -> Verify:
    secret = decode_base64url(jwk.get("k"))
    if len(secret) < 32:
        raise UnusableKeyError("an HS256 secret has at least 256 bits (RFC 7518 §3.2)")

    def verify(signature: bytes, data: bytes) -> bool:
        return hmac.compare_digest(hmac.digest(secret, data, sha256), signature)

    return verify


def _rsa(pad: padding.AsymmetricPadding) -> Callable[[Jwk], Verify]:
    digest = hashes.SHA256()

    def prepare(jwk: Jwk) -> Verify:
        key = _rsa_key(jwk)
        size = (key.key_size + 7) // 8

        def verify(signature: bytes, data: bytes) -> bool:
            if len(signature) != size:
                return False
            try:
                key.verify(signature, data, pad, digest)
            except InvalidSignature:
                return False
            return True

        return verify

    return prepare


def _rsa_key(jwk: Jwk) -> rsa.RSAPublicKey:
    """Return an RSA key that is worth verifying with (RFC 7518 §3.3, §6.3.1; NIST SP 800-89 §5.3.3)."""
    modulus = int.from_bytes(decode_base64url(jwk.get("n")))
    exponent = int.from_bytes(decode_base64url(jwk.get("e")))
    if not 2048 <= modulus.bit_length() <= 8192:
        raise UnusableKeyError("an RSA modulus has 2048 to 8192 bits")
    if all(modulus % prime in residues for prime, residues in _ROCA.items()):
        raise UnusableKeyError("the modulus has the fingerprint of CVE-2017-15361")
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


# Moduli made by the faulty library are powers of 65537 modulo each of these primes; others are so by an
# accident of about one in 2**27.
_ROCA = {
    prime: frozenset(pow(65537, power, prime) for power in range(prime))
    for prime in (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)
}


def _ecdsa(curve: ec.EllipticCurve, digest: hashes.HashAlgorithm) -> Callable[[Jwk], Verify]:
    size = curve.key_size // 8
    scheme = ec.ECDSA(digest)

    def prepare(jwk: Jwk) -> Verify:
        x, y = decode_base64url(jwk.get("x")), decode_base64url(jwk.get("y"))
        if {len(x), len(y)} != {size}:
            raise UnusableKeyError("an EC co-ordinate has the full length of its curve (RFC 7518 §6.2.1.2)")
        key = ec.EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), curve).public_key()

        def verify(signature: bytes, data: bytes) -> bool:
            # Fixed length (RFC 7518 §3.4); 1 <= r, s < n is checked by the curve code that gets them as DER.
            if len(signature) != 2 * size:
                return False
            r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
            try:
                key.verify(encode_dss_signature(r, s), data, scheme)
            except InvalidSignature:
                return False
            return True

        return verify

    return prepare


def _ed25519(jwk: Jwk) -> Verify:
    key = ed25519.Ed25519PublicKey.from_public_bytes(decode_base64url(jwk.get("x")))

    def verify(signature: bytes, data: bytes) -> bool:
        try:
            key.verify(signature, data)
        except InvalidSignature:
            return False
        return True

    return verify


_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)

ALGORITHMS: dict[str, Algorithm] = {
    "HS256": Algorithm("oct", None, sha256, _hmac_sha256),
    "RS256": Algorithm("RSA", None, sha256, _rsa(padding.PKCS1v15())),
    "PS256": Algorithm("RSA", None, sha256, _rsa(_PSS)),
    "ES256": Algorithm("EC", "P-256", sha256, _ecdsa(ec.SECP256R1(), hashes.SHA256())),
    "ES384": Algorithm("EC", "P-384", sha384, _ecdsa(ec.SECP384R1(), hashes.SHA384())),
    # The hash inside Ed25519 is SHA-512, so that is what its at_hash and c_hash take.
    "EdDSA": Algorithm("OKP", "Ed25519", sha512, _ed25519),
    "Ed25519": Algorithm("OKP", "Ed25519", sha512, _ed25519),
}
"""Every algorithm known. ``none`` is not among them, in any spelling."""
