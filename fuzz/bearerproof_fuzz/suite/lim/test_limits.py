"""The limiter: what it admits, to whom, when, and how it accounts for the rest.

Nothing is assumed about its inside. Streams of rejections are played on the bench, and what was admitted is
held against the bounds that every conforming limiter keeps.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from bearerproof.judging.harness import CheckId
from bearerproof.judging.judgement import Finding, Untestable
from bearerproof.judging.trial import Trial
from bearerproof.members import Json
from bearerproof_fuzz.checks import check, explore
from bearerproof_fuzz.forge import Forge
from bearerproof_fuzz.machines.buckets import GAPS, LIMITS, walk
from bearerproof_fuzz.machines.limiter_driver import (
    FAULTS,
    KNOWN,
    NOBODY,
    OURS,
    SECOND,
    STRANGERS,
    TEXTS,
    TIMELESS,
    LimiterDriver,
    Step,
    stranger,
)
from bearerproof_fuzz.needs import LIMITED, LIMITED_AND_COUNTED, SUMMARIES
from bearerproof_fuzz.oracles import buckets
from bearerproof_fuzz.oracles.buckets import BucketLimits, Entry

WIDE = 1000
"""A common bucket of strangers so large that it limits nobody."""

LARGEST = 20
"""Sources that a summary names at most."""

PAUSES = st.sampled_from((0.0,) * 6 + GAPS)
LIMITERS = st.sampled_from(LIMITS)


def _steps(
    names: Sequence[str], faults: Sequence[str] = tuple(FAULTS), most: int = 12
) -> st.SearchStrategy[list[Step]]:
    step = st.builds(
        Step,
        st.sampled_from(names),
        st.sampled_from(faults),
        PAUSES,
        st.sampled_from((1, 1, 2, 5)),
        st.sampled_from((0.0, 0.0, -3600.0, 3600.0)),
    )
    return st.lists(step, min_size=3, max_size=most)


# --- how much is admitted


@check("LIM-1", needs=LIMITED)
def test_one_source_stays_within_its_bound(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """In every span of every stream one source is admitted no more than its bucket gives."""
    with LimiterDriver.opened(mark, trial, forge) as bench:

        def within_the_bound(limits: BucketLimits, steps: list[Step]) -> None:
            bench.run(replace(limits, strangers=WIDE), steps)
            _judge_source(bench)

        for source in (OURS, NOBODY, stranger(1)):
            for steps in (_flood(source), _astride(source), _alike(source)):
                bench.run(BucketLimits(3, 60, 4, WIDE), steps)
                _judge_source(bench)
        explore(within_the_bound, LIMITERS, _steps((OURS, NOBODY, *STRANGERS[:4])), share=5)


def _flood(source: str) -> list[Step]:
    """Return a flood of two minutes from one source, in which the fault changes now and then."""
    return [Step(source, ("signature", "expired")[number // 40 % 2], gap=1, times=2) for number in range(120)]


def _alike(source: str) -> list[Step]:
    """Return events of one kind class that differ in their text alone, which gives no further free pass."""
    return [Step(source, fault, times=6) for fault in TEXTS]


def _astride(source: str) -> list[Step]:
    """Return two bursts just before and just after a full minute: windows that begin by the clock give twice."""
    return [Step(source, gap=59, times=10), Step(source, gap=2, times=10), Step(source, gap=57.5, times=10)]


def _judge_source(bench: LimiterDriver) -> None:
    found = buckets.excess_of_a_source(bench.entries, bench.limits)
    if found is not None:
        bench.fail("a source is admitted more than its bucket gives", f"at most {found.most}", found.describe())


@check("LIM-2", needs=LIMITED)
def test_strangers_together_stay_within_their_bound(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A flood under ever new names is admitted no more than the one bucket that all strangers share gives."""
    with LimiterDriver.opened(mark, trial, forge) as bench:

        def within_the_bound(limits: BucketLimits, steps: list[Step]) -> None:
            bench.run(limits, steps)
            _judge_strangers(bench)

        for limits in (BucketLimits(3, 60, 4, 5), BucketLimits(1, 10, 1, 1), BucketLimits(3, 60, WIDE, 5)):
            for name in ("forged", "rogue-aud"):
                bench.run(limits, [Step(f"{name}-{number}", gap=0.5) for number in range(200)])
                _judge_strangers(bench)
        explore(within_the_bound, LIMITERS, _steps((*STRANGERS, OURS)), share=5)


