"""How a set of keys is fetched: in how many requests, in what pieces, and for how long."""

import time
from collections.abc import Callable, Collection

import pytest

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz import fetched, jwks_endpoint, keys
from bearerproof_fuzz.checks import check, strict_alone
from bearerproof_fuzz.forge import Forge
from bearerproof_fuzz.jwks_endpoint import Reply
from bearerproof_fuzz.keys import Key
from bearerproof_fuzz.needs import CLOCK, KEYS_URL

ALLOWED = 5.0
"""Seconds that bearerproof allows for one answer; a fetch has to end well within them."""


@check("KEY-7", needs=(KEYS_URL,))
def test_fetched_set_in_pieces(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A key set that arrives in two pieces is as good as one that arrives at once."""
    _judge_as_good(mark, trial, forge, jwks_endpoint.in_halves, "a key is refused whose set arrived in two pieces")


@check("KEY-7", needs=(KEYS_URL,))
def test_fetched_key_without_an_algorithm(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A fetched key that does not name its algorithm serves the one of its type that the policy allows."""
    strict_alone(trial, "what a key without `alg` is good for, RFC 7517 §4.4 leaves open")
    summary = "a fetched key is refused that does not name its algorithm"
    _judge_as_good(mark, trial, forge, jwks_endpoint.unnamed_algorithms, summary)


def _judge_as_good(
    mark: CheckId, trial: Trial, forge: Forge, served: Callable[[Collection[Key]], Reply], summary: str
) -> None:
    """Judge a set that is served in another way; the control is the same key served in the usual one."""
    key = _key(forge, mark)
    with fetched.fetched(trial, forge, mark.profile, jwks_endpoint.key_set([key])) as usual:
        usual.control(key)
    with fetched.fetched(trial, forge, mark.profile, served([key])) as verifier:
        verifier.accepted = usual.accepted
        verifier.accepts(key, summary)


@check("KEY-7", needs=(KEYS_URL,))
def test_fetched_set_after_a_reset(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A reset forgets the fetched set, so a withdrawn key is gone and the new one there at once."""
    if trial.level < 2:  # nobody is asked to forget
        return
    key, new = _key(forge, mark), keys.key(forge.base(mark.profile).key.algorithm, "b")
    with fetched.fetched(trial, forge, mark.profile, jwks_endpoint.key_set([key])) as verifier:
        verifier.control(key)
        verifier.serve(new)
        trial.implementation.reset()
        verifier.refuses(verifier.token(key), "a fetched set outlives a reset", {"key-unknown"})
        verifier.accepts(new, "a key is refused that was served at the first fetch after a reset")


@check("KEY-8", needs=(KEYS_URL, CLOCK), primary=True)
def test_refresh_without_an_end(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A refresh that gets no answer, or one that never ends, ends by itself, and the last good set serves."""
    key = _key(forge, mark)
    times = fetched.times(trial)
    if not times.stale:
        pytest.skip("the implementation declares that a set never serves stale")
    endings = {"gets no answer": jwks_endpoint.silence(), "gets an answer without an end": jwks_endpoint.endless([])}
    for name, reply in endings.items():
        with fetched.fetched(trial, forge, mark.profile, jwks_endpoint.key_set([key])) as verifier:
            verifier.control(key)
            verifier.fail(reply)
            verifier.wait(times.ttl + times.stale / 2)
            started = time.monotonic()
            verifier.accepts(key, f"a refresh that {name} has lost the key set")
            if time.monotonic() - started >= ALLOWED:
                verifier.find(f"a refresh that {name} does not end by itself", f"less than {ALLOWED:g} s", "more")


@check("KEY-10", needs=(KEYS_URL, CLOCK))
def test_known_kids(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Honest tokens under a known kid cause no fetch while the set is fresh, cool-down or not."""
    key = _key(forge, mark)
    with fetched.fetched(trial, forge, mark.profile, jwks_endpoint.key_set([key])) as verifier:
        verifier.control(key)
        before = verifier.requests
        rested = verifier.times.cooldown + 1
        # Close to its end a set may be refreshed ahead of it.
        for age in (0.0, rested) if rested <= verifier.times.ttl / 2 else (0.0,):
            verifier.wait_until(age)
            verifier.accepts(key, "a known key is refused")
            if verifier.requests > before:
                summary = "an honest token under a known kid has a fresh key set fetched again"
                verifier.find(summary, "no fetch", "a fetch", verifier.token(key))


def _key(forge: Forge, mark: CheckId) -> Key:
    return keys.key(forge.base(mark.profile).key.algorithm)
