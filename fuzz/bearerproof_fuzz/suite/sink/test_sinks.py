"""Sinks that fail, hang or dawdle: no verdict changes, no answer waits, and every loss is counted.

This is the only place where the suite looks at a clock of its own.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from bearerproof.contract.messages import Answer, Presentation
from bearerproof.judging.harness import CheckId
from bearerproof.judging.judgement import Finding, Untestable
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.forge import Forge
from bearerproof_fuzz.machines.limiter_driver import DEFAULT
from bearerproof_fuzz.material import unproven
from bearerproof_fuzz.needs import DELIVERED, SINK_HANGS, SINK_RAISES, SINK_SLOW, STATS
from bearerproof_fuzz.oracles.witness import event_of

SLACK = 1.0
"""Seconds beyond the declared bound that a busy machine may take for one answer."""

USUAL_SLACK = 0.1
"""Seconds beyond the bound for the median: a busy machine holds up some answers, and a sink that is awaited all."""


@contextmanager
def _sink(trial: Trial, name: str) -> Iterator[None]:
    """Configure a sink, and put the one in memory back in the end."""
    try:
        refused = trial.implementation.configure({"sink": name, "limiter": None})
        if refused:
            raise Untestable(Finding(f"the sink {name} was declared and not configured", "configured", refused))
        trial.implementation.reset()
        yield
    finally:
        trial.implementation.restore(DEFAULT)


def _tokens(mark: CheckId, forge: Forge, rejected: int) -> list[Presentation]:
    """Return rejected tokens of several kinds, with honest ones among them."""
    base = forge.base(mark.profile)
    bad = (
        unproven(base),
        base.with_claims(exp=1),
        base.with_claims(iss="https://evil.example"),
        base.respelled(lambda _: "x"),
    )
    tokens = [bad[number % len(bad)].presentation() for number in range(rejected)]
    return [base.presentation(), *tokens, base.presentation()]


def _judge(mark: CheckId, trial: Trial, forge: Forge, sink: str, rejected: int) -> None:
    """Present the same tokens with a sink in memory and with this one, and compare answers and times."""
    tokens = _tokens(mark, forge, rejected)
    with _sink(trial, "memory"):
        baseline = [_timed(trial, presented) for presented in tokens]
    trial.require_control(baseline[0][0], tokens[0])
    for presented, (same, _) in zip(tokens[1:-1], baseline[1:-1], strict=True):
        event_of(same, presented)
    delays = []
    with _sink(trial, sink):
        for presented, (same, usual) in zip(tokens, baseline, strict=True):
            answer, seconds = _timed(trial, presented)
            if _verdict(answer) != _verdict(same):
                trial.fail(f"the sink {sink!r} changes an answer", f"{same.describe()} as before", answer, presented)
            _judge_delay(trial, f"the sink {sink!r} delays an answer", seconds, SLACK, presented)
            delays.append(seconds - usual)
    _judge_delay(trial, f"the sink {sink!r} delays most rejections", median(delays[1:-1]), USUAL_SLACK)


def _timed(trial: Trial, presented: Presentation) -> tuple[Answer, float]:
    """Return an answer and the seconds that it took."""
    started = time.monotonic()
    answer = trial.ask(presented)
    return answer, time.monotonic() - started


def _judge_delay(
    trial: Trial, summary: str, seconds: float, slack: float, presented: Presentation | None = None
) -> None:
    bound = trial.declaration.audit.bound
    if seconds > bound + slack:
        trial.fail(summary, f"at most {bound:g} s, as declared", f"over {bound + slack:g} s", presented)


def _verdict(answer: Answer) -> tuple[object, ...]:
    return answer.outcome, answer.reason, answer.claims, None if answer.events is None else len(answer.events)


@check("SINK-1", needs=(SINK_RAISES,))
def test_raising_sink_changes_nothing(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """With a sink that raises, every verdict, reason and number of events is the same."""
    _judge(mark, trial, forge, "raises", rejected=8)


@check("SINK-2", needs=(SINK_HANGS,))
def test_hanging_sink_delays_nobody(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """With a sink that never returns, every answer is the same and comes within the declared bound."""
    _judge(mark, trial, forge, "hangs", rejected=4)


@check("SINK-3", needs=(SINK_SLOW,))
def test_slow_sink_delays_nobody(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """With a slow sink and many events waiting, every answer is the same and comes within the bound."""
    _judge(mark, trial, forge, "slow", rejected=12)


@check("SINK-4", needs=(STATS, DELIVERED))
def test_admitted_events_are_delivered_or_lost(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Whatever the sink does, admitted = delivered + lost, and every rejection was submitted and admitted."""
    tokens = _tokens(mark, forge, rejected=6)
    for sink in trial.declaration.audit.sinks:
        with _sink(trial, sink):
            answers = trial.ask_all(tokens)
            stats = trial.implementation.stats()
        delivered = sum(answer.delivered or 0 for answer in answers)
        events = sum(len(answer.events or ()) for answer in answers)
        shown = f"sink {sink}, {events} events: delivered {delivered}, {stats}"
        for presented, answer in zip(tokens[1:-1], answers[1:-1], strict=True):
            event_of(answer, presented)
        if stats["admitted"] != delivered + stats["lost"]:
            trial.fail("losses are not counted", "admitted = delivered + lost", shown)
        if not stats["admitted"] == stats["submitted"] == events:
            trial.fail("without a limiter, not every event is admitted", f"{events} submitted and admitted", shown)
        if stats["dropped"] or stats.get("buckets"):
            trial.fail("without a limiter, there are drops or buckets", "no drops, no buckets", shown)
        if sink != "memory" and delivered:
            trial.fail("a sink that raises, or has not returned, took an event", "none delivered", shown)
