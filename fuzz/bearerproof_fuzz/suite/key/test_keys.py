"""Keys that change while a verifier runs: rotation of given sets, and sets fetched from a URL."""

from contextlib import AbstractContextManager
from dataclasses import replace

import pytest

from bearerproof.contract.declaration import FetchedKeys
from bearerproof.contract.messages import Presentation
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import ACCEPTED, REJECTED, Trial
from bearerproof_fuzz import fetched, jwks_endpoint, keys
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.fetched import Fetched
from bearerproof_fuzz.forge import Draft, Forge
from bearerproof_fuzz.jwks_endpoint import Reply
from bearerproof_fuzz.keys import Key
from bearerproof_fuzz.machines.rotation import run_rotation
from bearerproof_fuzz.needs import CLOCK, KEY_SET, KEYS_URL

BURST = 12
"""Tokens under unknown kids in a burst; one fetch for each would be twelve."""

UNAVAILABLE = frozenset({"keys-unavailable"})
NOT_OURS = frozenset({"key-unknown", "key-unusable", "signature"})


@check("KEY-7")
def test_rotation_of_a_given_set(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Under the set before, during and after a rotation, exactly the keys in it verify."""
    base = forge.base(mark.profile)
    old, new = base.key, keys.key(base.key.algorithm, "b")
    overlap = [[old, new]] if trial.declaration.key_set else []
    trial.control(_given(trial, base, old, [old]))
    for held in ([old], *overlap, [new], [old]):
        for signer in (old, new):
            _judge_given(trial, base, signer, held)


@check("KEY-7")
def test_new_key_under_the_same_kid(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A key that takes over the kid of another one is the only one that verifies under it."""
    base = forge.base(mark.profile)
    old = base.key
    new = _renewed(old)
    trial.control(_given(trial, base, old, [old]))
    for held in ([old], [new], [old]):
        for signer in (old, new):
            _judge_given(trial, base, signer, held)


@check("KEY-7", needs=(KEYS_URL, CLOCK, KEY_SET))
def test_key_gained_by_a_fetched_set(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A key that the endpoint serves beside the old one is accepted once the cool-down is over."""
    old, new = _pair(trial, forge)
    with _scenario(mark, trial, forge, jwks_endpoint.key_set([old])) as verifier:
        verifier.control(old)
        verifier.refuses(verifier.token(new), "a key is accepted that was not served yet", NOT_OURS)
        verifier.serve(old, new)
        verifier.wait(verifier.times.cooldown + 1)
        verifier.accepts(new, "the first token of a new key is refused, though a refetch is allowed again")
        verifier.accepts(old, "the old key is refused, though the endpoint still serves it")


@check("KEY-7", needs=(KEYS_URL, CLOCK, KEY_SET))
def test_key_gained_amid_unknown_kids(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A trickle of forged tokens keeps no new key out for longer than a cool-down after the last refetch."""
    old, new = _pair(trial, forge)
    with _scenario(mark, trial, forge, jwks_endpoint.key_set([old])) as verifier:
        verifier.control(old)
        cooldown, refetched = verifier.times.cooldown, 0.0
        for age in (0, cooldown / 3, cooldown * 2 / 3):
            verifier.wait_until(age)
            before = verifier.requests
            verifier.refuses(verifier.stranger(), "a token under an unknown kid is accepted")
            refetched = refetched if verifier.requests == before else age
        verifier.serve(old, new)
        verifier.wait_until(refetched + cooldown + 1)
        verifier.accepts(new, "forged tokens keep a new key out, though a refetch is allowed again")


@check("KEY-7", needs=(KEYS_URL, CLOCK))
def test_key_lost_by_a_fetched_set(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A key that the endpoint no longer serves is refused when its set is no longer fresh."""
    old, new = _pair(trial, forge)
    with _scenario(mark, trial, forge, jwks_endpoint.key_set([old])) as verifier:
        verifier.control(old)
        verifier.serve(new)
        verifier.wait(verifier.times.ttl + 1)
        verifier.refuses(verifier.token(old), "a withdrawn key outlives its set's time to live", NOT_OURS)
        verifier.accepts(new, "the key that took over is refused")


@check("KEY-8", needs=(KEYS_URL, CLOCK, KEY_SET))
def test_failed_refetch_for_an_unknown_kid(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A forged token under an unknown kid, sent while the endpoint fails, locks nobody out."""
    old, _ = _pair(trial, forge)
    for name, reply in _failures(old).items():
        with _scenario(mark, trial, forge, jwks_endpoint.key_set([old])) as verifier:
            verifier.control(old)
            verifier.fail(reply)
            verifier.wait(verifier.times.cooldown + 1)
            verifier.refuses(verifier.stranger(), f"a forged token is accepted when a refetch got {name}")
            verifier.accepts(old, f"a refetch that got {name} has lost the good key set")


@check("KEY-8", needs=(KEYS_URL, CLOCK))
def test_failed_refresh(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """While refreshing fails in any way, the last good set serves until the stale limit."""
    old, _ = _pair(trial, forge)
    for name, reply in _failures(old).items():
        with _scenario(mark, trial, forge, jwks_endpoint.key_set([old])) as verifier:
            _outlive(verifier, old, name, reply, _ages_within(verifier.times))


@check("KEY-8", needs=(KEYS_URL, CLOCK), primary=True)
def test_refresh_without_an_answer(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """An endpoint that never answers costs neither the verdict nor the last good set."""
    old, _ = _pair(trial, forge)
    with _scenario(mark, trial, forge, jwks_endpoint.key_set([old])) as verifier:
        _outlive(verifier, old, "no answer", jwks_endpoint.silence(), _ages_within(verifier.times)[-1:])


@check("KEY-8", needs=(KEYS_URL, CLOCK))
def test_failed_refresh_with_the_wall_clock_set_forward(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A wall clock that is set forward while the endpoint fails ends the life of no set."""
    old, _ = _pair(trial, forge)
    with _scenario(mark, trial, forge, jwks_endpoint.key_set([old])) as verifier:
        verifier.control(old)
        verifier.fail(Reply(status=500))
        verifier.set_wall_clock(verifier.times.ttl + verifier.times.stale + 1)
        verifier.accepts(old, "the key set is lost, since the wall clock was set forward")


@check("KEY-9", needs=(KEYS_URL, CLOCK))
def test_stale_limit(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A set serves until the stale limit, counted from the last fetch that succeeded, and no longer."""
    old, new = _pair(trial, forge)
    with _scenario(mark, trial, forge, jwks_endpoint.key_set([old])) as verifier:
        verifier.control(old)
        renewed = verifier.times.ttl + 1
        verifier.wait_until(renewed)
        verifier.control(old, "an honest token after a refresh")
        verifier.fail(Reply(jwks_endpoint.key_set([new]).body, 500))
        for age in _ages_within(verifier.times):
            verifier.wait_until(renewed + age)
            verifier.ask(verifier.stranger())  # an attempt that fails must not count as a renewal
            verifier.control(old, f"an honest token {age:g} s after the last good fetch")
        verifier.wait_until(renewed + verifier.times.ttl + verifier.times.stale + _edge(verifier.times.ttl))
        summary = "a key set serves beyond its stale limit, though every refresh has failed"
        verifier.refuses(verifier.token(old), summary, UNAVAILABLE)


@check("KEY-9", needs=(KEYS_URL, CLOCK))
def test_stale_limit_with_the_wall_clock_set_back(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A wall clock that is set back prolongs the life of no set: ages are those of the monotonic clock."""
    old, _ = _pair(trial, forge)
    with _scenario(mark, trial, forge, jwks_endpoint.key_set([old])) as verifier:
        verifier.control(old)
        verifier.fail(Reply(status=500))
        limit = verifier.times.ttl + verifier.times.stale
        verifier.wait(limit + _edge(verifier.times.ttl))
        verifier.set_wall_clock(-limit)
        summary = "a key set serves beyond its stale limit, since the wall clock was set back"
        verifier.refuses(verifier.token(old), summary, UNAVAILABLE)


@check("KEY-10", needs=(KEYS_URL, KEY_SET))
def test_burst_of_unknown_kids(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A burst of tokens under unknown kids causes at most one refetch, and honest tokens pass in between."""
    old, _ = _pair(trial, forge)
    with _scenario(mark, trial, forge, jwks_endpoint.key_set([old])) as verifier:
        verifier.control(old)
        _judge_burst(verifier, old, 1, "a burst of unknown kids floods the key endpoint")


@check("KEY-10", needs=(KEYS_URL, KEY_SET))
def test_burst_while_the_endpoint_fails(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A refetch that failed uses up the budget like one that succeeded."""
    old, _ = _pair(trial, forge)
    for name, reply in _failures(old).items():
        with _scenario(mark, trial, forge, jwks_endpoint.key_set([old])) as verifier:
            verifier.control(old)
            verifier.fail(reply)
            summary = f"a burst of unknown kids floods an endpoint that gives {name}"
            _judge_burst(verifier, old, 1, summary)
            rested = verifier.times.cooldown + 1
            # Only then is an unknown kid worth a refetch, where the first fetch began a cool-down as well.
            if trial.declaration.missing_capability(CLOCK) is None and rested <= verifier.times.ttl / 2:
                verifier.wait(rested)
                _judge_burst(verifier, old, 1, summary)


@check("KEY-10", needs=(KEYS_URL, KEY_SET))
def test_burst_before_the_first_set(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """While no set could be fetched at all, a burst of forged tokens is not passed on either."""
    old, _ = _pair(trial, forge)
    with _scenario(mark, trial, forge, jwks_endpoint.key_set([old])) as working:
        working.control(old)
    with _scenario(mark, trial, forge, Reply(status=500)) as verifier:
        _judge_burst(verifier, None, 2, "forged tokens flood an endpoint that has never answered well")


@check("KEY-10", needs=(KEYS_URL, CLOCK, KEY_SET))
def test_budget_over_several_cool_downs(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Unknown kids that never cease cause one refetch a cool-down, and honest tokens pass all the while."""
    old, _ = _pair(trial, forge)
    with _scenario(mark, trial, forge, jwks_endpoint.key_set([old])) as verifier:
        verifier.control(old)
        quarter = verifier.times.cooldown / 4
        for _ in range(13):
            verifier.refuses(verifier.stranger(), "a token under an unknown kid is accepted")
            verifier.accepts(old, "a known key is refused among unknown kids")
            verifier.wait(quarter)
        span = 12 * quarter
        allowed = 3 + 1 + int(span // verifier.times.ttl) + 1
        if verifier.requests > allowed:
            verifier.find(
                f"unknown kids over {span:g} s, with a cool-down of {verifier.times.cooldown:g} s",
                f"at most {allowed} fetches, the first and those at the end of the set's life included",
                f"{verifier.requests} fetches",
            )


@check("KEY-11", needs=(KEYS_URL, KEY_SET))
def test_unavailable_is_its_own_reason(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Without a key set the reason is keys-unavailable; with one, forgeries are told apart from it."""
    old, new = _pair(trial, forge)
    with _scenario(mark, trial, forge, jwks_endpoint.key_set([old])) as verifier:
        verifier.control(old)
        unknown, forged = {"key-unknown"}, {"signature"}
        verifier.refuses(verifier.stranger(), "a kid that the fetched set does not have", unknown)
        under_old = replace(new, kid=old.kid)
        verifier.refuses(verifier.token(under_old), "a signature of another key than the fetched one", forged)
    for name, reply in _failures(old).items():
        with _scenario(mark, trial, forge, reply) as verifier:
            summary = f"no key set could be fetched ({name})"
            verifier.refuses(verifier.token(old), f"an honest token when {summary}", UNAVAILABLE)
            verifier.refuses(verifier.stranger(), f"a forged token when {summary}", UNAVAILABLE)


@check("KEY-12", needs=(KEYS_URL, CLOCK, KEY_SET))
def test_withdrawn_key_after_a_refresh(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Once a token of the new set was accepted, a key that only the set before it had is refused."""
    old, new = _pair(trial, forge)
    causes = {"a refresh at the end of its life": "ttl", "a refetch for an unknown kid": "cooldown"}
    for cause, name in causes.items():
        with _scenario(mark, trial, forge, jwks_endpoint.key_set([old])) as verifier:
            verifier.control(old)
            verifier.serve(new)
            verifier.wait(getattr(verifier.times, name) + 1)
            verifier.control(new, f"a token of the set served after {cause}")
            verifier.refuses(verifier.token(old), f"a withdrawn key has survived {cause}", NOT_OURS)


@check("KEY-12", needs=(KEYS_URL, CLOCK))
def test_replaced_key_under_the_same_kid(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A refresh that brings another key under a known kid replaces the key of that kid."""
    old, _ = _pair(trial, forge)
    new = _renewed(old)
    with _scenario(mark, trial, forge, jwks_endpoint.key_set([old])) as verifier:
        verifier.control(old)
        verifier.serve(new)
        verifier.wait(verifier.times.ttl + 1)
        verifier.refuses(verifier.token(old), "a replaced key still verifies under its kid", {"signature"})
        verifier.accepts(new, "the key that took over the kid is refused")


@check("KEY-12", needs=(KEYS_URL, CLOCK, KEY_SET), primary=True)
def test_rotation_machine(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Whatever is served, fails, passes and is presented, the set fetched last decides, and nothing else."""
    run_rotation(trial, forge, mark.profile)


@check("KEY-13", needs=(KEYS_URL,))
def test_redirect_of_the_first_fetch(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Keys behind a redirect are never used, nor is the redirect followed."""
    old, _ = _pair(trial, forge)
    with jwks_endpoint.endpoint(jwks_endpoint.key_set([old])) as target:
        for name, reply in jwks_endpoint.redirects(target.url).items():
            _refuse_first_fetch(mark, trial, forge, reply, f"keys are used from behind a redirect ({name})")
            if target.requests:
                trial.fail(f"a redirect ({name}) of the key endpoint is followed", "no request", "a request")


@check("KEY-13", needs=(KEYS_URL, CLOCK))
def test_redirect_of_a_refresh(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A redirect to an attacker's key set gives the attacker no key and costs nobody the last good set."""
    old, _ = _pair(trial, forge)
    attacker = keys.key(old.algorithm, "attacker")
    with jwks_endpoint.endpoint(jwks_endpoint.key_set([attacker])) as target:
        for name, reply in jwks_endpoint.redirects(target.url).items():
            with _scenario(mark, trial, forge, jwks_endpoint.key_set([old])) as verifier:
                verifier.control(old)
                verifier.fail(reply)
                verifier.wait(verifier.times.cooldown + 1)
                forged = verifier.token(attacker)
                verifier.refuses(forged, f"a redirect ({name}) has brought in an attacker's key")
                verifier.accepts(old, f"a redirect ({name}) has cost the last good key set")


@check("KEY-13", needs=(KEYS_URL,))
def test_answer_that_is_no_key_set(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """An answer that is not a JWK set gives no keys, however much it resembles one."""
    old, _ = _pair(trial, forge)
    for name, reply in jwks_endpoint.not_key_sets([old]).items():
        _refuse_first_fetch(mark, trial, forge, reply, f"keys are used from what is no JWK set: {name}")


@check("KEY-13", needs=(KEYS_URL,))
def test_answer_that_is_too_large(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A key set behind 32 MiB of padding is not read to its end."""
    old, _ = _pair(trial, forge)
    reply = jwks_endpoint.too_large([old])
    _refuse_first_fetch(mark, trial, forge, reply, "keys are used from an answer of 32 MiB")


def _given(trial: Trial, base: Draft, signer: Key, held: list[Key]) -> Presentation:
    """Return an honest token of the signer under a policy with the keys held."""
    draft = replace(base, key=signer, signer=signer.sign).with_header(kid=signer.kid)
    return draft.with_keys(*held).presentation()


def _judge_given(trial: Trial, base: Draft, signer: Key, held: list[Key]) -> None:
    """Present a token under a given set: accepted if its key is in it, else refused."""
    presented = _given(trial, base, signer, held)
    answer = trial.ask(presented)
    if signer in held:
        trial.expect(answer, ACCEPTED, "a token is refused whose key the set has", presented)
        return
    trial.expect(answer, REJECTED, "a token is accepted whose key the set does not have", presented)
    trial.expect_reason(answer, NOT_OURS, "a token whose key the set does not have", presented)


def _renewed(old: Key) -> Key:
    """Return another key under the kid of this one."""
    return replace(keys.key(old.algorithm, "b"), kid=old.kid)


def _pair(trial: Trial, forge: Forge) -> tuple[Key, Key]:
    """Return the key in use at first and the one that takes over."""
    algorithm = forge.algorithm()
    if algorithm is None:
        raise LookupError(f"{trial.declaration.name} declares no algorithm that the forge can sign with")
    return keys.key(algorithm), keys.key(algorithm, "b")


def _scenario(mark: CheckId, trial: Trial, forge: Forge, reply: Reply) -> AbstractContextManager[Fetched]:
    return fetched.fetched(trial, forge, mark.profile, reply)


def _failures(key: Key) -> dict[str, Reply]:
    """Return failures whose bodies, where they have one, hold an attacker's key."""
    return jwks_endpoint.failures([keys.key(key.algorithm, "attacker")])


def _ages_within(times: FetchedKeys) -> tuple[float, ...]:
    """Return ages, in seconds, at which a set still serves while refreshing fails."""
    last = times.ttl + times.stale - _edge(times.stale or times.ttl)
    return (times.ttl + times.stale / 4, times.ttl + times.stale / 2, last) if times.stale else (last,)


def _edge(span: float) -> float:
    """Return the margin at a limit, in seconds: what is true of the very instant is left open."""
    return min(1.0, span / 8)


def _outlive(verifier: Fetched, key: Key, name: str, reply: Reply, ages: tuple[float, ...]) -> None:
    """Accept a token, let refreshing fail, and accept others at these ages of the set, in seconds."""
    if not verifier.times.stale:
        pytest.skip("the implementation declares that a set never serves stale")
    verifier.control(key)
    verifier.fail(reply)
    for age in ages:
        verifier.wait_until(age)
        summary = f"{age:g} s after the last good fetch, a refresh that got {name} has lost the key set"
        verifier.accepts(key, summary)


def _judge_burst(verifier: Fetched, known: Key | None, allowed: int, summary: str) -> None:
    """Present a burst of forged tokens at one instant, with honest ones in between, and count the fetches."""
    before = verifier.requests
    for _ in range(BURST):
        verifier.refuses(verifier.stranger(), "a token under an unknown kid is accepted")
        if known is not None:
            verifier.accepts(known, f"{summary}, and a known key is refused")
    fetches = verifier.requests - before
    if fetches > allowed:
        last = verifier.stranger()
        verifier.find(summary, f"at most {allowed} fetches for {BURST} tokens", f"{fetches} fetches", last)


def _refuse_first_fetch(mark: CheckId, trial: Trial, forge: Forge, reply: Reply, summary: str) -> None:
    """Accept a token whose key is served plainly; refuse it where the first fetch gets this reply."""
    key, _ = _pair(trial, forge)
    with _scenario(mark, trial, forge, jwks_endpoint.key_set([key])) as plain:
        plain.control(key)
    with _scenario(mark, trial, forge, reply) as verifier:
        verifier.accepted = plain.accepted
        verifier.refuses(verifier.token(key), summary, UNAVAILABLE)
