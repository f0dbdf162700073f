"""What an HTTP request says: its body, its form, the credentials in it, and where it comes from.

All of it is read from the octets that were sent. Whatever could be understood in two ways is understood in none,
for somebody in front may have understood it in the other.
"""

import re
from base64 import b64decode
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import unquote_plus, unquote_to_bytes

from bearerproof_reference.keyserver.server import Caller

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY = 64 * 1024
"""Bytes of a body that are taken."""
FORM = "application/x-www-form-urlencoded"
"""The one media type of a request."""

_UTF_8 = re.compile(r'\s*(charset\s*=\s*("utf-8"|utf-8)\s*)?', re.IGNORECASE)
_ABSOLUTE = re.compile(rb"https?://[^/@]+(?P<path>/.*)?", re.IGNORECASE)
_ENCODED = re.compile(rb"([!-$&-~]|%[0-9A-Fa-f]{2})*")


class BodyTooLarge(Exception):
    """More than ``MAX_BODY`` bytes were sent."""


class ClientGone(Exception):
    """Nobody is there any more to answer to."""


async def read_body(receive: Receive) -> bytes:
    """Return the body, counted as it comes: what the request says of its length is not asked.

    Raises:
        BodyTooLarge: the rest of it is left unread.
        ClientGone: the connection ended first.
    """
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            raise BodyTooLarge
        more = message.get("more_body", False)
    return body


def is_form(scope: Scope) -> bool:
    """Return whether the body is declared to be a form in UTF-8, as it stands: not in another coding, not twice."""
    types, codings = header(scope, b"content-type"), header(scope, b"content-encoding")
    if len(types) != 1 or any(coding.lower() != "identity" for coding in codings):
        return False
    media_type, _, parameters = types[0].partition(";")
    return media_type.strip(" \t").lower() == FORM and _UTF_8.fullmatch(parameters) is not None


def origin_form(target: bytes) -> bytes:
    """Return the path of a request target, which may be a whole URL (RFC 9112 §3.2.2); whose, is nobody's business."""
    absolute = None if target.startswith(b"/") else _ABSOLUTE.fullmatch(target)
    return target if absolute is None else absolute["path"] or b"/"


def parameters(octets: bytes) -> list[tuple[str, str]]:
    """Return the names and values of a query or form in their order, repetitions and all.

    Raises:
        ValueError: it is not form-encoded UTF-8 (RFC 6749 appendix B).
    """
    pairs = (item.partition(b"=") for item in octets.split(b"&") if item)
    return [(_decoded(name), _decoded(value)) for name, _, value in pairs]


def segment(octets: str) -> str:
    """Return the text of a path segment; a slash that was encoded is part of it."""
    return unquote_to_bytes(octets).decode("utf-8", "replace")


def credentials(scope: Scope, body: bytes) -> list[str]:
    """Return the bearers that are presented: none, one, or more than there may be.

    Only the header can present one (RFC 6750 §2.1). An ``access_token`` in query or form is not taken, but beside
    a header it is one too many. Another scheme presents nothing; a malformed bearer is presented as "".
    """
    values = header(scope, b"authorization")
    elsewhere = _access_tokens(scope["query_string"])
    if any(FORM in value.lower() for value in header(scope, b"content-type")):
        elsewhere += _access_tokens(body)
    if values and len(values) + elsewhere > 1:
        return [*values, *[""] * elsewhere]
    return [bearer for bearer in map(_bearer, values) if bearer is not None]


def client(scope: Scope) -> tuple[str, str] | None:
    """Return the id and the secret with which a client authenticates itself (RFC 6749 §2.3.1), if these are one."""
    values = header(scope, b"authorization")
    scheme, _, encoded = values[0].partition(" ") if len(values) == 1 else ("", "", "")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, secret = b64decode(encoded.strip(" "), validate=True).decode().partition(":")
    except ValueError:
        return None
    return (unquote_plus(name), unquote_plus(secret)) if colon else None


def caller(scope: Scope) -> Caller:
    """Return where the request comes from."""
    client = scope.get("client")
    return Caller(client[0] if client else None, ",".join(header(scope, b"x-forwarded-for")) or None)


def header(scope: Scope, name: bytes) -> list[str]:
    """Return the values of a field, each line apart; ``name`` is in lower case."""
    lines: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return [value.decode("latin-1") for key, value in lines if key == name]


def _bearer(value: str) -> str | None:
    """Return the bearer of ``Bearer 1*SP b64token`` (RFC 6750 §2.1), the scheme in any case (RFC 9110 §11.1)."""
    if value[:6].lower() != "bearer":
        return None
    rest = value[6:]
    bearer = rest.lstrip(" ")
    return "" if bearer == rest else bearer


def _access_tokens(octets: bytes) -> int:
    """Return how many parameters would be taken for a bearer by somebody who takes them, and is not strict."""
    items = octets.decode("latin-1").split("&")
    return sum(unquote_plus(item.partition("=")[0]) == "access_token" for item in items)


def _decoded(octets: bytes) -> str:
    if _ENCODED.fullmatch(octets) is None:
        raise ValueError("not form-encoded")
    return unquote_to_bytes(octets.replace(b"+", b" ")).decode("utf-8")
