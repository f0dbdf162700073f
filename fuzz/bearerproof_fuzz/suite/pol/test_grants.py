"""How much a policy grants: what a rule and a request have in common on both sides, and nothing else."""

from collections.abc import Sequence

from hypothesis import strategies as st

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof.members import Json
from bearerproof_fuzz.checks import check, explore
from bearerproof_fuzz.keyserver.rules import (
    INVALID_SCOPE,
    OVERLAPPING,
    Example,
    any_request,
    any_rule,
    any_sides,
    ask,
    askable,
    describe_sides,
    enforced,
    judge_all,
    patterns,
    recorded,
    required_grant,
    spellable,
    stated,
    under,
)
from bearerproof_fuzz.keyserver.setting import rule
from bearerproof_fuzz.needs import CONFIGURE
from bearerproof_fuzz.oracles import policy
from bearerproof_fuzz.oracles.policy import ScopeRequest, Sides

_DISJOINT = (
    Example(("a",), ("x",), ScopeRequest(("b",))),
    Example(("a",), ("a",), ScopeRequest(None, ("b",))),
    Example(("a", "ab"), ("a",), ScopeRequest(("b", "ba"), ("a",))),
    Example(("a",), ("a",), ScopeRequest(("a",), ("b",))),
    Example(("a",), ("a",), ScopeRequest(("b",), ("b",))),
    Example(("ab*",), ("a",), ScopeRequest(("a",))),
    Example(("a*",), ("*",), ScopeRequest(("b*",))),
    Example(("abc",), ("*",), ScopeRequest(("ab",))),
    Example(("ab",), ("*",), ScopeRequest(("abc*",))),
    Example(("A",), ("*",), ScopeRequest(("a",))),
    Example(("a.c",), ("*",), ScopeRequest(("abc",))),
    Example(("*",), ("a",), ScopeRequest(("*",), ("A*",))),
)
"""Requests of which one side has nothing in common with what is allowed."""


def _extent(extent: Sides, other: Sides) -> bool:
    """Say whether the first is within the second."""
    return extent[0] <= other[0] and extent[1] <= other[1]


@check("POL-5", needs=(CONFIGURE,))
def test_nothing_in_common(mark: CheckId, trial: Trial) -> None:
    """A request that has nothing in common with the rule on one side is refused, and opens nothing."""
    for example in spellable(trial, _DISJOINT):
        server = under(trial, example.rule)
        server.issue()
        decision, opened = ask(server, example.asked)
        shown = stated(example.rule, example.asked)
        if opened is not None:
            server.fail(
                f"{shown}: nothing in common, and a token is issued",
                INVALID_SCOPE,
                f"it opens {describe_sides(opened)}",
            )
        server.refused(decision, INVALID_SCOPE, f"{shown}: nothing in common")


@check("POL-5", needs=(CONFIGURE,))
def test_refused_if_and_only_if_empty(mark: CheckId, trial: Trial) -> None:
    """Whatever the rule and the request, the answer is `invalid_scope` exactly when one side is left empty."""

    def decided(ruled: Json, requests: list[ScopeRequest]) -> None:
        server = under(trial, ruled)
        for asked in requests:
            decision = server.exchange(server.subject_token(), asked.scope)
            if policy.granted(ruled, asked) is None:
                server.refused(decision, INVALID_SCOPE, f"{stated(ruled, asked)}: nothing in common on a side")
            else:
                server.good(decision, f"{stated(ruled, asked)}: something in common on both sides")

    for example in spellable(trial, (*_DISJOINT, *OVERLAPPING)):
        decided(example.rule, [example.asked])
    explore(decided, any_rule(trial), st.lists(any_request(trial), min_size=1, max_size=4), share=2)


@check("POL-3", needs=(CONFIGURE,))
def test_within_the_rule(mark: CheckId, trial: Trial) -> None:
    """No request opens a name that the rule does not cover, nor is any recorded or answered."""

    def within(ruled: Json, asked: ScopeRequest) -> None:
        _opens_at_most(trial, ruled, asked, policy.rule_sides(ruled), "wider than the rule")

    judge_all(trial, within, (*OVERLAPPING, *_DISJOINT))


