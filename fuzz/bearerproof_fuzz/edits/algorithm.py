"""Edits of the algorithm: none, confusion of key families, names outside the allow-list (RFC 8725 §3.1, §3.2)."""

from collections.abc import Callable
from typing import Any

from bearerproof.contract.declaration import Need
from bearerproof_fuzz import keys
from bearerproof_fuzz.edits.registry import (
    ACCEPTED,
    ECDSA,
    EITHER,
    PUBLIC_KEY_ALGORITHMS,
    Change,
    Gate,
    edit,
    edits_for,
)
from bearerproof_fuzz.forge import Draft, Signer
from bearerproof_fuzz.needs import KEY_ALG, KEY_SET, MIXED_ALGORITHMS

ALGORITHM = "algorithm header malformed key-unusable key-unknown signature"

_NONE_SPELLINGS = {"exact": "none", "capitalised": "None", "upper-case": "NONE", "mixed-case": "nOnE"}


@edits_for(_NONE_SPELLINGS, "VER-12", "RFC 8725 §3.2", ALGORITHM)
def alg_none_unsigned(draft: Draft, spelling: str) -> Draft:
    """`alg` is `none` ({name}) and the signature is empty."""
    return draft.with_header(alg=spelling).unsigned()


@edits_for(_NONE_SPELLINGS, "VER-12", "RFC 7518 §3.6", ALGORITHM)
def alg_none_with_signature(draft: Draft, spelling: str) -> Draft:
    """`alg` is `none` ({name}), and a signature stands there all the same."""
    return draft.with_header(alg=spelling)


@edit("VER-12", "RFC 8725 §3.2", ALGORITHM)
def alg_none_without_kid(draft: Draft) -> Draft:
    """`alg` is `none`, the signature empty, and no key is named."""
    return draft.with_header(alg="none").without_header("kid").unsigned()


@edit("VER-12", "RFC 8725 §3.2", ALGORITHM)
def alg_none_padded(draft: Draft) -> Draft:
    """`alg` is `none` with blanks around it, and the signature is empty."""
    return draft.with_header(alg=" none ").unsigned()


@edits_for(
    {"number": 0, "true": True, "null": None, "list": ["ES256"], "object": {"alg": "ES256"}, "empty": ""},
    "VER-13",
    "RFC 7515 §4.1.1",
    ALGORITHM,
)
def alg_is(draft: Draft, value: object) -> Draft:
    """`alg` is not the name of an algorithm: {name}."""
    return draft.with_header(alg=value)


@edit("VER-13", "RFC 7515 §4.1.1", ALGORITHM)
def alg_missing(draft: Draft) -> Draft:
    """`alg` is left out, though the signature is good."""
    return draft.without_header("alg")


@edits_for(
    {"capitals": "ALG", "a-capital": "Alg"},
    "VER-13",
    "RFC 7515 §4.1.1",
    ALGORITHM,
    alone=lambda draft, _: alg_missing(draft),
)
def alg_only_in(draft: Draft, name: str) -> Draft:
    """`alg` is left out, and what it should say stands under its name in {name}."""
    return draft.without_header("alg").with_header(**{name: draft.key.algorithm})


_RECASE: dict[str, Callable[[str], str]] = {
    "lower-case": str.lower,
    "swapped-case": str.swapcase,
    "trailing-blank": lambda name: name + " ",
    "trailing-nul": lambda name: name + "\0",
    "fullwidth": lambda name: chr(ord(name[0]) + 0xFEE0) + name[1:],
    "hyphen": lambda name: name[:2] + "-" + name[2:],
    "parameter": lambda name: name + "; v=1",
}


@edits_for(_RECASE, "VER-13", "RFC 7515 §4.1.1", ALGORITHM)
def alg_spelled(draft: Draft, respell: Callable[[str], str]) -> Draft:
    """`alg` names the right algorithm in another spelling ({name})."""
    return draft.with_header(alg=respell(draft.key.algorithm))


