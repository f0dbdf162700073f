"""Each rule: a truthful trail passes, and what breaks the rule is found by it."""

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bearerproof.members import Json
from bearerproof.trail import Rule, Verdict

from .trails import ALICE, BOB, Server, at, failure, jti, judge, judged, lived, text, unjudged, violated

SECRET = "bprf_" + "A" * 43
HEADER = urlsafe_b64encode(b'{"alg":"ES256","typ":"JWT"}').decode().rstrip("=")
JWK = json.dumps({"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0"})


def changed(events: Sequence[Json], place: int, **members: Any) -> list[Json]:
    """The events with members of one set; None removes."""
    after = [dict(event) for event in events]
    after[place] = {name: value for name, value in {**after[place], **members}.items() if value is not None}
    return after


def test_a_truthful_trail_passes_and_every_rule_over_tokens_judged(tmp_path: Path) -> None:
    report = judge(tmp_path, lived().events)
    assert (report.verdict, report.exit_code, violated(report), unjudged(report)) == (Verdict.TRUTHFUL, 0, {}, {})
    assert [row.rule for row in report.rules if not row.judged] == [
        Rule.SOURCES_BOUNDED,
        Rule.SOURCE_OF_HINTS,
        Rule.SUMMARY_ADDS_UP,
    ]


def test_truthful_failures_pass(tmp_path: Path) -> None:
    events = [
        failure(0),
        failure(1),
        failure(1, client=None),
        failure(2, kid=None),
        failure(3, kind={"MissingClaim": "aud"}),
        failure(4, kind={"IdToken": "NonceMissing"}, source_id="app-1::noaud::k1"),
        failure(5, source_id="app-1::api::k1", metadata={"aud_hint": "api"}),
        failure(6, client="anon", source_id="%61non::k1"),
        failure(7, client="a:é\u202e", source_id="a%3A%C3%A9%E2%80%AE::k1"),
        failure(8, kind="Other", metadata={"engine_msg": "no such row"}),
        {"tier": "strangers", "dropped": 3, "kinds": {"Expired": 2, "Other": 1}},
    ]
    report = judge(tmp_path, events)
    assert (report.verdict, violated(report), unjudged(report)) == (Verdict.TRUTHFUL, {}, {})
    assert judged(report, Rule.SOURCE_OF_HINTS) == 10
    assert report.lost == {"dropped": 3}
    assert [(loss.events, loss.after, loss.before) for loss in report.losses] == [(3, None, at(8))]


LIFE = lived().events

