"""Weak ways with segments, base64url and JSON, and with what is no compact JWS at all."""

import ast
import base64
import contextlib
import html
import json
import re
import unicodedata
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from bearerproof_fuzz.victims import encoding, signatures, verifier
from bearerproof_fuzz.victims.question import Memory, Question
from bearerproof_fuzz.victims.refusal import Json, Refused
from bearerproof_fuzz.victims.variants import ORDINARY
from bearerproof_fuzz.victims.verifier import HONEST, Opened, Steps

# --- segments


def _first_three(token: str) -> tuple[str, str, str]:
    """Take what is needed and leave the rest."""
    parts = token.split(".")
    if len(parts) < 3:
        raise Refused("malformed")
    return parts[0], parts[1], parts[2]


def _outermost(token: str) -> tuple[str, str, str]:
    """Cut at the first period and at the last."""
    first, _, rest = token.partition(".")
    second, _, third = rest.rpartition(".")
    return first, second, third


def _last_three(token: str) -> tuple[str, str, str]:
    """Cut at the last two periods."""
    first, *rest = token.rsplit(".", 2)
    if len(rest) != 2:
        raise Refused("malformed")
    return first, rest[0], rest[1]


def _signed_up_to_the_last_period(pick: Callable[[list[str]], tuple[str, str, str]]) -> Steps:
    """Pick three segments of however many, and verify over all that stands before the last period."""

    def opened(steps: Steps, question: Question, memory: Memory) -> Opened:
        signed = question.token.rpartition(".")[0].encode()
        over = replace(steps, verify=lambda key, alg, _, signature: signatures.verify(key, alg, signed, signature))
        return verifier.open_jws(over, question, memory)

    def split(token: str) -> tuple[str, str, str]:
        parts = token.split(".")
        if len(parts) < 3:
            raise Refused("malformed")
        return pick(parts)

    return replace(HONEST, open=opened, split=split)


def _inflated_under_zip(steps: Steps, question: Question, memory: Memory) -> Opened:
    """Inflate what the header calls compressed, as one does with a JWE (RFC 7516 §5.2 step 17)."""
    found = verifier.open_jws(steps, question, memory)
    if found.header.get("zip") != "DEF":
        return found
    try:
        return replace(found, payload=zlib.decompress(found.payload, -15))
    except zlib.error:
        raise Refused("claim-malformed") from None


def _undressed(undress: Callable[[str], str]) -> Steps:
    """Mend the whole text before it is taken apart."""

    def opened(steps: Steps, question: Question, memory: Memory) -> Opened:
        return verifier.open_jws(steps, replace(question, token=undress(question.token)), memory)

    return replace(HONEST, open=opened)


def _without_empty(token: str) -> tuple[str, str, str]:
    """Pass over periods that stand together or at an end, as a splitter of words does."""
    return encoding.split(".".join(part for part in token.split(".") if part))


def _unsigned_if_empty(steps: Steps, question: Question, memory: Memory) -> Opened:
    """Verify the signature if there is one."""
    parts = question.token.split(".")
    if len(parts) in (2, 3) and not "".join(parts[2:]):
        found = steps.parse_header(steps.decode(parts[0]))
        return Opened(found, steps.decode(parts[1]))
    return verifier.open_jws(steps, question, memory)


# --- base64url


def _lenient(repair: Callable[[str], str]) -> Steps:
    """Mend a segment before it is decoded."""
    return replace(HONEST, decode=lambda segment: encoding.decode(repair(segment)))


def _any_trailing_bits(segment: str) -> bytes:
    """Check the alphabet, and let the decoder drop the bits that are left over."""
    if not re.fullmatch(r"[A-Za-z0-9_-]*", segment) or len(segment) % 4 == 1:
        raise Refused("malformed")
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def _junk_skipped(segment: str) -> bytes:
    """Decode as Python's ``urlsafe_b64decode`` does: what is not of the alphabet is passed over (RFC 4648 §3.3)."""
    try:
        return base64.urlsafe_b64decode(segment.encode("ascii", "ignore") + b"==")
    except ValueError:
        raise Refused("malformed") from None


# --- JSON


def _parsed(read: Callable[[bytes], Any], *, header: bool = False, claims: bool = True) -> Steps:
    """Read header or claims by another parser; what it raises of its own is a refusal."""

    def parse(octets: bytes) -> Json:
        try:
            value = read(octets)
        except (ValueError, SyntaxError, RecursionError):
            raise Refused("malformed") from None
        if not isinstance(value, dict):
            raise Refused("malformed")
        return value

    weak = replace(ORDINARY, parse_header=parse) if header else ORDINARY
    return replace(weak, parse_claims=parse) if claims else weak


