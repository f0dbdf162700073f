"""Edits of the JSON text of header and claims: encoding, grammar, duplicates, bounds (RFC 8259)."""

import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import replace

from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz.edits.registry import EITHER, JWTS, Gate, edit, edits_for
from bearerproof_fuzz.forge import Draft
from bearerproof_fuzz.keys import b64

HEADER = "malformed header algorithm"
CLAIMS = "malformed claim-malformed"

Rewrite = Callable[[bytes], bytes]


def _extra(member: bytes) -> Rewrite:
    """Add raw text as a last member."""
    return lambda raw: raw[:-1] + b"," + member + b"}"


_NOT_JSON: dict[str, Rewrite] = {
    "nan": _extra(b'"x":NaN'),
    "infinity": _extra(b'"x":Infinity'),
    "minus-infinity": _extra(b'"x":-Infinity'),
    "leading-zero": _extra(b'"x":01'),
    "plus-sign": _extra(b'"x":+1'),
    "hexadecimal": _extra(b'"x":0x10'),
    "bare-fraction": _extra(b'"x":.5'),
    "undefined": _extra(b'"x":undefined'),
    "comment": lambda raw: raw[:-1] + b"/* */}",
    "trailing-comma": lambda raw: raw[:-1] + b",}",
    "single-quotes": _extra(b"'x':1"),
    "unquoted-name": _extra(b"x:1"),
    "raw-newline-in-string": _extra(b'"x":"a\nb"'),
    "raw-nul-in-string": _extra(b'"x":"a\0b"'),
    "unknown-escape": _extra(b'"x":"\\q"'),
    "trailing-text": lambda raw: raw + b"x",
    "trailing-nul": lambda raw: raw + b"\0",
    "second-object": lambda raw: raw + raw,
    "cut-short": lambda raw: raw[:-1],
}

_NOT_UTF8: dict[str, Rewrite] = {
    "utf-16": lambda raw: raw.decode().encode("utf-16"),
    "utf-16-le": lambda raw: raw.decode().encode("utf-16-le"),
    "utf-32": lambda raw: raw.decode().encode("utf-32"),
    "latin-1": _extra(b'"x":"\xe9"'),
    "overlong": _extra(b'"x":"\xc0\xaf"'),
    "lone-continuation": _extra(b'"x":"\x80"'),
    "surrogate-octets": _extra(b'"x":"\xed\xa0\x80"'),
}

_NOT_AN_OBJECT: dict[str, Rewrite] = {
    "list": lambda raw: b"[" + raw + b"]",
    "string": lambda raw: json.dumps(raw.decode()).encode(),
    "string-in-a-string": lambda raw: json.dumps(json.dumps(raw.decode())).encode(),
    "string-in-base64url": lambda raw: json.dumps(b64(raw)).encode(),
    "base64url": lambda raw: b64(raw).encode(),
    "deflated": lambda raw: zlib.compress(raw)[2:-4],
    "gzip": lambda raw: gzip.compress(raw, mtime=0),
    "number": lambda _: b"1",
    "null": lambda _: b"null",
    "true": lambda _: b"true",
    "pairs": lambda raw: json.dumps(list(json.loads(raw).items())).encode(),
    "blank": lambda _: b" ",
}


def _header(draft: Draft, rewrite: Rewrite) -> Draft:
    return replace(draft, header_json=rewrite(draft.header_bytes()))


def _claims(draft: Draft, rewrite: Rewrite) -> Draft:
    return replace(draft, payload_json=rewrite(draft.payload_bytes()))


@edits_for(_NOT_JSON | _NOT_UTF8 | _NOT_AN_OBJECT, "VER-7", "RFC 7515 §5.2", HEADER)
def header_json(draft: Draft, rewrite: Rewrite) -> Draft:
    """The header is not a completely valid JSON object in UTF-8: {name}."""
    return _header(draft, rewrite)


@edits_for(_NOT_JSON | _NOT_UTF8 | _NOT_AN_OBJECT, "VER-8", "RFC 7519 §7.2", CLAIMS)
def claims_json(draft: Draft, rewrite: Rewrite) -> Draft:
    """The claims set is not a completely valid JSON object in UTF-8, though well signed: {name}."""
    return _claims(draft, rewrite)


