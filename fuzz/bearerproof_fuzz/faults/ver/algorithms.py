"""Faults in the choice of algorithm (VER-12 to VER-15)."""

import hmac
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from bearerproof.members import Json
from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by
from bearerproof_fuzz.faults.seams import changing_header, key_named, remembering_keys
from bearerproof_reference.verifier import keys, verifier
from bearerproof_reference.verifier.algorithms import ALGORITHMS, Jwk
from bearerproof_reference.verifier.jose import decode_base64url

Header = verifier.Header
Applies = Callable[[Header], bool]
Allows = Callable[[str, Any], bool]


@helper_by(Patch.wrap, verifier, "_verified")
def _unsecured(
    passes: Callable[[Header, bytes], bool], verified: Any, token: bytes, header: Header, tail: bytes, *rest: Any
) -> Any:
    """Take a token for an unsecured JWS, in which there is nothing to verify, where this rule says so."""
    if passes(header, tail):
        return keys.Key(header.kid, "none", lambda *_: True)
    return verified(token, header, tail, *rest)


_UNSECURED: Rows[Callable[[Header, bytes], bool]] = {
    "none-accepted": (
        "The header chooses the algorithm, and `none` has a verifier that says yes (CVE-2016-1000223, CVE-2026-28802).",
        lambda header, _: header.alg == "none",
    ),
    "none-blocked-in-lower-case-only": (
        "`none` is on a block list and the dispatch behind it folds case, so `None` and `nOnE` pass.",
        lambda header, _: header.alg.lower() == "none" != header.alg,
    ),
    "none-blocked-by-the-empty-signature": (
        "Unsigned tokens are refused by their empty last segment, so `none` passes with anything written there.",
        lambda header, tail: header.alg == "none" and tail != b"",
    ),
    "none-accepted-where-no-key-is-named": (
        "Where the key callback yields nothing, `none` is as good as allowed (CVE-2022-23540, CVE-2020-15084).",
        lambda header, _: header.alg == "none" and header.kid is None,
    ),
    "none-trimmed-after-the-block-list": (
        "The block list compares the text and the dispatch trims it, so that ` none ` gets between the two.",
        lambda header, _: header.alg != "none" and header.alg.strip() == "none",
    ),
}
faults_for("VER-12", _unsecured, _UNSECURED)


@fault("VER-12")
def none_blocked_when_capitalised_as_expected(patch: Patch) -> None:
    """The block list holds `none`, `None` and `NONE`: what somebody thought of, and not `nOnE`."""
    blocked = ("none", "None", "NONE")
    _unsecured(patch, lambda header, _: header.alg.lower() == "none" and header.alg not in blocked)


def _respelling(patch: Patch, respell: Callable[[str], str]) -> None:
    changing_header(
        patch,
        lambda header: {**header, "alg": respell(header["alg"])} if isinstance(header.get("alg"), str) else header,
    )


@fault("VER-13")
def alg_case_folded(patch: Patch) -> None:
    """Names of algorithms are looked up without regard to case, as names of ciphers are elsewhere (CWE-178)."""
    known = {name.lower(): name for name in ALGORITHMS}
    _respelling(patch, lambda name: known.get(name.lower(), name))


_RESPELLING: Rows[Callable[[str], str]] = {
    "alg-trimmed": ("White space around `alg` is trimmed before the look-up.", str.strip),
    "alg-cut-at-nul": (
        "`alg` is handed to a C library, for which it ends at the first NUL.",
        lambda name: name.split("\0")[0],
    ),
}
faults_for("VER-13", _respelling, _RESPELLING)

_JAVA = {"SHA256withECDSA": "ES256", "SHA256withRSA": "RS256", "HmacSHA256": "HS256"}


@fault("VER-13")
def alg_by_the_name_that_java_has(patch: Patch) -> None:
    """One table serves configuration and tokens, and knows what the library below calls the algorithms too."""
    _respelling(patch, lambda name: _JAVA.get(name, name))


@fault_by("VER-13", changing_header)
def alg_in_a_list_taken(header: Json) -> Json:
    """`alg in allowed` is asked with a list, of which a helper has taken the first name (CWE-843)."""
    return {**header, "alg": header["alg"][0]} if isinstance(header.get("alg"), list) else header


@fault("VER-13")
def missing_alg_is_that_of_the_key(patch: Patch) -> None:
    """A header without `alg` means the algorithm that the key names anyway."""
    _alg_of_the_key(patch, lambda header: header.alg == "")
    changing_header(patch, lambda header: {"alg": "", **header})


