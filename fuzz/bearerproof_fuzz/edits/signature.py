"""Edits of the signature: altered octets, other signers, malformed values of each algorithm (RFC 7518 §3)."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from itertools import product

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from bearerproof_fuzz import keys
from bearerproof_fuzz.edits.algorithm import beside_an_hmac_key, hmac_over
from bearerproof_fuzz.edits.encoding import trailing_bits, with_unused_bits
from bearerproof_fuzz.edits.registry import ECDSA, EDDSA, EITHER, EVERY_ALGORITHM, JWTS, Gate, edit, edits_for
from bearerproof_fuzz.forge import LIFETIME, Draft, Signer
from bearerproof_fuzz.keys import b64, flipped
from bearerproof_fuzz.needs import MIXED
from bearerproof_fuzz.pss import sign_pss

SIGNATURE = "signature malformed"

Change = Callable[[bytes], bytes]


def with_a_bit_flipped(draft: Draft) -> Draft:
    """Flip one bit of the signature: the negative control of everything that is to be accepted."""
    return draft.with_signature(lambda signature: flipped(signature, 0))


ALTERED: dict[str, Change] = {
    "first-bit": lambda signature: flipped(signature, 0, 0x80),
    "last-bit": lambda signature: flipped(signature, -1),
    "middle-bit": lambda signature: flipped(signature, len(signature) // 2),
    "truncated": lambda signature: signature[:-1],
    "halved": lambda signature: signature[: len(signature) // 2],
    "one-octet": lambda signature: signature[:1],
    "extended": lambda signature: signature + b"\0",
    "leading-zero": lambda signature: b"\0" + signature,
    "doubled": lambda signature: signature * 2,
    "zeros": lambda signature: bytes(len(signature)),
    "ones": lambda signature: b"\xff" * len(signature),
    "reversed": lambda signature: signature[::-1],
}


@edits_for(ALTERED, "VER-24", "RFC 7515 §5.2", SIGNATURE, algorithms=EVERY_ALGORITHM)
def signature_altered(draft: Draft, change: Change) -> Draft:
    """The signature is altered: {name}."""
    return draft.with_signature(change)


def _claims_swapped(token: str, **claims: object) -> str:
    header, payload, signature = token.split(".")
    held = json.loads(keys.unb64(payload))
    return ".".join([header, b64(json.dumps({**held, **claims}, separators=(",", ":")).encode()), signature])


_SWAPPED: dict[str, dict[str, object]] = {
    "sub": {"sub": "admin"},
    "exp": {"exp": 4_000_000_000},
    "scope": {"scope": "admin"},
    "nothing-but-space": {},
}


@edits_for(_SWAPPED, "VER-24", "RFC 7515 §5.2", SIGNATURE, algorithms=EVERY_ALGORITHM)
def payload_swapped_under_the_signature(draft: Draft, claims: dict[str, object]) -> Draft:
    """Claims are changed after signing ({name}) and the signature is left as it was."""
    return draft.respelled(lambda token: _claims_swapped(token, **(claims or {"pad": " "})))


def _header_swapped(token: str) -> str:
    header, payload, signature = token.split(".")
    held = json.loads(keys.unb64(header))
    return ".".join([b64(json.dumps(held, indent=1).encode()), payload, signature])


@edit("VER-24", "RFC 7515 §5.2", SIGNATURE, algorithms=EVERY_ALGORITHM)
def header_rewritten_under_the_signature(draft: Draft) -> Draft:
    """The header says the same in other octets, and the signature is left as it was."""
    return draft.respelled(_header_swapped)


_SPACED: dict[str, Change] = {
    "blank-behind": lambda header: header + b" ",
    "newline-behind": lambda header: header + b"\n",
    "blank-before": lambda header: b" " + header,
}


# Who keeps the text of the object that a JSON reader found, and not that of the segment, signs what was never sent.
@edits_for(_SPACED, "VER-24", "RFC 7515 §5.2", SIGNATURE)
def header_spaced_under_the_signature(draft: Draft, change: Change) -> Draft:
    """White space is put around the header's object ({name}), and the signature is left as it was."""
    return draft.respelled(lambda token: _with_header(token, change))


