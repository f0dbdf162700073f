"""Faults on the way from a token to its source id: reading hints (HINT-4 to HINT-8), composing them (SRC)."""

import json
import unicodedata
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from html import escape
from typing import Any
from urllib.parse import unquote

from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_reference import audited, events, hints, sources
from bearerproof_reference.events import VerifyFailureEvent
from bearerproof_reference.hints import Hints, bound
from bearerproof_reference.jose import MalformedError, decode_segment, parse_object
from bearerproof_reference.limiter import _OVERFLOW, Limiter, Registered
from bearerproof_reference.sources import _part

# --- HINT-4, HINT-5, HINT-7 and HINT-8: reading


def _reread(patch: Patch, change: Callable[[Hints, bytes], Hints]) -> None:
    """Have what was read for the event changed, or the reading fail."""

    def reading(read: Any) -> Any:
        def read_and_change(token: str | bytes) -> Hints:
            octets = token if isinstance(token, bytes) else token.encode("utf-8", "surrogatepass")
            return change(read(token), octets)

        return read_and_change

    patch.wrap(audited, "read_hints", reading)


def _members(octets: bytes, number: int) -> dict[str, Any]:
    """Read a segment as a trusting reader does; empty where even that fails."""
    try:
        value = json.loads(decode_segment(octets.split(b".")[number]))
    except (ValueError, IndexError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _each(patch: Patch, change: Callable[[Any], object]) -> None:
    """Have every hint changed on its way into the event, whole as it was read."""
    patch.wrap(events, "bound", lambda bind: lambda hint: bind(change(hint) if isinstance(hint, str) else hint))


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
        held = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return max((depth(one, level + 1) for one in held), default=level)

    def reading(read: Hints, octets: bytes) -> Hints:
        depth(_members(octets[:8192], 1))
        return read

    _reread(patch, reading)


@fault("HINT-4")
def other_number_of_segments_fails_the_reader(patch: Patch) -> None:
    """The token is unpacked into three parts without counting them, so whatever is no token leaves no event."""

    def reading(read: Hints, octets: bytes) -> Hints:
        _header, _claims, _signature = octets.split(b".")
        return read

    _reread(patch, reading)


@fault("HINT-4")
def bytes_that_are_no_text_fail_the_reader(patch: Patch) -> None:
    """The header is decoded as UTF-8 before it is read as JSON, and nobody expects that to fail."""

    def reading(read: Hints, octets: bytes) -> Hints:
        octets.decode("utf-8")
        return read

    _reread(patch, reading)


@fault("HINT-4")
def hint_that_is_no_text_fails_the_reader(patch: Patch) -> None:
    """A hint is encoded without asking whether it is a string, so a list loses the event (taxonomy B6)."""

    def binding(hint: Any) -> str | None:
        return bound(hint) if hint is None or hint.encode("utf-8", "replace") else None

    patch(events, "bound", binding)


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


@fault("HINT-5")
def member_taken_at_any_depth(patch: Patch) -> None:
    """A member is found by searching the text of the payload, in whatever object it stands (W26)."""

    def reading(read: Hints, octets: bytes) -> Hints:
        nested = [value for value in _members(octets, 1).values() if isinstance(value, dict)]
        found = next((value["client_id"] for value in nested if "client_id" in value), None)
        return replace(read, client_id=found) if read.client_id is None else read

    _reread(patch, reading)


@fault("HINT-5")
def kid_taken_from_the_payload(patch: Patch) -> None:
    """Header and payload are merged before the hints are read, so a claim called `kid` passes for the key id."""
    _reread(patch, lambda read, octets: replace(read, kid={**_members(octets, 1), **_members(octets, 0)}.get("kid")))


@fault("HINT-5")
def hint_in_lower_case(patch: Patch) -> None:
    """Hints are folded to lower case for the dashboard, so two clients become one (taxonomy H5)."""
    _each(patch, str.lower)


@fault("HINT-5")
def hint_trimmed(patch: Patch) -> None:
    """Blanks around a hint are stripped, as of any form field."""
    _each(patch, str.strip)


@fault("HINT-5")
def hint_normalised(patch: Patch) -> None:
    """Hints are brought to Unicode's normal form, which the verifier does not do with a `kid` (taxonomy F7)."""
    _each(patch, lambda hint: unicodedata.normalize("NFC", hint))


@fault("HINT-5")
def hint_escaped_for_html(patch: Patch) -> None:
    """Hints are escaped for the page that shows them, at the wrong end: in the trail."""
    _each(patch, escape)


@fault("HINT-5")
def hint_percent_decoded(patch: Patch) -> None:
    """Hints are taken for parts of a URL and decoded, so `%61non` becomes the sentinel."""
    _each(patch, unquote)


@fault("HINT-5")
def azp_stands_in_for_the_client(patch: Patch) -> None:
    """An access token without `client_id` is put down to its `azp`, a member of ID tokens (taxonomy F4)."""
    _reread(patch, lambda read, _: read if read.client_id is not None else replace(read, client_id=read.azp))


@fault("HINT-5")
def unreadable_octets_replaced(patch: Patch) -> None:
    """Octets that are no UTF-8 become replacement characters: the hint is a text that no token held (taxonomy C7)."""

    def reading(read: Hints, octets: bytes) -> Hints:
        try:
            text = decode_segment(octets.split(b".")[1]).decode("utf-8", "replace")
            return replace(read, client_id=json.loads(text)["client_id"], azp=json.loads(text).get("azp"))
        except (ValueError, LookupError, TypeError, RecursionError):
            return read

    _reread(patch, reading)


# --- HINT-6: bounds


def _cut(patch: Patch, shorten: Callable[[str, bytes], str | None]) -> None:
    """Have hints over 64 octets shortened by this in place of the way that is due."""

    def binding(bind: Any) -> Any:
        def bound_otherwise(hint: object) -> Any:
            bounded = bind(hint)
            return bounded if bounded is None or bounded == hint else shorten(str(hint), str(hint).encode())

        return bound_otherwise

    patch.wrap(events, "bound", binding)


def _digest(octets: bytes) -> str:
    return urlsafe_b64encode(sha256(octets).digest()).rstrip(b"=").decode()


@fault("HINT-6")
def bound_of_characters(patch: Patch) -> None:
    """64 characters are kept, four times as many octets where the script is another."""
    _cut(patch, lambda hint, octets: hint if len(hint) <= 64 else f"{hint[:64]}~{_digest(octets)}")


@fault("HINT-6")
def bound_of_63_octets(patch: Patch) -> None:
    """A hint of exactly 64 octets is cut, one too early."""
    patch(hints, "MAX_HINT", 63)


@fault("HINT-6")
def long_hint_cut_without_mark(patch: Patch) -> None:
    """A long hint is cut and nothing more, so it equals a short one, and all that begin alike share a bucket (W7)."""
    _cut(patch, lambda _, octets: octets[:64].decode("utf-8", "ignore"))


@fault("HINT-6")
def digest_of_what_was_kept(patch: Patch) -> None:
    """The digest is taken of the part that is kept, so it tells nothing apart."""
    _cut(patch, lambda _, octets: f"{octets[:64].decode('utf-8', 'ignore')}~{_digest(octets[:64])}")


@fault("HINT-6")
def hint_cut_inside_a_character(patch: Patch) -> None:
    """A long hint is cut at 64 octets even inside a character, and the torn one is replaced."""
    _cut(patch, lambda _, octets: f"{octets[:64].decode('utf-8', 'replace')}~{_digest(octets)}")


@fault("HINT-6")
def long_hint_left_out(patch: Patch) -> None:
    """A hint that is too long is dropped, so whoever wants to be nobody makes it long."""
    _cut(patch, lambda _hint, _octets: None)


@fault("HINT-6")
def empty_hint_kept(patch: Patch) -> None:
    """An empty hint counts as a name: the slip of asking for None where the truth of the text was meant (W6)."""
    patch.wrap(events, "bound", lambda bind: lambda hint: "" if hint == "" else bind(hint))


@fault("HINT-6")
def numbers_are_hints(patch: Patch) -> None:
    """A number is turned into text, so 1 and "1" are one client (taxonomy H4)."""
    patch.wrap(events, "bound", lambda bind: lambda hint: bind(str(hint) if type(hint) is int else hint))


# --- HINT-7 and HINT-8


@fault("HINT-7")
def last_audience_is_the_hint(patch: Patch) -> None:
    """The last element of the audience is reported in place of the first."""

    def reading(read: Hints, octets: bytes) -> Hints:
        aud = _members(octets, 1).get("aud")
        return replace(read, aud=aud[-1]) if isinstance(aud, list) and aud else read

    _reread(patch, reading)


@fault("HINT-7")
def first_text_in_the_audience_is_the_hint(patch: Patch) -> None:
    """Elements of the audience that are no text are passed over until one is."""

    def reading(read: Hints, octets: bytes) -> Hints:
        aud = _members(octets, 1).get("aud")
        return replace(read, aud=next(filter(_is_text, aud), None)) if isinstance(aud, list) else read

    _reread(patch, reading)


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


# --- SRC-1 and SRC-2: the form


def _joined(*parts: str) -> str:
    return "::".join(parts)


@fault("SRC-1")
def kid_before_client(patch: Patch) -> None:
    """The two parts of an access token's source id change places."""
    patch(events, "compose", lambda client, kid: _joined(_part(kid, "nokid"), _part(client, "anon")))


@fault("SRC-1")
def missing_kid_left_out(patch: Patch) -> None:
    """Without a kid the source id is the client alone, so every pattern over `::nokid` finds nothing."""
    patch(events, "compose", lambda client, kid: sources.compose(client, kid).removesuffix("::nokid"))


@fault("SRC-1")
def one_colon_between_client_and_kid(patch: Patch) -> None:
    """Client and kid are joined by one colon in place of two."""
    patch(events, "compose", lambda client, kid: f"{_part(client, 'anon')}:{_part(kid, 'nokid')}")


@fault("SRC-2")
def audience_left_out_of_the_source(patch: Patch) -> None:
    """An ID token's source id is composed like an access token's, so all relying parties share a bucket."""
    patch(events, "compose_id_token", lambda azp, _aud, kid: sources.compose(azp, kid))


@fault("SRC-2")
def audience_behind_the_kid(patch: Patch) -> None:
    """The audience was added to the source id at its end."""
    patch(events, "compose_id_token", lambda azp, aud, kid: _joined(sources.compose(azp, kid), _part(aud, "noaud")))


@fault("SRC-2")
def missing_audience_is_anonymous(patch: Patch) -> None:
    """One sentinel serves for the client and for the audience."""
    patch(sources, "NO_AUDIENCE", "anon")


# --- SRC-3: injective


def _encoded(patch: Patch, encode: Callable[[str, str], str]) -> None:
    """Have a hint that is there encoded by this, which is given the sentinel of its position too."""
    patch(sources, "_part", lambda hint, sentinel: sentinel if hint is None else encode(hint, sentinel))


@fault("SRC-3")
def hints_joined_as_they_are(patch: Patch) -> None:
    """Hints are joined without any encoding, so `a::b` with `c` is `a` with `b::c` (W5, CVE-2025-59936)."""
    _encoded(patch, lambda hint, _: hint)


@fault("SRC-3")
def separator_in_a_kid_left_alone(patch: Patch) -> None:
    """The separator is encoded in the client and forgotten in the kid (W5)."""
    _encoded(patch, lambda hint, own: _part(hint, own).replace("%3A", ":") if own == "nokid" else _part(hint, own))


@fault("SRC-3")
def only_double_colons_encoded(patch: Patch) -> None:
    """Two colons are encoded and one is not, so a name that ends in one moves the separator."""
    _encoded(patch, lambda hint, own: "%3A%3A".join(_with_colons(_part(hint, own).split("%3A%3A"))))


def _with_colons(texts: list[str]) -> list[str]:
    return [text.replace("%3A", ":") for text in texts]


@fault("SRC-3")
def percent_sign_not_encoded(patch: Patch) -> None:
    """Everything unsafe is encoded but the sign that encodes it, so `%3A` is a colon's double."""
    _encoded(patch, lambda hint, own: _part(hint, own).replace("%25", "%"))


@fault("SRC-3")
def lower_case_hex(patch: Patch) -> None:
    """Octets are written as `%3a`: the same source has two names on two systems."""
    _encoded(patch, lambda hint, own: "".join(_lowered(_part(hint, own))))


def _lowered(part: str) -> list[str]:
    first, *rest = part.split("%")
    return [first, *(f"%{one[:2].lower()}{one[2:]}" for one in rest)]


@fault("SRC-3")
def sentinels_not_encoded(patch: Patch) -> None:
    """A client called `anon` is the one without a name (W5)."""
    patch(sources, "_SENTINELS", frozenset())


@fault("SRC-3")
def sentinel_encoded_in_its_own_place_only(patch: Patch) -> None:
    """A name that spells another position's sentinel is left alone, so one text has two ways to be written."""
    _encoded(patch, lambda hint, own: hint if hint in {"anon", "noaud", "nokid"} - {own} else _part(hint, own))


@fault("SRC-3")
def blank_written_as_plus(patch: Patch) -> None:
    """Form encoding is used, where a blank becomes the plus sign that other names really have."""
    _encoded(patch, lambda hint, own: _part(hint, own).replace("%20", "+"))


@fault("SRC-3")
def source_in_lower_case(patch: Patch) -> None:
    """Source ids are folded to lower case as keys of a store, so `App` and `app` share a bucket (taxonomy H5)."""
    _encoded(patch, lambda hint, own: _part(hint.lower(), own))


# --- SRC-4 and SRC-6


def _recomposed(patch: Patch, compose: Callable[[Hints], str]) -> None:
    """Have the source id of an access token composed from the hints as they were read."""

    def building(build: Any) -> Any:
        def build_and_recompose(kind: Any, occurred_at: float, said: Hints, metadata: Any) -> VerifyFailureEvent:
            event: VerifyFailureEvent = build(kind, occurred_at, said, metadata)
            return replace(event, source_id=compose(said))

        return staticmethod(build_and_recompose)

    patch.wrap(VerifyFailureEvent, "from_hints", building)


def _text_or_none(hint: object) -> str | None:
    return hint if isinstance(hint, str) and hint else None


@fault("SRC-4")
def source_composed_before_the_cut(patch: Patch) -> None:
    """The source id is composed from the whole hints and the event holds the cut ones (W13)."""
    _recomposed(patch, lambda said: sources.compose(_text_or_none(said.client_id), _text_or_none(said.kid)))


@fault("SRC-4")
def source_knows_more_than_the_event(patch: Patch) -> None:
    """A token without `client_id` is put down to its audience in the source id alone, where nobody can follow."""
    _recomposed(patch, lambda said: sources.compose(bound(said.client_id) or bound(said.aud), bound(said.kid)))


@fault("SRC-6")
def letters_of_every_script_kept(patch: Patch) -> None:
    """What Unicode calls a letter is safe, so the source id is not ASCII."""
    _encoded(patch, lambda hint, own: "".join(one if one.isalpha() else _part(one, own) for one in hint))


@fault("SRC-6")
def only_separator_and_percent_encoded(patch: Patch) -> None:
    """What composing needs is encoded and nothing more, so line feeds and escapes stay in the source id (W7)."""
    _encoded(patch, lambda hint, own: _part(hint, own) if hint.isascii() and hint.isprintable() else _plainly(hint))


def _plainly(hint: str) -> str:
    return hint.replace("%", "%25").replace(":", "%3A")


# --- SRC-5: a bounded number of buckets


@fault("SRC-5")
def buckets_without_a_cap(patch: Patch) -> None:
    """Every source gets a bucket, and nothing ever goes: the memory limiter of the seed's system (W2)."""
    patch(Limiter, "_has_room", lambda _: True)


@fault("SRC-5")
def buckets_bounded_by_age_alone(patch: Patch) -> None:
    """Buckets that are full again go, but there is no cap: within a window a flood makes as many as it likes."""

    def place(self: Any, key: object) -> object:
        self._evict()
        return key

    patch(Limiter, "_place", place)


@fault("SRC-5")
def overflow_in_shards(patch: Patch) -> None:
    """What finds no room is spread over overflow buckets by a digest of its name, and those are not counted."""
    _placed(patch, lambda key: f"{_OVERFLOW}-{sha256(str(key).encode()).hexdigest()[:3]}")


@fault("SRC-5")
def overflow_keeps_the_name(patch: Patch) -> None:
    """The overflow bucket is keyed with the name that did not fit, so it is one bucket for each."""
    _placed(patch, lambda key: (_OVERFLOW, key))


def _placed(patch: Patch, overflow: Callable[[object], object]) -> None:
    def placing(place: Any) -> Any:
        return lambda self, key: overflow(key) if (found := place(self, key)) == _OVERFLOW else found

    patch.wrap(Limiter, "_place", placing)


@fault("SRC-5")
def bucket_for_each_kind(patch: Patch) -> None:
    """Buckets are kept by source and kind, so the cap on registered ones is multiplied."""
    patch.wrap(
        VerifyFailureEvent, "rate_limit_key", lambda key: lambda self, peer=None: (key(self, peer), self.kind.of)
    )


@fault("SRC-5")
def any_kid_of_a_registered_client_is_registered(patch: Patch) -> None:
    """A source is registered by its client alone, so forged kids under a known client make reserved buckets (W1)."""
    patch.wrap(Registered, "__contains__", lambda known: lambda self, event: known(self, replace(event, kid_hint=None)))


@fault("SRC-5")
def source_without_a_client_is_registered(patch: Patch) -> None:
    """Whoever names no client is the anonymous source, which is reserved, whatever kid comes with it (W1, W4)."""
    patch.wrap(
        Registered, "__contains__", lambda due: lambda self, event: event.client_id_hint is None or due(self, event)
    )


@fault("SRC-5", equivalent="whether the buckets that all share are counted is left open, so one more is one of those")
def one_bucket_beyond_the_cap(patch: Patch) -> None:
    """One stranger more than the cap has a bucket, by `<=` in place of `<`."""
    patch(Limiter, "_has_room", lambda self: len(self._strangers.keys() - {_OVERFLOW}) <= self._limits.sources)
