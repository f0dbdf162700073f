"""A batch that is judged by what it comes down to is judged as event by event, whatever happens to its tokens."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bearerproof.trail import Options, gists, prove, slices
from bearerproof.trail.facts import Batch
from bearerproof.trail.gists import Gist, Gisted, Issue, Uses
from bearerproof.trail.glance import Glance

from .test_slices import told
from .trails import ALICE, BOB, Server, at, text

TRAILS, EVENTS, TOKENS = 200, 150, 4


def trail(draw: random.Random) -> str:
    """A few tokens and many events about them, of one writer or by turns; some happen at one instant, or are odd."""
    minimal, oddness = draw.random() < 0.2, draw.choice((0.0, 0.005, 0.05))
    server = Server(minimal=minimal)
    origins = [draw.choice((None, "a"))] if draw.random() < 0.5 else [None, "a", "b"]
    numbers = {origin: count(origin is None) for origin in origins}
    in_phases, long, issued = draw.random() < 0.5, draw.random() < 0.5, list[int]()
    server.invalid()
    for step in range(EVENTS):
        server.now += draw.choice((-1, -0.5, 0))
        if long and step % 40 == 39:
            server.now += draw.choice((50, 700, 9000))
            issued = issued if oddness else []
        odd, chance = draw.random() < oddness, draw.random()
        origin = origins[step * len(origins) // EVENTS] if in_phases else draw.choice(origins)
        writer: dict[str, Any] = {} if origin is None else {"origin": origin}
        if not minimal:
            skew = 5 if in_phases and oddness and origin == "b" else 0
            writer |= {"seq": next(numbers[origin]), "occurred_at": at(server.now - skew)}
        number = draw.randrange(TOKENS) if odd or not issued else draw.choice(issued)
        who = BOB if odd and draw.random() < 0.5 else ALICE
        if not issued or (odd and chance < 0.2) or (len(issued) < TOKENS and chance < 0.1):
            number = number if odd else step + TOKENS
            server.issue(number, who, ttl=3 if odd else 600, **writer)
            issued.append(number)
        elif chance < 0.85:
            server.use(number, who, **writer)
        elif chance < 0.88:
            server.revoke(number, who, **writer)
            issued.remove(number) if number in issued and not odd else None
        elif chance < 0.94:
            server.leave("token.denied", identity=who, reason="no-policy", **writer)
        else:
            server.invalid(**writer)
    for number in issued if oddness else ():
        server.revoke(number, origin="late", occurred_at=at(server.now - 30), seq=number)
    return text(server.events)


@pytest.fixture
def verdicts(monkeypatch: pytest.MonkeyPatch) -> Counter[bool]:
    """How often a gist was enough to judge by, and how often not."""
    seen, judges = Counter[bool](), Glance.judge_gist

    def judge(self: Glance, short: Gisted) -> bool:
        seen[verdict := judges(self, short)] += 1
        return verdict

    monkeypatch.setattr(Glance, "judge_gist", judge)
    return seen


def differing(folder: Path) -> Iterator[int]:
    """Yield the trails of which the report of who joins a slice differs from that of who reads all."""
    file = folder / "audit.jsonl"
    for number in range(TRAILS):
        draw = random.Random(f"gists {number}")
        file.write_text(trail(draw))
        some, horizon = draw.choice((2, 1000, 1000)), draw.choice((0, 3600))
        options = Options(max_tokens=some, horizon=horizon, from_middle=draw.random() < 0.2)
        read = slices.read_slice([str(file)], 0, 1, options)
        if told(slices.join([str(file)], [read], options)) != told(prove([str(file)], options)):
            yield number


def test_a_gist_is_judged_as_its_events_are(tmp_path: Path, verdicts: Counter[bool]) -> None:
    assert list(differing(tmp_path)) == []
    assert min(verdicts[True], verdicts[False]) > TRAILS / 10, verdicts


def all_uses(gist: Gist) -> list[Uses]:
    issues = [each for each in gist.decisions if isinstance(each, Issue)]
    return gist.uses + [issue.uses for issue in issues if issue.uses is not None]


def forgets_the_first(gist: Gist) -> None:
    for uses in all_uses(gist):
        uses.first = uses.latest


def forgets_the_latest(gist: Gist) -> None:
    for uses in all_uses(gist):
        uses.latest = uses.first


def misplaces_the_latest(gist: Gist) -> None:
    for uses in all_uses(gist):
        uses.place = 0


def decides_nothing(gist: Gist) -> None:
    gist.decisions = []


def knows_no_uses_of_new_tokens(gist: Gist) -> None:
    for each in gist.decisions:
        if isinstance(each, Issue):
            each.uses = None


def reaches_no_minute(gist: Gist) -> None:
    gist.minutes = []


def counts_nothing(gist: Gist) -> None:
    gist.used = 0


Wrong = Callable[[Gist], None]


WRONG: tuple[Wrong, ...] = (
    *(forgets_the_first, forgets_the_latest, misplaces_the_latest),
    *(decides_nothing, knows_no_uses_of_new_tokens, reaches_no_minute, counts_nothing),
)


@pytest.mark.parametrize("wrong", WRONG)
def test_a_gist_that_is_wrong_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: Wrong) -> None:
    """The control."""

    def make(batch: Batch) -> Gist | None:
        if (gist := gists.gist_of(batch)) is not None:
            wrong(gist)
        return gist

    monkeypatch.setattr(slices, "gist_of", make)
    assert any(differing(tmp_path))
