"""The cap on tokens: how many an identity has at once, who is one identity, and what comes of a race."""

from collections.abc import Sequence
from typing import Any

from bearerproof.contract.decisions import Decision
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.keyserver import race_requests
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.name_mapping import is_anybodys
from bearerproof_fuzz.keyserver.setting import DEFAULT, HOME, OTHER, Provider, rule
from bearerproof_fuzz.machines.tokens import walk
from bearerproof_fuzz.needs import CLOCK, CONFIGURE, COUNT, RACE
from bearerproof_fuzz.oracles.tokens import Aspect

# --- how many


@check("TOK-7", needs=(CONFIGURE,))
def test_cap_is_met_exactly(mark: CheckId, trial: Trial) -> None:
    """An identity gets as many tokens as the cap and no more; what it has stays good, and others are not concerned."""
    for cap in (1, 2, 5):
        server = KeyServerDriver(trial, DEFAULT.but(cap=cap))
        grants = [server.issue() for _ in range(cap)]
        for _ in range(3):
            _judge_capped(server, cap)
        for grant in grants:
            server.good(server.authenticate(grant.bearer), "a token is lost when one too many is asked for")
        server.issue("bob")
        server.issue(provider=OTHER)


def _judge_capped(
    server: KeyServerDriver, cap: int, subject: str = "alice", provider: Provider = HOME, **claims: object
) -> None:
    decision = server.exchange(server.subject_token(subject, provider, **claims))
    server.refused(decision, "too_many_tokens", f"an identity gets more tokens than the cap of {cap}")


@check("TOK-7", needs=(CLOCK, CONFIGURE))
def test_dead_tokens_make_room(mark: CheckId, trial: Trial) -> None:
    """An expired or revoked token does not count: from that instant on there is room for exactly one more."""
    for end in ("expired", "revoked"):
        server = KeyServerDriver(trial, DEFAULT.but(cap=3))
        first = server.issue()
        server.wait(100)
        for _ in range(2):
            server.issue()
        _judge_capped(server, 3)
        if end == "expired":
            server.wait(server.setting.ttl - 100 - 0.25)
            _judge_capped(server, 3)
            server.wait(0.25)
        else:
            server.good(server.revoke(first.jti), "a live token is not revoked")
            server.revoke(first.jti)
        what = f"a token that is {end} still counts"
        server.good(server.exchange(server.subject_token()), what)
        _judge_capped(server, 3)


@check("TOK-7", needs=(CLOCK, CONFIGURE))
def test_cap_is_met_anew_by_each_generation(mark: CheckId, trial: Trial) -> None:
    """Once all tokens have expired or were presented after it, the cap is full again, neither more nor less."""
    server = KeyServerDriver(trial, DEFAULT.but(cap=3))
    for _ in range(4):
        grants = [server.issue() for _ in range(3)]
        _judge_capped(server, 3)
        server.revoke(grants[0].jti)
        server.revoke(grants[0].jti)
        server.wait(server.setting.ttl)
        for grant in grants:
            server.authenticate(grant.bearer)


@check("TOK-7", needs=(CLOCK, CONFIGURE))
def test_no_walk_exceeds_the_cap(mark: CheckId, trial: Trial) -> None:
    """However issues, revocations, sweeps and clock steps follow each other, the cap counts what is live."""
    walk(trial, Aspect.CAP)


# --- for whom


@check("TOK-8", needs=(CONFIGURE,))
def test_namesakes_do_not_share_a_cap(mark: CheckId, trial: Trial) -> None:
    """Who shares e-mail, name and groups with another, or the subject at another issuer, has a cap alone."""
    same: dict[str, Any] = {"email": "alice@example.com", "name": "Alice", "groups": ["staff"]}
    server = KeyServerDriver(trial, DEFAULT.but(cap=1))
    server.issue("alice", provider=HOME, **same)
    _judge_capped(server, 1, "alice", HOME, **same)
    for subject, provider in _NAMESAKES:
        decision = server.exchange(server.subject_token(subject, provider, **same))
        what = f"{subject!a} of {provider.issuer} has the cap of alice of {HOME.issuer}"
        if decision.good:
            _judge_capped(server, 1, subject, provider, **same)
        elif is_anybodys(subject) or decision.code == "too_many_tokens":
            server.fail(what, "granted", decision)  # another subject may be refused for what it is (OIDC Core §2)


