"""Revocation of all that an identity has: whose tokens end, how many they were, and what mints nothing any more."""

from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import strategies as st

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check, explore
from bearerproof_fuzz.keyserver.driver import Grant, KeyServerDriver
from bearerproof_fuzz.keyserver.revocation_asserts import WRONG, dead, live, revoked
from bearerproof_fuzz.keyserver.setting import DEFAULT, HOME, OTHER, OTHER_PEER, Provider, rule
from bearerproof_fuzz.needs import CLOCK, CONFIGURE, REAP


@check("REV-4")
def test_number_of_tokens(mark: CheckId, trial: Trial) -> None:
    """A bulk revocation ends every live token of the identity and answers how many they were, none included."""
    for number in (0, 1, 2, 5):
        world = KeyServerDriver(trial)
        grants = [world.issue() for _ in range(number)]
        revoked(world, world.revoke_all("alice"), number, f"all {number} live tokens are revoked")
        dead(world, *grants, summary="all tokens of the identity were revoked")
        revoked(world, world.revoke_all("alice"), 0, "there is nothing left to revoke")


@check("REV-4")
def test_revoked_ones_do_not_count(mark: CheckId, trial: Trial) -> None:
    """A token that was revoked before is not counted by a bulk revocation."""
    world = KeyServerDriver(trial)
    first, second, third = (world.issue() for _ in range(3))
    world.good(world.revoke(second.jti), "one live token is revoked")
    revoked(world, world.revoke_all("alice"), 2, "one of three tokens was revoked before")
    dead(world, first, second, third, summary="all tokens of the identity were revoked")


@check("REV-4", needs=(CLOCK, CONFIGURE))
def test_expired_ones_do_not_count(mark: CheckId, trial: Trial) -> None:
    """A token that has expired, be it this very instant, is not counted by a bulk revocation."""
    world = KeyServerDriver(trial)
    world.issue()
    world.wait(300)
    later = world.issue()
    world.wait(300)
    revoked(world, world.revoke_all("alice"), 1, "one of two tokens has just expired")
    dead(world, later, summary="all tokens of the identity were revoked")
    world.wait(1)
    revoked(world, world.revoke_all("alice"), 0, "there is nothing live to revoke")


_ELSEWHERE = {
    "the same subject of another provider": ("alice", OTHER),
    "another subject": ("bob", HOME),
    "a subject in another case": ("Alice", HOME),
    "a longer subject": ("alice2", HOME),
    "a shorter subject": ("alic", HOME),
    "a subject after a blank": (" alice", HOME),
    "a subject before a blank": ("alice ", HOME),
    "a subject with a domain": ("alice@example.com", HOME),
    "a subject of another composition": ("alice\u0301", HOME),
    "a subject before a separator": ("alice:", HOME),
    "a subject that names issuer and subject": (f"{HOME.issuer}|alice", HOME),
}


@check("REV-4")
def test_other_identities_live_on(mark: CheckId, trial: Trial) -> None:
    """A bulk revocation ends no token of another issuer or subject, however near the names are."""
    world = KeyServerDriver(trial)
    victim = world.issue(email="shared@example.com")
    others = {name: world.issue(subject, provider=provider, email="shared@example.com")
              for name, (subject, provider) in _ELSEWHERE.items()}  # fmt: skip
    revoked(world, world.revoke_all("alice"), 1, "the identity has one live token")
    dead(world, victim, summary="all tokens of the identity were revoked")
    for name, grant in others.items():
        live(world, grant, summary=f"the tokens of an identity were revoked, and this one is of {name}")


_NOBODY = {
    "no subject of ours": ("carol", HOME.issuer),
    "all subjects": ("*", HOME.issuer),
    "a wildcard": ("%", HOME.issuer),
    "a part of the subject": ("alic", HOME.issuer),
    "the subject in another case": ("ALICE", HOME.issuer),
    "the e-mail": ("alice@example.com", HOME.issuer),
    "another provider": ("alice", OTHER.issuer),
    "a provider that is not configured": ("alice", "https://nobody.example"),
    "all providers": ("alice", "*"),
    "the issuer with a slash": ("alice", HOME.issuer + "/"),
    "the issuer in upper case": ("alice", HOME.issuer.upper()),
    "the issuer without its scheme": ("alice", HOME.issuer.removeprefix("https://")),
    "issuer and subject exchanged": (HOME.issuer, "alice"),
}


