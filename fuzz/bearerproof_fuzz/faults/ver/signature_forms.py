"""Faults in the form of a signature: ECDSA, Ed25519, RSA (VER-26 to VER-28)."""

from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by, spread
from bearerproof_fuzz.faults.seams import respelling_signatures, varying_keys
from bearerproof_reference.verifier.algorithms import Jwk, Verify
from bearerproof_reference.verifier.jose import decode_base64url

_ECDSA = ("ES256", "ES384")
_SIZES = {"P-256": 32, "P-384": 48}
_ORDERS = {
    "P-256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "P-384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
}


def _raw(r: int, s: int, size: int) -> bytes:
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


@helper_by(varying_keys, _ECDSA)
def _short_circuit(holds: Callable[[int, int, int], bool], verify: Verify, jwk: Jwk) -> Verify:
    """Accept an ECDSA signature whose numbers make the unchecked equation hold."""
    size, order = _SIZES[jwk["crv"]], _ORDERS[jwk["crv"]]

    def verify_unchecked(signature: bytes, data: bytes) -> bool:
        r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
        return (len(signature) == 2 * size and holds(r, s, order)) or verify(signature, data)

    return verify_unchecked


@fault("VER-26")
def psychic_signature_accepted(patch: Patch) -> None:
    """The numbers r and s are not held against their range, and with zeros the equation holds (CVE-2022-21449)."""
    _short_circuit(patch, lambda r, s, _: r == 0 == s)


@fault("VER-26")
def multiples_of_the_order_accepted(patch: Patch) -> None:
    """Zeros are refused and the group order, which is zero again, is not: the sibling of CVE-2022-21449."""
    _short_circuit(patch, lambda r, s, order: r == order == s)


@fault_by("VER-26", respelling_signatures, _ECDSA)
def ecdsa_in_der_accepted(signature: bytes, jwk: Jwk) -> bytes:
    """The library under it wants DER, so a signature that begins like DER is handed on as it is."""
    try:
        return _raw(*decode_dss_signature(signature), _SIZES[jwk["crv"]])
    except (ValueError, OverflowError):
        return signature


@fault_by("VER-26", respelling_signatures, _ECDSA)
def ecdsa_cut_in_half_at_any_length(signature: bytes, jwk: Jwk) -> bytes:
    """The two halves of whatever was sent are r and s, so padded integers are another spelling (CVE-2019-14859)."""
    half, size = len(signature) // 2, _SIZES[jwk["crv"]]
    return b"".join(part.lstrip(b"\0").rjust(size, b"\0") for part in (signature[:half], signature[half:]))


@fault("VER-26")
def octets_after_ecdsa_ignored(patch: Patch) -> None:
    """The numbers r and s are read off the front, and what follows them is not looked at."""
    respelling_signatures(patch, _ECDSA, lambda signature, jwk: signature[: 2 * _SIZES[jwk["crv"]]])


_ED25519 = ("EdDSA", "Ed25519")
_L = 2**252 + 27742317777372353535851937790883648493


@fault("VER-27")
def ed25519_scalar_reduced(patch: Patch) -> None:
    """S is reduced by the group order in place of being refused, so S + L is another spelling (CVE-2024-48949)."""

    def reduced(signature: bytes, _: Jwk) -> bytes:
        return signature[:32] + (int.from_bytes(signature[32:], "little") % _L).to_bytes(32, "little")

    respelling_signatures(
        patch, _ED25519, lambda signature, jwk: reduced(signature, jwk) if len(signature) == 64 else signature
    )


@fault("VER-27")
def ed25519_top_bit_masked(patch: Patch) -> None:
    """The top bit of S is masked away, as early implementations did with that of a point."""
    respelling_signatures(patch, _ED25519, lambda signature, _: signature[:-1] + bytes([signature[-1] & 0x7F]))


@fault("VER-27")
def octets_after_ed25519_ignored(patch: Patch) -> None:
    """The first 64 octets are the signature, and what follows them is not looked at."""
    respelling_signatures(patch, _ED25519, lambda signature, _: signature[:64])


def _modulus(jwk: Jwk) -> int:
    return int.from_bytes(decode_base64url(jwk["n"]), "big")


@fault("VER-28")
def rsa_leading_zeros_stripped(patch: Patch) -> None:
    """The signature is read as a number, to which zeros in front make no difference (RFC 8017 §8.2.2 step 1)."""
    respelling_signatures(patch, ("RS256", "PS256"), lambda signature, _: signature.lstrip(b"\0").rjust(256, b"\0"))


