"""The subject token: what a verifier refuses is refused here too, by whose keys it is judged, and what is none."""

import json
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from bearerproof.catalogue import Level, Measure, Profile
from bearerproof.harness import Mark
from bearerproof.members import Json
from bearerproof.trial import Trial
from bearerproof_fuzz import edits as edits  # importing it fills the registry
from bearerproof_fuzz import fetched, keys, keyserver
from bearerproof_fuzz.checks import applicable, check, check_groups, grouped
from bearerproof_fuzz.edits import registry
from bearerproof_fuzz.edits.registry import Case
from bearerproof_fuzz.forge import NOW, Draft
from bearerproof_fuzz.keys import Key
from bearerproof_fuzz.keyserver import Endpoint, Reply
from bearerproof_fuzz.keyservers.setting import (
    ACCESS_TOKEN,
    DEFAULT,
    HOME,
    ID_TOKEN,
    OTHER,
    OTHER_PEER,
    TOKEN_EXCHANGE,
    Provider,
    Setting,
    rule,
)
from bearerproof_fuzz.keyservers.world import World

CONFIGURED = ("key_server:configure",)

# --- the edits of the levels below

_ROW_OF = {
    "VER-29": "EXC-8", "VER-30": "EXC-8", "VER-31": "EXC-8", "VER-32": "EXC-8",
    "VER-33": "EXC-12",
    "VER-34": "EXC-7", "IDT-1": "EXC-7", "IDT-3": "EXC-7",
    "IDT-11": "EXC-15",
}  # fmt: skip
"""Whose matter the edits of a row are here; all other rows are of form, algorithm and signature."""

_UNASKED = ("IDT-4",)
"""Rows about what a sign-in asked for, which a key server has no part in: the nonce."""

_ALGORITHMS = ("ES256", "EdDSA", "Ed25519", "RS256", "PS256", "ES384")
_SIGNERS = {
    name: HOME if name == HOME.key.algorithm else Provider(f"https://{name.lower()}.idp.example", keys.key(name))
    for name in _ALGORITHMS
}


def _cases() -> Iterator[Case]:
    """Yield the edits that are to be refused under the very policy of the provider."""
    for case in registry.cases():
        edit = case.edit
        plain = case.profile is Profile.ID_TOKEN and edit.strict == registry.REJECTED
        if plain and edit.requirement_id not in _UNASKED and case.algorithm in (None, *_ALGORITHMS):
            draft = _draft(case, NOW, "id-0")
            if edit.apply(edit.given(draft)).policy == draft.policy:
                yield case


def _draft(case: Case, now: float, jti: str) -> Draft:
    return _SIGNERS[case.algorithm or HOME.key.algorithm].draft("alice", now, jti=jti)


def _row_mark(case: Case) -> Mark:
    verified = case.edit.requirement_id
    return Mark(_ROW_OF.get(verified, "EXC-6"), Profile.KEY_SERVER, verified.lower(), CONFIGURED)


@check_groups(grouped(_cases(), _row_mark))
def test_edits_of_the_subject_token(cases: list[Case], trial: Trial) -> None:
    """What a verifier has to refuse is no subject token either, and each of its signers is honest otherwise."""
    judged = [case for case in applicable(cases, trial.declaration) if _binds(case, trial.measure)]
    if not judged:
        pytest.skip("no edit of this row binds here")
    world = World(trial, _of_every_algorithm(trial))
    for algorithm in dict.fromkeys(case.algorithm or HOME.key.algorithm for case in judged):
        world.issue(provider=_SIGNERS[algorithm])
    for number, case in enumerate(judged):
        draft = case.edit.apply(case.edit.given(_draft(case, world.now, f"edited-{number}")))
        if len(draft.token()) + 8_000 <= trial.declaration.max_line:
            decision = world.exchange(draft.token())
            world.refused(decision, "invalid_request", f"{case.name}: {case.edit.description}")
    world.issue("bob")


def _binds(case: Case, measure: Measure) -> bool:
    """At base only what a MUST of the RFCs refuses is asked for: a SHOULD costs no conformity there."""
    return measure is Measure.STRICT or (case.edit.rejects(measure) and case.edit.requirement.level is Level.MUST)


def _of_every_algorithm(trial: Trial) -> Setting:
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
def test_texts_that_are_no_tokens(mark: Mark, trial: Trial) -> None:
    """Whatever stands in the place of the subject token, the request is invalid and the server goes on."""
    world = World(trial)
    world.issue()
    for name, text in _NO_TOKENS.items():
        world.refused(world.exchange(text), "invalid_request", f"in the place of the subject token: {name}")
    world.issue()


