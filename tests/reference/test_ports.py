"""Replay, sessions and versions: kept, asked last, and never open by accident."""

import pytest

from bearerproof_reference.clock import ManualClock
from bearerproof_reference.verifier.ports import MemoryReplayGuard, Unavailable

from .minting import NOW, Json, claims, mint, reason, verifier


class Sessions:
    """Knows one revoked session and that user-1 is at version 3."""

    def revoked(self, sid: str | None) -> bool:
        return sid == "gone"

    def current(self, subject: str) -> int | None:
        return {"user-1": 3}.get(subject)


class Down:
    """Cannot be reached."""

    def first_use(self, _issuer: str, _jti: str, _until: float) -> bool:
        raise Unavailable

    def revoked(self, _sid: str | None) -> bool:
        raise Unavailable

    def current(self, _subject: str) -> int | None:
        raise Unavailable


def test_a_second_presentation_is_refused_in_any_spelling() -> None:
    made = verifier(replay=True, ports={"replay": MemoryReplayGuard(ManualClock(NOW))})
    assert reason(made.verify(mint())) == "accepted"
    assert reason(made.verify(mint(claims(extra="another text, same jti")))) == "replay"
    assert reason(made.verify(mint(claims(jti="j2")))) == "accepted"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "session"),
        ({"sv": 2}, "session"),
        ({"sv": 3}, "accepted"),
        ({"sv": 4}, "accepted"),
        ({"sv": "3"}, "claim-malformed"),
        ({"sv": True}, "claim-malformed"),
        ({"sub": "user-2"}, "accepted"),
        ({"sv": 3, "sid": "gone"}, "session"),
        ({"sv": 3, "sid": "here"}, "accepted"),
        ({"sv": 3, "sid": 5}, "claim-malformed"),
    ],
)
def test_sessions_and_their_versions(changes: Json, expected: str) -> None:
    ports = {"liveness": Sessions(), "versions": Sessions()}
    assert reason(verifier(ports=ports).verify(mint(claims(**changes)))) == expected


@pytest.mark.parametrize("name", ["replay", "liveness", "versions"])
def test_an_unavailable_port_fails_closed(name: str) -> None:
    ports: Json = {"replay": MemoryReplayGuard(ManualClock(NOW)), name: Down()}
    assert reason(verifier(replay=True, ports=ports).verify(mint())) == "unavailable"


def test_a_refused_token_does_not_use_up_its_jti() -> None:
    guard = MemoryReplayGuard(ManualClock(NOW))
    strict = verifier(replay=True, ports={"replay": guard, "liveness": Sessions(), "versions": Down()})
    assert reason(strict.verify(mint(claims(sid="gone")))) == "session"
    assert reason(strict.verify(mint())) == "unavailable"
    assert reason(verifier(replay=True, ports={"replay": guard}).verify(mint())) == "accepted"


def test_a_full_guard_refuses_until_something_has_expired() -> None:
    clock = ManualClock(NOW)
    guard = MemoryReplayGuard(clock, capacity=2)
    assert guard.first_use("i", "a", NOW + 10)
    assert guard.first_use("i", "b", NOW + 20)
    with pytest.raises(Unavailable):
        guard.first_use("i", "c", NOW + 30)
    clock.wall = NOW + 10
    assert guard.first_use("i", "c", NOW + 30)
    assert not guard.first_use("i", "b", NOW + 20)