def _with_header(token: str, change: Change) -> str:
    header, rest = token.split(".", 1)
    return f"{b64(change(keys.unb64(header)))}.{rest}"


@edit("VER-24", "RFC 7515 §5.2", SIGNATURE, algorithms=EVERY_ALGORITHM)
def signature_of_another_token(draft: Draft) -> Draft:
    """The signature is good, but belongs to another honest token."""
    other = draft.with_claims(sub="user-2").token().rsplit(".", 1)[1]
    return draft.respelled(lambda token: token.rsplit(".", 1)[0] + "." + other)


@edit("VER-24", "RFC 7515 §5.2", SIGNATURE, algorithms=EVERY_ALGORITHM)
def signature_over_the_decoded_segments(draft: Draft) -> Draft:
    """The signature covers the decoded octets joined by a dot, not what is transmitted."""
    sign = draft.signer

    def over_decoded(signing_input: bytes) -> bytes:
        header, payload = signing_input.decode().split(".")
        return sign(keys.unb64(header) + b"." + keys.unb64(payload))

    return draft.signed_by(over_decoded)


@edit("VER-24", "RFC 7515 §5.2", SIGNATURE, algorithms=EVERY_ALGORITHM)
def signature_over_the_payload_alone(draft: Draft) -> Draft:
    """The signature covers the payload segment alone, so that any header could stand before it."""
    sign = draft.signer
    return draft.signed_by(lambda signing_input: sign(signing_input.split(b".")[1]))


@edit("VER-24", "RFC 7515 §5.2", SIGNATURE, algorithms=EVERY_ALGORITHM)
def signature_over_the_header_alone(draft: Draft) -> Draft:
    """The signature covers the header segment alone, so that any payload could stand behind it."""
    sign = draft.signer
    return draft.signed_by(lambda signing_input: sign(signing_input.split(b".")[0]))


@edit("VER-24", "RFC 7515 §5.2", SIGNATURE, algorithms=EVERY_ALGORITHM)
def signature_over_a_digest(draft: Draft) -> Draft:
    """The signature covers the SHA-512 of the first two segments, as one does that is made in two steps."""
    sign = draft.signer
    return draft.signed_by(lambda signing_input: sign(hashlib.sha512(signing_input).digest()))


@edits_for(
    {name: name for name in ("sha1", "sha384", "sha512")}, "VER-24", "RFC 7518 §3.2", SIGNATURE, algorithms=("HS256",)
)
def hmac_over_another_hash(draft: Draft, digest: str) -> Draft:
    """The HMAC is the key's own, over another hash than that of its algorithm: {name}."""
    return draft.signed_by(hmac_over(keys.secret(draft.key.pool_name), digest))


@edit("VER-24", "RFC 7518 §3.2", SIGNATURE, algorithms=("HS384", "HS512"))
def hmac_over_the_shortest_hash(draft: Draft) -> Draft:
    """The HMAC is the key's own, and HS256 has its hash, whatever the algorithm says."""
    return hmac_over_another_hash(draft, "sha256")


@edit("VER-25", "RFC 7515 §5.2", SIGNATURE, algorithms=EVERY_ALGORITHM)
def signed_by_the_attacker(draft: Draft) -> Draft:
    """A key of the right kind signs that the policy does not hold, under the name of one that it holds."""
    return draft.signed_by(keys.key(draft.key.algorithm, "attacker").sign)


@edit("VER-25", "RFC 7515 §5.2", SIGNATURE + " key-unknown", algorithms=EVERY_ALGORITHM)
def signed_by_the_attacker_without_kid(draft: Draft) -> Draft:
    """A key of the right kind signs that the policy does not hold, and no key is named."""
    return signed_by_the_attacker(draft).without_header("kid")


_GUESSES = {
    "empty": b"",
    "nul": b"\0",
    "secret": b"secret",
    "null": b"null",
    "undefined": b"undefined",
    "password": b"changeme",
    "of-an-example": b"your-256-bit-secret",
    "32-zeros": bytes(32),
    "kid": b"hs256-a",
}