@check("EXC-6", needs=CONFIGURED)
def test_algorithm_outside_the_providers(mark: Mark, trial: Trial) -> None:
    """A key of the provider does not verify under an algorithm that is not configured for it."""
    names = [name for name in _ALGORITHMS if name in trial.declaration.algorithms and name != HOME.key.algorithm]
    strangers = [keys.key(name) for name in names]
    world = World(trial, DEFAULT.but(extra={"providers": [_serving(HOME, HOME.key, *strangers), OTHER.as_json()]}))
    world.issue()
    for stranger in strangers:
        token = world.subject_token(provider=replace(HOME, key=stranger))
        summary = f"{stranger.algorithm} is not among the provider's algorithms, though the set has such a key"
        world.refused(world.exchange(token), "invalid_request", summary)
    world.issue("bob")


# --- audience


@check("EXC-7", needs=CONFIGURED)
def test_audience_of_another_provider(mark: Mark, trial: Trial) -> None:
    """Our name at one provider is nobody's at another."""
    other = replace(OTHER, audience="key-server-at-the-other")
    world = World(trial, DEFAULT.but(providers=(HOME, other)))
    world.issue()
    world.issue(provider=other)
    for provider, audience in ((HOME, other.audience), (other, HOME.audience)):
        decision = world.exchange(world.subject_token(provider=provider, aud=audience))
        world.refused(decision, "invalid_request", f"{provider.issuer} names us by the name of the other provider")


@check("EXC-7", needs=CONFIGURED)
def test_several_audiences(mark: Mark, trial: Trial) -> None:
    """Of a subject token for several, `azp` has to name us; each of our names alone will do."""
    ours = (HOME.audience, "key-server-2")
    providers = [_serving(HOME, HOME.key, audiences=ours), OTHER.as_json()]
    world = World(trial, DEFAULT.but(extra={"providers": providers}, cap=50))
    for name in ours:
        world.good(world.exchange(world.subject_token(aud=name)), f"a subject token for {name}")
        world.good(world.exchange(world.subject_token(aud=[name])), f"a subject token for {name}, in a list of one")
    both = world.exchange(world.subject_token(aud=list(ours), azp=ours[1]))
    world.good(both, "a subject token for both of our names, one of them as azp")
    if trial.measure is Measure.STRICT:
        for azp in (None, "somebody-else", "", ours[0][:-1], ours[0].upper(), 1, list(ours)):
            decision = world.exchange(world.subject_token(aud=list(ours), azp=azp))
            world.refused(decision, "invalid_request", f"several audiences, and azp is {azp}")
        decision = world.exchange(world.subject_token(aud=[HOME.audience, "somebody-else"], azp="somebody-else"))
        world.refused(decision, "invalid_request", "a token for us and for another, which azp names")


# --- times


@check("EXC-8", needs=("clock", *CONFIGURED))
def test_times_with_a_leeway(mark: Mark, trial: Trial) -> None:
    """Of `exp`, `nbf` and `iat` each is given the leeway, to the second, and no more."""
    for leeway in (0, 30):
        world = World(trial, DEFAULT.but(leeway=leeway, cap=50))
        now = int(world.now)
        good: list[Json] = [{"exp": now - leeway + 1}, {"nbf": now + leeway}, {"nbf": now - 1}]
        bad: list[Json] = [{"exp": now - leeway}, {"exp": now - leeway - 1}]
        bad += [{"nbf": now + leeway + 1}, {"nbf": now + leeway + 0.5}]
        if trial.measure is Measure.STRICT:
            good.append({"iat": now + leeway})
            bad += [{"iat": now + leeway + 1}, {"iat": now + leeway + 0.5}, {"iat": now + 10**6, "exp": now + 10**7}]
        for claims in good:
            decision = world.exchange(world.subject_token(**claims))
            world.good(decision, f"within a leeway of {leeway} s: {_relative(claims, now)}")
        for claims in bad:
            decision = world.exchange(world.subject_token(**claims))
            world.refused(decision, "invalid_request", f"beyond a leeway of {leeway} s: {_relative(claims, now)}")


def _relative(claims: Mapping[str, float], now: int) -> str:
    return " ".join(f"{name}=now{seconds - now:+g}" for name, seconds in claims.items())


