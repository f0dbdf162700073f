"""Edits of the token's structure: segments, serialisation, size (RFC 7515 §7, RFC 7516 §9)."""

import json
from collections.abc import Callable
from dataclasses import replace

from bearerproof_fuzz import keys
from bearerproof_fuzz.edits.registry import EITHER, Gate, edit, edits_for
from bearerproof_fuzz.forge import Draft, Spelling
from bearerproof_fuzz.keys import b64
from bearerproof_fuzz.needs import CAP_BELOW_50_KILOBYTES

MALFORMED = "malformed"
FORM = "malformed algorithm header signature key-unusable key-unknown"


def _segments(change: Callable[[list[str]], list[str]]) -> Callable[[str], str]:
    return lambda token: ".".join(change(token.split(".")))


_WRONG_COUNT: dict[str, Callable[[list[str]], list[str]]] = {
    "none": lambda _: [""],
    "one": lambda parts: parts[:1],
    "two": lambda parts: parts[:2],
    "four": lambda parts: [*parts, parts[2]],
    "five": lambda parts: [*parts, parts[1], parts[2]],
    "trailing-dot": lambda parts: [*parts, ""],
    "leading-dot": lambda parts: ["", *parts],
    "doubled-dot": lambda parts: [parts[0], "", *parts[1:]],
    "hundred": lambda parts: parts + ["x"] * 97,
}


@edits_for(_WRONG_COUNT, "VER-1", "RFC 7515 §5.2", FORM)
def segments(draft: Draft, change: Callable[[list[str]], list[str]]) -> Draft:
    """The token has another number of segments than three: {name}."""
    return draft.respelled(_segments(change))


_EMPTY: dict[str, Callable[[list[str]], list[str]]] = {
    "header": lambda parts: ["", parts[1], parts[2]],
    "payload": lambda parts: [parts[0], "", parts[2]],
    "signature": lambda parts: [parts[0], parts[1], ""],
    "all": lambda _: ["", "", ""],
}


@edits_for(_EMPTY, "VER-1", "RFC 7515 §5.2", FORM)
def empty_segment(draft: Draft, change: Callable[[list[str]], list[str]]) -> Draft:
    """A segment is empty: {name}."""
    return draft.respelled(_segments(change))


_PERIODS: dict[str, dict[str, Spelling]] = {
    "before-the-header": {"spell_header": lambda header: "." + header},
    "within-the-header": {"spell_header": lambda header: f"{header[:4]}.{header[4:]}"},
    "before-the-payload": {"spell_payload": lambda payload: "." + payload},
    "within-the-payload": {"spell_payload": lambda payload: f"{payload[:4]}.{payload[4:]}"},
    # Who pads to groups of four by the length alone decodes what has four foreign characters as it does what has none.
    "within-the-payload-four-times": {"spell_payload": lambda payload: f"{payload[:4]}....{payload[4:]}"},
    "behind-the-payload": {"spell_payload": lambda payload: payload + "."},
    "behind-each-fourth-character": {
        "spell_payload": lambda payload: ".".join(payload[at : at + 4] for at in range(0, len(payload), 4))
    },
    "behind-another-header": {"spell_header": lambda header: f"{header}.{header}"},
    "behind-an-object-before-the-header": {"spell_header": lambda header: "e30." + header},
    "behind-an-object-before-the-payload": {"spell_payload": lambda payload: "e30." + payload},
    "behind-the-payload-with-an-object": {"spell_payload": lambda payload: payload + ".e30"},
    "behind-the-payload-with-itself": {"spell_payload": lambda payload: f"{payload}.{payload}"},
}


@edits_for(_PERIODS, "VER-1", "RFC 7515 §5.2", FORM)
def signed_with_a_period(draft: Draft, spellings: dict[str, Spelling]) -> Draft:
    """A period too many stands {name}, and the signature covers all that stands before the last one."""
    return replace(draft, **spellings)  # type: ignore[arg-type]  # spellings of one part or another


_NO_PERIODS = {
    "percent-encoded": "%2E",
    "fullwidth": "\uff0e",
    "ideographic": "\u3002",
    "one-dot-leader": "\u2024",
    "comma": ",",
    "blank": " ",
    "newline": "\n",
    "slash": "/",
}


@edits_for(_NO_PERIODS, "VER-1", "RFC 7515 §5.2", FORM)
def segments_parted_by(draft: Draft, separator: str) -> Draft:
    """Somebody without any key has parted the segments by another character than the period: {name}."""
    return draft.respelled(lambda token: token.replace(".", separator))


def _flattened(token: str) -> str:
    protected, payload, signature = token.split(".")
    return json.dumps({"protected": protected, "payload": payload, "signature": signature})


def _general(token: str) -> str:
    protected, payload, signature = token.split(".")
    return json.dumps({"payload": payload, "signatures": [{"protected": protected, "signature": signature}]})


def _no_signatures(token: str) -> str:
    return json.dumps({"payload": token.split(".")[1], "signatures": []})


def _unsigned_beside_signed(token: str) -> str:
    protected, payload, signature = token.split(".")
    none = {"protected": b64(b'{"alg":"none"}'), "signature": ""}
    return json.dumps({"payload": payload, "signatures": [none, {"protected": protected, "signature": signature}]})


def _polyglot(token: str) -> str:
    """A JSON object that also splits at its dots, into the honest header and forged claims (CVE-2022-39227).

    The header comes after nothing but characters that a lenient decoder skips.
    """
    protected, payload, signature = token.split(".")
    forged = b64(json.dumps({**json.loads(keys.unb64(payload)), "sub": "admin"}).encode())
    signed = f'"protected":"{protected}","payload":"{payload}","signature":"{signature}"'
    return f'{{"  {protected}.{forged}.":"",{signed}}}'


@edits_for(
    {
        "flattened": _flattened,
        "general": _general,
        "no-signatures": _no_signatures,
        "two-signatures": _unsigned_beside_signed,
        "polyglot": _polyglot,
    },
    "VER-4",
    "RFC 7519 §1",
    FORM,
)
def json_serialisation(draft: Draft, spell: Callable[[str], str]) -> Draft:
    """The token is in JSON serialisation ({name}) where the compact one is due."""
    return draft.respelled(spell)


def _signed_by_an_attacker(draft: Draft) -> Draft:
    return draft.signed_by(keys.key(draft.key.algorithm, "attacker").sign)


@edit("VER-5", "RFC 7516 §9", FORM, alone=_signed_by_an_attacker, also_breaks=(Gate.ALGORITHM, Gate.SIGNATURE))
def jwe_header_on_three_segments(draft: Draft) -> Draft:
    """Three segments signed by an attacker, under the header of a JWE."""
    return _signed_by_an_attacker(draft).with_header(alg="dir", enc="A128GCM")


@edit("VER-5", "RFC 7516 §9", "header malformed", base=EITHER)
def enc_beside_a_good_signature(draft: Draft) -> Draft:
    """The header of an honestly signed token says with `enc` that it is a JWE."""
    return draft.with_header(enc="A128GCM")


LARGE = 50_000
"""A size in octets that fits the default line of 60,000 and that no bearer token needs."""


@edit("VER-6", "draft-ietf-oauth-rfc8725bis §3.14", "too-large malformed", needs=(CAP_BELOW_50_KILOBYTES,))
def token_of_50_kilobytes(draft: Draft) -> Draft:
    """The token is honest and about 50,000 octets long."""
    return draft.filled("x" * (LARGE * 3 // 4))
