"""Comparisons: what they are drawn from stays young, and an interrupt loses nothing."""

import pytest

from bearerproof.judging.settings import RunConfig
from bearerproof_fuzz.campaign import differing
from bearerproof_fuzz.campaign.candidates import World


@pytest.mark.parametrize(("other", "times"), [("pyjwt", 2), ("authlib", 1)], ids=["a real clock", "a clock we set"])
def test_tokens_for_a_real_clock_are_made_anew(other: str, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("joserfc")
    pytest.importorskip("authlib")
    made: list[World] = []
    make = differing.world

    def world(crowd: differing.Crowd) -> World:
        made.append(make(crowd))
        return made[-1]

    def interrupt(tokens: int, classes: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(differing, "world", world)
    monkeypatch.setattr(differing, "FRESH", -1)
    crowd = {name: RunConfig(target=name).start() for name in ("joserfc", other)}
    found = differing.differences(crowd, 60, 7, interrupt)
    assert len(made) == times
    assert found.tokens > 0
    assert found.found