@helper_by(Patch.wrap, verifier, "_verified")
def _alg_of_the_key(
    applies: Applies, verified: Any, token: bytes, header: Header, tail: bytes, key_set: Any, algorithms: Any
) -> Any:
    """Read `alg` from the key that `kid` names in place of the header, where this rule says so."""
    key = key_named(key_set, header.kid)
    if key is not None and applies(header):
        header = replace(header, alg=key.alg)
    return verified(token, header, tail, key_set, algorithms)


@helper_by(Patch.wrap, verifier, "_verified")
def _allowing(
    allows: Allows, verified: Any, token: bytes, header: Header, tail: bytes, key_set: Any, algorithms: Any
) -> Any:
    """Widen the allow-list by the header's algorithm, where this rule says so."""
    wider = {*algorithms, header.alg} if allows(header.alg, algorithms) else algorithms
    return verified(token, header, tail, key_set, wider)


@fault("VER-14")
def allow_list_left_to_the_key(patch: Patch) -> None:
    """A key that names its algorithm is trusted with it, and the policy's list is not asked (CVE-2026-48523)."""
    _allowing(patch, lambda *_: True)


@fault_by("VER-14", _allowing)
def allow_list_by_family(name: str, allowed: Any) -> bool:
    """The list is compared by kind of key, so that allowing RS256 allows PS256 and ES256 allows ES384."""
    known = ALGORITHMS
    return name in known and known[name].kty in {known[other].kty for other in allowed}


@fault("VER-15")
def header_alg_never_compared(patch: Patch) -> None:
    """The key decides everything and the header's `alg` is not read: safe, until somebody reads it (RFC 7517 §4.4)."""
    _alg_of_the_key(patch, lambda _: True)


@fault_by("VER-15", Patch.wrap, keys.KeySet, "find")
def header_alg_compared_with_the_allow_list_only(find: Any, self: keys.KeySet, kid: str | None, alg: str) -> object:
    """Any allowed name in the header will do; that the key is made for another one goes unnoticed."""
    named = key_named(self, kid)
    return find(self, kid, alg if named is None else named.alg)


@fault_by("VER-15", remembering_keys)
def rsa_padding_by_the_header(jwk: Jwk, alg: str) -> keys.Key | None:
    """An RSA key serves RS256 and PS256 alike, and the header says which (RFC 8725 §3.1, CVE-2026-22817)."""
    if jwk["kty"] != "RSA" or alg not in ("RS256", "PS256"):
        return None
    return keys.Key(jwk.get("kid"), alg, ALGORITHMS[alg].prepare(jwk))


def _longer_hash(patch: Patch, longer: str, allowed: str, prepare: Callable[[Jwk], Any]) -> None:
    """Let the digits of the header's `alg` choose the hash, and the letters be all that is compared."""

    def find(jwk: Jwk, alg: str) -> keys.Key | None:
        return keys.Key(jwk.get("kid"), alg, prepare(jwk)) if alg == longer and jwk.get("alg") == allowed else None

    _allowing(patch, lambda name, algorithms: name == longer and allowed in algorithms)
    remembering_keys(patch, find)


@fault_by("VER-15", _longer_hash, "RS512", "RS256")
def rsa_hash_by_the_header(jwk: Jwk) -> Any:
    """`alg` is cut into a family, which is compared, and a hash, which is obeyed: RS512 passes for RS256."""
    n, e = (int.from_bytes(decode_base64url(jwk[name]), "big") for name in ("n", "e"))
    public = rsa.RSAPublicNumbers(e, n).public_key()

    def verify(signature: bytes, data: bytes) -> bool:
        return public.verify(signature, data, padding.PKCS1v15(), hashes.SHA512()) is None

    return verify


@fault_by("VER-15", _longer_hash, "HS384", "HS256")
def hmac_hash_by_the_header(jwk: Jwk) -> Any:
    """The secret of HS256 authenticates HS384 as well, because the hash is read off the header."""
    secret = decode_base64url(jwk["k"])
    return lambda signature, data: hmac.compare_digest(hmac.digest(secret, data, "sha384"), signature)


@fault("VER-15")
def eddsa_names_interchangeable(patch: Patch) -> None:
    """`Ed25519` passes where `EdDSA` is allowed, since it is the same computation (RFC 9864 keeps them apart)."""
    _alg_of_the_key(patch, lambda header: header.alg in ("EdDSA", "Ed25519"))