@check("REV-4")
def test_names_are_taken_as_they_are(mark: CheckId, trial: Trial) -> None:
    """A bulk revocation of names that nobody has exactly so revokes nothing, and says so."""
    world = KeyServerDriver(trial)
    grants = [world.issue(), world.issue("bob")]
    for name, (subject, issuer) in _NOBODY.items():
        decision = world.revoke_all(subject, issuer)
        if decision.code != "invalid_request":  # which a server may find with names that can't be
            revoked(world, decision, 0, f"a bulk revocation names {name}")
        live(world, *grants, summary=f"a bulk revocation named {name}")
    revoked(world, world.revoke_all("alice"), 1, "a bulk revocation names the identity")


_TAILS = ("/x", ":8443", ".t", "-t")
"""What makes one issuer the beginning of another: joined without or by its first letter, some pairs look alike."""


@check("REV-4", needs=(CONFIGURE,))
def test_joined_names_do_not_collide(mark: CheckId, trial: Trial) -> None:
    """Two identities whose issuer and subject read the same when joined are two, for bulk revocation too."""
    longer = {tail: Provider(HOME.issuer + tail, OTHER.key) for tail in _TAILS}
    everybody = (HOME, *longer.values())
    world = KeyServerDriver(trial, DEFAULT.but(providers=everybody, policies=tuple(map(rule, everybody))))
    for tail, provider in longer.items():
        theirs = world.issue(provider=provider)
        twins = [world.issue(f"{tail}alice"), world.issue(f"{tail[1:]}{tail[0]}alice")]
        revoked(world, world.revoke_all("alice", provider.issuer), 1, "the identity has one live token")
        dead(world, theirs, summary="all tokens of the identity were revoked")
        live(world, *twins, summary="the tokens were revoked of another identity, whose names joined are the same")


_SUBJECTS = (("alice", HOME), ("alice", OTHER), ("bob", HOME))


@dataclass
class _Told:
    """What is known of a token: whose it is, and until when it lives."""

    grant: Grant
    identity: int
    ends: float


@check("REV-4", needs=(CLOCK, CONFIGURE))
def test_any_course_of_revocations(mark: CheckId, trial: Trial) -> None:
    """However issues, revocations, bulk revocations and time alternate, each ends just what it says."""

    def exact(steps: list[tuple[str, int]]) -> None:
        world = KeyServerDriver(trial, DEFAULT.but(ttl=60, cap=100))
        told: list[_Told] = []
        for deed, number in steps:
            _COURSE[deed](world, told, number)
            live(world, *(one.grant for one in told if one.ends > world.now), summary="nothing has ended this token")
            dead(world, *(one.grant for one in told if one.ends <= world.now), summary="the token has ended")

    deeds = st.sampled_from(("issue", "issue", "issue", "one", "all", "wait"))
    explore(exact, st.lists(st.tuples(deeds, st.integers(0, 5)), min_size=3, max_size=14), share=4)


def _issue(world: KeyServerDriver, told: list[_Told], number: int) -> None:
    world.wait(1)  # whatever was revoked before, this identity has signed in since
    subject, provider = _SUBJECTS[number % 3]
    told.append(_Told(world.issue(subject, provider=provider), number % 3, world.now + 60))


def _revoke_one(world: KeyServerDriver, told: list[_Told], number: int) -> None:
    if not told:
        return
    one = told[number % len(told)]
    decision = world.revoke(one.grant.jti)
    if one.ends > world.now:
        revoked(world, decision, 1, "a live token is revoked")
    else:
        world.refused(decision, "not-active", "the token has ended before")
    one.ends = min(one.ends, world.now)


