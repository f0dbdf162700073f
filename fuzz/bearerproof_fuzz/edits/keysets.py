"""Edits of the key set that the policy gives: unfit, ambiguous, weak and foreign keys (RFC 7517 §4, RFC 7518 §3)."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

from bearerproof.contract.declaration import Need
from bearerproof_fuzz import keys
from bearerproof_fuzz.edits.algorithm import beside_an_hmac_key, hmac_over, honest_hmac
from bearerproof_fuzz.edits.registry import ACCEPTED, ECDSA, EITHER, edit, edits_for
from bearerproof_fuzz.forge import Draft
from bearerproof_fuzz.keys import Jwk, Key, b64, flipped, unb64
from bearerproof_fuzz.needs import KEY_SET, MIXED, MIXED_ALGORITHMS

UNUSABLE = "key-unusable key-unknown signature algorithm keys-unavailable"

Rewrite = Callable[[Jwk], Jwk]


def _jwks(draft: Draft) -> list[Jwk]:
    held: list[Jwk] = draft.policy.members["keys"]["keys"]
    return held


def _with_jwks(draft: Draft, jwks: list[Jwk]) -> Draft:
    return draft.with_policy(keys={"keys": jwks})


def _another_key(draft: Draft) -> Draft:
    """Have another key stand under the name of the one that signs, one without a fault, and sign with it."""
    other = keys.key(draft.key.algorithm, "b")
    return draft.with_signers_jwk(lambda jwk: {**other.public_jwk, "kid": jwk["kid"]}).signed_by(other.sign)


NOT_FOR_VERIFYING: dict[str, Rewrite] = {
    "use-enc": lambda jwk: {**jwk, "use": "enc"},
    "use-unknown": lambda jwk: {**jwk, "use": "x-unheard-of"},
    "key-ops-encrypt": lambda jwk: {**_without(jwk, "use"), "key_ops": ["encrypt"]},
    "key-ops-sign": lambda jwk: {**_without(jwk, "use"), "key_ops": ["sign"]},
    "key-ops-empty": lambda jwk: {**_without(jwk, "use"), "key_ops": []},
}


def _without(jwk: Jwk, name: str) -> Jwk:
    return {member: value for member, value in jwk.items() if member != name}


@edits_for(NOT_FOR_VERIFYING, "KEY-1", "RFC 7517 §4.2", UNUSABLE)
def key_with(draft: Draft, rewrite: Rewrite) -> Draft:
    """The key that signed says of itself that it is not for verifying: {name}."""
    return draft.with_signers_jwk(rewrite)


@edit("KEY-1", "RFC 7517 §4.3", base=ACCEPTED, strict=ACCEPTED)
def key_ops_verify(draft: Draft) -> Draft:
    """The key that signed says that it is for verifying."""
    return draft.with_signers_jwk(lambda jwk: {**_without(jwk, "use"), "key_ops": ["verify"]})


_SHORT = {"empty": b"", "one-octet": b"k", "16-octets": b"k" * 16, "31-octets": b"k" * 31}


@edits_for(_SHORT, "KEY-2", "RFC 7518 §3.2", UNUSABLE, algorithms=("HS256",), reached=_another_key)
def hmac_key_of(draft: Draft, secret: bytes) -> Draft:
    """The policy's HMAC key is shorter than the hash's output: {name}."""
    short = draft.with_signers_jwk(lambda jwk: {**jwk, "k": b64(secret)})
    return short.signed_by(hmac_over(secret))


@edit("KEY-2", "RFC 7518 §3.2", base=ACCEPTED, strict=ACCEPTED, algorithms=("HS256",))
def hmac_key_of_32_octets(draft: Draft) -> Draft:
    """The policy's HMAC key is exactly as long as the hash's output."""
    secret = b"k" * 32
    return draft.with_signers_jwk(lambda jwk: {**jwk, "k": b64(secret)}).signed_by(hmac_over(secret))


_BELOW: dict[str, Callable[[int], int]] = {"half-of-it": lambda size: size // 2, "an-octet-less": lambda size: size - 1}


@edits_for(_BELOW, "KEY-2", "RFC 7518 §3.2", UNUSABLE, algorithms=("HS384", "HS512"))
def hmac_key_below_its_hash(draft: Draft, below: Callable[[int], int]) -> Draft:
    """The policy's HMAC key is shorter than the output of its longer hash: {name}."""
    algorithm = draft.key.algorithm
    size = int(algorithm[2:]) // 8
    secret = b"k" * below(size)
    short = draft.with_signers_jwk(lambda jwk: {**jwk, "k": b64(secret)})
    return short.signed_by(hmac_over(secret, f"sha{algorithm[2:]}"))


