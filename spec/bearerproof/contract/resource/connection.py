"""A resource server that runs somewhere, as an implementation that can be asked: ``verify`` over HTTP."""

import asyncio
import base64
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from bearerproof import PROTOCOL
from bearerproof.contract.http.trail import Event
from bearerproof.contract.http.wire import Answered, BrokenOff, Sent, Server, Unsendable
from bearerproof.contract.messages import Request
from bearerproof.contract.resource import policies
from bearerproof.contract.resource.answers import Kind, error_code
from bearerproof.contract.resource.authority import RunningAuthority, StartAuthority
from bearerproof.contract.resource.controls import Controls, described
from bearerproof.contract.resource.failures import Failures
from bearerproof.contract.resource.hello import declared
from bearerproof.contract.resource.presenting import written
from bearerproof.contract.resource.profile import ResourceProfile
from bearerproof.contract.resource.profilefile import load
from bearerproof.contract.resource.waves import waves
from bearerproof.exceptions import AdapterCrashed, AdapterFault, AdapterHung, BadInput
from bearerproof.members import Json

PROBED_EVERY = 25
"""After so many tokens an honest one is presented: a server that locks us out refuses everything."""


def connect(url: str, profile: str, start: StartAuthority | None, owned: str | None = None) -> "ResourceConnection":
    """Open a connection to the server at ``url`` that the file describes, with the authorization server it trusts.

    A server on another machine is only asked if its very host is ``owned``.

    Raises:
        BadInput: URL or profile cannot be used, or a port of the authorization server not be had.
    """
    host = _host(url)
    local = _is_loopback(host)
    if owned is not None and owned != host:
        raise BadInput(f"--i-own-this names {owned!r}, and --url leads to {host!r}")
    if not local and owned is None:
        raise BadInput(
            f"{host!r} is not this machine, and tokens that are no good are what a server is protected from: if it is "
            f"yours, say --i-own-this {host}"
        )
    return ResourceConnection(url, load(Path(profile), probes=local), start, local=local)


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return ""
    if parts.path.strip("/"):
        raise BadInput(
            f"--url of a resource server is its origin, without a path: the path stands in [request], not {url!r}"
        )
    return host


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


_BROKEN_OFF: Json = {"errored": {"message": "the connection ended without an answer"}}

RETURNS_WITHIN = 20.0
"""Seconds within which a server that died is expected back, where something starts it again."""


