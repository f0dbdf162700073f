"""Patterns of names, with one meaning wherever they stand: in a policy, in a request, in a token.

``*`` is every name, ``abc*`` every name that begins so, and anything else that one name, case and all.
"""

import re
from collections.abc import Iterable

MAX_LENGTH = 256
"""Characters of a pattern or name."""
MAX_PATTERNS = 256
"""Patterns in one list."""

ALL = "*"

_NAME = re.compile(rf"[A-Za-z0-9._-]{{1,{MAX_LENGTH}}}")
_PATTERN = re.compile(rf"[A-Za-z0-9._-]{{1,{MAX_LENGTH}}}|[A-Za-z0-9._-]{{0,{MAX_LENGTH - 1}}}\*")


def is_pattern(text: str) -> bool:
    """Return whether the text is a pattern; a plain name is one."""
    return _PATTERN.fullmatch(text) is not None


def covers(pattern: str, name: str) -> bool:
    """Return whether the pattern covers the name; what is not a name is covered by nothing."""
    if _NAME.fullmatch(name) is None:
        return False
    if pattern.endswith(ALL):
        return name.startswith(pattern[:-1])
    return name == pattern


def meet(first: str, second: str) -> str | None:
    """Return the pattern that covers exactly the names that both cover, or None when there are none.

    Of two patterns that share a name, one covers all that the other covers: so the meet is one of the two.
    """
    for narrow, wide in ((first, second), (second, first)):
        if narrow == wide or (wide.endswith(ALL) and narrow.startswith(wide[:-1])):
            return narrow
    return None


def meets(requested: Iterable[str], allowed: Iterable[str]) -> tuple[str, ...]:
    """Return the patterns that together cover what both lists cover: none where they share nothing."""
    allowed = tuple(allowed)
    shared = (meet(pattern, other) for pattern in requested for other in allowed)
    return tuple(dict.fromkeys(pattern for pattern in shared if pattern is not None))


def any_covers(patterns: Iterable[str], name: str) -> bool:
    """Return whether one of the patterns covers the name."""
    return any(covers(pattern, name) for pattern in patterns)
