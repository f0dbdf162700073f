"""Subject tokens: the provider's word, verified by the verifier, and nothing believed before."""

import json
from typing import Any

import pytest

from bearerproof_reference.clock import ManualClock
from bearerproof_reference.keyserver.configuration import read
from bearerproof_reference.keyserver.subjects import (
    Subject,
    SubjectKeysUnavailable,
    Subjects,
    SubjectTokenRejected,
)
from bearerproof_reference.keyserver.tokens import Identity
from tests.keyserver.stage import ISSUER, NOW, OTHER, configuration, id_token, provider
from tests.reference.minting import Json, b64, mint, signer


def subjects(*providers: Json, **fetching: Any) -> Subjects:
    told = read(configuration(providers=list(providers) or [provider()], policies=[]))
    return Subjects(told.providers, told.leeway, ManualClock(NOW), **fetching)


def rejected(made: Subjects, token: str) -> bool:
    try:
        made.verify(token)
    except SubjectTokenRejected:
        return True
    return False


def test_who_it_speaks_of() -> None:
    subject = subjects().verify(id_token(at=NOW - 7.5, groups=["staff", "ops"]))
    who = Identity(ISSUER, "anna", "anna@example.com", True, "Anna", ("staff", "ops"))
    assert (subject.identity, subject.issued_at) == (who, NOW - 7.5)


@pytest.mark.parametrize("nothing", [{}, dict.fromkeys(("email", "email_verified", "name", "groups"))])
def test_attributes_may_be_absent(nothing: Json) -> None:
    claims = {"iss": ISSUER, "sub": "anna", "aud": "key-server", "iat": NOW, "exp": NOW + 1, **nothing}
    assert subjects().verify(mint(claims, typ=None)).identity == Identity(ISSUER, "anna")


@pytest.mark.parametrize("said", ["true", 1, "1", [True], {}, False, None])
def test_only_a_boolean_says_that_an_email_is_verified(said: object) -> None:
    assert not subjects().verify(id_token(email_verified=said)).identity.email_verified


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://idp.example/"},
        {"iss": "HTTPS://IDP.EXAMPLE"},
        {"iss": OTHER},
        {"iss": None},
        {"iss": [ISSUER]},
        {"sub": ""},
        {"sub": None},
        {"sub": 7},
        {"sub": "x" * 257},
        {"aud": "other"},
        {"aud": ["key-server", "other"], "azp": "key-server"},
        {"aud": None},
        {"azp": "other"},
        {"exp": NOW},
        {"exp": None},
        {"iat": NOW + 1},
        {"iat": None},
        {"nbf": NOW + 1},
        {"jti": 7},
        {"email": 7},
        {"email": "x" * 321},
        {"name": ["Anna"]},
        {"name": "x" * 257},
        {"groups": "staff"},
        {"groups": ["staff", 7]},
        {"groups": ["x" * 257]},
        {"groups": {"staff": True}},
        {"groups": ["g"] * 1025},
        {"typ": "at+jwt"},
        {"by": signer("EdDSA", "k2")},
        {"by": signer("ES256", "k1")},
        {"by": signer("HS256", "k1")},
    ],
)
def test_what_is_refused(claims: Json) -> None:
    assert rejected(subjects(), id_token(**claims))
    assert not rejected(subjects(), id_token())


@pytest.mark.parametrize("token", ["", "a", "..", "a.b.c", "é.b.c", "x" * 10_000, "\ud800", "\x00.\x00.\x00"])
def test_what_is_no_token(token: str) -> None:
    assert rejected(subjects(), token)


def test_one_spelling_and_one_signature() -> None:
    token = id_token()
    head, body, tail = token.split(".")
    for other in (token + "=", f"{head}.{body}.", f"{head}.{body}", f" {token}", f"{head}.{body}=.{tail}"):
        assert rejected(subjects(), other)


def test_an_unsigned_word_for_another_provider_is_not_believed() -> None:
    """The key of one provider signs nothing for another, whatever the token says."""
    made = subjects(provider(), provider(OTHER, keys={"keys": [signer("EdDSA", "k2").jwk]}))
    assert not rejected(made, id_token(iss=OTHER, by=signer("EdDSA", "k2")))
    assert rejected(made, id_token(iss=OTHER))
    assert rejected(made, id_token(by=signer("EdDSA", "k2")))


