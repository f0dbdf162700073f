"""Revocation of a token: at once, a second time, of nothing, and many at the same time."""

import hashlib
from collections.abc import Mapping, Sequence

from bearerproof.contract.decisions import Decision
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.keyserver import race_requests
from bearerproof_fuzz.keyserver.driver import Grant, KeyServerDriver
from bearerproof_fuzz.keyserver.revocation_asserts import NOBODYS_JTI, dead, live, none_revoked, revoked
from bearerproof_fuzz.keyserver.setting import DEFAULT, OTHER, OTHER_PEER, PEER
from bearerproof_fuzz.needs import CLOCK, CONFIGURE, RACE, REAP

# --- one token


@check("REV-1")
def test_refused_from_the_answer_on(mark: CheckId, trial: Trial) -> None:
    """A revoked bearer is refused by the very next request, however often it was used before."""
    server = KeyServerDriver(trial)
    for uses in (0, 1, 5):
        grant = server.issue()
        for _ in range(uses):
            server.admitted(grant)
        revoked(server, server.revoke(grant.jti), 1, "one live token is revoked")
        dead(server, grant, grant, summary=f"a bearer used {uses} times was revoked the moment before")


@check("REV-1")
def test_refused_whatever_it_is_for(mark: CheckId, trial: Trial) -> None:
    """A revoked bearer is refused for every backend and tool, the ones it was used for and others."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    uses: tuple[tuple[str | None, str | None], ...] = (("a", "x"), ("a", None), (None, "x"), ("b", "y"), (None, None))
    for backend, tool in uses[:3]:
        server.admitted(grant, backend, tool)
    server.good(server.revoke(grant.jti), "one live token is revoked")
    for backend, tool in uses:
        decision = server.authenticate(grant.bearer, backend, tool, peer=OTHER_PEER)
        server.refused(decision, "invalid-token", f"a revoked bearer is presented for {backend} and {tool}")


@check("REV-1")
def test_other_tokens_live_on(mark: CheckId, trial: Trial) -> None:
    """Revoking one token leaves alone the others of its identity, and those of everybody else."""
    server = KeyServerDriver(trial)
    before, grant, after = (server.issue() for _ in range(3))
    others = [server.issue("bob"), server.issue("alice", provider=OTHER)]
    server.good(server.revoke(grant.jti), "one live token is revoked")
    dead(server, grant, summary="the token was revoked")
    live(server, before, after, summary="another token of the same identity was revoked")
    live(server, *others, summary="a token of another identity was revoked")


@check("REV-1")
def test_new_tokens_after_a_revocation(mark: CheckId, trial: Trial) -> None:
    """Revoking one token blocks nobody: the identity gets a new one, and the old one stays refused."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    server.good(server.revoke(grant.jti), "one live token is revoked")
    decision = server.exchange(server.subject_token())
    server.good(decision, "a single token of the identity was revoked before")
    live(server, server.grant(decision), summary="a token issued after the revocation of another")
    dead(server, grant, summary="the identity has a new token since this one was revoked")


_LATER = {
    "a moment": 0.25,
    "a minute": 60.0,
    "a moment before its end": 599.75,
    "its end": 600.0,
    "its retention": 890.0,
    "longer than anything is kept": 5000.0,
}
"""Times after a revocation at which the token is presented again, for the lifetime and retention of the setting."""


@check("REV-1", needs=(CLOCK, CONFIGURE, REAP))
def test_refused_for_good(mark: CheckId, trial: Trial) -> None:
    """A revoked bearer is refused at any later time, with and without a cleaning up, and on a clock set back."""
    for name, seconds in _LATER.items():
        server = KeyServerDriver(trial)
        grant = server.issue()
        server.good(server.revoke(grant.jti), "one live token is revoked")
        server.wait(seconds)
        dead(server, grant, summary=f"a bearer is presented {name} after its revocation")
        server.reap()
        dead(server, grant, summary=f"a bearer is presented {name} after its revocation, and after cleaning up")
        server.step_wall_clock(-2 * seconds)
        dead(server, grant, summary="a revoked bearer is presented after the clock was set back")


