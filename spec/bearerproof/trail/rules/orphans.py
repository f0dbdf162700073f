"""Events about tokens that were not issued yet: a lie, unless the issue stands in a file that is read later."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from bearerproof.trail.events import LifecycleEvent
from bearerproof.trail.rules import Rule
from bearerproof.trail.rules.memory import Token


@dataclass(frozen=True, slots=True)
class Orphan:
    """The first event of its kind about a token that was not issued before: its line, its time, its writer."""

    line: int
    when: str | None
    stream: Hashable
    kind: type[LifecycleEvent] = LifecycleEvent
    jti: str = ""

    @classmethod
    def of(cls, token: Token) -> "Orphan":
        """Return what is known of the first event about a token."""
        return cls(token.line, token.at, token.stream)


class Orphans:
    """Keeps the first event of each token under each rule, of at most so many tokens."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._of: dict[int, dict[Rule, Orphan]] = {}

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._of)

    def add(self, digest: int, rule: Rule, orphan: Orphan) -> bool:
        """Keep an event of a token; say whether it is the first under its rule, and there was room."""
        if digest not in self._of and len(self._of) >= self._most:
            return False
        return self._of.setdefault(digest, {}).setdefault(rule, orphan) is orphan

    def pop(self, digest: int) -> list[tuple[Rule, Orphan]]:
        """Return the events of a token that is issued now."""
        return list(self._of.pop(digest, {}).items())

    def all(self) -> Iterator[tuple[Rule, Orphan]]:
        """Yield those whose token was never issued, in the order of their lines."""
        pairs = ((rule, orphan) for orphans in self._of.values() for rule, orphan in orphans.items())
        yield from sorted(pairs, key=lambda pair: pair[1].line)
