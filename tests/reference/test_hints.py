"""Hints: total reading, exact where the token is well-formed, bounded."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearerproof_reference.audit.hints import MAX_HINT, Hints, bound, read_hints
from bearerproof_reference.verifier.policy import MAX_TOKEN

from .minting import b64, claims, mint


def unsigned(header: bytes, payload: bytes, tail: str = "AA") -> str:
    """Return a compact JWS that nobody signed."""
    return f"{b64(header)}.{b64(payload)}.{tail}"


def test_a_token_says_who_it_is() -> None:
    token = mint(claims(azp="rp-1", aud=["a", "b"]))
    assert read_hints(token) == read_hints(token.encode()) == Hints("app-1", "rp-1", "a", "k1")


@given(st.text(), st.text())
def test_reading_is_exact_for_a_well_formed_token(client_id: str, kid: str) -> None:
    token = unsigned(json.dumps({"kid": kid}).encode(), json.dumps({"client_id": client_id}).encode())
    hints = read_hints(token)
    assert (hints.client_id, hints.kid) == (client_id, kid)


@given(st.binary() | st.text())
def test_reading_is_total(token: bytes | str) -> None:
    assert isinstance(read_hints(token), Hints)


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (unsigned(b'{"kid":"k"}', b'{"client_id":"c"}', tail=""), Hints("c", kid="k")),
        (unsigned(b'{"kid":"k"}', b"not JSON"), Hints(kid="k")),
        (unsigned(b"not JSON", b'{"client_id":"c"}'), Hints("c")),
        (unsigned(b'{"kid":"k","kid":"l"}', b'{"aud":[]}'), Hints()),
        (unsigned(b'{"kid":"k"}', b"[]") + ".x", Hints()),
        (unsigned(b'{"kid":"k"}', b'{"client_id":"' + b"c" * MAX_TOKEN + b'"}'), Hints()),
        ("\ud800", Hints()),
    ],
)
def test_what_is_read_of_odd_tokens(token: str, expected: Hints) -> None:
    assert read_hints(token) == expected


@pytest.mark.parametrize("hint", [None, "", 5, True, ["a"], {"a": "b"}, "\ud800", "a\udfff"])
def test_what_is_no_hint(hint: object) -> None:
    assert bound(hint) is None


@pytest.mark.parametrize(
    ("hint", "bounded"),
    [
        ("app-1", "app-1"),
        ("a" * 64, "a" * 64),
        ("a" * 65, "a" * 64 + "~Y1NhxIu56rFBmOduqKt_GkFoXWrWKqkUbTAdTxfrCuA"),
        ("a" * 63 + "é", "a" * 63 + "~1h6Z9QXOw7VyJ_JBYwtCJvskp6uPTFuDrsGquLnpBE8"),
    ],
)
def test_bounds_of_known_hints(hint: str, bounded: str) -> None:
    assert bound(hint) == bounded


@given(st.text(min_size=1), st.text(min_size=1))
def test_bound_keeps_hints_apart(one: str, other: str) -> None:
    long_one, long_other = bound(one * 70), bound(other * 70)
    assert (long_one == long_other) == (one * 70 == other * 70)
    assert MAX_HINT < len((long_one or "").encode()) <= 2 * MAX_HINT
