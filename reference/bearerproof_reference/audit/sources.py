"""Source ids: hints composed into one key, injectively, so that no hint can imitate a separator or a gap."""

import re

ANONYMOUS = "anon"
NO_AUDIENCE = "noaud"
NO_KID = "nokid"
SEPARATOR = "::"

_SENTINELS = frozenset({ANONYMOUS, NO_AUDIENCE, NO_KID})
_UNSAFE = re.compile(r"[^A-Za-z0-9._~@/+=-]")


def compose(client_id: str | None, kid: str | None) -> str:
    """Return the source id of an access token (or a plain JWT) from bounded hints."""
    return SEPARATOR.join((_part(client_id, ANONYMOUS), _part(kid, NO_KID)))


def compose_id_token(azp: str | None, aud: str | None, kid: str | None) -> str:
    """Return the source id of an ID token from bounded hints."""
    return SEPARATOR.join((_part(azp, ANONYMOUS), _part(aud, NO_AUDIENCE), _part(kid, NO_KID)))


def _part(hint: str | None, sentinel: str) -> str:
    """Return one part: the sentinel for an absent hint, else the hint with every unsafe byte as ``%XX``.

    A hint that spells any sentinel gets its first byte encoded, in every position: else ``nokid`` as a name
    would be the same as no name.
    """
    if hint is None:
        return sentinel
    if hint in _SENTINELS:
        return f"%{ord(hint[0]):02X}{hint[1:]}"
    return _UNSAFE.sub(_encoded, hint)


def _encoded(unsafe: re.Match[str]) -> str:
    return "".join(f"%{octet:02X}" for octet in unsafe[0].encode())
