"""What no lifecycle event may hold: secrets, text that breaks its line, and text without bounds."""

import json
from collections.abc import Iterator, Mapping

from bearerproof.contract.decisions import Decision
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof.members import Json
from bearerproof_fuzz import keys
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.keyserver import injection_points, wire
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.event_asserts import brought_about, require_events
from bearerproof_fuzz.keyserver.setting import ADMIN, HOME
from bearerproof_fuzz.needs import HTTP, LINES
from bearerproof_fuzz.oracles import lifecycle
from bearerproof_fuzz.oracles.events import CANARY, LONGEST_LINE, line_octets, shows_canary


@check("LIFE-9")
def test_no_kind_of_decision_writes_a_secret_down(mark: CheckId, trial: Trial) -> None:
    """No kind of decision leaves an event with a bearer, a subject token, a segment of one or an admin secret."""
    require_events(trial)
    for scenario, server, _, _ in brought_about(trial):
        _judge_secrets(server, scenario.name)


@check("LIFE-9")
def test_no_secret_in_a_wrong_place_is_written_down(mark: CheckId, trial: Trial) -> None:
    """A bearer, subject token or admin secret that is sent in a place of something else gets into no event."""
    server = KeyServerDriver(trial)
    server.positive_control("bob")
    places = {
        **injection_points.FIELDS,
        **(injection_points.FORWARDED if trial.declaration.key_server.forwarded else {}),
    }
    for what, secret in _secrets(server).items():
        for name, fill in places.items():
            since = len(server.answered)
            fill(server, secret)
            _judge_secrets(server, f"{what} in {name}", since)


@check("LIFE-9", needs=(HTTP,))
def test_no_part_of_an_http_request_is_written_down(mark: CheckId, trial: Trial) -> None:
    """No query string, and no credential in a path, query or field of an HTTP request, gets into an event."""
    server = KeyServerDriver(trial)
    grant, other = server.positive_control("carol"), server.issue("dora")
    note = "note=canary-of-a-query-string-5d2e"
    credentials = wire.bearer(grant)
    for query in (note, f"access_token={grant.bearer}", f"token={grant.bearer}&{note}"):
        since = len(server.answered)
        wire.resource(server, credentials, path=f"/resource/a/x?{query}")
        wire.resource(server, path=f"/resource/a/x?{query}")
        wire.resource(server, credentials, path=f"/resource/{grant.bearer}/x?{query}")
        wire.delete(server, f"{other.jti}?{query}", wire.ADMINISTRATOR)
        wire.delete(server, f"{other.jti}?{query}", credentials)
        wire.delete(server, f"{grant.bearer}?{query}", wire.ADMINISTRATOR)
        wire.delete_all(server, f"{wire.identity_query('dora')}&{query}", wire.ADMINISTRATOR)
        _judge_secrets(server, "HTTP requests", since)


@check("LIFE-9")
def test_no_other_claim_is_written_down(mark: CheckId, trial: Trial) -> None:
    """Of a subject token an event tells issuer, subject, e-mail, name and groups, and nothing else, however refused."""
    server = KeyServerDriver(trial)
    server.positive_control()
    claims: Json = {"nonce": CANARY, "phone_number": CANARY, "address": {"formatted": CANARY}, "sid": CANARY}
    now = int(server.now)
    grant = server.issue("alice", **claims)
    server.admitted(grant)
    server.authenticate(grant.bearer, "a" * 300)
    for wrong in ({"exp": now - 1}, {"iat": now - 10**6}, {"aud": "somebody-else"}, {"iss": "https://nobody.example"}):
        server.exchange(server.subject_token("alice", **claims, **wrong))
    server.exchange(server.subject_token("alice", **claims), "no scope")
    server.exchange(server.subject_token("alice", **claims)[:-8] + "AAAAAAAA")
    stranger = HOME.draft("alice", server.now, **claims).signed_by(keys.key("ES256", "attacker").sign)
    server.exchange(stranger.with_claims(email=CANARY, name=CANARY, groups=[CANARY]).token())
    server.revoke(grant.jti)
    server.authenticate(grant.bearer)
    for request, decision in server.answered:
        texts = [*(decision.lines or ()), *(json.dumps(event, ensure_ascii=False) for event in decision.events)]
        how = shows_canary(texts)
        if how is not None:
            summary = f"{request['op']}: a claim that is no part of the identity stands in an event, {how}"
            server.fail(summary, "an event without it", how, decision.events)


def _secrets(server: KeyServerDriver) -> dict[str, str]:
    subject_token = server.subject_token("carol")
    grant = server.grant(server.exchange(subject_token), "carol")
    return {"a bearer": grant.bearer, "a subject token": subject_token, "the admin secret": ADMIN}


