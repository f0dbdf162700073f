"""Keys and tokens to measure with, made anew in each run."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from bearerproof_reference.clock import ManualClock
from bearerproof_reference.verifier.keys import KeySet
from bearerproof_reference.verifier.policy import Profile, VerificationPolicy
from bearerproof_reference.verifier.verifier import Verifier

NOW = 1_800_000_000
ISSUER = "https://as.example"
AUDIENCE = "api://orders"
NAMES = ("EdDSA", "ES256", "RS256")
"""EdDSA, here Ed25519, under the name that every library measured knows it by."""

CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "exp": NOW + 3600,
    "nbf": NOW - 10,
    "iat": NOW - 10,
    "jti": "0b5a4c1e-7d1f-4f0e-9c39-6a2f1f0f8f10",
    "sub": "user-1",
    "client_id": "app-1",
}


@dataclass(frozen=True)
class Sample:
    """An access token; ``bare`` verifies its signature with the cryptographic library and nothing else."""

    name: str
    jwk: dict[str, str]
    token: str
    bare: Callable[[], None]

    def verifier(self) -> Verifier:
        """Return the reference's verifier for it, with all checks of an access token and no look-ups."""
        policy = VerificationPolicy(
            algorithms=frozenset({self.name}),
            profile=Profile.ACCESS_TOKEN,
            issuer=ISSUER,
            audience=AUDIENCE,
            typ="at+jwt",
        )
        return Verifier(policy, KeySet({"keys": [self.jwk]}, {self.name}), ManualClock(NOW))

    def forged(self) -> str:
        """Return the token with one character of its signature changed."""
        head, tail = self.token[:-3], self.token[-3:]
        return head + ("B" if tail[0] == "A" else "A") + tail[1:]


def sample(name: str) -> Sample:
    """Return a token signed by a fresh key of this algorithm."""
    header = b64(json.dumps({"alg": name, "kid": "k1", "typ": "at+jwt"}, separators=(",", ":")).encode())
    data = f"{header}.{b64(json.dumps(CLAIMS, separators=(',', ':')).encode())}".encode()
    members, signature, bare = {"EdDSA": _ed25519, "ES256": _es256, "RS256": _rs256}[name](data)
    jwk = {"kid": "k1", "use": "sig", "alg": name, **members}
    return Sample(name, jwk, f"{data.decode()}.{b64(signature)}", bare)


def b64(octets: bytes) -> str:
    """Return base64url without padding."""
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


Parts = tuple[dict[str, str], bytes, Callable[[], None]]


def _ed25519(data: bytes) -> Parts:
    private = ed25519.Ed25519PrivateKey.generate()
    public, signature = private.public_key(), private.sign(data)
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(public.public_bytes_raw())}
    return jwk, signature, lambda: public.verify(signature, data)


def _es256(data: bytes) -> Parts:
    private, scheme = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(hashes.SHA256())
    public, der = private.public_key(), private.sign(data, scheme)
    point = public.public_numbers()
    jwk = {"kty": "EC", "crv": "P-256", "x": b64(point.x.to_bytes(32)), "y": b64(point.y.to_bytes(32))}
    signature = b"".join(number.to_bytes(32) for number in decode_dss_signature(der))
    return jwk, signature, lambda: public.verify(der, data, scheme)


def _rs256(data: bytes) -> Parts:
    private = rsa.generate_private_key(65537, 2048)
    public, pad, digest = private.public_key(), padding.PKCS1v15(), hashes.SHA256()
    signature = private.sign(data, pad, digest)
    jwk = {"kty": "RSA", "n": b64(public.public_numbers().n.to_bytes(256)), "e": "AQAB"}
    return jwk, signature, lambda: public.verify(signature, data, pad, digest)
