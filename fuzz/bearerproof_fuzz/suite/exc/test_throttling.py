"""Throttling: how many exchanges a peer has in a minute, and what gives it no more."""

from hypothesis import strategies as st

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check, explore
from bearerproof_fuzz.keyserver import race_requests
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.revocation_asserts import A_CROWD, crowd
from bearerproof_fuzz.keyserver.setting import DEFAULT, OTHER_PEER, PEER
from bearerproof_fuzz.needs import FORWARDED, RACE, THROTTLED


def _throttled(trial: Trial, number: int) -> KeyServerDriver:
    throttle = {"admin_failures": 5, "exchanges_per_minute": number}
    return KeyServerDriver(trial, DEFAULT.but(extra={"throttle": throttle}, cap=100, max_age=3600))


@check("EXC-17", needs=THROTTLED)
def test_exchanges_beyond_the_number(mark: CheckId, trial: Trial) -> None:
    """A peer has its number of exchanges, not one more, and has them again a minute later."""
    for number in (1, 3):
        server = _throttled(trial, number)
        for _ in range(3):
            for _ in range(number):
                server.good(server.exchange(server.subject_token()), f"an exchange within {number} a minute")
            for _ in range(2):
                decision = server.exchange(server.subject_token())
                server.refused(decision, "rate_limited", f"an exchange beyond {number} a minute")
            server.wait(61)


@check("EXC-17", needs=(*THROTTLED, RACE))
def test_exchanges_at_once(mark: CheckId, trial: Trial) -> None:
    """Of many exchanges that one peer asks for at the same time no more are granted than one after another."""
    for number in (1, 3, 3, 3):
        server = _throttled(trial, number)
        asked = [race_requests.exchange(server.subject_token(f"user-{at}")) for at in range(30)]
        granted = 0
        for decision in server.race(asked):
            granted += decision.good
            if not decision.good:
                server.refused(
                    decision, "rate_limited", f"one of 30 exchanges at once, where {number} a minute are allowed"
                )
        if granted != number:
            server.fail("one peer exchanges at once", f"{number} of 30 granted", f"{granted}")


@check("EXC-17", needs=THROTTLED)
def test_crowd_frees_no_peer(mark: CheckId, trial: Trial) -> None:
    """However many others exchange, a peer over its number stays so; a while later everybody has his own again."""
    server = _throttled(trial, 2)
    for _ in range(2):
        server.exchange("x")
    for peer in crowd(A_CROWD):
        server.exchange("x", peer=peer)
    decision = server.exchange(server.subject_token())
    server.refused(decision, "rate_limited", "many others have exchanged since the peer used its number up")
    server.wait(120)
    for peer in (PEER, OTHER_PEER):
        server.good(server.exchange(server.subject_token(), peer=peer), f"two minutes after a crowd, {peer}")


@check("EXC-17", needs=THROTTLED)
def test_throttled_before_verification(mark: CheckId, trial: Trial) -> None:
    """Exchanges that fail count as well, and beyond the number none is verified, nor used up if it is good."""
    server = _throttled(trial, 3)
    good = server.subject_token()
    for text in ("x", "e30.e30.", server.subject_token(aud="somebody-else")):
        server.refused(server.exchange(text), "invalid_request", "a bad subject token within the number")
    for text in ("x", server.subject_token(aud="somebody-else"), good, good):
        server.refused(server.exchange(text), "rate_limited", "an exchange beyond the number, after those that failed")
    server.good(server.exchange(good, peer=OTHER_PEER), "the subject token that was refused unseen")


@check("EXC-17", needs=THROTTLED)
def test_peers_do_not_share_a_number(mark: CheckId, trial: Trial) -> None:
    """One peer that uses its number up takes nothing from the others."""
    server = _throttled(trial, 2)
    for _ in range(20):
        server.exchange("x")
    server.refused(server.exchange(server.subject_token()), "rate_limited", "the peer that asks too often")
    for peer in (OTHER_PEER, "192.0.2.8", "192.0.2.70", "2001:db8:1::1"):
        server.good(server.exchange(server.subject_token(), peer=peer), f"another peer: {peer}")


@check("EXC-17", needs=(*THROTTLED, FORWARDED))
def test_forwarded_header_gains_no_exchanges(mark: CheckId, trial: Trial) -> None:
    """A stranger's word on where it comes from gives it no second number."""
    server = _throttled(trial, 2)
    for host in range(2):
        decision = server.exchange(server.subject_token(), forwarded=f"203.0.113.{host}")
        server.good(decision, "an exchange within the number")
    for host in range(2, 6):
        decision = server.exchange(server.subject_token(), forwarded=f"203.0.113.{host}")
        server.refused(decision, "rate_limited", "an exchange beyond the number under another forwarded address")


@check("EXC-17", needs=THROTTLED)
def test_no_throttle_is_none(mark: CheckId, trial: Trial) -> None:
    """A number of 0 limits nobody."""
    server = _throttled(trial, 0)
    for _ in range(40):
        server.good(server.exchange(server.subject_token()), "an exchange where nothing is limited")


@check("EXC-17", needs=THROTTLED)
def test_wall_clock_gives_no_exchanges(mark: CheckId, trial: Trial) -> None:
    """Steps of the wall clock give a peer no exchange and take none away."""

    def unmoved(number: int, steps: list[float]) -> None:
        server = _throttled(trial, number)
        for place in range(number + 3):
            server.step_wall_clock(steps[place % len(steps)])
            decision = server.exchange(server.subject_token())
            if place < number:
                server.good(decision, f"exchange {place + 1} of {number}")
            else:
                server.refused(decision, "rate_limited", f"an exchange beyond {number} after a step of the wall clock")

    for step in (61.0, -61.0, 3600.0):
        unmoved(2, [step])
    sizes = st.sampled_from((61.0, -61.0, 0.0, -7.5, 1000.0))
    explore(unmoved, st.integers(1, 4), st.lists(sizes, min_size=1, max_size=3), share=10)
