"""Paths and methods over HTTP: what is next to a path, or to a method, is something else."""

from urllib.parse import urlencode

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.keyserver import wire
from bearerproof_fuzz.keyserver.driver import Grant, KeyServerDriver
from bearerproof_fuzz.keyserver.http_asserts import answered
from bearerproof_fuzz.keyserver.revocation_asserts import live
from bearerproof_fuzz.keyserver.wire import ADMINISTRATOR, FORM, Reply
from bearerproof_fuzz.needs import HTTP

_TOKEN_PATHS = (
    "/auth/tokenx",
    "/auth/token/",
    "/auth/token//",
    "/auth//token",
    "//auth/token",
    "/auth/Token",
    "/AUTH/TOKEN",
    "/auth/token.json",
    "/auth/token;x=1",
    "/auth%2Ftoken",
    "/auth/token%2F",
    "/auth/token%00",
    "/auth/token%20",
    "/auth",
    "/auth/",
    "/",
    "/token",
    "/x/auth/token",
    "/auth/token/x/y",
    "/auth/./token",
    "/auth/x/../token",
    "/auth/%2e/token",
    "/auth/x/%2e%2e/token",
    "/auth\\token".replace("\\", "%5C"),
    "/health/../auth/token",
)
"""Paths that are not the token endpoint's, though each looks like it to somebody."""


@check("HTTP-14", needs=(HTTP,))
def test_paths_beside_the_token_endpoint(mark: CheckId, trial: Trial) -> None:
    """Nothing is issued at a path that merely looks like the token endpoint's."""
    server = KeyServerDriver(trial)
    form = urlencode(wire.exchange_form(server)).encode()
    for path in _TOKEN_PATHS:
        reply = wire.send(server, "POST", path, [("Content-Type", FORM)], form)
        _elsewhere(server, reply, f"an exchange at {path}")
    answered(server, wire.exchange(server, form), 200, "the same exchange at the token endpoint")


def _elsewhere(server: KeyServerDriver, reply: Reply, summary: str) -> None:
    if not 400 <= reply.status < 500:
        server.fail(summary, "404, or another refusal", reply.describe())


_RESOURCE_PATHS = (
    "/resource/a",
    "/resource/a/",
    "/resource//x",
    "/resource/a/x/",
    "/resource/a/x/y",
    "/resource/a//x",
    "//resource/a/x",
    "/Resource/a/x",
    "/resources/a/x",
    "/resource/a%2Fx",
    "/resource%2Fa/x",
    "/resource/",
    "/resource",
    "/x/resource/a/x",
    "/resource/./a/x",
    "/resource/b/../a/x",
    "/resource/a/x/..",
    "/resource/a/x/%2e",
    "/health/../resource/a/x",
    "/resource/a/x;y",
    "/resource/a/x%00",
    "/resource/a/x%2F",
    "/resource/..%2Fa/x",
)
"""Paths that are not backend a's tool x, though each looks like it to somebody."""


@check("HTTP-14", needs=(HTTP,))
def test_paths_beside_a_resource(mark: CheckId, trial: Trial) -> None:
    """A bearer for one backend and tool opens no path that merely looks like theirs, and no path opens without."""
    server = KeyServerDriver(trial)
    grant = server.issue(scope="backends:a tools:x")
    answered(server, wire.resource(server, wire.bearer(grant)), 200, "an honest bearer at its resource")
    for path in _RESOURCE_PATHS:
        _elsewhere(server, wire.resource(server, wire.bearer(grant), path=path), f"a good bearer at {path}")
        _elsewhere(server, wire.resource(server, path=path), f"no bearer at {path}")


