"""JWEs that really decrypt (RFC 7516, RFC 7518 §4, §5), made so that the same content is the same bytes every time.

What has to be random follows from what is encrypted: keys, nonces and seeds of test tokens protect nothing. A key is
managed by a ``Management``: from the seed it makes the content encryption key, as the recipient will recover it, what
stands in the second segment, and what it adds to the header.

    >>> token = encrypt({"enc": "A256GCM"}, b"secret", direct(bytes(32)))
    >>> token.count(".")
    4
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from bearerproof_fuzz.keys import b64
from bearerproof_fuzz.pss import Hash, mask

Header = dict[str, Any]

CONTENT_KEY = {
    "A128GCM": 16,
    "A192GCM": 24,
    "A256GCM": 32,
    "A128CBC-HS256": 32,
    "A192CBC-HS384": 48,
    "A256CBC-HS512": 64,
}
"""Octets of the key of each content encryption (RFC 7518 §5.1)."""

_COMPOSITE = {"A128CBC-HS256": "sha256", "A192CBC-HS384": "sha384", "A256CBC-HS512": "sha512"}


@dataclass(frozen=True)
class Managed:
    """A content encryption key, the segment that carries it, and the header parameters that go with it."""

    key: bytes
    segment: bytes
    header: Header


Management = Callable[[bytes, str], Managed]
"""Given a seed and the name of the content encryption."""


def encrypt(header: Header, plaintext: bytes, manage: Management) -> str:
    """Return a JWE in compact serialisation (RFC 7516 §7.1); ``header`` says at least ``enc``."""
    seed = hashlib.sha512(json.dumps(header, sort_keys=True).encode() + plaintext).digest()
    managed = manage(seed, header["enc"])
    protected = b64(json.dumps({**header, **managed.header}, separators=(",", ":")).encode())
    sealed = _seal_composite if header["enc"] in _COMPOSITE else _seal_gcm
    nonce, ciphertext, tag = sealed(header["enc"], managed.key, seed, plaintext, protected.encode())
    return ".".join([protected, *map(b64, (managed.segment, nonce, ciphertext, tag))])


def _seal_gcm(_: str, key: bytes, seed: bytes, plaintext: bytes, protected: bytes) -> tuple[bytes, bytes, bytes]:
    """RFC 7518 §5.3."""
    sealed = AESGCM(key).encrypt(seed[:12], plaintext, protected)
    return seed[:12], sealed[:-16], sealed[-16:]


def _seal_composite(
    enc: str, key: bytes, seed: bytes, plaintext: bytes, protected: bytes
) -> tuple[bytes, bytes, bytes]:
    """RFC 7518 §5.2.2.1: the first half of the key authenticates, the second encrypts."""
    half, nonce = len(key) // 2, seed[:16]
    padding = 16 - len(plaintext) % 16
    encryptor = Cipher(algorithms.AES(key[half:]), modes.CBC(nonce)).encryptor()
    ciphertext = encryptor.update(plaintext + bytes([padding]) * padding)
    covered = protected + nonce + ciphertext + (len(protected) * 8).to_bytes(8, "big")
    return nonce, ciphertext, hmac.digest(key[:half], covered, _COMPOSITE[enc])[:half]


def direct(secret: bytes) -> Management:
    """`dir`: the shared secret is the content encryption key (RFC 7518 §4.5)."""
    return lambda *_: Managed(secret, b"", {"alg": "dir"})


def wrapped(secret: bytes) -> Management:
    """`A256KW` and its sisters (RFC 7518 §4.4)."""

    def manage(seed: bytes, enc: str) -> Managed:
        key = _content_key(seed, enc)
        return Managed(key, aes_key_wrap(secret, key), {"alg": f"A{len(secret) * 8}KW"})

    return manage


def wrapped_by_gcm(secret: bytes) -> Management:
    """`A256GCMKW` and its sisters (RFC 7518 §4.7)."""

    def manage(seed: bytes, enc: str) -> Managed:
        key, nonce = _content_key(seed, enc), seed[32:44]
        sealed = AESGCM(secret).encrypt(nonce, key, None)
        return Managed(
            key, sealed[:-16], {"alg": f"A{len(secret) * 8}GCMKW", "iv": b64(nonce), "tag": b64(sealed[-16:])}
        )

    return manage


def by_password(password: bytes, iterations: int = 1000) -> Management:
    """`PBES2-HS256+A128KW` (RFC 7518 §4.8)."""

    def manage(seed: bytes, enc: str) -> Managed:
        salt, name = seed[32:48], "PBES2-HS256+A128KW"
        derived = hashlib.pbkdf2_hmac("sha256", password, name.encode() + b"\0" + salt, iterations, 16)
        key = _content_key(seed, enc)
        return Managed(key, aes_key_wrap(derived, key), {"alg": name, "p2s": b64(salt), "p2c": iterations})

    return manage


_OAEP: dict[str, Hash] = {"RSA-OAEP": hashlib.sha1, "RSA-OAEP-256": hashlib.sha256}


def to_rsa_key(public: rsa.RSAPublicKey, name: str = "RSA-OAEP") -> Management:
    """`RSA-OAEP` and `RSA-OAEP-256` (RFC 7518 §4.3; the padding is RFC 8017 §7.1.1)."""

    def manage(seed: bytes, enc: str) -> Managed:
        key, digest, numbers = _content_key(seed, enc), _OAEP[name], public.public_numbers()
        size, label = (numbers.n.bit_length() + 7) // 8, digest(b"").digest()
        block = label + bytes(size - len(key) - 2 * len(label) - 2) + b"\x01" + key
        start = hashlib.sha512(b"oaep" + seed).digest()[: len(label)]
        masked = _xor(block, mask(start, len(block), digest))
        padded = b"\0" + _xor(start, mask(masked, len(start), digest)) + masked
        return Managed(
            key, pow(int.from_bytes(padded, "big"), numbers.e, numbers.n).to_bytes(size, "big"), {"alg": name}
        )

    return manage


def to_ec_key(public: ec.EllipticCurvePublicKey) -> Management:
    """`ECDH-ES` to agree on the content encryption key itself (RFC 7518 §4.6)."""

    def manage(seed: bytes, enc: str) -> Managed:
        ephemeral = ec.derive_private_key(int.from_bytes(seed[:31], "big") + 1, public.curve)
        numbers, size = ephemeral.public_key().public_numbers(), (public.key_size + 7) // 8
        point = {name: b64(getattr(numbers, name).to_bytes(size, "big")) for name in ("x", "y")}
        length = CONTENT_KEY[enc]
        parties = [len(enc).to_bytes(4, "big"), enc.encode(), bytes(8), (length * 8).to_bytes(4, "big")]
        agreed = ConcatKDFHash(hashes.SHA256(), length, b"".join(parties)).derive(ephemeral.exchange(ec.ECDH(), public))
        return Managed(agreed, b"", {"alg": "ECDH-ES", "epk": {"kty": "EC", "crv": f"P-{public.key_size}", **point}})

    return manage


def _content_key(seed: bytes, enc: str) -> bytes:
    return hashlib.sha512(b"content" + seed).digest()[: CONTENT_KEY[enc]]


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
