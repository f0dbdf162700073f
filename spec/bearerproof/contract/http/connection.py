"""A key server that runs somewhere, as an implementation that can be asked: contract level 3 over HTTP."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path

from bearerproof import PROTOCOL
from bearerproof.contract.http import translation
from bearerproof.contract.http.control import CONTROLLED, Control, can_rotate
from bearerproof.contract.http.profile import ServerProfile, Trusted
from bearerproof.contract.http.profilefile import load
from bearerproof.contract.http.provider import RunningProvider, StartProvider
from bearerproof.contract.http.toldclock import PAIR
from bearerproof.contract.http.trail import Event, Trail, shared_out
from bearerproof.contract.http.wire import Answered, BrokenOff, Sent, Server, Unsendable
from bearerproof.contract.messages import Request
from bearerproof.exceptions import AdapterCrashed, AdapterFault, AdapterHung, BadInput
from bearerproof.members import Json
from bearerproof.visible import visible

OPERATIONS = frozenset({"exchange", "authenticate", "revoke", "http"})
"""What can be asked by one request each."""


def connect(url: str, profile: str | None, provider: StartProvider | None = None) -> "HttpConnection":
    """Open a connection to the server at ``url`` that the file describes, with the identity provider it asks for.

    Raises:
        BadInput: URL or profile cannot be used. AdapterFault: the trail cannot be followed.
    """
    if profile is None:
        raise BadInput("--url needs --server-profile: what the server is configured with, and where its events are")
    return HttpConnection(url, load(Path(profile)), provider)


@dataclass(frozen=True)
class _Issued:
    """What is known of a bearer since it was granted."""

    jti: str
    scope: str
    event: Json


class HttpConnection:
    """Asks a key server by HTTP, and follows its trail for the events of each answer."""

    max_line: int | None = None

    def __init__(self, url: str, profile: ServerProfile, provider: StartProvider | None = None) -> None:
        self._profile = profile
        self._server = Server(url, profile.each)
        self._ids = count(1)
        self._own_address = ""
        self._issued: dict[str, _Issued] = {}
        self._bearers: dict[str, str] = {}
        self._requests, self._seconds = 0, 0.0
        self._refusal = ""
        self._provider = _identity_provider(profile, provider)
        self._control = Control(profile, url, self._provider)
        self._runner = asyncio.Runner()
        try:
            self._trail = Trail(profile.audit)
        except AdapterFault:
            self._end()
            raise

    def ask(self, requests: Sequence[Request], seconds: float) -> Iterator[Json]:
        """Ask one thing after the other; each answer comes with the events that it left."""
        for request in requests:
            yield {"id": next(self._ids), **self._answer(request, seconds)}

    def restart(self) -> None:
        """Connect anew; the server is not ours to restart, unless there is a program that configures it."""
        self._runner.run(self._server.close())
        self._control.begin_again(self._is_ready)

    def close(self) -> None:
        """End the connections, what follows the trail, and the identity provider; the server runs on, or is ended."""
        self._control.end()
        self._trail.close()
        self._end()

    def said(self) -> str:
        """Return what it answered last to an exchange or a bearer that it refused: shown, never interpreted."""
        return self._refusal

    def effort(self) -> str:
        """Tell how many requests there were, and at which rate, and how often the server was configured."""
        rate = self._requests / self._seconds if self._seconds else 0.0
        told = f"{self._requests:,} requests, {rate:,.0f} a second"
        runs, seconds = self._control.effort
        return f"{told}; configured {runs} times, {seconds / runs:.1f} s each" if runs else told

    def _end(self) -> None:
        with suppress(RuntimeError):  # closed before
            self._runner.run(self._server.close())
        self._runner.close()
        if self._provider is not None:
            self._provider.close()

    def _answer(self, request: Request, seconds: float) -> Json:
        op = request["op"]
        if op == "hello":
            return self._hello(seconds)
        if op in CONTROLLED:
            return self._controlled(request)
        if (untold := self._control.tell(request)) is not None:
            return {"skipped": untold}
        if op == "race":
            return {"answers": self._decisions(request["requests"], seconds)}
        if op not in OPERATIONS:
            return {"skipped": f"{op} cannot be asked over HTTP"}
        (answer,) = self._decisions([request], seconds)
        return answer

    def _hello(self, seconds: float) -> Json:
        """Declare what the profile says, once the server answers anything at all."""
        if self._profile.configure is None or self._control.is_configured:
            self._own_address = self._server.own_address(seconds)
            self._runner.run(self._asked(Sent("GET", "/"), seconds))
        return {"protocol": PROTOCOL, **declared(self._profile)}

    def _controlled(self, request: Request) -> Json:
        """Have the server put under a configuration, restarted, or given other keys, and see whom to ask now."""
        answer = self._control.ask(request, self._is_ready)
        if answer.get("configured") is True or answer.get("restarted") is True:
            self._runner.run(self._server.close())
            self._server = Server(self._control.url, self._profile.each)
            self._own_address = self._server.own_address(_LOOK)
            self._trail.forget()
        return answer

    def _is_ready(self, seconds: float) -> bool:
        """Say whether the server answers by now: what the profile says is asked for that, or else a connection."""
        server, configure = Server(self._control.url, self._profile.each), self._profile.configure
        wait = min(seconds, _LOOK)
        try:
            server.own_address(wait)
            if configure is not None and configure.ready is not None:
                path = configure.ready.partition(" ")[2]
                self._runner.run(server.ask(Sent("GET", path), wait))
        except AdapterFault:
            return False
        finally:
            self._runner.run(server.close())
        return True

    def _decisions(self, requests: Sequence[Request], seconds: float) -> list[Json]:
        """Ask all of these at the same time."""
        self._trail.forget()
        begun = time.monotonic()
        answered = self._runner.run(self._all(requests, seconds))
        answers = [self._read(request, answer) for request, answer in zip(requests, answered, strict=True)]
        claims = [
            translation.claim_of(request, answer, self._jti(request), self._profile)
            for request, answer in zip(requests, answers, strict=True)
        ]
        came = self._trail.gather(sum(claim.expected for claim in claims))
        self._requests, self._seconds = self._requests + len(requests), self._seconds + time.monotonic() - begun
        shares = [came] if len(claims) == 1 else shared_out(came, claims)
        return [self._whole(*each) for each in zip(requests, answers, shares, strict=True)]

    async def _all(self, requests: Sequence[Request], seconds: float) -> list[Answered | Unsendable | BrokenOff]:
        alone = len(requests) == 1
        return await asyncio.gather(*(self._one(request, seconds, alone=alone) for request in requests))

    async def _one(self, request: Request, seconds: float, *, alone: bool) -> Answered | Unsendable | BrokenOff:
        issued = self._issued.get(request.get("bearer", ""))
        wants = translation.wanted("" if issued is None else issued.scope)
        try:
            named = self._bearers.pop(request.get("jti", ""), None)
            written = translation.written(request, self._profile, wants, named)
            return await self._asked(written, seconds, alone=alone)
        except Unsendable as unsendable:
            return unsendable
        except BrokenOff as broken:
            if not await self._lives(seconds):
                raise
            return broken

    async def _asked(self, sent: Sent, seconds: float, *, alone: bool = True) -> Answered:
        """Ask, and once more where the answer was lost on its way; what the first left behind counts for nothing.

        Raises:
            AdapterCrashed: it was lost twice, or there is no connection.
        """
        try:
            return await self._server.ask(sent, seconds)
        except AdapterHung:
            raise
        except AdapterCrashed:  # the connection ended, or there was none
            if alone:
                self._trail.forget()
        return await self._server.ask(sent, seconds, anew=True)

    async def _lives(self, seconds: float) -> bool:
        """Say whether the server answers something harmless, over a connection of its own."""
        try:
            await self._server.ask(Sent("GET", "/"), seconds, anew=True)
        except (AdapterCrashed, AdapterHung):
            return False
        return True

    def _read(self, request: Request, answered: Answered | Unsendable | BrokenOff) -> Json:
        if isinstance(answered, Unsendable):
            return {"skipped": str(answered)}
        if isinstance(answered, BrokenOff):
            return {"errored": {"message": f"{answered}, twice, and it answers other requests"}}
        answer = translation.read(request, answered, self._profile)
        if "refused" in answer or answer.get("verdict") == "rejected":
            words = [f"status {answered.status}", answered.header("www-authenticate") or "", answered.text]
            self._refusal = visible(" ".join(filter(None, words))[:_SHOWN])
        return answer

    def _jti(self, request: Request) -> str | None:
        issued = self._issued.get(request.get("bearer", ""))
        return None if issued is None else issued.jti

    def _whole(self, request: Request, answer: Json, events: Sequence[Event]) -> Json:
        """Return the answer with its events, and with what only they, or those of the grant, can tell."""
        if "skipped" in answer or "errored" in answer:
            return answer
        came = [self._from_peer(event, request) for event in events]
        if "granted" in answer:
            self._remember(answer["granted"], [event.members for event in came])
        elif answer.get("verdict") == "accepted":
            answer = {**answer, **self._about(request["bearer"], [event.members for event in came])}
        lines = {"lines": [event.line for event in came]} if self._profile.abilities.lines else {}
        return {**answer, "events": [event.members for event in came], **lines}

    def _from_peer(self, event: Event, request: Request) -> Event:
        """Put the request's peer in place of our own address, which is what the server sees of it."""
        peer, own = request.get("peer"), self._own_address
        if (
            self._profile.abilities.forwarded is not Trusted.NOBODY
            or peer is None
            or event.members.get("client_ip") != own
        ):
            return event
        return Event({**event.members, "client_ip": peer}, event.line.replace(f'"{own}"', f'"{peer}"'))

    def _remember(self, granted: Json, events: Sequence[Json]) -> None:
        issued: Json = next((event for event in events if event.get("event") == "token.issued"), {})
        if "jti" not in granted and isinstance(issued.get("token_jti"), str):
            granted["jti"] = issued["token_jti"]
        bearer, scope = granted.get("access_token"), granted.get("scope")
        if isinstance(bearer, str) and not self._profile.audit.is_there:  # nobody but us goes by its id then
            granted.setdefault("jti", sha256(bearer.encode()).hexdigest())
        jti = granted.get("jti")
        if isinstance(bearer, str) and isinstance(jti, str):
            self._issued[bearer] = _Issued(jti, scope if isinstance(scope, str) else "", issued)
            self._bearers[jti] = bearer

    def _about(self, bearer: str, events: Sequence[Json]) -> Json:
        """Return whose bearer it is and what for: the server tells it in events alone."""
        issued = self._issued.get(bearer)
        event: Json = {**(issued.event if issued is not None else {}), **(events[0] if events else {})}
        reported, rate = event.get("identity"), event.get("rate_limit")
        identity = reported if isinstance(reported, dict) else {}
        return {
            "jti": _text(event.get("token_jti")),
            "identity": {name: _text(identity.get(name)) for name in ("issuer", "subject")},
            "scopes": {
                **{name: _texts(event.get(name)) for name in ("backends", "tools")},
                "rate_limit": rate if type(rate) is int else 0,
            },
        }


