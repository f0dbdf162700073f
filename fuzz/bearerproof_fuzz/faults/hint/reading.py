"""Faults in reading and bounding hints (HINT-4 to HINT-8)."""

import json
import unicodedata
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from html import escape
from typing import Any
from urllib.parse import unquote

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by
from bearerproof_reference.audit import audited, events, hints
from bearerproof_reference.audit.hints import Hints, bound
from bearerproof_reference.verifier.jose import MalformedError, decode_segment, parse_object


@helper_by(Patch.wrap, audited, "read_hints")
def _reread(change: Callable[[Hints, bytes], Hints], read: Any, token: str | bytes) -> Hints:
    """Have what was read for the event changed, or the reading fail."""
    octets = token if isinstance(token, bytes) else token.encode("utf-8", "surrogatepass")
    return change(read(token), octets)


def _members(octets: bytes, number: int) -> dict[str, Any]:
    """Read a segment as a trusting reader does; empty where even that fails."""
    try:
        value = json.loads(decode_segment(octets.split(b".")[number]))
    except (ValueError, IndexError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _each(patch: Patch, change: Callable[[Any], object]) -> None:
    """Have every hint changed on its way into the event, whole as it was read."""
    patch.wrap(events, "bound", lambda bind, hint: bind(change(hint) if isinstance(hint, str) else hint))


@fault("HINT-4")
def empty_audience_fails_the_reader(patch: Patch) -> None:
    """The first element of the audience is taken without asking whether there is one; the event is lost with it."""
    _reread(patch, lambda read, octets: replace(read, aud=_first(_members(octets, 1).get("aud", read.aud))))


def _first(aud: object) -> object:
    return aud[0] if isinstance(aud, list) else aud


@fault("HINT-4")
def deep_json_fails_the_reader(patch: Patch) -> None:
    """The reader of hints has no limit of depth of its own, and dies of recursion (GHSA-8wjv-2p76-3863)."""

    def depth(value: object, level: int = 0) -> int:
        if level > 100:
            raise RecursionError("nested too deep")
        members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return max((depth(member, level + 1) for member in members), default=level)

    def reading(read: Hints, octets: bytes) -> Hints:
        depth(_members(octets[:8192], 1))
        return read

    _reread(patch, reading)


@fault_by("HINT-4", _reread)
def other_number_of_segments_fails_the_reader(read: Hints, octets: bytes) -> Hints:
    """The token is unpacked into three parts without counting them, so whatever is no token leaves no event."""
    _header, _claims, _signature = octets.split(b".")
    return read


@fault_by("HINT-4", _reread)
def bytes_that_are_no_text_fail_the_reader(read: Hints, octets: bytes) -> Hints:
    """The header is decoded as UTF-8 before it is read as JSON, and nobody expects that to fail."""
    octets.decode("utf-8")
    return read


@fault_by("HINT-4", Patch.__call__, events, "bound")
def hint_that_is_no_text_fails_the_reader(hint: Any) -> str | None:
    """A hint is encoded without asking whether it is a string, so a list loses the event (taxonomy B6)."""
    return bound(hint) if hint is None or hint.encode("utf-8", "replace") else None


@fault("HINT-5", equivalent="a token with duplicate names is malformed, and either value really stands in it")
def first_of_duplicate_names_is_the_hint(patch: Patch) -> None:
    """The reader of hints takes the first of two equal names and the engine's parser the last (W19, W26)."""

    def first(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return dict(reversed(pairs))

    def reading(octets: bytes) -> dict[str, Any]:
        try:
            return parse_object(octets)
        except MalformedError as error:
            if str(error) != "duplicate member name":
                raise
            read: dict[str, Any] = json.loads(octets, object_pairs_hook=first)
            return read

    patch(hints, "parse_object", reading)


@fault_by("HINT-5", _reread)
def member_taken_at_any_depth(read: Hints, octets: bytes) -> Hints:
    """A member is found by searching the text of the payload, in whatever object it stands (W26)."""
    nested = [value for value in _members(octets, 1).values() if isinstance(value, dict)]
    found = next((value["client_id"] for value in nested if "client_id" in value), None)
    return replace(read, client_id=found) if read.client_id is None else read


@fault("HINT-5")
def kid_taken_from_the_payload(patch: Patch) -> None:
    """Header and payload are merged before the hints are read, so a claim called `kid` passes for the key id."""
    _reread(patch, lambda read, octets: replace(read, kid={**_members(octets, 1), **_members(octets, 0)}.get("kid")))


_EACH: Rows[Callable[[Any], object]] = {
    "hint-in-lower-case": (
        "Hints are folded to lower case for the dashboard, so two clients become one (taxonomy H5).",
        str.lower,
    ),
    "hint-trimmed": ("Blanks around a hint are stripped, as of any form field.", str.strip),
    "hint-normalised": (
        "Hints are brought to Unicode's normal form, which the verifier does not do with a `kid` (taxonomy F7).",
        lambda hint: unicodedata.normalize("NFC", hint),
    ),
    "hint-escaped-for-html": (
        "Hints are escaped for the page that shows them, at the wrong end: in the trail.",
        escape,
    ),
    "hint-percent-decoded": (
        "Hints are taken for parts of a URL and decoded, so `%61non` becomes the sentinel.",
        unquote,
    ),
}
faults_for("HINT-5", _each, _EACH)


@fault("HINT-5")
def azp_stands_in_for_the_client(patch: Patch) -> None:
    """An access token without `client_id` is put down to its `azp`, a member of ID tokens (taxonomy F4)."""
    _reread(patch, lambda read, _: read if read.client_id is not None else replace(read, client_id=read.azp))


@fault_by("HINT-5", _reread)
def unreadable_octets_replaced(read: Hints, octets: bytes) -> Hints:
    """Octets that are no UTF-8 become replacement characters: the hint is a text that no token held (taxonomy C7)."""
    try:
        text = decode_segment(octets.split(b".")[1]).decode("utf-8", "replace")
        return replace(read, client_id=json.loads(text)["client_id"], azp=json.loads(text).get("azp"))
    except (ValueError, LookupError, TypeError, RecursionError):
        return read


@helper_by(Patch.wrap, events, "bound")
def _cut(shorten: Callable[[str, bytes], str | None], bind: Any, hint: object) -> Any:
    """Have hints over 64 octets shortened by this instead."""
    bounded = bind(hint)
    return bounded if bounded is None or bounded == hint else shorten(str(hint), str(hint).encode())


def _digest(octets: bytes) -> str:
    return urlsafe_b64encode(sha256(octets).digest()).rstrip(b"=").decode()


_CUT: Rows[Callable[[str, bytes], str | None]] = {
    "bound-of-characters": (
        "64 characters are kept, four times as many octets where the script is another.",
        lambda hint, octets: hint if len(hint) <= 64 else f"{hint[:64]}~{_digest(octets)}",
    ),
    "long-hint-cut-without-mark": (
        "A long hint is cut and nothing more, so it equals a short one, and all that begin alike share a bucket (W7).",
        lambda _, octets: octets[:64].decode("utf-8", "ignore"),
    ),
    "digest-of-what-was-kept": (
        "The digest is taken of the part that is kept, so it tells nothing apart.",
        lambda _, octets: f"{octets[:64].decode('utf-8', 'ignore')}~{_digest(octets[:64])}",
    ),
    "hint-cut-inside-a-character": (
        "A long hint is cut at 64 octets even inside a character, and the torn one is replaced.",
        lambda _, octets: f"{octets[:64].decode('utf-8', 'replace')}~{_digest(octets)}",
    ),
    "long-hint-left-out": (
        "A hint that is too long is dropped, so whoever wants to be nobody makes it long.",
        lambda _hint, _octets: None,
    ),
}
faults_for("HINT-6", _cut, _CUT)


@fault("HINT-6")
def bound_of_63_octets(patch: Patch) -> None:
    """A hint of exactly 64 octets is cut, one too early."""
    patch(hints, "MAX_HINT", 63)


@fault("HINT-6")
def empty_hint_kept(patch: Patch) -> None:
    """An empty hint counts as a name: the slip of asking for None where the truth of the text was meant (W6)."""
    patch.wrap(events, "bound", lambda bind, hint: "" if hint == "" else bind(hint))


@fault("HINT-6")
def numbers_are_hints(patch: Patch) -> None:
    """A number is turned into text, so 1 and "1" are one client (taxonomy H4)."""
    patch.wrap(events, "bound", lambda bind, hint: bind(str(hint) if type(hint) is int else hint))


@fault_by("HINT-7", _reread)
def last_audience_is_the_hint(read: Hints, octets: bytes) -> Hints:
    """The last element of the audience is reported in place of the first."""
    aud = _members(octets, 1).get("aud")
    return replace(read, aud=aud[-1]) if isinstance(aud, list) and aud else read


@fault_by("HINT-7", _reread)
def first_text_in_the_audience_is_the_hint(read: Hints, octets: bytes) -> Hints:
    """Elements of the audience that are no text are passed over until one is."""
    aud = _members(octets, 1).get("aud")
    return replace(read, aud=next(filter(_is_text, aud), None)) if isinstance(aud, list) else read


def _is_text(value: object) -> bool:
    return isinstance(value, str)


@fault("HINT-7")
def audience_in_an_array_is_no_hint(patch: Patch) -> None:
    """Only an audience that is a string is reported, which that of many issuers never is."""
    _reread(patch, lambda read, octets: replace(read, aud=_members(octets, 1).get("aud")))


@fault("HINT-7")
def client_id_stands_in_for_azp(patch: Patch) -> None:
    """An ID token without `azp` is put down to its `client_id`, which no ID token has (taxonomy F4)."""
    _reread(patch, lambda read, _: read if read.azp is not None else replace(read, azp=read.client_id))


@fault("HINT-8")
def oversized_token_decoded_for_hints(patch: Patch) -> None:
    """The cap is the verifier's alone: the reader of hints decodes what was refused for its size (CVE-2025-61920)."""
    patch(hints, "MAX_TOKEN", 1 << 30)


@fault("HINT-8")
def header_of_an_oversized_token_read(patch: Patch) -> None:
    """The payload of a token over the cap is left alone, but its header is read all the same."""
    _reread(patch, lambda read, octets: replace(read, kid=_members(octets, 0).get("kid", read.kid)))