@fault("VER-28")
def short_rsa_signature_padded(patch: Patch) -> None:
    """A signature whose first octet was zero and got lost is filled up again: a second spelling."""
    respelling_signatures(patch, ("RS256", "PS256"), lambda signature, _: signature.rjust(256, b"\0"))


@fault("VER-28")
def octets_after_rsa_ignored(patch: Patch) -> None:
    """As many octets as the modulus has are the signature, and what follows them is not looked at."""
    respelling_signatures(patch, ("RS256", "PS256"), lambda signature, _: signature[:256])


@fault("VER-28")
def rsa_signature_reduced(patch: Patch) -> None:
    """The number s is not held against the modulus, and modular arithmetic takes s + n for s (RFC 8017 §5.2.2)."""

    def reduced(signature: bytes, jwk: Jwk) -> bytes:
        return (int.from_bytes(signature, "big") % _modulus(jwk)).to_bytes(256, "big")

    respelling_signatures(
        patch, ("RS256", "PS256"), lambda signature, jwk: reduced(signature, jwk) if signature else signature
    )


def _rsa_verify(patch: Patch, name: str, pad: padding.AsymmetricPadding, digest: hashes.HashAlgorithm) -> None:
    """Accept signatures with these parameters beside the right ones."""

    def vary(verify: Verify, jwk: Jwk) -> Verify:
        public = rsa.RSAPublicNumbers(65537, _modulus(jwk)).public_key()

        def verify_either(signature: bytes, data: bytes) -> bool:
            try:
                public.verify(signature, data, pad, digest)
            except InvalidSignature:
                return verify(signature, data)
            return True

        return verify_either

    varying_keys(patch, (name,), vary)


_RSA_VERIFY: Rows[tuple[str, padding.AsymmetricPadding, hashes.HashAlgorithm]] = {
    "pss-salt-of-any-length": (
        "The length of the salt is read off the signature, which is the default of more than one library.",
        ("PS256", padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO), hashes.SHA256()),
    ),
    "pss-mask-of-sha1": (
        "The mask is generated with SHA-1, the default of RFC 8017 where nothing is said.",
        ("PS256", padding.PSS(padding.MGF1(hashes.SHA1()), 32), hashes.SHA256()),  # noqa: S303 - the fault
    ),
    "pss-salt-of-any-length-under-ps512": (
        "The salt was pinned for the algorithm that the tests use, and is read off the signature for the others.",
        ("PS512", padding.PSS(padding.MGF1(hashes.SHA512()), padding.PSS.AUTO), hashes.SHA512()),
    ),
    "pss-hash-not-bound": (
        "PS384 passes for PS256, since the signature tells its own hash.",
        ("PS256", padding.PSS(padding.MGF1(hashes.SHA384()), 48), hashes.SHA384()),
    ),
    "older-padding-under-ps256": (
        "Keys for PS256 signed with PKCS#1 before, and what they signed then is still taken.",
        ("PS256", padding.PKCS1v15(), hashes.SHA256()),
    ),
}
faults_for("VER-28", spread(_rsa_verify), _RSA_VERIFY)


@fault("VER-26")
def numbers_in_hexadecimal_taken(patch: Patch) -> None:
    """Whatever is as long as two numbers in hexadecimal is read as such."""
    respelling_signatures(patch, _ECDSA, lambda signature, jwk: _from_hex(signature, 4 * _SIZES[jwk["crv"]]))


def _from_hex(signature: bytes, length: int) -> bytes:
    try:
        return bytes.fromhex(signature.decode("ascii")) if len(signature) == length else signature
    except ValueError:
        return signature


@fault_by("VER-28", varying_keys, ("RS256",))
def pkcs1_padding_parsed(verify: Verify, jwk: Jwk) -> Verify:
    """The padding is parsed, not compared, and octets after the hash are forgiven (Bleichenbacher 2006)."""

    def parse(signature: bytes, data: bytes) -> bool:
        number, modulus = int.from_bytes(signature, "big"), _modulus(jwk)
        opened = pow(number, 65537, modulus).to_bytes(256, "big")
        digest = hashes.Hash(hashes.SHA256())
        digest.update(data)
        _, _, rest = opened.removeprefix(b"\0\1").lstrip(b"\xff").partition(_DIGEST_INFO)
        if len(signature) != 256 or number >= modulus or opened[:3] != b"\0\1\xff":
            return verify(signature, data)
        return rest.startswith(digest.finalize())

    return parse


_DIGEST_INFO = bytes.fromhex("003031300d060960864801650304020105000420")