def _sibling_called(draft: Draft, kid: object) -> Jwk:
    """Return the sibling of the key that signed under this `kid`, whatever type that is of."""
    return {**keys.key(draft.key.algorithm, "b").public_jwk, "kid": kid}


def _alone(draft: Draft) -> Draft:
    return _with_jwks(draft, [draft.key.public_jwk])


@edits_for({"after-it": True, "before-it": False}, "KEY-3", "RFC 7517 §4.5", UNUSABLE, given=_alone, needs=(KEY_SET,))
def kid_shared_with_a_key(draft: Draft, behind: bool) -> Draft:
    """Another key of the set has the same `kid` as the one that signed: {name}."""
    signing, other = draft.key.public_jwk, _sibling_called(draft, draft.key.kid)
    return _with_jwks(draft, [signing, other] if behind else [other, signing])


_NEVER_FIT: dict[str, tuple[bool, Rewrite]] = {
    "for-encryption": (False, lambda jwk: {**jwk, "use": "enc"}),
    "ours-for-encryption": (True, lambda jwk: {**_without(jwk, "alg"), "use": "enc"}),
    "that-signs-only": (False, lambda jwk: {**_without(jwk, "use"), "key_ops": ["sign"]}),
    "for-another-algorithm": (False, lambda jwk: {**jwk, "alg": "RSA-OAEP" if jwk["kty"] == "RSA" else "ECDH-ES"}),
    "without-its-numbers": (False, lambda jwk: {name: jwk[name] for name in ("kty", "kid", "use", "alg")}),
    "ours-twice": (True, lambda jwk: jwk),
}


# RFC 7517 §4.5 asks for distinct ids only as a SHOULD, and no clause says how to choose, so base takes both.
@edits_for(
    {f"{order}-a-key-{name}": (order, *entry) for name, entry in _NEVER_FIT.items() for order in ("after", "before")},
    "KEY-3",
    "RFC 7517 §4.2",
    base=EITHER,
    strict=ACCEPTED,
    given=_alone,
    needs=(KEY_SET,),
)
def kid_shared(draft: Draft, entry: tuple[str, bool, Rewrite]) -> Draft:
    """The key that signed has its `kid` in common with an entry that can't be meant, and stands {name}."""
    order, of_ours, rewrite = entry
    ours = draft.key.public_jwk
    other = rewrite(ours if of_ours else _sibling_called(draft, draft.key.kid))
    return _with_jwks(draft, [other, ours] if order == "after" else [ours, other])


@edit(
    "KEY-3",
    "RFC 7517 §4.5",
    base=EITHER,
    strict=ACCEPTED,
    algorithms=("RS256", "ES256"),
    needs=(KEY_SET, MIXED_ALGORITHMS, Need("algorithm", "RS256"), Need("algorithm", "ES256")),
)
def kid_shared_by_keys_of_two_types(draft: Draft) -> Draft:
    """Two keys of different types, equivalent alternatives to the issuer, have one `kid`, and both are allowed."""
    other = keys.key("ES256" if draft.key.algorithm == "RS256" else "RS256", "b")
    both = _with_jwks(draft, [{**other.public_jwk, "kid": draft.key.kid}, draft.key.public_jwk])
    return both.with_policy(algorithms=[other.algorithm, draft.key.algorithm])