@check("EXC-8", needs=("clock",))
def test_subject_token_that_ends(mark: Mark, trial: Trial) -> None:
    """A subject token is good up to its end, not at it, though it is younger than the maximum age."""
    world = World(trial)
    tokens = [world.subject_token(f"user-{number}", exp=int(world.now) + 60) for number in range(3)]
    world.wait(59.5)
    world.good(world.exchange(tokens[0]), "half a second before its end")
    world.wait(0.5)
    world.refused(world.exchange(tokens[1]), "invalid_request", "at its end")
    world.wait(1)
    world.refused(world.exchange(tokens[2]), "invalid_request", "a second after its end")


# --- keys that cannot be had

FETCHED = ("clock", "keys_url", *CONFIGURED)
_UNAVAILABLE = "temporarily_unavailable"


@contextmanager
def _fetching(trial: Trial, reply: Reply) -> Iterator[tuple[World, Endpoint]]:
    """Serve this reply where the keys of the first provider are to be; those of the other are configured."""
    with keyserver.endpoint(reply) as endpoint:
        provider = {name: value for name, value in HOME.as_json().items() if name != "keys"}
        providers = [{**provider, "keys_url": endpoint.url}, OTHER.as_json()]
        setting = DEFAULT.but(extra={"providers": providers}, cap=50)
        yield World(trial, setting, stand_ins={endpoint.url: fetched.SHOWN_URL}), endpoint


@check("EXC-11", needs=FETCHED)
def test_keys_that_cannot_be_had(mark: Mark, trial: Trial) -> None:
    """While keys cannot be had no verdict is given, on good tokens or forged ones, and others' are not touched."""
    forger = replace(HOME, key=replace(keys.key("ES256", "attacker"), kid=HOME.key.kid))
    replies = {**keyserver.failures([HOME.key]), **keyserver.not_key_sets([HOME.key])}
    for name, reply in replies.items():
        with _fetching(trial, reply) as (world, endpoint):
            decision = world.exchange(world.subject_token())
            world.refused(decision, _UNAVAILABLE, f"where the keys are to be there is: {name}")
            decision = world.exchange(world.subject_token(provider=forger))
            world.refused(decision, _UNAVAILABLE, f"a forged token, where the keys are to be there is: {name}")
            world.good(world.exchange(world.subject_token(provider=OTHER)), "a token of the other provider")
            endpoint.reply = keyserver.key_set([HOME.key])
            world.wait(fetched.times(trial).ttl)
            world.good(world.exchange(world.subject_token("bob")), f"the keys can be had again, after {name}")


@check("EXC-11", needs=FETCHED)
def test_keys_behind_a_redirect_or_too_much_text(mark: Mark, trial: Trial) -> None:
    """Keys behind a redirect, or behind more text than a server reads, cannot be had either."""
    with _fetching(trial, keyserver.key_set([HOME.key])) as (world, _):
        world.issue()
    with keyserver.endpoint(keyserver.key_set([HOME.key])) as target:
        replies = {**keyserver.redirects(target.url), "too much text": keyserver.too_large([HOME.key])}
        for name, reply in replies.items():
            with _fetching(trial, reply) as (world, _):
                decision = world.exchange(world.subject_token())
                world.refused(decision, _UNAVAILABLE, f"where the keys are to be there is: {name}")


@check("EXC-11", needs=FETCHED)
def test_keys_that_are_had_no_more(mark: Mark, trial: Trial) -> None:
    """Keys at hand serve an outage as long as is declared, then no verdict is given; refused tokens stay refused."""
    times = fetched.times(trial)
    with _fetching(trial, keyserver.key_set([HOME.key])) as (world, endpoint):
        world.issue()
        endpoint.reply = Reply(status=500)
        world.wait(times.ttl - 1)
        decision = world.exchange(world.subject_token(aud="somebody-else"))
        world.refused(decision, "invalid_request", "a bad token while keys are at hand")
        world.wait(times.stale + 2)
        decision = world.exchange(world.subject_token())
        world.refused(decision, _UNAVAILABLE, "the keys at hand are older than may be")
        endpoint.reply = keyserver.key_set([HOME.key])
        world.wait(times.ttl)
        world.good(world.exchange(world.subject_token("bob")), "the keys can be had again")


