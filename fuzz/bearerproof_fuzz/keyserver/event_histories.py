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
        if not any(map(trial.declaration.missing_capability, needs)):
            server = KeyServerDriver(trial)
            play(server)
            yield (play.__doc__ or "").rstrip("."), server


def lines_of(server: KeyServerDriver) -> list[str]:
    """Return the trail that was left since the server was configured, in the order of the requests."""
    found: list[str] = []
    for _, decision in server.answered:
        whole = decision.lines is not None and len(decision.lines) == len(decision.events)
        found += decision.lines if whole and decision.lines else [json.dumps(event) for event in decision.events]
    return found


def _lives(server: KeyServerDriver) -> None:
    """Tokens of three identities, used, refused and revoked."""
    first, second = server.issue(scope="backends:a tools:x"), server.issue()
    bob, stranger = server.issue("bob"), server.issue(provider=OTHER)
    for grant in (first, bob, stranger, second, first):
        server.wait(_MOMENT)
        server.authenticate(grant.bearer, "a", "x", peer=OTHER_PEER)
    server.authenticate(first.bearer, "b", "x")
    server.authenticate("bprf_nobody-issued-this")
    server.exchange("alice")
    server.exchange(server.subject_token(), "everything")
    for jti in (first.jti, first.jti, NOBODYS_JTI):
        server.revoke(jti)
        server.wait(_MOMENT)
    server.revoke_all("bob", admin=WRONG)
    server.wait(_MOMENT)
    for grant in (first, second, bob, stranger):
        server.authenticate(grant.bearer)
    third = server.issue()
    server.wait(_MOMENT)
    server.revoke_all("alice")
    server.wait(_MOMENT)
    for grant in (first, second, third, bob, stranger):
        server.authenticate(grant.bearer)
    server.revoke_all("alice")
    server.revoke(third.jti)


def _ends(server: KeyServerDriver) -> None:
    """Tokens that are used up to their expiry, presented after it, and revoked too late."""
    ttl = server.setting.ttl
    early, revoked, late = server.issue(), server.issue(), server.issue("bob")
    server.wait(ttl / 2)
    middle = server.issue()
    server.revoke(revoked.jti)
    server.wait(ttl / 2 - _MOMENT)
    for grant in (early, revoked, late, middle):
        server.authenticate(grant.bearer)
    for pause in (_MOMENT, 0.0, _MOMENT, 1.0):
        server.wait(pause)
        for grant in (early, revoked, late, middle):
            server.authenticate(grant.bearer)
    server.revoke(early.jti)
    server.revoke_all("bob")
    server.revoke_all("alice")
    server.wait(2.0)  # what was issued up to a bulk revocation mints nothing, and an ID token knows whole seconds
    server.issue("bob")
    server.wait(server.setting.retention + 1)
    server.authenticate(early.bearer)
    server.authenticate(middle.bearer)


def _starts(server: KeyServerDriver) -> None:
    """A server that is started again in the middle."""
    grant, another = server.issue(), server.issue("bob")
    server.authenticate(grant.bearer)
    server.revoke(grant.jti)
    server.wait(_MOMENT)
    server.restart()
    server.wait(_MOMENT)
    for used in (grant, another, server.issue(), server.issue("bob")):
        server.authenticate(used.bearer)
    server.revoke_all("bob")


def _races(server: KeyServerDriver) -> None:
    """Requests that run at once, and what comes after them."""
    grants = [server.issue() for _ in range(3)]
    exchanges = [race_requests.exchange(server.subject_token(f"user-{number}")) for number in range(4)]
    uses = [race_requests.authenticate(grant.bearer) for grant in grants] * 3
    decisions = server.race([*exchanges, *uses, race_requests.revoke(grants[0].jti)])
    # The trail has them by their number; whose answer came first says nothing.
    server.answered[-len(decisions) :] = sorted(server.answered[-len(decisions) :], key=_first_number)
    server.wait(2.0)
    for grant in grants:
        server.authenticate(grant.bearer)


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
