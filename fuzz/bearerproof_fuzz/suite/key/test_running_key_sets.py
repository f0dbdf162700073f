"""How a resource server that runs fetches our key set: rotation, outages, unknown kids, in real seconds."""

import json
import math
import time
from collections.abc import Mapping
from dataclasses import replace

import pytest

from bearerproof.contract.messages import Outcome
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import ACCEPTED, REJECTED, Trial
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure
from bearerproof_fuzz import jwks_endpoint, keys
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.jwks_endpoint import Reply
from bearerproof_fuzz.keys import Key
from bearerproof_fuzz.needs import REASONS, RESOURCE_FETCHES, RESOURCE_STALE
from bearerproof_fuzz.resource.fetching import UNPROVEN, Fetching, fetching_keys


@check("KEY-7", needs=RESOURCE_FETCHES)
def test_running_server_finds_a_new_key(mark: CheckId, trial: Trial) -> None:
    """A token under a key that the set has gained is accepted: at once, after the cool-down, or when the set is old."""
    with fetching_keys(trial, mark) as fetching:
        added = fetching.fresh()
        fetching.authority.serve(added)
        if not fetching.finds(added):
            trial.fail("a key that the set has gained is not found", "accepted", "rejected", fetching.under(added))
        presented = fetching.under(replace(fetching.fresh(), kid=added.kid))
        trial.expect(
            trial.ask(presented),
            REJECTED,
            "a token under the kid of the new key and another key is accepted",
            presented,
        )


@check("KEY-7", needs=RESOURCE_FETCHES)
def test_running_server_lets_a_lost_key_go(mark: CheckId, trial: Trial) -> None:
    """A token under a key that the set has lost is refused once what was fetched is too old."""
    with fetching_keys(trial, mark) as fetching:
        lost = fetching.withdrawn()
        fetching.wait(fetching.times.ttl, "a key set to grow old")
        still = fetching.comes_to(lost, Outcome.REJECTED)
        if still is not None:
            trial.fail("a key still verifies that the set has lost", "rejected", "accepted", still)


@check("KEY-12", needs=RESOURCE_FETCHES)
def test_running_server_replaces_the_whole_set(mark: CheckId, trial: Trial) -> None:
    """A fetch that an unknown kid has caused takes away the keys that the set has lost."""
    with fetching_keys(trial, mark) as fetching:
        lost = fetching.withdrawn()
        fetching.made_to_fetch()
        still = fetching.comes_to(lost, Outcome.REJECTED)
        if still is not None:
            trial.fail("a key still verifies that the fetched set has lost", "rejected", "accepted", still)


@check("KEY-4", needs=RESOURCE_FETCHES)
def test_running_server_passes_over_odd_neighbours(mark: CheckId, trial: Trial) -> None:
    """Unknown members of the set spoil no key in it, and keys of unknown kinds spoil no others."""
    with fetching_keys(trial, mark) as fetching:
        strange = {} if trial.measure is Measure.BASE else _NEIGHBOURS  # of keys, RFC 7517 §5 only recommends it
        if _accepted_beside(fetching, strange):
            return
        for name, neighbour in ({"members that nobody knows": None, **strange}).items():
            if not _accepted_beside(fetching, {} if neighbour is None else {name: neighbour}):
                trial.fail(
                    f"beside {name} no key of the set verifies", "accepted", "rejected", fetching.honest(), kind=name
                )


def _accepted_beside(fetching: Fetching, neighbours: Mapping[str, Json]) -> bool:
    """Say whether a new key is found in a set that has these neighbours in it; without any it has to be found."""
    added = fetching.fresh()
    jwks = [*neighbours.values(), *fetching.authority.published(), {**added.public_jwk, "x-unheard-of": {"a": 1}}]
    fetching.authority.key_set.reply = Reply(json.dumps({"keys": jwks, "issuer": "odd"}).encode())
    if fetching.finds(added):
        return True
    fetching.recover()
    plain = fetching.fresh()
    fetching.authority.serve(plain)
    if not fetching.finds(plain):
        pytest.skip("no new key is found by its kid, also without neighbours")
    return False


_NEIGHBOURS: Mapping[str, Json] = {
    "a key of an unknown type": {"kty": "XYZ", "kid": "odd-type", "use": "sig", "x": "AA"},
    "a key on an unknown curve": {"kty": "EC", "crv": "P-1024", "kid": "odd-curve", "use": "sig", "x": "AA", "y": "AA"},
    "a key of an unknown algorithm": {"kty": "AKP", "alg": "XX-99", "kid": "odd-alg", "pub": "AA"},
    "a key without a number that it needs": {"kty": "RSA", "kid": "odd-rsa", "use": "sig", "e": "AQAB"},
    "a key for encryption": {**keys.key("RS256", "b").public_jwk, "kid": "odd-enc", "use": "enc", "alg": "RSA-OAEP"},
}