def _judge_secrets(server: KeyServerDriver, what: str, since: int = 0) -> None:
    found = lifecycle.leak(server.answered, since)
    if found:
        events = [event for _, decision in server.answered[since:] for event in decision.events]
        server.fail(f"{what}: {found} stands in an event", "an event without it", "it", events[-1:])


@check("LIFE-10", needs=(LINES,))
def test_event_is_one_line(mark: CheckId, trial: Trial) -> None:
    """Whatever is in the request or the identity, an event is one line in which nothing needs to be escaped."""
    server = KeyServerDriver(trial)
    for name, what, decision in _filled(server):
        if decision.lines is None or len(decision.lines) != len(decision.events):
            found = "no lines" if decision.lines is None else f"{len(decision.lines)} lines"
            server.fail(f"{what} in {name}: {found}", "as many lines as events", found)
        for line, event in zip(decision.lines, decision.events, strict=True):
            char = lifecycle.unsafe(line)
            if char:
                server.fail(f"{what} in {name}: {char} stands in the line", "its escape", char, [event])
            if _parsed(line) != event:
                server.fail(f"{what} in {name}: the line is not its event", "the event as JSON", ascii(line)[:200])


@check("LIFE-10")
def test_event_is_bounded(mark: CheckId, trial: Trial) -> None:
    """Whatever is in the request or the identity, every string of an event is bounded."""
    server = KeyServerDriver(trial)
    server.positive_control()
    for name, fill in {**injection_points.FIELDS, **injection_points.CLAIMS}.items():
        for what in ("much", "much beyond the first plane"):
            decision = fill(server, injection_points.HOSTILE[what])
            for event in decision.events:
                wrong = lifecycle.overlong(event)
                if wrong:
                    server.fail(f"{what} in {name}: {wrong}", "bounded strings", wrong)


_CROWDED: Mapping[str, Json] = {
    "groups of DEL": {"groups": ["\x7f" * 250] * 24},
    "groups beyond the first plane": {"groups": ["\U0001f511" * 120] * 12},
    "groups of quotes": {"groups": ['"' * 250] * 12},
    "many groups": {"groups": [f"group-{number}" for number in range(600)]},
    "a long name": {"name": "\U0001f511" * 250},
    "a long address": {"email": "\x7f" * 250 + "@example.com"},
}


@check("LIFE-10")
def test_line_is_bounded(mark: CheckId, trial: Trial) -> None:
    """Whatever a subject token or a scope holds, a line has at most 16,000 octets, and still tells whom and what."""
    server = KeyServerDriver(trial)
    server.positive_control()
    for number, (name, claims) in enumerate(_CROWDED.items()):
        subject = f"user-{number}"
        decision = server.exchange(server.subject_token(subject, **claims))
        _judge_line(server, decision, name)
        if not decision.good:
            continue
        grant = server.grant(decision, subject)
        told = {"event": "token.used", "token_jti": grant.jti}
        for later in (server.admitted(grant), server.authenticate(grant.bearer, "a" * 300), server.revoke(grant.jti)):
            _judge_line(server, later, name)
            for event in (*decision.events, *later.events):
                identity = {"issuer": HOME.issuer, "subject": subject}
                kept = {member: (event.get("identity") or {}).get(member) for member in identity}
                if kept != identity or event.get("token_jti") != told["token_jti"]:
                    server.fail(f"{name}: an event no longer tells its token and identity", "both", "not both", [event])
    for many, letters in ((100, 4), (3000, 4), (120, 200)):
        names = ",".join("".join("abcdefghij"[int(digit)] for digit in str(at)) + "x" * letters for at in range(many))
        decision = server.exchange(server.subject_token("bob"), f"backends:{names} tools:{names[: len(names) // 2]}")
        _judge_line(server, decision, f"a scope of {many} names")


def _judge_line(server: KeyServerDriver, decision: Decision, what: str) -> None:
    lines = decision.lines or (None,) * len(decision.events)
    for event, line in zip(decision.events, lines, strict=False):
        octets = line_octets(event, line)
        if octets > LONGEST_LINE:
            server.fail(f"{what}: the line is not bounded", f"at most {LONGEST_LINE:,} octets", f"{octets:,} octets")


def _filled(server: KeyServerDriver) -> Iterator[tuple[str, str, Decision]]:
    """Yield what came of hostile text in every place that can carry it."""
    forwarded = injection_points.FORWARDED if server.trial.declaration.key_server.forwarded else {}
    for places, texts in (
        ({**injection_points.FIELDS, **injection_points.CLAIMS, **forwarded}, injection_points.HOSTILE),
        (injection_points.CLAIMS, injection_points.SURROGATES),
    ):
        for name, fill in places.items():
            for what, text in texts.items():
                yield name, what, fill(server, text)


def _parsed(line: str) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None
