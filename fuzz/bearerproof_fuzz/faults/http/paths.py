"""Faults in paths and methods (HTTP-14)."""

import re
from collections.abc import Callable
from posixpath import normpath
from urllib.parse import unquote

from bearerproof_fuzz.faults.http.binding import Answer, Sent, answering, asking
from bearerproof_fuzz.faults.registry import Patch, fault


def _routed(patch: Patch, change: Callable[[str], str]) -> None:
    """Have the path changed before it is matched."""

    def change_path(sent: Sent) -> None:
        path, mark, query = sent.path.partition("?")
        sent.path = change(path) + mark + query

    asking(patch, change_path)


@fault("HTTP-14")
def path_is_decoded_first(patch: Patch) -> None:
    """Paths are matched after decoding, so an encoded slash separates."""
    _routed(patch, lambda path: unquote(path) if re.fullmatch(r"/[!-~]*", unquote(path)) else path)


@fault("HTTP-14")
def slash_at_the_end_is_dropped(patch: Patch) -> None:
    """A slash at the end is dropped, which a filter in front may not do."""
    _routed(patch, lambda path: path.rstrip("/") or "/")


@fault("HTTP-14")
def slashes_are_merged(patch: Patch) -> None:
    """Empty segments are dropped, so //auth/token passes a rule for /auth/ and arrives there."""
    _routed(patch, lambda path: re.sub("/+", "/", path))


@fault("HTTP-14")
def dots_are_resolved(patch: Patch) -> None:
    """Dot segments are resolved behind the filter, so /health/../resource is public for it (CWE-22)."""
    _routed(patch, lambda path: normpath(path) if "/." in path else path)


@fault("HTTP-14")
def encoded_dots_are_resolved(patch: Patch) -> None:
    """Dot segments are resolved after decoding (CWE-22)."""
    _routed(patch, lambda path: normpath(path.replace("%2e", ".")) if "%2e" in path else path)


@fault("HTTP-14")
def paths_in_any_case(patch: Patch) -> None:
    """Paths are compared without regard to case, as the file system would."""
    _routed(patch, lambda path: path.lower() if path.lower() == "/auth/token" else path)


@fault("HTTP-14")
def paths_by_prefix(patch: Patch) -> None:
    """Paths are matched by their beginning, and /auth/tokenx is the token endpoint."""
    _routed(patch, lambda path: "/auth/token" if path.startswith("/auth/token") and path[11:12] not in "/s" else path)


@fault("HTTP-14")
def path_parameters_are_dropped(patch: Patch) -> None:
    """What follows a semicolon is dropped, as servlets do, and a filter in front sees another path."""
    _routed(patch, lambda path: re.sub(r";[^/]*", "", path))


@fault("HTTP-14")
def longer_paths_are_resources_too(patch: Patch) -> None:
    """The last parameter of the path takes all that follows, and only its first segment is looked at."""
    _routed(patch, lambda path: "/".join(path.split("/")[:4]) if path.startswith("/resource/") else path)


@fault("HTTP-14")
def path_ends_at_a_nul(patch: Patch) -> None:
    """A library in C ends the path at an encoded NUL."""
    _routed(patch, lambda path: path.partition("%00")[0])


# --- methods


@fault("HTTP-14")
def other_methods_are_not_found(patch: Patch) -> None:
    """A method that there is not at a path is answered with 404."""
    _not_allowed(patch, lambda answer: setattr(answer, "status", 404))


def _not_allowed(patch: Patch, change: Callable[[Answer], None]) -> None:
    def change_answer(answer: Answer) -> None:
        if answer.status == 405:
            change(answer)

    answering(patch, change_answer)


@fault("HTTP-14")
def no_allow(patch: Patch) -> None:
    """405 does not say which methods there are (RFC 9110 §15.5.6)."""
    _not_allowed(patch, lambda answer: answer.drop("allow"))


@fault("HTTP-14")
def allow_names_every_method(patch: Patch) -> None:
    """The header Allow is a constant that names methods which the path has not."""
    _not_allowed(patch, lambda answer: answer.put("allow", "GET, POST, PUT, PATCH, DELETE"))


@fault("HTTP-14")
def methods_in_any_case(patch: Patch) -> None:
    """Methods are made upper case first, and a filter that knows DELETE lets delete through."""
    asking(patch, lambda sent: setattr(sent, "method", sent.method.upper()))


@fault("HTTP-14")
def method_overridden_by_a_field(patch: Patch) -> None:
    """A field names the method that is meant, for clients that know only two of them."""

    def override(sent: Sent) -> None:
        for value in sent.values("x-http-method-override"):
            sent.method = value

    asking(patch, override)


@fault("HTTP-14")
def method_overridden_by_a_parameter(patch: Patch) -> None:
    """A parameter names the method that is meant, so a form on another site can delete."""

    def override(sent: Sent) -> None:
        if sent.method == "POST" and b"_method=DELETE" in sent.body + sent.path.encode():
            sent.method, sent.path, sent.body = "DELETE", sent.path.partition("?")[0], b""

    asking(patch, override)


@fault("HTTP-14")
def unknown_methods_fall_through(patch: Patch) -> None:
    """A method that nobody thought of reaches the handler of the only one that there is."""

    def fall_through(sent: Sent) -> None:
        if sent.method not in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"):
            sent.method = "GET" if sent.path.startswith("/resource/") else sent.method

    asking(patch, fall_through)


@fault("HTTP-14")
def head_needs_no_bearer(patch: Patch) -> None:
    """HEAD is answered before authentication, since it has no body to protect."""

    def answer_head(answer: Answer) -> None:
        if answer.method == "HEAD" and answer.path.startswith("/resource/"):
            answer.status = 200

    answering(patch, answer_head)
