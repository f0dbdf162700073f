"""The event that every rejection leaves: one, of the right form, time, kind and token, and harmless."""

import json
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as st

from bearerproof.contract.declaration import Need
from bearerproof.contract.messages import LATEST, Answer, Presentation
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import ACCEPTED, REJECTED, Trial
from bearerproof.members import Json
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz import jwks_endpoint, keys
from bearerproof_fuzz.checks import applicable, check, explore
from bearerproof_fuzz.edits.registry import cases
from bearerproof_fuzz.edits.registry import edits as all_edits
from bearerproof_fuzz.fetched import fetched, shown
from bearerproof_fuzz.forge import NOW, Draft, Forge
from bearerproof_fuzz.material import (
    IMITATIONS,
    LONG,
    MISSING,
    PLAIN,
    SHORT,
    UNPRINTABLE,
    Hints,
    labelled,
    refused_by_look_ups,
    rejected_cases,
    specimens,
    unproven,
)
from bearerproof_fuzz.needs import AUDIT_LINES, CLOCK, KEY_SET, KEYS_URL, REPLAY, REQUIRE, RESOURCE_RUNNING
from bearerproof_fuzz.oracles import events
from bearerproof_fuzz.oracles.hints import contradiction, expected, stated
from bearerproof_fuzz.oracles.schemas import schema_error
from bearerproof_fuzz.oracles.witness import event_of


def _edited(mark: CheckId, forge: Forge) -> list[Presentation]:
    """Return every edit, and what only look-ups behind the verifier refuse."""
    by_look_ups = refused_by_look_ups(forge) if mark.profile is Profile.ACCESS_TOKEN else ()
    return [found.edited for found in specimens(mark.profile, forge)] + [
        draft.presentation() for _, draft in by_look_ups
    ]


def _accepted(mark: CheckId, forge: Forge) -> list[Presentation]:
    """Return every edit that has to be accepted: within a leeway, in another spelling, from an array."""
    wanted = (case for case in cases() if case.profile is mark.profile and case.edit.strict == ACCEPTED)
    return [
        case.edit.apply(case.edit.given(forge.base(case.profile, case.algorithm))).presentation()
        for case in applicable(wanted, forge.declaration)
    ]


def _rejections(mark: CheckId, trial: Trial, forge: Forge) -> list[tuple[Presentation, Answer, Json]]:
    """Return every edit that is rejected, with its event; that some are is the control."""
    rejected = [
        (presentation, answer)
        for presentation, answer in trial.ask_fitting(_edited(mark, forge))
        if answer.outcome in REJECTED
    ]
    if not rejected:
        trial.fail("nothing at all is rejected", "rejections", "none")
    return [(presentation, answer, event_of(answer, presentation)) for presentation, answer in rejected]


# --- one event, of the right form


