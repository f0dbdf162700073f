"""Where a request came from: the peer, or what a proxy that we trust says of the hop before it."""

import re
from collections.abc import Collection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_WITH_PORT = re.compile(r"\[(?P<six>[^]]*:[^]]*)\](:[0-9]{1,5})?|(?P<four>[0-9.]+):[0-9]{1,5}")
"""An address as some proxies forward it, with a port; IPv6 is in brackets then (RFC 3986 §3.2.2)."""
_NAT64 = IPv6Network("64:ff9b::/96")


def client_ip(peer: str | None, forwarded: str | None, trusted: Collection[Network]) -> str | None:
    """Return the address of the client in text form, or None when the peer has none.

    ``forwarded`` is X-Forwarded-For, several of them joined by commas. Each proxy appends whom it heard from, so
    the list is read from the right, and only for as long as a trusted proxy wrote the next item: all that
    stands further left is what the client says of itself.
    """
    address = None if peer is None else _parse(peer)
    if address is None:
        return None
    hops = (forwarded or "").split(",")
    while hops and _is_trusted(address, trusted):
        hop = _parse(hops.pop())
        if hop is None:
            break
        address = hop
    return str(address)


def source(client: str | None) -> str:
    """Return what to throttle a client by: its address, and for IPv6 the /64 in which one host may have them all.

    Where an address is made of one of IPv4, by 6to4 (RFC 3056) or NAT64 (RFC 6052), that one counts: the one gives a
    host 65,536 times a /64, the other puts everybody into the same.
    """
    address = None if client is None else ip_address(client)
    if not isinstance(address, IPv6Address):
        return str(address)
    within = IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else address.sixtofour
    return str(within or ip_network((address, 64), strict=False))


def _parse(text: str) -> Address | None:
    """Return the address, without port and zone, and an IPv4 one out of its IPv6 clothes: so each has one spelling."""
    text = text.strip(" \t")
    with_port = _WITH_PORT.fullmatch(text)
    if with_port is not None:
        text = with_port["six"] or with_port["four"]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_trusted(address: Address, trusted: Collection[Network]) -> bool:
    return any(address in network for network in trusted)
