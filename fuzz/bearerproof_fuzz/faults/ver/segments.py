"""Faults in taking a token apart: segments, base64url, other serialisations, size (VER-1 to VER-6)."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any

from bearerproof.members import Json
from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for
from bearerproof_fuzz.faults.seams import ALPHABET, rewriting_header, rewriting_token
from bearerproof_reference.verifier import verifier
from bearerproof_reference.verifier.jose import MalformedError, decode_segment, parse_object
from bearerproof_reference.verifier.verdicts import Accepted, Reason, Refusal

_FOREIGN = bytes(set(range(256)) - set(ALPHABET))


_REWRITING_TOKEN: Rows[Callable[[bytes], bytes]] = {
    "fourth-segment-dropped": (
        "A destructuring assignment takes the first three of as many segments as there are.",
        lambda token: b".".join(token.split(b".")[:3]),
    ),
    "middle-segments-dropped": (
        "Header and payload are the first two segments and the signature is the last, whatever stands between.",
        lambda token: b".".join([*token.split(b".")[:2], *token.split(b".")[2:][-1:]]),
    ),
    "trailing-dot-stripped": (
        "A dot at the end is taken for the end of a sentence that the token was pasted from.",
        lambda token: token.rstrip(b"."),
    ),
}
faults_for("VER-1", rewriting_token, _REWRITING_TOKEN)


@fault_by("VER-1", Patch.wrap, verifier, "_verified")
def empty_signature_not_verified(
    verified: Any, token: bytes, header: verifier.Header, tail: bytes, key_set: Any, algorithms: Any
) -> Any:
    """`if signature and not verify(...)` refuses wrong signatures, and there is none to be wrong."""
    if tail or header.alg not in algorithms:
        return verified(token, header, tail, key_set, algorithms)
    return key_set.find(header.kid, header.alg)


def _lenient(patch: Patch, clean: Callable[[bytes], bytes]) -> None:
    """Clean each segment before decoding it; the signature still covers what was sent."""

    def split(token: bytes) -> tuple[bytes, bytes, bytes]:
        parts = token.split(b".")
        if len(parts) != 3 or any(clean(part).translate(None, ALPHABET) for part in parts):
            raise MalformedError("not three base64url segments")
        return parts[0], parts[1], parts[2]

    patch(verifier, "split_compact", split)
    patch.wrap(verifier, "decode_segment", lambda decode, segment: decode(clean(segment)))


_LENIENT: Rows[Callable[[bytes], bytes]] = {
    "padding-taken": (
        "Padding is stripped before decoding, as PyJWT 2.15 does on purpose (#1209).",
        lambda segment: segment.rstrip(b"="),
    ),
    "white-space-skipped": (
        "The decoder skips blanks and line breaks, as those made for mail do (RFC 4648 §3.3).",
        lambda segment: segment.translate(None, b" \t\r\n"),
    ),
    "foreign-characters-skipped": (
        "The decoder skips all that it does not know: thousands of spellings of one token (GHSA-hxm8-2xgr-2p9m).",
        lambda segment: segment.translate(None, _FOREIGN),
    ),
    "standard-alphabet-taken": (
        "`+` and `/` are read as `-` and `_`, as in Node's decoder (CVE-2022-25898).",
        lambda segment: segment.translate(bytes.maketrans(b"+/", b"-_")),
    ),
    "character-too-many-dropped": (
        "Six bits are no octet and are forgotten, as in Node's decoder.",
        lambda segment: segment[:-1] if len(segment) % 4 == 1 else segment,
    ),
    "decoding-ends-at-the-padding": (
        "A decoder that reads until the padding lets anything stand behind it.",
        lambda segment: segment.partition(b"=")[0],
    ),
}
faults_for("VER-2", _lenient, _LENIENT)


@fault("VER-2")
def token_trimmed(patch: Patch) -> None:
    """The token is trimmed on its way in, so that a line break at its end is another text of it."""
    rewriting_token(patch, bytes.strip)


@fault("VER-2")
def token_ends_at_a_tilde(patch: Patch) -> None:
    """What stands behind a tilde is taken for disclosures, which nobody asked for (RFC 9901 §4)."""
    rewriting_token(patch, lambda token: token.partition(b"~")[0])


@fault("VER-3")
def trailing_bits_ignored(patch: Patch) -> None:
    """Bits of the last character that belong to no octet are dropped (W20, GHSA-hxm8-2xgr-2p9m)."""
    patch.wrap(verifier, "decode_segment", lambda decode, segment: decode(_respelled(segment)))


def _respelled(segment: bytes) -> bytes:
    """Spell a segment as it should be, where it has a length that base64url can have."""
    return segment if len(segment) % 4 == 1 else urlsafe_b64encode(urlsafe_b64decode(segment + b"==")).rstrip(b"=")


@fault_by("VER-3", rewriting_token)
def trailing_bits_of_the_signature_ignored(token: bytes) -> bytes:
    """Header and payload are checked by decoding and encoding again, and the signature is forgotten."""
    rest = len(token.rpartition(b".")[2]) & 3
    known = token[-1:] in [bytes([character]) for character in ALPHABET]
    if rest not in (2, 3) or not known:
        return token
    kept = ALPHABET.index(token[-1:]) & (0x30 if rest == 2 else 0x3C)
    return token[:-1] + ALPHABET[kept : kept + 1]


def _from_json(token: bytes, read: Callable[[Json], Json]) -> bytes:
    if not token.startswith(b"{"):
        return token
    try:
        members = json.loads(token)
        signed = {**members, **read(members)}
        return ".".join([signed["protected"], signed["payload"], signed["signature"]]).encode()
    except (ValueError, KeyError, IndexError, TypeError):
        return token


@fault("VER-4")
def flattened_serialisation_sniffed(patch: Patch) -> None:
    """A leading brace switches to the parser of the flattened JSON serialisation (RFC 7519 §1)."""
    rewriting_token(patch, lambda token: _from_json(token, lambda _: {}))


@fault("VER-4")
def general_serialisation_sniffed(patch: Patch) -> None:
    """A leading brace switches to a parser that is content with the last of the signatures (RFC 7515 §7.2.1)."""
    rewriting_token(patch, lambda token: _from_json(token, lambda members: members["signatures"][-1]))


@fault_by("VER-4", Patch.wrap, verifier.Verifier, "_verify")
def polyglot_split_at_its_dots(verify: Any, self: Any, token: bytes) -> Any:
    """One parser verifies the JSON and another splits the same text for the claims (CVE-2022-39227)."""
    if not token.startswith(b"{"):
        return verify(self, token)
    verify(self, _from_json(token, lambda _: {}))
    claims = parse_object(urlsafe_b64decode(token.split(b".")[1] + b"=="))
    return Accepted(claims, None)


@fault_by("VER-5", rewriting_header)
def enc_parameter_ignored(raw: bytes) -> bytes:
    """A header that says `enc` is not asked what it wants on a token of three segments (RFC 7516 §9)."""
    return json.dumps({name: value for name, value in parse_object(raw).items() if name != "enc"}).encode()


@fault("VER-6")
def no_size_cap(patch: Patch) -> None:
    """Nothing is compared with the length of the token (CVE-2025-61920: 32 MiB of unsigned header)."""
    patch(verifier, "MAX_TOKEN", 10**9)


@fault("VER-6")
def only_the_header_has_a_size_cap(patch: Patch) -> None:
    """The fix for large headers caps the header, and the payload goes on as before (CVE-2026-48525)."""

    def read_octets(read: Any, token: str | bytes) -> Any:
        header = token.split(".", 1)[0] if isinstance(token, str) else token.split(b".", 1)[0]
        if len(header) > 8192:
            raise Refusal(Reason.TOO_LARGE)
        return read(token)

    patch(verifier, "MAX_TOKEN", 10**9)
    patch.wrap(verifier, "_octets", read_octets)


@fault("VER-6")
def size_cap_twice_the_stated_one(patch: Patch) -> None:
    """The cap is written in characters of the decoded text, a third less than what is transmitted."""
    patch(verifier, "MAX_TOKEN", 16_384)


@fault_by(
    "VER-6",
    Patch.wrap,
    verifier,
    "_octets",
    equivalent="The order shows in time and memory alone, which the contract does not measure.",
)
def size_compared_after_decoding(read: Any, token: str | bytes) -> Any:
    """The cap is applied, once everything has been decoded (CVE-2025-65015)."""
    octets = token.encode("utf-8", "replace") if isinstance(token, str) else token
    for part in octets.split(b"."):
        try:
            decode_segment(part)
        except ValueError:
            break
    return read(token)
