"""The token store, in memory and shared: one contract, one suite."""

import math
from dataclasses import replace

import pytest

from bearerproof_reference.keyserver.store import Issue, State, StoreLimits, StoreUnavailable, TokenStore
from bearerproof_reference.keyserver.tokens import Identity, Scopes, TokenRecord
from tests.keyserver.conftest import MakeStore
from tests.keyserver.samples import ANNA, BEN, ISSUER, SAME_SUBJECT, START, TTL, token

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


def test_a_record_of_any_text_comes_back_the_same(store: TokenStore) -> None:
    odd = Identity("https://idp.example/ä", 'x\x00\r\n":\u2028 💡', "é@ex.example", groups=("", "ä"))
    issue(store, token(odd, scopes=Scopes(("a", "b*"), ("*",), 0)))
    record = token(odd)
    issue(store, record)
    assert state(store, record, START) is State.LIVE
    assert store.count(odd.issuer, odd.subject, START) == 2
    assert len(store.revoke_all(odd.issuer, odd.subject, START)) == 2


def test_what_an_identity_is_called_may_change(store: TokenStore) -> None:
    """Each token keeps name, e-mail and groups as they were when it was issued."""
    renamed = replace(ANNA, email="anna@new.example", groups=())
    records = [issue(store, token(who)) for who in (ANNA, renamed, ANNA, renamed)]
    assert {state(store, record, START) for record in records} == {State.LIVE}
    assert set(store.revoke_all(*ANNA.key, START)) == set(records)


def test_an_unknown_bearer(store: TokenStore) -> None:
    issue(store)
    assert store.look_up(bytes(32), START) is None
    assert store.look_up(b"", START) is None


class TestExpiry:
    def test_dead_from_the_very_instant(self, store: TokenStore) -> None:
        record = issue(store)
        assert state(store, record, math.nextafter(END, 0)) is State.LIVE
        assert state(store, record, END) is State.EXPIRED

    def test_of_a_fraction_of_a_second(self, store: TokenStore) -> None:
        record = issue(store, token(at=START + 0.1, ttl=0.7))
        assert state(store, record, math.nextafter(record.expires_at, 0)) is State.LIVE
        assert state(store, record, record.expires_at) is State.EXPIRED

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

    def test_without_retention(self, make_store: MakeStore) -> None:
        store = make_store(StoreLimits(retention=0))
        record = issue(store)
        assert state(store, record, END) is None

    def test_a_step_back_revives_nothing(self, store: TokenStore) -> None:
        record = issue(store)
        assert state(store, record, END) is State.EXPIRED
        assert state(store, record, START) is State.EXPIRED
        assert store.revoke(record.jti, START) is None
        assert store.count(*ANNA.key, START) == 0

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
        record = token()
        with pytest.raises(StoreUnavailable, match="clock"):
            store.issue(record, 5, START, OLD)
        assert state(store, record, START) is None
        assert issue(store, token(at=START + 1), now=START + 1)


class TestCap:
    def test_it_holds_the_live_tokens_of_an_identity(self, store: TokenStore) -> None:
        for _ in range(3):
            issue(store, cap=3)
        refused = token()
        assert store.issue(refused, 3, START, OLD) is Issue.CAP_REACHED
        assert state(store, refused, START) is None
        assert store.count(*ANNA.key, START) == 3

    def test_an_identity_is_issuer_and_subject(self, store: TokenStore) -> None:
        issue(store, cap=1)
        issue(store, token(SAME_SUBJECT), cap=1)
        issue(store, token(BEN), cap=1)
        assert [store.count(*key, START) for key in (ANNA.key, SAME_SUBJECT.key, BEN.key)] == [1, 1, 1]

    def test_names_do_not_run_together(self, store: TokenStore) -> None:
        issue(store, token(Identity("a", "bc")), cap=1)
        for issuer, subject in (("ab", "c"), ("a", "b"), ('a","b', "c"), ("a:bc", ""), ("", "abc")):
            assert store.count(issuer, subject, START) == 0

    def test_expired_and_revoked_tokens_do_not_count(self, store: TokenStore) -> None:
        issue(store, token(ttl=10), cap=2)
        revoked = issue(store, cap=2)
        store.revoke(revoked.jti, START)
        issue(store, cap=2)
        assert store.issue(token(), 2, START, OLD) is Issue.CAP_REACHED
        issue(store, cap=2, now=START + 10)
        assert store.count(*ANNA.key, START + 10) == 2

    def test_tokens_that_expire_out_of_order(self, store: TokenStore) -> None:
        for ttl in (30, 10, 20, 10, 30):
            issue(store, token(ttl=ttl))
        assert [store.count(*ANNA.key, START + at) for at in (9, 10, 20, 30)] == [5, 3, 2, 0]

    def test_a_cap_of_nothing(self, store: TokenStore) -> None:
        assert store.issue(token(), 0, START, OLD) is Issue.CAP_REACHED


