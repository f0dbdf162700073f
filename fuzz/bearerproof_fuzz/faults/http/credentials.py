"""Faults in how credentials are read over HTTP (HTTP-9, HTTP-13, HTTP-17)."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote

from bearerproof_fuzz.faults.http.binding import Answer, Sent, answering, asking
from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_reference.deployment import httprequest
from bearerproof_reference.deployment.httprequest import FORM


def _one_of(patch: Patch, choose: Callable[[list[str]], str]) -> None:
    """Have one of several Authorization fields chosen."""

    def drop_others(sent: Sent) -> None:
        values = sent.values("authorization")
        if len(values) > 1:
            sent.put("Authorization", choose(values))

    asking(patch, drop_others)


@fault("HTTP-9")
def first_header_counts(patch: Patch) -> None:
    """Of two fields the first one counts, while the proxy in front has checked the last (CWE-436)."""
    _one_of(patch, lambda values: values[0])


@fault("HTTP-9")
def last_header_counts(patch: Patch) -> None:
    """Fields are kept in a dictionary, and the last one stays (CWE-436)."""
    _one_of(patch, lambda values: values[-1])


@fault("HTTP-9")
def bearer_among_headers_counts(patch: Patch) -> None:
    """Of two fields the one of our scheme counts, and the other one is somebody else's."""
    _one_of(patch, lambda values: next((one for one in values if one.lower().startswith("bearer")), values[0]))


@fault("HTTP-9")
def same_header_twice_is_once(patch: Patch) -> None:
    """Equal fields are taken for one that a proxy has doubled."""

    def drop_equal(sent: Sent) -> None:
        if len(set(sent.values("authorization"))) == 1:
            sent.put("Authorization", sent.values("authorization")[0])

    asking(patch, drop_equal)


@fault("HTTP-9")
def joined_header_begins_the_credential(patch: Patch) -> None:
    """A field is cut at its comma, and what stands before it counts."""

    def cut(sent: Sent) -> None:
        for value in sent.values("authorization"):
            sent.put("Authorization", value.partition(",")[0].rstrip())

    asking(patch, cut)


@fault("HTTP-9")
def joined_header_ends_with_the_credential(patch: Patch) -> None:
    """A field is cut at its comma, and what stands behind it counts."""

    def cut(sent: Sent) -> None:
        for value in sent.values("authorization"):
            sent.put("Authorization", value.rpartition(",")[2].lstrip())

    asking(patch, cut)


@fault("HTTP-9")
def joined_header_cut_at_a_semicolon(patch: Patch) -> None:
    """A field is cut where its parameters begin, as one cuts a content type."""

    def cut(sent: Sent) -> None:
        for value in sent.values("authorization"):
            sent.put("Authorization", value.partition(";")[0].rstrip())

    asking(patch, cut)


@fault("HTTP-9")
def query_beside_header_is_ignored(patch: Patch) -> None:
    """A bearer in the query is not looked for, though a server behind may prefer it."""

    def ignore(sent: Sent) -> None:
        if sent.values("authorization") and sent.method == "GET":
            sent.path = sent.path.partition("?")[0]

    asking(patch, ignore)


@fault("HTTP-9")
def encoded_query_beside_header_is_ignored(patch: Patch) -> None:
    """The query is searched for the name before it is decoded."""

    def ignore(sent: Sent) -> None:
        path, _, query = sent.path.partition("?")
        if "%5f" in query.lower():
            sent.path = path

    asking(patch, ignore)


@fault("HTTP-9")
def body_beside_header_is_ignored(patch: Patch) -> None:
    """A bearer in the body is not looked for, since nobody sends one with GET."""

    def ignore(sent: Sent) -> None:
        if sent.values("authorization") and sent.method == "GET":
            sent.body = b""

    asking(patch, ignore)


@fault("HTTP-9")
def two_credentials_are_unauthorized(patch: Patch) -> None:
    """Several credentials are answered as none that is good, with 401."""

    def unauthorize(answer: Answer) -> None:
        if answer.status == 400 and not answer.path.startswith("/auth/token?") and answer.values("www-authenticate"):
            answer.status = 401

    answering(patch, unauthorize)


@fault("HTTP-9")
def administrators_may_have_two(patch: Patch) -> None:
    """Where the admin secret is expected any of the credentials may be it."""

    def choose(sent: Sent) -> None:
        values = sent.values("authorization")
        if sent.method == "DELETE" and len(values) > 1:
            sent.put("Authorization", max(values, key=lambda value: "admin" in value))

    asking(patch, choose)


# --- spellings


def _read(patch: Patch, read: Callable[[str], str | None]) -> None:
    """Have the bearer read out of the field's value by this; None is no credential, "" a malformed one."""
    patch(httprequest, "_bearer", read)


def _behind(value: str, scheme: str) -> str | None:
    """Return what stands behind the scheme and at least one blank."""
    found = re.fullmatch(rf"(?:{scheme}) +(.*)", value)
    return found[1] if found else None


@fault("HTTP-13")
def scheme_in_one_case(patch: Patch) -> None:
    """The scheme is compared letter by letter."""
    _read(patch, lambda value: _behind(value, "Bearer"))


@fault("HTTP-13")
def scheme_in_two_cases(patch: Patch) -> None:
    """The scheme is known in two spellings, and clients use a third."""
    _read(patch, lambda value: _behind(value, "Bearer|bearer"))


