"""Weak ways with signatures, and public keys that serve as HMAC secrets."""

import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import replace

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bearerproof_fuzz.victims import signatures, verifier
from bearerproof_fuzz.victims.question import Memory, Question
from bearerproof_fuzz.victims.refusal import Json, Refused
from bearerproof_fuzz.victims.signatures import Key, Verification
from bearerproof_fuzz.victims.variants import ORDINARY, weak_header
from bearerproof_fuzz.victims.verifier import HONEST, Opened, Steps

# --- a public key as an HMAC secret

Form = Callable[[Key], bytes]


def _confused(form: Form, text: str | None = None, *, allow_list: bool = True) -> Steps:
    """Take whatever the key was given as for the secret, if the header names an HMAC."""

    def chosen(steps: Steps, question: Question, header: Json, entries: list[Json]) -> Key:
        if not str(header["alg"]).startswith("HS"):
            return verifier.choose(steps, question, header, entries)
        named = [entry for entry in entries if steps.named(header, entry)]
        if not named:
            raise Refused("key-unknown")
        key = steps.read(named[0])
        return key if isinstance(key.material, bytes) else Key(key.kid, "oct", form(replace(key, jwk=named[0])))

    weak = ORDINARY if allow_list else weak_header("algorithm")
    entries = verifier.entries_of_a_set if text is None else verifier.entries_in_form(text)
    return replace(weak, choose=chosen, entries=entries)


def _given(key: Key) -> bytes:
    """Return the text that the key was handed over as."""
    return str((key.jwk or {}).get("text")).encode()


def _written(encoding: Encoding, form: PublicFormat, *, strip: bool = False) -> Form:
    """Return what writes a key out in this encoding and form."""

    def secret(key: Key) -> bytes:
        if form is PublicFormat.PKCS1 and key.kty != "RSA":
            raise Refused("key-unusable")
        octets: bytes = key.material.public_bytes(encoding, form)
        return octets.strip() if strip else octets

    return secret


def _as_json(wrap: Callable[[Json], object], separators: tuple[str, str] | None = None) -> Form:
    """Return what writes the JWK out as JSON text."""
    return lambda key: json.dumps(wrap(key.jwk or {}), separators=separators).encode()


def _point(form: PublicFormat) -> Form:
    """Return what writes out the point of an elliptic curve (SEC 1 §2.3.3)."""

    def secret(key: Key) -> bytes:
        if key.kty != "EC":
            raise Refused("key-unusable")
        octets: bytes = key.material.public_bytes(Encoding.X962, form)
        return octets

    return secret


def _body(key: Key) -> bytes:
    """Return what stands between the first and the last line of the given PEM."""
    return "".join(line for line in _given(key).decode().splitlines() if "-----" not in line).encode()


def _number_text(key: Key) -> bytes:
    """Return the first number of the JWK, as it is spelled there."""
    jwk = key.jwk or {}
    return str(jwk.get("n", jwk.get("x"))).encode()


