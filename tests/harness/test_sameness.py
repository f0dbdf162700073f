"""Which claims sets say the same, and which do not though they look alike."""

from typing import Any

import pytest

from bearerproof_fuzz.oracles.sameness import same_claims

NESTED: dict[str, Any] = {"aud": "a", "l": [1, True, None, 2**53 + 1]}
SIGNED: dict[str, Any] = {"sub": "u", "aud": "a", "exp": 1_800_000_600, "n": NESTED}


@pytest.mark.parametrize(
    "change",
    [{}, {"aud": ["a"]}, {"exp": 1.8000006e9}, {"n": {"l": [1.0, True, None, 2**53], "aud": "a"}}],
    ids=["nothing", "one audience in a list", "a number in other digits", "what a double keeps, below the top"],
)
def test_the_equivalences_of_the_rfcs(change: dict[str, Any]) -> None:
    assert same_claims(dict(reversed({**SIGNED, **change}.items())), SIGNED)
    assert same_claims(SIGNED, {**SIGNED, **change})


@pytest.mark.parametrize(
    "change",
    [
        *({"sub": sub} for sub in ("U", ["u"], None, "u ")),
        *({"aud": aud} for aud in (["a", "a"], [["a"]], "b", [])),
        *({"exp": exp} for exp in (1_800_000_601, "1800000600", True, [1_800_000_600], 1_800_000_600.5)),
        *({"n": {**NESTED, **member}} for member in ({"aud": ["a"]}, {"l": [1, 1, None, 2**53 + 1]}, {"x": None})),
        {"n": {"aud": "a", "l": [True, 1, None, 2**53 + 1]}},
        {"more": None},
    ],
    ids=repr,
)
def test_nothing_wider(change: dict[str, Any]) -> None:
    assert not same_claims({**SIGNED, **change}, SIGNED)
    assert not same_claims(SIGNED, {**SIGNED, **change})


def test_numbers_that_no_double_holds_and_no_claims_at_all() -> None:
    assert same_claims({"n": 10**400}, {"n": 10**400})
    assert not same_claims({"n": 10**400}, {"n": 10**400 + 1})
    assert not same_claims(None, {})