_XML = "http://www.w3.org/{}/xmldsig-more#{}"
_ELSEWHERE = {
    "HS": (_XML.format("2001/04", "hmac-sha{}"), "HmacSHA{}", {"256": "5", "384": "6", "512": "7"}),
    "RS": (_XML.format("2001/04", "rsa-sha{}"), "SHA{}withRSA", {"256": "-257", "384": "-258", "512": "-259"}),
    "PS": (_XML.format("2007/05", "sha{}-rsa-MGF1"), "SHA{}withRSAandMGF1", {"256": "-37", "384": "-38", "512": "-39"}),
    "ES": (_XML.format("2001/04", "ecdsa-sha{}"), "SHA{}withECDSA", {"256": "-7", "384": "-35", "512": "-36"}),
}
_EDDSA_ELSEWHERE: tuple[str, str, dict[str, str]] = (_XML.format("2021/04", "eddsa-ed25519"), "Ed", {})
"""What the algorithms are called in XML signatures (RFC 9231), in Java's standard names, and in COSE (RFC 9053)."""


def _elsewhere(algorithm: str) -> tuple[str, str, str]:
    bits = algorithm[2:5]
    xml, java, cose = _ELSEWHERE.get(algorithm[:2], _EDDSA_ELSEWHERE)
    return xml.format(bits), java.format(bits), cose.get(bits, "-8")


@edits_for(
    {"xml-signatures": 0, "java": 1, "cose": 2},
    "VER-13",
    "RFC 7515 §4.1.1",
    ALGORITHM,
    alone=lambda draft, _: alg_unregistered(draft),
)
def alg_is_the_name_in(draft: Draft, which: int) -> Draft:
    """`alg` is what the right algorithm is called somewhere else: in {name}."""
    return draft.with_header(alg=_elsewhere(draft.key.algorithm)[which])


@edit("VER-13", "RFC 7515 §4.1.1", ALGORITHM)
def alg_unregistered(draft: Draft) -> Draft:
    """`alg` is a name nobody registered."""
    return draft.with_header(alg="ES257")


def _of_another_family(algorithm: str) -> str:
    return "RS256" if algorithm.startswith("ES") else "ES256"


@edit("VER-14", "RFC 8725 §3.1", ALGORITHM, needs=(KEY_SET,))
def alg_outside_allow_list(draft: Draft) -> Draft:
    """A good signature by a key of the set whose algorithm the policy does not allow."""
    other = keys.key(_of_another_family(draft.key.algorithm))
    held = draft.policy.members["keys"]["keys"]
    extended = draft.with_policy(keys={"keys": [*held, other.public_jwk]})
    return extended.with_header(alg=other.algorithm, kid=other.kid).signed_by(other.sign)


_SAME_FAMILY = {"RS256": "PS256", "PS256": "RS256", "ES256": "ES384", "ES384": "ES256"}


@edit("VER-14", "RFC 8725 §3.1", ALGORITHM, algorithms=tuple(_SAME_FAMILY), needs=(KEY_SET,))
def alg_of_the_same_family_outside_allow_list(draft: Draft) -> Draft:
    """A good signature by a key of the set whose algorithm is a near relative of the one that is allowed."""
    other = keys.key(_SAME_FAMILY[draft.key.algorithm])
    held = draft.policy.members["keys"]["keys"]
    extended = draft.with_policy(keys={"keys": [*held, {**other.public_jwk, "kid": "relative"}]})
    return extended.with_header(alg=other.algorithm, kid="relative").signed_by(other.sign)


def _rsa_sibling(draft: Draft) -> tuple[str, Signer]:
    other = "PS256" if draft.key.algorithm == "RS256" else "RS256"
    return other, keys.Key(draft.key.kid, other, "rsa", "a").sign


def _both_rsa(draft: Draft) -> Draft:
    return draft.with_policy(algorithms=["RS256", "PS256"])


# For which of two allowed algorithms a key is, only its JWK says: RFC 8725 §3.1 leaves it to the caller of a text.
@edit(
    "VER-15",
    "RFC 8725 §3.1",
    ALGORITHM,
    given=_both_rsa,
    algorithms=("RS256", "PS256"),
    needs=(KEY_ALG, Need("algorithm", "RS256"), Need("algorithm", "PS256")),
)
def rsa_padding_other_than_the_keys(draft: Draft) -> Draft:
    """The key is for one RSA padding, the token uses the other one, and the policy allows both."""
    algorithm, sign = _rsa_sibling(draft)
    return draft.with_header(alg=algorithm).signed_by(sign)


