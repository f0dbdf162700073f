"""The subject token: what a verifier refuses is refused here too, its form, its audience and its times."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

import pytest

from bearerproof.exceptions import LineTooLong
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof.members import Json
from bearerproof.specification.catalogue import Level, Measure, Profile
from bearerproof_fuzz import edits as edits  # importing it fills the registry
from bearerproof_fuzz import keys
from bearerproof_fuzz.checks import applicable, check, check_groups, grouped
from bearerproof_fuzz.edits import registry
from bearerproof_fuzz.edits.registry import Case
from bearerproof_fuzz.forge import NOW, Draft
from bearerproof_fuzz.keys import Key
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.setting import DEFAULT, HOME, OTHER, KeyServerConfig, Provider, rule
from bearerproof_fuzz.needs import CLOCK, CONFIGURE

# --- the edits of the levels below

_ROW_OF = {
    "VER-29": "EXC-8",
    "VER-30": "EXC-8",
    "VER-31": "EXC-8",
    "VER-32": "EXC-8",
    "VER-33": "EXC-12",
    "VER-34": "EXC-7",
    "IDT-1": "EXC-7",
    "IDT-3": "EXC-7",
    "IDT-11": "EXC-15",
    "IDT-12": "EXC-18",
}
"""Whose matter the edits of a row are here; all other rows are of form, algorithm and signature."""

_UNASKED = ("IDT-4",)
"""Rows about what a sign-in asked for, which a key server has no part in: the nonce."""

_ALGORITHMS = ("ES256", "EdDSA", "Ed25519", "RS256", "PS256", "ES384")
_SIGNERS = {
    name: HOME if name == HOME.key.algorithm else Provider(f"https://{name.lower()}.idp.example", keys.key(name))
    for name in _ALGORITHMS
}


def _cases() -> Iterator[Case]:
    """Yield the edits that are to be refused under the very policy of the provider, and at any instant."""
    for case in registry.cases():
        edit = case.edit
        plain = case.profile is Profile.ID_TOKEN and edit.strict == registry.REJECTED
        if plain and edit.requirement_id not in _UNASKED and case.algorithm in (None, *_ALGORITHMS):
            draft = _draft(case, NOW, "id-0")
            edited = edit.apply(edit.given(draft))
            if (edited.policy, edited.now) == (draft.policy, draft.now):
                yield case


def _draft(case: Case, now: float, jti: str) -> Draft:
    return _SIGNERS[case.algorithm or HOME.key.algorithm].draft("alice", now, jti=jti)


def _row_mark(case: Case) -> CheckId:
    verified = case.edit.requirement_id
    return CheckId(_ROW_OF.get(verified, "EXC-6"), Profile.KEY_SERVER, verified.lower())


@check_groups(grouped(_cases(), _row_mark))
def test_edits_of_the_subject_token(cases: list[Case], trial: Trial) -> None:
    """What a verifier has to refuse is no subject token either, and each of its signers is honest otherwise."""
    judged = [case for case in applicable(cases, trial.declaration) if _binds(case, trial.measure)]
    configures = trial.declaration.key_server.configure
    if not configures:  # then there is the one signer that is configured
        judged = [case for case in judged if case.algorithm in (None, HOME.key.algorithm)]
    if not judged:
        pytest.skip("no edit of this row binds here")
    server = KeyServerDriver(trial, _of_every_algorithm(trial) if configures else DEFAULT)
    for algorithm in dict.fromkeys(case.algorithm or HOME.key.algorithm for case in judged):
        server.issue(provider=_SIGNERS[algorithm])
    presented = 0
    for number, case in enumerate(judged):
        base = case.edit.given(_draft(case, server.now, f"edited-{number}"))
        if case.edit.alone and server.exchange(case.edit.alone(base).token()).good:
            continue  # the part is taken by itself, so that the whole proves nothing
        draft = case.edit.apply(base)
        with suppress(LineTooLong):
            decision = server.exchange(draft.token())
            server.refused(decision, "invalid_request", f"{case.name}: {case.edit.description}")
            presented += 1
    if not presented:
        pytest.skip("a part of each edit of this row is taken by itself, which another check finds")
    server.issue("bob")


def _binds(case: Case, measure: Measure) -> bool:
    """At base only what a MUST of the RFCs refuses is asked for: a SHOULD costs no conformity there.

    The contract says ID token, so that what says it is another kind is refused by either measure.
    """
    if measure is Measure.STRICT or case.edit.id.startswith("typed-as-"):
        return True
    return case.edit.rejects(measure) and case.edit.requirement.level is Level.MUST


def _of_every_algorithm(trial: Trial) -> KeyServerConfig:
    """Return a setting with a signer for each algorithm declared; beside each key stands a sibling."""
    signers = [signer for name, signer in _SIGNERS.items() if name in trial.declaration.algorithms]
    served = [_serving(signer, signer.key, keys.key(signer.key.algorithm, "b")) for signer in signers]
    return DEFAULT.but(policies=tuple(rule(signer) for signer in signers), cap=50, extra={"providers": served})


def _serving(provider: Provider, *served: Key, audiences: Collection[str] = ()) -> Json:
    members = {**provider.as_json(), "keys": {"keys": [key.public_jwk for key in served]}}
    return {**members, "audiences": list(audiences)} if audiences else members


# --- form, algorithm, signature

_NO_TOKENS = {
    "a text": "x",
    "two dots": "..",
    "three empty objects": "e30.e30.e30",
    "a number of dots": "." * 100,
    "an object": "{}",
    "controls": "\x00.\x01.\x7f",
    "other scripts": "用.户.名",
    "an unpaired surrogate": "\ud800.e30.e30",
    "white space": " ",
    "a line break": "\r\n",
    "a long text": "a" * 20_000,
}


@check("EXC-6")
def test_texts_that_are_no_tokens(mark: CheckId, trial: Trial) -> None:
    """Whatever stands in the place of the subject token, the request is invalid and the server goes on."""
    server = KeyServerDriver(trial)
    server.issue()
    for name, text in _NO_TOKENS.items():
        server.refused(server.exchange(text), "invalid_request", f"in the place of the subject token: {name}")
    server.issue()


@check("EXC-6", needs=(CONFIGURE,))
def test_algorithm_outside_the_providers(mark: CheckId, trial: Trial) -> None:
    """A key of the provider does not verify under an algorithm that is not configured for it."""
    names = [name for name in _ALGORITHMS if name in trial.declaration.algorithms and name != HOME.key.algorithm]
    strangers = [keys.key(name) for name in names]
    server = KeyServerDriver(
        trial, DEFAULT.but(extra={"providers": [_serving(HOME, HOME.key, *strangers), OTHER.as_json()]})
    )
    server.issue()
    for stranger in strangers:
        token = server.subject_token(provider=replace(HOME, key=stranger))
        summary = f"{stranger.algorithm} is not among the provider's algorithms, though the set has such a key"
        server.refused(server.exchange(token), "invalid_request", summary)
    server.issue("bob")


# --- audience


@check("EXC-7", needs=(CONFIGURE,))
def test_audience_of_another_provider(mark: CheckId, trial: Trial) -> None:
    """Our name at one provider is nobody's at another."""
    other = replace(OTHER, audience="key-server-at-the-other")
    server = KeyServerDriver(trial, DEFAULT.but(providers=(HOME, other)))
    server.issue()
    server.issue(provider=other)
    for provider, audience in ((HOME, other.audience), (other, HOME.audience)):
        decision = server.exchange(server.subject_token(provider=provider, aud=audience))
        server.refused(decision, "invalid_request", f"{provider.issuer} names us by the name of the other provider")