def _judge_strangers(bench: LimiterDriver) -> None:
    found = buckets.excess_of_strangers(bench.entries, bench.limits)
    if found is not None:
        expected = f"at most {found.most} for all strangers"
        bench.fail("strangers are admitted more than the bucket that they share gives", expected, found.describe())


@check("LIM-1", needs=LIMITED)
def test_no_walk_exceeds_a_bound(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """However floods, honest failures, pauses and clock steps alternate, no source exceeds its bound."""
    with LimiterDriver.opened(mark, trial, forge) as bench:
        walk(bench, _judge_source)


# --- to whom


@check("LIM-3", needs=LIMITED)
def test_others_do_not_touch_a_registered_source(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """The events of a registered source are admitted as when it is alone, whoever else floods."""
    with LimiterDriver.opened(mark, trial, forge) as bench:

        def undisturbed(limits: BucketLimits, own: list[Step], others: list[Step]) -> None:
            alone = bench.run(limits, own)
            crowded = bench.run(limits, _amid(own, others))
            _judge_undisturbed(bench, alone, [entry for entry in crowded if entry.source == alone[0].source])

        for victim in (OURS, SECOND, NOBODY):
            own = [Step(victim, fault, gap, times) for fault, gap, times in _RHYTHM]
            for name in (*KNOWN, *STRANGERS[:3]):
                if name != victim:
                    undisturbed(BucketLimits(3, 60, 2, 5), own, [Step(name, fault, times=8) for fault in FAULTS])
        names = st.sampled_from((SECOND, NOBODY, *STRANGERS))
        noise = st.lists(
            st.builds(Step, names, st.sampled_from(tuple(FAULTS)), times=st.sampled_from((1, 5))),
            min_size=1,
            max_size=6,
        )
        explore(undisturbed, LIMITERS, _steps((OURS,), most=6), noise, share=5)


_RHYTHM = (
    ("signature", 0, 2),
    ("expired", 1, 3),
    ("signature", 10, 4),
    ("algorithm", 30, 2),
    ("signature", 40, 5),
)


def _amid(own: Sequence[Step], others: Sequence[Step]) -> list[Step]:
    """Put the noise of others before each step, at the same instants: a pause then comes before the noise."""
    crowded: list[Step] = []
    for step in own:
        crowded += [replace(others[0], gap=step.gap), *others[1:], replace(step, gap=0)]
    return crowded


def _judge_undisturbed(bench: LimiterDriver, alone: Sequence[Entry], crowded: Sequence[Entry]) -> None:
    if [entry.admitted for entry in alone] != [entry.admitted for entry in crowded]:
        expected, got = (" ".join("+" if entry.admitted else "-" for entry in entries) for entries in (alone, crowded))
        bench.fail("the events of others decide about those of a registered source", f"{expected} as alone", got)


@check("LIM-4", needs=LIMITED)
def test_first_event_of_a_kind_gets_through(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """An event is admitted when none of its kind came from its tier in the window before."""
    with LimiterDriver.opened(mark, trial, forge) as bench:

        def first_admitted(limits: BucketLimits, steps: list[Step]) -> None:
            bench.run(limits, steps)
            _judge_first_admitted(bench)

        for source in (OURS, NOBODY, stranger(1)):
            drained = [Step(source, times=12), *(Step(source, fault, gap=0.25) for fault in FAULTS)]
            kept_empty = [Step(source, gap=10, times=4)] * 7
            first_admitted(BucketLimits(3, 60, 2, 5), [*drained, *kept_empty, *drained[1:]])
            crowded_out = [Step(source, times=12), Step(source, "expired")]
            first_admitted(BucketLimits(3, 60, 2, 5), [*crowded_out, replace(crowded_out[0], gap=60), crowded_out[1]])
        explore(first_admitted, LIMITERS, _steps((OURS, NOBODY, *STRANGERS)), share=5)


def _judge_first_admitted(bench: LimiterDriver) -> None:
    found = buckets.unheard(bench.entries, bench.limits.window)
    if found is not None:
        expected = "its admission: none of its kind came in the window before"
        bench.fail(
            f"one kind starves another: {found.kind} of {found.source}",
            expected,
            f"dropped at {found.seconds:g} s",
        )


# --- how it is accounted for


@check("LIM-5", needs=LIMITED_AND_COUNTED)
def test_counters_add_up_after_every_step(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """After every step of a walk, each event is counted as submitted, and as admitted or dropped."""
    with LimiterDriver.opened(mark, trial, forge) as bench:
        walk(bench, _judge_counters)


def _judge_counters(bench: LimiterDriver) -> None:
    if not bench.entries:
        return
    stats = bench.stats()
    if stats["submitted"] != stats["admitted"] + stats["dropped"]:
        bench.fail("the counters do not add up", "submitted = admitted + dropped", str(stats))
    if stats["submitted"] != len(bench.entries):
        bench.fail("not every event is counted", f"{len(bench.entries)} submitted", str(stats))
    seen = sum(entry.admitted for entry in bench.entries)
    if not seen <= stats["admitted"] <= seen + stats["lost"]:
        bench.fail(
            "the counter of admissions is not that of the events that got through",
            f"{seen} admitted",
            str(stats),
        )


@check("LIM-6", needs=LIMITED)
def test_drops_are_told_of(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """What a limiter drops is told in summaries; a limiter that has none is told so, since nothing else does."""
    with LimiterDriver.opened(mark, trial, forge) as bench:
        limits = BucketLimits(2, 60, 2, 2)
        entries = bench.run(limits, [Step(OURS, times=12), Step(OURS, gap=2 * limits.window + 1)])
        dropped = sum(not entry.admitted for entry in entries)
        if not trial.declaration.audit.summaries and dropped:
            what = f"{dropped} events were dropped, and no summary is declared that would tell of them"
            trial.warnings.append(Finding(what, "summaries of what was dropped", "none"))
        elif dropped and not bench.summaries:
            bench.fail(f"{dropped} events were dropped", "a summary of them", "none")


@check("LIM-6", needs=(*LIMITED, SUMMARIES))
def test_summaries_tell_what_was_dropped(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Summaries count every drop once, name registered sources only, and come once a window."""
    with LimiterDriver.opened(mark, trial, forge) as bench:

        def truthful(limits: BucketLimits, steps: list[Step]) -> None:
            # What is still to be reported is told with the next events, once a window has passed.
            later = [Step(source, gap=2 * limits.window + 1) for source in (OURS, stranger(1), OURS)]
            bench.run(limits, [*steps, *later])
            _judge_summaries(bench)

        busy = [Step(name, fault, times=6) for name in (OURS, NOBODY, *STRANGERS) for fault in ("signature", "expired")]
        truthful(BucketLimits(3, 60, 2, 5), busy)
        truthful(
            BucketLimits(3, 60, 2, 5),
            [Step(name, gap=1, times=2) for name in (OURS, stranger(1)) for _ in range(90)],
        )
        explore(truthful, LIMITERS, _steps((*KNOWN, *STRANGERS)), share=10)


@check("LIM-6", needs=(*LIMITED, SUMMARIES))
def test_drops_are_told_once_a_window_has_passed(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """An event more than a window after the first drop brings a summary of all that was dropped before it."""
    with LimiterDriver.opened(mark, trial, forge) as bench:
        for limits in (BucketLimits(2, 60, 2, 1), BucketLimits(3, 10, 1, 2)):
            flood = [Step(name, times=8) for name in (OURS, stranger(1), SECOND)]
            bench.run(limits, [*flood, Step(OURS, gap=limits.window + 1)])
            _judge_summaries(bench)


@check("LIM-6", needs=(*LIMITED, SUMMARIES))
def test_summary_names_the_largest_sources(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Of more registered sources than a summary names, it names those of which most was dropped."""
    with LimiterDriver.opened(mark, trial, forge) as bench:
        names = [f"rogue-kid-{number}" for number in range(LARGEST + 2)]
        bench.registered = replace(bench.registered, kids=(*bench.registered.kids, *names))
        floods = [Step(name, times=LARGEST + 5 - number) for number, name in enumerate(names)]
        bench.run(BucketLimits(1, 60, 1, 1), [*floods, *[Step(OURS, gap=121)] * 3])
        _judge_summaries(bench)
        dropped = Counter(entry.source for entry in buckets.dropped(bench.entries, registered=True))
        expected = sorted(name for name, _ in dropped.most_common(LARGEST))
        reported = [sorted(summary.get("sources", {})) for _, summary in bench.summaries]
        if expected not in reported:
            bench.fail("no summary names the sources of which most was dropped", str(expected), str(reported))


def _judge_summaries(bench: LimiterDriver) -> None:
    for _, summary in bench.summaries:
        _judge_form(bench, summary)
    for tier in ("registered", "strangers"):
        summaries = [(tick, summary) for tick, summary in bench.summaries if summary["tier"] == tier]
        dropped = buckets.dropped(bench.entries, registered=tier == "registered")
        named = Counter(entry.source for entry in dropped if entry.registered)
        for member, expected in (("kinds", Counter(entry.kind for entry in dropped)), ("sources", named)):
            totals = sum((Counter(summary.get(member, {})) for _, summary in summaries), Counter[str]())
            if totals != expected and len(expected) <= LARGEST:
                what = f"the summaries of the {tier} do not tell what was dropped, by their {member}"
                bench.fail(what, str(dict(expected)), str(dict(totals)))
        _judge_rate(bench, [tick for tick, _ in summaries])


def _judge_rate(bench: LimiterDriver, ticks: Sequence[float]) -> None:
    for begin, first in enumerate(ticks):
        for number, last in enumerate(ticks[begin:], 1):
            # Windows may be aligned anywhere: a span touches one more of them than it holds.
            if number > (last - first) // bench.limits.window + 2:
                bench.fail("summaries come more than once a window", "one a window", f"{number} in {last - first:g} s")


def _judge_form(bench: LimiterDriver, summary: Json) -> None:
    kinds, named = summary.get("kinds"), summary.get("sources", {})
    if summary.get("tier") not in ("registered", "strangers") or not _counts(kinds) or not _counts(named):
        bench.fail("a summary does not have its form", "tier, dropped, kinds, sources", str(summary))
    known = sorted({entry.source for entry in bench.entries if entry.registered})
    if not set(named) <= set(known) or len(named) > LARGEST:
        what = "a summary names sources that nobody registered, or too many"
        bench.fail(what, f"at most {LARGEST} of {known}", str(sorted(named)))
    dropped = summary.get("dropped")
    if dropped != sum(summary["kinds"].values()) or (0 < len(named) < LARGEST and sum(named.values()) != dropped):
        expected = "dropped = the sum by kind = the sum by source"
        bench.fail("the totals of a summary do not add up", expected, str(summary))


def _counts(value: object) -> bool:
    return isinstance(value, dict) and all(type(count) is int for count in value.values())


# --- when


@check("LIM-7", needs=LIMITED)
def test_wall_clock_changes_no_admission(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """The same stream is admitted alike whatever the wall clock does meanwhile."""
    with LimiterDriver.opened(mark, trial, forge) as bench:

        def unmoved(limits: BucketLimits, steps: list[Step], jumps: list[float]) -> None:
            steady = bench.run(limits, [replace(step, wall=0) for step in steps])
            jumping = [replace(step, wall=jumps[number % len(jumps)]) for number, step in enumerate(steps)]
            moved = bench.run(limits, jumping)
            if [entry.admitted for entry in steady] != [entry.admitted for entry in moved]:
                expected, got = (
                    " ".join("+" if entry.admitted else "-" for entry in entries) for entries in (steady, moved)
                )
                bench.fail(f"steps of the wall clock change admissions: {jumps} s", f"{expected} as without them", got)

        drained = [Step(name, times=8) for name in (OURS, NOBODY, stranger(1), stranger(2))] * 3
        for jumps in ([0, 61], [0, 86_400], [0, -86_400], [1e9, 0]):
            unmoved(BucketLimits(3, 60, 1, 5), drained, list(map(float, jumps)))
        steps = st.sampled_from((0.0, -61.0, 61.0, -1e8, 1e8, 0.5))
        walks = _steps((*KNOWN, *STRANGERS), TIMELESS, most=8)
        explore(unmoved, LIMITERS, walks, st.lists(steps, min_size=1, max_size=4), share=5)


@check("LIM-8", needs=LIMITED)
def test_limiter_of_nothing_is_refused(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A capacity or a window of 0 is refused, one of half a second is not, and what was configured before stands."""
    with LimiterDriver.opened(mark, trial, forge) as bench:
        sound = BucketLimits(1, 60, 1, 1)
        for name, value, expected in (("window", 0.5, None), ("capacity", 0, "refused"), ("window", 0, "refused")):
            bench.begin(sound)
            audit = {
                "sink": "memory",
                "limiter": {**sound.as_json(), name: value},
                "registered": bench.registered.as_json(),
            }
            answered = trial.implementation.configure(audit)
            if answered != expected:
                summary = f"a limiter with a {name} of {value} is {'not refused' if expected else 'not configured'}"
                trial.fail(summary, expected or "configured", answered or "configured")
            bench.play([Step(OURS, times=6)])
            _judge_source(bench)


@check("LIM-9", needs=LIMITED)
def test_bucket_starts_full_and_refills(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A bucket that began full and refills at C/W gives every token it has, and never more than C at once."""
    with LimiterDriver.opened(mark, trial, forge) as bench:

        def gets_its_tokens(limits: BucketLimits, steps: list[Step]) -> None:
            bench.run(limits, steps)
            _judge_tokens(bench)

        for limits in (BucketLimits(3, 60, 1, 1), BucketLimits(1, 10, 1, 1), BucketLimits(20, 60, 1, 1)):
            step = limits.window / limits.capacity
            burst = Step(OURS, times=limits.capacity + 2)
            polling = [Step(OURS, gap=step / 4)] * 40
            quiet = [replace(burst, gap=gap) for gap in (step + 0.5, 10 * limits.window)]
            gets_its_tokens(limits, [burst, *polling, *quiet])
            # What is free is used up while one token is nearly there, so that it can't stand in for the last one.
            nearly = Step(OURS, gap=step - 0.25)
            gets_its_tokens(limits, [replace(burst, times=limits.capacity), nearly, replace(burst, gap=limits.window)])
        explore(gets_its_tokens, LIMITERS, _steps((OURS, SECOND, NOBODY)), share=5)


def _judge_tokens(bench: LimiterDriver) -> None:
    found = buckets.starved(bench.entries, bench.limits)
    if found is not None:
        expected = f"its admission: the bucket had a token at {found.seconds:g} s"
        bench.fail(f"an event of {found.source} is dropped too early", expected, "dropped")
    _judge_source(bench)


@check("LIM-9", needs=LIMITED)
def test_strangers_get_their_tokens(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Of strangers that all find a bucket each event is admitted for which it and the common one have a token."""
    with LimiterDriver.opened(mark, trial, forge) as bench:

        def get_their_tokens(limits: BucketLimits, steps: list[Step]) -> None:
            bench.run(limits, steps)
            found = buckets.starved_stranger(bench.entries, limits)
            if found is not None:
                expected = f"its admission: its bucket and the common one had a token at {found.seconds:g} s"
                bench.fail(f"an event of {found.source}, a stranger, is dropped too early", expected, "dropped")

        for limits in (BucketLimits(3, 60, 4, 12), BucketLimits(1, 10, 4, 4), BucketLimits(9, 60, 4, 6)):
            each = min(limits.capacity, limits.strangers // limits.sources)
            burst = [Step(stranger(number), times=each) for number in range(limits.sources)]
            get_their_tokens(limits, [*burst, Step(stranger(0), gap=limits.window + 1, times=each), *burst[1:]])
        explore(get_their_tokens, LIMITERS, _steps(STRANGERS[:4], most=6), share=5)


@check("LIM-10", needs=LIMITED)
def test_returning_source_has_no_fresh_bucket(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A source that comes back after so many others that its bucket was pushed out gains no token."""
    with LimiterDriver.opened(mark, trial, forge) as bench:

        def gains_nothing(names: int, rounds: int, gap: float) -> None:
            crowd = [Step(f"forged-{number}", times=3) for number in range(names + 4)]
            circle = [Step(stranger(1), times=4), *crowd, Step(stranger(1), times=4)]
            bench.run(BucketLimits(2, 60, names, WIDE), [replace(circle[0], gap=gap), *circle[1:]] * rounds)
            if not any(entry.admitted for entry in bench.entries):
                raise Untestable(Finding("no stranger is ever admitted", "some", "none"))
            _judge_source(bench)

        gaps = st.sampled_from((0.0, 1.0, 7.5, 29.0))
        explore(gains_nothing, st.integers(1, 4), st.integers(2, 4), gaps, share=10)