def parsed_leniently(steps: Steps) -> Steps:
    """Have the claims read by a parser that takes NaN, Infinity and the last of two names."""
    return replace(steps, parse_claims=_parsed(lambda octets: json.loads(octets.decode())).parse_claims)


def _unguarded(read: Callable[[bytes], Any], *, header: bool = False, claims: bool = False) -> Steps:
    """Read header or claims by another parser, whose exceptions nobody catches."""
    weak = replace(ORDINARY, parse_header=read) if header else ORDINARY
    return replace(weak, parse_claims=read) if claims else weak


def _first_of_a_name(octets: bytes) -> Any:
    return json.loads(octets.decode(), object_pairs_hook=lambda pairs: dict(reversed(pairs)))


def _to_the_end_of_the_object(octets: bytes) -> Any:
    return json.JSONDecoder().raw_decode(octets.decode())[0]


def _twice(octets: bytes) -> Any:
    value = json.loads(octets.decode())
    return json.loads(value) if isinstance(value, str) else value


def _array_of_one(octets: bytes) -> Any:
    value = json.loads(octets.decode())
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _written_out(octets: bytes) -> Json:
    """Read with the bare parser and write the result out once more, as a log does: UTF-8 takes no half characters."""
    value: Json = json.loads(octets.decode())
    json.dumps(value, ensure_ascii=False).encode()
    return value


def _inflated(octets: bytes) -> Any:
    """Read claims that were compressed, as ``zip`` says of a JWE (RFC 7516 §4.1.3)."""
    with contextlib.suppress(zlib.error):  # not compressed
        octets = zlib.decompress(octets, -zlib.MAX_WBITS)
    return json.loads(octets.decode())


def _with_trailing_commas(octets: bytes) -> Any:
    return json.loads(re.sub(r",\s*([}\]])", r"\1", octets.decode()))


def _without_comments(octets: bytes) -> Any:
    return json.loads(re.sub(r"/\*.*?\*/|^\s*//.*$", "", octets.decode(), flags=re.DOTALL | re.MULTILINE))


# --- no compact JWS


def _json_serialisation(members: Callable[[Json], tuple[str, str, str]]) -> Steps:
    """Take a JWS in JSON serialisation as well (RFC 7515 §7.2)."""

    def split(token: str) -> tuple[str, str, str]:
        if not token.lstrip().startswith("{"):
            return encoding.split(token)
        try:
            return members(json.loads(token))
        except (ValueError, LookupError, TypeError):
            raise Refused("malformed") from None

    return replace(ORDINARY, split=split)


def _flattened(jws: Json) -> tuple[str, str, str]:
    return jws["protected"], jws["payload"], jws["signature"]


def _general(jws: Json) -> tuple[str, str, str]:
    return jws["signatures"][0]["protected"], jws["payload"], jws["signatures"][0]["signature"]


def _any_signature(steps: Steps, question: Question, memory: Memory) -> Opened:
    """Accept a general serialisation that has no signature which does not hold: none is enough."""
    if not question.token.lstrip().startswith("{"):
        return verifier.open_jws(steps, question, memory)
    try:
        jws = json.loads(question.token)
        signed, payload = jws["signatures"], jws["payload"]
        for each in signed:
            compact = ".".join((each["protected"], payload, each["signature"]))
            verifier.open_jws(steps, replace(question, token=compact), memory)
    except (ValueError, LookupError, TypeError, AttributeError):
        raise Refused("malformed") from None
    return Opened({"alg": "none"}, steps.decode(payload))


def _polyglot(steps: Steps, question: Question, memory: Memory) -> Opened:
    """Verify by a library that takes both serialisations, then read the claims by splitting (CVE-2022-39227)."""
    parts = question.token.split(".")
    if not question.token.lstrip().startswith("{") or len(parts) < 3:
        return verifier.open_jws(steps, question, memory)
    try:
        jws = json.loads(question.token)
        verified = verifier.open_jws(steps, replace(question, token=".".join(_flattened(jws))), memory)
    except (ValueError, LookupError, TypeError):
        raise Refused("malformed") from None
    json.loads(_junk_skipped(parts[0]))
    return Opened(verified.header, _junk_skipped(parts[1]))


