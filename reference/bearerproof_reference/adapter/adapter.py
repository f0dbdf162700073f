"""The reference as bearerproof asks it: the contract's messages in, its answers out."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from functools import partial
from threading import Lock
from typing import Any

from bearerproof_reference import __version__
from bearerproof_reference.adapter import chains
from bearerproof_reference.adapter.keyserver import CAPABILITIES, KeyServerAdapter
from bearerproof_reference.adapter.pipeline import Pipeline
from bearerproof_reference.adapter.resource import CAPABILITIES as RESOURCE_SERVER
from bearerproof_reference.adapter.resource import ResourceServers
from bearerproof_reference.audit.audited import AuditedVerifier
from bearerproof_reference.clock import ManualClock
from bearerproof_reference.verifier import fetching
from bearerproof_reference.verifier.algorithms import ALGORITHMS
from bearerproof_reference.verifier.fetching import FetchedKeySet
from bearerproof_reference.verifier.keys import KeySet, KeySource
from bearerproof_reference.verifier.policy import MAX_TOKEN, Profile, VerificationPolicy
from bearerproof_reference.verifier.ports import MemoryReplayGuard, Unavailable
from bearerproof_reference.verifier.verdicts import Rejected
from bearerproof_reference.verifier.verifier import Verifier, verify_jws

Message = dict[str, Any]

HELLO: Message = {
    "protocol": 1,
    "implementation": {"name": "bearerproof-reference", "version": __version__, "language": "python"},
    "level": 3,
    "profiles": ["jws", "jwt", "access-token", "id-token", "key-server"],
    "measure": "strict",
    "capabilities": {
        "algorithms": list(ALGORITHMS),
        "mixed_algorithms": True,
        "options": ["leeway", "typ", "require", "replay", "sessions", "session_versions"],
        "max_line": 1_000_000,
        "max_token": MAX_TOKEN,
        "token_b64": True,
        "keys_url": {"ttl": fetching.TTL, "stale": fetching.STALE, "cooldown": fetching.COOLDOWN},
        "audit": {
            "lines": True,
            "stats": True,
            "delivered": True,
            "limiter": True,
            "summaries": True,
            "sinks": ["memory", "raises", "hangs", "slow"],
        },
        "chain": {"verify": True, "write": True},
        "key_server": CAPABILITIES,
        "resource_server": RESOURCE_SERVER,
    },
}


def create() -> "Adapter":
    """Return an adapter with nothing in it: no limiter, and a sink in memory."""
    return Adapter()


class Adapter:
    """Answers the requests of every contract level, one at a time.

    A verifier is made once per policy, so that its replay guard and its fetched keys live on.
    """

    def __init__(self) -> None:
        self._clock = ManualClock()
        self._pipeline = partial(Pipeline, self._clock)
        self._configuration: Mapping[str, Any] = {}
        self._trail = self._pipeline(self._configuration)
        self._verifiers: dict[tuple[str, str], Verifier] = {}
        self._lock = Lock()
        self._key_server = KeyServerAdapter()
        self._resource_servers = ResourceServers()
        self._operations: dict[object, Callable[[Message], Message]] = {
            **self._key_server.operations,
            "hello": lambda _: HELLO,
            "verify": self._verify,
            "verify-jws": _verify_jws,
            "reset": self._reset,
            "configure": self._configure,
            "stats": lambda _: self._trail.stats(),
            "http": self._http,
            "verify-chain": chains.verify,
            "write-chain": chains.write,
        }

    def handle(self, request: Message) -> Message:
        """Return the answer to one request. Raises what a request that is not in form causes."""
        with self._lock:
            return {"id": request["id"], **self._operations[request["op"]](request)}

    def _verify(self, request: Message) -> Message:
        self._clock.wall, self._clock.monotonic = request["now"], request["tick"]
        verifier = AuditedVerifier(self._verifier(request), self._trail.outermost, self._clock)
        verdict = verifier.verify(_token(request))
        if isinstance(verdict, Rejected):
            answer: Message = {"verdict": "rejected", "reason": str(verdict.reason)}
        else:
            answer = {"verdict": "accepted", "claims": verdict.claims}
        return {**answer, **self._trail.drain()}

    def _http(self, request: Message) -> Message:
        """Answer a request to the resource server, whose policy it has with it, or to the key server."""
        if "policy" not in request:
            return self._key_server.operations["http"](request)
        self._clock.wall, self._clock.monotonic = request["now"], request["tick"]
        return self._resource_servers.respond(request, self._verifier(request))

    def _verifier(self, request: Message) -> Verifier:
        key = (request["profile"], request["policy_id"])
        if key not in self._verifiers:
            self._verifiers[key] = _build(request["profile"], request["policy"], self._clock)
        return self._verifiers[key]

    def _reset(self, _request: Message) -> Message:
        self._rebuild(self._configuration)
        self._verifiers.clear()
        self._resource_servers = ResourceServers()
        return {"reset": True}

    def _configure(self, request: Message) -> Message:
        if "key_server" in request:
            return self._key_server.configure(request)
        try:
            self._rebuild(request["audit"])
        except ValueError:
            return {"configured": False}
        return {"configured": True}

    def _rebuild(self, configuration: Mapping[str, Any]) -> None:
        trail = self._pipeline(configuration)
        self._trail.close()
        self._trail, self._configuration = trail, configuration


def main() -> None:
    """Answer requests on standard input and output until either is closed."""
    from bearerproof.adapter import serve  # noqa: PLC0415 - all but this program works without the harness

    serve(create().handle)


def _build(profile: str, members: Message, clock: ManualClock) -> Verifier:
    """Return the verifier that a policy of the contract describes."""
    policy = _policy(profile, members)
    keys: KeySource
    if "keys_url" in members:
        keys = FetchedKeySet(members["keys_url"], policy.algorithms, clock, fetching.fetch)
    else:
        keys = KeySet(members["keys"], policy.algorithms)
    ports = members.get("ports") or {}
    look_ups = _LookUps(ports, clock)
    wanted = {*ports, *ports.get("unavailable", ())}
    return Verifier(
        policy,
        keys,
        clock,
        replay=look_ups,
        liveness=look_ups if "sessions" in wanted else None,
        versions=look_ups if "session_versions" in wanted else None,
    )


def _policy(profile: str, members: Message) -> VerificationPolicy:
    acr_values = members.get("acr_values")
    return VerificationPolicy(
        algorithms=frozenset(members["algorithms"]),
        profile=Profile(profile),
        leeway=members.get("leeway") or 0,
        require=tuple(members.get("require") or ()),
        replay=bool(members.get("replay")),
        trusted_audiences=frozenset(members.get("trusted_audiences") or ()),
        acr_values=None if acr_values is None else tuple(acr_values),
        **{name: members.get(name) for name in _OPTIONAL},
    )


_OPTIONAL = ("issuer", "audience", "typ", "client_id", "nonce", "access_token", "code", "max_age")


class _LookUps:
    """All three ports, answering as a policy of the contract lists it."""

    def __init__(self, ports: Message, clock: ManualClock) -> None:
        self._sessions: Any = ports.get("sessions")
        self._versions: Any = ports.get("session_versions")
        self._down = ports.get("unavailable", ())
        self._guard = MemoryReplayGuard(clock)

    def first_use(self, issuer: str, jti: str, until: float) -> bool:
        self._reach("replay")
        return self._guard.first_use(issuer, jti, until)

    def revoked(self, sid: str | None) -> bool:
        self._reach("sessions")
        return bool(self._sessions.get(sid) == "revoked")

    def current(self, subject: str) -> int | None:
        self._reach("session_versions")
        version: int | None = self._versions.get(subject)
        return version

    def _reach(self, name: str) -> None:
        if name in self._down:
            raise Unavailable


def _verify_jws(request: Message) -> Message:
    verdict = verify_jws(_token(request), request["keys"], request["algorithms"])
    if isinstance(verdict, Rejected):
        return {"verdict": "rejected", "reason": str(verdict.reason)}
    return {"verdict": "accepted", "payload_b64": b64encode(verdict).decode()}


def _token(request: Message) -> str | bytes:
    if "token" in request:
        return str(request["token"])
    return b64decode(request["token_b64"])