@check("FAIL-1")
def test_each_rejection_leaves_one_event(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Every edit that is rejected leaves one event, and every honest token that is accepted none."""
    honest = [found.honest for found in specimens(mark.profile, forge)]
    # Honest tokens stand on both sides, so that an event left over from a rejection shows at an acceptance.
    answered = trial.ask_fitting([*honest, *_edited(mark, forge), *_accepted(mark, forge), *honest])
    for presentation, answer in answered:
        _judge_number(trial, presentation, answer)
    seen = {answer.outcome for _, answer in answered}
    if not seen >= ACCEPTED | REJECTED:
        trial.fail("nothing is accepted, or nothing rejected", "both", str(sorted(seen)))


@check("FAIL-1", needs=(KEYS_URL, CLOCK, KEY_SET))
def test_refetch_of_the_key_set_leaves_no_event(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token whose key is found by a refetch leaves none, and one whose key is not found leaves one."""
    old, new = (keys.key(forge.base(mark.profile).key.algorithm, role) for role in ("a", "b"))
    with fetched(trial, forge, mark.profile, jwks_endpoint.key_set([old])) as verifier:
        for served in ((old,), (old, new)):
            verifier.serve(*served)
            verifier.wait(verifier.times.cooldown + 1)
            first = verifier.token(served[-1])
            answer = trial.ask(first)
            trial.require_control(answer, shown(first), "the first token of a key")
            _judge_number(trial, shown(first), answer)
        verifier.wait(verifier.times.cooldown + 1)
        unknown = verifier.stranger()
        _judge_number(trial, shown(unknown), trial.ask(unknown))


def _judge_number(trial: Trial, presented: Presentation, answer: Answer) -> None:
    expected_events = {**dict.fromkeys(REJECTED, 1), **dict.fromkeys(ACCEPTED, 0)}.get(answer.outcome)
    found = None if answer.events is None else len(answer.events)
    if expected_events is not None and found != expected_events:
        summary = f"the token is {answer.outcome} and leaves another number of events than {expected_events}"
        trial.fail(summary, f"{expected_events} events", f"{found} events", presented, events=answer.events or ())


@check("FAIL-2")
def test_events_have_the_form_of_the_schema(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Every event has the members of the schema, in their types, with a kind of the closed set."""
    base = unproven(forge.base(mark.profile))
    named = [
        labelled(base, Hints(name, name, name)).presentation() for name in (*LONG, *UNPRINTABLE, MISSING, "\ud800", 7)
    ]
    labelled_rejections = [
        (presentation, answer, event_of(answer, presentation)) for presentation, answer in trial.ask_fitting(named)
    ]
    for presentation, _, event in (*_rejections(mark, trial, forge), *labelled_rejections):
        error = schema_error("verify-failure-event", event)
        if error is not None:
            trial.fail(
                "an event does not have the form of the schema", "a valid event", error, presentation, events=[event]
            )


_INSTANTS = (
    NOW,
    NOW + 0.5,
    NOW + 0.25,
    NOW + 0.015625,
    NOW + 0.984375,
    NOW - 0.5,
    0,
    0.5,
    1,
    86_399.984375,
    951_782_400,
    951_868_799,
    946_684_799.5,
    1_709_164_800,
    1_835_395_200,
    2_147_483_647,
    2_147_483_648,
    3_250_368_000,
    4_070_908_799.25,
    4_102_358_400,
    LATEST,
)
"""Seconds since 1970 at the edges of seconds, days, leap days, years, centuries and of 32 bits."""


@check("FAIL-3", needs=(CLOCK,))
def test_time_of_the_event_is_that_of_the_request(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """`occurred_at` is the request's instant in UTC with `Z`, wherever the clock stands."""
    base = unproven(forge.base(mark.profile)).presentation()
    instant = st.sampled_from(_INSTANTS)

    def tells_the_time(instants: Sequence[float]) -> None:
        presented = [replace(base, now=now) for now in instants]
        for presentation, answer in zip(presented, trial.ask_all(presented), strict=True):
            event = event_of(answer, presentation)
            if not events.same_instant(event.get("occurred_at"), presentation.now):
                trial.fail(
                    "an event tells another time",
                    events.instant(presentation.now),
                    str(event.get("occurred_at")),
                    presentation,
                    events=[event],
                )

    tells_the_time(_INSTANTS)
    explore(tells_the_time, st.lists(instant, min_size=2, max_size=6), share=10)


@check("FAIL-3", needs=RESOURCE_RUNNING)
def test_time_of_the_event_is_that_of_the_wall_clock(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """`occurred_at` of a server that runs is the time of the day in UTC, whatever times the token names."""
    base = unproven(forge.base(mark.profile))
    for draft in (base, base.with_claims(iat=1, nbf=1, exp=2), base.without_claim("iat")):
        presented, begun = draft.presentation(), time.time()
        event = event_of(trial.ask(presented), presented)
        if not begun - _CLOCKS_APART <= events.seconds_of(event.get("occurred_at")) <= time.time() + _CLOCKS_APART:
            said = str(event.get("occurred_at"))
            trial.fail("an event tells another time", events.instant(int(begun)), said, presented, events=[event])


_CLOCKS_APART = 60
"""Seconds by which the clocks of two machines may differ; time zones differ by a quarter of an hour at least."""


@check("FAIL-10", needs=(CLOCK,))
def test_time_of_the_event_has_six_decimals(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """`occurred_at` has six decimals, also where they are noughts, so that times sort as texts."""
    base = unproven(forge.base(mark.profile)).presentation()
    presented = [replace(base, now=now) for now in _INSTANTS]
    for presentation, answer in zip(presented, trial.ask_all(presented), strict=True):
        event = event_of(answer, presentation)
        if events.SIX_DECIMALS.fullmatch(str(event.get("occurred_at"))) is None:
            found = str(event.get("occurred_at"))
            trial.fail("a time has another number of decimals", "six", found, presentation, events=[event])


# --- its kind


@check("FAIL-4")
def test_kind_agrees_with_the_reason(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """For every edit the kind of the event is one that the contract maps to the reason given, or to what was done."""
    judged = 0
    caused = {} if trial.declaration.reasons else _caused(mark, forge)
    for presentation, answer, event in _rejections(mark, trial, forge):
        reasons = caused.get(presentation.token, ()) if answer.reason is None else (answer.reason,)
        judged += bool(reasons)
        if reasons and not any(events.agrees(reason, event.get("kind")) for reason in reasons):
            summary = f"the event's kind does not agree with the reason {' or '.join(sorted(reasons))}"
            expected_classes = " or ".join(sorted(frozenset().union(*(events.CLASSES[reason] for reason in reasons))))
            trial.fail(
                summary,
                f"a kind of class {expected_classes}",
                json.dumps(event.get("kind")),
                presentation,
                events=[event],
            )
    if not judged:
        trial.fail("no rejection gives a reason, which contract level 2 includes", "reasons", "none")


def _caused(mark: CheckId, forge: Forge) -> dict[str | bytes, Collection[str]]:
    """Return for each edited token what it may be refused for, where refusals themselves do not tell."""
    return {found.edited.token: all_edits()[found.name].reasons for found in specimens(mark.profile, forge)}


_SWALLOWED = frozenset({"Other", "SignatureInvalid"})


def _judge_own_kind(trial: Trial, presented: Presentation, expected_kind: str, what: str) -> None:
    event = event_of(trial.ask(presented), presented)
    kind = events.kind_class(event.get("kind"))
    if kind in _SWALLOWED or kind != expected_kind:
        trial.fail(f"{what} has no kind of its own", expected_kind, kind, presented, events=[event])


@check("FAIL-8", needs=(KEY_SET,))
def test_unknown_key_has_its_own_kind(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token that names no key of the set is told apart from one with a bad signature."""
    base = forge.base(mark.profile)
    trial.control(base.presentation())
    _judge_own_kind(trial, base.with_header(kid="nobody").presentation(), "KeyUnknown", "an unknown key id")


@check("FAIL-8", needs=(REPLAY,), profiles=(Profile.ACCESS_TOKEN,))
def test_replay_has_its_own_kind(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token that was presented before is told apart from every other rejection."""
    presented = forge.base(mark.profile).with_policy(replay=True).with_claims(jti="jti of a replay").presentation()
    trial.control(presented)
    _judge_own_kind(trial, presented, "Replayed", "a replay")


@check("FAIL-8", needs=(KEYS_URL,))
def test_unavailable_keys_have_their_own_kind(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token that could not be judged for want of a key set is told apart from one with a bad signature."""
    draft = forge.base(mark.profile)
    members = {name: value for name, value in draft.policy.members.items() if name != "keys"}
    away = replace(draft, policy=replace(draft.policy, members={**members, "keys_url": _NOBODY_SERVES}))
    _judge_own_kind(trial, away.presentation(), "KeysetUnavailable", "an unavailable key set")


_NOBODY_SERVES = "http://127.0.0.1:1/keys"
"""A loopback address that refuses connections."""


# --- what is not in it


@check("FAIL-5")
def test_events_hold_no_secret(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Neither an event nor a line nor a summary holds the token, a segment, its signature or key material."""
    for presentation, answer, event in _rejections(mark, trial, forge):
        what = events.leak(_left(answer), presentation)
        if what is not None:
            trial.fail(f"an event holds {what}", "no secret", what, presentation, events=[event])


@check("FAIL-5", needs=(Need("algorithm", "HS256"),))
def test_events_hold_nothing_to_forge_with(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Where a secret signs, no event holds it, a digest of it, or the signature that would have been right."""
    server = trial.declaration.resource_server
    if server is not None and server.running:
        pytest.skip("the secret of a server that runs stands in no policy, so it cannot be looked for")
    base = forge.base(mark.profile, "HS256")
    trial.control(base.presentation())
    forged = [unproven(base), unproven(base.with_claims(exp=1)), unproven(base.with_claims(sub="admin"))]
    refused = [*forged, base.with_claims(exp=1), base.with_claims(aud="somebody-else"), base.with_header(kid="nobody")]
    texts = [forged[0].token(), forged[0].token().rpartition(".")[0] + ".", forged[0].token()[:-4]]
    presented = [draft.presentation() for draft in refused]
    presented += [replace(presented[0], token=text) for text in texts]
    judged = 0
    for presentation, answer in trial.ask_fitting(presented):
        what = events.leak(_left(answer), presentation) if answer.outcome in REJECTED else None
        judged += answer.outcome in REJECTED
        if what is not None:
            trial.fail(f"an event holds {what}", "no secret", what, presentation, events=answer.events or ())
    if not judged:
        trial.fail("nothing at all is rejected", "rejections", "none")


@check("FAIL-5")
def test_events_hold_no_claims(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Of the claims an event repeats the declared hints and nothing else, in whatever spelling."""
    honest = forge.base(mark.profile).with_claims(**_CANARIES)
    trial.control(honest.presentation(), "an honest token with claims that nobody knows")
    drafts = [
        case.edit.apply(case.edit.given(forge.base(case.profile, case.algorithm).with_claims(**_CANARIES)))
        for case in rejected_cases(mark.profile, forge)
    ]
    spoilt = forge.base(mark.profile).with_claims(exp=1)
    drafts += [spoilt.with_claims(**{name: events.CANARY}) for name in _NO_HINTS[mark.profile]]
    drafts += [forge.base(mark.profile).with_claims(iss=events.CANARY)]
    judged = 0
    for presentation, answer in trial.ask_fitting([draft.presentation() for draft in drafts]):
        how = events.shows_canary(_left(answer)) if answer.outcome in REJECTED else None
        judged += answer.outcome in REJECTED
        if how is not None:
            shown = answer.events or ()
            trial.fail(f"an event holds a claim that is no hint, {how}", "no claim", how, presentation, events=shown)
    if not judged:
        trial.fail("nothing at all is rejected", "rejections", "none")


_CANARIES: Json = {
    "email": events.CANARY,
    "name": f"x {events.CANARY} x",
    "address": {"formatted": events.CANARY},
    "phone_numbers": [events.CANARY],
}


_NO_HINTS = {
    Profile.JWT: ("sub", "aud", "jti", "scope"),
    Profile.ACCESS_TOKEN: ("sub", "aud", "jti", "scope", "sid"),
    Profile.ID_TOKEN: ("sub", "nonce", "acr", "at_hash", "sid"),
}
"""Claims that are no hint, of each profile."""


def _left(answer: Answer) -> tuple[str, ...]:
    """Return all that a request left behind."""
    return (*map(_text, answer.events or ()), *map(_text, answer.summaries), *(answer.lines or ()))


def _text(record: Json) -> str:
    return json.dumps(record, ensure_ascii=False)


@check("FAIL-6", needs=(AUDIT_LINES,))
def test_each_event_is_one_safe_line(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """One event is one line of JSON in which nothing breaks the line, a terminal or the flow of text."""
    base = unproven(forge.base(mark.profile))
    # JSON itself leaves C1, bidirectional controls and line separators alone.
    names = (*UNPRINTABLE, *_each_unsafe())
    presented = [labelled(base, Hints(name, name, name)).presentation() for name in names]
    presented += [replace(presented[0], token=name) for name in names]
    for presentation, answer in trial.ask_fitting(presented):
        _judge_lines(trial, presentation, answer)


def _each_unsafe() -> Iterator[str]:
    for code in (
        *range(0x20),
        *range(0x7F, 0xA0),
        *range(0x2028, 0x202F),
        *range(0x2066, 0x206A),
        0x61C,
        0x200E,
        0x200F,
    ):
        yield f"a{chr(code)}b"


@check("FAIL-6", needs=(AUDIT_LINES,))
def test_each_edit_leaves_one_safe_line(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Every edit's event is one line of JSON, which says what the event says and orders its metadata."""
    for presentation, answer, _ in _rejections(mark, trial, forge):
        _judge_lines(trial, presentation, answer)


def _judge_lines(trial: Trial, presented: Presentation, answer: Answer) -> None:
    event = event_of(answer, presented)
    lines = answer.lines or ()
    if len(lines) != len(answer.events or ()):
        trial.fail("one event is not one line", "one line", f"{len(lines)} lines", presented, events=[event])
    for line, own in zip(lines, answer.events or (), strict=True):
        unsafe = events.UNSAFE.search(line)
        if unsafe is not None:
            summary = "a line holds a character that has to be escaped"
            trial.fail(summary, f"\\u{ord(unsafe[0]):04x}", ascii(unsafe[0]), presented, events=[event])
        if _read_line(line) != own:
            trial.fail("a line says something else than its event", _text(own), ascii(line)[:600], presented)
        metadata = _read_line(line).get("metadata")
        if isinstance(metadata, dict) and list(metadata) != sorted(metadata):
            trial.fail("metadata is not ordered by key", str(sorted(metadata)), str(list(metadata)), presented)


def _read_line(line: str) -> Json:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


_MARK = "zz-from-the-token-"
"""What every name begins with that stands in a token and nowhere else."""


@check("FAIL-7")
def test_event_strings_are_bounded(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """However long the texts in a token are, no string of its event is, and none becomes a kind."""
    base = forge.base(mark.profile)
    trial.control(base.presentation())
    presented = [
        draft.presentation() for length in (20, 130, 600, 3000) for draft in _wordy(base, _MARK + "x" * length)
    ]
    rejected = [
        (presentation, answer) for presentation, answer in trial.ask_fitting(presented) if answer.outcome in REJECTED
    ]
    if not rejected:
        trial.fail("nothing at all is rejected", "rejections", "none")
    for presentation, answer in rejected:
        _judge_bounds(trial, presentation, event_of(answer, presentation))


@check("FAIL-7")
def test_line_of_the_event_is_bounded(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """However long the texts in a token are, and however they are written, a line has no more than 16,000 octets."""
    base = forge.base(mark.profile)
    trial.control(base.presentation())
    texts = ["\U0001f511" * 700, "\x7f" * 2000, '\\"' * 1000]
    presented = [draft.presentation() for text in texts for draft in _wordy(base, text)]
    presented += [labelled(unproven(base), Hints(text, text, text)).presentation() for text in texts]
    for presentation, answer in trial.ask_fitting(presented):
        lines = answer.lines or (None,) * len(answer.events or ())
        for event, line in zip(answer.events or (), lines, strict=True):
            octets = events.line_octets(event, line)
            if octets > events.LONGEST_LINE:
                most = f"at most {events.LONGEST_LINE:,} octets"
                trial.fail("the line of an event is not bounded", most, f"{octets:,} octets", presentation)


@check("FAIL-7", needs=(REQUIRE,))
def test_name_of_a_missing_claim_is_bounded(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """However long the name of a claim is that the policy requires, the kind that tells its absence is bounded."""
    base = forge.base(mark.profile)
    required = tuple(base.policy.members.get("require") or ())
    for length in (16, 128, 129, 600):
        name = "x" * length
        presented = base.with_policy(require=[*required, name])
        trial.control(presented.with_claims(**{name: 1}).presentation())
        answer = trial.ask(presented.presentation())
        trial.expect(answer, REJECTED, "a required claim is not missed", presented.presentation())
        _judge_bounds(trial, presented.presentation(), event_of(answer, presented.presentation()))


def _judge_bounds(trial: Trial, presented: Presentation, event: Json) -> None:
    problem = events.overlong(event)
    if problem is not None:
        trial.fail("a string in an event is not bounded", "bounded strings", problem, presented, events=[event])
    if _MARK in json.dumps(_named_by(event.get("kind"))):
        trial.fail(
            "a kind is named by the token",
            "a kind of the closed set",
            _text(event),
            presented,
            events=[event],
        )


def _named_by(kind: Any) -> Any:
    """Return the part of a kind that alarms are grouped by: all but the bounded text of these two."""
    inner = kind.get("IdToken") if isinstance(kind, dict) else None
    return None if isinstance(inner, dict) and inner.keys() <= {"UnknownClaim", "CatMismatch"} else kind


def _wordy(base: Draft, text: str) -> Iterator[Draft]:
    """Yield tokens with a text of the attacker's in each place of which an engine may speak."""
    for header in ({"alg": text}, {"typ": text}, {"kid": text}, {"crit": [text]}, {text: 1}, {"cty": text}):
        yield base.with_header(**header)
    for name in base.claims:
        yield base.with_claims(**{name: text})
        yield base.with_claims(**{name: {text: text}})
    yield base.without_claim("exp").with_claims(**{text: 1})
    yield base.with_claims(**{text: text, "exp": 1})
    yield base.with_claims(exp=1, cat=text, scope=text, token_use=text)
    yield unproven(base.with_claims(**{text: text}))
    yield base.respelled(lambda token: f"{token}.{text}")
    yield base.respelled(lambda _: text)
    yield replace(base, payload_json=f'{{"{text}":{text}}}'.encode())
    yield replace(base, header_json=f'{{"{text}":"{text}","alg":{text}}}'.encode())


@check("FAIL-9")
def test_hints_are_not_mixed_up(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Amid other tokens, honest and not, with hints and without, each event has those of its own token."""
    base = forge.base(mark.profile)
    honest = base.presentation()
    trial.control(honest)
    name = st.sampled_from(PLAIN + SHORT[:8] + IMITATIONS[:8]) | st.just(MISSING)
    hints = st.builds(Hints, name, name, name)
    interlude = st.sampled_from(("honest", "garbage", "none"))

    def own_hints(order: Sequence[tuple[Hints, str]]) -> None:
        forged = unproven(base)
        presented = [
            presentation
            for said, between in order
            for presentation in _between(labelled(forged, said).presentation(), honest, between)
        ]
        for presentation, answer in zip(presented, trial.ask_all(presented), strict=True):
            if presentation is not honest:
                _judge_ownership(trial, presentation, event_of(answer, presentation))

    explore(own_hints, st.lists(st.tuples(hints, interlude), min_size=4, max_size=10), share=3)


def _between(forged: Presentation, honest: Presentation, between: str) -> tuple[Presentation, ...]:
    garbage = replace(forged, token="garbage")  # noqa: S106 - no secret
    return {"honest": (forged, honest), "garbage": (forged, garbage), "none": (forged,)}[between]


def _judge_ownership(trial: Trial, presented: Presentation, event: Json) -> None:
    expected_hints = expected(presented.token, presented.profile, trial.declaration.max_token)
    wrong = contradiction(expected_hints, stated(event))
    if wrong is not None:
        name, admissible, said = wrong
        summary = f"the {name} hint in the event is not that of the token it reports"
        trial.fail(summary, ascii(sorted(map(str, admissible))), ascii(said), presented, events=[event])