def _revoke_all(world: KeyServerDriver, told: list[_Told], number: int) -> None:
    subject, provider = _SUBJECTS[number % 3]
    live = [one for one in told if one.ends > world.now and one.identity == number % 3]
    decision = world.revoke_all(subject, provider.issuer)
    revoked(world, decision, len(live), f"an identity has {len(live)} live tokens")
    for one in live:
        one.ends = world.now


def _pass_time(world: KeyServerDriver, told: list[_Told], number: int) -> None:
    world.wait((0.25, 1, 20, 59, 60, 400)[number])


_COURSE = {"issue": _issue, "one": _revoke_one, "all": _revoke_all, "wait": _pass_time}


_INCOMPLETE: Mapping[str, tuple[str | None, str | None]] = {
    "no subject": (None, HOME.issuer),
    "no issuer": ("alice", None),
    "neither": (None, None),
    "an empty subject": ("", HOME.issuer),
    "an empty issuer": ("alice", ""),
    "two empty names": ("", ""),
    "an empty subject and no issuer": ("", None),
    "an empty issuer and no subject": (None, ""),
}


@check("REV-5")
def test_incomplete_names(mark: CheckId, trial: Trial) -> None:
    """A bulk revocation in which a name is missing or empty is refused, and ends nothing."""
    world = KeyServerDriver(trial)
    grants = [world.issue(), world.issue("bob"), world.issue("alice", provider=OTHER)]
    for name, (subject, issuer) in _INCOMPLETE.items():
        decision = world.revoke_all(subject, issuer)
        world.refused(decision, "invalid_request", f"a bulk revocation with {name}")
        live(world, *grants, summary=f"a bulk revocation was asked for with {name}")
    revoked(world, world.revoke_all("alice"), 1, "a bulk revocation with both names")


# --- subject tokens from before


@check("REV-6")
def test_subject_token_from_before(mark: CheckId, trial: Trial) -> None:
    """A subject token that was issued before a bulk revocation of its identity mints nothing after it."""
    world = KeyServerDriver(trial)
    held = [world.subject_token(iat=int(world.now) - age) for age in (0, 1, 30)]
    world.issue()
    revoked(world, world.revoke_all("alice"), 1, "the identity has one live token")
    for token in (*held, world.subject_token(iat=int(world.now) - 2)):
        _mints_nothing(world, token)
    if trial.declaration.key_server.count and world.count("alice"):
        world.fail("everything was revoked, and nothing issued since", "0 live tokens", f"{world.count('alice')}")


@check("REV-6")
def test_blocked_without_a_live_token(mark: CheckId, trial: Trial) -> None:
    """A bulk revocation that finds no live token still stops the subject tokens from before."""
    world = KeyServerDriver(trial)
    world.issue("bob")
    held = world.subject_token()
    revoked(world, world.revoke_all("alice"), 0, "the identity has no token")
    _mints_nothing(world, held)


def _mints_nothing(world: KeyServerDriver, token: str) -> None:
    decision = world.exchange(token)
    world.refused(decision, "invalid_request", "the subject token is from before a bulk revocation of its identity")


@check("REV-6", needs=(CLOCK,))
def test_newer_subject_token_mints(mark: CheckId, trial: Trial) -> None:
    """A subject token issued after the bulk revocation mints a token that is good."""
    for wait in (1, 60, 400):
        world = KeyServerDriver(trial)
        world.issue()
        world.good(world.revoke_all("alice"), "the identity has one live token")
        _mints_nothing(world, world.subject_token())
        world.wait(wait)
        decision = world.exchange(world.subject_token())
        world.good(decision, f"the subject token was issued {wait} s after the bulk revocation")
        live(world, world.grant(decision), summary="a token was issued after the bulk revocation")


