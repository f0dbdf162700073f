"""Prepared adversarial material: names, spoilt tokens, and how properties choose from them.

Everything is chosen by draws from short lists. Text or numbers drawn freely would differ with the modules
that are loaded, because the engine mixes their constants in; so would the run.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from bearerproof.contract.messages import Presentation
from bearerproof.specification.catalogue import Measure, Profile
from bearerproof_fuzz import edits  # noqa: F401 - importing the edits fills their registry
from bearerproof_fuzz.checks import applicable
from bearerproof_fuzz.edits.registry import Case, cases
from bearerproof_fuzz.forge import Draft, Forge
from bearerproof_fuzz.keys import b64


class _Missing:
    def __repr__(self) -> str:
        return "left out"


MISSING = _Missing()
"""A hint whose member is left out of the token."""

PLAIN = (
    "app-1",
    "app-2",
    "k1",
    "A",
    "0",
    "x~y",
    "a/b+c=d",
    "client.example",
    "ops@client.example",
    "x" * 64,
    "https_client",
    "--",
    "==",
    "..",
    "~",
)
"""Names that need no encoding and no cutting."""

SHORT = (
    "App-1",
    "app-1 ",
    " app-1",
    "app\u20111",
    "e\u0301",
    "\u00e9",
    "\u00c9",
    "\u65e5\u672c",
    "\U0001f511",
    "\u212a",
    "\ufb00",
    "\uff41",
    "null",
    "undefined",
    "0.0",
    "[]",
    '"',
    "\\",
    "'",
    "<script>",
    "${x}",
    "a,b",
    "a;b",
    "a|b",
    "a b",
    "\u00e9" * 32,
    "\u65e5" * 21,
    "\U0001f511" * 16,
)
"""Names of at most 64 octets that somebody may normalise, trim, fold or interpret."""

IMITATIONS = (
    "anon",
    "noaud",
    "nokid",
    "Anon",
    "ANON",
    "anon ",
    "%61non",
    "%6Eokid",
    "%6Eoaud",
    "anonx",
    ":",
    "::",
    ":::",
    "a::b",
    "a:b",
    "b::c",
    "a",
    "b",
    "c",
    "a:",
    ":a",
    "::a",
    "a::",
    "::nokid",
    "anon::",
    "anon::nokid",
    "noaud::nokid",
    "%",
    "%%",
    "%25",
    "%3A",
    "%3a",
    "%3A%3A",
    "a%3A%3Ab",
    "a%3a%3ab",
    "%C3%A9",
    "\u00e9",
    "%c3%a9",
    "%2525",
    "%00",
    "+",
    "%2B",
    "/",
    "%2F",
)
"""Names that imitate a separator, a sentinel or an encoding, together with what they imitate."""

UNPRINTABLE = (
    "x\ny",
    "x\r\ny",
    "\t",
    "\0",
    "x\0y",
    "\x08",
    "\x1b[31mred",
    "\x1b]0;title\x07",
    "\x7f",
    "\x85",
    "\x9b31m",
    "\u061c",
    "\u200e",
    "\u200f",
    "\u2028",
    "\u2029",
    "a\u2028b",
    "\u202e",
    "\u202aabc\u202c",
    "\u2066x\u2069",
    "\ufeff",
    '"}\n{"kind":"Expired"',
    "\u200b",
    "\ufffe",
    "\U000e0001",
)
"""Names that would break a line, a terminal or a view."""

LONG = (
    "a" * 65,
    "a" * 66,
    "a" * 63 + "\u00e9",
    "a" * 62 + "\u65e5",
    "a" * 61 + "\U0001f511",
    "\u00e9" * 33,
    "\u65e5" * 22,
    "\U0001f511" * 17,
    "a" * 64 + "1",
    "a" * 64 + "2",
    "a" * 200,
    "a" * 201,
    "\n" * 70,
    ":" * 65,
    "a" * 64 + "~Y1NhxIu56rFBmOduqKt_GkFoXWrWKqkUbTAdTxfrCuA",
    "%3A" * 25,
    "k" * 1500,
)
"""Names over 64 octets: cut inside a character or not, alike in what is kept, or spelled as a cut one is."""

EDGES = ("a" * 63, "a" * 64, "a" * 62 + "\u00e9", "a" * 61 + "\u65e5", "a" * 60 + "\U0001f511")
"""Names of 63 and 64 octets, which stay whole."""

NO_NAMES: tuple[object, ...] = (
    MISSING,
    "",
    None,
    0,
    1,
    1.5,
    True,
    False,
    [],
    {},
    ["app-1"],
    {"a": 1},
    "\ud800",
    "a\udc00b",
    "\udfff\ud800",
)
"""Values that are no hint: absent, empty, of another type, or not well-formed Unicode."""

ADVERSARIAL = IMITATIONS + UNPRINTABLE + LONG
"""At most a hundred names that encoding and cutting have to keep apart."""


@dataclass(frozen=True)
class Hints:
    """What a token is made to say of itself: ``client`` is `client_id`, or `azp` of an ID token.

    ``aud`` matters for ID tokens only; elsewhere it is left as the base token has it.
    """

    client: object = MISSING
    aud: object = MISSING
    kid: object = MISSING


def labelled(draft: Draft, hints: Hints) -> Draft:
    """Make a token say this of itself, whoever signed it."""
    identity = draft.profile is Profile.ID_TOKEN
    claims = _member(draft.claims, "azp" if identity else "client_id", hints.client)
    if identity:
        claims = _member(claims, "aud", hints.aud)
    return escaped(draft.but(header=_member(draft.header, "kid", hints.kid), claims=claims))


def escaped(draft: Draft) -> Draft:
    """Spell header and payload in ASCII, so that unpaired surrogates are escapes in well-formed UTF-8."""
    payload = json.dumps(draft.all_claims).encode()
    return draft.but(header_json=json.dumps(draft.header).encode(), payload_json=payload)


def unproven(draft: Draft) -> Draft:
    """Leave a signature that no key made, too short to cost anything to make or to refuse."""
    return draft.signed_by(lambda _: b"\x01" * 8)


def _member(members: Mapping[str, Any], name: str, value: object) -> dict[str, Any]:
    kept = {member: held for member, held in members.items() if member != name}
    return kept if value is MISSING else {**kept, name: value}


@dataclass(frozen=True)
class Specimen:
    """A rejected token of the suite: an accepted one, what was done to it, and what came of it."""

    name: str
    honest: Presentation
    edited: Presentation


@cache
def specimens(profile: Profile, forge: Forge) -> tuple[Specimen, ...]:
    """Return one specimen for each edit that only rejection does justice to, under one algorithm each."""
    return tuple(_specimen(case, forge) for case in rejected_cases(profile, forge))


def rejected_cases(profile: Profile, forge: Forge) -> Iterator[Case]:
    """Yield one case for each applicable edit that strict wants rejected."""
    seen: set[str] = set()
    wanted = (case for case in cases() if case.profile is profile and case.edit.rejects(Measure.STRICT))
    for case in applicable(wanted, forge.declaration):
        if case.edit.id not in seen:
            seen.add(case.edit.id)
            yield case


def _specimen(case: Case, forge: Forge) -> Specimen:
    base = case.edit.given(forge.base(case.profile, case.algorithm))
    return Specimen(case.edit.id, base.presentation(), case.edit.apply(base).presentation())


def refused_by_look_ups(forge: Forge) -> Iterator[tuple[str, Draft]]:
    """Yield access tokens that only a look-up behind the verifier refuses, if such look-ups are declared."""
    honours = forge.declaration.options
    draft = forge.base(Profile.ACCESS_TOKEN).with_claims(sid="sid-1", sv=1)
    if "sessions" in honours:
        yield "session-revoked", draft.with_policy(ports={"sessions": {"sid-1": "revoked"}})
        yield "sessions-unavailable", draft.with_policy(ports={"sessions": {}, "unavailable": ["sessions"]})
    if "session_versions" in honours:
        yield "session-version-stale", draft.with_policy(ports={"session_versions": {draft.claims["sub"]: 2}})
        down = {"session_versions": {}, "unavailable": ["session_versions"]}
        yield "session-versions-unavailable", draft.with_policy(ports=down)
    if "replay" in honours:
        yield "replay-unavailable", draft.with_policy(replay=True, ports={"unavailable": ["replay"]})


def truncations(token: str) -> Iterator[str]:
    """Yield the token cut short at every place."""
    return (token[:length] for length in range(len(token)))


def manglings(draft: Draft) -> Iterator[str | bytes]:
    """Yield what is left of a token after accidents and attacks on its reader; none is honest any more."""
    header, payload, signature = draft.token().split(".")
    yield from _GARBAGE
    for octets in _payloads(draft.payload_bytes()):
        yield f"{header}.{b64(octets)}.{signature}"
        yield f"{b64(octets)}.{payload}.{signature}"
    for spoil in _SPOILS:
        yield f"{spoil(header)}.{payload}.{signature}"
        yield f"{header}.{spoil(payload)}.{signature}"
    yield f"{payload}.{header}.{signature}"
    yield f"{header}.{header}.{header}"
    yield f"{header}.{payload}.{signature}.{signature}.{signature}"
    yield f"Bearer {header}.{payload}.{signature}"
    yield f"{header}.{payload}.{signature}\n"
    yield b"\xff" + draft.token().encode()
    yield draft.token().encode("utf-16")
    yield f"{header}.{payload}\xff.{signature}".encode("latin-1")


_GARBAGE: tuple[str | bytes, ...] = (
    "",
    ".",
    "..",
    "...",
    "....",
    "a.b.c",
    "=.=.=",
    "e30.e30.e30",
    "bnVsbA.bnVsbA.AA",
    "MQ.MQ.AA",
    "x",
    " ",
    "\n",
    "\0",
    "\0.\0.\0",
    "null",
    "{}",
    "[]",
    "." * 1000,
    "a" * 3000,
    "\U0001f511.\U0001f511.\U0001f511",
    "\u0663.\u0663.\u0663",
    "%2e%2e",
    "-.-.-",
    "A.A.A",
    "AA.AA.AA",
    "_____",
    "../../../etc/passwd",
    "\ufeffe30.e30.e30",
    "\u202e.\u202e.\u202e",
    b"",
    b"\xff\xfe\xfd",
    b"\x80.\x80.\x80",
    b"\xc3(.\xc3(.AA",
    b"\xed\xa0\x80.e30.AA",
    bytes(range(256)),
)

_SPOILS: tuple[Callable[[str], str], ...] = (
    lambda segment: segment + "=",
    lambda segment: segment + "A",
    lambda segment: segment[1:],
    lambda segment: segment[:-1],
    lambda segment: segment[:4] + "\n" + segment[4:],
    lambda segment: segment[:4] + "\0" + segment[4:],
    lambda segment: segment[::-1],
    lambda segment: segment.swapcase(),
    lambda segment: segment * 3,
    lambda _: "",
)


def _payloads(octets: bytes) -> Iterable[bytes]:
    """Return octets that are hard to read as JSON: deep, long, cut, wrongly encoded, of the wrong type."""
    text = octets.decode()
    return (
        b"[" * 1200,
        b'{"a":' * 700,
        b'{"a":' * 300 + b"1" + b"}" * 300,
        b'{"client_id":' + b"[" * 500 + b"]" * 500 + b"}",
        b'{"client_id":"' + b"x" * 4000 + b'"}',
        b'{"' + b"k" * 4000 + b'":1}',
        b'{"kid":' + b"9" * 4400 + b"}",
        b'{"azp":1e999,"client_id":-1e-999}',
        b'{"client_id":"\\ud800","azp":"\\udc00\\ud800","kid":"\\ud83d"}',
        b'{"client_id":"\xed\xa0\x80"}',
        b'{"client_id":"\xff\xfe"}',
        b'{"client_id":"a\0b","kid":"\x01"}',
        b'{"client_id":"a","client_id":"b","azp":"a","azp":"b","kid":"a","kid":"b","aud":"a","aud":"b"}',
        b'{"aud":[]}',
        b'{"aud":[[["app-1"]]]}',
        b'{"aud":' + b"[" * 400 + b'"app-1"' + b"]" * 400 + b"}",
        octets[:-1],
        octets[: len(octets) // 2],
        octets + b"}",
        octets + octets,
        b"\xef\xbb\xbf" + octets,
        text.encode("utf-16"),
        text.encode("utf-32"),
        b"",
        b"\0",
        b"null",
        b"NaN",
        b"[]",
        b'""',
        b"{",
        b'{"',
        b'{"client_id":"',
        b'{"client_id":"\\u',
        b'{"client_id":"\\',
    )


def heavy(draft: Draft) -> Iterator[str]:
    """Yield tokens of about 45,000 octets: nothing but depth, one endless name, dots, many members."""
    header, payload, signature = draft.token().split(".")
    many = json.dumps({f"client_id{number}": number for number in range(1400)}).encode()
    for octets in (b"[" * 33_000, b'{"client_id":"' + b"x" * 33_000 + b'"}', b"9" * 33_000, many):
        yield f"{header}.{b64(octets)}.{signature}"
        yield f"{b64(octets)}.{payload}.{signature}"
    yield "." * 45_000
    yield header + "." * 44_000
    yield "a" * 45_000
