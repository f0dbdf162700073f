"""What event each decision of a key server is due, and what an event may look like, read from contract and schema.

Nothing here knows how a server works: an event is held against what was asked, what was answered, and what the suite
itself brought about.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Any

from bearerproof.contract.decisions import Decision
from bearerproof.contract.messages import Request
from bearerproof.members import Json
from bearerproof_fuzz.oracles.events import UNSAFE

REASONS = frozenset(
    {
        "revoked",
        "insufficient-scope",
        "rate-limited",
        "malformed-bearer",
        "unknown-bearer",
        "missing-credential",
        "several-credentials",
        "store-unavailable",
        "malformed-request",
        "unsupported-grant-type",
        "unsupported-token-type",
        "invalid-target",
        "subject-token",
        "subject-token-used",
        "subject-token-age",
        "subject-token-revoked",
        "keys-unavailable",
        "no-policy",
        "invalid-scope",
        "cap-reached",
        "store-full",
        "throttled",
        "admin-credentials",
        "not-active",
    }
)
"""The closed set: every reason that an event of a key server may give."""

ISSUED, USED, EXPIRED, REVOKED = "token.issued", "token.used", "token.expired", "token.revoked"
DENIED, INVALID = "token.denied", "token.invalid"


@dataclass(frozen=True)
class ExpectedIdentity:
    """An identity; the rest of what an event tells of it are attributes."""

    issuer: str
    subject: str


@dataclass(frozen=True)
class ExpectedEvent:
    """One event that is due: its name, why, of which token, and for whom.

    ``who`` is None for an event that names nobody; with ``perhaps`` it may also be left out, since a server is free
    to refuse before it has verified who asks.
    """

    event: str
    reasons: frozenset[str] = frozenset()
    jti: str | None = None
    who: ExpectedIdentity | None = None
    perhaps: bool = False

    def contradiction(self, event: Json) -> str | None:
        """Return what of an event is not as it is due, or None."""
        if event.get("event") != self.event:
            return f"the event is {event.get('event')}"
        if self.reasons and event.get("reason") not in self.reasons:
            return f"the reason is {json.dumps(event.get('reason'))}"
        if self.jti is not None and event.get("token_jti") != self.jti:
            return f"the token is {json.dumps(event.get('token_jti'))}"
        return self._wrong_identity(event.get("identity"))

    def describe(self) -> str:
        """Say what is due in a few words."""
        why = f" for {' or '.join(sorted(self.reasons))}" if self.reasons else ""
        of = f" of {self.jti}" if self.jti else ""
        to = f" {'perhaps ' if self.perhaps else ''}naming {self.who.subject} of {self.who.issuer}" if self.who else ""
        return f"{self.event}{why}{of}{to or ' naming nobody'}"

    def _wrong_identity(self, identity: object) -> str | None:
        if identity is None:
            return None if self.who is None or self.perhaps else "it names nobody"
        if not isinstance(identity, Mapping) or self.who is None:
            return f"it names {json.dumps(identity)}"
        named = ExpectedIdentity(str(identity.get("issuer")), str(identity.get("subject")))
        return None if named == self.who else f"it names {named.subject} of {named.issuer}"


def contradiction(events: Sequence[Json], expected: Collection[ExpectedEvent]) -> str | None:
    """Return how the events of one decision differ from those due, in whatever order they come; None if they don't."""
    if len(events) != len(expected):
        return f"{len(events)} events"
    by_jti = {wanted.jti: wanted for wanted in expected}
    alone = next(iter(expected)) if len(expected) == 1 else None
    for event in events:
        wanted = alone or by_jti.pop(event.get("token_jti"), None)
        wrong = "it is of no token that is due one" if wanted is None else wanted.contradiction(event)
        if wrong:
            return wrong
    return None


def expected_count(request: Request, decision: Decision) -> int:
    """Return how many events a decision has to leave: none where nothing is decided, one for each token withdrawn."""
    if request["op"] == "revoke" and decision.good:
        return decision.revoked
    return 1 if request["op"] in ("exchange", "authenticate", "revoke") else 0


