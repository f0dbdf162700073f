"""The forms in which keys are handed over: texts made of a public JWK, and what of a key set each form carries.

A text is made from the JWK itself whenever a policy is sent, so that the two always agree.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from bearerproof.members import Json

WHOLE = ("jwks", "jwk", "jwk-text")
"""Forms that carry a JWK with all its members."""

TEXTS = ("pem", "pkcs1", "certificate", "openssh", "der", "jwk-text")
"""Forms that stand in `key_texts`."""

KEY_FORMS = ("jwks", "jwk", *TEXTS)


def key_texts(keys: object, form: str) -> dict[str, dict[str, str]]:
    """Return the texts of the public keys of a JWK set, by kid, for an implementation that takes this form.

    A key that no text spells has none, and neither have two that differ under one kid: the map could not say which.
    """
    found: dict[str, dict[str, str]] = {}
    ambiguous: set[str] = set()
    for jwk in _members(keys):
        kid, spelled = jwk.get("kid"), _spellings(jwk, form)
        if isinstance(kid, str) and _in_form(spelled, form):
            ambiguous |= {kid} if _differ(found.setdefault(kid, spelled), spelled) else set()
    return {kid: spelled for kid, spelled in found.items() if kid not in ambiguous}


def texts(jwk: Json) -> Mapping[str, str]:
    """Return each text that spells a public key; of a secret, and of what cannot be a key at all, there is none.

    `pem` and `der` are its SubjectPublicKeyInfo (`der` in base64), `pkcs1` is RFC 8017 §A.1.1 and exists for RSA alone,
    `certificate` is X.509 (RFC 5280), `openssh` one line (RFC 4253 §6.6), and `jwk-text` the JSON of the JWK.
    """
    return _texts(json.dumps(jwk))


def handed_over(keys: object, form: str, *, by_kid: bool = True) -> object:
    """Return what of a key set reaches a library through this form: two sets that differ in nothing else look alike.

    ``by_kid`` says that several keys are held, by name; a lone text has none.
    """
    if form == "jwks":
        return keys
    if form == "jwk":
        return _members(keys)
    named = {kid: _in_form(spelled, form) for kid, spelled in key_texts(keys, form).items()}
    secrets = {str(jwk.get("kid")): jwk.get("k") for jwk in _members(keys) if _secret(jwk)}
    return (named, secrets) if by_kid else (list(named.values()), list(secrets.values()))


def lost(base: object, edited: object, form: str, *, by_kid: bool = True) -> str | None:
    """Return why a change of a key set does not reach a library that is given keys in this form, or None if it does.

    It is lost if both sets are handed over alike, or if a key that only the edited one has cannot be handed over.
    """
    if base == edited:
        return None
    if handed_over(base, form, by_kid=by_kid) == handed_over(edited, form, by_kid=by_kid):
        return f"what is changed of the keys does not show where they are given as {form}"
    if any(jwk not in _members(base) for jwk in unspelled(edited, form)):
        return f"a key that is changed cannot be given as {form}"
    return None


def unspelled(keys: object, form: str) -> list[Json]:
    """Return the keys of a set that are neither secrets nor can be given in this form."""
    if form not in TEXTS:
        return []
    named = key_texts(keys, form)

    def spelled(jwk: Json) -> bool:
        return _in_form(_spellings(jwk, form), form) is not None and jwk.get("kid") in [*named]

    return [jwk for jwk in _members(keys) if not (_secret(jwk) or spelled(jwk))]


def _members(keys: object) -> Sequence[Json]:
    held = keys.get("keys") if isinstance(keys, dict) else None
    return [jwk for jwk in held if isinstance(jwk, dict)] if isinstance(held, list) else []


def _secret(jwk: Json) -> bool:
    return jwk.get("kty") == "oct" and isinstance(jwk.get("kid"), str) and _octets(jwk, "k") is not None


def _spellings(jwk: Json, form: str) -> dict[str, str]:
    """Return the texts of a key as they are sent; its JSON text only to those who take that."""
    return {name: text for name, text in texts(jwk).items() if name != "jwk-text" or form == name}


def _in_form(spelled: Mapping[str, str], form: str) -> str | None:
    """Return the text of this form, or the PEM of a key for which the form does not exist."""
    return spelled.get(form, spelled.get("pem"))


def _differ(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Say whether these are texts of two keys; their JWKs may differ in what is no part of the key."""
    told = "pem" if "pem" in one else "jwk-text"
    return one[told] != other.get(told)


