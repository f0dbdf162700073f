"""Faults in what a scope means when it is enforced, answered and kept (POL-8, POL-9, POL-14)."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by, spread
from bearerproof_reference.keyserver import authentication, configuration, exchange, memorystore, patterns, scopes
from bearerproof_reference.keyserver.memorystore import MemoryStore
from bearerproof_reference.keyserver.tokens import Scopes, TokenRecord


@helper_by(Patch.wrap, authentication, "any_covers")
def _enforced(covers: Callable[[str, str], bool], _: Any, granted: Iterable[str], name: str) -> bool:
    """Have patterns mean something else when a token is presented."""
    return any(covers(pattern, name) for pattern in granted)


_ENFORCED: Rows[Callable[[str, str], bool]] = {
    "enforced-as-a-regex": (
        "Patterns are enforced as regular expressions, where a dot is any letter (CWE-625).",
        lambda pattern, name: re.fullmatch(pattern.replace("*", ".*"), name) is not None,
    ),
    "enforced-from-the-beginning": (
        "Names are enforced by how they begin: a token for `ab` opens `abc`.",
        lambda pattern, name: name.startswith(pattern.rstrip("*")),
    ),
    "enforced-in-any-case": (
        "The router lowers names before it looks at the token, and the token's patterns with them.",
        lambda pattern, name: patterns.covers(pattern.lower(), name.lower()),
    ),
    "star-needs-a-letter": (
        "When enforced the star stands for at least one letter, when granted for any number.",
        lambda pattern, name: patterns.covers(pattern, name) and name != pattern[:-1],
    ),
    "pattern-presented-as-a-name": (
        "That a name is one is not checked: `b*` and `b/../a` begin with `b`.",
        lambda pattern, name: name.startswith(pattern[:-1]) if pattern[-1] == "*" else name == pattern,
    ),
}
faults_for("POL-8", _enforced, _ENFORCED)


@fault("POL-8")
def star_in_the_middle_loaded(patch: Patch) -> None:
    """A rule may have a star anywhere, and only one at the end means something."""
    patch(configuration, "is_pattern", lambda text: patterns.is_pattern(text.replace("*", "")) or text == "*")


@fault_by("POL-8", Patch.wrap, authentication.RequestedAccess, "within")
def tools_not_enforced_with_a_backend(within: Any, self: Any, granted: Scopes) -> bool:
    """Where the backend is allowed the tool is not looked at, as tools were thought to belong to one."""
    return bool(within(type(self)(self.backend) if self.backend and self.tool else self, granted))


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


_REPLACED: Rows[tuple[object, str, object]] = {
    "full-access-answered-as-nothing": (
        "A side without restriction is answered with an empty list, which the client reads as nothing (§8 row 1).",
        (exchange, "spell", lambda granted: scopes.spell(granted).replace("*", "")),
    ),
    "first-pattern-answered": (
        "The answer names the first pattern of each side, as a field for one value can hold.",
        (exchange, "spell", lambda granted: f"backends:{granted.backends[0]} tools:{granted.tools[0]}"),
    ),
    "sides-answered-the-other-way-round": (
        "Tools and backends change places in the answer.",
        (exchange, "spell", lambda granted: scopes.spell(Scopes(granted.tools, granted.backends))),
    ),
}
faults_for("POL-9", spread(Patch.__call__), _REPLACED)


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
