"""Faults in reading segments and JSON (VER-1 to VER-11)."""

import json
import re
from collections.abc import Callable
from typing import Any

from bearerproof_fuzz.faults.headers import rewriting_header
from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_reference import jose, verifier
from bearerproof_reference.jose import MalformedError, decode_segment, parse_object
from bearerproof_reference.verdicts import Accepted, Reason, Refusal, Rejected

Json = dict[str, Any]
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_FOREIGN = bytes(set(range(256)) - set(_ALPHABET))


def _rewriting_token(patch: Patch, rewrite: Callable[[bytes], bytes]) -> None:
    """Have the verifier rewrite a token before it does anything else with it."""
    patch.wrap(verifier, "_octets", lambda read: lambda *arguments: rewrite(read(*arguments)))


@fault("VER-1")
def fourth_segment_dropped(patch: Patch) -> None:
    """A destructuring assignment takes the first three of as many segments as there are."""
    _rewriting_token(patch, lambda token: b".".join(token.split(b".")[:3]))


@fault("VER-1")
def middle_segments_dropped(patch: Patch) -> None:
    """Header and payload are the first two segments and the signature is the last, whatever stands between."""
    _rewriting_token(patch, lambda token: b".".join([*token.split(b".")[:2], *token.split(b".")[2:][-1:]]))


@fault("VER-1")
def trailing_dot_stripped(patch: Patch) -> None:
    """A dot at the end is taken for the end of a sentence that the token was pasted from."""
    _rewriting_token(patch, lambda token: token.rstrip(b"."))


@fault("VER-1")
def empty_signature_not_verified(patch: Patch) -> None:
    """`if signature and not verify(...)` refuses wrong signatures, and there is none to be wrong."""

    def around(verified: Any) -> Any:
        def where_signed(token: bytes, header: verifier.Header, tail: bytes, held: Any, algorithms: Any) -> Any:
            if tail or header.alg not in algorithms:
                return verified(token, header, tail, held, algorithms)
            return held.find(header.kid, header.alg)

        return where_signed

    patch.wrap(verifier, "_verified", around)


def _lenient(patch: Patch, clean: Callable[[bytes], bytes]) -> None:
    """Clean each segment before decoding it; the signature still covers what was sent."""

    def split(token: bytes) -> tuple[bytes, bytes, bytes]:
        parts = token.split(b".")
        if len(parts) != 3 or any(clean(part).translate(None, _ALPHABET) for part in parts):
            raise MalformedError("not three base64url segments")
        return parts[0], parts[1], parts[2]

    patch(verifier, "split_compact", split)
    patch.wrap(verifier, "decode_segment", lambda decode: lambda segment: decode(clean(segment)))


@fault("VER-2")
def padding_taken(patch: Patch) -> None:
    """Padding is stripped before decoding, as PyJWT 2.15 does on purpose (#1209)."""
    _lenient(patch, lambda segment: segment.rstrip(b"="))


@fault("VER-2")
def white_space_skipped(patch: Patch) -> None:
    """The decoder skips blanks and line breaks, as those made for mail do (RFC 4648 §3.3)."""
    _lenient(patch, lambda segment: segment.translate(None, b" \t\r\n"))


@fault("VER-2")
def foreign_characters_skipped(patch: Patch) -> None:
    """The decoder skips all that it does not know: thousands of spellings of one token (GHSA-hxm8-2xgr-2p9m)."""
    _lenient(patch, lambda segment: segment.translate(None, _FOREIGN))


@fault("VER-2")
def standard_alphabet_taken(patch: Patch) -> None:
    """`+` and `/` are read as `-` and `_`, as in Node's decoder (CVE-2022-25898)."""
    _lenient(patch, lambda segment: segment.translate(bytes.maketrans(b"+/", b"-_")))


@fault("VER-2")
def token_trimmed(patch: Patch) -> None:
    """The token is trimmed on its way in, so that a line break at its end is another text of it."""
    _rewriting_token(patch, bytes.strip)


@fault("VER-3")
def trailing_bits_ignored(patch: Patch) -> None:
    """Bits of the last character that belong to no octet are dropped (W20, GHSA-hxm8-2xgr-2p9m)."""
    patch(jose, "_LAST", (b"", b"", _ALPHABET, _ALPHABET))


@fault("VER-3")
def trailing_bits_of_the_signature_ignored(patch: Patch) -> None:
    """Header and payload are checked by decoding and encoding again, and the signature is forgotten."""

    def canonical(token: bytes) -> bytes:
        rest = len(token.rpartition(b".")[2]) & 3
        known = token[-1:] in [bytes([character]) for character in _ALPHABET]
        if rest not in (2, 3) or not known:
            return token
        kept = _ALPHABET.index(token[-1:]) & (0x30 if rest == 2 else 0x3C)
        return token[:-1] + _ALPHABET[kept : kept + 1]

    _rewriting_token(patch, canonical)


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
    _rewriting_token(patch, lambda token: _from_json(token, lambda _: {}))


