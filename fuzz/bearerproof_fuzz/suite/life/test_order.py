"""Lifecycle events in their order: the instant, number and address of each, and what a sweep may leave."""

import json
from collections.abc import Mapping, Sequence

from bearerproof.contract.decisions import Decision
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof.members import Json
from bearerproof_fuzz.checks import check, explore
from bearerproof_fuzz.keyserver import race_requests
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.event_asserts import brought_about, named, require_events
from bearerproof_fuzz.keyserver.setting import DEFAULT, OTHER_PEER, PEER, PROXY
from bearerproof_fuzz.machines.stream import Stream, moves
from bearerproof_fuzz.needs import CLOCK, CONFIGURE, FORWARDED, RACE, REAP
from bearerproof_fuzz.oracles import lifecycle
from bearerproof_fuzz.oracles.events import SIX_DECIMALS, instant, same_instant


@check("LIFE-11")
def test_events_are_numbered_without_a_gap(mark: CheckId, trial: Trial) -> None:
    """The numbers of the events of every kind of decision grow by one."""
    require_events(trial)
    for scenario, server, _, _ in brought_about(trial):
        _judge_numbers(server, scenario.name)


@check("LIFE-11", needs=(CLOCK, CONFIGURE))
def test_events_carry_the_instant_of_their_request(mark: CheckId, trial: Trial) -> None:
    """In any order of requests, clock steps included, an event has an instant that decided it, and the next number."""

    def in_order(move_names: list[str]) -> None:
        server = Stream(trial).play(move_names)
        _judge_numbers(server, "a stream of requests")
        for number, (request, decision) in enumerate(server.answered):
            for event in decision.events:
                _judge_instant(server, event, number, f"an event of {request['op']}")

    explore(in_order, moves(trial), share=4)


@check("LIFE-11", needs=(CLOCK,))
def test_instants_are_told_to_the_microsecond(mark: CheckId, trial: Trial) -> None:
    """The instant of an event is that of its request to the microsecond, at the turn of a second as at any."""
    for offset in (0.0, 0.5, 0.25, 0.015_625, 0.984_375, 86_399.5, 86_400.0):
        server = KeyServerDriver(trial, DEFAULT.but(now=DEFAULT.now + offset))
        decision, what = server.issue().decision, f"an exchange {offset:g} s after midnight or noon"
        server.left(decision, {"event": lifecycle.ISSUED}, summary=what)
        _judge_instant(server, decision.events[0], len(server.answered) - 1, what)


def _judge_instant(server: KeyServerDriver, event: Json, number: int, what: str) -> None:
    """Judge the instant of an event of that answer: its request's, or one before it from which the clock stepped back.

    What a store decides it decides by the latest time that it was told, and a trail whose times run backwards is none
    (TRAIL-5, TRAIL-10); so a server may date by that time, and one that dates by its clock is as right.
    """
    asked = [request["now"] for request, _ in server.answered[: number + 1] if "now" in request]
    own = asked[-1]
    if not any(same_instant(event.get("occurred_at"), now) for now in asked if now >= own):
        summary = f"{what} carries another instant than its request"
        server.fail(summary, instant(own), json.dumps(event.get("occurred_at")), [event])


@check("LIFE-16", needs=(CLOCK,))
def test_instants_have_six_decimals(mark: CheckId, trial: Trial) -> None:
    """Every time of an event has six decimals, also where they are noughts, so that times sort as texts."""
    for offset in (0.0, 0.5, 0.25, 0.015_625):
        server = KeyServerDriver(trial, DEFAULT.but(now=DEFAULT.now + offset))
        grant = server.positive_control()
        for decision in (grant.decision, server.admitted(grant), server.exchange("x")):
            for event in decision.events:
                times = {name: event[name] for name in ("occurred_at", "expires_at") if name in event}
                if not all(SIX_DECIMALS.fullmatch(str(time)) for time in times.values()):
                    server.fail("a time has another number of decimals", "six", json.dumps(times), [event])


@check("LIFE-11", needs=(CLOCK,))
def test_instants_follow_a_clock_that_steps(mark: CheckId, trial: Trial) -> None:
    """Where the wall clock steps, either way, an event has its request's instant or one from before the step."""
    server = KeyServerDriver(trial)
    bearer = server.issue().bearer
    for step in (0.25, -0.5, 3600, -7200, -86_400, 90_000):
        server.step_wall_clock(step)
        for what, decision in (("a use", server.authenticate(bearer)), ("a refusal", server.exchange("alice"))):
            server.left(decision, {}, summary=f"{what} after a step of {step:g} s")
            _judge_instant(server, decision.events[0], len(server.answered) - 1, f"{what} after a step of {step:g} s")


