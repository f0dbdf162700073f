"""Keys and signatures: RFC 7517, RFC 7518 §3 and §6, RFC 8037; the arithmetic is that of ``cryptography``."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from bearerproof_fuzz.victims import encoding
from bearerproof_fuzz.victims.refusal import Json, Refused

Public = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

HASHES: Mapping[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}

CURVES: Mapping[str, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}

ORDERS = {
    "P-256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "P-384": int("F" * 48 + "C7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973", 16),
    "P-521": int("1FF" + "F" * 63 + "A51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409", 16),
}
"""The number of points of each curve, n (FIPS 186-5, SP 800-186 §3.2.1)."""

EDWARDS_ORDER = 2**252 + 27742317777372353535851937790883648493
"""L, the order of the base point (RFC 8032 §5.1)."""

CURVE_OF = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519", "Ed25519": "Ed25519"}

KTY_OF = {"HS": "oct", "RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}

ALGORITHMS = [*(family + bits for family in ("HS", "RS", "PS", "ES") for bits in HASHES), "EdDSA", "Ed25519"]
"""What is verified (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2)."""


@dataclass(frozen=True)
class Key:
    """A key that can be computed with; a member that its source did not give is None.

    ``usable`` says whether ``use`` and ``key_ops`` allow the verification of signatures (RFC 7517 §4.2, §4.3).
    """

    kid: object
    kty: str
    material: Any
    crv: str | None = None
    alg: object = None
    usable: bool = True
    jwk: Json | None = None

    @property
    def identity(self) -> object:
        """What two entries of one key have in common."""
        if isinstance(self.material, bytes):
            return self.material
        return self.material.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    def fits(self, algorithm: str) -> bool:
        """Say whether the algorithm is one of this type and curve (RFC 7518 §3.1)."""
        return self.kty == KTY_OF[algorithm[:2]] and self.crv in (None, CURVE_OF.get(algorithm))


# --- from a JWK


def from_jwk(jwk: Json) -> Key:
    """Read a JWK (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2).

    Raises:
        Refused: it is malformed, of a type that is not known, or too weak.
    """
    kty = jwk.get("kty")
    readers: Mapping[object, Callable[[Json], Any]] = {"oct": _oct, "RSA": _rsa, "EC": _ec, "OKP": _okp}
    if not isinstance(kty, str) or kty not in readers:
        raise Refused("key-unusable")
    crv = jwk.get("crv") if kty in ("EC", "OKP") else None
    return Key(jwk.get("kid"), kty, readers[kty](jwk), crv, jwk.get("alg"), _verifies(jwk), jwk)


def _verifies(jwk: Json) -> bool:
    operations = jwk.get("key_ops", ["verify"])
    return jwk.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations


def octets(jwk: Json, name: str) -> bytes:
    """Return a member that is base64url."""
    value = jwk.get(name)
    if not isinstance(value, str):
        raise Refused("key-unusable")
    try:
        return encoding.decode(value)
    except Refused:
        raise Refused("key-unusable") from None


def number(jwk: Json, name: str) -> int:
    """Return a member that is a positive integer in as few octets as it needs (RFC 7518 §2, Base64urlUInt)."""
    return int.from_bytes(octets(jwk, name))


def _oct(jwk: Json) -> bytes:
    return octets(jwk, "k")


def _rsa(jwk: Json) -> rsa.RSAPublicKey:
    return strong(rsa_of(number(jwk, "n"), number(jwk, "e")))


def rsa_of(modulus: int, exponent: int) -> rsa.RSAPublicKey:
    """Make an RSA key of its two numbers."""
    try:
        return rsa.RSAPublicNumbers(exponent, modulus).public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise Refused("key-unusable") from None


def _ec(jwk: Json) -> ec.EllipticCurvePublicKey:
    curve = CURVES.get(str(jwk.get("crv")))
    if curve is None:
        raise Refused("key-unusable")
    size = (curve.key_size + 7) // 8
    x, y = octets(jwk, "x"), octets(jwk, "y")
    if len(x) != size or len(y) != size:  # RFC 7518 §6.2.1.2: the full size of a coordinate
        raise Refused("key-unusable")
    return point(curve, int.from_bytes(x), int.from_bytes(y))


def point(curve: ec.EllipticCurve, x: int, y: int) -> ec.EllipticCurvePublicKey:
    """Make an EC key of a point that has to lie on the curve (RFC 8725 §3.4)."""
    try:
        return ec.EllipticCurvePublicNumbers(x, y, curve).public_key()
    except ValueError:
        raise Refused("key-unusable") from None


def _okp(jwk: Json) -> ed25519.Ed25519PublicKey:
    if jwk.get("crv") != "Ed25519":
        raise Refused("key-unusable")
    try:
        return ed25519.Ed25519PublicKey.from_public_bytes(octets(jwk, "x"))
    except ValueError:
        raise Refused("key-unusable") from None


# --- from text


def from_text(kid: str, text: str) -> Key:
    """Read a public key from the text of a JWK, or from one that names no algorithm."""
    if text.startswith("{"):
        return replace(from_jwk(json.loads(text)), kid=kid)
    key = load(text)
    if isinstance(key, rsa.RSAPublicKey):
        return Key(kid, "RSA", strong(key))
    if isinstance(key, ec.EllipticCurvePublicKey):
        return Key(kid, "EC", key, f"P-{key.curve.key_size}")
    if isinstance(key, ed25519.Ed25519PublicKey):
        return Key(kid, "OKP", key, "Ed25519")
    raise Refused("key-unusable")


def load(text: str) -> object:
    """Load a PEM text, a certificate, a line of OpenSSH or DER in base64 as the key of whatever type that it is."""
    raw = text.encode()
    try:
        if "BEGIN CERTIFICATE" in text:
            return x509.load_pem_x509_certificate(raw).public_key()
        if "BEGIN" in text:
            return serialization.load_pem_public_key(raw)
        if " " in text:
            return serialization.load_ssh_public_key(raw)
        return serialization.load_der_public_key(base64.b64decode(raw))
    except (ValueError, UnsupportedAlgorithm):
        raise Refused("key-unusable") from None


# --- strength


def strong(key: rsa.RSAPublicKey) -> rsa.RSAPublicKey:
    """Refuse an RSA key below 2048 bits, with an exponent that hides nothing, or of the faulty library."""
    numbers = key.public_numbers()
    if key.key_size < 2048 or numbers.e < 3 or numbers.e % 2 == 0 or has_fingerprint(numbers.n):
        raise Refused("key-unusable")
    return key


def has_fingerprint(modulus: int) -> bool:
    """Say whether a modulus is a power of 65537 modulo each small prime, as CVE-2017-15361 makes them."""
    return all(modulus % prime in _powers(prime) for prime in _PRIMES)


def _powers(prime: int) -> frozenset[int]:
    if prime not in _POWERS:
        _POWERS[prime] = frozenset(pow(65537, exponent, prime) for exponent in range(prime - 1))
    return _POWERS[prime]


_POWERS: dict[int, frozenset[int]] = {}

_PRIMES = [number for number in range(3, 168) if all(number % divisor for divisor in range(2, number))]


# --- signatures


def verify(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """Say whether the signature is the key's over this input, in the one form that RFC 7518 §3 gives it."""
    scheme: Mapping[str, Verification] = {
        "HS": verify_hmac,
        "RS": verify_pkcs1,
        "PS": verify_pss,
        "ES": verify_ecdsa,
        "Ed": verify_eddsa,
    }
    return scheme[algorithm[:2]](key, algorithm, signing_input, signature)


