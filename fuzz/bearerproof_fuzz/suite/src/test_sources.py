"""Source ids: one function of the hints, without collisions, and a bounded number of buckets behind them."""

from collections.abc import Iterable, Sequence

from hypothesis import strategies as st

from bearerproof.contract.messages import Presentation
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import REJECTED, Trial
from bearerproof.members import Json
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz.checks import check, explore
from bearerproof_fuzz.forge import Draft, Forge
from bearerproof_fuzz.machines.buckets import walk
from bearerproof_fuzz.machines.limiter_driver import FAULTS, KNOWN, LimiterDriver, Step, stranger
from bearerproof_fuzz.material import (
    ADVERSARIAL,
    IMITATIONS,
    LONG,
    MISSING,
    PLAIN,
    SHORT,
    UNPRINTABLE,
    Hints,
    labelled,
    specimens,
    unproven,
)
from bearerproof_fuzz.needs import CLOCK, LIMITED, LIMITER, STATS
from bearerproof_fuzz.oracles import sources
from bearerproof_fuzz.oracles.buckets import BucketLimits
from bearerproof_fuzz.oracles.hints import Bounded, bounded, stated
from bearerproof_fuzz.oracles.witness import event_of

Slots = tuple[object, object, object]


def _named(draft: Draft, slots: Slots) -> Presentation:
    return labelled(draft, Hints(*slots)).presentation()


def _parts(slots: Slots, profile: Profile) -> tuple[Bounded, ...]:
    """Return the hints of which the source id of a token with these names has to be composed."""
    client, aud, kid = map(bounded, slots)
    return (client, aud, kid) if profile is Profile.ID_TOKEN else (client, kid)


def _events(trial: Trial, presented: Sequence[Presentation]) -> list[Json]:
    return [
        event_of(answer, presentation) for presentation, answer in zip(presented, trial.ask_all(presented), strict=True)
    ]


def _judge_plain(trial: Trial, base: Draft) -> None:
    """Hold the source ids of names that need no encoding, in any place or left out, against the form due."""
    names = (*PLAIN, MISSING)
    grid: list[Slots] = [(client, PLAIN[0], kid) for client in names for kid in names]
    if trial.profile is Profile.ID_TOKEN:
        grid += [(client, aud, "k1") for client in names for aud in names]
        grid += [(client, aud, MISSING) for client in names for aud in names]
    presented = [_named(base, slots) for slots in grid]
    for presentation, slots, event in zip(presented, grid, _events(trial, presented), strict=True):
        expected = sources.compose(_parts(slots, trial.profile))
        if event.get("source_id") != expected:
            trial.fail(
                "a source id is not composed as due",
                expected,
                str(event.get("source_id")),
                presentation,
                events=[event],
            )


