"""Edits of header parameters other than `alg`: crit, b64, carried keys, kid (RFC 7515 §4, RFC 7797)."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace

from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz import keys
from bearerproof_fuzz.edits.algorithm import beside_an_hmac_key, hmac_over
from bearerproof_fuzz.edits.registry import ACCEPTED, EITHER, EVERY_ALGORITHM, REJECTED, Gate, edit, edits_for
from bearerproof_fuzz.forge import Draft
from bearerproof_fuzz.keys import Key, b64
from bearerproof_fuzz.needs import KEY_KID, KEY_SET, MIXED

HEADER = "header critical malformed"
CRITICAL = "critical header malformed"
# A carried key or certificate makes a header that some libraries find too large.
KEY = "key-unknown key-unusable signature header malformed algorithm too-large"

_CRITICAL: dict[str, dict[str, object]] = {
    "unknown-name": {"crit": ["x-unheard-of"], "x-unheard-of": True},
    "unknown-absent-name": {"crit": ["x-unheard-of"]},
    "unknown-beside-known": {"crit": ["b64", "x-unheard-of"], "b64": True, "x-unheard-of": 1},
    "uri-name": {"crit": ["http://example.com/UNDEFINED"], "http://example.com/UNDEFINED": True},
    "text": {"crit": "x-unheard-of", "x-unheard-of": True},
    "object": {"crit": {"x-unheard-of": True}, "x-unheard-of": True},
    "null": {"crit": None},
    "number": {"crit": 1},
    "true": {"crit": True},
    "number-inside": {"crit": [1]},
    "null-inside": {"crit": [None]},
    "list-inside": {"crit": [["x-unheard-of"]], "x-unheard-of": True},
}

_CRITICAL_AT_CHOICE: dict[str, dict[str, object]] = {
    "empty": {"crit": []},
    "registered-name": {"crit": ["alg"]},
    "kid": {"crit": ["kid"]},
}


@edits_for(_CRITICAL, "VER-17", "RFC 7515 §4.1.11", CRITICAL)
def crit_is(draft: Draft, members: dict[str, object]) -> Draft:
    """`crit` demands what is not understood, or is not a list of names: {name}."""
    return draft.with_header(**members)


@edit("VER-17", "RFC 8259 §7", CRITICAL, alone=lambda draft: crit_is(draft, _CRITICAL["unknown-name"]))
def crit_spelled_with_an_escape(draft: Draft) -> Draft:
    """`crit` demands what is not understood, and one letter of its own name is spelled with an escape."""
    raw = draft.with_header(**_CRITICAL["unknown-name"]).header_bytes()
    return replace(draft, header_json=raw.replace(b'"crit"', b'"\\u0063rit"'))


@edits_for(_CRITICAL_AT_CHOICE, "VER-17", "RFC 7515 §4.1.11", CRITICAL, base=EITHER)
def crit_holds(draft: Draft, members: dict[str, object]) -> Draft:
    """`crit` is what producers must not write, and recipients may refuse: {name}."""
    return draft.with_header(**members)


@edit("VER-17", "RFC 7515 §4", base=ACCEPTED, strict=ACCEPTED, profiles=(Profile.JWS,))
def parameter_not_understood(draft: Draft) -> Draft:
    """The header of a bare JWS has a parameter that nobody knows and `crit` does not name."""
    return draft.with_header(**{"x-unheard-of": {"a": 1}})


@edits_for(
    {
        "listed": {"b64": False, "crit": ["b64"]},
        "listed-beside-unknown": {"b64": False, "crit": ["b64", "exp"], "exp": 1},
    },
    "VER-18",
    "RFC 7797 §7",
    CRITICAL + " signature claim-malformed",
)
def b64_false(draft: Draft, members: dict[str, object]) -> Draft:
    """`b64` is false in a JWT and named in `crit`: {name}."""
    return draft.with_header(**members)


@edit("VER-18", "RFC 7797 §6", CRITICAL, base=EITHER)
def b64_false_not_listed(draft: Draft) -> Draft:
    """`b64` is false but not named in `crit`, so one reader takes other octets for the payload than the next."""
    return draft.with_header(b64=False)


@edit("VER-18", "RFC 7797 §7", CRITICAL + " signature claim-malformed")
def b64_false_with_a_raw_payload(draft: Draft) -> Draft:
    """`b64` is false and listed, and the payload stands there unencoded and signed so, as RFC 7797 would have it."""
    raw = draft.payload_bytes().decode().replace(".", "\\u002e")
    return replace(draft.with_header(b64=False, crit=["b64"]), spell_payload=lambda _: raw)


def _attacker(draft: Draft) -> Key:
    return keys.key(draft.key.algorithm, "attacker")


def _by_attacker(draft: Draft, **members: object) -> Draft:
    return draft.with_header(**members).signed_by(_attacker(draft).sign)


def _jwk(draft: Draft) -> Draft:
    return _by_attacker(draft, jwk=_attacker(draft).public_jwk)


def _jwk_same_kid(draft: Draft) -> Draft:
    return _by_attacker(draft, jwk={**_attacker(draft).public_jwk, "kid": draft.key.kid})


def _jwk_without_kid(draft: Draft) -> Draft:
    return _jwk(draft).without_header("kid")


def _jwk_attackers_kid(draft: Draft) -> Draft:
    return _jwk(draft).with_header(kid=_attacker(draft).kid)


def _certificate_chain(draft: Draft) -> Draft:
    pem = _attacker(draft).certificate
    der = "".join(line for line in pem.splitlines() if "-----" not in line)
    return _by_attacker(draft, x5c=[der])


def _thumbprints(draft: Draft) -> Draft:
    pem = _attacker(draft).certificate
    der = base64.b64decode("".join(line for line in pem.splitlines() if "-----" not in line))
    sha1 = hashlib.sha1(der, usedforsecurity=False).digest()
    return _by_attacker(draft, **{"x5t": b64(sha1), "x5t#S256": b64(hashlib.sha256(der).digest())})


_CARRIED: dict[str, Callable[[Draft], Draft]] = {
    "jwk": _jwk,
    "jwk-under-our-kid": _jwk_same_kid,
    "jwk-without-kid": _jwk_without_kid,
    "jwk-under-its-own-kid": _jwk_attackers_kid,
    "x5c": _certificate_chain,
    "x5t": _thumbprints,
}


def _without_the_key(draft: Draft, change: Callable[[Draft], Draft]) -> Draft:
    """Sign as the attacker and carry nothing: who takes this believes any signature, or none."""
    carrying = change(draft).header
    kept = {name: value for name, value in carrying.items() if name in draft.header}
    return replace(draft, header=kept).signed_by(_attacker(draft).sign)


@edits_for(_CARRIED, "VER-19", "RFC 8725 §3.8", KEY, alone=_without_the_key)
def key_carried_as(draft: Draft, change: Callable[[Draft], Draft]) -> Draft:
    """The token brings the attacker's key along ({name}) and is signed with it."""
    return change(draft)


