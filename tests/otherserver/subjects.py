"""Whom a subject token speaks for: ID tokens verified with keys that are fetched (RFC 7515, RFC 7519, RFC 7517)."""

import json
import re
import urllib.request
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from threading import Lock
from typing import Any, NoReturn

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

FRESH, STALE, PAUSE = 300_000_000, 600_000_000, 30_000_000  # microseconds
Json = dict[str, Any]


class Refused(Exception):
    """The token is not accepted."""


class Unavailable(Exception):
    """There are no keys to judge it with."""


def unambiguous(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def parsed(octets: bytes) -> Any:
    def refuse(_: str) -> NoReturn:
        raise ValueError("no number")

    def finite(text: str) -> float:
        return float(text) if len(text) < 40 and abs(float(text)) < 1e300 else refuse(text)

    value = json.loads(octets.decode("utf-8"), object_pairs_hook=unambiguous, parse_constant=refuse, parse_float=finite)
    json.dumps(value, ensure_ascii=False).encode("utf-8")  # no half of a surrogate pair
    if depth(value) > 16:
        raise ValueError("too deep")
    return value


def depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(depth, inner), default=0)


def decoded(text: str) -> bytes:
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text):
        raise ValueError("not base64url")
    octets = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if urlsafe_b64encode(octets).rstrip(b"=").decode() != text:
        raise ValueError("not canonical")
    return octets


class KeySet:
    """The keys of one provider, fetched when they are needed and not too often."""

    def __init__(self, url: str) -> None:
        self.url, self.at = url, 0
        self.keys: list[Json] | None = None
        self.tried: int | None = None
        self.lock = Lock()

    def get(self, kid: object, tick: int) -> list[Json]:
        with self.lock:
            age = tick - self.at
            known = (
                self.keys is not None and age < FRESH and (kid is None or any(k.get("kid") == kid for k in self.keys))
            )
            if not known and (self.keys is None or self.tried is None or tick - self.tried >= PAUSE):
                self.tried = tick
                self._fetch(tick)
            if self.keys is None or tick - self.at > FRESH + STALE:
                raise Unavailable
            return self.keys

    def _fetch(self, tick: int) -> None:
        try:
            with OPENER.open(self.url, timeout=1) as answer:
                body = answer.read(500_000)
                whole = not answer.read(1) and answer.status == 200
            listed = json.loads(body)["keys"] if whole else None
            if isinstance(listed, list) and any(isinstance(each, dict) for each in listed):
                self.keys, self.at = [each for each in listed if isinstance(each, dict)], tick
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            pass


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


OPENER = urllib.request.build_opener(NoRedirect, urllib.request.ProxyHandler({}))


def number(jwk: Json, name: str) -> int:
    return int.from_bytes(decoded(jwk[name]))


def curve_key(jwk: Json, curve: ec.EllipticCurve, name: str) -> Callable[[bytes, bytes, hashes.HashAlgorithm], None]:
    if jwk.get("kty") != "EC" or jwk.get("crv") != name:
        raise Refused
    key = ec.EllipticCurvePublicNumbers(number(jwk, "x"), number(jwk, "y"), curve).public_key()
    half = (curve.key_size + 7) // 8

    def verify(signature: bytes, signed: bytes, digest: hashes.HashAlgorithm) -> None:
        if len(signature) != 2 * half:
            raise Refused
        r, s = int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
        key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(digest))

    return verify


def verify_signature(jwk: Json, alg: str, signed: bytes, signature: bytes) -> None:
    if jwk.get("use", "sig") != "sig" or jwk.get("alg", alg) != alg or "verify" not in jwk.get("key_ops", ["verify"]):
        raise Refused
    if alg in ("ES256", "ES384"):
        curve = (
            (ec.SECP256R1(), "P-256", hashes.SHA256()) if alg == "ES256" else (ec.SECP384R1(), "P-384", hashes.SHA384())
        )
        curve_key(jwk, *curve[:2])(signature, signed, curve[2])
    elif alg == "EdDSA":
        if jwk.get("kty") != "OKP" or jwk.get("crv") != "Ed25519":
            raise Refused
        ed25519.Ed25519PublicKey.from_public_bytes(decoded(jwk["x"])).verify(signature, signed)
    elif alg in ("RS256", "PS256") and jwk.get("kty") == "RSA":
        n, e = number(jwk, "n"), number(jwk, "e")
        if n.bit_length() < 2048 or e < 65537 or len(signature) != (n.bit_length() + 7) // 8:
            raise Refused
        sha = hashes.SHA256()
        pad = padding.PKCS1v15() if alg == "RS256" else padding.PSS(padding.MGF1(sha), 32)
        rsa.RSAPublicNumbers(e, n).public_key().verify(signature, signed, pad, sha)
    else:
        raise Refused


def is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12


def verified(
    token: str, providers: dict[str, Json], sets: dict[str, KeySet], now: float, tick: int, leeway: int
) -> Json:
    """Return the claims of an ID token, and under ``signed`` what was signed."""
    try:
        signed, _, last = token.rpartition(".")
        first, middle = signed.split(".")
        header, claims, signature = parsed(decoded(first)), parsed(decoded(middle)), decoded(last)
        if not isinstance(header, dict) or not isinstance(claims, dict) or len(token) > 20_000:
            raise Refused
        provider = providers.get(claims["iss"]) if isinstance(claims.get("iss"), str) else None
        alg, kid = str(header.get("alg")), header.get("kid")
        if provider is None or alg not in provider["algorithms"] or not set(header) <= {"alg", "kid", "typ"}:
            raise Refused
        typ = header.get("typ", "JWT")
        if not isinstance(typ, str) or typ.lower() not in ("jwt", "application/jwt"):
            raise Refused
        if "kid" in header and not isinstance(kid, str):
            raise Refused
        keys = sets[claims["iss"]].get(kid, tick)
        fitting = [key for key in keys if kid is None or key.get("kid") == kid]
        if not any(verifies(key, alg, signed.encode(), signature) for key in fitting):
            raise Refused
    except (ValueError, KeyError, TypeError, RecursionError, AttributeError):
        raise Refused from None
    judge_claims(claims, provider["audiences"], now, leeway)
    return {**claims, "signed": signed}


def verifies(key: Json, alg: str, signed: bytes, signature: bytes) -> bool:
    try:
        verify_signature(key, alg, signed, signature)
    except (Refused, InvalidSignature, UnsupportedAlgorithm, ValueError, KeyError, TypeError):
        return False
    return True


def judge_claims(claims: Json, audiences: list[str], now: float, leeway: int) -> None:
    subject, aud, azp = claims.get("sub"), claims.get("aud"), claims.get("azp")
    named = [aud] if isinstance(aud, str) else aud
    times = [claims[name] for name in ("exp", "iat", "nbf", "auth_time") if name in claims]
    good = (
        isinstance(subject, str)
        and re.fullmatch(r"[ -~]{1,255}", subject) is not None
        and isinstance(named, list)
        and all(isinstance(each, str) for each in named)
        and any(each in audiences for each in named)
        and ("azp" not in claims or azp in audiences)
        and (len(named) == 1 or azp in audiences)
        and {"exp", "iat"} <= set(claims)
        and all(map(is_seconds, times))
        and claims["exp"] > now - leeway
        and claims["iat"] <= now + leeway
        and claims.get("nbf", 0) <= now + leeway
        and isinstance(claims.get("jti", ""), str)
        and "events" not in claims
    )
    if not good:
        raise Refused
