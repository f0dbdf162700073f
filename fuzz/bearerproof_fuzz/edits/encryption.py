"""Edits that present a JWE, which decrypts, where a JWS is due (RFC 7516 §9, RFC 8725 §2.3, §3.2)."""

from collections.abc import Callable
from functools import partial
from itertools import product

from cryptography.hazmat.primitives.asymmetric import rsa

from bearerproof_fuzz import jwe, keys
from bearerproof_fuzz.edits.algorithm import hmac_over
from bearerproof_fuzz.edits.registry import edit, edits_for
from bearerproof_fuzz.forge import Draft, Members
from bearerproof_fuzz.jwe import CONTENT_KEY, Management
from bearerproof_fuzz.keys import Jwk, b64
from bearerproof_fuzz.needs import KEY_SET

FORM = "malformed algorithm header signature key-unusable key-unknown"

Content = Callable[[Draft], tuple[Members, bytes]]
"""What is said of the plaintext in the header, and the plaintext: claims that nobody vouches for."""


def _forged(draft: Draft) -> Draft:
    """Say something else than the honest token does, so that it shows in what comes back."""
    return draft.with_claims(sub="admin")


def _claims(draft: Draft) -> tuple[Members, bytes]:
    return {}, _forged(draft).payload_bytes()


def _unsecured_jwt(draft: Draft) -> tuple[Members, bytes]:
    token = _forged(draft).with_header(alg="none").without_header("kid").unsigned().token()
    return {"cty": "JWT"}, token.encode()


def _attackers_jwt(draft: Draft) -> tuple[Members, bytes]:
    attacker = keys.key(draft.key.algorithm, "attacker")
    return {"cty": "JWT"}, _forged(draft).signed_by(attacker.sign).token().encode()


def _encrypted(draft: Draft, kid: str, enc: str, manage: Management, content: Content = _claims) -> Draft:
    header, plaintext = content(draft)
    token = jwe.encrypt({"kid": kid, "enc": enc, **header}, plaintext, manage)
    return draft.respelled(lambda _: token)


def _holding(draft: Draft, jwk: Jwk) -> Draft:
    """Hold a key for decryption beside those that verify."""
    return draft.with_policy(keys={"keys": [*draft.policy.members["keys"]["keys"], jwk]})


_SHARED = keys.shown_secret("oct-b")


def _holding_a_secret(draft: Draft) -> Draft:
    return _holding(draft, {"kty": "oct", "kid": "decrypting", "use": "enc", "k": b64(_SHARED)})


def _holding_a_key_pair(draft: Draft) -> Draft:
    return _holding(draft, {**keys.key("RS256", "b").private_jwk, "kid": "decrypting", "use": "enc"})


# A set may well be refused for a key that has no place among those that verify.
@edit("VER-5", "RFC 7516 §9", FORM, given=_holding_a_secret, needs=(KEY_SET,), base_may_be_refused=True)
def five_segments_of_a_jwe(draft: Draft) -> Draft:
    """The token is a JWE under a secret of the set that is for encryption, and nobody signed its claims."""
    return _encrypted(draft, "decrypting", "A256CBC-HS512", jwe.direct(_SHARED))


@edit("VER-5", "RFC 7516 §9", FORM, given=_holding_a_key_pair, needs=(KEY_SET,), base_may_be_refused=True)
def jwe_to_the_public_key(draft: Draft) -> Draft:
    """A JWE that anybody can make, to a public key whose private half the set holds, around an unsecured JWT.

    Who decrypts it, finds no signature and checks none believes the attacker (CVE-2026-29000).
    """
    recipient = _recipient(keys.key("RS256", "b"), "RSA-OAEP-256")
    return _encrypted(draft, "decrypting", "A128GCM", recipient, _unsecured_jwt)