class TestCapacity:
    def test_a_full_store_takes_no_more(self, store: TokenStore) -> None:
        kept = [issue(store, token(Identity(ISSUER, str(number)))) for number in range(10)]
        refused = token(BEN)
        assert store.issue(refused, 5, START, OLD) is Issue.FULL
        assert state(store, refused, START) is None
        assert store.count(*BEN.key, START) == 0
        assert {state(store, record, START) for record in kept} == {State.LIVE}

    def test_tombstones_take_room_until_their_retention_is_over(self, store: TokenStore) -> None:
        for number in range(10):
            issue(store, token(Identity(ISSUER, str(number))))
        assert store.issue(token(BEN, END), 5, END, END) is Issue.FULL
        before = math.nextafter(GONE, 0)
        assert store.issue(token(BEN, before), 5, before, before) is Issue.FULL
        issue(store, token(BEN, GONE), now=GONE)
        assert store.reap(GONE) == 9  # one made room

    def test_the_cap_is_told_before_the_capacity(self, make_store: MakeStore) -> None:
        store = make_store(StoreLimits(capacity=1))
        issue(store)
        assert store.issue(token(), 1, START, OLD) is Issue.CAP_REACHED
        assert store.issue(token(), 2, START, OLD) is Issue.FULL


class TestIssueTwice:
    def test_of_one_jti_or_digest_is_an_error_of_the_caller(self, store: TokenStore) -> None:
        record, other = issue(store), token()
        same_jti = TokenRecord(record.jti, other.digest, BEN, other.scopes, START, END)
        same_digest = TokenRecord(other.jti, record.digest, BEN, other.scopes, START, END)
        for again in (record, same_jti, same_digest):
            with pytest.raises(ValueError, match="on record already"):
                store.issue(again, 5, START, OLD)
        assert state(store, record, START) is State.LIVE
        assert store.count(*BEN.key, START) == 0


class TestRevoke:
    def test_takes_effect_at_once_and_once(self, store: TokenStore) -> None:
        record, other = issue(store), issue(store)
        assert store.revoke(record.jti, START) == record
        assert store.revoke(record.jti, START) is None
        assert (state(store, record, START), state(store, other, START)) == (State.REVOKED, State.LIVE)

    @pytest.mark.parametrize("jti", ["", "unknown", "x" * 100_000, "\ud800", "0" * 36, "\x00\r\n*"])
    def test_of_what_is_no_jti(self, store: TokenStore, jti: str) -> None:
        issue(store)
        assert store.revoke(jti, START) is None

    def test_of_an_expired_token_is_none(self, store: TokenStore) -> None:
        record = issue(store)
        assert store.revoke(record.jti, END) is None
        assert state(store, record, END) is State.EXPIRED

    def test_a_bearer_digest_is_no_jti(self, store: TokenStore) -> None:
        record = issue(store)
        assert store.revoke(record.digest.hex(), START) is None

    def test_a_revoked_token_stays_so_after_its_expiry(self, store: TokenStore) -> None:
        record = issue(store)
        store.revoke(record.jti, START)
        assert state(store, record, END) is State.REVOKED


class TestRevokeAll:
    def test_revokes_exactly_the_live_tokens_of_the_identity(self, store: TokenStore) -> None:
        expired, revoked, *live = [issue(store, token(ttl=ttl)) for ttl in (10, 600, 30, 20, 600)]
        others = [issue(store, token(who)) for who in (BEN, SAME_SUBJECT)]
        store.revoke(revoked.jti, START)
        now = START + 10
        assert {record.jti for record in store.revoke_all(*ANNA.key, now)} == {record.jti for record in live}
        assert store.revoke_all(*ANNA.key, now) == ()
        assert state(store, expired, now) is State.EXPIRED
        assert {state(store, record, now) for record in (revoked, *live)} == {State.REVOKED}
        assert {state(store, record, now) for record in others} == {State.LIVE}
        assert [store.count(*who.key, now) for who in (ANNA, BEN, SAME_SUBJECT)] == [0, 1, 1]

    def test_of_nobody(self, store: TokenStore) -> None:
        assert store.revoke_all("", "", START) == ()
        assert store.revoke_all("\ud800", "x", START) == ()

    def test_returns_the_records_whole(self, store: TokenStore) -> None:
        record = issue(store)
        assert store.revoke_all(*ANNA.key, START) == (record,)

    def test_what_is_left_of_the_identity_can_be_reaped(self, store: TokenStore) -> None:
        for ttl in (10, 20, 30):
            issue(store, token(ttl=ttl))
        store.revoke_all(*ANNA.key, START + 15)
        assert store.reap(GONE) == 3