@fault("VER-4")
def general_serialisation_sniffed(patch: Patch) -> None:
    """A leading brace switches to a parser that is content with the last of the signatures (RFC 7515 §7.2.1)."""
    _rewriting_token(patch, lambda token: _from_json(token, lambda members: members["signatures"][-1]))


@fault("VER-5")
def decrypted_token_believed(patch: Patch) -> None:
    """What a JWE decrypts to is returned as if its author were known (CVE-2023-51774, CVE-2026-29000)."""

    def around(verify: Any) -> Any:
        def decrypt_or_verify(self: Any, token: bytes) -> Any:
            parts = token.split(b".")
            if len(parts) != 5:
                return verify(self, token)
            claims = parse_object(decode_segment(parts[3]))  # to decrypt it takes no secret of the issuer
            self._check_claims(claims, self._clock.now())
            return Accepted(claims, None)

        return decrypt_or_verify

    patch.wrap(verifier.Verifier, "_verify", around)


@fault("VER-5")
def enc_parameter_ignored(patch: Patch) -> None:
    """A header that says `enc` is not asked what it wants on a token of three segments (RFC 7516 §9)."""

    def drop(raw: bytes) -> bytes:
        return json.dumps({name: value for name, value in parse_object(raw).items() if name != "enc"}).encode()

    rewriting_header(patch, drop)


@fault("VER-6")
def no_size_cap(patch: Patch) -> None:
    """Nothing is compared with the length of the token (CVE-2025-61920: 32 MiB of unsigned header)."""
    patch.wrap(verifier, "_octets", lambda read: lambda token, *_: read(token, 10**9))


@fault("VER-6")
def only_the_header_has_a_size_cap(patch: Patch) -> None:
    """The fix for large headers caps the header, and the payload goes on as before (CVE-2026-48525)."""

    def read_octets(read: Any) -> Any:
        return lambda token, *limit: read(token, *(limit if len(token.partition(_dot(token))[0]) > 8192 else (10**9,)))

    patch.wrap(verifier, "_octets", read_octets)


def _dot(token: str | bytes) -> Any:
    return "." if isinstance(token, str) else b"."


@fault("VER-6")
def size_cap_twice_the_stated_one(patch: Patch) -> None:
    """The cap is written in characters of the decoded text, a third less than what is transmitted."""
    patch.wrap(verifier, "_octets", lambda read: lambda token, *limit: read(token, *(limit or (16_384,))))


@fault("VER-6", equivalent="The order shows in time and memory alone, which the contract does not measure.")
def size_compared_after_decoding(patch: Patch) -> None:
    """The cap is applied, once everything has been decoded (CVE-2025-65015)."""

    def read_octets(read: Any) -> Any:
        def decode_first(token: str | bytes, *limit: Any) -> Any:
            octets = token.encode("utf-8", "replace") if isinstance(token, str) else token
            for part in octets.split(b"."):
                try:
                    decode_segment(part)
                except ValueError:
                    break
            return read(token, *limit)

        return decode_first

    patch.wrap(verifier, "_octets", read_octets)


def _as_json(value: object) -> bytes:
    return json.dumps(value).encode()


@fault("VER-7")
def header_encoding_guessed(patch: Patch) -> None:
    """Octets go to a JSON parser that guesses between UTF-8, UTF-16 and UTF-32, as Python's does."""
    rewriting_header(patch, lambda raw: raw.decode(json.detect_encoding(raw)).encode())


@fault("VER-7")
def header_byte_order_mark_skipped(patch: Patch) -> None:
    """A byte order mark in front of the header is skipped, so that the next parser sees another header."""
    rewriting_header(patch, lambda raw: raw.removeprefix(b"\xef\xbb\xbf"))


@fault("VER-7")
def header_decoded_with_replacement(patch: Patch) -> None:
    """Octets that are not UTF-8 become replacement characters, so two headers become one."""
    rewriting_header(patch, lambda raw: raw.decode("utf-8", "replace").encode())


@fault("VER-7")
def text_after_the_header_ignored(patch: Patch) -> None:
    """The parser of a stream stops at the closing brace, and what follows is left in the stream."""
    rewriting_header(patch, lambda raw: _as_json(json.JSONDecoder().raw_decode(raw.decode())[0]))


@fault("VER-7")
def header_of_pairs_taken(patch: Patch) -> None:
    """The parsed header is copied with `dict(...)`, which takes a list of pairs as gladly."""
    rewriting_header(patch, lambda raw: raw if raw.startswith(b"{") else _as_json(dict(json.loads(raw))))


def _decoder(**options: Any) -> json.JSONDecoder:
    """Return the reference's strict decoder with some of its hooks replaced; None: the library's own."""
    strict = {"object_pairs_hook": "_unique", "parse_int": "_integer", "parse_float": "_fraction",
              "parse_constant": "_constant"}  # fmt: skip
    return json.JSONDecoder(**{**{name: vars(jose)[hook] for name, hook in strict.items()}, **options})


@fault("VER-8")
def not_a_number_is_a_number(patch: Patch) -> None:
    """The parser takes `NaN` and `Infinity` unless told otherwise, and nobody told it (RFC 8259 §6)."""
    patch(jose, "_DECODER", _decoder(parse_constant=None))


