"""What a policy grants, by sets alone: the oracle of scopes.

Nothing here compares a pattern with a pattern. A pattern stands for the names that it covers within a finite universe,
and what is granted is an intersection of two such sets. That is exact for as long as the universe holds, for every
pattern, the bare beginning and a longer name: the names of ``NAMES`` do so for ``PATTERNS``.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from bearerproof.members import Json

NAMES = ("a", "ab", "abc", "ab.c", "ab-c", "abd", "axc", "b", "ba", "A", "AB", "a.", "a.c", "_", "a0", "9", "z")
"""Names of backends or tools that differ where matchers go wrong: case, length, and what a regex makes of a dot."""

PATTERNS = ("a", "ab", "abc", "ab.c", "a.c", "b", "A", "9", "a*", "ab*", "a.*", "abc*", "b*", "A*", "z", "z*")
"""Patterns whose every meeting has a name in the universe."""

ALL = "*"

Sides = tuple[frozenset[str], frozenset[str]]
"""The names of backends and those of tools."""


def denoted(patterns: Collection[str]) -> frozenset[str]:
    """Return the names of the universe that at least one of the patterns covers."""
    return frozenset(name for name in NAMES for pattern in patterns if _is_covered(name, pattern))


def _is_covered(name: str, pattern: str) -> bool:
    beginning, star, rest = pattern.partition(ALL)
    if rest:
        raise ValueError(f"no pattern: {pattern}")
    return name[: len(beginning)] == beginning if star else name == pattern


@dataclass(frozen=True)
class ScopeRequest:
    """What a request asks for; a side that is None is not mentioned."""

    backends: tuple[str, ...] | None = None
    tools: tuple[str, ...] | None = None

    @property
    def scope(self) -> str | None:
        """The text of the request, or None when it asks for nothing in particular."""
        named = {"backends": self.backends, "tools": self.tools}
        return " ".join(f"{side}:{','.join(names)}" for side, names in named.items() if names is not None) or None


def rule_sides(rule: Json) -> Sides:
    """Return what a rule allows."""
    return denoted(rule["grant"]["backends"]), denoted(rule["grant"]["tools"])


def asked_sides(requested: ScopeRequest) -> Sides:
    """Return what is asked for: on a side that is not mentioned, everything."""
    return (
        denoted((ALL,) if requested.backends is None else requested.backends),
        denoted((ALL,) if requested.tools is None else requested.tools),
    )


def granted(rule: Json, requested: ScopeRequest) -> Sides | None:
    """Return what the request has to be granted, or None where one side is left with nothing."""
    (backends, tools), (more_backends, more_tools) = rule_sides(rule), asked_sides(requested)
    left = backends & more_backends, tools & more_tools
    return left if all(left) else None


def answered(scope: str) -> Sides | None:
    """Read a scope text as a client would; None where it does not have the form of one."""
    words = dict(word.partition(":")[::2] for word in scope.split(" "))
    if len(scope.split(" ")) != 2 or set(words) != {"backends", "tools"}:
        return None
    sides = words["backends"].split(","), words["tools"].split(",")
    if any(not pattern or ALL in pattern[:-1] for patterns in sides for pattern in patterns):
        return None
    return denoted(sides[0]), denoted(sides[1])


def first_match(rules: Collection[Json], issuer: str, subject: str, claims: Mapping[str, Any]) -> Json | None:
    """Return the first rule whose criteria all hold for an identity with these claims."""
    return next((rule for rule in rules if _holds(rule["match"], issuer, subject, claims)), None)


def _holds(match: Mapping[str, str], issuer: str, subject: str, claims: Mapping[str, Any]) -> bool:
    email = claims.get("email", "")
    proven = email if claims.get("email_verified") is True and email.count("@") == 1 else "@"
    local, domain = proven.split("@")
    has = {
        "issuer": {issuer},
        "subject": {subject},
        "group": set(claims.get("groups", ())),
        "email": {f"{local}@{domain.lower()}"} if local and domain else set(),
        "domain": {domain.lower()} if local and domain else set(),
    }
    return all((value.lower() if name == "domain" else value) in has[name] for name, value in match.items())