@check("EXC-7", needs=(CONFIGURE,))
def test_several_audiences(mark: CheckId, trial: Trial) -> None:
    """Of a subject token for several, `azp` has to name us; each of our names alone will do."""
    ours = (HOME.audience, "key-server-2")
    providers = [_serving(HOME, HOME.key, audiences=ours), OTHER.as_json()]
    server = KeyServerDriver(trial, DEFAULT.but(extra={"providers": providers}, cap=50))
    for name in ours:
        server.good(server.exchange(server.subject_token(aud=name)), f"a subject token for {name}")
        server.good(server.exchange(server.subject_token(aud=[name])), f"a subject token for {name}, in a list of one")
    both = server.exchange(server.subject_token(aud=list(ours), azp=ours[1]))
    server.good(both, "a subject token for both of our names, one of them as azp")
    if trial.measure is Measure.STRICT:
        for azp in (None, "somebody-else", "", ours[0][:-1], ours[0].upper(), 1, list(ours)):
            decision = server.exchange(server.subject_token(aud=list(ours), azp=azp))
            server.refused(decision, "invalid_request", f"several audiences, and azp is {azp}")
        decision = server.exchange(server.subject_token(aud=[HOME.audience, "somebody-else"], azp="somebody-else"))
        server.refused(decision, "invalid_request", "a token for us and for another, which azp names")