@check("REV-6", needs=(CLOCK,))
def test_line_is_the_instant_of_the_revocation(mark: CheckId, trial: Trial) -> None:
    """A subject token whose iat is the instant of the revocation is from before; the next second is after it."""
    for fraction in (0.0, 0.5):
        world = KeyServerDriver(trial)
        world.issue()
        world.wait(10 + fraction)
        at = int(world.now)
        held = world.subject_token(iat=at)
        world.good(world.revoke_all("alice"), "the identity has one live token")
        _mints_nothing(world, held)
        world.wait(1 - fraction)
        _mints_nothing(world, world.subject_token(iat=at))
        world.good(world.exchange(world.subject_token(iat=at + 1)), "the subject token is of a second later")


@check("REV-6", needs=(CLOCK,))
def test_last_of_several_counts(mark: CheckId, trial: Trial) -> None:
    """Of several bulk revocations of an identity the last one draws the line."""
    world = KeyServerDriver(trial)
    world.issue()
    world.good(world.revoke_all("alice"), "the identity has one live token")
    world.wait(20)
    between = world.subject_token()
    world.wait(20)
    world.good(world.revoke_all("alice"), "the identity is revoked again")
    world.good(world.revoke_all("bob"), "another identity is revoked")
    _mints_nothing(world, between)
    world.wait(1)
    world.good(world.exchange(world.subject_token()), "the subject token is of after the last revocation")


@check("REV-6", needs=(CLOCK, CONFIGURE, REAP))
def test_remembered_as_long_as_it_matters(mark: CheckId, trial: Trial) -> None:
    """The line stands for as long as a subject token from before is young enough, also after cleaning up."""
    world = KeyServerDriver(trial, DEFAULT.but(max_age=3600, retention=0, ttl=10))
    held = {name: world.subject_token(name, exp=int(world.now) + 7200) for name in ("alice", "bob")}
    world.issue()
    world.good(world.revoke_all("alice"), "the identity has one live token")
    for seconds in (11, 600, 2989):
        world.wait(seconds)
        world.reap()
        _mints_nothing(world, world.subject_token(iat=int(world.setting.now), exp=int(world.now) + 60))
    _mints_nothing(world, held["alice"])
    world.good(world.exchange(held["bob"]), "a subject token as old as may be, of an identity that nobody revoked")


@check("REV-6", needs=(CLOCK, CONFIGURE))
def test_line_stands_when_the_clock_steps_back(mark: CheckId, trial: Trial) -> None:
    """A clock that is set back makes no subject token from before a newer one."""
    world = KeyServerDriver(trial)
    held = world.subject_token()
    world.wait(100)
    world.issue()
    world.good(world.revoke_all("alice"), "the identity has one live token")
    world.step_wall_clock(-100)
    _mints_nothing(world, held)
    _mints_nothing(world, world.subject_token())


@check("REV-6")
def test_others_mint_on(mark: CheckId, trial: Trial) -> None:
    """A bulk revocation stops no subject token of another subject, or of the same at another provider."""
    world = KeyServerDriver(trial)
    held = [(world.subject_token(subject, provider), name) for name, (subject, provider) in _ELSEWHERE.items()]
    world.issue()
    world.good(world.revoke_all("alice"), "the identity has one live token")
    _mints_nothing(world, world.subject_token())
    for token, name in held:
        world.good(world.exchange(token), f"an identity was revoked, and the subject token is of {name}")


@check("REV-6")
def test_refused_revocations_draw_no_line(mark: CheckId, trial: Trial) -> None:
    """A bulk revocation that was refused, or the revocation of one token, stops no subject token."""
    world = KeyServerDriver(trial)
    grant = world.issue()
    world.refused(world.revoke_all("alice", admin=WRONG, peer=OTHER_PEER), "unauthorized", "the secret is wrong")
    world.good(world.exchange(world.subject_token()), "a stranger asked for a bulk revocation before")
    world.refused(world.revoke_all("alice", ""), "invalid_request", "the issuer is empty")
    world.good(world.exchange(world.subject_token()), "a bulk revocation without an issuer was asked for before")
    world.good(world.revoke(grant.jti), "one live token is revoked")
    world.good(world.exchange(world.subject_token()), "a single token was revoked before")