class TestAudiences:
    OURS = provider(audiences=["key-server", "console"])

    @pytest.mark.parametrize(
        ("aud", "azp"),
        [
            ("console", None),
            ("key-server", None),
            ("console", "console"),
            (["key-server"], None),
            (["key-server", "console"], "console"),
            (["key-server", "console"], "key-server"),
        ],
    )
    def test_each_of_ours_will_do(self, aud: object, azp: str | None) -> None:
        assert not rejected(subjects(self.OURS), id_token(aud=aud, azp=azp))

    @pytest.mark.parametrize(
        ("aud", "azp"),
        [
            (["key-server", "console"], None),
            (["key-server", "console"], "other"),
            (["key-server", "other"], "key-server"),
            ("key-server", "console"),
            ("other", None),
            ([], None),
        ],
    )
    def test_several_need_the_authorized_party(self, aud: object, azp: str | None) -> None:
        assert rejected(subjects(self.OURS), id_token(aud=aud, azp=azp))


class TestKey:
    def test_a_jti_names_the_token_whatever_else_it_says(self) -> None:
        made = subjects(provider(), provider(OTHER))
        first, second = id_token(jti="j"), id_token(at=NOW - 1, jti="j", sub="ben")
        assert made.verify(first).key == made.verify(second).key
        assert made.verify(first).key != made.verify(id_token(jti="k")).key
        assert made.verify(first).key != made.verify(id_token(jti="j", iss=OTHER)).key

    def test_issuer_and_jti_do_not_run_together(self) -> None:
        made = subjects(provider("https://a.example/x"), provider("https://a.example"))
        one, other = id_token(iss="https://a.example/x", jti="y"), id_token(iss="https://a.example", jti="/xy")
        assert made.verify(one).key != made.verify(other).key

    def test_without_a_jti_it_is_what_was_signed(self) -> None:
        made = subjects()
        token = id_token(jti=None)
        assert made.verify(token).key == made.verify(token).key
        assert made.verify(token).key != made.verify(id_token(at=NOW - 1, jti=None)).key

    def test_another_signature_is_not_another_token(self) -> None:
        """ECDSA has many signatures for one text, and everybody can make a second from the first."""
        by = signer("ES256")
        made = subjects(provider(algorithms=["ES256"], keys={"keys": [by.jwk]}))
        token = id_token(jti=None, by=by)
        signed = token.rpartition(".")[0]
        again = f"{signed}.{b64(by.sign(signed.encode()))}"
        assert token != again
        assert made.verify(token).key == made.verify(again).key

    def test_bounded(self) -> None:
        assert len(subjects().verify(id_token(jti="j" * 3000)).key) < 80


class TestKeys:
    FETCHED = provider(keys=None, keys_url="https://idp.example/keys")

    def test_rotation_replaces_all(self) -> None:
        made = subjects(provider(), provider(OTHER))
        made.rotate(ISSUER, {"keys": [signer("EdDSA", "k2").jwk]})
        assert rejected(made, id_token())
        assert not rejected(made, id_token(by=signer("EdDSA", "k2")))
        assert not rejected(made, id_token(iss=OTHER))
        with pytest.raises(KeyError):
            made.rotate("https://nobody.example", {"keys": []})
        with pytest.raises(ValueError, match="JWK set"):
            made.rotate(ISSUER, {})

    def test_fetched_once(self) -> None:
        urls: list[str] = []

        def get(url: str) -> bytes:
            urls.append(url)
            return json.dumps({"keys": [signer().jwk]}).encode()

        made = subjects(self.FETCHED, get=get)
        for _ in range(3):
            assert isinstance(made.verify(id_token()), Subject)
        assert urls == ["https://idp.example/keys"]

    def test_not_to_be_had_is_not_rejected(self) -> None:
        def get(_url: str) -> bytes:
            raise OSError("no route")

        made = subjects(self.FETCHED, get=get)
        with pytest.raises(SubjectKeysUnavailable):
            made.verify(id_token())

    def test_nothing_is_fetched_for_a_stranger_or_a_forbidden_algorithm(self) -> None:
        def get(_url: str) -> bytes:
            raise AssertionError("fetched")

        made = subjects(self.FETCHED, get=get)
        for token in (id_token(iss=OTHER), id_token(by=signer("HS256")), "a.b.c"):
            assert rejected(made, token)
