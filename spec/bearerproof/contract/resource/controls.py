"""What has to hold before any refusal means something: no token refused, an honest one accepted, an altered one not."""

from typing import Protocol

from bearerproof import members
from bearerproof.contract.http.wire import Answered, BrokenOff, Sent
from bearerproof.contract.resource.answers import Kind, pointed_at
from bearerproof.contract.resource.authority import RunningAuthority
from bearerproof.contract.resource.presenting import written
from bearerproof.contract.resource.profile import ResourceProfile
from bearerproof.exceptions import AdapterFault

SIZES = (3_000, 6_000, 12_000, 24_000, 48_000)
"""Octets of filler with which it is tried how long a token may be; usual limits are 4, 8, 16 and 64 KiB."""


class Asking(Protocol):
    """Whoever sends requests to the server."""

    def send(self, sent: Sent, seconds: float) -> Answered:
        """Send one request."""
        ...

    def kind(self, answered: Answered) -> Kind:
        """Return what an answer means."""
        ...


class Controls:
    """The controls of a run, which begins with them; each that fails ends it."""

    def __init__(self, asking: Asking, profile: ResourceProfile, authority: RunningAuthority, seconds: float) -> None:
        self._asking = asking
        self._profile = profile
        self._authority = authority
        self._seconds = seconds

    def begin(self) -> int:
        """Run all controls, and return how many octets of a token pass the server's transport.

        Raises:
            AdapterFault: one of them failed; says which, and what the server answered.
        """
        self._no_token()
        self._honest()
        self._other()
        self._altered()
        return self._largest()

    def _no_token(self) -> None:
        answered = self._ask(None)
        if self._asking.kind(answered) in (Kind.ACCEPTED, Kind.FORBIDDEN):
            raise AdapterFault(f"control: this request needs no token: without one came {described(answered)}")
        if self._asking.kind(answered) in (Kind.OTHER, Kind.ERRORED):
            raise AdapterFault(
                f"control: without a token came {described(answered)}, which is no refusal that the profile knows: is "
                "the path in [request] right, and does [answers] list it?"
            )

    def _honest(self) -> None:
        token, claims = self._authority.honest()
        answered = self._ask(token)
        if self._asking.kind(answered) is not Kind.ACCEPTED:
            raise AdapterFault(f"control: an honest token is not accepted: {described(answered)}; {self._asked()}")
        echo = self._profile.echo
        if echo and (seen := pointed_at(answered.body, echo)) not in claims.values():
            raise AdapterFault(
                f"control: echo {echo} is {members.brief(seen)}, which is no claim of the token: whose are believed?"
            )

    def _other(self) -> None:
        if not self._profile.server.other:
            return
        answered = self._ask(self._authority.honest_of_other())
        if self._asking.kind(answered) is not Kind.ACCEPTED:
            raise AdapterFault(
                f"control: an honest token of the other issuer is not accepted: {described(answered)}; does the server "
                f"trust {self._profile.server.other}, with the same audience?"
            )

    def _asked(self) -> str:
        if self._authority.requests:
            return f"the key set was fetched {self._authority.requests} times: do issuer, audience, typ and claims fit?"
        return (
            "nobody fetched the key set: is this issuer the one that it is configured with, is https demanded, is the "
            "certificate trusted?"
        )

    def _altered(self) -> None:
        answered = self._ask(self._authority.altered())
        if self._asking.kind(answered) is not Kind.REJECTED:
            raise AdapterFault(
                "control: a token with one octet of its signature changed is not refused as a bad token: "
                f"{described(answered)}; nothing that follows would be about the token"
            )

    def _largest(self) -> int:
        """Return the size of the longest honest token that is accepted, of a few."""
        largest = len(self._authority.honest()[0])
        for size in SIZES:
            token, _ = self._authority.honest(size)
            try:
                answered = self._ask(token)
            except BrokenOff:
                break
            if self._asking.kind(answered) is not Kind.ACCEPTED:
                break
            largest = len(token)
        return largest

    def _ask(self, token: str | None) -> Answered:
        return self._asking.send(written(self._profile.server, token), self._seconds)


def described(answered: Answered) -> str:
    """Say an answer in a few words: status, challenge, and how its body begins."""
    challenge = answered.header("www-authenticate")
    shown = f"status {answered.status}"
    if challenge is not None:
        shown += f", challenge {members.brief(challenge)}"
    return f"{shown}, body {members.brief(answered.body[:80].decode('utf-8', 'replace'))}" if answered.body else shown
