"""Source ids as anybody can recompute them from the hints of an event (the specification's *compose*)."""

import re

_SENTINELS = frozenset({"anon", "noaud", "nokid"})
_SAFE = re.compile(rb"[A-Za-z0-9._~@/+=-]")


def source_ids(client: str | None, aud: str | None, kid: str | None) -> frozenset[str]:
    """Return the source ids that bounded hints may compose.

    With an audience it is an ID token's; without one nothing but the id itself tells an ID token from another.
    """
    if aud is not None:
        return frozenset({"::".join((_part(client, "anon"), _part(aud, "noaud"), _part(kid, "nokid")))})
    first, last = _part(client, "anon"), _part(kid, "nokid")
    return frozenset({f"{first}::{last}", f"{first}::noaud::{last}"})


def _part(hint: str | None, sentinel: str) -> str:
    if hint is None:
        return sentinel
    octets = hint.encode("utf-8", "surrogatepass")
    encoded = [chr(octet) if _SAFE.match(bytes([octet])) else f"%{octet:02X}" for octet in octets]
    if hint in _SENTINELS:
        encoded[0] = f"%{octets[0]:02X}"
    return "".join(encoded)
