"""Faults in what is granted of what is asked (POL-3 to POL-6, POL-13)."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by
from bearerproof_reference.keyserver import authentication, exchange, patterns, policy, scopes
from bearerproof_reference.keyserver.scopes import RequestedScopes, ScopeError
from bearerproof_reference.keyserver.tokens import Scopes

ALL = ("*",)
Sides = tuple[str, ...]


def _narrowed(patch: Patch, narrow: Callable[[Any, Scopes, RequestedScopes], Scopes]) -> None:
    """Have a request met with a rule in another way."""
    patch(exchange, "narrow", lambda allowed, asked: narrow(policy.narrow, allowed, asked))


@helper_by(_narrowed)
def _if_empty(
    fall_back: Callable[[Scopes, RequestedScopes], Scopes], narrow: Any, allowed: Scopes, asked: RequestedScopes
) -> Scopes:
    """Have something granted where nothing is left."""
    try:
        return narrow(allowed, asked)  # type: ignore[no-any-return]  # as the function that is wrapped
    except ScopeError:
        return fall_back(allowed, asked)


@fault("POL-5")
def empty_list_is_everything(patch: Patch) -> None:
    """Asking for what one may not have leaves an empty list, which is enforced as no restriction at all (§8 row 1)."""

    def narrow(_narrow: Any, allowed: Scopes, asked: RequestedScopes) -> Scopes:
        backends = allowed.backends if asked.backends is None else patterns.meets(asked.backends, allowed.backends)
        tools = allowed.tools if asked.tools is None else patterns.meets(asked.tools, allowed.tools)
        return Scopes(backends, tools, allowed.rate_limit)

    patch(Scopes, "__post_init__", lambda _: None)
    _narrowed(patch, narrow)
    patch.wrap(authentication, "any_covers", lambda covers, granted, name: not tuple(granted) or covers(granted, name))


@fault("POL-5")
def nothing_left_is_the_rule(patch: Patch) -> None:
    """Where nothing is left of a request the grant of the rule is given, as if nothing had been asked."""
    _if_empty(patch, lambda allowed, _: allowed)


@fault("POL-5")
def nothing_left_is_everything(patch: Patch) -> None:
    """An empty intersection is written as `*`, the spelling of "no restriction" (§8 row 1)."""
    _if_empty(patch, lambda allowed, _: Scopes(ALL, ALL, allowed.rate_limit))


@fault_by("POL-5", _if_empty)
def empty_tools_are_all_tools(allowed: Scopes, asked: RequestedScopes) -> Scopes:
    """Only the backends are checked for being empty; with no tool left, the tools of the rule stay."""
    return policy.narrow(allowed, replace(asked, tools=None))


@fault_by("POL-5", _narrowed)
def all_or_nothing(narrow: Any, allowed: Scopes, asked: RequestedScopes) -> Scopes:
    """A request is refused if a part of it is not allowed, so clients ask for nothing and get everything."""
    met: Scopes = narrow(allowed, asked)
    if set(asked.backends or met.backends) != set(met.backends) or set(asked.tools or met.tools) != set(met.tools):
        raise ScopeError("more than is allowed")
    return met


def _met(patch: Patch, meets: Callable[[Any, Sides, Sides], Sides]) -> None:
    """Have two lists of patterns met in another way."""
    patch.wrap(policy, "meets", lambda old, asked, allowed: meets(old, tuple(asked), tuple(allowed)))


@helper_by(_met)
def _pairwise(meet: Callable[[str, str], str | None], _: Any, asked: Sides, allowed: Sides) -> Sides:
    """Have each pattern that is asked met with each that is allowed in another way."""
    pairs = (meet(requested, permitted) for requested in asked for permitted in allowed)
    return tuple(dict.fromkeys(pattern for pattern in pairs if pattern is not None))


@fault("POL-3")
def request_copied(patch: Patch) -> None:
    """Something in common opens the door to all of the request, which is copied and not met with the rule."""
    _met(patch, lambda meets, asked, allowed: asked if meets(asked, allowed) else ())


_PAIRWISE: Rows[Callable[[str, str], str | None]] = {
    "pattern-asked-by-name": (
        "A pattern that is asked for stays as it is where it covers a name that is allowed: `*` is granted for `a`.",
        lambda requested, permitted: requested if patterns.meet(requested, permitted) is not None else None,
    ),
    "name-allows-what-begins-so": (
        "Names are compared by how they begin, star or not: who may have `ab` gets `abc`.",
        lambda requested, permitted: (
            requested if requested.startswith(permitted.rstrip("*")) else patterns.meet(requested, permitted)
        ),
    ),
    "names-in-any-case": (
        "Names are met without regard to case, and granted as they were asked.",
        lambda requested, permitted: (
            requested if requested.lower() == permitted.lower() else patterns.meet(requested, permitted)
        ),
    ),
}
faults_for("POL-3", _pairwise, _PAIRWISE)


@fault("POL-4")
def rule_granted_whole(patch: Patch) -> None:
    """A request is checked against the rule and then forgotten: the token carries all that the user may have."""
    _met(patch, lambda meets, asked, allowed: allowed if meets(asked, allowed) else ())


@fault("POL-4")
def pattern_of_the_rule_granted(patch: Patch) -> None:
    """What is granted is the pattern of the rule that covers the name, not the name."""
    _pairwise(
        patch, lambda requested, permitted: permitted if patterns.meet(requested, permitted) is not None else None
    )


@fault("POL-4")
def tools_not_narrowed(patch: Patch) -> None:
    """Narrowing was written for backends; the tools of a request are read and not used."""
    _narrowed(
        patch, lambda narrow, allowed, asked: (narrow(allowed, asked), narrow(allowed, replace(asked, tools=None)))[1]
    )


@fault_by("POL-4", _narrowed)
def unasked_side_is_everything(narrow: Any, allowed: Scopes, asked: RequestedScopes) -> Scopes:
    """A side that is not mentioned is granted in full, beyond what the rule allows."""
    met: Scopes = narrow(allowed, asked)
    one_sided = (asked.backends is None) != (asked.tools is None)
    return replace(met, backends=ALL) if one_sided and asked.backends is None else met


@fault_by("POL-13", _met)
def strange_word_is_ignored_with_its_side(meets: Any, asked: Sides, allowed: Sides) -> Sides:
    """A name from outside makes the whole side invalid, and an invalid side counts as not asked."""
    strange = any(not meets((word,), allowed) for word in asked)
    return allowed if strange and meets(asked, allowed) else meets(asked, allowed)


@fault_by("POL-13", _narrowed)
def strange_word_frees_the_other_side(narrow: Any, allowed: Scopes, asked: RequestedScopes) -> Scopes:
    """Where one side holds names from outside the request is read again without the other."""
    met: Scopes = narrow(allowed, asked)
    strange = any(not patterns.meets((word,), allowed.tools) for word in asked.tools or ())
    return replace(met, backends=allowed.backends) if strange else met


def _read(patch: Patch, change: Callable[[str], str | None]) -> None:
    """Have the text of a scope read more kindly."""
    patch(exchange, "read", lambda scope: scopes.read(None if scope is None else change(scope)))


def _good_words(scope: str) -> list[str]:
    return [word for word in scope.split(" ") if re.fullmatch(r"(backends|tools):.*", word, re.DOTALL)]


_READ: Rows[Callable[[str], str | None]] = {
    "unknown-words-skipped": (
        "Words that are not understood are skipped, and a misspelt restriction is none (§8 row 1).",
        lambda scope: " ".join(_good_words(scope)) or None,
    ),
    "blank-scope-is-none": (
        "A scope of blanks is trimmed away, and the full grant given (§8 row 1).",
        lambda scope: scope if scope.strip() else None,
    ),
    "blanks-collapsed": (
        "Any white space separates words, in any amount.",
        lambda scope: " ".join(scope.split()) if scope.strip() else scope,
    ),
    "empty-values-dropped": (
        "Empty values are dropped from a list, down to the last of them.",
        lambda scope: re.sub(r",+(?= |$)|(?<=:),+|(?<=,),+", "", scope),
    ),
    "word-without-values-is-all": (
        "`backends:` alone asks for all backends.",
        lambda scope: re.sub(r"(backends|tools):?(?= |$)", r"\1:*", scope),
    ),
    "last-side-wins": (
        "Of a side that is given twice the last one counts, and the stricter first is gone.",
        lambda scope: " ".join({word.partition(":")[0]: word for word in scope.split(" ")}.values()),
    ),
    "prefixes-in-any-case": (
        "The prefix `Backends:` is understood as well, since names are compared in lower case.",
        lambda scope: re.sub("(?i)(backends|tools):", lambda found: found[0].lower(), scope),
    ),
}
faults_for("POL-6", _read, _READ)


@fault_by("POL-6", _read)
def repeated_values_taken(scope: str) -> str:
    """A value given twice is taken once."""
    sides = [word.partition(":") for word in scope.split(" ")]
    return " ".join(f"{side}{colon}{','.join(dict.fromkeys(names.split(',')))}" for side, colon, names in sides)
