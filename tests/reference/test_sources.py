"""Source ids: composed injectively, in ASCII, of bounded length."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearerproof_reference.audit.sources import compose, compose_id_token

HINTS = st.none() | st.text(min_size=1, max_size=64) | st.sampled_from(["anon", "nokid", "noaud", "::", "%61", "a::"])
FORM = re.compile(r"([A-Za-z0-9._~@/+=-]|%[0-9A-F]{2})+(::([A-Za-z0-9._~@/+=-]|%[0-9A-F]{2})+){1,2}")


@pytest.mark.parametrize(
    ("client_id", "kid", "source_id"),
    [
        ("app-1", "k1", "app-1::k1"),
        (None, None, "anon::nokid"),
        ("anon", "nokid", "%61non::%6Eokid"),
        ("noaud", "k1", "%6Eoaud::k1"),
        ("a::b", "c", "a%3A%3Ab::c"),
        ("50%", "k 1", "50%25::k%201"),
        ("café", "x\ny", "caf%C3%A9::x%0Ay"),
    ],
)
def test_access_token(client_id: str | None, kid: str | None, source_id: str) -> None:
    assert compose(client_id, kid) == source_id


def test_id_token() -> None:
    assert compose_id_token(None, None, None) == "anon::noaud::nokid"
    assert compose_id_token("rp-1", "api", "k1") == "rp-1::api::k1"


@given(st.tuples(HINTS, HINTS), st.tuples(HINTS, HINTS, HINTS), st.tuples(HINTS, HINTS))
def test_no_two_sources_share_an_id(
    access: tuple[str | None, str | None],
    identity: tuple[str | None, str | None, str | None],
    other: tuple[str | None, str | None],
) -> None:
    ids = [compose(*access), compose_id_token(*identity), compose(*other)]
    assert ids[0] != ids[1]
    assert (ids[0] == ids[2]) == (access == other)
    assert all(FORM.fullmatch(source_id) for source_id in ids)