_NAMESAKES = (
    ("alice", OTHER),
    ("Alice", HOME),
    ("ALICE", HOME),
    ("alice ", HOME),
    (" alice", HOME),
    ("alic\u0435", HOME),
    ("\uff41lice", HOME),
    ("alice\u00ad", HOME),
    ("alic", HOME),
    ("alicee", HOME),
    ("alice@example.com", HOME),
    ("alice%40", HOME),
    ("alice*", HOME),
    ("*", HOME),
    ("é", HOME),
    ("e\u0301", HOME),
    ("straße", HOME),
    ("strasse", HOME),
    ("1", HOME),
    ("01", HOME),
    ("1.0", HOME),
    ("true", HOME),
    ("null", HOME),
    ("None", HOME),
    ("\ufb01", HOME),
    ("fi", HOME),
    ("I", HOME),
    ("\u0131", HOME),
    ("alice\0", HOME),
    ("alice\0x", HOME),
    ("%61lice", HOME),
    ("al+ice", HOME),
    ("al ice", HOME),
    ("al%20ice", HOME),
    *((f"{'a' * length}{last}", HOME) for length in (63, 127, 254) for last in "bc"),
    ("ALICE", OTHER),
)
"""Identities that a fold, a trim, a number or a comparison of parts takes for one another, or for alice."""


@check("TOK-8")
def test_issuers_do_not_share_a_cap(mark: CheckId, trial: Trial) -> None:
    """An identity at its cap leaves room for the same subject of another issuer, and for others of its own."""
    server = KeyServerDriver(trial)
    for _ in range(server.setting.cap):
        server.issue("alice")
    _judge_capped(server, server.setting.cap)
    for subject, provider in (("alice", OTHER), ("bob", HOME)):
        decision = server.exchange(server.subject_token(subject, provider, email="alice@example.com"))
        server.good(decision, f"{subject} of {provider.issuer} has the cap of alice of {HOME.issuer}")


@check("TOK-8", needs=(CONFIGURE,))
def test_attributes_do_not_multiply_a_cap(mark: CheckId, trial: Trial) -> None:
    """An identity whose e-mail, name or groups change is the same one, and has no second cap."""
    server = KeyServerDriver(trial, DEFAULT.but(cap=1))
    server.issue()
    changes: Sequence[dict[str, Any]] = (
        {"email": "other@example.com"},
        {"email": None},
        {"email_verified": False},
        {"name": "Al"},
        {"groups": []},
        {"groups": ["staff", "admins"]},
        {"azp": "key-server"},
        {"sid": "s-2"},
    )
    for claims in changes:
        _judge_capped(server, 1, **claims)


@check("TOK-8", needs=(CONFIGURE,))
def test_no_separator_joins_two_identities(mark: CheckId, trial: Trial) -> None:
    """Issuers and subjects that read the same when they are joined by a separator are different identities."""
    for separator in ("", "/", ":", "::", "|", "||", ",", ";", "-", "_", ".", "~", "!", "+", "=", "&", "/-/"):
        first = Provider("https://idp.example/t", HOME.key)
        second = Provider(f"https://idp.example/t{separator}x", OTHER.key)
        policies = (rule(first), rule(second))
        server = KeyServerDriver(trial, DEFAULT.but(cap=1, providers=(first, second), policies=policies))
        server.issue(f"x{separator}alice", provider=first)
        _judge_capped(server, 1, f"x{separator}alice", first)
        decision = server.exchange(server.subject_token("alice", second))
        server.good(decision, f"two identities are one when joined by {separator!r}")