@check("POL-4", needs=(CONFIGURE,))
def test_within_the_request(mark: CheckId, trial: Trial) -> None:
    """No token opens a name that was not asked for on a side that was, and none of the rule is left out."""

    def within(ruled: Json, asked: ScopeRequest) -> None:
        _opens_at_most(trial, ruled, asked, policy.asked_sides(asked), "wider than asked")

    judge_all(trial, within, (*OVERLAPPING, *_DISJOINT))


def _opens_at_most(trial: Trial, ruled: Json, asked: ScopeRequest, most: Sides, wider: str) -> None:
    """Ask, and require that neither what the token opens nor what is on record of it goes beyond this."""
    server = under(trial, ruled)
    granted = required_grant(server, ruled, asked)
    if granted is None:
        return
    grant, opened = granted
    for what, sides in {"it opens": opened, "on record is": recorded(server, grant)}.items():
        if not _extent(sides, most):
            server.fail(
                f"{stated(ruled, asked)}: {wider}", f"within {describe_sides(most)}", f"{what} {describe_sides(sides)}"
            )


@check("POL-4", needs=(CONFIGURE,))
def test_side_that_was_not_asked(mark: CheckId, trial: Trial) -> None:
    """A side that a request does not mention stays what the rule allows."""
    ruled = rule(backends=("a*", "b"), tools=("ab", "z"))
    server = under(trial, ruled)
    whole = askable(server, policy.rule_sides(ruled))
    cases = {None: whole, "backends:ab": (frozenset({"ab"}), whole[1]), "tools:ab": (whole[0], frozenset({"ab"}))}
    for scope, expected in cases.items():
        opened = enforced(server, server.issue(scope=scope))
        if opened != expected:
            server.fail(f"asked {scope!r} of {describe_sides(whole)}", describe_sides(expected), describe_sides(opened))


@check("POL-13", needs=(CONFIGURE,))
def test_asking_for_more(mark: CheckId, trial: Trial) -> None:
    """A request with names from outside the rule added is granted nothing that it is not granted without them."""

    def gains_nothing(ruled: Json, asked: ScopeRequest, more: tuple[str, ...]) -> None:
        server = under(trial, ruled)
        granted = required_grant(server, ruled, asked)
        if granted is None:
            return
        _, before = granted
        allowed = policy.rule_sides(ruled)
        server.require(
            _extent(before, allowed),
            f"{stated(ruled, asked)}: more than all",
            describe_sides(allowed),
            describe_sides(before),
        )
        for wider in _widened(asked, allowed, more):
            _, after = ask(server, wider)
            if after is not None and not _extent(after, before):
                what = f"{stated(ruled, wider)}: more than without the names from outside the rule ({asked.scope!r})"
                server.fail(what, f"within {describe_sides(before)}", describe_sides(after))

    outside = tuple(pattern for pattern in ("z", "b*", "9", "A*", "ab.c") if pattern in patterns(trial))
    for example in spellable(trial, OVERLAPPING):
        gains_nothing(example.rule, example.asked, outside)
    explore(gains_nothing, any_rule(trial), any_request(trial), any_sides(trial), share=5)


def _widened(asked: ScopeRequest, allowed: Sides, more: Sequence[str]) -> list[ScopeRequest]:
    """Return the request with names from outside what is allowed on one side, before and behind its own."""
    strange = [tuple(name for name in more if not policy.denoted([name]) & side) for side in allowed]
    backends, tools = (
        (
            ()
            if own is None
            else tuple(
                dict.fromkeys(both)
                for both in ((*own, *names), (*names, *own))
                if len(set(both)) == len(both) > len(own)
            )
        )
        for own, names in zip((asked.backends, asked.tools), strange, strict=True)
    )
    return [ScopeRequest(tuple(names), asked.tools) for names in backends] + [
        ScopeRequest(asked.backends, tuple(names)) for names in tools
    ]