Verification = Callable[[Key, str, bytes, bytes], bool]


def mac(secret: bytes, algorithm: str, signing_input: bytes) -> bytes:
    """Return the HMAC of RFC 7518 §3.2."""
    return hmac.digest(secret, signing_input, f"sha{algorithm[-3:]}")


def verify_hmac(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """RFC 7518 §3.2: with a secret at least as long as the output."""
    if len(key.material) * 8 < int(algorithm[-3:]):
        raise Refused("key-unusable")
    return hmac.compare_digest(mac(key.material, algorithm, signing_input), signature)


def verify_pkcs1(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """RFC 8017 §8.2.2."""
    return _verify_rsa(key, algorithm, signing_input, signature, padding.PKCS1v15())


def verify_pss(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """RFC 7518 §3.5: MGF1 of the same hash, a salt as long as its output."""
    digest = HASHES[algorithm[-3:]]
    return _verify_rsa(key, algorithm, signing_input, signature, padding.PSS(padding.MGF1(digest), digest.digest_size))


def _verify_rsa(
    key: Key, algorithm: str, signing_input: bytes, signature: bytes, pad: padding.PSS | padding.PKCS1v15
) -> bool:
    if len(signature) != (key.material.key_size + 7) // 8:
        return False
    return holds(lambda: key.material.verify(signature, signing_input, pad, HASHES[algorithm[-3:]]))


def verify_ecdsa(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """RFC 7518 §3.4: r and s in as many octets as the curve has, each from 1 to n - 1 (FIPS 186-5 §6.4.2)."""
    size = (key.material.curve.key_size + 7) // 8
    if len(signature) != 2 * size:
        return False
    r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
    if not all(0 < value < ORDERS[CURVE_OF[algorithm]] for value in (r, s)):
        return False
    return ecdsa_holds(key, algorithm, signing_input, r, s)


def ecdsa_holds(key: Key, algorithm: str, signing_input: bytes, r: int, s: int) -> bool:
    """Say whether the two numbers are a signature."""
    der = encode_dss_signature(r, s)
    return holds(lambda: key.material.verify(der, signing_input, ec.ECDSA(HASHES[algorithm[-3:]])))


def verify_eddsa(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:  # noqa: ARG001 - one scheme
    """RFC 8032 §5.1.7: 64 octets, and S below L."""
    if len(signature) != 64 or int.from_bytes(signature[32:], "little") >= EDWARDS_ORDER:
        return False
    return holds(lambda: key.material.verify(signature, signing_input))


def holds(verification: Callable[[], None]) -> bool:
    """Say whether a verification of ``cryptography`` goes through."""
    try:
        verification()
    except (InvalidSignature, ValueError):
        return False
    return True


def digest(algorithm: str, text: str) -> bytes:
    """Hash as the algorithm does; EdDSA hashes with SHA-512 (RFC 8032 §5.1)."""
    return hashed(algorithm if algorithm[-3:] in HASHES else "512", text.encode())


def hashed(algorithm: str, octets_: bytes) -> bytes:
    """Hash as an algorithm whose name ends in the number of bits."""
    return hashlib.new(f"sha{algorithm[-3:]}", octets_).digest()
