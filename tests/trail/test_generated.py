"""Whatever happens on a truthful server passes; a single corruption is found by its rule."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bearerproof.members import Json
from bearerproof.trail import Rule, TrailReport, Verdict
from bearerproof.trail.rules import Want

from .trails import Server, jti, judge, unjudged, violated

Draw = Callable[[st.SearchStrategy[Any]], Any]

SUBJECTS = st.sampled_from(["alice", "bob", 'quo"ted', "back\\slash", "é", "{brace}", "🔑"])
STEPS = st.sampled_from(["issue", "use", "use", "use", "expire", "revoke", "deny", "invalid", "wait"])


class Model:
    """A server that keeps to the rules, and knows which of its tokens are live."""

    def __init__(self, *, minimal: bool) -> None:
        self.server = Server(minimal=minimal)
        self.tokens: dict[int, tuple[Json, float]] = {}
        self.revoked: set[int] = set()

    def step(self, draw: Draw, what: str) -> None:
        seconds = draw(st.sampled_from([0.0, 0.000001, 0.4, 1.0, 59.0, 61.0]))
        now = self.server.now + seconds
        live = [n for n, (_, end) in self.tokens.items() if now < end and n not in self.revoked]
        ended = [n for n, (_, end) in self.tokens.items() if end <= now <= end + 3600]
        if what == "issue":
            number, who = len(self.tokens), self._who(draw)
            ttl = draw(st.sampled_from([30.0, 600.0]))
            self.server.issue(number, who, ttl, seconds=seconds)
            self.tokens[number] = (who, self.server.now + ttl)
        elif what in ("use", "revoke") and live:
            number = draw(st.sampled_from(live))
            getattr(self.server, what)(number, self.tokens[number][0], seconds=seconds)
            if what == "revoke":
                self.revoked.add(number)
        elif what == "expire" and ended:
            number = draw(st.sampled_from(ended))
            self.server.expire(number, self.tokens[number][0], seconds=seconds)
        elif what == "wait":
            self.server.now += 1800.0
        elif what in ("deny", "invalid"):
            getattr(self.server, what)(seconds=seconds)

    def _who(self, draw: Draw) -> Json:
        who: Json = {"subject": draw(SUBJECTS), "email": "", "issuer": "https://idp.example"}
        if draw(st.booleans()):
            who |= {"groups": draw(st.lists(SUBJECTS, max_size=2)), "name": draw(SUBJECTS)}
        return who


@st.composite
def trails(draw: st.DrawFn, *, minimal: bool = False, least: int = 0) -> list[Json]:
    model = Model(minimal=minimal)
    for what in draw(st.lists(STEPS, min_size=least, max_size=40)):
        model.step(draw, what)
    return model.server.events


@st.composite
def spelled(draw: st.DrawFn, events: list[Json]) -> str:
    """The events as lines: compact or spaced, escaped or not, members in another order."""
    spaced, ascii_only, turned = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    lines = []
    for event in events:
        ordered = dict(reversed(event.items())) if turned else event
        separators = (", ", ": ") if spaced else (",", ":")
        lines.append(json.dumps(ordered, separators=separators, ensure_ascii=ascii_only) + "\n")
    return "".join(lines)


def judged(events: list[Json] | str, **options: Any) -> TrailReport:
    with tempfile.TemporaryDirectory() as folder:
        return judge(Path(folder), events, **options)


@settings(max_examples=80, deadline=None)
@given(st.data(), st.booleans())
def test_a_truthful_trail_passes_however_it_is_spelled(data: st.DataObject, minimal: bool) -> None:
    events = data.draw(trails(minimal=minimal))
    report = judged(data.draw(spelled(events)))
    assert violated(report) == {}
    assert report.verdict is (Verdict.TRUTHFUL if events else Verdict.NOT_JUDGED)
    if not minimal:
        assert unjudged(report) == races_of(events)
        assert unjudged(judged(events, single_writer=True)) == {}


def races_of(events: list[Json]) -> dict[Rule, dict[str, int]]:
    """What is undecided of writers without a name: a use dated as its revocation is may have come after it."""
    uses, races = set[tuple[str, str]](), 0
    for event in events:
        about = (event.get("token_jti", ""), event["occurred_at"])
        if event["event"] == "token.used":
            uses.add(about)
        races += event["event"] == "token.revoked" and about in uses
    return {Rule.NO_USE_AFTER_REVOCATION: {Want.RACE: races}} if races else {}


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_spelling_changes_nothing_that_is_found(data: st.DataObject) -> None:
    """The lane for plain uses, the glance and the careful look agree: one rule book, three ways in."""
    events = data.draw(trails(least=10))
    events = data.draw(st.permutations(events)) if data.draw(st.booleans()) else [*events, *events]
    plain = judged(events)
    turned = judged(
        "".join(json.dumps(dict(reversed(event.items())), separators=(" , ", " : ")) + "\n" for event in events)
    )
    assert [(finding.rule, finding.line, finding.summary) for finding in plain.findings] == [
        (finding.rule, finding.line, finding.summary) for finding in turned.findings
    ]
    assert plain.rules == turned.rules


def _lose(events: list[Json], place: int) -> list[Json]:
    return events[:place] + events[place + 1 :]


def _repeat(events: list[Json], place: int) -> list[Json]:
    return [*events[: place + 1], events[place], *events[place + 1 :]]


def _strange(events: list[Json], place: int) -> list[Json]:
    return [*events[:place], {**events[place], "client_ip": "here"}, *events[place + 1 :]]


def _leak(events: list[Json], place: int) -> list[Json]:
    return [*events[:place], {**events[place], "more": "x bprf_" + "b" * 43}, *events[place + 1 :]]


def _escape(events: list[Json], place: int) -> list[Json]:
    return [*events[:place], {**events[place], "more": "\x9b31m"}, *events[place + 1 :]]


def _use_of_nothing(events: list[Json], place: int) -> list[Json]:
    number, when = len(events), events[-1]["occurred_at"]
    who = {"subject": "eve", "email": "", "issuer": "i"}
    return [
        *events,
        {"event": "token.used", "identity": who, "token_jti": jti(999), "occurred_at": when, "seq": number},
    ]


def _issue_again(events: list[Json], place: int) -> list[Json]:
    issues = [event for event in events if event["event"] == "token.issued"]
    again = {**issues[-1], "seq": len(events), "occurred_at": events[-1]["occurred_at"]}
    return [*events, again]


def _change_identity(events: list[Json], place: int) -> list[Json]:
    issues = [event for event in events if event["event"] == "token.issued"]
    when = issues[-1]["occurred_at"]
    who = {**issues[-1]["identity"], "issuer": "https://evil.example"}
    return [
        *events,
        {
            "event": "token.used",
            "identity": who,
            "token_jti": issues[-1]["token_jti"],
            "occurred_at": when,
            "seq": len(events),
        },
    ]


CORRUPTIONS = {
    Rule.NOTHING_LOST: _lose,
    Rule.EXACTLY_ONCE: _repeat,
    Rule.SCHEMA: _strange,
    Rule.NO_SECRET: _leak,
    Rule.NO_CONTROLS: _escape,
    Rule.ISSUED_FIRST: _use_of_nothing,
    Rule.ONE_ISSUE: _issue_again,
    Rule.IDENTITY_CONSTANT: _change_identity,
}


@settings(max_examples=120, deadline=None)
@given(st.data(), st.sampled_from(list(CORRUPTIONS)))
def test_a_single_corruption_is_found_by_its_rule(data: st.DataObject, rule: Rule) -> None:
    model = Model(minimal=False)
    model.server.issue(500)
    for what in data.draw(st.lists(STEPS, min_size=2, max_size=30)):
        model.step(data.draw, what)
    events = model.server.invalid().events
    place = data.draw(st.integers(0, len(events) - 2))
    assert violated(judged(events)) == {}
    assert rule in violated(judged(CORRUPTIONS[rule](events, place), tolerance=86_400.0, horizon=1e8))
