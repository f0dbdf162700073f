"""The JWS algorithms: what kind of key each takes, and how it verifies (RFC 7518 §3, RFC 8037, RFC 9864)."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from bearerproof_reference.verifier.jose import decode_base64url

Verify: TypeAlias = Callable[[bytes, bytes], bool]
"""Takes a signature and the bytes it should cover; never raises for what a token can hold."""

Jwk: TypeAlias = Mapping[str, Any]


class UnusableKeyError(ValueError):
    """The key must not verify anything; the message says why."""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One name of the ``alg`` registry: the key it needs, the hash of ``at_hash``, and how it verifies."""

    kty: str
    crv: str | None
    hash: Callable[[bytes], Any]
    prepare: Callable[[Jwk], Verify]

    def digest(self, artefact: bytes) -> bytes:
        """Return the hash that ``at_hash`` is taken from (OpenID Connect Core §3.1.3.6)."""
        hashed = self.hash(artefact)
        made: bytes = hashed.digest(_SHAKE256_SIZE) if hashed.name.startswith("shake") else hashed.digest()
        return made


_SHAKE256_SIZE = 114
"""Octets of SHAKE256 inside Ed448 (RFC 8032 §5.2)."""


def _hmac(digest: hashes.HashAlgorithm) -> Callable[[Jwk], Verify]:
    def prepare(jwk: Jwk) -> Verify:
        secret = decode_base64url(jwk.get("k"))
        if len(secret) < digest.digest_size:
            raise UnusableKeyError("an HMAC secret is at least as long as the hash (RFC 7518 §3.2)")

        def verify(signature: bytes, data: bytes) -> bool:
            return hmac.compare_digest(hmac.digest(secret, data, digest.name), signature)

        return verify

    return prepare


def _rsa(pad: padding.AsymmetricPadding, digest: hashes.HashAlgorithm) -> Callable[[Jwk], Verify]:
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
    size = (curve.key_size + 7) // 8
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


class _PublicKey(Protocol):
    """A key whose scheme leaves nothing to choose."""

    def verify(self, signature: bytes, data: bytes) -> None:
        """Return if the signature is right.

        Raises:
            InvalidSignature: it is not.
        """


def _octets(member: str, load: Callable[[bytes], _PublicKey]) -> Callable[[Jwk], Verify]:
    """Return how a key is prepared that is one string of octets (RFC 8037 §2; draft-ietf-cose-dilithium)."""
    return lambda jwk: _plain(load(decode_base64url(jwk.get(member))))


def _plain(key: _PublicKey) -> Verify:
    def verify(signature: bytes, data: bytes) -> bool:
        try:
            key.verify(signature, data)
        except InvalidSignature:
            return False
        return True

    return verify


def _ml_dsa() -> dict[str, Algorithm]:
    """Return the algorithms of draft-ietf-cose-dilithium, where the library under it has them."""
    try:
        from cryptography.hazmat.primitives.asymmetric import mldsa  # noqa: PLC0415 - not in every version that will do
    except ImportError:
        return {}
    keys: dict[int, Any] = {44: mldsa.MLDSA44PublicKey, 65: mldsa.MLDSA65PublicKey, 87: mldsa.MLDSA87PublicKey}
    return {
        f"ML-DSA-{size}": Algorithm("AKP", None, hashlib.shake_256, _octets("pub", key.from_public_bytes))
        for size, key in keys.items()
    }


def _pss(digest: hashes.HashAlgorithm) -> padding.PSS:
    """Return the only parameters that RFC 7518 §3.5 allows with this hash."""
    return padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)


_SHA256, _SHA384, _SHA512 = hashes.SHA256(), hashes.SHA384(), hashes.SHA512()
_ED25519 = Algorithm("OKP", "Ed25519", hashlib.sha512, _octets("x", ed25519.Ed25519PublicKey.from_public_bytes))

ALGORITHMS: dict[str, Algorithm] = {
    "HS256": Algorithm("oct", None, hashlib.sha256, _hmac(_SHA256)),
    "HS384": Algorithm("oct", None, hashlib.sha384, _hmac(_SHA384)),
    "HS512": Algorithm("oct", None, hashlib.sha512, _hmac(_SHA512)),
    "RS256": Algorithm("RSA", None, hashlib.sha256, _rsa(padding.PKCS1v15(), _SHA256)),
    "RS384": Algorithm("RSA", None, hashlib.sha384, _rsa(padding.PKCS1v15(), _SHA384)),
    "RS512": Algorithm("RSA", None, hashlib.sha512, _rsa(padding.PKCS1v15(), _SHA512)),
    "PS256": Algorithm("RSA", None, hashlib.sha256, _rsa(_pss(_SHA256), _SHA256)),
    "PS384": Algorithm("RSA", None, hashlib.sha384, _rsa(_pss(_SHA384), _SHA384)),
    "PS512": Algorithm("RSA", None, hashlib.sha512, _rsa(_pss(_SHA512), _SHA512)),
    "ES256": Algorithm("EC", "P-256", hashlib.sha256, _ecdsa(ec.SECP256R1(), _SHA256)),
    "ES384": Algorithm("EC", "P-384", hashlib.sha384, _ecdsa(ec.SECP384R1(), _SHA384)),
    "ES512": Algorithm("EC", "P-521", hashlib.sha512, _ecdsa(ec.SECP521R1(), _SHA512)),
    "ES256K": Algorithm("EC", "secp256k1", hashlib.sha256, _ecdsa(ec.SECP256K1(), _SHA256)),
    # The hash inside Ed25519 is SHA-512, so that is what its at_hash and c_hash take; that of Ed448 is SHAKE256.
    "EdDSA": _ED25519,
    "Ed25519": _ED25519,
    "Ed448": Algorithm("OKP", "Ed448", hashlib.shake_256, _octets("x", ed448.Ed448PublicKey.from_public_bytes)),
    **_ml_dsa(),
}
"""Every algorithm known. ``none`` is not among them, in any spelling."""