@lru_cache(maxsize=1024)
def _texts(jwk_text: str) -> Mapping[str, str]:
    jwk = json.loads(jwk_text)
    if jwk.get("kty") == "oct":
        return {}
    spell = _SPELLED.get(str(jwk.get("kty")))
    return {**({} if spell is None else spell(jwk)), "jwk-text": jwk_text}


def _rsa(jwk: Json) -> dict[str, str]:
    modulus, exponent = _number(jwk, "n"), _number(jwk, "e")
    if not modulus or not exponent or exponent >= modulus or not modulus & exponent & 1:
        return {}
    pkcs1 = _sequence(_integer(modulus), _integer(exponent))
    public = _spki(_sequence(_RSA, _der(0x05)), pkcs1)
    line = _ssh("ssh-rsa", _signed(exponent), _signed(modulus))
    return {**_of_spki(public), "openssh": line, "pkcs1": _pem("RSA PUBLIC KEY", pkcs1)}


def _ec(jwk: Json) -> dict[str, str]:
    curve, x, y = _CURVES.get(str(jwk.get("crv"))), _octets(jwk, "x"), _octets(jwk, "y")
    if curve is None or x is None or y is None or not curve.has(x, y):
        return {}
    point = b"\x04" + x + y
    public = _spki(_sequence(_EC, curve.identifier), point)
    line = {"openssh": _ssh(f"ecdsa-sha2-{curve.ssh}", curve.ssh.encode(), point)} if curve.ssh else {}
    return {**_of_spki(public), **line}


def _okp(jwk: Json) -> dict[str, str]:
    identifier, size = _EDWARDS.get(str(jwk.get("crv")), (b"", 0))
    x = _octets(jwk, "x")
    if x is None or len(x) != size:
        return {}
    line = {"openssh": _ssh("ssh-ed25519", x)} if jwk["crv"] == "Ed25519" else {}
    return {**_of_spki(_spki(_sequence(identifier), x)), **line}


def _akp(jwk: Json) -> dict[str, str]:
    """Spell a key of ML-DSA (RFC 9881 §4): its algorithm is a part of the key, not something said of it."""
    identifier, size = _ML_DSA.get(str(jwk.get("alg")), (b"", 0))
    public = _octets(jwk, "pub")
    return {} if public is None or len(public) != size else _of_spki(_spki(_sequence(identifier), public))


_SPELLED: Mapping[str, Callable[[Json], dict[str, str]]] = {"RSA": _rsa, "EC": _ec, "OKP": _okp, "AKP": _akp}


def _of_spki(public: bytes) -> dict[str, str]:
    return {
        "pem": _pem("PUBLIC KEY", public),
        "certificate": _pem("CERTIFICATE", _certificate(public)),
        "der": base64.b64encode(public).decode(),
    }


def _octets(jwk: Json, name: str) -> bytes | None:
    """Return a member in base64url without padding (RFC 7515 §2), or None where it is none."""
    text = jwk.get(name)
    if not isinstance(text, str) or not re.fullmatch(r"[A-Za-z0-9_-]*", text) or len(text) % 4 == 1:
        return None
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(jwk: Json, name: str) -> int:
    return int.from_bytes(_octets(jwk, name) or b"", "big")


# --- DER (X.690), PEM (RFC 7468), SSH (RFC 4251 §5)


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    size = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + content


def _sequence(*parts: bytes) -> bytes:
    return _der(0x30, *parts)