@check("KEY-8", needs=RESOURCE_FETCHES)
def test_running_server_keeps_the_last_good_set(mark: CheckId, trial: Trial) -> None:
    """After a fetch that fails, honest tokens are accepted as before."""
    with fetching_keys(trial, mark) as fetching:
        for name, reply in jwks_endpoint.failures(fetching.authority.keys).items():
            fetching.recover()
            fetching.authority.key_set.reply = replace(reply, kids=None)
            fetching.made_to_fetch()
            answer = trial.ask(fetching.honest())
            if answer.outcome is not Outcome.ACCEPTED and not fetching.fresh_enough:
                continue
            summary = f"after a fetch that failed with {name} no honest token is accepted"
            trial.expect(answer, ACCEPTED, summary, fetching.honest(), kind=name)


@check("KEY-9", needs=RESOURCE_STALE)
def test_running_server_gives_up_a_set_that_is_too_old(mark: CheckId, trial: Trial) -> None:
    """Once its stale limit has passed without a fetch that succeeds, no honest token is accepted."""
    with fetching_keys(trial, mark) as fetching:
        presented, answer = fetching.starved()
        trial.expect(answer, UNPROVEN, "a key set is used beyond its stale limit", presented)


@check("KEY-11", needs=(*RESOURCE_STALE, REASONS))
def test_running_server_says_that_it_has_no_keys(mark: CheckId, trial: Trial) -> None:
    """Once its stale limit has passed, the reason for a refusal is the lack of a key set."""
    with fetching_keys(trial, mark) as fetching:
        presented, answer = fetching.starved()
        if answer.outcome is Outcome.ACCEPTED:
            pytest.skip("a key set is used beyond its stale limit, which KEY-9 finds")
        trial.expect(answer, UNPROVEN, "an honest token without a key set is not refused", presented)
        summary = "without a key set another reason is given for a refusal"
        trial.expect_reason(answer, {"keys-unavailable"}, summary, presented)


@check("KEY-13", needs=RESOURCE_FETCHES)
def test_running_server_believes_no_odd_answer(mark: CheckId, trial: Trial) -> None:
    """A key is not believed that comes by a redirect, in too large an answer, or in what is no JWK set."""
    with fetching_keys(trial, mark) as fetching:
        for name, (reply, key) in _untrustworthy(fetching).items():
            fetching.recover()
            fetching.authority.key_set.reply = reply
            fetching.made_to_fetch()
            presented = fetching.under(key)
            summary = f"a key is believed that came with {name}"
            trial.expect(trial.ask(presented), UNPROVEN, summary, presented, kind=name)


def _untrustworthy(fetching: Fetching) -> dict[str, tuple[Reply, Key]]:
    found: dict[str, tuple[Reply, Key]] = {}
    for status in (301, 307):
        key = fetching.fresh()
        found[f"a redirect of status {status}"] = (Reply(b"", status, fetching.authority.elsewhere(key)), key)
    for name in ("an array of keys", "a set in an array", "a set under another name", "a set with text after it"):
        key = fetching.fresh()
        found[name] = (jwks_endpoint.not_key_sets([key])[name], key)
    key = fetching.fresh()
    found["an answer of 32 MiB"] = (jwks_endpoint.too_large([key]), key)
    return found


@check("KEY-10", needs=RESOURCE_FETCHES)
def test_running_server_bounds_its_fetches(mark: CheckId, trial: Trial) -> None:
    """Many tokens of many unknown kids cause no more fetches than the cool-down allows."""
    with fetching_keys(trial, mark) as fetching:
        cooldown, before, start = fetching.times.cooldown, fetching.authority.requests, time.monotonic()
        if cooldown is None and trial.measure is Measure.BASE:
            return
        for answer in trial.ask_all([fetching.stranger() for _ in range(STRANGERS)]):
            trial.expect(
                answer, REJECTED, "a token of an attacker under an unknown kid is accepted", fetching.stranger()
            )
        seconds, fetches = time.monotonic() - start, fetching.authority.requests - before
        most = STRANGERS // 5 if not cooldown else 1 + math.ceil(seconds / cooldown)
        if fetches > most:
            summary = f"{STRANGERS} tokens of as many unknown kids made it fetch {fetches} times"
            trial.fail(summary, f"{most} times at most", f"{fetches} times", fetching.stranger(), kind="refetches")


STRANGERS = 50
"""How many unknown kids are presented."""