@check("TOK-8", needs=(COUNT,))
def test_count_is_of_one_identity(mark: CheckId, trial: Trial) -> None:
    """Tokens are counted for the pair of issuer and subject, and for no other pair."""
    server = KeyServerDriver(trial)
    for subject, provider, number in (("alice", HOME, 3), ("alice", OTHER, 2), ("bob", HOME, 1)):
        for _ in range(number):
            server.issue(subject, provider=provider, email="shared@example.com", name="Shared")
    expected = {
        ("alice", HOME.issuer): 3,
        ("alice", OTHER.issuer): 2,
        ("bob", HOME.issuer): 1,
        ("bob", OTHER.issuer): 0,
        ("shared@example.com", HOME.issuer): 0,
        ("Alice", HOME.issuer): 0,
        ("alice", "https://idp.example/"): 0,
        ("", HOME.issuer): 0,
        ("alice", ""): 0,
    }
    for (subject, issuer), number in expected.items():
        found = server.count(subject, issuer)
        if found != number:
            server.fail(f"the tokens of {subject!r} of {issuer!r} are counted wrongly", str(number), str(found))


# --- at once


@check("TOK-9", needs=(CONFIGURE, RACE))
def test_cap_holds_in_a_race(mark: CheckId, trial: Trial) -> None:
    """Of many exchanges by one identity at once, as many succeed as the cap has room for."""
    for cap, before in ((1, 0), (3, 0), (3, 2), (5, 1), (2, 2)):
        for _ in range(2):
            server = KeyServerDriver(trial, DEFAULT.but(cap=cap))
            for _ in range(before):
                server.issue()
            answers = server.race([race_requests.exchange(server.subject_token()) for _ in range(cap + 7)])
            granted = sum(decision.good for decision in answers)
            room = f"with {before} of {cap} tokens live, exchanges at once"
            if granted > cap - before:
                server.fail(f"{room} exceed the cap", f"{cap - before} granted", "more")
            if granted < cap - before:
                server.fail(f"{room} are refused more often than need be", f"{cap - before} granted", "fewer")
            _judge_codes(server, answers, room)


def _judge_codes(server: KeyServerDriver, answers: Sequence[Decision], what: str) -> None:
    for decision in answers:
        if not decision.good and decision.code != "too_many_tokens":
            server.fail(f"{what} are refused for another reason than the cap", "too_many_tokens", decision.describe())


@check("TOK-9", needs=(CONFIGURE, RACE))
def test_caps_hold_in_a_race_of_several_identities(mark: CheckId, trial: Trial) -> None:
    """Where several identities exchange at once, each gets its cap, and none another's."""
    server = KeyServerDriver(trial, DEFAULT.but(cap=2))
    who = [("alice", HOME), ("alice", OTHER), ("bob", HOME)] * 4
    requests = [race_requests.exchange(server.subject_token(subject, provider)) for subject, provider in who]
    granted = [pair for pair, decision in zip(who, server.race(requests), strict=True) if decision.good]
    for subject, provider in who[:3]:
        number = granted.count((subject, provider))
        if number != 2:
            what = f"of a race, {subject} of {provider.issuer} gets {'more' if number > 2 else 'fewer'} than the cap"
            server.fail(what, "2 tokens", "another number")


@check("TOK-9", needs=(CONFIGURE, RACE))
def test_revocation_in_a_race_frees_one_place(mark: CheckId, trial: Trial) -> None:
    """A revocation among exchanges at once makes room for one more at most."""
    for _ in range(3):
        server = KeyServerDriver(trial, DEFAULT.but(cap=3))
        first, _, _ = (server.issue() for _ in range(3))
        exchanges = [race_requests.exchange(server.subject_token()) for _ in range(8)]
        answers = server.race([*exchanges[:4], race_requests.revoke(first.jti), *exchanges[4:]])
        granted = sum(decision.good and "access_token" in decision.members for decision in answers)
        if granted > 1:
            server.fail("one revocation among exchanges at once makes room for several", "1 granted at most", "more")