_LOCATIONS = {
    "elsewhere": "https://evil.example/keys",
    "userinfo": "https://as.example@evil.example/keys",
    "loopback": "http://127.0.0.1:9/keys",
    "metadata-service": "http://169.254.169.254/latest/meta-data",
    "file": "file:///etc/passwd",
    "data": "data:application/json,%7B%22keys%22%3A%5B%5D%7D",
}


def _under_his_kid(draft: Draft, *_: object) -> Draft:
    return _by_attacker(draft, kid=_attacker(draft).kid)


@edits_for(_LOCATIONS, "VER-19", "RFC 8725 §3.10", KEY, alone=_under_his_kid)
def jku_points(draft: Draft, location: str) -> Draft:
    """`jku` points to a key set of the attacker's ({name}) and the token is signed with a key of his."""
    return _under_his_kid(draft).with_header(jku=location)


@edits_for(_LOCATIONS, "VER-19", "RFC 8725 §3.10", KEY, alone=_under_his_kid)
def x5u_points(draft: Draft, location: str) -> Draft:
    """`x5u` points to a certificate of the attacker's ({name}) and the token is signed with his key."""
    return _under_his_kid(draft).with_header(x5u=location)


_EXTRA: dict[str, object] = {
    "jwk": {"kty": "oct", "k": "AA"},
    "jku": "https://as.example/keys",
    "x5u": "https://as.example/cert",
    "x5c": ["AA"],
    "x5t": "AA",
    "cty": "JWT",
    "zip": "DEF",
    "enc": "A128GCM",
    "iss": "https://as.example",
    "nonce": "n",
    "x-unheard-of": None,
    "empty name": 1,
}


@edits_for(
    {name.replace(" ", "-"): (name.replace("empty name", ""), value) for name, value in _EXTRA.items()},
    "VER-20",
    "RFC 8725 §3.10",
    HEADER,
)
def header_parameter(draft: Draft, member: tuple[str, object]) -> Draft:
    """The header of an honestly signed token has a parameter beside `typ`, `alg` and `kid`: {name}."""
    return draft.with_header(**{member[0]: member[1]})