@check("LIFE-11", needs=(RACE,))
def test_numbers_have_no_gap_when_requests_run_at_once(mark: CheckId, trial: Trial) -> None:
    """The numbers of events of requests that run at once are all different and leave none out."""
    for _ in range(3):
        server = KeyServerDriver(trial)
        bearer = server.positive_control().bearer
        exchanges = [race_requests.exchange(server.subject_token(f"user-{number}")) for number in range(6)]
        requests = [race_requests.authenticate(bearer)] * 12 + exchanges
        writers = [sorted(found) for found in _numbers(server, server.race(requests))]
        server.require(bool(writers), "requests that run at once leave no event", "an event each", "none")
        if any(found != list(range(found[0], found[0] + len(found))) for found in writers):
            what = "the numbers of events of requests that run at once repeat or have a gap"
            server.fail(what, "each number once", "a number twice, or one left out")


@check("LIFE-17")
def test_each_writer_counts_its_own_events(mark: CheckId, trial: Trial) -> None:
    """Over every kind of decision the numbers of the events that name one writer, or none, grow by one."""
    require_events(trial)
    for scenario, server, _, _ in brought_about(trial):
        _judge_numbers(server, scenario.name)


def _numbers(server: KeyServerDriver, decisions: Sequence[Decision]) -> list[list[int]]:
    """Return the numbers of each writer, in the order of its events; all that name nobody are of one."""
    numbers: dict[str, list[int]] = {}
    for event in (event for decision in decisions for event in decision.events):
        number = event.get("seq")
        if type(number) is not int:
            server.fail("an event has no number", "a whole number", "none")
        numbers.setdefault(json.dumps(event.get("origin")), []).append(number)
    return list(numbers.values())


def _judge_numbers(server: KeyServerDriver, what: str) -> None:
    for found in _numbers(server, [decision for _, decision in server.answered]):
        if found != list(range(found[0], found[0] + len(found))):
            server.fail(f"{what}: the numbers of the events do not grow by one", "a gapless row", json.dumps(found))


@check("LIFE-13", needs=(CLOCK, REAP))
def test_reaping_leaves_nothing_that_looks_like_a_request(mark: CheckId, trial: Trial) -> None:
    """Sweeps over live, expired and revoked tokens leave at most one token.expired for a token, and nothing else."""
    server = KeyServerDriver(trial)
    grants = [server.issue("alice"), server.issue("bob"), server.positive_control("carol")]
    server.revoke(grants[1].jti)
    reported: list[str] = []
    for seconds in (0, 1, server.setting.ttl, 1, server.setting.retention, 1, 1):
        server.wait(seconds)
        events = server.reap().events
        if any(event.get("event") != lifecycle.EXPIRED for event in events):
            server.fail("reaping leaves an event of a request", "token.expired or nothing", named(events), events)
        reported += [str(event.get("token_jti")) for event in events]
    if len(set(reported)) != len(reported):
        server.fail(
            "reaping tells the end of a token twice", "one token.expired for a token", f"{len(reported)} events"
        )


@check("LIFE-13", needs=(CLOCK, CONFIGURE, REAP))
def test_reaping_leaves_nothing_in_a_stream(mark: CheckId, trial: Trial) -> None:
    """In any order of requests, sweeps leave at most one token.expired for a token, and nothing else."""

    def quiet(move_names: list[str]) -> None:
        server = Stream(trial).play(
            [*move_names, "reap", "the retention goes by", "reap", "half of a life goes by", "reap"]
        )
        swept = [event for request, decision in server.answered if request["op"] == "reap" for event in decision.events]
        ended = [event.get("token_jti") for event in swept]
        if any(event.get("event") != lifecycle.EXPIRED for event in swept) or len(set(ended)) != len(ended):
            server.fail("sweeps leave more than the end of each token", "token.expired once", named(swept), swept)

    explore(quiet, moves(trial), share=10)


_REAL, _CLAIMED = "198.51.100.77", "203.0.113.66"

