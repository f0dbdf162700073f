"""Rules of a policy and what tokens under them open, with requests to ask of them, prepared and drawn.

What is granted is found out by presenting the token for every name of a small universe; what is due comes from sets
of these names (``oracles.policy``).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from bearerproof.contract.decisions import Decision
from bearerproof.judging.trial import Trial
from bearerproof.members import Json
from bearerproof_fuzz.checks import explore
from bearerproof_fuzz.keyserver.driver import Grant, KeyServerDriver
from bearerproof_fuzz.keyserver.setting import DEFAULT, rule
from bearerproof_fuzz.oracles import policy
from bearerproof_fuzz.oracles.policy import NAMES, PATTERNS, ScopeRequest, Sides

INVALID_SCOPE = "invalid_scope"


def under(trial: Trial, *rules: Json) -> KeyServerDriver:
    """Return a server under these rules, with room for many tokens."""
    return KeyServerDriver(trial, DEFAULT.but(policies=rules, cap=200))


def enforced(server: KeyServerDriver, grant: Grant) -> Sides:
    """Return what a token is good for, by presenting it for each name."""
    return _admitted(server, grant, "backend"), _admitted(server, grant, "tool")


def _admitted(server: KeyServerDriver, grant: Grant, side: str) -> frozenset[str]:
    decisions = {name: server.authenticate(grant.bearer, **{side: name}) for name in names(server.trial)}
    return frozenset(name for name, decision in decisions.items() if decision.good)


def recorded(server: KeyServerDriver, grant: Grant) -> Sides:
    """Return what the server says the token is good for when it admits it."""
    scopes = server.admitted(grant).scopes
    return askable(server, (policy.denoted(scopes["backends"]), policy.denoted(scopes["tools"])))


def names(trial: Trial) -> tuple[str, ...]:
    """Return the names of the universe that this server's backends and tools can have."""
    return tuple(filter(trial.declaration.key_server.is_name, NAMES))


def patterns(trial: Trial) -> tuple[str, ...]:
    """Return the patterns that this server can be told: names, and beginnings that are names."""
    return tuple(pattern for pattern in PATTERNS if trial.declaration.key_server.is_name(pattern.removesuffix("*")))


def askable(server: KeyServerDriver, sides: Sides) -> Sides:
    """Return the part of both sides that can be asked for at this server."""
    backends, tools = sides
    named = frozenset(names(server.trial))
    return backends & named, tools & named


def describe_sides(sides: Sides) -> str:
    """Say what names there are on each side."""
    backends, tools = (", ".join(sorted(names)) or "none" for names in sides)
    return f"backends {backends}; tools {tools}"


def stated(ruled: Json, asked: ScopeRequest) -> str:
    """Say what is allowed and what was asked for."""
    allowed = ruled["grant"]
    return f"allowed {','.join(allowed['backends'])} and {','.join(allowed['tools'])}, asked {asked.scope!r}"


def ask(server: KeyServerDriver, asked: ScopeRequest) -> tuple[Decision, Sides | None]:
    """Ask, and return the answer with what it turned out to grant; None where nothing was."""
    decision = server.exchange(server.subject_token(), asked.scope)
    if not decision.good:
        return decision, None
    return decision, enforced(server, server.grant(decision))


def required_grant(server: KeyServerDriver, ruled: Json, asked: ScopeRequest) -> tuple[Grant, Sides] | None:
    """Ask, and return the token with what it opens; None where nothing was granted, and nothing had to be.

    Raises:
        Untestable: something had to be, and nothing can be said of what it would have been.
    """
    decision, opened = ask(server, asked)
    if opened is not None:
        return server.grant(decision), opened
    nothing = policy.granted(ruled, asked) is None
    server.require(nothing, f"{stated(ruled, asked)}: it is refused", "granted", decision)
    return None


def any_sides(trial: Trial) -> st.SearchStrategy[tuple[str, ...]]:
    """Draw the patterns of one side."""
    return st.lists(st.sampled_from((*patterns(trial), "*")), min_size=1, max_size=3, unique=True).map(tuple)


def any_rule(trial: Trial) -> st.SearchStrategy[Json]:
    """Draw a rule for everybody of the first provider."""
    sides = any_sides(trial)
    return st.builds(lambda backends, tools: rule(backends=backends, tools=tools), sides, sides)


def any_request(trial: Trial) -> st.SearchStrategy[ScopeRequest]:
    """Draw what is asked for."""
    sides = st.none() | any_sides(trial)
    return st.builds(ScopeRequest, sides, sides)


@dataclass(frozen=True)
class Example:
    """Something asked of a rule, as an example that says more than the drawn ones."""

    backends: tuple[str, ...]
    tools: tuple[str, ...]
    asked: ScopeRequest

    @property
    def rule(self) -> Json:
        """The rule, for everybody of the first provider."""
        return rule(backends=self.backends, tools=self.tools)

    @property
    def patterns(self) -> frozenset[str]:
        """All that is named in it but the pattern for all."""
        sides = (self.backends, self.tools, self.asked.backends or (), self.asked.tools or ())
        return frozenset(pattern for side in sides for pattern in side) - {policy.ALL}


OVERLAPPING = (
    Example(("a", "b"), ("a", "b"), ScopeRequest(("a", "z"), ("b", "z"))),
    Example(("a*",), ("b*",), ScopeRequest(("*",), ("*",))),
    Example(("ab*", "b"), ("*",), ScopeRequest(("a*",))),
    Example(("*",), ("*",), ScopeRequest(("ab*",), ("a",))),
    Example(("a*",), ("a*",), ScopeRequest(("ab*", "b*"), ("abc", "b"))),
    Example(("a",), ("a",), ScopeRequest(("a*",), ("*",))),
    Example(("a*", "abc"), ("a",), ScopeRequest(("abc",))),
    Example(("a.*",), ("*",), ScopeRequest(("*",))),
    Example(("*",), ("a", "b"), ScopeRequest()),
    Example(("a", "b"), ("*",), ScopeRequest(None, ("abd",))),
    Example(("a", "b"), ("*",), ScopeRequest(("b",), None)),
    Example(("ab", "a*"), ("z", "ab*"), ScopeRequest(("ab*", "z"), ("a*", "z*"))),
)
"""Requests that are granted in part."""


def spellable(trial: Trial, examples: Sequence[Example]) -> list[Example]:
    """Return those of the examples whose patterns this server can be told."""
    return [example for example in examples if example.patterns <= {*patterns(trial)}]


def judge_all(trial: Trial, judge: Callable[[Json, ScopeRequest], None], examples: Sequence[Example]) -> None:
    """Judge these requests of their rules, and drawn ones."""
    for example in spellable(trial, examples):
        judge(example.rule, example.asked)
    explore(judge, any_rule(trial), any_request(trial), share=3)