_NOT_TEXT: dict[str, object] = {
    "number": 1,
    "zero": 0,
    "true": True,
    "list": ["es256-a"],
    "empty-list": [],
    "object": {"$ne": 1},
    "null": None,
}


@edits_for(
    {k: v for k, v in _NOT_TEXT.items() if k != "null"},
    "VER-21",
    "RFC 7515 §4.1.4",
    HEADER + " key-unknown",
    needs=(KEY_SET,),
)
def kid_is(draft: Draft, value: object) -> Draft:
    """`kid` is not a string: {name}."""
    return draft.with_header(kid=value)


@edit("VER-21", "RFC 7515 §4.1.4", HEADER + " key-unknown", base=EITHER)
def kid_is_null(draft: Draft) -> Draft:
    """`kid` is null, which some parsers cannot tell from absent."""
    return draft.with_header(kid=None)


def _alone(draft: Draft) -> Draft:
    return draft.with_policy(keys={"keys": [draft.key.public_jwk]})


_FALSY: dict[str, object] = {"zero": 0, "false": False, "null": None, "empty-list": [], "empty-object": {}}


# Where there is one key nothing is to be chosen, and RFC 7515 §5.2 makes nobody read what it does not use.
@edits_for(_FALSY, "VER-21", "RFC 7515 §4.1.4", HEADER + " key-unknown", given=_alone, base=EITHER)
def lone_key_and_kid_is(draft: Draft, value: object) -> Draft:
    """The set has one key, and `kid` is something that some languages take for nothing: {name}."""
    return draft.with_header(kid=value)


_INJECTIONS: dict[str, str] = {
    "traversal": "../../../../../../dev/null",
    "traversal-encoded": "..%2f..%2f..%2fdev%2fnull",
    "absolute-path": "/dev/null",
    "file-uri": "file:///dev/null",
    "nul": "es256-a\0.pem",
    "sql-union": "x' UNION SELECT 'AA' -- ",
    "sql-true": "x' OR '1'='1",
    "ldap": "*)(kid=*",
    "nosql": '{"$ne": null}',
    "template": "{{7*7}}",
    "command": "x; cat /dev/null",
    "command-substitution": "$(cat /dev/null)",
    "crlf": "x\r\nSet-Cookie: a=b",
    "empty": "",
    "prototype": "__proto__",
    "constructor": "constructor",
    "very-long": "k" * 4000,
}


_YIELDED = {
    "x' UNION SELECT 'AA' -- ": b"AA",
    "{{7*7}}": b"49",
    "__proto__": b"[object Object]",
    "constructor": b"function Object() { [native code] }",
}
"""What an injection would have somebody take for the secret, where it is not nothing at all."""


def _injected(draft: Draft, kid: str) -> Draft:
    return draft.with_header(kid=kid, alg="HS256").signed_by(hmac_over(_YIELDED.get(kid, b"")))


def _under_an_unknown_kid(draft: Draft, kid: str) -> Draft:
    return _injected(draft, kid).with_header(kid="nobody")


@edits_for(
    _INJECTIONS, "VER-22", "RFC 8725 §3.10", KEY, given=beside_an_hmac_key, needs=MIXED, alone=_under_an_unknown_kid
)
def kid_injects(draft: Draft, kid: str) -> Draft:
    """`kid` tries to choose another key ({name}), and the token is authenticated with the secret that would yield."""
    return _injected(draft, kid)


@edits_for(_INJECTIONS, "VER-22", "RFC 8725 §3.10", KEY, algorithms=("HS256",), alone=_under_an_unknown_kid)
def hmac_kid_injects(draft: Draft, kid: str) -> Draft:
    """Where only HMAC is allowed, `kid` tries to choose another secret, and what that would yield is used: {name}."""
    return _injected(draft, kid)


@edits_for(
    _INJECTIONS,
    "VER-22",
    "RFC 8725 §3.10",
    KEY,
    alone=lambda draft, _: _by_attacker(draft, kid="nobody"),
)
def kid_by_attacker(draft: Draft, kid: str) -> Draft:
    """`kid` tries to choose another key ({name}), and the attacker signs with a key of the right kind."""
    return _by_attacker(draft, kid=kid)


@edits_for(_INJECTIONS, "VER-22", "RFC 8725 §3.10", KEY, base=EITHER, needs=(KEY_KID,))
def kid_injects_over_our_signature(draft: Draft, kid: str) -> Draft:
    """`kid` tries to choose another key ({name}) over an honest signature."""
    return draft.with_header(kid=kid)