def _signed(number: int) -> bytes:
    """Return a positive number as two's complement has it, with a bit before it for the sign."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _integer(number: int) -> bytes:
    return _der(0x02, _signed(number))


def _bits(octets: bytes) -> bytes:
    return _der(0x03, b"\0", octets)


def _spki(algorithm: bytes, key: bytes) -> bytes:
    return _sequence(algorithm, _bits(key))


def _pem(label: str, octets: bytes) -> str:
    text = base64.b64encode(octets).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def _ssh(name: str, *parts: bytes) -> str:
    strings = (name.encode(), *parts)
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in strings)
    return f"{name} {base64.b64encode(blob).decode()}"


_RSA = bytes.fromhex("06092a864886f70d010101")
_EC = bytes.fromhex("06072a8648ce3d0201")
_EDWARDS: Mapping[str, tuple[bytes, int]] = {
    "Ed25519": (bytes.fromhex("06032b6570"), 32),
    "Ed448": (bytes.fromhex("06032b6571"), 57),
}
"""Object identifier, and length of a public key in octets (RFC 8410 §3, RFC 8032)."""

_ML_DSA: Mapping[str, tuple[bytes, int]] = {
    "ML-DSA-44": (bytes.fromhex("0609608648016503040311"), 1312),
    "ML-DSA-65": (bytes.fromhex("0609608648016503040312"), 1952),
    "ML-DSA-87": (bytes.fromhex("0609608648016503040313"), 2592),
}
"""The same of the lattice keys (RFC 9881 §2, FIPS 204)."""


class _Curve:
    """A curve as ``cryptography`` names it, its object identifier (RFC 5480 §2.1.1), and its name in SSH if any."""

    def __init__(self, name: str, identifier: str, size: int, ssh: str = "") -> None:
        self._name = name
        self._size = size
        self.identifier = bytes.fromhex(identifier)
        self.ssh = ssh

    def has(self, x: bytes, y: bytes) -> bool:
        """Say whether this is a point of the curve, in coordinates of full size (RFC 7518 §6.2.1.2)."""
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - only text forms need it

        curve = getattr(ec, self._name)()
        try:
            ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), curve).public_key()
        except ValueError:
            return False
        return len(x) == len(y) == self._size


_CURVES: Mapping[str, _Curve] = {
    "P-256": _Curve("SECP256R1", "06082a8648ce3d030107", 32, "nistp256"),
    "P-384": _Curve("SECP384R1", "06052b81040022", 48, "nistp384"),
    "P-521": _Curve("SECP521R1", "06052b81040023", 66, "nistp521"),
    "secp256k1": _Curve("SECP256K1", "06052b8104000a", 32),
}


# --- a certificate (RFC 5280 §4.1)


def _certificate(public: bytes) -> bytes:
    """Return a certificate of this key from an issuer of ours, whose signature is always the same over the same.

    It is no self-signed one: nobody has the private key of every public key that is asked about.
    """
    serial = int.from_bytes(hashlib.sha256(public).digest()[:8], "big")
    validity = _sequence(_der(0x17, b"200101000000Z"), _der(0x18, b"20991231235959Z"))
    body = _sequence(
        _der(0xA0, _integer(2)),
        _integer(serial),
        _ECDSA_SHA256,
        _name("bearerproof test issuer"),
        validity,
        _name("bearerproof test key"),
        public,
    )
    return _sequence(body, _ECDSA_SHA256, _bits(_issued(body)))


def _name(common: str) -> bytes:
    return _sequence(_der(0x31, _sequence(bytes.fromhex("0603550403"), _der(0x0C, common.encode()))))


_ECDSA_SHA256 = _sequence(bytes.fromhex("06082a8648ce3d040302"))
_ISSUER = 0x6265617265722070726F6F66  # any number does: its signature protects nothing


def _issued(body: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - only text forms need it
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    issuer = ec.derive_private_key(_ISSUER, ec.SECP256R1())
    return issuer.sign(body, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