# --- times


@check("EXC-8", needs=(CLOCK, CONFIGURE))
def test_times_with_a_leeway(mark: CheckId, trial: Trial) -> None:
    """Of `exp`, `nbf` and `iat` none is given more than the leeway; strict has each given all of it."""
    for leeway in (0, 30):
        server = KeyServerDriver(trial, DEFAULT.but(leeway=leeway, cap=50))
        now = int(server.now)
        good: list[Json] = [{"exp": now + 1}, {"nbf": now - 1}]
        bad: list[Json] = [{"exp": now - leeway}, {"exp": now - leeway - 1}]
        bad += [{"nbf": now + leeway + 1}, {"nbf": now + leeway + 0.5}]
        if trial.measure is Measure.STRICT:
            good += [{"exp": now - leeway + 1}, {"nbf": now + leeway}, {"iat": now + leeway}]
            bad += [{"iat": now + leeway + 1}, {"iat": now + leeway + 0.5}, {"iat": now + 10**6, "exp": now + 10**7}]
        for claims in good:
            decision = server.exchange(server.subject_token(**claims))
            server.good(decision, f"within a leeway of {leeway} s: {_relative(claims, now)}")
        for claims in bad:
            decision = server.exchange(server.subject_token(**claims))
            server.refused(decision, "invalid_request", f"beyond a leeway of {leeway} s: {_relative(claims, now)}")


@check("EXC-8", needs=(CLOCK, CONFIGURE))
def test_times_within_the_minute(mark: CheckId, trial: Trial) -> None:
    """No time is rounded to a full minute; strict has none rounded to a full second, nor now."""
    server = KeyServerDriver(trial, DEFAULT.but(cap=50))
    start = server.now
    within = ((16.5, 17.5), (17.25, 17.4375), (17.5625, 17.75))
    for earlier, later in within if trial.measure is Measure.STRICT else within[:1]:
        server.wait(start + earlier - server.now)
        early = server.subject_token(nbf=start + later)
        server.refused(server.exchange(early), "invalid_request", f"nbf=now+{later - earlier:g} at {earlier:g} s")
        server.wait(later - earlier)
        late = server.subject_token(exp=start + earlier)
        server.refused(server.exchange(late), "invalid_request", f"exp=now-{later - earlier:g} at {later:g} s")
    server.issue("bob")


def _relative(claims: Mapping[str, float], now: int) -> str:
    return " ".join(f"{name}=now{seconds - now:+g}" for name, seconds in claims.items())


@check("EXC-8", needs=(CLOCK,))
def test_subject_token_that_ends(mark: CheckId, trial: Trial) -> None:
    """A subject token is good up to its end, not at it, though it is younger than the maximum age.

    Base asks for whole seconds: no clause has a token taken in the last of them (RFC 7519 §4.1.4).
    """
    server = KeyServerDriver(trial)
    tokens = [server.subject_token(f"user-{number}", exp=int(server.now) + 60) for number in range(3)]
    shortly_before = 0.5 if trial.measure is Measure.STRICT else 1.0
    server.wait(60 - shortly_before)
    server.good(server.exchange(tokens[0]), f"{shortly_before:g} s before its end")
    server.wait(shortly_before)
    server.refused(server.exchange(tokens[1]), "invalid_request", "at its end")
    server.wait(1)
    server.refused(server.exchange(tokens[2]), "invalid_request", "a second after its end")