_EVALUATED: dict[str, Callable[[str], str]] = {
    "percent-encoded": lambda kid: f"%{ord(kid[0]):02X}{kid[1:]}",
    "character-reference": lambda kid: f"&#{ord(kid[0])};{kid[1:]}",
    "escaped": lambda kid: f"\\u{ord(kid[0]):04x}{kid[1:]}",
    "path": lambda kid: "keys/" + kid,
    "path-with-backslash": lambda kid: "keys\\" + kid,
    "dot-path": lambda kid: "./" + kid,
    "trailing-slash": lambda kid: kid + "/",
    "url": lambda kid: "https://as.example/keys/" + kid,
    "urn": lambda kid: "urn:as:key:" + kid,
    "query": lambda kid: kid + "?v=1",
    "fragment": lambda kid: kid + "#v1",
    "parameter": lambda kid: kid + ";v=1",
    "extension": lambda kid: kid + ".pem",
    "version": lambda kid: kid + "@2",
    "list": lambda kid: kid + ",another",
    "quoted": lambda kid: f'"{kid}"',
    "without-hyphen": lambda kid: kid.replace("-", ""),
    "underscore": lambda kid: kid.replace("-", "_"),
    "base64url": lambda kid: b64(kid.encode()),
}
"""What is another name, unless somebody evaluates it: undoes an encoding, or takes a part of it for the whole."""

_NAMESAKES: dict[str, Callable[[str], str]] = {
    "upper-case": str.upper,
    "fullwidth": lambda kid: chr(ord(kid[0]) + 0xFEE0) + kid[1:],
    "trailing-blank": lambda kid: kid + " ",
    "nul": lambda kid: kid + "\0x",
    "prefix": lambda kid: kid[:-1],
    **_EVALUATED,
}


def _its_key_alone(draft: Draft, respell: Callable[[str], str]) -> Draft:
    """Have the key of that name alone, which may be refused for its name: RFC 8725 §3.10 has a `kid` looked over."""
    return _signed_by_one_of_two(draft, (draft.key.kid, respell(draft.key.kid)), 1, alone=True)


def _signed_by_one_of_two(draft: Draft, kids: tuple[str, str], signing: int, *, alone: bool = False) -> Draft:
    held = [keys.key(draft.key.algorithm, role) for role in "ab"]
    named = [{**key.public_jwk, "kid": kid} for key, kid in zip(held, kids, strict=True)]
    signed = draft.with_header(kid=kids[signing]).signed_by(held[signing].sign)
    return signed.with_policy(keys={"keys": named[signing : signing + 1] if alone else named})


_of_names = edits_for(
    _NAMESAKES,
    "VER-22",
    "RFC 7515 §4.1.4",
    base=ACCEPTED,
    strict=ACCEPTED,
    needs=(KEY_SET,),
    given_each=_its_key_alone,
    base_may_be_refused=True,
)


@_of_names
def namesake_signs(draft: Draft, respell: Callable[[str], str]) -> Draft:
    """Two keys of the set have almost the same `kid`, and the other one signs: {name}."""
    return _signed_by_one_of_two(draft, (draft.key.kid, respell(draft.key.kid)), 1)


@_of_names
def namesake_stands_behind(draft: Draft, respell: Callable[[str], str]) -> Draft:
    """Two keys of the set have almost the same `kid`, and the first one signs: {name}."""
    return _signed_by_one_of_two(draft, (draft.key.kid, respell(draft.key.kid)), 0)


_ALMOST_ONE = {
    "a-leading-zero": ("1", "01"),
    "a-fraction": ("1", "1.0"),
    "a-sign": ("1", "+1"),
    "an-exponent": ("100", "1e2"),
    "a-base": ("17", "0x11"),
    "a-sixteenth-digit": ("9007199254740992", "9007199254740993"),
}
_ALMOST_ONE_AND_LONG = {f"character-{size + 1}": ("k" * size + "a", "k" * size + "b") for size in (64, 128, 255)}


def _either_signs(pairs: dict[str, tuple[str, str]]) -> dict[str, tuple[tuple[str, str], int]]:
    return {f"{which}-but-for-{name}": (kids, at) for name, kids in pairs.items() for at, which in enumerate(_WHICH)}


_WHICH = ("first", "second")


def _one_of_them_alone(draft: Draft, entry: tuple[tuple[str, str], int]) -> Draft:
    return _signed_by_one_of_two(draft, *entry, alone=True)


@edits_for(
    _either_signs(_ALMOST_ONE),
    "VER-22",
    "RFC 7517 §4.5",
    base=ACCEPTED,
    strict=ACCEPTED,
    needs=(KEY_SET,),
    given_each=_one_of_them_alone,
    base_may_be_refused=True,
)
def two_of_one_name(draft: Draft, entry: tuple[tuple[str, str], int]) -> Draft:
    """The names of two keys are one to somebody who makes numbers of texts or cuts them, and one signs: the {name}."""
    return _signed_by_one_of_two(draft, *entry)


