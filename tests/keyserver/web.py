"""A key server behind its HTTP binding, asked in process; each answer is held against the OpenAPI document."""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from jsonschema import Draft202012Validator

from bearerproof_reference.adapter.inprocess import respond
from bearerproof_reference.deployment.http import create_app
from bearerproof_reference.deployment.httprequest import FORM
from bearerproof_reference.deployment.openapi import DOCUMENT
from bearerproof_reference.keyserver.store import TokenStore
from tests.keyserver.environment import ADMIN, ISSUER, PEER, Environment, form, id_token

Field = tuple[str, str]

FORM_FIELD = ("Content-Type", FORM)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    fields: tuple[Field, ...]
    body: bytes

    def field(self, name: str) -> str | None:
        """Return the value of a field that stands there once at most."""
        values = [value for key, value in self.fields if key == name.lower()]
        assert len(values) <= 1, self.fields
        return values[0] if values else None

    @property
    def json(self) -> Any:
        """The JSON in the body."""
        assert self.field("Content-Type") == "application/json"
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, str]:
        """The status, and the error code in the body."""
        assert set(self.json) == {"error", "error_description"}
        return self.status, self.json["error"]

    @property
    def refusal(self) -> tuple[int, str, str | None]:
        """The status, the error code in the body, and after how many seconds to try again."""
        return *self.error, self.field("Retry-After")


class Web:
    """An environment, and what a client of its HTTP binding can do."""

    def __init__(self, store: TokenStore | None = None, **changes: Any) -> None:
        self.environment = Environment(changes, store)
        self.app = create_app(self.environment.server)

    def ask(self, method: str, path: str, *fields: Field, body: bytes = b"", peer: str | None = PEER) -> Answer:
        """Send a request and return its answer, which is in the document."""
        asked = {"method": method, "path": path, "headers": fields, "body_b64": b64encode(body), "peer": peer}
        response = respond(self.app, asked)
        answer = Answer(
            response["status"], tuple((n, v) for n, v in response["headers"]), b64decode(response["body_b64"])
        )
        check_documented(method, path, answer)
        return answer

    def post(self, body: bytes | str, *fields: Field) -> Answer:
        """Send a body as the form of an exchange."""
        return self.ask("POST", "/auth/token", *(fields or (FORM_FIELD,)), body=_octets(body))

    def exchange(self, scope: str | None = None, **claims: Any) -> Answer:
        """Exchange a fresh ID token."""
        return self.post(urlencode(form(id_token(self.environment.clock.wall, **claims), scope=scope)))

    def bearer(self, **claims: Any) -> str:
        """Return a good bearer, and forget the event of its exchange."""
        answer = self.exchange(**claims)
        assert answer.status == 200, answer
        self.environment.events()
        return str(answer.json["access_token"])

    def use(self, *credentials: str, path: str = "/resource/a/search") -> Answer:
        """Ask for the sample resource with these Authorization fields."""
        return self.ask("GET", path, *(("Authorization", credential) for credential in credentials))

    def delete(self, path: str, *credentials: str) -> Answer:
        """Send DELETE with these Authorization fields."""
        return self.ask("DELETE", path, *(("Authorization", credential) for credential in credentials))

    def delete_as_admin(self, path: str) -> Answer:
        """Send DELETE with the admin secret."""
        return self.delete(path, f"Bearer {ADMIN}")


def identity_query(**changes: Any) -> str:
    """Return the path that revokes all tokens of an identity; parameters set to None are left out."""
    members = {"issuer": ISSUER, "subject": "anna", **changes}
    return "/auth/tokens?" + urlencode({name: value for name, value in members.items() if value is not None})


def check_documented(method: str, path: str, answer: Answer) -> None:
    """Assert that the answer is as the document says, or that of a path or method that does not stand there."""
    assert answer.field("Cache-Control") == "no-store"
    operation = _operation(method, path)
    if operation is None:
        assert answer.status in (404, 405), answer
        return
    documented = operation["responses"][str(answer.status)]
    for name, reference in documented["headers"].items():
        header = DOCUMENT["components"]["headers"][reference["$ref"].rpartition("/")[2]]
        value: Any = answer.field(name)
        _check(header["schema"], int(value) if header["schema"].get("type") == "integer" else value)
    if answer.body:
        _check(documented["content"]["application/json"]["schema"], answer.json)
    else:
        assert answer.field("Content-Type") is None
        assert answer.status in (204, 401), answer


def _operation(method: str, path: str) -> Mapping[str, Any] | None:
    for template, operations in DOCUMENT["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path.partition("?")[0]):
            operation: Mapping[str, Any] | None = operations.get(method.lower()) if method.isupper() else None
            return operation
    return None


def _check(schema: Mapping[str, Any], value: Any) -> None:
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(value)


def _octets(body: bytes | str) -> bytes:
    return body.encode() if isinstance(body, str) else body
