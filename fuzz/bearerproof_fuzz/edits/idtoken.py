"""Edits of an ID token: audience, authorized party, nonce, hashes, authentication (OpenID Connect Core §3.1.3.7)."""

import hashlib
from collections.abc import Callable

from bearerproof_fuzz.edits.claims import AHEAD
from bearerproof_fuzz.edits.registry import ACCEPTED, EDDSA, EITHER, edit, edits_for
from bearerproof_fuzz.forge import CLIENT, NONCE, Draft
from bearerproof_fuzz.keys import b64
from bearerproof_fuzz.needs import CLOCK, LENIENT

PARTY = "authorized-party audience"
ACCESS_TOKEN = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"  # noqa: S105 - the example of OpenID Connect Core §A.3
CODE = "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk"


@edits_for(
    {"beside-ours": [CLIENT, "app-2"], "before-ours": ["app-2", CLIENT], "many": [CLIENT, "app-2", "app-3"]},
    "IDT-1",
    "OpenID Connect Core §3.1.3.7 step 3",
    PARTY,
)
def untrusted_audience(draft: Draft, audience: list[str]) -> Draft:
    """`aud` names us and a party that we do not trust: {name}."""
    return draft.with_claims(aud=audience)


@edits_for(
    {"another": "app-2", "list-of-others": ["app-2"], "prefix": CLIENT[:-1], "extended": CLIENT + "0"},
    "IDT-1",
    "OpenID Connect Core §3.1.3.7 step 3",
    PARTY,
)
def audience_without_the_client(draft: Draft, audience: object) -> Draft:
    """`aud` does not hold our `client_id`: {name}."""
    return draft.with_claims(aud=audience)


def _trusting(draft: Draft) -> Draft:
    """Trust one more audience, and show that a token for both of us is accepted."""
    return draft.with_policy(trusted_audiences=["app-2"]).with_claims(aud=[CLIENT, "app-2"], azp=CLIENT)


@edit("IDT-1", "OpenID Connect Core §3.1.3.7 step 3", PARTY, given=_trusting)
def trusted_audience_alone(draft: Draft) -> Draft:
    """`aud` holds only the audience that we trust beside our own, not ours."""
    return draft.with_claims(aud=["app-2"])


@edit("IDT-1", "OpenID Connect Core §3.1.3.7 step 3", base=ACCEPTED, strict=ACCEPTED, given=_trusting)
def trusted_audience_first(draft: Draft) -> Draft:
    """`aud` holds ours and one that we trust, in the other order."""
    return draft.with_claims(aud=["app-2", CLIENT])


@edit("IDT-2", "OpenID Connect Core §3.1.3.7 step 4 (errata set 1)", PARTY, given=_trusting)
def several_audiences_without_azp(draft: Draft) -> Draft:
    """`aud` names several parties and no `azp` says which one was authorized."""
    return draft.without_claim("azp")


@edit("IDT-2", "OpenID Connect Core §2", base=ACCEPTED, strict=ACCEPTED)
def one_audience_without_azp(draft: Draft) -> Draft:
    """`aud` names us alone, and no `azp` is needed."""
    return draft.without_claim("azp")


_PARTIES: dict[str, object] = {
    "another": "app-2",
    "prefix": CLIENT[:-1],
    "extended": CLIENT + "0",
    "upper-case": CLIENT.upper(),
    "empty": "",
    "number": 1,
    "null": None,
    "list-with-ours": [CLIENT],
    "object": {"azp": CLIENT},
}


@edits_for(_PARTIES, "IDT-3", "OpenID Connect Core §3.1.3.7 step 5", PARTY + " claim-malformed")
def azp_is(draft: Draft, value: object) -> Draft:
    """`azp` is there and is not our `client_id`: {name}."""
    return draft.with_claims(azp=value)


@edit("IDT-3", "OpenID Connect Core §3.1.3.7 step 5", PARTY, given=_trusting)
def azp_is_the_trusted_audience(draft: Draft) -> Draft:
    """`azp` names the audience that we trust beside our own."""
    return draft.with_claims(azp="app-2")


_NONCES: dict[str, object] = {
    "another": "n-other",
    "prefix": NONCE[:-1],
    "extended": NONCE + "x",
    "upper-case": NONCE.upper(),
    "empty": "",
    "number": 0,
    "true": True,
    "null": None,
    "list-with-ours": [NONCE],
    "trailing-blank": NONCE + " ",
}


@edits_for(_NONCES, "IDT-4", "OpenID Connect Core §3.1.3.7 step 11", "nonce claim-malformed claim-missing")
def nonce_is(draft: Draft, value: object) -> Draft:
    """`nonce` is not the one that was sent: {name}."""
    return draft.with_claims(nonce=value)