_SHOWN = 300
"""Characters of an answer that are shown."""

_LOOK = 5.0
"""Seconds that a server has to answer when it is looked at whether it is there."""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(values: object) -> list[str]:
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []


def declared(profile: ServerProfile) -> Json:
    """Return what the answer to ``hello`` says of a server with this profile."""
    setting = {**asdict(profile.setting), "issuers": list(profile.setting.issuers)}
    narrow = setting.pop("narrow")
    if narrow is not None:
        setting["narrow"] = {**narrow, **{side: list(narrow[side]) for side in ("backends", "tools")}}
    abilities = {**asdict(profile.abilities), "forwarded": profile.abilities.forwarded is not Trusted.NOBODY}
    abilities["events"] = profile.audit.is_there
    abilities["client_authentication"] = bool(profile.each.client)
    del abilities["administration"]
    keys = profile.keys
    return {
        "implementation": {"name": profile.name, "version": profile.version, "language": profile.language},
        "level": 3,
        "profiles": ["key-server"],
        "measure": str(profile.measure),
        "capabilities": {
            "algorithms": list(profile.algorithms),
            "clock": _clock(profile),
            **({} if keys is None else {"keys_url": {"ttl": keys.ttl, "stale": keys.stale, "cooldown": keys.cooldown}}),
            "key_server": {
                "prefix": profile.token_prefix,
                "name_pattern": profile.name_pattern,
                "subject_form": profile.subject_form,
                "configure": profile.configure is not None,
                "restart": profile.configure is not None and bool(profile.configure.restart),
                "rotate": can_rotate(profile),
                "setting": setting,
                **abilities,
            },
        },
    }


def _clock(profile: ServerProfile) -> str:
    """Return which clocks of the server are told: both, the wall clock alone, or none."""
    if profile.clock is None:
        return "real"
    return "injected" if profile.clock.form == PAIR else "wall"


def _identity_provider(profile: ServerProfile, start: StartProvider | None) -> RunningProvider | None:
    """Start the identity provider, if it is ours to start."""
    given = profile.identity_provider
    if given is None:
        return None
    if start is None:
        raise BadInput("the server profile asks for an identity provider, and none can be started here")
    try:
        return start(profile.setting.issuers, given.host, given.port, given.tls_port, given.certificate)
    except OSError as error:
        raise BadInput(
            f"the identity provider cannot be started at {given.host}, port {given.port}: {error.strerror or error}; "
            "if `bearerproof idp` runs there, leave [identity_provider] out of the profile"
        ) from None
