"""The token store, in memory and shared: texts, instants and numbers that the machine of ``test_storemachine`` lacks.

What follows from what, in whatever order, is compared there with a model.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from bearerproof_reference.keyserver.store import Issue, State, StoreLimits, StoreUnavailable, TokenStore
from bearerproof_reference.keyserver.tokens import Identity, Scopes, TokenRecord
from tests.keyserver.conftest import MakeStore
from tests.keyserver.samples import ANNA, BEN, ISSUER, SCOPES, START, TTL, token

END = START + TTL
GONE = END + 300
OLD = START - 1


def issue(store: TokenStore, record: TokenRecord | None = None, cap: int = 5, now: float = START) -> TokenRecord:
    """Issue a token that must be stored."""
    record = record or token()
    assert store.issue(record, cap, now, OLD + now - START) is Issue.STORED
    return record


def state(store: TokenStore, record: TokenRecord, now: float) -> State | None:
    """Return how it stands with the token; what is found is the token that was issued."""
    found = store.look_up(record.digest, now)
    assert found is None or found.record == record
    return found.state if found else None


def test_a_stored_token_is_found_whole(store: TokenStore) -> None:
    for record in (token(), token(BEN, START + 0.123456, 0.1)):
        issue(store, record)
        assert state(store, record, START + 0.15) is State.LIVE
    assert store.look_up(bytes(32), START) is store.look_up(b"", START) is None


def test_a_record_of_any_text_comes_back_the_same(store: TokenStore) -> None:
    odd = Identity("https://idp.example/ä", 'x\x00\r\n":\u2028 💡', "é@ex.example", groups=("", "ä"))
    records = [issue(store, token(odd, scopes=scopes)) for scopes in (Scopes(("a", "b*"), ("*",), 0), SCOPES)]
    assert {state(store, record, START) for record in records} == {State.LIVE}
    assert store.count(odd.issuer, odd.subject, START) == 2
    assert set(store.revoke_all(odd.issuer, odd.subject, START)) == set(records)


def test_what_an_identity_is_called_may_change(store: TokenStore) -> None:
    """Each token keeps name, e-mail and groups as they were when it was issued."""
    renamed = replace(ANNA, email="anna@new.example", groups=())
    records = [issue(store, token(who)) for who in (ANNA, renamed, ANNA, renamed)]
    assert {state(store, record, START) for record in records} == {State.LIVE}
    assert set(store.revoke_all(*ANNA.key, START)) == set(records)


def test_names_do_not_run_together(store: TokenStore) -> None:
    issue(store, token(Identity("a", "bc")), cap=1)
    for issuer, subject in (("ab", "c"), ("a", "b"), ('a","b', "c"), ("a:bc", ""), ("", "abc"), ("\ud800", "x")):
        assert store.count(issuer, subject, START) == 0
        assert store.revoke_all(issuer, subject, START) == ()


ENDED: list[tuple[Callable[[TokenStore, TokenRecord], object], object]] = [
    (lambda store, record: store.revoke(record.jti, END), None),
    (lambda store, _: store.revoke_all(*ANNA.key, END), ()),
    (lambda store, _: store.count(*ANNA.key, END), 0),
    (lambda store, _: store.issue(token(at=END), 1, END, END), Issue.STORED),
]
"""What is asked at the end of a token, and the answer."""


class TestExpiry:
    @pytest.mark.parametrize(("at", "ttl"), [(START, TTL), (START + 0.1, 0.7)])
    def test_dead_from_the_very_instant(self, store: TokenStore, at: float, ttl: float) -> None:
        record = issue(store, token(at=at, ttl=ttl))
        assert state(store, record, math.nextafter(record.expires_at, 0)) is State.LIVE
        assert state(store, record, record.expires_at) is State.EXPIRED

    @pytest.mark.parametrize(("act", "expected"), ENDED)
    def test_dead_to_whatever_comes_first(
        self, store: TokenStore, act: Callable[[TokenStore, TokenRecord], object], expected: object
    ) -> None:
        """Not only to what comes after a look at it, as in the machine."""
        assert act(store, issue(store)) == expected
        assert [store.reap(at) for at in (math.nextafter(GONE, 0), GONE)] == [0, 1]

    def test_early_in_time(self, store: TokenStore) -> None:
        """9 is before 10, as a number."""
        record = token(at=9, ttl=1)
        assert store.issue(record, 5, 9, 8) is Issue.STORED
        assert (state(store, record, 9.5), state(store, record, 10)) == (State.LIVE, State.EXPIRED)

    def test_the_tombstone_is_unknown_when_its_retention_is_over(self, store: TokenStore) -> None:
        expired, revoked = issue(store), issue(store)
        store.revoke(revoked.jti, START)
        before = math.nextafter(GONE, 0)
        assert (state(store, expired, before), state(store, revoked, before)) == (State.EXPIRED, State.REVOKED)
        assert (state(store, expired, GONE), state(store, revoked, GONE)) == (None, None)

    @pytest.mark.parametrize("operation", ["issue", "look_up", "revoke", "revoke_all", "count", "reap", "claim"])
    def test_every_operation_tells_the_time(self, store: TokenStore, operation: str) -> None:
        record, other = issue(store), token(BEN, END)
        words = {
            "issue": (other, 5, END, END),
            "look_up": (other.digest, END),
            "revoke": (other.jti, END),
            "revoke_all": (*BEN.key, END),
            "count": (*BEN.key, END),
            "reap": (END,),
            "claim": ("key", 1, GONE, END),
        }
        getattr(store, operation)(*words[operation])
        assert state(store, record, START) is State.EXPIRED

    def test_a_token_that_would_be_dead_already_is_not_issued(self, store: TokenStore) -> None:
        """A clock that fell behind the store's by a lifetime cannot hand out tokens, which nobody could count."""
        store.count(*ANNA.key, END)
        with pytest.raises(StoreUnavailable, match="clock"):
            store.issue(token(), 5, START, OLD)
        assert issue(store, token(at=START + 1), now=START + 1)