@edit("IDT-4", "OpenID Connect Core §3.1.3.7 step 11", "nonce claim-missing")
def nonce_missing(draft: Draft) -> Draft:
    """A nonce was sent and the token has none."""
    return draft.without_claim("nonce")


@edits_for(
    {"sub": "sub", "iat": "iat"}, "IDT-5", "OpenID Connect Core §2", "claim-missing claim-malformed", base=EITHER
)
def id_token_lacks(draft: Draft, name: str) -> Draft:
    """A claim is missing that every ID token has: {name}."""
    return draft.without_claim(name)


@edits_for(
    {"iss": "iss", "exp": "exp", "aud": "aud"},
    "IDT-5",
    "OpenID Connect Core §3.1.3.7",
    "claim-missing claim-malformed issuer audience expired",
)
def id_token_without(draft: Draft, name: str) -> Draft:
    """A claim is missing that every relying party has to check: {name}."""
    return draft.without_claim(name)


def _recent(draft: Draft) -> Draft:
    return draft.with_policy(max_age=300).with_claims(auth_time=int(draft.now) - 100)


_AUTH = "auth-time claim-missing claim-malformed"


@edits_for(
    {"by-a-second": 301, "by-an-hour": 3600},
    "IDT-6",
    "OpenID Connect Core §3.1.3.7 step 13",
    _AUTH,
    given=_recent,
    needs=(CLOCK,),
)
def authenticated_too_long_ago(draft: Draft, seconds: int) -> Draft:
    """The user's authentication is older than `max_age`: {name}."""
    return draft.with_claims(auth_time=int(draft.now) - seconds)


@edit("IDT-6", "OpenID Connect Core §3.1.3.7 step 13", _AUTH, given=_recent)
def auth_time_missing(draft: Draft) -> Draft:
    """`max_age` was asked for and the token does not say when the user authenticated."""
    return draft.without_claim("auth_time")


@edits_for(
    {
        "text": "1799999900",
        "null": None,
        "true": True,
        "list": [1_799_999_900],
        "zero": 0,
        "negative": -1,
        "object": {"seconds": 1_799_999_900},
        "empty-text": "",
    },
    "IDT-6",
    "OpenID Connect Core §2",
    _AUTH,
    given=_recent,
)
def auth_time_is(draft: Draft, value: object) -> Draft:
    """`auth_time` is not a number, or not one of a recent time: {name}."""
    return draft.with_claims(auth_time=value)


@edit("IDT-6", "OpenID Connect Core §3.1.3.7 step 13", base=ACCEPTED, strict=ACCEPTED, given=_recent, needs=(CLOCK,))
def authenticated_within_max_age(draft: Draft) -> Draft:
    """The user's authentication is one second younger than `max_age`."""
    return draft.with_claims(auth_time=int(draft.now) - 299)


_AHEAD = {"a-second": 1, "an-hour": 3600, "a-century": 3_200_000_000}


# It says when the authentication occurred (OpenID Connect Core §2); no clause says what to do if it has not.
@edits_for(_AHEAD, "IDT-6", "OpenID Connect Core §2", _AUTH, base=EITHER, given=_recent, needs=(CLOCK,))
def authenticated_in_the_future_by(draft: Draft, seconds: int) -> Draft:
    """`auth_time` lies ahead, so that the sign-in would stay recent for ever: {name}."""
    return draft.with_claims(auth_time=int(draft.now) + seconds)


@edits_for(AHEAD, "IDT-6", "OpenID Connect Core §2", _AUTH, base=EITHER, given=_recent)
def authenticated_beyond(draft: Draft, write: Callable[[float], object]) -> Draft:
    """`auth_time` lies so far ahead that it overflows to the past: {name}."""
    return draft.with_claims(auth_time=write(draft.now - 60))


@edit("IDT-6", "OpenID Connect Core §2", base=EITHER, strict=ACCEPTED, given=_recent, needs=(CLOCK,))
def authenticated_this_second(draft: Draft) -> Draft:
    """The user authenticated this very second."""
    return draft.with_claims(auth_time=int(draft.now))


def _recent_and_lenient(draft: Draft) -> Draft:
    return _recent(draft).with_policy(leeway=30)


# OpenID Connect Core names no tolerance here, so base leaves open whether there is one.
@edit(
    "IDT-6",
    "OpenID Connect Core §3.1.3.7 step 13",
    base=EITHER,
    strict=ACCEPTED,
    given=_recent_and_lenient,
    needs=LENIENT,
)
def authenticated_within_max_age_and_leeway(draft: Draft) -> Draft:
    """The user's authentication is as old as `max_age` and the leeway together."""
    return draft.with_claims(auth_time=int(draft.now) - 330)


@edit("IDT-6", "OpenID Connect Core §2", base=EITHER, strict=ACCEPTED, given=_recent_and_lenient, needs=LENIENT)
def authenticated_ahead_within_leeway(draft: Draft) -> Draft:
    """`auth_time` lies exactly the leeway ahead."""
    return draft.with_claims(auth_time=int(draft.now) + 30)