class ResourceConnection:
    """Presents tokens to a resource server over HTTP, and reads its verdicts from what it answers.

    What it is asked at the same time sets ``overlapped``; with ``alone`` it is asked one thing after the other.
    """

    max_line: int | None = None
    alone = False
    overlapped = False

    def __init__(self, url: str, profile: ResourceProfile, start: StartAuthority | None, *, local: bool = True) -> None:
        self._profile = profile
        self._server = Server(url)
        self._ids = count(1)
        self._policies = policies.Policies(profile)
        self._presented = 0
        self._last = self._waited = 0.0
        self.requests = 0
        self.largest: int | None = None
        self._local = local
        self._began = time.monotonic()
        self._authority = _authority(profile, start, made_anew=not local)
        self._runner = asyncio.Runner()
        try:
            self._failures = Failures(profile.audit)
        except AdapterFault:
            self._end()
            raise

    def ask(self, requests: Sequence[Request], seconds: float) -> Iterator[Json]:
        """Ask one thing after the other, or what may be under way at once over several connections."""
        ahead = self._sent_ahead(requests, seconds) if self._may_overlap(requests) else {}
        for number, request in enumerate(requests):
            early = ahead.get(number)
            answer = self._answer(request, seconds) if early is None else self._settled(request, early, seconds)
            yield {"id": next(self._ids), **answer}

    def _may_overlap(self, requests: Sequence[Request]) -> bool:
        """Say whether no event, no pace and no key that is changed meanwhile makes the order matter."""
        pace, several = self._profile.pace, len(requests) > 1 and all(each["op"] == "verify" for each in requests)
        calm = not self._failures.are_read and not self._authority.disturbed and not pace.rate
        return several and calm and pace.at_once > 1 and not self.alone

    def _sent_ahead(self, requests: Sequence[Request], seconds: float) -> dict[int, Answered]:
        """Send tokens in waves, and return the answers that tell what became of one; the others are asked alone."""
        ready = {at: sent for at, request in enumerate(requests) if (sent := self._written(request)) is not None}
        places, found = list(ready), dict[int, Answered]()
        for wave in waves([_token(requests[at]) for at in places]):
            chosen = [places[at] for at in wave]
            self.overlapped |= len(chosen) > 1
            self.requests += len(chosen)
            answered = self._runner.run(self._at_once([ready[at] for at in chosen], seconds))
            found |= {at: answer for at, answer in zip(chosen, answered, strict=True) if answer is not None}
        told = (Kind.ACCEPTED, Kind.REJECTED, Kind.FORBIDDEN, Kind.TRANSPORT)
        return {at: self._without_secrets(answer) for at, answer in found.items() if self.kind(answer) in told}

    async def _at_once(self, several: Sequence[Sent], seconds: float) -> list[Answered | None]:
        allowed = asyncio.Semaphore(self._profile.pace.at_once)

        async def answered(sent: Sent) -> Answered | None:
            async with allowed:
                try:
                    return await self._server.ask(sent, seconds)
                except (AdapterFault, Unsendable):  # asked again, it tells what it is
                    return None

        return await asyncio.gather(*map(answered, several))

    def _written(self, request: Request) -> Sent | None:
        """Return the request that presents a token; None: it is not presented, as is told in its turn."""
        if self._policies.unfit(request, self._published(request)) is not None:
            return None
        if self._unpresentable(request, _token(request)) is not None:
            return None
        try:
            return written(self._profile.server, _token(request))
        except Unsendable:
            return None

    def restart(self) -> None:
        """Connect anew: the server is not ours to restart."""
        self._runner.run(self._server.close())

    def close(self) -> None:
        """End the connections, the authorization server, and what follows the log; the server runs on."""
        self._end()
        self._failures.close()

    def _end(self) -> None:
        with suppress(RuntimeError):  # closed before
            self._runner.run(self._server.close())
        self._runner.close()
        self._authority.close()

    def send(self, sent: Sent, seconds: float) -> Answered:
        """Send one request within the pace allowed, and again where the server asks to come later.

        Raises:
            Unsendable: it cannot be written. BrokenOff: the connection ended. AdapterCrashed: there is none.
            AdapterFault: what came is no HTTP.
        """
        self._keep_pace()
        self._failures.forget()
        self.requests += 1
        answered = self._runner.run(self._server.ask(sent, seconds))
        if answered.status == 429 and self._wait_for(answered):
            return self.send(sent, seconds)
        return self._without_secrets(answered)

    def _answered(self, sent: Sent, seconds: float) -> Answered | None:
        """Send one request, and once more after a connection that ended; None: it ended both times, the server did not.

        Raises:
            Unsendable: it cannot be written. AdapterCrashed: the server ended, and is back.
            AdapterFault: it is not, or what came is no HTTP.
        """
        for _ in range(2):
            try:
                return self.send(sent, seconds)
            except AdapterCrashed as lost:
                if self._was_gone(seconds) or not isinstance(lost, BrokenOff):
                    raise AdapterCrashed(f"the server ended, and was started again: {lost}") from None
        return None

    def _was_gone(self, seconds: float) -> bool:
        """Wait until an honest token is accepted again, and say whether nothing listened meanwhile.

        Raises:
            AdapterFault: it stays so, or honest tokens are refused.
        """
        gone, end = False, time.monotonic() + RETURNS_WITHIN
        while True:
            self._runner.run(self._server.close())
            try:
                self._probe(seconds, "after a connection that ended without an answer")
            except (AdapterHung, AdapterCrashed) as lost:
                gone = True
                if time.monotonic() > end:
                    raise AdapterFault(f"it ended with request {self.requests}, and is not back: {lost}") from None
                time.sleep(0.1)
            else:
                return gone

    @property
    def remarks(self) -> tuple[str, ...]:
        """What there is to say at the end: how much was asked, and what to undo."""
        seconds = time.monotonic() - self._began
        asked = f"{self.requests:,} requests in {seconds:.0f} s, {self.requests / max(seconds, 0.001):.0f} a second"
        issuer = self._profile.server.issuer
        undo = [] if self._local else [f"remove the trust in {issuer}: its keys were made for this run, and are gone"]
        return (f"{asked}; the key set was fetched {self._authority.requests} times", *undo)

    def kind(self, answered: Answered) -> Kind:
        """Return what an answer means."""
        return self._profile.server.answers.kind(answered.status, error_code(answered.headers, answered.body))

    def _answer(self, request: Request, seconds: float) -> Json:
        op = request["op"]
        if op == "hello":
            return self._hello(seconds)
        if op == "reset" and self._failures.are_read:
            self._failures.settle(self._refusing(seconds))
            return {"reset": True}
        if op not in ("verify", "http"):
            return {"skipped": f"{op} cannot be asked of a resource server over HTTP"}
        unfit = self._policies.unfit(request, self._published(request))
        if unfit is not None:
            return {"skipped": unfit}
        return self._verify(request, seconds) if op == "verify" else self._http(request, seconds)

    def _hello(self, seconds: float) -> Json:
        if self.largest is None:
            self.largest = Controls(self, self._profile, self._authority, seconds).begin()
            self._failures.require(self._refusing(seconds))
        return {"protocol": PROTOCOL, **declared(self._profile)}

    def _verify(self, request: Request, seconds: float) -> Json:
        token = _token(request)
        if (reason := self._unpresentable(request, token)) is not None:
            return {"skipped": reason}
        self._failures.settle(self._refusing(seconds))
        try:
            answered = self._answered(written(self._profile.server, token), seconds)
        except Unsendable as unsendable:
            return {"skipped": f"HTTP cannot carry this: {unsendable}"}
        return _BROKEN_OFF if answered is None else self._settled(request, answered, seconds)

    def _settled(self, request: Request, answered: Answered, seconds: float) -> Json:
        """Return what an answer says of the token, with the events that it left."""
        left = self._left(answered, _token(request))
        verdict = self._verdict(answered, seconds)
        return {**verdict, **left} if "verdict" in verdict else verdict

    def _published(self, request: Request) -> Sequence[Json]:
        return self._authority.published(request["policy"].get("issuer", self._profile.server.issuer))

    def _unpresentable(self, request: Request, token: str | bytes) -> str | None:
        size = len(token if isinstance(token, bytes) else token.encode("utf-8", "surrogatepass"))
        if self.largest is not None and size > self.largest:
            return f"not reached: honest tokens of more than {self.largest:,} octets do not pass its transport"
        others = self._policies.keys_beyond(request, self._published(request))
        if isinstance(token, str) and others and self._authority.is_signed(token, others):
            return "the server cannot be told a policy without the key that signed this"
        return None

    def _verdict(self, answered: Answered, seconds: float) -> Json:
        kind = self.kind(answered)
        self._presented += 1
        if kind is Kind.BUSY:
            raise AdapterFault(_busy(answered))
        if kind is Kind.OTHER:
            raise AdapterFault(f"{described(answered)} is not about the token; say in [answers] what it means")
        if kind is Kind.ERRORED:
            self._runner.run(self._server.close())
        if kind is Kind.ERRORED or self._presented % PROBED_EVERY == 0:
            self._probe(seconds, f"since request {self.requests}")
        if kind is Kind.TRANSPORT:
            return {"skipped": f"not reached: status {answered.status} came from the transport, before any verifier"}
        if kind is Kind.ERRORED:
            return {"errored": {"message": f"status {answered.status}"}}
        if kind is Kind.REJECTED:
            return {"verdict": "rejected", **self._reason(answered)}
        return {"verdict": "accepted"}

    def _refusing(self, seconds: float) -> Callable[[str], object]:
        return lambda client: self.send(written(self._profile.server, self._authority.altered(client)), seconds)

    def _left(self, answered: Answered, token: str | bytes) -> Json:
        """Return the events that a verdict left in the log, if there is one and they can be told.

        Nothing is told of a refusal in which a verifier may have had no part, and of one for the want of a scope.
        """
        kind = self.kind(answered)
        if kind not in (Kind.ACCEPTED, Kind.REJECTED):
            return {}
        rejected = True if _is_credential(token, answered) else None
        came = self._failures.left(due=rejected if kind is Kind.REJECTED else False)
        if came is None:
            return {}
        harmless = [self._harmless(event) for event in came]
        return {"events": [event.members for event in harmless], "lines": [event.line for event in harmless]}

    def _harmless(self, event: Event) -> Event:
        """Return an event without secrets; where that of HMAC stands, the one that policies show does: it is a leak."""
        line, secret = event.line, self._profile.token.secret
        shown = self._authority.published(self._profile.server.issuer)[0].get("k", "") if secret else ""
        for spelling in _spellings(secret) if secret else ():
            line = line.replace(spelling, shown)
        line = self._without(line)
        return event if line == event.line else Event(json.loads(line), line)

    def _probe(self, seconds: float, when: str) -> None:
        """Present an honest token: whoever refuses that now tells nothing any more.

        Raises:
            AdapterCrashed: there is no answer. AdapterFault: it is refused.
        """
        token, _ = self._authority.honest()
        sent = written(self._profile.server, token)
        try:
            answered = self.send(sent, seconds)
        except BrokenOff:  # a connection that had been idle for too long
            answered = self.send(sent, seconds)
        if self.kind(answered) is not Kind.ACCEPTED and not self._authority.disturbed:
            raise AdapterFault(f"honest tokens are refused {when}, with {described(answered)}: a lock-out?")

    def _reason(self, answered: Answered) -> Json:
        if not self._profile.reasons:
            return {}
        text = reason_text(answered)
        found = next((name for name, pattern in self._profile.reasons.items() if pattern.search(text)), "other")
        return {"reason": found}

    def _http(self, request: Request, seconds: float) -> Json:
        """Send a request as it is given; events of it are nobody's."""
        self._failures.forget(may_come_late=True)
        sent = Sent(
            request["method"],
            request["path"],
            tuple((n, v) for n, v in request["headers"]),
            base64.b64decode(request["body_b64"]),
        )
        try:
            answered = self._answered(sent, seconds)
        except Unsendable as unsendable:
            return {"skipped": f"HTTP cannot carry this: {unsendable}"}
        if answered is None:
            return _BROKEN_OFF
        if self.kind(answered) is Kind.BUSY:
            raise AdapterFault(_busy(answered))
        return {
            "status": answered.status,
            "headers": [list(pair) for pair in answered.headers],
            "body_b64": base64.b64encode(answered.body).decode(),
        }

    def _wait_for(self, answered: Answered) -> bool:
        """Wait as long as the server asks for, if the profile allows that."""
        pace, asked = self._profile.pace, answered.header("retry-after") or ""
        seconds = float(asked) if asked.isdecimal() and len(asked) < 7 else 1.0
        if not pace.waits or seconds > pace.wait or self._waited > pace.wait:
            return False
        self._waited += seconds
        time.sleep(seconds)
        return True

    def _without_secrets(self, answered: Answered) -> Answered:
        """Return an answer in which no secret of the profile stands: a server may repeat what it was sent."""
        self._waited = 0.0
        if not self._profile.secrets:
            return answered
        fields = tuple((name, self._without(value)) for name, value in answered.headers)
        body = answered.body
        for secret in self._profile.secrets:
            body = body.replace(secret.encode(), b"***")
        return Answered(answered.status, fields, body)

    def _without(self, text: str) -> str:
        for secret in self._profile.secrets:
            text = text.replace(secret, "***")
        return text

    def _keep_pace(self) -> None:
        rate = self._profile.pace.rate
        if rate:
            time.sleep(max(0.0, self._last + 1 / rate - time.monotonic()))
        self._last = time.monotonic()