@edit(
    "VER-15",
    "RFC 8725 §3.1",
    ALGORITHM,
    given=_both_rsa,
    algorithms=("RS256", "PS256"),
    needs=(KEY_ALG, Need("algorithm", "RS256"), Need("algorithm", "PS256")),
)
def header_names_the_other_rsa_padding(draft: Draft) -> Draft:
    """The signature is the key's own, the header names the other RSA padding, and the policy allows both."""
    return draft.with_header(alg=_SAME_FAMILY[draft.key.algorithm])


def _both_names(draft: Draft) -> Draft:
    return draft.with_policy(algorithms=["EdDSA", "Ed25519"])


# Many libraries take the two names for one, and RFC 9864 speaks of the same signatures: base leaves it open.
@edit(
    "VER-15",
    "RFC 9864 §2.2",
    ALGORITHM,
    given=_both_names,
    algorithms=("EdDSA", "Ed25519"),
    base=EITHER,
    needs=(KEY_ALG, Need("algorithm", "EdDSA"), Need("algorithm", "Ed25519")),
)
def header_names_the_other_eddsa(draft: Draft) -> Draft:
    """The key is for one of the names EdDSA and Ed25519, the header says the other, and the policy allows both."""
    return draft.with_header(alg="Ed25519" if draft.key.algorithm == "EdDSA" else "EdDSA")


@edit("VER-15", "RFC 8725 §3.1", ALGORITHM, algorithms=("RS256",), also_breaks=(Gate.ALGORITHM,))
def rsa_hash_other_than_the_keys(draft: Draft) -> Draft:
    """The key is for RS256, the token is signed with RS512 by the same key."""
    return draft.with_header(alg="RS512").signed_by(keys.Key(draft.key.kid, "RS512", "rsa", "a").sign)


@edit("VER-15", "RFC 8725 §3.1", ALGORITHM, algorithms=("HS256",), also_breaks=(Gate.ALGORITHM,))
def hmac_hash_other_than_the_keys(draft: Draft) -> Draft:
    """The key is for HS256, the token is authenticated with HS384 by the same key."""
    return draft.with_header(alg="HS384").signed_by(keys.Key(draft.key.kid, "HS384", "oct", "a").sign)


@edit("VER-15", "RFC 8725 §3.1", ALGORITHM, algorithms=PUBLIC_KEY_ALGORITHMS, also_breaks=(Gate.ALGORITHM,))
def header_names_another_family(draft: Draft) -> Draft:
    """The signature is the key's own, the header names an algorithm of another family."""
    return draft.with_header(alg=_of_another_family(draft.key.algorithm))


def though_allowed(draft: Draft, change: Change) -> Draft:
    """The allow-list admits the algorithm that the header names, and the key is for another one: {name}."""
    return change(draft)


def _also_allowing(algorithm: str) -> Change:
    """Allow one algorithm more, so that the allow-list does not stop what the key has to."""
    return lambda draft: draft.with_policy(algorithms=[draft.key.algorithm, algorithm])


_ALLOWED_BESIDE = {
    "RS512": ("RS256", rsa_hash_other_than_the_keys, (KEY_ALG,)),
    "HS384": ("HS256", hmac_hash_other_than_the_keys, (KEY_ALG,)),
    "RS256": ("ES256", header_names_another_family, ()),
    "ES256": ("RS256", header_names_another_family, ()),
}
for _allowed, (_own, _change, _bound_by) in _ALLOWED_BESIDE.items():
    edits_for(
        {f"{_allowed}-is-not-the-keys": _change},
        "VER-15",
        "RFC 8725 §3.1",
        ALGORITHM,
        algorithms=(_own,),
        given=_also_allowing(_allowed),
        needs=(Need("algorithm", _allowed), *_bound_by),
        base_may_be_refused=bool(_bound_by),  # by who reads no `alg` of the key, and finds two that it could serve
    )(though_allowed)


def _both_curves(draft: Draft) -> Draft:
    return draft.with_policy(algorithms=["ES256", "ES384"])


