"""The text of a ``scope`` parameter: read strictly when a client asks, written exactly when we answer.

At most one word ``backends:a,b`` and one word ``tools:x,y``, with a single space between them.
"""

from dataclasses import dataclass

from bearerproof_reference.keyserver.patterns import MAX_PATTERNS, is_pattern
from bearerproof_reference.keyserver.tokens import Scopes

MAX_SCOPE = 4096
"""Characters of a scope that is asked for; what is granted of it stands in an event."""


class ScopeError(ValueError):
    """The text is no scope that we know: to guess what was meant could only grant too much."""


@dataclass(frozen=True, slots=True)
class RequestedScopes:
    """What a client asks for, as patterns; None: the side was not asked for, and the policy decides it alone."""

    backends: tuple[str, ...] | None = None
    tools: tuple[str, ...] | None = None


def read(scope: str | None) -> RequestedScopes:
    """Return what a ``scope`` parameter asks for; None, without the parameter, asks for nothing particular.

    Raises:
        ScopeError: an unknown or repeated word, an item that is no pattern or repeated, or too many items.
    """
    if scope is not None and len(scope) > MAX_SCOPE:
        raise ScopeError("a scope is longer than what an event has room for")
    sides: dict[str, tuple[str, ...]] = {}
    for word in [] if scope is None else scope.split(" "):
        side, colon, items = word.partition(":")
        if side not in ("backends", "tools") or not colon or side in sides:
            raise ScopeError("a scope is made of one word backends:… and one word tools:…")
        sides[side] = _patterns(items)
    return RequestedScopes(**sides)


def spell(scopes: Scopes) -> str:
    """Return the scope text of what a token is good for; reading it gives the same patterns back."""
    return f"backends:{','.join(scopes.backends)} tools:{','.join(scopes.tools)}"


def _patterns(items: str) -> tuple[str, ...]:
    patterns = tuple(items.split(",", MAX_PATTERNS))
    if len(patterns) > MAX_PATTERNS or len(set(patterns)) < len(patterns) or not all(map(is_pattern, patterns)):
        raise ScopeError("a side of a scope is a list of different names or patterns with commas between them")
    return patterns