@check("EXC-17", needs=("key_server:throttle", *FETCHED))
def test_throttled_before_any_fetch(mark: Mark, trial: Trial) -> None:
    """Beyond its number a peer causes no fetch."""
    with keyserver.endpoint(Reply(status=500)) as endpoint:
        provider = {name: value for name, value in HOME.as_json().items() if name != "keys"}
        extra = {
            "providers": [{**provider, "keys_url": endpoint.url}, OTHER.as_json()],
            "throttle": {"admin_failures": 5, "exchanges_per_minute": 2},
        }
        world = World(trial, DEFAULT.but(extra=extra), stand_ins={endpoint.url: fetched.SHOWN_URL})
        world.issue(provider=OTHER, peer=OTHER_PEER)
        for _ in range(2):
            world.exchange("x")
        world.refused(world.exchange(world.subject_token()), "rate_limited", "an exchange beyond the number")
        if endpoint.requests:
            world.fail("an exchange beyond the number caused a fetch", "none", f"{endpoint.requests}")


# --- issuer and keys

_ISSUERS = {
    "another": "https://evil.example",
    "a trailing slash": HOME.issuer + "/",
    "a path": HOME.issuer + "/tenant",
    "a prefix": HOME.issuer[:-1],
    "an extended host": HOME.issuer + ".evil.example",
    "an upper-case host": "https://IDP.example",
    "an upper-case scheme": "HTTPS://idp.example",
    "plain http": "http://idp.example",
    "no scheme": "idp.example",
    "userinfo": "https://idp.example@evil.example",
    "a port": HOME.issuer + ":443",
    "a fragment": HOME.issuer + "#",
    "a query": HOME.issuer + "?",
    "a trailing dot": HOME.issuer + ".",
    "percent-encoding": "https://idp%2eexample",
    "a leading blank": " " + HOME.issuer,
    "a trailing newline": HOME.issuer + "\n",
    "a trailing NUL": HOME.issuer + "\0",
    "a full-width letter": "https://\uff49dp.example",
    "a Cyrillic letter": "https://\u0456dp.example",
    "the other provider's name in it": f"{HOME.issuer} {OTHER.issuer}",
    "the empty text": "",
    "a list": [HOME.issuer],
    "a number": 1,
}


@check("EXC-12")
def test_issuer_that_is_not_configured(mark: Mark, trial: Trial) -> None:
    """A subject token whose issuer is not, to the letter, a configured one is refused though its key is."""
    world = World(trial)
    world.issue()
    for name, issuer in _ISSUERS.items():
        decision = world.exchange(world.subject_token(iss=issuer))
        world.refused(decision, "invalid_request", f"iss is not the provider's: {name}")
    world.refused(world.exchange(world.subject_token(iss=None)), "invalid_request", "there is no iss")
    world.issue()


@check("EXC-12")
def test_keys_of_another_provider(mark: Mark, trial: Trial) -> None:
    """The keys of one provider verify no token in the name of another, before and after each was used."""
    world = World(trial)
    for _ in range(2):
        for named, signer in ((HOME, OTHER), (OTHER, HOME)):
            for kid in (signer.key.kid, named.key.kid):
                impostor = replace(named, key=replace(signer.key, kid=kid))
                decision = world.exchange(world.subject_token(provider=impostor))
                summary = f"{signer.issuer} signs in the name of {named.issuer}, under the kid {kid}"
                world.refused(decision, "invalid_request", summary)
        world.issue(provider=HOME)
        world.issue(provider=OTHER)


@check("EXC-12", needs=CONFIGURED)
def test_one_kid_of_two_providers(mark: Mark, trial: Trial) -> None:
    """Where two providers call their keys by the same kid, each is still verified with its own."""
    for names in (("https://idp.example", "https://idp.example/b"), ("https://a.example", "https://a.example/b/c")):
        one, two = (
            Provider(name, replace(keys.key("ES256", role), kid="1")) for name, role in zip(names, "ab", strict=True)
        )
        world = World(trial, DEFAULT.but(providers=(one, two), policies=(rule(one), rule(two)), cap=50))
        for _ in range(2):
            for used, other in ((one, two), (two, one)):
                world.issue(provider=used)
                for named, signer in ((other, used), (used, other)):
                    decision = world.exchange(world.subject_token(provider=replace(named, key=signer.key)))
                    world.refused(decision, "invalid_request", f"{signer.issuer} signs in the name of {named.issuer}")


# --- refusals that do not tell


