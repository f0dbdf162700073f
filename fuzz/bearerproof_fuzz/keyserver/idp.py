"""An identity provider for servers under test: discovery documents and key sets of issuers, over http and https.

Its keys are those with which the suite signs the subject tokens of its providers, so a server that trusts these
issuers takes these tokens. For whoever sets a server up, each issuer counts who asks and rotates its keys on demand:
``GET <issuer>/requests`` and ``POST <issuer>/rotate``.
"""

import json
import ssl
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from bearerproof.contract.http.provider import Documents
from bearerproof_fuzz import keys, listeners
from bearerproof_fuzz.keys import Key
from bearerproof_fuzz.keyserver.authority import server_context
from bearerproof_fuzz.keyserver.setting import HOME, OTHER

DISCOVERY = "/.well-known/openid-configuration"
KEY_SET = "/jwks.json"

SILENCE = 10.0
"""Seconds after which a client that says nothing is let go."""

SIGNERS = (HOME.key, OTHER.key)
"""The keys of the first issuer, and of the second."""


@dataclass
class Issuer:
    """One issuer: the keys it serves, first the one that signs, and how often each document was asked for.

    ``key_set`` is any JSON to be served in their place; ``keys_url`` where the discovery document leads instead.
    """

    url: str
    keys: list[Key]
    counts: Counter[str] = field(default_factory=Counter)
    key_set: Any = None
    keys_url: str | None = None
    _lock: Lock = field(default_factory=Lock)

    @property
    def path(self) -> str:
        """Where it stands under its host."""
        return urlsplit(self.url).path.rstrip("/")

    def documents(self) -> Mapping[str, Any]:
        """Return by path what it serves now: its discovery document (OpenID Connect Discovery §3) and key set."""
        return {
            DISCOVERY: {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": self.keys_url or f"{self.url.rstrip('/')}{KEY_SET}",
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": sorted({key.algorithm for key in self.keys}),
            },
            KEY_SET: {"keys": [key.public_jwk for key in self.keys]} if self.key_set is None else self.key_set,
            "/requests": dict(self.counts),
        }

    def count(self, path: str) -> None:
        """Count a request."""
        with self._lock:
            self.counts[path] += 1

    def rotate(self, *served: Key) -> None:
        """Serve these keys from now on; unless any are named, the one that follows the present one."""
        with self._lock:
            self.keys = list(served) or [_next(self.keys[0])]
            self.key_set = None


def _next(key: Key) -> Key:
    """Return of the two keys of an algorithm the other one."""
    return keys.key(key.algorithm, "b" if key.role == "a" else "a")


class IdentityProvider:
    """Serves issuers until it is closed, each connection on a thread of its own."""

    def __init__(self, issuers: Sequence[Issuer], addresses: Sequence[tuple[str, int, ssl.SSLContext | None]]) -> None:
        """Listen at each host and port; raises ``OSError`` if one of them cannot be had."""
        self.issuers = tuple(issuers)
        self._elsewhere: dict[str, Issuer] = {}
        self._lock = Lock()
        self._listeners = listeners.opened(
            partial(_Listener, (host, port), self.issuers, context) for host, port, context in addresses
        )
        listeners.serve(self._listeners, "identity provider")

    def serve(self, issuer: str, keys: Any, keys_url: str | None) -> Documents:
        """Serve the key set of an issuer from now on, any JSON that stands in its place, or lead to where it is.

        One that is not at home here, as its URL says, has its documents here all the same, under a path of ours.
        """
        with self._lock:
            url, found = self._home_of(issuer)
        found.key_set, found.keys_url = keys, keys_url or f"{url}{KEY_SET}"
        return Documents(f"{url}{DISCOVERY}", found.keys_url)

    def _home_of(self, issuer: str) -> tuple[str, Issuer]:
        """Return the URL under which an issuer has its documents, and the issuer, which is new if need be."""
        for listener in self._listeners:
            known = listener.issuers.get(Issuer(issuer, []).path)
            if known is not None and known.url == issuer and listener.is_home_of(issuer):
                return issuer.rstrip("/"), known
        first = self._listeners[0]
        found = self._elsewhere.setdefault(issuer, Issuer(issuer, [SIGNERS[0]]))
        path = Issuer(issuer, []).path
        at_home = first.is_home_of(issuer) and first.issuers.get(path, found) is found and path.isascii()
        if not at_home:
            path = f"/served/{list(self._elsewhere).index(issuer)}"
        for listener in self._listeners:
            listener.issuers[path] = found
        return f"{first.url}{path}", found

    @property
    def ports(self) -> tuple[int, ...]:
        """The ports it listens at."""
        return tuple(listener.server_port for listener in self._listeners)

    def close(self) -> None:
        """Serve no longer."""
        listeners.close(self._listeners)


