"""The limiter: bounded in state and in what it admits, fair to whoever is registered."""

from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearerproof_reference.audit.events import Kind, KindClass, VerifyFailureEvent
from bearerproof_reference.audit.hints import Hints
from bearerproof_reference.audit.limiter import Limiter, Limits, Registered
from bearerproof_reference.clock import ManualClock

LIMITS = Limits(capacity=3, window=60, sources=4, strangers=6)
REGISTERED = Registered(["app-1", "app-2"], ["api"], ["k1"])
KINDS = (KindClass.EXPIRED, KindClass.SIGNATURE_INVALID)


def event(client: str | None = "app-1", kid: str | None = None, of: KindClass = KINDS[0]) -> VerifyFailureEvent:
    """Return an event of this source and kind class."""
    return VerifyFailureEvent.from_hints(Kind(of), 0, Hints(client, kid=kid), {})


def limiter(limits: Limits = LIMITS) -> tuple[Limiter, ManualClock]:
    """Return a limiter and its clock."""
    clock = ManualClock()
    return Limiter(limits, REGISTERED, clock), clock


def admitted(made: Limiter, *events: VerifyFailureEvent) -> int:
    """Return how many of the events get through."""
    return sum(made.judge(each)[0] for each in events)


@pytest.mark.parametrize(
    "numbers",
    [
        (0, 60, 1, 1),
        (1, 0, 1, 1),
        (1, -1, 1, 1),
        (1, float("nan"), 1, 1),
        (1, float("inf"), 1, 1),
        (True, 60, 1, 1),
        (1.5, 60, 1, 1),
        (1, 60, 0, 1),
        (1, 60, 1, 0),
    ],
)
def test_limits_that_would_silence_everything(numbers: tuple[int, float, int, int]) -> None:
    with pytest.raises(ValueError, match="number"):
        Limits(*numbers)


def test_a_bucket_starts_full_and_refills_evenly() -> None:
    made, clock = limiter()
    assert admitted(made, *[event()] * 10) == 3 + 1  # one more is the free one of its kind
    for clock.monotonic in (19.999, 20, 39.999, 40):
        admitted(made, event())
    assert made.admitted == 4 + 2
    clock.monotonic = 10_000
    assert admitted(made, *[event()] * 10) == 3 + 1


def test_another_kind_gets_through_an_empty_bucket_once_a_window() -> None:
    made, clock = limiter()
    admitted(made, *[event()] * 10)
    assert admitted(made, *[event(of=KINDS[1])] * 3) == 1
    clock.monotonic = 59
    admitted(made, *[event()] * 9)
    assert admitted(made, event(of=KINDS[1])) == 0
    clock.monotonic = 60
    admitted(made, *[event()] * 9)
    assert admitted(made, event(of=KINDS[1])) == 1


def test_strangers_share_one_budget_and_few_buckets() -> None:
    made, _ = limiter()
    flood = [event(f"forged-{number}") for number in range(1000)]
    assert admitted(made, *flood) == 6 + 1
    assert made.buckets <= LIMITS.sources + 1


def test_who_is_registered() -> None:
    assert event("app-1", "k1") in REGISTERED
    assert event("app-1") in REGISTERED
    assert event(None) in REGISTERED
    assert event("app-1", "k2") not in REGISTERED
    assert event(None, "k1") not in REGISTERED
    assert event("app-3") not in REGISTERED
    identity = VerifyFailureEvent.from_id_token_hints(Kind(KINDS[0]), 0, Hints(azp="app-1", aud="x"), {})
    assert identity not in REGISTERED


def test_a_refilled_bucket_may_go_and_no_other() -> None:
    limits = Limits(capacity=2, window=60, sources=1, strangers=1000)
    made, clock = limiter(limits)
    assert admitted(made, *[event("s-1")] * 2) == 2
    clock.monotonic = 59
    assert admitted(made, *[event("s-2")] * 9) == 2 + 1  # the overflow bucket, and the free one
    assert admitted(made, event("s-1"), event("s-1")) == 1
    clock.monotonic = 1000
    assert admitted(made, event("s-3")) == 1
    assert made.buckets == 1


SPANS = st.integers(0, 40)
STREAM = st.lists(
    st.tuples(
        SPANS,
        st.sampled_from(["app-1", "app-2", None, "s-1", "s-2", "s-3", "s-4", "s-5", "s-6"]),
        st.sampled_from(KINDS),
    ),
    max_size=80,
)


@given(STREAM)
def test_bounds_hold_for_any_stream(stream: list[tuple[int, str | None, KindClass]]) -> None:
    made, clock = limiter()
    passed: dict[object, list[float]] = {}
    reported = 0
    for span, client, of in stream:
        clock.monotonic += span
        through, summaries = made.judge(event(client, of=of))
        reported += sum(sum(summary.kinds.values()) for summary in summaries)
        assert made.buckets <= 3 + LIMITS.sources + 1
        if through:
            passed.setdefault("strangers" if client and client.startswith("s") else client, []).append(clock.monotonic)
    for who, times in passed.items():
        capacity = LIMITS.strangers if who == "strangers" else LIMITS.capacity
        for first, start in enumerate(times):
            for last, end in enumerate(times[first:], first):
                seconds = end - start
                most = capacity + seconds * capacity / 60 + len(KINDS) * (floor(seconds / 60) + 1)
                assert last - first + 1 <= most
    assert made.admitted + made.dropped == len(stream)
    assert reported + sum(sum(summary.kinds.values()) for summary in made.flush()) == made.dropped


@given(STREAM)
def test_a_registered_source_depends_on_itself_alone(stream: list[tuple[int, str | None, KindClass]]) -> None:
    def through(*, alone: bool) -> list[bool]:
        made, clock = limiter()
        answers = []
        for span, client, of in stream:
            clock.monotonic += span
            if client == "app-1" or not alone:
                answer, _ = made.judge(event(client, of=of))
                answers += [answer] if client == "app-1" else []
        return answers

    assert through(alone=True) == through(alone=False)


def test_a_summary_a_window_and_tier() -> None:
    made, clock = limiter()
    admitted(made, *[event()] * 10, *[event("forged")] * 10, *[event("app-2", of=KINDS[1])] * 6)
    assert made.judge(event())[1] == []
    clock.monotonic = 60
    _, summaries = made.judge(event())
    assert [summary.as_dict() for summary in summaries] == [
        {
            "tier": "registered",
            "dropped": 9,
            "kinds": {"Expired": 7, "SignatureInvalid": 2},
            "sources": {"app-1::nokid": 7, "app-2::nokid": 2},
        },
        {"tier": "strangers", "dropped": 6, "kinds": {"Expired": 6}, "sources": {}},
    ]
    assert made.judge(event())[1] == []
    assert made.flush() == []
