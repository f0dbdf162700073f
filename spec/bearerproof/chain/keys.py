"""The keys that a chain is verified with: a secret for HMAC-SHA256, or a public key for Ed25519."""

import hmac
import re
from base64 import b64decode, urlsafe_b64decode
from binascii import Error
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

LEAST = 32
"""Octets of the shortest secret: those of the hash (RFC 2104 §3)."""
_LEAST_DISTINCT = 16
"""Different octets of a secret; 32 random ones have fewer in one of 10^13."""
_TEXT = re.compile(rb"[A-Za-z0-9+/_-]+={0,2}")
_PUBLIC = (b"ssh-", b"{", b"-----BEGIN")


class KeyRefused(ValueError):
    """What was given cannot serve as a key of a chain; says why, and never what."""


@dataclass(frozen=True)
class ChainKey:
    """A key by its id, bound to one algorithm: what a record says of its own algorithm chooses nothing.

    >>> ChainKey.hmac(bytes(range(32))).id
    '9284058b37086103d509da387c88f11a'
    """

    id: str
    alg: str
    key: bytes | Ed25519PublicKey = field(repr=False)

    @classmethod
    def hmac(cls, secret: bytes) -> "ChainKey":
        """Return a secret as a key; its id is made with it and tells nothing of it.

        Raises:
            KeyRefused: it is short or no random octets, or anybody may know it.
        """
        if secret.lstrip().startswith(_PUBLIC):
            raise KeyRefused("the text of a key of another kind, which others may know, is no secret")
        if len(secret) < LEAST:
            raise KeyRefused(f"a secret has at least {LEAST} octets")
        if len(set(secret)) < _LEAST_DISTINCT:
            raise KeyRefused("a secret is random octets, and these repeat")
        return cls(hmac.digest(secret, b"bearerproof chain key id", "sha256")[:16].hex(), "HS256", secret)

    @classmethod
    def ed25519(cls, public: Ed25519PublicKey) -> "ChainKey":
        """Return a public key, which can verify and not sign."""
        raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return cls(sha256(b"bearerproof chain key id" + raw).digest()[:16].hex(), "Ed25519", public)

    def verifies(self, signed: bytes, sig: bytes) -> bool:
        """Say whether this key made the whole of ``sig`` over these octets; a MAC is compared in constant time."""
        if isinstance(self.key, bytes):
            return hmac.compare_digest(hmac.digest(self.key, signed, "sha256"), sig)
        try:
            self.key.verify(sig, signed)
        except InvalidSignature:
            return False
        return True


def read_key(octets: bytes) -> ChainKey:
    """Read the file of a key that writes: Ed25519 in PEM, or a secret, in base64 or as it is.

    Raises:
        KeyRefused: it is neither.
    """
    if b"-----BEGIN" not in octets:
        return ChainKey.hmac(_secret(octets))
    if b"PRIVATE KEY" not in octets:
        raise KeyRefused("a public key writes no chain; to verify with one there is --chain-public-key")
    try:
        private = load_pem_private_key(octets, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyRefused("not a private key in PEM that can be read without a password") from None
    if not isinstance(private, Ed25519PrivateKey):
        raise KeyRefused("a private key of a chain is for Ed25519")
    return ChainKey.ed25519(private.public_key())


def read_public_key(octets: bytes) -> ChainKey:
    """Read the file of a key that only verifies: an Ed25519 public key in PEM.

    Raises:
        KeyRefused: it is none.
    """
    try:
        public = load_pem_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        raise KeyRefused("not a public key in PEM") from None
    if not isinstance(public, Ed25519PublicKey):
        raise KeyRefused("a public key of a chain is for Ed25519")
    return ChainKey.ed25519(public)


def _secret(octets: bytes) -> bytes:
    """Return the octets that a text in base64 or base64url stands for, and any others as they are."""
    text = octets.strip()
    if not _TEXT.fullmatch(text):
        return octets
    unpadded = text.rstrip(b"=")
    decode = urlsafe_b64decode if b"-" in text or b"_" in text else b64decode
    try:
        return decode(unpadded + b"=" * (-len(unpadded) % 4))
    except Error:
        return octets
