"""Faults in reading the JSON of header and claims (VER-7 to VER-11)."""

import json
import re
from collections.abc import Callable
from typing import Any

from bearerproof.members import Json
from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, spread
from bearerproof_fuzz.faults.seams import rewriting_header
from bearerproof_reference.verifier import jose, verifier
from bearerproof_reference.verifier.jose import MalformedError, parse_object
from bearerproof_reference.verifier.verdicts import Reason, Refusal, Rejected


def _as_json(value: object) -> bytes:
    return json.dumps(value).encode()


_REWRITING_HEADER: Rows[Callable[[bytes], bytes]] = {
    "header-encoding-guessed": (
        "Octets go to a JSON parser that guesses between UTF-8, UTF-16 and UTF-32, as Python's does.",
        lambda raw: raw.decode(json.detect_encoding(raw)).encode(),
    ),
    "header-byte-order-mark-skipped": (
        "A byte order mark in front of the header is skipped, so that the next parser sees another header.",
        lambda raw: raw.removeprefix(b"\xef\xbb\xbf"),
    ),
    "header-decoded-with-replacement": (
        "Octets that are not UTF-8 become replacement characters, so two headers become one.",
        lambda raw: raw.decode("utf-8", "replace").encode(),
    ),
    "text-after-the-header-ignored": (
        "The parser of a stream stops at the closing brace, and what follows is left in the stream.",
        lambda raw: _as_json(json.JSONDecoder().raw_decode(raw.decode())[0]),
    ),
    "header-of-pairs-taken": (
        "The parsed header is copied with `dict(...)`, which takes a list of pairs as gladly.",
        lambda raw: raw if raw.startswith(b"{") else _as_json(dict(json.loads(raw))),
    ),
}
faults_for("VER-7", rewriting_header, _REWRITING_HEADER)


def _decoder(**options: Any) -> json.JSONDecoder:
    """Return the reference's strict decoder with some of its hooks replaced; None: the library's own."""
    strict = {"object_pairs_hook": "_unique", "parse_float": "_fraction", "parse_constant": "_constant"}
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
    patch.wrap(verifier, "parse_object", lambda parse, octets: parse(rewrite(octets)))


_REWRITING_CLAIMS: Rows[Callable[[bytes], bytes]] = {
    "comments-skipped": (
        "The parser is one for configuration files, in which comments and trailing commas are welcome.",
        lambda octets: re.sub(rb"/\*.*?\*/|,(?=\s*})", b"", octets),
    ),
    "claims-in-a-list-taken": (
        "A payload of several claims sets is read by its first, as batch formats have it.",
        lambda octets: octets[1:-1] if octets[:1] + octets[-1:] == b"[]" else octets,
    ),
    "nul-ends-the-claims": (
        "The payload is handed on as a C string, so that what follows a NUL is never seen.",
        lambda octets: octets.rstrip(b"\0"),
    ),
}
faults_for("VER-8", _rewriting_claims, _REWRITING_CLAIMS)


@fault("VER-9")
def first_member_wins(patch: Patch) -> None:
    """Of two members of one name the first one is kept, as in several JSON libraries (CWE-436)."""
    patch(jose, "_DECODER", _decoder(object_pairs_hook=lambda pairs: dict(reversed(pairs))))


@fault_by("VER-9", rewriting_header)
def first_header_parameter_wins(raw: bytes) -> bytes:
    """The header has a small parser of its own, which stops at the first `alg` or `kid` that it meets."""
    return _as_json(json.loads(raw, object_pairs_hook=lambda pairs: dict(reversed(pairs))))


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

    patch.wrap(verifier, "parse_object", lambda strict, octets: _either(strict, parse, octets))


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


_REPLACED: Rows[tuple[object, str, object]] = {
    "nesting-unbounded": (
        "Depth is left to the parser's own recursion (GHSA-8wjv-2p76-3863).",
        (jose, "MAX_DEPTH", 10**6),
    ),
    "infinite-fractions-taken": (
        "`1e400` is read as infinity by every conversion there is, and no bound is compared.",
        (jose, "_DECODER", _decoder(parse_float=float)),
    ),
    "unpaired-surrogates-taken": (
        "A lone surrogate passes as text and raises wherever it is written down later (RFC 8259 §8.2).",
        (jose, "_check_characters", lambda _: None),
    ),
}
faults_for("VER-11", spread(Patch.__call__), _REPLACED)


@fault("VER-11")
def foreign_error_escapes(patch: Patch) -> None:
    """Only the verifier's own errors are caught, and a number of 5,000 digits raises another one (PyJWT 2.13.0)."""

    def integer(text: str) -> int:
        if len(text) > 4300:
            raise OverflowError("too many digits to convert")
        return int(text)

    def verify(self: Any, token: str | bytes) -> Any:
        try:
            return self._verify(octets(token))
        except Refusal as refusal:
            return refusal.rejected
        except MalformedError:
            return Rejected(Reason.MALFORMED)

    octets = vars(verifier)["_octets"]
    patch(jose, "_DECODER", _decoder(parse_int=integer))
    patch(verifier.Verifier, "verify", verify)
