"""Source ids as anybody can recompute them from the hints of an event (the specification's *compose*)."""

from functools import lru_cache
from urllib.parse import quote

_SENTINELS = frozenset({"anon", "noaud", "nokid"})


@lru_cache(maxsize=4096)
def source_ids(client: str | None, aud: str | None, kid: str | None) -> frozenset[str]:
    """Return the source ids that bounded hints may compose.

    With an audience it is an ID token's; without one nothing but the id itself tells an ID token from another.
    """
    if aud is not None:
        return frozenset({"::".join((part(client, "anon"), part(aud, "noaud"), part(kid, "nokid")))})
    first, last = part(client, "anon"), part(kid, "nokid")
    return frozenset({f"{first}::{last}", f"{first}::noaud::{last}"})


def part(hint: str | None, sentinel: str) -> str:
    """Return one part of a source id: of an absent hint its sentinel, for which no other hint can be taken."""
    if hint is None:
        return sentinel
    # Letters, digits and "_.-~" are what quote always leaves.
    encoded = quote(hint, safe="@/+=", errors="surrogatepass")
    return f"%{ord(hint[0]):02X}{hint[1:]}" if hint in _SENTINELS else encoded