_HOPS: Mapping[str, tuple[str, str | None, tuple[str | None, ...]]] = {
    "no header": (PEER, None, (PEER,)),
    "a stranger who sends one": (PEER, _CLAIMED, (PEER,)),
    "a stranger who claims to be a proxy": (PEER, f"{_CLAIMED}, {PROXY}", (PEER,)),
    "a stranger whose address begins like a proxy's": ("10.0.0.10", _CLAIMED, ("10.0.0.10",)),
    "a stranger next to a proxy": ("10.0.0.2", _CLAIMED, ("10.0.0.2",)),
    "a proxy without a header": (PROXY, None, (PROXY,)),
    "a proxy with one hop": (PROXY, _REAL, (_REAL,)),
    "a proxy with a claim before the hop": (PROXY, f"{_CLAIMED}, {_REAL}", (_REAL,)),
    "a proxy with many claims": (PROXY, f"127.0.0.1,{_CLAIMED},8.8.8.8,{_REAL}", (_REAL,)),
    "two proxies": (PROXY, f"{_CLAIMED}, {_REAL}, {PROXY}", (_REAL,)),
    "two proxies and a claim to be one": (PROXY, f"{_CLAIMED}, {PROXY}, {_REAL}, {PROXY}", (_REAL,)),
    "a proxy and white space": (PROXY, f"{_CLAIMED} ,\t{_REAL} ", (_REAL,)),
    "a proxy and IPv6": (PROXY, f"{_CLAIMED}, 2001:db8::77", ("2001:db8::77",)),
    "a proxy in IPv6 clothes": (f"::ffff:{PROXY}", f"{_CLAIMED}, {_REAL}", (_REAL,)),
    "nothing but proxies": (PROXY, PROXY, (PROXY,)),
    "a proxy and an empty header": (PROXY, "", (PROXY, None)),
    "a proxy and no address": (PROXY, f"{_REAL}, unknown", (PROXY, _REAL, None)),
    "a proxy and nonsense before the hop": (PROXY, f"<script>, {_REAL}", (_REAL,)),
}
"""By what it is: the peer, what it forwards, and the addresses that the event may give (None: none at all)."""


@check("LIFE-14", needs=(FORWARDED,))
def test_client_ip_is_what_is_known(mark: CheckId, trial: Trial) -> None:
    """The address of an event is the peer's or, from a trusted proxy, the right-most that is no proxy's."""
    server = KeyServerDriver(trial, own_peers=False)
    server.positive_control()
    for what, (peer, forwarded, expected) in _HOPS.items():
        _judge_address(server, what, server.authenticate("bprf_nothing", peer=peer, forwarded=forwarded), expected)


@check("LIFE-14", needs=(FORWARDED,))
def test_client_ip_is_told_of_every_kind_of_request(mark: CheckId, trial: Trial) -> None:
    """Exchanges, uses and revocations, refused or not, give the address of the client behind the proxy."""
    server = KeyServerDriver(trial)
    at = {"peer": PROXY, "forwarded": f"{_CLAIMED}, {_REAL}"}
    grant = server.grant(server.exchange(server.subject_token(), **at))
    asked = {
        "an exchange": grant.decision,
        "a refused exchange": server.exchange("alice", **at),
        "a use": server.authenticate(grant.bearer, **at),
        "a failed revocation": server.revoke(grant.jti, admin="no", **at),
        "a revocation": server.revoke(grant.jti, **at),
        "a use after it": server.authenticate(grant.bearer, **at),
        "a bulk revocation": (server.issue(), server.revoke_all("alice", **at))[1],
    }
    for what, decision in asked.items():
        _judge_address(server, what, decision, (_REAL,))


@check("LIFE-14")
def test_client_ip_is_the_peer(mark: CheckId, trial: Trial) -> None:
    """Without any proxy the address of an event is that of the peer of this very request."""
    server = KeyServerDriver(trial)
    grant = server.issue(peer=OTHER_PEER)
    _judge_address(server, "an exchange", grant.decision, (OTHER_PEER,))
    for peer in (PEER, "2001:db8::7", OTHER_PEER):
        _judge_address(server, "a use", server.authenticate(grant.bearer, peer=peer), (peer,))


def _judge_address(server: KeyServerDriver, what: str, decision: Decision, expected: Sequence[str | None]) -> None:
    if not decision.events:
        server.fail(f"{what}: no event", "an event", "none")
    for event in decision.events:
        reported = event.get("client_ip")
        if not any(lifecycle.same_address(reported, address) for address in expected):
            shown = " or ".join(str(address) for address in expected)
            server.fail(f"{what}: another address", shown, json.dumps(reported), [event])