@edit("IDT-6", "OpenID Connect Core §2", _AUTH, base=EITHER, given=_recent_and_lenient, needs=LENIENT)
def authenticated_ahead_beyond_leeway(draft: Draft) -> Draft:
    """`auth_time` lies one second further ahead than the leeway."""
    return draft.with_claims(auth_time=int(draft.now) + 31)


@edit("IDT-6", "OpenID Connect Core §3.1.3.7 step 13", _AUTH, given=_recent_and_lenient, needs=LENIENT)
def authenticated_before_max_age_and_leeway(draft: Draft) -> Draft:
    """The user's authentication is a second older than `max_age` and the leeway together."""
    return draft.with_claims(auth_time=int(draft.now) - 331)


@edit("IDT-6", "OpenID Connect Core §3.1.2.1", _AUTH, given=_recent, needs=(CLOCK,))
def authenticated_a_second_ago_under_max_age_0(draft: Draft) -> Draft:
    """`max_age` is 0, so the user has to have authenticated this very second."""
    return draft.with_policy(max_age=0).with_claims(auth_time=int(draft.now) - 1)


@edit("IDT-6", "OpenID Connect Core §3.1.2.1", _AUTH, given=_recent)
def auth_time_missing_under_max_age_0(draft: Draft) -> Draft:
    """`max_age` is 0 and the token does not say when the user authenticated."""
    return draft.with_policy(max_age=0).without_claim("auth_time")


# A user who authenticated this very second is as old as `max_age` allows, to the second: base leaves the edge open.
@edit("IDT-6", "OpenID Connect Core §3.1.2.1", base=EITHER, strict=ACCEPTED, given=_recent, needs=(CLOCK,))
def authenticated_this_second_under_max_age_0(draft: Draft) -> Draft:
    """`max_age` is 0 and the user authenticated this very second."""
    return draft.with_policy(max_age=0).with_claims(auth_time=int(draft.now))


def _stepped_up(draft: Draft) -> Draft:
    return draft.with_policy(acr_values=["urn:mfa", "urn:hardware"]).with_claims(acr="urn:mfa")


_ACR = "acr claim-missing claim-malformed"


@edits_for(
    {
        "another": "urn:password",
        "prefix": "urn:mf",
        "empty": "",
        "null": None,
        "list-with-ours": ["urn:mfa"],
        "number": 0,
        "joined": "urn:mfa urn:hardware",
    },
    "IDT-7",
    "OpenID Connect Core §3.1.3.7 step 12",
    _ACR,
    given=_stepped_up,
)
def acr_is(draft: Draft, value: object) -> Draft:
    """`acr` is none of the acceptable ones: {name}."""
    return draft.with_claims(acr=value)


@edit("IDT-7", "OpenID Connect Core §3.1.3.7 step 12", _ACR, given=_stepped_up)
def acr_missing(draft: Draft) -> Draft:
    """`acr` was asked for and is missing."""
    return draft.without_claim("acr")


HASHED = ("ES256", "RS256", "PS256", "ES384", "HS256")
"""Algorithms whose hash OpenID Connect Core §3.1.3.6 fixes; for EdDSA the reference uses SHA-512, base excludes it."""

_DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "256": lambda raw: hashlib.sha256(raw).digest(),
    "384": lambda raw: hashlib.sha384(raw).digest(),
}


