"""A key server with everything around it: clocks, a provider that signs, a sink in memory, honest requests.

A test states its deviation and nothing else.
"""

import json
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from jsonschema import Draft202012Validator

from bearerproof.data import root
from bearerproof_reference.clock import ManualClock
from bearerproof_reference.keyserver.authentication import AccessRefused, Admitted, RequestedAccess
from bearerproof_reference.keyserver.configuration import read
from bearerproof_reference.keyserver.exchange import GRANT_TYPE, ID_TOKEN, ExchangeRefused, Granted
from bearerproof_reference.keyserver.memorystore import MemoryStore
from bearerproof_reference.keyserver.revocation import RevocationRefused, Revoked
from bearerproof_reference.keyserver.server import Caller, KeyServer, store_limits
from bearerproof_reference.keyserver.store import StoreUnavailable, TokenStore
from tests.reference.minting import Json, Signer, mint, signer, without_none

NOW = 1_800_000_000
ISSUER = "https://idp.example"
OTHER = "https://other.example"
ADMIN = "a made-up admin secret"
PEER = "192.0.2.7"
SCHEMA = Draft202012Validator(
    json.loads((root() / "schemas" / "lifecycle-event.schema.json").read_text()),
    format_checker=Draft202012Validator.FORMAT_CHECKER,
)

ANNA = {"subject": "anna", "email": "anna@example.com", "name": "Anna", "groups": ["staff"], "issuer": ISSUER}
"""How events name whom an honest ID token speaks of."""

_numbers = count()


def provider(issuer: str = ISSUER, **changes: Any) -> Json:
    """Return a provider whose one key is that of ``signer()``; members set to None are left out."""
    members = {"issuer": issuer, "audiences": ["key-server"], "algorithms": ["EdDSA"], "keys": {"keys": [signer().jwk]}}
    return without_none({**members, **changes})


def rule(name: str = "staff", grant: Json | None = None, **match: Any) -> Json:
    """Return a rule for everybody of the issuer, or whoever else ``match`` says."""
    granted = grant or {"backends": ["*"], "tools": ["search", "brave_*"], "rate_limit": 60}
    return {"name": name, "match": {"issuer": ISSUER, **match}, "grant": granted}


def configuration(**changes: Any) -> Json:
    """Return a configuration as JSON data; members set to None are left out."""
    members = {
        "providers": [provider(), provider(OTHER)],
        "policies": [rule(), rule("others", issuer=OTHER)],
        "admin_secret": ADMIN,
        "trusted_proxies": ["10.0.0.0/8"],
    }
    return without_none({**members, **changes})


def id_token(at: float = NOW, by: Signer | None = None, typ: str | None = "JWT", **claims: Any) -> str:
    """Return an ID token issued at that second; claims set to None are left out."""
    honest = {
        "iss": ISSUER,
        "sub": "anna",
        "aud": "key-server",
        "iat": at,
        "exp": at + 300,
        "jti": f"subject-{next(_numbers)}",
        "email": "anna@example.com",
        "email_verified": True,
        "name": "Anna",
        "groups": ["staff"],
    }
    return mint(without_none({**honest, **claims}), by, typ=typ)


def form(subject_token: str, **changes: Any) -> list[tuple[str, str]]:
    """Return the form of an exchange; parameters set to None are left out."""
    members = {"grant_type": GRANT_TYPE, "subject_token": subject_token, "subject_token_type": ID_TOKEN, **changes}
    return list(without_none(members).items())


class Lines:
    """A sink that keeps the lines, and raises while it is told to."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.broken = False

    def write(self, line: str) -> None:
        if self.broken:
            raise OSError(28, "No space left on device")
        self.lines.append(line)


class Down:
    """A store that is out of order in one operation."""

    def __init__(self, inner: Any, operation: str) -> None:
        self._inner = inner
        self._operation = operation

    def __getattr__(self, name: str) -> Any:
        if name == self._operation:
            raise StoreUnavailable
        return getattr(self._inner, name)


@dataclass
class Environment:
    """A key server, and the hands on its clock, store and sink."""

    changes: Json = field(default_factory=dict)
    store: TokenStore | None = None
    record_required: bool = False

    def __post_init__(self) -> None:
        config = read(configuration(**self.changes))
        self.clock = ManualClock(NOW, 0)
        self.sink = Lines()
        self.store = self.store or MemoryStore(store_limits(config))
        self.server = KeyServer(config, self.store, self.clock, self.sink, record_required=self.record_required)
        self.caller = Caller(PEER)
        self._read = 0

    def passing(self, seconds: float) -> None:
        """Let time go by, on both clocks."""
        self.clock.wall += seconds
        self.clock.monotonic += seconds

    def exchange(self, scope: str | None = None, **claims: Any) -> Granted | ExchangeRefused:
        """Exchange a fresh ID token."""
        return self.server.exchange(form(id_token(self.clock.wall, **claims), scope=scope), self.caller)

    def send(self, *parameters: tuple[str, str]) -> Granted | ExchangeRefused:
        """Exchange by exactly this form."""
        return self.server.exchange(parameters, self.caller)

    def granted(self, scope: str | None = None, **claims: Any) -> Granted:
        """Exchange a fresh ID token, which must succeed, and forget its event."""
        answer = self.exchange(scope, **claims)
        assert isinstance(answer, Granted), answer
        self.events()
        return answer

    def use(self, bearer: str, backend: str | None = None, tool: str | None = None) -> Admitted | AccessRefused:
        """Present a bearer."""
        return self.server.authenticate([bearer], RequestedAccess(backend, tool), self.caller)

    def revoke(self, jti: str | None, admin: str | None = ADMIN) -> Revoked | RevocationRefused:
        """Revoke one token."""
        return self.server.revoke(admin, jti, self.caller)

    def revoke_all(
        self, subject: str | None = "anna", issuer: str | None = ISSUER, admin: str | None = ADMIN
    ) -> Revoked | RevocationRefused:
        """Revoke all tokens of an identity."""
        return self.server.revoke_all(admin, issuer, subject, self.caller)

    def events(self) -> list[Json]:
        """Return the events since the last call; each is one line of good form."""
        lines, self._read = self.sink.lines[self._read :], len(self.sink.lines)
        events = [json.loads(line) for line in lines]
        for event in events:
            SCHEMA.validate(event)
        return events

    def event(self) -> Json:
        """Return the one event since the last call, without what every event has."""
        (event,) = self.events()
        assert event.pop("client_ip") == PEER
        for name in ("seq", "occurred_at"):
            del event[name]
        return event

    def reason(self) -> str:
        """Return the name and reason of the one event since the last call."""
        event = self.event()
        return f"{event['event']} {event['reason']}"
