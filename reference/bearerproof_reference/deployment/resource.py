"""A resource server over HTTP: tokens in the Authorization field, scope, challenges, metadata, sessions.

Pure: a request in, an answer out. The request is read here and nowhere else, so that who reads this knows the whole.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlsplit

from bearerproof_reference.verifier.verdicts import Accepted, Rejected
from bearerproof_reference.verifier.verifier import Verifier

PATH, SCOPE, SESSION = "/orders", "orders:read", "Session-Id"
WELL_KNOWN = "/.well-known/oauth-protected-resource"

_CREDENTIALS = re.compile(r"(?i:bearer) +([A-Za-z0-9._~+/-]+=*)")
"""The field, RFC 6750 §2.1; the scheme in any letter case (RFC 9110 §11.1)."""


@dataclass(frozen=True)
class Request:
    """A request: ``target`` is path and query as on the request line."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""

    def values(self, name: str) -> list[str]:
        """Return every value of a field."""
        return [value.strip(" \t") for key, value in self.headers if key.lower() == name.lower()]


@dataclass(frozen=True)
class Answer:
    """An answer, its body a JSON object."""

    status: int
    members: Mapping[str, Any]
    headers: Sequence[tuple[str, str]] = ()


@dataclass
class ResourceServer:
    """Serves one resource; ``identifier`` is its resource identifier, ``issuer`` whose tokens it takes."""

    verifier: Verifier
    identifier: str
    issuer: str
    _sessions: dict[str, str] = field(default_factory=dict)

    def answer(self, request: Request) -> Answer:
        """Decide on one request."""
        path = request.target.partition("?")[0]
        if path == WELL_KNOWN + urlsplit(self.identifier).path and request.method == "GET":
            return Answer(200, self.metadata())
        if path != PATH:
            return Answer(404, {"error": "not_found"})
        if request.method not in ("GET", "HEAD"):
            return Answer(405, {"error": "method_not_allowed"}, (("Allow", "GET, HEAD"),))
        return self._protected(request)

    def metadata(self) -> Mapping[str, Any]:
        """Return the metadata of the resource (RFC 9728 §2)."""
        return {
            "resource": self.identifier,
            "authorization_servers": [self.issuer],
            "bearer_methods_supported": ["header"],
            "scopes_supported": [SCOPE],
        }

    def _protected(self, request: Request) -> Answer:
        credentials = request.values("Authorization")
        if not credentials:
            return self._challenged(401)
        token = credential(credentials)
        if token is None:
            return self._challenged(400, "invalid_request")
        verdict = verified(self.verifier, token)
        if not isinstance(verdict, Accepted):
            return self.refusal(verdict, token)
        claims = verdict.claims
        if SCOPE not in str(claims.get("scope", "")).split():
            return self._challenged(403, "insufficient_scope")
        session = self._session(request, str(claims.get("sub")))
        if session is None:
            return Answer(404, {"error": "no_such_session"})
        return Answer(200, {"user": {"sub": claims.get("sub")}}, ((SESSION, session),))

    def refusal(self, verdict: Rejected, token: str) -> Answer:  # noqa: ARG002 - what a refusal could tell, and does not
        """Return the answer to a token that does not verify; it tells nothing of the cause."""
        return self._challenged(401, "invalid_token")

    def _session(self, request: Request, subject: str) -> str | None:
        """Return the name of the session: the one that the request names, if it is this subject's, or a new one."""
        named = request.values(SESSION)
        if named:
            return named[0] if self._sessions.get(named[0]) == subject else None
        name = token_urlsafe(16)
        self._sessions[name] = subject
        return name

    def _challenged(self, status: int, error: str | None = None) -> Answer:
        """Return a refusal with its challenge (RFC 6750 §3, RFC 9728 §5.1)."""
        return Answer(status, {} if error is None else {"error": error}, (("WWW-Authenticate", self.challenge(error)),))

    def challenge(self, error: str | None) -> str:
        """Return the challenge: no error code where no credential was presented."""
        parts = urlsplit(self.identifier)
        where = f"{parts.scheme}://{parts.netloc}{WELL_KNOWN}{parts.path}"
        parameters = {"realm": "orders", "resource_metadata": where, **({"error": error} if error else {})}
        return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in parameters.items())


def credential(values: Sequence[str]) -> str | None:
    """Return the token of the Authorization field; None: it has more or less than one, or another scheme."""
    found = _CREDENTIALS.fullmatch(values[0]) if len(values) == 1 else None
    return found[1] if found else None


def verified(verifier: Verifier, token: str) -> Accepted | Rejected:
    """Return the verdict on a token."""
    return verifier.verify(token)


def encoded(answer: Answer, method: str) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return status, fields and body as they are sent."""
    body = b"" if method == "HEAD" else json.dumps(answer.members).encode()
    return answer.status, [("Content-Type", "application/json"), *answer.headers], body
