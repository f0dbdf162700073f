"""The grammar of forgeries: tokens as an attacker can make them, who knows every public key but holds none of ours.

Which keys the grammar signs with decides what it can find: coverage never finds an HMAC over a public key.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from hypothesis.strategies import DrawFn

from bearerproof.contract.messages import Policy
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz import keys
from bearerproof_fuzz.draws import number_below, pick, pick_some
from bearerproof_fuzz.edits.algorithm import hmac_over
from bearerproof_fuzz.edits.registry import Change, unedited
from bearerproof_fuzz.forge import AUDIENCE, CLIENT, ISSUER, Draft, Signer
from bearerproof_fuzz.keys import Key


@dataclass(frozen=True)
class Forged:
    """A forged token, the steps that made it, in words, and those of its parts that other requirements judge."""

    draft: Draft
    steps: tuple[str, ...]
    judged_elsewhere: tuple[Draft, ...] = ()

    def describe(self) -> str:
        """Say how the token was made."""
        return ", ".join(self.steps)


def forge_one(draw: DrawFn, base: Draft) -> Forged:
    """Draw one token that no holder of a policy key signed."""
    name, forge = pick(draw, _listed(base.key))
    steps = [name]
    draft = forge(base)
    elsewhere = [draft] if name.startswith(_KNOWN_FORGERIES) else []
    for described, change in pick_some(draw, _CHANGES, 3):
        if described.startswith(_KNOWN_CHANGES):
            elsewhere.append(change(forge(base)))
        draft = change(draft)
        steps.append(described)
    return Forged(draft, tuple(steps), tuple(elsewhere))


@cache
def header_changes() -> Sequence[tuple[str, Change]]:
    """Return those changes that a forger makes of the header, the first of which is none."""
    key = keys.key("HS256")
    base = Draft(Profile.JWT, key, {"alg": "HS256", "typ": "JWT", "kid": key.kid}, {}, Policy({}), 0, key.sign)
    kept = [each for each in _CHANGES if each[1](base).claims == base.claims]
    return (("", unedited), *kept)


@cache
def cheap_forgeries(key: Key) -> Sequence[tuple[str, Change]]:
    """Return the forgeries that cost no signature with a key pair: hundreds of thousands can be made."""
    dear = ["an attacker's ES256 key", "an attacker's RS256 key"]
    dear += [] if key.material == "oct" else ["an attacker's key"]
    return [each for each in _listed(key) if each[0] not in dear]


def is_judged_elsewhere(step: str) -> bool:
    """Say whether a forgery or a change is by itself the matter of another requirement than VER-25."""
    return bool(step) and step.startswith(_KNOWN_FORGERIES + _KNOWN_CHANGES)


_KNOWN_FORGERIES = ("alg none", "HMAC over the ")
"""The matter of VER-12 and of VER-16."""

_KNOWN_CHANGES = ("jwk ", "jku ", "x5u ", "alg 'none'", "no alg", "alg ''", "kid '../../dev/null'", "crit ", "b64 ")
"""The matter of VER-19, VER-12, VER-13, VER-22, VER-17 and VER-18."""


@cache
def forgeries(key: Key) -> Mapping[str, Change]:
    """Return, by name, what somebody who holds no key of the policy can do in place of signing with this one."""
    nobody: Signer = lambda _: b""  # noqa: E731 - needs its type
    another: Signer = lambda _: key.sign(b"e30.e30")  # noqa: E731 - needs its type
    secrets = {**GUESSABLE, **{f"the {form} form": octets for form, octets in keys.public_forms(key).items()}}
    return {
        "alg none": _signed(nobody, "none"),
        "alg none, another token's signature": _signed(another, "none"),
        "no signature": _signed(nobody),
        "an attacker's key": _signed(keys.key(key.algorithm, "attacker").sign),
        "an attacker's ES256 key": _signed(keys.key("ES256", "attacker").sign, "ES256"),
        "an attacker's RS256 key": _signed(keys.key("RS256", "attacker").sign, "RS256"),
        "zeros": _signed(lambda _: bytes(len(another(b"")))),
        "another token's signature": _signed(another),
        "HMAC over its own kid": _hmac_over_kid,
        **{f"HMAC over {name}": _signed(hmac_over(secret), "HS256") for name, secret in secrets.items()},
    }


@cache
def _listed(key: Key) -> list[tuple[str, Change]]:
    return list(forgeries(key).items())


def _signed(signer: Signer, algorithm: str | None = None) -> Change:
    def forge(draft: Draft) -> Draft:
        forged = draft.signed_by(signer)
        return forged if algorithm is None else forged.with_header(alg=algorithm)

    return forge


def _hmac_over_kid(draft: Draft) -> Draft:
    return _signed(hmac_over(str(draft.header.get("kid")).encode("utf-8", "replace")), "HS256")(draft)


GUESSABLE = {"nothing": b"", "a NUL": b"\0", "'secret'": b"secret", "'null'": b"null", "'undefined'": b"undefined"}


def _header(name: str, value: object) -> tuple[str, Change]:
    return f"{name} {value!r}", lambda draft: draft.with_header(**{name: value})


def _claim(name: str, value: object) -> tuple[str, Change]:
    return f"{name} {value!r}", lambda draft: draft.with_claims(**{name: value})


def _embedded(draft: Draft) -> Draft:
    outsider = keys.key(draft.key.algorithm, "attacker")
    return draft.with_header(jwk={**outsider.public_jwk, "kid": draft.key.kid})


_CHANGES: list[tuple[str, Change]] = [
    ("no kid", lambda draft: draft.without_header("kid")),
    ("no alg", lambda draft: draft.without_header("alg")),
    ("no typ", lambda draft: draft.without_header("typ")),
    ("jwk of the attacker", _embedded),
    ("kid of the sibling", lambda draft: draft.with_header(kid=keys.key(draft.key.algorithm, "b").kid)),
    *(_header("kid", kid) for kid in ("", "nobody", "../../dev/null", "hs256-a", "es256-attacker", 0, None)),
    *(_header("alg", name) for name in ("none", "HS256", "HS384", "ES256", "RS256", "PS256", "EdDSA", "Ed25519", "")),
    *(_header("typ", typ) for typ in ("JWT", "at+jwt", "JOSE", "secevent+jwt")),
    _header("crit", []),
    _header("b64", False),
    _header("jku", "https://evil.example/keys"),
    _header("x5u", "file:///dev/null"),
    _claim("sub", "admin"),
    _claim("exp", 4_000_000_000),
    _claim("iss", ISSUER),
    _claim("aud", [AUDIENCE, CLIENT]),
    _claim("client_id", "admin"),
    _claim("azp", CLIENT),
    _claim("scope", "admin"),
    _claim("jti", "jti-9"),
]


def matter_of(token: str, honest: str) -> str | None:
    """Return the requirement that a change of a token's text offends first, or None if it says the same.

    The number of segments is VER-1's, and a character outside the alphabet or an impossible length is VER-2's. The
    same octets spelled anew are VER-3's; all else is another text under the same signature, or another signature.
    """
    if token == honest:
        return None
    segments = token.split(".")
    if len(segments) != 3 or not all(segments):
        return "VER-1"
    if not _COMPACT.fullmatch(token) or 1 in [len(segment) % 4 for segment in segments]:
        return "VER-2"
    same = len(token) == len(honest) and all(map(_same_octets, segments, honest.split(".")))
    return "VER-3" if same else "VER-24"


def _same_octets(segment: str, other: str) -> bool:
    """Say whether two segments are the same octets: they are as long, and differ in unused bits of the end alone."""
    if segment == other:
        return True
    alike = len(segment) == len(other) and segment[:-1] == other[:-1]
    return alike and keys.unb64(segment) == keys.unb64(other)


FOREIGN = re.compile(r"[^A-Za-z0-9_.-]")
"""A character that stands in no token in compact serialisation (RFC 7515 §7.1)."""

_COMPACT = re.compile(r"[A-Za-z0-9_.-]*")
"""A text without any: to match it takes a third of the time of a search for one."""


def mangle_one(draw: DrawFn, token: str) -> tuple[str, str]:
    """Draw a change of a token's text, as somebody without any key can make; returns it and what was done."""
    name, mangle = pick(draw, _MANGLINGS)
    at = number_below(draw, len(token))
    return mangle(token, at, pick(draw, _CHARACTERS)), f"{name} at {at}"


_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\t\0!%\u0663\uff21"

_MANGLINGS: list[tuple[str, Callable[[str, int, str], str]]] = [
    ("replace", lambda token, at, char: token[:at] + char + token[at + 1 :]),
    ("insert", lambda token, at, char: token[:at] + char + token[at:]),
    ("delete", lambda token, at, _: token[:at] + token[at + 1 :]),
    ("cut off", lambda token, at, _: token[:at]),
    ("cut before", lambda token, at, _: token[at:]),
    ("append", lambda token, _, char: token + char),
    ("swap case", lambda token, at, _: token[:at] + token[at : at + 1].swapcase() + token[at + 1 :]),
    ("repeat the rest", lambda token, at, _: token + token[at:]),
    ("drop four", lambda token, at, _: token[:at] + token[at + 4 :]),
    ("transpose", lambda token, at, _: token[:at] + token[at + 1 : at + 2] + token[at : at + 1] + token[at + 2 :]),
]