STEPS: Mapping[str, Steps] = {
    "claims-inflated-under-zip": replace(ORDINARY, open=_inflated_under_zip),
    "segments-beyond-three-ignored": replace(HONEST, split=_first_three),
    "segments-cut-at-the-outermost-periods": replace(
        _lenient(lambda segment: segment.replace(".", "")), split=_outermost
    ),
    "segments-cut-at-the-last-two-periods": replace(
        _lenient(lambda segment: segment.replace(".", "")), split=_last_three
    ),
    "segments-in-the-middle-passed-over": _signed_up_to_the_last_period(lambda parts: (parts[0], parts[1], parts[-1])),
    "segments-last-but-one-is-the-payload": _signed_up_to_the_last_period(
        lambda parts: (parts[0], parts[-2], parts[-1])
    ),
    "segments-parted-by-any-full-stop": _undressed(lambda token: re.sub("[\u3002\uff0e\u2024]", ".", token)),
    "token-trimmed": _undressed(str.strip),
    "token-without-its-quotes": _undressed(lambda token: token.strip('"')),
    "token-without-its-scheme": _undressed(lambda token: token.removeprefix("Bearer ")),
    "token-percent-decoded-before-it-is-split": _undressed(unquote),
    "token-unfolded": _undressed(lambda token: re.sub(r"\r\n[ \t]+", "", token)),
    "token-in-letters-of-any-width": _undressed(lambda token: unicodedata.normalize("NFKC", token)),
    "token-ends-at-a-tilde": _undressed(lambda token: token.partition("~")[0]),
    "token-ends-as-in-a-url": _undressed(lambda token: re.split("[&#]", token)[0]),
    "first-of-several-tokens": _undressed(lambda token: token.partition(",")[0]),
    "character-references-undone": _lenient(html.unescape),
    "escapes-undone": _lenient(
        lambda segment: re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), segment)
    ),
    "empty-segments-passed-over": replace(HONEST, split=_without_empty),
    "signature-verified-if-there-is-one": replace(HONEST, open=_unsigned_if_empty),
    "standard-alphabet-taken": _lenient(lambda segment: segment.replace("+", "-").replace("/", "_")),
    "padding-taken": _lenient(lambda segment: segment.rstrip("=")),
    "white-space-taken-off": _lenient(lambda segment: "".join(segment.split())),
    "line-end-taken-off": _lenient(lambda segment: segment.removesuffix("\n")),
    "junk-in-base64-skipped": replace(HONEST, decode=_junk_skipped),
    "trailing-bits-dropped": replace(HONEST, decode=_any_trailing_bits),
    "odd-character-dropped": _lenient(lambda segment: segment[:-1] if len(segment) % 4 == 1 else segment),
    "token-percent-decoded": _lenient(unquote),
    "flattened-serialisation-taken": _json_serialisation(_flattened),
    "general-serialisation-taken": _json_serialisation(_general),
    "no-signature-fails-is-enough": replace(ORDINARY, open=_any_signature),
    "polyglot-spliced": replace(ORDINARY, open=_polyglot),
    "first-of-two-names-in-the-header": _parsed(_first_of_a_name, header=True, claims=False),
    "first-of-two-names-in-the-claims": _parsed(_first_of_a_name),
    "last-of-two-names-taken": _parsed(lambda octets: json.loads(octets.decode()), header=True),
    "utf-16-recognised": _parsed(json.loads),
    "utf-16-recognised-in-the-header": _parsed(json.loads, header=True, claims=False),
    "bad-utf-8-replaced": _parsed(lambda octets: json.loads(octets.decode("utf-8", "replace"))),
    "bad-utf-8-read-as-latin-1": _parsed(lambda octets: json.loads(octets.decode("latin-1")), header=True),
    "byte-order-mark-passed-over": _parsed(lambda octets: json.loads(octets.decode("utf-8-sig"))),
    "garbage-after-the-claims": _parsed(_to_the_end_of_the_object),
    "garbage-after-the-header": _parsed(_to_the_end_of_the_object, header=True, claims=False),
    "claims-in-a-string-parsed-again": _parsed(_twice),
    "claims-in-an-array-unwrapped": _parsed(_array_of_one),
    "claims-in-python-notation": _parsed(lambda octets: ast.literal_eval(octets.decode())),
    "claims-inflated": _parsed(_inflated),
    "trailing-commas-taken": _parsed(_with_trailing_commas),
    "comments-taken": _parsed(_without_comments),
    "header-nesting-escapes": _unguarded(lambda octets: json.loads(octets.decode()), header=True),
    "claims-beyond-bounds-escape": _unguarded(_written_out, claims=True),
    "size-not-looked-at": replace(HONEST, decide=verifier.decide_unbounded),
}
