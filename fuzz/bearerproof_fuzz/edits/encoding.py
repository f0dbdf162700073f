"""Edits of the base64url spelling: alphabet, padding, trailing bits (RFC 7515 §2, RFC 4648 §3.5, §5).

A spelling of header or payload is signed as spelled, so that a lenient decoder and nothing else would accept it.
"""

from collections.abc import Callable
from dataclasses import replace

from bearerproof_fuzz.edits.registry import edits_for
from bearerproof_fuzz.forge import Draft

SPELLING = "malformed signature header algorithm"

Spelling = Callable[[str], str]


def _inserted(text: str) -> Spelling:
    return lambda segment: segment[:4] + text + segment[4:]


_SPELLINGS: dict[str, Spelling] = {
    "padded": lambda segment: segment + "=" * (-len(segment) % 4 or 4),
    "one-equals": lambda segment: segment + "=",
    "equals-inside": _inserted("===="),
    "blank": _inserted(" "),
    "trailing-blank": lambda segment: segment + " ",
    "leading-blank": lambda segment: " " + segment,
    "newline": _inserted("\n"),
    "trailing-newline": lambda segment: segment + "\n",
    "carriage-return": _inserted("\r\n"),
    "tab": _inserted("\t"),
    "exclamation-marks": _inserted("!!!!"),
    "question-mark": _inserted("?"),
    "percent": _inserted("%20"),
    "percent-encoded-letter": lambda segment: f"%{ord(segment[0]):02X}{segment[1:]}",
    "letter-percent-encoded-twice": lambda segment: f"%25{ord(segment[0]):02X}{segment[1:]}",
    "escaped-letter": lambda segment: f"\\u{ord(segment[0]):04x}{segment[1:]}",
    "character-reference": lambda segment: f"&#{ord(segment[0])};{segment[1:]}",
    "quoted-printable-letter": lambda segment: f"={ord(segment[0]):02X}{segment[1:]}",
    "nul": _inserted("\0"),
    "non-ascii-digit": _inserted("\u0663"),
    "fullwidth-letter": _inserted("\uff21"),
    "letter-in-full-width": lambda segment: chr(ord(segment[0]) + 0xFEE0) + segment[1:],
    "zero-width-joiner": _inserted("\u200d"),
    "text-after-padding": lambda segment: segment + "=" * (-len(segment) % 4 or 4) + "QUJD",
    "text-after-a-nul": lambda segment: segment + "\0QUJD",
}


@edits_for(_SPELLINGS, "VER-2", "RFC 7515 §5.2", SPELLING)
def header_spelled_with(draft: Draft, spell: Spelling) -> Draft:
    """The header segment is spelled with characters that base64url does not have ({name}), and signed so."""
    return replace(draft, spell_header=spell)


@edits_for(_SPELLINGS, "VER-2", "RFC 7515 §5.2", SPELLING)
def payload_spelled_with(draft: Draft, spell: Spelling) -> Draft:
    """The payload segment is spelled with characters that base64url does not have ({name}), and signed so."""
    return replace(draft, spell_payload=spell)


@edits_for(_SPELLINGS, "VER-2", "RFC 7515 §5.2", SPELLING)
def signature_spelled_with(draft: Draft, spell: Spelling) -> Draft:
    """The signature segment is respelled by somebody without any key, with foreign characters: {name}."""
    return replace(draft, spell_signature=spell)


_DRESSES: dict[str, Spelling] = {
    "leading-blank": lambda token: " " + token,
    "leading-newline": lambda token: "\n" + token,
    "leading-byte-order-mark": lambda token: "\ufeff" + token,
    "percent-encoded-letter": lambda token: f"%{ord(token[0]):02X}{token[1:]}",
    "character-reference": lambda token: f"&#{ord(token[0])};{token[1:]}",
    "quotes": lambda token: f'"{token}"',
    "angle-brackets": lambda token: f"<{token}>",
    "scheme": lambda token: "Bearer " + token,
    "comma": lambda token: token + ",",
    "semicolon": lambda token: token + ";",
}


@edits_for(_DRESSES, "VER-2", "RFC 7515 §5.2", SPELLING)
def token_dressed_with(draft: Draft, dress: Spelling) -> Draft:
    """The token is respelled by somebody without any key, as an envelope that was not taken off leaves it: {name}."""
    return draft.respelled(dress)


_BEHIND: dict[str, Spelling] = {
    "second-token": lambda token: f"{token},{token}",
    "tilde": lambda token: token + "~",
    "ampersand": lambda token: token + "&state=x",
    "fragment": lambda token: token + "#x",
}

edits_for(_BEHIND, "VER-2", "RFC 7515 §5.2", SPELLING, alone=lambda draft, _: draft.respelled(_DRESSES["semicolon"]))(
    token_dressed_with
)


def _with_a_carriage_return(spelled: Callable[[Draft, Spelling], Draft]) -> Callable[[Draft, object], Draft]:
    """Present the first octet of a folded line by itself."""
    return lambda draft, _: spelled(draft, _SPELLINGS["carriage-return"])


_FOLDED: dict[str, Spelling] = {"folded-line": _inserted("\r\n ")}

for _spelled in (header_spelled_with, payload_spelled_with, signature_spelled_with):
    edits_for(_FOLDED, "VER-2", "RFC 7515 §5.2", SPELLING, alone=_with_a_carriage_return(_spelled))(_spelled)


