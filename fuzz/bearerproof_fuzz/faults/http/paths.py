"""Faults in paths and methods (HTTP-14)."""

import re
from collections.abc import Callable
from posixpath import normpath
from urllib.parse import unquote

from bearerproof_fuzz.faults.http.binding import Answer, Sent, answering, answering_with, asking
from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by


@helper_by(asking)
def _routed(change: Callable[[str], str], sent: Sent) -> None:
    """Have the path changed before it is matched."""
    path, mark, query = sent.path.partition("?")
    sent.path = change(path) + mark + query


_ROUTED: Rows[Callable[[str], str]] = {
    "path-is-decoded-first": (
        "Paths are matched after decoding, so an encoded slash separates.",
        lambda path: unquote(path) if re.fullmatch(r"/[!-~]*", unquote(path)) else path,
    ),
    "slash-at-the-end-is-dropped": (
        "A slash at the end is dropped, which a filter in front may not do.",
        lambda path: path.rstrip("/") or "/",
    ),
    "slashes-are-merged": (
        "Empty segments are dropped, so //auth/token passes a rule for /auth/ and arrives there.",
        lambda path: re.sub("/+", "/", path),
    ),
    "dots-are-resolved": (
        "Dot segments are resolved behind the filter, so /health/../resource is public for it (CWE-22).",
        lambda path: normpath(path) if "/." in path else path,
    ),
    "encoded-dots-are-resolved": (
        "Dot segments are resolved after decoding (CWE-22).",
        lambda path: normpath(path.replace("%2e", ".")) if "%2e" in path else path,
    ),
    "paths-in-any-case": (
        "Paths are compared without regard to case, as the file system would.",
        lambda path: path.lower() if path.lower() == "/auth/token" else path,
    ),
    "paths-by-prefix": (
        "Paths are matched by their beginning, and /auth/tokenx is the token endpoint.",
        lambda path: "/auth/token" if path.startswith("/auth/token") and path[11:12] not in "/s" else path,
    ),
    "path-parameters-are-dropped": (
        "What follows a semicolon is dropped, as servlets do, and a filter in front sees another path.",
        lambda path: re.sub(r";[^/]*", "", path),
    ),
    "longer-paths-are-resources-too": (
        "The last parameter of the path takes all that follows, and only its first segment is looked at.",
        lambda path: "/".join(path.split("/")[:4]) if path.startswith("/resource/") else path,
    ),
    "path-ends-at-a-nul": ("A library in C ends the path at an encoded NUL.", lambda path: path.partition("%00")[0]),
}
faults_for("HTTP-14", _routed, _ROUTED)


# --- methods


_NOT_ALLOWED: Rows[Callable[[Answer], None]] = {
    "other-methods-are-not-found": (
        "A method that there is not at a path is answered with 404.",
        lambda answer: setattr(answer, "status", 404),
    ),
    "no-allow": ("405 does not say which methods there are (RFC 9110 §15.5.6).", lambda answer: answer.drop("allow")),
    "allow-names-every-method": (
        "The header Allow is a constant that names methods which the path has not.",
        lambda answer: answer.put("allow", "GET, POST, PUT, PATCH, DELETE"),
    ),
}
faults_for("HTTP-14", answering_with(405), _NOT_ALLOWED)


@fault("HTTP-14")
def methods_in_any_case(patch: Patch) -> None:
    """Methods are made upper case first, and a filter that knows DELETE lets delete through."""
    asking(patch, lambda sent: setattr(sent, "method", sent.method.upper()))


@fault_by("HTTP-14", asking)
def method_overridden_by_a_field(sent: Sent) -> None:
    """A field names the method that is meant, for clients that know only two of them."""
    for value in sent.values("x-http-method-override"):
        sent.method = value


@fault_by("HTTP-14", asking)
def method_overridden_by_a_parameter(sent: Sent) -> None:
    """A parameter names the method that is meant, so a form on another site can delete."""
    if sent.method == "POST" and b"_method=DELETE" in sent.body + sent.path.encode():
        sent.method, sent.path, sent.body = "DELETE", sent.path.partition("?")[0], b""


@fault_by("HTTP-14", asking)
def unknown_methods_fall_through(sent: Sent) -> None:
    """A method that nobody thought of reaches the handler of the only one that there is."""
    if sent.method not in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"):
        sent.method = "GET" if sent.path.startswith("/resource/") else sent.method


@fault_by("HTTP-14", answering)
def head_needs_no_bearer(answer: Answer) -> None:
    """HEAD is answered before authentication, since it has no body to protect."""
    if answer.method == "HEAD" and answer.path.startswith("/resource/"):
        answer.status = 200
