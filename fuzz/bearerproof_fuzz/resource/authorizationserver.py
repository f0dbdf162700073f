"""The authorization server that a resource server under test trusts: metadata and key set, over http and https.

Each document is an endpoint whose reply can be changed while the server runs, and which keeps a log: so its keys can be
rotated, made to fail, and counted.
"""

import json
import ssl
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from urllib.parse import urlsplit

from bearerproof.contract.declaration import read_declaration
from bearerproof.contract.resource.hello import declared
from bearerproof.contract.resource.profile import ResourceProfile
from bearerproof.members import Json
from bearerproof_fuzz import keys, listeners
from bearerproof_fuzz.forge import Draft, Forge
from bearerproof_fuzz.jwks_endpoint import Endpoint, EndpointServer, Reply, key_set
from bearerproof_fuzz.keys import Key
from bearerproof_fuzz.keyserver.authority import server_context

KEY_SET = "/jwks.json"

_NUMBERS = count(1)


class AuthorizationServer:
    """Serves the issuer of a profile until it is closed, and makes the tokens of it."""

    def __init__(self, profile: ResourceProfile) -> None:
        """Listen where the profile says; raises ``OSError`` if a port or a certificate cannot be had."""
        self.disturbed = False
        self._profile = profile
        self._declaration = read_declaration({"id": 1, **_hello(profile)})
        secret = profile.token.secret
        self.keys = tuple(
            keys.key(name, role) for name in profile.token.algorithms for role in "ab"[: 1 if secret else 2]
        )
        if secret:
            keys.take_secret(secret)
        issuer, other = profile.server.issuer, profile.server.other
        self.other_keys = _keys_of_other(self.keys[0]) if other else ()
        self.key_set = Endpoint(issuer.rstrip("/") + KEY_SET, key_set(() if secret else self.keys))
        self.documents = {path: Endpoint(path, _document(self.metadata(issuer))) for path in metadata_paths(issuer)}
        if other:
            held = {urlsplit(other.rstrip("/") + KEY_SET).path: key_set(self.other_keys)}
            held |= dict.fromkeys(metadata_paths(other), _document(self.metadata(other)))
            self.documents |= {path: Endpoint(path, reply) for path, reply in held.items()}
        self._listeners = listeners.opened(
            partial(EndpointServer, (host, port), context) for host, port, context in _addresses(profile)
        )
        for listener in self._listeners:
            listener.endpoints |= {urlsplit(self.key_set.url).path: self.key_set, **self.documents}
        listeners.serve(self._listeners, "authorization server")

    def metadata(self, issuer: str) -> Json:
        """Return the metadata of an issuer, of RFC 8414 §2 and OpenID Connect Discovery §3 at once."""
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer.rstrip('/')}/authorize",
            "token_endpoint": f"{issuer.rstrip('/')}/token",
            "jwks_uri": issuer.rstrip("/") + KEY_SET,
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code"],
            "code_challenge_methods_supported": ["S256"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": list(self._profile.token.algorithms),
        }

    def published(self, issuer: str = "") -> Sequence[Json]:
        """Return the public keys that it serves for this issuer, or its first, while nothing else is tried."""
        is_other = bool(issuer) and issuer == self._profile.server.other
        return [key.public_jwk for key in (self.other_keys if is_other else self.keys)]

    @property
    def requests(self) -> int:
        """How often its key set was asked for."""
        return self.key_set.requests

    def honest(self, padding: int = 0) -> tuple[str, Json]:
        """Return a token that has to be accepted, and its claims."""
        draft = self.draft()
        if padding:
            draft = draft.filled("x" * padding)
        return draft.token(), draft.all_claims

    def honest_of_other(self) -> str:
        """Return a token of the second issuer that has to be accepted."""
        return self.of_other(self.draft()).token()

    def of_other(self, draft: Draft) -> Draft:
        """Return a draft as the second issuer makes it, under the first of its keys."""
        other, key = self._profile.server.other, self.other_keys[0]
        signed = replace(draft, key=key, signer=key.sign).with_header(kid=key.kid).with_claims(iss=other)
        return signed.with_policy(issuer=other).with_keys(*self.other_keys)

    def altered(self, client: str = "") -> str:
        """Return an honest token, of this client if one is named, with one octet of its signature changed."""
        draft = self.draft().with_claims(client_id=client) if client else self.draft()
        return draft.with_signature(lambda signature: keys.flipped(signature, len(signature) // 2)).token()

    def draft(self) -> Draft:
        """Return the draft of an honest token of this very second."""
        return Forge(self._declaration, int(time.time())).base(self._profile.profile, self._profile.token.algorithms[0])

    def is_signed(self, token: str, kids: frozenset[str]) -> bool:
        """Say whether one of these published keys made the signature: it is made again and compared."""
        signing_input, _, signature = token.rpartition(".")
        made = [key.sign(signing_input.encode("utf-8", "replace")) for key in self.keys if key.kid in kids]
        return keys.lenient_b64(signature) in made

    def serve(self, *further: Key) -> None:
        """Have the key set hold these keys from now on, beside those of honest tokens."""
        self.key_set.reply = key_set((*self.keys, *further))

    def elsewhere(self, *held: Key) -> str:
        """Return another URL, where these keys are served: a key set may lead there."""
        url = self._profile.server.issuer.rstrip("/") + f"/moved-{next(_NUMBERS)}.json"
        for listener in self._listeners:
            listener.endpoints[urlsplit(url).path] = Endpoint(url, key_set(held))
        return url

    def close(self) -> None:
        """Serve no longer."""
        for endpoint in (self.key_set, *self.documents.values()):
            endpoint.closed.set()
        listeners.close(self._listeners)


def _keys_of_other(first: Key) -> tuple[Key, ...]:
    """Return keys of another issuer, the second of which has the id that a key of ours has: ids are of one set."""
    own, shared = (keys.fresh(first.algorithm, f"bearerproof-other-{next(_NUMBERS)}") for _ in range(2))
    return own, replace(shared, kid=first.kid)


_RUNNING: list[AuthorizationServer] = []


def start(profile: ResourceProfile, *, made_anew: bool = False) -> AuthorizationServer:
    """Start the authorization server of a profile; ``made_anew`` with keys of this run alone.

    The keys of the package are published with it: a server on another machine that trusted them would be open.

    Raises:
        OSError: a port or a certificate cannot be had.
    """
    if made_anew and not profile.token.secret:
        keys.renew(profile.token.algorithms)
    started = AuthorizationServer(profile)
    _RUNNING[:] = [started]
    return started


def running() -> AuthorizationServer:
    """Return the one that was started last: a check rotates its keys, and has them fail.

    Raises:
        LookupError: none was started in this process.
    """
    if not _RUNNING:
        raise LookupError("no authorization server was started here")
    return _RUNNING[0]


def metadata_paths(issuer: str) -> tuple[str, ...]:
    """Return where metadata of an issuer is looked for: OpenID Connect Discovery §4, RFC 8414 §3.1 and §5."""
    path = urlsplit(issuer).path.rstrip("/")
    names = ("openid-configuration", "oauth-authorization-server")
    after = [f"{path}/.well-known/{name}" for name in names]
    return tuple(dict.fromkeys([*after, *(f"/.well-known/{name}{path}" for name in names)]))


def _hello(profile: ResourceProfile) -> Json:
    return {"protocol": 1, **declared(profile)}


def _document(document: Json) -> Reply:
    return Reply(json.dumps(document).encode(), media_type="application/json")


def _addresses(profile: ResourceProfile) -> list[tuple[str, int, ssl.SSLContext | None]]:
    given = profile.identity_provider
    addresses: list[tuple[str, int, ssl.SSLContext | None]] = [(given.host, given.port, None)]
    if given.tls_port is not None and given.certificate is not None:
        addresses.append((given.host, given.tls_port, server_context(given.certificate, given.host)))
    return addresses
