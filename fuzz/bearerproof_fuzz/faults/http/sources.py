"""Faults in where a request over HTTP comes from (HTTP-15)."""

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from bearerproof_fuzz.faults.http.binding import Answer, Sent, answering, asking, reason
from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for
from bearerproof_reference.deployment import httprequest
from bearerproof_reference.keyserver import addresses, server
from bearerproof_reference.keyserver.server import Caller


def _called(patch: Patch, change: Callable[[Any, Caller], Caller]) -> None:
    """Have the caller changed after it was read."""
    patch.wrap(httprequest, "caller", lambda read, scope: change(scope, read(scope)))


@fault_by("HTTP-15", Patch.wrap, server, "client_ip")
def forwarded_is_believed_of_everybody(of: Any, peer: Any, forwarded: Any, trusted: Any) -> Any:
    """X-Forwarded-For is believed whoever sends it (W13)."""
    return (
        of(peer, forwarded, trusted) if forwarded is None else of(forwarded.rpartition(",")[2], None, trusted) or peer
    )


_CALLED: Rows[Callable[[Any, Caller], Caller]] = {
    "another-field-is-believed": (
        "X-Real-IP is believed, which no proxy of ours sets, so the client does (CWE-348).",
        lambda scope, caller: Caller(
            next(iter(httprequest.header(scope, b"x-real-ip")), caller.peer), caller.forwarded
        ),
    ),
    "field-of-another-cloud-is-believed": (
        "The field of a content network is believed, though none stands in front (CWE-348).",
        lambda scope, caller: Caller(
            next(iter(httprequest.header(scope, b"cf-connecting-ip")), caller.peer), caller.forwarded
        ),
    ),
    "first-forwarded-address-counts": (
        "The left-most address counts, which is what the client says of itself (W13).",
        lambda _scope, caller: Caller(caller.peer, (caller.forwarded or "").partition(",")[0] or None),
    ),
    "first-forwarded-line-counts": (
        "Of several lines of the field the first one is read, which the client has sent.",
        lambda scope, caller: Caller(caller.peer, next(iter(httprequest.header(scope, b"x-forwarded-for")), None)),
    ),
    "trusted-proxies-are-not-seen": (
        "The connection's address counts always, and behind a proxy all clients are one.",
        lambda _scope, caller: Caller(caller.peer, None),
    ),
}
faults_for("HTTP-15", _called, _CALLED)


@fault_by("HTTP-15", _called)
def standard_field_is_believed(scope: Any, caller: Caller) -> Caller:
    """Forwarded is the standard, so it is believed of everybody."""
    addresses = [value.partition("for=")[2].partition(";")[0] for value in httprequest.header(scope, b"forwarded")]
    return Caller(addresses[0] if addresses else caller.peer, caller.forwarded)


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


@fault_by("HTTP-15", Patch.wrap, server, "client_ip")
def forwarded_text_stands_in_the_trail(of: Any, peer: str | None, forwarded: str | None, trusted: Any) -> Any:
    """What a proxy forwards is copied into the trail as it is (CWE-117)."""
    is_proxy = of(peer, _ANYBODY, trusted) == _ANYBODY
    return forwarded.rpartition(",")[2].strip() if forwarded and is_proxy else of(peer, forwarded, trusted)


_ANYBODY = "203.0.113.254"
