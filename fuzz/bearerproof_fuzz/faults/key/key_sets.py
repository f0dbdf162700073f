"""Faults in reading key sets (KEY-1 to KEY-6, KEY-14, KEY-15)."""

import base64
import hmac
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt import PyJWK

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by
from bearerproof_fuzz.faults.seams import key_named
from bearerproof_reference.verifier import algorithms, keys
from bearerproof_reference.verifier.algorithms import ALGORITHMS, Jwk, UnusableKeyError, Verify, _rsa_key
from bearerproof_reference.verifier.jose import decode_base64url
from bearerproof_reference.verifier.keys import Key, KeySet, _prepare
from bearerproof_reference.verifier.verdicts import Reason, Refusal


@helper_by(Patch.__call__, keys, "_check_purpose")
def _purpose(verifies: Callable[[Jwk], bool], jwk: Jwk) -> None:
    if not verifies(jwk):
        raise UnusableKeyError("it is not for verifying")


_PURPOSE: Rows[Callable[[Jwk], bool]] = {
    "use-of-a-key-ignored": (
        "Only `key_ops` is looked at, so an encryption key verifies too (Wycheproof's rejectWrongUse).",
        lambda jwk: "verify" in jwk.get("key_ops", ["verify"]),
    ),
    "key-ops-ignored": (
        "Only `use` is looked at, so an encryption key without it verifies (Wycheproof's rejectWrongKeyOps).",
        lambda jwk: jwk.get("use", "sig") == "sig",
    ),
    "only-use-enc-excluded": (
        "A key is taken unless it is marked `enc`, so a use defined tomorrow counts as signing (RFC 7517 §4.2).",
        lambda jwk: jwk.get("use") != "enc" and "verify" in jwk.get("key_ops", ["verify"]),
    ),
    "empty-key-ops-are-all": (
        "An empty list of operations is taken for no list, the usual slip of testing a list by its truth.",
        lambda jwk: jwk.get("use", "sig") == "sig" and "verify" in (jwk.get("key_ops") or ["verify"]),
    ),
}
faults_for("KEY-1", _purpose, _PURPOSE)


@fault("KEY-1")
def sign_means_verify(patch: Patch) -> None:
    """A key whose only operation is `sign` verifies, as if the two were one (RFC 7517 §4.3)."""
    both = {"sign", "verify"}
    _purpose(patch, lambda jwk: jwk.get("use", "sig") == "sig" and not both.isdisjoint(jwk.get("key_ops", both)))


def _hmac_keys(patch: Patch, long_enough: Callable[[str], bool]) -> None:
    def prepare(jwk: Jwk) -> Verify:
        secret = decode_base64url(jwk.get("k"))
        if not long_enough(jwk["k"]):
            raise UnusableKeyError("the secret is too short")
        return lambda signature, data: hmac.compare_digest(hmac.digest(secret, data, "sha256"), signature)

    patch(keys, "ALGORITHMS", {**ALGORITHMS, "HS256": replace(ALGORITHMS["HS256"], prepare=prepare)})


_HMAC_KEYS: Rows[Callable[[str], bool]] = {
    "hmac-key-of-any-length": (
        "No HMAC key is too short, so a variable that was left unset signs (CVE-2025-65945, GHSA-gg9x-qcx2-xmrh).",
        lambda _: True,
    ),
    "only-empty-hmac-key-refused": ("The fix for the empty secret stops at the empty secret (CVE-2026-45363).", bool),
    "hmac-key-of-half-the-length": (
        "128 bits are thought to do for any secret, where RFC 7518 §3.2 wants as many as the hash gives.",
        lambda text: len(decode_base64url(text)) >= 16,
    ),
    "hmac-key-measured-as-text": (
        "The characters of base64url are counted, not the octets they stand for: 24 octets pass for 32.",
        lambda text: len(text) >= 32,
    ),
}
faults_for("KEY-2", _hmac_keys, _HMAC_KEYS)


@fault("KEY-2")
def hmac_key_of_256_bits_for_every_hash(patch: Patch) -> None:
    """32 octets are enough for HS512 too, since the rule was read in the row of HS256 (RFC 7518 §3.2)."""

    def prepare(jwk: Jwk) -> Verify:
        secret = decode_base64url(jwk.get("k"))
        if len(secret) < 32:
            raise UnusableKeyError("the secret is too short")
        return lambda signature, data: hmac.compare_digest(hmac.digest(secret, data, "sha512"), signature)

    patch(keys, "ALGORITHMS", {**ALGORITHMS, "HS512": replace(ALGORITHMS["HS512"], prepare=prepare)})


def _shared_kids(patch: Patch, decide: Callable[[Sequence[Key]], Key | None]) -> None:
    """Have one key, or None, chosen among those that share a kid and serve the algorithm of the token."""

    def read_and_keep(read: Any, self: Any, jwks: Any, allowed: Collection[str]) -> None:
        read(self, jwks, allowed)
        named = [jwk for jwk in jwks["keys"] if isinstance(jwk, Mapping) and jwk.get("kid") in self]
        self.prepared = [key for jwk in named if (key := _prepare(jwk, allowed)) is not None]

    def find_or_decide(find: Any, self: Any, kid: str | None, alg: str) -> Any:
        fitting = [key for key in self.prepared if key.kid == kid and key.alg == alg]
        return (decide(fitting) if fitting else None) or find(self, kid, alg)

    patch.wrap(KeySet, "__init__", read_and_keep)
    patch.wrap(KeySet, "find", find_or_decide)