def _without_alg(jwk: keys.Jwk) -> keys.Jwk:
    return {member: value for member, value in jwk.items() if member != "alg"}


# RFC 7517 §4.4 has `alg` as an option; whether a verifier can do without it is left to base.
@edit("VER-15", "RFC 7517 §4.4", base=EITHER, strict=ACCEPTED)
def key_without_alg(draft: Draft) -> Draft:
    """The key does not say its algorithm, and the allow-list leaves it one."""
    return draft.with_signers_jwk(_without_alg)


@edit(
    "VER-15",
    "RFC 7518 §3.4",
    base=EITHER,
    strict=ACCEPTED,
    given=_both_curves,
    algorithms=ECDSA,
    needs=(Need("algorithm", "ES256"), Need("algorithm", "ES384")),
)
def key_without_alg_known_by_its_curve(draft: Draft) -> Draft:
    """The key does not say its algorithm, and its curve leaves it one of those that are allowed."""
    return draft.with_signers_jwk(_without_alg)


@edit(
    "VER-15",
    "RFC 8725 §3.1",
    ALGORITHM,
    given=_both_rsa,
    algorithms=("RS256", "PS256"),
    base=EITHER,
    needs=(Need("algorithm", "RS256"), Need("algorithm", "PS256")),
)
def key_without_alg_where_two_are_allowed(draft: Draft) -> Draft:
    """The key does not say its algorithm, and the allow-list leaves it two."""
    return draft.with_signers_jwk(_without_alg)


_OTHER_CURVE = {"ES256": "P-384", "ES384": "P-256", "EdDSA": "X25519", "Ed25519": "X25519"}


@edit("VER-15", "RFC 7517 §4.4", ALGORITHM, algorithms=tuple(_OTHER_CURVE))
def key_on_another_curve(draft: Draft) -> Draft:
    """The key that signed stands in the set as one on a curve that its algorithm does not have."""
    return draft.with_signers_jwk(lambda jwk: {**jwk, "crv": _OTHER_CURVE[draft.key.algorithm]})


def beside_an_hmac_key(draft: Draft) -> Draft:
    """Hold an HMAC key beside ours and allow both, so that it is the key that decides what an HMAC is made with."""
    hmac_key = keys.key("HS256")
    held = [jwk for jwk in draft.policy.members["keys"]["keys"] if jwk["kid"] != hmac_key.kid]
    algorithms = list(dict.fromkeys([draft.key.algorithm, "HS256"]))
    return draft.with_policy(keys={"keys": [*held, hmac_key.public_jwk]}, algorithms=algorithms)


def _allowing_hmac(draft: Draft) -> Draft:
    return draft.with_policy(algorithms=[draft.key.algorithm, "HS256"])


_FORMS = (
    "pem",
    "pem-stripped",
    "pem-newline-first",
    "pem-byte-order-mark",
    "pem-crlf",
    "certificate",
    "openssh",
    "der",
    "jwk",
    "jwk-compact",
    "jwk-array",
    "jwks",
    "raw",
    "raw-text",
    "pem-body",
    "certificate-der",
)
_FORMS_OF_A_TYPE = {
    "pkcs1-der": ("RS256", "PS256"),
    "point": ECDSA,
    "compressed-point": ECDSA,
    "thumbprint": ("RS256", "ES256"),
    "thumbprint-text": ("RS256", "ES256"),
    "thumbprint-input": ("RS256", "ES256"),
}
_HASHES = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


def hmac_over(secret: bytes, digest: str = "sha256") -> Signer:
    """Return a signer that uses the given octets as an HMAC secret, as anybody can who knows them."""
    return lambda signing_input: keys.hmac_digest(secret, signing_input, digest)


def honest_hmac(draft: Draft) -> Draft:
    """Return an honest token under an HMAC key beside ours, or in place of it where the set has but one key."""
    hmac_key, allowed = keys.key("HS256"), draft.policy.members["algorithms"]
    held = draft.policy.members["keys"]["keys"]
    beside = [jwk for jwk in held if len(held) > 1 and jwk["kid"] != hmac_key.kid]
    mixed = draft.with_policy(keys={"keys": [*beside, hmac_key.public_jwk]})
    allowing = mixed if "HS256" in allowed else mixed.with_policy(algorithms=["HS256"])
    return allowing.with_header(alg="HS256", kid=hmac_key.kid).signed_by(hmac_key.sign)