def _public_octets(key: Key) -> bytes:
    """Return the numbers of the public key without any wrapping."""
    if key.kty == "RSA":
        numbers = key.material.public_numbers()
        return int(numbers.n).to_bytes(key.material.key_size // 8)
    form = PublicFormat.UncompressedPoint if key.kty == "EC" else PublicFormat.Raw
    octets: bytes = key.material.public_bytes(Encoding.X962 if key.kty == "EC" else Encoding.Raw, form)
    return octets


def _thumbprint_input(key: Key) -> bytes:
    """Return what is hashed of a JWK (RFC 7638 §3.2)."""
    required = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n"), "OKP": ("crv", "kty", "x")}[key.kty]
    members = {name: (key.jwk or {}).get(name) for name in required}
    return json.dumps(members, separators=(",", ":")).encode()


def _thumbprint(key: Key) -> bytes:
    return hashlib.sha256(_thumbprint_input(key)).digest()


def _kid(key: Key) -> bytes:
    """Return the name of the key, for want of a secret of that name."""
    return str(key.kid).encode()


# --- what is compared


def _hmac_of_any_secret(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """Take a secret of any length."""
    if not isinstance(key.material, bytes):
        return signatures.verify(key, algorithm, signing_input, signature)
    return hmac.compare_digest(signatures.mac(key.material, algorithm, signing_input), signature)


def _digest_is_enough(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """Take a checksum for a signature, as was good enough while it was being tried."""
    same = signature == hashlib.sha256(signing_input).digest()
    return same or signatures.verify(key, algorithm, signing_input, signature)


def _scheme(family: str, weak: Verification, steps: Steps = HONEST) -> Steps:
    """Return a verifier with another verification for one family of algorithms."""

    def verify(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
        chosen = weak if algorithm.startswith(family) else signatures.verify
        return chosen(key, algorithm, signing_input, signature)

    return replace(steps, verify=verify)


def _mac(key: Key, algorithm: str, signing_input: bytes) -> bytes:
    if len(key.material) * 8 < int(algorithm[-3:]):
        raise Refused("key-unusable")
    return signatures.mac(key.material, algorithm, signing_input)


def _as_much_as_is_there(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    return _mac(key, algorithm, signing_input).startswith(signature) and bool(signature)


def _first_half(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    half = int(algorithm[-3:]) // 16
    return hmac.compare_digest(_mac(key, algorithm, signing_input)[:half], signature[:half])


def _up_to_a_zero(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """Compare as texts of C: both end at their first zero octet."""
    expected = _mac(key, algorithm, signing_input)
    return expected.partition(b"\0")[0] == signature.partition(b"\0")[0]


def _not_at_all(_key: Key, _algorithm: str, _signing_input: bytes, _signature: bytes) -> bool:
    return True


# --- ECDSA


def _halves(signature: bytes) -> tuple[int, int]:
    half = len(signature) // 2
    return int.from_bytes(signature[:half]), int.from_bytes(signature[half:])


def _psychic(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """Without a look at the range, zero times any point is the point that zero leads to (CVE-2022-21449)."""
    size = (key.material.curve.key_size + 7) // 8
    if len(signature) == 2 * size and _halves(signature) == (0, 0):
        return True
    return signatures.verify_ecdsa(key, algorithm, signing_input, signature)


def _reduced(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """Take the numbers modulo the order before they are looked at."""
    order = signatures.ORDERS[key.crv or "P-256"]
    size = (key.material.curve.key_size + 7) // 8
    if len(signature) != 2 * size:
        return False
    r, s = (value % order for value in _halves(signature))
    return r > 0 and s > 0 and signatures.ecdsa_holds(key, algorithm, signing_input, r, s)


def _s_reduced(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """Take s modulo the order, as where it is inverted, and look at the range of r alone."""
    size = (key.material.curve.key_size + 7) // 8
    if len(signature) != 2 * size:
        return False
    s = int.from_bytes(signature[size:]) % signatures.ORDERS[key.crv or "P-256"]
    return signatures.verify_ecdsa(key, algorithm, signing_input, signature[:size] + s.to_bytes(size))


def _in_halves(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """Cut the signature in the middle, however long it is."""
    r, s = _halves(signature)
    order = signatures.ORDERS[key.crv or "P-256"]
    even = len(signature) % 2 == 0 and 0 < r < order and 0 < s < order
    return even and signatures.ecdsa_holds(key, algorithm, signing_input, r, s)


def _der_too(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """Take ASN.1 as well, as X.509 has it."""
    try:
        r, s = decode_dss_signature(signature)
    except ValueError:
        return signatures.verify_ecdsa(key, algorithm, signing_input, signature)
    return signatures.ecdsa_holds(key, algorithm, signing_input, r, s)


def _hexadecimal_too(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """Take the two numbers in hexadecimal as well."""
    with contextlib.suppress(ValueError):  # they are octets
        signature = bytes.fromhex(signature.decode("ascii"))
    return signatures.verify_ecdsa(key, algorithm, signing_input, signature)


def _hmac_of_any_hash(key: Key, _: str, signing_input: bytes, signature: bytes) -> bool:
    """Take the hash that has the length of the tag."""
    sizes = {"HS256": 32, "HS384": 48, "HS512": 64}
    return any(
        len(signature) == size and signatures.verify_hmac(key, name, signing_input, signature)
        for name, size in sizes.items()
    )


def _ecdsa_of_any_hash(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """Take the hash that fits; the range of the numbers is looked at as ever."""
    if signatures.verify_ecdsa(key, algorithm, signing_input, signature):
        return True
    names = [f"ES{bits}" for bits in signatures.HASHES]
    size = (key.material.curve.key_size + 7) // 8
    return len(signature) == 2 * size and any(
        signatures.ecdsa_holds(key, name, signing_input, *_halves(signature)) for name in names
    )


# --- Ed25519


def _unreduced(key: Key, _: str, signing_input: bytes, signature: bytes) -> bool:
    """Take S modulo L (RFC 8032 §5.1.7 says not to)."""
    if len(signature) != 64:
        return False
    s = int.from_bytes(signature[32:], "little") % signatures.EDWARDS_ORDER
    return signatures.verify_eddsa(key, "EdDSA", signing_input, signature[:32] + s.to_bytes(32, "little"))


def _first_64(key: Key, _: str, signing_input: bytes, signature: bytes) -> bool:
    return signatures.verify_eddsa(key, "EdDSA", signing_input, signature[:64])


# --- RSA


def _rsa(mend: Callable[[rsa.RSAPublicKey, int], int]) -> Callable[[Verification], Verification]:
    """Read the signature as a number of any length, mend it, and write it in the length that is due."""

    def changed(honest: Verification) -> Verification:
        def verify(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
            number = mend(key.material, int.from_bytes(signature))
            size = (key.material.key_size + 7) // 8
            return number < 1 << (8 * size) and honest(key, algorithm, signing_input, number.to_bytes(size))

        return verify

    return changed


def _cut_to_the_modulus(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    octets = (key.material.key_size + 7) // 8
    return signatures.verify_pkcs1(key, algorithm, signing_input, signature[:octets])


_ANY_LENGTH = _rsa(lambda _, number: number)
_MODULO_N = _rsa(lambda key, number: number % key.public_numbers().n)

_DIGEST_INFO = {
    "256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "512": bytes.fromhex("3051300d060960864801650304020305000440"),
}
"""What stands before the hash (RFC 8017 §9.2 note 1)."""


def _padding(is_padded: Callable[[bytes, bytes, bytes], bool]) -> Steps:
    """Look at the padding by hand: at the whole block, what stands before the hash, and the hash."""

    def verify(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
        numbers, size = key.material.public_numbers(), (key.material.key_size + 7) // 8
        number = int.from_bytes(signature)
        if len(signature) != size or number >= numbers.n:
            return False
        block = pow(number, numbers.e, numbers.n).to_bytes(size)
        bits = algorithm[-3:]
        return is_padded(block, _DIGEST_INFO[bits], hashlib.new(f"sha{bits}", signing_input).digest())

    return _scheme("RS", verify)


def _garbage_behind(block: bytes, info: bytes, digest: bytes) -> bool:
    """Parse from the left, and leave what follows the hash (CVE-2006-4339)."""
    head, _, rest = block[2:].partition(b"\0")
    return block[:2] == b"\0\1" and set(head) <= {0xFF} and rest.startswith(info + digest)


def _any_filling(block: bytes, info: bytes, digest: bytes) -> bool:
    """Look for the zero that ends the padding, and not at the padding."""
    return block[:2] == b"\0\1" and block[2:].partition(b"\0")[2] == info + digest


def _any_block_type(block: bytes, info: bytes, digest: bytes) -> bool:
    """Compare the end and nothing else."""
    return block.endswith(info + digest)


def _hash_at_the_end(block: bytes, _: bytes, digest: bytes) -> bool:
    """Compare the hash alone: neither padding nor the name of the hash is looked at."""
    return block.endswith(digest)


def _any_salt(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    digest = signatures.HASHES[algorithm[-3:]]
    pad = padding.PSS(padding.MGF1(digest), padding.PSS.AUTO)
    return signatures.holds(lambda: key.material.verify(signature, signing_input, pad, digest))


def _any_mask(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """Take the mask of any hash."""
    digest = signatures.HASHES[algorithm[-3:]]

    def is_masked_by(mask: hashes.HashAlgorithm) -> bool:
        pad = padding.PSS(padding.MGF1(mask), digest.digest_size)
        return signatures.holds(lambda: key.material.verify(signature, signing_input, pad, digest))

    sha1 = hashes.SHA1()  # noqa: S303 - it is among those that are taken
    return any(is_masked_by(mask) for mask in (sha1, *signatures.HASHES.values()))


def _any_hash(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """Take the hash that fits."""
    del algorithm
    names = [f"RS{bits}" for bits in signatures.HASHES]
    return any(signatures.verify_pkcs1(key, name, signing_input, signature) for name in names)


def _either_padding(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """Take the padding that fits."""
    schemes = (signatures.verify_pkcs1, signatures.verify_pss)
    return any(verify(key, algorithm, signing_input, signature) for verify in schemes)


# --- over what


def _over(signed: Callable[[Steps, Json, list[str]], bytes], *, also: bool = True) -> Steps:
    """Verify over something else than what was transmitted, or over that as well."""

    def opened(steps: Steps, question: Question, memory: Memory) -> Opened:
        parts = list(steps.split(question.token))

        def verify(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
            other = signed(steps, steps.parse_header(steps.decode(parts[0])), parts)
            return signatures.verify(key, algorithm, other, signature) or (
                also and signatures.verify(key, algorithm, signing_input, signature)
            )

        return verifier.open_jws(replace(steps, verify=verify), question, memory)

    return replace(HONEST, open=opened)


def _digest(_: Steps, __: Json, parts: list[str]) -> bytes:
    """Hash what was transmitted, for a signer that is given digests and hashes them once more."""
    return hashlib.sha512(f"{parts[0]}.{parts[1]}".encode()).digest()


def _payload_alone(_: Steps, __: Json, parts: list[str]) -> bytes:
    return parts[1].encode()


def _decoded(steps: Steps, _: Json, parts: list[str]) -> bytes:
    return b".".join(steps.decode(part) for part in parts[:2])


def _header_alone(_: Steps, __: Json, parts: list[str]) -> bytes:
    return parts[0].encode()


def _standard_header(_: Steps, header: Json, parts: list[str]) -> bytes:
    """Write a header of one's own before the payload, in place of the one that came."""
    own = {name: header[name] for name in ("alg", "typ", "kid") if name in header}
    text = base64.urlsafe_b64encode(json.dumps(own, separators=(",", ":")).encode()).rstrip(b"=")
    return text + b"." + parts[1].encode()


STEPS: Mapping[str, Steps] = {
    "hmac-over-pem-text": _confused(_given, "pem"),
    "hmac-over-pem-text-without-allow-list": _confused(_given, "pem", allow_list=False),
    "hmac-over-pkcs1-text": _confused(_given, "pkcs1"),
    "hmac-over-certificate": _confused(_given, "certificate"),
    "hmac-over-openssh-text": _confused(_given, "openssh"),
    "hmac-over-trimmed-pem": _confused(lambda key: _given(key).strip(), "pem"),
    "hmac-over-pem-of-a-jwk": _confused(_written(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)),
    "hmac-over-pkcs1-of-a-jwk": _confused(_written(Encoding.PEM, PublicFormat.PKCS1)),
    "hmac-over-given-der": _confused(lambda key: base64.b64decode(_given(key)), "der"),
    "hmac-over-given-jwk-text": _confused(_given, "jwk-text"),
    "hmac-over-der": _confused(_written(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)),
    "hmac-over-pkcs1-der": _confused(_written(Encoding.DER, PublicFormat.PKCS1)),
    "hmac-over-certificate-der": _confused(lambda key: base64.b64decode(_body(key)), "certificate"),
    "hmac-over-pem-body": _confused(_body, "pem"),
    "hmac-over-uncompressed-point": _confused(_point(PublicFormat.UncompressedPoint)),
    "hmac-over-compressed-point": _confused(_point(PublicFormat.CompressedPoint)),
    "hmac-over-number-text": _confused(_number_text),
    "hmac-over-openssh-of-a-jwk": _confused(_written(Encoding.OpenSSH, PublicFormat.OpenSSH)),
    "hmac-over-public-octets": _confused(_public_octets),
    "hmac-over-jwk-text": _confused(_as_json(lambda jwk: jwk)),
    "hmac-over-compact-jwk-text": _confused(_as_json(lambda jwk: jwk, (",", ":"))),
    "hmac-over-jwks-text": _confused(_as_json(lambda jwk: {"keys": [jwk]})),
    "hmac-over-jwk-array-text": _confused(_as_json(lambda jwk: [jwk])),
    "hmac-over-thumbprint": _confused(_thumbprint),
    "hmac-over-what-a-thumbprint-hashes": _confused(_thumbprint_input),
    "hmac-over-the-kid": replace(_confused(_kid), verify=_hmac_of_any_secret),
    "digest-for-a-signature": replace(HONEST, verify=_digest_is_enough),
    "nothing-verified": replace(HONEST, verify=_not_at_all),
    "es512-not-verified": _scheme("ES512", _not_at_all),
    "hs384-not-verified": _scheme("HS384", _not_at_all),
    "ps512-not-verified": _scheme("PS512", _not_at_all),
    "hmac-compared-as-far-as-presented": _scheme("HS", _as_much_as_is_there),
    "hmac-compared-by-its-first-half": _scheme("HS", _first_half),
    "hmac-compared-up-to-a-zero": _scheme("HS", _up_to_a_zero),
    "ecdsa-zero-and-zero": _scheme("ES", _psychic),
    "ecdsa-numbers-reduced": _scheme("ES", _reduced),
    "ecdsa-s-reduced": _scheme("ES", _s_reduced),
    "ecdsa-of-any-length": _scheme("ES", _in_halves),
    "ecdsa-in-der": _scheme("ES", _der_too),
    "ecdsa-in-hexadecimal": _scheme("ES", _hexadecimal_too),
    "hmac-of-any-hash": _scheme("HS", _hmac_of_any_hash),
    "ecdsa-of-any-hash": _scheme("ES", _ecdsa_of_any_hash),
    "eddsa-s-reduced": _scheme("Ed", _unreduced),
    "eddsa-octets-behind": _scheme("Ed", _first_64),
    "rsa-signature-of-any-length": _scheme("RS", _ANY_LENGTH(signatures.verify_pkcs1)),
    "rsa-signature-cut-to-the-modulus": _scheme("RS", _cut_to_the_modulus),
    "rsa-signature-modulo-n": _scheme("RS", _MODULO_N(signatures.verify_pkcs1)),
    "pss-signature-of-any-length": _scheme("PS", _ANY_LENGTH(signatures.verify_pss)),
    "pss-signature-modulo-n": _scheme("PS", _MODULO_N(signatures.verify_pss)),
    "pkcs1-garbage-behind-the-hash": _padding(_garbage_behind),
    "pkcs1-filling-not-looked-at": _padding(_any_filling),
    "pkcs1-padding-not-looked-at": _padding(_any_block_type),
    "pkcs1-hash-alone-compared": _padding(_hash_at_the_end),
    "pkcs1-any-hash": _scheme("RS", _any_hash),
    "pss-salt-of-any-length": _scheme("PS", _any_salt),
    "pss-mask-of-any-hash": _scheme("PS", _any_mask),
    "pss-or-pkcs1": _scheme("PS", _either_padding),
    "signed-over-a-digest": _over(_digest),
    "signed-over-the-payload-alone": _over(_payload_alone),
    "signed-over-the-header-alone": _over(_header_alone),
    "signed-over-the-decoded-segments": _over(_decoded),
    "signed-over-a-header-of-ones-own": _over(_standard_header, also=False),
}
