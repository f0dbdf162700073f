"""Faults in where the resource server takes a token from, and what else leads to the resource."""

import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qs, unquote

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for
from bearerproof_reference.deployment import resource
from bearerproof_reference.deployment.resource import Answer, Request, ResourceServer

Credential = Callable[[Sequence[str]], str | None]


def _reading(patch: Patch, read: Credential) -> None:
    """Read the Authorization field in another way."""
    patch(resource, "credential", read)


def _moving(patch: Patch, find: Callable[[Request], str | None]) -> None:
    """Take a token from elsewhere where the Authorization field has none."""

    def answer(decide: Any, server: ResourceServer, request: Request) -> Answer:
        token = None if request.values("Authorization") else find(request)
        fields = request.headers if token is None else (*request.headers, ("Authorization", f"Bearer {token}"))
        decided: Answer = decide(server, Request(request.method, request.target, fields, request.body))
        return decided

    patch.wrap(ResourceServer, "answer", answer)


def _granting(patch: Patch, suffices: Callable[[object], bool]) -> None:
    """Take the scope of a token that verifies for the one that is needed, where it suffices."""

    def verified(verify: Any, verifier: Any, token: str) -> Any:
        verdict = verify(verifier, token)
        if hasattr(verdict, "claims") and suffices(verdict.claims.get("scope")):
            verdict.claims["scope"] = resource.SCOPE
        return verdict

    patch.wrap(resource, "verified", verified)


@fault_by("RS-4", _granting)
def scope_not_compared(_scope: object) -> bool:
    """Whoever has a token that verifies may do everything."""
    return True


@fault_by("RS-4", _granting)
def scope_found_within_a_text(scope: object) -> bool:
    """The scope is looked for as a part of the text, so that `xorders:read` will do."""
    return resource.SCOPE in str(scope)


@fault_by("RS-5", _reading)
def scheme_compared_by_case(values: Sequence[str]) -> str | None:
    """The scheme is compared letter by letter, and `bearer` is another."""
    found = re.fullmatch(r"Bearer +(\S+)", values[0]) if len(values) == 1 else None
    return found[1] if found else None


@fault_by("RS-5", _reading)
def field_split_at_one_blank(values: Sequence[str]) -> str | None:
    """The field is split at blanks, and a second blank makes an empty token."""
    parts = values[0].split(" ") if len(values) == 1 else []
    return parts[1] if len(parts) == 2 and parts[0].lower() == "bearer" else None


@fault_by("RS-6", _reading)
def rest_of_the_field_ignored(values: Sequence[str]) -> str | None:
    """The second word of the field is the token, whatever follows."""
    parts = values[0].split() if len(values) == 1 else []
    return parts[1].rstrip(",") if len(parts) > 1 and parts[0].lower() == "bearer" else None


def _of_several(patch: Patch, at: int) -> None:
    patch.wrap(resource, "credential", lambda credential, values: credential([values[at]]))


_FIELDS: Rows[int] = {
    "first-of-two-fields-believed": ("Of two Authorization fields the first is read.", 0),
    "last-of-two-fields-believed": ("Of two Authorization fields the last is read.", -1),
}
faults_for("RS-6", _of_several, _FIELDS)


@fault_by("RS-7", _moving)
def token_taken_from_the_query(request: Request) -> str | None:
    """A token in the query is as good, for links and websockets."""
    return parse_qs(request.target.partition("?")[2]).get("access_token", [None])[0]


@fault("RS-7")
def token_taken_from_a_form(patch: Patch) -> None:
    """A token in the body of a form is as good, whatever the method."""
    _moving(patch, lambda request: parse_qs(request.body.decode("latin-1")).get("access_token", [None])[0])


@fault_by("RS-7", _moving)
def token_taken_from_a_cookie(request: Request) -> str | None:
    """The web application of the same host has its token in a cookie, and so the API takes it."""
    found = re.search(r"access_token=([^;]+)", "; ".join(request.values("Cookie")))
    return found[1] if found else None


def _unprotected(patch: Patch, reaches: Callable[[Request], bool]) -> None:
    """Lead to the resource without a look at the token in some cases."""

    def answer(decide: Any, server: ResourceServer, request: Request) -> Answer:
        decided: Answer = decide(server, request)
        return Answer(200, {"user": {"sub": None}}) if decided.status != 200 and reaches(request) else decided

    patch.wrap(ResourceServer, "answer", answer)


def _spelt(clean: Callable[[str], str]) -> Callable[[Request], bool]:
    return lambda request: request.target != resource.PATH and clean(request.target) == resource.PATH


_PATHS: Rows[Callable[[Request], bool]] = {
    "path-with-two-slashes-unprotected": (
        "Slashes run together after the filter.",
        _spelt(lambda path: re.sub("/+", "/", path)),
    ),
    "path-with-a-slash-at-its-end-unprotected": (
        "The router drops a slash at the end.",
        _spelt(lambda path: path.rstrip("/")),
    ),
    "path-percent-encoded-unprotected": ("The filter compares before it decodes.", _spelt(unquote)),
    "method-in-a-field-unprotected": (
        "The method that a field names is served, and the filter looks at that of the request.",
        lambda request: request.method == "POST" and request.values("X-HTTP-Method-Override") == ["GET"],
    ),
}
faults_for("RS-11", _unprotected, _PATHS)


@fault("RS-14")
def session_is_a_credential(patch: Patch) -> None:
    """Who names a session that exists needs no token."""

    def protected(decide: Any, server: ResourceServer, request: Request) -> Answer:
        named = request.values(resource.SESSION)
        if named and named[0] in server._sessions:  # noqa: SLF001 - the fault is in there
            return Answer(200, {"user": {"sub": server._sessions[named[0]]}})  # noqa: SLF001
        decided: Answer = decide(server, request)
        return decided

    patch.wrap(ResourceServer, "_protected", protected)


@fault("RS-14")
def session_of_anybody(patch: Patch) -> None:
    """A token is needed, and nobody asks whether the session is its bearer's."""

    def session(find: Any, server: ResourceServer, request: Request, subject: str) -> str | None:
        named = request.values(resource.SESSION)
        name: str | None = named[0] if named and named[0] in server._sessions else find(server, request, subject)  # noqa: SLF001 - the fault is in there
        return name

    patch.wrap(ResourceServer, "_session", session)