def _confused(draft: Draft, form: str, algorithm: str = "HS256") -> Draft:
    secret = keys.public_forms(draft.key)[form]
    return draft.with_header(alg=algorithm).signed_by(hmac_over(secret, _HASHES[algorithm]))


def _under_nobodys_secret(draft: Draft, *_: object) -> Draft:
    """Who takes this verifies no HMAC at all, whatever it is made with."""
    return draft.with_header(alg="HS256").signed_by(hmac_over(b"a secret that nobody has"))


_UNLISTED: dict[str, Any] = {"stand_in": honest_hmac, "also_breaks": (Gate.ALGORITHM,)}
"""What edits have in common whose HMAC algorithm the policy does not allow."""

_LISTED: dict[str, Any] = {
    "stand_in": honest_hmac,
    "given": _allowing_hmac,
    "needs": (MIXED_ALGORITHMS, Need("algorithm", "HS256")),
}
"""What edits have in common whose HMAC algorithm the policy allows beside the key's."""


@edits_for(
    {form: form for form in _FORMS},
    "VER-16",
    "RFC 8725 §2.1",
    ALGORITHM,
    algorithms=PUBLIC_KEY_ALGORITHMS,
    alone=_under_nobodys_secret,
    **_UNLISTED,
)
def hmac_over_public_key(draft: Draft, form: str) -> Draft:
    """HS256 with the public key as the secret: {name}."""
    return _confused(draft, form)


@edits_for(
    {form: form for form in _FORMS},
    "VER-16",
    "RFC 8725 §2.1",
    ALGORITHM,
    algorithms=PUBLIC_KEY_ALGORITHMS,
    alone=_under_nobodys_secret,
    **_LISTED,
)
def allowed_hmac_over_public_key(draft: Draft, form: str) -> Draft:
    """HS256 with the public key as the secret ({name}), where the policy allows HS256 beside the key's algorithm."""
    return _confused(draft, form)


for _form, _signing in _FORMS_OF_A_TYPE.items():
    edits_for(
        {_form: _form},
        "VER-16",
        "RFC 8725 §2.1",
        ALGORITHM,
        algorithms=_signing,
        alone=_under_nobodys_secret,
        **_UNLISTED,
    )(hmac_over_public_key)
    edits_for(
        {_form: _form},
        "VER-16",
        "RFC 8725 §2.1",
        ALGORITHM,
        algorithms=_signing,
        alone=_under_nobodys_secret,
        **_LISTED,
    )(allowed_hmac_over_public_key)


@edits_for(
    {name: name for name in ("HS384", "HS512")},
    "VER-16",
    "RFC 8725 §2.1",
    ALGORITHM,
    algorithms=PUBLIC_KEY_ALGORITHMS,
    alone=lambda draft, name: _under_nobodys_secret(draft).with_header(alg=name),
    **_UNLISTED,
)
def longer_hmac_over_public_key(draft: Draft, algorithm: str) -> Draft:
    """{name} with the PEM text of the public key as the secret."""
    return _confused(draft, "pem", algorithm)


@edit(
    "VER-16",
    "RFC 8725 §2.1",
    ALGORITHM,
    algorithms=("RS256", "PS256"),
    alone=_under_nobodys_secret,
    **_UNLISTED,
)
def hmac_over_public_key_pkcs1(draft: Draft) -> Draft:
    """HS256 with the PKCS#1 text of the RSA public key as the secret (CVE-2017-11424)."""
    return _confused(draft, "pkcs1")


@edit(
    "VER-16",
    "RFC 8725 §2.1",
    ALGORITHM,
    algorithms=("RS256", "PS256"),
    alone=_under_nobodys_secret,
    **_LISTED,
)
def allowed_hmac_over_public_key_pkcs1(draft: Draft) -> Draft:
    """HS256 with the PKCS#1 text of the RSA public key as the secret, where the policy allows HS256."""
    return _confused(draft, "pkcs1")