@fault("VER-8")
def control_characters_in_strings_taken(patch: Patch) -> None:
    """A raw line break or NUL inside a JSON string is taken, as by parsers that mean well."""
    patch(jose, "_DECODER", _decoder(strict=False))


def _rewriting_claims(patch: Patch, rewrite: Callable[[bytes], bytes]) -> None:
    """Rewrite what the JSON reader of header and claims gets."""
    patch.wrap(verifier, "parse_object", lambda parse: lambda octets: parse(rewrite(octets)))


@fault("VER-8")
def comments_skipped(patch: Patch) -> None:
    """The parser is one for configuration files, in which comments and trailing commas are welcome."""
    _rewriting_claims(patch, lambda octets: re.sub(rb"/\*.*?\*/|,(?=\s*})", b"", octets))


@fault("VER-8")
def claims_in_a_list_taken(patch: Patch) -> None:
    """A payload of several claims sets is read by its first, as batch formats have it."""
    _rewriting_claims(patch, lambda octets: octets[1:-1] if octets[:1] + octets[-1:] == b"[]" else octets)


@fault("VER-8")
def nul_ends_the_claims(patch: Patch) -> None:
    """The payload is handed on as a C string, so that what follows a NUL is never seen."""
    _rewriting_claims(patch, lambda octets: octets.rstrip(b"\0"))


@fault("VER-9")
def first_member_wins(patch: Patch) -> None:
    """Of two members of one name the first one is kept, as in several JSON libraries (CWE-436)."""
    patch(jose, "_DECODER", _decoder(object_pairs_hook=lambda pairs: dict(reversed(pairs))))


@fault("VER-9")
def first_header_parameter_wins(patch: Patch) -> None:
    """The header has a small parser of its own, which stops at the first `alg` or `kid` that it meets."""
    rewriting_header(
        patch,
        lambda raw: _as_json(json.loads(raw, object_pairs_hook=lambda pairs: dict(reversed(pairs)))),
    )


@fault("VER-10")
def last_member_wins(patch: Patch) -> None:
    """Of two members of one name the last one is kept, which RFC 7519 §4 allows and no second parser has to do."""
    patch(jose, "_DECODER", _decoder(object_pairs_hook=dict))


@fault("VER-10")
def nested_duplicates_taken(patch: Patch) -> None:
    """Names are compared at the top level only, so an object in a claim means two things (W19)."""

    def parse(octets: bytes) -> Json:
        members = json.loads(octets, object_pairs_hook=list)
        if len(dict(members)) != len(members):
            raise MalformedError("duplicate member name")
        return parse_object(json.dumps(json.loads(octets), ensure_ascii=False).encode())

    patch.wrap(verifier, "parse_object", lambda strict: lambda octets: _either(strict, parse, octets))


def _either(strict: Callable[[bytes], Json], lax: Callable[[bytes], Json], octets: bytes) -> Json:
    """Read strictly; where that fails over a duplicate, read again as the fault has it."""
    try:
        return strict(octets)
    except MalformedError as error:
        if "duplicate" not in str(error):
            raise
        return lax(octets)


@fault("VER-10")
def identical_duplicates_taken(patch: Patch) -> None:
    """A member that stands twice with one value is taken for harmless."""

    def members(pairs: list[tuple[str, Any]]) -> Json:
        if any(dict(pairs)[name] != value for name, value in pairs):
            raise MalformedError("duplicate member name")
        return dict(pairs)

    patch(jose, "_DECODER", _decoder(object_pairs_hook=members))


@fault("VER-11")
def nesting_unbounded(patch: Patch) -> None:
    """Depth is left to the parser's own recursion (GHSA-8wjv-2p76-3863)."""
    patch(jose, "MAX_DEPTH", 10**6)


@fault("VER-11")
def infinite_fractions_taken(patch: Patch) -> None:
    """`1e400` is read as infinity by every conversion there is, and no bound is compared."""
    patch(jose, "_DECODER", _decoder(parse_float=float))


@fault("VER-11")
def unpaired_surrogates_taken(patch: Patch) -> None:
    """A lone surrogate passes as text and raises wherever it is written down later (RFC 8259 §8.2)."""
    patch(jose, "_SURROGATE_ESCAPE", re.compile("(?!)"))


@fault("VER-11")
def foreign_error_escapes(patch: Patch) -> None:
    """Only the verifier's own errors are caught, and a number of 5,000 digits raises another one (PyJWT 2.13.0)."""

    def integer(text: str) -> int:
        if len(text) > 4300:
            raise OverflowError("too many digits to convert")
        return int(text)

    def narrow(_: Any) -> Any:
        def verify(self: Any, token: str | bytes) -> Any:
            try:
                return self._verify(octets(token))
            except Refusal as refusal:
                return refusal.rejected
            except MalformedError:
                return Rejected(Reason.MALFORMED)

        return verify

    octets = vars(verifier)["_octets"]
    patch(jose, "_DECODER", _decoder(parse_int=integer))
    patch.wrap(verifier.Verifier, "verify", narrow)
