"""Faults in the choice of algorithm (VER-12 to VER-16)."""

import hmac
import json
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from bearerproof_fuzz.faults.headers import changing_header
from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_reference import adapter, keys, verifier
from bearerproof_reference.algorithms import ALGORITHMS, Jwk
from bearerproof_reference.jose import decode_base64url

Header = verifier.Header
Texts = Mapping[str, str]
Secret = Callable[[Texts, Jwk], bytes | None]


def _unsecured(patch: Patch, passes: Callable[[Header, bytes], bool]) -> None:
    """Take a token for an unsecured JWS, in which there is nothing to verify, where this rule says so."""

    def around(verified: Any) -> Any:
        def verified_or_not(token: bytes, header: Header, tail: bytes, *rest: Any) -> Any:
            if passes(header, tail):
                return keys.Key(header.kid, "none", lambda *_: True)
            return verified(token, header, tail, *rest)

        return verified_or_not

    patch.wrap(verifier, "_verified", around)


@fault("VER-12")
def none_accepted(patch: Patch) -> None:
    """The header chooses the algorithm, and `none` has a verifier that says yes (CVE-2016-1000223, CVE-2026-28802)."""
    _unsecured(patch, lambda header, _: header.alg == "none")


@fault("VER-12")
def none_blocked_in_lower_case_only(patch: Patch) -> None:
    """`none` is on a block list and the dispatch behind it folds case, so `None` and `nOnE` pass."""
    _unsecured(patch, lambda header, _: header.alg.lower() == "none" != header.alg)


@fault("VER-12")
def none_blocked_when_capitalised_as_expected(patch: Patch) -> None:
    """The block list holds `none`, `None` and `NONE`: what somebody thought of, and not `nOnE`."""
    blocked = ("none", "None", "NONE")
    _unsecured(patch, lambda header, _: header.alg.lower() == "none" and header.alg not in blocked)


@fault("VER-12")
def none_blocked_by_the_empty_signature(patch: Patch) -> None:
    """Unsigned tokens are refused by their empty last segment, so `none` passes with anything written there."""
    _unsecured(patch, lambda header, tail: header.alg == "none" and tail != b"")


@fault("VER-12")
def none_accepted_where_no_key_is_named(patch: Patch) -> None:
    """Where the key callback yields nothing, `none` is as good as allowed (CVE-2022-23540, CVE-2020-15084)."""
    _unsecured(patch, lambda header, _: header.alg == "none" and header.kid is None)


@fault("VER-12")
def none_trimmed_after_the_block_list(patch: Patch) -> None:
    """The block list compares the text and the dispatch trims it, so that ` none ` gets between the two."""
    _unsecured(patch, lambda header, _: header.alg != "none" and header.alg.strip() == "none")


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


@fault("VER-13")
def alg_trimmed(patch: Patch) -> None:
    """White space around `alg` is trimmed before the look-up."""
    _respelling(patch, str.strip)


@fault("VER-13")
def alg_cut_at_nul(patch: Patch) -> None:
    """`alg` is handed to a C library, for which it ends at the first NUL."""
    _respelling(patch, lambda name: name.split("\0")[0])


@fault("VER-13")
def alg_in_a_list_taken(patch: Patch) -> None:
    """`alg in allowed` is asked with a list, of which a helper has taken the first name (CWE-843)."""
    changing_header(
        patch,
        lambda header: {**header, "alg": header["alg"][0]} if isinstance(header.get("alg"), list) else header,
    )


@fault("VER-13")
def missing_alg_is_that_of_the_key(patch: Patch) -> None:
    """A header without `alg` means the algorithm that the key names anyway."""
    _alg_of_the_key(patch, lambda header: header.alg == "")
    changing_header(patch, lambda header: {"alg": "", **header})


def _alg_of_the_key(patch: Patch, applies: Callable[[Header], bool]) -> None:
    """Read `alg` from the key that `kid` names in place of the header, where this rule says so."""

    def around(verified: Any) -> Any:
        def by_the_key(token: bytes, header: Header, tail: bytes, held: Any, algorithms: Any) -> Any:
            key = vars(held).get("_named", {}).get(header.kid)
            if key is not None and applies(header):
                header = replace(header, alg=key.alg)
            return verified(token, header, tail, held, algorithms)

        return by_the_key

    patch.wrap(verifier, "_verified", around)


def _allowing(patch: Patch, allows: Callable[[str, Any], bool]) -> None:
    """Widen the allow-list by the header's algorithm, where this rule says so."""

    def around(verified: Any) -> Any:
        def with_list(token: bytes, header: Header, tail: bytes, held: Any, algorithms: Any) -> Any:
            wider = {*algorithms, header.alg} if allows(header.alg, algorithms) else algorithms
            return verified(token, header, tail, held, wider)

        return with_list

    patch.wrap(verifier, "_verified", around)


@fault("VER-14")
def allow_list_left_to_the_key(patch: Patch) -> None:
    """A key that names its algorithm is trusted with it, and the policy's list is not asked (CVE-2026-48523)."""
    _allowing(patch, lambda *_: True)