class TestSubjectTokensAfterABulkRevocation:
    def issue(self, store: TokenStore, issued_at: float, now: float, who: Identity = ANNA) -> Issue:
        return store.issue(token(who, now), 5, now, issued_at)

    def test_from_up_to_then_they_mint_nothing(self, store: TokenStore) -> None:
        store.revoke_all(*ANNA.key, START)
        assert self.issue(store, START - 10, START) is Issue.REVOKED_BEFORE
        assert self.issue(store, START, START + 1) is Issue.REVOKED_BEFORE
        assert store.count(*ANNA.key, START) == 0
        assert self.issue(store, math.nextafter(START, END), START + 1) is Issue.STORED

    def test_of_others_they_do(self, store: TokenStore) -> None:
        store.revoke_all(*ANNA.key, START)
        assert self.issue(store, START, START, BEN) is Issue.STORED
        assert self.issue(store, START, START, SAME_SUBJECT) is Issue.STORED

    def test_the_last_one_counts(self, store: TokenStore) -> None:
        store.revoke_all(*ANNA.key, START)
        store.revoke_all(*ANNA.key, START + 10)
        assert self.issue(store, START + 5, START + 10) is Issue.REVOKED_BEFORE

    def test_a_revocation_on_a_clock_that_is_behind_goes_by_the_store(self, store: TokenStore) -> None:
        store.count(*ANNA.key, START + 10)
        store.revoke_all(*ANNA.key, START)
        assert self.issue(store, START + 10, START + 10) is Issue.REVOKED_BEFORE

    def test_it_is_remembered_as_long_as_a_subject_token_may_be_old(self, store: TokenStore) -> None:
        store.revoke_all(*ANNA.key, START)
        store.reap(START + 300)
        assert self.issue(store, START, START + 300) is Issue.REVOKED_BEFORE

    def test_what_is_forgotten_covers_everybody(self, store: TokenStore) -> None:
        """With a clock that runs on, such subject tokens are too old; with one that stepped back they are not."""
        store.revoke_all(*ANNA.key, START)
        store.reap(START + 301)
        assert self.issue(store, START, START) is Issue.REVOKED_BEFORE
        assert self.issue(store, START, START, BEN) is Issue.REVOKED_BEFORE
        assert self.issue(store, START + 1, START) is Issue.STORED

    def test_it_is_remembered_to_the_microsecond(self, store: TokenStore) -> None:
        at = START + 0.12346
        store.revoke_all(*ANNA.key, at)
        store.reap(at + 300 - 0.00001)
        assert self.issue(store, START, at + 300, BEN) is Issue.STORED

    def test_one_that_is_repeated_is_the_latest(self, store: TokenStore) -> None:
        for number, subject in enumerate("0123405"):
            store.revoke_all(ISSUER, subject, START + number)
        assert self.issue(store, START + 1, START + 9, BEN) is Issue.REVOKED_BEFORE
        assert self.issue(store, START + 2, START + 9, BEN) is Issue.STORED

    def test_more_than_can_be_remembered_are_not_lost(self, store: TokenStore) -> None:
        for number in range(8):
            store.revoke_all(ISSUER, str(number), START + number)
        now = START + 10
        assert self.issue(store, START, now, Identity(ISSUER, "0")) is Issue.REVOKED_BEFORE
        assert self.issue(store, START + 2, now, BEN) is Issue.REVOKED_BEFORE  # three were forgotten
        assert self.issue(store, START + 3, now, BEN) is Issue.STORED
        assert self.issue(store, START + 3, now, Identity(ISSUER, "3")) is Issue.REVOKED_BEFORE


class TestReap:
    def test_counts_the_tombstones_whose_time_is_over(self, store: TokenStore) -> None:
        for ttl in (10, 20, 20, 30):
            issue(store, token(ttl=ttl))
        assert [store.reap(START + 300 + at) for at in (9, 10, 10, 20, 29, 30)] == [0, 1, 0, 2, 0, 1]

    def test_leaves_tombstones_alone(self, store: TokenStore) -> None:
        record = issue(store)
        assert store.reap(END) == 0
        assert state(store, record, END) is State.EXPIRED

    def test_of_many(self, make_store: MakeStore) -> None:
        store = make_store(StoreLimits(capacity=5000))
        for number in range(2500):
            issue(store, token(Identity(ISSUER, str(number % 10))), cap=1000)
        store.revoke_all(ISSUER, "3", START)
        assert store.reap(GONE) == 2500
        assert store.reap(GONE) == 0


class TestClaim:
    def test_as_often_as_is_allowed(self, store: TokenStore) -> None:
        assert [store.claim("a", 1, END, START) for _ in range(3)] == [True, False, False]
        assert [store.claim("b", 2, END, START) for _ in range(3)] == [True, True, False]
        assert not store.claim("c", 0, END, START)

    @pytest.mark.parametrize("key", ["", "\ud800", "x" * 100_000, "\x00\r\n"])
    def test_by_any_key(self, store: TokenStore, key: str) -> None:
        assert store.claim(key, 1, END, START)
        assert not store.claim(key, 1, END, START)
        assert store.claim(key + "?", 1, END, START)

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