@edits_for(_GUESSES, "VER-25", "RFC 8725 §2.2", SIGNATURE, algorithms=("HS256",))
def hmac_secret_guessed(draft: Draft, secret: bytes) -> Draft:
    """The HMAC secret is guessed: {name}."""
    return draft.signed_by(hmac_over(secret))


@edits_for(
    {name: value for name, value in _GUESSES.items() if name != "kid"},
    "VER-25",
    "RFC 8725 §2.1",
    SIGNATURE + " algorithm header key-unusable key-unknown",
    also_breaks=(Gate.ALGORITHM,),
)
def hmac_under_a_public_key(draft: Draft, secret: bytes) -> Draft:
    """The token turns to HS256 with a secret that anybody can guess ({name})."""
    return draft.with_header(alg="HS256").signed_by(hmac_over(secret))


_OF_NO_KEY: dict[str, Signer] = {
    "sha-256": lambda signing_input: hashlib.sha256(signing_input).digest(),
    "sha-512": lambda signing_input: hashlib.sha512(signing_input).digest(),
    "sha-256-in-hexadecimal": lambda signing_input: hashlib.sha256(signing_input).hexdigest().encode(),
}


@edits_for(_OF_NO_KEY, "VER-25", "RFC 7515 §5.2", SIGNATURE)
def signature_is_a_digest(draft: Draft, sign: Signer) -> Draft:
    """In place of a signature stands what anybody can compute without a key: {name}."""
    return draft.signed_by(sign)


_WORDS: dict[str, Callable[[Draft], str]] = {
    "kid": lambda draft: draft.key.kid,
    "issuer": lambda draft: draft.policy.members["issuer"],
    "audience": lambda draft: draft.policy.members["audience"],
    "subject": lambda draft: draft.claims["sub"],
    "secret": lambda _: "secret",
    "password": lambda _: "changeme",
    "of-an-example": lambda _: "your-256-bit-secret",
}


@edits_for(
    _WORDS,
    "VER-25",
    "RFC 8725 §2.2",
    SIGNATURE + " algorithm header key-unusable key-unknown",
    given=beside_an_hmac_key,
    needs=MIXED,
    profiles=JWTS,
)
def allowed_hmac_over_a_word(draft: Draft, word: Callable[[Draft], str]) -> Draft:
    """HS256 is allowed beside the key's algorithm, and its secret is a word that everybody knows: the {name}."""
    return draft.with_header(alg="HS256").signed_by(hmac_over(word(draft).encode()))


_LOST: dict[str, Callable[[Draft], Draft]] = {
    "unknown-kid": lambda draft: draft.with_header(kid="nobody"),
    "no-kid": lambda draft: draft.without_header("kid"),
    "empty-kid": lambda draft: draft.with_header(kid=""),
    "kid-of-a-public-key": lambda draft: draft,
}


def hmac_over_nothing_under(draft: Draft, lose: Callable[[Draft], Draft]) -> Draft:
    """The HMAC secret is the empty one that a failed look-up of the key may leave: {name}."""
    return lose(draft).with_header(alg="HS256").signed_by(hmac_over(b""))


_FOUND_NOTHING = SIGNATURE + " algorithm header key-unusable key-unknown"
edits_for(
    {name: lose for name, lose in _LOST.items() if name != "kid-of-a-public-key"},
    "VER-25",
    "RFC 8725 §3.10",
    _FOUND_NOTHING,
    algorithms=("HS256",),
)(hmac_over_nothing_under)


@edits_for(
    _LOST,
    "VER-25",
    "RFC 8725 §3.10",
    _FOUND_NOTHING,
    given=beside_an_hmac_key,
    algorithms=("ES256", "EdDSA", "RS256"),
    needs=MIXED,
)
def allowed_hmac_over_nothing_under(draft: Draft, lose: Callable[[Draft], Draft]) -> Draft:
    """HS256 is allowed beside the key's algorithm, and its secret is what a failed look-up may leave: {name}."""
    return hmac_over_nothing_under(draft, lose)


def _numbers(draft: Draft, signature: bytes) -> tuple[int, int, int, int]:
    """Return r, s, the group's order and the length of each in octets."""
    size = len(signature) // 2
    r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    return r, s, keys.GROUP_ORDER[draft.key.material], size


