"""The HTTP binding from outside: requests written octet by octet, answers read strictly.

Nothing is forgiven here that a client of some language would stumble over: a challenge that does not parse, an object
in which a name stands twice.
"""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import quote, urlencode

from bearerproof.contract.decisions import Decision
from bearerproof.contract.messages import Outcome, Request
from bearerproof.members import Json
from bearerproof_fuzz.keyserver.driver import Grant, KeyServerDriver
from bearerproof_fuzz.keyserver.setting import ADMIN, HOME, ID_TOKEN, PEER, TOKEN_EXCHANGE

FORM = "application/x-www-form-urlencoded"

Fields = Sequence[tuple[str, str]]
Form = Sequence[tuple[str, str]]

_VARYING = frozenset({"date", "server", "connection", "keep-alive", "via", "age", "x-request-id"})
"""Fields that speak of the connection or of this one answer, and not of what was asked."""


@dataclass(frozen=True)
class Reply:
    """An answer of the binding."""

    decision: Decision
    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def values(self, name: str) -> list[str]:
        """Return the values of a field, each line apart."""
        return [value for given, value in self.fields if given.lower() == name.lower()]

    def listed(self, name: str) -> list[str]:
        """Return the items of a field that is a list, whichever lines they stand on (RFC 9110 §5.6.1)."""
        return [item.strip(" \t") for value in self.values(name) for item in value.split(",") if item.strip(" \t")]

    @property
    def media_type(self) -> str | None:
        """The one media type, in lower case and without parameters; None if there is none, or more than one."""
        values = self.values("Content-Type")
        return values[0].partition(";")[0].strip(" \t").lower() if len(values) == 1 else None

    @property
    def json(self) -> Json | None:
        """The JSON object that the body is; None if it is none, or one in which a name stands twice."""
        try:
            value = json.loads(self.body.decode(), object_pairs_hook=_unambiguous, parse_constant=_refuse)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    @property
    def error(self) -> str | None:
        """The error code in the body, if there is one."""
        value = (self.json or {}).get("error")
        return value if isinstance(value, str) else None

    @property
    def fingerprint(self) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
        """All that a client can tell answers apart by, without what differs from one answer to the next anyway."""
        kept = [(name.lower(), value) for name, value in self.fields if name.lower() not in _VARYING]
        return self.status, tuple(sorted(kept)), self.body

    def describe(self) -> str:
        """Say it in a few words."""
        return f"{self.status} {self.error}" if self.error else str(self.status)


def _unambiguous(pairs: list[tuple[str, Any]]) -> Json:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


# --- requests


def request(method: str, path: str, fields: Fields = (), body: bytes = b"", *, peer: str = PEER) -> Request:
    """Return a request as a message of the contract, for those that need not arrive, and for races."""
    headers = [list(pair) for pair in fields]
    return {
        "op": "http",
        "peer": peer,
        "method": method,
        "path": path,
        "headers": headers,
        "body_b64": b64encode(body).decode(),
    }


def send(
    server: KeyServerDriver, method: str, path: str, fields: Fields = (), body: bytes = b"", *, peer: str = PEER
) -> Reply:
    """Send a request and read the answer."""
    encoded = b64encode(body).decode()
    server.hide_encoded(body, encoded)
    return read(server.http(method, path, fields, encoded, peer=peer))


def try_to_send(server: KeyServerDriver, message: Request) -> Reply | None:
    """Send a request that a client may be unable to put on the wire; None where it did not get that far."""
    decision = server.trial.decide({**message, "now": server.now, "tick": server.tick})
    return read(decision) if decision.outcome is Outcome.ACCEPTED else None


def read(decision: Decision) -> Reply:
    """Read the answer of the binding."""
    members: Any = decision.members
    fields = tuple((str(name), str(value)) for name, value in members["headers"])
    return Reply(decision, members["status"], fields, b64decode(members["body_b64"]))


def exchange_form(server: KeyServerDriver, *, token: str | None = None, **changes: str | None) -> list[tuple[str, str]]:
    """Return the parameters of an honest exchange; one changed to None is left out."""
    whole = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token": token or server.subject_token(),
        "subject_token_type": ID_TOKEN,
        **changes,
    }
    return [(name, value) for name, value in whole.items() if value is not None]


def exchange(
    server: KeyServerDriver, form: Form | bytes, fields: Fields = (("Content-Type", FORM),), *, peer: str = PEER
) -> Reply:
    """Post a form, or octets in place of one, to the token endpoint."""
    body = form if isinstance(form, bytes) else urlencode(list(form)).encode()
    reply = send(server, "POST", "/auth/token", fields, body, peer=peer)
    for name in ("access_token", "jti"):
        made_up = (reply.json or {}).get(name)
        if isinstance(made_up, str):
            server.hide(made_up, f"<{name} of step {len(server.steps)}>")
    return reply


