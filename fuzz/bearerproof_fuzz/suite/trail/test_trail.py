"""Audit trails: what a system leaves over a whole history is truthful, by the rules of ``bearerproof trail``."""

import json
from collections.abc import Iterator, Sequence

from bearerproof.judging.harness import CheckId
from bearerproof.judging.judgement import Finding, Untestable
from bearerproof.judging.trial import Trial
from bearerproof.members import Json
from bearerproof.specification.catalogue import Profile
from bearerproof.trail import Options, Rule, prove_lines
from bearerproof.trail.rules import TITLES
from bearerproof_fuzz.checks import check, explore
from bearerproof_fuzz.forge import Forge
from bearerproof_fuzz.keyserver import injection_points
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.event_histories import histories, lines_of
from bearerproof_fuzz.keyserver.scenarios.registry import scenarios
from bearerproof_fuzz.keyserver.setting import ADMIN
from bearerproof_fuzz.machines.limiter_driver import FAULTS, OURS, SECOND, LimiterDriver, Step, stranger
from bearerproof_fuzz.machines.stream import Stream, moves
from bearerproof_fuzz.material import ADVERSARIAL, EDGES, MISSING, PLAIN, SHORT, Hints, labelled, unproven
from bearerproof_fuzz.needs import CLOCK, CONFIGURE, LIMITED, RETENTION, SUMMARIES
from bearerproof_fuzz.oracles.buckets import BucketLimits
from bearerproof_fuzz.oracles.witness import event_of

Violation = tuple[str, int, Json]
"""What is wrong, how often, and the first event that shows it."""


def _violation(lines: Sequence[str], options: Options, rule: Rule) -> tuple[Violation | None, int]:
    """Return what breaks the rule in a trail, if anything does, and how many records the rule could judge."""
    report = prove_lines(lines, options)
    row = next(row for row in report.rules if row.rule is rule)
    for finding in report.findings:
        if finding.rule is rule:
            return (finding.summary.partition(";")[0], row.violated, _event(lines[finding.line - 1])), row.judged
    return None, row.judged


def _event(line: str) -> Json:
    try:
        event = json.loads(line)
    except ValueError:
        event = None
    return event if isinstance(event, dict) else {"line": ascii(line)[:200]}


# --- lifecycle events


def _judge(server: KeyServerDriver, what: str, rule: Rule) -> int:
    """Judge the trail of a world by one rule; one request stood after the other, so its order is exact."""
    declared = server.trial.declaration.key_server
    fresh = declared.configure and not declared.runs_on
    tolerance = 0.0 if server.trial.declaration.injected_clock else 1.0
    options = Options(tolerance=tolerance, from_middle=not fresh, findings=1, single_writer=True)
    found, judged = _violation(lines_of(server), options, rule)
    if found:
        summary, number, event = found
        server.fail(f"{what}: {summary}", TITLES[rule], f"{number} violations", [event])
    return judged


def _judge_histories(trial: Trial, rule: Rule) -> None:
    """Judge every history, and streams of requests in any order.

    The wall clock is not put back: it is the trail's only account of time, and says so.

    Raises:
        Untestable: no event had what the rule needs.
    """
    judged = sum(_judge(server, what, rule) for what, server in histories(trial))
    if not judged:
        raise Untestable(Finding("no event has what the rule needs", TITLES[rule], f"nothing to judge by {rule}"))
    if not any(map(trial.declaration.missing_capability, (CLOCK, CONFIGURE))):

        def truthful(drawn: list[str]) -> None:
            _judge(Stream(trial).play([move for move in drawn if "steps back" not in move]), "a stream", rule)

        explore(truthful, moves(trial), share=10)


def _judge_occasions(trial: Trial, rule: Rule) -> None:
    """Judge what each kind of decision leaves."""
    for scenario, server in scenarios(trial):
        scenario.run(server)
        _judge(server, scenario.name, rule)


@check("TRAIL-1")
def test_every_record_matches_its_schema(mark: CheckId, trial: Trial) -> None:
    """Whatever is decided, the line that it leaves is an event by its schema that names no member twice."""
    _judge_histories(trial, Rule.SCHEMA)
    _judge_occasions(trial, Rule.SCHEMA)


