"""Faults in what a scope means when it is enforced, answered and kept (POL-8, POL-9, POL-14)."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_reference.keyserver import authentication, configuration, exchange, memorystore, patterns, scopes
from bearerproof_reference.keyserver.memorystore import MemoryStore
from bearerproof_reference.keyserver.tokens import Scopes, TokenRecord


def _enforced(patch: Patch, covers: Callable[[str, str], bool]) -> None:
    """Have patterns mean something else when a token is presented."""

    def any_covers(_: Any, granted: Iterable[str], name: str) -> bool:
        return any(covers(pattern, name) for pattern in granted)

    patch.wrap(authentication, "any_covers", any_covers)


@fault("POL-8")
def enforced_as_a_regex(patch: Patch) -> None:
    """Patterns are enforced as regular expressions, where a dot is any letter (CWE-625)."""
    _enforced(patch, lambda pattern, name: re.fullmatch(pattern.replace("*", ".*"), name) is not None)


@fault("POL-8")
def enforced_from_the_beginning(patch: Patch) -> None:
    """Names are enforced by how they begin: a token for `ab` opens `abc`."""
    _enforced(patch, lambda pattern, name: name.startswith(pattern.rstrip("*")))


@fault("POL-8")
def enforced_in_any_case(patch: Patch) -> None:
    """The router lowers names before it looks at the token, and the token's patterns with them."""
    _enforced(patch, lambda pattern, name: patterns.covers(pattern.lower(), name.lower()))


@fault("POL-8")
def star_needs_a_letter(patch: Patch) -> None:
    """When enforced the star stands for at least one letter, when granted for any number."""
    _enforced(patch, lambda pattern, name: patterns.covers(pattern, name) and name != pattern[:-1])


@fault("POL-8")
def pattern_presented_as_a_name(patch: Patch) -> None:
    """That a name is one is not checked: `b*` and `b/../a` begin with `b`."""
    _enforced(patch, lambda pattern, name: name.startswith(pattern[:-1]) if pattern[-1] == "*" else name == pattern)


@fault("POL-8")
def star_in_the_middle_loaded(patch: Patch) -> None:
    """A rule may have a star anywhere, and only one at the end means something."""
    patch(configuration, "is_pattern", lambda text: patterns.is_pattern(text.replace("*", "")) or text == "*")


@fault("POL-8")
def tools_not_enforced_with_a_backend(patch: Patch) -> None:
    """Where the backend is allowed the tool is not looked at, as tools were thought to belong to one."""

    def within(within: Any, self: Any, granted: Scopes) -> bool:
        return bool(within(type(self)(self.backend) if self.backend and self.tool else self, granted))

    patch.wrap(authentication.Wants, "within", within)


@fault("POL-9")
def answered_as_asked(patch: Patch) -> None:
    """The answer repeats the request, though less was granted."""
    asked: list[str | None] = [None]

    def note(scope: str | None) -> Any:
        asked[0] = scope
        return scopes.read(scope)

    patch(exchange, "read", note)
    patch(
        exchange,
        "spell",
        lambda granted: scopes.spell(granted) if asked[0] is None or " " not in asked[0] else asked[0],
    )


@fault("POL-9")
def full_access_answered_as_nothing(patch: Patch) -> None:
    """A side without restriction is answered with an empty list, which the client reads as nothing (§8 row 1)."""
    patch(exchange, "spell", lambda granted: scopes.spell(granted).replace("*", ""))


@fault("POL-9")
def first_pattern_answered(patch: Patch) -> None:
    """The answer names the first pattern of each side, as a field for one value can hold."""
    patch(exchange, "spell", lambda granted: f"backends:{granted.backends[0]} tools:{granted.tools[0]}")


@fault("POL-9")
def sides_answered_the_other_way_round(patch: Patch) -> None:
    """Tools and backends change places in the answer."""
    patch(exchange, "spell", lambda granted: scopes.spell(Scopes(granted.tools, granted.backends)))


@fault("POL-14")
def scope_of_the_last_issue(patch: Patch) -> None:
    """Scopes are kept by identity, so the narrow token of a script is as good as the last one issued."""
    last: dict[object, Scopes] = {}

    def add(add: Any, self: Any, record: TokenRecord) -> None:
        last[record.identity.key] = record.scopes
        add(self, record)

    def look_up(look_up: Any, self: Any, *asked: Any) -> Any:
        found = look_up(self, *asked)
        return found and replace(found, record=replace(found.record, scopes=last[found.record.identity.key]))

    patch.wrap(MemoryStore, "_add", add)
    patch.wrap(MemoryStore, "look_up", look_up)


@fault("POL-14")
def equal_backends_share_tools(patch: Patch) -> None:
    """To save memory equal scopes are kept once, and are found by their backends alone."""
    kept: dict[tuple[str, ...], Scopes] = {}

    def take(take: Any, self: Any, given: Scopes) -> Any:
        return replace(take(self, given), tools=kept.setdefault(given.backends, given).tools)

    def begin(init: Any, self: Any) -> None:
        kept.clear()
        init(self)

    patch.wrap(memorystore._SharedScopes, "__init__", begin)  # noqa: SLF001 - the part that is at fault
    patch.wrap(memorystore._SharedScopes, "take", take)  # noqa: SLF001
    patch(memorystore._SharedScopes, "give", lambda *_: None)  # noqa: SLF001