def test_a_full_store_has_room_when_the_first_retention_is_over(store: TokenStore) -> None:
    for number in range(10):
        issue(store, token(Identity(ISSUER, str(number))))
    before = math.nextafter(GONE, 0)
    assert store.issue(token(BEN, before), 5, before, before) is Issue.FULL
    issue(store, token(BEN, GONE), now=GONE)
    assert store.reap(GONE) == 9  # one made room


def test_issue_twice_of_one_jti_or_digest_is_an_error_of_the_caller(store: TokenStore) -> None:
    record, other = issue(store), token()
    same_jti = TokenRecord(record.jti, other.digest, BEN, other.scopes, START, END)
    same_digest = TokenRecord(other.jti, record.digest, BEN, other.scopes, START, END)
    for again in (record, same_jti, same_digest):
        with pytest.raises(ValueError, match="on record already"):
            store.issue(again, 5, START, OLD)
    assert state(store, record, START) is State.LIVE
    assert store.count(*BEN.key, START) == 0


@pytest.mark.parametrize("jti", ["", "unknown", "x" * 100_000, "\ud800", "0" * 36, "\x00\r\n*", "its digest"])
def test_revoke_of_what_is_no_jti(store: TokenStore, jti: str) -> None:
    record = issue(store)
    assert store.revoke(record.digest.hex() if jti == "its digest" else jti, START) is None


class TestSubjectTokensAfterABulkRevocation:
    def issue(self, store: TokenStore, issued_at: float, now: float, who: Identity = ANNA) -> Issue:
        return store.issue(token(who, now), 5, now, issued_at)

    def test_from_up_to_then_they_mint_nothing(self, store: TokenStore) -> None:
        store.revoke_all(*ANNA.key, START)
        assert self.issue(store, START, START + 1) is Issue.REVOKED_BEFORE
        assert self.issue(store, math.nextafter(START, END), START + 1) is Issue.STORED

    def test_it_is_remembered_to_the_microsecond(self, store: TokenStore) -> None:
        at = START + 0.12346
        store.revoke_all(*ANNA.key, at)
        store.reap(at + 300 - 0.00001)
        assert self.issue(store, START, at + 300, BEN) is Issue.STORED

    def test_what_is_forgotten_covers_everybody(self, store: TokenStore) -> None:
        """With a clock that runs on, such subject tokens are too old; with one that stepped back they are not."""
        store.revoke_all(*ANNA.key, START)
        store.reap(START + 301)
        assert [self.issue(store, START, START, who) for who in (ANNA, BEN)] == [Issue.REVOKED_BEFORE] * 2
        assert self.issue(store, START + 1, START) is Issue.STORED

    def test_more_than_can_be_remembered_are_not_lost(self, store: TokenStore) -> None:
        """The first is repeated, and so the latest; of seven, two are forgotten."""
        for number, subject in enumerate("0123405"):
            store.revoke_all(ISSUER, subject, START + number)
        assert self.issue(store, START + 1, START + 9, BEN) is Issue.REVOKED_BEFORE
        assert self.issue(store, START + 2, START + 9, BEN) is Issue.STORED
        assert self.issue(store, START + 3, START + 9, Identity(ISSUER, "3")) is Issue.REVOKED_BEFORE


def test_reap_of_many(make_store: MakeStore) -> None:
    store = make_store(StoreLimits(capacity=5000))
    for number in range(2500):
        issue(store, token(Identity(ISSUER, str(number % 10))), cap=1000)
    store.revoke_all(ISSUER, "3", START)
    assert (store.reap(GONE), store.reap(GONE)) == (2500, 0)


class TestClaim:
    @pytest.mark.parametrize("key", ["a", "", "\ud800", "x" * 100_000, "\x00\r\n"])
    def test_by_any_key(self, store: TokenStore, key: str) -> None:
        assert [store.claim(key, 2, END, START) for _ in range(3)] == [True, True, False]
        assert store.claim(key + "?", 1, END, START)
        assert not store.claim(key + "!", 0, END, START)

    def test_it_is_remembered_to_the_last_instant(self, store: TokenStore) -> None:
        store.claim("a", 1, END, START)
        store.reap(END)
        assert not store.claim("a", 1, END, END)

    def test_what_was_forgotten_cannot_be_used_after_a_step_back(self, store: TokenStore) -> None:
        store.claim("a", 1, END, START)
        store.reap(END + 1)
        assert not store.claim("a", 1, END, START)
        assert store.claim("later", 1, END + 2, START)

    def test_a_full_memory_refuses_to_forget(self, store: TokenStore) -> None:
        for number in range(5):
            assert store.claim(str(number), 1, END + number, START)
        for until, now in ((END, START), (END + 9, END)):
            with pytest.raises(StoreUnavailable, match="full"):
                store.claim("new", 1, until, now)
        assert [store.claim(str(number), 1, END + number, START) for number in range(5)] == [False] * 5
        assert store.claim("new", 1, END + 9, END + 0.5)
        with pytest.raises(StoreUnavailable, match="full"):
            store.claim("newer", 1, END + 9, END + 0.5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"capacity": 0},
        {"capacity": True},
        {"capacity": 1.5},
        {"remembered": 0},
        {"retention": -1},
        {"retention": math.inf},
        {"subject_age": math.nan},
        {"subject_age": "300"},
    ],
)
def test_limits_that_are_none(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        StoreLimits(**wrong)  # type: ignore[arg-type]
