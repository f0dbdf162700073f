"""Faults in where a request over HTTP comes from (HTTP-15)."""

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from bearerproof_fuzz.faults.http.binding import Answer, Sent, answering, asking, reason
from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_reference.deployment import httprequest
from bearerproof_reference.keyserver import addresses, server
from bearerproof_reference.keyserver.server import Caller


def _called(patch: Patch, change: Callable[[Any, Caller], Caller]) -> None:
    """Have the caller changed after it was read."""
    patch.wrap(httprequest, "caller", lambda read, scope: change(scope, read(scope)))


@fault("HTTP-15")
def forwarded_is_believed_of_everybody(patch: Patch) -> None:
    """X-Forwarded-For is believed whoever sends it (W13)."""
    patch.wrap(server, "client_ip", lambda of, peer, forwarded, trusted: (
        of(peer, forwarded, trusted) if forwarded is None else of(forwarded.rpartition(",")[2], None, trusted) or peer
    ))  # fmt: skip


@fault("HTTP-15")
def another_field_is_believed(patch: Patch) -> None:
    """X-Real-IP is believed, which no proxy of ours sets, so the client does (CWE-348)."""
    _called(patch, lambda scope, caller: Caller(
        next(iter(httprequest.header(scope, b"x-real-ip")), caller.peer), caller.forwarded
    ))  # fmt: skip


@fault("HTTP-15")
def field_of_another_cloud_is_believed(patch: Patch) -> None:
    """The field of a content network is believed, though none stands in front (CWE-348)."""
    _called(patch, lambda scope, caller: Caller(
        next(iter(httprequest.header(scope, b"cf-connecting-ip")), caller.peer), caller.forwarded
    ))  # fmt: skip


@fault("HTTP-15")
def standard_field_is_believed(patch: Patch) -> None:
    """Forwarded is the standard, so it is believed of everybody."""

    def believe(scope: Any, caller: Caller) -> Caller:
        told = [value.partition("for=")[2].partition(";")[0] for value in httprequest.header(scope, b"forwarded")]
        return Caller(told[0] if told else caller.peer, caller.forwarded)

    _called(patch, believe)


@fault("HTTP-15")
def first_forwarded_address_counts(patch: Patch) -> None:
    """The left-most address counts, which is what the client says of itself (W13)."""
    _called(patch, lambda _scope, caller: Caller(caller.peer, (caller.forwarded or "").partition(",")[0] or None))


@fault("HTTP-15")
def first_forwarded_line_counts(patch: Patch) -> None:
    """Of several lines of the field the first one is read, which the client has sent."""
    _called(patch, lambda scope, caller: Caller(
        caller.peer, next(iter(httprequest.header(scope, b"x-forwarded-for")), None)
    ))  # fmt: skip


@fault("HTTP-15")
def malformed_forwarding_is_an_error(patch: Patch) -> None:
    """A malformed address raises, and the request ends with 500 (CWE-20)."""
    patch(addresses, "_parse", lambda text: ip_address(text.strip()))


@fault("HTTP-15")
def malformed_forwarding_is_a_bad_request(patch: Patch) -> None:
    """A request whose forwarding field is malformed is refused with 400: one bad hop, and nobody gets through."""
    sent_bad: list[bool] = []

    def note(sent: Sent) -> None:
        values = ",".join(sent.values("x-forwarded-for")).split(",")
        sent_bad[:] = [True for value in values if value.strip() == "unknown"]

    def refuse(answer: Answer) -> None:
        if sent_bad and reason():
            answer.status = 400

    answering(patch, refuse)
    asking(patch, note)


@fault("HTTP-15")
def forwarded_text_stands_in_the_trail(patch: Patch) -> None:
    """What a proxy forwards is copied into the trail as it is (CWE-117)."""

    def copy(of: Any, peer: str | None, forwarded: str | None, trusted: Any) -> Any:
        is_proxy = of(peer, _ANYBODY, trusted) == _ANYBODY
        return forwarded.rpartition(",")[2].strip() if forwarded and is_proxy else of(peer, forwarded, trusted)

    patch.wrap(server, "client_ip", copy)


_ANYBODY = "203.0.113.254"


@fault("HTTP-15")
def trusted_proxies_are_not_seen(patch: Patch) -> None:
    """The connection's address counts always, and behind a proxy all clients are one."""
    _called(patch, lambda _scope, caller: Caller(caller.peer, None))