@edit("VER-8", "RFC 7519 §7.2", CLAIMS + " header")
def claims_deflated_and_said_so(draft: Draft) -> Draft:
    """The claims are compressed and `zip` says so, which is a member of a JWE and none of a JWS (RFC 7516 §4.1.3)."""
    return _claims(draft.with_header(zip="DEF"), _NOT_AN_OBJECT["deflated"])


def _byte_order_mark(raw: bytes) -> bytes:
    return b"\xef\xbb\xbf" + raw


@edit("VER-7", "RFC 8259 §8.1", HEADER, base=EITHER)
def header_after_a_byte_order_mark(draft: Draft) -> Draft:
    """A byte order mark stands before the header, which RFC 8259 §8.1 lets a parser ignore."""
    return _header(draft, _byte_order_mark)


@edit("VER-8", "RFC 8259 §8.1", CLAIMS, base=EITHER)
def claims_after_a_byte_order_mark(draft: Draft) -> Draft:
    """A byte order mark stands before the claims, which RFC 8259 §8.1 lets a parser ignore."""
    return _claims(draft, _byte_order_mark)


def _first(name: str, value: object) -> Rewrite:
    """Put a second member of this name before all others, so that the honest one is the last."""
    return lambda raw: b"{" + f"{json.dumps(name)}:{json.dumps(value)},".encode() + raw[1:]


def _last(name: str, value: object) -> Rewrite:
    """Put a second member of this name after all others, so that the honest one is the first."""
    return lambda raw: raw[:-1] + f",{json.dumps(name)}:{json.dumps(value)}}}".encode()


Member = tuple[str, object]


def _bad_claim_alone(draft: Draft, member: Member) -> Draft:
    return draft.with_claims(**dict([member]))


@edit(
    "VER-9",
    "RFC 7515 §4",
    HEADER + " signature key-unknown key-unusable",
    alone=lambda draft: draft.with_header(alg="none"),
    also_breaks=(Gate.ALGORITHM, Gate.SIGNATURE),
)
def duplicate_alg_bad_last(draft: Draft) -> Draft:
    """`alg` stands twice, the second time as `none`: who lets the first one win accepts."""
    return _header(draft, _last("alg", "none"))


@edit(
    "VER-9",
    "RFC 7515 §4",
    HEADER + " signature key-unknown",
    alone=lambda draft: draft.with_header(kid=7),
    also_breaks=(Gate.KID,),
)
def duplicate_kid_unknown_last(draft: Draft) -> Draft:
    """`kid` stands twice, the second time not even a string: who lets the first one win accepts."""
    return _header(draft, _last("kid", 7))


@edit(
    "VER-9",
    "RFC 7515 §4",
    HEADER + " type",
    profiles=(Profile.ACCESS_TOKEN,),
    alone=lambda draft: draft.with_header(typ="JWT"),
)
def duplicate_typ_bad_last(draft: Draft) -> Draft:
    """`typ` stands twice, the second time that of any JWT: who lets the first one win accepts."""
    return _header(draft, _last("typ", "JWT"))


_BAD: dict[str, object] = {"iss": "https://evil.example", "aud": "api://other", "exp": 1}


@edits_for(
    {name: (name, bad) for name, bad in _BAD.items()},
    "VER-9",
    "RFC 7519 §4",
    CLAIMS + " issuer audience expired",
    profiles=JWTS,
    alone=_bad_claim_alone,
    also_breaks=(Gate.CLAIMS,),
)
def duplicate_claim_bad_last(draft: Draft, member: Member) -> Draft:
    """`{name}` stands twice, the honest one first: who lets the first one win accepts."""
    return _claims(draft, _last(*member))


edits_for(
    {"nbf": ("nbf", 4_000_000_000)},
    "VER-9",
    "RFC 7519 §4",
    CLAIMS + " not-yet-valid",
    profiles=(Profile.JWT, Profile.ACCESS_TOKEN),
    alone=_bad_claim_alone,
    also_breaks=(Gate.CLAIMS,),
)(duplicate_claim_bad_last)