_ALLOWED: Mapping[tuple[str, bool], frozenset[str]] = {
    ("exchange", True): frozenset({ISSUED}),
    ("exchange", False): frozenset({DENIED, INVALID}),
    ("authenticate", True): frozenset({USED}),
    ("authenticate", False): frozenset({EXPIRED, DENIED, INVALID}),
    ("revoke", True): frozenset({REVOKED}),
    ("revoke", False): frozenset({DENIED, INVALID}),
    ("reap", True): frozenset({EXPIRED}),
}


def misnamed(request: Request, decision: Decision) -> str | None:
    """Return the name of an event that no such decision leaves, or None."""
    allowed = _ALLOWED.get((request["op"], decision.good), frozenset())
    return next((str(event.get("event")) for event in decision.events if event.get("event") not in allowed), None)


# --- form ---------------------------------------------------------------------------------------------------------


def nulls(value: object, where: str = "event") -> str | None:
    """Return where a null stands in an event, or None."""
    if value is None:
        return where
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return next((found for name, held in inner if (found := nulls(held, f"{where}.{name}"))), None)


LONGEST_TEXT = 512
"""Characters that any string of an event may have, unless the schema gives it a smaller bound."""
MOST_MEMBERS = 1024
"""Items of a list, and members of an object."""


def overlong(value: object, name: str = "event") -> str | None:
    """Return where an event holds a string, a name or a list without bounds, or None."""
    if isinstance(value, str):
        return f"{name} has {len(value):,} characters" if len(value) > LONGEST_TEXT else None
    if not isinstance(value, dict | list):
        return None
    if len(value) > MOST_MEMBERS:
        return f"{name} has {len(value):,} members"
    inner = value.items() if isinstance(value, dict) else ((name, held) for held in value)
    return next((found for member, held in inner if (found := overlong(member) or overlong(held, member))), None)


def unsafe(line: str) -> str | None:
    """Return the character that lets a line look like another or like several, or None; a surrogate is no text."""
    found = UNSAFE.search(line) or next((char for char in line if "\ud800" <= char <= "\udfff"), None)
    return None if found is None else f"U+{ord(found if isinstance(found, str) else found.group()):04X}"


# --- where from ---------------------------------------------------------------------------------------------------


def same_address(address: str | None, other: str | None) -> bool:
    """Say whether two texts are one address, an IPv4 one in IPv6 clothes included."""
    return (address is None) == (other is None) and (
        address is None or other is None or _address(address) == _address(other)
    )


def _address(text: str) -> object:
    try:
        address = ip_address(text)
    except ValueError:
        return text
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


# --- secrets ------------------------------------------------------------------------------------------------------

SHORTEST = 12
"""Characters from which on a text is a secret and not a word that may stand in an event by accident."""
PIECE = 20
"""Characters from either end of a secret that give it away as well as the whole."""


def leak(answered: Sequence[tuple[Request, Decision]], since: int = 0) -> str | None:
    """Return which secret of all these requests and answers stands in an event or line from the given one on."""
    texts = [text for _, decision in answered[since:] for text in _texts(decision)]
    jtis = {str(decision.members.get("jti")) for _, decision in answered}
    for what, secret in dict.fromkeys(_secrets(answered)):
        found = (piece in text for piece in _pieces(secret) for text in texts)
        if len(secret) >= SHORTEST and secret not in jtis and any(found):
            return what
    return None


def _texts(decision: Decision) -> Iterator[str]:
    yield from decision.lines or ()
    for event in decision.events:
        yield json.dumps(event, ensure_ascii=False)


def _pieces(secret: str) -> tuple[str, ...]:
    return (secret[:PIECE], secret[-PIECE:]) if len(secret) > PIECE else (secret,)


def _secrets(answered: Iterable[tuple[Request, Decision]]) -> Iterator[tuple[str, str]]:
    for request, decision in answered:
        yield "an issued bearer", str(decision.members.get("access_token", ""))
        yield "a presented bearer", str(request.get("bearer", ""))
        yield from (("an admin secret", str(value)) for value in _admin(request) if value)
        for name, value in request.get("form", ()):
            if name == "subject_token":
                yield from (("a segment of a subject token", segment) for segment in str(value).split("."))
        yield "a query string", str(request.get("path", "")).partition("?")[2]


def _admin(request: Request) -> tuple[Any, ...]:
    configured = request.get("key_server") or {}
    return request.get("admin"), configured.get("admin_secret")