def half_hash(algorithm: str, text: str) -> str:
    """Return the left half of the hash of a token or code (OpenID Connect Core §3.1.3.6)."""
    digest = _DIGESTS[algorithm[-3:]](text.encode("ascii"))
    return b64(digest[: len(digest) // 2])


def _bound_access_token(draft: Draft) -> Draft:
    hashed = half_hash(draft.key.algorithm, ACCESS_TOKEN)
    return draft.with_policy(access_token=ACCESS_TOKEN).with_claims(at_hash=hashed)


def _bound_code(draft: Draft) -> Draft:
    return draft.with_policy(code=CODE).with_claims(c_hash=half_hash(draft.key.algorithm, CODE))


_HASHES: dict[str, Callable[[Draft, str], object]] = {
    "of-another": lambda draft, _: half_hash(draft.key.algorithm, "another"),
    "whole-hash": lambda _, text: b64(hashlib.sha256(text.encode()).digest()),
    "right-half": lambda _, text: b64(hashlib.sha256(text.encode()).digest()[16:]),
    "hexadecimal": lambda _, text: hashlib.sha256(text.encode()).hexdigest()[:32],
    "prefix": lambda draft, text: half_hash(draft.key.algorithm, text)[:-1],
    "padded": lambda draft, text: half_hash(draft.key.algorithm, text) + "==",
    "empty": lambda *_: "",
    "null": lambda *_: None,
    "list-with-ours": lambda draft, text: [half_hash(draft.key.algorithm, text)],
}

_TOKEN_HASH = "token-hash claim-malformed claim-missing"  # noqa: S105 - names of reasons


@edits_for(
    {"a-code": _bound_code, "an-access-token": _bound_access_token},
    "IDT-4",
    "OpenID Connect Core §3.1.3.7 step 11",
    "nonce",
    algorithms=("ES256", "RS256"),
    given_each=lambda draft, bind: bind(draft),
)
def nonce_is_another_and_there_came(draft: Draft, _: Callable[[Draft], Draft]) -> Draft:
    """`nonce` is not the one that was sent, and what binds the token to its flow besides is right: {name}."""
    return draft.with_claims(nonce=_NONCES["another"])


@edits_for(_HASHES, "IDT-8", "OpenID Connect Core §3.1.3.8", _TOKEN_HASH, given=_bound_access_token, algorithms=HASHED)
def at_hash_is(draft: Draft, write: Callable[[Draft, str], object]) -> Draft:
    """`at_hash` does not match the access token: {name}."""
    return draft.with_claims(at_hash=write(draft, ACCESS_TOKEN))


def _half_sha256(text: str) -> str:
    return b64(hashlib.sha256(text.encode("ascii")).digest()[:16])


@edit("IDT-8", "OpenID Connect Core §3.1.3.6", _TOKEN_HASH, given=_bound_access_token, algorithms=("ES384",))
def at_hash_of_sha256_under_a_384_algorithm(draft: Draft) -> Draft:
    """`at_hash` is made with SHA-256, though the algorithm's hash is SHA-384."""
    return draft.with_claims(at_hash=_half_sha256(ACCESS_TOKEN))


@edit("IDT-9", "OpenID Connect Core §3.1.3.6", _TOKEN_HASH, given=_bound_code, algorithms=("ES384",))
def c_hash_of_sha256_under_a_384_algorithm(draft: Draft) -> Draft:
    """`c_hash` is made with SHA-256, though the algorithm's hash is SHA-384."""
    return draft.with_claims(c_hash=_half_sha256(CODE))


def _bound_both(draft: Draft) -> Draft:
    return _bound_code(_bound_access_token(draft))


@edit("IDT-9", "OpenID Connect Core §3.3.2.10", _TOKEN_HASH, given=_bound_both, algorithms=HASHED)
def c_hash_is_that_of_the_access_token(draft: Draft) -> Draft:
    """Access token and code are both at hand, and `c_hash` is the hash of the access token."""
    return draft.with_claims(c_hash=half_hash(draft.key.algorithm, ACCESS_TOKEN))


@edits_for(_HASHES, "IDT-9", "OpenID Connect Core §3.3.2.10", _TOKEN_HASH, given=_bound_code, algorithms=HASHED)
def c_hash_is(draft: Draft, write: Callable[[Draft, str], object]) -> Draft:
    """`c_hash` does not match the code: {name}."""
    return draft.with_claims(c_hash=write(draft, CODE))


def _half_sha512(text: str) -> str:
    return b64(hashlib.sha512(text.encode("ascii")).digest()[:32])


# The name of these algorithms says no hash. That of Ed25519 is SHA-512 (RFC 8032 §5.1); base leaves the matter open.
@edit("IDT-8", "OpenID Connect Core §3.1.3.6", base=EITHER, strict=ACCEPTED, algorithms=EDDSA)
def at_hash_of_sha512_under_ed25519(draft: Draft) -> Draft:
    """The token was signed with Ed25519, and its `at_hash` is made with SHA-512."""
    return draft.with_policy(access_token=ACCESS_TOKEN).with_claims(at_hash=_half_sha512(ACCESS_TOKEN))


@edit("IDT-8", "OpenID Connect Core §3.1.3.6", _TOKEN_HASH, base=EITHER, algorithms=EDDSA)
def at_hash_of_another_under_ed25519(draft: Draft) -> Draft:
    """The token was signed with Ed25519, and its `at_hash` is that of another access token."""
    return draft.with_policy(access_token=ACCESS_TOKEN).with_claims(at_hash=_half_sha512(CODE))


@edit("IDT-10", "OpenID Connect Core §3.2.2.9", _TOKEN_HASH, given=_bound_access_token, algorithms=HASHED)
def at_hash_missing(draft: Draft) -> Draft:
    """The access token is at hand and the ID token has no `at_hash`."""
    return draft.without_claim("at_hash")


@edit("IDT-10", "OpenID Connect Core §3.3.2.10", _TOKEN_HASH, given=_bound_code, algorithms=HASHED)
def c_hash_missing(draft: Draft) -> Draft:
    """The code is at hand and the ID token has no `c_hash`."""
    return draft.without_claim("c_hash")
