"""Faults that make the text of a public key an HMAC secret (VER-16)."""

import hmac
import json
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, Rows, faults_for
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

    capabilities = {**adapter.HELLO["capabilities"], "key_form": "pem"}
    patch(adapter, "HELLO", {**adapter.HELLO, "capabilities": capabilities})
    patch.wrap(adapter, "_build", build_with_texts)
    remembering_keys(patch, find)


def _text(texts: Texts, form: str) -> bytes | None:
    return texts[form].encode() if form in texts else None


_HMAC_OVER: Rows[Secret] = {
    "hmac-over-pem": (
        "A key is text, and HS256 takes any text: the PEM of the public key too (CVE-2015-9235, McLean 2015).",
        lambda texts, _: _text(texts, "pem"),
    ),
    "hmac-over-pkcs1": (
        "The block list knows `BEGIN PUBLIC KEY` and not `BEGIN RSA PUBLIC KEY` (CVE-2017-11424, CVE-2023-48223).",
        lambda texts, _: _text(texts, "pkcs1"),
    ),
    "hmac-over-certificate": (
        "The block list knows public keys and not the certificates that hold them (CVE-2016-10555).",
        lambda texts, _: _text(texts, "certificate"),
    ),
    "hmac-over-openssh-line": (
        "The block list knows `ssh-rsa` alone, and an EC or Ed25519 line passes (CVE-2022-29217, CVE-2024-33663).",
        lambda texts, _: _text(texts, "openssh"),
    ),
    "hmac-over-pem-after-a-newline": (
        "The block list is an anchored pattern, and a line feed stands before the PEM (CVE-2026-34950).",
        lambda texts, _: b"\n" + texts["pem"].encode(),
    ),
    "hmac-over-pem-after-a-byte-order-mark": (
        "The block list compares the beginning of the text, and an editor has put a byte order mark there.",
        lambda texts, _: b"\xef\xbb\xbf" + texts["pem"].encode(),
    ),
    "hmac-over-pem-without-its-last-newline": (
        "The PEM comes from an environment variable that was trimmed, so a list of whole texts does not know it.",
        lambda texts, _: texts["pem"].strip().encode(),
    ),
    "hmac-over-pem-with-crlf": (
        "The PEM is a file with the line ends of Windows, which a pattern over lines misses.",
        lambda texts, _: texts["pem"].replace("\n", "\r\n").encode(),
    ),
    "hmac-over-der": (
        "The block list knows texts, and the key is the octets of its SubjectPublicKeyInfo (GHSA-r6x4).",
        lambda texts, _: b64decode("".join(texts["pem"].splitlines()[1:-1])),
    ),
    "hmac-over-jwk": (
        "The block list knows PEM and OpenSSH, and the key is the JSON text of a JWK (GHSA-xgmm-8j9v-c9wx).",
        lambda _, jwk: json.dumps(jwk).encode(),
    ),
    "hmac-over-compact-jwk": (
        'The JWK is recognised by `{"kty": ` at its start, and this one is written without blanks.',
        lambda _, jwk: json.dumps(jwk, separators=(",", ":")).encode(),
    ),
    "hmac-over-key-set": (
        "The fix for JWK text looks for `kty` at the top level, so a whole JWK set passes (PyJWT 2.13.0).",
        lambda _, jwk: json.dumps({"keys": [jwk]}).encode(),
    ),
    "hmac-over-list-of-keys": (
        "The fix for JWK text expects an object, so a JSON list of keys passes (PyJWT 2.13.0).",
        lambda _, jwk: json.dumps([jwk]).encode(),
    ),
    "hmac-over-raw-point": (
        "A key parsed down to its numbers yields octets, and octets are a secret.",
        lambda _, jwk: decode_base64url(jwk.get("n") or jwk.get("x")),
    ),
}
faults_for("VER-16", _hmac_over, _HMAC_OVER)
