"""An authorization server as users of Authlib write it: an ID token of two issuers is exchanged for an opaque bearer.

python authlib_server.py PORT ISSUER ISSUER          # the secret of its one client is in CLIENT_SECRET
"""

import json
import os
import secrets
import sys
import time
import urllib.request
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from functools import cache
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector, current_token
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from authlib.oauth2.rfc6749.grants import BaseGrant, TokenEndpointMixin
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from flask import Flask, jsonify
from joserfc import jwt
from joserfc.jwk import KeySet

TYPE = "urn:ietf:params:oauth:token-type:"
SCOPES = ["read", "write"]


@dataclass
class Token(TokenMixin):  # type: ignore[misc]  # Authlib has no types
    """A bearer on record."""

    subject: str
    client_id: str
    scope: str
    issued_at: int
    revoked: bool = False

    def check_client(self, client: "Client") -> bool:
        return self.client_id == client.get_client_id()

    def get_scope(self) -> str:
        return self.scope

    def is_expired(self) -> bool:
        return time.time() >= self.issued_at + 600

    def is_revoked(self) -> bool:
        return self.revoked


class Client(ClientMixin):  # type: ignore[misc]
    """The one client, which authenticates itself by HTTP Basic."""

    def get_client_id(self) -> str:
        return "gateway"

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_client_secret(self, secret: str) -> bool:
        return secrets.compare_digest(secret, os.environ["CLIENT_SECRET"])

    def check_endpoint_auth_method(self, method: str, *_: object) -> bool:
        return method == "client_secret_basic"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == Exchange.GRANT_TYPE


TOKENS: dict[str, Token] = {}


@cache
def keys_of(issuer: str) -> KeySet:
    """Return the keys of one of the two issuers."""
    with urllib.request.urlopen(f"{issuer}/jwks.json") as answer:  # noqa: S310 - of those that we were told
        return KeySet.import_key_set(json.load(answer))


def subject_of(token: str) -> str:
    """Return who an ID token is about.

    Raises:
        ValueError: it is not good.
    """
    payload = token.split(".")[1]
    issuer = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["iss"]
    if issuer not in sys.argv[2:]:
        raise ValueError("issuer")
    decoded = jwt.decode(token, keys_of(issuer), algorithms=["ES256"])
    wanted: dict[str, Any] = {name: {"essential": True} for name in ("exp", "iat", "sub")}
    wanted |= {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": "key-server"}}
    jwt.JWTClaimsRegistry(**wanted).validate(decoded.claims)
    if decoded.header.get("typ", "JWT") != "JWT" or not isinstance(decoded.claims["sub"], str):
        raise ValueError("kind")
    if time.time() - decoded.claims["iat"] > 300:
        raise ValueError("age")
    return f"{issuer}#{decoded.claims['sub']}"


class Exchange(BaseGrant, TokenEndpointMixin):  # type: ignore[misc]
    """Token exchange (RFC 8693)."""

    GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"

    def validate_token_request(self) -> None:
        self.request.client = self.authenticate_token_endpoint_client()
        form = self.request.form
        if any(len(form.getlist(name)) > 1 for name in form):
            raise InvalidRequestError("a parameter stands twice")
        if form.get("subject_token_type") != f"{TYPE}id_token" or form.get("actor_token") or form.get("resource"):
            raise InvalidRequestError("only ID tokens are exchanged, for nobody else")
        if form.get("actor_token_type") or form.get("requested_token_type") not in (None, "", f"{TYPE}access_token"):
            raise InvalidRequestError("only access tokens are issued, for nobody else")
        try:
            self.request.user = subject_of(form.get("subject_token", ""))
        except Exception as error:  # whatever joserfc and the parsing above raise
            raise InvalidRequestError("the subject token is not good") from error
        self.validate_requested_scope()

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        scope = self.request.payload.scope or " ".join(SCOPES)
        token = self.generate_token(user=self.request.user, scope=scope, expires_in=600, include_refresh_token=False)
        self.save_token(token)
        return 200, {**token, "issued_token_type": f"{TYPE}access_token"}, self.TOKEN_RESPONSE_HEADER


class Revocation(RevocationEndpoint):  # type: ignore[misc]
    """Revocation (RFC 7009)."""

    def query_token(self, token_string: str, *_: object) -> Token | None:
        return TOKENS.get(token_string)

    def revoke_token(self, token: Token, *_: object) -> None:
        token.revoked = True


class Introspection(IntrospectionEndpoint):  # type: ignore[misc]
    """Introspection (RFC 7662)."""

    def query_token(self, token_string: str, *_: object) -> Token | None:
        return TOKENS.get(token_string)

    def check_permission(self, *_: object) -> bool:
        return True

    def introspect_token(self, token: Token) -> dict[str, Any]:
        return {"scope": token.scope, "sub": token.subject, "iat": token.issued_at, "exp": token.issued_at + 600}


class Validator(BearerTokenValidator):  # type: ignore[misc]
    """Who presents a bearer at the resource."""

    def authenticate_token(self, token_string: str) -> Token | None:
        return TOKENS.get(token_string)


def save(token: dict[str, Any], request: Any) -> None:
    TOKENS[token["access_token"]] = Token(request.user, "gateway", token["scope"], int(time.time()))


app = Flask(__name__)
app.config["OAUTH2_SCOPES_SUPPORTED"] = SCOPES
server = AuthorizationServer(app, lambda name: Client() if name == "gateway" else None, save)
server.scopes_supported = SCOPES
server.register_grant(Exchange)
server.register_endpoint(Revocation)
server.register_endpoint(Introspection)
protect = ResourceProtector()
protect.register_token_validator(Validator(realm="keys"))
app.post("/token", endpoint="token")(server.create_token_response)
app.post("/revoke", endpoint="revoke")(lambda: server.create_endpoint_response("revocation"))
app.post("/introspect", endpoint="introspect")(lambda: server.create_endpoint_response("introspection"))
app.get("/me", endpoint="me")(protect("read")(lambda: jsonify(sub=current_token.subject)))

if __name__ == "__main__":
    app.run(port=int(sys.argv[1]))