def start(
    issuers: Sequence[str], host: str, port: int, tls_port: int | None = None, certificate: Path | None = None
) -> IdentityProvider:
    """Serve issuers with the suite's keys, over http and, with a TLS port, over https.

    ``certificate`` is the file of the authority that clients are to trust; it is made if it is not there.

    Raises:
        OSError: a port cannot be had, the certificate not be read or written, or two issuers have one path.
    """
    listeners: list[tuple[str, int, ssl.SSLContext | None]] = [(host, port, None)]
    if tls_port is not None and certificate is not None:
        listeners.append((host, tls_port, server_context(certificate, host)))
    if len({Issuer(url, []).path for url in issuers}) < len(issuers):
        raise OSError(0, "issuers at one port need paths that differ")
    served = [Issuer(url, [key]) for url, key in zip(issuers, SIGNERS, strict=False)]
    return IdentityProvider(served, listeners)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], issuers: Sequence[Issuer], context: ssl.SSLContext | None) -> None:
        self.issuers = {issuer.path: issuer for issuer in issuers}
        self.url = f"{'http' if context is None else 'https'}://{_bracketed(address[0])}:{address[1]}"
        self._context = context
        super().__init__(address, _Handler)

    def is_home_of(self, issuer: str) -> bool:
        """Say whether the URL of an issuer leads here."""
        return issuer.startswith(f"{self.url}/") and not {"?", "#", " "} & set(issuer)

    def finish_request(self, request: socket, client_address: Any) -> None:  # type: ignore[override]  # narrower here
        """Shake hands, if that is to be done, on the thread of the connection: who is slow holds nobody else up."""
        request.settimeout(SILENCE)
        if self._context is not None:
            with self._context.wrap_socket(request, server_side=True) as secured:
                super().finish_request(secured, client_address)
        else:
            super().finish_request(request, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client may hang up, and may distrust our certificate."""


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class _Handler(BaseHTTPRequestHandler):
    timeout = SILENCE

    def do_GET(self) -> None:
        """Answer with the document of an issuer."""
        issuer, path = self._asked()
        document = None if issuer is None else issuer.documents().get(path)
        if issuer is None or document is None:
            self._send(404, {"error": "not_found"})
            return
        if path != "/requests":
            issuer.count(path)
        self._send(200, document)

    def do_POST(self) -> None:
        """Rotate the keys of an issuer, on demand."""
        issuer, path = self._asked()
        if issuer is None or path != "/rotate":
            self._send(404, {"error": "not_found"})
            return
        issuer.rotate()
        self._send(200, {"kids": [key.kid for key in issuer.keys]})

    def log_message(self, *_: object) -> None:
        """Keep standard error clean."""

    def _asked(self) -> tuple[Issuer | None, str]:
        issuers = self.server.issuers if isinstance(self.server, _Listener) else {}
        for path in (DISCOVERY, KEY_SET, "/requests", "/rotate"):
            if self.path.endswith(path):
                return issuers.get(self.path.removesuffix(path)), path
        return None, self.path

    def _send(self, status: int, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
