"""Victims that the suite does not see, or sees by luck alone, do have their weakness: what each takes is built here."""

import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from bearerproof.contract.implementation import Implementation
from bearerproof.contract.messages import Outcome
from bearerproof.judging.settings import RunConfig
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz import keys
from bearerproof_fuzz.forge import Draft, Forge
from bearerproof_fuzz.keys import Jwk, b64
from bearerproof_fuzz.victims import PLAIN

Build = Callable[[Callable[..., Draft]], Draft | Sequence[Draft]]


def hmac_over(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda signing_input: hmac.digest(secret, signing_input, "sha256")


def held(draft: Draft, *jwks: Jwk) -> Draft:
    return draft.with_policy(keys={"keys": list(jwks)}, key_texts={})


def lone(draft: Draft, **members: object) -> Draft:
    return held(draft, {**draft.key.public_jwk, **members})


def alone_with_hmac(draft: Draft) -> Draft:
    return draft.with_policy(algorithms=[draft.key.algorithm, "HS256"]).with_header(alg="HS256")


def pkcs1_der(draft: Draft) -> Draft:
    public = keys.rsa_private(draft.key).public_key()
    secret = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    return alone_with_hmac(draft).signed_by(hmac_over(secret))


def r_plus_n(signature: bytes) -> bytes:
    order = int("1FF" + "F" * 63 + "A51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409", 16)
    return (int.from_bytes(signature[:66]) + order).to_bytes(66) + signature[66:]


def es512(draft: Draft) -> Draft:
    private = ec.generate_private_key(ec.SECP521R1())
    numbers = private.public_key().public_numbers()
    jwk = {"kty": "EC", "crv": "P-521", "kid": "k", "alg": "ES512"} | {
        name: b64(getattr(numbers, name).to_bytes(66)) for name in ("x", "y")
    }

    def sign(signing_input: bytes) -> bytes:
        pair = decode_dss_signature(private.sign(signing_input, ec.ECDSA(hashes.SHA512())))
        return r_plus_n(b"".join(number.to_bytes(66) for number in pair))

    return held(draft.with_header(alg="ES512", kid="k").with_policy(algorithms=["ES512"]), jwk).signed_by(sign)


def rs256(private: rsa.RSAPrivateKey, digest: hashes.HashAlgorithm) -> Callable[[bytes], bytes]:
    return lambda signing_input: private.sign(signing_input, padding.PKCS1v15(), digest)


def of_1024_bits(draft: Draft) -> Draft:
    weak = keys.weak_rsa_key()
    text = (
        keys.rsa_private(weak)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    policy = draft.with_header(kid=weak.kid).with_policy(
        keys={"keys": [weak.public_jwk]}, key_texts={weak.kid: {"pem": text.decode()}}
    )
    return policy.signed_by(weak.sign)


def with_exponent(draft: Draft, more: int) -> Draft:
    exponent = 65537 + more
    return lone(draft, e=b64(exponent.to_bytes((exponent.bit_length() + 7) // 8)))


def named(draft: Draft, spell: Callable[[str], str]) -> Draft:
    return draft.with_header(kid=spell(draft.header["kid"]))


def numbered(draft: Draft) -> Draft:
    return lone(draft, kid=7).with_header(kid="7")


def nan_as_nbf(draft: Draft) -> Draft:
    text = json.dumps({**draft.claims, "nbf": float("nan")})
    return replace(draft, payload_json=text.encode())


BUILT: dict[str, Build] = {
    "segments-cut-at-the-outermost-periods": lambda base: replace(
        base(), spell_payload=lambda text: f"{text[:8]}.{text[8:]}"
    ),
    "token-percent-decoded": lambda base: replace(
        base(), spell_signature=lambda text: f"%{ord(text[0]):02x}{text[1:]}"
    ),
    "hmac-over-pkcs1-der": lambda base: pkcs1_der(base("RS256")),
    "ecdsa-numbers-reduced": lambda base: es512(base()),
    "pkcs1-any-hash": lambda base: base("RS256").signed_by(rs256(keys.rsa_private(base("RS256").key), hashes.SHA512())),
    "signed-over-the-header-alone": lambda base: base("HS256").signed_by(
        lambda signing_input: base("HS256").key.sign(signing_input.partition(b".")[0])
    ),
    "kid-percent-decoded": lambda base: named(base(), lambda kid: f"%{ord(kid[0]):02x}{kid[1:]}"),
    "kid-last-part-of-a-path": lambda base: named(base(), lambda kid: f"../{kid}"),
    "kid-up-to-a-question-mark": lambda base: named(base(), lambda kid: f"{kid}?a=b"),
    "kid-of-any-type-as-text": lambda base: numbered(base()),
    "kid-null-is-absent": lambda base: lone(base()).with_header(kid=None),
    "kid-opens-a-file": lambda base: (
        alone_with_hmac(base()).with_header(kid="../../dev/null").signed_by(hmac_over(b""))
    ),
    "kid-in-a-sentence-of-sql": lambda base: (
        alone_with_hmac(base()).with_header(kid="' UNION SELECT 'ours' -- ").signed_by(hmac_over(b"ours"))
    ),
    "kid-unknown-is-the-empty-secret": lambda base: (
        alone_with_hmac(base()).with_header(kid="nobody").signed_by(hmac_over(b""))
    ),
    "kid-itself-is-the-secret": lambda base: (
        alone_with_hmac(base()).with_header(kid="nobody").signed_by(hmac_over(b"nobody"))
    ),
    "rsa-of-1024-bits-taken-as-pem": lambda base: of_1024_bits(base("RS256")),
    "rsa-exponent-cut-to-64-bits": lambda base: with_exponent(base("RS256"), 2**64),
    "rsa-exponent-cut-to-32-bits": lambda base: with_exponent(base("RS256"), 2**32),
    "exp-rounded-up": lambda base: replace(base().with_claims(exp=base().now + 0.25), now=base().now + 0.5),
    "nbf-in-milliseconds-guessed": lambda base: base().with_claims(nbf=(base().now - 60) * 1000),
    "nbf-nan-has-passed": lambda base: nan_as_nbf(base()),
    "verdict-kept-for-ever": lambda base: [base(), replace(base(), now=base().claims["exp"] + 60)],
    "verdict-kept-for-every-audience": lambda base: [base(), base().with_policy(audience="api://another")],
}
"""What a victim takes and the plain verifier refuses; of several the last, after the others were accepted."""


@pytest.mark.parametrize("name", BUILT)
def test_a_victim_takes_what_the_plain_verifier_refuses(name: str) -> None:
    accepted = Outcome.ACCEPTED
    for target, expected in ((name, accepted), (PLAIN, Outcome.REJECTED)):
        implementation = RunConfig(target=f"victim:{target}").start()
        built = BUILT[name](partial(base_of, implementation))
        drafts = [built] if isinstance(built, Draft) else built
        answers = [implementation.verify(draft.presentation()).outcome for draft in drafts]
        assert answers == [*[accepted] * (len(drafts) - 1), expected]


def base_of(implementation: Implementation, algorithm: str | None = None) -> Draft:
    return Forge.at_present(implementation.declaration).base(Profile.JWT, algorithm)


RETURNED: dict[str, Callable[[Draft], Draft]] = {
    "header-repeats-claims": lambda base: base.with_header(sub="somebody"),
    "subject-returned-in-small-letters": lambda base: base.with_claims(sub="User-1"),
    "numbers-returned-whole": lambda base: base.with_claims(exp=base.claims["exp"] + 0.5),
}


@pytest.mark.parametrize("name", RETURNED)
def test_a_victim_returns_what_was_not_signed(name: str) -> None:
    implementation = RunConfig(target=f"victim:{name}").start()
    draft = RETURNED[name](base_of(implementation))
    answer = implementation.verify(draft.presentation())
    assert answer.claims is not None
    assert answer.claims != draft.claims


def test_a_key_with_a_zero_before_its_coordinate_is_refused_by_who_drops_it() -> None:
    private = with_a_zero_first()

    def sign(signing_input: bytes) -> bytes:
        pair = decode_dss_signature(private.sign(signing_input, ec.ECDSA(hashes.SHA256())))
        return b"".join(number.to_bytes(32) for number in pair)

    numbers = private.public_key().public_numbers()
    point = {"x": b64(numbers.x.to_bytes(32)), "y": b64(numbers.y.to_bytes(32))}
    for target, expected in (("leading-zeros-dropped", Outcome.REJECTED), (PLAIN, Outcome.ACCEPTED)):
        implementation = RunConfig(target=f"victim:{target}").start()
        draft = lone(base_of(implementation, "ES256"), **point).signed_by(sign)
        assert implementation.verify(draft.presentation()).outcome is expected


def with_a_zero_first() -> ec.EllipticCurvePrivateKey:
    """Return a key of which one in 128 is: a coordinate begins with a zero octet."""
    while True:
        private = ec.generate_private_key(ec.SECP256R1())
        if private.public_key().public_numbers().x < 1 << 248:
            return private


def test_a_point_off_its_curve_ends_in_a_foreign_error_where_nobody_catches_it() -> None:
    for target, expected in (("point-off-the-curve-escapes", Outcome.ERRORED), (PLAIN, Outcome.REJECTED)):
        implementation = RunConfig(target=f"victim:{target}").start()
        draft = lone(base_of(implementation, "ES256"), x=b64(bytes(31) + b"\x07"))
        assert implementation.verify(draft.presentation()).outcome is expected