VIOLATIONS: dict[str, tuple[Rule, Callable[[], list[Json] | str]]] = {
    "member-missing": (Rule.SCHEMA, lambda: changed(LIFE, 3, rate_limit=None)),
    "member-of-the-wrong-type": (Rule.SCHEMA, lambda: changed(LIFE, 1, client_ip=7)),
    "address-is-none": (Rule.SCHEMA, lambda: changed(LIFE, 1, client_ip="300.0.2.1")),
    "day-does-not-exist": (Rule.SCHEMA, lambda: changed(LIFE, 0, expires_at="2027-02-30T08:00:00.000000Z")),
    "unknown-event": (
        Rule.SCHEMA,
        lambda: [*LIFE, {"event": "token.renewed", "occurred_at": at(999), "seq": len(LIFE)}],
    ),
    "grant-in-a-use": (Rule.SCHEMA, lambda: changed(LIFE, 1, rate_limit=60)),
    "null": (Rule.SCHEMA, lambda: text(LIFE).replace('"seq":1,', "").replace('"seq":1}', '"seq":1,"more":null}')),
    "member-twice": (Rule.SCHEMA, lambda: text(LIFE).replace('"seq":4}', '"seq":4,"seq":4}')),
    "member-twice-in-the-identity": (
        Rule.SCHEMA,
        lambda: text(LIFE).replace('{"subject":"bob"', '{"subject":"eve","subject":"bob"', 1),
    ),
    "cut-off": (Rule.SCHEMA, lambda: text(LIFE) + '{"event":"token.used","identity":{"sub'),
    "not-a-number": (Rule.SCHEMA, lambda: text(LIFE) + '{"event":"token.invalid","reason":"r","x":NaN}\n'),
    "nested-too-deeply": (
        Rule.SCHEMA,
        lambda: text(LIFE) + '{"event":"token.invalid","x":' + "[" * 5000 + "]" * 5000 + "}\n",
    ),
    "failure-of-unknown-kind": (Rule.SCHEMA, lambda: [failure(kind="Strange")]),
    "failure-without-kind": (Rule.SCHEMA, lambda: [{n: v for n, v in failure().items() if n != "kind"}]),
    "summary-of-nothing": (Rule.SCHEMA, lambda: [failure(), {"tier": "strangers", "dropped": 0, "kinds": {}}]),
    "issued-twice": (Rule.ONE_ISSUE, lambda: Server().issue().issue().events),
    "used-before-issue": (Rule.ISSUED_FIRST, lambda: Server().use().issue(seconds=2).events),
    "expired-but-never-issued": (Rule.ISSUED_FIRST, lambda: Server().issue(2).expire(1).events),
    "denied-as-revoked-but-never-issued": (
        Rule.ISSUED_FIRST,
        lambda: Server().deny("revoked", token_jti=jti(1)).events,
    ),
    "used-at-expiry": (Rule.NO_USE_AFTER_EXPIRY, lambda: Server().issue(ttl=60).use(seconds=60).events),
    "used-after-expiry": (Rule.NO_USE_AFTER_EXPIRY, lambda: Server().issue(ttl=60).use().use(seconds=60).events),
    "used-after-it-was-called-expired": (
        Rule.NO_USE_AFTER_EXPIRY,
        lambda: Server(minimal=True).issue().expire().use().events,
    ),
    "called-expired-too-early": (
        Rule.EXPIRED_IN_TRUTH,
        lambda: Server().issue(ttl=60).expire(seconds=58.5).events,
    ),
    "used-after-revocation": (Rule.NO_USE_AFTER_REVOCATION, lambda: Server().issue().revoke().use(seconds=1.5).events),
    "used-after-revocation-without-times": (
        Rule.NO_USE_AFTER_REVOCATION,
        lambda: Server(minimal=True).issue().revoke().use().events,
    ),
    "revoked-but-never-issued": (Rule.REVOKED_WAS_LIVE, lambda: Server().revoke().events),
    "revoked-twice": (Rule.REVOKED_WAS_LIVE, lambda: Server().issue().revoke().revoke().events),
    "revoked-after-expiry": (Rule.REVOKED_WAS_LIVE, lambda: Server().issue(ttl=60).revoke(seconds=60).events),
    "revoked-after-it-was-called-expired": (
        Rule.REVOKED_WAS_LIVE,
        lambda: Server(minimal=True).issue().expire().revoke().events,
    ),
    "number-twice": (Rule.EXACTLY_ONCE, lambda: changed(LIFE[:5], 4, seq=3)),
    "line-twice": (Rule.EXACTLY_ONCE, lambda: [*Server().invalid().invalid().events, *Server().invalid().events][:3]),
    "number-missing": (Rule.NOTHING_LOST, lambda: LIFE[:6] + LIFE[7:]),
    "beginning-missing": (Rule.NOTHING_LOST, lambda: Server().invalid().invalid().issue().use().events[1:]),
    "time-steps-back": (Rule.TIME_MONOTONE, lambda: Server().issue().invalid(seconds=-1.000001).events),
    "another-subject": (Rule.IDENTITY_CONSTANT, lambda: Server().issue().use(who=BOB).events),
    "another-issuer": (
        Rule.IDENTITY_CONSTANT,
        lambda: Server().issue().use(who={**ALICE, "issuer": "https://other.example"}).events,
    ),
    "another-identity-revoked": (Rule.IDENTITY_CONSTANT, lambda: Server().issue().revoke(who=BOB).events),
    "bearer": (Rule.NO_SECRET, lambda: Server().invalid(f"unknown bearer {SECRET}").events),
    "bearer-with-escapes": (
        Rule.NO_SECRET,
        lambda: text(Server().invalid(SECRET).events).replace("bprf_", "\\u0062prf\\u005f"),
    ),
    "bearer-in-a-foreign-member": (Rule.NO_SECRET, lambda: Server().issue().use(debug={"headers": [SECRET]}).events),
    "bearer-as-a-name": (Rule.NO_SECRET, lambda: Server().invalid(debug={SECRET: 1}).events),
    "bearer-as-jti": (Rule.NO_SECRET, lambda: Server().deny("not-active", token_jti=SECRET).events),
    "bearer-in-an-identity": (Rule.NO_SECRET, lambda: Server().issue(who={**ALICE, "name": SECRET}).events),
    "bearer-in-a-repeated-member": (
        Rule.SCHEMA,
        lambda: text(LIFE).replace('"reason":"no-policy"', f'"reason":"{SECRET}","reason":"no-policy"'),
    ),
    "jwt": (Rule.NO_SECRET, lambda: Server().invalid(f"token {HEADER}.{HEADER}.c2ln").events),
    "lone-segment": (Rule.NO_SECRET, lambda: [failure(client=HEADER, source_id=f"{HEADER}::k1")]),
    "pem": (Rule.NO_SECRET, lambda: Server().invalid("-----BEGIN PRIVATE KEY-----").events),
    "private-jwk": (Rule.NO_SECRET, lambda: Server().invalid(key=json.loads(JWK)).events),
    "private-jwk-as-text": (Rule.NO_SECRET, lambda: Server().invalid(JWK).events),
    "escape-sequence": (Rule.NO_CONTROLS, lambda: Server().invalid("\x1b[2J").events),
    "c1": (Rule.NO_CONTROLS, lambda: Server().invalid("a\x85b").events),
    "bidi": (Rule.NO_CONTROLS, lambda: Server().issue(who={**ALICE, "name": "Bob\u202e"}).events),
    "line-separator-raw": (Rule.NO_CONTROLS, lambda: text(Server().invalid("X").events).replace("X", "a\u2028b")),
    "control-in-the-metadata": (Rule.NO_CONTROLS, lambda: [failure(kind="Other", metadata={"engine_msg": "a\nb"})]),
    "source-of-other-hints": (Rule.SOURCE_OF_HINTS, lambda: [failure(source_id="app-2::k1")]),
    "separator-not-encoded": (Rule.SOURCE_OF_HINTS, lambda: [failure(client="a::b", source_id="a::b::k1")]),
    "sentinel-not-encoded": (Rule.SOURCE_OF_HINTS, lambda: [failure(client="anon", source_id="anon::k1")]),
    "audience-left-out": (Rule.SOURCE_OF_HINTS, lambda: [failure(metadata={"aud_hint": "api"})]),
    "total-is-not-the-sum": (
        Rule.SUMMARY_ADDS_UP,
        lambda: [failure(), {"tier": "strangers", "dropped": 9, "kinds": {"Expired": 2}}],
    ),
    "sources-above-the-total": (
        Rule.SUMMARY_ADDS_UP,
        lambda: [failure(), {"tier": "registered", "dropped": 2, "kinds": {"Expired": 2}, "sources": {"a::b": 3}}],
    ),
}


