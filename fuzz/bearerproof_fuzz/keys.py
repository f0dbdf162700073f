"""The pool of test keys, and signing with them so that equal tokens are equal bytes.

ECDSA signs deterministically (RFC 6979) and PSS takes its salt from the message, so a run can be repeated
exactly and a frozen vector regenerated.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache, partial
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from bearerproof.contract import keyforms
from bearerproof_fuzz.keymaker import POOL, Private, made
from bearerproof_fuzz.pss import Hash, raw_private, sign_pss

Jwk = dict[str, Any]

try:
    from cryptography.hazmat.primitives.asymmetric import mldsa
except ImportError:  # an older version of the library
    ML_DSA: Mapping[str, Any] = {}
else:
    ML_DSA = {"44": mldsa.MLDSA44PrivateKey, "65": mldsa.MLDSA65PrivateKey, "87": mldsa.MLDSA87PrivateKey}

MATERIAL: Mapping[str, str] = {
    "ES256": "p256",
    "EdDSA": "ed25519",
    "Ed25519": "ed25519",
    "RS256": "rsa",
    "PS256": "rsa",
    "ES384": "p384",
    "HS256": "oct",
    "ES512": "p521",
    "ES256K": "secp256k1",
    "Ed448": "ed448",
    "RS384": "rsa",
    "RS512": "rsa",
    "PS384": "rsa",
    "PS512": "rsa",
    "HS384": "oct",
    "HS512": "oct",
    **{f"ML-DSA-{size}": f"mldsa{size}" for size in ML_DSA},
}
"""Which material of the pool serves which algorithm; the order is the order of preference for a base token.

Those of ML-DSA (draft-ietf-cose-dilithium) are here where the installed ``cryptography`` has them. Their signatures
are randomised, so they alone are not the same in every run.
"""

GROUP_ORDER = {
    "p256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "p384": int("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973", 16),
    "p521": 2**521 - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7,
    "secp256k1": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
    "ed448": 2**446 - 13818066809895115352007386748515426880336692474882178609894547503885,
    "ed25519": 2**252 + 27742317777372353535851937790883648493,
}
"""Orders of the groups, for signatures that are wrong by exactly one group order (FIPS 186-5, RFC 8032)."""


@dataclass(frozen=True)
class Key:
    """A key of the pool, used with one algorithm under one ``kid``."""

    kid: str
    algorithm: str
    material: str
    role: str

    def sign(self, signing_input: bytes) -> bytes:
        """Sign as the algorithm says (RFC 7518 §3, RFC 8037 §3.1); a hash costs less than to remember it."""
        sign = _SIGNERS[self.algorithm] if self.material == "oct" else partial(_sign, self.algorithm)
        return sign(self.pool_name, signing_input)

    @property
    def pool_name(self) -> str:
        """Name of the material in ``keys.json``."""
        return f"{self.material}-{self.role}"

    @cached_property
    def public_jwk(self) -> Jwk:
        """What stands in a key set: public for a key pair, the secret itself for HMAC (RFC 7517 §4)."""
        return {"kid": self.kid, "use": "sig", "alg": self.algorithm, **_public_members(self.pool_name)}

    @cached_property
    def private_jwk(self) -> Jwk:
        """The JWK of the whole key pair, of any use and algorithm; of an HMAC key the secret (RFC 7518 §6)."""
        return {"kid": self.kid, **_public_members(self.pool_name), **_private_members(self.pool_name)}

    @property
    def certificate(self) -> str:
        """A certificate of the public key that it signed itself, as PEM; empty for a secret."""
        text: str = _pool()[self.pool_name].get("certificate", "")
        return text


@cache
def key(algorithm: str, role: str = "a") -> Key:
    """Return the key of that algorithm and role: ``a`` signs, ``b`` is its sibling in the set, or ``attacker``."""
    return Key(f"{algorithm.lower()}-{role}", algorithm, MATERIAL[algorithm], role)


def weak_rsa_key() -> Key:
    """Return an RSA key of 1024 bits (RFC 7518 §3.3 demands 2048 or more)."""
    return Key("rs256-1024", "RS256", "rsa", "1024")


def fresh(algorithm: str, kid: str) -> Key:
    """Return a key under this kid that was made just now, and that no run before has signed with.

    Raises:
        ValueError: it is one of an algorithm whose key pairs are not made here.
    """
    material = MATERIAL[algorithm]
    role = f"fresh-{kid}"
    _pool()[f"{material}-{role}"] = made(material)
    return Key(kid, algorithm, material, role)


def renew(algorithms: Collection[str]) -> None:
    """Make the keys of these algorithms anew for this process, all of their material: none of the pool is left.

    Raises:
        ValueError: one of them is of an algorithm whose key pairs are not made here.
    """
    for material in {MATERIAL[algorithm] for algorithm in algorithms}:
        for name in [name for name in _pool() if name.partition("-")[0] == material]:
            _pool()[name] = made(material)
    for cached in (key, shown_secret, _private, _sign, _public_forms):
        cached.cache_clear()
    _ANEW.update(algorithms)


def is_anew(algorithm: str) -> bool:
    """Say whether the keys of an algorithm were made anew, and those that are weak by design are none any more."""
    return algorithm in _ANEW


_ANEW: set[str] = set()


def public_forms(target: Key) -> Mapping[str, bytes]:
    """Return every byte string that somebody may have used as an HMAC secret in place of the public key.

    Source: the confusions of CVE-2015-9235, CVE-2017-11424, CVE-2022-29217, CVE-2024-33663, CVE-2026-34950
    and GHSA-xgmm-8j9v-c9wx. Empty for HMAC keys, whose form is secret.
    """
    if target.material == "oct":
        return {}
    return _public_forms(target)


def secret(pool_name: str) -> bytes:
    """Return an HMAC secret of the pool: 64 random bytes, enough for every HMAC of RFC 7518 §3.2."""
    return _TAKEN.get(pool_name) or shown_secret(pool_name)


def take_secret(octets: bytes) -> None:
    """Have HMAC keys of role ``a`` sign with somebody else's secret in this process; key sets go on showing ours."""
    _TAKEN[key("HS256").pool_name] = octets


