"""Faults in who is one client to a limit (LIM-15), and in limits that are read first and counted later (LIM-12)."""

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, Rows, fault_by, faults_for
from bearerproof_fuzz.faults.seams import read_then_count
from bearerproof_reference.keyserver import addresses, exchange, revocation
from bearerproof_reference.keyserver.throttling import Throttle


def _counted_by(patch: Patch, source: Callable[[str | None], str]) -> None:
    for module in (exchange, revocation):
        patch(module, "source", source)


def _half(client: str | None) -> str:
    address = addresses.source(client)
    return address.partition(":")[0] if ":" in address else address


_COUNTED_BY: Rows[Callable[[str | None], str]] = {
    "address-for-every-guess": (
        "The limit is for each address, and one host of IPv6 has 2^64 of them.",
        str,
    ),
    "clients-by-their-first-bits": (
        "All clients of one provider are one, so that a stranger keeps out his neighbours.",
        _half,
    ),
}
faults_for("LIM-15", _counted_by, _COUNTED_BY)


@fault_by("LIM-15", Patch.__call__, addresses, "_parse")
def mapped_address_is_another_client(text: str) -> Any:
    """A dual-stack socket shows a client of IPv4 as one of IPv6, which is counted anew."""
    try:
        return ip_address(text.strip(" \t").partition("%")[0])
    except ValueError:
        return None


@fault_by("LIM-12", Patch.wrap, Throttle, "spend")
def rate_is_read_and_then_counted(spend: Any, self: Any, name: object, rate: int) -> Any:
    """Requests at once all read the same number, and all are admitted (CWE-367)."""
    return read_then_count(spend, self, name, rate)
