"""Faults in how credentials are read over HTTP (HTTP-9, HTTP-13, HTTP-17)."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote

from bearerproof_fuzz.faults.http.binding import Answer, Sent, answering, asking
from bearerproof_fuzz.faults.registry import Patch, Rows, fault_by, faults_for, helper_by
from bearerproof_reference.deployment import httprequest
from bearerproof_reference.deployment.httprequest import FORM


@helper_by(asking)
def _one_of(choose: Callable[[list[str]], str], sent: Sent) -> None:
    """Have one of several Authorization fields chosen."""
    values = sent.values("authorization")
    if len(values) > 1:
        sent.put("Authorization", choose(values))


_ONE_OF: Rows[Callable[[list[str]], str]] = {
    "first-header-counts": (
        "Of two fields the first one counts, while the proxy in front has checked the last (CWE-436).",
        lambda values: values[0],
    ),
    "last-header-counts": (
        "Fields are kept in a dictionary, and the last one stays (CWE-436).",
        lambda values: values[-1],
    ),
    "bearer-among-headers-counts": (
        "Of two fields the one of our scheme counts, and the other one is somebody else's.",
        lambda values: next((value for value in values if value.lower().startswith("bearer")), values[0]),
    ),
}
faults_for("HTTP-9", _one_of, _ONE_OF)


@fault_by("HTTP-9", asking)
def same_header_twice_is_once(sent: Sent) -> None:
    """Equal fields are taken for one that a proxy has doubled."""
    if len(set(sent.values("authorization"))) == 1:
        sent.put("Authorization", sent.values("authorization")[0])


@fault_by("HTTP-9", asking)
def joined_header_begins_the_credential(sent: Sent) -> None:
    """A field is cut at its comma, and what stands before it counts."""
    for value in sent.values("authorization"):
        sent.put("Authorization", value.partition(",")[0].rstrip())


@fault_by("HTTP-9", asking)
def joined_header_ends_with_the_credential(sent: Sent) -> None:
    """A field is cut at its comma, and what stands behind it counts."""
    for value in sent.values("authorization"):
        sent.put("Authorization", value.rpartition(",")[2].lstrip())


@fault_by("HTTP-9", asking)
def joined_header_cut_at_a_semicolon(sent: Sent) -> None:
    """A field is cut where its parameters begin, as one cuts a content type."""
    for value in sent.values("authorization"):
        sent.put("Authorization", value.partition(";")[0].rstrip())


@fault_by("HTTP-9", asking)
def query_beside_header_is_ignored(sent: Sent) -> None:
    """A bearer in the query is not looked for, though a server behind may prefer it."""
    if sent.values("authorization") and sent.method == "GET":
        sent.path = sent.path.partition("?")[0]


@fault_by("HTTP-9", asking)
def encoded_query_beside_header_is_ignored(sent: Sent) -> None:
    """The query is searched for the name before it is decoded."""
    path, _, query = sent.path.partition("?")
    if "%5f" in query.lower():
        sent.path = path


@fault_by("HTTP-9", asking)
def body_beside_header_is_ignored(sent: Sent) -> None:
    """A bearer in the body is not looked for, since nobody sends one with GET."""
    if sent.values("authorization") and sent.method == "GET":
        sent.body = b""


@fault_by("HTTP-9", answering)
def two_credentials_are_unauthorized(answer: Answer) -> None:
    """Several credentials are answered as none that is good, with 401."""
    if answer.status == 400 and not answer.path.startswith("/auth/token?") and answer.values("www-authenticate"):
        answer.status = 401


@fault_by("HTTP-9", asking)
def administrators_may_have_two(sent: Sent) -> None:
    """Where the admin secret is expected any of the credentials may be it."""
    values = sent.values("authorization")
    if sent.method == "DELETE" and len(values) > 1:
        sent.put("Authorization", max(values, key=lambda value: "admin" in value))


# --- spellings


def _read(patch: Patch, read: Callable[[str], str | None]) -> None:
    """Have the bearer read out of the field's value by this; None is no credential, "" a malformed one."""
    patch(httprequest, "_bearer", read)


def _behind(value: str, scheme: str) -> str | None:
    """Return what stands behind the scheme and at least one blank."""
    found = re.fullmatch(rf"(?:{scheme}) +(.*)", value)
    return found[1] if found else None


