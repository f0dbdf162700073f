"""The server beside this file with one weakness, named as the first argument."""

import sys
from typing import Any

from tests.keyservers import authlib_server as server


def revocation_without_effect() -> None:
    """It answers 200, and the token lives on."""
    server.Revocation.revoke_token = lambda *_: None  # type: ignore[method-assign]


def hint_taken_at_its_word() -> None:
    """As in the documentation of Authlib: what is called a refresh token is looked for among those alone."""
    endpoints: tuple[Any, ...] = (server.Revocation, server.Introspection)
    for endpoint in endpoints:
        endpoint.query_token = lambda _, text, hint: None if hint == "refresh_token" else server.TOKENS.get(text)


def public_client() -> None:
    """The client is one without a secret, at this grant."""
    server.Exchange.TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "none"]
    server.Client.check_endpoint_auth_method = lambda *_: True  # type: ignore[method-assign]
    authenticate = server.Exchange.authenticate_token_endpoint_client

    def anybody(self: Any) -> Any:
        return authenticate(self) if self.request.headers.get("Authorization") else server.Client()

    server.Exchange.authenticate_token_endpoint_client = anybody


def widened_in_silence() -> None:
    """Whatever was asked for, all is issued, and the answer repeats what was asked for."""
    save = server.server._save_token
    server.server._save_token = lambda token, request: save({**token, "scope": "read write"}, request)


def introspection_for_everybody() -> None:
    """The endpoint does not ask who asks."""
    server.Introspection.authenticate_endpoint_client = lambda *_: server.Client()


if __name__ == "__main__":
    globals()[sys.argv.pop(1)]()
    server.app.run(port=int(sys.argv[1]))
