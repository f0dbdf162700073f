"""The policy: whom a rule is for, and that asking never widens what it grants."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearerproof_reference.keyserver.patterns import any_covers
from bearerproof_reference.keyserver.policy import Match, Policy, Rule, narrow, split_email
from bearerproof_reference.keyserver.scopes import Asked, ScopeError, read, spell
from bearerproof_reference.keyserver.tokens import Identity, Scopes
from tests.keyserver.stage import ISSUER, OTHER
from tests.keyserver.test_patterns import names, patterns


def anna(**changes: Any) -> Identity:
    """Return an identity with a verified e-mail."""
    members = {"email": "anna@example.com", "email_verified": True, "groups": ("staff",)}
    return Identity(**{"issuer": ISSUER, "subject": "anna", **members, **changes})


@pytest.mark.parametrize(
    ("criteria", "who"),
    [
        ({}, anna()),
        ({"domain": "example.com"}, anna()),
        ({"domain": "Example.COM"}, anna(email="Anna@EXAMPLE.com")),
        ({"email": "anna@example.com"}, anna(email="anna@EXAMPLE.com")),
        ({"group": "staff"}, anna(groups=("ops", "staff"))),
        ({"subject": "anna"}, anna(email="", email_verified=False)),
        ({"subject": "anna", "group": "staff", "domain": "example.com"}, anna()),
    ],
)
def test_whom_a_rule_is_for(criteria: dict[str, str], who: Identity) -> None:
    assert Match(ISSUER, **criteria)(who)


@pytest.mark.parametrize(
    ("criteria", "who"),
    [
        ({}, anna(issuer=OTHER)),
        ({}, anna(issuer=ISSUER + "/")),
        ({"domain": "example.com"}, anna(issuer=OTHER)),
        ({"domain": "example.com"}, anna(email_verified=False)),
        ({"domain": "example.com"}, anna(email="")),
        ({"domain": "example.com"}, anna(email="example.com")),
        ({"domain": "example.com"}, anna(email="@example.com")),
        ({"domain": "example.com"}, anna(email="a@evil.example@example.com")),
        ({"domain": "example.com"}, anna(email="a@sub.example.com")),
        ({"domain": "example.com"}, anna(email="a@notexample.com")),
        ({"domain": "example.com"}, anna(email="a@example.com\n")),
        ({"domain": "k.example"}, anna(email="a@\u212a.example")),  # KELVIN SIGN, which lower() makes a k
        ({"email": "anna@example.com"}, anna(email="Anna@example.com")),
        ({"email": "anna@example.com"}, anna(email_verified=False)),
        ({"email": "anna@example.com"}, anna(email="")),
        ({"group": "staff"}, anna(groups=("Staff", "staff2"))),
        ({"group": "staff"}, anna(groups=())),
        ({"subject": "anna"}, anna(subject="Anna")),
        ({"subject": "anna", "group": "ops"}, anna()),
    ],
)
def test_whom_a_rule_is_not_for(criteria: dict[str, str], who: Identity) -> None:
    assert not Match(ISSUER, **criteria)(who)


def test_the_first_rule_decides_and_none_denies() -> None:
    first = Rule("first", Match(ISSUER, group="ops"), Scopes(("*",), ("*",)))
    second = Rule("second", Match(ISSUER), Scopes(("a",), ("*",)))
    third = Rule("third", Match(ISSUER, group="ops"), Scopes(("b",), ("*",)))
    policy = Policy((first, second, third))
    assert policy.rule_for(anna(groups=("ops",))) is first
    assert policy.rule_for(anna()) is second
    assert policy.rule_for(anna(issuer=OTHER)) is None
    assert Policy().rule_for(anna()) is None


@pytest.mark.parametrize("text", ["", "@", "a@", "@b", "a@b@c", "ab"])
def test_what_is_no_email(text: str) -> None:
    assert split_email(text) is None


@pytest.mark.parametrize(
    ("scope", "granted"),
    [
        (None, "backends:tavily tools:tavily-search,brave_*"),
        ("backends:tavily", "backends:tavily tools:tavily-search,brave_*"),
        ("backends:*", "backends:tavily tools:tavily-search,brave_*"),
        ("tools:*", "backends:tavily tools:tavily-search,brave_*"),
        ("tools:brave_x", "backends:tavily tools:brave_x"),
        ("tools:brave_x*,nope", "backends:tavily tools:brave_x*"),
        ("tools:b*", "backends:tavily tools:brave_*"),
        ("backends:brave", "refused"),
        ("backends:TAVILY", "refused"),
        ("backends:tavily tools:nope", "refused"),
        ("backends:nope tools:nope", "refused"),
    ],
)
def test_narrowing(scope: str | None, granted: str) -> None:
    allowed = Scopes(("tavily",), ("tavily-search", "brave_*"), 100)
    try:
        given_out = narrow(allowed, read(scope))
    except ScopeError:
        assert granted == "refused"
    else:
        assert spell(given_out) == granted
        assert given_out.rate_limit == 100


sides = st.lists(patterns, min_size=1, max_size=4).map(tuple)
asked = st.builds(Asked, st.none() | sides, st.none() | sides)
allowed_scopes = st.builds(Scopes, sides, sides, st.integers(0, 100))


def open_to(scopes: Scopes | None, backend: str, tool: str) -> bool:
    """Return whether a token with these scopes, if it was issued at all, is good for this use."""
    return scopes is not None and any_covers(scopes.backends, backend) and any_covers(scopes.tools, tool)


def narrowed(allowed: Scopes, wish: Asked) -> Scopes | None:
    """Return the grant, or None when there is none."""
    try:
        return narrow(allowed, wish)
    except ScopeError:
        return None


@given(allowed_scopes, asked, names, names)
def test_granted_is_what_is_allowed_and_asked(allowed: Scopes, wish: Asked, backend: str, tool: str) -> None:
    granted = narrowed(allowed, wish)
    is_asked = open_to(Scopes(wish.backends or ("*",), wish.tools or ("*",)), backend, tool)
    assert open_to(granted, backend, tool) == (open_to(allowed, backend, tool) and is_asked)


@given(allowed_scopes, sides, sides, names, names)
def test_another_word_never_adds(
    allowed: Scopes, backends: tuple[str, ...], tools: tuple[str, ...], backend: str, tool: str
) -> None:
    both = narrowed(allowed, Asked(backends, tools))
    for fewer in (Asked(backends), Asked(tools=tools), Asked()):
        assert open_to(narrowed(allowed, fewer), backend, tool) >= open_to(both, backend, tool)


@given(allowed_scopes, asked)
def test_the_scope_that_is_answered_says_what_was_granted(allowed: Scopes, wish: Asked) -> None:
    granted = narrowed(allowed, wish)
    if granted is not None:
        assert read(spell(granted)) == Asked(granted.backends, granted.tools)
        assert narrow(granted, read(spell(granted))).backends


people = st.builds(
    Identity,
    st.sampled_from([ISSUER, OTHER]),
    st.sampled_from(["anna", "ben"]),
    st.sampled_from(["", "anna@example.com", "ben@EXAMPLE.com", "x@y@example.com", "example.com"]),
    st.booleans(),
    st.none(),
    st.lists(st.sampled_from(["staff", "ops"]), max_size=2).map(tuple),
)
criteria = st.builds(
    Match,
    st.sampled_from([ISSUER, OTHER]),
    st.sampled_from([None, "example.com"]),
    st.sampled_from([None, "anna@example.com"]),
    st.sampled_from([None, "staff"]),
    st.sampled_from([None, "ben"]),
)


@given(st.lists(st.builds(Rule, st.just("rule"), criteria, allowed_scopes), max_size=4).map(tuple), people)
def test_a_rule_is_never_for_another_issuer_or_an_unverified_email(rules: tuple[Rule, ...], who: Identity) -> None:
    rule = Policy(rules).rule_for(who)
    if rule is not None:
        assert rule.match.issuer == who.issuer
        if rule.match.domain or rule.match.email:
            assert who.email_verified
            assert who.email.count("@") == 1
    else:
        assert not any(Match(ISSUER)(who) and other.match == Match(who.issuer) for other in rules)