@check("REV-2")
def test_second_time_is_not_active(mark: CheckId, trial: Trial) -> None:
    """Revoking a token again and again is answered with not-active, from wherever it is asked."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    revoked(server, server.revoke(grant.jti), 1, "one live token is revoked")
    for peer in (PEER, OTHER_PEER, PEER):
        decision = server.revoke(grant.jti, peer=peer)
        server.refused(decision, "not-active", "the token was revoked before")
        none_revoked(server, decision)
    dead(server, grant, summary="the token was revoked, and then again")


@check("REV-2")
def test_second_time_changes_nothing(mark: CheckId, trial: Trial) -> None:
    """Revoking a token a second time neither revives it nor ends another one."""
    server = KeyServerDriver(trial)
    others = [server.issue(), server.issue("bob")]
    grant = server.issue()
    server.good(server.revoke(grant.jti), "one live token is revoked")
    newer = server.issue()
    server.refused(server.revoke(grant.jti), "not-active", "the token was revoked before")
    dead(server, grant, summary="the token was revoked, and then again")
    live(server, *others, newer, summary="another token was revoked twice")


@check("REV-2")
def test_revoked_in_bulk_before(mark: CheckId, trial: Trial) -> None:
    """Revoking a token that a bulk revocation has ended is answered with not-active."""
    server = KeyServerDriver(trial)
    grants = [server.issue(), server.issue()]
    revoked(server, server.revoke_all("alice"), 2, "two live tokens are revoked in bulk")
    for grant in grants:
        server.refused(server.revoke(grant.jti), "not-active", "the token was revoked in bulk before")


@check("REV-2", needs=(CLOCK, CONFIGURE))
def test_second_time_much_later(mark: CheckId, trial: Trial) -> None:
    """A token that was revoked stays not-active, whatever time has passed."""
    for seconds in _LATER.values():
        server = KeyServerDriver(trial)
        grant = server.issue()
        server.good(server.revoke(grant.jti), "one live token is revoked")
        server.wait(seconds)
        server.refused(server.revoke(grant.jti), "not-active", f"the token was revoked {seconds:g} s before")


# --- nothing to revoke


@check("REV-3", needs=(CLOCK, CONFIGURE))
def test_expired_token_is_not_active(mark: CheckId, trial: Trial) -> None:
    """From the instant of its expiry on a token is not-active; a moment before, it is revoked."""
    for ttl in (1, 60, 600):
        server = KeyServerDriver(trial, DEFAULT.but(ttl=ttl))
        first, second = server.issue(), server.issue()
        server.wait(ttl - 0.25)
        revoked(server, server.revoke(first.jti), 1, "a token is revoked a moment before its end")
        server.wait(0.25)
        for pause in (0.0, 0.25, 299.5, 0.5, 3600.0):
            server.wait(pause)
            decision = server.revoke(second.jti)
            server.refused(decision, "not-active", "the token had expired")
            none_revoked(server, decision)


_UNKNOWN: Mapping[str, str] = {
    "an id of nobody": NOBODYS_JTI,
    "a null id": "00000000-0000-0000-0000-000000000000",
    "all": "*",
    "a wildcard": "%",
    "a path": "../tokens",
    "a text": "nothing",
    "a long text": "a" * 5000,
    "a text with controls": "a\r\nb\0",
    "a text beyond ASCII": "\u00e9\u4e2d",
}


@check("REV-3")
def test_unknown_id_is_not_active(mark: CheckId, trial: Trial) -> None:
    """An id that no token has is not-active, whatever it looks like, and ends nothing."""
    server = KeyServerDriver(trial)
    grants = [server.issue(), server.issue("bob")]
    for name, jti in _UNKNOWN.items():
        decision = server.revoke(jti)
        expected = "not-active" if name in ("an id of nobody", "a null id") else ("not-active", "invalid_request")
        server.refused(decision, expected, f"what is to be revoked is {name}")
        none_revoked(server, decision)
    live(server, *grants, summary="something unknown was revoked")
    server.good(server.revoke(grants[0].jti), "a live token is revoked after many unknown ones")


@check("REV-3")
def test_nearly_the_id_is_not_active(mark: CheckId, trial: Trial) -> None:
    """Another spelling or a part of a token's id, its bearer or a digest of it is not the id and ends nothing."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    for name, text in _near(grant).items():
        decision = server.revoke(text)
        server.refused(decision, ("not-active", "invalid_request"), f"what is to be revoked is {name}")
        none_revoked(server, decision)
    live(server, grant, summary="something like its id was revoked")
    server.good(server.revoke(grant.jti), "a live token is revoked by its id")