_UNDER_SECRET: dict[str, tuple[str, Callable[[bytes], Management], int]] = {
    **{f"dir-{enc}": (enc, jwe.direct, size) for enc, size in CONTENT_KEY.items() if size >= 32},
    "A256KW": ("A128GCM", jwe.wrapped, 32),
    "A256GCMKW": ("A128GCM", jwe.wrapped_by_gcm, 32),
}
"""Content encryption, management and octets of the secret, of what an HMAC secret of RFC 7518 §3.2 can be used for."""


def _with_secret(draft: Draft, size: int, *, of_any_use: bool) -> Draft:
    """Have the policy's HMAC key be so many octets long, and perhaps not say what it is for."""
    secret = keys.shown_secret(draft.key.pool_name)[:size]
    unsaid = {"use", "alg"} if of_any_use else set()
    jwk = {name: value for name, value in draft.key.public_jwk.items() if name not in unsaid}
    others = [held for held in draft.policy.members["keys"]["keys"] if held["kid"] != draft.key.kid]
    cut = draft.with_policy(keys={"keys": [{**jwk, "k": b64(secret)}, *others]})
    return cut if b64(secret) == draft.key.public_jwk["k"] else cut.signed_by(hmac_over(secret))


def jwe_under_the_hmac_secret(draft: Draft, name: str) -> Draft:
    """A JWE under the policy's HMAC secret, which authenticates and was not made to encrypt: {name}."""
    enc, manage, size = _UNDER_SECRET[name.removesuffix("-of-any-use")]
    return _encrypted(draft, draft.key.kid, enc, manage(keys.shown_secret(draft.key.pool_name)[:size]))


for _name, _of_any_use in product(_UNDER_SECRET, (False, True)):
    _spelled = _name + "-of-any-use" * _of_any_use
    _cut = partial(_with_secret, size=_UNDER_SECRET[_name][2], of_any_use=_of_any_use)
    edits_for(
        {_spelled: _spelled},
        "VER-5",
        "RFC 8725 §3.2",
        FORM,
        algorithms=("HS256",),
        given=_cut,
        base_may_be_refused=_of_any_use,
    )(jwe_under_the_hmac_secret)


def _with_private_half(draft: Draft) -> Draft:
    """Have the key that signed stand in the set as a whole pair that does not say what it is for."""
    others = [held for held in draft.policy.members["keys"]["keys"] if held["kid"] != draft.key.kid]
    return draft.with_policy(keys={"keys": [draft.key.private_jwk, *others]})


def _recipient(key: keys.Key, rsa_name: str) -> Management:
    public = keys.public_key(key)
    return jwe.to_rsa_key(public, rsa_name) if isinstance(public, rsa.RSAPublicKey) else jwe.to_ec_key(public)


_CONTENTS: dict[str, Content] = {
    "claims": _claims,
    "an-unsecured-jwt": _unsecured_jwt,
    "a-jwt-of-the-attacker": _attackers_jwt,
}


@edits_for(
    _CONTENTS,
    "VER-5",
    "RFC 8725 §2.3",
    FORM,
    given=_with_private_half,
    algorithms=("RS256", "PS256", "ES256", "ES384"),
    base_may_be_refused=True,
)
def jwe_to_our_own_key_around(draft: Draft, content: Content) -> Draft:
    """The public half suffices to encrypt {name} to the very key that verifies, whose private half is at hand.

    So JWS and JWE were confused where the token said which it was (CVE-2022-3102, CVE-2023-51774).
    """
    return _encrypted(draft, draft.key.kid, "A128CBC-HS256", _recipient(draft.key, "RSA-OAEP"), content)


@edits_for(
    {form: form for form in ("pem", "openssh", "jwk")},
    "VER-5",
    "RFC 8725 §3.2",
    FORM,
    algorithms=("ES256", "EdDSA", "RS256"),
)
def jwe_under_a_password_that_is_the_public(draft: Draft, form: str) -> Draft:
    """A JWE whose password is a text that everybody knows, the public key's {name}."""
    password = keys.public_forms(draft.key)[form]
    return _encrypted(draft, draft.key.kid, "A128CBC-HS256", jwe.by_password(password))
