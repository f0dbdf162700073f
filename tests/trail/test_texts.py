"""What is looked for before a text is searched for secrets hides none of them."""

from hypothesis import given
from hypothesis import strategies as st

from bearerproof.trail import texts


@given(st.from_regex(texts._FOREIGN))
def test_a_bearer_of_another_maker_is_worth_a_search(text: str) -> None:
    assert texts._may_be_foreign(text)


@given(st.from_regex(texts._SCHEME))
def test_a_scheme_is_worth_a_search_in_letters_of_any_case(text: str) -> None:
    assert texts._names_a_scheme(text)


@given(st.from_regex(texts._SEGMENT, fullmatch=True))
def test_a_segment_has_one_of_two_beginnings(text: str) -> None:
    """So that a text with neither is not searched."""
    assert text.startswith(("ey", "ew"))


def test_an_ordinary_text_is_not_searched() -> None:
    assert not texts._may_be_foreign("user-129@example.com")
    assert not texts._names_a_scheme("user-129@example.com")
