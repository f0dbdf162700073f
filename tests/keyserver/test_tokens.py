"""Bearers and records: unguessable, of one form, and never the one from the other."""

import string
from dataclasses import FrozenInstanceError

import pytest

from bearerproof_reference.keyserver.tokens import PREFIX, Identity, Scopes, digest, is_bearer, is_jti, mint
from tests.keyserver.samples import ANNA, SCOPES, START


def test_a_minted_bearer_has_the_stated_form() -> None:
    for _ in range(200):
        bearer, record = mint(ANNA, SCOPES, START, 600)
        assert is_bearer(bearer)
        assert is_jti(record.jti)
        assert len(bearer) == len(PREFIX) + 43
        assert record.digest == digest(bearer)


def test_no_two_are_alike() -> None:
    minted = [mint(ANNA, SCOPES, START, 600) for _ in range(2000)]
    assert len({bearer for bearer, _ in minted}) == len({record.jti for _, record in minted}) == 2000


def test_expiry_is_issue_plus_lifetime() -> None:
    assert mint(ANNA, SCOPES, START, 0.5)[1].expires_at == START + 0.5


def test_a_record_shows_neither_bearer_nor_digest() -> None:
    bearer, record = mint(ANNA, SCOPES, START, 600)
    for secret in (bearer, bearer.removeprefix(PREFIX), repr(record.digest), record.digest.hex()):
        assert secret not in repr(record)
    with pytest.raises(FrozenInstanceError):
        record.expires_at = START  # type: ignore[misc]


def test_of_the_spellings_of_a_bearer_one_has_its_form() -> None:
    """The last character carries 4 bits: 3 of 4 texts that decode to the same bytes are no bearers."""
    bearer, _ = mint(ANNA, SCOPES, START, 600)
    last = [letter for letter in string.ascii_letters + string.digits + "-_" if is_bearer(bearer[:-1] + letter)]
    assert len(last) == 16


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bprf_",
        "bprf_" + "A" * 42,
        "bprf_" + "A" * 44,
        "BPRF_" + "A" * 43,
        "A" * 43,
        " bprf_" + "A" * 43,
        "bprf_" + "A" * 43 + "\n",
        "bprf_" + "A" * 42 + "=",
        "bprf_" + "+" + "A" * 42,
        "bprf_" + "\uff21" + "A" * 42,
    ],
)
def test_what_is_no_bearer(text: str) -> None:
    assert is_bearer("bprf_" + "A" * 43)
    assert not is_bearer(text)


@pytest.mark.parametrize("text", ["", "*", "1" * 36, "0" * 8 + "-0000-1000-8000-" + "0" * 12, "\n"])
def test_what_is_no_jti(text: str) -> None:
    assert not is_jti(text)


def test_a_digest_of_any_text() -> None:
    assert digest("\ud800") != digest("?")


def test_the_empty_list_is_not_all() -> None:
    for backends, tools in (((), ("*",)), (("*",), ()), ((), ())):
        with pytest.raises(ValueError, match="at least one"):
            Scopes(backends, tools)


def test_an_identity_is_issuer_and_subject() -> None:
    assert ANNA.key == Identity(ANNA.issuer, ANNA.subject, "else@example.com").key
    assert ANNA.key != Identity("https://other.example", ANNA.subject, ANNA.email).key