_TAKEN: dict[str, bytes] = {}


@cache
def shown_secret(pool_name: str) -> bytes:
    """Return the secret of the pool, which stands in key sets, whatever else tokens are signed with."""
    return base64.b64decode(_pool()[pool_name]["secret"])


def hmac_digest(octets: bytes, signing_input: bytes, digest: str) -> bytes:
    """Return an HMAC under any octets; what comes of them alone is worked out once."""
    keyed = _keyed(octets, digest).copy()
    keyed.update(signing_input)
    return keyed.digest()


@lru_cache(1000)
def _keyed(octets: bytes, digest: str) -> hmac.HMAC:
    return hmac.new(octets, digestmod=digest)


def rsa_modulus(target: Key) -> int:
    """Return the modulus of an RSA key, for signatures that are wrong by exactly one modulus."""
    return rsa_private(target).public_key().public_numbers().n


def public_key(target: Key) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
    """Return the public key of a key pair, to encrypt to it.

    Raises:
        TypeError: nothing can be encrypted to a key of this type.
    """
    public = _private(target.pool_name).public_key()
    if not isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise TypeError(f"nothing can be encrypted to {target.kid}")
    return public


def rsa_private(target: Key) -> rsa.RSAPrivateKey:
    """Return the private key, for signatures with parameters that no library offers."""
    return _rsa(target.pool_name)


def raw_rsa(target: Key, block: bytes) -> bytes:
    """Apply the private key to a block as it is (RSASP1, RFC 8017 §5.2.1), for paddings that no library makes."""
    numbers = rsa_private(target).private_numbers()
    size = (numbers.public_numbers.n.bit_length() + 7) // 8
    return raw_private(numbers, int.from_bytes(block, "big")).to_bytes(size, "big")