@check("EXC-13", needs=("key_server:single_use",))
def test_refusals_are_alike(mark: Mark, trial: Trial) -> None:
    """Whatever is wrong with a subject token, the answer is the same."""
    world = World(trial)
    used = world.subject_token()
    world.good(world.exchange(used), "an honest exchange is refused")
    answers = {name: world.exchange(token) for name, token in {**_wrong(world), "used before": used}.items()}
    for name, answer in answers.items():
        world.require(not answer.good, f"a subject token with a fault is exchanged: {name}", "refused", answer)
    alike = {(answer.outcome, answer.code, answer.retry_after) for answer in answers.values()}
    if len(alike) > 1:
        told = ", ".join(
            f"{name}: {answer.code} {answer.retry_after or ''}".rstrip() for name, answer in answers.items()
        )
        world.fail("the answers tell what is wrong with a subject token", "one answer to all", told)


@check("EXC-13", needs=("key_server:http", "key_server:single_use"))
def test_refusals_are_alike_over_http(mark: Mark, trial: Trial) -> None:
    """Whatever is wrong with a subject token, status, headers and body of the answer are the same."""
    world = World(trial)
    used = world.subject_token()
    world.good(world.exchange(used), "an honest exchange is refused")
    answers = {name: _posted(world, token) for name, token in {**_wrong(world), "used before": used}.items()}
    for name, answer in answers.items():
        refused = isinstance(answer[0], int) and answer[0] >= 400
        world.require(refused, f"a subject token with a fault is exchanged: {name}", "refused", str(answer[0]))
    first, *others = answers
    for name in others:
        if answers[name] != answers[first]:
            what = f"the answer tells {name} from {first}"
            world.fail(what, json.dumps(answers[first]), json.dumps(answers[name]))


def _wrong(world: World) -> dict[str, str]:
    """Return subject tokens with one thing wrong, each something else."""
    draft = HOME.draft("alice", world.now, jti="wrong")
    now = int(world.now)
    return {
        "no token": "x",
        "no signature": draft.unsigned().token(),
        "a wrong signature": draft.signed_by(keys.key("ES256", "attacker").sign).token(),
        "an unknown kid": draft.with_header(kid="unknown").token(),
        "no algorithm": draft.with_header(alg="none").unsigned().token(),
        "a wrong type": draft.with_header(typ="at+jwt").token(),
        "an unknown issuer": draft.with_claims(iss="https://evil.example").token(),
        "another audience": draft.with_claims(aud="somebody-else").token(),
        "expired": draft.with_claims(exp=now - 1).token(),
        "not yet valid": draft.with_claims(nbf=now + 60).token(),
        "issued in the future": draft.with_claims(iat=now + 60).token(),
        "too old": draft.with_claims(iat=now - 301).token(),
        "no subject": draft.without_claim("sub").token(),
    }


def _posted(world: World, token: str) -> list[object]:
    form = {"grant_type": TOKEN_EXCHANGE, "subject_token": token, "subject_token_type": ID_TOKEN}
    body = b64encode(urlencode(form).encode()).decode()
    content_type = ("Content-Type", "application/x-www-form-urlencoded")
    members = world.http("POST", "/auth/token", [content_type], body).members
    headers = [[str(name).lower(), value] for name, value in members["headers"]]  # type: ignore[attr-defined]
    return [members["status"], sorted(pair for pair in headers if pair[0] != "date"), members["body_b64"]]


# --- rotation

ROTATED = ("key_server:rotate",)
_AFTER = replace(HOME, key=replace(keys.key("ES256", "attacker"), kid="es256-c"))
"""The first provider after a rotation, with a key that no other provider has."""


@check("EXC-14", needs=ROTATED)
def test_withdrawn_key(mark: Mark, trial: Trial) -> None:
    """After a rotation the withdrawn key mints nothing, the new one does, and issued bearers live on."""
    world = World(trial)
    before = world.issue()
    unused = world.subject_token()
    after = _AFTER
    world.refused(world.exchange(world.subject_token(provider=after)), "invalid_request", "a key that is not served")
    world.rotate(HOME, after)
    for name, token in {"of before": unused, "of after": world.subject_token()}.items():
        world.refused(world.exchange(token), "invalid_request", f"a token {name} the rotation, of the withdrawn key")
    world.good(world.exchange(world.subject_token(provider=after)), "a token of the new key")
    world.good(world.authenticate(before.bearer), "a bearer issued under the withdrawn key")
    other = world.exchange(world.subject_token(provider=OTHER))
    world.good(other, "a token of the provider that did not rotate")