OF_ONE_WRITER = {
    "used-after-it-was-called-expired",
    "used-after-revocation-without-times",
    "revoked-after-it-was-called-expired",
}
"""Without times the order of lines is all there is; where several may have written them it says nothing."""


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_is_found_by_its_rule_and_by_no_other(tmp_path: Path, name: str) -> None:
    rule, make = VIOLATIONS[name]
    report = judge(tmp_path, make(), single_writer=name in OF_ONE_WRITER)
    assert (report.verdict, report.exit_code) == (Verdict.UNTRUTHFUL, 1)
    assert violated(report) == {rule: 1}
    assert [finding.rule for finding in report.findings] == [rule]
    assert "bprf_" not in report.as_text()
    assert "bprf_" not in json.dumps(report.as_json())


@pytest.mark.parametrize("name", [SECRET, "\x1b[2J", "\u202e"])
def test_a_report_repeats_no_name_that_a_record_made_up(tmp_path: Path, name: str) -> None:
    nameless: dict[str, Any] = {name: None}
    events = Server().invalid(**nameless).events
    summary = {"tier": "strangers", "dropped": 1, "kinds": {name: 0}}
    report = judge(tmp_path, [*events, failure(), summary, failure(metadata={name: "x" * 600})])
    assert violated(report)[Rule.SCHEMA] == 3
    assert name not in report.as_text()
    assert name not in json.dumps(report.as_json(), ensure_ascii=False)