_HIDDEN = {**_BAD, "sub": "admin"}


@edits_for({name: (name, bad) for name, bad in _HIDDEN.items()}, "VER-10", "RFC 8259 §4", CLAIMS)
def duplicate_claim_bad_first(draft: Draft, member: Member) -> Draft:
    """`{name}` stands twice, the honest one last: parsers disagree about it."""
    return _claims(draft, _first(*member))


@edit("VER-10", "RFC 8259 §4", HEADER)
def duplicate_alg_bad_first(draft: Draft) -> Draft:
    """`alg` stands twice, the honest one last."""
    return _header(draft, _first("alg", "none"))


@edit("VER-10", "RFC 8259 §4", HEADER)
def duplicate_alg_identical(draft: Draft) -> Draft:
    """`alg` stands twice with the same value."""
    return _header(draft, _first("alg", draft.key.algorithm))


@edit("VER-10", "RFC 8259 §4", HEADER)
def duplicate_alg_escaped(draft: Draft) -> Draft:
    """`alg` stands twice, once spelled with an escape."""
    return _header(draft, lambda raw: b'{"\\u0061lg":"none",' + raw[1:])


_NESTED = {"object": b'"x":{"a":1,"a":2}', "list": b'"x":[{"a":1,"a":2}]', "deeper": b'"x":{"y":{"z":[{"a":1,"a":1}]}}'}


@edits_for(_NESTED, "VER-10", "RFC 8259 §4", CLAIMS)
def duplicate_name_nested_in(draft: Draft, member: bytes) -> Draft:
    """A name stands twice below the top level of the claims: {name}."""
    return _claims(draft, _extra(member))


def _nested(opening: bytes, closing: bytes, depth: int) -> bytes:
    return opening * depth + closing * depth


_UNBOUNDED: dict[str, bytes] = {
    "integer-of-5000-digits": b'"x":' + b"9" * 5000,
    "exponent": b'"x":1e400',
    "lists-nested-1000-deep": b'"x":' + _nested(b"[", b"]", 1000),
    "objects-nested-500-deep": b'"x":' + b'{"a":' * 500 + b"1" + b"}" * 500,
    "unpaired-surrogate": b'"x":"\\ud800"',
    "reversed-surrogates": b'"x":"\\udc00\\ud800"',
    "unpaired-surrogate-in-capitals": b'"x":"\\uDBFF"',
    "unpaired-surrogate-in-name": b'"\\ud800":1',
    "depth-beside-shallows": b'"x":' + b'[[],{"a":{}},' * 300 + b"1" + b"]" * 300,
}


@edits_for(_UNBOUNDED, "VER-11", "RFC 8259 §9", CLAIMS + " too-large")
def claims_hold(draft: Draft, member: bytes) -> Draft:
    """A claim that nobody reads is without bounds or ill-formed ({name}), though well signed."""
    return _claims(draft, _extra(member))


@edits_for(_UNBOUNDED, "VER-11", "RFC 8259 §9", HEADER + " too-large")
def header_holds(draft: Draft, member: bytes) -> Draft:
    """A header parameter that nobody reads is without bounds or ill-formed: {name}."""
    return _header(draft, _extra(member))


@edits_for({"exp": "exp", "iat": "iat"}, "VER-11", "RFC 8259 §6", CLAIMS + " issued-in-future")
def integer_of_400_digits_in(draft: Draft, name: str) -> Draft:
    """`{name}` is an integer that no double holds, so that it overflows where it meets a clock."""
    return draft.with_claims(**{name: 10**400})


@edit("VER-11", "RFC 8259 §9", HEADER + " too-large signature")
def unsigned_header_nested_1000_deep(draft: Draft) -> Draft:
    """The header of an unsigned token is nothing but brackets: it must not crash what reads it (GHSA-8wjv)."""
    return replace(draft, header_json=_nested(b"[", b"]", 1000)).unsigned()