Numbers = Callable[[int, int, int], tuple[int, int]]

_OUT_OF_RANGE: dict[str, Numbers] = {
    "r-zero": lambda _, s, __: (0, s),
    "s-zero": lambda r, _, __: (r, 0),
    "both-zero": lambda *_: (0, 0),
    "both-one": lambda *_: (1, 1),
    "r-order": lambda _, s, n: (n, s),
    "s-order": lambda r, _, n: (r, n),
    "both-order": lambda *args: (args[2], args[2]),
    "r-one-s-zero": lambda *_: (1, 0),
    "r-zero-s-one": lambda *_: (0, 1),
    "order-minus-one": lambda *args: (args[2] - 1, args[2] - 1),
    "order-plus-one": lambda *args: (args[2] + 1, args[2] + 1),
    "swapped": lambda r, s, _: (s, r),
}


@edits_for(_OUT_OF_RANGE, "VER-26", "RFC 7518 §3.4", SIGNATURE, algorithms=ECDSA)
def ecdsa_numbers(draft: Draft, change: Numbers) -> Draft:
    """The numbers of the ECDSA signature are {name} (CVE-2022-21449 accepted zeros)."""

    def rewrite(signature: bytes) -> bytes:
        r, s, order, size = _numbers(draft, signature)
        r, s = change(r, s, order)
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    return draft.with_signature(rewrite)


# Of these curves P-521 alone leaves room for it in any signature: 66 octets hold 528 bits.
@edits_for(
    {"r": (1, 0), "s": (0, 1), "both": (1, 1), "r-many-times": (100, 0)},
    "VER-26",
    "RFC 7518 §3.4",
    SIGNATURE,
    algorithms=("ES512",),
)
def ecdsa_number_plus_the_order(draft: Draft, times: tuple[int, int]) -> Draft:
    """A number of the ECDSA signature is the right one modulo the order, and beyond it: {name}."""

    def rewrite(signature: bytes) -> bytes:
        r, s, order, size = _numbers(draft, signature)
        return b"".join(
            (number + time * order).to_bytes(size, "big") for number, time in zip((r, s), times, strict=True)
        )

    return draft.with_signature(rewrite)


def _der(draft: Draft) -> Change:
    def rewrite(signature: bytes) -> bytes:
        r, s, _, _ = _numbers(draft, signature)
        return encode_dss_signature(r, s)

    return rewrite


def _widened(draft: Draft) -> Change:
    def rewrite(signature: bytes) -> bytes:
        r, s, _, size = _numbers(draft, signature)
        return r.to_bytes(size + 1, "big") + s.to_bytes(size + 1, "big")

    return rewrite


_ECDSA_FORMS: dict[str, Callable[[Draft], Change]] = {
    "der": _der,
    "hexadecimal": lambda _: lambda signature: signature.hex().encode(),
    "widened": _widened,
    "zero-padded-behind": lambda _: lambda signature: signature + bytes(2),
    "zero-padded-before": lambda _: lambda signature: bytes(2) + signature,
}


@edits_for(_ECDSA_FORMS, "VER-26", "RFC 7518 §3.4", SIGNATURE, algorithms=ECDSA)
def ecdsa_form(draft: Draft, form: Callable[[Draft], Change]) -> Draft:
    """A valid ECDSA signature in another form than r and s of fixed length: {name}."""
    return draft.with_signature(form(draft))


_OTHER_HASHES = {"sha-1": hashes.SHA1(), "sha-384": hashes.SHA384(), "sha-512": hashes.SHA512()}  # noqa: S303 - the fault


@edits_for(_OTHER_HASHES, "VER-26", "RFC 7518 §3.4", SIGNATURE, algorithms=("ES256",))
def ecdsa_signature_of(draft: Draft, digest: hashes.HashAlgorithm) -> Draft:
    """The ECDSA signature is the key's own, over another hash of the input than that of its algorithm: {name}."""
    return draft.signed_by(lambda signing_input: keys.raw_ecdsa(draft.key, signing_input, digest))