@fault("VER-14")
def allow_list_by_family(patch: Patch) -> None:
    """The list is compared by kind of key, so that allowing RS256 allows PS256 and ES256 allows ES384."""

    def same_kind(name: str, allowed: Any) -> bool:
        known = ALGORITHMS
        return name in known and known[name].kty in {known[other].kty for other in allowed}

    _allowing(patch, same_kind)


@fault("VER-15")
def header_alg_never_compared(patch: Patch) -> None:
    """The key decides everything and the header's `alg` is not read: safe, until somebody reads it (RFC 7517 §4.4)."""
    _alg_of_the_key(patch, lambda _: True)


@fault("VER-15")
def header_alg_compared_with_the_allow_list_only(patch: Patch) -> None:
    """Any allowed name in the header will do; that the key is made for another one goes unnoticed."""

    def around(find: Any) -> Any:
        def find_key(self: keys.KeySet, kid: str | None, alg: str) -> object:
            named = vars(self)["_named"].get(kid)
            return find(self, kid, alg if named is None else named.alg)

        return find_key

    patch.wrap(keys.KeySet, "find", around)


def _remembering(patch: Patch, find: Callable[[Jwk, str], keys.Key | None]) -> None:
    """Look a key up by its JWK first, and in the set as ever where that yields nothing."""

    def remember(init: Any) -> Any:
        def initialise(self: Any, jwks: Any, allowed: Any) -> None:
            init(self, jwks, allowed)
            self.members = {jwk.get("kid"): jwk for jwk in jwks["keys"] if isinstance(jwk, Mapping)}

        return initialise

    def around(found: Any) -> Any:
        def find_key(self: Any, kid: str | None, alg: str) -> object:
            jwk = self.members.get(kid)
            return (find(jwk, alg) if jwk is not None else None) or found(self, kid, alg)

        return find_key

    patch.wrap(keys.KeySet, "__init__", remember)
    patch.wrap(keys.KeySet, "find", around)


@fault("VER-15")
def rsa_padding_by_the_header(patch: Patch) -> None:
    """An RSA key serves RS256 and PS256 alike, and the header says which (RFC 8725 §3.1, CVE-2026-22817)."""

    def find(jwk: Jwk, alg: str) -> keys.Key | None:
        if jwk["kty"] != "RSA" or alg not in ("RS256", "PS256"):
            return None
        return keys.Key(jwk.get("kid"), alg, ALGORITHMS[alg].prepare(jwk))

    _remembering(patch, find)


def _longer_hash(patch: Patch, longer: str, allowed: str, prepare: Callable[[Jwk], Any]) -> None:
    """Let the digits of the header's `alg` choose the hash, and the letters be all that is compared."""

    def find(jwk: Jwk, alg: str) -> keys.Key | None:
        return keys.Key(jwk.get("kid"), alg, prepare(jwk)) if alg == longer and jwk.get("alg") == allowed else None

    _allowing(patch, lambda name, algorithms: name == longer and allowed in algorithms)
    _remembering(patch, find)


@fault("VER-15")
def rsa_hash_by_the_header(patch: Patch) -> None:
    """`alg` is cut into a family, which is compared, and a hash, which is obeyed: RS512 passes for RS256."""

    def prepare(jwk: Jwk) -> Any:
        n, e = (int.from_bytes(decode_base64url(jwk[name]), "big") for name in ("n", "e"))
        public = rsa.RSAPublicNumbers(e, n).public_key()

        def verify(signature: bytes, data: bytes) -> bool:
            return public.verify(signature, data, padding.PKCS1v15(), hashes.SHA512()) is None

        return verify

    _longer_hash(patch, "RS512", "RS256", prepare)


@fault("VER-15")
def hmac_hash_by_the_header(patch: Patch) -> None:
    """The secret of HS256 authenticates HS384 as well, because the hash is read off the header."""

    def prepare(jwk: Jwk) -> Any:
        secret = decode_base64url(jwk["k"])
        return lambda signature, data: hmac.compare_digest(hmac.digest(secret, data, "sha384"), signature)

    _longer_hash(patch, "HS384", "HS256", prepare)


@fault("VER-15")
def eddsa_names_interchangeable(patch: Patch) -> None:
    """`Ed25519` passes where `EdDSA` is allowed, since it is the same computation (RFC 9864 keeps them apart)."""
    _alg_of_the_key(patch, lambda header: header.alg in ("EdDSA", "Ed25519"))


def _hmac_over(patch: Patch, secret: Secret) -> None:
    """Let HS256 under a public key be an HMAC over what ``secret`` makes of the key's texts and its JWK."""
    texts: dict[str | None, Texts] = {}

    def around(build: Any) -> Any:
        def build_with_texts(profile: str, members: dict[str, Any], *rest: Any) -> object:
            texts.update(members.get("key_texts", {}))
            return build(profile, members, *rest)

        return build_with_texts

    def find(jwk: Jwk, alg: str) -> keys.Key | None:
        known = texts.get(jwk.get("kid"))
        octets = secret(known, jwk) if known and alg == "HS256" else None
        if octets is None:
            return None
        return keys.Key(None, alg, lambda signature, data: hmac.digest(octets, data, "sha256") == signature)

    taken = {**adapter.HELLO["capabilities"], "key_form": "pem"}
    patch(adapter, "HELLO", {**adapter.HELLO, "capabilities": taken})
    patch.wrap(adapter, "_build", around)
    _remembering(patch, find)


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