@fault("KEY-3")
def last_of_a_kid_decides(patch: Patch) -> None:
    """Keys are put in a dictionary by kid, so the last one silently wins (Wycheproof's rejectsDuplicateKid)."""
    _shared_kids(patch, lambda fitting: fitting[-1])


@fault("KEY-3")
def first_of_a_kid_decides(patch: Patch) -> None:
    """A loop over the set returns at the first key of that kid, as PyJWT's get_signing_key does."""
    _shared_kids(patch, lambda fitting: fitting[0])


@fault_by("KEY-3", _shared_kids)
def every_key_of_a_kid_tried(fitting: Sequence[Key]) -> Key:
    """All keys of a kid are tried in turn, so whoever adds a key to the set signs under any name in it."""
    return replace(fitting[0], verify=lambda signature, data: any(key.verify(signature, data) for key in fitting))


@helper_by(Patch.wrap, KeySet, "__init__")
def _rewritten(
    rewrite: Callable[[Mapping[str, Any]], Mapping[str, Any]], read: Any, self: Any, jwks: Any, allowed: Collection[str]
) -> None:
    """Have a key set changed before it is read; what is no set at all is left as it is."""
    is_set = isinstance(jwks, Mapping) and isinstance(jwks.get("keys"), list)
    read(self, rewrite(jwks) if is_set else jwks, allowed)


@fault("KEY-3")
def first_entry_of_a_kid_is_meant(patch: Patch) -> None:
    """The first entry of a kid is looked up and then held against its use, so an encryption key hides its twin."""
    _rewritten(
        patch, lambda jwks: {"keys": list({json.dumps(jwk.get("kid")): jwk for jwk in reversed(jwks["keys"])}.values())}
    )


@fault_by("KEY-3", _rewritten)
def ids_counted_before_the_use(jwks: Mapping[str, Any]) -> Mapping[str, Any]:
    """A set in which an id stands twice is ambiguous, whatever the entries are for."""
    kids = [jwk.get("kid") for jwk in jwks["keys"]]
    return {"keys": [jwk for jwk in jwks["keys"] if kids.count(jwk.get("kid")) == 1]}


@fault_by("KEY-4", _rewritten)
def malformed_entry_breaks_the_set(jwks: Mapping[str, Any]) -> Mapping[str, Any]:
    """Each entry is read when the set is, and one of a known type that can't be read throws all of it away."""
    for jwk in jwks["keys"]:
        for member in keys._NUMBERS.get(jwk.get("kty"), ()):  # noqa: SLF001 - what the reference reads of such a key
            if member != "crv":
                decode_base64url(jwk.get(member))
    return jwks


@fault("KEY-15")
def coordinate_through_an_integer(patch: Patch) -> None:
    """A coordinate becomes an integer and is written back without its leading zeros, which is too short."""
    patch.wrap(algorithms, "decode_base64url", lambda decode, text: decode(text).lstrip(b"\0"))


@fault_by("KEY-15", Patch.wrap, algorithms, "_rsa_key")
def exponent_cut_to_64_bits(read: Any, jwk: Jwk) -> Any:
    """The exponent is put into a machine word, so a key that nobody published verifies."""
    exponent = int.from_bytes(decode_base64url(jwk.get("e"))) % 2**64
    return read({**jwk, "e": base64.urlsafe_b64encode(exponent.to_bytes(8)).decode().rstrip("=")})


@fault_by("KEY-15", Patch.wrap, keys, "_prepare")
def point_off_the_curve_panics(prepare: Any, jwk: Jwk, allowed: Collection[str]) -> Any:
    """What the library says of a point off its curve is an error of its own, and goes up to the caller."""
    key = prepare(jwk, allowed)
    if key is None and jwk.get("kty") == "EC" and {"alg", "x", "y"} <= jwk.keys() and len(jwk["x"]) == len(jwk["y"]):
        raise ArithmeticError("point is not on the curve")
    return key


_KNOWN_TYPES = {"EC", "OKP", "RSA", "oct"}


@fault_by("KEY-4", _rewritten)
def foreign_key_type_breaks_the_set(jwks: Mapping[str, Any]) -> Mapping[str, Any]:
    """One key of an unknown type raises for the whole set: a single post-quantum key locks everybody out."""
    if not {jwk["kty"] for jwk in jwks["keys"]} <= _KNOWN_TYPES:
        raise ValueError("unsupported key type")
    return jwks


