"""The reference as a library whose keys are texts: it sees what the declared form carries of a key, and no more."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from bearerproof.contract.connections import InProcess
from bearerproof.contract.implementation import Implementation
from bearerproof.members import Json
from bearerproof_fuzz.keys import b64
from bearerproof_reference.adapter import adapter

NAME = "the only one"
"""The kid of a key that has none, where it is the only one."""


def reading(form: str, *, key_set: bool = True) -> Implementation:
    """Return the reference at base, given its keys in this form."""
    return Implementation(InProcess(lambda: TextKeys(form, key_set=key_set).handle))


class TextKeys:
    """Makes JWKs of texts before the reference sees them; a lone key is the one for every kid."""

    def __init__(self, form: str, *, key_set: bool) -> None:
        self._form, self._key_set = form, key_set
        self._reference = adapter.create()
        known = {name: value for name, value in adapter.HELLO["capabilities"].items() if name not in _AWAY}
        capabilities = {**known, "key_form": form, "key_set": key_set}
        profiles = ["jws", "jwt", "access-token", "id-token"]
        self._hello = {
            **adapter.HELLO,
            "level": 2,
            "measure": "base",
            "profiles": profiles,
            "capabilities": capabilities,
        }

    def handle(self, request: Json) -> Json:
        """Answer one message of the contract."""
        if request["op"] == "hello":
            return {"id": request["id"], **self._hello}
        holder = request.get("policy", request)
        if "keys" not in holder:
            return self._reference.handle(request)
        kept = {name: value for name, value in holder.items() if name != "key_texts"}
        read = {**kept, "keys": {"keys": self._keys(holder, request)}}
        renamed = {} if self._key_set else {"policy_id": f"{request['policy_id']} {_kid(request)}"}
        return self._reference.handle({**request, **renamed, **({"policy": read} if "policy" in request else read)})

    def _keys(self, holder: Json, request: Json) -> list[Json]:
        found = [self._read(texts, kid if self._key_set else _kid(request)) for kid, texts in _texts(holder).items()]
        return [*filter(None, found), *filter(None, map(_secret, holder["keys"]["keys"]))]

    def _read(self, texts: Mapping[str, str], kid: str) -> Json | None:
        form = self._form if self._form in texts else "pem"
        try:
            read = READERS[form](texts[form])
        except ValueError:
            return None  # the library says so when the key is imported
        return read if form == "jwk-text" else {**read, "kid": kid}


_AWAY = ("key_server", "keys_url")


def _texts(holder: Json) -> Mapping[str, Mapping[str, str]]:
    found: Mapping[str, Mapping[str, str]] = holder["key_texts"]
    return found


def _secret(jwk: object) -> Json | None:
    """Return what there is of an HMAC key beside its octets: its name."""
    if not isinstance(jwk, dict) or jwk.get("kty") != "oct":
        return None
    kept = {name: jwk.get(name) for name in ("kty", "kid", "k")}
    return kept if all(isinstance(value, str) for value in kept.values()) else None


def _kid(request: Json) -> str:
    """Return the name that the token gives its key: who has one key does not ask for it."""
    token = request["token"] if "token" in request else base64.b64decode(request["token_b64"]).decode("latin-1")
    try:
        kid = json.loads(base64.urlsafe_b64decode(token.partition(".")[0] + "=="))["kid"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return NAME
    return kid if isinstance(kid, str) else NAME


def _jwk(public: Any) -> Json:
    if isinstance(public, rsa.RSAPublicKey):
        rsa_numbers = public.public_numbers()
        return {"kty": "RSA", "n": _number(rsa_numbers.n), "e": _number(rsa_numbers.e)}
    if isinstance(public, ec.EllipticCurvePublicKey):
        size, numbers = (public.key_size + 7) // 8, public.public_numbers()
        return {
            "kty": "EC",
            "crv": _CURVES[public.curve.name],
            "x": b64(numbers.x.to_bytes(size, "big")),
            "y": b64(numbers.y.to_bytes(size, "big")),
        }
    octets = b64(public.public_bytes_raw())
    if type(public).__name__.startswith("MLDSA"):
        return {"kty": "AKP", "alg": f"ML-DSA-{type(public).__name__[5:7]}", "pub": octets}
    curve = {32: "Ed25519", 57: "Ed448"}[len(public.public_bytes_raw())]
    return {"kty": "OKP", "crv": curve, "x": octets}


_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521", "secp256k1": "secp256k1"}


def _number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


READERS: Mapping[str, Callable[[str], Json]] = {
    "pem": lambda text: _jwk(serialization.load_pem_public_key(text.encode())),
    "pkcs1": lambda text: _jwk(serialization.load_pem_public_key(text.encode())),
    "certificate": lambda text: _jwk(x509.load_pem_x509_certificate(text.encode()).public_key()),
    "openssh": lambda text: _jwk(serialization.load_ssh_public_key(text.encode())),
    "der": lambda text: _jwk(serialization.load_der_public_key(base64.b64decode(text))),
    "jwk-text": json.loads,
}