@check("EXC-14", needs=ROTATED)
def test_withdrawn_key_whose_kid_is_used_again(mark: Mark, trial: Trial) -> None:
    """A new key under the kid of the withdrawn one replaces it."""
    world = World(trial)
    world.issue()
    after = replace(_AFTER, key=replace(_AFTER.key, kid=HOME.key.kid))
    world.rotate(HOME, after)
    world.refused(world.exchange(world.subject_token()), "invalid_request", "a token of the withdrawn key")
    world.good(world.exchange(world.subject_token(provider=after)), "a token of the new key under the same kid")


@check("EXC-14", needs=ROTATED)
def test_rotation_step_by_step(mark: Mark, trial: Trial) -> None:
    """While both keys are served both are good; then one is withdrawn, and may come back."""
    world = World(trial)
    after = _AFTER
    for served in ((HOME, after), (after,), (HOME,), (after, HOME)):
        world.rotate(HOME, *served)
        for number, provider in enumerate((HOME, after)):
            decision = world.exchange(world.subject_token(f"user-{len(world.steps)}-{number}", provider))
            shown = f"{provider.key.kid} while {', '.join(one.key.kid for one in served)} served"
            if provider in served:
                world.good(decision, f"a token of {shown}")
            else:
                world.refused(decision, "invalid_request", f"a token of {shown}")


@check("EXC-14", needs=FETCHED)
def test_withdrawn_from_the_url(mark: Mark, trial: Trial) -> None:
    """A key that is no longer served at the URL is refused once the set held is no longer fresh."""
    after = _AFTER
    with _fetching(trial, keyserver.key_set([HOME.key])) as (world, endpoint):
        before = world.issue()
        endpoint.reply = keyserver.key_set([after.key])
        world.wait(fetched.times(trial).ttl + 1)
        world.good(world.exchange(world.subject_token("bob", after)), "a token of the new key")
        world.refused(world.exchange(world.subject_token()), "invalid_request", "a token of the withdrawn key")
        if fetched.times(trial).ttl + 1 < world.setting.ttl:
            world.good(world.authenticate(before.bearer), "a bearer issued under the withdrawn key")


# --- what is no subject token


@check("EXC-15")
def test_bearer_as_subject_token(mark: Mark, trial: Trial) -> None:
    """An issued bearer buys no other bearer, whatever type it is given out to be."""
    world = World(trial)
    grant = world.issue()
    world.admitted(grant)
    for kind in (None, ACCESS_TOKEN, "urn:ietf:params:oauth:token-type:jwt"):
        changes = {} if kind is None else {"subject_token_type": kind}
        decision = world.exchange(grant.bearer, **changes)
        world.refused(
            decision, "invalid_request", f"a bearer as subject token, given out to be {kind or 'an ID token'}"
        )
    for text in (grant.jti, f"Bearer {grant.bearer}"):
        world.refused(world.exchange(text), "invalid_request", "something of a bearer as subject token")
    world.admitted(grant)


@check("EXC-15")
def test_access_token_as_subject_token(mark: Mark, trial: Trial) -> None:
    """An access token of the same issuer, for our very name, is no ID token."""
    world = World(trial)
    world.issue()
    draft = HOME.draft("alice", world.now, jti="at-1").with_claims(client_id=HOME.audience, scope="openid")
    for typ in ("at+jwt", "application/at+jwt", "AT+JWT", "Application/AT+jwt"):
        token = draft.with_header(typ=typ).token()
        world.refused(world.exchange(token), "invalid_request", f"an access token as subject token, typ {typ}")
        decision = world.exchange(token, subject_token_type=ACCESS_TOKEN)
        world.refused(decision, "invalid_request", f"an access token by its own name, typ {typ}")
    world.issue()


@check("EXC-15")
def test_claims_without_a_signature(mark: Mark, trial: Trial) -> None:
    """Claims that nobody signed say nothing, in any form."""
    world = World(trial)
    world.issue()
    draft = HOME.draft("alice", world.now, jti="claims-1")
    header, payload, signature = draft.token().split(".")
    bare = {
        "JSON": draft.payload_bytes().decode(),
        "base64url": payload,
        "header and payload": f"{header}.{payload}",
        "a payload alone": f".{payload}.",
        "an empty signature": f"{header}.{payload}.",
        "payload and signature": f"{payload}.{signature}",
        "another's signature": f"{header}.{payload}.{OTHER.draft('alice', world.now).token().split('.')[2]}",
        "the header twice": f"{header}.{header}.{signature}",
    }
    for name, text in bare.items():
        world.refused(world.exchange(text), "invalid_request", f"claims without a signature, as {name}")
    world.issue()