@fault_by("KEY-4", _rewritten)
def set_read_up_to_a_foreign_key(jwks: Mapping[str, Any]) -> Mapping[str, Any]:
    """Reading stops at a key that is not understood, `break` in place of `continue` (RFC 7517 §5)."""
    kinds = [jwk.get("kty") in _KNOWN_TYPES for jwk in jwks["keys"]]
    return {"keys": jwks["keys"][: kinds.index(False) if False in kinds else None]}


@fault("KEY-4")
def key_with_unknown_member_dropped(patch: Patch) -> None:
    """Keys go through a model that forbids extra members, so an issuer's extension disables its key."""
    known = {"kty", "kid", "use", "alg", "key_ops", "crv", "x", "y", "n", "e", "k"}
    _rewritten(patch, lambda jwks: {"keys": [jwk for jwk in jwks["keys"] if jwk.keys() <= known]})


@fault("KEY-4")
def set_with_unknown_member_refused(patch: Patch) -> None:
    """The set goes through a schema without extra members, so a time stamp beside `keys` refuses every token."""
    _rewritten(patch, lambda jwks: jwks if jwks.keys() == {"keys"} else {"keys": []})


@fault_by("KEY-5", Patch.__call__, algorithms, "_rsa_key")
def rsa_key_of_1024_bits_taken(jwk: Jwk) -> rsa.RSAPublicKey:
    """The size of an RSA key is not looked at (Wycheproof's rejects1024bitRsaKey)."""
    numbers = _rsa_numbers(jwk)
    return numbers.public_key() if numbers.n.bit_length() < 2048 else _rsa_key(jwk)


@fault("KEY-5")
def rsa_exponent_of_one_taken(patch: Patch) -> None:
    """RSA is done by hand, where nothing minds an exponent of 1 (Wycheproof's rejectsPublicExponent1)."""
    prefix = bytes.fromhex("3031300d060960864801650304020105000420")

    def prepare(jwk: Jwk) -> Verify:
        if (numbers := _rsa_numbers(jwk)).e != 1:
            return ALGORITHMS["RS256"].prepare(jwk)
        size = (numbers.n.bit_length() + 7) // 8

        def verify(signature: bytes, data: bytes) -> bool:
            digest = prefix + sha256(data).digest()
            padded = b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest
            return pow(int.from_bytes(signature), numbers.e, numbers.n) == int.from_bytes(padded)

        return verify

    patch(keys, "ALGORITHMS", {**ALGORITHMS, "RS256": replace(ALGORITHMS["RS256"], prepare=prepare)})


@fault("KEY-14")
def roca_not_looked_for(patch: Patch) -> None:
    """Size and exponent are right and nobody asks who made the key (CVE-2017-15361, Wycheproof's ROCA keys)."""
    patch(algorithms, "_ROCA", {3: frozenset[int]()})


def _rsa_numbers(jwk: Jwk) -> rsa.RSAPublicNumbers:
    exponent, modulus = (int.from_bytes(decode_base64url(jwk.get(member))) for member in ("e", "n"))
    return rsa.RSAPublicNumbers(exponent, modulus)


@helper_by(Patch.wrap, KeySet, "find")
def _instead_of_another_algorithm(
    choose: Callable[[Any, str, str], Key | None], find: Any, self: Any, kid: str | None, alg: str
) -> Any:
    """Have a key chosen, or None, where the one that is named serves another algorithm than the token's."""
    try:
        return find(self, kid, alg)
    except Refusal as refusal:
        found = choose(self, str(kid), alg) if refusal.rejected.reason is Reason.ALGORITHM else None
        if found is None:
            raise
        return found


@fault("KEY-6")
def mixed_set_by_kid_alone(patch: Patch) -> None:
    """The kid alone chooses the key, and the token's `alg` is not held against it (RFC 8725 §3.1)."""
    _instead_of_another_algorithm(patch, lambda key_set, kid, _alg: key_named(key_set, kid))


@fault_by("KEY-6", _instead_of_another_algorithm)
def kid_a_mere_preference(key_set: Any, _kid: str, alg: str) -> Key | None:
    """Where the named key does not fit the `alg`, the only one that does is taken: the kid says nothing."""
    fitting = [key for key in vars(key_set)["_usable"] if key.alg == alg]
    return fitting[0] if len(fitting) == 1 else None


@fault("KEY-6")
def public_key_text_in_a_mixed_set(patch: Patch) -> None:
    """Where HMAC is allowed too, the text of the named public key is its secret (CVE-2024-33663)."""
    texts: dict[str, bytes] = {}

    def prepare_and_note(prepare: Any, jwk: Jwk, allowed: Collection[str]) -> Any:
        if jwk["kty"] != "oct" and "HS256" in allowed:
            public: Any = PyJWK(dict(jwk)).key
            pem, spki = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            texts[jwk["kid"]] = public.public_bytes(pem, spki)
        return prepare(jwk, allowed)

    def over_its_text(_key_set: Any, kid: str, alg: str) -> Key | None:
        text = texts.get(kid, b"")
        return Key(kid, alg, lambda given, data: hmac.digest(text, data, "sha256") == given) if text else None

    patch.wrap(keys, "_prepare", prepare_and_note)
    _instead_of_another_algorithm(patch, over_its_text)