_FOREIGN: dict[str, Jwk] = {
    "unknown-kty": {"kty": "x-unheard-of", "kid": "foreign", "x": "AA"},
    "unknown-curve": {"kty": "OKP", "crv": "X-Unheard", "kid": "foreign", "x": "AA"},
    "unknown-alg": {"kty": "oct", "kid": "foreign", "alg": "XX999", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
    "without-kty": {"kid": "foreign"},
    "list-as-kty": {"kty": ["OKP"], "kid": "foreign"},
    "list-as-kid": {"kty": "oct", "kid": ["foreign"], "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
    "number-as-secret": {"kty": "oct", "kid": "foreign", "alg": "HS256", "k": 1},
}


# RFC 7517 §5 says only that such keys SHOULD be ignored, so base lets a library refuse the whole set.
@edits_for(_FOREIGN, "KEY-4", "RFC 7517 §5", base=EITHER, strict=ACCEPTED, needs=(KEY_SET,))
def set_holds_a_foreign_key(draft: Draft, jwk: Jwk) -> Draft:
    """A key that is not understood stands before ours in the set: {name}."""
    return _with_jwks(draft, [jwk, *_jwks(draft)])


# RFC 7517 §4.5 names two keys of different types as those that may well share a `kid`.
@edit("KEY-4", "RFC 7517 §5", base=EITHER, strict=ACCEPTED, needs=(KEY_SET,))
def foreign_key_under_our_kid(draft: Draft) -> Draft:
    """A key of a type that is not understood stands before ours in the set, under the same `kid`."""
    return _with_jwks(draft, [{**_FOREIGN["unknown-kty"], "kid": draft.key.kid}, *_jwks(draft)])


@edit("KEY-4", "RFC 7517 §4", base=ACCEPTED, strict=ACCEPTED)
def key_has_unknown_members(draft: Draft) -> Draft:
    """Members of a key that are not understood are ignored."""
    return draft.with_signers_jwk(lambda jwk: {**jwk, "x-unheard-of": {"a": 1}, "nbf": 0})


@edit("KEY-4", "RFC 7517 §5", base=ACCEPTED, strict=ACCEPTED)
def set_has_unknown_members(draft: Draft) -> Draft:
    """Members of a key set that are not understood are ignored."""
    return draft.with_policy(keys={"x-unheard-of": [1], **draft.policy.members["keys"]})


def _ours_called(draft: Draft, kid: object) -> Jwk:
    return {**draft.key.public_jwk, "kid": kid}


_NO_TEXT: dict[str, tuple[object, str]] = {
    "number": (1, "1"),
    "fraction": (1.5, "1.5"),
    "true": (True, "true"),
    "null": (None, "null"),
    "list": (["1"], "1"),
    "object": ({"1": "1"}, "1"),
}


# A `kid` that is no string is one that is not there (RFC 7517 §4.5), and its key one to ignore (§5, a SHOULD).
@edits_for(_NO_TEXT, "KEY-4", "RFC 7517 §4.5", base=EITHER, strict=ACCEPTED, needs=(KEY_SET,))
def key_before_ours_whose_kid_is_a(draft: Draft, kids: tuple[object, str]) -> Draft:
    """Before our key stands another one whose `kid` is our `kid` in another JSON type: {name}."""
    other, ours = kids
    jwks = [_sibling_called(draft, other), _ours_called(draft, ours)]
    return _with_jwks(draft, jwks).with_header(kid=ours)


@edits_for(_NO_TEXT, "VER-23", "RFC 7517 §4.5", "key-unknown key-unusable keys-unavailable", needs=(KEY_SET,))
def kid_names_a_key_whose_kid_is_a(draft: Draft, kids: tuple[object, str]) -> Draft:
    """The only key that could be meant has the token's `kid` in another JSON type: {name}."""
    other, ours = kids
    return _with_jwks(draft, [_ours_called(draft, other), _sibling_called(draft, "other")]).with_header(kid=ours)


_AS_TEXT: dict[str, tuple[object, str]] = {
    **{name: kids for name, kids in _NO_TEXT.items() if name != "null"},
    "true-in-python": (True, "True"),
    "list-in-json": (["1"], '["1"]'),
    "list-in-python": (["1"], "['1']"),
    "list-in-java": (["1"], "[1]"),
    "object-in-json": ({"1": "1"}, '{"1": "1"}'),
    "object-in-javascript": ({"1": "1"}, "[object Object]"),
}


@edits_for(_AS_TEXT, "VER-21", "RFC 7515 §4.1.4", "header malformed key-unknown", needs=(KEY_SET,))
def kid_would_be_ours_if_it_were_text(draft: Draft, kids: tuple[object, str]) -> Draft:
    """`kid` is no string, and turned into one it names the key that signed: {name}."""
    value, text = kids
    ours = _with_jwks(draft, [_ours_called(draft, text), _sibling_called(draft, "other")])
    return ours.with_header(kid=value)


# Some parsers cannot tell null from absent, and what a verifier does with a set then is its own choice.
edits_for(
    {"null": (None, "null"), "null-in-python": (None, "None"), "null-as-nothing": (None, "")},
    "VER-21",
    "RFC 7515 §4.1.4",
    "header malformed key-unknown",
    needs=(KEY_SET,),
    base=EITHER,
)(kid_would_be_ours_if_it_were_text)


_NAMELESS: dict[str, Rewrite] = {
    "without-kid": lambda jwk: _without(jwk, "kid"),
    "with-an-empty-kid": lambda jwk: {**jwk, "kid": ""},
}


@edits_for(_NAMELESS, "VER-23", "RFC 7515 §4.1.4", "key-unknown key-unusable keys-unavailable", needs=(KEY_SET,))
def kid_names_nobody_beside_our_key(draft: Draft, rewrite: Rewrite) -> Draft:
    """The token's `kid` names no key, and the key that signed stands in the set {name}."""
    jwks = [rewrite(draft.key.public_jwk), _sibling_called(draft, "other")]
    return _with_jwks(draft, jwks).with_header(kid="nobody")


@edits_for(
    {"x": "zero-x", "y": "zero-y"}, "KEY-15", "RFC 7518 §6.2.1.2", base=ACCEPTED, strict=ACCEPTED, algorithms=ECDSA
)
def leading_zero_in_coordinate(draft: Draft, role: str) -> Draft:
    """The coordinate {name} of the key that signed begins with a zero octet, and is spelled in full."""
    key = replace(draft.key, role=role)
    return draft.with_signers_jwk(lambda _: key.public_jwk).signed_by(key.sign)


def _octets(member: str, change: Callable[[bytes], bytes]) -> Rewrite:
    return lambda jwk: {**jwk, member: b64(change(unb64(jwk[member])))}


_OFF_THE_CURVE: dict[str, Rewrite] = {
    **{
        f"{member}-{end}": _octets(member, lambda octets, at=at: flipped(octets, at))  # type: ignore[misc]
        for member in "xy"
        for end, at in {"first": 0, "last": -1}.items()
    },
    "zero": lambda jwk: {**jwk, **{member: b64(bytes(len(unb64(jwk["x"])))) for member in "xy"}},
    "all-ones": lambda jwk: {**jwk, **{member: b64(b"\xff" * len(unb64(jwk["x"]))) for member in "xy"}},
    "exchanged": lambda jwk: {**jwk, "x": jwk["y"], "y": jwk["x"]},
}


@edits_for(_OFF_THE_CURVE, "KEY-15", "RFC 8725 §3.4", UNUSABLE, algorithms=ECDSA)
def point_off_the_curve(draft: Draft, rewrite: Rewrite) -> Draft:
    """The coordinates of the key that signed are those of no point of its curve: {name}."""
    return draft.with_signers_jwk(rewrite)


@edits_for(
    {str(bits): bits for bits in (32, 64, 128, 256)},
    "KEY-15",
    "RFC 7518 §6.3.1.2",
    UNUSABLE,
    algorithms=("RS256", "PS256"),
)
def exponent_beyond_bits(draft: Draft, bits: int) -> Draft:
    """The key's exponent is larger by 2 to the power of {name}, and the token was signed under the one of before."""
    exponent = (1 << bits) + 65537
    return draft.with_signers_jwk(
        lambda jwk: {**jwk, "e": b64(exponent.to_bytes((exponent.bit_length() + 7) // 8, "big"))}
    )


def _weak(draft: Draft) -> Draft:
    weak = keys.weak_rsa_key()
    renamed = Key(draft.key.kid, "RS256", "rsa", "1024")
    return draft.with_signers_jwk(lambda jwk: {**weak.public_jwk, "kid": jwk["kid"]}).signed_by(renamed.sign)


def _exponent_one(draft: Draft) -> Draft:
    signed = signed_under_exponent_one(keys.rsa_modulus(draft.key))
    return draft.with_signers_jwk(lambda jwk: {**jwk, "e": "AQ"}).signed_by(signed)


def signed_under_exponent_one(modulus: int) -> Callable[[bytes], bytes]:
    """Return how anybody signs under the exponent 1: the padded message is its own signature (RFC 8017 §9.2)."""
    size = (modulus.bit_length() + 7) // 8
    prefix = bytes.fromhex("3031300d060960864801650304020105000420")

    def padded(signing_input: bytes) -> bytes:
        digest = prefix + hashlib.sha256(signing_input).digest()
        return b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest

    return padded


def _weak_behind_zeros(draft: Draft) -> Draft:
    return _weak(draft).with_signers_jwk(lambda jwk: {**jwk, "n": b64(bytes(128) + unb64(jwk["n"]))})


@edits_for(
    {"of-1024-bits": _weak, "with-exponent-1": _exponent_one},
    "KEY-5",
    "RFC 7518 §3.3",
    UNUSABLE,
    algorithms=("RS256",),
    reached=_another_key,
)
def rsa_key(draft: Draft, change: Callable[[Draft], Draft]) -> Draft:
    """The policy's RSA key is too weak to sign anything: {name}."""
    return change(draft)


edits_for(
    {"of-1024-bits-behind-zeros": _weak_behind_zeros},
    "KEY-5",
    "RFC 7518 §3.3",
    UNUSABLE,
    algorithms=("RS256",),
    reached=_another_key,
    alone=lambda draft, _: _weak(draft),
)(rsa_key)


_ROCA = {"first": "roca-1", "second": "roca-2", "third": "roca-3"}


@edits_for(_ROCA, "KEY-14", "CVE-2017-15361", UNUSABLE, algorithms=("RS256",), reached=_another_key)
def rsa_key_of_the_faulty_library(draft: Draft, role: str) -> Draft:
    """The policy's RSA key has primes as the faulty library made them, so its modulus can be factored: the {name}."""
    weak = Key(draft.key.kid, "RS256", "rsa", role)
    return draft.with_signers_jwk(lambda _: weak.public_jwk).signed_by(weak.sign)


@edit(
    "KEY-6",
    "RFC 8725 §3.1",
    UNUSABLE,
    given=beside_an_hmac_key,
    algorithms=("ES256", "EdDSA", "RS256"),
    needs=MIXED,
    stand_in=honest_hmac,
)
def hmac_named_as_the_public_key(draft: Draft) -> Draft:
    """In a mixed set, the token is authenticated over the public key's text under the public key's `kid`."""
    return draft.with_header(alg="HS256").signed_by(hmac_over(keys.public_forms(draft.key)["pem"]))


@edit("KEY-6", "RFC 8725 §3.1", UNUSABLE, given=beside_an_hmac_key, algorithms=("ES256", "EdDSA", "RS256"), needs=MIXED)
def public_algorithm_under_the_hmac_key(draft: Draft) -> Draft:
    """In a mixed set, the token names the HMAC key but an algorithm of public keys."""
    return draft.with_header(kid=keys.key("HS256").kid).signed_by(keys.key("HS256").sign)


@edit("KEY-6", "RFC 8725 §3.1", UNUSABLE, given=beside_an_hmac_key, algorithms=("ES256", "EdDSA", "RS256"), needs=MIXED)
def hmac_key_under_another_name(draft: Draft) -> Draft:
    """In a mixed set, the HMAC key authenticates under the `kid` of the public key."""
    return draft.with_header(alg="HS256").signed_by(keys.key("HS256").sign)