def _zeros_first(draft: Draft) -> Draft:
    """Choose times so that r and s both begin with a zero octet."""
    return _at_times_where(draft, lambda signature: not signature[0] and not signature[len(signature) // 2])


# Of P-521 every other number begins so: 66 octets have room for 528 bits.
@edit(
    "VER-26",
    "RFC 7518 §3.4",
    SIGNATURE,
    given=_zeros_first,
    algorithms=("ES512",),
    alone=lambda draft: ecdsa_form(draft, _widened),
)
def ecdsa_numbers_an_octet_short(draft: Draft) -> Draft:
    """Both numbers of the ECDSA signature happen to begin with a zero octet, and it is left out of both."""
    return draft.with_signature(
        lambda signature: signature[1 : len(signature) // 2] + signature[len(signature) // 2 + 1 :]
    )


def _plus_order(signature: bytes) -> bytes:
    size = len(signature) // 2
    scalar = int.from_bytes(signature[size:], "little") + keys.GROUP_ORDER["ed25519" if size == 32 else "ed448"]
    return signature[:size] + scalar.to_bytes(size, "little")


_EDDSA_FORMS: dict[str, Change] = {
    "s-plus-order": _plus_order,
    "top-bit-set": lambda signature: signature[:-1] + bytes([signature[-1] | 0x80]),
    "identity-point": lambda signature: b"\x01" + bytes(len(signature) - 1),
    "small-order-point": lambda signature: bytes(len(signature)),
    "extended": lambda signature: signature + bytes(50),
    "short": lambda signature: signature[:-1],
}


@edits_for(_EDDSA_FORMS, "VER-27", "RFC 8032 §5.1.7", SIGNATURE, algorithms=EDDSA)
def eddsa_form(draft: Draft, change: Change) -> Draft:
    """An Ed25519 signature that only a lenient verifier takes: {name}."""
    return draft.with_signature(change)


_RSA_FORMS = ("plus-modulus", "leading-zero", "leading-zeros-dropped", "octet-behind", "zero", "one", "modulus")


def _rsa_forms(draft: Draft) -> dict[str, Change]:
    modulus = keys.rsa_modulus(draft.key)
    size = (modulus.bit_length() + 7) // 8
    return {
        "plus-modulus": lambda signature: (int.from_bytes(signature, "big") + modulus).to_bytes(size + 1, "big"),
        "leading-zero": lambda signature: b"\0" + signature,
        "leading-zeros-dropped": lambda signature: signature.lstrip(b"\0")[1:],
        "octet-behind": lambda signature: signature + b"\x01",
        "zero": lambda _: bytes(size),
        "one": lambda _: bytes(size - 1) + b"\x01",
        "modulus": lambda _: modulus.to_bytes(size, "big"),
    }


@edits_for(
    {name: name for name in _RSA_FORMS},
    "VER-28",
    "RFC 8017 §8.2.2",
    SIGNATURE,
    algorithms=("RS256", "PS256"),
)
def rsa_form(draft: Draft, form: str) -> Draft:
    """An RSA signature of the wrong length or out of range: {name}."""
    return draft.with_signature(_rsa_forms(draft)[form])


def _zero_first(draft: Draft) -> Draft:
    """Choose times so that the signature happens to begin with a zero octet."""
    return _at_times_where(draft, lambda signature: not signature[0])


def _at_times_where(draft: Draft, fits: Callable[[bytes], bool]) -> Draft:
    """Choose times so that the signature happens to fit: every product knows these claims."""
    token = draft.token()
    if token not in _TIMES:
        lives = product(range(120, LIFETIME), range(30, 60))
        tried = ({"exp": int(draft.now) + left, "iat": int(draft.now) - since} for left, since in lives)
        _TIMES[token] = next(times for times in tried if fits(_signature(draft.with_claims(**times).token())))
    return draft.with_claims(**_TIMES[token])


def _signature(token: str) -> bytes:
    return keys.unb64(token.rpartition(".")[2])


_TIMES: dict[str, dict[str, int]] = {}
"""Times found, by token: a search takes some 250 signatures."""


@edit("VER-28", "RFC 8017 §8.2.2", SIGNATURE, given=_zero_first, algorithms=("RS256",))
def rsa_signature_an_octet_short(draft: Draft) -> Draft:
    """The RSA signature happens to begin with a zero octet, which is left out."""
    return draft.with_signature(lambda signature: signature[1:])


_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
"""What stands before a SHA-256 digest in EMSA-PKCS1-v1_5 (RFC 8017 §9.2)."""

_SHA1 = bytes.fromhex("06052b0e03021a")
"""The object identifier of SHA-1."""

_PADDINGS: dict[str, Callable[[bytes, int], bytes]] = {
    "short-with-junk-behind": lambda info, size: (b"\x00\x01" + b"\xff" * 8 + b"\x00" + info).ljust(size, b"\x5a"),
    "junk-in-place-of-ff": lambda info, size: b"\x00\x01" + b"\x5a" * (size - len(info) - 3) + b"\x00" + info,
    "block-type-2": lambda info, size: b"\x00\x02" + b"\xff" * (size - len(info) - 3) + b"\x00" + info,
    "no-zero-before-the-digest": lambda info, size: b"\x00\x01" + b"\xff" * (size - len(info) - 2) + info,
    "digest-without-its-name": lambda info, size: b"\x00\x01" + b"\xff" * (size - 35) + b"\x00" + info[-32:],
    "another-delimiter": lambda info, size: _pkcs1(info, size, delimiter=b"\x01"),
    "a-zero-in-the-padding": lambda info, size: _pkcs1(info, size).replace(b"\xff" * 9, b"\xff" * 8 + b"\0", 1),
    "a-length-in-long-form": lambda info, size: _pkcs1(b"\x30\x81" + info[1:], size),
    "an-indefinite-length": lambda info, size: _pkcs1(b"\x30\x80" + info[2:] + bytes(2), size),
    "octets-as-parameters": lambda info, size: _pkcs1(_renamed(info, info[6:15] + b"\x04\x03abc"), size),
    "octets-behind-the-digest": lambda info, size: _pkcs1(b"\x30\x34" + info[2:] + b"abc", size),
    "the-name-of-sha-1": lambda info, size: _pkcs1(_renamed(info, _SHA1 + b"\x05\0"), size),
    "no-name-of-a-hash": lambda info, size: _pkcs1(_renamed(info, b"\x05\0"), size),
}


def _pkcs1(info: bytes, size: int, delimiter: bytes = b"\0") -> bytes:
    """Pad as EMSA-PKCS1-v1_5 does (RFC 8017 §9.2)."""
    return b"\0\1" + b"\xff" * (size - len(info) - 3) + delimiter + info


def _renamed(info: bytes, algorithm: bytes) -> bytes:
    """Give a digest another algorithm identifier."""
    inner = bytes([0x30, len(algorithm)]) + algorithm + info[-34:]
    return bytes([0x30, len(inner)]) + inner


@edits_for(_PADDINGS, "VER-28", "RFC 8017 §8.2.2", SIGNATURE, algorithms=("RS256",))
def pkcs1_padding_with(draft: Draft, pad: Callable[[bytes, int], bytes]) -> Draft:
    """The RSA block is padded as no signer does, so that only a parser that skips takes it: {name}."""
    size = (keys.rsa_modulus(draft.key).bit_length() + 7) // 8

    def sign(signing_input: bytes) -> bytes:
        info = _DIGEST_INFO + hashlib.sha256(signing_input).digest()
        return keys.raw_rsa(draft.key, pad(info, size))

    return draft.signed_by(sign)


_HASHES = {"sha-1": hashes.SHA1(), "sha-384": hashes.SHA384(), "sha-512": hashes.SHA512()}  # noqa: S303 - the fault


@edits_for(_HASHES, "VER-28", "RFC 7518 §3.3", SIGNATURE, algorithms=("RS256",))
def pkcs1_signature_names_its_own_hash(draft: Draft, digest: hashes.HashAlgorithm) -> Draft:
    """The RSA block is padded rightly and names another hash than that of its algorithm: {name}."""
    private = keys.rsa_private(draft.key)
    return draft.signed_by(lambda signing_input: private.sign(signing_input, padding.PKCS1v15(), digest))


def _other_padding(draft: Draft) -> str:
    return ("RS" if draft.key.algorithm.startswith("PS") else "PS") + draft.key.algorithm[2:]


@edit("VER-28", "RFC 7518 §3.5", SIGNATURE, algorithms=("RS256", "PS256"))
def rsa_signature_in_the_other_padding(draft: Draft) -> Draft:
    """The RSA signature is the key's own, and padded as that of the other scheme: the header names the key's."""
    return draft.signed_by(replace(draft.key, algorithm=_other_padding(draft)).sign)


_PSS_BLOCKS: dict[str, Callable[[bytearray], None]] = {
    "ends-in-another-octet": lambda block: block.__setitem__(-1, 0xCC),
    "has-a-bit-of-its-hash-flipped": lambda block: block.__setitem__(-2, block[-2] ^ 1),
    "has-a-bit-of-its-padding-flipped": lambda block: block.__setitem__(1, block[1] ^ 1),
}


@edits_for(_PSS_BLOCKS, "VER-28", "RFC 8017 §9.1.2", SIGNATURE, algorithms=("PS256",))
def pss_block(draft: Draft, spoil: Callable[[bytearray], None]) -> Draft:
    """The block under the PSS signature {name}."""
    numbers = keys.rsa_private(draft.key).public_key().public_numbers()
    size = (numbers.n.bit_length() + 7) // 8

    def rewrite(signature: bytes) -> bytes:
        block = bytearray(pow(int.from_bytes(signature, "big"), numbers.e, numbers.n).to_bytes(size, "big"))
        spoil(block)
        return keys.raw_rsa(draft.key, bytes(block))

    return draft.with_signature(rewrite)


_PSS: dict[str, dict[str, object]] = {
    "no-salt": {"salt_length": 0},
    "short-salt": {"salt_length": 20},
    "long-salt": {"salt_length": 64},
    "mask-of-sha-1": {"salt_length": 32, "mask_digest": hashlib.sha1},
    "mask-of-sha-512": {"salt_length": 32, "mask_digest": hashlib.sha512},
    "sha-384": {"salt_length": 48, "digest": hashlib.sha384},
}


@edits_for(_PSS, "VER-28", "RFC 7518 §3.5", SIGNATURE, algorithms=("PS256",))
def pss_parameters(draft: Draft, parameters: dict[str, object]) -> Draft:
    """The PSS signature is made with other parameters than RFC 7518 allows: {name}."""
    private = keys.rsa_private(draft.key)
    chosen = {"digest": hashlib.sha256, **parameters}
    return draft.signed_by(lambda signing_input: sign_pss(private, signing_input, **chosen))  # type: ignore[arg-type]  # a table of keyword arguments


_SALTS: dict[str, Callable[[int], int]] = {
    "of-no-octets": lambda _: 0,
    "an-octet-short": lambda size: size - 1,
    "an-octet-long": lambda size: size + 1,
    "as-long-as-it-can-be": lambda size: 254 - size,
}


@edits_for(_SALTS, "VER-28", "RFC 7518 §3.5", SIGNATURE, algorithms=("PS384", "PS512"))
def pss_salt(draft: Draft, length: Callable[[int], int]) -> Draft:
    """The salt of the PSS signature is not as long as the hash, as RFC 7518 has it: {name}."""
    private, digest = keys.rsa_private(draft.key), getattr(hashlib, f"sha{draft.key.algorithm[2:]}")
    size = length(digest().digest_size)
    return draft.signed_by(lambda signing_input: sign_pss(private, signing_input, digest, size))


# RFC 7515 §5.2 step 8 validates BASE64URL of what was decoded, and RFC 4648 §3.5 lets a decoder pass unused bits by.
@edit("VER-24", "RFC 7515 §5.2", SIGNATURE, base=EITHER)
def signature_over_respelled_segments(draft: Draft) -> Draft:
    """The transmitted payload has an unused bit set; the signature covers its canonical spelling."""

    def respell(token: str) -> str:
        header, payload, signature = token.split(".")
        return f"{header}.{trailing_bits(payload)}.{signature}"

    return with_unused_bits(draft, "payload").respelled(respell)