@check("TRAIL-2")
def test_no_token_is_issued_twice(mark: CheckId, trial: Trial) -> None:
    """In every history a token id is issued at most once."""
    _judge_histories(trial, Rule.ONE_ISSUE)


@check("TRAIL-3")
def test_every_token_is_issued_first(mark: CheckId, trial: Trial) -> None:
    """In every history a token's issue stands before its uses, its end and its refusals."""
    _judge_histories(trial, Rule.ISSUED_FIRST)


@check("TRAIL-4", needs=(CLOCK, RETENTION))
def test_no_use_stands_after_the_expiry(mark: CheckId, trial: Trial) -> None:
    """In every history a token's uses stand before the expiry that its issue tells."""
    _judge_histories(trial, Rule.NO_USE_AFTER_EXPIRY)


@check("TRAIL-5", needs=(CLOCK, RETENTION))
def test_no_live_token_is_called_expired(mark: CheckId, trial: Trial) -> None:
    """In every history a token is called expired only at or after the expiry that its issue tells."""
    _judge_histories(trial, Rule.EXPIRED_IN_TRUTH)


@check("TRAIL-6")
def test_no_use_stands_after_the_revocation(mark: CheckId, trial: Trial) -> None:
    """In every history no use of a token stands after its revocation."""
    _judge_histories(trial, Rule.NO_USE_AFTER_REVOCATION)


@check("TRAIL-7")
def test_only_live_tokens_are_told_revoked(mark: CheckId, trial: Trial) -> None:
    """In every history what is told revoked was issued, had not expired and was not revoked before."""
    _judge_histories(trial, Rule.REVOKED_WAS_LIVE)


@check("TRAIL-8")
def test_no_number_stands_twice(mark: CheckId, trial: Trial) -> None:
    """In every history, over restarts and races too, a number stands once in a run of the server."""
    _judge_histories(trial, Rule.EXACTLY_ONCE)


@check("TRAIL-9")
def test_no_number_is_missing(mark: CheckId, trial: Trial) -> None:
    """In every history, and whatever is decided, no number is left out."""
    _judge_histories(trial, Rule.NOTHING_LOST)
    _judge_occasions(trial, Rule.NOTHING_LOST)


@check("TRAIL-10")
def test_time_runs_forwards(mark: CheckId, trial: Trial) -> None:
    """In every history no event bears an earlier instant than one before it."""
    _judge_histories(trial, Rule.TIME_MONOTONE)


@check("TRAIL-11")
def test_every_event_of_a_token_names_its_identity(mark: CheckId, trial: Trial) -> None:
    """In every history all events of a token name the issuer and subject that it was issued to."""
    _judge_histories(trial, Rule.IDENTITY_CONSTANT)


@check("TRAIL-12")
def test_no_record_holds_a_secret(mark: CheckId, trial: Trial) -> None:
    """Whatever is decided, no text of a record holds a bearer, or a subject token or a segment of one."""
    _judge_histories(trial, Rule.NO_SECRET)
    _judge_occasions(trial, Rule.NO_SECRET)


@check("TRAIL-12")
def test_no_secret_in_a_wrong_place_gets_into_a_record(mark: CheckId, trial: Trial) -> None:
    """A bearer, subject token or admin secret that is sent in a place of something else gets into no record."""
    server = KeyServerDriver(trial)
    server.positive_control("bob")
    subject_token = server.subject_token("carol")
    bearer = server.grant(server.exchange(subject_token), "carol").bearer
    for name, fill in injection_points.FIELDS.items():
        for secret in (bearer, subject_token, ADMIN):
            fill(server, secret)
        _judge(server, f"a secret in {name}", Rule.NO_SECRET)