_READ: Rows[Callable[[str], str | None]] = {
    "scheme-in-one-case": ("The scheme is compared letter by letter.", lambda value: _behind(value, "Bearer")),
    "scheme-in-two-cases": (
        "The scheme is known in two spellings, and clients use a third.",
        lambda value: _behind(value, "Bearer|bearer"),
    ),
    "one-blank-exactly": (
        "One blank is cut off behind the scheme, and a second one is part of the bearer.",
        lambda value: value[7:] if value[:7].lower() == "bearer " else None,
    ),
    "any-white-space": (
        "The field is split at white space of any kind, tabs and worse.",
        lambda value: value[6:].strip() if value[:6].lower() == "bearer" and value[6:7].isspace() else None,
    ),
    "second-word-is-the-bearer": (
        "The field is split into words, and the second one is taken whatever follows.",
        lambda value: [*value.split(" "), ""][1] if value[:7].lower() == "bearer " else None,
    ),
    "last-word-is-the-bearer": (
        "What stands behind the last blank is taken, whatever comes before.",
        lambda value: value.rpartition(" ")[2] if value[:7].lower() == "bearer " else None,
    ),
    "scheme-is-optional": (
        "A field without the scheme is taken for a bare bearer.",
        lambda value: value[7:].lstrip() if value[:7].lower() == "bearer " else value,
    ),
    "scheme-by-its-beginning": (
        "The scheme is matched from its beginning, and what follows up to the blank is not looked at.",
        lambda value: value.partition(" ")[2].lstrip() if value[:6].lower() == "bearer" else None,
    ),
    "any-scheme": (
        "Whatever the scheme, the word behind it is the bearer.",
        lambda value: value.partition(" ")[2].lstrip(),
    ),
    "quotes-are-taken-off": (
        "Quotes around the bearer are taken off, as around a parameter.",
        lambda value: value[7:].lstrip().strip("\"'") if value[:7].lower() == "bearer " else None,
    ),
    "bearer-is-decoded": (
        "The bearer is percent-decoded, as one from a query would be.",
        lambda value: unquote(value[7:].lstrip()) if value[:7].lower() == "bearer " else None,
    ),
    "padding-is-taken-off": (
        "Signs that base64 ends with, or a comma, are taken off the bearer.",
        lambda value: value[7:].lstrip().rstrip("=,;") if value[:7].lower() == "bearer " else None,
    ),
}
faults_for("HTTP-13", _read, _READ)


@fault_by("HTTP-13", Patch.wrap, httprequest, "_bearer")
def octets_beyond_ascii_are_dropped(read: Any, value: str) -> Any:
    """What cannot be written in ASCII is dropped from the field before it is read."""
    return read(value.encode("ascii", "ignore").decode())


# --- elsewhere


@helper_by(asking)
def _relocated(find: Callable[[Sent], str | None], sent: Sent) -> None:
    """Have a bearer that is found elsewhere put where it belongs."""
    found = find(sent)
    if found and not sent.values("authorization"):
        sent.put("Authorization", f"Bearer {found}")
        sent.path, sent.body = sent.path.partition("?")[0], b""


_RELOCATED: Rows[Callable[[Sent], str | None]] = {
    "bearer-in-the-query-is-taken": (
        "A bearer in the query is taken, for clients that cannot set fields (CWE-598).",
        lambda sent: dict(parse_qsl(sent.path.partition("?")[2])).get("access_token"),
    ),
    "token-in-the-query-is-taken": (
        "A bearer in the query is taken under a name of the server's own.",
        lambda sent: dict(parse_qsl(sent.path.partition("?")[2])).get("token"),
    ),
    "bearer-in-a-cookie-is-taken": (
        "A bearer in a cookie is taken, which browsers send for any page that asks.",
        lambda sent: next(iter(re.findall(r"access_token=([^;]+)", "".join(sent.values("cookie")))), None),
    ),
    "bearer-in-a-field-of-its-own-is-taken": (
        "A field beside Authorization is taken, which no filter in front looks at.",
        lambda sent: next(iter(sent.values("x-access-token")), None),
    ),
    "admin-secret-in-the-query-is-taken": (
        "The admin secret is taken from the query, and stands in the log of every proxy.",
        lambda sent: (
            dict(parse_qsl(sent.path.partition("?")[2])).get("admin_secret") if sent.method == "DELETE" else None
        ),
    ),
}
faults_for("HTTP-17", _relocated, _RELOCATED)


@fault_by("HTTP-17", _relocated)
def bearer_in_the_body_is_taken(sent: Sent) -> str | None:
    """A bearer in a form is taken, which a page of another site can send."""
    return (
        dict(parse_qsl(sent.body.decode("latin-1"))).get("access_token")
        if FORM in sent.values("content-type") and sent.method == "GET"
        else None
    )
