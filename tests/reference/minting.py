"""Honest keys, tokens and verifiers for these tests; a test states its deviation and nothing else."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from bearerproof_reference.clock import ManualClock
from bearerproof_reference.verifier.keys import KeySet
from bearerproof_reference.verifier.policy import Profile, VerificationPolicy
from bearerproof_reference.verifier.verdicts import Accepted, Rejected
from bearerproof_reference.verifier.verifier import Verifier

NOW = 1_800_000_000
ISSUER = "https://as.example"
AUDIENCE = "api://orders"
CLAIMS = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "exp": NOW + 600,
    "iat": NOW,
    "sub": "user-1",
    "jti": "j1",
    "client_id": "app-1",
}
Json = dict[str, Any]


@dataclass(frozen=True)
class Signer:
    """A private key and the JWK of what verifies it."""

    jwk: Json
    sign: Callable[[bytes], bytes]

    def but(self, **members: Any) -> Json:
        """Return the JWK with some members set anew, or left out when set to None."""
        return without_none({**self.jwk, **members})


def b64(octets: bytes) -> str:
    """Return base64url without padding."""
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def without_none(members: Json) -> Json:
    """Return the members whose value is not None."""
    return {name: value for name, value in members.items() if value is not None}


@cache
def signer(alg: str = "EdDSA", kid: str = "k1") -> Signer:
    """Return the one signer of this algorithm and kid."""
    made = {"EdDSA": _ed25519, "Ed25519": _ed25519, "HS256": _hs256, "ES256": _es256, "ES384": _es384}
    members, sign = made.get(alg, lambda: _rsa(alg))()
    return Signer({"kid": kid, "use": "sig", "alg": alg, **members}, sign)


def mint(claims: Json | bytes | None = None, by: Signer | None = None, **header: Any) -> str:
    """Return an access token with these claims; header members set to None are left out."""
    by = by or signer()
    parameters = without_none({"typ": "at+jwt", "alg": by.jwk["alg"], "kid": by.jwk["kid"], **header})
    payload = claims if isinstance(claims, bytes) else json.dumps(CLAIMS if claims is None else claims).encode()
    return seal(json.dumps(parameters).encode(), payload, by)


def seal(header: bytes, payload: bytes, by: Signer) -> str:
    """Return a compact JWS of exactly these bytes."""
    data = f"{b64(header)}.{b64(payload)}"
    return f"{data}.{b64(by.sign(data.encode()))}"


def claims(**changes: Any) -> Json:
    """Return honest claims with some set anew, or left out when set to None."""
    return without_none({**CLAIMS, **changes})


def policy(**changes: Any) -> VerificationPolicy:
    """Return the policy that the honest access token meets, with some members set anew."""
    members = {
        "algorithms": frozenset({"EdDSA"}),
        "profile": Profile.ACCESS_TOKEN,
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "typ": "at+jwt",
    }
    return VerificationPolicy(**{**members, **changes})


def verifier(*jwks: Json, now: float = NOW, ports: Json | None = None, **changes: Any) -> Verifier:
    """Return a verifier of that policy with these keys, or the honest one."""
    trusted = policy(**changes)
    keys = KeySet({"keys": list(jwks) or [signer().jwk]}, trusted.algorithms)
    return Verifier(trusted, keys, ManualClock(now), **(ports or {}))


def reason(verdict: Accepted | Rejected) -> str:
    """Return the reason of a rejection, or ``accepted``."""
    return str(verdict.reason) if isinstance(verdict, Rejected) else "accepted"


Parts = tuple[Json, Callable[[bytes], bytes]]


def _ed25519() -> Parts:
    key = ed25519.Ed25519PrivateKey.generate()
    return {"kty": "OKP", "crv": "Ed25519", "x": b64(key.public_key().public_bytes_raw())}, key.sign


def _hs256() -> Parts:
    secret = hashlib.sha256(b"a made-up secret").digest()
    return {"kty": "oct", "k": b64(secret)}, lambda data: hmac.digest(secret, data, "sha256")


def _es256() -> Parts:
    return _ecdsa(ec.SECP256R1(), hashes.SHA256(), "P-256", 32)


def _es384() -> Parts:
    return _ecdsa(ec.SECP384R1(), hashes.SHA384(), "P-384", 48)


def _ecdsa(curve: ec.EllipticCurve, digest: hashes.HashAlgorithm, crv: str, size: int) -> Parts:
    key = ec.generate_private_key(curve)
    point = key.public_key().public_numbers()
    jwk = {"kty": "EC", "crv": crv, "x": b64(point.x.to_bytes(size)), "y": b64(point.y.to_bytes(size))}

    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
        return r.to_bytes(size) + s.to_bytes(size)

    return jwk, sign


def _rsa(alg: str, bits: int = 2048) -> Parts:
    key = rsa.generate_private_key(65537, bits)
    pad: padding.AsymmetricPadding = padding.PKCS1v15()
    if alg == "PS256":
        pad = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    jwk = {"kty": "RSA", "n": b64(key.public_key().public_numbers().n.to_bytes(bits // 8)), "e": "AQAB"}
    return jwk, lambda data: key.sign(data, pad, hashes.SHA256())
