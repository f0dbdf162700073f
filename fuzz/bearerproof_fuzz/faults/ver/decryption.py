"""Faults in telling a JWE from a JWS: it is decrypted with whatever the key set holds, and believed (VER-5)."""

import hmac
import json
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bearerproof.members import Json
from bearerproof_fuzz.faults.registry import Patch, Rows, faults_for
from bearerproof_fuzz.keys import unb64
from bearerproof_reference.verifier import keys
from bearerproof_reference.verifier.jose import MalformedError, parse_object
from bearerproof_reference.verifier.verdicts import Accepted
from bearerproof_reference.verifier.verifier import Verifier

Unlock = Callable[[Json, bytes], bytes]
"""The content encryption key, by the JWK that ``kid`` names and the second segment."""


def _believing(patch: Patch, rule: tuple[tuple[str, ...], Unlock]) -> None:
    """Decrypt what has five segments under one of these algorithms, and check nothing but the claims."""
    known, unlock = rule

    def initialise(init: Any, self: Any, jwks: Any, allowed: Any) -> None:
        init(self, jwks, allowed)
        self.members = {jwk.get("kid"): jwk for jwk in jwks["keys"]}

    def verify(verifying: Any, self: Any, token: bytes) -> Any:
        if token.count(b".") != 4:
            return verifying(self, token)
        try:
            plaintext = _decrypted(token.decode(), self._keys.members, known, unlock)
        except (InvalidTag, KeyError, ValueError) as error:
            raise MalformedError("it does not decrypt") from error
        claims = parse_object(plaintext)
        self._check_claims(claims, self._clock.now())
        return Accepted(claims, None)

    patch.wrap(keys.KeySet, "__init__", initialise)
    patch.wrap(Verifier, "_verify", verify)


def _decrypted(token: str, jwks: Json, known: tuple[str, ...], unlock: Unlock) -> bytes:
    """Return the plaintext, or the payload of the JWT that is nested in it: its signature is a thing of the past."""
    segments = token.split(".")
    header, (locked, nonce, ciphertext, tag) = json.loads(unb64(segments[0])), map(unb64, segments[1:])
    if header["alg"] not in known:
        raise ValueError("another key management")
    unseal = _unseal_composite if "CBC" in header["enc"] else _unseal_gcm
    plaintext = unseal(unlock(jwks[header["kid"]], locked), nonce, ciphertext, tag, segments[0].encode())
    return unb64(plaintext.decode().split(".")[1]) if header.get("cty") == "JWT" else plaintext


def _unseal_gcm(key: bytes, nonce: bytes, ciphertext: bytes, tag: bytes, protected: bytes) -> bytes:
    return AESGCM(key).decrypt(nonce, ciphertext + tag, protected)


def _unseal_composite(key: bytes, nonce: bytes, ciphertext: bytes, tag: bytes, protected: bytes) -> bytes:
    half = len(key) // 2
    covered = protected + nonce + ciphertext + (len(protected) * 8).to_bytes(8, "big")
    if not hmac.compare_digest(hmac.digest(key[:half], covered, f"sha{len(key) * 8}")[:half], tag):
        raise InvalidTag
    decryptor = Cipher(algorithms.AES(key[half:]), modes.CBC(nonce)).decryptor()
    padded = decryptor.update(ciphertext)
    return padded[: -padded[-1]]


def _with_rsa(jwk: Json, locked: bytes) -> bytes:
    number = {name: int.from_bytes(unb64(jwk[name]), "big") for name in ("n", "e", "d", "p", "q", "dp", "dq", "qi")}
    private = rsa.RSAPrivateNumbers(
        number["p"],
        number["q"],
        number["d"],
        number["dp"],
        number["dq"],
        number["qi"],
        rsa.RSAPublicNumbers(number["e"], number["n"]),
    ).private_key(unsafe_skip_rsa_key_validation=True)
    digest = hashes.SHA256() if jwk.get("use") == "enc" else hashes.SHA1()  # noqa: S303 - RSA-OAEP is made with it
    return private.decrypt(locked, padding.OAEP(padding.MGF1(digest), digest, None))


_BELIEVING: Rows[tuple[tuple[str, ...], Unlock]] = {
    "decrypted-token-believed": (
        "What a JWE decrypts to is returned as if its author were known (CVE-2023-51774, CVE-2026-29000).",
        (("RSA-OAEP", "RSA-OAEP-256"), _with_rsa),
    ),
    "secret-that-authenticates-decrypts-too": (
        "The secret of an HMAC decrypts what comes as `dir`, and the tag of the JWE passes for a signature.",
        (("dir",), lambda jwk, _: unb64(jwk["k"])),
    ),
}
faults_for("VER-5", _believing, _BELIEVING)