def resource(
    server: KeyServerDriver,
    *credentials: str,
    path: str = "/resource/a/x",
    body: bytes = b"",
    fields: Fields = (),
    peer: str = PEER,
) -> Reply:
    """Ask for the protected resource, with an Authorization field for each of these values."""
    return send(server, "GET", path, [*(("Authorization", value) for value in credentials), *fields], body, peer=peer)


def bearer(grant: Grant) -> str:
    """Return the credentials that present a bearer (RFC 6750 §2.1)."""
    return f"Bearer {grant.bearer}"


def delete(server: KeyServerDriver, jti: str, *credentials: str, fields: Fields = (), peer: str = PEER) -> Reply:
    """Ask for the revocation of one token."""
    sent = [*(("Authorization", value) for value in credentials), *fields]
    return send(server, "DELETE", f"/auth/token/{jti}", sent, peer=peer)


def delete_all(server: KeyServerDriver, query: str, *credentials: str, peer: str = PEER) -> Reply:
    """Ask for the revocation of all that an identity has, with this query."""
    sent = [("Authorization", value) for value in credentials]
    return send(server, "DELETE", f"/auth/tokens{query}", sent, peer=peer)


def name_token(
    server: KeyServerDriver,
    endpoint: str,
    token: str | None,
    credentials: str | None = None,
    *,
    hint: str | None = None,
    peer: str = PEER,
) -> Reply:
    """Post a form that names a token to an endpoint: ``REVOCATION`` or ``INTROSPECTION``."""
    named = [(name, value) for name, value in (("token", token), ("token_type_hint", hint)) if value is not None]
    fields = [("Authorization", credentials)] if credentials is not None else []
    return send(server, "POST", endpoint, [*fields, ("Content-Type", FORM)], urlencode(named).encode(), peer=peer)


REVOCATION = "/auth/revoke"
"""Where a token is revoked by naming it (RFC 7009)."""
INTROSPECTION = "/auth/introspect"
"""Where one asks how it stands with a token (RFC 7662)."""


def identity_query(subject: str = "alice", issuer: str = HOME.issuer) -> str:
    """Return the query that names an identity."""
    return f"?issuer={quote(issuer, safe='')}&subject={quote(subject, safe='')}"


ADMINISTRATOR = f"Bearer {ADMIN}"
"""The credentials of an administrator."""


# --- challenges


@dataclass(frozen=True)
class Challenge:
    """One challenge: its scheme as it was written, and its parameters by name in lower case."""

    scheme: str
    parameters: dict[str, str]


_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - the grammar's word for a word
_QUOTED = r'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_PARAMETER = re.compile(rf"({_TOKEN})[ \t]*=[ \t]*({_TOKEN}|{_QUOTED})")
_SCHEME = re.compile(rf"({_TOKEN})(?: +|$|(?=[ \t]*,))")
_COMMA = re.compile(r"[ \t]*,[ \t]*")


def challenges(values: Sequence[str]) -> list[Challenge]:
    """Read the WWW-Authenticate fields of an answer (RFC 9110 §11.6.1), without token68, which Bearer has not.

    Raises:
        ValueError: they are not in form, or a parameter stands twice in one challenge.
    """
    return [challenge for value in values for challenge in _challenges(value)]


def _challenges(value: str) -> list[Challenge]:
    found: list[Challenge] = []
    place = 0
    while place < len(value):
        parameter = _PARAMETER.match(value, place)
        scheme = None if parameter else _SCHEME.match(value, place)
        if parameter and found:
            _add(found[-1], parameter)
            place = parameter.end()
            comma = _COMMA.match(value, place)
            if comma is None and place < len(value):
                raise ValueError(f"no comma at {place}")
            place = comma.end() if comma else place
        elif scheme:
            found.append(Challenge(scheme[1], {}))
            comma = _COMMA.match(value, scheme.end())
            place = comma.end() if comma else scheme.end()
        else:
            raise ValueError(f"neither scheme nor parameter at {place}")
    if not found:
        raise ValueError("no challenge")
    return found


def _add(challenge: Challenge, parameter: re.Match[str]) -> None:
    name, text = parameter[1].lower(), parameter[2]
    if name in challenge.parameters:
        raise ValueError(f"{name} stands twice")
    challenge.parameters[name] = re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text
