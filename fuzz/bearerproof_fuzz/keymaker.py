"""Makes the pool of test keys, ``keys.json``, once: ``python -m bearerproof_fuzz.keymaker``.

The pool is data of the package, so that every run on every machine signs the same bytes. The private keys in it
protect nothing.
"""

import base64
import datetime as dt
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import NameOID

from bearerproof_fuzz.rocakeys import fingerprinted_key

Private = ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

POOL = Path(__file__).with_name("keys.json")

_ROLES = ("a", "b", "attacker")


def made(material: str) -> dict[str, str]:
    """Return an entry of the pool, made just now: a key pair as PEM, with a certificate of it.

    Raises:
        ValueError: it is of a material that is no key pair of these.
    """
    makers: dict[str, Callable[[], Private]] = {
        "ed25519": ed25519.Ed25519PrivateKey.generate,
        "ed448": ed448.Ed448PrivateKey.generate,
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
        "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
        "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
    }
    if material not in makers:
        raise ValueError(f"no key pair of {material} is made")
    return _asymmetric(makers[material]())


def main() -> None:
    """Write a fresh pool; every frozen vector changes with it."""
    pool: dict[str, Any] = {}
    for role in _ROLES:
        pool[f"ed25519-{role}"] = _asymmetric(ed25519.Ed25519PrivateKey.generate())
        pool[f"p256-{role}"] = _asymmetric(ec.generate_private_key(ec.SECP256R1()))
        pool[f"p384-{role}"] = _asymmetric(ec.generate_private_key(ec.SECP384R1()))
        pool[f"p521-{role}"] = _asymmetric(ec.generate_private_key(ec.SECP521R1()))
        pool[f"secp256k1-{role}"] = _asymmetric(ec.generate_private_key(ec.SECP256K1()))
        pool[f"ed448-{role}"] = _asymmetric(ed448.Ed448PrivateKey.generate())
        for size in (44, 65, 87):
            pool[f"mldsa{size}-{role}"] = {"secret": base64.b64encode(os.urandom(32)).decode()}
        pool[f"rsa-{role}"] = _asymmetric(rsa.generate_private_key(65537, 2048))
        pool[f"oct-{role}"] = {"secret": base64.b64encode(os.urandom(64)).decode()}
    pool["rsa-1024"] = _asymmetric(rsa.generate_private_key(65537, 1024))  # noqa: S505 - weak on purpose
    for name, curve in {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}.items():
        for coordinate in ("x", "y"):
            pool[f"{name}-zero-{coordinate}"] = _asymmetric(_with_a_leading_zero(curve, coordinate))
    for number in (1, 2, 3):
        pool[f"rsa-roca-{number}"] = _asymmetric(fingerprinted_key())
    POOL.write_text(json.dumps(pool, indent=1) + "\n", encoding="ascii")


def _with_a_leading_zero(curve: ec.EllipticCurve, coordinate: str) -> ec.EllipticCurvePrivateKey:
    """Return a key with a coordinate whose first octet is zero, as one in 256 has (RFC 7518 §6.2.1.2)."""
    while True:
        private = ec.generate_private_key(curve)
        if getattr(private.public_key().public_numbers(), coordinate).bit_length() <= curve.key_size - 8:
            return private


def _asymmetric(private: Private) -> dict[str, Any]:
    pkcs8 = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    certificate = _certificate(private).public_bytes(serialization.Encoding.PEM)
    return {"pkcs8": pkcs8.decode(), "certificate": certificate.decode()}


def _certificate(private: Private) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bearerproof test key")])
    digest = None if isinstance(private, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) else hashes.SHA256()
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=365 * 80))
        .sign(private, digest)
    )


if __name__ == "__main__":
    main()