# No clause bounds the length of a `kid`, and none makes anybody take one without bound.
edits_for(
    _either_signs(_ALMOST_ONE_AND_LONG), "VER-22", "RFC 7517 §4.5", base=EITHER, strict=ACCEPTED, needs=(KEY_SET,)
)(two_of_one_name)


def _among_other_kinds(draft: Draft) -> Draft:
    """Hold keys of other kinds on both sides of ours, all of them for algorithms that are not allowed."""
    others = [keys.key(name) for name in EVERY_ALGORITHM if keys.MATERIAL[name] != draft.key.material]
    held = [others[0].public_jwk, draft.key.public_jwk, *(other.public_jwk for other in others[1:])]
    return draft.with_policy(keys={"keys": held})


# RFC 7515 §4.1.4 leaves `kid` away as it pleases the issuer; what a verifier does with a set then is its own choice.
@edit("VER-22", "RFC 7515 §4.1.4", given=_among_other_kinds, base=EITHER, strict=ACCEPTED, needs=(KEY_SET,))
def kid_missing_and_one_key_fits(draft: Draft) -> Draft:
    """`kid` is missing, and one key of the set is for the algorithm: there is nothing to choose."""
    return draft.without_header("kid")


@edits_for(
    {"first": False, "last": True},
    "VER-22",
    "RFC 7515 §4.1.4",
    KEY,
    base=EITHER,
    needs=(KEY_SET,),
)
def kid_missing_and_two_keys_fit(draft: Draft, behind: bool) -> Draft:
    """`kid` is missing, and two keys of the set are for the algorithm, of which the one that signed is the {name}."""
    held = [draft.key.public_jwk, keys.key(draft.key.algorithm, "b").public_jwk]
    return draft.with_policy(keys={"keys": held[::-1] if behind else held}).without_header("kid")


_LOOKALIKES: dict[str, Callable[[str], str]] = {
    "upper-case": str.upper,
    "trailing-blank": lambda kid: kid + " ",
    "leading-blank": lambda kid: " " + kid,
    "trailing-nul": lambda kid: kid + "\0",
    "prefix": lambda kid: kid[:-1],
    "extended": lambda kid: kid + "a",
    "fullwidth": lambda kid: chr(ord(kid[0]) + 0xFEE0) + kid[1:],
    "combining-mark": lambda kid: kid + "\u0301",
    "zero-width": lambda kid: kid[:2] + "\u200b" + kid[2:],
    **_EVALUATED,
}


@edits_for(_LOOKALIKES, "VER-23", "RFC 7515 §5.3", "key-unknown signature", needs=(KEY_KID,))
def kid_looks_like_ours(draft: Draft, respell: Callable[[str], str]) -> Draft:
    """`kid` is almost the name of the key that signed: {name}."""
    return draft.with_header(kid=respell(draft.key.kid))


@edit(
    "VER-23",
    "RFC 8725 §3.10",
    "key-unknown key-unusable",
    algorithms=("HS256",),
    base=REJECTED,
    also_breaks=(Gate.SIGNATURE,),
)
def kid_unknown_and_hmac_over_nothing(draft: Draft) -> Draft:
    """`kid` names no key, and the HMAC secret is the empty one that a failed look-up may leave."""
    return draft.with_header(kid="nobody").signed_by(hmac_over(b""))


@edit("VER-23", "RFC 8725 §3.10", "key-unknown", needs=(KEY_KID,))
def kid_unknown(draft: Draft) -> Draft:
    """`kid` names no key of the set, though a key of the set signed."""
    return draft.with_header(kid="nobody")


@edits_for({"from-nought": 0, "from-one": 1}, "VER-23", "RFC 7515 §4.1.4", "key-unknown signature", needs=(KEY_KID,))
def kid_is_the_number_of_our_key(draft: Draft, first: int) -> Draft:
    """`kid` names no key of the set, and says which one in the set signed: {name}."""
    kids = [jwk.get("kid") for jwk in draft.policy.members["keys"]["keys"]]
    return draft.with_header(kid=str(first + kids.index(draft.key.kid)))


@edit("VER-23", "RFC 8725 §3.10", "key-unknown signature", needs=(KEY_SET,), also_breaks=(Gate.SIGNATURE,))
def kid_of_the_sibling(draft: Draft) -> Draft:
    """`kid` names the other key of the set."""
    return draft.with_header(kid=keys.key(draft.key.algorithm, "b").kid)