def raw_ecdsa(target: Key, signing_input: bytes, digest: hashes.HashAlgorithm) -> bytes:
    """Sign with ECDSA over another hash than that of the algorithm (RFC 7518 §3.4 allows one)."""
    return _sign_ecdsa(digest, len(target.sign(signing_input)) // 2)(target.pool_name, signing_input)


def b64(raw: bytes) -> str:
    """Encode as base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """Decode base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def flipped(octets: bytes, at: int, bit: int = 1) -> bytes:
    """Return octets with one bit of one of them flipped."""
    changed = bytearray(octets)
    changed[at] ^= bit
    return bytes(changed)


def lenient_b64(text: str) -> bytes | None:
    """Decode as the most lenient library would; None where even that is impossible."""
    try:
        return base64.b64decode(text.encode("utf-8", "replace").rstrip(b"=") + b"==", altchars=b"-_")
    except ValueError:
        return None


@cache
def _public_forms(target: Key) -> Mapping[str, bytes]:
    jwk = target.public_jwk
    texts = keyforms.texts(jwk)
    pem = texts["pem"].encode()
    return {
        **{name: texts[name].encode() for name in ("pem", "openssh", "certificate", "pkcs1") if name in texts},
        "pem-stripped": pem.strip(),
        "pem-newline-first": b"\n" + pem,
        "pem-byte-order-mark": b"\xef\xbb\xbf" + pem,
        "pem-crlf": pem.replace(b"\n", b"\r\n"),
        "der": base64.b64decode(texts["der"]),
        "jwk": texts["jwk-text"].encode(),
        "jwk-compact": json.dumps(jwk, separators=(",", ":")).encode(),
        "jwk-array": json.dumps([jwk]).encode(),
        "jwks": json.dumps({"keys": [jwk]}).encode(),
        "raw": _raw_public(jwk),
        "raw-text": _raw_text(jwk).encode(),
        "pem-body": texts["der"].encode(),
        **{f"{name}-der": _body(texts[name]) for name in ("certificate", "pkcs1") if name in texts},
        **_points(jwk),
        **_thumbprints(jwk),
    }


def _body(pem: str) -> bytes:
    return base64.b64decode("".join(line for line in pem.splitlines() if "-----" not in line))


def _points(jwk: Jwk) -> dict[str, bytes]:
    """Spell a point as SEC 1 §2.3.3 does, whole and compressed; a key that is none has no such form."""
    if jwk["kty"] != "EC":
        return {}
    x, y = unb64(jwk["x"]), unb64(jwk["y"])
    return {"point": b"\4" + x + y, "compressed-point": bytes([2 + y[-1] % 2]) + x}


def _thumbprints(jwk: Jwk) -> dict[str, bytes]:
    """Spell a thumbprint as RFC 7638 §3 makes it: what is hashed, the digest, and the digest as text."""
    required = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}
    members = {name: jwk[name] for name in required.get(jwk["kty"], ("alg", "kty", "pub"))}
    hashed = json.dumps(members, separators=(",", ":")).encode()
    digest = hashlib.sha256(hashed).digest()
    return {"thumbprint-input": hashed, "thumbprint": digest, "thumbprint-text": b64(digest).encode()}


def _raw_text(jwk: Jwk) -> str:
    text: str = jwk[{"RSA": "n", "AKP": "pub"}.get(jwk["kty"], "x")]
    return text


def _raw_public(jwk: Jwk) -> bytes:
    return unb64(_raw_text(jwk))


@cache
def _pool() -> dict[str, Any]:
    pool: dict[str, Any] = json.loads(POOL.read_text(encoding="ascii"))
    return pool


@cache
def _private(pool_name: str) -> Private:
    loaded = serialization.load_pem_private_key(
        _pool()[pool_name]["pkcs8"].encode(), None, unsafe_skip_rsa_key_validation=True
    )
    if not isinstance(loaded, Private):
        raise TypeError(f"{pool_name} holds a key of an unexpected type")
    return loaded


@lru_cache(maxsize=16_384)  # a whole run makes some 7,000, and ``prove`` makes those of several runs again
def _sign(algorithm: str, pool_name: str, signing_input: bytes) -> bytes:
    return _SIGNERS[algorithm](pool_name, signing_input)


def _sign_ecdsa(digest: hashes.HashAlgorithm, size: int) -> Callable[[str, bytes], bytes]:
    def sign(pool_name: str, signing_input: bytes) -> bytes:
        private = _private(pool_name)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise TypeError(pool_name)
        der = private.sign(signing_input, ec.ECDSA(digest, deterministic_signing=True))
        r, s = decode_dss_signature(der)
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    return sign


def _sign_eddsa(pool_name: str, signing_input: bytes) -> bytes:
    private = _private(pool_name)
    if not isinstance(private, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey):
        raise TypeError(pool_name)
    return private.sign(signing_input)