@check("SRC-1", profiles=(Profile.JWT, Profile.ACCESS_TOKEN))
def test_access_source_id_is_client_and_kid(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """The source id is the client id or `anon`, `::`, and the key id or `nokid`."""
    _judge_plain(trial, unproven(forge.base(mark.profile)))


@check("SRC-2")
def test_id_token_source_id_is_azp_aud_and_kid(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """The source id is `azp` or `anon`, `aud` or `noaud`, and the key id or `nokid`, joined by `::`."""
    _judge_plain(trial, unproven(forge.base(mark.profile)))


@check("SRC-3")
def test_different_hints_give_different_sources(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """No two different lists of hints share a source id, and each id can be read back into its hints."""
    base = unproven(forge.base(mark.profile))
    name = st.sampled_from(IMITATIONS) | st.sampled_from(ADVERSARIAL) | st.just(MISSING)

    def stay_apart(batch: Sequence[Slots]) -> None:
        _judge_apart(trial, [_named(base, slots) for slots in batch], [_parts(slots, mark.profile) for slots in batch])

    every: list[Slots] = [slots for text in ADVERSARIAL for slots in ((text, "rp", "k"), ("c", "rp", text))]
    if mark.profile is Profile.ID_TOKEN:
        every += [("c", text, "k") for text in ADVERSARIAL]
    stay_apart([*every, *_SENTINELS])
    explore(stay_apart, st.lists(st.tuples(name, name, name), min_size=2, max_size=12), share=2)


_SENTINELS: tuple[Slots, ...] = (
    (MISSING, MISSING, MISSING),
    ("anon", "noaud", "nokid"),
    ("anon", MISSING, "nokid"),
    ("nokid", "anon", "noaud"),
    (MISSING, "anon", MISSING),
    ("noaud", "nokid", "anon"),
)
"""Absent hints, and names that spell what stands for them."""


def _judge_apart(trial: Trial, presented: Sequence[Presentation], hints: Sequence[tuple[Bounded, ...]]) -> None:
    seen: dict[str, tuple[Bounded, ...]] = {}
    for presentation, own, event in zip(presented, hints, _events(trial, presented), strict=True):
        source = str(event.get("source_id"))
        other = seen.setdefault(source, own)
        if other != own:
            summary = f"the hints {own!a} and {other!a} share one source id"
            trial.fail(summary, "two source ids", source, presentation, events=[event])
        try:
            read = sources.decode(source)
        except ValueError as error:
            trial.fail(
                f"no hints compose to this source id: {error}",
                sources.compose(own),
                source,
                presentation,
                events=[event],
            )
        else:
            if read != own:
                trial.fail(
                    "a source id reads back as other hints", ascii(own), ascii(read), presentation, events=[event]
                )


@check("SRC-4")
def test_source_id_follows_from_the_event(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Whoever has an event alone can compute its source id from the hints in it, whatever token caused it."""
    base = unproven(forge.base(mark.profile))
    names = (*SHORT, *UNPRINTABLE, *LONG, MISSING, "", None, "\ud800", 7)
    presented = [_named(base, (name, name, other)) for name in names for other in ("k1", name)]
    presented += [specimen.edited for specimen in specimens(mark.profile, forge)]
    rejected = [
        (presentation, event_of(answer, presentation))
        for presentation, answer in trial.ask_fitting(presented)
        if answer.outcome in REJECTED
    ]
    if not rejected:
        trial.fail("nothing at all is rejected", "rejections", "none")
    for presentation, event in rejected:
        expected = sources.compose(sources.parts_of(stated(event), mark.profile))
        if event.get("source_id") != expected:
            summary = "the source id does not follow from the hints of its own event"
            trial.fail(summary, expected, str(event.get("source_id")), presentation, events=[event])


@check("SRC-6")
def test_source_ids_are_short_and_printable(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A source id is printable ASCII and bounded, however long and however unprintable the hints are."""
    base = unproven(forge.base(mark.profile))
    names = (*UNPRINTABLE, *LONG, *SHORT, "\u65e5" * 21, "\n" * 64, "%" * 64, "\U0001f511" * 400)
    presented = [_named(base, slots) for name in names for slots in ((name, name, name), ("c", "rp", name))]
    for presentation, answer in trial.ask_fitting(presented):
        source = str(event_of(answer, presentation).get("source_id"))
        if not sources.is_printable(source):
            trial.fail("a source id is not printable ASCII", "printable ASCII", ascii(source)[:400], presentation)
        if len(source) > sources.longest(mark.profile):
            expected = f"at most {sources.longest(mark.profile)} octets"
            trial.fail("a source id is not bounded", expected, f"{len(source):,} octets", presentation)


# --- the buckets behind them

FRESH = 60
"""Names that a forger makes up in one flood: many times the buckets that strangers may have."""


@check("SRC-5", needs=(CLOCK, LIMITER, STATS))
def test_forged_names_make_no_more_buckets(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A flood of fresh, well-formed names leaves no more buckets than the cap allows."""
    with LimiterDriver.opened(mark, trial, forge) as bench:
        for names in (1, 4):
            for gap in (0, 1, 30):
                bench.begin(BucketLimits(capacity=2, window=60, sources=names, strangers=1000))
                bench.play(_fresh(gap))
                _judge_buckets(bench)
                _judge_reserved(bench)


def _fresh(gap: float) -> Iterable[Step]:
    """Yield rejections under ever new names, with every registered source among them."""
    for number in range(FRESH):
        yield Step(f"forged-{number}", tuple(FAULTS)[number % len(FAULTS)], gap=gap)
        yield Step(f"kid-only-{number}")
        yield Step(f"rogue-kid-{number}")
        yield Step(KNOWN[number % len(KNOWN)], tuple(FAULTS)[number // len(KNOWN) % len(FAULTS)])


def _judge_reserved(bench: LimiterDriver) -> None:
    """Hold the live buckets against those of registered sources, which are never given up."""
    least = len({entry.source for entry in bench.entries if entry.registered})
    live = bench.buckets()
    if live < least:
        bench.fail("fewer buckets are counted than registered sources have", f"at least {least}", f"{live} buckets")


@check("SRC-5", needs=LIMITED)
def test_strangers_beyond_the_cap_share_a_bucket(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """At one instant strangers are admitted what as many buckets give as they may have, and one more."""
    with LimiterDriver.opened(mark, trial, forge) as bench:
        for names in (1, 4):
            limits = BucketLimits(capacity=3, window=60, sources=names, strangers=1000)
            entries = bench.run(limits, [Step(stranger(number), times=4) for number in range(names + 6)])
            kinds, admitted = {entry.kind for entry in entries}, sum(entry.admitted for entry in entries)
            most = limits.capacity * (names + 1) + len(kinds)
            if admitted > most:
                bench.fail("strangers have more buckets than the cap allows", f"at most {most}", f"{admitted} events")


@check("SRC-5", needs=(CLOCK, LIMITER, STATS))
def test_no_walk_makes_more_buckets(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Whatever the stream and however time passes, the live buckets stay within the cap."""
    with LimiterDriver.opened(mark, trial, forge) as bench:
        walk(bench, _judge_buckets)


def _judge_buckets(bench: LimiterDriver) -> None:
    """Hold the live buckets against the cap: those of strangers, the two they share, the registered ones."""
    most = bench.limits.sources + 2 + bench.registered.sources(bench.profile)
    live = bench.buckets() if bench.entries else 0
    if live > most:
        names = len({entry.source for entry in bench.entries})
        bench.fail(
            f"{names} sources made more live buckets than the cap allows",
            f"at most {most}",
            f"{live} buckets",
        )