def test_every_rule_has_a_violation() -> None:
    assert {rule for rule, _ in VIOLATIONS.values()} | {Rule.SOURCES_BOUNDED} == set(Rule)


def test_sources_beyond_the_bound_are_counted(tmp_path: Path) -> None:
    events = [failure(n, client=f"app-{n % 5}") for n in range(20)]
    assert violated(judge(tmp_path, events, max_sources=5)) == {}
    assert violated(judge(tmp_path, events, max_sources=3)) == {Rule.SOURCES_BOUNDED: 8}


def test_a_secret_is_looked_for_by_the_caller_s_own_pattern(tmp_path: Path) -> None:
    events = Server().issue().invalid("mcpgw_abc").events
    assert violated(judge(tmp_path, events)) == {}
    assert violated(judge(tmp_path, events, secret_patterns=(re.compile("mcpgw_"),))) == {Rule.NO_SECRET: 1}
    assert violated(judge(tmp_path, events, secret_patterns=(re.compile("-4000-8000-"),))) == {Rule.NO_SECRET: 1}


def test_minimal_events_are_legal_and_what_they_lack_is_told(tmp_path: Path) -> None:
    report = judge(tmp_path, lived(minimal=True).events)
    assert (report.verdict, violated(report)) == (Verdict.TRUTHFUL, {})
    total = len(lived().events)
    assert unjudged(report) == {
        Rule.NO_USE_AFTER_EXPIRY: {"no occurred_at": 6},
        Rule.EXPIRED_IN_TRUTH: {"no occurred_at": 1},
        Rule.EXACTLY_ONCE: {"no seq": total},
        Rule.NOTHING_LOST: {"no seq": total},
        Rule.TIME_MONOTONE: {"no occurred_at": total},
    }
    for rule in (Rule.NO_USE_AFTER_EXPIRY, Rule.NOTHING_LOST, Rule.TIME_MONOTONE):
        assert judged(report, rule) == 0


def test_a_revocation_without_identity_leaves_the_identity_unjudged(tmp_path: Path) -> None:
    report = judge(tmp_path, Server().issue().leave("token.revoked", token_jti=jti(1)).events)
    assert unjudged(report) == {Rule.IDENTITY_CONSTANT: {"no identity": 1}}


def test_a_verifier_s_step_back_is_one_where_it_is_the_only_writer(tmp_path: Path) -> None:
    events = [failure(5), failure(3.9)]
    assert violated(judge(tmp_path, events, single_writer=True)) == {Rule.TIME_MONOTONE: 1}
    several = judge(tmp_path, events)
    assert (violated(several), list(unjudged(several))) == ({}, [Rule.TIME_MONOTONE])


@pytest.mark.parametrize("seconds", [-0.5, 0.0, 0.5])
def test_threads_may_write_a_little_out_of_order(tmp_path: Path, seconds: float) -> None:
    """What the tolerance forgives is not what the rule has proven, be it at the same instant or before."""
    within = judge(tmp_path, Server().issue().revoke().use(seconds=seconds).events)
    assert violated(within) == {}
    assert list(unjudged(within)) == [Rule.NO_USE_AFTER_REVOCATION]