def reason_text(answered: Answered) -> str:
    """Return what an answer says of the reason: the challenge, and the beginning of its body."""
    return f"{answered.header('www-authenticate') or ''}\n{answered.body[:4096].decode('utf-8', 'replace')}"


def _token(request: Request) -> str | bytes:
    token: str | bytes = request["token"] if "token" in request else base64.b64decode(request["token_b64"])
    return token


def _spellings(octets: bytes) -> tuple[str, ...]:
    encoded = (encode(octets).decode().rstrip("=") for encode in (base64.b64encode, base64.urlsafe_b64encode))
    return (octets.decode(), octets.hex(), octets.hex().upper(), *encoded)


def _is_credential(token: str | bytes, answered: Answered) -> bool:
    """Say whether what was refused was for a verifier: a `b64token`, and no bad request (RFC 6750 §2.1, §3.1)."""
    text = token.decode("latin-1") if isinstance(token, bytes) else token
    return _B64TOKEN.fullmatch(text) is not None and error_code(answered.headers, answered.body) != "invalid_request"


_B64TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


def _busy(answered: Answered) -> str:
    return f"{described(answered)}: too many requests for it; set [pace] rate"


def _authority(profile: ResourceProfile, start: StartAuthority | None, *, made_anew: bool) -> RunningAuthority:
    if start is None:
        raise BadInput("the profile asks for an authorization server, and none can be started here")
    given = profile.identity_provider
    try:
        return start(profile, made_anew=made_anew)
    except OSError as error:
        raise BadInput(
            f"the authorization server cannot be started at {given.host}, port {given.port}: {error.strerror or error}"
        ) from None
