"""Faults that make the text of a public key an HMAC secret (VER-16)."""

import hmac
import json
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_fuzz.faults.seams import remembering_keys
from bearerproof_reference.adapter import adapter
from bearerproof_reference.verifier import keys
from bearerproof_reference.verifier.algorithms import Jwk
from bearerproof_reference.verifier.jose import decode_base64url

Texts = Mapping[str, str]
Secret = Callable[[Texts, Jwk], bytes | None]


def _hmac_over(patch: Patch, secret: Secret) -> None:
    """Let HS256 under a public key be an HMAC over what ``secret`` makes of the key's texts and its JWK."""
    texts: dict[str | None, Texts] = {}

    def build_with_texts(build: Any, profile: str, members: dict[str, Any], *rest: Any) -> object:
        texts.update(members.get("key_texts", {}))
        return build(profile, members, *rest)

    def find(jwk: Jwk, alg: str) -> keys.Key | None:
        known = texts.get(jwk.get("kid"))
        octets = secret(known, jwk) if known and alg == "HS256" else None
        if octets is None:
            return None
        return keys.Key(None, alg, lambda signature, data: hmac.digest(octets, data, "sha256") == signature)

    taken = {**adapter.HELLO["capabilities"], "key_form": "pem"}
    patch(adapter, "HELLO", {**adapter.HELLO, "capabilities": taken})
    patch.wrap(adapter, "_build", build_with_texts)
    remembering_keys(patch, find)


def _text(texts: Texts, form: str) -> bytes | None:
    return texts[form].encode() if form in texts else None


@fault("VER-16")
def hmac_over_pem(patch: Patch) -> None:
    """A key is text, and HS256 takes any text: the PEM of the public key too (CVE-2015-9235, McLean 2015)."""
    _hmac_over(patch, lambda texts, _: _text(texts, "pem"))


@fault("VER-16")
def hmac_over_pkcs1(patch: Patch) -> None:
    """The block list knows `BEGIN PUBLIC KEY` and not `BEGIN RSA PUBLIC KEY` (CVE-2017-11424, CVE-2023-48223)."""
    _hmac_over(patch, lambda texts, _: _text(texts, "pkcs1"))


@fault("VER-16")
def hmac_over_certificate(patch: Patch) -> None:
    """The block list knows public keys and not the certificates that hold them (CVE-2016-10555)."""
    _hmac_over(patch, lambda texts, _: _text(texts, "certificate"))


@fault("VER-16")
def hmac_over_openssh_line(patch: Patch) -> None:
    """The block list knows `ssh-rsa` alone, and an EC or Ed25519 line passes (CVE-2022-29217, CVE-2024-33663)."""
    _hmac_over(patch, lambda texts, _: _text(texts, "openssh"))


@fault("VER-16")
def hmac_over_pem_after_a_newline(patch: Patch) -> None:
    """The block list is an anchored pattern, and a line feed stands before the PEM (CVE-2026-34950)."""
    _hmac_over(patch, lambda texts, _: b"\n" + texts["pem"].encode())


@fault("VER-16")
def hmac_over_pem_after_a_byte_order_mark(patch: Patch) -> None:
    """The block list compares the beginning of the text, and an editor has put a byte order mark there."""
    _hmac_over(patch, lambda texts, _: b"\xef\xbb\xbf" + texts["pem"].encode())


@fault("VER-16")
def hmac_over_pem_without_its_last_newline(patch: Patch) -> None:
    """The PEM comes from an environment variable that was trimmed, so a list of whole texts does not know it."""
    _hmac_over(patch, lambda texts, _: texts["pem"].strip().encode())


@fault("VER-16")
def hmac_over_pem_with_crlf(patch: Patch) -> None:
    """The PEM is a file with the line ends of Windows, which a pattern over lines misses."""
    _hmac_over(patch, lambda texts, _: texts["pem"].replace("\n", "\r\n").encode())


@fault("VER-16")
def hmac_over_der(patch: Patch) -> None:
    """The block list knows texts, and the key is the octets of its SubjectPublicKeyInfo (GHSA-r6x4)."""
    _hmac_over(patch, lambda texts, _: b64decode("".join(texts["pem"].splitlines()[1:-1])))


@fault("VER-16")
def hmac_over_jwk(patch: Patch) -> None:
    """The block list knows PEM and OpenSSH, and the key is the JSON text of a JWK (GHSA-xgmm-8j9v-c9wx)."""
    _hmac_over(patch, lambda _, jwk: json.dumps(jwk).encode())


@fault("VER-16")
def hmac_over_compact_jwk(patch: Patch) -> None:
    """The JWK is recognised by `{"kty": ` at its start, and this one is written without blanks."""
    _hmac_over(patch, lambda _, jwk: json.dumps(jwk, separators=(",", ":")).encode())


@fault("VER-16")
def hmac_over_key_set(patch: Patch) -> None:
    """The fix for JWK text looks for `kty` at the top level, so a whole JWK set passes (PyJWT 2.13.0)."""
    _hmac_over(patch, lambda _, jwk: json.dumps({"keys": [jwk]}).encode())


@fault("VER-16")
def hmac_over_list_of_keys(patch: Patch) -> None:
    """The fix for JWK text expects an object, so a JSON list of keys passes (PyJWT 2.13.0)."""
    _hmac_over(patch, lambda _, jwk: json.dumps([jwk]).encode())


@fault("VER-16")
def hmac_over_raw_point(patch: Patch) -> None:
    """A key parsed down to its numbers yields octets, and octets are a secret."""
    _hmac_over(patch, lambda _, jwk: decode_base64url(jwk.get("n") or jwk.get("x")))