@check("TRAIL-13")
def test_no_record_holds_a_control_character(mark: CheckId, trial: Trial) -> None:
    """Whatever is sent, no text of a record holds a control, C1, bidirectional or line-separator character."""
    server = KeyServerDriver(trial)
    server.positive_control()
    for name, fill in injection_points.FIELDS.items():
        for text in injection_points.HOSTILE.values():
            fill(server, text)
        _judge(server, f"hostile text in {name}", Rule.NO_CONTROLS)
    _judge_histories(trial, Rule.NO_CONTROLS)


@check("TRAIL-13")
def test_no_name_of_a_provider_puts_a_control_character_into_a_record(mark: CheckId, trial: Trial) -> None:
    """Whatever a provider calls its people and their groups, no text of a record holds a control character."""
    for name, fill in injection_points.CLAIMS.items():
        server = KeyServerDriver(trial)
        server.positive_control()
        for what, text in injection_points.HOSTILE.items():
            fill(server, text)
            _judge(server, f"{what} in {name}", Rule.NO_CONTROLS)


# --- verify-failure events


def _judge_failures(trial: Trial, trail: Sequence[Json], rule: Rule, options: Options, what: str) -> None:
    """Judge the records that a verifier left by one rule.

    Raises:
        Untestable: none had what the rule needs.
    """
    found, judged = _violation([json.dumps(record) for record in trail], options, rule)
    if found:
        summary, number, event = found
        trial.fail(f"{what}: {summary}", TITLES[rule], f"{number} violations", events=[event])
    if not judged:
        raise Untestable(Finding("no record has what the rule needs", TITLES[rule], f"nothing to judge by {rule}"))


@check("TRAIL-14", needs=LIMITED)
def test_a_flood_of_names_leaves_few_source_ids(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Of strangers with a fresh name each, no more get into the trail than the limits allow."""
    windows, limits = 2, BucketLimits(2, 60, 4, 5)
    most = 1 + windows * (limits.strangers + 1)  # ours; of strangers what they share, and one free event of their kind
    with LimiterDriver.opened(mark, trial, forge) as bench:
        names = [Step(stranger(number), gap=limits.window if number == 40 else 0) for number in range(80)]
        bench.run(limits, [Step(OURS), *names])
        options = Options(max_sources=most, findings=1)
        _judge_failures(trial, bench.trail, Rule.SOURCES_BOUNDED, options, "80 strangers in two windows")


@check("TRAIL-15")
def test_source_ids_are_composed_of_the_hints_beside_them(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Whatever a token says of itself, the source id of its record is one that the hints of the record compose."""
    base = unproven(forge.base(mark.profile))
    presented = [labelled(base, hints).presentation() for hints in _hints(mark.profile)]
    answers = trial.ask_all(presented)
    trail = [event_of(answer, presentation) for answer, presentation in zip(answers, presented, strict=True)]
    _judge_failures(trial, trail, Rule.SOURCE_OF_HINTS, Options(findings=1), f"{len(trail)} tokens")


def _hints(profile: Profile) -> Iterator[Hints]:
    """Yield hints of every kind: each in each place, beside plain ones and alone."""
    for name in (MISSING, *PLAIN, *SHORT, *EDGES, *ADVERSARIAL):
        yield from (Hints(name, PLAIN[0], "k1"), Hints(PLAIN[0], PLAIN[1], name), Hints(name, MISSING, MISSING))
        if profile is Profile.ID_TOKEN:
            yield from (Hints(PLAIN[0], name, "k1"), Hints(MISSING, name, MISSING))


@check("TRAIL-16", needs=(*LIMITED, SUMMARIES))
def test_parts_of_a_drop_summary_make_up_its_total(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """After floods of several kinds and sources the kinds of each drop summary make up its total."""
    limits = BucketLimits(1, 60, 2, 1)
    names = (OURS, SECOND, *map(stranger, range(4)))
    flood = [Step(name, fault, times=3) for fault in FAULTS for name in names]
    with LimiterDriver.opened(mark, trial, forge) as bench:
        bench.run(limits, [*flood, Step(OURS, gap=limits.window), *flood, Step(OURS, gap=limits.window)])
        _judge_failures(trial, bench.trail, Rule.SUMMARY_ADDS_UP, Options(findings=1), "two floods")