def _rsa(pool_name: str) -> rsa.RSAPrivateKey:
    private = _private(pool_name)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise TypeError(pool_name)
    return private


def _sign_rsa(digest: hashes.HashAlgorithm) -> Callable[[str, bytes], bytes]:
    return lambda pool_name, signing_input: _rsa(pool_name).sign(signing_input, padding.PKCS1v15(), digest)


def _sign_pss(digest: Hash) -> Callable[[str, bytes], bytes]:
    size = len(digest(b"").digest())
    return lambda pool_name, signing_input: sign_pss(_rsa(pool_name), signing_input, digest, size)


def _sign_hmac(digest: str) -> Callable[[str, bytes], bytes]:
    return lambda pool_name, signing_input: hmac_digest(secret(pool_name), signing_input, digest)


@cache
def _ml_dsa(pool_name: str) -> Any:
    size, _ = pool_name.removeprefix("mldsa").split("-", 1)
    return ML_DSA[size].from_seed_bytes(secret(pool_name))


def _sign_ml_dsa(pool_name: str, signing_input: bytes) -> bytes:
    signature: bytes = _ml_dsa(pool_name).sign(signing_input)
    return signature


_SIGNERS: Mapping[str, Callable[[str, bytes], bytes]] = {
    "HS256": _sign_hmac("sha256"),
    "HS384": _sign_hmac("sha384"),
    "HS512": _sign_hmac("sha512"),
    "ES256": _sign_ecdsa(hashes.SHA256(), 32),
    "ES384": _sign_ecdsa(hashes.SHA384(), 48),
    "ES512": _sign_ecdsa(hashes.SHA512(), 66),
    "ES256K": _sign_ecdsa(hashes.SHA256(), 32),
    "EdDSA": _sign_eddsa,
    "Ed25519": _sign_eddsa,
    "Ed448": _sign_eddsa,
    "RS256": _sign_rsa(hashes.SHA256()),
    "RS384": _sign_rsa(hashes.SHA384()),
    "RS512": _sign_rsa(hashes.SHA512()),
    "PS256": _sign_pss(hashlib.sha256),
    "PS384": _sign_pss(hashlib.sha384),
    "PS512": _sign_pss(hashlib.sha512),
    **{f"ML-DSA-{size}": _sign_ml_dsa for size in ML_DSA},
}


def _private_members(pool_name: str) -> Jwk:
    private = None if pool_name.startswith("oct") else _private(pool_name)
    if isinstance(private, rsa.RSAPrivateKey):
        numbers = private.private_numbers()
        values = {
            "d": numbers.d,
            "p": numbers.p,
            "q": numbers.q,
            "dp": numbers.dmp1,
            "dq": numbers.dmq1,
            "qi": numbers.iqmp,
        }
        return {name: b64(value.to_bytes((value.bit_length() + 7) // 8, "big")) for name, value in values.items()}
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return {"d": b64(private.private_numbers().private_value.to_bytes((private.key_size + 7) // 8, "big"))}
    return {"d": b64(private.private_bytes_raw())} if private else {}


def _public_members(pool_name: str) -> Jwk:
    if pool_name.startswith("oct"):
        return {"kty": "oct", "k": b64(shown_secret(pool_name))}
    if pool_name.startswith("mldsa"):
        return {"kty": "AKP", "pub": b64(_ml_dsa(pool_name).public_key().public_bytes_raw())}
    public = _private(pool_name).public_key()
    if isinstance(public, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        curve = "Ed25519" if isinstance(public, ed25519.Ed25519PublicKey) else "Ed448"
        return {"kty": "OKP", "crv": curve, "x": b64(public.public_bytes_raw())}
    if isinstance(public, ec.EllipticCurvePublicKey):
        size, numbers = (public.key_size + 7) // 8, public.public_numbers()
        curve = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}.get(public.curve.name, "secp256k1")
        return {
            "kty": "EC",
            "crv": curve,
            "x": b64(numbers.x.to_bytes(size, "big")),
            "y": b64(numbers.y.to_bytes(size, "big")),
        }
    modulus = public.public_numbers().n
    return {"kty": "RSA", "n": b64(modulus.to_bytes((modulus.bit_length() + 7) // 8, "big")), "e": "AQAB"}
