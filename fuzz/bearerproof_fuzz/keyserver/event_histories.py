"""Histories of a key server: many decisions about the same tokens, and the lines that they leave."""

import json
from collections.abc import Callable, Iterator, Mapping

from bearerproof.contract.declaration import Need
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.keyserver import race_requests
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.revocation_asserts import NOBODYS_JTI, WRONG
from bearerproof_fuzz.keyserver.setting import OTHER, OTHER_PEER
from bearerproof_fuzz.needs import CLOCK, RACE, RESTART, RETENTION

_MOMENT = 0.25
"""Seconds that go by where two things must not happen at once."""


def histories(trial: Trial) -> Iterator[tuple[str, KeyServerDriver]]:
    """Yield each history that the server can be asked for, when it is over, with what it is about."""
    for play, needs in _HISTORIES.items():
        if not any(map(trial.declaration.lacks, needs)):
            world = KeyServerDriver(trial)
            play(world)
            yield (play.__doc__ or "").rstrip("."), world


def lines_of(world: KeyServerDriver) -> list[str]:
    """Return the trail that was left since the server was configured, in the order of the requests."""
    found: list[str] = []
    for _, decision in world.answered:
        whole = decision.lines is not None and len(decision.lines) == len(decision.events)
        found += decision.lines if whole and decision.lines else [json.dumps(event) for event in decision.events]
    return found


def _lives(world: KeyServerDriver) -> None:
    """Tokens of three identities, used, refused and revoked."""
    first, second = world.issue(scope="backends:a tools:x"), world.issue()
    bob, stranger = world.issue("bob"), world.issue(provider=OTHER)
    for grant in (first, bob, stranger, second, first):
        world.wait(_MOMENT)
        world.authenticate(grant.bearer, "a", "x", peer=OTHER_PEER)
    world.authenticate(first.bearer, "b", "x")
    world.authenticate("bprf_nobody-issued-this")
    world.exchange("alice")
    world.exchange(world.subject_token(), "everything")
    for jti in (first.jti, first.jti, NOBODYS_JTI):
        world.revoke(jti)
        world.wait(_MOMENT)
    world.revoke_all("bob", admin=WRONG)
    world.wait(_MOMENT)
    for grant in (first, second, bob, stranger):
        world.authenticate(grant.bearer)
    third = world.issue()
    world.wait(_MOMENT)
    world.revoke_all("alice")
    world.wait(_MOMENT)
    for grant in (first, second, third, bob, stranger):
        world.authenticate(grant.bearer)
    world.revoke_all("alice")
    world.revoke(third.jti)


def _ends(world: KeyServerDriver) -> None:
    """Tokens that are used up to their expiry, presented after it, and revoked too late."""
    ttl = world.setting.ttl
    early, revoked, late = world.issue(), world.issue(), world.issue("bob")
    world.wait(ttl / 2)
    middle = world.issue()
    world.revoke(revoked.jti)
    world.wait(ttl / 2 - _MOMENT)
    for grant in (early, revoked, late, middle):
        world.authenticate(grant.bearer)
    for pause in (_MOMENT, 0.0, _MOMENT, 1.0):
        world.wait(pause)
        for grant in (early, revoked, late, middle):
            world.authenticate(grant.bearer)
    world.revoke(early.jti)
    world.revoke_all("bob")
    world.revoke_all("alice")
    world.wait(2.0)  # what was issued up to a bulk revocation mints nothing, and an ID token knows whole seconds
    world.issue("bob")
    world.wait(world.setting.retention + 1)
    world.authenticate(early.bearer)
    world.authenticate(middle.bearer)


def _starts(world: KeyServerDriver) -> None:
    """A server that is started again in the middle."""
    grant, another = world.issue(), world.issue("bob")
    world.authenticate(grant.bearer)
    world.revoke(grant.jti)
    world.wait(_MOMENT)
    world.restart()
    world.wait(_MOMENT)
    for one in (grant, another, world.issue(), world.issue("bob")):
        world.authenticate(one.bearer)
    world.revoke_all("bob")


def _races(world: KeyServerDriver) -> None:
    """Requests that run at once, and what comes after them."""
    grants = [world.issue() for _ in range(3)]
    exchanges = [race_requests.exchange(world.subject_token(f"user-{number}")) for number in range(4)]
    uses = [race_requests.authenticate(grant.bearer) for grant in grants] * 3
    decisions = world.race([*exchanges, *uses, race_requests.revoke(grants[0].jti)])
    # The trail has them by their number; whose answer came first says nothing.
    world.answered[-len(decisions) :] = sorted(world.answered[-len(decisions) :], key=_first_number)
    world.wait(2.0)
    for grant in grants:
        world.authenticate(grant.bearer)


def _first_number(answered: tuple[object, object]) -> float:
    events = getattr(answered[1], "events", ())
    number = events[0].get("seq") if events else None
    return number if isinstance(number, int) else -1


_HISTORIES: Mapping[Callable[[KeyServerDriver], None], tuple[Need, ...]] = {
    _lives: (),
    _ends: (CLOCK, RETENTION),
    _starts: (RESTART,),
    _races: (RACE,),
}