def with_whole_groups(draft: Draft, part: str) -> Draft:
    """Lengthen header or payload by blanks (harmless in JSON) until the segment is groups of four characters."""
    read = Draft.header_bytes if part == "header" else Draft.payload_bytes
    raw = read(draft)
    raw += b" " * (-len(raw) % 3)
    return replace(draft, header_json=raw) if part == "header" else replace(draft, payload_json=raw)


def _a_character_more(segment: str) -> str:
    if len(segment) % 4:
        raise ValueError("a segment of this length has another with a character more")
    return segment + "A"


def _header_of_impossible_length(draft: Draft) -> Draft:
    return replace(with_whole_groups(draft, "header"), spell_header=_a_character_more)


def _payload_of_impossible_length(draft: Draft) -> Draft:
    return replace(with_whole_groups(draft, "payload"), spell_payload=_a_character_more)


@edits_for(
    {"header": _header_of_impossible_length, "payload": _payload_of_impossible_length},
    "VER-2",
    "RFC 7515 §5.2",
    SPELLING,
)
def impossible_length_of(draft: Draft, change: Callable[[Draft], Draft]) -> Draft:
    """The {name} segment has a character too many to be base64url, which many decoders drop, and is signed so."""
    return change(draft)


@edits_for({"signature": _a_character_more}, "VER-2", "RFC 7515 §5.2", SPELLING, algorithms=("ES384",))
def impossible_length_of_the(draft: Draft, spell: Spelling) -> Draft:
    """The {name} segment has a character too many to be base64url, put there by somebody without any key."""
    return replace(draft, spell_signature=spell)


def standard_alphabet(segment: str) -> str:
    """Spell with `+` and `/`, and make sure that one of them is there."""
    respelled = segment.replace("-", "+").replace("_", "/")
    return respelled if respelled != segment else segment[:4] + "+" + segment[5:]


_STANDARD = {"standard-alphabet": standard_alphabet}


@edits_for(_STANDARD, "VER-2", "RFC 7515 §2", "malformed signature")
def signature_spelled_in(draft: Draft, spell: Spelling) -> Draft:
    """The signature segment is spelled in the standard alphabet, with `+` and `/`."""
    # Signatures differ with the claims until one has a character that the two alphabets spell differently.
    for number in range(64):
        candidate = draft.with_claims(alphabet=number)
        signature = candidate.token().rsplit(".", 1)[1]
        if "-" in signature or "_" in signature:
            return replace(candidate, spell_signature=spell)
    return replace(draft, spell_signature=spell)


_BOTH = "?>~" * 3
"""A text that base64 spells with either of the two letters in which the alphabets differ, wherever it stands."""


def _standard_header(draft: Draft) -> Draft:
    return replace(draft.with_header(alphabet=_BOTH), spell_header=standard_alphabet)


def _standard_payload(draft: Draft) -> Draft:
    return replace(draft.with_claims(alphabet=_BOTH), spell_payload=standard_alphabet)


@edits_for(
    {"header": _standard_header, "payload": _standard_payload},
    "VER-2",
    "RFC 7515 §2",
    SPELLING,
    alone=lambda draft, _: signature_spelled_in(draft, standard_alphabet),
)
def standard_alphabet_in_the(draft: Draft, change: Callable[[Draft], Draft]) -> Draft:
    """The {name} segment is spelled in the standard alphabet, with `+` and `/`, and signed so."""
    return change(draft)


_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def trailing_bits(segment: str) -> str:
    """Set an unused bit of the last character, which decodes to the same octets; needs a length that has some."""
    if len(segment) % 4 not in (2, 3):
        raise ValueError("a segment of this length has no unused bits")
    return segment[:-1] + _ALPHABET[_ALPHABET.index(segment[-1]) | 1]


def with_unused_bits(draft: Draft, part: str) -> Draft:
    """Lengthen header or payload by blanks (harmless in JSON) until the segment has unused bits."""
    read = Draft.header_bytes if part == "header" else Draft.payload_bytes
    raw = read(draft)
    while len(raw) % 3 == 0:
        raw += b" "
    return replace(draft, header_json=raw) if part == "header" else replace(draft, payload_json=raw)


def _header_bits(draft: Draft) -> Draft:
    return replace(with_unused_bits(draft, "header"), spell_header=trailing_bits)


def _payload_bits(draft: Draft) -> Draft:
    return replace(with_unused_bits(draft, "payload"), spell_payload=trailing_bits)


def _signature_bits(draft: Draft) -> Draft:
    return replace(draft, spell_signature=trailing_bits)


@edits_for(
    {"header": _header_bits, "payload": _payload_bits},
    "VER-3",
    "draft-ietf-oauth-rfc8725bis §3.14",
    "malformed",
)
def unused_bits_set_in(draft: Draft, change: Callable[[Draft], Draft]) -> Draft:
    """An unused trailing bit is set in the {name} segment, and the signature covers it so."""
    return change(draft)


@edits_for(
    {"signature": _signature_bits},
    "VER-3",
    "RFC 4648 §3.5",
    "malformed signature",
    algorithms=("ES256", "EdDSA", "Ed25519", "RS256", "PS256", "HS256"),
)
def unused_bits_set_in_the(draft: Draft, change: Callable[[Draft], Draft]) -> Draft:
    """An unused trailing bit is set in the {name} segment, by somebody without any key."""
    return change(draft)