@fault("HTTP-13")
def one_blank_exactly(patch: Patch) -> None:
    """One blank is cut off behind the scheme, and a second one is part of the bearer."""
    _read(patch, lambda value: value[7:] if value[:7].lower() == "bearer " else None)


@fault("HTTP-13")
def any_white_space(patch: Patch) -> None:
    """The field is split at white space of any kind, tabs and worse."""
    _read(patch, lambda value: value[6:].strip() if value[:6].lower() == "bearer" and value[6:7].isspace() else None)


@fault("HTTP-13")
def second_word_is_the_bearer(patch: Patch) -> None:
    """The field is split into words, and the second one is taken whatever follows."""
    _read(patch, lambda value: [*value.split(" "), ""][1] if value[:7].lower() == "bearer " else None)


@fault("HTTP-13")
def last_word_is_the_bearer(patch: Patch) -> None:
    """What stands behind the last blank is taken, whatever comes before."""
    _read(patch, lambda value: value.rpartition(" ")[2] if value[:7].lower() == "bearer " else None)


@fault("HTTP-13")
def scheme_is_optional(patch: Patch) -> None:
    """A field without the scheme is taken for a bare bearer."""
    _read(patch, lambda value: value[7:].lstrip() if value[:7].lower() == "bearer " else value)


@fault("HTTP-13")
def scheme_by_its_beginning(patch: Patch) -> None:
    """The scheme is matched from its beginning, and what follows up to the blank is not looked at."""
    _read(patch, lambda value: value.partition(" ")[2].lstrip() if value[:6].lower() == "bearer" else None)


@fault("HTTP-13")
def any_scheme(patch: Patch) -> None:
    """Whatever the scheme, the word behind it is the bearer."""
    _read(patch, lambda value: value.partition(" ")[2].lstrip())


@fault("HTTP-13")
def quotes_are_taken_off(patch: Patch) -> None:
    """Quotes around the bearer are taken off, as around a parameter."""
    _read(patch, lambda value: value[7:].lstrip().strip("\"'") if value[:7].lower() == "bearer " else None)


@fault("HTTP-13")
def bearer_is_decoded(patch: Patch) -> None:
    """The bearer is percent-decoded, as one from a query would be."""
    _read(patch, lambda value: unquote(value[7:].lstrip()) if value[:7].lower() == "bearer " else None)


@fault("HTTP-13")
def padding_is_taken_off(patch: Patch) -> None:
    """Signs that base64 ends with, or a comma, are taken off the bearer."""
    _read(patch, lambda value: value[7:].lstrip().rstrip("=,;") if value[:7].lower() == "bearer " else None)


@fault("HTTP-13")
def octets_beyond_ascii_are_dropped(patch: Patch) -> None:
    """What cannot be written in ASCII is dropped from the field before it is read."""

    def to_ascii(read: Any, value: str) -> Any:
        return read(value.encode("ascii", "ignore").decode())

    patch.wrap(httprequest, "_bearer", to_ascii)


# --- elsewhere


def _taken(patch: Patch, find: Callable[[Sent], str | None]) -> None:
    """Have a bearer that is found elsewhere put where it belongs."""

    def take(sent: Sent) -> None:
        found = find(sent)
        if found and not sent.values("authorization"):
            sent.put("Authorization", f"Bearer {found}")
            sent.path, sent.body = sent.path.partition("?")[0], b""

    asking(patch, take)


@fault("HTTP-17")
def bearer_in_the_query_is_taken(patch: Patch) -> None:
    """A bearer in the query is taken, for clients that cannot set fields (CWE-598)."""
    _taken(patch, lambda sent: dict(parse_qsl(sent.path.partition("?")[2])).get("access_token"))


@fault("HTTP-17")
def token_in_the_query_is_taken(patch: Patch) -> None:
    """A bearer in the query is taken under a name of the server's own."""
    _taken(patch, lambda sent: dict(parse_qsl(sent.path.partition("?")[2])).get("token"))


@fault("HTTP-17")
def bearer_in_the_body_is_taken(patch: Patch) -> None:
    """A bearer in a form is taken, which a page of another site can send."""
    _taken(patch, lambda sent: (
        dict(parse_qsl(sent.body.decode("latin-1"))).get("access_token")
        if FORM in sent.values("content-type") and sent.method == "GET" else None
    ))  # fmt: skip


@fault("HTTP-17")
def bearer_in_a_cookie_is_taken(patch: Patch) -> None:
    """A bearer in a cookie is taken, which browsers send for any page that asks."""
    _taken(patch, lambda sent: next(iter(re.findall(r"access_token=([^;]+)", "".join(sent.values("cookie")))), None))


@fault("HTTP-17")
def bearer_in_a_field_of_its_own_is_taken(patch: Patch) -> None:
    """A field beside Authorization is taken, which no filter in front looks at."""
    _taken(patch, lambda sent: next(iter(sent.values("x-access-token")), None))


@fault("HTTP-17")
def admin_secret_in_the_query_is_taken(patch: Patch) -> None:
    """The admin secret is taken from the query, and stands in the log of every proxy."""
    _taken(patch, lambda sent: (
        dict(parse_qsl(sent.path.partition("?")[2])).get("admin_secret") if sent.method == "DELETE" else None
    ))  # fmt: skip
