"""Patterns: one meaning at grant and at enforcement, and a meet that is exact."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bearerproof_reference.keyserver.patterns import MAX_LENGTH, any_covers, covers, is_pattern, meet, meets

names = st.text("ab", min_size=1, max_size=3)
patterns = st.one_of(names, st.text("ab", max_size=2).map(lambda start: start + "*"))


@pytest.mark.parametrize("text", ["a", "*", "a*", "A.b_c-9", "x" * MAX_LENGTH, "x" * (MAX_LENGTH - 1) + "*"])
def test_patterns(text: str) -> None:
    assert is_pattern(text)


@pytest.mark.parametrize(
    "text", ["", "**", "*a", "a*b", "a b", "a,b", "a:b", "a/b", "é", "a\n", "\n", "x" * MAX_LENGTH + "*", "a\x00"]
)
def test_what_is_no_pattern(text: str) -> None:
    assert not is_pattern(text)


@pytest.mark.parametrize(
    ("pattern", "name", "covered"),
    [
        ("*", "anything", True),
        ("search", "search", True),
        ("search", "Search", False),
        ("search", "search2", False),
        ("brave_*", "brave_", True),
        ("brave_*", "brave_web", True),
        ("brave_*", "brave", False),
        ("brave_*", "xbrave_", False),
        ("*", "", False),
        ("*", "*", False),
        ("a*", "a*", False),
        ("a*", "a,b", False),
        ("a*", "a\n", False),
    ],
)
def test_cover(pattern: str, name: str, covered: bool) -> None:
    assert covers(pattern, name) is covered


@given(patterns, patterns, names)
@example("*", "a*", "a")
@example("a*", "aa*", "aa")
@example("a*", "ba", "ba")
def test_a_meet_covers_what_both_cover(one: str, other: str, name: str) -> None:
    both = covers(one, name) and covers(other, name)
    common = meet(one, other)
    assert (common is not None and covers(common, name)) == both
    assert meet(other, one) == common


@given(st.lists(patterns, max_size=4), st.lists(patterns, max_size=4), names)
def test_lists_meet_as_their_patterns_do(asked: list[str], allowed: list[str], name: str) -> None:
    common = meets(asked, allowed)
    assert any_covers(common, name) == (any_covers(asked, name) and any_covers(allowed, name))
    assert len(set(common)) == len(common)
    assert all(map(is_pattern, common))