def _near(grant: Grant) -> Mapping[str, str]:
    jti, bearer = grant.jti, grant.bearer
    digest = hashlib.sha256(bearer.encode()).hexdigest()
    spelled = {
        "the id in the other case": jti.swapcase(),
        "the id without hyphens": jti.replace("-", ""),
        "the id after a blank": f" {jti}",
        "the id before a blank": f"{jti} ",
        "the id before a line feed": f"{jti}\n",
        "the id before a NUL": f"{jti}\0",
        "the id in braces": f"{{{jti}}}",
        "the id as a URN": f"urn:uuid:{jti}",
        "the beginning of the id": jti[:-1],
        "the end of the id": jti[1:],
        "nothing": "",
        "a blank": " ",
        "the beginning and a wildcard": f"{jti[:8]}*",
        "two ids": f"{jti},{jti}",
        "the bearer": bearer,
        "the digest of the bearer": digest,
        "the subject": grant.subject,
    }
    return {name: text for name, text in spelled.items() if text != jti}


# --- at the same time


ROUNDS = 4
"""How often a race is run: what goes wrong in one only sometimes is meant to show."""


def _sum(decisions: Sequence[Decision]) -> int:
    return sum(decision.revoked for decision in decisions)


@check("REV-9", needs=(RACE,))
def test_one_of_many_revokes_it(mark: CheckId, trial: Trial) -> None:
    """Of many concurrent revocations of one token exactly one succeeds, and the others find it not active."""
    server = KeyServerDriver(trial)
    for _ in range(ROUNDS):
        grant = server.issue()
        decisions = server.race([race_requests.revoke(grant.jti)] * 12)
        if _sum(decisions) != 1:
            got = "several did" if _sum(decisions) else "none did"
            server.fail("a token is revoked by many at the same time", "one of them does", got)
        for decision in decisions:
            if not decision.good:
                server.refused(decision, "not-active", "a token is revoked by many at the same time")
        dead(server, grant, summary="the token was revoked")


@check("REV-9", needs=(RACE,))
def test_bulk_revocations_share_the_tokens(mark: CheckId, trial: Trial) -> None:
    """Concurrent bulk revocations and revocations of single tokens end each token once: their numbers add up."""
    server = KeyServerDriver(trial)
    for number in range(ROUNDS):
        subject = f"user-{number}"
        grants = [server.issue(subject) for _ in range(4)]
        in_bulk = [race_requests.revoke_all(subject)] * 2
        decisions = server.race([*in_bulk, *(race_requests.revoke(grant.jti) for grant in grants), *in_bulk])
        if _sum(decisions) != len(grants):
            got = "more" if _sum(decisions) > len(grants) else "fewer"
            server.fail("four tokens are revoked in bulk and one by one at the same time", "4 in all", got)
        dead(server, *grants, summary="the token was revoked")


@check("REV-9", needs=(RACE, CONFIGURE))
def test_bulk_revocation_against_exchanges(mark: CheckId, trial: Trial) -> None:
    """A bulk revocation in the midst of exchanges ends just as many tokens as it says, and all from before it."""
    for _ in range(ROUNDS):
        server = KeyServerDriver(trial, DEFAULT.but(cap=20))
        before = [server.issue() for _ in range(3)]
        meanwhile, decisions = _race_against_exchanges(server)
        shown = len(server.steps)
        ended = [grant for grant in (*before, *meanwhile) if not server.authenticate(grant.bearer).good]
        del server.steps[shown:]  # which of them there are is up to the threads
        if not all(grant in ended for grant in before):
            server.fail("a token was there before a bulk revocation", "its end", "it lives on")
        if len(ended) != _sum(decisions):
            got = "more ended" if len(ended) > _sum(decisions) else "fewer ended"
            server.fail("exchanges go on during a bulk revocation", "as many ended as it says", got)


@check("REV-6", needs=(RACE, CONFIGURE))
def test_nothing_minted_while_revoking(mark: CheckId, trial: Trial) -> None:
    """Nothing that subject tokens from before mint during a bulk revocation is live after it."""
    for _ in range(ROUNDS):
        server = KeyServerDriver(trial, DEFAULT.but(cap=20))
        server.admitted(server.issue())
        meanwhile, _ = _race_against_exchanges(server)
        shown = len(server.steps)
        minted = [grant for grant in meanwhile if server.authenticate(grant.bearer).good]
        del server.steps[shown:]
        if minted:
            server.fail("a bulk revocation ran while older subject tokens were exchanged", "nothing live", "a token")


def _race_against_exchanges(server: KeyServerDriver) -> tuple[list[Grant], list[Decision]]:
    """Run a bulk revocation amid exchanges; return what these were granted, and all the answers."""
    exchanges = [race_requests.exchange(server.subject_token()) for _ in range(12)]
    decisions = server.race([*exchanges[:6], race_requests.revoke_all("alice"), *exchanges[6:]])
    return [server.grant(decision) for decision in decisions if "access_token" in decision.members], decisions
