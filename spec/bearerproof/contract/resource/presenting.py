"""How a token is put into a request, and why one cannot be: what HTTP carries, and what it changes on the way."""

import re
from urllib.parse import quote

from bearerproof.contract.http.wire import Headers, Sent, Unsendable
from bearerproof.contract.resource.resourceserver import ResourceServer, place

AGENT = ("User-Agent", "bearerproof (conformance test of a resource server)")


def written(server: ResourceServer, token: str | bytes | None) -> Sent:
    """Return the request of a resource server with this token in its place; None: without any.

    Raises:
        Unsendable: the token would not arrive as it is.
    """
    path, headers = server.path, (AGENT, *server.headers)
    if token is not None:
        path, headers = _with(server, token, path, headers)
    return Sent(server.method, path, headers, server.body.encode())


def _with(server: ResourceServer, token: str | bytes, path: str, headers: Headers) -> tuple[str, Headers]:
    octets = token if isinstance(token, bytes) else token.encode("utf-8", "surrogatepass")
    kind = place(server.token)
    if kind == "query":
        name = server.token[1:].partition("=")[0]
        return f"{path}{'&' if '?' in path else '?'}{name}={quote(octets, safe='')}", headers
    name, _, template = server.token.partition(": ")
    _refuse(octets, cookie=kind == "cookie", alone=template == "{token}")
    return path, (*headers, (name, template.replace("{token}", octets.decode("latin-1"))))


def _refuse(octets: bytes, *, cookie: bool, alone: bool) -> None:
    if not octets:
        raise Unsendable("without a token it is a request without credentials")
    if _CONTROL.search(octets) is not None:
        raise Unsendable("a control character cannot stand in a field (RFC 9110 §5.5)")
    if octets != octets.strip(b" \t"):
        raise Unsendable("a blank at the end of a credential is no part of it (RFC 9110 §5.5, §11.4)")
    if cookie and _NO_COOKIE.search(octets) is not None:
        raise Unsendable("a cookie cannot carry one of its characters (RFC 6265 §4.1.1)")
    if alone and b"," in octets:
        raise Unsendable("a comma parts two values of a field (RFC 9110 §5.3)")


_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_NO_COOKIE = re.compile(rb"[^\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]")