@check("HTTP-14", needs=(HTTP,))
def test_slash_in_a_segment(mark: CheckId, trial: Trial) -> None:
    """An encoded slash is part of a segment: it makes no other backend or tool of it, nor a token of another path."""
    server = KeyServerDriver(trial)
    grant = server.issue(scope="backends:a tools:x")
    answered(server, wire.resource(server, wire.bearer(grant)), 200, "an honest bearer at its resource")
    for path in ("/resource/b%2F..%2Fa/x", "/resource/a/y%2F..%2Fx", "/resource/a%2Fb/x", "/resource/a/x%2Fy"):
        answered(server, wire.resource(server, wire.bearer(grant), path=path), 403, f"a good bearer at {path}")
    for jti in (f"x%2F..%2F{grant.jti}", f"{grant.jti}%2F", f"%2F{grant.jti}", f"{grant.jti}/", f"x/{grant.jti}"):
        _elsewhere(server, wire.delete(server, jti, ADMINISTRATOR), "the id with a slash is to be revoked")
    live(server, grant, summary="its id with a slash was revoked")


_ENDPOINTS = {
    "/auth/token": "POST",
    "/auth/token/{}": "DELETE",
    "/auth/tokens": "DELETE",
    "/resource/a/x": "GET",
}

_METHODS = (
    "GET",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "TRACE",
    "PROPFIND",
    "X-UNKNOWN",
    "get",
    "post",
    "delete",
    "Delete",
)


@check("HTTP-14", needs=(HTTP,))
def test_other_methods(mark: CheckId, trial: Trial) -> None:
    """Every other method of a known path is answered with 405 and Allow, which names those that there are."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    for path, known in _ENDPOINTS.items():
        for method in _METHODS:
            if method != known:
                reply = _ask(server, method, path.format(grant.jti), grant, known)
                summary = f"{method} at {path.format('…')}"
                answered(server, reply, 405, summary)
                allowed = reply.listed("Allow")
                if known not in allowed or method in allowed:
                    server.fail(summary, f"Allow with {known}", ", ".join(allowed) or "none")
    live(server, grant, summary="requests came with methods that nobody knows")


def _ask(server: KeyServerDriver, method: str, path: str, grant: Grant, known: str) -> Reply:
    """Ask with everything that the known method would need."""
    if known == "POST":
        return wire.send(server, method, path, [("Content-Type", FORM)], urlencode(wire.exchange_form(server)).encode())
    credentials = ADMINISTRATOR if known == "DELETE" else wire.bearer(grant)
    query = wire.identity_query() if path == "/auth/tokens" else ""
    return wire.send(server, method, f"{path}{query}", [("Authorization", credentials)])


@check("HTTP-14", needs=(HTTP,))
def test_methods_in_disguise(mark: CheckId, trial: Trial) -> None:
    """A method is what stands on the request line: no field, parameter or body makes another of it."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    path = f"/auth/token/{grant.jti}"
    for field in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        for method in ("POST", "GET"):
            reply = wire.send(server, method, path, [("Authorization", ADMINISTRATOR), (field, "DELETE")])
            answered(server, reply, 405, f"{method} with {field}: DELETE")
    fields = [("Authorization", ADMINISTRATOR), ("Content-Type", FORM)]
    answered(server, wire.send(server, "POST", f"{path}?_method=DELETE", fields), 405, "POST with _method in the query")
    answered(server, wire.send(server, "POST", path, fields, b"_method=DELETE"), 405, "POST with _method in the body")
    live(server, grant, summary="a request came whose method was overridden")


@check("HTTP-14", needs=(HTTP,))
def test_head_and_options_open_nothing(mark: CheckId, trial: Trial) -> None:
    """HEAD and OPTIONS need what the method itself needs, and do nothing."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    head = wire.send(server, "HEAD", "/resource/a/x")
    if head.status not in (401, 405):
        server.fail("HEAD at a resource, without a bearer", "401 or 405", head.describe())
    for path, known in _ENDPOINTS.items():
        for method in ("HEAD", "OPTIONS"):
            reply = _ask(server, method, path.format(grant.jti), grant, known)
            if reply.decision.events and known != "GET":
                server.fail(f"{method} at {path.format('…')}", "no decision, and no event", reply.describe())
    live(server, grant, summary="HEAD and OPTIONS came with the admin secret")