def test_numbers_out_of_order_leave_open_which_of_two_at_one_instant_came_first(tmp_path: Path) -> None:
    """A writer's lines tell it where its numbers follow each other; else files may be in another order."""
    used_last = [{**event, "origin": "gw-1"} for event in Server().issue().revoke().use(seconds=0).events]
    moved = judge(tmp_path, [used_last[0], used_last[2], used_last[1]])
    assert (violated(moved), list(unjudged(moved))) == ({}, [Rule.NO_USE_AFTER_REVOCATION])
    used_first = [{**event, "origin": "gw-1"} for event in Server().issue().use().revoke(seconds=0).events]
    assert unjudged(judge(tmp_path, used_first)) == {}


def test_a_tolerance_of_nought_is_exact(tmp_path: Path) -> None:
    strict = judge(tmp_path, Server().issue().revoke().use(seconds=0.5).events, tolerance=0)
    assert violated(strict) == {Rule.NO_USE_AFTER_REVOCATION: 1}


def test_a_late_number_fills_its_gap(tmp_path: Path) -> None:
    events = Server().issue().use().use().use().use().events
    report = judge(tmp_path, [events[0], events[3], events[1], events[4], events[2]], tolerance=10)
    assert violated(report) == {}
    assert report.late == 2


def test_a_gap_tells_when_and_how_many(tmp_path: Path) -> None:
    report = judge(tmp_path, LIFE[:5] + LIFE[9:])
    (loss,) = report.losses
    assert (loss.cause, loss.events, loss.detail) == ("gap", 4, "seq 5 to 8")
    assert (loss.after, loss.before) == (LIFE[4]["occurred_at"], LIFE[9]["occurred_at"])


def test_a_server_that_starts_again_counts_from_nought(tmp_path: Path) -> None:
    first = Server().issue().use().events
    again = Server()
    again.now = 10
    report = judge(tmp_path, first + again.issue(2).use(2).events)
    assert (violated(report), report.runs) == ({}, 2)


def test_a_token_lost_in_a_crash_shows_by_its_use(tmp_path: Path) -> None:
    """Killed between store and event: a shared store remembers the token, the trail has no issue of it."""
    again = Server()
    again.now = 10
    events = Server().issue(1).events + again.use(2).events
    assert violated(judge(tmp_path, events)) == {Rule.ISSUED_FIRST: 1}


def test_a_trail_from_the_middle_misses_nothing_before_it(tmp_path: Path) -> None:
    events = Server().issue(1).issue(2).use(1).use(2).issue(3).use(3).events
    whole, middle = judge(tmp_path, events[1:]), judge(tmp_path, events[1:], from_middle=True)
    assert violated(whole) == {Rule.NOTHING_LOST: 1, Rule.ISSUED_FIRST: 1}
    assert violated(middle) == {}
    assert unjudged(middle)[Rule.ISSUED_FIRST] == {
        "the token may have been issued before the trail begins (--from-middle)": 1
    }
    late = judge(tmp_path, Server().use(1).issue(1, seconds=2).events, from_middle=True)
    assert violated(late) == {Rule.ISSUED_FIRST: 1}


def test_a_single_wrong_time_makes_no_token_unknown(tmp_path: Path) -> None:
    events = Server().issue().use().invalid().use().use().events
    events[2]["occurred_at"] = "9999-01-01T00:00:00.000000Z"
    assert violated(judge(tmp_path, events)) == {Rule.TIME_MONOTONE: 1}


def test_a_broken_event_still_counts_for_the_rules_it_can(tmp_path: Path) -> None:
    """An issue without its rate limit is malformed; the uses that follow are no use before issue."""
    report = judge(tmp_path, changed(LIFE, 0, rate_limit=None))
    assert violated(report) == {Rule.SCHEMA: 1}
    report = judge(tmp_path, changed(LIFE, 1, token_jti=None))
    assert violated(report) == {Rule.SCHEMA: 1}
    assert unjudged(report)[Rule.ISSUED_FIRST] == {"the members it needs do not match the schema": 1}
